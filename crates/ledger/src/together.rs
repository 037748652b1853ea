//! Checks logs that belong together: each by itself, and whether all are there and tell of what was removed from one another.

use std::io::{Read, Seek};

use crate::archive::Archive;
use crate::checkpoint::Checkpoint;
use crate::policy::Policy;
use crate::tile::Path;
use crate::verify::{Check, Log, Source, SourceError, Verified, verify};

/// One log that was checked, by the name that its keeper has for it.
#[derive(Debug)]
pub struct Checked {
    /// The name: a folder of an archive.
    pub name: String,
    /// The first entry that is still there, as its keeper says.
    pub first_kept: u64,
    /// Its checkpoint as it was read, to be kept for the next time; none: there was none.
    pub checkpoint: Option<Vec<u8>>,
    /// What came of it.
    pub verified: Verified,
}

/// Checks one of several logs; of the checkpoints that were seen before, the one of this log counts. [`check_together`] comes after the
/// last one.
///
/// # Errors
/// When a part of it cannot be read.
pub fn check_one(
    name: &str,
    first_kept: u64,
    source: &mut impl Source,
    policy: &Policy,
    known: &[Checkpoint],
) -> Result<Checked, SourceError> {
    let checkpoint = source.read(Path::Checkpoint)?;
    let read = checkpoint.as_deref().and_then(|text| Checkpoint::read(text).ok());
    // A name that was changed in the checkpoint is found by the key.
    let is_of = |known: &&Checkpoint| {
        let origin = known.origin();
        read.as_ref().is_some_and(|read| read.origin() == origin)
            || policy.logs().iter().any(|key| key.name() == origin) && origin.rsplit('/').next() == Some(name)
    };
    let known = known.iter().find(is_of);
    let verified = verify(source, policy, &Log { minimum: first_kept, known })?;
    Ok(Checked { name: name.to_owned(), first_kept, checkpoint, verified })
}

/// Adds the faults that only show when all logs are there: one that is missing, and one from which entries were removed although no entry
/// of any of them says so.
pub fn check_together(logs: &mut Vec<Checked>, policy: &Policy, known: &[Checkpoint]) {
    let told = |logs: &[Checked], name: &str| {
        logs.iter().filter_map(|log| log.verified.prunings.get(name)).max().copied()
    };
    for place in 0..logs.len() {
        let Some(log) = logs.get_mut(place) else { continue };
        let is_home = log.verified.origin.rsplit('/').next() == Some(log.name.as_str());
        if log.verified.head.is_some() && !is_home {
            let said =
                format!("under the name {} stands the log {}: it was put there", log.name, log.verified.origin);
            log.verified.fault(Check::Form, None, said);
        }
        if log.first_kept == 0 || log.verified.not_removed {
            continue;
        }
        let Some(log) = logs.get(place) else { continue };
        let (name, first_kept, pruned) = (log.name.clone(), log.first_kept, told(logs, &log.name));
        let said = match pruned {
            Some(pruned) if pruned >= first_kept => continue,
            Some(pruned) => format!(
                "the entries before {first_kept} are not there, and only those before {pruned} are said to have been removed"
            ),
            None => format!(
                "the entries before {first_kept} of {name} are not there, and no entry says that they were removed"
            ),
        };
        if let Some(log) = logs.get_mut(place) {
            log.verified.fault(Check::Pruning, Some(pruned.unwrap_or(0)), said);
        }
    }
    for key in policy.logs() {
        // Where its own checkpoint is damaged, that is told already.
        let is_damaged = |log: &Checked| {
            log.verified.signed_by.is_none() && key.name().rsplit('/').next() == Some(log.name.as_str())
        };
        if logs.iter().any(|log| log.verified.origin == key.name() || is_damaged(log)) {
            continue;
        }
        let mut verified = Verified { origin: key.name().to_owned(), ..Verified::default() };
        match known.iter().find(|known| known.origin() == key.name()) {
            Some(known) => {
                let said =
                    format!("the log had {} entries when it was seen before and is gone", known.head().size);
                verified.fault(Check::Truncation, Some(0), said);
            }
            None => verified.fault(Check::Form, None, "its key is given, and the log is not there"),
        }
        logs.push(Checked { name: key.name().to_owned(), first_kept: 0, checkpoint: None, verified });
    }
}

/// Checks all logs of an archive.
///
/// # Errors
/// When a part of it cannot be read; what is missing or wrong is a fault, not an error.
pub fn verify_archive<F: Read + Seek>(
    archive: &mut Archive<F>,
    policy: &Policy,
    known: &[Checkpoint],
) -> Result<Vec<Checked>, SourceError> {
    let mut logs = Vec::new();
    for name in archive.logs() {
        let first_kept = archive.first_kept(&name);
        logs.push(check_one(&name, first_kept, &mut archive.log(&name), policy, known)?);
    }
    check_together(&mut logs, policy, known);
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Cursor;

    use tlog_tiles::record_hash;

    use super::*;
    use crate::checkpoint::Head;
    use crate::edge::Edge;
    use crate::entries::join;
    use crate::event::Event;
    use crate::key::SigningKey;
    use crate::kind::Kind;

    const NAMES: [&str; 2] = ["management-system", "nodes"];

    fn key(name: &str) -> SigningKey {
        SigningKey::of_log(&format!("example.org/{name}"), &[7; 32]).unwrap()
    }

    fn policy(names: &[&str]) -> Policy {
        Policy::of_all(names.iter().map(|name| key(name).verifier().clone()).collect())
    }

    /// An entry; `kept` says that the entries of the nodes before it were removed.
    fn entry(number: u32, kept: Option<&str>) -> Vec<u8> {
        let time = jiff::Timestamp::from_second(1_790_000_000 + i64::from(number)).unwrap();
        let kind = if kept.is_some() { Kind::LedgerPruned } else { Kind::SessionBegun };
        let mut event = Event::new(format!("{number:032x}"), time, kind);
        if let Some(kept) = kept {
            event.details = [("log", "nodes"), ("first_kept", kept)].map(|(a, b)| (a.into(), b.into())).into();
        }
        event.to_entry().unwrap()
    }

    /// An archive of these logs, each of 300 entries, where those of the nodes before 256 were removed.
    fn archive(names: &[&str], told: Option<&str>) -> Archive<Cursor<Vec<u8>>> {
        let first_kept = |name: &str| if name == "nodes" { 256 } else { 0 };
        let kept: BTreeMap<String, u64> =
            names.iter().map(|name| ((*name).to_owned(), first_kept(name))).collect();
        let mut writer = crate::archive::write(Vec::new(), 0, kept).unwrap();
        for name in names {
            let told = |number| told.filter(|_| *name == NAMES[0] && number == 299);
            let entries: Vec<Vec<u8>> = (0..300).map(|number| entry(number, told(number))).collect();
            let mut edge = Edge::default();
            let mut tiles = BTreeMap::new();
            for entry in &entries {
                edge.push(record_hash(entry), |level, number, tile| {
                    tiles.insert((level, number), tile.clone());
                });
            }
            tiles.extend(edge.partial().into_iter().map(|(level, number, tile)| ((level, number), tile)));
            let head = Head { size: 300, root: edge.root() };
            writer.add(name, Path::Checkpoint, &Checkpoint::sign(head, &key(name)).unwrap().text()).unwrap();
            for path in Path::all(300, first_kept(name)) {
                let bytes = match path {
                    Path::Checkpoint => continue,
                    Path::Tile { level, number, .. } => tiles[&(level, number)].bytes(),
                    Path::Entries { number, width } => {
                        let first = usize::try_from(number).unwrap() * 256;
                        join(&entries[first..first + usize::from(width)]).unwrap()
                    }
                };
                writer.add(name, path, &bytes).unwrap();
            }
        }
        Archive::open(Cursor::new(writer.end().unwrap())).unwrap()
    }

    fn faults(
        names: &[&str],
        told: Option<&str>,
        policy: &Policy,
        known: &[Checkpoint],
    ) -> Vec<(String, Check)> {
        let checked = verify_archive(&mut archive(names, told), policy, known).unwrap();
        let faults = checked
            .iter()
            .flat_map(|log| log.verified.faults.iter().map(|fault| (log.name.clone(), fault.check)));
        faults.collect()
    }

    #[test]
    fn what_was_removed_is_told_by_an_entry_or_is_a_fault() {
        let policy = policy(&NAMES);
        let pruning = [("nodes".to_owned(), Check::Pruning)];
        assert_eq!(faults(&NAMES, Some("256"), &policy, &[]), []);
        assert_eq!(faults(&NAMES, Some("280"), &policy, &[]), []);
        assert_eq!(faults(&NAMES, Some("255"), &policy, &[]), pruning);
        assert_eq!(faults(&NAMES, None, &policy, &[]), pruning);
    }

    /// A log under another's name would be excused by what is said of that one.
    #[test]
    fn a_log_stands_under_its_own_name() {
        let policy = policy(&NAMES);
        let mut honest = archive(&NAMES, Some("256"));
        let first_kept: BTreeMap<String, u64> =
            NAMES.iter().map(|name| ((*name).to_owned(), honest.first_kept(name))).collect();
        let mut writer = crate::archive::write(Vec::new(), 0, first_kept).unwrap();
        for (name, other) in [(NAMES[0], NAMES[1]), (NAMES[1], NAMES[0])] {
            let mut log = honest.log(other);
            for path in log.paths().unwrap() {
                writer.add(name, path, &log.read(path).unwrap().unwrap()).unwrap();
            }
        }
        let mut exchanged = Archive::open(Cursor::new(writer.end().unwrap())).unwrap();
        for log in verify_archive(&mut exchanged, &policy, &[]).unwrap() {
            let is_told = |fault: &crate::verify::Fault| fault.said.contains("it was put there");
            assert!(log.verified.faults.iter().any(is_told), "{:?}", log.verified.faults);
        }
    }

    #[test]
    fn a_log_whose_key_is_given_must_be_there() {
        let policy = policy(&NAMES);
        let gone = |check| [("example.org/nodes".to_owned(), check)];
        assert_eq!(faults(&NAMES[..1], None, &policy, &[]), gone(Check::Form));
        let known = Checkpoint::sign(Head { size: 9, root: record_hash(b"") }, &key("nodes")).unwrap();
        assert_eq!(faults(&NAMES[..1], None, &policy, &[known]), gone(Check::Truncation));
        assert_eq!(faults(&[], None, &policy, &[]).len(), 2);
    }
}
