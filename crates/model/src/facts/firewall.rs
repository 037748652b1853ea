//! Section `firewall`: what the kernel filters, and what of it survives a reboot.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `firewall`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Firewall {
    /// Whether any chain of packets to, through or from this host refuses anything.
    pub filtering: Fact<bool>,
    /// What happens to packets to this host that no rule names.
    pub input: Fact<Direction>,
    /// What happens to packets passed on for others (containers too) that no rule names.
    pub forward: Fact<Direction>,
    /// What happens to packets from this host that no rule names.
    pub output: Fact<Direction>,
    /// What the rules let in, out or through: new connections only, loopback left out, one entry a port and peer.
    pub accepts: Fact<Vec<Accept>>,
    /// Protocol and port (`tcp/443`, `tcp/any`, `any/any`) for which a rule limits rate or number of connections.
    pub limited: Fact<Vec<String>>,
    /// Address translation towards other machines or containers (`dnat`, `redirect`).
    pub forwards: Fact<Vec<FilterRule>>,
    /// Chains, base chains first.
    pub chains: Fact<Vec<Chain>>,
    /// Rules in the order of their chains.
    pub rules: Fact<Vec<FilterRule>>,
    /// Rules of the chain `DOCKER-USER`, where a site filters what reaches containers; absent without that chain.
    pub docker_user: Fact<Vec<FilterRule>>,
    /// Whether there were more rules or accepts than the lists hold.
    pub truncated: bool,
    /// Whether the host has IPv6 addresses.
    pub ipv6_in_use: Fact<bool>,
    /// What loads rules at boot: configuration files and the services that read them.
    pub managers: Fact<Vec<Manager>>,
    /// Whether a manager with rules is switched on, so that they are there after a reboot.
    pub persistent: Fact<bool>,
}

/// What happens to packets that no rule names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Direction {
    /// The weaker of IPv4 and IPv6: `drop`, `reject` or `accept`.
    pub default: String,
    /// For IPv4: `drop`, `reject` or `accept`.
    pub ipv4: String,
    /// For IPv6; absent when the host has no IPv6 address.
    pub ipv6: Fact<String>,
}

/// A chain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Chain {
    /// Family, table and name: `inet filter input`.
    pub name: String,
    /// `ip`, `ip6`, `inet`, `arp`, `bridge`, `netdev`.
    pub family: String,
    /// The table.
    pub table: String,
    /// The chain's own name.
    pub chain: String,
    /// `filter`, `nat` or `route` for a base chain.
    pub kind: Fact<String>,
    /// `prerouting`, `input`, `forward`, `output`, `postrouting` or `ingress` for a base chain.
    pub hook: Fact<String>,
    /// Priority of a base chain: lower runs first.
    pub priority: Fact<i64>,
    /// `accept` or `drop` for a base chain.
    pub policy: Fact<String>,
    /// The program that told it.
    pub source: String,
}

/// A rule, as far as it can be told in general terms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FilterRule {
    /// Family, table and chain: `inet filter input`.
    pub chain: String,
    /// `tcp`, `udp`, `icmp`, ... or `any`.
    pub protocol: String,
    /// Ports of the destination: `22`, `8000-8010`, `!25`; empty for every port.
    pub ports: Vec<String>,
    /// Addresses of the source: `10.0.0.0/8`, `!192.0.2.1`, `@a_large_set`; empty for every address.
    pub from: Vec<String>,
    /// Addresses of the destination; empty for every address.
    pub to: Vec<String>,
    /// Interface the packet came in by; absent for every interface.
    pub interface: Fact<String>,
    /// Interface the packet leaves by; absent for every interface.
    pub out_interface: Fact<String>,
    /// States of the connection: `new`, `established`, ...; empty for every state.
    pub states: Vec<String>,
    /// Whether it asks for something else as well.
    pub more_conditions: bool,
    /// Whether it limits rate or number of connections.
    pub limited: bool,
    /// `accept`, `drop`, `reject`, `return`, `jump CHAIN`, `goto CHAIN`, `dnat`, ..., or `none`.
    pub verdict: String,
    /// The rule in one line.
    pub text: String,
    /// The program that told it.
    pub source: String,
}

/// A way in, out or through.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Accept {
    /// Direction and what a site approves: `in tcp/22 10.0.0.0/8`.
    pub name: String,
    /// `in`, `forward` or `out`.
    pub direction: String,
    /// `tcp`, `udp`, `icmp`, ... or `any`.
    pub protocol: String,
    /// `22`, `8000-8010` or `any`.
    pub port: String,
    /// Source address, or `any`.
    pub from: String,
    /// Destination address, or `any`.
    pub to: String,
    /// Interface it is limited to; absent for every interface.
    pub interface: Fact<String>,
    /// Whether the rule asks for something else as well.
    pub more_conditions: bool,
    /// What a site approves: protocol, port and the other side: `tcp/22 10.0.0.0/8`, `tcp/443 any`, `any any on eth1`.
    pub approval: String,
    /// The rule in one line.
    pub rule: String,
    /// The program that told it.
    pub source: String,
}

/// Something that loads rules at boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Manager {
    /// `nftables`, `netfilter-persistent`, `ufw` or `firewalld`.
    pub name: String,
    /// Whether its service starts at boot and it is not switched off by its own configuration.
    pub enabled: bool,
    /// Whether its configuration holds rules.
    pub has_rules: Fact<bool>,
    /// Its configuration file.
    pub source: String,
}
