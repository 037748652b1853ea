//! A real receiver of syslog over TLS: rsyslog as `docs/ledger.md` says that it is set up, with either of its TLS libraries.
//!
//! Debian does not install syslog-ng beside it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::certificates::Certificate;
use crate::ports::{Server, free_port};

/// The key of certificates.
const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";

/// The name that the receiver's configuration lets in.
const SENDER: &str = "palisade.plant.example";

/// Whose TLS it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogTls {
    /// GnuTLS, which ends TCP without ending TLS.
    Gnutls,
    /// OpenSSL, which ends both.
    Openssl,
}

/// A receiver with a port, certificates and a file of its own; ended when dropped.
#[derive(Debug)]
pub struct SyslogReceiver {
    server: Option<Server>,
    /// Where it listens.
    pub port: u16,
    /// The authority of its certificate.
    pub authority: Certificate,
    /// A certificate that it lets in, and its key.
    pub sender: Certificate,
    directory: TempDir,
}

impl SyslogReceiver {
    /// Starts one that asks who sends.
    pub fn start(tls: SyslogTls) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let dir = directory.path();
        let authority = Certificate::authority(dir, "authority", None);
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
        let own = authority.issue(dir, "receiver", KEY, 30, names);
        let sender = authority.client(dir, "sender", KEY, &format!("subjectAltName=DNS:{SENDER}"));
        let port = free_port();
        let mut text = configuration(dir, port, &authority, &own);
        if tls == SyslogTls::Openssl {
            text = text.replace("\"gtls\"", "\"ossl\"");
        }
        fs::write(dir.join("receiver.conf"), text).unwrap();
        let mut receiver = Self { server: None, port, authority, sender, directory };
        receiver.start_again();
        receiver
    }

    /// Starts it again after it was killed; it goes on with its file.
    pub fn start_again(&mut self) {
        let dir = self.directory.path();
        let path = |name: &str| dir.join(name).display().to_string();
        let args = ["-n", "-f", &path("receiver.conf"), "-i", &path("pid")];
        self.server = Some(Server::start("/usr/sbin/rsyslogd", &args, self.port));
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        drop(self.server.take());
        // What it left would keep it from starting again.
        drop(fs::remove_file(self.directory.path().join("pid")));
    }

    /// What it has written, a message a line; of who was killed a line may be a part of one.
    pub fn lines(&self) -> Vec<String> {
        let bytes = fs::read(self.file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("ledger.log")
    }
}

/// The configuration that the documentation offers, with paths, names and the port of a test.
fn configuration(dir: &Path, port: u16, authority: &Certificate, own: &Certificate) -> String {
    let guide = include_str!("../../../docs/ledger.md");
    let (_, rest) = guide.split_once("```rsyslog\n").expect("docs/ledger.md has a configuration of rsyslog");
    let (text, _) = rest.split_once("```").unwrap();
    let mut text = text.to_owned();
    let place = |path: &Path| path.display().to_string();
    for (documented, own) in [
        ("/etc/rsyslog-tls/ca.pem", place(&authority.certificate)),
        ("/etc/rsyslog-tls/receiver.pem", place(&own.certificate)),
        ("/etc/rsyslog-tls/receiver.key", place(&own.key)),
        ("/var/log/palisade-ledger.log", place(&dir.join("ledger.log"))),
        ("port=\"6514\"", format!("port=\"{port}\" address=\"127.0.0.1\"")),
    ] {
        assert!(text.contains(documented), "the documented configuration has no {documented} any more");
        text = text.replace(documented, &own);
    }
    assert!(text.contains(SENDER), "{text}");
    format!("global(workDirectory=\"{}\")\n{text}", dir.display())
}
