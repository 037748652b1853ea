//! Section `audit`: the kernel's audit system, its daemon, and the rules it follows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `audit`: known also where no audit daemon is installed, because that is a finding.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Audit {
    /// State of the kernel's audit system. Source: `auditctl -s`; absent when auditctl is not installed.
    pub kernel: Fact<AuditKernel>,
    /// The audit daemon; absent when auditd is not installed.
    pub daemon: Fact<AuditDaemon>,
    /// Value of `audit=` on the kernel command line (`1`, `0`, `on`, `off`); absent when not given.
    pub boot_parameter: Fact<String>,
    /// Value of `audit_backlog_limit=` on the kernel command line; absent when not given.
    pub boot_backlog_limit: Fact<u64>,
    /// Rules on files and folders, loaded or persisted, at most 1000. Rules that never record are left out.
    pub watches: Fact<Vec<AuditWatch>>,
    /// Rules on system calls, loaded or persisted, at most 1000.
    pub syscall_rules: Fact<Vec<SyscallRule>>,
    /// Doings that guides want recorded, and which of their system calls are not.
    pub activities: Fact<Vec<Activity>>,
    /// How the rules in the kernel, in rules.d and in audit.rules differ.
    pub persistence: AuditPersistence,
    /// Paths that guides want watched and that exist on this host, with whether they are.
    pub paths: Fact<Vec<WatchedPath>>,
}

/// The kernel's audit system. Source: `auditctl -s`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuditKernel {
    /// 0 off, 1 on, 2 on and locked until reboot.
    pub enabled: u64,
    /// What happens when an event cannot be recorded: 0 nothing, 1 a kernel message, 2 the kernel panics.
    pub failure: u64,
    /// Events lost since boot.
    pub lost: u64,
    /// Events that wait for the daemon.
    pub backlog: u64,
    /// The most events that may wait.
    pub backlog_limit: u64,
    /// Events a second that are recorded at most; 0 is no limit.
    pub rate_limit: u64,
    /// Process id of the daemon that takes the events; 0 when there is none.
    pub daemon_pid: u64,
}

/// The audit daemon, auditd.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuditDaemon {
    /// Whether a process of its name runs.
    pub running: Fact<bool>,
    /// Whether it starts at boot, by systemd or by an init script.
    pub enabled: Fact<bool>,
    /// Settings of auditd.conf, defaults filled in; absent when the file is missing.
    pub config: Fact<AuditdConfig>,
    /// The folder of the log, and the log; absent when it is not there yet.
    pub log: Fact<AuditLog>,
    /// Plugins that are given the events.
    pub plugins: Fact<Vec<AuditPlugin>>,
    /// The collector that the remote plugin sends events to; absent when none is configured or the plugin is off.
    pub remote_server: Fact<String>,
}

/// Settings of auditd.conf(5). Words are lower case.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuditdConfig {
    /// The log file.
    pub log_file: Fact<String>,
    /// Group of the log file.
    pub log_group: Fact<String>,
    /// Whether events are written to disk at all.
    pub write_logs: Fact<bool>,
    /// Size of a log file in megabytes at which `max_log_file_action` happens; 0 is never.
    pub max_log_file: Fact<u64>,
    /// `ignore`, `syslog`, `suspend`, `rotate` or `keep_logs`.
    pub max_log_file_action: Fact<String>,
    /// Log files kept when rotating.
    pub num_logs: Fact<u64>,
    /// Free space at which `space_left_action` happens: megabytes, or a share such as `25%`.
    pub space_left: Fact<String>,
    /// `ignore`, `syslog`, `rotate`, `email`, `exec`, `suspend`, `single` or `halt`.
    pub space_left_action: Fact<String>,
    /// Free space at which `admin_space_left_action` happens.
    pub admin_space_left: Fact<String>,
    /// As `space_left_action`, when the disk is nearly full.
    pub admin_space_left_action: Fact<String>,
    /// As `space_left_action`, when the disk is full.
    pub disk_full_action: Fact<String>,
    /// As `space_left_action`, when writing fails.
    pub disk_error_action: Fact<String>,
    /// Who gets the mail of the `email` action.
    pub action_mail_acct: Fact<String>,
    /// When events reach the disk: `none`, `incremental`, `incremental_async`, `data` or `sync`.
    pub flush: Fact<String>,
    /// Port on which events of other hosts are taken; absent when none are.
    pub tcp_listen_port: Fact<u64>,
}

/// The folder that holds the audit log, and who can get at it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuditLog {
    /// The folder.
    pub directory: String,
    /// Its permission bits in octal: `0750`.
    pub directory_mode: String,
    /// Its owner's number.
    pub directory_uid: u32,
    /// Whether somebody besides owner and group may read, enter or change the folder.
    pub directory_open_to_others: bool,
    /// Whether the group may create and delete files in the folder.
    pub directory_group_writable: bool,
    /// Log files in it that others may read or write, or that the group may write; at most 100.
    pub open_files: Vec<String>,
    /// Log files in it that do not belong to root; at most 100.
    pub foreign_files: Vec<String>,
}

/// A plugin of the audit daemon. Source: /etc/audit/plugins.d, /etc/audisp/plugins.d.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuditPlugin {
    /// Its name: the file's without `.conf`.
    pub name: String,
    /// Whether it is on.
    pub active: bool,
    /// Its program.
    pub path: String,
    /// Its file.
    pub source: String,
}

/// A rule that records accesses to one path.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuditWatch {
    /// The path, without a trailing slash.
    pub path: String,
    /// Whether everything below the path is watched too.
    pub recursive: bool,
    /// Accesses that are recorded, of `r`, `w`, `x`, `a` in that order.
    pub permissions: String,
    /// Whether changes of content and of attributes are recorded: both `w` and `a`.
    pub changes: bool,
    /// Conditions that narrow the rule, such as `auid>=1000`; none records everybody.
    pub conditions: Vec<String>,
    /// Its key; absent when it has none.
    pub key: Fact<String>,
    /// Whether the kernel has it now.
    pub loaded: Fact<bool>,
    /// Whether it is loaded again at the next boot.
    pub persisted: Fact<bool>,
    /// Where it stands: `/etc/audit/rules.d/docker.rules:3`, or `auditctl -l`.
    pub source: String,
}

/// A rule on system calls.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SyscallRule {
    /// `always` or `never`.
    pub action: String,
    /// Where the kernel applies it: `exit`, `task`, `user`, `exclude`, `filesystem` or `io_uring`.
    pub list: String,
    /// `b64`, `b32` or the name of a processor; empty when any.
    pub arch: String,
    /// The calls, sorted; `all` when not narrowed.
    pub syscalls: Vec<String>,
    /// Conditions, as `-F` and `-C` write them, without arch and key; sorted.
    pub conditions: Vec<String>,
    /// Its key; absent when it has none.
    pub key: Fact<String>,
    /// Whether the kernel has it now.
    pub loaded: Fact<bool>,
    /// Whether it is loaded again at the next boot.
    pub persisted: Fact<bool>,
    /// Where it stands.
    pub source: String,
}

/// Doings that guides want recorded.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Activity {
    /// `clock`, `host name`, `permissions`, `deletion`, `denied access`, `mounts`, `kernel modules`, `programs as root`.
    pub name: String,
    /// System calls that no loaded rule records.
    pub not_loaded: Fact<Vec<String>>,
    /// System calls that no persisted rule records.
    pub not_persisted: Fact<Vec<String>>,
}

/// How the three places of audit rules differ.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuditPersistence {
    /// What loads rules at boot: `augenrules` (rules.d) or `auditctl` (audit.rules).
    pub loader: Fact<String>,
    /// Files read, in the order in which they are loaded.
    pub files: Fact<Vec<String>>,
    /// Lines that are no rule auditctl accepts, as `path:line`; loading stops at such a line.
    pub broken_lines: Fact<Vec<String>>,
    /// Rules in the kernel that are gone after the next boot, at most 100.
    pub only_loaded: Fact<Vec<String>>,
    /// Persisted rules that the kernel does not have, at most 100.
    pub only_persisted: Fact<Vec<String>>,
    /// Whether audit.rules is what rules.d gives; absent when rules.d is not used.
    pub compiled_is_current: Fact<bool>,
    /// The last `-e` of the persisted rules: 2 locks them until reboot; absent when not given.
    pub enabled: Fact<u64>,
    /// The last `-f` of the persisted rules; absent when not given.
    pub failure: Fact<u64>,
    /// The last `-b` of the persisted rules; absent when not given.
    pub backlog_limit: Fact<u64>,
    /// Whether somebody besides root may change a rule file; at most 100 such files.
    pub writable_files: Fact<Vec<String>>,
}

/// A path that exists on this host and that guides want watched.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WatchedPath {
    /// Why it matters: `docker`, `identity`, `privilege`, `ssh`, `audit`, `logins`, `network`, `time`, `mac`,
    /// `modules`, `scheduled`, `units`.
    pub about: String,
    /// The path.
    pub path: String,
    /// Whether the kernel records changes of it now.
    pub watched: Fact<bool>,
    /// Whether it will after the next boot.
    pub persisted: Fact<bool>,
    /// Where the rule stands; where rules were looked for when there is none.
    pub source: String,
}
