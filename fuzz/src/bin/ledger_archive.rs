//! Whole archives of the ledger, as an auditor gets them from a stranger: never good in the eyes of who trusts another key.
#![no_main]

use std::io::Cursor;

use ledger::{Archive, Policy, SigningKey, verify_archive};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(mut archive) = Archive::open(Cursor::new(bytes)) else { return };
    let Ok(stranger) = SigningKey::of_log("example.com/log", &[7; 32]) else { return };
    let policy = Policy::of(stranger.verifier().clone());
    if let Ok(logs) = verify_archive(&mut archive, &policy, &[]) {
        let good = !logs.is_empty() && logs.iter().all(|log| log.verified.is_good());
        assert!(!good, "good in the name of a key that signed nothing");
    }
});
