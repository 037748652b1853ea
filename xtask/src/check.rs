//! The tests, and everything that is checked besides.

use anyhow::Result;

use crate::run::{root, run, succeeds};
use crate::{setup, tidy};

/// The version of cargo-deny that `check` was written for.
const DENY: &str = "0.20.2";

/// Sets up and runs every test.
pub(crate) fn test(args: &[String]) -> Result<()> {
    setup::run()?;
    let venv = root().join(setup::VENV).display().to_string();
    let mut all = vec!["test", "--workspace", "--locked", "--no-fail-fast"];
    all.extend(args.iter().map(String::as_str));
    run("cargo", &all, &[("PALISADE_TEST_VENV", &venv)])
}

/// Formatting, lints, docs, dependencies, tidiness.
pub(crate) fn check() -> Result<()> {
    run("cargo", &["fmt", "--all", "--check"], &[])?;
    tidy::run()?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"];
    run("cargo", &clippy, &[])?;
    let doc = ["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"];
    run("cargo", &doc, &[("RUSTDOCFLAGS", "--deny warnings")])?;
    if !succeeds("cargo", &["deny", "--version"]) {
        run("cargo", &["install", "--locked", "cargo-deny", "--version", DENY], &[])?;
    }
    // Builds fetch what this machine needs; licences are those of every platform.
    run("cargo", &["fetch", "--locked"], &[])?;
    // Advisories need a database from elsewhere; whoever has it runs `cargo deny check advisories`.
    run("cargo", &["deny", "--offline", "--locked", "check", "bans", "licenses", "sources"], &[])?;
    println!("check: all good");
    Ok(())
}
