//! Entries that are not the ones that were logged: changed, or standing where another one belongs.

use std::collections::BTreeMap;

use tlog_tiles::Hash;

use super::{Check, Fault};

/// Mismatches that are kept; more are counted.
const MOST: usize = 100_000;

/// Entries whose hash is not the one that the tile holds.
#[derive(Debug, Default)]
pub(super) struct Mismatches {
    /// Where, the hash of the tile, the hash of the entry.
    found: Vec<(u64, Hash, Hash)>,
    /// Where no entry is, and the hash of the tile.
    missing: Vec<(u64, Hash)>,
    more: u64,
}

impl Mismatches {
    pub(super) fn add(&mut self, index: u64, tile: Hash, entry: Hash) {
        if self.found.len() < MOST {
            self.found.push((index, tile, entry));
        } else {
            self.more += 1;
        }
    }

    /// There is no entry of this hash, where it was logged.
    pub(super) fn miss(&mut self, index: u64, tile: Hash) {
        if self.missing.len() < MOST {
            self.missing.push((index, tile));
        }
    }

    /// What they mean: `tiles_right` when the tree over the tiles' hashes is the one that was signed, `entries_right` when that over
    /// the entries' is.
    pub(super) fn faults(self, tiles_right: bool, entries_right: bool) -> Vec<Fault> {
        if entries_right {
            let first = self.found.first().map(|(index, _, _)| *index);
            let said = |index| {
                format!(
                    "a tile of level 0 holds another hash of entry {index} than the one that was signed; the entry itself is right"
                )
            };
            return first
                .map(|index| Fault { check: Check::Tile, entry: first, said: said(index) })
                .into_iter()
                .collect();
        }
        let missing = self.missing.iter().map(|(index, tile)| (tile.0, *index));
        let belongs: BTreeMap<[u8; 32], u64> =
            self.found.iter().map(|(index, tile, _)| (tile.0, *index)).chain(missing).collect();
        // They came in their order.
        let is_missing = |home: u64| self.missing.binary_search_by_key(&home, |(index, _)| *index).is_ok();
        // The one that was logged here stands at the next place.
        let is_pushed = |index: u64| {
            let next = self.found.binary_search_by_key(&(index + 1), |(index, _, _)| *index).ok();
            next.and_then(|next| self.found.get(next))
                .is_some_and(|(_, _, entry)| belongs.get(&entry.0) == Some(&index))
        };
        let certain = if tiles_right { "" } else { ", or its hash in the tile was" };
        let mut faults: Vec<Fault> = Vec::new();
        let mut runs: Vec<(u64, u64, i128)> = Vec::new();
        for (index, _, entry) in &self.found {
            let Some(home) = belongs.get(&entry.0) else {
                let said = if is_pushed(*index) {
                    format!("entry {index} was never logged: it was put in")
                } else {
                    format!("entry {index} is not the one that was logged: it was changed{certain}")
                };
                faults.push(Fault { check: Check::Entry, entry: Some(*index), said });
                continue;
            };
            let by = i128::from(*home) - i128::from(*index);
            match runs.last_mut() {
                Some((_, last, shift)) if *shift == by && *last + 1 == *index => *last = *index,
                _ => runs.push((*index, *index, by)),
            }
        }
        faults.extend(runs.into_iter().map(|(first, last, by)| Fault {
            check: Check::Entry,
            entry: Some(first),
            said: moved(first, last, by, is_missing),
        }));
        if self.more > 0 {
            let said = format!("{} more entries are not the ones that were logged", self.more);
            faults.push(Fault { check: Check::Entry, entry: None, said });
        }
        faults.sort_by_key(|fault| fault.entry);
        faults
    }
}

/// What it means that what stands from `first` to `last` belongs so many places further on.
fn moved(first: u64, last: u64, by: i128, is_missing: impl Fn(u64) -> bool) -> String {
    let home = |index: u64| u64::try_from(i128::from(index) + by).unwrap_or(index);
    let count = by.unsigned_abs();
    let entries = |first: u64, last: u64| {
        if first == last { format!("entry {first}") } else { format!("the entries {first} to {last}") }
    };
    let places = if count == 1 { "one place".to_owned() } else { format!("{count} places") };
    if first == last && !is_missing(home(last)) {
        return format!(
            "where entry {first} was logged stands entry {}: they were put in another order",
            home(first)
        );
    }
    let what = entries(home(first), home(last));
    let stand = if first == last { "stands" } else { "stand" };
    if by > 0 {
        let gone = entries(first, home(first) - 1);
        let was = if count == 1 { "was" } else { "were" };
        format!("{gone} {was} removed: {what} {stand} {places} before where they were logged")
    } else {
        format!("something was put in before: {what} {stand} {places} behind where they were logged")
    }
}
