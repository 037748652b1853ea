//! Kernel settings: what holds, and which file sets it at boot.

use std::collections::BTreeMap;

use host::Door;
use model::facts::net::Sysctl;
use model::{Fact, Place, Source};

use crate::drop_ins::drop_ins;
use crate::fact::{IntoFact, reason};

/// Settings that are read.
const KEYS: &[&str] = &[
    "dev.tty.ldisc_autoload",
    "fs.protected_fifos",
    "fs.protected_hardlinks",
    "fs.protected_regular",
    "fs.protected_symlinks",
    "fs.suid_dumpable",
    "kernel.apparmor_restrict_unprivileged_userns",
    "kernel.core_pattern",
    "kernel.core_uses_pid",
    "kernel.ctrl-alt-del",
    "kernel.dmesg_restrict",
    "kernel.io_uring_disabled",
    "kernel.kexec_load_disabled",
    "kernel.kptr_restrict",
    "kernel.modules_disabled",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.perf_event_paranoid",
    "kernel.randomize_va_space",
    "kernel.sysrq",
    "kernel.unprivileged_bpf_disabled",
    "kernel.unprivileged_userns_clone",
    "kernel.yama.ptrace_scope",
    "net.bridge.bridge-nf-call-iptables",
    "net.core.bpf_jit_harden",
    "net.ipv4.conf.all.accept_redirects",
    "net.ipv4.conf.all.accept_source_route",
    "net.ipv4.conf.all.arp_announce",
    "net.ipv4.conf.all.arp_ignore",
    "net.ipv4.conf.all.log_martians",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.all.secure_redirects",
    "net.ipv4.conf.all.send_redirects",
    "net.ipv4.conf.default.accept_redirects",
    "net.ipv4.conf.default.accept_source_route",
    "net.ipv4.conf.default.log_martians",
    "net.ipv4.conf.default.rp_filter",
    "net.ipv4.conf.default.secure_redirects",
    "net.ipv4.conf.default.send_redirects",
    "net.ipv4.icmp_echo_ignore_broadcasts",
    "net.ipv4.icmp_ignore_bogus_error_responses",
    "net.ipv4.ip_forward",
    "net.ipv4.tcp_rfc1337",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_timestamps",
    "net.ipv6.conf.all.accept_ra",
    "net.ipv6.conf.all.accept_redirects",
    "net.ipv6.conf.all.accept_source_route",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv6.conf.all.forwarding",
    "net.ipv6.conf.default.accept_ra",
    "net.ipv6.conf.default.accept_redirects",
    "net.ipv6.conf.default.accept_source_route",
    "net.ipv6.conf.default.disable_ipv6",
    "user.max_user_namespaces",
    "vm.mmap_min_addr",
    "vm.unprivileged_userfaultfd",
];

/// Directories of settings; of files with one name the first directory's counts.
const DIRECTORIES: &[&str] =
    &["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];

/// systemd's own loader; it does not read `/etc/sysctl.conf` unless a directory links to it.
const SYSTEMD_LOADERS: &[&str] = &["/usr/lib/systemd/systemd-sysctl", "/lib/systemd/systemd-sysctl"];

/// One line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Dotted name, perhaps with `*`.
    pub key: String,
    /// None for `-key`, which takes the key out of patterns.
    pub value: Option<String>,
    /// `path:line`.
    pub at: String,
    /// The line.
    pub text: String,
}

/// Every setting of [`KEYS`].
pub(crate) fn settings(door: &Door) -> BTreeMap<String, Sysctl> {
    let files = assignments(door);
    let no_proc = door.is_live() && !door.exists("/proc/sys");
    KEYS.iter()
        .map(|key| {
            let live =
                if no_proc { Fact::unreadable("/proc/sys is not there; mount /proc") } else { live(door, key) };
            let persisted = match &files {
                Ok(files) => persisted(files, key),
                Err(reason) => Fact::unreadable(reason),
            };
            let value = match (&live, &persisted) {
                (Fact::Unreadable(_), Fact::Known(..)) if !door.is_live() => persisted.clone(),
                _ => live.clone(),
            };
            ((*key).to_owned(), Sysctl { name: (*key).to_owned(), value, live, persisted })
        })
        .collect()
}

fn live(door: &Door, key: &str) -> Fact<String> {
    if !door.is_live() {
        return Fact::unreadable("the kernel's settings only a running host tells");
    }
    let path = format!("/proc/sys/{}", key.replace('.', "/"));
    match door.read_text(&path).into_fact(door) {
        Fact::Known(text, _) => Fact::read_at(normal(&text), path),
        other => other,
    }
}

/// Words of a value with one space between them, as `sysctl` compares them.
fn normal(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// All lines in the order in which they are applied.
fn assignments(door: &Door) -> Result<Vec<Assignment>, String> {
    let mut files = drop_ins(door, DIRECTORIES, ".conf").map_err(|error| reason(&error, door))?;
    if !SYSTEMD_LOADERS.iter().any(|loader| door.exists(loader)) {
        files.push("/etc/sysctl.conf".to_owned());
    }
    let mut found = Vec::new();
    for file in files {
        match door.read_text(&file) {
            Ok(text) => found.extend(parse(&text, &file)),
            // A link to a file that is gone, or none of that name.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(reason(&error, door)),
        }
    }
    Ok(found)
}

/// The lines of one file.
pub fn parse(text: &str, path: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let at = format!("{path}:{}", index + 1);
        let (key, value) = match line.split_once('=') {
            Some((key, value)) => (key.trim().trim_start_matches('-'), Some(normal(value))),
            None => match line.strip_prefix('-') {
                Some(key) => (key, None),
                None => continue,
            },
        };
        found.push(Assignment { key: dotted(key.trim()), value, at, text: line.to_owned() });
    }
    found
}

/// `net/ipv4/conf/eth0.1/x` -> `net.ipv4.conf.eth0/1.x`: the first separator decides which one is meant.
fn dotted(key: &str) -> String {
    match key.find(['.', '/']).and_then(|at| key.get(at..=at)) {
        Some("/") => key
            .chars()
            .map(|c| {
                if c == '/' {
                    '.'
                } else if c == '.' {
                    '/'
                } else {
                    c
                }
            })
            .collect(),
        _ => key.to_owned(),
    }
}

/// What the files set for `key`: the last line that names it, else the last pattern that fits.
fn persisted(files: &[Assignment], key: &str) -> Fact<String> {
    let exact: Vec<&Assignment> = files.iter().filter(|line| line.key == key).collect();
    let mut setting: Vec<&Assignment> = exact.iter().copied().filter(|line| line.value.is_some()).collect();
    if exact.is_empty() {
        setting = files.iter().filter(|line| line.key.contains('*') && fits(&line.key, key)).collect();
    }
    let Some((winner, losers)) = setting.split_last() else { return Fact::Absent };
    let Some(value) = winner.value.clone() else { return Fact::Absent };
    let overridden =
        losers.iter().map(|line| Place { at: line.at.clone(), excerpt: line.text.clone() }).collect();
    Fact::sourced(value, Source { at: winner.at.clone(), excerpt: Some(winner.text.clone()), overridden })
}

/// Whether the pattern fits: `*` stands for anything within one part of the name.
fn fits(pattern: &str, key: &str) -> bool {
    let (patterns, parts) = (pattern.split('.'), key.split('.'));
    patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(pattern, part)| match pattern.split_once('*') {
            Some((head, tail)) => {
                part.len() >= head.len() + tail.len() && part.starts_with(head) && part.ends_with(tail)
            }
            None => pattern == part,
        })
}
