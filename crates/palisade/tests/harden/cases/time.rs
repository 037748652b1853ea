//! Who sets the clock, and from what.

use test_support::Machine;

use super::services::{switched, systemd, unit};
use crate::harness::Case;

fn runs(machine: Machine, pid: u32, name: &str) -> Machine {
    machine
        .file(&format!("/proc/{pid}/comm"), format!("{name}\n"))
        .file(&format!("/proc/{pid}/stat"), format!("{pid} ({name}) S 1 {pid} {pid} 0 -1 0"))
        .file(
            &format!("/proc/{pid}/status"),
            format!("Name:\t{name}\nPid:\t{pid}\nPPid:\t1\nUid:\t0\t0\t0\t0\n"),
        )
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "chrony is installed and does not start at boot",
            fix: "time-service",
            rules: &["time.service-starts-at-boot"],
            machine: || {
                let machine =
                    unit(systemd(""), "chrony.service", "WantedBy=multi-user.target\nAlias=chronyd.service");
                switched(runs(machine, 9, "chronyd"), &["chrony.service"]).file("/usr/sbin/chronyd", "")
            },
            profile: "",
            answers_stay: false,
        },
        Case {
            name: "two services fight over the clock",
            fix: "time-service",
            rules: &["time.one-service"],
            machine: || {
                let list = "chrony.service loaded active running NTP\nsystemd-timesyncd.service loaded active running NTP\n";
                let machine = unit(systemd(list), "chrony.service", "WantedBy=multi-user.target");
                let machine = unit(machine, "systemd-timesyncd.service", "WantedBy=sysinit.target")
                    .link(
                        "/etc/systemd/system/multi-user.target.wants/chrony.service",
                        "/usr/lib/systemd/system/chrony.service",
                    )
                    .link(
                        "/etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service",
                        "/usr/lib/systemd/system/systemd-timesyncd.service",
                    )
                    .file("/usr/sbin/chronyd", "")
                    .file("/usr/lib/systemd/systemd-timesyncd", "");
                let machine = runs(runs(machine, 9, "chronyd"), 10, "systemd-timesyn");
                switched(machine, &["systemd-timesyncd.service", "chrony.service"])
            },
            profile: "",
            answers_stay: true,
        },
        Case {
            name: "chrony follows a pool that nobody approved, and one from DHCP",
            fix: "time-source",
            rules: &["time.sources-approved"],
            machine: || {
                Machine::new()
                    .file("/usr/sbin/chronyd", "")
                    .file(
                        "/etc/chrony/chrony.conf",
                        "confdir /etc/chrony/conf.d\n# pool old.example iburst\npool 2.debian.pool.ntp.org iburst\n\
                         sourcedir /etc/chrony/sources.d\n",
                    )
                    .directory("/etc/chrony/sources.d")
                    .program("chronyd -p", "")
            },
            profile: "declare: {time_sources: [ntp1.plant.example, ntp2.plant.example]}\n",
            answers_stay: false,
        },
        Case {
            name: "chrony has one server only",
            fix: "time-source",
            rules: &["time.several-sources"],
            machine: || {
                Machine::new()
                    .file("/usr/sbin/chronyd", "")
                    .file(
                        "/etc/chrony/chrony.conf",
                        "server a.example iburst\nsourcedir /etc/chrony/sources.d\n",
                    )
                    .program("chronyd -p", "")
            },
            profile: "declare: {time_sources: [a.example, b.example, c.example]}\n",
            answers_stay: false,
        },
        Case {
            name: "timesyncd with built-in servers",
            fix: "time-source",
            rules: &["time.sources-chosen"],
            machine: || {
                Machine::new()
                    .file("/usr/lib/systemd/systemd-timesyncd", "")
                    .file("/etc/systemd/timesyncd.conf", "[Time]\n#NTP=\n")
            },
            profile: "declare: {time_sources: [a.example]}\n",
            answers_stay: false,
        },
        Case {
            name: "timesyncd with servers of others, in three files",
            fix: "time-source",
            rules: &["time.sources-approved"],
            machine: || {
                Machine::new()
                    .file("/usr/lib/systemd/systemd-timesyncd", "")
                    .file("/etc/systemd/timesyncd.conf", "[Time]\nNTP=x.example y.example\nNTP=z.example\n")
                    .file("/etc/systemd/timesyncd.conf.d/10-site.conf", "[Time]\nNTP=w.example\n")
                    .file("/etc/systemd/timesyncd.conf.d/zzz.conf", "[Time]\nNTP=v.example\n")
            },
            profile: "declare: {time_sources: [a.example, b.example]}\n",
            answers_stay: false,
        },
    ]
}
