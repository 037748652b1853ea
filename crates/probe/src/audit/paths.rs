//! Paths that guides want watched, where they exist, and whether rules cover them.

use std::collections::BTreeSet;

use host::{Door, FileKind};
use model::Fact;
use model::facts::audit::{AuditWatch, WatchedPath};

/// What matters, and where it may stand. Both places of a unit are listed: which one exists depends on the system.
const PATHS: &[(&str, &[&str])] = &[
    (
        "docker",
        &[
            "/usr/bin/dockerd",
            "/usr/sbin/dockerd",
            "/usr/local/bin/dockerd",
            "/run/containerd",
            "/var/lib/docker",
            "/etc/docker",
            "/etc/docker/daemon.json",
            "/etc/default/docker",
            "/etc/sysconfig/docker",
            "/etc/systemd/system/docker.service",
            "/etc/systemd/system/docker.socket",
            "/usr/lib/systemd/system/docker.service",
            "/usr/lib/systemd/system/docker.socket",
            "/lib/systemd/system/docker.service",
            "/lib/systemd/system/docker.socket",
            "/usr/lib/systemd/system/containerd.service",
            "/lib/systemd/system/containerd.service",
            "/etc/containerd",
            "/etc/containerd/config.toml",
            "/run/docker.sock",
            "/run/containerd/containerd.sock",
            "/usr/bin/docker",
            "/usr/bin/containerd",
            "/usr/bin/containerd-shim",
            "/usr/bin/containerd-shim-runc-v1",
            "/usr/bin/containerd-shim-runc-v2",
            "/usr/bin/runc",
            "/usr/sbin/runc",
            "/usr/bin/docker-proxy",
            "/usr/sbin/docker-proxy",
        ],
    ),
    (
        "identity",
        &[
            "/etc/passwd",
            "/etc/shadow",
            "/etc/group",
            "/etc/gshadow",
            "/etc/security/opasswd",
            "/etc/nsswitch.conf",
            "/etc/pam.conf",
            "/etc/pam.d",
        ],
    ),
    ("privilege", &["/etc/sudoers", "/etc/sudoers.d"]),
    ("ssh", &["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d", "/root/.ssh"]),
    ("audit", &["/etc/audit", "/etc/libaudit.conf"]),
    (
        "logins",
        &[
            "/var/log/wtmp",
            "/var/log/btmp",
            "/run/utmp",
            "/var/log/lastlog",
            "/run/faillock",
            "/var/log/faillog",
        ],
    ),
    (
        "network",
        &[
            "/etc/issue",
            "/etc/issue.net",
            "/etc/hosts",
            "/etc/hostname",
            "/etc/network",
            "/etc/netplan",
            "/etc/networks",
        ],
    ),
    ("time", &["/etc/localtime"]),
    ("mac", &["/etc/apparmor", "/etc/apparmor.d", "/etc/selinux"]),
    ("modules", &["/etc/modprobe.d", "/etc/modules", "/etc/modules-load.d"]),
    (
        "scheduled",
        &[
            "/etc/crontab",
            "/etc/cron.d",
            "/etc/cron.daily",
            "/etc/cron.hourly",
            "/etc/cron.weekly",
            "/etc/cron.monthly",
            "/var/spool/cron",
        ],
    ),
    ("units", &["/etc/systemd/system"]),
];

/// Folders that are links on systems with a merged /usr; rules and paths may use either name.
const MERGED: &[&str] = &["/bin", "/sbin", "/lib", "/lib64", "/var/run"];

/// Which of the paths exist, and whether they are watched. `hidden` says why the kernel does not show its rules.
pub(crate) fn watched(
    door: &Door,
    watches: &Fact<Vec<AuditWatch>>,
    hidden: Option<&str>,
) -> Fact<Vec<WatchedPath>> {
    let watches = match watches {
        Fact::Known(watches, _) => watches.as_slice(),
        Fact::Absent => &[],
        Fact::Unreadable(reason) => return Fact::unreadable(reason.clone()),
    };
    let names = Names::read(door);
    let watches: Vec<(String, &AuditWatch)> =
        watches.iter().map(|watch| (names.real(&watch.path), watch)).collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (about, paths) in PATHS {
        for path in *paths {
            let real = names.real(path);
            let stat = door.stat(path);
            if matches!(&stat, Err(error) if error.is_not_found()) || !seen.insert(real.clone()) {
                continue;
            }
            let is_directory = stat.is_ok_and(|stat| stat.kind == FileKind::Directory);
            let mut watched = one(about, path, &real, is_directory, &watches);
            if let (Fact::Known(false, _), Some(reason)) = (&watched.watched, hidden) {
                watched.watched = Fact::unreadable(reason);
            }
            if watched.source.is_empty() {
                watched.source = super::places(hidden.is_none()).to_owned();
            }
            found.push(watched);
        }
    }
    Fact::known(found)
}

fn one(
    about: &str,
    path: &str,
    real: &str,
    is_directory: bool,
    watches: &[(String, &AuditWatch)],
) -> WatchedPath {
    let covering: Vec<&AuditWatch> = watches
        .iter()
        .filter(|(place, watch)| {
            let same = place == real && (watch.recursive || !is_directory);
            let above =
                watch.recursive && real.strip_prefix(place.as_str()).is_some_and(|rest| rest.starts_with('/'));
            watch.changes && watch.conditions.is_empty() && (same || above)
        })
        .map(|(_, watch)| *watch)
        .collect();
    WatchedPath {
        about: about.to_owned(),
        path: path.to_owned(),
        watched: any(covering.iter().map(|watch| &watch.loaded)),
        persisted: any(covering.iter().map(|watch| &watch.persisted)),
        source: covering.first().map(|watch| watch.source.clone()).unwrap_or_default(),
    }
}

/// True when one is, unreadable when one might be.
fn any<'a>(facts: impl Iterator<Item = &'a Fact<bool>>) -> Fact<bool> {
    let mut answer = Fact::known(false);
    for fact in facts {
        match fact {
            Fact::Known(true, _) => return Fact::known(true),
            Fact::Unreadable(reason) => answer = Fact::unreadable(reason.clone()),
            Fact::Known(false, _) | Fact::Absent => {}
        }
    }
    answer
}

/// Which folders are links to others.
struct Names(Vec<(&'static str, String)>);

impl Names {
    fn read(door: &Door) -> Self {
        let links = MERGED.iter().filter_map(|folder| {
            let target = door.read_link(folder).ok()?.display().to_string();
            let absolute = match target.strip_prefix('/') {
                Some(_) => target,
                None => format!("{}/{target}", folder.rsplit_once('/').map_or("", |(above, _)| above)),
            };
            Some((*folder, absolute.trim_end_matches('/').to_owned()))
        });
        Self(links.collect())
    }

    fn real(&self, path: &str) -> String {
        for (folder, target) in &self.0 {
            if let Some(rest) = path.strip_prefix(folder)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                return format!("{target}{rest}");
            }
        }
        path.to_owned()
    }
}
