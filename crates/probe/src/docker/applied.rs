//! What the kernel applies to a running container: its cgroup's limits, its processes and their rights. Read from
//! /proc and /sys/fs/cgroup, so that it does not rest on the engine's word.

use std::collections::BTreeMap;

use host::{Door, FileKind};
use model::Fact;
use model::facts::docker::{Applied, Container, Limits, Process};

use super::capabilities;
use super::container::ratio;
use super::json::both;
use crate::fact::{IntoFact, reason};

/// Processes of one container that are listed.
const PROCESS_LIMIT: usize = 1024;
/// Groups below a container's own: an init inside may make some.
const GROUP_LIMIT: usize = 64;
/// cgroup v1 writes "no limit" as the largest number of whole pages.
const UNLIMITED: u64 = 1 << 62;
/// The kernel rounds memory limits down to pages; 64 KiB is the largest page size in use.
const PAGE: u64 = 64 << 10;
/// Servers that let somebody in from afar; the kernel cuts names to 15 characters.
const REMOTE_SHELLS: &[&str] = &[
    "sshd",
    "sshd-session",
    "dropbear",
    "tinysshd",
    "telnetd",
    "in.telnetd",
    "utelnetd",
    "rshd",
    "in.rshd",
    "rlogind",
    "in.rlogind",
    "shellinaboxd",
    "ttyd",
    "gotty",
    "vncserver",
    "Xvnc",
    "x11vnc",
];
const SCHEDULERS: &[&str] = &["cron", "crond", "anacron", "atd", "fcron", "supercronic", "systemd-timesyn"];

/// Adds to a running container what the kernel says of it. `id` is the whole id, `pid` its main process.
pub(super) fn fill(door: &Door, container: &mut Container, id: &str, pid: Fact<u64>) {
    match container.running {
        Fact::Known(true, _) => {}
        Fact::Known(false, _) | Fact::Absent => return,
        Fact::Unreadable(ref reason) => {
            let reason = reason.clone();
            return hide(container, &reason);
        }
    }
    let groups = match pid {
        Fact::Known(pid, _) => Groups::of(door, pid, id),
        Fact::Absent => Fact::unreadable(format!("{} names no process", container.source)),
        Fact::Unreadable(reason) => Fact::unreadable(reason),
    };
    match groups {
        Fact::Known(groups, _) => {
            let limits = container.limits.value().cloned().unwrap_or_default();
            let applied = groups.applied(door, &limits);
            if let (Fact::Known(false, _), Fact::Known(0, _)) = (&container.runs_as_root, &applied.uid) {
                container.runs_as_root = Fact::read_at(true, format!("/proc/{}/status", groups.pid));
            }
            container.applied = Fact::known(applied);
            let processes = groups.processes(door);
            let named = |names: &[&str]| {
                processes.clone().map(|all| {
                    let mut found: Vec<String> = all
                        .into_iter()
                        .map(|process| process.name)
                        .filter(|name| names.contains(&name.as_str()))
                        .collect();
                    found.dedup();
                    found
                })
            };
            container.remote_shells = named(REMOTE_SHELLS);
            container.schedulers = named(SCHEDULERS);
            container.processes = processes;
        }
        Fact::Absent => hide(container, "its main process has ended, or cannot be seen from here"),
        Fact::Unreadable(reason) => hide(container, &reason),
    }
}

fn hide(container: &mut Container, reason: &str) {
    container.applied = Fact::unreadable(reason);
    container.processes = Fact::unreadable(reason);
    container.remote_shells = Fact::unreadable(reason);
    container.schedulers = Fact::unreadable(reason);
}

/// A process and its cgroup by controller; cgroup v2 has the name "".
struct Groups {
    pid: u64,
    by_controller: BTreeMap<String, String>,
}

impl Groups {
    fn of(door: &Door, pid: u64, id: &str) -> Fact<Self> {
        let path = format!("/proc/{pid}/cgroup");
        door.read_text(&path).into_fact(door).and_then(|text| {
            // The number may long belong to somebody else.
            if !text.contains(id) {
                return Fact::unreadable(format!("process {pid} does not belong to the container any more"));
            }
            let mut by_controller = BTreeMap::new();
            for line in text.lines() {
                let mut fields = line.splitn(3, ':').skip(1);
                let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
                let group = group.trim_end_matches(" (deleted)");
                if controllers.is_empty() {
                    by_controller.insert(String::new(), format!("/sys/fs/cgroup{group}"));
                }
                for controller in controllers.split(',').filter(|name| !name.is_empty()) {
                    by_controller.insert(controller.to_owned(), format!("/sys/fs/cgroup/{controllers}{group}"));
                }
            }
            Fact::known(Self { pid, by_controller })
        })
    }

    /// A file of a controller, and whether it is one of cgroup v1.
    fn read(&self, door: &Door, controller: &str, v1: &str, v2: &str) -> Fact<(String, bool, String)> {
        let (path, is_v1) = match (self.by_controller.get(controller), self.by_controller.get("")) {
            (Some(group), _) => (format!("{group}/{v1}"), true),
            (None, Some(group)) => (format!("{group}/{v2}"), false),
            (None, None) => {
                return Fact::unreadable(format!("process {} has no {controller} cgroup", self.pid));
            }
        };
        match door.read_text(&path) {
            Ok(text) => Fact::known((text.trim().to_owned(), is_v1, path)),
            Err(error) => Fact::unreadable(reason(&error, door)),
        }
    }

    fn number(&self, door: &Door, controller: &str, v1: &str, v2: &str) -> Fact<u64> {
        self.read(door, controller, v1, v2).and_then(|(text, _, path)| {
            if text == "max" || text == "-1" {
                return Fact::Absent;
            }
            match text.parse::<u64>() {
                Ok(number) if number >= UNLIMITED => Fact::Absent,
                Ok(number) => Fact::read_at(number, path),
                Err(_) => Fact::unreadable(format!("{path} holds no number")),
            }
        })
    }

    fn cpus(&self, door: &Door) -> Fact<f64> {
        self.read(door, "cpu", "cpu.cfs_quota_us", "cpu.max").and_then(|(text, is_v1, path)| {
            let (quota, period) = if is_v1 {
                match self.number(door, "cpu", "cpu.cfs_period_us", "cpu.max") {
                    Fact::Known(period, _) => (text.as_str(), period.to_string()),
                    Fact::Absent => return Fact::Absent,
                    Fact::Unreadable(reason) => return Fact::unreadable(reason),
                }
            } else {
                let (quota, period) = text.split_once(' ').unwrap_or((text.as_str(), "100000"));
                (quota, period.to_owned())
            };
            if quota == "max" || quota == "-1" {
                return Fact::Absent;
            }
            match (quota.parse(), period.parse()) {
                (Ok(quota), Ok(period)) => Fact::read_at(ratio(quota, period), path),
                _ => Fact::unreadable(format!("{path} holds no quota")),
            }
        })
    }

    fn applied(&self, door: &Door, limits: &Limits) -> Applied {
        let status = door.read_text(format!("/proc/{}/status", self.pid)).into_fact(door);
        let field = |name: &str| {
            status.clone().and_then(|text| {
                let value =
                    text.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned());
                Fact::from_option(value)
            })
        };
        let memory = self.number(door, "memory", "memory.limit_in_bytes", "memory.max");
        let cpus = self.cpus(door);
        let pids = self.number(door, "pids", "pids.max", "pids.max");
        let as_asked = [
            same(&limits.memory_bytes, &memory, |asked, applied| asked.abs_diff(*applied) < PAGE),
            same(&limits.cpus, &cpus, |asked, applied| (asked - applied).abs() < 0.011),
            same(&limits.pids, &pids, |asked, applied| asked == applied),
        ]
        .into_iter()
        .fold(Fact::known(true), |all, one| both(all, one).map(|(all, one)| all && one));
        Applied {
            memory_bytes: memory,
            cpus,
            pids,
            memory_used_bytes: self.number(door, "memory", "memory.usage_in_bytes", "memory.current"),
            as_asked,
            no_new_privileges: field("NoNewPrivs:").map(|value| value == "1"),
            seccomp: field("Seccomp:").map(|value| value == "2"),
            uid: field("Uid:").and_then(|ids| {
                Fact::from_option(ids.split_whitespace().nth(1).and_then(|uid| uid.parse().ok()))
            }),
            capabilities: field("CapBnd:").and_then(|mask| Fact::from_option(capabilities::in_mask(&mask))),
        }
    }

    fn processes(&self, door: &Door) -> Fact<Vec<Process>> {
        let group = ["pids", "memory", ""].iter().find_map(|name| self.by_controller.get(*name));
        let Some(group) = group else { return Fact::unreadable(format!("process {} has no cgroup", self.pid)) };
        let mut todo = vec![group.clone()];
        let mut done = 0;
        let mut processes = Vec::new();
        while let Some(group) = todo.pop() {
            done += 1;
            if done > GROUP_LIMIT {
                return Fact::unreadable(format!("{group}: more than {GROUP_LIMIT} groups"));
            }
            let text = match door.read_text(format!("{group}/cgroup.procs")) {
                Ok(text) => text,
                Err(error) => return Fact::unreadable(reason(&error, door)),
            };
            for pid in text.lines().filter_map(|line| line.trim().parse::<u32>().ok()) {
                if processes.len() >= PROCESS_LIMIT {
                    return Fact::unreadable(format!("{group}: more than {PROCESS_LIMIT} processes"));
                }
                // A process that has just ended is none.
                processes.extend(process(door, pid));
            }
            let entries = door.read_dir(&group).unwrap_or_default();
            let below = entries.into_iter().filter(|entry| entry.kind == FileKind::Directory);
            todo.extend(below.map(|entry| format!("{group}/{}", entry.name)));
        }
        Fact::known(processes)
    }
}

fn process(door: &Door, pid: u32) -> Option<Process> {
    let name = door.read_text(format!("/proc/{pid}/comm")).ok()?.trim().to_owned();
    let uid = door.stat(format!("/proc/{pid}")).into_fact(door).map(|stat| stat.uid);
    Some(Process { name, pid, uid, source: format!("/proc/{pid}") })
}

/// Whether what was asked for is what is applied; nothing asked and nothing applied is the same too.
fn same<T>(asked: &Fact<T>, applied: &Fact<T>, equal: impl Fn(&T, &T) -> bool) -> Fact<bool> {
    match (asked, applied) {
        (Fact::Unreadable(reason), _) | (_, Fact::Unreadable(reason)) => Fact::unreadable(reason.clone()),
        (Fact::Known(asked, _), Fact::Known(applied, _)) => Fact::known(equal(asked, applied)),
        (Fact::Absent, Fact::Absent) => Fact::known(true),
        // A limit that nobody asked for comes from above, which is no fault of the container.
        (Fact::Absent, Fact::Known(..)) => Fact::known(true),
        (Fact::Known(..), Fact::Absent) => Fact::known(false),
    }
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    #[test]
    fn a_container_whose_process_is_gone_is_unknown() {
        let mut container = Container { running: Fact::known(true), ..Container::default() };
        let (door, _root) = Machine::new().door();
        fill(&door, &mut container, "0123", Fact::known(4711));
        assert!(matches!(container.applied, Fact::Unreadable(_)));
        assert!(matches!(container.remote_shells, Fact::Unreadable(_)));
    }
}
