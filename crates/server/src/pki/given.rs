//! A certificate and key that the operator keeps: read, checked, and taken up again when the files change.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use secrecy::ExposeSecret;

use super::authority::{fingerprint, validity};
use super::{Names, PkiError, disk, tls};

/// The two files, and how they looked when they were read last.
#[derive(Debug)]
pub(super) struct Given {
    chain: PathBuf,
    key: PathBuf,
    seen: [Stamp; 2],
    until: Timestamp,
    fingerprint: String,
}

/// What changes when a file is written or another is put in its place.
type Stamp = (u64, u64, i64, i64, i64);

impl Given {
    pub(super) fn open(
        chain: &Path,
        key: &Path,
        names: &Names,
        now: Timestamp,
    ) -> Result<(Self, CertifiedKey), PkiError> {
        let mut given = Self {
            chain: chain.to_owned(),
            key: key.to_owned(),
            seen: [Stamp::default(); 2],
            until: now,
            fingerprint: String::new(),
        };
        let certified = given.read(names, now)?;
        Ok((given, certified))
    }

    /// The files again, when one of them is not what it was.
    pub(super) fn reload(&mut self, names: &Names, now: Timestamp) -> Result<Option<CertifiedKey>, PkiError> {
        let stamp = |path: &Path| rustix::fs::stat(path).map(|stat| stamp_of(&stat)).unwrap_or_default();
        if [stamp(&self.chain), stamp(&self.key)] == self.seen {
            return Ok(None);
        }
        self.read(names, now).map(Some)
    }

    pub(super) fn until(&self) -> Timestamp {
        self.until
    }

    pub(super) fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn read(&mut self, names: &Names, now: Timestamp) -> Result<CertifiedKey, PkiError> {
        let (chain_text, chain_seen) = open(&self.chain, false)?;
        let (key_text, key_seen) = open(&self.key, true)?;
        // Remembered whatever comes of it: files that are no good are complained about once.
        self.seen = [chain_seen, key_seen];
        let (certified, until) =
            self.judged(chain_text.expose_secret(), key_text.expose_secret(), names, now)?;
        self.until = until;
        self.fingerprint = certified.cert.first().map(fingerprint).unwrap_or_default();
        Ok(certified)
    }

    /// What the two texts come to, and until when it is good.
    fn judged(
        &self,
        chain_text: &str,
        key_text: &str,
        names: &Names,
        now: Timestamp,
    ) -> Result<(CertifiedKey, Timestamp), PkiError> {
        let bad = |path: &Path, why: &str, remedy: &str| PkiError::Unusable {
            path: path.to_owned(),
            why: why.to_owned(),
            remedy: remedy.to_owned(),
        };
        let chain = CertificateDer::pem_slice_iter(chain_text.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| bad(&self.chain, "a certificate in it is damaged", "write the chain in PEM form"))?;
        let Some(first) = chain.first().cloned() else {
            let remedy = "write the server's certificate into it in PEM form, then that of its issuer";
            return Err(bad(&self.chain, "it holds no certificate", remedy));
        };
        let key = PrivateKeyDer::from_pem_slice(key_text.as_bytes()).map_err(|_| {
            let remedy = "write the private key into it in PEM form, without a pass phrase";
            bad(&self.key, "it holds no private key that can be read", remedy)
        })?;
        let (not_before, not_after) = x509_parser::parse_x509_certificate(&first)
            .ok()
            .and_then(|(_, parsed)| validity(&parsed))
            .ok_or_else(|| {
                bad(&self.chain, "its first certificate is damaged", "write the chain in PEM form")
            })?;
        if now >= not_after {
            return Err(bad(
                &self.chain,
                &format!("its certificate ended on {not_after}"),
                "have a new one issued",
            ));
        }
        if now < not_before {
            let remedy = "check the clock of this machine, or wait";
            return Err(bad(&self.chain, &format!("its certificate begins on {not_before} only"), remedy));
        }
        check_names(&first, names).map_err(|name| {
            let remedy = format!("have one issued for {name}, or take {name} out of the names of the server");
            bad(&self.chain, &format!("its first certificate is not for {name}"), &remedy)
        })?;
        let certified = CertifiedKey::from_der(chain, key, &tls::provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                let remedy = format!("name the key of the first certificate in {}", self.chain.display());
                bad(&self.key, "it is the key of another certificate", &remedy)
            }
            other => bad(
                &self.key,
                &format!("TLS refuses it ({other})"),
                "use an RSA key of 2048 bits or more, or one on P-256",
            ),
        })?;
        Ok((certified, not_after))
    }
}

/// Whether two texts would be taken, at which time.
#[cfg(feature = "fuzzing")]
pub(crate) fn taken(chain: &str, key: &str, names: &Names, now: Timestamp) -> Option<Timestamp> {
    let path = PathBuf::new();
    let given = Given {
        chain: path.clone(),
        key: path,
        seen: Default::default(),
        until: now,
        fingerprint: String::new(),
    };
    given.judged(chain, key, names, now).ok().map(|(_, until)| until)
}

fn check_names(certificate: &CertificateDer<'_>, names: &Names) -> Result<(), String> {
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return Ok(()) };
    for name in names.given() {
        let server = ServerName::try_from(name.as_str()).map_err(|_| name.clone())?;
        verify_server_name(&parsed, &server).map_err(|_| name.clone())?;
    }
    Ok(())
}

/// The text of a file and its stamp. Links are followed: certificate tools put links in place.
fn open(path: &Path, secret: bool) -> Result<(secrecy::SecretString, Stamp), PkiError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| disk::io("open", path, error))?;
    let stat = rustix::fs::fstat(&file).map_err(|error| disk::io("look at", path, error))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(disk::unsafe_file(path, "is not a file", "name the file itself"));
    }
    // A group that may read is how distributions share keys with servers; nobody else, and no other writer.
    if secret && stat.st_mode & 0o027 != 0 {
        let why = format!("holds a private key and can be used by others (mode {:o})", stat.st_mode & 0o7777);
        return Err(disk::unsafe_file(path, &why, &format!("run `chmod 640 {}` or stricter", path.display())));
    }
    if !secret && stat.st_mode & 0o022 != 0 {
        let why = format!("can be changed by others (mode {:o})", stat.st_mode & 0o7777);
        return Err(disk::unsafe_file(path, &why, &format!("run `chmod 644 {}`", path.display())));
    }
    let me = rustix::process::geteuid().as_raw();
    if stat.st_uid != me && stat.st_uid != 0 {
        let why = format!("belongs to user {}, neither root nor the user of this server", stat.st_uid);
        return Err(disk::unsafe_file(path, &why, &format!("run `chown root {}`", path.display())));
    }
    let text = disk::read_bounded(file, path)?;
    Ok((text, stamp_of(&stat)))
}

#[expect(clippy::useless_conversion, reason = "the types of these fields differ between architectures")]
fn stamp_of(stat: &Stat) -> Stamp {
    let nanos = Duration::from_nanos(u64::from(stat.st_mtime_nsec)).as_nanos();
    (stat.st_dev.into(), stat.st_ino, stat.st_size, stat.st_mtime, i64::try_from(nanos).unwrap_or_default())
}
