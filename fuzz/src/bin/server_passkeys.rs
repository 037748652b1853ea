//! What an authenticator answers, as text and as the bytes within an answer that is right else; none opens without its key.
#![no_main]

use std::sync::LazyLock;

use server::fuzzing::{Site, passkeys};

static SITE: LazyLock<Site> = LazyLock::new(|| Site::new().expect("a passkey is made"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| passkeys(&SITE, bytes));
