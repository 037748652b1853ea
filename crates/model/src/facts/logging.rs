//! Section `logging`: where log messages go, how long they stay, and who can read or change them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `logging`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Logging {
    /// systemd's journal; absent when it is not installed.
    pub journald: Fact<Journald>,
    /// rsyslog; absent when it is not installed.
    pub rsyslog: Fact<SyslogServer>,
    /// syslog-ng; absent when it is not installed.
    pub syslog_ng: Fact<SyslogServer>,
    /// Whether one of these three runs.
    pub collecting: Fact<bool>,
    /// Where syslog servers on this host take messages of other hosts.
    pub inputs: Fact<Vec<SyslogInput>>,
    /// Ways by which log messages leave this host.
    pub forwarders: Fact<Vec<Forwarder>>,
    /// logrotate; absent when it is not installed.
    pub logrotate: Fact<Logrotate>,
    /// Log files below /var/log whose mode or owner is wider than it should be, at most 200.
    pub exposed_files: Fact<Vec<ExposedLog>>,
    /// Folders that hold logs: those below /var/log, and those named for logs below /srv, /opt, /data and /home.
    pub directories: Fact<Vec<LogDirectory>>,
    /// Records of logins: wtmp, btmp, lastlog and what takes their place.
    pub login_records: Vec<LoginRecord>,
}

/// Settings of journald.conf(5) with its drop-ins, defaults filled in.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Journald {
    /// Whether the process runs.
    pub running: Fact<bool>,
    /// `volatile`, `persistent`, `auto` or `none`.
    pub storage: Fact<String>,
    /// Whether messages survive a reboot: `persistent`, or `auto` with the folder there.
    pub persistent: Fact<bool>,
    /// Whether /var/log/journal is there.
    pub directory_exists: Fact<bool>,
    /// Whether large entries are compressed.
    pub compress: Fact<bool>,
    /// Whether entries are sealed when a sealing key is there.
    pub seal: Fact<bool>,
    /// Whether a sealing key is there: an `fss` file in the journal's folder.
    pub sealing_key: Fact<bool>,
    /// Whether messages are handed to a syslog server on this host.
    pub forward_to_syslog: Fact<bool>,
    /// `SystemMaxUse=` as written; absent when not set: then a tenth of the file system, at most 4 GiB.
    pub system_max_use: Fact<String>,
    /// `SystemKeepFree=` as written; absent when not set.
    pub system_keep_free: Fact<String>,
    /// `RuntimeMaxUse=` as written; absent when not set.
    pub runtime_max_use: Fact<String>,
    /// `MaxRetentionSec=` as written; absent when not set: then only space limits.
    pub max_retention: Fact<String>,
    /// `MaxFileSec=` as written; absent when not set: then a month.
    pub max_file: Fact<String>,
    /// `RateLimitBurst=`: messages a service may log in an interval before more are dropped; 0 is no limit.
    pub rate_limit_burst: Fact<u64>,
    /// `Audit=`: whether journald turns the kernel's audit on: `yes`, `no`, or `keep`.
    pub audit: Fact<String>,
}

/// A syslog server: rsyslog or syslog-ng.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SyslogServer {
    /// Whether the process runs.
    pub running: Fact<bool>,
    /// Configuration files read, in order.
    pub files: Fact<Vec<String>>,
    /// Where messages are sent.
    pub targets: Fact<Vec<SyslogTarget>>,
    /// Where messages of other hosts are taken.
    pub inputs: Fact<Vec<SyslogInput>>,
    /// Mode of the files it creates, in octal: `0640`; absent when not set.
    pub file_create_mode: Fact<String>,
    /// Whether that mode lets others than owner and group read; absent when no mode is set.
    pub creates_readable_by_others: Fact<bool>,
}

/// Where a syslog server sends messages.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SyslogTarget {
    /// Host, or `host:port`.
    pub target: String,
    /// `udp`, `tcp`, `relp` or what else it is called.
    pub protocol: String,
    /// Whether the way is encrypted.
    pub tls: bool,
    /// Whether the receiver's certificate is checked.
    pub verified: bool,
    /// `path:line`.
    pub source: String,
}

/// Where a syslog server takes messages of other hosts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SyslogInput {
    /// `udp`, `tcp` or `relp`.
    pub protocol: String,
    /// The port as written; empty when not given.
    pub port: String,
    /// `path:line`.
    pub source: String,
}

/// A way by which log messages leave this host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Forwarder {
    /// `rsyslog`, `syslog-ng`, `systemd-journal-upload`, `audisp-remote`, `fluent-bit`, ...
    pub name: String,
    /// The receiver; absent when the configuration does not say it in a way we read.
    pub target: Fact<String>,
    /// Whether the way is encrypted.
    pub tls: Fact<bool>,
    /// Whether the receiver's certificate is checked.
    pub verified: Fact<bool>,
    /// Whether the receiver is this host itself.
    pub local: Fact<bool>,
    /// Whether the sender runs.
    pub running: Fact<bool>,
    /// File and line, or the file.
    pub source: String,
}

/// logrotate(8).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Logrotate {
    /// What starts it: `timer`, `cron`; absent when nothing does.
    pub started_by: Fact<String>,
    /// `daily`, `weekly`, `monthly` or `yearly` of the global part; absent when not set.
    pub frequency: Fact<String>,
    /// `rotate N` of the global part; absent when not set: then old logs are deleted at once.
    pub keep: Fact<u64>,
    /// Days for which logs stay by the global frequency and count; absent when either is not set.
    pub keep_days: Fact<u64>,
    /// `create` or `create MODE OWNER GROUP` of the global part; absent when not set.
    pub create: Fact<String>,
    /// Files read besides /etc/logrotate.conf.
    pub files: Fact<Vec<String>>,
    /// Patterns of logs that are rotated, at most 500.
    pub patterns: Fact<Vec<String>>,
    /// Lines that create logs which others than owner and group may read or write, as `path:line: text`.
    pub creates_open_logs: Fact<Vec<String>>,
}

/// A log file whose mode or owner is wider than it should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ExposedLog {
    /// The file or folder.
    pub path: String,
    /// Permission bits in octal: `0644`.
    pub mode: String,
    /// Owner's number.
    pub uid: u32,
    /// Whether everybody may write it.
    pub others_writable: bool,
    /// Whether everybody may read it although it holds security events (auth, audit, sudo, btmp, secure).
    pub sensitive_readable: bool,
    /// Whether everybody may read it.
    pub others_readable: bool,
    /// The path again.
    pub source: String,
}

/// A folder that holds logs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LogDirectory {
    /// The folder.
    pub path: String,
    /// Permission bits in octal: `0755`.
    pub mode: String,
    /// Owner's number.
    pub uid: u32,
    /// Whether group or others may create and delete files in it.
    pub shared_writable: bool,
    /// Regular files in it; at most 1000 are looked at.
    pub files: u64,
    /// How many of them anybody may write, owner included.
    pub writable_files: u64,
    /// How many of them do not belong to root.
    pub foreign_files: u64,
    /// When the newest of them was last written; absent when there are none.
    pub newest: Fact<String>,
    /// The path again.
    pub source: String,
}

/// A record of logins.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LoginRecord {
    /// `/var/log/wtmp`, `/var/log/btmp`, `/var/log/lastlog` or what takes its place.
    pub path: String,
    /// What it records: `logins`, `failed logins` or `last logins`.
    pub records: String,
    /// Whether it is there.
    pub present: Fact<bool>,
    /// Permission bits in octal; absent when the file is.
    pub mode: Fact<String>,
    /// Whether everybody may write it; absent when the file is.
    pub others_writable: Fact<bool>,
    /// The path again.
    pub source: String,
}
