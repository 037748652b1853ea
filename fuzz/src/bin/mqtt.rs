//! What an MQTT broker says.
#![no_main]

use probe::parsers::mqtt;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Some(Ok((packet, whole))) = mqtt(rest) {
        std::hint::black_box(packet);
        assert!(whole >= 2);
        rest = rest.get(whole..).unwrap_or_default();
    }
});
