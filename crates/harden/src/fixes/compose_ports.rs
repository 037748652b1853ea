//! Published ports of compose services on a chosen address instead of all.

use std::collections::BTreeMap;

use model::Fact;
use model::facts::docker::{PortLine, PublishedPort};
use serde::Deserialize;
use serde_json::Value;

use super::compose::{Project, containers};
use crate::change::{Change, Edit};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "compose-ports",
    title: "Publish ports of compose services on a chosen address",
    changes: "ports in an override file beside the compose file, or in the compose file where compose is older than 2.24.4; the \
              containers are made anew",
    disruption: Disruption::Restart,
    may_break: "everybody who reaches the ports over the network",
    opt_in: true,
    can_cut_off: true,
    accepts: accepts::<Args>,
    plan,
};

/// The first version of compose in which an override can replace a list.
const REPLACES_LISTS: (u64, u64, u64) = (2, 24, 4);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    address: String,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let published = ask.facts.docker.value().and_then(|docker| docker.published_ports.value());
    let published = published.map_or(&[][..], Vec::as_slice);
    ask.each(draft, |one, args: Args, draft| {
        if args.address.parse::<std::net::IpAddr>().is_err() {
            draft.refuse(one, format!("`{}` is no address", args.address));
            return;
        }
        let known = published.iter().filter_map(Fact::value);
        let open = known.filter(|port| port.name == one.subject && is_open(port));
        let names: std::collections::BTreeSet<&str> = open.map(|port| port.container.as_str()).collect();
        for name in names {
            let result = Project::of(ask, name).and_then(|project| bind(ask, &project, &args.address));
            match result {
                Ok(changes) => {
                    for change in changes {
                        if !draft.changes.contains(&change) {
                            draft.change(change);
                        }
                    }
                }
                Err(reason) => draft.refuse(one, format!("{name}: {reason}")),
            }
        }
    });
}

fn is_open(port: &PublishedPort) -> bool {
    matches!(port.host_ip.as_str(), "0.0.0.0" | "::")
}

/// All ports of a container that are open on all addresses.
fn bind(ask: &Ask<'_>, project: &Project<'_>, address: &str) -> Result<Vec<Change>, String> {
    let name = &project.container().name;
    let container = containers(ask).iter().find(|container| container.name == *name);
    let ports = container.and_then(|container| container.ports.value()).map_or(&[][..], Vec::as_slice);
    let version = project.facts().version.value().map_or("", String::as_str);
    let mut changes = Vec::new();
    if numbers(version).is_some_and(|version| version >= REPLACES_LISTS) {
        let mut bound: BTreeMap<String, ()> = BTreeMap::new();
        for port in ports {
            let host = if is_open(port) { address } else { port.host_ip.as_str() };
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            let number = port.host_port.value().map(u16::to_string).unwrap_or_default();
            bound.insert(format!("{host}:{number}:{}/{}", port.container_port, port.protocol), ());
        }
        let list: Vec<Value> = bound.into_keys().map(Value::from).collect();
        let members = [(vec!["ports".to_owned()], format!("!override {}", Value::from(list)))];
        let mut draft = Draft::default();
        project.set(&members)?.into_draft(&mut draft);
        changes.extend(draft.changes);
        changes.push(project.made_anew(ask, true)?);
        return Ok(changes);
    }
    let lines = project.facts().port_lines.value().ok_or("its compose files cannot be read")?;
    for port in ports.iter().filter(|port| is_open(port)) {
        let found = lines.iter().find(|line| publishes(line, port));
        let line = found.ok_or_else(|| {
            format!(
                "no line `- \"{}:{}\"` was found in its compose files: write the address `{address}` before that port there",
                port.host_port.value().map(u16::to_string).unwrap_or_default(),
                port.container_port
            )
        })?;
        let (file, _) = line.source.rsplit_once(':').ok_or("the line has no place")?;
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let new = line.text.replacen(&line.published, &format!("{host}:{}", line.published), 1);
        let edit = Edit::Replace { old: line.text.clone(), new: Some(new) };
        let change = Change::Edit { file: file.to_owned(), mode: 0o644, edit };
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    changes.push(project.made_anew(ask, false)?);
    Ok(changes)
}

fn publishes(line: &PortLine, port: &PublishedPort) -> bool {
    line.protocol == port.protocol
        && line.container_port.value() == Some(&port.container_port)
        && line.host_port.value().is_some_and(|number| port.host_port.value() == Some(number))
}

/// `2.24.4` as numbers; what stands behind is left out.
fn numbers(version: &str) -> Option<(u64, u64, u64)> {
    let mut parts = version.trim_start_matches('v').split(['.', '-', '+']).map(str::parse::<u64>);
    Some((parts.next()?.ok()?, parts.next()?.ok()?, parts.next().and_then(Result::ok).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let all = ["v2.24.4", "2.24.3-desktop.1", "1.29.2", "2.100.0", "", "2"].map(numbers);
        let replaces = all.map(|version| version.is_some_and(|version| version >= REPLACES_LISTS));
        assert_eq!(replaces, [true, false, false, true, false, false]);
    }
}
