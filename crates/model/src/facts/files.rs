//! Section `files`: who may read and change what, and what lies about, found by one walk over all local disks.
//!
//! A list is known when the walk saw everything, or when it found something; an incomplete walk that found nothing
//! leaves the list unreadable, because nobody knows. Lists are cut at a number of elements ([`Files::cut`]).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `files`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Files {
    /// How the walk went.
    pub walk: Walk,
    /// Regular files that any user may write and reach.
    pub world_writable_files: Fact<Vec<FoundFile>>,
    /// Directories that any user may write and reach, without the sticky bit that keeps users apart.
    pub world_writable_directories: Fact<Vec<FoundFile>>,
    /// Programs that run with the rights of their owner or group.
    pub setuid_programs: Fact<Vec<SetuidProgram>>,
    /// Files and directories whose owner or group the host does not know; those of container volumes and of systemd's
    /// dynamic users are left out.
    pub unowned: Fact<Vec<FoundFile>>,
    /// Block and character devices that stand outside /dev.
    pub devices_outside_dev: Fact<Vec<FoundFile>>,
    /// Executable regular files in /tmp, /var/tmp and /dev/shm.
    pub temporary_programs: Fact<Vec<FoundFile>>,
    /// Files that let other hosts or users in without a password: `.rhosts`, `.shosts`, `hosts.equiv`.
    pub trust_files: Fact<Vec<FoundFile>>,
    /// Memory images of crashed programs, which hold what the program knew.
    pub core_dumps: Fact<Vec<FoundFile>>,
    /// Files that hold secrets, judged by name and first bytes; their content is never kept.
    pub secret_files: Fact<Vec<SecretFile>>,
    /// Backup copies, repositories, editor files and samples where they should not be.
    pub leftovers: Fact<Vec<Leftover>>,
    /// Files that configure deployed services: compose files, application properties, environment files.
    pub deployment_files: Fact<Vec<FoundFile>>,
    /// Directories that hold backups, and the archives and backup files in them.
    pub backups: Fact<Vec<Backup>>,
    /// Files and directories of the operating system with well-known places; those that are there.
    pub system_files: Fact<Vec<SystemFile>>,
    /// Directories in which root's shell and sudo look for programs; those that are there.
    pub path_directories: Fact<Vec<FoundFile>>,
    /// Programs in those directories that others than root own or may change.
    pub path_programs_of_others: Fact<Vec<FoundFile>>,
    /// How many elements a list would have, by the list's name, for lists that were cut.
    pub cut: BTreeMap<String, u64>,
}

/// How the walk over the file tree went.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Walk {
    /// Whether every directory on a local disk was seen.
    pub complete: bool,
    /// What was not seen and why, for a person; empty when complete.
    pub incomplete_because: String,
    /// Entries seen.
    pub entries: u64,
    /// Directories read.
    pub directories: u64,
    /// Directories that the reader may not read.
    pub denied: u64,
    /// Directories left out on purpose: of the kernel, other machines, containers, images.
    pub skipped: Vec<SkippedDirectory>,
}

/// A directory that was left out on purpose.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SkippedDirectory {
    /// Its path.
    pub path: String,
    /// `pseudo`, `remote`, `container`, `image` or `duplicate`.
    pub reason: String,
}

/// Who may do what with a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Access {
    /// Permission bits in octal, four digits: `0640`.
    pub mode: String,
    /// The owner's name, or the number when the host knows no name.
    pub owner: String,
    /// The group's name, or the number when the host knows no name.
    pub group: String,
    /// Whether root owns it.
    pub owner_is_root: bool,
    /// Whether root or a service owns it: a user number below `UID_MIN` of /etc/login.defs.
    pub owner_is_system: bool,
    /// Whether the group is a service's: a number below `GID_MIN`, and not `users`.
    pub group_is_system: bool,
    /// Whether its group may read it; list or enter it, for a directory.
    pub group_can_read: bool,
    /// Whether its group may write it.
    pub group_can_write: bool,
    /// Whether any user may read it, or list or enter the directory, and may pass all directories above it.
    pub others_can_read: bool,
    /// Whether any user may write it, and may pass all directories above it.
    pub others_can_write: bool,
}

/// A file or directory.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FoundFile {
    /// Its path; bytes that are no text are replaced.
    pub path: String,
    /// Who may do what with it.
    pub access: Access,
    /// Bytes.
    pub size_bytes: u64,
    /// Last change of its content, RFC 3339.
    pub modified: String,
    /// Where it was seen: its path.
    pub source: String,
}

/// A program that runs with the rights of its owner or group.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SetuidProgram {
    /// Its path.
    pub path: String,
    /// Whether it runs with its owner's rights.
    pub setuid: bool,
    /// Whether it runs with its group's rights.
    pub setgid: bool,
    /// Whether distributions install this program at this path with these bits.
    pub usual: bool,
    /// Whether its name or a directory above it begins with a dot.
    pub hidden: bool,
    /// Whether it stands where users keep files: below /home, /tmp, /var/tmp, /dev/shm, /srv, /media or /mnt.
    pub in_user_place: bool,
    /// Who may do what with it.
    pub access: Access,
    /// Where it was seen: its path.
    pub source: String,
}

/// A file that holds secrets.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SecretFile {
    /// Its path.
    pub path: String,
    /// `private-key`, `ssh-private-key`, `ssh-host-key`, `keystore`, `environment`, `credentials`, or `unread` when
    /// its name says that it may hold a key and it could not be read.
    pub kind: String,
    /// Whether a private key is protected by a passphrase; absent for other kinds.
    pub encrypted: Fact<bool>,
    /// The login user in whose home directory it stands; absent elsewhere.
    pub home_of: Fact<String>,
    /// Who may do what with it.
    pub access: Access,
    /// Last change of its content, RFC 3339.
    pub modified: String,
    /// Where it was seen: its path.
    pub source: String,
}

/// A file or directory left where it should not be.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Leftover {
    /// Its path.
    pub path: String,
    /// `backup` (.bak, .old, ~), `editor` (.swp), `repository` (.git, .svn), `archive` or `dump` (in a web root),
    /// `sample` (default pages, examples, phpinfo).
    pub kind: String,
    /// Whether it stands below a directory that web servers hand out.
    pub in_web_root: bool,
    /// Last change of its content, RFC 3339.
    pub modified: String,
    /// Where it was seen: its path.
    pub source: String,
}

/// A directory that holds backups, or a file in one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Backup {
    /// Its path.
    pub path: String,
    /// `directory` or `file`.
    pub kind: String,
    /// Whether the content is encrypted, judged by its first bytes (age, GnuPG, LUKS, restic); absent for directories
    /// and when the kind of the file tells nothing.
    pub encrypted: Fact<bool>,
    /// Who may do what with it.
    pub access: Access,
    /// Bytes.
    pub size_bytes: u64,
    /// Last change of its content, RFC 3339.
    pub modified: String,
    /// Where it was seen: its path.
    pub source: String,
}

/// A file or directory of the operating system.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SystemFile {
    /// Its path.
    pub path: String,
    /// `accounts`, `password-hashes`, `sudo`, `cron`, `crontabs`, `ssh-server`, `ssh-host-key`, `boot`, `audit`, `banner`,
    /// `network-secrets`, `pam`, `services` or `system`.
    pub kind: String,
    /// Whether it is a directory.
    pub directory: bool,
    /// Who may do what with it; unreadable when the reader may not look, and then the file may be missing.
    pub access: Fact<Access>,
    /// Where it was seen: its path.
    pub source: String,
}
