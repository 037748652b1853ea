//! Settings of the journal, rsyslog, syslog-ng, logrotate and the collectors of logs.
#![no_main]

use probe::parsers::logging;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut journald = logging::JournaldSettings::default();
    journald.add(text, "a.conf");
    journald.add(text, "b.conf");
    let _ = journald.given("storage");
    let _ = logging::logrotate(text, "logrotate.conf");
    let _ = logging::syslog_ng(text, "syslog-ng.conf");
    let _ = logging::receiver(text);
    let mut rsyslog = logging::Rsyslog::default();
    for statement in logging::statements(text) {
        let _ = logging::included(&statement.text);
        rsyslog.obey(&statement, "rsyslog.conf");
    }
});
