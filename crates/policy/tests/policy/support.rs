//! A small world: one rule file, one guide, one facts document.

use std::collections::BTreeMap;

use model::profile::Profile;
use model::report::{Report, Target, TargetKind};
use model::{FactsDocument, Severity, Timestamp};
use policy::{Content, ContentFile, Inputs, Problem, decide};
use serde_json::Value;

pub(crate) const RULES: &str = r#"
- id: ssh.password-login-off
  title: SSH refuses password logins
  severity: high
  when: facts.ssh.server != null
  expect: facts.ssh.server.options.passwordauthentication == "no"
  expected: PasswordAuthentication no
  shows: [facts.ssh.server.options.passwordauthentication]
  why: A password can be guessed.
  remedy: Write `PasswordAuthentication no`.
  examples:
    pass: [{ssh: {server: {options: {passwordauthentication: "no"}}}}]
    fail: [{ssh: {server: {options: {passwordauthentication: "yes"}}}}]
    not_applicable: [{ssh: {server: null}}]
- id: docker.container-young
  title: Containers are rebuilt in time
  severity: medium
  each: facts.docker.containers as c
  when: c.running
  expect: age_days(c.created) <= params.max_days
  shows: [c.created, params.max_days]
  params: {max_days: {default: 30, about: "Days a container may live."}}
  why: Old containers keep old bugs.
  remedy: Rebuild it.
  examples: {pass: [], fail: []}
- id: net.listeners-declared
  title: Only approved services listen
  severity: low
  each: facts.listeners.sockets as s
  subject: s.name
  expect: s.name in declared.listeners
  shows: [s.name]
  why: What nobody approved nobody watches.
  remedy: Stop it or declare it.
  examples: {pass: [], fail: []}
"#;

pub(crate) const GUIDE: &str = r#"guide: test
title: A guide
requirements:
- id: T-1
  section: "1"
  level: must
  title: No passwords over SSH
  rules: [ssh.password-login-off]
- id: T-2
  section: "2"
  level: should
  title: Train people
  attest: {by: organisation, every: 12 months, evidence: list of names}
- id: T-3
  section: "3"
  level: must
  title: Back up
  role: self-managed
  service: {name: backup, does: daily backups}
- id: T-4
  section: "4"
  level: must
  title: Only for the vendor
  role: hosted
  rules: [docker.container-young]
- id: T-5
  section: "5"
  level: must
  title: Rebuild containers and train people
  rules: [docker.container-young]
  attest: {by: organisation, every: each update, evidence: list}
"#;

/// Content of the rule text and [`GUIDE`]; panics when there is anything wrong with it.
pub(crate) fn content(rules: &str) -> Content {
    let (content, problems) = load(rules, GUIDE);
    assert_eq!(problems, [], "{rules}");
    content
}

/// Content and what is wrong with it.
pub(crate) fn load(rules: &str, guide: &str) -> (Content, Vec<Problem>) {
    let declarations =
        "- {name: listeners, about: What may listen., from: \"facts.listeners.sockets.map(s, s.name)\"}\n";
    Content::load(&[
        ContentFile { path: "declarations/net.yaml".into(), text: declarations.into() },
        ContentFile { path: "guides/test.yaml".into(), text: guide.into() },
        ContentFile { path: "rules/test.yaml".into(), text: rules.into() },
    ])
}

/// A document of these facts.
pub(crate) fn document(facts: Value) -> FactsDocument {
    let target = Target { kind: TargetKind::Host, name: "edge".into(), id: "1".into() };
    let mut document = FactsDocument::new(target, now());
    document.facts = serde_json::from_value::<BTreeMap<_, _>>(facts).unwrap();
    document
}

pub(crate) fn now() -> Timestamp {
    "2026-06-15T12:00:00Z".parse().unwrap()
}

/// The report on `document` with `profile`.
pub(crate) fn report(content: &Content, document: &FactsDocument, profile: &Profile) -> Report {
    decide(&Inputs {
        content,
        document,
        profile,
        profile_path: "site.yaml",
        now: now(),
        version: "0",
        rules: &[],
        guides: &[],
        severity: Severity::Low,
    })
}

/// `rule subject verdict` of each finding, sorted.
pub(crate) fn verdicts(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report
        .findings
        .iter()
        .map(|finding| format!("{} {} {}", finding.rule, finding.subject, finding.verdict.as_str()))
        .collect();
    lines.sort();
    lines
}
