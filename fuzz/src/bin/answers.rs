//! What servers say: the answer to an HTTP request, or a greeting of any protocol.
#![no_main]

use probe::parsers;

/// Bytes of a page that are kept.
const BODY: usize = 1000;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = parsers::greeting(bytes);
    if let Ok((status, length)) = parsers::http_answer(bytes, BODY) {
        assert!((100..1000).contains(&status) && length <= BODY);
    }
});
