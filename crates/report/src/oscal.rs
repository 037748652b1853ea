//! OSCAL 1.1.3 assessment results for compliance tools.
//!
//! An observation for each finding, a finding for each requirement, a risk for each requirement that is unmet or
//! waived. OSCAL knows only `satisfied` and `not-satisfied`: whatever is not decided is not satisfied, and the
//! property `status` says what it is. Identifiers are version 5 UUIDs over stable names: the same target's next
//! report gives a requirement the same one.

use std::collections::BTreeMap;

use model::Report;
use model::report::{Evidence, Finding, GuideReport, ProbeStatus, RequirementReport, Status, Verdict};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::evidence::{path, seen, value};
use crate::json::to_text;
use crate::sarif::ended_at;
use crate::{Error, fingerprint, printable};

const VERSION: &str = "1.1.3";
/// The namespace of our properties.
const NS: &str = "https://palisade.invalid/ns/oscal";
/// The namespace of our UUIDs: version 5 of [`NS`] in the URL namespace.
const UUIDS: Uuid = Uuid::from_u128(0x036e_701b_32e8_5c1e_b44f_8848_b53e_ebcc);

/// The reports as assessment results, a result each. `missing` says which targets have none, and why.
pub(crate) fn write(title: &str, reports: &[&Report], missing: &[String]) -> Result<String, Error> {
    let all: Vec<Cx<'_>> = reports.iter().map(|report| Cx::new(report)).collect();
    let Some(cx) = all.first() else { return Err(Error::NoReport) };
    let report = cx.report;
    let title = line(title);
    let plan = cx.uuid(&["plan", &report.tool.content]);
    let started = all.iter().map(|cx| cx.started.as_str()).collect::<Vec<_>>().join(" ");
    let results: Vec<Value> = all
        .iter()
        .map(|cx| result(cx, &line(&format!("Palisade audit of {}", cx.report.target.name))))
        .collect();
    let ended = all.iter().map(|cx| cx.ended.as_str()).max();
    let mut document = json!({"assessment-results": {
        "uuid": cx.uuid(&["document", &started]),
        "metadata": {
            "title": title,
            "last-modified": ended,
            "version": line(&report.tool.version),
            "oscal-version": VERSION,
            "roles": [{"id": "assessor", "title": "Assessor"}],
            "parties": [{"uuid": cx.assessor, "type": "organization", "name": "Palisade"}],
            "responsible-parties": [{"role-id": "assessor", "party-uuids": [cx.assessor]}],
        },
        "import-ap": {"href": format!("#{plan}"), "remarks": "The plan is the content of rules and guides."},
        "results": results,
        "back-matter": {"resources": [{
            "uuid": plan,
            "title": "Rules and guides of Palisade",
            "description": "What was assessed: every rule and requirement that this report names.",
            "props": props(&[("content-sha256", &report.tool.content)]),
        }]},
    }});
    if let (false, Some(Value::Object(metadata))) =
        (missing.is_empty(), document.pointer_mut("/assessment-results/metadata"))
    {
        metadata.insert("remarks".to_owned(), json!(lines(&missing.join("\n"))));
    }
    to_text(&document)
}

/// What every part of the document needs.
struct Cx<'a> {
    report: &'a Report,
    started: String,
    ended: String,
    assessor: String,
    /// Observations by rule.
    observations: BTreeMap<&'a str, Vec<(&'a Finding, String)>>,
}

impl<'a> Cx<'a> {
    fn new(report: &'a Report) -> Self {
        let mut cx = Self {
            report,
            started: format!("{:.3}", report.started_at),
            ended: format!("{:.3}", ended_at(report)),
            assessor: Uuid::new_v5(&UUIDS, b"palisade").to_string(),
            observations: BTreeMap::new(),
        };
        for finding in &report.findings {
            let id = fingerprint(&report.target, &finding.rule, &finding.subject);
            let uuid = Uuid::new_v5(&UUIDS, format!("observation\0{id}\0{}", cx.started).as_bytes());
            cx.observations.entry(&finding.rule).or_default().push((finding, uuid.to_string()));
        }
        cx
    }

    /// A UUID over the target's id and `parts`.
    fn uuid(&self, parts: &[&str]) -> String {
        let target = &self.report.target;
        let id = if target.id.is_empty() { &target.name } else { &target.id };
        let name = format!("{id}\0{}", parts.join("\0"));
        Uuid::new_v5(&UUIDS, name.as_bytes()).to_string()
    }

    fn subject(&self, subject: &str) -> String {
        let own = subject == self.report.target.name || subject.is_empty();
        self.uuid(&["subject", if own { "" } else { subject }])
    }

    fn requirements(&self) -> impl Iterator<Item = (&'a GuideReport, &'a RequirementReport)> {
        let guides = &self.report.guides;
        guides.iter().flat_map(|guide| guide.requirements.iter().map(move |requirement| (guide, requirement)))
    }

    fn origins(&self) -> Value {
        json!([{"actors": [{"type": "party", "actor-uuid": self.assessor, "role-id": "assessor"}]}])
    }
}

fn result(cx: &Cx<'_>, title: &str) -> Value {
    let report = cx.report;
    let sum = &report.summary;
    let counts = [
        ("pass", sum.pass),
        ("fail", sum.fail),
        ("unknown", sum.unknown),
        ("not-applicable", sum.not_applicable),
        ("waived", sum.waived),
    ];
    let counts = counts.map(|(name, number)| (name, number.to_string()));
    let counts: Vec<(&str, &str)> = counts.iter().map(|(name, number)| (*name, number.as_str())).collect();
    let failed = report.probes.iter().filter(|probe| probe.status == ProbeStatus::Failed);
    let remarks: Vec<String> =
        failed.map(|probe| format!("probe {} failed: {}", line(&probe.name), line(&probe.reason))).collect();
    let mut result = json!({
        "uuid": cx.uuid(&["result", &cx.started]),
        "title": title,
        "description": line(&crate::terminal::verdict_line(report)),
        "start": cx.started,
        "end": cx.ended,
        "props": props(&counts),
        "local-definitions": {"inventory-items": inventory(cx)},
        "reviewed-controls": reviewed(cx),
    });
    let observations: Vec<Value> =
        cx.observations.values().flatten().map(|(finding, uuid)| observation(cx, finding, uuid)).collect();
    let risks: Vec<Value> = cx.requirements().filter_map(|(_, requirement)| risk(cx, requirement)).collect();
    let findings: Vec<Value> =
        cx.requirements().map(|(guide, requirement)| requirement_finding(cx, guide, requirement)).collect();
    if let Value::Object(map) = &mut result {
        put_list(map, "observations", observations);
        put_list(map, "risks", risks);
        put_list(map, "findings", findings);
        if !remarks.is_empty() {
            map.insert("remarks".to_owned(), json!(remarks.join("\n")));
        }
    }
    result
}

/// Everything that was judged: the target, and each subject on it.
fn inventory(cx: &Cx<'_>) -> Vec<Value> {
    let mut items = BTreeMap::from([(cx.subject(""), cx.report.target.name.as_str())]);
    for finding in &cx.report.findings {
        items.entry(cx.subject(&finding.subject)).or_insert(&finding.subject);
    }
    let own = cx.subject("");
    let item = |(uuid, name): (String, &str)| {
        let mut names = vec![("name", name)];
        if uuid == own && !cx.report.target.id.is_empty() {
            names.push(("asset-id", &cx.report.target.id));
        }
        json!({"uuid": uuid, "description": line(name), "props": props(&names)})
    };
    items.into_iter().map(item).collect()
}

/// All requirements of all guides, as controls and as the objectives that findings point to.
fn reviewed(cx: &Cx<'_>) -> Value {
    let ids = |key: &str| -> Vec<Value> {
        cx.requirements().map(|(_, requirement)| json!({key: token(&requirement.id)})).collect()
    };
    let controls = ids("control-id");
    if controls.is_empty() {
        return json!({"control-selections": [{"include-all": {}}]});
    }
    json!({
        "control-selections": [{"include-controls": controls}],
        "control-objective-selections": [{"include-objectives": ids("objective-id")}],
    })
}

fn observation(cx: &Cx<'_>, finding: &Finding, uuid: &str) -> Value {
    let subject = json!({
        "subject-uuid": cx.subject(&finding.subject),
        "type": "inventory-item",
        "title": line(&finding.subject),
    });
    let mut facts = vec![
        ("rule", finding.rule.as_str()),
        ("verdict", finding.verdict.as_str()),
        ("severity", finding.severity.as_str()),
    ];
    let id = fingerprint(&cx.report.target, &finding.rule, &finding.subject);
    facts.push(("fingerprint", &id));
    let mut observation = json!({
        "uuid": uuid,
        "title": line(&finding.title),
        "description": description(finding),
        "props": props(&facts),
        "methods": ["TEST"],
        "types": ["control-objective"],
        "origins": cx.origins(),
        "subjects": [subject],
        "collected": cx.started,
    });
    if let Value::Object(map) = &mut observation {
        put_list(map, "relevant-evidence", finding.evidence.iter().map(evidence).collect());
        if !finding.remedy.is_empty() {
            map.insert("remarks".to_owned(), json!(lines(&finding.remedy)));
        }
    }
    observation
}

fn description(finding: &Finding) -> String {
    let mut text = format!("{}: {} for {}.", finding.title, finding.verdict, finding.subject);
    if !finding.expected.is_empty() {
        text.push_str(&format!(" Expected: {}.", finding.expected));
    }
    if !finding.reason.is_empty() {
        text.push_str(&format!(" {}", finding.reason));
    }
    line(&text)
}

fn evidence(evidence: &Evidence) -> Value {
    let text = value(evidence);
    let mut facts = vec![("path", path(evidence)), ("value", text.as_str())];
    if let Some(source) = &evidence.source {
        facts.push(("source", &source.at));
        facts.extend(source.excerpt.iter().map(|excerpt| ("excerpt", excerpt.as_str())));
        facts.extend(source.overridden.iter().map(|place| ("overrides", place.at.as_str())));
    }
    json!({"description": line(&seen(evidence)), "props": props(&facts)})
}

/// The state of a requirement.
fn requirement_finding(cx: &Cx<'_>, guide: &GuideReport, requirement: &RequirementReport) -> Value {
    let (state, reason) = match requirement.status {
        Status::Met => ("satisfied", "pass"),
        Status::Unmet => ("not-satisfied", "fail"),
        Status::NotApplicable => ("satisfied", "other"),
        Status::Unknown | Status::AttestationDue | Status::Waived => ("not-satisfied", "other"),
    };
    let said =
        if requirement.reason.is_empty() { requirement.status.to_string() } else { requirement.reason.clone() };
    let mut target = json!({
        "type": "objective-id",
        "target-id": token(&requirement.id),
        "title": line(&requirement.title),
        "status": {"state": state, "reason": reason, "remarks": line(&said)},
    });
    if let (Status::NotApplicable, Value::Object(map)) = (requirement.status, &mut target) {
        map.insert(
            "implementation-status".to_owned(),
            json!({"state": "not-applicable", "remarks": line(&said)}),
        );
    }
    let level = requirement.level.to_string();
    let facts = [
        ("status", requirement.status.as_str().replace('_', "-")),
        ("level", level),
        ("guide", guide.id.clone()),
        ("section", requirement.section.clone()),
    ];
    let facts: Vec<(&str, &str)> = facts.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut finding = json!({
        "uuid": cx.uuid(&["finding", &requirement.id, &cx.started]),
        "title": line(&requirement.title),
        "description": line(&format!("{} {}: {said}", requirement.id, requirement.status)),
        "props": props(&facts),
        "origins": cx.origins(),
        "target": target,
    });
    if let Value::Object(map) = &mut finding {
        put_list(map, "related-observations", related(cx, requirement, |_| true));
        if is_risk(requirement) {
            let risk = json!({"risk-uuid": risk_uuid(cx, requirement)});
            map.insert("related-risks".to_owned(), json!([risk]));
        }
    }
    finding
}

fn related(cx: &Cx<'_>, requirement: &RequirementReport, wanted: fn(Verdict) -> bool) -> Vec<Value> {
    let of_rules = requirement.rules.iter().filter_map(|rule| cx.observations.get(rule.as_str())).flatten();
    let wanted = of_rules.filter(|(finding, _)| wanted(finding.verdict));
    wanted.map(|(_, uuid)| json!({"observation-uuid": uuid})).collect()
}

fn is_risk(requirement: &RequirementReport) -> bool {
    matches!(requirement.status, Status::Unmet | Status::Waived)
}

/// A risk keeps its identifier from report to report, so that it can be followed.
fn risk_uuid(cx: &Cx<'_>, requirement: &RequirementReport) -> String {
    cx.uuid(&["risk", &requirement.id])
}

/// What follows from a requirement that is not met.
fn risk(cx: &Cx<'_>, requirement: &RequirementReport) -> Option<Value> {
    if !is_risk(requirement) {
        return None;
    }
    let status = if requirement.status == Status::Waived { "deviation-approved" } else { "open" };
    let causes: Vec<&Finding> = requirement
        .rules
        .iter()
        .filter_map(|rule| cx.observations.get(rule.as_str()))
        .flatten()
        .map(|(finding, _)| *finding)
        .filter(|finding| matches!(finding.verdict, Verdict::Fail | Verdict::Waived))
        .collect();
    let mut statements: Vec<String> =
        causes.iter().map(|finding| lines(&finding.why)).filter(|why| !why.is_empty()).collect();
    statements.dedup();
    if statements.is_empty() {
        statements.push(line(&requirement.reason));
    }
    let worst = causes.iter().map(|finding| finding.severity).max();
    let mut risk = json!({
        "uuid": risk_uuid(cx, requirement),
        "title": line(&format!("{} is {}", requirement.id, requirement.status)),
        "description": line(&format!("{}: {}", requirement.title, requirement.reason)),
        "statement": statements.join("\n"),
        "status": status,
        "origins": cx.origins(),
    });
    if let Value::Object(map) = &mut risk {
        if let Some(worst) = worst {
            map.insert("props".to_owned(), props(&[("severity", worst.as_str())]));
        }
        let waivers: Vec<Value> = causes
            .iter()
            .filter_map(|finding| finding.waiver.as_ref().map(|waiver| (finding, waiver)))
            .map(|(finding, waiver)| {
                let id = fingerprint(&cx.report.target, &finding.rule, &finding.subject);
                let text = format!("waived by {} until {}: {}", waiver.owner, waiver.expires, waiver.reason);
                json!({"uuid": cx.uuid(&["waiver", &requirement.id, &id]), "description": line(&text)})
            })
            .collect();
        put_list(map, "mitigating-factors", waivers);
        let bad = |verdict| matches!(verdict, Verdict::Fail | Verdict::Waived);
        put_list(map, "related-observations", related(cx, requirement, bad));
    }
    Some(risk)
}

/// OSCAL has no empty lists: a list without members is left out.
fn put_list(map: &mut Map<String, Value>, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        map.insert(key.to_owned(), Value::Array(list));
    }
}

/// Properties in our namespace.
fn props(values: &[(&str, &str)]) -> Value {
    values.iter().map(|(name, value)| json!({"name": name, "ns": NS, "value": line(value)})).collect()
}

/// One line without blanks at its ends and not empty: what OSCAL asks of titles and plain strings.
fn line(text: &str) -> String {
    let text = printable(text);
    let text = text.trim();
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

/// Prose, whose line ends are meant.
fn lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// An OSCAL token: a letter or `_` first, then letters, digits, `-`, `_` and `.`.
fn token(id: &str) -> String {
    let mut token: String = id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' })
        .collect();
    if !token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        token.insert(0, '_');
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_tokens() {
        assert_eq!(token("TSS-3.2.7"), "TSS-3.2.7");
        assert_eq!(token("3.2 a"), "_3.2_a");
        assert_eq!(token(""), "_");
    }

    #[test]
    fn titles_are_never_empty_and_one_line() {
        assert_eq!(line(" \n"), "\\n");
        assert_eq!(line("  "), "-");
    }
}
