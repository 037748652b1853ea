//! Keystores: Java's older form (JKS), whose certificates stand in clear, and PKCS #12, which has to be opened.

use model::Fact;
use model::facts::certificates::Certificate;
use model::facts::true_connector::{Keystore, StoredCertificate};
use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error;
use sha1::{Digest, Sha1};

use super::parts::Folder;
use super::settings::PUBLISHED;
use crate::certificates::{Parsed, parse};
use crate::fact::reason;

/// The most bytes of a keystore.
const SIZE: usize = 4 << 20;
/// The most keystores.
const STORES: usize = 30;
/// The most entries of one.
const ENTRIES: u32 = 500;
/// The most passwords that are tried on one.
const PASSWORDS: usize = 12;
/// Folders in which keystores stand.
const FOLDERS: usize = 40;
/// The certificate of the project's sample begins and ends like this.
const SAMPLE: (&str, &str) = ("4509c84a", "5ecd");
/// What Java puts between password and content when it seals a keystore.
const SALT: &[u8] = b"Mighty Aphrodite";

/// One entry of a keystore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub alias: String,
    /// Whether a private key belongs to it.
    pub own: bool,
    /// The certificate, DER.
    pub der: Vec<u8>,
}

/// What a keystore holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its certificates.
    pub certificates: Vec<Stored>,
    /// Private keys.
    pub keys: u64,
    /// The passwords, by their places in the list that was given, that fit.
    pub fitting: Vec<usize>,
}

/// The form of a keystore by its first bytes.
fn format(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xfe, 0xed, 0xfe, 0xed, ..] => "JKS",
        [0xce, 0xce, 0xce, 0xce, ..] => "JCEKS",
        [0x30, ..] => "PKCS12",
        _ => "unknown",
    }
}

/// Opens a keystore with whichever password fits.
///
/// # Errors
/// Why it cannot be read, whatever the password.
pub fn open(bytes: &[u8], passwords: &[String]) -> Result<Contents, String> {
    match format(bytes) {
        "JKS" | "JCEKS" => java(bytes, passwords),
        "PKCS12" => pkcs12(bytes, passwords),
        _ => Err("neither a Java keystore nor PKCS #12".to_owned()),
    }
}

fn pkcs12(bytes: &[u8], passwords: &[String]) -> Result<Contents, String> {
    let mut contents = Contents::default();
    let mut opened = None;
    for (index, password) in passwords.iter().enumerate().take(PASSWORDS) {
        match Pkcs12Archive::from_pkcs12(bytes, password) {
            Ok(archive) => {
                contents.fitting.push(index);
                opened.get_or_insert(archive);
            }
            // The seal does not fit, or what it opens to makes no sense.
            Err(Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_)) => {}
            Err(error) => return Err(format!("not a keystore that can be read: {error}")),
        }
    }
    let Some(archive) = opened else { return Ok(contents) };
    contents.keys = archive.keys.len() as u64;
    for certificate in archive.certs.into_iter().take(ENTRIES as usize) {
        let own = certificate.local_key_id.as_ref().is_some_and(|id| {
            archive
                .keys
                .iter()
                .any(|key| key.local_key_id.as_ref().is_some_and(|of_key| of_key.as_ref() == id.as_slice()))
        });
        contents.certificates.push(Stored {
            alias: certificate.friendly_name.unwrap_or_default(),
            own,
            der: certificate.cert.as_der().to_vec(),
        });
    }
    Ok(contents)
}

/// Java's form: the certificates are readable without a password, which only seals the file.
fn java(bytes: &[u8], passwords: &[String]) -> Result<Contents, String> {
    let short = || "the keystore ends too early".to_owned();
    let (body, seal) = bytes.split_at_checked(bytes.len().saturating_sub(20)).ok_or_else(short)?;
    let mut contents = Contents::default();
    for (index, password) in passwords.iter().enumerate().take(PASSWORDS) {
        let mut hash = Sha1::new();
        for unit in password.encode_utf16() {
            hash.update(unit.to_be_bytes());
        }
        hash.update(SALT);
        hash.update(body);
        if hash.finalize().as_slice() == seal {
            contents.fitting.push(index);
        }
    }
    let mut reader = Reader(body.get(4..).ok_or_else(short)?);
    let version = reader.number().ok_or_else(short)?;
    let count = reader.number().ok_or_else(short)?;
    if version > 2 {
        return Err(format!("a keystore of version {version}, which is not known"));
    }
    for _ in 0..count.min(ENTRIES) {
        let tag = reader.number().ok_or_else(short)?;
        let alias = reader.text().ok_or_else(short)?;
        reader.take(8).ok_or_else(short)?;
        let chain = match tag {
            1 => {
                reader.block().ok_or_else(short)?;
                contents.keys += 1;
                reader.number().ok_or_else(short)?
            }
            2 => 1,
            // A secret key of JCEKS is a serialised object whose end only Java finds.
            3 => break,
            other => return Err(format!("an entry of kind {other}, which is not known")),
        };
        for place in 0..chain.min(20) {
            if version == 2 {
                reader.text().ok_or_else(short)?;
            }
            let der = reader.block().ok_or_else(short)?.to_vec();
            // The first certificate of a chain is the key's; the others issued it.
            if contents.certificates.len() < ENTRIES as usize {
                contents.certificates.push(Stored { alias: alias.clone(), own: tag == 1 && place == 0, der });
            }
        }
    }
    Ok(contents)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn block(&mut self) -> Option<&'a [u8]> {
        let count = self.number()?;
        self.take(usize::try_from(count).ok()?)
    }

    fn text(&mut self) -> Option<String> {
        let count: [u8; 2] = self.take(2)?.try_into().ok()?;
        let bytes = self.take(usize::from(u16::from_be_bytes(count)))?;
        Some(String::from_utf8_lossy(bytes).chars().take(200).collect())
    }
}

/// The keystores of the folder, and the certificates in those that could be read.
pub(super) fn keystores(folder: &mut Folder<'_>, own: &[String]) -> (Vec<Keystore>, Vec<StoredCertificate>) {
    let mut passwords: Vec<String> = own.iter().filter(|one| !one.is_empty()).cloned().collect();
    passwords.sort();
    passwords.dedup();
    passwords.truncate(PASSWORDS - PUBLISHED.len().min(4));
    let of_configuration = passwords.len();
    passwords.extend(PUBLISHED.iter().take(4).map(|one| (*one).to_owned()));
    let (mut stores, mut certificates) = (Vec::new(), Vec::new());
    for path in paths(folder) {
        let bytes = match folder.door().read_up_to(folder.place(&path), SIZE) {
            Ok(bytes) => bytes,
            Err(error) => {
                let why = reason(&error, folder.door());
                let unread = || Fact::unreadable(why.clone());
                stores.push(Keystore {
                    name: path.clone(),
                    format: "unknown".to_owned(),
                    opens: unread(),
                    published_password: Fact::unreadable(why.clone()),
                    keys: Fact::unreadable(why.clone()),
                    mode: Fact::unreadable(why.clone()),
                    world_readable: unread(),
                    source: path,
                });
                continue;
            }
        };
        let mode = folder.door().stat(folder.place(&path)).ok().map(|stat| stat.mode & 0o7777);
        let read = open(&bytes, &passwords);
        let format = format(&bytes).to_owned();
        let store = |opens, published_password, keys| Keystore {
            name: path.clone(),
            format: format.clone(),
            opens,
            published_password,
            keys,
            mode: Fact::from_option(mode.map(|mode| format!("{mode:04o}"))),
            world_readable: match mode {
                Some(mode) => Fact::known(mode & 0o004 != 0),
                None => Fact::unreadable("its permissions cannot be read"),
            },
            source: path.clone(),
        };
        match read {
            Err(why) => {
                let why = format!("{path}: {why}");
                stores.push(store(Fact::unreadable(&why), Fact::unreadable(&why), Fact::unreadable(&why)));
            }
            Ok(contents) => {
                let fits = |of: &dyn Fn(usize) -> bool| contents.fitting.iter().any(|index| of(*index));
                let opens = fits(&|index| index < of_configuration);
                let published = fits(&|index| {
                    passwords.get(index).is_some_and(|password| PUBLISHED.contains(&password.as_str()))
                });
                let sealed = contents.fitting.is_empty() && format == "PKCS12";
                let keys = if sealed {
                    Fact::unreadable(format!("{path}: no password of the configuration opens it"))
                } else {
                    Fact::known(contents.keys)
                };
                stores.push(store(Fact::known(opens), Fact::known(published), keys));
                certificates
                    .extend(contents.certificates.into_iter().filter_map(|stored| certificate(&path, stored)));
            }
        }
    }
    (stores, certificates)
}

fn certificate(path: &str, stored: Stored) -> Option<StoredCertificate> {
    let Parsed::Certificates { certificates, .. } = parse(&stored.der) else { return None };
    let source = format!("{path} (entry {})", stored.alias);
    // What stands in a store has no files beside it.
    let certificate =
        Certificate { source: source.clone(), key_file: Fact::Absent, ..certificates.into_iter().next()? };
    let fingerprint = &certificate.fingerprint_sha256;
    Some(StoredCertificate {
        name: format!("{path}: {}", stored.alias),
        keystore: path.to_owned(),
        alias: stored.alias,
        own: stored.own,
        published: fingerprint.starts_with(SAMPLE.0) && fingerprint.ends_with(SAMPLE.1),
        certificate,
        source,
    })
}

/// Paths of keystores in the folder and one level below.
fn paths(folder: &mut Folder<'_>) -> Vec<String> {
    let names = |folder: &Folder<'_>, below: &str| -> Vec<String> {
        let entries = folder.door().read_dir(folder.place(below)).unwrap_or_default();
        let mut names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        names.sort();
        names
    };
    let is_store = |name: &str| {
        let name = name.to_ascii_lowercase();
        [".jks", ".p12", ".pfx", ".keystore", ".truststore"].iter().any(|ending| name.ends_with(ending))
    };
    let top = names(folder, "");
    let mut paths: Vec<String> = top.iter().filter(|name| is_store(name)).cloned().collect();
    for below in top.iter().filter(|name| !is_store(name)).take(FOLDERS) {
        paths.extend(
            names(folder, below)
                .into_iter()
                .filter(|name| is_store(name))
                .map(|name| format!("{below}/{name}")),
        );
    }
    if paths.len() > STORES {
        folder.unread.push(format!("only the first {STORES} of {} keystores are read", paths.len()));
        paths.truncate(STORES);
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_keystores_are_errors_that_say_so() {
        let password = ["changeit".to_owned()];
        for bytes in [
            b"".as_slice(),
            b"text",
            &[0xfe, 0xed, 0xfe, 0xed],
            &[
                0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0,
                0, 0, 0, 0, 0, 0, 0, 0,
            ],
            &[0x30, 0x82, 0xff, 0xff, 0],
            &[0x30, 0x80],
        ] {
            assert!(open(bytes, &password).is_err(), "{bytes:?}");
        }
    }
}
