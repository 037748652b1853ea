//! Tests of the section on made-up machines.

use test_support::Machine;

use super::*;

const STATUS: &str = "enabled 1\nfailure 1\npid 612\nrate_limit 0\nbacklog_limit 8192\nlost 3\nbacklog 0\n\
                      backlog_wait_time 60000\nbacklog_wait_time_actual 0\nloginuid_immutable 0 unlocked\n";

fn host() -> Machine {
    Machine::new()
        .file("/proc/1/comm", "systemd\n")
        .file("/proc/612/comm", "auditd\n")
        .file("/proc/cmdline", "BOOT_IMAGE=/vmlinuz audit=0 quiet audit=1 audit_backlog_limit=8192\n")
        .file("/usr/sbin/auditd", "")
        .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .file("/etc/docker/daemon.json", "{}")
        .file("/usr/bin/dockerd", "")
        .file("/etc/audit/auditd.conf", "log_file = /var/log/audit/audit.log\nMax_Log_File_Action = KEEP_LOGS\nspace_left_action = exec /x\n")
        .file_with_mode("/var/log/audit/audit.log", "", 0o600)
        .file(
            "/etc/audit/rules.d/10-site.rules",
            "-D\n-w /etc/docker/ -p wa -k docker\n-w /etc/passwd -p wa -k identity\n\
             -a always,exit -F arch=b64 -S adjtimex,settimeofday -k time\n-a never,task\nnonsense\n",
        )
        .file("/etc/audit/rules.d/99-final.rules", "-e 2\n")
        .file("/etc/audit/audit.rules", "-D\n-w /etc/docker -p wa -k docker\n-e 2\n")
}

fn read(machine: Machine) -> Audit {
    let (door, _root) = machine.door();
    match probe(&Context::new(door)) {
        Fact::Known(audit, _) => audit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn loaded_and_persisted_rules_are_one_list() {
    let audit = read(host().program("auditctl -s", STATUS).program(
        "auditctl -l",
        "-w /etc/docker -p wa -k docker\n-a always,exit -F arch=b64 -S adjtimex,settimeofday -F key=time\n-w /opt -p wa\n",
    ));
    let watches = audit.watches.value().unwrap();
    let told: Vec<_> = watches
        .iter()
        .map(|w| {
            (w.path.as_str(), w.recursive, w.loaded.value() == Some(&true), w.persisted.value() == Some(&true))
        })
        .collect();
    assert_eq!(
        told,
        [("/etc/docker", true, true, true), ("/etc/passwd", false, false, true), ("/opt", false, true, false)]
    );
    assert_eq!(watches[0].source, "/etc/audit/rules.d/10-site.rules:2");
    assert_eq!(watches[2].source, "auditctl -l");
    let rules = audit.syscall_rules.value().unwrap();
    assert_eq!(rules.len(), 2);
    assert_eq!(rules[0].syscalls, ["adjtimex", "settimeofday"]);
    assert_eq!((rules[1].action.as_str(), rules[1].list.as_str()), ("never", "task"));
    assert_eq!(audit.kernel.value().unwrap().lost, 3);
    assert_eq!(audit.boot_parameter.value().map(String::as_str), Some("1"));
    assert_eq!(audit.boot_backlog_limit.value(), Some(&8192));
    let persistence = &audit.persistence;
    assert_eq!(persistence.only_loaded.value().unwrap(), &["-w /opt -p wa".to_owned()]);
    assert_eq!(persistence.only_persisted.value().unwrap().len(), 2);
    assert_eq!(persistence.compiled_is_current.value(), Some(&false));
    assert_eq!(persistence.enabled.value(), Some(&2));
    assert_eq!(persistence.broken_lines.value().unwrap(), &["/etc/audit/rules.d/10-site.rules:6".to_owned()]);
}

#[test]
fn a_watch_covers_what_is_below_and_only_what_exists_is_listed() {
    let audit =
        read(host().program("auditctl -l", "-w /etc/docker -p wa -k docker\n-w /usr/bin/dockerd -p x\n"));
    let paths = audit.paths.value().unwrap();
    let of = |path: &str| paths.iter().find(|known| known.path == path);
    assert_eq!(of("/etc/docker/daemon.json").unwrap().watched.value(), Some(&true));
    assert_eq!(of("/etc/docker/daemon.json").unwrap().persisted.value(), Some(&true));
    assert_eq!(of("/usr/bin/dockerd").unwrap().watched.value(), Some(&false));
    assert_eq!(of("/etc/passwd").unwrap().watched.value(), Some(&false));
    assert_eq!(of("/etc/passwd").unwrap().persisted.value(), Some(&true));
    assert!(of("/var/lib/docker").is_none());
}

#[test]
fn the_daemon_is_described_with_its_defaults() {
    let audit = read(host());
    let daemon = audit.daemon.value().unwrap();
    assert_eq!(daemon.running.value(), Some(&true));
    assert_eq!(daemon.enabled.value(), Some(&false));
    let config = daemon.config.value().unwrap();
    assert_eq!(config.max_log_file_action.value().map(String::as_str), Some("keep_logs"));
    assert_eq!(config.space_left_action.value().map(String::as_str), Some("exec"));
    assert_eq!(config.disk_full_action.value().map(String::as_str), Some("ignore"));
    let log = daemon.log.value().unwrap();
    assert_eq!(log.directory, "/var/log/audit");
    assert!(log.open_files.is_empty());
}

#[test]
fn without_auditd_there_is_a_section_that_says_so() {
    let audit = read(Machine::new().file("/proc/1/comm", "init\n").file("/etc/passwd", ""));
    assert!(audit.daemon.is_absent() && audit.kernel.is_absent());
    let path = &audit.paths.value().unwrap()[0];
    assert!(path.watched.value() == Some(&false) && path.persisted.value() == Some(&false));
}

#[test]
fn without_rights_rules_are_unknown_not_absent() {
    let audit = read(host().not_root());
    assert!(audit.kernel.is_unreadable());
    assert!(audit.watches.value().unwrap().iter().all(|watch| watch.loaded.is_unreadable()));
    assert!(audit.persistence.only_loaded.is_unreadable());
    let (door, _root) = host().offline_door();
    let Fact::Known(audit, _) = probe(&Context::new(door)) else { panic!() };
    assert!(audit.kernel.is_unreadable() && audit.boot_parameter.is_unreadable());
    assert_eq!(audit.persistence.enabled.value(), Some(&2));
    assert!(audit.activities.value().unwrap().iter().all(|activity| activity.not_loaded.is_unreadable()));
    for path in audit.paths.value().unwrap() {
        assert!(path.watched.is_unreadable() && !path.source.contains("auditctl"), "{path:?}");
    }
}

#[test]
fn audit_rules_alone_are_obeyed_in_their_order() {
    let audit = read(Machine::new().file("/proc/1/comm", "init\n").file(
        "/etc/audit/audit.rules",
        "-w /a -p wa\n-D\n-w /b -p wa\n-w /c -p wa\n-W /c -p wa\n-e 2\n-w /late -p wa\n",
    ));
    let paths: Vec<_> = audit.watches.value().unwrap().iter().map(|watch| watch.path.clone()).collect();
    assert_eq!(paths, ["/b"]);
    assert_eq!(audit.persistence.loader.value().map(String::as_str), Some("auditctl"));
    assert!(audit.persistence.compiled_is_current.is_absent());
}

#[test]
fn junk_and_oversized_rule_files_do_no_harm() {
    let audit =
        read(host().file("/etc/audit/rules.d/50-junk.rules", [0xff, 0xfe, b'\n', 0, b'-', b'w', b'\n']));
    assert_eq!(audit.persistence.broken_lines.value().unwrap().len(), 3);
    let audit = read(host().file("/etc/audit/rules.d/50-huge.rules", vec![b'#'; 2 << 20]));
    assert!(audit.watches.is_unreadable());
    assert!(audit.paths.is_unreadable());
}
