//! Keystores: Java's older form (JKS), whose certificates stand in clear, and PKCS #12, which has to be opened.

use host::FileKind;
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
/// Rounds of key derivation that a PKCS #12 may ask for in all; Java's own tool asks for tens of thousands.
const ROUNDS: u64 = 1_000_000;
/// How deep a PKCS #12 is looked into for them.
const DEPTH: usize = 24;
/// The name of scrypt, which takes as much memory as a file asks for.
const SCRYPT: &[u8] = &[0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b];
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
    if memchr::memmem::find(bytes, SCRYPT).is_some() {
        return Err("its keys are derived with scrypt, which is not tried".to_owned());
    }
    let asked = rounds(bytes, DEPTH);
    if asked > ROUNDS {
        return Err(format!("it asks for {asked} rounds of key derivation, which takes too long to try"));
    }
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

/// Rounds of key derivation that the readable part of a DER asks for: the numbers that follow a salt.
fn rounds(mut bytes: &[u8], depth: usize) -> u64 {
    let (mut sum, mut salted) = (0_u64, false);
    while let Some((tag, content, rest)) = element(bytes) {
        let within = match tag {
            0x02 if salted => content
                .iter()
                .fold(0_u64, |number, byte| number.saturating_mul(256).saturating_add(u64::from(*byte))),
            0x30 | 0x31 | 0xa0..=0xbf if depth > 0 => rounds(content, depth - 1),
            // A text of bytes that is one sequence is read on; a salt or what is encrypted is none.
            0x04 if depth > 0 && is_sequence(content) => rounds(content, depth - 1),
            _ => 0,
        };
        sum = sum.saturating_add(within);
        salted = tag == 0x04;
        bytes = rest;
    }
    sum
}

fn is_sequence(bytes: &[u8]) -> bool {
    element(bytes).is_some_and(|(tag, _, rest)| tag == 0x30 && rest.is_empty())
}

/// The first element of a DER: its tag, what is in it, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let more = |all: usize, byte: &u8| all.checked_mul(256)?.checked_add(usize::from(*byte));
        (length.iter().try_fold(0, more)?, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
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

/// One that cannot be read.
fn unread(path: &str, shown: String, why: &str) -> Keystore {
    Keystore {
        name: path.to_owned(),
        format: "unknown".to_owned(),
        opens: Fact::unreadable(why),
        published_password: Fact::unreadable(why),
        keys: Fact::unreadable(why),
        mode: Fact::unreadable(why),
        world_readable: Fact::unreadable(why),
        source: shown,
    }
}

/// The keystores of the folder, and the certificates in those that could be read. `all_known`: whether `own` are all
/// passwords that the connector has.
pub(super) fn keystores(
    folder: &Folder<'_>,
    own: &[String],
    all_known: bool,
) -> (Vec<Keystore>, Vec<StoredCertificate>) {
    let mut passwords: Vec<String> = own.iter().filter(|one| !one.is_empty()).cloned().collect();
    passwords.sort();
    passwords.dedup();
    let all_tried = all_known && passwords.len() <= PASSWORDS - 4;
    passwords.truncate(PASSWORDS - 4);
    let of_configuration = passwords.len();
    passwords.extend(PUBLISHED.iter().take(4).map(|one| (*one).to_owned()));
    let mut certificates = Vec::new();
    let (paths, mut stores) = paths(folder);
    for path in paths {
        let shown = folder.shown(&path);
        let bytes = match folder.door().read_up_to(folder.place(&path), SIZE) {
            Ok(bytes) => bytes,
            Err(error) => {
                stores.push(unread(&path, shown, &reason(&error, folder.door())));
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
            source: shown.clone(),
        };
        match read {
            Err(why) => {
                let why = format!("{path}: {why}");
                stores.push(store(Fact::unreadable(&why), Fact::unreadable(&why), Fact::unreadable(&why)));
            }
            Ok(contents) => {
                let fits = |of: &dyn Fn(usize) -> bool| contents.fitting.iter().any(|index| of(*index));
                let opens = if fits(&|index| index < of_configuration) {
                    Fact::known(true)
                } else if all_tried {
                    Fact::known(false)
                } else {
                    Fact::unreadable(format!(
                        "{path}: no password that was tried opens it; not all of them stand in the configuration, or there \
                         are more than are tried"
                    ))
                };
                let published = fits(&|index| {
                    passwords.get(index).is_some_and(|password| PUBLISHED.contains(&password.as_str()))
                });
                let sealed = contents.fitting.is_empty() && format == "PKCS12";
                let keys = if sealed {
                    Fact::unreadable(format!("{path}: no password of the configuration opens it"))
                } else {
                    Fact::known(contents.keys)
                };
                stores.push(store(opens, Fact::known(published), keys));
                let stored = contents.certificates.into_iter();
                certificates.extend(stored.filter_map(|stored| certificate(&path, &shown, stored)));
            }
        }
    }
    (stores, certificates)
}

fn certificate(path: &str, shown: &str, stored: Stored) -> Option<StoredCertificate> {
    let Parsed::Certificates { certificates, .. } = parse(&stored.der) else { return None };
    let source = format!("{shown} (entry {})", stored.alias);
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

/// Paths of keystores in the folder and one level below, and what stands for those that could not be looked for.
fn paths(folder: &Folder<'_>) -> (Vec<String>, Vec<Keystore>) {
    let mut unseen = Vec::new();
    let mut list = |below: &str| match folder.door().read_dir(folder.place(below)) {
        Ok(entries) => entries,
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => {
            unseen.push(unread(below, folder.shown(below), &reason(&error, folder.door())));
            Vec::new()
        }
    };
    let is_store = |name: &str| {
        let name = name.to_ascii_lowercase();
        [".jks", ".p12", ".pfx", ".keystore", ".truststore"].iter().any(|ending| name.ends_with(ending))
    };
    let (stores, others): (Vec<_>, Vec<_>) = list("").into_iter().partition(|entry| is_store(&entry.name));
    let mut paths: Vec<String> = stores.into_iter().map(|entry| entry.name).collect();
    let mut folders = others.into_iter().filter(|entry| entry.kind != FileKind::File);
    for below in folders.by_ref().take(FOLDERS) {
        let names = list(&below.name).into_iter().map(|entry| entry.name).filter(|name| is_store(name));
        paths.extend(names.map(|name| format!("{}/{name}", below.name)));
    }
    let further = folders.count();
    let mut more = |what: &str, why: String| unseen.push(unread(what, folder.shown(""), &why));
    if further > 0 {
        more("further folders", format!("{further} folders beyond the first {FOLDERS} are not looked into"));
    }
    if paths.len() > STORES {
        more("further keystores", format!("only the first {STORES} of {} keystores are read", paths.len()));
        paths.truncate(STORES);
    }
    (paths, unseen)
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    #[test]
    fn a_keystore_that_asks_for_too_much_work_is_not_opened() {
        // A MAC with a salt and four million rounds; then keys derived with scrypt.
        let greedy = [0x30_u8, 0x0a, 0x04, 0x02, 0xaa, 0xbb, 0x02, 0x04, 0x00, 0x40, 0x00, 0x00];
        assert_eq!(rounds(&greedy, DEPTH), 0x40_0000);
        assert!(open(&greedy, &[]).unwrap_err().contains("rounds"));
        let scrypt = [&[0x30_u8, 0x0b][..], SCRYPT].concat();
        assert!(open(&scrypt, &[]).unwrap_err().contains("scrypt"));
        assert_eq!(rounds(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x04], DEPTH), 0);
    }

    #[test]
    fn what_cannot_be_opened_or_seen_is_unknown_unless_everything_was_tried() {
        let empty = [&[0xfe_u8, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 0][..], &[7; 20]].concat();
        let folders = (0..=FOLDERS).fold(Machine::new(), |machine, at| machine.directory(&format!("/tc/{at}")));
        let (door, _tree) = folders.file("/tc/a.jks", empty).door();
        let folder = Folder::read(&door, "/tc", true);
        let opens = |all_known: bool| {
            let (stores, _) = keystores(&folder, &[], all_known);
            let of = |name: &str| stores.iter().find(|one| one.name == name).unwrap().opens.clone();
            (of("a.jks"), of("further folders"))
        };
        assert_eq!(opens(true).0, Fact::known(false));
        assert!(opens(false).0.is_unreadable() && opens(true).1.is_unreadable());
    }

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
