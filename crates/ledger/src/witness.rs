//! The witness protocol (C2SP tlog-witness): what a log sends, and how a witness decides.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tlog_tiles::Hash;

use crate::checkpoint::{Checkpoint, CheckpointError, Head};
use crate::key::VerifierKey;
use crate::proof::{decimal, extends, hash};

/// Hashes of a consistency proof at most.
const MOST_HASHES: usize = 63;

/// Bytes of a request at most.
const LONGEST: usize = 64 * 1024;

/// The content type of the answer that tells which size a witness has cosigned.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// Why bytes are no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not of the form.
    #[error("it is not a request to a witness: a line `old SIZE`, hashes, an empty line, a checkpoint")]
    Form,
    /// The checkpoint is none.
    #[error("the checkpoint of the request: {0}")]
    Checkpoint(#[source] CheckpointError),
}

/// What a log asks of a witness: to cosign this checkpoint, and why it may.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// The size that the witness cosigned before, as far as the log knows.
    pub old: u64,
    /// The proof that the tree of the checkpoint begins with that one.
    pub proof: Vec<Hash>,
    /// What is to be cosigned.
    pub checkpoint: Checkpoint,
}

impl Request {
    /// The body of the request.
    pub fn text(&self) -> Vec<u8> {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            text.push_str(&STANDARD.encode(hash.0));
            text.push('\n');
        }
        text.push('\n');
        [text.as_bytes(), &self.checkpoint.text()].concat()
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > LONGEST {
            return Err(RequestError::Form);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| RequestError::Form)?;
        let (lines, checkpoint) = text.split_once("\n\n").ok_or(RequestError::Form)?;
        let mut lines = lines.split('\n');
        let old =
            lines.next().and_then(|line| decimal(line.strip_prefix("old ")?)).ok_or(RequestError::Form)?;
        let proof = lines.map(|line| hash(line).ok_or(RequestError::Form)).collect::<Result<Vec<_>, _>>()?;
        if proof.len() > MOST_HASHES {
            return Err(RequestError::Form);
        }
        let checkpoint = Checkpoint::read(checkpoint.as_bytes()).map_err(RequestError::Checkpoint)?;
        Ok(Self { old, proof, checkpoint })
    }
}

/// Why a witness does not cosign, as the protocol tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 404: it knows no log of that origin.
    #[error("this witness does not know the log")]
    Unknown,
    /// 403: not signed with a key that it knows.
    #[error("the checkpoint is not signed with a key that this witness knows")]
    Unsigned,
    /// 400: the old size is larger than the new one.
    #[error("the old size is larger than that of the checkpoint")]
    Backwards,
    /// 409: it cosigned another size.
    #[error("this witness has cosigned a tree of {0} entries")]
    Conflict(u64),
    /// 409: it cosigned another root of this size. The log signed both: it is forked.
    #[error("this witness has cosigned another tree of {0} entries")]
    Forked(u64),
    /// 422: the proof does not prove it.
    #[error("the tree of the checkpoint does not begin with the one that this witness cosigned")]
    Inconsistent,
}

impl Refusal {
    /// Whether the log has signed what cannot both be true.
    pub fn is_contradiction(self) -> bool {
        matches!(self, Self::Forked(_) | Self::Inconsistent)
    }
}

/// Whether a log that a witness knows signed this: what can be told before anything is looked up.
///
/// # Errors
/// [`Refusal::Unknown`] and [`Refusal::Unsigned`].
pub fn admit(request: &Request, logs: &[VerifierKey]) -> Result<(), Refusal> {
    let checkpoint = &request.checkpoint;
    let mut keys = logs.iter().filter(|key| key.name() == checkpoint.origin()).peekable();
    if keys.peek().is_none() {
        return Err(Refusal::Unknown);
    }
    if keys.any(|key| checkpoint.signed_by(key).is_ok()) { Ok(()) } else { Err(Refusal::Unsigned) }
}

/// Whether a witness that knows these logs may cosign; `cosigned` is the head that it cosigned last for the log of the checkpoint.
/// Whoever asks keeps the new head before handing out the cosignature.
///
/// # Errors
/// Why not.
pub fn judge(request: &Request, logs: &[VerifierKey], cosigned: Option<Head>) -> Result<Head, Refusal> {
    admit(request, logs)?;
    let new = request.checkpoint.head();
    if request.old > new.size {
        return Err(Refusal::Backwards);
    }
    // Whatever size the log believes to be the last one: it has signed two trees of one size.
    if let Some(old) = cosigned.filter(|old| old.size == new.size && old.root != new.root) {
        return Err(Refusal::Forked(old.size));
    }
    let known = cosigned.map_or(0, |head| head.size);
    if request.old != known {
        return Err(Refusal::Conflict(known));
    }
    let Some(old) = cosigned else {
        return if request.proof.is_empty() { Ok(new) } else { Err(Refusal::Inconsistent) };
    };
    extends(old, new, &request.proof).map_err(|_| Refusal::Inconsistent)?;
    Ok(new)
}

/// The size that a witness answers with when it has cosigned another one.
pub fn read_size(answer: &[u8]) -> Option<u64> {
    decimal(std::str::from_utf8(answer).ok()?.strip_suffix('\n')?)
}

/// The cosignatures of an answer added to the checkpoint, where they are right and of these witnesses.
///
/// # Errors
/// When the answer holds no lines of signatures.
pub fn read_cosignatures(
    checkpoint: &Checkpoint,
    answer: &[u8],
    witnesses: &[VerifierKey],
) -> Result<Checkpoint, CheckpointError> {
    if answer.len() > LONGEST {
        return Err(CheckpointError::Form);
    }
    checkpoint.with_cosignatures(answer, witnesses)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tlog_tiles::record_hash;

    use super::*;
    use crate::checkpoint::tests::{log_key, witness_key};
    use crate::edge::Edge;
    use crate::key::SigningKey;
    use crate::proof::consistency;
    use crate::tile::{Path, Tile};

    fn grown(size: u64) -> Edge {
        let mut edge = Edge::default();
        (0..size).for_each(|number| edge.push(record_hash(&number.to_be_bytes()), |_, _, _| ()));
        edge
    }

    fn head(edge: &Edge) -> Head {
        Head { size: edge.size(), root: edge.root() }
    }

    fn request(old: u64, new: u64) -> Request {
        let edge = grown(new);
        let tiles = edge.partial();
        let read = |path: Path| -> Option<Tile> {
            let Path::Tile { level, number, .. } = path else { return None };
            tiles
                .iter()
                .find(|(at, place, _)| (*at, *place) == (level, number))
                .map(|(_, _, tile)| tile.clone())
        };
        let proof = consistency(old, new, &read).unwrap();
        Request { old, proof, checkpoint: Checkpoint::sign(head(&edge), &log_key()).unwrap() }
    }

    #[test]
    fn a_log_that_only_grows_is_cosigned() {
        let logs = [log_key().verifier().clone()];
        let mut cosigned = None;
        for size in [0, 3, 7, 7, 200] {
            let asked = request(cosigned.map_or(0, |head: Head| head.size), size);
            let read = Request::read(&asked.text()).unwrap();
            assert_eq!(read, asked);
            cosigned = Some(judge(&read, &logs, cosigned).unwrap());
            assert_eq!(cosigned, Some(head(&grown(size))));
            let witness = witness_key(3, 99);
            let answer = read.checkpoint.cosign(&witness).unwrap();
            let known = [witness.verifier().clone()];
            let whole = read_cosignatures(&read.checkpoint, &answer, &known).unwrap();
            assert_eq!(whole.cosigned_by(witness.verifier()).unwrap().unwrap().time, 99);
        }
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let logs = [log_key().verifier().clone()];
        let seven = Some(head(&grown(7)));
        let stranger = SigningKey::of_log("log.example/ms", &[99; 32]).unwrap();
        let forged = Checkpoint::sign(head(&grown(9)), &stranger).unwrap();
        let other = SigningKey::of_log("other.example", &[1; 32]).unwrap();
        let unknown = Checkpoint::sign(head(&grown(9)), &other).unwrap();
        let fork = Head { size: 7, root: record_hash(b"fork") };
        for (request, cosigned, expected) in [
            (Request { checkpoint: unknown, ..request(7, 9) }, seven, Refusal::Unknown),
            (Request { checkpoint: forged, ..request(7, 9) }, seven, Refusal::Unsigned),
            (Request { old: 10, ..request(7, 9) }, seven, Refusal::Backwards),
            (request(5, 9), seven, Refusal::Conflict(7)),
            (request(0, 9), seven, Refusal::Conflict(7)),
            (request(7, 9), None, Refusal::Conflict(0)),
            (request(7, 7), Some(fork), Refusal::Forked(7)),
            (request(3, 7), Some(fork), Refusal::Forked(7)),
            (request(7, 7), Some(head(&grown(9))), Refusal::Conflict(9)),
            (request(7, 9), Some(fork), Refusal::Inconsistent),
            (Request { proof: vec![], ..request(7, 9) }, seven, Refusal::Inconsistent),
            (Request { old: 0, ..request(7, 9) }, None, Refusal::Inconsistent),
        ] {
            assert_eq!(judge(&request, &logs, cosigned), Err(expected));
        }
    }

    #[test]
    fn a_size_is_read_as_the_protocol_writes_it() {
        for (text, expected) in [
            ("0\n", Some(0)),
            ("20852163\n", Some(20_852_163)),
            ("7", None),
            ("07\n", None),
            ("+7\n", None),
            ("-7\n", None),
            ("7\n\n", None),
            ("18446744073709551616\n", None),
            ("", None),
        ] {
            assert_eq!(read_size(text.as_bytes()), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(old |[0-9a-zA-Z+/=]{1,44}| |\n|\u{2014} ){0,40}") {
            drop(Request::read(&bytes));
            drop(Request::read(text.as_bytes()));
            drop(Request::read(format!("old 7\n{text}").as_bytes()));
        }
    }
}
