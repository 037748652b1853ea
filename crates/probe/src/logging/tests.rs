//! Tests of the section on made-up machines.

use test_support::Machine;

use super::*;

fn read(machine: Machine) -> Logging {
    let (door, _root) = machine.door();
    match probe(&Context::new(door)) {
        Fact::Known(logging, _) => logging,
        other => panic!("{other:?}"),
    }
}

fn host() -> Machine {
    Machine::new().file("/proc/1/comm", "systemd\n")
}

#[test]
fn drop_ins_of_journald_override_and_are_told() {
    let logging = read(
        host()
            .file("/proc/9/comm", "systemd-journal\n")
            .file("/lib/systemd/systemd-journald", "")
            .file(
                "/etc/systemd/journald.conf",
                "[Journal]\nStorage=volatile\n#Seal=no\nSystemMaxUse=1G\n[Other]\nStorage=none\n",
            )
            .file("/usr/lib/systemd/journald.conf.d/50-x.conf", "[Journal]\nForwardToSyslog=no\nStorage=auto\n")
            .file("/etc/systemd/journald.conf.d/50-x.conf", "[Journal]\nStorage=persistent\nCompress=512\n")
            .directory("/var/log/journal"),
    );
    assert_eq!(logging.collecting.value(), Some(&true));
    let journal = logging.journald.value().unwrap();
    let Fact::Known(storage, Some(source)) = &journal.storage else { panic!("{:?}", journal.storage) };
    assert_eq!(
        (storage.as_str(), source.at.as_str()),
        ("persistent", "/etc/systemd/journald.conf.d/50-x.conf:2")
    );
    assert_eq!(source.overridden[0].at, "/etc/systemd/journald.conf:2");
    assert_eq!(journal.persistent.value(), Some(&true));
    assert_eq!(journal.compress.value(), Some(&true));
    assert_eq!(journal.seal.value(), Some(&true));
    assert_eq!(journal.sealing_key.value(), Some(&false));
    assert_eq!(journal.forward_to_syslog.value(), Some(&false));
    assert_eq!(journal.system_max_use.value().map(String::as_str), Some("1G"));
}

#[test]
fn targets_of_included_files_are_forwarders() {
    let logging = read(
        host()
            .file("/proc/8/comm", "rsyslogd\n")
            .file("/usr/sbin/rsyslogd", "")
            .file("/etc/rsyslog.conf", "$FileCreateMode 0640\n$IncludeConfig /etc/rsyslog.d/*.conf\nmodule(load=\"imudp\")\ninput(type=\"imudp\" port=\"514\")\n")
            .file("/etc/rsyslog.d/10-out.conf", "*.* @@logs.example:6514\n")
            .file("/etc/rsyslog.d/20-loop.conf", "$IncludeConfig /etc/rsyslog.conf\n")
            .file("/etc/rsyslog.d/30-off.disabled", "*.* @@no\n"),
    );
    let forwarders = logging.forwarders.value().unwrap();
    assert_eq!(forwarders.len(), 1);
    assert_eq!(forwarders[0].source, "/etc/rsyslog.d/10-out.conf:1");
    assert_eq!(forwarders[0].tls.value(), Some(&false));
    assert_eq!(logging.inputs.value().unwrap()[0].port, "514");
    assert_eq!(logging.rsyslog.value().unwrap().creates_readable_by_others.value(), Some(&false));
    assert!(logging.syslog_ng.is_absent() && logging.journald.is_absent());
}

#[test]
fn open_logs_and_copies_for_readers_are_told() {
    let logging = read(
        host()
            .file_with_mode("/var/log/auth.log", "", 0o644)
            .file_with_mode("/var/log/app/x.log", "", 0o666)
            .file_with_mode("/var/log/good.log", "", 0o640)
            .file_with_mode("/srv/connector-logs/copy.log", "", 0o444)
            .file_with_mode("/var/log/wtmp", "", 0o664),
    );
    let exposed: Vec<_> = logging
        .exposed_files
        .value()
        .unwrap()
        .iter()
        .map(|file| (file.path.as_str(), file.others_writable, file.sensitive_readable))
        .collect();
    assert_eq!(
        exposed,
        [
            ("/var/log/auth.log", false, true),
            ("/var/log/wtmp", false, false),
            ("/var/log/app/x.log", true, false)
        ]
    );
    let copies = logging.directories.value().unwrap().iter().find(|d| d.path == "/srv/connector-logs").unwrap();
    assert_eq!((copies.files, copies.writable_files, copies.foreign_files), (1, 0, 0));
    assert!(copies.newest.value().is_some());
    assert_eq!(logging.login_records[0].present.value(), Some(&true));
    assert_eq!(logging.login_records[1].present.value(), Some(&false));
    assert!(logging.login_records[1].mode.is_absent());
}

#[test]
fn rotation_is_reckoned_in_days() {
    let logging = read(
        host()
            .file("/usr/sbin/logrotate", "")
            .file("/etc/logrotate.conf", "weekly\nrotate 4\ninclude /etc/logrotate.d\n")
            .file("/etc/logrotate.d/app", "/var/log/app/*.log {\n daily\n create 0644 app app\n}\n")
            .file("/etc/logrotate.d/app.dpkg-old", "/x {\n}\n")
            .file_with_mode(
                "/etc/cron.daily/logrotate",
                "#!/bin/sh\nif [ -d /run/systemd/system ]; then exit 0; fi\n",
                0o755,
            ),
    );
    let rotate = logging.logrotate.value().unwrap();
    assert_eq!(rotate.keep_days.value(), Some(&28));
    assert_eq!(rotate.started_by.value().map(String::as_str), Some("cron"));
    assert_eq!(rotate.patterns.value().unwrap(), &["/var/log/app/*.log".to_owned()]);
    // With the line's text: the fix rewrites exactly that line.
    let open = &["/etc/logrotate.d/app:3: create 0644 app app".to_owned()];
    assert_eq!(rotate.creates_open_logs.value().unwrap(), open);
}

#[test]
fn unreadable_configuration_is_unknown_and_an_empty_host_is_not() {
    let logging = read(host().file("/usr/sbin/rsyslogd", "").file("/etc/rsyslog.conf", vec![b'#'; 2 << 20]));
    assert!(logging.rsyslog.value().unwrap().targets.is_unreadable());
    assert!(logging.forwarders.is_unreadable() && logging.inputs.is_unreadable());
    let logging = read(host());
    assert_eq!(logging.collecting.value(), Some(&false));
    assert!(logging.forwarders.value().unwrap().is_empty());
    assert!(logging.logrotate.is_absent());
}

#[test]
fn files_of_logrotate_that_include_one_another_are_read_only_so_often() {
    let bomb = "include /etc/logrotate.conf\n/var/log/a {\n}\n".repeat(20_000);
    let logging = read(host().file("/usr/sbin/logrotate", "").file("/etc/logrotate.conf", bomb));
    assert!(logging.logrotate.value().unwrap().patterns.value().unwrap().len() <= 500);
}
