//! A real mail server: `aiosmtpd` (Python), with TLS and logins.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use crate::certificates::Certificate;
use crate::ports::{Server, free_port};

/// When the server speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// Not at all.
    Never,
    /// After `STARTTLS`, and takes nothing before.
    StartTls,
    /// From the beginning.
    Implicit,
}

/// A running mail server, ended when dropped. It takes logins of `palisade` with the password `made-up mail password`.
#[derive(Debug)]
pub struct MailServer {
    server: Server,
    directory: TempDir,
}

/// A message that it took.
#[derive(Clone, Debug)]
pub struct Received {
    /// The sender's address.
    pub from: String,
    /// The recipients' addresses.
    pub to: Vec<String>,
    /// Headers and body as they came.
    pub content: String,
    /// Who had logged in.
    pub login: String,
    /// Whether TLS protected it.
    pub is_encrypted: bool,
}

/// Arguments: port, when TLS begins, file of messages, whether a login is asked for, certificate, key.
const SCRIPT: &str = r#"
import asyncio, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult
port, tls, place, login, certificate, key = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
class Keeper:
    async def handle_DATA(self, server, session, envelope):
        with open(place, "a") as file:
            encrypted = session.ssl is not None or tls == "implicit"
            file.write(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "login": session.auth_data or "",
                                   "content": envelope.content.decode(), "encrypted": encrypted}) + "\n")
        return "250 taken"
def authenticator(server, session, envelope, mechanism, data):
    if (data.login, data.password) == (b"palisade", b"made-up mail password"):
        return AuthResult(success=True, auth_data=data.login.decode())
    return AuthResult(success=False, handled=False)
def made():
    return SMTP(Keeper(), hostname="mail.test", enable_SMTPUTF8=True, authenticator=authenticator,
                auth_required=login == "login", auth_require_tls=tls == "starttls",
                require_starttls=tls == "starttls", tls_context=context if tls == "starttls" else None)
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(made, "127.0.0.1", int(port), ssl=context if tls == "implicit" else None)
    await server.serve_forever()
asyncio.run(main())
"#;

impl MailServer {
    /// Starts it. `venv` is the Python environment of `cargo xtask setup`.
    pub fn start(venv: &Path, tls: MailTls, has_login: bool, certificate: &Certificate) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("server.py");
        fs::write(&script, SCRIPT).unwrap();
        let port = free_port();
        let python = venv.join("bin/python").display().to_string();
        let kind = match tls {
            MailTls::Never => "never",
            MailTls::StartTls => "starttls",
            MailTls::Implicit => "implicit",
        };
        let args: [&str; 7] = [
            &script.display().to_string(),
            &port.to_string(),
            kind,
            &directory.path().join("messages").display().to_string(),
            if has_login { "login" } else { "anybody" },
            &certificate.certificate.display().to_string(),
            &certificate.key.display().to_string(),
        ];
        Self { server: Server::start(&python, &args, port), directory }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// What it took, in order.
    pub fn messages(&self) -> Vec<Received> {
        let text = fs::read_to_string(self.directory.path().join("messages")).unwrap_or_default();
        text.lines()
            .map(|line| {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                let text = |name: &str| value[name].as_str().unwrap().to_owned();
                let to = value["to"].as_array().unwrap().iter().map(|to| to.as_str().unwrap().to_owned());
                Received {
                    from: text("from"),
                    to: to.collect(),
                    content: text("content"),
                    login: text("login"),
                    is_encrypted: value["encrypted"].as_bool().unwrap(),
                }
            })
            .collect()
    }
}
