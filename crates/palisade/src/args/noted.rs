//! Every command, and which event of the ledger tells of what it does.

use std::collections::BTreeSet;

use clap::{Command, CommandFactory as _};
use ledger::Kind;

use super::Args;

/// Commands that change this host or a Management System: what `harden` does is left for the ledger of the host's server, the rest is
/// noted by the server that is started or asked.
const CHANGES: &[(&str, &[Kind])] = &[
    ("harden", &[Kind::HostHardened]),
    ("harden confirm", &[Kind::HostConfirmed]),
    ("harden recover", &[Kind::HostRestored]),
    ("harden undo", &[Kind::HostRestored]),
    ("harden watch", &[Kind::HostRestored]),
    ("ledger export", &[Kind::LedgerExported]),
    ("serve", &[Kind::ServerStarted, Kind::ServerStopped, Kind::ConfigurationChanged]),
    ("up", &[Kind::ServerStarted, Kind::ServerStopped, Kind::ConfigurationChanged, Kind::AuditKept]),
];

/// Commands that look, or write a file that whoever calls them names.
const LOOKS: &[&str] = &[
    "audit",
    "auditor",
    "completions",
    "config check",
    "config example",
    "config reference",
    "config show",
    "content check",
    "explain",
    "facts",
    "fixes",
    "guides",
    "harden history",
    "harden report",
    "harden status",
    "ledger list",
    "ledger verify",
    "ledger verify-proof",
    "man",
    "profile init",
    "ready",
    "rules",
    "sbom",
    "verify",
];

/// The commands that do something, by their full names.
fn commands(of: &Command, name: &str, found: &mut BTreeSet<String>) {
    let mut below = of.get_subcommands().filter(|below| below.get_name() != "help").peekable();
    // A command with others below it does something of its own where it can be called without them.
    if below.peek().is_none() || !of.is_subcommand_required_set() {
        found.insert(name.to_owned());
    }
    for one in below {
        commands(one, format!("{name} {}", one.get_name()).trim(), found);
    }
}

#[test]
fn every_command_that_changes_something_has_its_event() {
    let mut found = BTreeSet::new();
    commands(&Args::command(), "", &mut found);
    let changes = CHANGES.iter().map(|(name, _)| *name);
    let known: BTreeSet<String> = changes.chain(LOOKS.iter().copied()).map(str::to_owned).collect();
    assert_eq!(found, known, "say of each command whether it changes something, and which event tells of it");
    assert_eq!(CHANGES.len() + LOOKS.len(), known.len(), "a command stands in both lists");
    assert!(CHANGES.iter().all(|(_, events)| !events.is_empty()));
}
