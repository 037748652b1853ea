//! Section `disks`: what is stored where, whether it is encrypted, and who watches the room that is left.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// File systems, encryption, swap, and the jobs that watch storage.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Disks {
    /// File systems that hold files: no pseudo file systems, no overlays, at most 500.
    pub filesystems: Fact<Vec<Filesystem>>,
    /// Well-known places and the file systems that hold them; only places that exist.
    pub places: Fact<Vec<Place>>,
    /// Entries of /etc/crypttab; an empty list when there is none.
    pub crypttab: Fact<Vec<CrypttabEntry>>,
    /// Swap areas in use, or those of /etc/fstab in a file tree.
    pub swaps: Fact<Vec<Swap>>,
    /// Folders whose name says that they hold backups, at the usual places; an empty list when there is none.
    pub backup_folders: Fact<Vec<BackupFolder>>,
    /// Jobs and services that watch the room on file systems.
    pub watches: Fact<Vec<StorageWatch>>,
}

/// One mounted file system.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Filesystem {
    /// Where it is mounted.
    pub mount_point: String,
    /// The device as the kernel names it: `/dev/mapper/data`.
    pub device: String,
    /// Its type: `ext4`.
    pub fs_type: String,
    /// Its mount options.
    pub options: Vec<String>,
    /// Whether it lives in memory.
    pub in_memory: bool,
    /// Whether it lives on another machine; then it is not touched.
    pub remote: bool,
    /// Whether everything on it is encrypted at rest, all the way to every device below.
    pub encrypted: Fact<bool>,
    /// What encrypts it: `LUKS2`, `LUKS1`, `PLAIN`, `zfs`, ...; absent when nothing does.
    pub encryption: Fact<String>,
    /// The devices below it from the file system down: `dm-0 (CRYPT-LUKS2-...)`, `sda2`, `sda`.
    pub chain: Vec<String>,
    /// Bytes in all.
    pub size_bytes: Fact<u64>,
    /// Part of the bytes that ordinary users cannot write to any more, in percent.
    pub used_percent: Fact<f64>,
    /// Part of the inodes in use, in percent; absent when there is no limit.
    pub inodes_used_percent: Fact<f64>,
    /// Where it was read.
    pub source: String,
}

/// A well-known place.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Place {
    /// Its path: `/var/log`.
    pub path: String,
    /// The mount point of the file system that holds it.
    pub mount_point: String,
    /// Whether it is a mount point itself.
    pub separate: bool,
    /// Mount options of that file system.
    pub options: Vec<String>,
    /// Whether that file system is encrypted at rest.
    pub encrypted: Fact<bool>,
    /// Where it was read.
    pub source: String,
}

/// One line of /etc/crypttab.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CrypttabEntry {
    /// The name of the opened device.
    pub name: String,
    /// The encrypted device as written.
    pub device: String,
    /// What opens it: `passphrase`, `file`, `tpm2`, `fido2`, `random` (new at every start).
    pub key: String,
    /// Whether the key file, when there is one, is readable by others than root; absent without a key file.
    pub key_readable_by_others: Fact<bool>,
    /// Options as written.
    pub options: Vec<String>,
    /// File and line.
    pub source: String,
}

/// One swap area.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Swap {
    /// Device or file.
    pub path: String,
    /// Its size.
    pub size_bytes: Fact<u64>,
    /// Whether what is swapped out is encrypted, or never leaves memory.
    pub encrypted: Fact<bool>,
    /// Where it was read.
    pub source: String,
}

/// A folder of backups.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BackupFolder {
    /// Its path.
    pub path: String,
    /// Permission bits in octal digits: `700`.
    pub mode: String,
    /// The owner's number.
    pub owner_uid: u32,
    /// Whether others than the owner may enter, list or change it.
    pub open_to_others: bool,
    /// Names of files in it that others than their owner may read or change; at most 100, of the first 5,000.
    pub files_open_to_others: Fact<Vec<String>>,
    /// The folder again: where this was read.
    pub source: String,
}

/// Something that watches storage.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StorageWatch {
    /// What watches: `script`, `palisade`, `monit`, `node_exporter`, `zabbix`, ...
    pub tool: String,
    /// `cron`, `timer` or `service`.
    pub kind: String,
    /// The command or unit, shortened to 200 characters.
    pub command: String,
    /// The longest time between two runs in minutes; a running service counts as 1.
    pub interval_minutes: Fact<f64>,
    /// Whether it does its work: the job is started by itself, or the service runs or starts at boot.
    pub active: Fact<bool>,
    /// Whether it tells somebody: it mails, logs or reports by itself, or cron mails what it prints.
    pub notifies: Fact<bool>,
    /// File and line, or unit.
    pub source: String,
}
