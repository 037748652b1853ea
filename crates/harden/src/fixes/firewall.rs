//! What the fixes of the packet filter have in common: ways that a profile declares, who keeps the rules, what a boot loads.

use std::net::IpAddr;

use model::facts::firewall::{Firewall, Manager};

use crate::change::{Act, Change, Edit, Live};
use crate::fix::{Ask, Draft};

/// The folder of Palisade's tables.
pub(super) const FOLDER: &str = "/etc/nftables.d";

/// Where systemd and sysvinit say that the service starts at boot.
const WANTED: &str = "/etc/systemd/system/sysinit.target.wants/nftables.service";

/// A way in or out as a profile declares it: `tcp/443 any`, `tcp/22 10.0.0.0/8 on eth1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    protocol: String,
    port: Option<String>,
    peer: Option<String>,
    interface: Option<String>,
}

impl Way {
    /// Reads a declaration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            |why: &str| Err(format!("`{text}` is no connection: {why}; write it like `tcp/443 192.0.2.5`"));
        let mut words = text.split_whitespace();
        let (Some(what), peer) = (words.next(), words.next().unwrap_or("any")) else {
            return wrong("it is empty");
        };
        let interface = match (words.next(), words.next(), words.next()) {
            (None, ..) => None,
            (Some("on"), Some(name), None) if is_interface(name) => Some(name.to_owned()),
            _ => return wrong("behind the address only `on INTERFACE` may follow"),
        };
        let (protocol, port) = match what.split_once('/') {
            Some((protocol, "any")) => (protocol, None),
            Some((protocol, port)) => (protocol, Some(port)),
            None => (what, None),
        };
        if !matches!(protocol, "tcp" | "udp" | "sctp" | "any") {
            return wrong("the protocol is none of tcp, udp, sctp, any");
        }
        if port.is_some_and(|port| protocol == "any" || !is_port(port)) {
            return wrong("the port is no number or range");
        }
        if peer != "any" && family(peer).is_none() {
            return wrong("the other side is no address; a name cannot be looked up before the network is up");
        }
        Ok(Self {
            protocol: protocol.to_owned(),
            port: port.map(ToOwned::to_owned),
            peer: (peer != "any").then(|| peer.to_owned()),
            interface,
        })
    }

    /// A way for one protocol and port.
    pub(super) fn tcp(port: u16, peer: Option<String>) -> Self {
        Self { protocol: "tcp".to_owned(), port: Some(port.to_string()), peer, interface: None }
    }

    /// The rule that accepts it. `out` turns the other side around.
    pub(super) fn rule(&self, out: bool) -> String {
        let mut parts = Vec::new();
        if let Some(interface) = &self.interface {
            parts.push(format!("{} \"{interface}\"", if out { "oifname" } else { "iifname" }));
        }
        if let Some(peer) = &self.peer {
            let side = if out { "daddr" } else { "saddr" };
            parts.push(format!("{} {side} {peer}", family(peer).unwrap_or("ip")));
        }
        match (self.protocol.as_str(), &self.port) {
            ("any", _) => {}
            (protocol, Some(port)) => parts.push(format!("{protocol} dport {port}")),
            (protocol, None) => parts.push(format!("meta l4proto {protocol}")),
        }
        parts.push("accept".to_owned());
        parts.join(" ")
    }

    /// Whether it lets this protocol and port in, from there.
    pub(super) fn lets_in(&self, port: u16, from: Option<&str>) -> bool {
        let fits = match &self.port {
            None => true,
            Some(own) => match own.split_once('-') {
                Some((low, high)) => {
                    low.parse().is_ok_and(|low: u16| low <= port)
                        && high.parse().is_ok_and(|high: u16| port <= high)
                }
                None => *own == port.to_string(),
            },
        };
        let known = match (&self.peer, from) {
            (None, _) => true,
            (Some(peer), Some(from)) => within(from, peer),
            (Some(_), None) => false,
        };
        matches!(self.protocol.as_str(), "tcp" | "any") && fits && known && self.interface.is_none()
    }
}

fn is_interface(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 15
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ':' | '@'))
}

fn is_port(text: &str) -> bool {
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    match text.split_once('-') {
        Some((low, high)) => matches!((number(low), number(high)), (Some(low), Some(high)) if low < high),
        None => number(text).is_some(),
    }
}

/// `ip` or `ip6` of an address, a range `a-b` or a network `a/len`.
fn family(text: &str) -> Option<&'static str> {
    let of = |address: &str| match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => Some("ip"),
        Ok(IpAddr::V6(_)) => Some("ip6"),
        Err(_) => None,
    };
    if let Some((low, high)) = text.split_once('-') {
        return of(low).filter(|family| of(high) == Some(*family));
    }
    match text.split_once('/') {
        Some((address, length)) => {
            let family = of(address)?;
            let most = if family == "ip" { 32 } else { 128 };
            length.parse::<u8>().ok().filter(|length| *length <= most).map(|_| family)
        }
        None => of(text),
    }
}

/// Whether an address lies in a network or range.
fn within(address: &str, network: &str) -> bool {
    let number = |text: &str| match text.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => Some((32_u32, u128::from(u32::from(address)))),
        IpAddr::V6(address) => Some((128, u128::from(address))),
    };
    let Some((bits, own)) = number(address) else { return false };
    let (low, high) = match (network.split_once('-'), network.split_once('/')) {
        (Some((low, high)), _) => (number(low), number(high)),
        (None, Some((base, length))) => {
            let length: u32 = length.parse().unwrap_or(bits);
            let free = bits.saturating_sub(length);
            let mask = 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
            let base = number(base);
            (base.map(|(bits, base)| (bits, base & !mask)), base.map(|(bits, base)| (bits, base | mask)))
        }
        (None, None) => (number(network), number(network)),
    };
    matches!((low, high), (Some((b1, low)), Some((b2, high))) if b1 == bits && b2 == bits && low <= own && own <= high)
}

/// The ways of a declaration; none when the profile says nothing of it.
///
/// # Errors
/// The first that is no way.
pub(super) fn declared(ask: &Ask<'_>, name: &str) -> Result<Option<Vec<Way>>, String> {
    ask.declared_list(name)
        .map(|list| list.iter().filter(|way| !way.contains("icmp")).map(|way| Way::parse(way)).collect())
        .transpose()
        .map_err(|error| format!("`{name}` in the profile: {error}"))
}

/// Who loads the rules at boot, when that may be nftables.
///
/// # Errors
/// Why a table of our own must not be made.
pub(super) fn keeper<'a>(ask: &'a Ask<'_>, filter: &'a Firewall) -> Result<&'a Manager, String> {
    let managers =
        filter.managers.value().ok_or("it is not known what loads the rules at boot; run as root")?;
    for manager in managers.iter().filter(|manager| manager.enabled) {
        let there = match manager.name.as_str() {
            "ufw" => "run `ufw default deny incoming` and `ufw allow PORT/tcp` for what is needed",
            "firewalld" => {
                "run `firewall-cmd --permanent --set-target=DROP` and `firewall-cmd --permanent --add-port=PORT/tcp` \
                 for what is needed, then `firewall-cmd --reload`"
            }
            "netfilter-persistent" => {
                "add the rules with `iptables` and `ip6tables`, then run `netfilter-persistent save`"
            }
            _ => continue,
        };
        return Err(format!("{} keeps the rules of this host: {there}", manager.name));
    }
    let Some(manager) = managers.iter().find(|manager| manager.name == "nftables") else {
        return Err("nftables is not installed: run `apt install nftables`".to_owned());
    };
    let ours = ask.facts.firewall.value().is_some_and(|filter| holds(filter, "palisade"));
    if !manager.enabled && manager.has_rules.value() == Some(&true) && !ours {
        return Err(format!(
            "{} holds rules that are not in force: look at them, then run `systemctl enable nftables` or empty the file",
            manager.source
        ));
    }
    Ok(manager)
}

/// Whether a table of the family `inet` is loaded whose name begins so.
pub(super) fn holds(filter: &Firewall, table: &str) -> bool {
    filter
        .chains
        .value()
        .is_some_and(|chains| chains.iter().any(|chain| chain.family == "inet" && chain.table == table))
}

/// Writes a table to a file of its own, lets a boot load it, and loads it now. Other tables are not touched.
pub(super) fn install(draft: &mut Draft, filter: &Firewall, manager: &Manager, table: &str, chains: &str) {
    let file = format!("{FOLDER}/{table}.nft");
    // Taken down and set up in one transaction, whether it was there or not.
    let text = format!(
        "# Written by Palisade; `palisade harden undo` takes it back.\n\
         table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n{chains}}}\n"
    );
    draft.change(Change::whole(&file, 0o600, &text));
    draft.change(Change::Edit {
        file: manager.source.clone(),
        mode: 0o644,
        edit: Edit::Last(format!("include \"{file}\"")),
    });
    if !manager.enabled {
        let target = if manager.source.starts_with("/etc/sysconfig") {
            "/usr/lib/systemd/system/nftables.service"
        } else {
            "/lib/systemd/system/nftables.service"
        };
        draft.change(Change::Link { path: WANTED.to_owned(), target: target.to_owned() });
    }
    let undo = if holds(filter, table) {
        // The file is as before by then.
        vec![Act::run("nft", &["-f", &file])]
    } else {
        vec![Act::run("nft", &["add", "table", "inet", table, ";", "delete", "table", "inet", table])]
    };
    draft.change(Change::Live(Live {
        what: format!("the table `inet {table}` filters packets"),
        apply: vec![Act::run("nft", &["-f", &file])],
        undo,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_ways_become_rules_and_nothing_else_does() {
        for (text, rule) in [
            ("tcp/443 any", "tcp dport 443 accept"),
            ("tcp/22 10.0.0.0/8", "ip saddr 10.0.0.0/8 tcp dport 22 accept"),
            (
                "udp/5000-5010 2001:db8::/32 on eth1",
                "iifname \"eth1\" ip6 saddr 2001:db8::/32 udp dport 5000-5010 accept",
            ),
            ("any any on eth1", "iifname \"eth1\" accept"),
            ("tcp/443", "tcp dport 443 accept"),
            ("udp/any 192.0.2.1-192.0.2.9", "ip saddr 192.0.2.1-192.0.2.9 meta l4proto udp accept"),
        ] {
            assert_eq!(Way::parse(text).unwrap().rule(false), rule, "{text}");
        }
        for text in [
            "",
            "tcp/0 any",
            "tcp/443 any; drop",
            "tcp/443 registry.example",
            "tcp/70000 any",
            "gre any",
            "tcp/443 any on eth1;",
            "tcp/443 any on eth1 x",
            "any/5 any",
            "tcp/9-1 any",
            "tcp/1 10.0.0.0/33",
            "tcp/443 {any}",
        ] {
            assert!(Way::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_operator_is_let_in_by_a_way_that_covers_their_address() {
        for (way, from, expected) in [
            ("tcp/22 any", Some("192.0.2.7"), true),
            ("tcp/22 192.0.2.0/24", Some("192.0.2.7"), true),
            ("tcp/22 192.0.3.0/24", Some("192.0.2.7"), false),
            ("tcp/20-30 192.0.2.1-192.0.2.9", Some("192.0.2.7"), true),
            ("tcp/22 192.0.2.0/24", None, false),
            ("udp/22 any", Some("192.0.2.7"), false),
            ("tcp/22 2001:db8::/32", Some("2001:db8::7"), true),
            ("tcp/22 0.0.0.0/0", Some("192.0.2.7"), true),
            ("tcp/22 ::/0", Some("192.0.2.7"), false),
            ("tcp/22 any on eth9", Some("192.0.2.7"), false),
        ] {
            assert_eq!(Way::parse(way).unwrap().lets_in(22, from), expected, "{way} {from:?}");
        }
    }
}
