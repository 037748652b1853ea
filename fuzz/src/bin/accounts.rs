//! Accounts, sudoers and PAM.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let found = probe::parsers::passwd(text) + probe::parsers::sudoers(text) + probe::parsers::pam(text);
    assert!(found <= 5 * text.len() + 5);
});
