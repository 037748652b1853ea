//! Interfaces with their settings in effect, gateways, radios.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use host::{Door, Error};
use model::Fact;
use model::facts::net::{Gateway, Interface, Radio};

use super::addresses::{interfaces_by_address, routes_v4};
use crate::fact::{IntoFact, reason};

/// The most interfaces that are described: a host with many containers has hundreds.
const INTERFACES: usize = 512;

/// The largest routing table that is read.
const TABLE_BYTES: usize = 8 << 20;

/// `IFF_PROMISC` of `linux/if.h`.
const PROMISCUOUS: u64 = 0x100;
/// `IFF_UP`.
const UP: u64 = 0x1;
/// `ATF_PERM` of `linux/if_arp.h`: an entry that never expires.
const PERMANENT: u64 = 0x4;
/// `ARPHRD_LOOPBACK` and `ARPHRD_ETHER`.
const LOOPBACK: &str = "772";
const ETHERNET: &str = "1";

/// Settings that are told as they stand.
const OWN_V4: &[&str] = &["accept_redirects", "arp_announce", "arp_ignore", "log_martians", "rp_filter"];
const OWN_V6: &[&str] = &["accept_ra", "accept_redirects"];

/// The interfaces.
pub(crate) fn interfaces(door: &Door) -> Fact<Vec<Interface>> {
    if !door.is_live() {
        return Fact::unreadable("interfaces only a running host tells");
    }
    let entries = match door.read_dir("/sys/class/net") {
        Ok(entries) => entries,
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    let addresses = interfaces_by_address(door);
    // Files such as bonding_masters stand among the links.
    let names = entries.into_iter().filter(|entry| entry.kind != host::FileKind::File).take(INTERFACES);
    let described = names.map(|entry| {
        let mut interface = interface(door, &entry.name);
        interface.addresses = addresses.value().map_or_else(Vec::new, |addresses| {
            addresses
                .iter()
                .filter(|(_, name)| **name == entry.name)
                .map(|(address, _)| address.to_string())
                .collect()
        });
        interface
    });
    Fact::known(described.collect())
}

fn interface(door: &Door, name: &str) -> Interface {
    let directory = format!("/sys/class/net/{name}");
    let read = |file: &str| door.read_text(format!("{directory}/{file}")).unwrap_or_default().trim().to_owned();
    let flags = u64::from_str_radix(read("flags").trim_start_matches("0x"), 16).unwrap_or(0);
    let has = |file: &str| door.exists(format!("{directory}/{file}"));
    let kind = match read("type").as_str() {
        LOOPBACK => "loopback",
        _ if has("wireless") || has("phy80211") => "wireless",
        _ if has("bridge") => "bridge",
        _ if !has("device") => "virtual",
        ETHERNET => "ethernet",
        _ => "other",
    };
    let v4 = |key: &str, combine: fn(i64, i64) -> i64| {
        let all = number(door, &format!("/proc/sys/net/ipv4/conf/all/{key}"));
        let own = number(door, &format!("/proc/sys/net/ipv4/conf/{name}/{key}"));
        all.and_then(|all| own.map(|own| combine(all, own)))
    };
    let v6 = |key: &str| number(door, &format!("/proc/sys/net/ipv6/conf/{name}/{key}"));
    let forwarding_v4 = number(door, &format!("/proc/sys/net/ipv4/conf/{name}/forwarding")).value() == Some(&1);
    let forwarding_v6 = v6("forwarding").value() == Some(&1);
    // A router takes redirects only when both settings say so, other hosts when one does.
    let redirects_v4 = v4("accept_redirects", if forwarding_v4 { i64::min } else { i64::max }).map(is_set);
    let redirects_v6 = v6("accept_redirects").map(|value| value == 1 && !forwarding_v6);
    let routed_v4 = v4("accept_source_route", i64::min).map(is_set);
    let routed_v6 = v6("accept_source_route").map(|value| value > 0);
    let advertised = v6("accept_ra").map(|value| value == 2 || (value == 1 && !forwarding_v6));
    let own = |version: &str, keys: &[&str]| -> Vec<(String, String)> {
        let read = |key: &&str| {
            let text = door.read_text(format!("/proc/sys/net/{version}/conf/{name}/{key}")).ok()?;
            Some((format!("{version}.{key}"), text.trim().to_owned()))
        };
        keys.iter().filter_map(read).collect()
    };
    Interface {
        own: own("ipv4", OWN_V4).into_iter().chain(own("ipv6", OWN_V6)).collect(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        up: flags & UP != 0,
        carrier: read("carrier") == "1",
        // A bridge sets the flag on its members by itself.
        promiscuous: flags & PROMISCUOUS != 0 && !has("brport"),
        addresses: Vec::new(),
        of_containers: ["docker", "br-", "veth", "cni", "podman", "flannel", "cali", "virbr", "vnet"]
            .iter()
            .any(|prefix| name.starts_with(prefix)),
        accepts_redirects: either(redirects_v4, redirects_v6),
        sends_redirects: v4("send_redirects", i64::max).map(is_set),
        accepts_source_routes: either(routed_v4, routed_v6),
        accepts_router_advertisements: advertised,
        logs_martians: v4("log_martians", i64::max).map(is_set),
        rp_filter: v4("rp_filter", i64::max),
        arp_ignore: v4("arp_ignore", i64::max),
        arp_announce: v4("arp_announce", i64::max),
        source: directory,
    }
}

fn number(door: &Door, path: &str) -> Fact<i64> {
    match door.read_text(path).into_fact(door) {
        Fact::Known(text, _) => match text.trim().parse() {
            Ok(number) => Fact::read_at(number, path),
            Err(_) => Fact::unreadable(format!("{path} holds no number")),
        },
        Fact::Absent => Fact::Absent,
        Fact::Unreadable(reason) => Fact::Unreadable(reason),
    }
}

fn is_set(value: i64) -> bool {
    value > 0
}

/// Either of both; an IP version the kernel lacks counts as no.
fn either(v4: Fact<bool>, v6: Fact<bool>) -> Fact<bool> {
    match (v4, v6) {
        (Fact::Known(true, source), _) | (_, Fact::Known(true, source)) => Fact::Known(true, source),
        (Fact::Unreadable(reason), _) | (_, Fact::Unreadable(reason)) => Fact::Unreadable(reason),
        (Fact::Absent, other) | (other, _) => other,
    }
}

/// The default gateways with whether their hardware addresses are fixed.
pub(crate) fn gateways(door: &Door) -> Fact<Vec<Gateway>> {
    if !door.is_live() {
        return Fact::unreadable("routes in use only a running host tells");
    }
    let read = |path: &str| match door.read_up_to(path, TABLE_BYTES) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.is_not_found() && path != "/proc/net/route" => Ok(String::new()),
        Err(error) => Err(error),
    };
    let gather = || -> Result<Vec<Gateway>, Error> {
        let (v4, v6) = (read("/proc/net/route")?, read("/proc/net/ipv6_route")?);
        let pinned = pinned_addresses(&read("/proc/net/arp")?);
        let of_v4 =
            routes_v4(&v4).into_iter().filter(|route| route.mask == 0 && !route.gateway.is_unspecified());
        let mut found: Vec<Gateway> = of_v4
            .map(|route| Gateway {
                address: route.gateway.to_string(),
                pinned: pinned.contains(&(IpAddr::V4(route.gateway), route.interface.clone())),
                interface: route.interface,
                source: "/proc/net/route".to_owned(),
            })
            .collect();
        // Neighbours of IPv6 are in no file: such a gateway counts as not pinned.
        found.extend(gateways_v6(&v6).into_iter().map(|(address, interface)| Gateway {
            address: address.to_string(),
            interface,
            pinned: false,
            source: "/proc/net/ipv6_route".to_owned(),
        }));
        Ok(found)
    };
    // A table that is not there was not looked at: that is no proof of absence.
    gather().map_or_else(|error| Fact::unreadable(reason(&error, door)), Fact::known)
}

/// Addresses with a permanent entry in `/proc/net/arp`, by interface.
fn pinned_addresses(table: &str) -> BTreeSet<(IpAddr, String)> {
    let lines = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [address, _kind, flags, _hardware, _mask, interface] = fields.as_slice() else { return None };
        let flags = u64::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
        (flags & PERMANENT != 0).then_some((address.parse().ok()?, (*interface).to_owned()))
    });
    lines.collect()
}

/// Next hops of routes to everywhere: destination and its length are zero, the fifth field is the next hop.
fn gateways_v6(table: &str) -> BTreeSet<(Ipv6Addr, String)> {
    let lines = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [destination, length, _source, _source_length, hop, .., interface] = fields.as_slice() else {
            return None;
        };
        let everywhere = destination.bytes().all(|digit| digit == b'0') && *length == "00";
        let hop = u128::from_str_radix(hop, 16).ok().filter(|hop| *hop != 0)?;
        everywhere.then_some((Ipv6Addr::from(hop), (*interface).to_owned()))
    });
    lines.take(INTERFACES).collect()
}

/// Radio transmitters by rfkill, and Bluetooth adapters that rfkill does not know.
pub(crate) fn radios(door: &Door) -> Fact<Vec<Radio>> {
    if !door.is_live() {
        return Fact::unreadable("radio transmitters only a running host tells");
    }
    let list = |directory: &str| match door.read_dir(directory) {
        Err(error) if error.is_not_found() && door.exists("/sys/class") => Ok(Vec::new()),
        other => other,
    };
    let gather = || -> Result<Vec<Radio>, Error> {
        let mut found = Vec::new();
        for entry in list("/sys/class/rfkill")?.into_iter().take(INTERFACES) {
            let directory = format!("/sys/class/rfkill/{}", entry.name);
            let read = |file: &str| {
                door.read_text(format!("{directory}/{file}")).unwrap_or_default().trim().to_owned()
            };
            found.push(Radio {
                name: read("name"),
                kind: read("type"),
                blocked: read("soft") == "1" || read("hard") == "1",
                source: directory.clone(),
            });
        }
        for entry in list("/sys/class/bluetooth")?.into_iter().take(INTERFACES) {
            if entry.name.starts_with("hci")
                && !entry.name.contains(':')
                && !found.iter().any(|radio| radio.name == entry.name)
            {
                found.push(Radio {
                    source: format!("/sys/class/bluetooth/{}", entry.name),
                    name: entry.name,
                    kind: "bluetooth".to_owned(),
                    blocked: false,
                });
            }
        }
        Ok(found)
    };
    gather().map_or_else(|error| Fact::unreadable(reason(&error, door)), Fact::known)
}
