//! Jobs and services that watch the room on file systems.

use host::{Door, Error};
use model::Fact;
use model::facts::disks::StorageWatch;

use crate::fact::reason;
use crate::processes::Processes;
use crate::schedule::{self, Job};
use crate::units;

/// Programs that print how full file systems are.
const METERS: [&str; 6] = ["df", "pydf", "dfc", "duf", "check_disk", "diskspace.pl"];

/// Programs that carry a message away.
const MESSENGERS: [&str; 13] = [
    "mail",
    "mailx",
    "sendmail",
    "mutt",
    "msmtp",
    "swaks",
    "logger",
    "systemd-cat",
    "curl",
    "wget",
    "wall",
    "notify",
    "apprise",
];

/// The longest command that is kept.
const COMMAND: usize = 200;

/// A service: what people call it, its program, its process, its units.
type Service = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const SERVICES: &[Service] = &[
    ("monit", &["/usr/bin/monit"], &["monit"], &["monit.service"]),
    (
        "node_exporter",
        &["/usr/bin/prometheus-node-exporter", "/usr/local/bin/node_exporter"],
        &["prometheus-node-exporter", "node_exporter"],
        &["prometheus-node-exporter.service", "node_exporter.service"],
    ),
    ("netdata", &["/usr/sbin/netdata", "/opt/netdata"], &["netdata"], &["netdata.service"]),
    (
        "zabbix",
        &["/usr/sbin/zabbix_agentd", "/usr/sbin/zabbix_agent2"],
        &["zabbix_agentd", "zabbix_agent2"],
        &["zabbix-agent.service", "zabbix-agent2.service"],
    ),
    ("telegraf", &["/usr/bin/telegraf"], &["telegraf"], &["telegraf.service"]),
    ("collectd", &["/usr/sbin/collectd"], &["collectd"], &["collectd.service"]),
    ("nagios-nrpe", &["/usr/sbin/nrpe"], &["nrpe"], &["nagios-nrpe-server.service", "nrpe.service"]),
    (
        "icinga2",
        &["/usr/sbin/icinga2", "/usr/lib/x86_64-linux-gnu/icinga2"],
        &["icinga2"],
        &["icinga2.service"],
    ),
    (
        "checkmk",
        &["/usr/bin/check_mk_agent"],
        &["cmk-agent-ctl"],
        &["check-mk-agent.socket", "cmk-agent-ctl-daemon.service"],
    ),
    ("datadog", &["/opt/datadog-agent"], &["agent"], &["datadog-agent.service"]),
    ("palisade", &["/usr/lib/systemd/system/palisade-node.service"], &["palisade"], &["palisade-node.service"]),
];

pub(super) fn read(door: &Door) -> Fact<Vec<StorageWatch>> {
    let processes = Processes::read(door);
    let mut watches: Vec<StorageWatch> =
        SERVICES.iter().filter_map(|service| watching_service(door, service, &processes)).collect();
    match schedule::jobs(door) {
        Ok(jobs) => watches.extend(jobs.iter().filter_map(watching_job)),
        Err(error) => return Fact::unreadable(reason(&error, door)),
    }
    Fact::read_at(watches, "known programs and scheduled jobs")
}

fn watching_job(job: &Job) -> Option<StorageWatch> {
    let palisade = job.mentions(|word| word == "palisade") && job.command.contains("storage");
    if !palisade && !job.mentions(|word| METERS.contains(&word)) {
        return None;
    }
    let tells = job.mails || palisade || job.mentions(|word| MESSENGERS.contains(&word));
    Some(StorageWatch {
        tool: if palisade { "palisade" } else { "script" }.to_owned(),
        kind: job.kind.word().to_owned(),
        command: job.command.chars().take(COMMAND).collect(),
        interval_minutes: match job.interval_minutes() {
            Some(minutes) => Fact::read_at(minutes, job.source.clone()),
            None => Fact::unreadable(format!("the schedule at {} is not understood", job.source)),
        },
        active: Fact::read_at(job.active, job.source.clone()),
        notifies: Fact::read_at(tells, job.source.clone()),
        source: job.source.clone(),
    })
}

fn watching_service(
    door: &Door,
    (tool, paths, names, unit_names): &Service,
    processes: &Result<Processes, Error>,
) -> Option<StorageWatch> {
    let path = paths.iter().find(|path| door.exists(path))?;
    let at_boot = units::first_at_boot(door, unit_names);
    let active = match (processes, at_boot) {
        (Ok(processes), _) => Fact::known(processes.any(door, names)),
        // A file tree runs nothing; what starts at boot would run.
        (Err(Error::NotLive(_)), Ok(state)) => Fact::known(state.is_started()),
        (Err(error), _) => Fact::unreadable(reason(error, door)),
    };
    Some(StorageWatch {
        tool: (*tool).to_owned(),
        kind: "service".to_owned(),
        command: unit_names.first().map(|unit| (*unit).to_owned()).unwrap_or_default(),
        interval_minutes: Fact::known(1.0),
        active,
        notifies: Fact::known(true),
        source: (*path).to_owned(),
    })
}
