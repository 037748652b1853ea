//! Programs that compare files with what they were.

use host::{Door, Error};
use model::Fact;
use model::facts::integrity::Checker;

use crate::fact::{IntoFact, reason};
use crate::processes::{Processes, runs};
use crate::schedule::{self, Job};
use crate::text::{files_in, meaningful_lines};
use crate::{stamp, units};

/// A program and where it shows.
struct Known {
    name: &'static str,
    paths: &'static [&'static str],
    configs: &'static [&'static str],
    databases: &'static [&'static str],
    logs: &'static [&'static str],
    /// Words in jobs that start a check.
    commands: &'static [&'static str],
    processes: &'static [&'static str],
    units: &'static [&'static str],
}

const KNOWN: &[Known] = &[
    Known {
        name: "aide",
        paths: &["/usr/bin/aide", "/usr/sbin/aide"],
        configs: &["/etc/aide/aide.conf", "/etc/aide.conf"],
        databases: &["/var/lib/aide/aide.db", "/var/lib/aide/aide.db.gz"],
        logs: &["/var/log/aide/aide.log", "/var/log/aide/aide_init.log"],
        commands: &["aide", "aide.wrapper", "dailyaidecheck", "aidecheck"],
        processes: &[],
        units: &[],
    },
    Known {
        name: "tripwire",
        paths: &["/usr/sbin/tripwire"],
        configs: &["/etc/tripwire/tw.cfg"],
        databases: &[],
        logs: &["/var/lib/tripwire/report"],
        commands: &["tripwire"],
        processes: &[],
        units: &[],
    },
    Known {
        name: "samhain",
        paths: &["/usr/sbin/samhain", "/usr/local/sbin/samhain"],
        configs: &["/etc/samhain/samhainrc", "/etc/samhainrc"],
        databases: &["/var/lib/samhain/samhain_file", "/var/state/samhain/samhain_file"],
        logs: &["/var/log/samhain/samhain.log", "/var/log/samhain_log"],
        commands: &["samhain"],
        processes: &["samhain"],
        units: &["samhain.service"],
    },
    Known {
        name: "wazuh",
        paths: &["/var/ossec/bin/wazuh-syscheckd"],
        configs: &["/var/ossec/etc/ossec.conf"],
        databases: &["/var/ossec/queue/fim/db/fim.db"],
        logs: &["/var/ossec/logs/ossec.log"],
        commands: &[],
        processes: &["wazuh-syscheckd"],
        units: &["wazuh-agent.service", "wazuh-manager.service"],
    },
    Known {
        name: "ossec",
        paths: &["/var/ossec/bin/ossec-syscheckd"],
        configs: &["/var/ossec/etc/ossec.conf"],
        databases: &["/var/ossec/queue/syscheck/syscheck"],
        logs: &["/var/ossec/logs/ossec.log"],
        commands: &[],
        processes: &["ossec-syscheckd"],
        units: &["ossec.service", "ossec-hids.service"],
    },
    Known {
        name: "integrit",
        paths: &["/usr/sbin/integrit"],
        configs: &["/etc/integrit/integrit.conf"],
        databases: &["/var/lib/integrit/known.cdb"],
        logs: &[],
        commands: &["integrit"],
        processes: &[],
        units: &[],
    },
    Known {
        name: "debsums",
        paths: &["/usr/bin/debsums"],
        configs: &["/etc/default/debsums"],
        databases: &["/var/lib/dpkg/info"],
        logs: &[],
        commands: &["debsums"],
        processes: &[],
        units: &[],
    },
];

pub(super) fn read(door: &Door, processes: &Result<Processes, Error>) -> Fact<Vec<Checker>> {
    let present: Vec<(&Known, &str)> = KNOWN
        .iter()
        .filter_map(|known| Some((known, *known.paths.iter().find(|path| door.exists(path))?)))
        .collect();
    if present.is_empty() {
        return Fact::known(Vec::new());
    }
    let jobs = schedule::jobs(door);
    Fact::known(present.into_iter().map(|(known, path)| checker(door, known, path, processes, &jobs)).collect())
}

fn checker(
    door: &Door,
    known: &Known,
    path: &str,
    processes: &Result<Processes, Error>,
    jobs: &Result<Vec<Job>, Error>,
) -> Checker {
    let config = known.configs.iter().find(|path| door.exists(path));
    let database = database(door, known, config.copied());
    let (database, database_at, writable) = match database {
        Ok(Some(path)) => {
            let writable = door.stat(&path).map(|stat| stat.mode & 0o022 != 0 || stat.uid != 0).into_fact(door);
            let at = stamp::modified(door, &path);
            (Fact::read_at(path.clone(), path), at, writable)
        }
        Ok(None) => (Fact::Absent, Fact::Absent, Fact::Absent),
        Err(error) => {
            let why = reason(&error, door);
            (Fact::unreadable(why.clone()), Fact::unreadable(why.clone()), Fact::unreadable(why))
        }
    };
    let running =
        if known.processes.is_empty() { Fact::known(false) } else { runs(door, processes, known.processes) };
    let (scheduled, interval_hours) = scheduled(door, known, jobs, running.value() == Some(&true));
    Checker {
        name: known.name.to_owned(),
        config: Fact::from_option(config.map(|path| (*path).to_owned())),
        database,
        database_at,
        database_writable_by_others: writable,
        running,
        scheduled,
        interval_hours,
        last_run_at: stamp::newest(door, known.logs),
        source: path.to_owned(),
    }
}

/// The database that is there: the one aide's settings name, a tripwire file, or the usual place.
fn database(door: &Door, known: &Known, config: Option<&str>) -> Result<Option<String>, Error> {
    if known.name == "tripwire" {
        let files = files_in(door, "/var/lib/tripwire", ".twd")?;
        return Ok(files.first().map(|name| format!("/var/lib/tripwire/{name}")));
    }
    let mut places: Vec<String> = known.databases.iter().map(|path| (*path).to_owned()).collect();
    if let Some(config) = config.filter(|_| known.name == "aide") {
        let text = door.read_text(config)?;
        let named = meaningful_lines(&text).find_map(|line| {
            let (name, value) = line.text.split_once('=')?;
            let is_input = matches!(name.trim(), "database_in" | "database");
            is_input.then(|| value.trim().strip_prefix("file:").map(str::to_owned)).flatten()
        });
        // A name made of aide's own variables is the usual place.
        places.splice(0..0, named.filter(|path| path.starts_with('/')));
    }
    for path in places {
        match door.stat(&path) {
            Ok(_) => return Ok(Some(path)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether checks start by themselves, and the hours between them.
fn scheduled(
    door: &Door,
    known: &Known,
    jobs: &Result<Vec<Job>, Error>,
    running: bool,
) -> (Fact<bool>, Fact<f64>) {
    let jobs = match jobs {
        Ok(jobs) => jobs,
        Err(error) => {
            let why = reason(error, door);
            return (Fact::unreadable(why.clone()), Fact::unreadable(why));
        }
    };
    // Debian ships debsums' jobs switched off by a setting.
    let switched_off = known.name == "debsums"
        && door.read_text("/etc/default/debsums").map_or(true, |text| {
            !text.lines().any(|line| line.trim().starts_with("CRON_CHECK=") && !line.contains("never"))
        });
    let job = jobs
        .iter()
        .filter(|job| job.active && !switched_off && job.mentions(|word| known.commands.contains(&word)))
        .min_by_key(|job| job.gap.minutes().unwrap_or(u64::MAX));
    if let Some(job) = job {
        let interval = match job.interval_minutes() {
            Some(minutes) => Fact::read_at(minutes / 60.0, job.source.clone()),
            None => Fact::unreadable(format!("the schedule at {} is not understood", job.source)),
        };
        return (Fact::read_at(true, job.source.clone()), interval);
    }
    let starts = !known.units.is_empty()
        && units::first_at_boot(door, known.units).is_ok_and(|state| state.is_started());
    // The services' own default is twice a day.
    if running || starts { (Fact::known(true), Fact::known(12.0)) } else { (Fact::known(false), Fact::Absent) }
}
