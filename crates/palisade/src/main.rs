//! The command line: arguments in, calls, text out, exit code.
#![forbid(unsafe_code)]

mod args;
mod audit;
mod config;
mod content;
mod explain;
mod facts;
mod fixes;
mod glossary;
mod guides;
mod harden;
mod input;
mod inventory;
mod ledger;
mod output;
mod profile;
mod ready;
mod sbom;
mod serve;
mod target;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.command {
        Command::Up(up) => serve::up(up),
        Command::Serve(args) => serve::serve(args),
        Command::Auditor => serve::auditor::run(),
        Command::Audit(audit) => audit::run(audit),
        Command::Facts(facts) => facts::run(facts),
        Command::Harden(harden) => harden::run(harden),
        Command::Fixes(fixes) => fixes::run(fixes),
        Command::Sbom(sbom) => sbom::run(sbom),
        Command::Explain(explain) => explain::run(explain),
        Command::Guides(guides) => guides::run_guides(guides),
        Command::Rules(rules) => guides::run_rules(rules),
        Command::Content(content) => content::run(content),
        Command::Profile(profile) => profile::run(profile),
        Command::Config(config) => config::run(config),
        Command::Ready(file) => ready::run(file),
        Command::Verify(args) => verify::run(args),
        Command::Ledger(args) => ledger::run(args),
        Command::Completions { shell } => output::completions(*shell),
        Command::Man => output::man_page(),
    };
    output::end(result)
}
