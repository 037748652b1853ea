//! Checkpoints: what a log signs about its tree (C2SP tlog-checkpoint), and what witnesses add.

use signed_note::{Note, NoteError, Signature, Signer, Verifier as _};
use tlog_tiles::{Checkpoint as Body, Hash};

use crate::key::{Algorithm, SigningKey, VerifierKey};

/// Bytes of a checkpoint at most.
const LONGEST: usize = 64 * 1024;

/// The size of a tree and its root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Head {
    /// Entries in it.
    pub size: u64,
    /// The root of RFC 6962.
    pub root: Hash,
}

/// Why text is no checkpoint of a log.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Not of the form.
    #[error("it is not a signed checkpoint")]
    Form,
    /// Another log's.
    #[error("it is a checkpoint of the log {found}, not of {wanted}")]
    Origin {
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// Not signed with the key.
    #[error("it is not signed with the key {0}")]
    Unsigned(String),
    /// Signed in that key's name, and the signature is wrong.
    #[error(
        "its signature in the name of {0} is wrong: it was changed after it was signed, or signed by somebody else"
    )]
    Forged(String),
}

/// A witness's word that it saw this head, and none that contradicts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness.
    pub witness: String,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// A checkpoint as it was read: nothing of it is believed before [`Checkpoint::signed_by`].
#[derive(Debug, PartialEq)]
pub struct Checkpoint {
    note: Note,
    signatures: Vec<Signature>,
    origin: String,
    head: Head,
}

impl Checkpoint {
    /// Signs the head of a log.
    ///
    /// # Errors
    /// When the key's name, the origin, cannot stand in a note.
    pub fn sign(head: Head, key: &SigningKey) -> Result<Self, CheckpointError> {
        let body =
            Body::new(key.verifier().name(), head.size, head.root, "").map_err(|_| CheckpointError::Form)?;
        let mut note = Note::new(&body.to_bytes(), &[]).map_err(|_| CheckpointError::Form)?;
        let signers: [&dyn Signer; 1] = [key];
        note.add_sigs(&signers).map_err(|_| CheckpointError::Form)?;
        Self::read(&note.to_bytes())
    }

    /// Reads a checkpoint; whose it is and whether it is signed is not asked yet.
    ///
    /// # Errors
    /// [`CheckpointError::Form`].
    pub fn read(bytes: &[u8]) -> Result<Self, CheckpointError> {
        if bytes.len() > LONGEST {
            return Err(CheckpointError::Form);
        }
        let note = Note::from_bytes(bytes).map_err(|_| CheckpointError::Form)?;
        let body = Body::from_bytes(note.text()).map_err(|_| CheckpointError::Form)?;
        let signed = bytes.get(note.text().len() + 1..).unwrap_or_default();
        let signatures = lines(signed).collect::<Result<_, _>>()?;
        Ok(Self {
            origin: body.origin().to_owned(),
            head: Head { size: body.size(), root: *body.hash() },
            note,
            signatures,
        })
    }

    /// The text, with all signatures.
    pub fn text(&self) -> Vec<u8> {
        self.note.to_bytes()
    }

    /// The text that is signed.
    pub fn body(&self) -> &[u8] {
        self.note.text()
    }

    /// The log that it names.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What it says of the tree.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Whether the log of this key signed it.
    ///
    /// # Errors
    /// What speaks against it.
    pub fn signed_by(&self, key: &VerifierKey) -> Result<(), CheckpointError> {
        if self.origin != key.name() {
            return Err(CheckpointError::Origin { found: self.origin.clone(), wanted: key.name().to_owned() });
        }
        if key.algorithm() != Algorithm::Log {
            return Err(CheckpointError::Unsigned(key.to_string()));
        }
        let mut own = self.of(key).peekable();
        if own.peek().is_none() {
            return Err(CheckpointError::Unsigned(key.to_string()));
        }
        if own.all(|signature| key.verify(self.note.text(), signature.signature())) {
            Ok(())
        } else {
            Err(CheckpointError::Forged(key.name().to_owned()))
        }
    }

    /// The cosignature of this witness; none: it has not signed.
    ///
    /// # Errors
    /// [`CheckpointError::Forged`] when there is one in its name that is wrong.
    pub fn cosigned_by(&self, witness: &VerifierKey) -> Result<Option<Cosignature>, CheckpointError> {
        let mut newest = None;
        for signature in self.of(witness) {
            let time = witness
                .cosigned_at(self.note.text(), signature.signature())
                .ok_or_else(|| CheckpointError::Forged(witness.name().to_owned()))?;
            newest = newest.max(Some(time));
        }
        Ok(newest.map(|time| Cosignature { witness: witness.name().to_owned(), time }))
    }

    /// The line with which a witness cosigns it.
    ///
    /// # Errors
    /// When the key's name cannot stand in a note.
    pub fn cosign(&self, key: &SigningKey) -> Result<Vec<u8>, CheckpointError> {
        let signature = key.sign(self.note.text()).map_err(|_| CheckpointError::Form)?;
        let named = Signature::new(key.verifier().name().to_owned(), key.verifier().id(), signature);
        Ok(named.map_err(|_| CheckpointError::Form)?.to_bytes())
    }

    /// The same with the lines of cosignatures that are right and of these witnesses; others are left out.
    ///
    /// # Errors
    /// [`CheckpointError::Form`] when the lines are none.
    pub fn with_cosignatures(&self, text: &[u8], witnesses: &[VerifierKey]) -> Result<Self, CheckpointError> {
        self.with(lines(text).collect::<Result<_, _>>()?, witnesses)
    }

    /// The same with the cosignatures of another copy of it that are right and of these witnesses.
    ///
    /// # Errors
    /// [`CheckpointError::Form`] when the other is of another head, or of another log.
    pub fn joined(&self, other: &Self, witnesses: &[VerifierKey]) -> Result<Self, CheckpointError> {
        if self.body() != other.body() {
            return Err(CheckpointError::Form);
        }
        self.with(other.signatures.clone(), witnesses)
    }

    /// How many of these witnesses have cosigned it.
    pub fn cosigners(&self, witnesses: &[VerifierKey]) -> usize {
        witnesses.iter().filter(|witness| matches!(self.cosigned_by(witness), Ok(Some(_)))).count()
    }

    fn with(&self, more: Vec<Signature>, witnesses: &[VerifierKey]) -> Result<Self, CheckpointError> {
        let mut signatures = self.signatures.clone();
        for signature in more {
            let is_right = witnesses.iter().any(|key| {
                is_of(&signature, key) && key.cosigned_at(self.note.text(), signature.signature()).is_some()
            });
            if is_right {
                // The newer takes the place of the older.
                signatures.retain(|kept| kept.name() != signature.name() || kept.id() != signature.id());
                signatures.push(signature);
            }
        }
        let note = Note::new(self.note.text(), &signatures).map_err(|_: NoteError| CheckpointError::Form)?;
        Ok(Self { note, signatures, origin: self.origin.clone(), head: self.head })
    }

    fn of<'a>(&'a self, key: &'a VerifierKey) -> impl Iterator<Item = &'a Signature> {
        self.signatures.iter().filter(move |signature| is_of(signature, key))
    }
}

fn is_of(signature: &Signature, key: &VerifierKey) -> bool {
    signature.name() == key.name() && signature.id() == key.id()
}

/// Lines of signatures.
fn lines(text: &[u8]) -> impl Iterator<Item = Result<Signature, CheckpointError>> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| Signature::from_bytes(line).map_err(|_| CheckpointError::Form))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn log_key() -> SigningKey {
        SigningKey::of_log("log.example/ms", &[1; 32]).unwrap()
    }

    pub(crate) fn witness_key(seed: u8, time: u64) -> SigningKey {
        SigningKey::of_witness(&format!("witness{seed}.example"), &[seed; 32], time).unwrap()
    }

    fn signed() -> Checkpoint {
        Checkpoint::sign(Head { size: 7, root: Hash([9; 32]) }, &log_key()).unwrap()
    }

    #[test]
    fn what_was_signed_is_read_and_believed() {
        let signed = signed();
        let read = Checkpoint::read(&signed.text()).unwrap();
        assert_eq!((read.origin(), read.head()), ("log.example/ms", Head { size: 7, root: Hash([9; 32]) }));
        read.signed_by(log_key().verifier()).unwrap();
        let text = String::from_utf8(signed.text()).unwrap();
        assert!(
            text.starts_with("log.example/ms\n7\nCQkJ") && text.contains("\n\n\u{2014} log.example/ms "),
            "{text}"
        );
    }

    #[test]
    fn another_key_name_or_head_is_not_believed() {
        let signed = signed();
        let same_name = SigningKey::of_log("log.example/ms", &[2; 32]).unwrap();
        assert!(matches!(signed.signed_by(same_name.verifier()), Err(CheckpointError::Unsigned(_))));
        let other = SigningKey::of_log("other.example", &[1; 32]).unwrap();
        assert!(matches!(signed.signed_by(other.verifier()), Err(CheckpointError::Origin { .. })));
        let text = String::from_utf8(signed.text()).unwrap();
        let grown = Checkpoint::read(text.replace("\n7\n", "\n8\n").as_bytes()).unwrap();
        assert!(matches!(grown.signed_by(log_key().verifier()), Err(CheckpointError::Forged(_))));
    }

    #[test]
    fn witnesses_add_their_time_and_only_theirs_is_kept() {
        let (known, unknown) = (witness_key(3, 1000), witness_key(4, 2000));
        let witnesses = [known.verifier().clone()];
        let signed = signed();
        let lines = [signed.cosign(&known).unwrap(), signed.cosign(&unknown).unwrap()].concat();
        let cosigned = signed.with_cosignatures(&lines, &witnesses).unwrap();
        let expected = Cosignature { witness: "witness3.example".to_owned(), time: 1000 };
        assert_eq!(cosigned.cosigned_by(known.verifier()).unwrap(), Some(expected));
        assert_eq!(cosigned.cosigned_by(unknown.verifier()).unwrap(), None);
        let again =
            cosigned.with_cosignatures(&signed.cosign(&witness_key(3, 5000)).unwrap(), &witnesses).unwrap();
        assert_eq!(again.cosigned_by(known.verifier()).unwrap().unwrap().time, 5000);
        assert_eq!(
            again.text().split(|byte| *byte == b'\n').count(),
            cosigned.text().split(|byte| *byte == b'\n').count()
        );
        // Two copies, each cosigned by one of two witnesses, are one that both have cosigned.
        let both = [known.verifier().clone(), unknown.verifier().clone()];
        let one = signed.with_cosignatures(&signed.cosign(&known).unwrap(), &both).unwrap();
        let two = signed.with_cosignatures(&signed.cosign(&unknown).unwrap(), &both).unwrap();
        let joined = one.joined(&two, &both).unwrap();
        assert_eq!((one.cosigners(&both), joined.cosigners(&both)), (1, 2));
        assert_eq!(one.joined(&two, &witnesses).unwrap(), one, "only of those who are known");
        // Of another checkpoint: not taken.
        let other = Checkpoint::sign(Head { size: 8, root: Hash([9; 32]) }, &log_key()).unwrap();
        let foreign = signed.with_cosignatures(&other.cosign(&known).unwrap(), &witnesses).unwrap();
        assert_eq!(foreign.cosigned_by(known.verifier()).unwrap(), None);
        assert!(signed.joined(&other, &witnesses).is_err());
    }

    proptest! {
        #[test]
        fn no_bit_can_be_flipped(bit in 0_usize..8, at: proptest::sample::Index) {
            let text = signed().text();
            let mut flipped = text.clone();
            let at = at.index(text.len());
            flipped[at] ^= 1 << bit;
            let believed = Checkpoint::read(&flipped).is_ok_and(|read| read.signed_by(log_key().verifier()).is_ok());
            prop_assert!(!believed, "{}", String::from_utf8_lossy(&flipped));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "(.|\n|\u{2014} ){0,80}") {
            drop(Checkpoint::read(&bytes));
            drop(Checkpoint::read(text.as_bytes()));
        }
    }
}
