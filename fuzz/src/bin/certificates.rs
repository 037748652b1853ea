//! Files that should hold certificates, in PEM or DER.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let probe::parsers::Parsed::Certificates { certificates, .. } = probe::parsers::certificates(bytes) {
        assert!(serde_json::to_vec(&certificates).is_ok());
    }
});
