//! Section `net`: interfaces, kernel settings and modules, mounts, name resolution, proxies.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `net`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Net {
    /// Interfaces by name.
    pub interfaces: Fact<Vec<Interface>>,
    /// Default gateways.
    pub gateways: Fact<Vec<Gateway>>,
    /// Kernel settings that matter for security, by their dotted name; a setting the kernel lacks has no value.
    pub sysctl: BTreeMap<String, Sysctl>,
    /// Kernel modules that are seldom needed, by name.
    pub modules: BTreeMap<String, Module>,
    /// Mount points that matter for security, by path.
    pub mounts: BTreeMap<String, Mount>,
    /// Where memory of crashed processes goes: `none`, `file`, `external` or `journal` (systemd), or `handler PATH`.
    pub core_dumps: Fact<String>,
    /// Name resolution.
    pub dns: Fact<Dns>,
    /// Proxies that software on this host is told to use.
    pub proxies: Fact<Vec<Proxy>>,
    /// Radio transmitters: wireless network and Bluetooth.
    pub radios: Fact<Vec<Radio>>,
}

/// A network interface. The settings are those in effect, the kernel's `all` taken into account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// `loopback`, `ethernet`, `wireless`, `bridge`, `virtual` or `other`.
    pub kind: String,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it sees a link: a cable, or a partner.
    pub carrier: bool,
    /// Whether it listens to packets for others; members of a bridge, which must, count as not.
    pub promiscuous: bool,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Whether it belongs to a container or a container network: `docker0`, `br-...`, `veth...`, `cni...`.
    pub of_containers: bool,
    /// Whether ICMP redirects of IPv4 or IPv6 change its routes.
    pub accepts_redirects: Fact<bool>,
    /// Whether it sends ICMP redirects.
    pub sends_redirects: Fact<bool>,
    /// Whether packets may choose their own route.
    pub accepts_source_routes: Fact<bool>,
    /// Whether IPv6 router advertisements configure it; absent without IPv6.
    pub accepts_router_advertisements: Fact<bool>,
    /// Whether packets with impossible addresses are logged.
    pub logs_martians: Fact<bool>,
    /// Reverse path filter: 0 off, 1 strict, 2 loose.
    pub rp_filter: Fact<i64>,
    /// Which ARP requests are answered: 0 for any address of the host, 1 and more only for this interface's.
    pub arp_ignore: Fact<i64>,
    /// Which address is announced: 2 is always the best one for the target.
    pub arp_announce: Fact<i64>,
    /// Its own settings as they stand in the kernel, `all` not taken into account: `ipv4.rp_filter`.
    pub own: BTreeMap<String, String>,
    /// Directory in `/sys`.
    pub source: String,
}

/// A default gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Gateway {
    /// Its address.
    pub address: String,
    /// Interface through which it is reached.
    pub interface: String,
    /// Whether its hardware address is set for good, so that nobody can take its place by ARP.
    pub pinned: bool,
    /// The table it was read from.
    pub source: String,
}

/// A kernel setting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sysctl {
    /// Its dotted name.
    pub name: String,
    /// What holds now; on a tree that does not run, what its files set. Absent when the kernel has no such setting.
    pub value: Fact<String>,
    /// What the running kernel says.
    pub live: Fact<String>,
    /// What the files set at boot; absent when none does.
    pub persisted: Fact<String>,
}

/// A kernel module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// `filesystem`, `protocol` or `device`.
    pub kind: String,
    /// Whether it is loaded.
    pub loaded: Fact<bool>,
    /// Whether something uses it now: it cannot be unloaded then.
    pub in_use: Fact<bool>,
    /// Whether it lies on disk, ready to be loaded.
    pub available: Fact<bool>,
    /// Whether it is part of the kernel itself.
    pub built_in: Fact<bool>,
    /// Whether `install NAME /bin/false` keeps it from being loaded.
    pub install_refused: Fact<bool>,
    /// Whether it is not loaded by itself for a device (`blacklist NAME`).
    pub blacklisted: Fact<bool>,
    /// Whether it is, or can be, part of the running kernel: loaded, built in, or on disk and not refused.
    pub usable: Fact<bool>,
}

/// A mount point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Mount {
    /// Its path.
    pub path: String,
    /// Whether a filesystem of its own is mounted there.
    pub separate: Fact<bool>,
    /// Type of the filesystem.
    pub filesystem: Fact<String>,
    /// Options in effect.
    pub options: Fact<Vec<String>>,
    /// Whether device files are ignored; absent when nothing is mounted.
    pub nodev: Fact<bool>,
    /// Whether setuid bits are ignored; absent when nothing is mounted.
    pub nosuid: Fact<bool>,
    /// Whether programs cannot be started from there; absent when nothing is mounted.
    pub noexec: Fact<bool>,
    /// Which processes of others are hidden (`/proc` only): `0`, `1`, `2`, `4` or its name.
    pub hidepid: Fact<String>,
    /// Options in `/etc/fstab`; absent when it is not in there.
    pub persisted: Fact<Vec<String>>,
}

/// Name resolution.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Dns {
    /// Servers in `/etc/resolv.conf`.
    pub servers: Vec<String>,
    /// Whether every server is this host itself: a resolver of its own.
    pub local_resolver: bool,
    /// Whether systemd-resolved resolves.
    pub resolved: bool,
    /// `DNSSEC=` of systemd-resolved; absent when it does not resolve.
    pub dnssec: Fact<String>,
    /// `DNSOverTLS=` of systemd-resolved; absent when it does not resolve.
    pub dns_over_tls: Fact<String>,
    /// The file.
    pub source: String,
}

/// A proxy that software is told to use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Proxy {
    /// Who uses it: `environment`, `apt` or `docker`.
    pub user: String,
    /// What goes through it: `http`, `https`, `ftp`, `all`.
    pub protocol: String,
    /// Its address without user name and password.
    pub address: String,
    /// File and line.
    pub source: String,
}

/// A radio transmitter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Radio {
    /// Its name.
    pub name: String,
    /// `wlan`, `bluetooth`, ...
    pub kind: String,
    /// Whether it is switched off.
    pub blocked: bool,
    /// Directory in `/sys`.
    pub source: String,
}
