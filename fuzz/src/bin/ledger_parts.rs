//! Parts of a ledger as bytes: bundles of entries, tiles, single entries. What is read is written the same.
#![no_main]

use ledger::{Event, Tile, join, split};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(entries) = split(bytes) {
        assert_eq!(join(&entries).expect("what was split"), bytes);
        entries.iter().for_each(|entry| drop(Event::from_entry(entry)));
    }
    if let Ok(tile) = Tile::read(bytes) {
        assert_eq!(tile.bytes(), bytes);
        assert!(tile.hashes().len() <= 256);
    }
    if let Ok(event) = Event::from_entry(bytes)
        && let Ok(entry) = event.to_entry()
    {
        let again = Event::from_entry(&entry).expect("what it wrote itself");
        assert_eq!(again.to_entry().ok(), Some(entry), "cut again where it was cut already");
    }
});
