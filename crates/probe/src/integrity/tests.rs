//! Made-up machines for integrity checkers.

use test_support::Machine;

use super::*;

fn integrity(door: Door) -> Integrity {
    match probe(&Context::new(door)) {
        Fact::Known(integrity, _) => integrity,
        other => panic!("{other:?}"),
    }
}

fn host() -> Machine {
    Machine::new().file("/proc/1/comm", "systemd\n")
}

#[test]
fn aide_is_described_with_database_and_schedule() {
    let (door, _root) = host()
        .file("/usr/bin/aide", "")
        .file(
            "/etc/aide/aide.conf",
            "database_in=file:/var/lib/aide/aide.db\ndatabase_out=file:/var/lib/aide/aide.db.new\n",
        )
        .file_with_mode("/var/lib/aide/aide.db", "x", 0o600)
        .file_with_mode(
            "/etc/cron.daily/dailyaidecheck",
            "#!/bin/sh\nexec /usr/share/aide/bin/dailyaidecheck --crondaily\n",
            0o755,
        )
        .file("/var/log/aide/aide.log", "AIDE found NO differences\n")
        .door();
    let found = integrity(door);
    let aide = &found.checkers.value().unwrap()[0];
    assert_eq!(aide.database.value().unwrap(), "/var/lib/aide/aide.db");
    assert!(aide.database_at.value().is_some() && aide.last_run_at.value().is_some());
    assert_eq!((aide.scheduled.value(), aide.interval_hours.value()), (Some(&true), Some(&24.0)));
    assert!(found.detectors.value().unwrap().is_empty() && found.ima.is_absent());
}

#[test]
fn a_checker_without_database_or_schedule_shows_it() {
    let (door, _root) = host().file("/usr/bin/aide", "").file("/usr/bin/debsums", "").door();
    let found = integrity(door);
    let checkers = found.checkers.value().unwrap();
    assert!(checkers[0].database.is_absent() && checkers[0].config.is_absent());
    assert_eq!((checkers[0].scheduled.value(), checkers[0].interval_hours.value()), (Some(&false), None));
    let (door, _root) = host()
        .file("/usr/bin/debsums", "")
        .file("/etc/default/debsums", "CRON_CHECK=never\n")
        .file_with_mode("/etc/cron.daily/debsums", "#!/bin/sh\ndebsums -s\n", 0o755)
        .door();
    assert_eq!(integrity(door).checkers.value().unwrap()[0].scheduled.value(), Some(&false));
}

#[test]
fn services_check_and_detect_all_the_time() {
    let (door, _root) = host()
        .file("/var/ossec/bin/wazuh-syscheckd", "")
        .file("/var/ossec/bin/wazuh-logcollector", "")
        .file("/usr/bin/suricata", "")
        .file("/proc/7/comm", "wazuh-syscheckd\n")
        .file("/proc/8/comm", "Suricata-Main\n")
        .file("/var/log/suricata/eve.json", "{}\n")
        .file("/sys/kernel/security/ima/runtime_measurements_count", "812\n")
        .file("/proc/cmdline", "quiet ima_appraise=enforce\n")
        .door();
    let found = integrity(door);
    let checker = &found.checkers.value().unwrap()[0];
    assert_eq!((checker.running.value(), checker.scheduled.value()), (Some(&true), Some(&true)));
    let detectors: Vec<_> = found
        .detectors
        .value()
        .unwrap()
        .iter()
        .map(|one| (one.name.as_str(), one.running.value().copied(), one.last_event_at.value().is_some()))
        .collect();
    assert_eq!(detectors, [("suricata", Some(true), true), ("wazuh", Some(false), false)]);
    let ima = found.ima.value().unwrap();
    assert_eq!((ima.measurements.value(), ima.appraises.value()), (Some(&812), Some(&true)));
}

#[test]
fn a_file_tree_tells_what_is_installed_and_not_what_runs() {
    let (door, _root) =
        Machine::new().file("/usr/bin/suricata", "").file("/usr/sbin/samhain", "").offline_door();
    let found = integrity(door);
    assert!(found.detectors.value().unwrap()[0].running.is_unreadable());
    assert!(found.checkers.value().unwrap()[0].running.is_unreadable());
    assert!(found.ima.is_unreadable());
    let (door, _root) = host().file("/sys/kernel/security/ima/runtime_measurements_count", "many").door();
    assert!(integrity(door).ima.is_unreadable());
}
