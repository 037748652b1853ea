//! Who keeps which files: the program that must accept them, and the service that takes them up.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use host::{Door, programs};
use serde::{Deserialize, Serialize};

use crate::change::Act;
use crate::fix::Disruption;

/// A service that takes up new settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// The keeper's name.
    pub name: String,
    /// What happens, for a person: `reload ssh`.
    pub what: String,
    /// Whether it comes before running state is changed: the service manager reads its units.
    pub first: bool,
    /// How it is done; can be done twice.
    pub acts: Vec<Act>,
}

/// Who keeps some files.
struct Keeper {
    name: &'static str,
    /// Files, and folders with a `/` at the end.
    files: &'static [&'static str],
    /// The command that must accept them.
    check: &'static [&'static str],
    takes_up: TakesUp,
}

/// How new settings are taken up.
enum TakesUp {
    /// Whoever reads the files reads them anew each time.
    AtOnce,
    /// The service manager reads its units anew.
    DaemonReload,
    /// A process, by a signal: its unit refuses to be restarted.
    Signal {
        /// Where its number stands.
        pid_file: &'static str,
        /// Its name.
        comm: &'static str,
        /// The signal that makes it read its settings.
        signal: &'static str,
    },
    /// A service.
    Service {
        /// Names of its unit, in order of preference.
        units: &'static [&'static str],
        /// Where its process's number stands without a service manager.
        pid_file: &'static str,
        /// The process's name.
        comm: &'static str,
        /// The signal that makes it read its settings; none: it must restart.
        reload: Option<&'static str>,
    },
}

/// In the order in which they take up their settings.
const KEEPERS: &[Keeper] = &[
    Keeper {
        name: "sudo",
        files: &["/etc/sudoers", "/etc/sudoers.d/"],
        check: &["visudo", "-c", "-q"],
        takes_up: TakesUp::AtOnce,
    },
    Keeper {
        name: "systemd",
        files: &["/etc/systemd/system/", "/etc/systemd/system.conf.d/"],
        check: &[],
        takes_up: TakesUp::DaemonReload,
    },
    Keeper {
        name: "sshd",
        files: &["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/"],
        check: &["sshd", "-t"],
        takes_up: TakesUp::Service {
            units: &["ssh.service", "sshd.service"],
            pid_file: "/run/sshd.pid",
            comm: "sshd",
            reload: Some("HUP"),
        },
    },
    Keeper {
        name: "journald",
        files: &["/etc/systemd/journald.conf", "/etc/systemd/journald.conf.d/"],
        check: &[],
        takes_up: TakesUp::Service {
            units: &["systemd-journald.service"],
            pid_file: "",
            comm: "systemd-journald",
            reload: None,
        },
    },
    Keeper {
        name: "rsyslog",
        files: &["/etc/rsyslog.conf", "/etc/rsyslog.d/"],
        check: &["rsyslogd", "-N1"],
        takes_up: TakesUp::Service {
            units: &["rsyslog.service"],
            pid_file: "/run/rsyslogd.pid",
            comm: "rsyslogd",
            reload: None,
        },
    },
    Keeper {
        name: "logrotate",
        files: &["/etc/logrotate.conf", "/etc/logrotate.d/"],
        check: &["logrotate", "--debug", "/etc/logrotate.conf"],
        takes_up: TakesUp::AtOnce,
    },
    Keeper {
        name: "apt",
        files: &["/etc/apt/apt.conf", "/etc/apt/apt.conf.d/"],
        check: &["apt-config", "dump"],
        takes_up: TakesUp::AtOnce,
    },
    Keeper {
        name: "chrony",
        files: &["/etc/chrony/", "/etc/chrony.conf"],
        check: &["chronyd", "-p"],
        takes_up: TakesUp::Service {
            units: &["chrony.service", "chronyd.service"],
            pid_file: "/run/chrony/chronyd.pid",
            comm: "chronyd",
            reload: None,
        },
    },
    Keeper {
        name: "timesyncd",
        files: &["/etc/systemd/timesyncd.conf", "/etc/systemd/timesyncd.conf.d/"],
        check: &[],
        takes_up: TakesUp::Service {
            units: &["systemd-timesyncd.service"],
            pid_file: "",
            comm: "systemd-timesyncd",
            reload: None,
        },
    },
    Keeper {
        name: "auditd",
        files: &["/etc/audit/auditd.conf"],
        check: &[],
        takes_up: TakesUp::Signal { pid_file: "/run/auditd.pid", comm: "auditd", signal: "HUP" },
    },
    Keeper {
        name: "docker",
        files: &["/etc/docker/daemon.json"],
        check: &["dockerd", "--validate", "--config-file", "/etc/docker/daemon.json"],
        takes_up: TakesUp::Service {
            units: &["docker.service"],
            pid_file: "/run/docker.pid",
            comm: "dockerd",
            reload: Some("HUP"),
        },
    },
    Keeper {
        name: "nftables",
        files: &["/etc/nftables.conf", "/etc/nftables.d/"],
        check: &["nft", "-c", "-f", "/etc/nftables.conf"],
        takes_up: TakesUp::AtOnce,
    },
    Keeper {
        name: "nftables of Red Hat",
        files: &["/etc/sysconfig/nftables.conf"],
        check: &["nft", "-c", "-f", "/etc/sysconfig/nftables.conf"],
        takes_up: TakesUp::AtOnce,
    },
    Keeper {
        name: "nginx",
        files: &["/etc/nginx/"],
        check: &["nginx", "-t", "-q"],
        takes_up: TakesUp::Service {
            units: &["nginx.service"],
            pid_file: "/run/nginx.pid",
            comm: "nginx",
            reload: Some("HUP"),
        },
    },
    Keeper {
        name: "apache2",
        files: &["/etc/apache2/"],
        check: &["apache2ctl", "-t"],
        takes_up: TakesUp::Service {
            units: &["apache2.service"],
            pid_file: "/run/apache2/apache2.pid",
            comm: "apache2",
            reload: Some("USR1"),
        },
    },
    Keeper {
        name: "httpd",
        files: &["/etc/httpd/"],
        check: &["httpd", "-t"],
        takes_up: TakesUp::Service {
            units: &["httpd.service"],
            pid_file: "/run/httpd/httpd.pid",
            comm: "httpd",
            reload: Some("USR1"),
        },
    },
    Keeper {
        name: "postgresql",
        files: &["/etc/postgresql/", "/var/lib/postgresql/", "/var/lib/pgsql/"],
        check: &[],
        takes_up: TakesUp::Service {
            units: &["postgresql@*.service", "postgresql.service"],
            pid_file: "",
            comm: "postgres",
            reload: None,
        },
    },
    Keeper {
        name: "redis",
        files: &["/etc/redis/", "/etc/redis.conf"],
        check: &[],
        takes_up: TakesUp::Service {
            units: &["redis-server.service", "redis.service"],
            pid_file: "/run/redis/redis-server.pid",
            comm: "redis-server",
            reload: None,
        },
    },
    Keeper {
        name: "mariadb",
        files: &["/etc/mysql/", "/etc/my.cnf", "/etc/my.cnf.d/"],
        check: &["mariadbd", "--user=mysql", "--verbose", "--help"],
        takes_up: TakesUp::Service {
            units: &["mariadb.service", "mysql.service", "mysqld.service"],
            pid_file: "/run/mysqld/mysqld.pid",
            comm: "mariadbd",
            reload: None,
        },
    },
    Keeper {
        name: "mosquitto",
        files: &["/etc/mosquitto/"],
        check: &[],
        takes_up: TakesUp::Service {
            units: &["mosquitto.service"],
            pid_file: "/run/mosquitto/mosquitto.pid",
            comm: "mosquitto",
            reload: None,
        },
    },
    Keeper {
        name: "codesyscontrol",
        files: &["/etc/codesyscontrol/", "/etc/CODESYSControl_User.cfg", "/etc/CODESYSControl.cfg"],
        check: &[],
        takes_up: TakesUp::Service {
            units: &["codesyscontrol.service"],
            pid_file: "/run/codesyscontrol.pid",
            comm: "codesyscontrol.bin",
            reload: None,
        },
    },
];

/// Flags of checks that older versions of a program do not know: these are then left out.
const NEW_FLAGS: &[(&str, &str)] = &[("dockerd", "--validate")];

/// Services that read part of their settings again before they restart: what the engine's containers do while it
/// restarts (`live-restore`) must be known before.
const RELOADED_FIRST: &[&str] = &["docker"];

/// The checks that the changed files must pass, and what their services do then.
pub(crate) fn take_up(door: &Door, changed: &BTreeMap<String, Disruption>) -> (Vec<Act>, Vec<Settle>) {
    let (mut checks, mut settles) = (Vec::new(), Vec::new());
    if !door.is_live() {
        return (checks, settles);
    }
    let manager = door.exists("/run/systemd/system");
    for keeper in KEEPERS {
        let own = changed.iter().filter(|(path, _)| keeps(keeper, path));
        let Some(disruption) = own.map(|(_, disruption)| *disruption).max() else { continue };
        if let Some((program, args)) = keeper.check.split_first()
            && is_installed(door, program)
            && knows_flags(door, program, args)
        {
            checks.push(Act::run(program, args));
        }
        settles.extend(settle(door, keeper, disruption, manager));
    }
    settles.sort_by_key(|settle| !settle.first);
    (checks, settles)
}

/// Whether a program knows the newer flags among these.
fn knows_flags(door: &Door, program: &str, args: &[&str]) -> bool {
    let newer = NEW_FLAGS.iter().find(|(known, flag)| *known == program && args.contains(flag));
    let Some((_, flag)) = newer else { return true };
    let Some(program) = programs::ALL.iter().find(|known| known.name == program) else { return false };
    door.run(program, &["--help"], Duration::from_secs(10))
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(flag))
}

/// Whether `path` is among the files that this check must accept.
pub(crate) fn is_checked_by(check: &Act, path: &str) -> bool {
    let Act::Run { program, args, .. } = check else { return false };
    KEEPERS.iter().any(|keeper| {
        keeper.check.split_first().is_some_and(|(own, rest)| own == program && rest == args)
            && keeps(keeper, path)
    })
}

/// Whether `path` is among the files that the keeper of this name takes up.
pub(crate) fn is_kept_by(name: &str, path: &str) -> bool {
    KEEPERS.iter().any(|keeper| keeper.name == name && keeps(keeper, path))
}

fn keeps(keeper: &Keeper, path: &str) -> bool {
    keeper.files.iter().any(|own| if own.ends_with('/') { path.starts_with(own) } else { path == *own })
}

fn settle(door: &Door, keeper: &Keeper, disruption: Disruption, manager: bool) -> Option<Settle> {
    let settle = |what: String, first, acts| Some(Settle { name: keeper.name.to_owned(), what, first, acts });
    match &keeper.takes_up {
        TakesUp::AtOnce => None,
        TakesUp::DaemonReload if manager => {
            settle("systemctl daemon-reload".to_owned(), true, vec![Act::run("systemctl", &["daemon-reload"])])
        }
        TakesUp::DaemonReload => None,
        TakesUp::Service { units, pid_file, comm, .. } if manager => {
            let unit = units.iter().find(|unit| unit_runs(door, unit))?;
            let restart = disruption >= Disruption::Restart || reload_of(keeper).is_none();
            let verb = if restart { "restart" } else { "reload" };
            let mut acts = Vec::new();
            if restart && RELOADED_FIRST.contains(&keeper.name) {
                let (pid_file, comm) = ((*pid_file).to_owned(), (*comm).to_owned());
                acts.push(Act::run("systemctl", &["reload", unit]));
                acts.push(Act::Alive { pid_file, comm, limit_secs: 10 });
            }
            acts.extend([
                Act::run("systemctl", &[verb, unit]),
                Act::run("systemctl", &["is-active", "--quiet", unit]),
            ]);
            settle(format!("{verb} {}", unit.trim_end_matches(".service")), false, acts)
        }
        TakesUp::Service { pid_file, comm, reload: Some(signal), .. }
        | TakesUp::Signal { pid_file, comm, signal }
            if runs(door, pid_file, comm) =>
        {
            let own = |signal: &str| Act::Signal {
                pid_file: (*pid_file).to_owned(),
                comm: (*comm).to_owned(),
                signal: signal.to_owned(),
            };
            let alive =
                Act::Alive { pid_file: (*pid_file).to_owned(), comm: (*comm).to_owned(), limit_secs: 10 };
            let rest = if disruption >= Disruption::Restart {
                "; what it reads at its start only waits for that"
            } else {
                ""
            };
            settle(format!("reload {}{rest}", keeper.name), false, vec![own(signal), alive])
        }
        TakesUp::Service { .. } | TakesUp::Signal { .. } => None,
    }
}

fn reload_of(keeper: &Keeper) -> Option<&'static str> {
    match keeper.takes_up {
        TakesUp::Service { reload, .. } => reload,
        _ => None,
    }
}

/// Whether a program of the fixed list is there.
pub(crate) fn is_installed(door: &Door, name: &str) -> bool {
    programs::ALL
        .iter()
        .find(|program| program.name == name)
        .is_some_and(|program| program.paths.iter().any(|path| door.exists(path)))
}

/// Whether the service manager says that a unit runs.
pub(crate) fn unit_runs(door: &Door, unit: &str) -> bool {
    let args = ["is-active", "--quiet", unit];
    door.run(&programs::SYSTEMCTL, &args, Duration::from_secs(5)).is_ok_and(|output| output.status == Some(0))
}

/// Whether the process whose number stands in `pid_file` runs and has that name.
pub(crate) fn runs(door: &Door, pid_file: &str, comm: &str) -> bool {
    pid(door, pid_file, comm).is_some()
}

/// The number of that process.
pub(crate) fn pid(door: &Door, pid_file: &str, comm: &str) -> Option<i32> {
    let pid: i32 = door.read_text(Path::new(pid_file)).ok()?.trim().parse().ok().filter(|pid| *pid > 1)?;
    let named = door.read_text(format!("/proc/{pid}/comm")).ok()?;
    (named.trim() == comm).then_some(pid)
}
