//! Every fix on a made-up machine: what fails passes after it, it is undone byte for byte, done twice it changes nothing,
//! and a process killed at any moment of it leaves a host that is wholly as before or wholly changed.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

mod cases;
mod faults;
mod harness;
mod journal;
mod kills;
mod playbook;
mod program;
mod real_accounts;
mod real_docker;
mod real_ledger;
mod real_ssh;
mod real_story;
mod real_system;
mod real_web;
mod snapshot;
mod undo;

use std::collections::BTreeSet;

use harness::{Host, content, mends};

#[test]
fn every_fix_mends_is_undone_and_is_done_once() {
    harness::for_each_case(harness::there_and_back);
    harness::count(harden::fixes::ALL.len(), "fixes");
    harness::count(
        cases::all().len(),
        "made-up machines on which a fix is made, judged, made again and undone",
    );
}

#[test]
fn every_fix_has_a_case_and_a_rule_and_every_rule_names_a_fix_that_takes_its_arguments() {
    let cases: BTreeSet<&str> = cases::all().iter().map(|case| case.fix).collect();
    let mut wrong = Vec::new();
    for fix in harden::fixes::ALL {
        if !cases.contains(fix.id) {
            wrong.push(format!("{} has no case", fix.id));
        }
        if !content().rules.iter().any(|rule| mends(&rule.rule, fix.id)) {
            wrong.push(format!("no rule names {}", fix.id));
        }
        for (what, text) in [("title", fix.title), ("changes", fix.changes), ("may break", fix.may_break)] {
            if text.is_empty() {
                wrong.push(format!("{} says nothing of: {what}", fix.id));
            }
        }
    }
    for rule in &content().rules {
        if let Some(fix) = policy::default_fix(&rule.rule)
            && let Err(error) = harden::fixes::check(&fix)
        {
            wrong.push(format!("{}: {error}", rule.rule.id));
        }
    }
    let ids: BTreeSet<&str> = harden::fixes::ALL.iter().map(|fix| fix.id).collect();
    assert_eq!(ids.len(), harden::fixes::ALL.len(), "two fixes have one id");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_plan_alone_changes_nothing() {
    for case in cases::all() {
        let host = Host::of(&case);
        let before = snapshot::take(host.root.path());
        host.plan(&case);
        assert_eq!(before, snapshot::take(host.root.path()), "{}", case.name);
    }
}
