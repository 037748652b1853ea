//! Unit files, crontabs, inetd, schedules.
#![no_main]

use probe::parsers;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = parsers::crontab(text);
    let _ = parsers::inetd(text, "/etc/inetd.conf");
    let _ = parsers::xinetd(text, "/etc/xinetd.conf");
    let _ = parsers::systemctl_list_units(text);
    let mut unit = parsers::UnitFile::default();
    unit.add(text);
    let _ = (unit.program(), unit.has_install());
    let _ = parsers::schedule::cron_gap(text);
    let _ = parsers::schedule::calendar_gap(text);
    let _ = parsers::schedule::span_minutes(text);
});
