//! Palisade side by side with its peers: `cargo xtask bench audit`.
//!
//! The machine is made for it and gone afterwards: the program starts itself again inside namespaces of its own, so
//! that every process and mount ends with it. The clean root is kept under `target/bench/` for the next time.

mod ballast;
mod chapter;
mod clean_root;
pub(crate) mod endpoints;
mod goals;
pub(crate) mod harden;
pub(crate) mod images;
mod jobs;
pub(crate) mod ledger;
mod process;
mod room;
pub(crate) mod server;
pub(crate) mod ssh;
mod stage;
mod table;

use std::fs;

use anyhow::{Result, bail};

use crate::run::{root, run as call};
use stage::Stage;

/// Where the results stand, from the root of the repository.
const RESULTS: &str = "docs/benchmarks.md";

/// The chapters that other benchmarks write.
const CHAPTERS: [&str; 6] =
    [harden::HEADING, ssh::HEADING, endpoints::HEADING, images::HEADING, server::HEADING, ledger::HEADING];

/// Prepares what needs the network, then measures inside namespaces of its own.
pub(crate) fn run(inside: bool) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("the benchmark starts servers, containers and namespaces: run it as root");
    }
    if inside {
        return measure();
    }
    call("cargo", &["build", "--release", "--locked", "--package", "palisade"], &[])?;
    call("cargo", &["build", "--release", "--locked", "--package", "policy", "--example", "decide"], &[])?;
    jobs::install()?;
    clean_root::prepare()?;
    let scratch = tempfile::Builder::new().prefix("palisade-bench-").tempdir()?;
    let own = std::env::current_exe()?.display().to_string();
    let scratch_path = scratch.path().display().to_string();
    call(
        "unshare",
        &[
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--propagation",
            "private",
            "--",
            &own,
            "bench",
            "audit",
            "--inside",
        ],
        &[("TMPDIR", &scratch_path)],
    )
}

fn measure() -> Result<()> {
    let stage = Stage::set()?;
    let facts = table::Machine::look(&stage)?;
    let mut results = Vec::new();
    for job in jobs::all(&stage)? {
        eprint!("{} ... ", job.name);
        let outcome = job.run()?;
        eprintln!("{:.3} s", process::median(&outcome.runs.wall));
        results.push(outcome);
        // The peers take minutes: what was measured stands on the page even if somebody ends the run.
        let path = root().join(RESULTS);
        let page = table::page(&facts, &results);
        let old = fs::read_to_string(&path).unwrap_or_default();
        // What is measured by itself is kept.
        let page = CHAPTERS
            .iter()
            .fold(page, |page, heading| chapter::with_chapter(&page, heading, chapter::kept(&old, heading)));
        fs::write(path, page)?;
    }
    stage.strike();
    println!("{}\nwritten to {RESULTS}", table::page(&facts, &results));
    Ok(())
}
