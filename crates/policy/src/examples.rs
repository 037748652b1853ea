//! Running a rule's examples: facts documents with the verdict they must get.

use std::collections::BTreeMap;

use model::FactsDocument;
use model::Timestamp;
use model::report::{Target, TargetKind, Verdict};
use serde_json::{Map, Value};

use crate::cel::Engine;
use crate::decide::Judge;
use crate::rules::CompiledRule;

/// Keys of an example that are not sections of facts.
pub(crate) const RESERVED: [&str; 3] = ["declared", "params", "now"];

/// The verdict an example stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Pass,
    Fail,
    Unknown,
    NotApplicable,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// Whether the verdicts are those the example stands for.
    pub(crate) fn fits(self, verdicts: &[Verdict]) -> bool {
        match self {
            Self::Pass => !verdicts.is_empty() && verdicts.iter().all(|verdict| *verdict == Verdict::Pass),
            Self::Fail => verdicts.contains(&Verdict::Fail),
            Self::Unknown => verdicts.contains(&Verdict::Unknown),
            Self::NotApplicable => verdicts == [Verdict::NotApplicable],
        }
    }
}

/// All examples of a rule with what they stand for, in the order of the file.
pub(crate) fn all(rule: &CompiledRule) -> Vec<(Kind, usize, &Value)> {
    let examples = &rule.rule.examples;
    [
        (Kind::Pass, &examples.pass),
        (Kind::Fail, &examples.fail),
        (Kind::Unknown, &examples.unknown),
        (Kind::NotApplicable, &examples.not_applicable),
    ]
    .into_iter()
    .flat_map(|(kind, list)| list.iter().enumerate().map(move |(index, example)| (kind, index, example)))
    .collect()
}

/// The verdicts of `rule` on one example, and the reasons of those that are neither pass nor fail.
pub(crate) fn run(
    engine: &Engine,
    rule: &CompiledRule,
    example: &Value,
) -> Result<(Vec<Verdict>, String), String> {
    let Value::Object(example) = example else { return Err("an example is a map of sections".to_owned()) };
    let now = match example.get("now") {
        None => Timestamp::UNIX_EPOCH,
        Some(now) => now
            .as_str()
            .and_then(|now| now.parse().ok())
            .ok_or("`now` is not an RFC 3339 time, such as \"2026-01-01T00:00:00Z\"")?,
    };
    let target = Target { kind: TargetKind::Host, name: "example".to_owned(), id: String::new() };
    let mut document = FactsDocument::new(target, now);
    document.facts = example
        .iter()
        .filter(|(key, _)| !RESERVED.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect::<BTreeMap<_, _>>();
    let declared = example.get("declared").cloned().unwrap_or_else(|| Value::Object(Map::new()));
    let mut params: Map<String, Value> =
        rule.rule.params.iter().map(|(name, param)| (name.clone(), param.default.clone())).collect();
    if let Some(Value::Object(changed)) = example.get("params") {
        params.extend(changed.clone());
    }
    let params = Value::Object(params);
    let judge = Judge {
        rule,
        document: &document,
        content: None,
        declared: &declared,
        params: &params,
        requirements: &[],
    };
    let mut scope = engine.scope(now);
    rule.bind_shared(&mut scope, &document, &declared);
    let findings = judge.findings(&scope);
    let reasons: Vec<&str> =
        findings.iter().map(|finding| finding.reason.as_str()).filter(|reason| !reason.is_empty()).collect();
    Ok((findings.iter().map(|finding| finding.verdict).collect(), reasons.join("; ")))
}
