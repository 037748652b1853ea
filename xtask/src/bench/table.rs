//! The page with the results: `docs/benchmarks.md`.

use std::fmt::Write as _;

use anyhow::Result;

use super::ballast::ENTRIES;
use super::jobs::{Group, OPENSCAP_LIMIT, Outcome, PACKAGES, median_ms};
use super::process::median;
use super::stage::{CONTAINERS, Stage};
use crate::run::output;

/// The machine the measurements were made on.
pub(crate) struct Machine {
    processor: String,
    processors: usize,
    memory_gib: u64,
    kernel: String,
    load: String,
    inodes: u64,
    root_files: usize,
    versions: Vec<String>,
    date: String,
}

impl Machine {
    /// Looks at this machine and at the clean root.
    pub(crate) fn look(stage: &Stage) -> Result<Self> {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key));
            line.and_then(|line| line.split_once(':'))
                .map_or_else(String::new, |(_, value)| value.trim().to_owned())
        };
        let memory = value(&read("/proc/meminfo"), "MemTotal");
        let filesystem = rustix::fs::statvfs("/")?;
        let peers: Vec<&str> = PACKAGES.iter().take(6).copied().collect();
        let versions =
            output("dpkg-query", &[&["--show", "--showformat=${Package} ${Version}\n"], &peers[..]].concat())?;
        Ok(Self {
            processor: value(&read("/proc/cpuinfo"), "model name"),
            processors: std::thread::available_parallelism()?.get(),
            memory_gib: memory.trim_end_matches(" kB").parse::<u64>().unwrap_or(0) >> 20,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            inodes: filesystem.f_files - filesystem.f_ffree,
            root_files: output("find", &[&stage.root.display().to_string(), "-xdev"])?.lines().count(),
            versions: versions.lines().map(str::to_owned).collect(),
            date: output("date", &["--utc", "+%Y-%m-%d"])?.trim().to_owned(),
        })
    }
}

/// The whole page.
pub(crate) fn page(machine: &Machine, results: &[Outcome]) -> String {
    let about = format!(
        "{} processors ({}), {} GiB, Linux {}, load {} at the start: other programs ran beside it, so compare ratios and \
         processor time rather than single wall times. The figures are those of whole processes: wall time from start to \
         end, processor time with all children, and the memory of the largest process at its peak, as the kernel accounts \
         for them (GNU time).",
        machine.processors, machine.processor, machine.memory_gib, machine.kernel, machine.load,
    );
    let stage = format!(
        "The machine has {CONTAINERS} running containers of an engine of its own, a TLS server (nginx, TLS 1.0 to 1.3, \
         every cipher suite of its library) and an SSH server, all on the loopback address of network and process \
         namespaces made for the run. Peers: {}.",
        machine.versions.join(", "),
    );
    let mut page = format!(
        "# Benchmarks\n\nMade by `cargo xtask bench audit` (as root) on {}: one machine, one after the other. Do not \
         edit; run it again.\n\n{}\n\n{}\n",
        machine.date,
        wrapped(&about),
        wrapped(&stage),
    );
    let chapters = [
        (
            Group::CleanRoot,
            "A clean Debian root",
            format!(
                "A minimal Debian 12 with the usual packages of a small server, {} files, audited from inside \
                 (`chroot`). Palisade audits everything it can: the containers, the servers' handshakes and the \
                 whole file tree too, which the peers do not. OpenSCAP is given Debian's own content, the profile \
                 ANSSI DAT-NT28 high; that content is for Debian 11 and applies to nothing on Debian 12, so the one \
                 line that asks for the release was changed for the run.",
                machine.root_files
            ),
        ),
        (
            Group::Host,
            "This host",
            format!(
                "The machine on which Palisade is built, caches warm: {} inodes in use on its root file system, with \
                 as many empty files made for the run as {ENTRIES} entries of the walk want. OpenSCAP is ended after \
                 {OPENSCAP_LIMIT} s.",
                machine.inodes
            ),
        ),
        (
            Group::Ssh,
            "One SSH server",
            "Palisade reads the settings that are in effect, host keys and every key that may log in; ssh-audit makes \
             connections and judges what is offered."
                .to_owned(),
        ),
        (
            Group::Tls,
            "One TLS server",
            "The server is alone in a network namespace and hangs up on every request. Palisade's figure is its whole \
             endpoints section: it finds the listening sockets, enumerates protocols, suites and groups, reads the \
             certificate, and asks for a page. What that takes without any server is the second row. sslscan does \
             about as much. testssl.sh is asked for protocols and suites only."
                .to_owned(),
        ),
        (
            Group::Parts,
            "Parts of Palisade",
            "Each is a whole run of the program with only that part. The files section walks this host; the endpoints \
             are a TLS server with pages and an SSH server. Rules over saved facts: the whole run loads the content \
             and writes the report too; deciding alone is measured inside a process that has loaded both."
                .to_owned(),
        ),
    ];
    for (group, title, text) in chapters {
        let rows: Vec<&Outcome> = results.iter().filter(|outcome| outcome.group == group).collect();
        if rows.is_empty() {
            continue;
        }
        let _infallible = write!(page, "\n## {title}\n\n{}\n\n{}", wrapped(&text), table(&rows));
    }
    page.push_str(&targets(results));
    page
}

fn table(rows: &[&Outcome]) -> String {
    let own = rows.first().map_or(f64::NAN, |first| median(&first.runs.wall));
    let mut table = String::from(
        "| tool | checks | runs | wall s: median (min–max) | processor s | peak MiB | wall, Palisade = 1 |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let wall = &row.runs.wall;
        let (least, most) = wall.iter().fold((f64::MAX, 0.0_f64), |(low, high), s| (low.min(*s), high.max(*s)));
        let _infallible = writeln!(
            table,
            "| {} | {} | {} | {:.3} ({least:.3}–{most:.3}) | {:.2} | {:.0} | {:.1} |",
            row.name,
            row.checks,
            wall.len(),
            median(wall),
            median(&row.runs.cpu),
            row.runs.peak.iter().fold(0.0_f64, |high, mib| high.max(*mib)),
            median(wall) / own
        );
    }
    table
}

/// What was wanted, beside what was measured.
fn targets(results: &[Outcome]) -> String {
    let find = |group: Group, name: &str| {
        results.iter().find(|outcome| outcome.group == group && outcome.name.starts_with(name))
    };
    let wall = |group, name| find(group, name).map_or(f64::NAN, |outcome| median(&outcome.runs.wall));
    let peak = find(Group::CleanRoot, "palisade")
        .map_or(f64::NAN, |outcome| outcome.runs.peak.iter().fold(0.0_f64, |high, mib| high.max(*mib)));
    let own = wall(Group::CleanRoot, "palisade");
    let deciding =
        find(Group::Parts, "deciding").map_or(f64::NAN, |outcome| median_ms(&outcome.runs.output) / 1e3);
    let tls = wall(Group::Tls, "palisade") - wall(Group::Tls, "the same without");
    let rows = [
        ("whole audit of the clean root: wall under 1 s", own, 1.0, "s"),
        ("whole audit of the clean root: peak under 50 MiB", peak, 50.0, "MiB"),
        ("whole audit of this host, 600,000 inodes, warm: under 5 s", wall(Group::Host, "palisade"), 5.0, "s"),
        ("Docker section of 20 containers: under 0.3 s", wall(Group::Parts, "Docker"), 0.3, "s"),
        ("SSH section: under 0.1 s", wall(Group::Ssh, "palisade"), 0.1, "s"),
        ("one TLS server: under 0.05 s", tls, 0.05, "s"),
        ("all rules decided: under 0.02 s", deciding, 0.02, "s"),
    ];
    let mut text = String::from("\n## Targets\n\n| target | measured | met |\n|---|---|---|\n");
    let times = wall(Group::CleanRoot, "Lynis") / own;
    let mut row = |target: &str, measured: String, met: bool| {
        let met = if met { "yes" } else { "**no**" };
        let _infallible = writeln!(text, "| {target} | {measured} | {met} |");
    };
    for (target, measured, limit, unit) in rows.into_iter().filter(|(_, measured, ..)| measured.is_finite()) {
        row(target, format!("{measured:.3} {unit}"), measured < limit);
    }
    if times.is_finite() {
        row(
            "at least 100 times faster than Lynis on the clean root",
            format!("{times:.0} times"),
            times >= 100.0,
        );
    }
    text
}

/// Breaks a text into lines of the width that the other documents have.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        if let Some(line) = lines.last_mut() {
            if line.chars().count() + word.chars().count() >= 120 {
                lines.push(word.to_owned());
            } else {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
    }
    lines.join("\n")
}
