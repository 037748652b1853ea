//! What loads rules at boot: nftables, netfilter-persistent, ufw, firewalld.

use host::{Door, FileKind};
use model::Fact;
use model::facts::firewall::Manager;

use crate::fact::{IntoFact, if_any, reason};
use crate::text::meaningful_lines;

/// A way of loading rules at boot.
struct Known {
    name: &'static str,
    /// Services that do it; one of them is enough.
    services: &'static [&'static str],
    /// Its configuration files; the first that is there is named.
    files: &'static [&'static str],
    /// Its program, to tell a leftover configuration from an installed manager.
    programs: &'static [&'static str],
}

const KNOWN: &[Known] = &[
    Known {
        name: "nftables",
        services: &["nftables"],
        files: &["/etc/nftables.conf", "/etc/sysconfig/nftables.conf"],
        programs: &["/usr/sbin/nft", "/sbin/nft"],
    },
    Known {
        name: "netfilter-persistent",
        services: &["netfilter-persistent", "iptables", "ip6tables"],
        files: &["/etc/iptables/rules.v4", "/etc/iptables/rules.v6", "/etc/sysconfig/iptables"],
        programs: &["/usr/sbin/netfilter-persistent", "/usr/libexec/iptables/iptables.init"],
    },
    Known { name: "ufw", services: &["ufw"], files: &["/etc/ufw/ufw.conf"], programs: &["/usr/sbin/ufw"] },
    Known {
        name: "firewalld",
        services: &["firewalld"],
        files: &["/etc/firewalld/firewalld.conf", "/usr/lib/firewalld/zones/public.xml"],
        programs: &["/usr/sbin/firewalld"],
    },
];

/// Managers that are installed, with whether they will load rules at the next boot.
pub(crate) fn managers(door: &Door) -> Fact<Vec<Manager>> {
    let started = match started_at_boot(door) {
        Ok(started) => started,
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    let found = KNOWN.iter().filter_map(|known| {
        let file = known.files.iter().find(|file| door.exists(file));
        if !known.programs.iter().any(|program| door.exists(program)) {
            return None;
        }
        let starts = known.services.iter().any(|service| started.iter().any(|name| name == service));
        Some(Manager {
            name: known.name.to_owned(),
            enabled: starts && (known.name != "ufw" || ufw_enabled(door)),
            has_rules: file.map_or(Fact::Absent, |file| has_rules(door, known.name, file)),
            source: file.unwrap_or(known.files.first().unwrap_or(&"")).to_string(),
        })
    });
    Fact::read_at(found.collect(), "the places of known programs and their services")
}

/// Names of services that systemd or sysvinit starts at boot.
fn started_at_boot(door: &Door) -> Result<Vec<String>, host::Error> {
    let mut started = Vec::new();
    let list = |directory: &str| if_any(door.read_dir(directory)).map(Option::unwrap_or_default);
    for entry in list("/etc/systemd/system")? {
        let wanted = entry.name.ends_with(".wants") || entry.name.ends_with(".requires");
        if wanted && entry.kind == FileKind::Directory {
            for unit in list(&format!("/etc/systemd/system/{}", entry.name))? {
                started.extend(unit.name.strip_suffix(".service").map(str::to_owned));
            }
        }
    }
    // A masked unit does not start, whatever wants it.
    started.retain(|name| {
        !door
            .read_link(format!("/etc/systemd/system/{name}.service"))
            .is_ok_and(|target| target.as_os_str() == "/dev/null")
    });
    for directory in ["/etc/rcS.d", "/etc/rc2.d"] {
        for script in list(directory)? {
            let name = script.name.strip_prefix('S').and_then(|name| name.get(2..));
            started.extend(name.map(str::to_owned));
        }
    }
    Ok(started)
}

fn ufw_enabled(door: &Door) -> bool {
    door.read_text("/etc/ufw/ufw.conf")
        .is_ok_and(|text| meaningful_lines(&text).any(|line| line.text.eq_ignore_ascii_case("ENABLED=yes")))
}

/// Whether the configuration says anything: ufw and firewalld bring rules of their own.
fn has_rules(door: &Door, name: &str, file: &str) -> Fact<bool> {
    match name {
        "nftables" => door.read_text(file).into_fact(door).map(|text| {
            meaningful_lines(&text).any(|line| {
                line.text.starts_with("include")
                    || line.text.contains("policy drop")
                    || ["accept", "drop", "reject"]
                        .iter()
                        .any(|verdict| line.text.trim_end_matches([';', '}', ' ']).ends_with(verdict))
            })
        }),
        "netfilter-persistent" => door.read_text(file).into_fact(door).map(|text| {
            text.lines().any(|line| line.starts_with("-A ") || (line.starts_with(':') && line.contains("DROP")))
        }),
        _ => Fact::known(true),
    }
}
