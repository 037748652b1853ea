//! What the ledger takes: `cargo xtask bench ledger`. Appends, proofs under load, searches and an archive to verify, on both databases.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use test_support::Postgres;

use super::RESULTS;
use super::chapter::with_chapter;
use super::goals::Goals;
use crate::run::{output, root, run as call};

/// The heading of the chapter.
pub(crate) const HEADING: &str = "\n## The ledger\n";

/// Entries in the ledger.
const ENTRIES: u32 = 1_000_000;

/// The program that loads a ledger and prints a figure a line.
const LOAD: &str = "ledger_load";

const APPENDS: f64 = 10_000.0;
const PROOF_LIMIT: f64 = 1000.0;
const VERIFY_LIMIT: f64 = 10.0;
const SEARCH_LIMIT: f64 = 100.0;

/// Measures and writes the chapter.
pub(crate) fn run() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("the benchmark starts PostgreSQL as its own account: run it as root");
    }
    let build =
        ["build", "--release", "--locked", "--package", "server", "--features", "bench", "--example", LOAD];
    call("cargo", &build, &[])?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let program = target.join("release/examples").join(LOAD);
    let mut text = format!(
        "{HEADING}\nMade by `cargo xtask bench ledger`: {ENTRIES} entries of a thousand users over 180 days, appended 250 at a time by \
         four tasks:\none half as fast as it goes, the other at a pace of a little more than 10,000 a second while others ask for proofs of what\nis \
         appended. Every batch is on disk before it counts. The archive is verified as `palisade ledger verify` does it. Two cores, the database on them too.\n\n\
         | what | database | median | longest |\n|---|---|---|---|\n"
    );
    let mut goals = Goals::new();
    let postgres = Postgres::start();
    for (name, database) in [("SQLite", None), ("PostgreSQL", Some(postgres.database()))] {
        one(&program, name, database, &mut text, &mut goals)?;
    }
    text.push_str(goals.table());
    let path = root().join(RESULTS);
    let page = fs::read_to_string(&path)?;
    fs::write(&path, with_chapter(&page, HEADING, &text))?;
    println!("{text}\nwritten to {RESULTS}");
    Ok(())
}

/// Everything on one database; none: SQLite, in a directory of its own.
fn one(
    program: &Path,
    name: &str,
    database: Option<String>,
    text: &mut String,
    goals: &mut Goals,
) -> Result<()> {
    call("sync", &[], &[])?;
    let directory = tempfile::Builder::new().prefix("palisade-bench-").tempdir()?;
    let file = directory.path().join("palisade.db").display().to_string();
    let url = database.unwrap_or_else(|| format!("sqlite://{file}?mode=rwc"));
    let archive = directory.path().join("ledger.tar").display().to_string();
    let entries = ENTRIES.to_string();
    let arguments = [url.as_str(), &directory.path().display().to_string(), &entries, &archive];
    let said = output(&program.display().to_string(), &arguments)?;
    let figures: BTreeMap<&str, f64> = said
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(figure, value)| Some((figure, value.parse().ok()?)))
        .collect();
    let figure = |what: &str| figures.get(what).copied().with_context(|| format!("no `{what}` in {said}"));
    for (what, figure_name) in
        [("an entry has its proof, at that pace", "proof"), ("a user's entries of a week", "search")]
    {
        text.push_str(&format!(
            "| {what} | {name} | {:.1} ms | {:.1} ms |\n",
            figure(&format!("{figure_name}-median"))?,
            figure(&format!("{figure_name}-longest"))?
        ));
    }
    let (rate, fastest) = (figure("sustained")?, figure("fastest")?);
    let mut goal = |what: &str, measured: String, met: bool| goals.add(name, what, &measured, met);
    goal(
        &format!("{APPENDS:.0} appends a second or more, all durable"),
        format!("{rate:.0}/s sustained, {fastest:.0}/s at most"),
        rate >= APPENDS,
    );
    let proof = figure("proof-longest")?;
    goal("an entry has its proof within 1 s", format!("{proof:.0} ms at most"), proof <= PROOF_LIMIT);
    let verify = figure("verify")?;
    goal(
        &format!("verifying {ENTRIES} entries: under {VERIFY_LIMIT:.0} s"),
        format!("{verify:.1} s"),
        verify < VERIFY_LIMIT,
    );
    let search = figure("search-longest")?;
    goal(
        &format!("a user and a week among {ENTRIES}: under {SEARCH_LIMIT:.0} ms"),
        format!("{search:.1} ms at most"),
        search < SEARCH_LIMIT,
    );
    Ok(())
}
