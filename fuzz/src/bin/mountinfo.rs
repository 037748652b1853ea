//! `/proc/self/mountinfo`, by which the walk decides what it enters.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mounts = host::mountinfo(bytes);
    assert!(mounts.len() <= bytes.len());
});
