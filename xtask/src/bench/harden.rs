//! What hardening takes: `cargo xtask bench harden`. Its chapter of the results stands beside those of the audit.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::chapter::with_chapter;
use super::process::{Runs, measure, median};
use super::{RESULTS, clean_root};
use crate::run::{output, root, run as call};

/// The heading of the chapter.
pub(crate) const HEADING: &str = "\n## Hardening\n";

/// Milliseconds that a plan may take beyond an audit.
const PLAN_LIMIT: f64 = 200.0;

/// How often the longer ones run, each time on a tree of their own.
const RUNS: usize = 5;

/// Measures on a copy of the clean root, and writes the chapter.
pub(crate) fn run() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("the benchmark works on the tree of a Debian: run it as root");
    }
    call("cargo", &["build", "--release", "--locked", "--package", "palisade"], &[])?;
    clean_root::prepare()?;
    let scratch = tempfile::Builder::new().prefix("palisade-bench-").tempdir()?;
    let program = root().join("target/release/palisade").display().to_string();
    let tree = scratch.path().join("tree").display().to_string();
    copy(&tree)?;
    let command = |args: &str| -> Vec<String> {
        let words = args.split_whitespace().map(str::to_owned);
        std::iter::once(program.clone()).chain(words).chain(["--root".to_owned(), tree.clone()]).collect()
    };
    let audit = measure(&command("audit --format json --fail-on never"), RUNS * 2, 1)?;
    let planned = measure(&command("harden --all --format json"), RUNS * 2, 1)?;
    let before = listing(&tree)?;
    let (mut applied, mut undone) = (Runs::default(), Runs::default());
    for _ in 0..RUNS {
        add(&mut applied, measure(&command("harden --all --apply --yes"), 1, 0)?);
        add(&mut undone, measure(&command("harden undo --yes"), 1, 0)?);
        if listing(&tree)? != before {
            bail!("an undo left {tree} different; nothing was written");
        }
    }
    let plan: Value = serde_json::from_str(&planned.output).context("the plan is no JSON")?;
    let report: Value = serde_json::from_str(&audit.output).context("the report is no JSON")?;
    let chapter = chapter(&plan, &report, [&audit, &planned, &applied, &undone]);
    let path = root().join(RESULTS);
    let page = fs::read_to_string(&path)?;
    fs::write(&path, with_chapter(&page, HEADING, &chapter))?;
    println!("{chapter}\nwritten to {RESULTS}");
    Ok(())
}

/// Puts a copy of the clean root there.
pub(crate) fn copy(tree: &str) -> Result<()> {
    let from = clean_root::place().display().to_string();
    fs::create_dir_all(tree)?;
    call("cp", &["-a", "--one-file-system", &format!("{from}/."), tree], &[])
}

/// Every path with its kind, permissions, owner and size.
fn listing(tree: &str) -> Result<String> {
    let own = Path::new(tree).join("var/lib/palisade-harden").display().to_string();
    let format = "%P %M %U %G %s %l\n";
    let paths = output(
        "find",
        &[
            tree,
            "-path",
            &own,
            "-prune",
            "-o",
            "-type",
            "d",
            "-printf",
            "%P %M %U %G\n",
            "-o",
            "-printf",
            format,
        ],
    )?;
    let mut lines: Vec<&str> = paths.lines().collect();
    lines.sort_unstable();
    Ok(lines.join("\n"))
}

fn add(runs: &mut Runs, more: Runs) {
    runs.wall.extend(more.wall);
    runs.cpu.extend(more.cpu);
    runs.peak.extend(more.peak);
}

fn chapter(plan: &Value, report: &Value, [audit, planned, applied, undone]: [&Runs; 4]) -> String {
    let count = |name: &str| plan.get(name).and_then(Value::as_array).map_or(0, Vec::len);
    let fixes = plan.get("fixes").and_then(Value::as_array).cloned().unwrap_or_default();
    let mended: usize = fixes.iter().filter_map(|fix| fix.get("mends")?.as_array()).map(Vec::len).sum();
    let failing = report.pointer("/summary/fail").and_then(Value::as_u64).unwrap_or(0);
    let mut text = format!(
        "{HEADING}\nMade by `cargo xtask bench harden` (as root) on a copy of the clean root that does not run: {failing} \
         failing findings,\nof which a plan of {} fixes mends {mended}, in {} files. Each apply looks at the tree again \
         afterwards, and each undo\ngave the tree from before.\n\n\
         | what | runs | wall s: median (min–max) | processor s | peak MiB |\n|---|---|---|---|---|\n",
        fixes.len(),
        count("files"),
    );
    let rows = [
        ("palisade audit", audit),
        ("palisade harden --all (the plan, with its audit)", planned),
        ("palisade harden --all --apply --yes (two audits, plan, apply)", applied),
        ("palisade harden undo --yes", undone),
    ];
    for (name, runs) in rows {
        let wall = &runs.wall;
        let (least, most) = wall.iter().fold((f64::MAX, 0.0_f64), |(low, high), s| (low.min(*s), high.max(*s)));
        text.push_str(&format!(
            "| {name} | {} | {:.3} ({least:.3}–{most:.3}) | {:.2} | {:.0} |\n",
            wall.len(),
            median(wall),
            median(&runs.cpu),
            runs.peak.iter().fold(0.0_f64, |high, mib| high.max(*mib)),
        ));
    }
    let beyond = (median(&planned.wall) - median(&audit.wall)) * 1000.0;
    let met = if beyond < PLAN_LIMIT { "yes" } else { "**no**" };
    text.push_str(&format!(
        "\n| target | measured | met |\n|---|---|---|\n\
         | the plan beyond the audit: under {PLAN_LIMIT:.0} ms | {beyond:.0} ms | {met} |\n"
    ));
    text
}
