//! Facts that the program read, decided with the rules in it and compared with a table of verdicts.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;
use std::sync::LazyLock;

use model::profile::Profile;
use model::report::{Finding, Verdict};
use model::{FactsDocument, Severity};
use policy::{Content, Inputs, decide, embedded};
use serde_json::Value;

static CONTENT: LazyLock<Content> = LazyLock::new(|| Content::load(&embedded()).0);

/// The program under test.
pub(crate) const PALISADE: &str = env!("CARGO_BIN_EXE_palisade");

/// Opens a room and gives what each `look` in the script saw.
pub(crate) fn looks(script: &str) -> Vec<FactsDocument> {
    documents(test_support::room(PALISADE, script))
}

/// The documents that each `look` in a room printed.
pub(crate) fn documents(output: Output) -> Vec<FactsDocument> {
    let texts = test_support::looks(output);
    texts
        .iter()
        .map(|text| serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}")))
        .collect()
}

/// The findings on one state of one host.
pub(crate) struct Verdicts {
    name: &'static str,
    findings: Vec<Finding>,
}

impl Verdicts {
    /// Decides every rule. `declared` is what the site approved.
    pub(crate) fn new(name: &'static str, document: &FactsDocument, declared: Value) -> Self {
        let profile = Profile { declare: serde_json::from_value(declared).unwrap(), ..Profile::default() };
        let report = decide(&Inputs {
            content: &CONTENT,
            document,
            profile: &profile,
            profile_path: "site.yaml",
            now: document.collected_at,
            version: "",
            rules: &[],
            guides: &[],
            severity: Severity::Low,
        });
        Self::of(name, report.findings)
    }

    /// The findings of a report.
    pub(crate) fn of(name: &'static str, findings: Vec<Finding>) -> Self {
        // A predicate that met a value it cannot compare is a mistake of ours.
        let broken = findings.iter().filter(|finding| finding.reason.contains("no matching overload"));
        assert_eq!(broken.map(|finding| (&finding.rule, &finding.reason)).next(), None, "{name}");
        Self { name, findings }
    }

    /// The findings with this verdict.
    pub(crate) fn with(&self, verdict: Verdict) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.verdict == verdict)
    }

    /// The worst verdict of a rule over its subjects; `none` when there is no finding.
    pub(crate) fn worst(&self, rule: &str) -> &'static str {
        assert!(CONTENT.rules.iter().any(|known| known.rule.id == rule), "there is no rule {rule}");
        let concerned = self.findings.iter().filter(|finding| finding.rule == rule);
        concerned.map(|finding| finding.verdict).max_by_key(|verdict| weight(*verdict)).map_or("none", word)
    }

    /// Compares with a table: lines of a verdict, a rule, and optionally a part of the subject's name. Without a subject
    /// the worst verdict over all subjects counts. `none` means that there is no finding with such a subject.
    pub(crate) fn are(&self, table: &str) {
        let mut differing = Vec::new();
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, ' ').map(str::trim);
            let expected = words.next().unwrap();
            let rule = words.next().unwrap_or_else(|| panic!("{line}"));
            let subject = words.next().unwrap_or_default();
            assert!(CONTENT.rules.iter().any(|known| known.rule.id == rule), "there is no rule {rule}");
            let concerned: Vec<&Finding> = self
                .findings
                .iter()
                .filter(|finding| finding.rule == rule && finding.subject.contains(subject))
                .collect();
            let worst = concerned.iter().map(|finding| finding.verdict).max_by_key(|verdict| weight(*verdict));
            if worst.map_or("none", word) != expected {
                let seen: Vec<String> = concerned
                    .iter()
                    .map(|finding| {
                        format!(
                            "{} [{}] {} {}",
                            word(finding.verdict),
                            finding.subject,
                            finding.reason,
                            evidence(finding)
                        )
                    })
                    .collect();
                differing.push(format!("{line}\n    {}", seen.join("\n    ")));
            }
        }
        assert!(differing.is_empty(), "{}: expected, and seen:\n{}", self.name, differing.join("\n"));
    }
}

fn evidence(finding: &Finding) -> String {
    serde_json::to_string(&finding.evidence).unwrap().chars().take(400).collect()
}

fn weight(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 3,
        Verdict::Unknown => 2,
        Verdict::Pass => 1,
        _ => 0,
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail => "fail",
        Verdict::Unknown => "unknown",
        Verdict::Pass => "pass",
        _ => "n/a",
    }
}

/// Every rule whose id begins so is passed by one of the states and failed by another, but for those listed with the
/// reason why it cannot be shown.
pub(crate) fn assert_all_shown(prefix: &str, states: &[&Verdicts], not_shown: &[(&str, &str)]) {
    let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for finding in states.iter().flat_map(|state| &state.findings) {
        seen.entry(&finding.rule).or_default().insert(word(finding.verdict));
    }
    let excused: BTreeMap<&str, &str> = not_shown.iter().copied().collect();
    let mut missing = Vec::new();
    for rule in CONTENT.rules.iter().map(|rule| rule.rule.id.as_str()).filter(|id| id.starts_with(prefix)) {
        let verdicts = seen.remove(rule).unwrap_or_default();
        let shown = verdicts.contains("pass") && verdicts.contains("fail");
        if shown == excused.contains_key(rule) {
            missing.push(format!("{rule}: {verdicts:?}{}", if shown { ", and yet excused" } else { "" }));
        }
    }
    assert!(missing.is_empty(), "rules that are not both passed and failed:\n{}", missing.join("\n"));
}
