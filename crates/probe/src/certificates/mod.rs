//! Section `certificates`: X.509 certificates in files, and the private keys beside them.

mod pem;
mod x509;

use std::path::{Path, PathBuf};

use host::Error;
use model::Fact;
use model::facts::certificates::{Certificate, Certificates, Keystore, TrustBundle, Unparsable};

use crate::Context;
use crate::fact::reason;
use crate::files::names::{self, Candidate};
use crate::files::owners::time;
use crate::files::secrets;
use crate::files::walk::{self, List, Walked};

/// Where services keep their certificates; elsewhere they are users' and developers' own.
const PLACES: &[&str] = &[
    "/etc/",
    "/opt/",
    "/srv/",
    "/data/",
    "/var/lib/",
    "/var/www/",
    "/usr/local/etc/",
    "/usr/local/share/",
    "/root/",
];

/// Every certificate that was ever issued stands there; `live` shows the ones in use.
const OF_CERTBOT: &str = "/etc/letsencrypt/archive/";
const LIVE: &str = "/etc/letsencrypt/live";

/// A server's chain has two to five certificates; a file with more than this lists trusted authorities.
const CHAIN: usize = 20;

/// The most blocks of a file that are counted.
const BLOCKS: usize = 2_000;

/// The most certificates in the section: a host shows a handful.
const CERTIFICATES: usize = 1_000;

/// The most files named as unparsable, keystores or bundles.
const NAMED: usize = 200;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Certificates> {
    let walked = match walk::walked(cx) {
        Ok(walked) => walked,
        Err(error) => return Fact::unreadable(reason(&error, &cx.door)),
    };
    let mut found = Found::default();
    let mut paths = certificate_files(&walked);
    paths.extend(live(cx, &mut found));
    paths.sort();
    for path in &paths {
        found.file(cx, path);
    }
    let incomplete = walked.incomplete(&cx.door).or(found.refused);
    let files = match incomplete {
        Some(reason) if found.certificates.is_empty() => Fact::unreadable(reason),
        _ => Fact::known(found.certificates),
    };
    let keystores = keystores(cx, &walked);
    let keystores = match walked.incomplete(&cx.door) {
        Some(reason) if keystores.is_empty() => Fact::unreadable(reason),
        _ => Fact::known(keystores),
    };
    Fact::read_at(
        Certificates {
            files,
            unparsable: found.unparsable,
            trust_bundles: found.bundles,
            keystores,
            left_out: found.left_out,
        },
        "the walk over all local disks",
    )
}

fn certificate_files(walked: &Walked) -> Vec<PathBuf> {
    walked
        .list(List::Candidates)
        .filter(|(_, element)| matches!(element.candidate, Some(Candidate::Pem | Candidate::Certificate)))
        .map(|(path, _)| path)
        .filter(|path| is_in(path, PLACES) && !is_in(path, &[OF_CERTBOT]))
        .cloned()
        .collect()
}

fn is_in(path: &Path, places: &[&str]) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let bytes = path.as_os_str().as_bytes();
    places.iter().any(|place| names::below(bytes, place))
}

/// The chains that certbot's links lead to.
fn live(cx: &Context, found: &mut Found) -> Vec<PathBuf> {
    match cx.door.read_dir(LIVE) {
        Ok(entries) => entries
            .into_iter()
            .map(|entry| Path::new(LIVE).join(entry.name).join("fullchain.pem"))
            .filter(|path| cx.door.stat(path).is_ok())
            .collect(),
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => {
            found.refused = Some(reason(&error, &cx.door));
            Vec::new()
        }
    }
}

#[derive(Default)]
struct Found {
    certificates: Vec<Certificate>,
    unparsable: Vec<Unparsable>,
    bundles: Vec<TrustBundle>,
    left_out: u64,
    /// Why a file that may hold certificates was not read.
    refused: Option<String>,
}

impl Found {
    fn file(&mut self, cx: &Context, path: &Path) {
        let bytes = match cx.door.read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return,
            Err(Error::TooLarge { .. }) => {
                return self.unparsable(path, "too large for a certificate".to_owned());
            }
            Err(error) => {
                self.refused = Some(reason(&error, &cx.door));
                return;
            }
        };
        let (certificates, holds_key) = match parse(&bytes) {
            Parsed::Certificates { certificates, holds_key } => (certificates, holds_key),
            Parsed::Bundle(certificates) => {
                if self.bundles.len() < NAMED {
                    self.bundles.push(TrustBundle { path: path.display().to_string(), certificates });
                }
                return;
            }
            Parsed::Other => return,
            Parsed::Broken(reason) => return self.unparsable(path, reason),
        };
        let key_file = if holds_key { Some(path.to_owned()) } else { key_beside(cx, path) };
        for (index, mut certificate) in certificates.into_iter().enumerate() {
            if self.certificates.len() >= CERTIFICATES {
                self.left_out += 1;
                continue;
            }
            certificate.path = path.display().to_string();
            certificate.index = u32::try_from(index).unwrap_or(u32::MAX);
            certificate.source = format!("{} (certificate {})", certificate.path, index + 1);
            // The key belongs to the first certificate of a chain.
            certificate.key_file = match &key_file {
                Some(key) if index == 0 => Fact::known(key.display().to_string()),
                _ => Fact::Absent,
            };
            certificate.trust_anchor =
                certificate.ca && certificate.self_signed && certificate.key_file.is_absent();
            self.certificates.push(certificate);
        }
    }

    fn unparsable(&mut self, path: &Path, reason: String) {
        if self.unparsable.len() < NAMED {
            self.unparsable.push(Unparsable { path: path.display().to_string(), reason });
        }
    }
}

/// What a file turned out to be.
#[derive(Debug)]
pub enum Parsed {
    /// Certificates in the order of the file.
    Certificates {
        /// The certificates.
        certificates: Vec<Certificate>,
        /// Whether a private key stands in the same file.
        holds_key: bool,
    },
    /// So many that they are a list of authorities.
    Bundle(u64),
    /// Something else that PEM files hold: keys, parameters, requests.
    Other,
    /// Neither.
    Broken(String),
}

/// Reads the certificates of a file, in PEM or DER.
pub fn parse(bytes: &[u8]) -> Parsed {
    if bytes.first() == Some(&0x30) {
        return match x509::certificate(bytes) {
            Ok(certificate) => Parsed::Certificates { certificates: vec![certificate], holds_key: false },
            Err(reason) => Parsed::Broken(reason),
        };
    }
    let blocks = pem::blocks(&String::from_utf8_lossy(bytes), BLOCKS);
    let of_certificates: Vec<_> = blocks
        .iter()
        .filter(|block| {
            matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
        })
        .collect();
    if of_certificates.len() > CHAIN {
        return Parsed::Bundle(of_certificates.len() as u64);
    }
    let mut certificates = Vec::new();
    for block in &of_certificates {
        let Some(bytes) = &block.bytes else {
            return Parsed::Broken("a PEM block that is no base64".to_owned());
        };
        match x509::certificate(bytes) {
            Ok(certificate) => certificates.push(certificate),
            Err(reason) => return Parsed::Broken(reason),
        }
    }
    let holds_key = blocks.iter().any(|block| block.label.ends_with("PRIVATE KEY"));
    match (certificates.is_empty(), blocks.is_empty()) {
        (false, _) => Parsed::Certificates { certificates, holds_key },
        (true, false) => Parsed::Other,
        (true, true) => Parsed::Broken("neither PEM nor DER".to_owned()),
    }
}

/// The private key that stands beside a certificate, by the names that tools give.
fn key_beside(cx: &Context, path: &Path) -> Option<PathBuf> {
    let stem = path.file_stem()?.to_str()?;
    let name = path.file_name()?.to_str()?;
    let mut keys = vec![
        format!("{stem}.key"),
        format!("{name}.key"),
        format!("{stem}.key.pem"),
        format!("{stem}-key.pem"),
        format!("{stem}_key.pem"),
    ];
    // cert.pem and key.pem, server-cert.pem and server-key.pem, fullchain.pem and privkey.pem.
    if stem.contains("cert") {
        keys.push(format!("{}.pem", stem.replace("cert", "key")));
        keys.push(format!("{}.key", stem.replace("cert", "key")));
    }
    if matches!(stem, "fullchain" | "chain" | "cert") {
        keys.push("privkey.pem".to_owned());
    }
    let in_ssl =
        path.parent()?.ends_with("certs").then(|| path.parent()?.parent().map(|top| top.join("private")));
    let directories = [path.parent().map(Path::to_owned), in_ssl.flatten()];
    directories
        .into_iter()
        .flatten()
        .flat_map(|directory| keys.iter().map(move |key| directory.join(key)))
        .filter(|key| key != path)
        .find(|key| cx.door.stat(key).is_ok_and(|stat| stat.kind == host::FileKind::File))
}

fn keystores(cx: &Context, walked: &Walked) -> Vec<Keystore> {
    walked
        .list(List::Candidates)
        .filter(|(path, element)| element.candidate == Some(Candidate::Keystore) && is_in(path, PLACES))
        .take(NAMED)
        .map(|(path, element)| {
            let format = match secrets::head(&cx.door, path, 4).as_deref() {
                Ok([0xfe, 0xed, 0xfe, 0xed]) => "JKS",
                Ok([0xce, 0xce, 0xce, 0xce]) => "JCEKS",
                Ok([0x30, ..]) => "PKCS12",
                _ => "unknown",
            };
            let text = path.display().to_string();
            Keystore {
                format: format.to_owned(),
                modified: time(element.stat.modified),
                source: text.clone(),
                path: text,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
