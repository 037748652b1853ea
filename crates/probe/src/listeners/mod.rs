//! Section `listeners`: sockets that wait for connections, and established connections.
//!
//! Read from `/proc/net`; it holds the sockets of one network namespace, the reader's own.

mod owners;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use host::{Door, Error};
use model::Fact;
use model::facts::listeners::{Listeners, Peer, Socket};

use crate::Context;
use crate::fact::reason;
use owners::{Owner, Owners};
pub use owners::{container as container_of_cgroup, proxied, unit as unit_of_cgroup};
pub use table::{Row, rows};

/// The most sockets that are listed; a host with more has no list that a person could approve.
const SOCKETS: usize = 2000;

/// The most groups of alike connections that are listed.
const PEERS: usize = 1000;

/// The most connections whose holders are looked for.
const CONNECTIONS: usize = 20_000;

/// The largest `/etc/passwd` that is read.
const PASSWD_BYTES: usize = 16 << 20;

/// The kernel's default `ip_local_port_range`.
const LOCAL_PORTS: (u16, u16) = (32768, 60999);

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Listeners> {
    scan(cx, true)
}

/// Listening TCP and bound UDP sockets with their holders: what other probes look at more closely.
pub(crate) fn sockets(cx: &Context) -> Fact<Vec<Socket>> {
    scan(cx, false).map(|listeners| listeners.sockets)
}

fn scan(cx: &Context, with_peers: bool) -> Fact<Listeners> {
    let door = &cx.door;
    if !door.is_live() {
        return Fact::unreadable("what listens only a running host tells");
    }
    let mut truncated = false;
    let mut entries = Vec::new();
    for name in ["tcp", "tcp6", "udp", "udp6"] {
        match read(door, name, with_peers) {
            Ok((rows, cut)) => {
                truncated |= cut;
                entries.extend(rows.into_iter().map(|row| (name, row)));
            }
            // No IPv6 in this kernel: nothing listens there.
            Err(error) if error.is_not_found() && name.ends_with('6') => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    let (connected, mut listening): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|(_, row)| row.state == table::ESTABLISHED);
    let mut connected: Vec<_> = connected.into_iter().filter(|(_, row)| !is_own(row)).collect();
    listening.sort_by_key(|(name, row)| (protocol(name), row.local.port(), row.local.ip(), row.inode));
    truncated |= listening.len() > SOCKETS || connected.len() > CONNECTIONS;
    let listening_ports: BTreeSet<(&str, u16)> =
        listening.iter().map(|(name, row)| (protocol(name), row.local.port())).collect();
    listening.truncate(SOCKETS);
    connected.truncate(CONNECTIONS);

    let inodes = listening.iter().chain(&connected).map(|(_, row)| row.inode).collect();
    let owners = Owners::find(door, inodes);
    let users = users(door);
    let ports = local_ports(door);
    let interfaces = crate::net::interfaces_by_address(door);
    let mut sockets: Vec<Socket> = listening
        .iter()
        .map(|(table, row)| {
            let mut socket = socket(table, row, owners.of(row.inode), ports);
            socket.user = users
                .as_ref()
                .map_or_else(Fact::unreadable, |users| Fact::from_option(users.get(&socket.uid).cloned()));
            socket.interface = match (socket.scope.as_str(), &interfaces) {
                ("any", _) => Fact::Absent,
                (_, Fact::Known(known, _)) => Fact::from_option(known.get(&row.local.ip()).cloned()),
                (_, Fact::Absent) => Fact::Absent,
                (_, Fact::Unreadable(reason)) => Fact::unreadable(reason),
            };
            socket
        })
        .collect();
    // Several sockets of one process on one port (SO_REUSEPORT) are one service.
    sockets.dedup_by(|next, kept| {
        (&next.name, &next.address, next.uid, &next.pid) == (&kept.name, &kept.address, kept.uid, &kept.pid)
    });
    let mut peers = if with_peers { peers(&connected, &listening_ports, &owners) } else { Vec::new() };
    truncated |= peers.len() > PEERS;
    peers.truncate(PEERS);
    let listeners = Listeners { sockets, peers, truncated, other_namespaces: owners.other_namespaces };
    Fact::read_at(listeners, "/proc/net")
}

fn read(door: &Door, name: &'static str, with_peers: bool) -> Result<(Vec<Row>, bool), Error> {
    let path = format!("/proc/net/{name}");
    let listening = if protocol(name) == "tcp" { table::LISTEN } else { table::CLOSED };
    rows(door.open(&path)?, |row| row.state == listening || (with_peers && row.state == table::ESTABLISHED))
        .map_err(|error| Error::io(path, &error))
}

/// Whether both ends are this host.
fn is_own(row: &Row) -> bool {
    row.remote.ip().is_loopback() || row.remote.ip() == row.local.ip()
}

/// `tcp6` -> `tcp`.
fn protocol(table: &str) -> &str {
    table.trim_end_matches('6')
}

fn socket(table: &str, row: &Row, owner: Owner, local_ports: (u16, u16)) -> Socket {
    let (protocol, address, port) = (protocol(table), row.local.ip(), row.local.port());
    let scope = match address {
        address if address.is_unspecified() => "any",
        address if address.is_loopback() => "loopback",
        _ => "address",
    };
    Socket {
        name: format!("{protocol}/{port}"),
        endpoint: format!("{protocol} {}", row.local),
        protocol: protocol.to_owned(),
        port,
        address: address.to_string(),
        family: if table.ends_with('6') { "ipv6" } else { "ipv4" }.to_owned(),
        scope: scope.to_owned(),
        reachable: scope != "loopback",
        ephemeral: protocol == "udp" && (local_ports.0..=local_ports.1).contains(&port),
        uid: owner.uid.value().copied().unwrap_or(row.uid),
        pid: owner.pid,
        process: owner.process,
        exe: owner.exe,
        unit: owner.unit,
        container: owner.container,
        proxied: owner.proxied,
        source: format!("/proc/net/{table}:{}", row.line),
        ..Socket::default()
    }
}

/// Connections, alike ones counted together, the busiest remote first within a direction.
fn peers(connected: &[(&str, Row)], listening: &BTreeSet<(&str, u16)>, owners: &Owners) -> Vec<Peer> {
    let mut groups: BTreeMap<(bool, &str, IpAddr, u16, Option<u32>), Peer> = BTreeMap::new();
    for (table, row) in connected {
        let protocol = protocol(table);
        let incoming = listening.contains(&(protocol, row.local.port()));
        let service_port = if incoming { row.local.port() } else { row.remote.port() };
        let address = row.remote.ip();
        let owner = owners.of(row.inode);
        let key = (incoming, protocol, address, service_port, owner.pid.value().copied());
        let peer = groups.entry(key).or_insert_with(|| Peer {
            name: if incoming {
                format!("in {protocol} :{service_port} from {address}")
            } else {
                format!("out {protocol} {}", row.remote)
            },
            protocol: protocol.to_owned(),
            direction: if incoming { "in" } else { "out" }.to_owned(),
            remote_address: address.to_string(),
            service_port,
            approval: format!("{protocol}/{service_port} {address}"),
            private: is_private(address),
            connections: 0,
            pid: owner.pid,
            process: owner.process,
            unit: owner.unit,
            container: owner.container,
            source: format!("/proc/net/{table}:{}", row.line),
        });
        peer.connections += 1;
    }
    groups.into_values().collect()
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local() || is_shared(address),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// 100.64.0.0/10, the addresses behind a provider's translation.
fn is_shared(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [100, second, ..] if second & 0xc0 == 64)
}

/// User names by id; the first line with an id wins, as in the C library.
fn users(door: &Door) -> Result<HashMap<u32, String>, String> {
    let text = match door.read_up_to("/etc/passwd", PASSWD_BYTES) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Ok(HashMap::new()),
        Err(error) => return Err(reason(&error, door)),
    };
    let mut users = HashMap::new();
    for line in String::from_utf8_lossy(&text).lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(uid)) = (fields.next(), fields.nth(1).and_then(|uid| uid.parse().ok())) {
            users.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    Ok(users)
}

/// The ports that the kernel hands out by itself.
fn local_ports(door: &Door) -> (u16, u16) {
    let text = door.read_text("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut numbers = text.split_ascii_whitespace().map(|word| word.parse().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(first), Some(last)) => (first, last),
        _ => LOCAL_PORTS,
    }
}
