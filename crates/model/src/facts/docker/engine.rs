//! The Docker engine: how it is set up and what it says of itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LogConfig, Ulimit};
use crate::Fact;

/// The engine. Settings are effective: what the running engine says, else its flags, else daemon.json, else the default.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Engine {
    /// The path of `dockerd`.
    pub program: Fact<String>,
    /// Whether the engine runs: its process is there or it answers.
    pub running: Fact<bool>,
    /// Whether the host starts it at boot: `docker.service` or `docker.socket` is enabled in systemd.
    pub enabled: Fact<bool>,
    /// Its process.
    pub pid: Fact<u32>,
    /// Its version, such as `24.0.7`.
    pub version: Fact<String>,
    /// The newest API version it speaks.
    pub api_version: Fact<String>,
    /// The path of the compose plugin or program.
    pub compose: Fact<String>,
    /// What the engine warns about in `docker info`.
    pub warnings: Fact<Vec<String>>,

    /// Where daemon.json is, or would be.
    pub config_file: Fact<String>,
    /// Settings given as flags, under their name in daemon.json, and where: the engine refuses to start when daemon.json sets
    /// one of them too.
    pub flags: Fact<BTreeMap<String, String>>,
    /// The socket by which programs of this host reach it.
    pub socket: Fact<String>,

    /// Where it listens.
    pub hosts: Fact<Vec<Listener>>,
    /// Whether listeners on TCP use TLS (`tls` or `tlsverify`).
    pub tls: Fact<bool>,
    /// Whether clients on TCP must show a certificate of the engine's CA (`tlsverify`).
    pub tls_verify: Fact<bool>,
    /// Plug-ins that must allow each API request.
    pub authorization_plugins: Fact<Vec<String>>,
    /// Members of the group `docker`, by `/etc/group` and by primary group: each can become root.
    pub group_members: Fact<Vec<String>>,
    /// Files and sockets that steer the engine, those that exist.
    pub files: Fact<Vec<HostFile>>,

    /// 1 or 2.
    pub cgroup_version: Fact<u32>,
    /// `systemd` or `cgroupfs`.
    pub cgroup_driver: Fact<String>,
    /// `overlay2`, `btrfs`, `zfs`, `vfs`, ...
    pub storage_driver: Fact<String>,
    /// Whether the default seccomp profile is on.
    pub seccomp: Fact<bool>,
    /// `builtin` or `default` for the engine's own, `unconfined`, or the path of another.
    pub seccomp_profile: Fact<String>,
    /// Whether containers get an AppArmor profile.
    pub apparmor: Fact<bool>,
    /// Whether containers get SELinux labels.
    pub selinux: Fact<bool>,
    /// Whether root inside containers is another user outside (`userns-remap`), or the engine is rootless.
    pub user_namespaces: Fact<bool>,
    /// Whether the engine itself runs without root.
    pub rootless: Fact<bool>,
    /// Whether containers go on while the engine restarts.
    pub live_restore: Fact<bool>,
    /// Whether processes in containers may not gain rights by setuid programs, unless a container says otherwise.
    pub no_new_privileges: Fact<bool>,
    /// Whether containers on the default bridge may talk to each other.
    pub icc: Fact<bool>,
    /// Whether a program on the host forwards published ports in place of the kernel.
    pub userland_proxy: Fact<bool>,
    /// Whether the engine maintains packet filter rules.
    pub iptables: Fact<bool>,
    /// Whether experimental functions are on.
    pub experimental: Fact<bool>,
    /// `debug`, `info`, `warn`, `error`, `fatal`.
    pub log_level: Fact<String>,
    /// Log driver and options of containers that set none of their own.
    pub log: Fact<LogConfig>,
    /// Limits of containers that set none of their own, by name.
    pub default_ulimits: Fact<BTreeMap<String, Ulimit>>,
    /// Whether the engine is part of a swarm.
    pub swarm: Fact<bool>,

    /// Registries and ranges beyond loopback that may be spoken to without TLS.
    pub insecure_registries: Fact<Vec<String>>,
    /// Mirrors of the public registry.
    pub registry_mirrors: Fact<Vec<String>>,
    /// Whether clients on this host demand signed images (`DOCKER_CONTENT_TRUST=1` for all users).
    pub content_trust: Fact<bool>,
    /// Proxies for pulls and pushes.
    pub proxies: Fact<Vec<Proxy>>,

    /// Where images, containers and volumes lie.
    pub root_dir: Fact<String>,
    /// Whether that directory is a filesystem of its own.
    pub root_dir_own_partition: Fact<bool>,
    /// Whether a layer below that filesystem encrypts (dm-crypt).
    pub root_dir_encrypted: Fact<bool>,
    /// Free room there, percent of what unprivileged users could use in an empty filesystem.
    pub root_dir_free_percent: Fact<f64>,
    /// Processors of the host.
    pub host_cpus: Fact<u64>,
    /// Memory of the host, bytes.
    pub host_memory_bytes: Fact<u64>,
    /// The memory limits of running containers together, bytes; absent when one has no limit.
    pub memory_limits_sum_bytes: Fact<u64>,
    /// How many containers run.
    pub running_containers: Fact<u64>,
}

/// One address the engine listens on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Listener {
    /// As written: `unix:///run/docker.sock`, `tcp://0.0.0.0:2375`, `fd://`.
    pub address: String,
    /// `unix`, `tcp`, `fd` or another scheme.
    pub kind: String,
    /// Where it was set.
    pub source: String,
}

/// A file, directory or socket of the host that steers the engine.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HostFile {
    /// The path.
    pub path: String,
    /// Where it was read: the path again.
    pub source: String,
    /// What it is for: `unit`, `defaults`, `config`, `config-directory`, `registry-certificates`, `tls-key`,
    /// `tls-certificate`, `engine-socket`, `containerd-socket`, `program`.
    pub kind: String,
    /// Permission bits, octal: `0660`.
    pub mode: String,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// The group's name; absent when /etc/group has none.
    pub group: Fact<String>,
    /// Whether the group may write.
    pub group_may_write: bool,
    /// Whether everybody may read (connect, for a socket that they may also write).
    pub others_may_read: bool,
    /// Whether everybody may write.
    pub others_may_write: bool,
}

/// A proxy.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Proxy {
    /// `http`, `https` or `no`.
    pub name: String,
    /// Its address, without user and password.
    pub address: String,
    /// Whether the address holds a user or password.
    pub has_credentials: bool,
    /// Where it was read.
    pub source: String,
}
