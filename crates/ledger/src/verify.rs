//! Checks a whole log: every entry against the tree, the tree against what was signed, and what was signed against whom to believe.

mod moved;
mod signed;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tlog_tiles::{Hash, record_hash};

use crate::checkpoint::{Checkpoint, Cosignature, Head};
use crate::edge::Edge;
use crate::entries::{Torn, mend, split};
use crate::event::Event;
use crate::key::VerifierKey;
use crate::kind::Kind;
use crate::policy::Policy;
use crate::tile::{Path, TILE, Tile, widths};
use moved::Mismatches;
pub use signed::verify_proof;
use signed::{check_known, check_signatures, read_checkpoint};

/// Faults that are told one by one; more are counted.
const MOST_FAULTS: usize = 100;

/// Lengths of entries that are looked for where they were changed; each may take as long as hashing some thousand entries.
const PATIENCE: usize = 8;

/// Places of 256 entries of which neither the tile nor the entries are there, until no more is looked for: a checkpoint may name any size.
const MOST_GAPS: u32 = 16;

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
    /// Entries that it had when it was seen before, with which it was compared; none: with nothing.
    pub known: Option<u64>,
    /// Whether entries are there of which it is said that they were removed.
    pub not_removed: bool,
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

impl Verified {
    /// Nobody who is believed signed this head, and it is not that of what is there: what would be missing or too much by it says nothing.
    fn unbelieved(&mut self, head: Head) {
        let by_head = |fault: &Fault| {
            let is_of_part = fault.check == Check::Form && fault.entry.is_none();
            is_of_part || [Check::Count, Check::Tile, Check::Root].contains(&fault.check)
        };
        let told = self.faults.len();
        self.faults.retain(|fault| !by_head(fault));
        if self.faults.len() < told {
            let said = format!(
                "nor is it the checkpoint of what is there: either its size of {} or its root was changed, or entries and tiles were; \
                 without a signature that is believed it cannot be told which",
                head.size
            );
            self.fault(Check::Root, None, said);
        }
    }
}

/// Checks a log from its first entry to its last.
///
/// # Errors
/// When a part of it cannot be read; what is missing or wrong is a fault, not an error.
pub fn verify(source: &mut impl Source, policy: &Policy, log: &Log<'_>) -> Result<Verified, SourceError> {
    let mut verified = Verified::default();
    let Some(checkpoint) = read_checkpoint(source, policy, &mut verified)? else { return Ok(verified) };
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
        full_of_entries: Vec::new(),
        patience: PATIENCE,
        gaps: 0,
        removed: None,
    };
    for (number, width) in widths(head.size) {
        walk.bundle(source, number, width)?;
        if walk.gaps > MOST_GAPS {
            let first = (number + 1) * TILE;
            if first < head.size {
                walk.fault(
                    Check::Count,
                    Some(first),
                    "too much before is missing: what comes from here on was not looked at",
                );
            }
            break;
        }
    }
    walk.partial(source)?;
    walk.end(source, head)
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
    /// Tiles above the lowest level that became full and are still to be compared, over the tiles and over the entries.
    full: Vec<(u8, u64, Tile)>,
    full_of_entries: Vec<Tile>,
    /// Changed lengths that are still looked for.
    patience: usize,
    /// Places of which nothing is there.
    gaps: u32,
    /// From where to where entries were removed that should be there.
    removed: Option<(u64, u64)>,
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
        self.gaps += u32::from(tile.is_none() && bytes.is_none());
        let read = bytes.as_deref().map(split).transpose();
        let mended =
            if read.as_ref().is_ok_and(|entries| entries.as_ref().is_none_or(|all| all.len() == wanted)) {
                None
            } else {
                bytes.as_deref().zip(tile.as_ref()).and_then(|(bytes, tile)| self.mend(bytes, tile, first))
            };
        let entries = match (mended, read) {
            (Some(entries), _) => Some(entries),
            (None, Ok(entries)) => entries,
            (None, Err(error)) => {
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
                match &mut self.removed {
                    Some((_, last)) if *last + 1 == index => *last = index,
                    _ => {
                        self.tell_removed();
                        self.removed = Some((index, index));
                    }
                }
            }
            let entry = entry.filter(|_| !is_removed);
            if entry.is_some() && index < self.log.minimum {
                self.verified.not_removed = true;
            }
            self.entry(index, hash, entry);
        }
        self.compare_full(source)
    }

    fn tell_removed(&mut self) {
        match self.removed.take() {
            Some((first, last)) if first == last => {
                self.fault(Check::Count, Some(first), format!("entry {first} was removed"));
            }
            Some((first, last)) => {
                self.fault(Check::Count, Some(first), format!("the entries {first} to {last} were removed"));
            }
            None => {}
        }
    }

    /// The entries of a bundle of which only lengths were changed; that is told.
    fn mend<'b>(&mut self, bytes: &'b [u8], tile: &Tile, first: u64) -> Option<Vec<&'b [u8]>> {
        let (entries, torn) = mend(bytes, tile.hashes(), self.patience)?;
        self.patience = self.patience.saturating_sub(torn.len());
        for Torn { place, written, logged } in torn {
            let index = first + place as u64;
            let said = format!(
                "the length that stands before entry {index} was changed: it says {written} bytes, and the entry has {logged}; the entry \
                 itself is the one that was logged"
            );
            self.fault(Check::Form, Some(index), said);
        }
        Some(entries)
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
            let is_logged = hash.is_none() || hash == own;
            self.read(index, entry, is_logged);
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
        let full = &mut self.full_of_entries;
        if let Some(hash) = as_entries {
            self.as_entries.push(hash, |level, _, tile| {
                if level > 0 {
                    full.push(tile.clone());
                }
            });
        }
        let known = self.log.known.map(Checkpoint::head);
        let known = known.filter(|known| known.size == index + 1 && self.verified.known == Some(known.size));
        if known.is_some_and(|known| known.root != self.as_tiles.root() && known.root != self.as_entries.root())
        {
            let said = format!(
                "the first {} entries are not those that were there when the log was seen before: it was forked or written anew",
                index + 1
            );
            self.fault(Check::Fork, Some(index), said);
        }
    }

    /// Reads what an entry says; one that is not the one that was logged need not say anything.
    fn read(&mut self, index: u64, entry: &[u8], is_logged: bool) {
        let event = match Event::from_entry(entry) {
            Ok(event) => event,
            Err(error) if is_logged => {
                return self.fault(Check::Form, Some(index), format!("entry {index}: {error}"));
            }
            Err(_) => return,
        };
        let time = event.time;
        if event.details.contains_key(KEPT_ASIDE) {
            self.verified.late += 1;
        } else {
            let latest = self.latest;
            self.check_time(index, time);
            if !is_logged {
                // What it says of the time is held against no entry after it.
                self.latest = latest;
                return;
            }
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
        let of_entries = std::mem::take(&mut self.full_of_entries);
        for ((level, number, one), other) in std::mem::take(&mut self.full).into_iter().zip(of_entries) {
            self.compare(source, level, number, [&one, &other])?;
        }
        Ok(())
    }

    fn partial(&mut self, source: &mut impl Source) -> Result<(), SourceError> {
        let of_entries = self.as_entries.partial();
        for ((level, number, one), (_, _, other)) in self.as_tiles.partial().into_iter().zip(of_entries) {
            if level > 0 {
                self.compare(source, level, number, [&one, &other])?;
            }
        }
        Ok(())
    }

    /// A tile is right over the hashes that the tiles below it hold, or over those of the entries: which of the two was changed is
    /// told elsewhere.
    fn compare(
        &mut self,
        source: &mut impl Source,
        level: u8,
        number: u64,
        [one, other]: [&Tile; 2],
    ) -> Result<(), SourceError> {
        let width = u16::try_from(one.hashes().len()).unwrap_or(u16::MAX);
        let Some(tile) = self.tile(source, level, number, width)? else { return Ok(()) };
        let expected = one.hashes().iter().zip(other.hashes());
        let wrong =
            tile.hashes().iter().zip(expected).position(|(hash, (one, other))| hash != one && hash != other);
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
        self.tell_removed();
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
            for path in paths.iter().filter(|path| !path.is_of(head.size)) {
                self.fault(Check::Count, None, format!("{path} is no part of a log of {} entries", head.size));
            }
        }
        if self.verified.signed_by.is_none() && !tiles_right && !entries_right {
            self.verified.unbelieved(head);
        }
        if self.verified.not_removed {
            let said = format!(
                "it is said that the entries before {} were removed, and they are there: nobody signed what says so",
                self.log.minimum
            );
            self.fault(Check::Pruning, Some(0), said);
        }
        // What concerns the whole first, then in the order of the entries.
        self.verified.faults.sort_by_key(|fault| fault.entry);
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
