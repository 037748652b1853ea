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
        let belongs: BTreeMap<[u8; 32], u64> =
            self.found.iter().map(|(index, tile, _)| (tile.0, *index)).collect();
        let certain = if tiles_right { "" } else { ", or its hash in the tile was" };
        let mut faults: Vec<Fault> = Vec::new();
        let mut runs: Vec<(u64, u64, i128)> = Vec::new();
        for (index, _, entry) in &self.found {
            let Some(home) = belongs.get(&entry.0) else {
                let said = format!("entry {index} is not the one that was logged: it was changed{certain}");
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
            said: moved(first, last, by),
        }));
        if self.more > 0 {
            let said = format!("{} more entries are not the ones that were logged", self.more);
            faults.push(Fault { check: Check::Entry, entry: None, said });
        }
        faults.sort_by_key(|fault| fault.entry);
        faults
    }
}

/// What it means that the entries from `first` to `last` belong so many places further on.
fn moved(first: u64, last: u64, by: i128) -> String {
    let home = i128::from(first) + by;
    if first == last {
        return format!("where entry {first} was logged stands entry {home}: they were put in another order");
    }
    let (what, count) = if by > 0 { ("removed", by) } else { ("put in", -by) };
    format!(
        "the entries {first} to {last} stand {count} places from where they were logged: {count} before them were {what}"
    )
}
