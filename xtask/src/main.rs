//! Work on the repository itself: set-up of what tests need, tests, checks, generated docs, benchmarks.
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program works on the repository, not on a target"
)]

mod bench;
mod check;
mod docs;
mod reliability;
mod run;
mod setup;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask setup        install what the tests need (as root), or say what is missing
cargo xtask test [ARGS]  set up, then run every test (ARGS go to cargo test)
cargo xtask check        fmt, clippy, docs, deny, tidy
cargo xtask docs         write the generated files of docs/
cargo xtask tidy         what no other tool checks
cargo xtask bench audit  run Palisade side by side with its peers
cargo xtask bench harden measure plans, applying and undoing
cargo xtask bench images measure reading images
cargo xtask bench ssh    measure an audit over SSH beside one from inside
cargo xtask bench endpoints   ask a hundred servers, and one beside sslscan
cargo xtask bench server      ask the Management System for pages, and flood its login
cargo xtask bench ledger      load the ledger, search it and verify it
cargo xtask reliability  run what proves that hardening can be undone, and count it
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    match run_task(&task, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "xtask {task}: {}",
                error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
            );
            ExitCode::FAILURE
        }
    }
}

fn run_task(task: &str, rest: &[String]) -> Result<()> {
    match (task, rest.first().map(String::as_str)) {
        ("setup", None) => setup::run(),
        ("test", _) => check::test(rest),
        ("check", None) => check::check(),
        ("docs", None) => docs::run(),
        ("tidy", None) => tidy::run(),
        ("reliability", None) => reliability::run_tests(),
        ("bench", Some("harden")) => bench::harden::run(),
        ("bench", Some("images")) => bench::images::run(),
        ("bench", Some("ssh")) => bench::ssh::run(),
        ("bench", Some("ledger")) => bench::ledger::run(),
        ("bench", Some("server")) => bench::server::run(),
        ("bench", Some("endpoints")) => bench::endpoints::run(),
        ("bench", Some("audit")) => bench::run(rest.get(1).is_some_and(|flag| flag == "--inside")),
        _ => {
            print!("{HELP}");
            if !matches!(task, "" | "help" | "--help") {
                bail!("there is no task `{task}`");
            }
            Ok(())
        }
    }
}
