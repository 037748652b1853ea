//! Certificates made for a test.

use std::fs;
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

impl Certificate {
    fn at(directory: &Path, name: &str) -> Self {
        Self { certificate: directory.join(format!("{name}.pem")), key: directory.join(format!("{name}.key")) }
    }

    /// The certificate itself, PEM.
    pub fn pem(&self) -> String {
        fs::read_to_string(&self.certificate).unwrap()
    }

    /// Makes an authority named `name` with a key on P-256; issued by `issuer`, or by itself.
    pub fn authority(directory: &Path, name: &str, issuer: Option<&Self>) -> Self {
        let extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n\
                          subjectKeyIdentifier=hash\n";
        Self::make(directory, name, issuer, EC, 30, extensions)
    }

    /// Issues a certificate for a server. `key` are arguments of `openssl req`, such as `-newkey rsa:1024`; it ends `days`
    /// from now, and `extensions` are lines such as `subjectAltName=DNS:localhost`.
    pub fn issue(&self, directory: &Path, name: &str, key: &str, days: i32, extensions: &str) -> Self {
        let extensions = format!("basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n{extensions}\n");
        Self::make(directory, name, Some(self), key, days, &extensions)
    }

    /// Issues a certificate for a client, good for 30 days; as [`Self::issue`] else.
    pub fn client(&self, directory: &Path, name: &str, key: &str, extensions: &str) -> Self {
        let extensions = format!("basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n{extensions}\n");
        Self::make(directory, name, Some(self), key, 30, &extensions)
    }

    fn make(
        directory: &Path,
        name: &str,
        issuer: Option<&Self>,
        key: &str,
        days: i32,
        extensions: &str,
    ) -> Self {
        let made = Self::at(directory, name);
        let (request, lines) =
            (directory.join(format!("{name}.csr")), directory.join(format!("{name}.extensions")));
        fs::write(&lines, extensions).unwrap();
        let mut args = vec!["req".to_owned(), "-nodes".to_owned(), "-subj".to_owned(), format!("/CN={name}")];
        args.extend(key.split_whitespace().map(str::to_owned));
        args.extend(["-keyout".to_owned(), text(&made.key), "-out".to_owned(), text(&request)]);
        openssl(&args);
        let mut args: Vec<String> =
            ["x509", "-req", "-sha256", "-extfile"].iter().map(|word| (*word).to_owned()).collect();
        args.extend([text(&lines), "-days".to_owned(), days.to_string(), "-in".to_owned(), text(&request)]);
        match issuer {
            Some(issuer) => args.extend([
                "-CA".to_owned(),
                text(&issuer.certificate),
                "-CAkey".to_owned(),
                text(&issuer.key),
                "-CAcreateserial".to_owned(),
            ]),
            None => args.extend(["-signkey".to_owned(), text(&made.key)]),
        }
        args.extend(["-out".to_owned(), text(&made.certificate)]);
        openssl(&args);
        made
    }
}

/// The key of most test certificates.
const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn openssl(args: &[String]) {
    let output = Command::new("/usr/bin/openssl").args(args).output().unwrap();
    assert!(output.status.success(), "openssl {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
}

/// Makes a self-signed certificate for `localhost`; `args` are further ones of `openssl req`, such as
/// `-newkey rsa:1024 -sha1 -days 10`.
pub fn self_signed(directory: &Path, name: &str, args: &str) -> Certificate {
    let made = Certificate::at(directory, name);
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    let mut all: Vec<String> =
        ["req", "-x509", "-nodes", "-subj", "/CN=localhost/O=Palisade test", "-addext", names]
            .iter()
            .map(|word| (*word).to_owned())
            .collect();
    all.extend(args.split_whitespace().map(str::to_owned));
    all.extend(["-out".to_owned(), text(&made.certificate), "-keyout".to_owned(), text(&made.key)]);
    openssl(&all);
    made
}
