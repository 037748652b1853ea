//! Section `audit`: the kernel's audit system, auditd, and the rules loaded and persisted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use host::{Door, FileKind, programs};
use model::Fact;
use model::facts::audit::{Audit, AuditKernel, AuditPersistence, AuditWatch, SyscallRule};

use crate::Context;
use crate::daemons::Running;
use crate::fact::IntoFact;

mod activities;
mod daemon;
mod paths;
mod persisted;
pub mod rules;

pub use daemon::settings as parse_settings;
use persisted::{MAX_RULES, Persisted};
use rules::{Line, PathKind, Rule, parse_line};

/// auditctl asks the kernel and answers at once.
const LIMIT: Duration = Duration::from_secs(2);

/// What the lists of rules are made from.
const BOTH: &str = "/etc/audit/rules.d and auditctl -l";

/// The same where the kernel does not show its rules.
const FILES: &str = "/etc/audit/rules.d";

/// More differences than this are not listed.
const MAX_LISTED: usize = 100;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Audit> {
    let door = &cx.door;
    let persisted = persisted::read(door);
    let loaded = loaded(door);
    let (watches, syscall_rules) = match merge(door, persisted.as_ref(), &loaded) {
        Ok((watches, rules)) => {
            let places = places(loaded.is_ok());
            (Fact::read_at(watches, places), Fact::read_at(rules, places))
        }
        Err(reason) => (Fact::unreadable(reason.clone()), Fact::unreadable(reason)),
    };
    let asked = door.is_live() && door.is_root();
    let hidden = loaded.as_ref().err().map(String::as_str).filter(|_| !asked);
    Fact::known(Audit {
        kernel: kernel(door),
        daemon: daemon::read(door, &Running::read(door)),
        boot_parameter: persisted::boot_parameter(door, "audit"),
        boot_backlog_limit: persisted::boot_parameter(door, "audit_backlog_limit").and_then(|value| {
            value.parse().map_or_else(|_| Fact::unreadable(format!("{value} is no number")), Fact::known)
        }),
        paths: paths::watched(door, &watches, hidden),
        watches,
        activities: activities::recorded(&syscall_rules, hidden),
        syscall_rules,
        persistence: persistence(persisted, &loaded),
    })
}

/// What the lists of rules are made from, whether the kernel shows its own or not.
fn places(loaded: bool) -> &'static str {
    if loaded { BOTH } else { FILES }
}

/// What `auditctl` prints, or why it cannot be asked.
fn auditctl(door: &Door, option: &str) -> Fact<String> {
    if !door.is_live() {
        return Fact::unreadable("only a running host tells the state of its audit system");
    }
    if !door.is_root() {
        let rights = door.rights_wanted();
        return Fact::unreadable(format!("only root may ask the kernel for its audit rules; {rights}"));
    }
    let args = [option];
    door.run(&programs::AUDITCTL, &args, LIMIT)
        .and_then(|output| output.success(&programs::AUDITCTL, &args))
        .into_fact(door)
}

fn kernel(door: &Door) -> Fact<AuditKernel> {
    auditctl(door, "-s").and_then(|text| match parse_status(&text) {
        Some(kernel) => Fact::read_at(kernel, "auditctl -s"),
        None => Fact::unreadable("auditctl -s prints nothing we know"),
    })
}

/// What `auditctl -s` prints: a name and a number a line (before 2.4, all on one line with `=`).
pub fn parse_status(text: &str) -> Option<AuditKernel> {
    let spaced = text.replace('=', " ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let values: BTreeMap<&str, u64> = words
        .windows(2)
        .filter_map(|pair| match pair {
            [name, value] => Some((*name, value.parse().ok()?)),
            _ => None,
        })
        .collect();
    let value = |name: &str| values.get(name).copied();
    Some(AuditKernel {
        enabled: value("enabled")?,
        failure: value("failure").or_else(|| value("flag"))?,
        lost: value("lost")?,
        backlog: value("backlog")?,
        backlog_limit: value("backlog_limit")?,
        rate_limit: value("rate_limit")?,
        daemon_pid: value("pid")?,
    })
}

/// The kernel's rules; none without auditctl is unreadable, for other programs can load rules too.
fn loaded(door: &Door) -> Result<Vec<Rule>, String> {
    match auditctl(door, "-l") {
        Fact::Known(text, _) => text
            .lines()
            .filter_map(parse_line)
            .filter_map(|line| match line {
                Ok(Line::Add(rule)) => Some(Ok(rule)),
                Ok(_) => None,
                Err(problem) => Some(Err(format!("auditctl -l: {problem}"))),
            })
            .take(MAX_RULES)
            .collect(),
        Fact::Absent => Err("auditctl is not installed".to_owned()),
        Fact::Unreadable(reason) => Err(reason),
    }
}

type Merged = (Vec<AuditWatch>, Vec<SyscallRule>);

/// One list of the rules that stand in files, in the kernel, or both.
fn merge(
    door: &Door,
    persisted: Result<&Persisted, &String>,
    loaded: &Result<Vec<Rule>, String>,
) -> Result<Merged, String> {
    let persisted = match (persisted, loaded) {
        (Ok(persisted), _) => Ok(persisted),
        // With one of the two we still know those rules; with neither, nothing.
        (Err(reason), Ok(_)) => Err(reason),
        (Err(reason), Err(_)) => return Err(reason.clone()),
    };
    let mut all: BTreeMap<Rule, (Rule, Fact<bool>, Fact<bool>, String)> = BTreeMap::new();
    let is_loaded = match loaded {
        Ok(_) => Fact::known(false),
        Err(reason) => Fact::unreadable(reason.clone()),
    };
    let is_persisted = match persisted {
        Ok(_) => Fact::known(false),
        Err(reason) => Fact::unreadable(reason.clone()),
    };
    for (rule, place) in persisted.iter().flat_map(|persisted| &persisted.rules) {
        all.entry(rule.identity())
            .or_insert_with(|| (rule.clone(), is_loaded.clone(), Fact::known(true), place.clone()));
    }
    for rule in loaded.iter().flatten() {
        all.entry(rule.identity())
            .and_modify(|entry| entry.1 = Fact::read_at(true, "auditctl -l"))
            .or_insert_with(|| {
                (rule.clone(), Fact::known(true), is_persisted.clone(), "auditctl -l".to_owned())
            });
    }
    let mut merged = Merged::default();
    for (rule, loaded, persisted, source) in all.into_values() {
        if rule.is_watch() {
            merged.0.push(watch(door, rule, loaded, persisted, source));
        } else {
            merged.1.push(syscall_rule(rule, loaded, persisted, source));
        }
    }
    Ok(merged)
}

fn watch(door: &Door, rule: Rule, loaded: Fact<bool>, persisted: Fact<bool>, source: String) -> AuditWatch {
    let path = rule.path.unwrap_or_default();
    let recursive = match rule.path_kind {
        PathKind::Dir => true,
        PathKind::Watch => door.stat(&path).is_ok_and(|stat| stat.kind == FileKind::Directory),
        PathKind::Path | PathKind::None => false,
    };
    let permissions = if rule.permissions.is_empty() { "rwxa".to_owned() } else { rule.permissions };
    let mut conditions: Vec<String> = rule.conditions.into_iter().collect();
    // Watching one kind of system calls only is a condition too, but every 64-bit kernel has these.
    if rule.arch == "b32" {
        conditions.push("arch=b32".to_owned());
    }
    AuditWatch {
        changes: permissions.contains('w') && permissions.contains('a'),
        path,
        recursive,
        permissions,
        conditions,
        key: Fact::from_option(rule.key),
        loaded,
        persisted,
        source,
    }
}

fn syscall_rule(rule: Rule, loaded: Fact<bool>, persisted: Fact<bool>, source: String) -> SyscallRule {
    let mut conditions: Vec<String> = rule.conditions.into_iter().collect();
    if let Some(path) = rule.path {
        let field = if rule.path_kind == PathKind::Dir { "dir" } else { "path" };
        conditions.push(format!("{field}={path}"));
    }
    if !rule.permissions.is_empty() {
        conditions.push(format!("perm={}", rule.permissions));
    }
    conditions.sort();
    let mut syscalls: Vec<String> = rule.syscalls.into_iter().collect();
    if syscalls.is_empty() {
        syscalls.push("all".to_owned());
    }
    SyscallRule {
        action: rule.action,
        list: rule.list,
        arch: rule.arch,
        syscalls,
        conditions,
        key: Fact::from_option(rule.key),
        loaded,
        persisted,
        source,
    }
}

fn persistence(persisted: Result<Persisted, String>, loaded: &Result<Vec<Rule>, String>) -> AuditPersistence {
    let Persisted { rules, mut summary } = match persisted {
        Ok(persisted) => persisted,
        Err(reason) => {
            let unreadable = || Fact::unreadable(reason.clone());
            let number = || Fact::unreadable(reason.clone());
            return AuditPersistence {
                loader: Fact::unreadable(reason.clone()),
                files: unreadable(),
                broken_lines: unreadable(),
                only_loaded: unreadable(),
                only_persisted: unreadable(),
                compiled_is_current: Fact::unreadable(reason.clone()),
                enabled: number(),
                failure: number(),
                backlog_limit: number(),
                writable_files: unreadable(),
            };
        }
    };
    match loaded {
        Ok(loaded) => {
            let in_kernel: BTreeSet<Rule> = loaded.iter().map(Rule::identity).collect();
            let in_files: BTreeSet<Rule> = rules.iter().map(|(rule, _)| rule.identity()).collect();
            let only_loaded = loaded.iter().filter(|rule| !in_files.contains(&rule.identity())).map(Rule::text);
            let only_persisted = rules
                .iter()
                .filter(|(rule, _)| !in_kernel.contains(&rule.identity()))
                .map(|(rule, place)| format!("{place}: {}", rule.text()));
            summary.only_loaded = Fact::read_at(only_loaded.take(MAX_LISTED).collect(), BOTH);
            summary.only_persisted = Fact::read_at(only_persisted.take(MAX_LISTED).collect(), BOTH);
        }
        Err(reason) => {
            summary.only_loaded = Fact::unreadable(reason.clone());
            summary.only_persisted = Fact::unreadable(reason.clone());
        }
    }
    summary
}

#[cfg(test)]
mod tests;
