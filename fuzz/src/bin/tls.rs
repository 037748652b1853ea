//! What a TLS server answers to a ClientHello.
#![no_main]

use probe::parsers::{Until, tls_answer};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for until in [Until::Hello, Until::KeyExchange, Until::Done] {
        let _ = tls_answer(bytes, until);
    }
});
