//! Headers and pages of web servers.
#![no_main]

use probe::parsers;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = parsers::html(text);
    let _ = parsers::cookie(text);
    let _ = parsers::content_security_policy(text);
    let _ = parsers::transport_security(text);
    let _ = parsers::versions(text);
});
