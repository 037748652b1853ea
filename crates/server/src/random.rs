//! What must not be guessed: tokens, identifiers, and codes that people type.
//!
//! Everything comes from the system's generator; one that does not answer is an error, never weak output.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Why nothing random could be had.
#[derive(Debug, thiserror::Error)]
pub enum RandomError {
    /// The system refused.
    #[error(
        "the system's random generator does not answer; nothing that must be secret can be made until it does"
    )]
    Refused(#[source] getrandom::Error),
    /// The system said that it answered, and did not.
    #[error(
        "the system's random generator gave nothing but zeros; nothing that must be secret can be made from it"
    )]
    Empty,
}

/// A token of 256 bits, as 43 characters that may stand in headers and addresses.
///
/// # Errors
/// When the system's generator does not answer.
pub(crate) fn token() -> Result<SecretString, RandomError> {
    let bytes: Zeroizing<[u8; 32]> = bytes()?;
    Ok(URL_SAFE_NO_PAD.encode(bytes.as_slice()).into())
}

/// The identifier of a new row, as the text of a UUID, version 4.
///
/// Not version 7: identifiers stand in addresses, and would tell everybody who sees one when its row was made. Lists are
/// ordered by columns that say so.
///
/// # Errors
/// When the system's generator does not answer.
pub(crate) fn public_id() -> Result<String, RandomError> {
    let bytes: Zeroizing<[u8; 16]> = bytes()?;
    Ok(uuid::Builder::from_random_bytes(*bytes).into_uuid().hyphenated().to_string())
}

/// How a token or a code is kept: the SHA-256 of its text, as 64 hexadecimal digits.
///
/// Enough without salt and rounds for what nobody can guess; never for passwords.
pub(crate) fn sha256_hex(secret: &SecretString) -> String {
    hex::encode(Sha256::digest(secret.expose_secret()))
}

/// `N` random bytes; at least sixteen, so that zeros alone can be told from chance.
///
/// # Errors
/// When the system's generator does not answer.
pub(crate) fn bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, RandomError> {
    bytes_from(getrandom::fill)
}

fn bytes_from<const N: usize>(
    fill: impl FnOnce(&mut [u8]) -> Result<(), getrandom::Error>,
) -> Result<Zeroizing<[u8; N]>, RandomError> {
    const { assert!(N >= 16, "fewer bytes could be zero by chance") }
    let mut bytes = Zeroizing::new([0; N]);
    fill(bytes.as_mut_slice()).map_err(RandomError::Refused)?;
    if bytes.iter().all(|byte| *byte == 0) { Err(RandomError::Empty) } else { Ok(bytes) }
}

/// A kind of code that a person reads and types: groups of four characters of Crockford's alphabet, five bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// What the first administrator is made with: 60 bits. It opens once, behind the gate.
    SetUp,
    /// What stands in a link of an invitation or of a reset by mail: 120 bits.
    Link,
    /// What opens once when the second factor is lost: 80 bits, out of reach of who stole its hash.
    Recovery,
}

/// Crockford's base 32: no I, L, O, which are read as 1, 1, 0, and no U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP: usize = 4;
/// Characters of the longest code.
const LONGEST: usize = 24;
/// A code as people write it has at most this many bytes: every character of the longest with two separators after it.
const LONGEST_WRITTEN: usize = LONGEST * 3;

impl Code {
    const fn characters(self) -> usize {
        match self {
            Self::SetUp => 12,
            Self::Recovery => 16,
            Self::Link => LONGEST,
        }
    }

    /// A new code as it is shown: `K7QF-2M9T-8XWA`. What is kept is the hash of this text.
    ///
    /// # Errors
    /// When the system's generator does not answer.
    pub(crate) fn generate(self) -> Result<SecretString, RandomError> {
        let bytes: Zeroizing<[u8; LONGEST]> = bytes()?;
        // A byte has eight times as many values as the alphabet, so that none is likelier than another.
        Ok(self.write(bytes.iter().map(|byte| usize::from(byte % 32))))
    }

    /// The code that somebody typed, as it was shown; none when it cannot be one.
    ///
    /// Case, spaces and hyphens do not matter; O is read as 0, I and L as 1.
    pub(crate) fn read(self, written: &SecretString) -> Option<SecretString> {
        let written = written.expose_secret();
        if written.len() > LONGEST_WRITTEN {
            return None;
        }
        let mut values = Zeroizing::new(Vec::with_capacity(LONGEST_WRITTEN));
        for byte in written.bytes().filter(|byte| !matches!(byte, b' ' | b'-' | b'\t' | b'\r' | b'\n')) {
            let wanted = match byte.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
            values.push(ALPHABET.iter().position(|character| *character == wanted)?);
        }
        (values.len() == self.characters()).then(|| self.write(values.iter().copied()))
    }

    fn write(self, values: impl Iterator<Item = usize>) -> SecretString {
        // The whole length at once: a text that grows leaves copies of its beginning behind.
        let mut text = String::with_capacity(self.characters() + self.characters() / GROUP - 1);
        for (at, value) in values.take(self.characters()).enumerate() {
            if at > 0 && at % GROUP == 0 {
                text.push('-');
            }
            text.extend(ALPHABET.get(value).map(|byte| char::from(*byte)));
        }
        text.into()
    }
}

#[cfg(test)]
mod tests;
