//! A table of the packet filter that lets in what the profile declares, and the operator.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use model::facts::firewall::Firewall;

use super::firewall::{Way, declared, holds, install, keeper};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

const TABLE: &str = "palisade";

pub(super) const FIX: Fix = Fix {
    id: "firewall-table",
    title: "Let in only what the profile declares, by a table of the packet filter beside all others",
    changes: "/etc/nftables.d/palisade.nft, an include in /etc/nftables.conf, the nftables service at boot, and the loaded table",
    disruption: Disruption::None,
    may_break: "connections to this host that nobody declared, and packets that it passes on; containers' published ports stay open unless `port_forwards` is declared",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<NoArgs>,
    plan,
};

/// Control messages without which networks do not work.
const CONTROL: &str = "\t\ticmp type { destination-unreachable, time-exceeded, parameter-problem, echo-request } accept\n\
\t\ticmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request, \
nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query, \
mld-listener-report, mld2-listener-report } accept\n";

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(filter) = ask.facts.firewall.value() else { return };
    let chains = keeper(ask, filter).and_then(|manager| Ok((manager, chains(ask, filter, draft)?)));
    let (manager, chains) = match chains {
        Ok(found) => found,
        Err(why) => {
            ask.uses.iter().for_each(|one| draft.refuse(one, &why));
            return;
        }
    };
    let mut mends = false;
    for one in ask.uses {
        match one.rule.as_str() {
            "firewall.forward-refused-by-default" if !chains.contains("chain forward") => {
                draft.refuse(one, forward_refused(ask));
            }
            "firewall.required-connections-open" => match missing(ask, filter, &chains) {
                None => mends = true,
                Some(why) => draft.refuse(one, why),
            },
            "firewall.input-refused-by-default" | "firewall.ipv6-refused-by-default"
                if !chains.contains("chain input") =>
            {
                draft.refuse(one, "another table refuses already; add to that one what is missing");
            }
            "firewall.rules-survive-restart" if !chains.contains("chain input") => draft.refuse(
                one,
                "the rules in force are not Palisade's: write them down with `nft list ruleset` in the file that is \
                 loaded at boot, and run `systemctl enable nftables`",
            ),
            _ => mends = true,
        }
    }
    if mends {
        install(draft, filter, manager, TABLE, &chains);
    }
}

/// Whether nobody refuses in that direction, but for a table of ours.
fn is_ours(filter: &Firewall, direction: &model::Fact<model::facts::firewall::Direction>, chain: &str) -> bool {
    direction.value().is_some_and(|direction| direction.default == "accept")
        || filter
            .chains
            .value()
            .is_some_and(|chains| chains.iter().any(|own| own.table == TABLE && own.chain == chain))
}

/// The chains of the table.
fn chains(ask: &Ask<'_>, filter: &Firewall, draft: &mut Draft) -> Result<String, String> {
    let mut text = String::new();
    if is_ours(filter, &filter.input, "input") {
        let mut ways = ways_in(ask)?;
        keep_operator(ask, &mut ways, draft);
        text.push_str(
            "\tchain input {\n\t\ttype filter hook input priority 10; policy drop;\n\t\tiif \"lo\" accept\n\
             \t\tct state established,related accept\n\t\tct state invalid drop\n",
        );
        text.push_str(CONTROL);
        for way in &ways {
            _ = writeln!(text, "\t\t{}", way.rule(false));
        }
        text.push_str("\t}\n");
    }
    if let Some(forward) = forward(ask, filter)? {
        text.push_str(&forward);
    }
    if let Some(published) = published(ask)? {
        text.push_str(&published);
    }
    Ok(text)
}

/// What may come in: `firewall_in` of the profile, else its `listeners`; what is required in any case.
fn ways_in(ask: &Ask<'_>) -> Result<BTreeSet<Way>, String> {
    let mut ways: BTreeSet<Way> = match declared(ask, "firewall_in")? {
        Some(ways) => ways.into_iter().collect(),
        None => declared(ask, "listeners")?
            .ok_or("the profile does not declare what may come in: add `firewall_in`, such as `[tcp/443 any]`")?
            .into_iter()
            .collect(),
    };
    for required in ask.declared_list("required_connections").unwrap_or_default() {
        if let Some(way) = required.strip_prefix("in ")
            && !way.contains("icmp")
        {
            ways.insert(
                Way::parse(way).map_err(|error| format!("`required_connections` in the profile: {error}"))?,
            );
        }
    }
    Ok(ways)
}

/// Lets the operator's SSH in, whatever is declared.
fn keep_operator(ask: &Ask<'_>, ways: &mut BTreeSet<Way>, draft: &mut Draft) {
    let Some(from) = &ask.site.operator.ssh_from else { return };
    let listeners = ask.facts.listeners.value();
    let of_sshd = |process: &model::Fact<String>| process.value().is_some_and(|name| name.starts_with("sshd"));
    let mut ports: BTreeSet<u16> = listeners
        .map(|all| all.sockets.iter().filter(|s| s.reachable && of_sshd(&s.process)).map(|s| s.port).collect())
        .unwrap_or_default();
    if ports.is_empty() {
        ports.insert(22);
    }
    let mut peers: BTreeSet<Option<String>> = BTreeSet::new();
    if from.parse::<IpAddr>().is_ok() {
        peers.insert(Some(from.clone()));
    } else if let Some(all) = listeners {
        let inside =
            all.peers.iter().filter(|peer| peer.direction == "in" && ports.contains(&peer.service_port));
        peers.extend(
            inside.map(|peer| peer.remote_address.clone()).filter(|a| a.parse::<IpAddr>().is_ok()).map(Some),
        );
    }
    if peers.is_empty() {
        peers.insert(None);
    }
    for port in ports {
        for peer in &peers {
            if !ways.iter().any(|way| way.lets_in(port, peer.as_deref())) {
                let place = peer.as_deref().unwrap_or("everywhere");
                draft.note(format!(
                    "SSH on port {port} stays open for you, from {place}: declare it in `firewall_in` to keep it for good"
                ));
                ways.insert(Way::tcp(port, peer.clone()));
            }
        }
    }
}

/// Nothing is passed on but what is declared. Docker keeps that direction itself, so there it is left alone.
fn forward(ask: &Ask<'_>, filter: &Firewall) -> Result<Option<String>, String> {
    if !is_ours(filter, &filter.forward, "forward") || docker(ask) {
        return Ok(None);
    }
    let ways = match ask.declared_list("firewall_forward") {
        Some(ways) => ways,
        None if !routes(ask) => Vec::new(),
        None => return Ok(None),
    };
    let mut text = "\tchain forward {\n\t\ttype filter hook forward priority 10; policy drop;\n\
                    \t\tct state established,related accept\n"
        .to_owned();
    for way in ways.iter().filter(|way| !way.contains("icmp")) {
        // `tcp/80 any > 172.17.0.2`: source, then destination.
        let (source, target) = way.split_once(" > ").unwrap_or((way, "any"));
        let wrong = |error| format!("`firewall_forward` in the profile: {error}");
        let source = Way::parse(source).map_err(wrong)?;
        let target = Way::parse(&format!("any {target}")).map_err(wrong)?;
        let target = target.rule(true);
        let source = source.rule(false);
        _ = writeln!(text, "\t\t{}{source}", target.trim_end_matches("accept"));
    }
    text.push_str("\t}\n");
    Ok(Some(text))
}

/// Published ports that nobody declared are dropped before Docker's own chains see them.
fn published(ask: &Ask<'_>) -> Result<Option<String>, String> {
    let Some(ports) = ask.declared_list("port_forwards").filter(|_| docker(ask)) else { return Ok(None) };
    let mut text =
        "\tchain published {\n\t\ttype filter hook forward priority -10; policy accept;\n".to_owned();
    for protocol in ["tcp", "udp"] {
        let mut own: BTreeSet<String> = BTreeSet::new();
        for port in &ports {
            Way::parse(port).map_err(|error| format!("`port_forwards` in the profile: {error}"))?;
            own.extend(
                port.strip_prefix(protocol).and_then(|rest| rest.strip_prefix('/')).map(ToOwned::to_owned),
            );
        }
        let known = own.into_iter().collect::<Vec<_>>().join(", ");
        let others = if known.is_empty() {
            format!("meta l4proto {protocol}")
        } else {
            format!("meta l4proto {protocol} ct original proto-dst != {{ {known} }}")
        };
        _ = writeln!(text, "\t\tct state new ct status dnat {others} drop");
    }
    text.push_str("\t}\n");
    Ok(Some(text))
}

fn docker(ask: &Ask<'_>) -> bool {
    !ask.facts.docker.is_absent()
}

/// Whether the kernel passes packets on.
fn routes(ask: &Ask<'_>) -> bool {
    let Some(net) = ask.facts.net.value() else { return true };
    ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"].iter().any(|key| {
        let live = net.sysctl.get(*key).and_then(|sysctl| sysctl.value.value());
        live.is_none_or(|value| value != "0")
    })
}

fn forward_refused(ask: &Ask<'_>) -> &'static str {
    if docker(ask) {
        "Docker keeps what is passed on: let it set the policy (`\"iptables\": true` in daemon.json), and put your own \
         rules into the chain DOCKER-USER"
    } else {
        "this host passes packets on: declare `firewall_forward` in the profile, or switch `net.ipv4.ip_forward` off"
    }
}

/// What is required and would still be missing.
fn missing(ask: &Ask<'_>, filter: &Firewall, chains: &str) -> Option<String> {
    let open = |name: &String| {
        filter.accepts.value().is_some_and(|accepts| accepts.iter().any(|accept| accept.name == *name))
    };
    let required = ask.declared_list("required_connections").unwrap_or_default();
    let closed: Vec<&String> = required.iter().filter(|name| !open(name)).collect();
    let outward = closed.iter().find(|name| !name.starts_with("in "));
    match outward {
        Some(name) => {
            Some(format!("`{name}` does not come in: add `--opt-in node-egress`, or a rule of your own"))
        }
        None if !chains.contains("chain input") && !holds(filter, TABLE) => {
            Some("another table refuses it: add a rule for it there".to_owned())
        }
        None => None,
    }
}
