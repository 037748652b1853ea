//! What is sealed opens for the same key and context, and for nothing else.

#![allow(clippy::disallowed_methods, reason = "tests lay out real files")]

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use proptest::prelude::*;
use rstest::rstest;

use super::*;

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        Self { directory }
    }

    fn key(&self) -> PathBuf {
        self.directory.path().join("seal.key")
    }

    fn put(&self, bytes: &[u8], mode: u32) {
        std::fs::write(self.key(), bytes).unwrap();
        std::fs::set_permissions(self.key(), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn refusal(&self) -> String {
        Sealer::open_or_create(&self.key()).unwrap_err().to_string()
    }
}

fn sealer() -> Sealer {
    Sealer::with(&Zeroizing::new([7; 32])).unwrap()
}

fn opened(sealer: &Sealer, context: &str, sealed: &str) -> Vec<u8> {
    sealer.open(context, sealed).unwrap().expose_secret().to_vec()
}

#[test]
fn a_sealed_secret_opens_again_after_a_restart() {
    let place = Place::new();
    let sealed = Sealer::open_or_create(&place.key()).unwrap().seal("totp of 1", b"seed").unwrap();
    let again = Sealer::open_or_create(&place.key()).unwrap();
    assert_eq!(opened(&again, "totp of 1", &sealed), b"seed");
    assert!(sealed.starts_with("v1."));
}

#[test]
fn the_key_file_is_for_its_owner_alone_and_nothing_lies_beside_it() {
    let place = Place::new();
    Sealer::open_or_create(&place.key()).unwrap();
    let metadata = std::fs::metadata(place.key()).unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.len(), metadata.nlink()), (0o600, 32, 1));
    assert_eq!(std::fs::read_dir(place.directory.path()).unwrap().count(), 1);
}

#[test]
fn processes_that_start_together_end_with_one_key() {
    let place = Place::new();
    let hashes: Vec<String> = std::thread::scope(|scope| {
        let open = || Sealer::open_or_create(&place.key()).unwrap().keyed_hash("mail", "a@b.c");
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
    assert_eq!(std::fs::read_dir(place.directory.path()).unwrap().count(), 1);
}

#[test]
fn a_key_that_is_there_is_never_replaced() {
    let place = Place::new();
    place.put(&[1; 32], 0o600);
    key_file::create(&place.key(), &Zeroizing::new([2; 32])).unwrap();
    assert_eq!(std::fs::read(place.key()).unwrap(), [1; 32]);
}

#[rstest]
#[case::for_the_group(0o640)]
#[case::for_everybody(0o604)]
#[case::that_runs(0o700)]
#[case::that_takes_its_owners_rights(0o4600)]
fn a_key_file_of_another_mode_is_refused(#[case] mode: u32) {
    let place = Place::new();
    place.put(&[1; 32], mode);
    let said = place.refusal();
    assert!(said.contains(&format!("its mode is {mode:04o}; make it 0600")), "{said}");
}

#[test]
fn a_key_file_that_its_owner_may_only_read_is_taken() {
    let place = Place::new();
    place.put(&[1; 32], 0o400);
    assert!(Sealer::open_or_create(&place.key()).is_ok());
}

#[test]
fn a_link_in_place_of_the_key_file_is_refused() {
    let place = Place::new();
    let elsewhere = place.directory.path().join("elsewhere");
    std::fs::write(&elsewhere, [1; 32]).unwrap();
    std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&elsewhere, place.key()).unwrap();
    assert!(place.refusal().contains("it is a link"), "{}", place.refusal());
}

#[test]
fn a_pipe_in_place_of_the_key_file_is_refused_at_once() {
    let place = Place::new();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, place.key(), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(place.refusal().contains("not a plain file"));
}

#[rstest]
#[case::empty(0)]
#[case::too_short(31)]
#[case::too_long(33)]
fn a_key_file_of_another_length_is_refused(#[case] length: usize) {
    let place = Place::new();
    place.put(&vec![1; length], 0o600);
    assert!(place.refusal().contains("does not hold 32 bytes"));
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let place = Place::new();
    std::fs::set_permissions(place.directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(place.refusal().contains("others may write to its directory"));
}

#[test]
fn a_secret_opens_for_its_own_context_only() {
    let sealed = sealer().seal("totp of 1", b"seed").unwrap();
    assert!(matches!(sealer().open("totp of 2", &sealed), Err(SealError::Altered { .. })));
}

#[test]
fn a_secret_does_not_open_with_another_key() {
    let sealed = sealer().seal("totp of 1", b"seed").unwrap();
    let other = Sealer::with(&Zeroizing::new([8; 32])).unwrap();
    assert!(matches!(other.open("totp of 1", &sealed), Err(SealError::Altered { .. })));
}

#[test]
fn no_bit_of_a_sealed_secret_may_flip() {
    let sealed = sealer().seal("totp of 1", b"seed").unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(&sealed[3..]).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let text = format!("v1.{}", URL_SAFE_NO_PAD.encode(flipped));
        assert!(matches!(sealer().open("totp of 1", &text), Err(SealError::Altered { .. })), "bit {bit}");
    }
}

#[test]
fn no_part_of_a_sealed_secret_may_be_missing() {
    let sealed = sealer().seal("totp of 1", b"seed").unwrap();
    for end in 0..sealed.len() {
        assert!(sealer().open("totp of 1", &sealed[..end]).is_err(), "{end} characters");
    }
}

#[rstest]
#[case::of_a_later_version("v2.AAAA")]
#[case::that_is_not_base64("v1.????")]
#[case::with_padding("v1.AAAA====")]
fn a_text_of_another_form_is_told_from_an_altered_one(#[case] text: &str) {
    assert!(matches!(sealer().open("totp of 1", text), Err(SealError::Form { .. })));
}

#[test]
fn what_is_too_long_is_refused_on_both_ways() {
    let long = vec![0; MAX_PLAIN];
    let sealed = sealer().seal("a", &long).unwrap();
    assert_eq!(opened(&sealer(), "a", &sealed), long);
    assert!(matches!(sealer().seal("a", &vec![0; MAX_PLAIN + 1]), Err(SealError::TooLong { .. })));
    let text = format!("v1.{}", "A".repeat(MAX_SEALED));
    assert!(matches!(sealer().open("a", &text), Err(SealError::Form { .. })));
}

#[test]
fn the_same_secret_is_never_sealed_to_the_same_text() {
    assert_ne!(sealer().seal("a", b"x").unwrap(), sealer().seal("a", b"x").unwrap());
}

#[test]
fn a_keyed_hash_depends_on_key_context_and_value_and_on_where_they_part() {
    let hash = sealer().keyed_hash("mail", "a@b.c");
    assert_eq!(hash, sealer().keyed_hash("mail", "a@b.c"));
    assert_eq!(hash.len(), 64);
    let others = [
        Sealer::with(&Zeroizing::new([8; 32])).unwrap().keyed_hash("mail", "a@b.c"),
        sealer().keyed_hash("name", "a@b.c"),
        sealer().keyed_hash("mail", "a@b.d"),
        sealer().keyed_hash("maila", "@b.c"),
    ];
    assert!(!others.contains(&hash));
}

#[test]
fn neither_key_nor_secret_is_printed() {
    assert_eq!(format!("{:?}", sealer()), "Sealer(***)");
    let sealed = sealer().seal("a", b"seed").unwrap();
    assert!(!format!("{:?}", sealer().open("a", &sealed)).contains("115"));
}

proptest! {
    #[test]
    fn opening_what_was_sealed_gives_what_was_sealed(context in ".*", plain in proptest::collection::vec(any::<u8>(), 0..500)) {
        let sealed = sealer().seal(&context, &plain).unwrap();
        prop_assert_eq!(opened(&sealer(), &context, &sealed), plain);
    }

    #[test]
    fn no_text_opens_that_was_not_sealed(text in "(v1\\.)?[A-Za-z0-9_-]{0,200}") {
        prop_assert!(sealer().open("a", &text).is_err());
    }
}
