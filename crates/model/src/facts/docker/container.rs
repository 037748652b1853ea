//! Containers as the engine describes them and as the kernel runs them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// One container.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Container {
    /// The first 12 digits of its id.
    pub id: String,
    /// Its name, without the leading slash.
    pub name: String,
    /// Where it was read: `docker inspect NAME`.
    pub source: String,
    /// The image as it was asked for, `registry/name:tag`.
    pub image: Fact<String>,
    /// The image it was made from, `sha256:...`.
    pub image_id: Fact<String>,
    /// Digests under which registries know that image, `name@sha256:...`; empty for one that was never pulled or pushed.
    pub image_digests: Fact<Vec<String>>,
    /// When it was made.
    pub created: Fact<String>,
    /// When it was last started; absent when never.
    pub started: Fact<String>,
    /// `created`, `running`, `paused`, `restarting`, `exited`, `dead`; `described` when a compose file is all that tells of
    /// it.
    pub status: Fact<String>,
    /// Whether it runs.
    pub running: Fact<bool>,
    /// How often the engine restarted it; absent for one that is only described.
    pub restart_count: Fact<u64>,
    /// The user it starts as, as set by container or image; `root` when neither sets one. Absent when a compose file does not
    /// say it, which leaves it to the image.
    pub user: Fact<String>,
    /// Whether that user is root, by its name or number, or as the running main process shows.
    pub runs_as_root: Fact<bool>,
    /// Whether it has all rights and devices of the host.
    pub privileged: Fact<bool>,
    /// Capabilities added, without `CAP_`.
    pub cap_add: Fact<Vec<String>>,
    /// Capabilities taken away, without `CAP_`.
    pub cap_drop: Fact<Vec<String>>,
    /// The capabilities it is given in the end, without `CAP_`.
    pub capabilities: Fact<Vec<String>>,
    /// Those of them that the engine does not give by default.
    pub extra_capabilities: Fact<Vec<String>>,
    /// `bridge`, `host`, `none`, `container:ID` or a network's name.
    pub network_mode: Fact<String>,
    /// `host` or `container:ID`; absent for one of its own.
    pub pid_mode: Fact<String>,
    /// `private`, `shareable`, `host`, `container:ID`; absent for the engine's default.
    pub ipc_mode: Fact<String>,
    /// `host`; absent for one of its own.
    pub uts_mode: Fact<String>,
    /// `host`; absent for the engine's.
    pub userns_mode: Fact<String>,
    /// `host` or `private`.
    pub cgroupns_mode: Fact<String>,
    /// The cgroup it was put under; absent for the engine's.
    pub cgroup_parent: Fact<String>,
    /// What is mounted into it.
    pub mounts: Fact<Vec<Mount>>,
    /// Devices of the host given to it.
    pub devices: Fact<Vec<Device>>,
    /// Whether its root filesystem is read-only.
    pub read_only_root: Fact<bool>,
    /// Whether its processes may not gain rights by setuid programs.
    pub no_new_privileges: Fact<bool>,
    /// `default`, `unconfined` or `custom`.
    pub seccomp: Fact<String>,
    /// The AppArmor profile; absent when there is none.
    pub apparmor: Fact<String>,
    /// SELinux options given (`label=...`).
    pub selinux: Fact<Vec<String>>,
    /// Whether the kernel's files in /proc and /sys are masked as usual.
    pub masked_paths: Fact<bool>,
    /// The limits asked for.
    pub limits: Fact<Limits>,
    /// What the kernel applies to the running container; absent when it does not run.
    pub applied: Fact<Applied>,
    /// `no`, `on-failure`, `always`, `unless-stopped`.
    pub restart_policy: Fact<String>,
    /// How often `on-failure` tries; 0 is for ever.
    pub restart_retries: Fact<u64>,
    /// The health check of container or image; absent when there is none.
    pub health_check: Fact<HealthCheck>,
    /// `starting`, `healthy`, `unhealthy`; absent without a health check.
    pub health: Fact<String>,
    /// Ports published on the host.
    pub ports: Fact<Vec<PublishedPort>>,
    /// Whether every exposed port is published on a port by chance.
    pub publish_all: Fact<bool>,
    /// Environment variables: names only.
    pub environment: Fact<Vec<Variable>>,
    /// Flags and assignments on its command line that look like secrets: names only.
    pub command_secrets: Fact<Vec<String>>,
    /// Arguments of its build that look like secrets: names only; absent for a container of an engine.
    pub build_secrets: Fact<Vec<String>>,
    /// Credentials in the contents of its `configs:`: which, in which line, of what kind; absent for a container of an engine.
    pub config_secrets: Fact<Vec<String>>,
    /// Labels that hold secrets: names only.
    pub label_secrets: Fact<Vec<String>>,
    /// Names of all labels.
    pub label_names: Fact<Vec<String>>,
    /// Values of the labels `org.opencontainers.*`.
    pub labels: Fact<BTreeMap<String, String>>,
    /// The compose project it belongs to.
    pub compose_project: Fact<String>,
    /// The compose service it belongs to.
    pub compose_service: Fact<String>,
    /// The digest of what compose made it from (label `com.docker.compose.config-hash`).
    pub compose_digest: Fact<String>,
    /// Whether the engine removes it when it stops (`--rm`).
    pub auto_remove: Fact<bool>,
    /// Names of its networks.
    pub networks: Fact<Vec<String>>,
    /// Whether it hangs on the default bridge.
    pub on_default_bridge: Fact<bool>,
    /// Where its output goes.
    pub log: Fact<LogConfig>,
    /// Whether the kernel may not end it when memory runs out.
    pub oom_kill_disabled: Fact<bool>,
    /// Whether the kernel ended it for lack of memory.
    pub oom_killed: Fact<bool>,
    /// Limits of its own.
    pub ulimits: Fact<Vec<Ulimit>>,
    /// Kernel settings of its own, by name.
    pub sysctls: Fact<BTreeMap<String, String>>,
    /// Its processes, read from /proc; absent when it does not run.
    pub processes: Fact<Vec<Process>>,
    /// Those of its processes that offer a remote shell: sshd, dropbear, telnetd, ...; absent when it does not run.
    pub remote_shells: Fact<Vec<String>>,
    /// Those of its processes that start others by the clock: cron, crond, anacron, atd; absent when it does not run.
    pub schedulers: Fact<Vec<String>>,
    /// Whether a small init reaps its orphans.
    pub init: Fact<bool>,
    /// The runtime, `runc` as a rule.
    pub runtime: Fact<String>,
}

/// Something mounted into a container.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`, `npipe`.
    pub kind: String,
    /// The path on the host.
    pub host_path: Fact<String>,
    /// The volume's name.
    pub volume: Fact<String>,
    /// The path inside.
    pub destination: String,
    /// Whether it can be written.
    pub read_write: Fact<bool>,
    /// `private`, `rprivate`, `shared`, `rshared`, `slave`, `rslave`; absent for volumes.
    pub propagation: Fact<String>,
    /// Whether it is, or holds, the socket of a container engine: whoever has it is root on the host.
    pub is_engine_socket: bool,
    /// Whether it is a directory of the host's system: `/`, `/boot`, `/dev`, `/etc`, `/lib`, `/proc`, `/root`, `/sys`,
    /// `/usr`, the engine's own, or something in them. Time zone, host name, resolver and CA certificates, read-only, are not.
    pub is_sensitive_host_path: bool,
    /// Where it was read.
    pub source: String,
}

/// A device of the host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Device {
    /// The path on the host.
    pub host_path: String,
    /// The path inside.
    pub container_path: String,
    /// `r`, `w`, `m` together.
    pub permissions: String,
    /// Where it was read.
    pub source: String,
}

/// Limits and reservations asked for. Absent is unlimited.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Limits {
    /// Memory, bytes.
    pub memory_bytes: Fact<u64>,
    /// Memory kept for it under pressure, bytes.
    pub memory_reservation_bytes: Fact<u64>,
    /// Processors it may use at most, such as 0.5.
    pub cpus: Fact<f64>,
    /// Its weight against others, 1024 is the default.
    pub cpu_shares: Fact<u64>,
    /// Processes and threads.
    pub pids: Fact<u64>,
}

/// What the kernel applies to a running container.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Applied {
    /// Memory, bytes; absent when unlimited.
    pub memory_bytes: Fact<u64>,
    /// Processors; absent when unlimited.
    pub cpus: Fact<f64>,
    /// Processes and threads; absent when unlimited.
    pub pids: Fact<u64>,
    /// Memory it uses now, bytes.
    pub memory_used_bytes: Fact<u64>,
    /// Whether the limits asked for are those applied.
    pub as_asked: Fact<bool>,
    /// Whether its main process may not gain rights.
    pub no_new_privileges: Fact<bool>,
    /// Whether its main process is under a seccomp filter.
    pub seccomp: Fact<bool>,
    /// The user of its main process, as the host numbers it.
    pub uid: Fact<u32>,
    /// Capabilities its main process could ever gain (bounding set), without `CAP_`.
    pub capabilities: Fact<Vec<String>>,
}

/// A health check.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HealthCheck {
    /// `shell` or `program`.
    pub kind: String,
    /// Seconds between two; 0 is the engine's default of 30.
    pub interval_seconds: f64,
    /// Failures before it counts as unhealthy; 0 is the engine's default of 3.
    pub retries: u64,
}

/// A port published on the host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PublishedPort {
    /// `HOST_PORT/PROTOCOL`, such as `8080/tcp`; `any/tcp` when chosen at start.
    pub name: String,
    /// The container's name.
    pub container: String,
    /// The port inside.
    pub container_port: u16,
    /// `tcp`, `udp`, `sctp`.
    pub protocol: String,
    /// The address on the host; `0.0.0.0` for all.
    pub host_ip: String,
    /// The port on the host; absent when chosen at start.
    pub host_port: Fact<u16>,
    /// Whether only this host can reach it.
    pub is_loopback: bool,
    /// Where it was read.
    pub source: String,
}

/// An environment variable; its value never leaves the probe.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Variable {
    /// The name.
    pub name: String,
    /// Whether it holds a secret as plain text.
    pub is_secret: bool,
    /// Why it counts as one: `name`, `entropy`, `key`, `url`; empty otherwise.
    pub reason: String,
    /// The file and line that set it; left out when that of the list says it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// Where a container's output goes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LogConfig {
    /// `json-file`, `local`, `journald`, `syslog`, `none`, ...
    pub driver: Fact<String>,
    /// `max-size`, as written.
    pub max_size: Fact<String>,
    /// `max-file`, as written.
    pub max_file: Fact<String>,
    /// `mode`: `blocking` (the default) or `non-blocking`.
    pub mode: Fact<String>,
    /// Whether its size on this host is bounded: rotated, or handed to a service that keeps it.
    pub is_bounded: Fact<bool>,
    /// Names of all options.
    pub option_names: Fact<Vec<String>>,
}

/// A limit of the kernel for each process.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ulimit {
    /// Such as `nofile`.
    pub name: String,
    /// What a process starts with; -1 is unlimited.
    pub soft: i64,
    /// What it may raise that to; -1 is unlimited.
    pub hard: i64,
}

/// A process of a container.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Process {
    /// Its name (`comm`).
    pub name: String,
    /// Its number on the host.
    pub pid: u32,
    /// The user, as the host numbers it.
    pub uid: Fact<u32>,
    /// Where it was read.
    pub source: String,
}
