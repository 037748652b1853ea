//! dpkg's status and apt's lists, and that they say the same however the bytes arrive.
#![no_main]

use std::io::Read;

use probe::parsers::packages;

/// A file that gives a few bytes at a time.
struct Drops<'a>(&'a [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(self.0.len()).min(into.len());
        into[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let whole = packages(bytes, bytes).expect("nothing that is too large");
    let drop = bytes.first().map_or(1, |first| usize::from(*first).max(1));
    let dripped = packages(Drops(bytes, drop), Drops(bytes, drop)).expect("nothing that is too large");
    assert_eq!(whole, dripped);
});
