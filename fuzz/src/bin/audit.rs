//! Audit rules, settings, and what the kernel says of its audit.
#![no_main]

use probe::parsers;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = parsers::auditctl_status(text);
    let _ = parsers::auditd_settings(text, "auditd.conf");
    for line in text.lines() {
        let _ = parsers::audit_rules::parse_line(line);
    }
});
