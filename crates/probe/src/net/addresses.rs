//! Which interface has which address: `/proc/net/if_inet6`, `/proc/net/fib_trie` and `/proc/net/route`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use host::Door;
use model::Fact;

use crate::fact::reason;

/// The most addresses that are kept.
const ADDRESSES: usize = 4096;

/// The largest table that is read: hosts with whole routing tables have megabytes of them.
const TABLE_BYTES: usize = 8 << 20;

/// Interface names by the host's own addresses.
pub(crate) fn interfaces_by_address(door: &Door) -> Fact<BTreeMap<IpAddr, String>> {
    if !door.is_live() {
        return Fact::unreadable("addresses in use only a running host tells");
    }
    let read = |path: &str| match door.read_up_to(path, TABLE_BYTES) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.is_not_found() => Ok(String::new()),
        Err(error) => Err(reason(&error, door)),
    };
    let tables = || Ok((read("/proc/net/fib_trie")?, read("/proc/net/route")?, read("/proc/net/if_inet6")?));
    match tables() {
        Ok((trie, routes, inet6)) => {
            let routes = connected_routes(&routes);
            let v4 = local_v4(&trie).into_iter().filter_map(|address| {
                let interface = interface_of(address, &routes)?;
                Some((IpAddr::V4(address), interface))
            });
            let v6 = local_v6(&inet6).into_iter().map(|(address, interface)| (IpAddr::V6(address), interface));
            Fact::known(v4.chain(v6).collect())
        }
        Err(reason) => Fact::Unreadable(reason),
    }
}

/// The host's own IPv4 addresses: leaves of the trie whose next line ends with `/32 host LOCAL`.
pub fn local_v4(trie: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut leaf = None;
    for line in trie.lines() {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if let (Some(address), true) = (leaf, line == "/32 host LOCAL")
            && !found.contains(&address)
            && found.len() < ADDRESSES
        {
            found.push(address);
        }
    }
    found
}

/// One line of `/proc/net/route`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) interface: String,
    pub(crate) destination: u32,
    pub(crate) mask: u32,
    pub(crate) gateway: Ipv4Addr,
}

/// The IPv4 routes, in the kernel's order.
pub(crate) fn routes_v4(table: &str) -> Vec<Route> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let [interface, destination, gateway, _flags, _count, _use, _metric, mask, ..] = fields.as_slice()
            else {
                return None;
            };
            let number = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::swap_bytes);
            Some(Route {
                interface: (*interface).to_owned(),
                destination: number(destination)?,
                mask: number(mask)?,
                gateway: Ipv4Addr::from(number(gateway)?),
            })
        })
        .take(ADDRESSES)
        .collect()
}

fn connected_routes(table: &str) -> Vec<Route> {
    routes_v4(table).into_iter().filter(|route| route.gateway.is_unspecified() && route.mask != 0).collect()
}

/// The interface whose network holds the address; the most exact network wins.
fn interface_of(address: Ipv4Addr, routes: &[Route]) -> Option<String> {
    if address.is_loopback() {
        return Some("lo".to_owned());
    }
    let number = u32::from(address);
    routes
        .iter()
        .filter(|route| number & route.mask == route.destination)
        .max_by_key(|route| route.mask)
        .map(|route| route.interface.clone())
}

/// The host's own IPv6 addresses: `fe80...: 32 digits, index, prefix length, scope, flags, interface`.
pub fn local_v6(table: &str) -> Vec<(Ipv6Addr, String)> {
    table
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let digits = fields.next().filter(|digits| digits.len() == 32)?;
            let address = Ipv6Addr::from(u128::from_str_radix(digits, 16).ok()?);
            Some((address, fields.nth(4)?.to_owned()))
        })
        .take(ADDRESSES)
        .collect()
}
