//! What nft and iptables-save print.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = probe::parsers::parse_nft(text, "nft");
    let _ = probe::parsers::parse_iptables(text, "ip", "iptables-save");
});
