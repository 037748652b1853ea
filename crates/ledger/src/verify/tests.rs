//! Every way to lie, and which check finds it.

use std::collections::BTreeSet;
use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::archive::{Archive, ArchiveError, write};
use crate::checkpoint::tests::{log_key, witness_key};
use crate::entries::join;
use crate::event::{Actor, ActorKind};
use crate::key::SigningKey;
use crate::together::verify_archive;

const SIZE: u64 = 700;

/// What the log is called in an archive: the end of its name.
const NAME: &str = "ms";

/// A log in memory.
#[derive(Clone, Default)]
struct Memory(BTreeMap<Path, Vec<u8>>);

impl Source for Memory {
    fn read(&mut self, path: Path) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.0.get(&path).cloned())
    }

    fn paths(&mut self) -> Option<Vec<Path>> {
        Some(self.0.keys().copied().collect())
    }
}

fn entry(number: u64) -> Vec<u8> {
    let time = Timestamp::from_second(1_800_000_000 + i64::try_from(number).unwrap() * 10).unwrap();
    let mut event = Event::new(format!("{number:032x}"), time, Kind::SessionBegun);
    event.actor = Actor { kind: ActorKind::User, id: Some("u1".to_owned()), name: Some("eva".to_owned()) };
    event.to_entry().unwrap()
}

fn entries(size: u64) -> Vec<Vec<u8>> {
    (0..size).map(entry).collect()
}

/// The log of these entries, signed with this key.
fn log_of(entries: &[Vec<u8>], key: &SigningKey) -> Memory {
    let mut parts = BTreeMap::new();
    let mut edge = Edge::default();
    let mut keep = |level, number, tile: &Tile| {
        let width = u16::try_from(tile.hashes().len()).unwrap();
        parts.insert(Path::Tile { level, number, width }, tile.bytes());
    };
    for entry in entries {
        edge.push(record_hash(entry), &mut keep);
    }
    for (level, number, tile) in edge.partial() {
        keep(level, number, &tile);
    }
    for (number, width) in widths(entries.len() as u64) {
        let first = usize::try_from(number * TILE).unwrap();
        let bundle = join(&entries[first..first + usize::from(width)]).unwrap();
        parts.insert(Path::Entries { number, width }, bundle);
    }
    let checkpoint = Checkpoint::sign(Head { size: edge.size(), root: edge.root() }, key).unwrap();
    parts.insert(Path::Checkpoint, checkpoint.text());
    Memory(parts)
}

fn policy() -> Policy {
    Policy::of(log_key().verifier().clone())
}

fn checked(mut log: Memory) -> Verified {
    verify(&mut log, &policy(), &Log::default()).unwrap()
}

fn checks(verified: &Verified) -> Vec<Check> {
    verified.faults.iter().map(|fault| fault.check).collect()
}

/// The log with the bundles of these entries, under the names that they have in it, and all else of it.
fn with_entries(log: &Memory, entries: &[Vec<u8>]) -> Memory {
    let mut log = log.clone();
    for (path, bundle) in log_of(entries, &log_key()).0 {
        let Path::Entries { number, .. } = path else { continue };
        let same = |known: &&Path| matches!(known, Path::Entries { number: known, .. } if *known == number);
        let path = log.0.keys().find(same).copied().unwrap_or(path);
        log.0.insert(path, bundle);
    }
    log
}

#[test]
fn a_log_that_nobody_touched_is_good() {
    for size in [0, 1, 255, 256, 257, SIZE] {
        let verified = checked(log_of(&entries(size), &log_key()));
        assert!(verified.is_good(), "{:?}", verified.faults);
        assert_eq!((verified.entries, verified.pruned, verified.head.unwrap().size), (size, 0, size));
    }
}

/// What was done, what is looked at, the check that must find it, and a part of what it says.
#[test]
fn every_way_to_lie_is_found_and_said() {
    let key = log_key();
    let log = log_of(&entries(SIZE), &key);
    let known_size = 300;
    let known = Checkpoint::read(&log_of(&entries(known_size), &key).0[&Path::Checkpoint]).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut all = entries(SIZE);
        change(&mut all);
        all
    };
    let tamper = |path: Path, change: &dyn Fn(&mut Vec<u8>)| {
        let mut log = log.clone();
        change(log.0.get_mut(&path).unwrap());
        log
    };
    let other_name = String::from_utf8(entry(500)).unwrap().replace("eva", "ida").into_bytes();
    let earlier = String::from_utf8(entry(500)).unwrap().replace("2027-", "2026-").into_bytes();
    let later_tile = Path::Tile { level: 0, number: 1, width: 256 };
    let upper_tile = Path::Tile { level: 1, number: 0, width: 2 };
    let without = |path: Path| {
        let mut log = log.clone();
        log.0.remove(&path).unwrap();
        log
    };
    // Who holds the key can write a whole log anew; only what others have seen tells.
    let stranger = SigningKey::of_log(key.verifier().name(), &[77; 32]).unwrap();
    let cases: Vec<(&str, Memory, Check, &str)> = vec![
        (
            "an entry's text changed",
            with_entries(&log, &changed(&|all| all[500].clone_from(&other_name))),
            Check::Entry,
            "entry 500 is not the one that was logged: it was changed",
        ),
        (
            "an entry dropped",
            with_entries(&log, &changed(&|all| drop(all.remove(500)))),
            Check::Count,
            "there are 187 entries where 188 were signed",
        ),
        (
            "an entry dropped from a full bundle",
            with_entries(&log, &changed(&|all| drop(all.remove(5)))),
            Check::Entry,
            "entry 5 was removed: the entries 6 to 699 stand one place before",
        ),
        (
            "two entries exchanged",
            with_entries(&log, &changed(&|all| all.swap(300, 400))),
            Check::Entry,
            "where entry 300 was logged stands entry 400",
        ),
        (
            "an entry put in",
            with_entries(&log, &changed(&|all| all.insert(300, other_name.clone()))),
            Check::Entry,
            "something was put in before: the entries 300 to 698 stand one place behind",
        ),
        (
            "an entry dated back",
            with_entries(&log, &changed(&|all| all[500].clone_from(&earlier))),
            Check::Entry,
            "entry 500",
        ),
        (
            "an entry dated back by who holds the key",
            log_of(&changed(&|all| all[500].clone_from(&earlier)), &key),
            Check::Time,
            "entry 500 says 2026-",
        ),
        (
            "a bundle gone",
            without(Path::Entries { number: 1, width: 256 }),
            Check::Count,
            "256 to 511 are missing",
        ),
        (
            "a bundle cut",
            tamper(Path::Entries { number: 1, width: 256 }, &|bytes| bytes.truncate(bytes.len() - 1)),
            Check::Form,
            "ends within",
        ),
        (
            "a hash in a tile changed",
            tamper(later_tile, &|bytes| bytes[0] ^= 1),
            Check::Tile,
            "another hash of entry 256",
        ),
        (
            "a hash in an upper tile changed",
            tamper(upper_tile, &|bytes| bytes[40] ^= 1),
            Check::Tile,
            "covers the entries from 256",
        ),
        ("a tile gone", without(later_tile), Check::Form, "tile/0/001 is missing"),
        (
            "entry and tile changed alike",
            {
                let mut log = with_entries(&log, &changed(&|all| all[500].clone_from(&other_name)));
                let at = (500 - 256) * 32;
                log.0.get_mut(&later_tile).unwrap()[at..at + 32].copy_from_slice(&record_hash(&other_name).0);
                log
            },
            Check::Tile,
            "covers the entries from 256",
        ),
        (
            "everything changed alike but the checkpoint",
            {
                let mut forged = log_of(&changed(&|all| all[500].clone_from(&other_name)), &key);
                forged.0.insert(Path::Checkpoint, log.0[&Path::Checkpoint].clone());
                forged
            },
            Check::Root,
            "another root than the one that was signed",
        ),
        (
            "the tail cut, with the checkpoint",
            log_of(&entries(200), &key),
            Check::Truncation,
            "had 300 entries when it was seen before and has 200",
        ),
        (
            "the tail cut, without the checkpoint",
            with_entries(&log, &entries(600)),
            Check::Count,
            "there are 88 entries where 188",
        ),
        (
            "written anew by who holds the key",
            log_of(&changed(&|all| all[7].clone_from(&other_name)), &key),
            Check::Fork,
            "it was forked",
        ),
        (
            "signed with another key",
            log_of(&entries(SIZE), &stranger),
            Check::Signature,
            "not signed with the key",
        ),
        (
            "a checkpoint of no log",
            tamper(Path::Checkpoint, &|bytes| bytes.clear()),
            Check::Form,
            "the checkpoint",
        ),
        ("the checkpoint gone", without(Path::Checkpoint), Check::Form, "no checkpoint"),
        (
            "more than was signed",
            {
                let mut log = log.clone();
                log.0.insert(Path::Entries { number: 3, width: 1 }, join(&[entry(768)]).unwrap());
                log
            },
            Check::Count,
            "no part of a log of 700 entries",
        ),
    ];
    for (what, mut log, check, said) in cases {
        let verified = verify(&mut log, &policy(), &Log { known: Some(&known), ..Log::default() }).unwrap();
        let all = format!("{what}: {:#?}", verified.faults);
        assert!(verified.faults.iter().any(|fault| fault.check == check && fault.said.contains(said)), "{all}");
        // Nobody is accused of what was not done.
        if ["an entry dropped", "an entry dropped from a full bundle", "two entries exchanged"].contains(&what)
        {
            assert!(verified.faults.iter().all(|fault| !fault.said.contains("was changed")), "{all}");
        }
    }
}

#[test]
fn an_entry_that_others_cosigned_cannot_be_dated_back_even_slowly() {
    let (key, witness) = (log_key(), witness_key(3, 1_800_000_000 + 300 * 10));
    let known = Checkpoint::read(&log_of(&entries(300), &key).0[&Path::Checkpoint]).unwrap();
    let known =
        known.with_cosignatures(&known.cosign(&witness).unwrap(), &[witness.verifier().clone()]).unwrap();
    let text = format!("log {}\nwitness w {}\nquorum none\n", key.verifier(), witness.verifier());
    let policy = Policy::read(&text).unwrap();
    // Each a little earlier than the one before: no step is large.
    let mut all = entries(SIZE);
    for (number, entry) in (0_i64..).zip(all.iter_mut().skip(300)) {
        let mut event = Event::from_entry(entry).unwrap();
        event.time = Timestamp::from_second(1_800_000_000 + 3000 - number * 4).unwrap();
        *entry = event.to_entry().unwrap();
    }
    let mut log = log_of(&all, &key);
    let verified = verify(&mut log, &policy, &Log { known: Some(&known), ..Log::default() }).unwrap();
    assert!(
        verified.faults.iter().any(|fault| fault.said.contains("when a witness signed")),
        "{:?}",
        verified.faults
    );
}

#[test]
fn witnesses_that_a_policy_asks_for_must_have_signed() {
    let (key, witness) = (log_key(), witness_key(3, 5));
    let text = format!("log {}\nwitness w {}\nquorum w\n", key.verifier(), witness.verifier());
    let policy = Policy::read(&text).unwrap();
    let mut log = log_of(&entries(5), &key);
    let verified = verify(&mut log, &policy, &Log::default()).unwrap();
    assert_eq!(checks(&verified), [Check::Witness], "{:?}", verified.faults);
    let checkpoint = Checkpoint::read(&log.0[&Path::Checkpoint]).unwrap();
    let line = checkpoint.cosign(&witness).unwrap();
    log.0.insert(Path::Checkpoint, [checkpoint.text(), line].concat());
    let verified = verify(&mut log, &policy, &Log::default()).unwrap();
    assert!(verified.is_good() && verified.cosigned.len() == 1, "{:?}", verified.faults);
}

/// Who holds the key may sign any size: what is not there is not looked for until the end of time.
#[test]
fn a_checkpoint_of_more_than_there_is_ends() {
    for size in [SIZE + 1, 100_000, u64::MAX / 2] {
        let mut log = log_of(&entries(SIZE), &log_key());
        let root = record_hash(b"any");
        log.0.insert(Path::Checkpoint, Checkpoint::sign(Head { size, root }, &log_key()).unwrap().text());
        let verified = checked(log);
        assert!(checks(&verified).contains(&Check::Root), "{:?}", verified.faults);
        assert!(verified.more_faults < 10, "{}", verified.more_faults);
    }
}

#[test]
fn entries_past_their_retention_may_be_gone_and_no_other() {
    let log = log_of(&entries(SIZE), &log_key());
    let mut pruned = entries(SIZE);
    pruned[..300].iter_mut().for_each(Vec::clear);
    let mut pruned = with_entries(&log, &pruned);
    pruned.0.remove(&Path::Entries { number: 0, width: 256 });
    let minimum = |minimum| Log { minimum, ..Log::default() };
    let verified = verify(&mut pruned, &policy(), &minimum(300)).unwrap();
    assert!(verified.is_good(), "{:?}", verified.faults);
    assert_eq!((verified.entries, verified.pruned), (SIZE - 300, 300));
    let verified = verify(&mut pruned, &policy(), &minimum(299)).unwrap();
    assert_eq!(checks(&verified), [Check::Count], "{:?}", verified.faults);
    assert_eq!(verified.faults[0].said, "entry 299 was removed");
    let verified = verify(&mut pruned, &policy(), &minimum(0)).unwrap();
    assert!(checks(&verified).contains(&Check::Count), "{:?}", verified.faults);
}

#[test]
fn an_archive_holds_what_was_put_in_and_nothing_else_is_taken() {
    let log = log_of(&entries(SIZE), &log_key());
    let mut writer = write(Vec::new(), 5, [("ms".to_owned(), 0)].into()).unwrap();
    for (path, bytes) in &log.0 {
        writer.add("ms", *path, bytes).unwrap();
    }
    let file = writer.end().unwrap();
    let mut archive = Archive::open(Cursor::new(&file)).unwrap();
    assert_eq!((archive.logs(), archive.first_kept("ms")), (vec!["ms".to_owned()], 0));
    let verified = verify(&mut archive.log("ms"), &policy(), &Log::default()).unwrap();
    assert!(verified.is_good() && verified.entries == SIZE, "{:?}", verified.faults);
    for bad in [&b""[..], b"x", &file[512..], &[0; 4096]] {
        assert!(Archive::open(Cursor::new(bad)).is_err());
    }
    let longer = [&file[..], &[0; 512]].concat();
    assert!(Archive::open(Cursor::new(&longer)).unwrap_err().is_change());
    assert!(Archive::open(Cursor::new(&file[..file.len() - 512])).unwrap_err().is_change());
}

/// Which entry of a bundle a byte belongs to, with the length before it.
fn entry_at(bundle: &[u8], at: usize) -> u64 {
    let entries = split(bundle).unwrap();
    let mut end = 0;
    let place = entries.iter().position(|entry| {
        end += 2 + entry.len();
        at < end
    });
    place.unwrap() as u64
}

/// An archive of a log, under the name that it has.
fn archived(log: &Memory) -> Vec<u8> {
    let mut writer = write(Vec::new(), 5, [(NAME.to_owned(), 0)].into()).unwrap();
    for (path, bytes) in &log.0 {
        writer.add(NAME, *path, bytes).unwrap();
    }
    writer.end().unwrap()
}

/// What an auditor is told of an archive, who has seen the log when it had so many entries.
fn audited(file: &[u8], known: u64) -> Result<Vec<Fault>, ArchiveError> {
    let known = Checkpoint::read(&log_of(&entries(known), &log_key()).0[&Path::Checkpoint]).unwrap();
    let mut archive = Archive::open(Cursor::new(file))?;
    let logs = verify_archive(&mut archive, &policy(), &[known]).unwrap();
    Ok(logs.into_iter().flat_map(|log| log.verified.faults).collect())
}

/// One bit of each byte of a whole file: what tells about it, headers, padding, its end, and the parts themselves. It is found, and one
/// thing is said of it.
#[test]
fn no_byte_of_an_archive_can_be_changed_unseen() {
    let mut file = archived(&log_of(&entries(5), &log_key()));
    assert_eq!(audited(&file, 3).unwrap(), []);
    for at in 0..file.len() {
        let bit = 1 << (at % 8);
        file[at] ^= bit;
        match audited(&file, 3) {
            Ok(faults) => {
                let of_one = faults.iter().map(|fault| fault.entry).collect::<BTreeSet<_>>().len() == 1;
                let is_told_once = faults.len() == 1 || of_one && faults[0].check == Check::Time;
                assert!(is_told_once, "byte {at}: {faults:#?}");
            }
            Err(error) => assert!(error.is_change(), "byte {at}: {error}"),
        }
        file[at] ^= bit;
    }
    for end in 1..file.len() {
        let error = audited(&file[..end], 3).unwrap_err();
        assert!(end < 512 || error.is_change(), "{end} bytes: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Any bit of any part: the checkpoint, the tiles, the entries. It is found, and nothing else is accused.
    #[test]
    fn no_bit_can_be_flipped_unseen(part: proptest::sample::Index, at: proptest::sample::Index, bit in 0_usize..8) {
        let mut log = log_of(&entries(300), &log_key());
        let parts: Vec<Path> = log.0.keys().copied().collect();
        let path = parts[part.index(parts.len())];
        let bytes = log.0.get_mut(&path).unwrap();
        let at = at.index(bytes.len());
        let home = match path {
            Path::Entries { number, .. } => Some(number * TILE + entry_at(bytes, at)),
            _ => None,
        };
        bytes[at] ^= 1 << bit;
        // As an auditor has it who has seen the log before.
        let faults = audited(&archived(&log), 200).unwrap();
        let all = format!("{path} byte {at} bit {bit}: {faults:#?}");
        let places: Vec<Option<u64>> = faults.iter().map(|fault| fault.entry).collect();
        match path {
            // A time that was changed may be one that cannot be.
            Path::Entries { .. } => {
                prop_assert!(places == [home] || places == [home; 2] && faults[0].check == Check::Time, "{}", all);
            }
            Path::Tile { .. } => prop_assert!(matches!(faults[..], [Fault { check: Check::Tile, .. }]), "{}", all),
            Path::Checkpoint => prop_assert!(matches!(faults[..], [Fault { check: Check::Signature | Check::Form, .. }]), "{}", all),
        }
    }

    #[test]
    fn no_file_breaks_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        drop(Archive::open(Cursor::new(bytes)));
    }
}
