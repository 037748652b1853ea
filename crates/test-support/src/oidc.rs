//! A real OpenID provider: `oidc-provider` (JavaScript), over TLS, with its own login form.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::certificates::Certificate;
use crate::ports::{Server, free_port};

/// A running provider, ended when dropped. It knows the client `palisade` with the secret `made-up-client-secret`, and
/// everybody by any password; all are in the groups `operators` and `engineers`.
#[derive(Debug)]
pub struct OidcProvider {
    server: Server,
    _directory: TempDir,
}

/// It makes its keys first.
const PATIENCE: Duration = Duration::from_secs(60);

/// Arguments: folder of modules, port, certificate, key, where the browser goes back to, whether the token says everything.
const SCRIPT: &str = r#"
import { createServer } from "node:https";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const [modules, port, certificate, key, redirect, everything] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(modules + "/node_modules/oidc-provider/lib/index.js"));
const provider = new Provider(`https://localhost:${port}`, {
  clients: [{ client_id: "palisade", client_secret: "made-up-client-secret", redirect_uris: [redirect],
    response_types: ["code"], grant_types: ["authorization_code"] }],
  pkce: { required: () => true },
  scopes: ["openid", "profile", "email", "groups"],
  claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"], groups: ["groups"] },
  conformIdTokenClaims: everything !== "true",
  cookies: { keys: ["made-up cookie key"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: "Ada Lovelace", email: `${id}@plant.example`, email_verified: true,
      groups: ["operators", "engineers"] }),
  }),
});
const files = { cert: readFileSync(certificate), key: readFileSync(key) };
createServer(files, provider.callback()).listen(Number(port), "127.0.0.1");
"#;

impl OidcProvider {
    /// Starts it. `modules` is the folder of npm packages of `cargo xtask setup`; `says_everything` puts all claims into the
    /// ID token rather than leaving them for the userinfo endpoint.
    pub fn start(modules: &Path, certificate: &Certificate, redirect: &str, says_everything: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("provider.mjs");
        fs::write(&script, SCRIPT).unwrap();
        let port = free_port();
        let args: [&str; 7] = [
            &script.display().to_string(),
            &modules.display().to_string(),
            &port.to_string(),
            &certificate.certificate.display().to_string(),
            &certificate.key.display().to_string(),
            redirect,
            if says_everything { "true" } else { "false" },
        ];
        let server = Server::start_within(PATIENCE, "/usr/bin/node", &args, port);
        Self { server, _directory: directory }
    }

    /// Its name for itself.
    pub fn issuer(&self) -> String {
        format!("https://localhost:{}", self.server.address.port())
    }
}
