//! Tests of the section on made-up machines.

use test_support::Machine;

use super::*;

const LIST: &str =
    "systemctl list-units --all --plain --no-legend --no-pager --full --type=service,socket,timer";

fn read(machine: Machine) -> Services {
    let (door, _root) = machine.door();
    match probe(&Context::new(door)) {
        Fact::Known(services, _) => services,
        other => panic!("{other:?}"),
    }
}

fn host() -> Machine {
    Machine::new()
        .file("/proc/1/comm", "systemd\n")
        .directory("/run/systemd/system")
        .file("/lib/systemd/system/ssh.service", "[Service]\nExecStart=/usr/sbin/sshd -D\n[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\n")
        .link("/etc/systemd/system/multi-user.target.wants/ssh.service", "/lib/systemd/system/ssh.service")
        .link("/etc/systemd/system/sshd.service", "/lib/systemd/system/ssh.service")
        .file("/lib/systemd/system/web.service", "[Service]\nUser=root\nExecStart=/usr/bin/web\n[Install]\nWantedBy=multi-user.target\n")
        .file("/etc/systemd/system/web.service.d/10-user.conf", "[Service]\nUser=www\nNoNewPrivileges=yes\n")
        .file("/lib/systemd/system/journal.service", "[Service]\nExecStart=/x\n")
        .link("/etc/systemd/system/cups.service", "/dev/null")
        .file("/lib/systemd/system/cups.service", "[Install]\nWantedBy=x.target\n")
        .file("/lib/systemd/system/getty@.service", "[Service]\nExecStart=-/sbin/agetty\n[Install]\nWantedBy=getty.target\n")
        .link("/etc/systemd/system/getty.target.wants/getty@tty1.service", "/lib/systemd/system/getty@.service")
        .file("/lib/systemd/system/rotate.timer", "[Timer]\nOnCalendar=daily\nPersistent=true\n[Install]\nWantedBy=timers.target\n")
        .link("/etc/systemd/system/timers.target.wants/rotate.timer", "/lib/systemd/system/rotate.timer")
        .file("/lib/systemd/system/rotate.service", "[Service]\nExecStart=/usr/sbin/logrotate /etc/logrotate.conf\n")
        .file("/var/lib/systemd/timers/stamp-rotate.timer", "")
        .link("/lib/systemd/system/default.target", "graphical.target")
        .file("/lib/systemd/system/rpc.socket", "[Socket]\nListenStream=0.0.0.0:111\nListenDatagram=/run/x\n")
        .program(LIST, "ssh.service loaded active running OpenBSD Secure Shell server\nweb.service loaded failed failed web\nrpc.socket loaded active listening x\n")
}

#[test]
fn states_are_those_of_systemctl() {
    let services = read(host());
    let units = services.units.value().unwrap();
    let states: Vec<_> = units.iter().map(|unit| (unit.name.as_str(), unit.state.as_str())).collect();
    assert_eq!(
        states,
        [
            ("cups.service", "masked"),
            ("getty@.service", "indirect"),
            ("getty@tty1.service", "enabled"),
            ("journal.service", "static"),
            ("rotate.service", "static"),
            ("rotate.timer", "enabled"),
            ("rpc.socket", "static"),
            ("ssh.service", "enabled"),
            ("sshd.service", "alias"),
            ("web.service", "disabled"),
        ]
    );
    let web = units.iter().find(|unit| unit.name == "web.service").unwrap();
    assert_eq!(web.user.value().map(String::as_str), Some("www"));
    assert_eq!(web.drop_ins, ["/etc/systemd/system/web.service.d/10-user.conf"]);
    assert!(web.changed_locally && web.sandbox.is_absent());
    let ssh = units.iter().find(|unit| unit.name == "ssh.service").unwrap();
    assert_eq!(ssh.program.value().map(String::as_str), Some("/usr/sbin/sshd"));
    assert_eq!(ssh.active.value(), Some(&true));
    assert!(ssh.sandbox.value().unwrap().exposure > 9.0);
    assert_eq!(services.failed_units.value().unwrap(), &["web.service".to_owned()]);
    assert_eq!(services.active_units.value().unwrap(), &["rpc.socket".to_owned(), "ssh.service".to_owned()]);
    assert_eq!(services.default_target.value().map(String::as_str), Some("graphical.target"));
    let socket = units.iter().find(|unit| unit.kind == "socket").unwrap();
    assert_eq!(socket.listens, ["0.0.0.0:111", "/run/x"]);
}

#[test]
fn cron_and_timers_are_one_list_of_jobs() {
    let services = read(
        host()
            .file("/usr/sbin/cron", "")
            .file("/etc/crontab", "SHELL=/bin/sh\n17 * * * * root run-parts /etc/cron.hourly\n")
            .file("/etc/cron.d/site", "*/5 * * * * root /opt/watch\n")
            .file("/etc/cron.d/site.dpkg-old", "* * * * * root /opt/old\n")
            .file("/var/spool/cron/crontabs/ann", "@reboot /home/ann/x\nnonsense\n")
            .file_with_mode("/etc/cron.daily/backup", "#!/bin/sh\n", 0o755)
            .file_with_mode("/etc/cron.daily/open", "#!/bin/sh\n", 0o666)
            .file("/etc/cron.allow", "root\nann\n"),
    );
    let jobs = services.jobs.value().unwrap();
    let told: Vec<_> = jobs
        .iter()
        .map(|job| {
            (
                job.kind.as_str(),
                job.user.as_str(),
                job.command.as_str(),
                job.longest_gap_minutes.value().copied(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("cron", "root", "run-parts /etc/cron.hourly", Some(60)),
            ("cron", "root", "/opt/watch", Some(5)),
            ("cron", "ann", "/home/ann/x", None),
            ("cron", "root", "/etc/cron.daily/backup", Some(1440)),
            ("timer", "root", "/usr/sbin/logrotate", Some(1440)),
        ]
    );
    assert!(jobs[4].enabled && jobs[4].last_run.value().is_some());
    let cron = services.cron.value().unwrap();
    assert_eq!(cron.allow.value().unwrap().len(), 2);
    assert!(cron.deny.is_absent());
    assert_eq!(services.changeable_files.value().unwrap(), &["/etc/cron.daily/open".to_owned()]);
}

#[test]
fn without_systemd_activity_is_unknown_and_init_scripts_are_listed() {
    let services = read(
        Machine::new()
            .file("/proc/1/comm", "init\n")
            .file("/etc/init.d/web", "#!/bin/sh\n")
            .link("/etc/rc2.d/S01web", "../init.d/web")
            .file("/etc/init.d/old", "#!/bin/sh\n"),
    );
    assert!(services.units.is_absent() && services.cron.is_absent() && services.inetd.is_absent());
    assert_eq!(services.systemd.value(), Some(&false));
    let scripts: Vec<_> = services
        .init_scripts
        .value()
        .unwrap()
        .iter()
        .map(|script| (script.name.as_str(), script.enabled))
        .collect();
    assert_eq!(scripts, [("old", false), ("web", true)]);
    let services =
        read(Machine::new().file("/proc/1/comm", "x\n").file("/lib/systemd/system/a.service", "[Service]\n"));
    assert!(services.units.value().unwrap()[0].active.is_unreadable());
    assert!(services.active_units.is_unreadable());
}

#[test]
fn a_tree_that_does_not_run_tells_what_starts_but_not_what_runs() {
    let (door, _root) = host().offline_door();
    let Fact::Known(services, _) = probe(&Context::new(door)) else { panic!() };
    assert!(services.manager.is_unreadable() && services.systemd.is_unreadable());
    assert!(services.enabled_units.value().unwrap().contains(&"ssh.service".to_owned()));
}

#[test]
fn junk_does_no_harm() {
    let services = read(
        host()
            .file("/lib/systemd/system/junk.service", [0xff, 0x00, b'[', b'=', b'\n'])
            .file("/lib/systemd/system/huge.service", vec![b'#'; 2 << 20])
            .file("/usr/sbin/cron", "")
            .file("/etc/cron.d/junk", [0xff, b'*', b' ', b'\n', b'1']),
    );
    let huge = services.units.value().unwrap().iter().find(|unit| unit.name == "huge.service").unwrap();
    assert!(huge.user.is_unreadable() && huge.program.is_unreadable());
}
