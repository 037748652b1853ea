//! Small secrets at rest: sealed, so that a stolen database without the key file tells nothing, and hashed with a key
//! where a value must be found but not read.

mod key_file;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{aead, hkdf, hmac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretSlice};

use crate::random::{self, RandomError};

pub(crate) use key_file::KeyFileError;

/// Seals with a key that stands in a file of the state directory.
///
/// One key for each purpose, derived from that of the file and wiped when this goes. `ring` makes its own copy for the length
/// of one call, which it does not wipe.
pub(crate) struct Sealer {
    sealing: SecretBox<Key>,
    hashing: SecretBox<Key>,
}

type Key = [u8; 32];

/// Why nothing could be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// No nonce, no key.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Not a small secret.
    #[error("{context} has {bytes} bytes, and a sealed secret at most {MAX_PLAIN}")]
    TooLong {
        /// What should be sealed, and whose.
        context: String,
        /// Its size.
        bytes: usize,
    },
    /// Not in the form that this writes.
    #[error(
        "{context} is not sealed in a form that this version reads; restore it from a backup or enrol it anew"
    )]
    Form {
        /// What should be opened, and whose.
        context: String,
    },
    /// Sealed with another key, for another context, or changed since.
    #[error(
        "{context} does not open with this key: it was sealed with another key file, moved, or altered; \
             restore the key file that belongs to the database or enrol it anew"
    )]
    Altered {
        /// What should be opened, and whose.
        context: String,
    },
    /// The cipher did not do its work.
    #[error("the cipher refuses to work")]
    Cipher,
}

/// Keys and seeds have some hundreds of bytes, certificates some thousands.
const MAX_PLAIN: usize = 64 * 1024;
/// The first part of what this writes.
const FORM: &str = "v1.";
const ALGORITHM: &aead::Algorithm = &aead::CHACHA20_POLY1305;
const TAG: usize = 16;
const MAX_SEALED: usize = FORM.len() + (aead::NONCE_LEN + MAX_PLAIN + TAG).div_ceil(3) * 4;
/// Ties what is sealed to this form and this use of the cipher.
const DOMAIN: &[u8] = b"palisade.seal.v1";

impl Sealer {
    /// The sealer with the key in the file, which is made when there is none.
    ///
    /// Two processes that start together end with the same key.
    ///
    /// # Errors
    /// When the file is not one that only this user can have written, or cannot be read or made.
    pub(crate) fn open_or_create(path: &Path) -> Result<Self, SealError> {
        if let Some(key) = key_file::read(path)? {
            return Self::with(&key);
        }
        key_file::create(path, &random::bytes()?)?;
        // Read again: another process may have been first, and then its key is the one.
        match key_file::read(path)? {
            Some(key) => Self::with(&key),
            None => Err(KeyFileError::Gone { path: path.to_owned() }.into()),
        }
    }

    pub(crate) fn with(key: &Zeroizing<Key>) -> Result<Self, SealError> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, DOMAIN).extract(key.as_slice());
        Ok(Self { sealing: derive(&root, b"sealing")?, hashing: derive(&root, b"hashing")? })
    }

    /// Seals `plain` so that it opens for the same context only: what it is and whose, `totp secret of 4f1c...`.
    ///
    /// # Errors
    /// When it is longer than 64 KiB, or the system's generator does not answer.
    pub(crate) fn seal(&self, context: &str, plain: &[u8]) -> Result<String, SealError> {
        if plain.len() > MAX_PLAIN {
            return Err(SealError::TooLong { context: context.to_owned(), bytes: plain.len() });
        }
        // Random nonces of 96 bits are safe for far more secrets (2^32) than a server will ever seal.
        let drawn: Zeroizing<[u8; 16]> = random::bytes()?;
        let mut nonce = [0; aead::NONCE_LEN];
        nonce.iter_mut().zip(drawn.iter()).for_each(|(to, from)| *to = *from);

        // The whole length at once, so that nothing is copied about while it grows.
        let mut sealed = Zeroizing::new(Vec::with_capacity(aead::NONCE_LEN + plain.len() + TAG));
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let (_, body) = sealed.split_at_mut_checked(aead::NONCE_LEN).ok_or(SealError::Cipher)?;
        let tag = self
            .cipher()?
            .seal_in_place_separate_tag(aead::Nonce::assume_unique_for_key(nonce), about(context), body)
            .map_err(|_| SealError::Cipher)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(format!("{FORM}{}", URL_SAFE_NO_PAD.encode(sealed.as_slice())))
    }

    /// Opens what [`Self::seal`] gave for the same context.
    ///
    /// # Errors
    /// When it has another form, or was sealed for another context or with another key, or has changed since.
    pub(crate) fn open(&self, context: &str, sealed: &str) -> Result<SecretSlice<u8>, SealError> {
        let form = || SealError::Form { context: context.to_owned() };
        if sealed.len() > MAX_SEALED {
            return Err(form());
        }
        let body = sealed.strip_prefix(FORM).ok_or_else(form)?;
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| form())?;
        let (nonce, text) = bytes.split_first_chunk::<{ aead::NONCE_LEN }>().ok_or_else(form)?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = self
            .cipher()?
            .open_in_place(aead::Nonce::assume_unique_for_key(*nonce), about(context), &mut text)
            .map_err(|_| SealError::Altered { context: context.to_owned() })?;
        Ok(plain.to_vec().into())
    }

    /// A value that must be found but not read: 64 hexadecimal digits, the same for the same value in the same context.
    pub(crate) fn keyed_hash(&self, context: &str, value: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.hashing.expose_secret());
        let mut hash = hmac::Context::with_key(&key);
        // The length tells where the context ends: `ab`, `c` is not `a`, `bc`.
        hash.update(&u64::try_from(context.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(context.as_bytes());
        hash.update(value.as_bytes());
        hex::encode(hash.sign())
    }

    fn cipher(&self) -> Result<aead::LessSafeKey, SealError> {
        aead::UnboundKey::new(ALGORITHM, self.sealing.expose_secret())
            .map(aead::LessSafeKey::new)
            .map_err(|_| SealError::Cipher)
    }
}

fn about(context: &str) -> aead::Aad<Vec<u8>> {
    aead::Aad::from([DOMAIN, b"\0", context.as_bytes()].concat())
}

fn derive(root: &hkdf::Prk, purpose: &[u8]) -> Result<SecretBox<Key>, SealError> {
    let mut key = SecretBox::new(Box::new([0; 32]));
    let filled = root.expand(&[purpose], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(key.expose_secret_mut()));
    filled.map(|()| key).map_err(|_| SealError::Cipher)
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(***)")
    }
}

#[cfg(test)]
mod tests;
