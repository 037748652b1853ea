//! Audit rules and settings.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = probe::parsers::auditctl_status(text);
    let _ = probe::parsers::auditd_settings(text, "auditd.conf");
});
