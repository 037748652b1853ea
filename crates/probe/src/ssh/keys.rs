//! Public keys: authorized_keys lines, `.pub` files, and the blobs inside them.
//!
//! Source: `sshd(8)`, AUTHORIZED_KEYS FILE FORMAT; RFC 4253 6.6, RFC 8709, and OpenSSH's PROTOCOL.u2f.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

/// One line of an authorized_keys file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// 1-based.
    pub(crate) line: usize,
    /// Options in order: the name in lower case, and the value without quotes.
    pub(crate) options: Vec<(String, Option<String>)>,
    /// The key, or why there is none.
    pub(crate) key: Option<PublicKey>,
    pub(crate) problem: Option<&'static str>,
    pub(crate) comment: String,
}

/// A public key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PublicKey {
    /// As the line and the blob both say: `ssh-ed25519`.
    pub(crate) algorithm: String,
    /// None for types whose length this version does not know.
    pub(crate) bits: Option<u32>,
    /// `SHA256:...`.
    pub(crate) fingerprint: String,
}

/// The entries of an authorized_keys file; empty lines and comments are none.
pub(crate) fn parse(text: &str) -> impl Iterator<Item = Entry> + '_ {
    text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.trim_start_matches([' ', '\t']).trim_end_matches('\r');
        (!line.is_empty() && !line.starts_with('#')).then(|| Entry { line: index + 1, ..entry(line) })
    })
}

/// The key of a `.pub` file: `type base64 [comment]`.
pub(crate) fn parse_public(text: &str) -> Option<PublicKey> {
    entry(text.lines().next()?.trim()).key
}

fn entry(line: &str) -> Entry {
    // sshd first tries the line as a bare key, then takes off options and tries again.
    if let Some((key, comment)) = key(line) {
        return Entry { key: Some(key), comment, ..Entry::default() };
    }
    let Some((options, rest)) = options(line) else {
        return Entry { problem: Some("the options do not end: a quote is open"), ..Entry::default() };
    };
    match key(rest) {
        Some((key, comment)) => Entry { key: Some(key), comment, options, ..Entry::default() },
        None => {
            let problem = Some("no key of the form `type base64` that decodes");
            Entry { options: Vec::new(), problem, ..Entry::default() }
        }
    }
}

fn key(text: &str) -> Option<(PublicKey, String)> {
    let text = text.trim_start();
    let (algorithm, rest) = text.split_once([' ', '\t'])?;
    if !algorithm.contains('-') || algorithm.len() > 64 {
        return None;
    }
    let rest = rest.trim_start();
    let (encoded, comment) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let blob = STANDARD.decode(encoded).or_else(|_| STANDARD_NO_PAD.decode(encoded)).ok()?;
    let mut reader = Reader(&blob);
    if reader.string()? != algorithm.as_bytes() {
        return None;
    }
    let digest = STANDARD_NO_PAD.encode(Sha256::digest(&blob));
    let key = PublicKey {
        algorithm: algorithm.to_owned(),
        bits: bits(algorithm, &mut reader),
        fingerprint: format!("SHA256:{digest}"),
    };
    Some((key, comment.trim().to_owned()))
}

fn bits(algorithm: &str, reader: &mut Reader<'_>) -> Option<u32> {
    match algorithm {
        "ssh-rsa" => {
            let _exponent = reader.string()?;
            integer_bits(reader.string()?)
        }
        "ssh-dss" => integer_bits(reader.string()?),
        "ssh-ed25519" | "sk-ssh-ed25519@openssh.com" => {
            u32::try_from(reader.string()?.len()).ok()?.checked_mul(8)
        }
        "ecdsa-sha2-nistp256" | "sk-ecdsa-sha2-nistp256@openssh.com" => Some(256),
        "ecdsa-sha2-nistp384" => Some(384),
        "ecdsa-sha2-nistp521" => Some(521),
        _ => None,
    }
}

/// Bits of a big-endian number, leading zeros not counted.
fn integer_bits(bytes: &[u8]) -> Option<u32> {
    let mut rest = bytes;
    while let [0, tail @ ..] = rest {
        rest = tail;
    }
    let first = rest.first()?;
    u32::try_from(rest.len()).ok()?.checked_mul(8)?.checked_sub(first.leading_zeros())
}

/// The options before a key, and what follows them. None when a quote stays open.
#[expect(clippy::type_complexity, reason = "names and values, used in one place")]
fn options(line: &str) -> Option<(Vec<(String, Option<String>)>, &str)> {
    let mut options = Vec::new();
    let mut name = String::new();
    let mut value: Option<String> = None;
    let mut quoted = false;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                chars.next();
                value.get_or_insert_default().push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => options.push((std::mem::take(&mut name), value.take())),
            ' ' | '\t' if !quoted => {
                options.push((name, value));
                for (name, _) in &mut options {
                    name.make_ascii_lowercase();
                }
                return Some((options, line.get(at..)?.trim_start()));
            }
            '=' if value.is_none() && !quoted => value = Some(String::new()),
            c => match &mut value {
                Some(value) => value.push(c),
                None => name.push(c),
            },
        }
    }
    // The line ended inside of the options: there is no key, but that is for the caller to say.
    (!quoted).then_some((options, ""))
}

/// Reads the strings of a blob, each with its length in front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn string(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_at_checked(4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        let (string, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(string)
    }
}

/// Whether a private key has a passphrase, told from the beginning of its file. None when it is no private key;
/// `Some(None)` when the format does not tell.
pub(crate) fn private_key_encryption(head: &str) -> Option<Option<bool>> {
    let begin = head.lines().next()?.trim();
    let kind = begin.strip_prefix("-----BEGIN ")?.strip_suffix("PRIVATE KEY-----")?.trim();
    Some(match kind {
        "ENCRYPTED" => Some(true),
        "OPENSSH" => {
            // `openssh-key-v1`, a zero byte, then the cipher's name. 64 characters of base64 hold that.
            let body: String =
                head.lines().skip(1).take(1).flat_map(|line| line.trim().chars()).take(64).collect();
            let whole: String = body.chars().take(body.len() / 4 * 4).collect();
            STANDARD.decode(whole).ok().and_then(|bytes| {
                let mut reader = Reader(bytes.strip_prefix(b"openssh-key-v1\0")?);
                reader.string().map(|cipher| cipher != b"none")
            })
        }
        "RSA" | "DSA" | "EC" => Some(
            head.lines().skip(1).take(1).any(|line| line.contains("Proc-Type") && line.contains("ENCRYPTED")),
        ),
        // PKCS#8 without the word says that it is not encrypted.
        "" => Some(false),
        _ => None,
    })
}
