//! Keys of logs and witnesses: Ed25519, named, as C2SP signed-note and tlog-cosignature write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use signed_note::{Signer, Verifier, is_key_name_valid, key_id};

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Checkpoints of a log.
    Log,
    /// Cosignatures of a witness, with the time.
    Witness,
}

impl Algorithm {
    /// The byte that names it.
    fn byte(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }
}

/// Why text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not of the form.
    #[error("it is not of the form NAME+ID+KEY")]
    Form,
    /// The identifier is not that of name and key: a typing error, most likely.
    #[error("its identifier does not fit its name and key; copy it whole")]
    Id,
    /// Neither Ed25519 nor a cosignature's.
    #[error("it is for another kind of signatures than Ed25519")]
    Algorithm,
    /// The name cannot stand in a signed note.
    #[error("a name of a key has neither spaces nor `+`")]
    Name,
}

/// A public key with its name, which checks what was signed with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    algorithm: Algorithm,
    key: [u8; 32],
}

impl VerifierKey {
    /// Reads a vkey: `NAME+ID+KEY`.
    ///
    /// # Errors
    /// When it is none, or was not copied right.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        if !is_key_name_valid(name) || id.len() != 8 {
            return Err(KeyError::Form);
        }
        let id = u32::from_str_radix(id, 16).map_err(|_| KeyError::Form)?;
        let bytes = STANDARD.decode(key).map_err(|_| KeyError::Form)?;
        let (first, rest) = bytes.split_first().ok_or(KeyError::Form)?;
        let algorithm = [Algorithm::Log, Algorithm::Witness]
            .into_iter()
            .find(|known| known.byte() == *first)
            .ok_or(KeyError::Algorithm)?;
        let key = rest.try_into().map_err(|_| KeyError::Form)?;
        if id != key_id(name, &bytes) {
            return Err(KeyError::Id);
        }
        Ok(Self { name: name.to_owned(), algorithm, key })
    }

    /// What it checks.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name of who signs with it: a log's origin, or a witness.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells it from others of that name.
    pub fn id(&self) -> u32 {
        key_id(&self.name, &self.encoded())
    }

    /// The 32 bytes of the key.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// When a cosignature was made, in seconds since 1970; none: it is not one, or not of this key.
    pub fn cosigned_at(&self, note: &[u8], signature: &[u8]) -> Option<u64> {
        if self.algorithm != Algorithm::Witness {
            return None;
        }
        let (time, signature) = signature.split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(*time);
        self.is_signed(&cosigned(note, time), signature).then_some(time)
    }

    fn encoded(&self) -> Vec<u8> {
        [&[self.algorithm.byte()][..], &self.key].concat()
    }

    fn is_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.key).verify(message, signature).is_ok()
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}+{:08x}+{}", self.name, self.id(), STANDARD.encode(self.encoded()))
    }
}

impl Verifier for VerifierKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id()
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.algorithm {
            Algorithm::Log => self.is_signed(message, signature),
            Algorithm::Witness => self.cosigned_at(message, signature).is_some(),
        }
    }
}

/// A key that signs.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: VerifierKey,
    /// When a witness signs, in seconds since 1970.
    time: u64,
}

impl SigningKey {
    /// The key of a log with this origin, from the 32 bytes of its seed.
    ///
    /// # Errors
    /// When the name cannot stand in a note, or the seed has another length.
    pub fn of_log(origin: &str, seed: &[u8]) -> Result<Self, KeyError> {
        Self::new(origin, Algorithm::Log, seed, 0)
    }

    /// The key of a witness of this name, which signs at this time (seconds since 1970).
    ///
    /// # Errors
    /// When the name cannot stand in a note, or the seed has another length.
    pub fn of_witness(name: &str, seed: &[u8], time: u64) -> Result<Self, KeyError> {
        Self::new(name, Algorithm::Witness, seed, time)
    }

    fn new(name: &str, algorithm: Algorithm, seed: &[u8], time: u64) -> Result<Self, KeyError> {
        if !is_key_name_valid(name) {
            return Err(KeyError::Name);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Form)?;
        let key = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Form)?;
        Ok(Self { pair, public: VerifierKey { name: name.to_owned(), algorithm, key }, time })
    }

    /// What checks its signatures.
    pub fn verifier(&self) -> &VerifierKey {
        &self.public
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl Signer for SigningKey {
    fn name(&self) -> &str {
        &self.public.name
    }

    fn key_id(&self) -> u32 {
        self.public.id()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(match self.public.algorithm {
            Algorithm::Log => self.pair.sign(message).as_ref().to_vec(),
            Algorithm::Witness => {
                let signature = self.pair.sign(&cosigned(message, self.time));
                [&self.time.to_be_bytes()[..], signature.as_ref()].concat()
            }
        })
    }
}

/// What a witness signs.
fn cosigned(note: &[u8], time: u64) -> Vec<u8> {
    [format!("cosignature/v1\ntime {time}\n").as_bytes(), note].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        for key in [
            SigningKey::of_log("palisade.example/log", &[7; 32]).unwrap(),
            SigningKey::of_witness("witness.example", &[8; 32], 5).unwrap(),
        ] {
            let text = key.verifier().to_string();
            assert_eq!(VerifierKey::read(&text).as_ref(), Ok(key.verifier()), "{text}");
            assert_eq!(VerifierKey::read(&format!(" {text}\n")).as_ref(), Ok(key.verifier()));
        }
    }

    /// The key of Go's checksum database, which everybody has.
    #[test]
    fn keys_of_others_are_read() {
        let key =
            VerifierKey::read("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8").unwrap();
        assert_eq!((key.name(), key.algorithm(), key.id()), ("sum.golang.org", Algorithm::Log, 0x033d_e0ae));
    }

    #[test]
    fn what_is_no_key_says_why() {
        let good = SigningKey::of_log("a.example", &[7; 32]).unwrap().verifier().to_string();
        for (text, expected) in [
            (String::new(), KeyError::Form),
            ("a.example".to_owned(), KeyError::Form),
            (good.replace("a.example", "b.example"), KeyError::Id),
            (good.replace("+", "+0"), KeyError::Form),
            (good[..good.len() - 4].to_owned(), KeyError::Form),
            (good.replace("a.example", "a example"), KeyError::Form),
            ("x+00000000+Ag==".to_owned(), KeyError::Algorithm),
        ] {
            assert_eq!(VerifierKey::read(&text), Err(expected), "{text}");
        }
        assert_eq!(SigningKey::of_log("a+b", &[7; 32]).err(), Some(KeyError::Name));
    }
}
