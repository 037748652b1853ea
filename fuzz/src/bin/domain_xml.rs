//! libvirt's definitions of machines.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let machine = probe::parsers::domain_xml(text);
    assert!(serde_json::to_vec(&machine).is_ok());
});
