//! SARIF 2.1.0 for code scanning services: a result for each finding.
//!
//! A failing finding is a `fail` whose level comes from its severity; unknown is `open`, so that no viewer takes
//! it for a pass. Fingerprints name rule, subject and target, never lines: a moved line is the same alert.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use model::report::{Change, Evidence, Finding, ProbeStatus, Verdict};
use model::{Report, Severity};
use serde_json::{Map, Value, json};

use crate::evidence::seen;
use crate::json::to_text;
use crate::location::{location, uri_path};
use crate::{Error, fingerprint, printable};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// The base of all file places: the target's root directory.
const ROOT: &str = "TARGETROOT";

/// A run for each report.
pub(crate) fn write(reports: &[&Report]) -> Result<String, Error> {
    let runs: Vec<Value> = reports.iter().map(|report| run(report)).collect();
    to_text(&json!({"$schema": SCHEMA, "version": "2.1.0", "runs": runs}))
}

fn run(report: &Report) -> Value {
    let rules: BTreeMap<&str, &Finding> = first_of_each_rule(report);
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, rule)| (*rule, at)).collect();
    let baseline = Baseline::of(report);
    let mut results: Vec<Value> =
        report.findings.iter().map(|finding| result(report, finding, &index, baseline.as_ref())).collect();
    results.extend(gone(report));
    json!({
        "tool": {"driver": {
            "name": "Palisade",
            "version": plain(&report.tool.version),
            "semanticVersion": plain(&report.tool.version),
            "rules": rules.values().map(|finding| rule(finding)).collect::<Vec<_>>(),
            "properties": {"content": plain(&report.tool.content)},
        }},
        "automationDetails": {"id": format!("palisade/{}/", uri_path(&report.target.name))},
        "originalUriBaseIds": {ROOT: {
            "uri": "file:///",
            "description": {"text": format!("root directory of {}", printable(&report.target.name))},
        }},
        "invocations": [invocation(report)],
        "columnKind": "unicodeCodePoints",
        "results": results,
    })
}

fn first_of_each_rule(report: &Report) -> BTreeMap<&str, &Finding> {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in &report.findings {
        let first = rules.entry(&finding.rule).or_insert(finding);
        // A pass carries neither why nor remedy; a failing finding of the same rule does.
        if first.remedy.is_empty() && !finding.remedy.is_empty() {
            *first = finding;
        }
    }
    rules
}

fn rule(finding: &Finding) -> Value {
    let mut rule = json!({
        "id": plain(&finding.rule),
        "shortDescription": {"text": plain(&finding.title)},
        "defaultConfiguration": {"level": level(finding.severity)},
        "properties": {
            "tags": tags(finding),
            "security-severity": security_severity(finding.severity),
        },
    });
    if let Value::Object(map) = &mut rule {
        for (key, text) in [("fullDescription", &finding.why), ("help", &finding.remedy)] {
            if !text.is_empty() {
                map.insert(key.to_owned(), json!({"text": lines(text)}));
            }
        }
    }
    rule
}

/// What services filter by; SARIF wants each tag once.
fn tags(finding: &Finding) -> Vec<String> {
    let mut tags = vec!["security".to_owned()];
    for id in &finding.requirements {
        let tag = plain(id);
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

fn result(
    report: &Report,
    finding: &Finding,
    index: &BTreeMap<&str, usize>,
    baseline: Option<&Baseline<'_>>,
) -> Value {
    let (kind, level) = match finding.verdict {
        Verdict::Fail | Verdict::Waived => ("fail", level(finding.severity)),
        Verdict::Pass => ("pass", "none"),
        Verdict::Unknown => ("open", "none"),
        Verdict::NotApplicable => ("notApplicable", "none"),
    };
    let mut result = Map::new();
    result.insert("ruleId".to_owned(), json!(plain(&finding.rule)));
    result.insert("ruleIndex".to_owned(), json!(index.get(finding.rule.as_str())));
    result.insert("kind".to_owned(), json!(kind));
    result.insert("level".to_owned(), json!(level));
    result.insert("message".to_owned(), json!({"text": message(finding)}));
    result.insert("locations".to_owned(), json!(locations(report, finding)));
    result.insert("partialFingerprints".to_owned(), fingerprints(report, &finding.rule, &finding.subject));
    if let Some(waiver) = &finding.waiver {
        let justification = format!("{} (by {} until {})", waiver.reason, waiver.owner, waiver.expires);
        let accepted =
            json!({"kind": "external", "status": "accepted", "justification": plain(&justification)});
        result.insert("suppressions".to_owned(), json!([accepted]));
    } else {
        // An empty list says "not suppressed" where other results of the run are.
        result.insert("suppressions".to_owned(), json!([]));
    }
    if let Some(baseline) = baseline {
        result.insert("baselineState".to_owned(), json!(baseline.state(finding)));
    }
    result.insert(
        "properties".to_owned(),
        json!({
            "subject": plain(&finding.subject),
            "severity": finding.severity.as_str(),
            "verdict": finding.verdict.as_str(),
        }),
    );
    Value::Object(result)
}

/// What was decided about what, and on what evidence.
fn message(finding: &Finding) -> String {
    let verdict = match finding.verdict {
        Verdict::Pass => "holds",
        Verdict::Fail => "does not hold",
        Verdict::Unknown => "could not be decided",
        Verdict::NotApplicable => "does not apply",
        Verdict::Waived => "does not hold, and is waived",
    };
    let mut text = format!("{}: {verdict} for {}", finding.title, finding.subject);
    if !finding.reason.is_empty() {
        text.push_str(&format!(" ({})", finding.reason));
    }
    text.push('.');
    if matches!(finding.verdict, Verdict::Fail | Verdict::Waived) && !finding.expected.is_empty() {
        text.push_str(&format!(" Expected: {}.", finding.expected));
    }
    let facts: Vec<String> = finding.evidence.iter().take(8).map(seen).collect();
    if !facts.is_empty() {
        text.push_str(&format!(" Seen: {}.", facts.join("; ")));
    }
    plain(&text)
}

/// The files and lines behind a finding; the target itself when it rests on none.
fn locations(report: &Report, finding: &Finding) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut places: Vec<Value> = finding
        .evidence
        .iter()
        .filter(|evidence| evidence.source.as_ref().is_some_and(|source| seen.insert(source.at.clone())))
        .filter_map(|evidence| place(finding, evidence))
        .collect();
    if places.is_empty() {
        let name = format!("{}/{}", printable(&report.target.name), printable(&finding.subject));
        places.push(json!({"logicalLocations": [logical(finding, &name)]}));
    }
    places
}

fn place(finding: &Finding, evidence: &Evidence) -> Option<Value> {
    let source = evidence.source.as_ref()?;
    let Some(at) = location(&source.at) else {
        return Some(json!({"logicalLocations": [logical(finding, &plain(&source.at))]}));
    };
    let mut physical = json!({"artifactLocation": {
        "uri": uri_path(at.path.trim_start_matches('/')),
        "uriBaseId": ROOT,
    }});
    if let (Some(line), Value::Object(map)) = (at.line, &mut physical) {
        let mut region = json!({"startLine": line});
        if let (Some(column), Value::Object(region)) = (at.column, &mut region) {
            region.insert("startColumn".to_owned(), json!(column));
        }
        if let (Some(excerpt), Value::Object(region)) = (&source.excerpt, &mut region) {
            region.insert("snippet".to_owned(), json!({"text": plain(excerpt)}));
        }
        map.insert("region".to_owned(), region);
    }
    Some(json!({
        "physicalLocation": physical,
        "logicalLocations": [logical(finding, &plain(&evidence.path))],
    }))
}

fn logical(finding: &Finding, name: &str) -> Value {
    json!({"name": plain(&finding.subject), "fullyQualifiedName": name, "kind": "resource"})
}

fn fingerprints(report: &Report, rule: &str, subject: &str) -> Value {
    json!({"palisadeFinding/v1": fingerprint(&report.target, rule, subject)})
}

fn invocation(report: &Report) -> Value {
    let notifications: Vec<Value> = report
        .probes
        .iter()
        .filter(|probe| matches!(probe.status, ProbeStatus::Failed | ProbeStatus::Partial))
        .map(|probe| {
            let level = if probe.status == ProbeStatus::Failed { "error" } else { "warning" };
            let text = format!("probe {}: {}", printable(&probe.name), printable(&probe.reason));
            json!({"level": level, "message": {"text": text}})
        })
        .collect();
    json!({
        "executionSuccessful": true,
        "startTimeUtc": format!("{:.3}", report.started_at),
        "endTimeUtc": format!("{:.3}", ended_at(report)),
        "machine": plain(&report.target.name),
        "toolExecutionNotifications": notifications,
    })
}

/// When the run ended.
pub(crate) fn ended_at(report: &Report) -> Timestamp {
    let took = SignedDuration::from_millis(i64::try_from(report.duration_ms).unwrap_or(i64::MAX));
    report.started_at.checked_add(took).unwrap_or(report.started_at)
}

/// What the changes say of each finding that is still there.
struct Baseline<'a> {
    new: BTreeSet<(&'a str, &'a str)>,
    updated: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Baseline<'a> {
    fn of(report: &'a Report) -> Option<Self> {
        let changes = report.changes.as_ref()?;
        let key = |change: &'a Change| (change.rule.as_str(), change.subject.as_str());
        let all = || changes.new.iter().chain(&changes.mended).chain(&changes.lost);
        Some(Self {
            new: all().filter(|change| change.before.is_none()).map(key).collect(),
            updated: all().filter(|change| change.before.is_some()).map(key).collect(),
        })
    }

    fn state(&self, finding: &Finding) -> &'static str {
        let key = (finding.rule.as_str(), finding.subject.as_str());
        if self.new.contains(&key) {
            "new"
        } else if self.updated.contains(&key) {
            "updated"
        } else {
            "unchanged"
        }
    }
}

/// Results for findings that the baseline had and this report has not.
fn gone(report: &Report) -> Vec<Value> {
    let Some(changes) = &report.changes else { return Vec::new() };
    let all = changes.new.iter().chain(&changes.mended).chain(&changes.lost);
    all.filter(|change| change.after.is_none())
        .map(|change| {
            let text = format!("Gone since the baseline: {}. {}", change.subject, change.cause.join("; "));
            json!({
                "ruleId": plain(&change.rule),
                "kind": "notApplicable",
                "level": "none",
                "message": {"text": plain(&text)},
                "baselineState": "absent",
                "partialFingerprints": fingerprints(report, &change.rule, &change.subject),
                "suppressions": [],
            })
        })
        .collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// The number by which code scanning services sort; the middle of each CVSS band.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    }
}

fn plain(text: &str) -> String {
    printable(text).into_owned()
}

/// Our own prose, whose line ends are meant.
fn lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}
