//! What a TLS server answers to a ClientHello.
#![no_main]

use probe::parsers::{Until, ssl2_hello, ticket_lifetime, tls_answer};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = ssl2_hello(bytes);
    let _ = ticket_lifetime(bytes);
    for until in [Until::Hello, Until::KeyExchange, Until::Done] {
        let _ = tls_answer(bytes, until);
    }
});
