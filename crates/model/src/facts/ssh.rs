//! Section `ssh`: the SSH server's effective settings, its host keys, and every key that opens an account.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `ssh`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ssh {
    /// The SSH server; absent when no sshd is installed.
    pub server: Fact<Server>,
    /// Accounts that the server's settings let in, with what they may log in by. Absent when no sshd is installed.
    pub login_users: Fact<Vec<LoginUser>>,
    /// Every entry of every account's authorized_keys files, in the order of `/etc/passwd`.
    /// A file that could not be read stands in the list as one unreadable element.
    pub authorized_keys: Vec<Fact<AuthorizedKey>>,
    /// True when every authorized_keys file was read to its end; unreadable otherwise.
    pub all_keys_read: Fact<bool>,
    /// The authorized_keys files that exist. One that could not be looked at stands in the list as unreadable.
    pub key_files: Vec<Fact<KeyFile>>,
    /// Private keys kept in the `.ssh` directories of accounts; unreadable when a directory or file could not be read.
    pub private_keys: Fact<Vec<PrivateKey>>,
}

/// The SSH server.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Server {
    /// The version as the program tells it: `OpenSSH_9.2p1`. Absent when it does not say.
    pub version: Fact<String>,
    /// How the settings were read: `sshd -T`, or `modelled from files`.
    pub method: String,
    /// Whether sshd accepts its configuration. Unreadable when sshd could not be asked.
    pub config_valid: Fact<bool>,
    /// What sshd objects to. Absent when it objects to nothing.
    pub config_error: Fact<String>,
    /// Every file that the configuration is made of, in the order in which sshd reads them.
    pub config_files: Vec<ConfigFile>,
    /// Its `Include` lines, in the order in which sshd reads them.
    pub includes: Vec<Include>,
    /// Effective settings outside of every `Match` block: keyword in lower case to value. Values that may stand on
    /// several lines are joined by a space. Absent: not set, and without a built-in value.
    /// `without-password` reads `prohibit-password`.
    pub options: BTreeMap<String, Fact<String>>,
    /// The `Match` blocks, in the order in which sshd reads them, with what they change.
    pub matches: Vec<MatchBlock>,
    /// What holds for whom: first all connections, then the connections of each `Match` block. A rule that must
    /// hold for everybody judges each scope. An included file that could not be read stands here as unreadable.
    pub scopes: Vec<Fact<Scope>>,
    /// Encryption algorithms offered.
    pub ciphers: Fact<Vec<String>>,
    /// Integrity algorithms offered.
    pub macs: Fact<Vec<String>>,
    /// Key exchange algorithms offered.
    pub key_exchanges: Fact<Vec<String>>,
    /// Signature algorithms accepted of users.
    pub user_key_algorithms: Fact<Vec<String>>,
    /// Signature algorithms that the server signs with.
    pub host_key_algorithms: Fact<Vec<String>>,
    /// The host keys of the configuration whose files exist.
    pub host_keys: Vec<HostKey>,
    /// Users that `AllowUsers` names, patterns included.
    pub allowed_users: Vec<AllowedName>,
    /// Groups that `AllowGroups` names, patterns included.
    pub allowed_groups: Vec<AllowedName>,
}

/// One file of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ConfigFile {
    /// Its path.
    pub path: String,
    /// Permission bits in octal: `0600`.
    pub mode: String,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Whether only root can change it.
    pub only_root_writes: bool,
    /// Its path.
    pub source: String,
}

/// A pattern of an `Include` line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Include {
    /// The pattern, absolute: `/etc/ssh/sshd_config.d/*.conf`.
    pub pattern: String,
    /// Whether it stands in a `Match` block, so that it does not hold for every connection.
    pub in_match: bool,
    /// `/etc/ssh/sshd_config:12`.
    pub source: String,
}

/// A `Match` block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MatchBlock {
    /// The criteria as written: `Address 10.0.0.0/8`. Criteria of blocks around an `Include` come first.
    pub criteria: String,
    /// Settings that differ from those outside of every block, as [`Server::options`] writes them.
    pub options: BTreeMap<String, String>,
    /// How they were read: `sshd -T -C user=...`, or `modelled from files`.
    pub method: String,
    /// The line of `Match`: `/etc/ssh/sshd_config:120`.
    pub source: String,
}

/// Settings as they hold for a kind of connection.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Scope {
    /// `all connections`, or `Match Address 10.0.0.0/8`.
    pub name: String,
    /// Whether the scope is that of all connections.
    pub is_global: bool,
    /// The line of `Match`, or the main configuration file.
    pub source: String,
    /// The settings that a `Match` block may change, as [`Server::options`] writes them.
    pub options: BTreeMap<String, Fact<String>>,
}

/// A key of the server.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HostKey {
    /// The private key's file.
    pub path: String,
    /// Key type: `ssh-ed25519`. Read from the `.pub` file.
    pub algorithm: Fact<String>,
    /// Length in bits.
    pub bits: Fact<u32>,
    /// `SHA256:...` as `ssh-keygen -l` prints it.
    pub fingerprint: Fact<String>,
    /// Permission bits of the private key's file in octal.
    pub mode: String,
    /// Owner of the private key's file.
    pub uid: u32,
    /// Whether root owns the private key and nobody else can read or change it; the group `ssh_keys` may read.
    pub only_root_reads: bool,
    /// The private key's file.
    pub source: String,
}

/// A name of `AllowUsers` or `AllowGroups`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AllowedName {
    /// The name or pattern as written, without an `@host` part.
    pub name: String,
    /// Whether a local account or group has that name, or matches the pattern.
    pub exists: bool,
    /// Accounts that it admits.
    pub users: Vec<String>,
}

/// An account that may log in over SSH.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LoginUser {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Whether sshd takes a password (or keyboard-interactive answers) of this user, whatever the address.
    pub password_accepted: bool,
    /// Whether sshd takes a key of this user.
    pub key_accepted: bool,
    /// Entries in the user's authorized_keys files that parse.
    pub keys: u32,
    /// `AuthenticationMethods` for this user.
    pub methods: String,
    /// Whether every way in demands two different methods, or a key on a hardware token.
    pub two_factors: bool,
    /// The account's line in `/etc/passwd`.
    pub source: String,
}

/// One entry of an authorized_keys file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuthorizedKey {
    /// `alice SHA256:...`, or `alice line 3` when the entry does not parse.
    pub name: String,
    /// The account it opens.
    pub user: String,
    /// That account's number.
    pub uid: u32,
    /// The file.
    pub file: String,
    /// `file:line`.
    pub source: String,
    /// Whether the line reads `[options] type base64 [comment]` and the key decodes.
    pub parsable: bool,
    /// Why not. Absent when it does.
    pub problem: Fact<String>,
    /// Key type: `ssh-ed25519`. Absent when the entry does not parse.
    pub algorithm: Fact<String>,
    /// Length in bits; for RSA that of the modulus. Absent when it cannot be told.
    pub bits: Fact<u32>,
    /// `SHA256:...` as `ssh-keygen -l` prints it.
    pub fingerprint: Fact<String>,
    /// The rest of the line; empty when there is none.
    pub comment: String,
    /// Names of the options in lower case, without values: `from`, `command`, `restrict`.
    pub options: Vec<String>,
    /// Addresses and host patterns of `from=`.
    pub from: Vec<String>,
    /// Whether the key lives on a hardware token (`sk-` types).
    pub is_hardware_backed: bool,
    /// Whether the entry admits every certificate of that key.
    pub is_certificate_authority: bool,
    /// When the file last changed (RFC 3339). The key is at least as old as this.
    pub changed_at: Fact<String>,
    /// Other accounts that the same key opens.
    pub shared_with: Vec<String>,
}

/// An authorized_keys file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct KeyFile {
    /// Its path.
    pub path: String,
    /// The account it opens.
    pub user: String,
    /// Permission bits in octal.
    pub mode: String,
    /// Owner.
    pub uid: u32,
    /// Whether the account itself or root owns the file.
    pub owner_fits: bool,
    /// Whether others than the account and root can change the file or its directory.
    pub others_write: bool,
    /// Whether others than the account and root can read the file.
    pub others_read: bool,
    /// Permission bits of the directory that holds it, in octal.
    pub directory_mode: String,
    /// Owner of that directory. Absent when it could not be looked at.
    pub directory_uid: Fact<u32>,
    /// When it last changed (RFC 3339).
    pub changed_at: Fact<String>,
    /// Its entries; unreadable when the file could not be read.
    pub entries: Fact<u32>,
}

/// A private key kept on the host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PrivateKey {
    /// Its path.
    pub path: String,
    /// The account whose directory holds it.
    pub user: String,
    /// Permission bits in octal.
    pub mode: String,
    /// Whether a passphrase protects it. Absent when the format does not tell.
    pub encrypted: Fact<bool>,
}
