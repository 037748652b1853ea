//! Services, timers, updates, who may plan jobs.

use test_support::Machine;

use crate::harness::Case;

const LIST: &str =
    "systemctl list-units --all --plain --no-legend --no-pager --full --type=service,socket,timer";

/// A machine that systemd runs, with what it says of its units.
pub(super) fn systemd(units: &str) -> Machine {
    Machine::new()
        .directory("/run/systemd/system")
        .directory("/etc/systemd/system")
        .directory("/usr/lib/systemd/system")
        .program(LIST, units)
        .program("systemctl daemon-reload", "")
}

/// A unit of a package.
pub(super) fn unit(machine: Machine, name: &str, install: &str) -> Machine {
    let text = format!("[Service]\nExecStart=/usr/sbin/{name}\n[Install]\n{install}\n");
    machine.file(&format!("/usr/lib/systemd/system/{name}"), text)
}

/// The answers to switching units on and off.
pub(super) fn switched(machine: Machine, names: &[&str]) -> Machine {
    names.iter().fold(machine, |machine, name| {
        machine.program(&format!("systemctl start {name}"), "").program(&format!("systemctl stop {name}"), "")
    })
}

pub(super) fn cases() -> Vec<Case> {
    let mut all = vec![
        Case {
            name: "cron is masked",
            fix: "service-on",
            rules: &["services.cron-runs"],
            machine: || {
                let machine = systemd("cron.service loaded inactive dead Cron\n")
                    .file("/usr/sbin/cron", "")
                    .file("/proc/7/comm", "cron\n")
                    .file("/proc/7/stat", "7 (cron) S 1 7 7 0 -1 0")
                    .file("/proc/7/status", "Name:\tcron\nPid:\t7\nPPid:\t1\nUid:\t0\t0\t0\t0\n")
                    .link("/etc/systemd/system/cron.service", "/dev/null");
                switched(unit(machine, "cron.service", "WantedBy=multi-user.target"), &["cron.service"])
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "telnet by a socket, ftp with an alias, tftp running",
            fix: "service-off",
            rules: &["services.insecure-off", "services.discovery-off"],
            machine: || {
                let machine = systemd("tftpd-hpa.service loaded active running TFTP\n")
                    .link(
                        "/etc/systemd/system/sockets.target.wants/telnet.socket",
                        "/usr/lib/systemd/system/telnet.socket",
                    )
                    .link(
                        "/etc/systemd/system/multi-user.target.wants/vsftpd.service",
                        "/usr/lib/systemd/system/vsftpd.service",
                    )
                    .link("/etc/systemd/system/ftp.service", "/usr/lib/systemd/system/vsftpd.service")
                    .link(
                        "/etc/systemd/system/multi-user.target.wants/rpcbind.service",
                        "/usr/lib/systemd/system/rpcbind.service",
                    )
                    .link(
                        "/etc/systemd/system/sockets.target.wants/rpcbind.socket",
                        "/usr/lib/systemd/system/rpcbind.socket",
                    );
                let machine = [
                    "telnet.socket",
                    "vsftpd.service",
                    "tftpd-hpa.service",
                    "rpcbind.service",
                    "rpcbind.socket",
                ]
                .iter()
                .fold(machine, |machine, name| unit(machine, name, "WantedBy=multi-user.target"));
                switched(machine, &["tftpd-hpa.service"])
            },
            profile: "",
            answers_stay: true,
        },
        Case {
            name: "an enabled socket, and a unit that somebody wrote in /etc",
            fix: "service-off",
            rules: &["services.insecure-off"],
            machine: || {
                let machine = systemd("")
                    .link(
                        "/etc/systemd/system/sockets.target.wants/telnet.socket",
                        "/usr/lib/systemd/system/telnet.socket",
                    )
                    .file(
                        "/etc/systemd/system/proftpd.service",
                        "[Service]\nExecStart=/opt/ftp\n[Install]\nWantedBy=multi-user.target\n",
                    )
                    .link("/etc/systemd/system/multi-user.target.wants/proftpd.service", "../proftpd.service");
                unit(machine, "telnet.socket", "WantedBy=sockets.target")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "a database beside the containers",
            fix: "data-service-off",
            rules: &["services.no-web-or-database"],
            machine: || {
                let machine = systemd("").link(
                    "/etc/systemd/system/multi-user.target.wants/mariadb.service",
                    "/usr/lib/systemd/system/mariadb.service",
                );
                unit(machine, "mariadb.service", "WantedBy=multi-user.target\nAlias=mysql.service")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "a service that nobody declared",
            fix: "undeclared-service-off",
            rules: &["services.declared-only"],
            machine: || {
                let machine = systemd("").link(
                    "/etc/systemd/system/multi-user.target.wants/historian.service",
                    "/usr/lib/systemd/system/historian.service",
                );
                unit(machine, "historian.service", "WantedBy=multi-user.target")
            },
            profile: "declare: {services: [cron.service]}\n",
            answers_stay: false,
        },
        Case {
            name: "a desktop at boot",
            fix: "boot-target",
            rules: &["os.no-graphical-desktop"],
            machine: || {
                systemd("")
                    .file("/etc/os-release", "ID=debian\n")
                    .file("/usr/sbin/gdm3", "")
                    .file("/usr/lib/systemd/system/gdm.service", "[Service]\nExecStart=/usr/sbin/gdm3\n")
                    .link("/etc/systemd/system/display-manager.service", "/usr/lib/systemd/system/gdm.service")
                    .link("/usr/lib/systemd/system/default.target", "graphical.target")
            },
            profile: "",
            answers_stay: false,
        },
    ];
    all.extend(jobs());
    all
}

const STATUS: &str =
    "Package: unattended-upgrades\nStatus: install ok installed\nArchitecture: all\nVersion: 2.9.1\n\n";

fn jobs() -> Vec<Case> {
    vec![
        Case {
            name: "no watch of the storage",
            fix: "storage-watch",
            rules: &["disks.storage-watched"],
            machine: || switched(systemd(""), &["storage-watch.timer"]),
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "a watch of the storage once a day",
            fix: "storage-watch",
            rules: &["disks.storage-watched-often"],
            machine: || {
                switched(systemd(""), &["storage-watch.timer"])
                    .file("/etc/crontab", "10 4 * * * root df | mail root\n")
                    .file("/usr/sbin/cron", "")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "no regular audit",
            fix: "audit-timer",
            rules: &["services.audit-scheduled"],
            machine: || switched(systemd(""), &["palisade-audit.timer"]),
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "updates by hand, a later file says never, timers are masked",
            fix: "unattended-upgrades",
            rules: &["updates.automatic", "updates.automatic-takes-security"],
            machine: || {
                let machine = systemd("")
                    .file("/etc/os-release", "ID=debian\nVERSION_CODENAME=bookworm\n")
                    .file("/var/lib/dpkg/status", STATUS)
                    .file("/etc/apt/apt.conf.d/99never", "APT::Periodic::Unattended-Upgrade \"0\";\n")
                    .link("/etc/systemd/system/apt-daily.timer", "/dev/null");
                let machine = ["apt-daily.timer", "apt-daily-upgrade.timer"]
                    .iter()
                    .fold(machine, |machine, name| unit(machine, name, "WantedBy=timers.target"));
                switched(machine, &["apt-daily.timer", "apt-daily-upgrade.timer"])
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "updates once a week",
            fix: "unattended-upgrades",
            rules: &["updates.automatic-daily"],
            machine: || {
                let machine = systemd("")
                    .file("/var/lib/dpkg/status", STATUS)
                    .file(
                        "/etc/apt/apt.conf.d/20auto-upgrades",
                        "APT::Periodic::Update-Package-Lists \"7\";\nAPT::Periodic::Unattended-Upgrade \"7\";\n",
                    )
                    .link("/etc/systemd/system/timers.target.wants/apt-daily.timer", "/usr/lib/systemd/system/apt-daily.timer")
                    .link(
                        "/etc/systemd/system/timers.target.wants/apt-daily-upgrade.timer",
                        "/usr/lib/systemd/system/apt-daily-upgrade.timer",
                    );
                ["apt-daily.timer", "apt-daily-upgrade.timer"]
                    .iter()
                    .fold(machine, |machine, name| unit(machine, name, "WantedBy=timers.target"))
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "everybody may plan jobs, ann has some",
            fix: "cron-access",
            rules: &["services.cron-users-listed", "services.at-users-listed"],
            machine: || {
                Machine::new()
                    .file("/usr/sbin/cron", "")
                    .file("/usr/bin/at", "")
                    .file(
                        "/etc/passwd",
                        "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\n",
                    )
                    .file("/etc/group", "root:x:0:\ndaemon:x:1:\ncrontab:x:101:\n")
                    .file("/var/spool/cron/crontabs/ann", "0 4 * * * /home/ann/job\n")
                    .file("/etc/cron.deny", "guest\n")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "logs in Docker's volumes for readers",
            fix: "log-copy",
            rules: &["logging.reader-copies-read-only"],
            machine: || {
                switched(systemd(""), &["log-copy.timer", "log-copy.service"]).file("/usr/bin/dockerd", "")
            },
            profile: "declare: {log_copy_dir: /srv/logs, log_copy_job: copy-logs, log_readers: [ann]}\n",
            // What the job copies, a made-up machine does not.
            answers_stay: true,
        },
    ]
}
