//! What the first bytes of a file say: whether it holds a private key, and whether a passphrase protects it.
//!
//! Only the verdict leaves this module, never a byte of the content.

use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host::{Door, Error};

/// A key file begins with its header; chains of certificates come before the key in some.
const HEAD: usize = 64 << 10;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// A private key in PEM; whether a passphrase protects it.
    PrivateKey {
        /// Whether a passphrase protects it.
        encrypted: bool,
    },
    /// A private key of OpenSSH or PuTTY.
    SshKey {
        /// Whether a passphrase protects it.
        encrypted: bool,
    },
    /// Neither.
    Nothing,
}

/// Judges the first bytes of a file.
pub fn sniff(head: &[u8]) -> Held {
    let text = String::from_utf8_lossy(head);
    let Some((label, body)) = text.match_indices("-----BEGIN ").find_map(|(at, begin)| {
        let rest = text.get(at + begin.len()..)?;
        let (label, body) = rest.split_once("-----")?;
        (label.len() < 40 && label.ends_with("PRIVATE KEY")).then_some((label, body))
    }) else {
        return match text.strip_prefix("PuTTY-User-Key-File-") {
            Some(rest) => {
                Held::SshKey { encrypted: !rest.lines().take(5).any(|line| line.trim() == "Encryption: none") }
            }
            None => Held::Nothing,
        };
    };
    match label {
        "OPENSSH PRIVATE KEY" => Held::SshKey { encrypted: openssh_cipher(body) },
        "ENCRYPTED PRIVATE KEY" => Held::PrivateKey { encrypted: true },
        _ => {
            let encrypted = body.lines().take(5).any(|line| line.contains("4,ENCRYPTED"));
            Held::PrivateKey { encrypted }
        }
    }
}

/// Whether an OpenSSH key names a cipher other than `none`.
fn openssh_cipher(body: &str) -> bool {
    // The magic, a length and the cipher's name stand in the first 24 base64 characters or little more.
    let start: String = body.chars().filter(|c| !c.is_whitespace()).take(40).collect();
    let Ok(bytes) = STANDARD.decode(start) else { return false };
    let Some(rest) = bytes.strip_prefix(b"openssh-key-v1\0") else { return false };
    rest.get(4..8).is_some_and(|name| name != b"none")
}

/// Whether a file is encrypted as a whole: age, GnuPG, LUKS, `OpenSSL enc`, or an archive that says so.
/// None when its kind does not tell.
pub fn encrypted_whole(head: &[u8]) -> Option<bool> {
    let encrypted: &[&[u8]] = &[
        b"age-encryption.org/v1",
        b"-----BEGIN AGE ENCRYPTED FILE-----",
        b"-----BEGIN PGP MESSAGE-----",
        b"LUKS\xba\xbe",
        b"Salted__",
        // Public-key and symmetric session key packets of OpenPGP.
        b"\x85\x01",
        b"\x85\x02",
        b"\x84\x5e",
        b"\x8c\x0d",
    ];
    if encrypted.iter().any(|magic| head.starts_with(magic)) {
        return Some(true);
    }
    if head.starts_with(b"PK\x03\x04") {
        // Bit 0 of the first member's flags.
        return head.get(6).map(|flags| flags & 1 == 1);
    }
    let plain: &[&[u8]] = &[
        b"\x1f\x8b",          // gzip
        b"\x28\xb5\x2f\xfd",  // zstd
        b"\xfd7zXZ\0",        // xz
        b"BZh",               // bzip2
        b"PGDMP",             // PostgreSQL
        b"SQLite format 3\0", // SQLite
        b"QFI\xfb",           // qcow2
        b"-- ",               // SQL
    ];
    if plain.iter().any(|magic| head.starts_with(magic)) || head.get(257..262) == Some(b"ustar") {
        return Some(false);
    }
    None
}

/// The first bytes of a file.
///
/// # Errors
/// As [`Door::open`].
pub(crate) fn head(door: &Door, path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let file = door.open(path)?;
    file.take(limit as u64)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io(path.display().to_string(), &error))?;
    Ok(bytes)
}

/// What a file holds.
///
/// # Errors
/// As [`Door::open`].
pub(crate) fn held(door: &Door, path: &Path) -> Result<Held, Error> {
    // A key alone fits into the first 4 KiB; only files that begin with something else are read further.
    let first = head(door, path, 4 << 10)?;
    match sniff(&first) {
        Held::Nothing if first.len() == 4 << 10 => Ok(sniff(&head(door, path, HEAD)?)),
        held => Ok(held),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_keys_and_their_protection() {
        let cases: &[(&str, Held)] = &[
            ("-----BEGIN PRIVATE KEY-----\nMIIE", Held::PrivateKey { encrypted: false }),
            ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", Held::PrivateKey { encrypted: true }),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", Held::PrivateKey { encrypted: true }),
            (
                "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\n",
                Held::PrivateKey { encrypted: false },
            ),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMw\n",
                Held::SshKey { encrypted: false },
            ),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAAB\n",
                Held::SshKey { encrypted: true },
            ),
            ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", Held::SshKey { encrypted: false }),
            ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\n", Held::SshKey { encrypted: true }),
            ("-----BEGIN PUBLIC KEY-----\n", Held::Nothing),
            ("-----BEGIN ", Held::Nothing),
            ("", Held::Nothing),
        ];
        for (head, expected) in cases {
            assert_eq!(sniff(head.as_bytes()), *expected, "{head}");
        }
        assert_eq!(sniff(b"\xff\xfe-----BEGIN \xff PRIVATE KEY-----"), Held::PrivateKey { encrypted: false });
    }

    #[test]
    fn archives_tell_whether_they_are_encrypted() {
        assert_eq!(encrypted_whole(b"age-encryption.org/v1\n"), Some(true));
        assert_eq!(encrypted_whole(b"PK\x03\x04\x14\x00\x01\x00"), Some(true));
        assert_eq!(encrypted_whole(b"PK\x03\x04\x14\x00\x00\x00"), Some(false));
        assert_eq!(encrypted_whole(b"\x1f\x8b\x08"), Some(false));
        assert_eq!(encrypted_whole(b"some text"), None);
        assert_eq!(encrypted_whole(b""), None);
    }
}
