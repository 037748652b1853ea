//! Certificates made for a test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// PEM file of the certificate.
    pub certificate: PathBuf,
    /// PEM file of the key.
    pub key: PathBuf,
}

/// Makes a self-signed certificate for `localhost`; `args` are further ones of `openssl req`, such as
/// `-newkey rsa:1024 -sha1 -days 10`.
pub fn self_signed(directory: &Path, name: &str, args: &str) -> Certificate {
    let made = Certificate {
        certificate: directory.join(format!("{name}.pem")),
        key: directory.join(format!("{name}.key")),
    };
    let output = Command::new("/usr/bin/openssl")
        .args(["req", "-x509", "-nodes", "-subj", "/CN=localhost/O=Palisade test"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(args.split_whitespace())
        .arg("-out")
        .arg(&made.certificate)
        .arg("-keyout")
        .arg(&made.key)
        .output()
        .unwrap();
    assert!(output.status.success(), "openssl req {args}: {}", String::from_utf8_lossy(&output.stderr));
    made
}
