//! Files of the operating system with well-known places.

use std::path::{Path, PathBuf};

use host::{Door, Error, FileKind};
use model::Fact;
use model::facts::files::{FoundFile, SystemFile};

use super::owners::Owners;
use crate::accounts::values::parse_login_defs;
use crate::fact::reason;
use crate::text::meaningful_lines;

/// Paths by kind; one that ends in `/*` stands for what is in the directory.
const SYSTEM_FILES: &[(&str, &[&str])] = &[
    (
        "accounts",
        &[
            "/etc/passwd",
            "/etc/passwd-",
            "/etc/group",
            "/etc/group-",
            "/etc/subuid",
            "/etc/subgid",
            "/etc/shells",
        ],
    ),
    (
        "password-hashes",
        &["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/security/opasswd"],
    ),
    ("sudo", &["/etc/sudoers", "/etc/sudoers.d", "/etc/sudoers.d/*"]),
    (
        "cron",
        &[
            "/etc/crontab",
            "/etc/cron.d",
            "/etc/cron.d/*",
            "/etc/cron.hourly",
            "/etc/cron.hourly/*",
            "/etc/cron.daily",
            "/etc/cron.daily/*",
            "/etc/cron.weekly",
            "/etc/cron.weekly/*",
            "/etc/cron.monthly",
            "/etc/cron.monthly/*",
            "/etc/cron.allow",
            "/etc/cron.deny",
            "/etc/at.allow",
            "/etc/at.deny",
            "/etc/anacrontab",
        ],
    ),
    ("crontabs", &["/var/spool/cron/crontabs/*", "/var/spool/cron/root"]),
    (
        "ssh-server",
        &["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d", "/etc/ssh/sshd_config.d/*", "/etc/ssh/ssh_config"],
    ),
    ("ssh-host-key", &["/etc/ssh/ssh_host_*_key"]),
    (
        "boot",
        &[
            "/boot/grub/grub.cfg",
            "/boot/grub/user.cfg",
            "/boot/grub2/grub.cfg",
            "/boot/grub2/user.cfg",
            "/boot/loader/loader.conf",
            "/boot/efi/loader/loader.conf",
            "/boot/extlinux/extlinux.conf",
        ],
    ),
    ("audit", &["/etc/audit", "/etc/audit/*", "/etc/audit/rules.d/*"]),
    ("banner", &["/etc/motd", "/etc/issue", "/etc/issue.net"]),
    (
        "network-secrets",
        &[
            "/etc/NetworkManager/system-connections/*",
            "/etc/netplan/*",
            "/etc/wpa_supplicant/*",
            "/etc/wireguard/*",
            "/etc/ipsec.secrets",
            "/etc/ppp/chap-secrets",
            "/etc/ppp/pap-secrets",
            "/etc/openvpn/server/*",
            "/etc/chrony/chrony.keys",
            "/etc/chrony.keys",
            "/etc/ntp.keys",
        ],
    ),
    ("pam", &["/etc/pam.d", "/etc/pam.d/*", "/etc/pam.conf", "/etc/security/*", "/etc/login.defs"]),
    (
        "services",
        &[
            "/etc/systemd/system",
            "/etc/systemd/system/*",
            "/etc/init.d/*",
            "/etc/rc.local",
            "/etc/systemd/system.conf",
        ],
    ),
    (
        "system",
        &[
            "/etc",
            "/etc/fstab",
            "/etc/crypttab",
            "/etc/hosts",
            "/etc/hosts.allow",
            "/etc/hosts.deny",
            "/etc/ld.so.conf",
            "/etc/ld.so.preload",
            "/etc/profile",
            "/etc/profile.d/*",
            "/etc/bash.bashrc",
            "/etc/environment",
            "/etc/nsswitch.conf",
            "/etc/sysctl.conf",
            "/etc/sysctl.d/*",
            "/etc/modprobe.d/*",
            "/etc/securetty",
            "/etc/rsyslog.conf",
            "/etc/rsyslog.d/*",
            "/etc/apt/sources.list",
            "/etc/apt/sources.list.d/*",
            "/etc/apt/trusted.gpg.d/*",
            "/etc/logrotate.conf",
            "/etc/logrotate.d/*",
        ],
    ),
];

/// Directories hold tens of files; more are cut.
const IN_A_DIRECTORY: usize = 200;

/// The files that are there, with their access. What cannot be looked at is listed without it.
pub(super) fn files(door: &Door, owners: &Owners) -> Fact<Vec<SystemFile>> {
    let mut found = Vec::new();
    for (kind, patterns) in SYSTEM_FILES {
        for pattern in *patterns {
            match expand(door, pattern) {
                Ok(paths) => found.extend(paths.iter().filter_map(|path| file(door, owners, kind, path))),
                Err(error) if error.is_not_found() => {}
                Err(error) => found.push(unseen(kind, pattern, &reason(&error, door))),
            }
        }
    }
    Fact::known(found)
}

fn file(door: &Door, owners: &Owners, kind: &str, path: &Path) -> Option<SystemFile> {
    match door.stat(path) {
        Ok(stat) if matches!(stat.kind, FileKind::Other | FileKind::Socket) => None,
        Ok(stat) => {
            let path = path.display().to_string();
            Some(SystemFile {
                source: path.clone(),
                path,
                kind: kind.to_owned(),
                directory: stat.kind == FileKind::Directory,
                access: Fact::known(owners.access(&stat, true)),
            })
        }
        Err(error) if error.is_not_found() => None,
        Err(error) => Some(unseen(kind, &path.display().to_string(), &reason(&error, door))),
    }
}

fn unseen(kind: &str, path: &str, reason: &str) -> SystemFile {
    SystemFile {
        source: path.to_owned(),
        path: path.to_owned(),
        kind: kind.to_owned(),
        directory: false,
        access: Fact::unreadable(reason),
    }
}

/// The paths that a pattern stands for; links in directories stand for files elsewhere and are left out.
fn expand(door: &Door, pattern: &str) -> Result<Vec<PathBuf>, Error> {
    let Some((directory, name)) = pattern.rsplit_once('/').filter(|(_, name)| name.contains('*')) else {
        return Ok(vec![PathBuf::from(pattern)]);
    };
    let (prefix, suffix) = name.split_once('*').unwrap_or((name, ""));
    let entries = door.read_dir(directory)?.into_iter();
    Ok(entries
        .filter(|entry| entry.name.starts_with(prefix) && entry.name.ends_with(suffix))
        .filter(|entry| entry.kind != FileKind::Symlink)
        .take(IN_A_DIRECTORY)
        .map(|entry| Path::new(directory).join(entry.name))
        .collect())
}

/// Where root's shell and sudo look for programs.
pub(super) fn path_directories(door: &Door) -> Vec<String> {
    let mut directories: Vec<String> =
        ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
            .map(str::to_owned)
            .into();
    let read = |path| door.read_text(path).unwrap_or_default();
    if let Some((value, _)) = parse_login_defs(&read("/etc/login.defs")).get("ENV_SUPATH") {
        directories.extend(split(value));
    }
    for line in meaningful_lines(&read("/etc/environment")) {
        if let Some(value) = line.text.strip_prefix("PATH=") {
            directories.extend(split(value));
        }
    }
    for line in meaningful_lines(&read("/etc/sudoers")) {
        if let Some((_, value)) = line.text.split_once("secure_path") {
            directories.extend(split(value));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    directories.retain(|directory| seen.insert(directory.clone()));
    directories
}

fn split(value: &str) -> Vec<String> {
    value
        .trim()
        .trim_start_matches('=')
        .trim()
        .trim_matches('"')
        .trim_start_matches("PATH=")
        .split(':')
        .map(|part| part.trim_end_matches('/').to_owned())
        .filter(|part| part.starts_with('/'))
        .collect()
}

/// Those directories that are there, with their access.
pub(super) fn path_facts(door: &Door, owners: &Owners) -> Fact<Vec<FoundFile>> {
    let mut found = Vec::new();
    for directory in path_directories(door) {
        match door.stat(&directory) {
            Ok(stat) => found.push(owners.found(Path::new(&directory), &stat, true)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    Fact::known(found)
}
