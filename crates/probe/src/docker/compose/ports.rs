//! Published ports of a service: `8080:80`, `127.0.0.1:53:53/udp`, ranges, and the long form.

use std::net::IpAddr;

use model::Fact;
use model::facts::docker::PublishedPort;

use super::values::{at, text};
use crate::yaml::{Node, Value};

/// Ports of one range; of a longer one only the first is told, and that the others are not.
const RANGE_LIMIT: u16 = 128;
/// Ports of one service.
const PORT_LIMIT: usize = 4096;

/// What one entry says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said<'a> {
    ip: &'a str,
    host: &'a str,
    container: &'a str,
    protocol: &'a str,
}

/// All ports that the service `container` publishes, when each of them is known.
pub(super) fn ports(node: &Node, container: &str) -> Fact<Vec<PublishedPort>> {
    let mut all = Vec::new();
    for port in each(node, container) {
        match port {
            Fact::Known(port, _) => all.push(port),
            Fact::Absent => {}
            Fact::Unreadable(why) => return Fact::unreadable(why),
        }
    }
    at(all, &node.at)
}

/// The ports that the service `container` publishes, one by one; one that is not known says why.
pub(super) fn each(node: &Node, container: &str) -> Vec<Fact<PublishedPort>> {
    if !matches!(node.value, Value::List(_)) {
        return vec![Fact::unreadable(format!("{}: this is no list of ports", node.at))];
    }
    let mut all = Vec::new();
    for item in node.items() {
        match one(item, container) {
            Ok(ports) if all.len() + ports.len() <= PORT_LIMIT => all.extend(ports),
            Ok(_) => {
                all.push(Fact::unreadable(format!("{}: more than {PORT_LIMIT} ports", item.at)));
                break;
            }
            Err(why) => all.push(Fact::unreadable(why)),
        }
    }
    all
}

fn one(item: &Node, container: &str) -> Result<Vec<Fact<PublishedPort>>, String> {
    let says = |name: &str| match item.get(name).map(text) {
        None | Some(Fact::Absent) => Ok(String::new()),
        Some(Fact::Known(text, _)) => Ok(text),
        Some(Fact::Unreadable(why)) => Err(why),
    };
    match &item.value {
        Value::Map(_) => {
            let (ip, host) = (says("host_ip")?, says("published")?);
            let (target, protocol) = (says("target")?, says("protocol")?);
            let said = Said { ip: &ip, host: &host, container: &target, protocol: &protocol };
            published(&said, item, container)
        }
        _ => match text(item) {
            Fact::Known(text, _) => published(&said(&text), item, container),
            Fact::Absent => Ok(Vec::new()),
            Fact::Unreadable(why) => Err(why),
        },
    }
}

/// The parts of the short form.
fn said(text: &str) -> Said<'_> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let Some((before, container)) = ports.rsplit_once(':') else {
        return Said { container: ports, protocol, ..Said::default() };
    };
    let (ip, host) = match before.rsplit_once(':') {
        // `[::1]:80:80`; an address without brackets holds colons of its own.
        Some((ip, host)) if !before.ends_with(']') => (ip.trim_matches(['[', ']']), host),
        Some(_) => (before.trim_matches(['[', ']']), ""),
        None if before.contains('.') => (before, ""),
        None => ("", before),
    };
    Said { ip, host, container, protocol }
}

fn published(said: &Said<'_>, item: &Node, container: &str) -> Result<Vec<Fact<PublishedPort>>, String> {
    let wrong = || format!("{}: this is no port", item.at);
    let (first, last) = range(said.container).ok_or_else(wrong)?;
    let host = if said.host.is_empty() { None } else { Some(range(said.host).ok_or_else(wrong)?) };
    let ip = if said.ip.is_empty() { "0.0.0.0" } else { said.ip };
    let protocol = if said.protocol.is_empty() { "tcp" } else { said.protocol };
    let is_loopback = ip.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    let port = |name: String, container_port: u16, host_port: Option<u16>| PublishedPort {
        name: format!("{name}/{protocol}"),
        container: container.to_owned(),
        container_port,
        protocol: protocol.to_owned(),
        host_ip: ip.to_owned(),
        host_port: Fact::from_option(host_port),
        is_loopback,
        source: item.at.to_string(),
    };
    let same_length = host.is_none_or(|(from, to)| to - from == last - first);
    if last - first >= RANGE_LIMIT || !same_length {
        let name = if said.host.is_empty() { "any" } else { said.host };
        let mut ports = vec![Fact::known(port(name.to_owned(), first, host.map(|(from, _)| from)))];
        if last > first {
            ports.push(Fact::unreadable(format!(
                "{}: of this range only the first port is judged; write ranges of at most {RANGE_LIMIT} ports",
                item.at
            )));
        }
        return Ok(ports);
    }
    Ok((0..=last - first)
        .map(|step| {
            let host_port = host.map(|(from, _)| from.saturating_add(step));
            let name = host_port.map_or_else(|| "any".to_owned(), |port| port.to_string());
            Fact::known(port(name, first.saturating_add(step), host_port))
        })
        .collect())
}

/// `80` or `8000-8010`.
fn range(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (from <= to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    fn read(text: &str) -> Vec<String> {
        let root = parse("/c", &format!("ports: [{text}]")).unwrap();
        let all = each(root.get("ports").unwrap(), "web");
        all.iter()
            .map(|port| match port {
                Fact::Known(p, _) => {
                    format!("{} {} {} {}", p.name, p.host_ip, p.container_port, p.is_loopback)
                }
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn every_form_of_a_port_is_read() {
        for (text, expected) in [
            ("'8080:80'", "8080/tcp 0.0.0.0 80 false"),
            ("80", "any/tcp 0.0.0.0 80 false"),
            ("'127.0.0.1:53:53/udp'", "53/udp 127.0.0.1 53 true"),
            ("'127.0.0.1::80'", "any/tcp 127.0.0.1 80 true"),
            ("'[::1]:1:2'", "1/tcp ::1 2 true"),
            ("'::1:1:2'", "1/tcp ::1 2 true"),
            ("{target: 80, published: '443', host_ip: 10.0.0.1}", "443/tcp 10.0.0.1 80 false"),
            ("{target: 80}", "any/tcp 0.0.0.0 80 false"),
        ] {
            assert_eq!(read(text), [expected], "{text}");
        }
        assert_eq!(read("'8000-8001:80-81'").len(), 2);
        assert!(read("'a:b'")[0].contains("/c:1:9: this is no port"));
        assert!(read("'9-1:9-1'")[0].contains("no port"));
    }

    #[test]
    fn a_port_that_is_not_known_leaves_the_others_as_they_are() {
        let seen = read("'a:b', '80:80', '1-60000:1-60000'");
        assert_eq!(seen.len(), 4, "{seen:?}");
        assert!(seen[0].contains("/c:1:9: this is no port"));
        assert_eq!(&seen[1..3], ["80/tcp 0.0.0.0 80 false", "1-60000/tcp 0.0.0.0 1 false"]);
        assert!(seen[3].contains("only the first port is judged"));
        let root = parse("/c", "ports: ['a:b', '80:80']\nwrong: '80:80'").unwrap();
        assert!(ports(root.get("ports").unwrap(), "web").is_unreadable());
        assert!(ports(root.get("wrong").unwrap(), "web").is_unreadable());
    }
}
