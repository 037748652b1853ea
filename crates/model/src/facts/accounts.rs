//! Section `accounts`: who can use the host, as what, and how they prove who they are.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `accounts`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Accounts {
    /// Local accounts in the order of `/etc/passwd`. At most 10,000.
    pub users: Fact<Vec<User>>,
    /// Local groups in the order of `/etc/group`. At most 10,000.
    pub groups: Fact<Vec<Group>>,
    /// Accounts that can become root, by whatever way.
    pub administrators: Fact<Vec<Administrator>>,
    /// Sources of accounts beside the local files, from `/etc/nsswitch.conf`: `sss`, `ldap`, `winbind`.
    /// Their accounts are not in this section.
    pub directories: Fact<Vec<String>>,
    /// The account files themselves.
    pub files: Vec<AccountFile>,
    /// sudo; absent when it is not installed.
    pub sudo: Fact<Sudo>,
    /// What a new password must be.
    pub password_policy: PasswordPolicy,
    /// What happens after failed logins.
    pub lockout: Lockout,
    /// Modules that ask for a second factor, by the service that asks: `sshd`, `login`, `sudo`.
    pub second_factor: BTreeMap<String, Fact<Vec<String>>>,
    /// What a session gets.
    pub session: Session,
    /// Restrictions of `su`: the module `pam_wheel` stands in its stack.
    pub su_restricted: Fact<bool>,
}

/// A local account.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Number.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Home directory.
    pub home: String,
    /// Login shell; empty means `/bin/sh`.
    pub shell: String,
    /// Whether the shell starts a session: anything but nologin, false, sync, shutdown, halt.
    pub can_log_in: bool,
    /// Whether it belongs to the system: its number is outside `UID_MIN`..`UID_MAX`. Root does not count.
    pub is_system: bool,
    /// All its groups, the primary one first.
    pub groups: Vec<String>,
    /// `set`, `empty` (anybody gets in), `locked` (a hash behind `!`), `none` (no hash, `*` or `!` alone).
    /// Unreadable without root.
    pub password: Fact<String>,
    /// How the password is hashed: `yescrypt`, `sha512`, `sha256`, `bcrypt`, `scrypt`, `md5`, `des`, `unknown`.
    /// Absent when there is no hash. The hash itself is never kept.
    pub hash_scheme: Fact<String>,
    /// Whether the hash, or the lack of one, stands in `/etc/passwd`, which everybody reads.
    pub password_in_passwd: bool,
    /// When the password was last changed (RFC 3339). Absent when not recorded.
    pub password_changed_at: Fact<String>,
    /// Days after which the password must be changed. Absent when never.
    pub password_max_days: Fact<i64>,
    /// Days that must pass before it may be changed again. Absent when none.
    pub password_min_days: Fact<i64>,
    /// Days of warning before it expires. Absent when none.
    pub password_warn_days: Fact<i64>,
    /// Days after the password's expiry until the account is locked. Absent when never.
    pub inactive_days: Fact<i64>,
    /// When the account expires (RFC 3339). Absent when never.
    pub expires_at: Fact<String>,
    /// The last login (RFC 3339), from lastlog. Absent when never recorded.
    pub last_login_at: Fact<String>,
    /// Permission bits of the home directory in octal. Absent when there is none.
    pub home_mode: Fact<String>,
    /// Whether others than the account and root can change the home directory. Absent when there is none.
    pub home_others_write: Fact<bool>,
    /// Whether others than the account, its group and root can read the home directory. Absent when there is none.
    pub home_others_read: Fact<bool>,
    /// Whether the account owns its home directory. Absent when there is none.
    pub owns_home: Fact<bool>,
    /// Files in the home directory that open the account or give secrets away: `.rhosts`, `.shosts`, `.netrc`.
    pub risky_files: Fact<Vec<String>>,
    /// Other accounts with the same number.
    pub same_uid: Vec<String>,
    /// `/etc/passwd:3`.
    pub source: String,
}

/// A local group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: u32,
    /// Members, those by primary group included, sorted.
    pub members: Vec<String>,
    /// Whether being a member amounts to being root: docker, lxd, disk, shadow, sudo, wheel, admin, ...
    pub is_privileged: bool,
    /// `/etc/group:3`.
    pub source: String,
}

/// An account that can become root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Administrator {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Whether it can log in: shell, and a password, a key or another way of its own.
    pub can_log_in: bool,
    /// The ways: `uid 0`, `group docker`, `sudo (/etc/sudoers:3)`.
    pub via: Vec<String>,
    /// Where the account stands.
    pub source: String,
}

/// One of the files that hold accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AccountFile {
    /// Its path.
    pub path: String,
    /// Permission bits in octal.
    pub mode: String,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Whether it holds hashes: shadow and gshadow, with their backups.
    pub holds_hashes: bool,
    /// Whether only root can change it.
    pub only_root_writes: bool,
    /// Whether everybody can read it.
    pub everybody_reads: bool,
}

/// sudo.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sudo {
    /// Every file of the policy, in the order in which sudo reads them.
    pub files: Vec<AccountFile>,
    /// Who may do what, aliases resolved, in order. At most 5,000.
    pub grants: Fact<Vec<SudoGrant>>,
    /// Whether `/etc/sudoers` reads `/etc/sudoers.d` behind all settings of its own, so that those in there win.
    pub drop_ins_win: bool,
    /// Lines that sudo would not understand: `path:line: text`.
    pub problems: Vec<String>,
    /// Whether commands run in a terminal of their own (`use_pty`).
    pub use_pty: Fact<bool>,
    /// The file that sudo logs to beside syslog. Absent when none.
    pub log_file: Fact<String>,
    /// Whether what is typed and printed is recorded (`log_input`, `log_output`).
    pub logs_sessions: Fact<bool>,
    /// Whether any line of `Defaults` switches the password off (`!authenticate`).
    pub authentication_off: Fact<bool>,
    /// Minutes for which a password is remembered; below zero for ever.
    pub timestamp_timeout_minutes: Fact<f64>,
    /// Whether the environment is reset.
    pub env_reset: Fact<bool>,
    /// The search path given to commands. Absent when the caller's is kept.
    pub secure_path: Fact<String>,
    /// Whether sudo asks for the password of the target or of root instead of the caller's.
    pub asks_target_password: Fact<bool>,
}

/// One thing that sudo lets somebody do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SudoGrant {
    /// `%sudo: ALL`, to name it in findings.
    pub name: String,
    /// Whom: `alice`, `%sudo`, `#1000`, `ALL`.
    pub who: String,
    /// The local accounts that this comes to.
    pub users: Vec<String>,
    /// Hosts on which it holds.
    pub hosts: Vec<String>,
    /// As whom: user names; `root` when not said.
    pub run_as: Vec<String>,
    /// Commands, with their arguments. A leading `!` takes one away.
    pub commands: Vec<String>,
    /// Whether every command is allowed.
    pub all_commands: bool,
    /// Whether it can end in root: runs as root or anybody.
    pub as_root: bool,
    /// Whether no password is asked (`NOPASSWD`).
    pub no_password: bool,
    /// Whether a command takes commands away with `!`, which never holds.
    pub uses_negation: bool,
    /// The line as it stands; absent when it goes on over several lines.
    pub line: Fact<String>,
    /// `/etc/sudoers.d/x:3`.
    pub source: String,
}

/// What a new password must be.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PasswordPolicy {
    /// The module that tries new passwords: `pam_pwquality`, `pam_cracklib`, `pam_passwdqc`.
    /// Absent when only `pam_unix` looks at them.
    pub quality_module: Fact<String>,
    /// The least length. Absent when nothing demands one.
    pub min_length: Fact<i64>,
    /// Kinds of characters demanded (lower case, upper case, digits, others), whether by `minclass` or credits.
    pub min_classes: Fact<i64>,
    /// Whether words of a dictionary are refused.
    pub dictionary_check: Fact<bool>,
    /// Whether the demands hold for root too.
    pub holds_for_root: Fact<bool>,
    /// Former passwords that are refused. Absent when none.
    pub remembered: Fact<i64>,
    /// How new passwords are hashed: `yescrypt`, `sha512`, ...
    pub hash_scheme: Fact<String>,
    /// Whether an empty password is a valid login (`nullok`) for sshd, login or su.
    pub empty_accepted: Fact<bool>,
    /// `PASS_MAX_DAYS` of new accounts. Absent when not set.
    pub max_days: Fact<i64>,
    /// `PASS_MIN_DAYS` of new accounts. Absent when not set.
    pub min_days: Fact<i64>,
    /// `PASS_WARN_AGE` of new accounts. Absent when not set.
    pub warn_days: Fact<i64>,
    /// Days after expiry until a new account is locked (`useradd -D -f`). Absent when never.
    pub inactive_days: Fact<i64>,
}

/// What happens after failed logins.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Lockout {
    /// The module that counts: `pam_faillock`, `pam_tally2`, `pam_tally`. Absent when none does.
    pub module: Fact<String>,
    /// Failures that lock. Absent when nothing counts; 0 means never.
    pub attempts: Fact<i64>,
    /// Seconds until it opens again; 0 when an administrator must open it. Absent when nothing counts.
    pub unlock_secs: Fact<i64>,
    /// Whether root is locked too. Absent when nothing counts.
    pub locks_root: Fact<bool>,
}

/// What a session gets.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Session {
    /// Seconds after which an idle shell ends (`TMOUT`). Absent when never.
    pub idle_secs: Fact<i64>,
    /// Whether the user cannot change that (`readonly TMOUT`). Absent when it is not set.
    pub idle_fixed: Fact<bool>,
    /// The default umask in octal, the loosest of those that hold: `0027`. Absent when nothing sets one.
    pub umask: Fact<String>,
    /// Whether the umask keeps new files from everybody else's eyes. Absent when nothing sets one.
    pub umask_hides_from_others: Fact<bool>,
}
