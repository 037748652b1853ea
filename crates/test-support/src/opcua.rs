//! Real OPC UA servers of two makers: `asyncua` (Python) and `node-opcua` (JavaScript).

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::certificates::Certificate;
use crate::ports::{Server, free_port};

/// A running OPC UA server, ended when dropped.
#[derive(Debug)]
pub struct UaServer {
    server: Server,
    _directory: TempDir,
}

/// Both are slow to start; `node-opcua` makes its keys first, in JavaScript.
const PATIENCE: Duration = Duration::from_secs(120);

/// Arguments: port, policies by name, login kinds, certificate and key or nothing.
const PYTHON: &str = r#"
import asyncio, sys
from asyncua import Server, ua
async def main(port, policies, logins, certificate="", key=""):
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/plant")
    await server.set_application_uri("urn:palisade:test")
    if certificate:
        await server.load_certificate(certificate)
        await server.load_private_key(key, format="pem")
    server.set_security_policy([getattr(ua.SecurityPolicyType, name) for name in policies.split(",")])
    tokens = {"anonymous": ua.AnonymousIdentityToken, "user": ua.UserNameIdentityToken}
    server.set_identity_tokens([tokens[name] for name in logins.split(",")])
    async with server:
        await asyncio.sleep(3600)
asyncio.run(main(*sys.argv[1:]))
"#;

/// Arguments: place of the module, port, policies by name, modes by number, whether nobody needs a name.
const NODE: &str = r#"
const [place, port, policies, modes, anonymous] = process.argv.slice(2);
const { OPCUAServer } = require(place);
const server = new OPCUAServer({
  port: Number(port), hostname: "127.0.0.1", allowAnonymous: anonymous === "true",
  securityPolicies: policies.split(",").map((name) => "http://opcfoundation.org/UA/SecurityPolicy#" + name),
  securityModes: modes.split(",").map(Number),
});
server.initialize().then(() => server.start()).catch((error) => { console.error(error); process.exit(1); });
"#;

impl UaServer {
    /// A server of `asyncua`: policies such as `NoSecurity,Basic256Sha256_SignAndEncrypt`, logins `anonymous,user`.
    pub fn python(venv: &Path, policies: &str, logins: &str, certificate: Option<&Certificate>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = write(directory.path(), "server.py", PYTHON);
        let port = free_port();
        let python = venv.join("bin/python").display().to_string();
        let mut args = vec![script, port.to_string(), policies.to_owned(), logins.to_owned()];
        if let Some(certificate) = certificate {
            args.push(certificate.certificate.display().to_string());
            args.push(certificate.key.display().to_string());
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let server = Server::start_within(PATIENCE, &python, &args, port);
        Self { server, _directory: directory }
    }

    /// A server of `node-opcua`: policies such as `Basic256Sha256`, modes `1` (none), `2` (sign), `3` (encrypt).
    pub fn node(modules: &Path, policies: &str, modes: &str, anonymous: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = write(directory.path(), "server.js", NODE);
        let home = format!("HOME={}", directory.path().display());
        let module = modules.join("node_modules/node-opcua-server").display().to_string();
        let port = free_port();
        let args: [&str; 8] = [
            &home,
            "/usr/bin/node",
            &script,
            &module,
            &port.to_string(),
            policies,
            modes,
            if anonymous { "true" } else { "false" },
        ];
        // It keeps its certificates in the home directory.
        let server = Server::start_within(PATIENCE, "/usr/bin/env", &args, port);
        Self { server, _directory: directory }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }
}

fn write(directory: &Path, name: &str, content: &str) -> String {
    let file: PathBuf = directory.join(name);
    fs::write(&file, content).unwrap();
    file.display().to_string()
}

/// A folder that `cargo xtask setup` fills, such as `test-venv`, beside the `tmp` of the target folder.
///
/// # Panics
/// When it is missing.
pub fn prepared(target_tmp: &str, name: &str) -> PathBuf {
    let folder = Path::new(target_tmp).with_file_name(name);
    assert!(folder.exists(), "{} is missing: run `cargo xtask setup`", folder.display());
    folder
}

/// The same for unit tests, which are told no such `tmp`: beside where the test program lies, or in the repository's `target`.
///
/// # Panics
/// When it is missing.
pub fn prepared_near(name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let places = program.ancestors().skip(1).take(4).map(Path::to_owned).chain([target]);
    let found = places.map(|place| place.join(name)).find(|folder| folder.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: run `cargo xtask setup`"))
}
