//! What was signed, and by whom: the checkpoint of a log, and that of a proof.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use tlog_tiles::record_hash;

use super::{Check, Log, Source, SourceError, Verified};
use crate::checkpoint::Checkpoint;
use crate::edge::Edge;
use crate::key::VerifierKey;
use crate::policy::Policy;
use crate::proof::Proof;
use crate::tile::{Path, TILE, Tile};

/// Checks one entry by the proof that goes with it.
pub fn verify_proof(proof: &Proof, entry: &[u8], policy: &Policy) -> Verified {
    let checkpoint = &proof.checkpoint;
    let head = Some(checkpoint.head());
    let mut verified = Verified { origin: checkpoint.origin().to_owned(), head, ..Verified::default() };
    check_signatures(checkpoint, policy, &mut verified);
    match proof.includes(record_hash(entry)) {
        Ok(()) => verified.entries = 1,
        Err(error) => verified.fault(Check::Root, Some(proof.index), error.to_string()),
    }
    verified
}

/// The checkpoint, as it was signed where that can be told; none: there is none.
pub(super) fn read_checkpoint(
    source: &mut impl Source,
    policy: &Policy,
    verified: &mut Verified,
) -> Result<Option<Checkpoint>, SourceError> {
    let Some(bytes) = source.read(Path::Checkpoint)? else {
        verified.fault(Check::Form, None, "there is no checkpoint");
        return Ok(None);
    };
    let mut read = Checkpoint::read(&bytes);
    let is_believed =
        |checkpoint: &Checkpoint| policy.logs().iter().any(|key| checkpoint.signed_by(key).is_ok());
    if !read.as_ref().is_ok_and(is_believed)
        && let Some((mended, said)) = mended(source, &bytes, policy)?
    {
        verified.fault(Check::Signature, None, said);
        read = Ok(mended);
    }
    match read {
        Ok(checkpoint) => {
            checkpoint.origin().clone_into(&mut verified.origin);
            verified.head = Some(checkpoint.head());
            Ok(Some(checkpoint))
        }
        Err(error) => {
            verified.fault(Check::Form, None, format!("the checkpoint: {error}"));
            Ok(None)
        }
    }
}

/// The checkpoint as it was signed, and what was changed of its text, where the tiles that are there and the signatures tell: what is
/// signed is no more than the name of a log, a size and a root.
fn mended(
    source: &mut impl Source,
    bytes: &[u8],
    policy: &Policy,
) -> Result<Option<(Checkpoint, String)>, SourceError> {
    let Some((body, signatures)) = std::str::from_utf8(bytes).ok().and_then(|text| text.split_once("\n\n"))
    else {
        return Ok(None);
    };
    let lowest = |path: &Path| match *path {
        Path::Tile { level: 0, number, width } => Some((number, width)),
        _ => None,
    };
    let mut tiles: Vec<(u64, u16)> = source.paths().unwrap_or_default().iter().filter_map(lowest).collect();
    tiles.sort_unstable();
    let mut edge = Edge::default();
    for (number, width) in tiles {
        let tile = source.read(Path::Tile { level: 0, number, width })?.map(|bytes| Tile::read(&bytes));
        let Some(Ok(tile)) = tile.filter(|_| edge.size() == number * TILE) else { return Ok(None) };
        tile.hashes().iter().for_each(|hash| edge.push(*hash, |_, _, _| ()));
    }
    for key in policy.logs() {
        let signed = format!("{}\n{}\n{}", key.name(), edge.size(), STANDARD.encode(edge.root().0));
        let Ok(checkpoint) = Checkpoint::read(format!("{signed}\n\n{signatures}").as_bytes()) else { continue };
        if checkpoint.signed_by(key).is_err() {
            continue;
        }
        let whats = ["name of the log", "size", "root"];
        let changed = whats.iter().zip(body.lines().zip(signed.lines())).find(|(_, (one, other))| one != other);
        let said = match changed {
            Some((what, (says, was))) => {
                format!(
                    "the {what} in the checkpoint was changed: it says {says}, and what was signed says {was}"
                )
            }
            None => "something was put into the text of the checkpoint that was not signed".to_owned(),
        };
        return Ok(Some((checkpoint, said)));
    }
    Ok(None)
}

/// Whether it is signed by a log that is believed, and cosigned by enough witnesses.
pub(super) fn check_signatures(checkpoint: &Checkpoint, policy: &Policy, verified: &mut Verified) {
    let named: Vec<&VerifierKey> =
        policy.logs().iter().filter(|key| key.name() == checkpoint.origin()).collect();
    let mut worst = None;
    for key in &named {
        match checkpoint.signed_by(key) {
            Ok(()) => {
                verified.signed_by = Some((*key).clone());
                break;
            }
            Err(error) => worst = Some(error),
        }
    }
    match (&verified.signed_by, worst) {
        (Some(_), _) => {}
        (None, Some(error)) => verified.fault(Check::Signature, None, format!("the checkpoint: {error}")),
        (None, None) => {
            let said = format!(
                "no key is given for a log named {}; what it signed is not believed",
                checkpoint.origin()
            );
            verified.fault(Check::Signature, None, said);
        }
    }
    let mut agreed = BTreeSet::new();
    for (place, witness) in policy.witnesses().iter().enumerate() {
        match checkpoint.cosigned_by(witness) {
            Ok(Some(cosignature)) => {
                agreed.insert(place);
                verified.cosigned.push(cosignature);
            }
            Ok(None) => {}
            Err(error) => verified.fault(Check::Witness, None, format!("the checkpoint: {error}")),
        }
    }
    if !policy.is_enough(&agreed) {
        let said = format!(
            "{} of {} witnesses have cosigned, which the policy does not take as enough",
            agreed.len(),
            policy.witnesses().len()
        );
        verified.fault(Check::Witness, None, said);
    }
}

/// When the checkpoint that was seen before was cosigned.
pub(super) fn check_known(
    checkpoint: &Checkpoint,
    policy: &Policy,
    log: &Log<'_>,
    verified: &mut Verified,
) -> Option<Timestamp> {
    let known = log.known?;
    if known.origin() != checkpoint.origin() {
        let said = format!("the checkpoint that was seen before is of the log {}", known.origin());
        verified.fault(Check::Form, None, said);
        return None;
    }
    if !policy.logs().iter().any(|key| known.signed_by(key).is_ok()) {
        let said = "the checkpoint that was seen before is not signed by a key that is given: nothing can be compared with it";
        verified.fault(Check::Signature, None, said);
        return None;
    }
    // What nobody signed says nothing of what was there.
    verified.signed_by.as_ref()?;
    verified.known = Some(known.head().size);
    let (old, new) = (known.head(), checkpoint.head());
    if old.size > new.size {
        let said = format!(
            "the log had {} entries when it was seen before and has {} now: its end is missing",
            old.size, new.size
        );
        verified.fault(Check::Truncation, Some(new.size), said);
    }
    let times = policy.witnesses().iter().filter_map(|witness| known.cosigned_by(witness).ok().flatten());
    let first = times.map(|cosignature| cosignature.time).min()?;
    Timestamp::from_second(i64::try_from(first).ok()?).ok()
}
