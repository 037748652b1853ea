//! Section `services`: what starts on this host by itself: units, scheduled jobs, init scripts, super-servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `services`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Services {
    /// Name of process 1: `systemd`, `init`, `runit`, ...
    pub manager: Fact<String>,
    /// Whether systemd runs this host.
    pub systemd: Fact<bool>,
    /// What boot aims at: `multi-user.target`, `graphical.target`; absent without systemd.
    pub default_target: Fact<String>,
    /// Services, sockets and timers of systemd, at most 2000; absent when systemd is not installed.
    pub units: Fact<Vec<Unit>>,
    /// Names of enabled services and sockets.
    pub enabled_units: Fact<Vec<String>>,
    /// Names of active services and sockets; unreadable where systemd does not run.
    pub active_units: Fact<Vec<String>>,
    /// Names of failed units; unreadable where systemd does not run.
    pub failed_units: Fact<Vec<String>>,
    /// Everything that runs on a schedule: cron, systemd timers, at; at most 1000.
    pub jobs: Fact<Vec<Job>>,
    /// cron; absent when it is not installed.
    pub cron: Fact<Cron>,
    /// at; absent when it is not installed.
    pub at: Fact<At>,
    /// Services that inetd or xinetd starts; absent when neither is configured.
    pub inetd: Fact<Vec<InetdService>>,
    /// Files of units, cron and init that run with root's rights and that somebody else may change; at most 200.
    pub changeable_files: Fact<Vec<String>>,
    /// Scripts of /etc/init.d that no unit replaces.
    pub init_scripts: Fact<Vec<InitScript>>,
}

/// A unit of systemd.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Unit {
    /// Its name: `ssh.service`.
    pub name: String,
    /// `service`, `socket` or `timer`.
    pub kind: String,
    /// As `systemctl is-enabled` says it: `enabled`, `enabled-runtime`, `disabled`, `static`, `masked`,
    /// `masked-runtime`, `alias`, `indirect`, `linked`, `generated`.
    pub state: String,
    /// Whether it is enabled, for ever or until reboot.
    pub enabled: bool,
    /// Whether it runs or waits for its event; unreadable where systemd does not run.
    pub active: Fact<bool>,
    /// Its process as systemd shows it: `running`, `exited`, `waiting`, `listening`, `dead`, `failed`.
    pub sub_state: Fact<String>,
    /// The unit this is another name of; absent otherwise.
    pub alias_of: Fact<String>,
    /// User its processes start as: `root` when not set, `dynamic` for a user made for it; absent for sockets and timers.
    pub user: Fact<String>,
    /// The program it starts, without arguments; absent when it starts none.
    pub program: Fact<String>,
    /// What a socket listens on, addresses and paths as written.
    pub listens: Vec<String>,
    /// Whether the package's own file is not what is in effect: it stands in /etc, or drop-ins change it.
    pub changed_locally: bool,
    /// Drop-in files, in the order in which they are read.
    pub drop_ins: Vec<String>,
    /// How it is fenced in; only of services that are enabled or active, absent of others.
    pub sandbox: Fact<Sandbox>,
    /// Whether somebody besides root may change its file or a drop-in.
    pub others_may_change: bool,
    /// The file that links to it lead to: its own, or the one that a mask hides; absent when there is none.
    pub file: Fact<String>,
    /// Links of /etc that make it start or give it another name, the mask not counted.
    pub links: Vec<String>,
    /// Links below /etc/systemd/system that enabling it makes: `multi-user.target.wants/cron.service`, `syslog.service`.
    pub install_links: Vec<String>,
    /// Its file.
    pub source: String,
}

/// How a service is fenced in: systemd.exec(5), systemd.resource-control(5).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sandbox {
    /// From 0 (fenced in on all sides) to 10 (nothing is): the share of 20 weighted settings that are missing.
    pub exposure: f64,
    /// `NoNewPrivileges=`, also implied by other settings for services that do not run as root.
    pub no_new_privileges: bool,
    /// `ProtectSystem=`: `no`, `yes`, `full` or `strict`.
    pub protect_system: String,
    /// `ProtectHome=`: `no`, `yes`, `read-only` or `tmpfs`.
    pub protect_home: String,
    /// `PrivateTmp=`.
    pub private_tmp: bool,
    /// `PrivateDevices=`.
    pub private_devices: bool,
    /// `ProtectKernelTunables=`, `ProtectKernelModules=`, `ProtectKernelLogs=` and `ProtectControlGroups=` together.
    pub protect_kernel: bool,
    /// `MemoryDenyWriteExecute=`.
    pub memory_deny_write_execute: bool,
    /// `RestrictNamespaces=`: not `no`.
    pub restrict_namespaces: bool,
    /// `RestrictAddressFamilies=` as written; absent when not set.
    pub restrict_address_families: Fact<String>,
    /// `SystemCallFilter=` as written; absent when not set.
    pub system_call_filter: Fact<String>,
    /// `CapabilityBoundingSet=` as written; absent when not set: then every capability.
    pub capability_bounding_set: Fact<String>,
    /// `AmbientCapabilities=` as written; absent when not set.
    pub ambient_capabilities: Fact<String>,
    /// `MemoryMax=` (or the older `MemoryLimit=`) as written; absent when not set.
    pub memory_max: Fact<String>,
    /// `CPUQuota=` as written; absent when not set.
    pub cpu_quota: Fact<String>,
    /// `TasksMax=` as written; absent when not set.
    pub tasks_max: Fact<String>,
}

/// Something that runs on a schedule.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Job {
    /// `cron`, `timer` or `at`.
    pub kind: String,
    /// Name of the timer, or of the file that holds the entry.
    pub name: String,
    /// Its schedule as written: `*/15 * * * *`, `@daily`, `OnCalendar=daily`.
    pub schedule: String,
    /// The longest time between two runs in minutes; absent when it only runs at boot or once, unreadable when the
    /// schedule is of a kind we do not reckon.
    pub longest_gap_minutes: Fact<u64>,
    /// User it runs as.
    pub user: String,
    /// The command's first 80 characters, what follows `=` left out; a timer's is the program of its service.
    pub command: String,
    /// Whether it will run: cron entries always, timers when enabled or pulled in by the distribution.
    pub enabled: bool,
    /// When it last ran; absent when it never did, unreadable when nothing tells.
    pub last_run: Fact<String>,
    /// `path:line`, or the unit's file.
    pub source: String,
}

/// cron.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Cron {
    /// Whether the process runs.
    pub running: Fact<bool>,
    /// Whether it starts at boot.
    pub enabled: Fact<bool>,
    /// /etc/crontab, cron.d, cron.hourly and so on, with who can read and change them.
    pub files: Vec<CronFile>,
    /// Users of cron.allow; absent when there is no such file: then everybody not in cron.deny.
    pub allow: Fact<Vec<String>>,
    /// Users of cron.deny; absent when there is no such file.
    pub deny: Fact<Vec<String>>,
}

/// A file or folder of cron.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CronFile {
    /// The path.
    pub path: String,
    /// Permission bits in octal: `0700`.
    pub mode: String,
    /// Owner's number.
    pub uid: u32,
    /// Whether somebody besides root may change it.
    pub others_may_change: bool,
    /// Whether group or others may read, write or enter it.
    pub open: bool,
    /// The path again.
    pub source: String,
}

/// at(1).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct At {
    /// Users of at.allow; absent when there is no such file: then everybody not in at.deny.
    pub allow: Fact<Vec<String>>,
    /// Users of at.deny; absent when there is no such file.
    pub deny: Fact<Vec<String>>,
}

/// A service that inetd or xinetd starts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct InetdService {
    /// Its name or port.
    pub name: String,
    /// `tcp`, `udp` or what else is written.
    pub protocol: String,
    /// User it runs as.
    pub user: String,
    /// Its program; `internal` for those inetd answers itself.
    pub program: String,
    /// `path:line`.
    pub source: String,
}

/// A script of /etc/init.d.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct InitScript {
    /// Its name.
    pub name: String,
    /// Whether it starts in a runlevel from 2 to 5, or at boot (S).
    pub enabled: bool,
    /// Whether somebody besides root may change it.
    pub others_may_change: bool,
    /// Its file.
    pub source: String,
}
