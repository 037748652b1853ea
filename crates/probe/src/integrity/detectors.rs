//! Programs that look for intruders in traffic, logs or system calls.

use host::{Door, Error};
use model::facts::integrity::Detector;

use crate::processes::{Processes, runs};
use crate::{stamp, units};

/// A program and where it shows.
struct Known {
    name: &'static str,
    kind: &'static str,
    paths: &'static [&'static str],
    processes: &'static [&'static str],
    units: &'static [&'static str],
    logs: &'static [&'static str],
}

const KNOWN: &[Known] = &[
    Known {
        name: "suricata",
        kind: "network",
        paths: &["/usr/bin/suricata", "/usr/sbin/suricata"],
        processes: &["Suricata-Main", "suricata"],
        units: &["suricata.service"],
        logs: &["/var/log/suricata/eve.json", "/var/log/suricata/fast.log"],
    },
    Known {
        name: "zeek",
        kind: "network",
        paths: &["/opt/zeek/bin/zeek", "/usr/local/zeek/bin/zeek", "/usr/bin/zeek"],
        processes: &["zeek"],
        units: &["zeek.service", "zeekctl.service"],
        logs: &["/opt/zeek/logs/current/conn.log", "/usr/local/zeek/logs/current/conn.log"],
    },
    Known {
        name: "snort",
        kind: "network",
        paths: &["/usr/sbin/snort", "/usr/local/bin/snort"],
        processes: &["snort"],
        units: &["snort.service"],
        logs: &["/var/log/snort/alert", "/var/log/snort/snort.alert.fast"],
    },
    Known {
        name: "falco",
        kind: "host",
        paths: &["/usr/bin/falco"],
        processes: &["falco"],
        units: &["falco.service", "falco-modern-bpf.service", "falco-bpf.service", "falco-kmod.service"],
        logs: &["/var/log/falco/falco.log"],
    },
    Known {
        name: "wazuh",
        kind: "host",
        paths: &["/var/ossec/bin/wazuh-logcollector"],
        processes: &["wazuh-logcollector"],
        units: &["wazuh-agent.service", "wazuh-manager.service"],
        logs: &["/var/ossec/logs/ossec.log"],
    },
    Known {
        name: "ossec",
        kind: "host",
        paths: &["/var/ossec/bin/ossec-logcollector"],
        processes: &["ossec-logcollector"],
        units: &["ossec.service", "ossec-hids.service"],
        logs: &["/var/ossec/logs/ossec.log"],
    },
    Known {
        name: "crowdsec",
        kind: "host",
        paths: &["/usr/bin/crowdsec", "/usr/local/bin/crowdsec"],
        processes: &["crowdsec"],
        units: &["crowdsec.service"],
        logs: &["/var/log/crowdsec.log"],
    },
    Known {
        name: "fail2ban",
        kind: "host",
        paths: &["/usr/bin/fail2ban-server"],
        processes: &["fail2ban-server"],
        units: &["fail2ban.service"],
        logs: &["/var/log/fail2ban.log"],
    },
    Known {
        name: "psad",
        kind: "host",
        paths: &["/usr/sbin/psad"],
        processes: &["psad"],
        units: &["psad.service"],
        logs: &["/var/log/psad/status.out"],
    },
];

pub(super) fn read(door: &Door, processes: &Result<Processes, Error>) -> Vec<Detector> {
    KNOWN
        .iter()
        .filter_map(|known| {
            let path = known.paths.iter().find(|path| door.exists(path))?;
            Some(Detector {
                name: known.name.to_owned(),
                kind: known.kind.to_owned(),
                running: runs(door, processes, known.processes),
                enabled: units::starts(door, known.units),
                last_event_at: stamp::newest(door, known.logs),
                source: (*path).to_owned(),
            })
        })
        .collect()
}
