//! Whole requests, by nobody and by an administrator: addresses, headers, cookies, forms, JSON. None is the server's fault, and
//! every refusal of the API is a problem.
#![no_main]

use std::sync::LazyLock;

use server::fuzzing::{Inside, requests};

static INSIDE: LazyLock<Inside> = LazyLock::new(|| {
    let place = std::env::temp_dir().join(format!("palisade-fuzz-{}", std::process::id()));
    Inside::open(&place).expect("a server opens")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| requests(&INSIDE, bytes));
