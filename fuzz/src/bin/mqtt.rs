//! What an MQTT broker says.
#![no_main]

use probe::parsers::mqtt;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Some(Ok((_, whole))) = mqtt(rest) {
        assert!(whole >= 2);
        rest = rest.get(whole..).unwrap_or_default();
    }
});
