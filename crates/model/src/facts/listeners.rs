//! Section `listeners`: what waits for connections, and who is connected.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `listeners`: sockets of the network namespace that the reader stands in.
///
/// Sockets inside containers with a network of their own are not in it; their published ports are, as ports of
/// `docker-proxy`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Listeners {
    /// Listening TCP and bound UDP sockets, by protocol, port and address.
    pub sockets: Vec<Socket>,
    /// Established connections with other machines, alike ones counted together. Those with this host itself are left out.
    pub peers: Vec<Peer>,
    /// Whether there were more sockets or peers than the lists hold.
    pub truncated: bool,
    /// Network namespaces of other processes: what listens in those is not listed here.
    pub other_namespaces: Fact<u64>,
}

/// A listening TCP or bound UDP socket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Socket {
    /// Protocol and port as sites approve them: `tcp/443`.
    pub name: String,
    /// Protocol, address and port: `tcp 0.0.0.0:443`, `tcp [::]:443`.
    pub endpoint: String,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Port.
    pub port: u16,
    /// Address it is bound to: `0.0.0.0`, `::`, `127.0.0.1`.
    pub address: String,
    /// `ipv4` or `ipv6`; an `ipv6` socket on `::` usually takes IPv4 as well.
    pub family: String,
    /// `any` (every address of the host), `loopback` or `address` (one address of the host).
    pub scope: String,
    /// Whether other machines can send to it as far as its address goes: everything but loopback.
    pub reachable: bool,
    /// The interface that has the address; absent for `any`.
    pub interface: Fact<String>,
    /// UDP on a port the kernel hands out by itself: as a rule a client's socket, not a service.
    pub ephemeral: bool,
    /// User id of the process that holds it; of whoever opened it where that is not known.
    pub uid: u32,
    /// Name of that user; absent when `/etc/passwd` has none.
    pub user: Fact<String>,
    /// Process that holds it; absent when the kernel itself does.
    pub pid: Fact<u32>,
    /// The process's short name, as `/proc/PID/comm` gives it.
    pub process: Fact<String>,
    /// The process's program file.
    pub exe: Fact<String>,
    /// The systemd unit that the process belongs to.
    pub unit: Fact<String>,
    /// Id of the container that the process runs in.
    pub container: Fact<String>,
    /// What a `docker-proxy` passes connections on to.
    pub proxied: Fact<Proxied>,
    /// Line of the table in `/proc/net`.
    pub source: String,
}

/// Where a `docker-proxy` passes connections on to: its arguments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Proxied {
    /// Address of the container.
    pub container_address: String,
    /// Port inside the container.
    pub container_port: u16,
}

/// Established connections between one process and one remote port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Peer {
    /// Direction, protocol, address and port: `out tcp 203.0.113.5:443`, `in tcp :22 from 203.0.113.5`.
    pub name: String,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// `in` when the local port is one of the listening ones, `out` otherwise.
    pub direction: String,
    /// The other machine.
    pub remote_address: String,
    /// Its port when the connection goes out, ours when it comes in.
    pub service_port: u16,
    /// What a site approves: `tcp/443 203.0.113.5`.
    pub approval: String,
    /// Whether the other machine's address is a private one (RFC 1918, RFC 4193, link-local).
    pub private: bool,
    /// How many such connections.
    pub connections: u64,
    /// Process that holds the first of them.
    pub pid: Fact<u32>,
    /// The process's short name.
    pub process: Fact<String>,
    /// The systemd unit that the process belongs to.
    pub unit: Fact<String>,
    /// Id of the container that the process runs in.
    pub container: Fact<String>,
    /// Line of the table in `/proc/net` of the first of them.
    pub source: String,
}
