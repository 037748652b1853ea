//! What is measured: each tool with its command, how often it runs, and how its checks are counted.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use super::ballast;
use super::clean_root::FOLDER;
use super::process::{Runs, measure, median};
use super::stage::Stage;
use crate::run::{output, root, run};

/// Debian packages of the peers, and what measures and prepares.
pub(crate) const PACKAGES: &[&str] = &[
    "lynis",
    "nghttp2-client",
    "oathtool",
    "sqlite3",
    "openscap-scanner",
    "ssg-debian",
    "ssh-audit",
    "sslscan",
    "testssl.sh",
    "debootstrap",
    "time",
    "docker.io",
    "busybox-static",
    "nginx-light",
    "openssh-server",
    "openssl",
];

/// The longest that OpenSCAP may take on a whole host, in seconds: it reads the file tree once for each of many rules.
pub(crate) const OPENSCAP_LIMIT: usize = 180;

/// The profile of OpenSCAP's content with the most rules.
const PROFILE: &str = "xccdf_org.ssgproject.content_profile_anssi_np_nt28_high";

/// Which table a job stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// A whole audit of the clean root.
    CleanRoot,
    /// A whole audit of this host.
    Host,
    /// One SSH server.
    Ssh,
    /// One TLS server.
    Tls,
    /// Parts of Palisade.
    Parts,
}

/// One command to measure.
pub(crate) struct Job {
    /// What stands in the table.
    pub(crate) name: String,
    pub(crate) group: Group,
    command: Vec<String>,
    runs: usize,
    warm_up: usize,
    count: fn(&str) -> String,
}

/// What came of a job.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) group: Group,
    /// What was checked, counted from the tool's own output.
    pub(crate) checks: String,
    pub(crate) runs: Runs,
}

impl Job {
    pub(crate) fn run(self) -> Result<Outcome> {
        let runs = measure(&self.command, self.runs, self.warm_up)
            .with_context(|| format!("measuring {}", self.name))?;
        Ok(Outcome { name: self.name, group: self.group, checks: (self.count)(&runs.output), runs })
    }
}

/// Installs the peers that are missing.
pub(crate) fn install() -> Result<()> {
    let shown = |package: &&&str| {
        !output("dpkg-query", &["--show", "--showformat=${db:Status-Status}", package])
            .is_ok_and(|status| status == "installed")
    };
    let missing: Vec<&str> = PACKAGES.iter().filter(shown).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    run("apt-get", &["update"], &quiet)?;
    run("apt-get", &[&["install", "-y", "--no-install-recommends"], &missing[..]].concat(), &quiet)
}

/// Everything that is measured, in the order of measuring.
pub(crate) fn all(stage: &Stage) -> Result<Vec<Job>> {
    let chroot = format!("chroot {} ", stage.root.display());
    let program: PathBuf = stage.root.join(FOLDER).join("palisade");
    let program = program.display();
    let inner = format!("/{FOLDER}/palisade");
    let scap = |content: String| {
        let results = stage.scratch().join("xccdf.xml");
        format!("oscap xccdf eval --profile {PROFILE} --results {} {content}", results.display())
    };
    let facts = stage.scratch().join("facts.json");
    fs::write(&facts, output(&program.to_string(), &["facts"])?)?;
    let facts = facts.display();
    let (tls, ssh) = (stage.tls_port(), stage.ssh_port());
    let (tls_room, empty_room) = (stage.tls_room.prefix(), stage.empty_room.prefix());
    let json = "--format json";
    let testssl = "testssl --quiet --color 0 --warnings off -p -E";
    // Peers last, by the time they take; each table has Palisade's row first.
    Ok(vec![
        job(Group::CleanRoot, "palisade audit", &format!("{chroot}{inner} audit {json}"), (10, 1), rules),
        job(Group::Host, "palisade audit", &format!("{program} audit {json}"), (5, 1), rules),
        job(Group::Ssh, "palisade facts ssh", &format!("{chroot}{inner} facts ssh"), (10, 1), none),
        job(Group::Ssh, "ssh-audit", &format!("ssh-audit -n -p {ssh} 127.0.0.1"), (5, 1), ssh_audit),
        job(
            Group::Tls,
            "palisade facts endpoints",
            &format!("{tls_room}{program} facts endpoints"),
            (20, 1),
            endpoints,
        ),
        job(
            Group::Tls,
            "the same without a server",
            &format!("{empty_room}{program} facts endpoints"),
            (20, 1),
            endpoints,
        ),
        job(Group::Tls, "sslscan", &format!("{tls_room}sslscan --no-colour 127.0.0.1:{tls}"), (5, 1), sslscan),
        job(Group::Parts, "Docker section", &format!("{chroot}{inner} facts docker"), (10, 1), containers),
        job(Group::Parts, "files section", &format!("{program} facts files"), (5, 1), walk),
        job(Group::Parts, "endpoints section", &format!("{program} facts endpoints"), (10, 1), endpoints),
        job(
            Group::Parts,
            "all rules over saved facts",
            &format!("{program} audit {json} --facts {facts}"),
            (20, 1),
            rules,
        ),
        job(
            Group::Parts,
            "deciding alone, 20 times",
            &format!("{} {facts}", root().join("target/release/examples/decide").display()),
            (5, 1),
            |output| format!("{:.1} ms each time, the median by its own clock", median_ms(output)),
        ),
        job(Group::Tls, "testssl.sh -p -E", &format!("{tls_room}{testssl} 127.0.0.1:{tls}"), (1, 0), none),
        job(
            Group::CleanRoot,
            "OpenSCAP",
            &format!("{chroot}{}", scap(format!("/{FOLDER}/ds.xml"))),
            (3, 0),
            oscap,
        ),
        job(
            Group::CleanRoot,
            "Lynis",
            &format!("{chroot}lynis audit system --quick --no-colors"),
            (1, 0),
            lynis,
        ),
        job(
            Group::Host,
            "OpenSCAP",
            &format!(
                "timeout {OPENSCAP_LIMIT} {}",
                scap(stage.root.join(FOLDER).join("ds.xml").display().to_string())
            ),
            (1, 0),
            oscap,
        ),
        job(Group::Host, "Lynis", "lynis audit system --quick --no-colors", (1, 0), lynis),
    ])
}

fn job(group: Group, name: &str, command: &str, runs: (usize, usize), count: fn(&str) -> String) -> Job {
    let command = command.split_whitespace().map(str::to_owned).collect();
    Job { name: name.to_owned(), group, command, runs: runs.0, warm_up: runs.1, count }
}

fn none(_: &str) -> String {
    "–".to_owned()
}

/// Rules decided, from a JSON report.
fn rules(output: &str) -> String {
    let report: Value = serde_json::from_str(output).unwrap_or_default();
    let findings = report.get("findings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut ids: Vec<&str> = findings.iter().filter_map(|finding| finding.get("rule")?.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let summary = |name: &str| report.pointer(&format!("/summary/{name}")).and_then(Value::as_u64).unwrap_or(0);
    format!(
        "{} rules, {} findings: {} pass, {} fail, {} unknown, {} not applicable",
        ids.len(),
        findings.len(),
        summary("pass"),
        summary("fail"),
        summary("unknown"),
        summary("not_applicable")
    )
}

fn lynis(output: &str) -> String {
    let count = output.lines().find_map(|line| line.trim().strip_prefix("Tests performed :"));
    format!("{} tests", count.map_or("?", str::trim))
}

fn oscap(output: &str) -> String {
    let results: Vec<&str> =
        output.lines().filter_map(|line| line.strip_prefix("Result")).map(str::trim).collect();
    let count = |result: &str| results.iter().filter(|found| **found == result).count();
    format!(
        "{} rules: {} pass, {} fail, {} error or unknown, {} not applicable or not checked",
        results.len(),
        count("pass"),
        count("fail"),
        count("error") + count("unknown"),
        count("notapplicable") + count("notchecked")
    )
}

fn ssh_audit(output: &str) -> String {
    let count =
        output.lines().filter(|line| ["(kex)", "(key)", "(enc)", "(mac)"].iter().any(|a| line.starts_with(a)));
    format!("{} algorithms", count.count())
}

fn sslscan(output: &str) -> String {
    let count =
        output.lines().filter(|line| line.starts_with("Accepted") || line.starts_with("Preferred")).count();
    format!("{count} suites")
}

/// The TLS suites that were found.
fn endpoints(output: &str) -> String {
    let facts: Value = serde_json::from_str(output).unwrap_or_default();
    let section = facts.pointer("/facts/endpoints").unwrap_or(&facts);
    let count = |name: &str| section.get(name).and_then(Value::as_array).map_or(0, Vec::len);
    let suites = section.pointer("/tls/0/suites").and_then(Value::as_array).map_or(0, Vec::len);
    format!("{} TLS server with {suites} suites, {} SSH server", count("tls"), count("ssh"))
}

/// What the walk over the files saw.
fn walk(output: &str) -> String {
    format!("{} files and directories", ballast::entries(output))
}

/// Milliseconds that deciding every rule took, a run a line: the median.
pub(crate) fn median_ms(output: &str) -> f64 {
    let times = output.lines().filter_map(|line| line.split(' ').next()?.parse().ok());
    median(&times.collect::<Vec<f64>>())
}

fn containers(output: &str) -> String {
    let facts: Value = serde_json::from_str(output).unwrap_or_default();
    let section = facts.pointer("/facts/docker").unwrap_or(&facts);
    let count = section.get("containers").and_then(Value::as_array).map_or(0, Vec::len);
    format!("{count} containers")
}
