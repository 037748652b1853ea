//! Checks a whole log: every entry against the tree, the tree against what was signed, and what was signed against whom to believe.

mod moved;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use tlog_tiles::{Hash, record_hash};

use crate::checkpoint::{Checkpoint, Cosignature, Head};
use crate::edge::Edge;
use crate::entries::split;
use crate::event::Event;
use crate::key::VerifierKey;
use crate::kind::Kind;
use crate::policy::Policy;
use crate::tile::{Path, TILE, Tile, widths};
use moved::Mismatches;

/// Faults that are told one by one; more are counted.
const MOST_FAULTS: usize = 100;

/// How far the times of entries may run back: several processes tell them, each by its clock.
const BACK: SignedDuration = SignedDuration::from_mins(5);

/// The detail of an event that was kept aside while the log could not be written, and is therefore older than those before it.
pub const KEPT_ASIDE: &str = "kept_aside";

/// Where the parts of a log are read from.
pub trait Source {
    /// The bytes of one part; none: it is not there.
    ///
    /// # Errors
    /// When it cannot be told.
    fn read(&mut self, path: Path) -> Result<Option<Vec<u8>>, SourceError>;

    /// All parts that there are, where that can be told.
    fn paths(&mut self) -> Option<Vec<Path>> {
        None
    }
}

/// Why a part cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be read: {reason}")]
pub struct SourceError {
    /// The part.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// What is known of a log before it is looked at.
#[derive(Debug, Default)]
pub struct Log<'a> {
    /// The first entry that is still there; those before were removed after their retention.
    pub minimum: u64,
    /// A checkpoint that was seen before.
    pub known: Option<&'a Checkpoint>,
}

/// Which check found a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// A part is missing or is none.
    Form,
    /// The checkpoint is not signed by a log that is believed.
    Signature,
    /// Too few witnesses have cosigned, or a cosignature is wrong.
    Witness,
    /// The log has fewer entries than it had.
    Truncation,
    /// The log does not begin with what it was.
    Fork,
    /// An entry is not the one that was logged.
    Entry,
    /// Entries are missing, or there are more than were signed.
    Count,
    /// A tile does not hold the hashes of what is below it.
    Tile,
    /// The tree does not have the root that was signed.
    Root,
    /// An entry says a time that cannot be.
    Time,
    /// Entries were removed and no entry says so.
    Pruning,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Form,
        Self::Signature,
        Self::Witness,
        Self::Truncation,
        Self::Fork,
        Self::Entry,
        Self::Count,
        Self::Tile,
        Self::Root,
        Self::Time,
        Self::Pruning,
    ];

    /// As it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Signature => "signature",
            Self::Witness => "witness",
            Self::Truncation => "truncation",
            Self::Fork => "fork",
            Self::Entry => "entry",
            Self::Count => "count",
            Self::Tile => "tile",
            Self::Root => "root",
            Self::Time => "time",
            Self::Pruning => "pruning",
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which check found it.
    pub check: Check,
    /// The entry it concerns, or the first of them.
    pub entry: Option<u64>,
    /// What is wrong, for whoever must explain it.
    pub said: String,
}

/// What came of checking a log.
#[derive(Debug, Default)]
pub struct Verified {
    /// The log, as its checkpoint names it.
    pub origin: String,
    /// Size and root that were signed; none: there is no checkpoint to speak of.
    pub head: Option<Head>,
    /// The key that signed.
    pub signed_by: Option<VerifierKey>,
    /// Witnesses that cosigned.
    pub cosigned: Vec<Cosignature>,
    /// Entries that were read and are the ones that were logged.
    pub entries: u64,
    /// Entries that were removed after their retention: their hashes are still in the tree.
    pub pruned: u64,
    /// Entries that were kept aside for a time before they were logged.
    pub late: u64,
    /// The times of the first and the last entry.
    pub span: Option<(Timestamp, Timestamp)>,
    /// By log, the first entry that its last pruning left, as entries of this log tell.
    pub prunings: BTreeMap<String, u64>,
    /// What is wrong; nothing: the log is as it was signed.
    pub faults: Vec<Fault>,
    /// Faults beyond those.
    pub more_faults: u64,
}

impl Verified {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.faults.is_empty()
    }

    /// Notes a fault.
    pub fn fault(&mut self, check: Check, entry: Option<u64>, said: impl Into<String>) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault { check, entry, said: said.into() });
        } else {
            self.more_faults += 1;
        }
    }
}

/// Checks a log from its first entry to its last.
///
/// # Errors
/// When a part of it cannot be read; what is missing or wrong is a fault, not an error.
pub fn verify(source: &mut impl Source, policy: &Policy, log: &Log<'_>) -> Result<Verified, SourceError> {
    let mut verified = Verified::default();
    let Some(checkpoint) = read_checkpoint(source, &mut verified)? else { return Ok(verified) };
    check_signatures(&checkpoint, policy, &mut verified);
    let head = checkpoint.head();
    let cosigned_at = check_known(&checkpoint, policy, log, &mut verified);
    let mut walk = Walk {
        as_tiles: Edge::default(),
        as_entries: Edge::default(),
        mismatches: Mismatches::default(),
        latest: None,
        cosigned_at,
        log,
        verified,
        full: Vec::new(),
    };
    for (number, width) in widths(head.size) {
        walk.bundle(source, number, width)?;
    }
    walk.partial(source)?;
    walk.end(source, head)
}

fn read_checkpoint(
    source: &mut impl Source,
    verified: &mut Verified,
) -> Result<Option<Checkpoint>, SourceError> {
    let Some(bytes) = source.read(Path::Checkpoint)? else {
        verified.fault(Check::Form, None, "there is no checkpoint");
        return Ok(None);
    };
    match Checkpoint::read(&bytes) {
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

fn check_signatures(checkpoint: &Checkpoint, policy: &Policy, verified: &mut Verified) {
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
fn check_known(
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

/// The way through a log.
struct Walk<'a> {
    /// The tree over the hashes that the tiles hold, and over those of the entries where they differ: one of the two tells which
    /// was changed.
    as_tiles: Edge,
    as_entries: Edge,
    mismatches: Mismatches,
    latest: Option<Timestamp>,
    /// When the checkpoint that was seen before was cosigned; none once an entry after it was found to be older.
    cosigned_at: Option<Timestamp>,
    log: &'a Log<'a>,
    verified: Verified,
    /// Tiles above the lowest level that became full and are still to be compared.
    full: Vec<(u8, u64, Tile)>,
}

impl Walk<'_> {
    fn bundle(&mut self, source: &mut impl Source, number: u64, width: u16) -> Result<(), SourceError> {
        let first = number * TILE;
        let tile = self.tile(source, 0, number, width)?;
        let wanted = usize::from(width);
        let bytes = if first + u64::from(width) <= self.log.minimum {
            None
        } else {
            let path = Path::Entries { number, width };
            let bytes = source.read(path)?;
            if bytes.is_none() {
                self.fault(
                    Check::Count,
                    Some(first),
                    format!("the entries {} are missing", span(first, wanted)),
                );
            }
            bytes
        };
        let entries = match bytes.as_deref().map(split).transpose() {
            Ok(entries) => entries,
            Err(error) => {
                self.fault(Check::Form, Some(first), format!("the entries {}: {error}", span(first, wanted)));
                None
            }
        };
        if let Some(found) = entries.as_ref().map(Vec::len).filter(|found| *found != wanted) {
            let said = format!("there are {found} entries where {wanted} were signed: {}", span(first, wanted));
            self.fault(Check::Count, Some(first + found.min(wanted) as u64), said);
        }
        for (place, index) in (0..wanted).zip(first..) {
            let hash = tile.as_ref().and_then(|tile| tile.hashes().get(place)).copied();
            let entry = entries.as_ref().and_then(|entries| entries.get(place)).copied();
            // An entry of no bytes stands where one was removed.
            let is_removed = entry.is_some_and(<[u8]>::is_empty);
            if is_removed && index >= self.log.minimum {
                self.fault(Check::Count, Some(index), format!("entry {index} was removed"));
            }
            let entry = entry.filter(|_| !is_removed);
            self.entry(index, hash, entry);
        }
        self.compare_full(source)
    }

    fn entry(&mut self, index: u64, hash: Option<Hash>, entry: Option<&[u8]>) {
        let own = entry.map(record_hash);
        match (hash, own) {
            (Some(hash), Some(own)) if hash != own => self.mismatches.add(index, hash, own),
            (_, Some(_)) => self.verified.entries += 1,
            (_, None) if index < self.log.minimum => self.verified.pruned += 1,
            (Some(hash), None) => self.mismatches.miss(index, hash),
            (None, None) => {}
        }
        if let Some(entry) = entry {
            self.read(index, entry);
        }
        // What is not there leaves the tree without the root that was signed, which is told too.
        let (as_tiles, as_entries) = (hash.or(own), own.or(hash));
        let full = &mut self.full;
        if let Some(hash) = as_tiles {
            self.as_tiles.push(hash, |level, number, tile| {
                if level > 0 {
                    full.push((level, number, tile.clone()));
                }
            });
        }
        if let Some(hash) = as_entries {
            self.as_entries.push(hash, |_, _, _| ());
        }
        let known = self.log.known.map(Checkpoint::head).filter(|known| known.size == index + 1);
        if known.is_some_and(|known| known.root != self.as_tiles.root()) {
            let said = format!(
                "the first {} entries are not those that were there when the log was seen before: it was forked or written anew",
                index + 1
            );
            self.fault(Check::Fork, Some(index), said);
        }
    }

    fn read(&mut self, index: u64, entry: &[u8]) {
        let event = match Event::from_entry(entry) {
            Ok(event) => event,
            Err(error) => return self.fault(Check::Form, Some(index), format!("entry {index}: {error}")),
        };
        let time = event.time;
        if event.details.contains_key(KEPT_ASIDE) {
            self.verified.late += 1;
        } else {
            self.check_time(index, time);
        }
        let first = self.verified.span.map_or(time, |(first, _)| first);
        self.verified.span = Some((first, time));
        if event.event == Kind::LedgerPruned.as_str() {
            let (log, kept) = (event.details.get("log"), event.details.get("first_kept"));
            if let (Some(log), Some(kept)) = (log, kept.and_then(|kept| kept.parse::<u64>().ok())) {
                let known = self.verified.prunings.entry(log.clone()).or_default();
                *known = kept.max(*known);
            }
        }
    }

    /// Told once for each time that the times run back.
    fn check_time(&mut self, index: u64, time: Timestamp) {
        let before = self.latest.filter(|latest| latest.duration_since(time) > BACK);
        if let Some(latest) = before {
            self.fault(
                Check::Time,
                Some(index),
                format!("entry {index} says {time}, and one before it {latest}: it was dated back"),
            );
        }
        self.latest = if before.is_some() { Some(time) } else { self.latest.max(Some(time)) };
        // What came after a cosignature cannot have been before it.
        let known = self.log.known.map_or(0, |known| known.head().size);
        if let Some(cosigned) =
            self.cosigned_at.filter(|cosigned| index >= known && cosigned.duration_since(time) > BACK)
        {
            let said = format!(
                "entry {index} says {time}, and was not there when a witness signed at {cosigned}: it was dated back"
            );
            self.fault(Check::Time, Some(index), said);
            self.cosigned_at = None;
        }
    }

    fn tile(
        &mut self,
        source: &mut impl Source,
        level: u8,
        number: u64,
        width: u16,
    ) -> Result<Option<Tile>, SourceError> {
        let path = Path::Tile { level, number, width };
        let Some(bytes) = source.read(path)? else {
            self.fault(Check::Form, None, format!("{path} is missing"));
            return Ok(None);
        };
        match Tile::read(&bytes) {
            Ok(tile) if tile.hashes().len() == usize::from(width) => Ok(Some(tile)),
            Ok(tile) => {
                self.fault(
                    Check::Form,
                    None,
                    format!("{path} holds {} hashes and not {width}", tile.hashes().len()),
                );
                Ok(None)
            }
            Err(error) => {
                self.fault(Check::Form, None, format!("{path}: {error}"));
                Ok(None)
            }
        }
    }

    fn compare_full(&mut self, source: &mut impl Source) -> Result<(), SourceError> {
        for (level, number, expected) in std::mem::take(&mut self.full) {
            self.compare(source, level, number, &expected)?;
        }
        Ok(())
    }

    fn partial(&mut self, source: &mut impl Source) -> Result<(), SourceError> {
        for (level, number, expected) in self.as_tiles.partial() {
            if level > 0 {
                self.compare(source, level, number, &expected)?;
            }
        }
        Ok(())
    }

    fn compare(
        &mut self,
        source: &mut impl Source,
        level: u8,
        number: u64,
        expected: &Tile,
    ) -> Result<(), SourceError> {
        let width = u16::try_from(expected.hashes().len()).unwrap_or(u16::MAX);
        let Some(tile) = self.tile(source, level, number, width)? else { return Ok(()) };
        let wrong = tile.hashes().iter().zip(expected.hashes()).position(|(one, other)| one != other);
        if let Some(place) = wrong {
            let covered = TILE.saturating_pow(u32::from(level));
            let first = (number * TILE + place as u64).saturating_mul(covered);
            let said = format!(
                "{} does not hold the hash of the tile below it, which covers the entries from {first} on",
                Path::Tile { level, number, width }
            );
            self.fault(Check::Tile, Some(first), said);
        }
        Ok(())
    }

    fn end(mut self, source: &mut impl Source, head: Head) -> Result<Verified, SourceError> {
        let tiles_right = self.as_tiles.size() == head.size && self.as_tiles.root() == head.root;
        let entries_right = self.as_entries.size() == head.size && self.as_entries.root() == head.root;
        for fault in std::mem::take(&mut self.mismatches).faults(tiles_right, entries_right) {
            self.fault(fault.check, fault.entry, fault.said);
        }
        if !tiles_right && !entries_right {
            let said = format!(
                "the tree over all {} entries has another root than the one that was signed",
                head.size
            );
            self.fault(Check::Root, None, said);
        }
        if let Some(paths) = source.paths() {
            let expected: BTreeSet<Path> = Path::all(head.size, 0).chain([Path::Checkpoint]).collect();
            for path in paths.iter().filter(|path| !expected.contains(path)) {
                self.fault(Check::Count, None, format!("{path} is no part of a log of {} entries", head.size));
            }
        }
        Ok(self.verified)
    }

    fn fault(&mut self, check: Check, entry: Option<u64>, said: impl Into<String>) {
        self.verified.fault(check, entry, said);
    }
}

/// `7`, or `7 to 9`.
fn span(first: u64, count: usize) -> String {
    if count < 2 { first.to_string() } else { format!("{first} to {}", first + count as u64 - 1) }
}

#[cfg(test)]
mod tests;
