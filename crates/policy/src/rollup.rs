//! From findings to requirements: whether the target meets each statement of a guide.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use model::content::{Guide, Requirement, ServiceStatus};
use model::profile::Attestation;
use model::report::{Finding, GuideReport, RequirementReport, Status, TargetKind, Verdict};

use crate::decide::Inputs;

/// Rules of this subject are about Palisade's own server. Where none runs something else must provide what it would, so that
/// they leave a requirement as it is without them.
const OWN: &str = "palisade";

/// How long an attestation holds that is due on events and names no end.
const EVENT_MONTHS: i64 = 12;

/// Findings by their rule, with their places in the report.
pub(crate) struct ByRule<'a>(BTreeMap<&'a str, Vec<(usize, &'a Finding)>>);

impl<'a> ByRule<'a> {
    /// Sorts findings by rule.
    pub(crate) fn new(findings: &'a [Finding]) -> Self {
        let mut by_rule: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (place, finding) in findings.iter().enumerate() {
            by_rule.entry(&finding.rule).or_default().push((place, finding));
        }
        Self(by_rule)
    }

    /// The findings of these rules in the order of the report.
    fn of(&self, rules: &[String]) -> Vec<&'a Finding> {
        let mut mine: Vec<_> = rules.iter().filter_map(|rule| self.0.get(rule.as_str())).flatten().collect();
        mine.sort_by_key(|(place, _)| *place);
        mine.dedup_by_key(|(place, _)| *place);
        mine.into_iter().map(|(_, finding)| *finding).collect()
    }
}

/// One guide with the state of its requirements; none when nothing of it concerns this kind of target.
///
/// Of a host every requirement is told, decided by rules or not. Of any other target only those are that one of its
/// rules can decide: what an organisation must attest is not said again for every server and file.
pub(crate) fn guide(guide: &Guide, findings: &ByRule<'_>, inputs: &Inputs<'_>) -> Option<GuideReport> {
    let kind = inputs.document.target.kind;
    let concerns = |rule: &String| inputs.content.rule(rule).is_some_and(|rule| rule.concerns(kind));
    let requirements: Vec<_> = guide
        .requirements
        .iter()
        .filter(|requirement| kind.facts().is_empty() || requirement.rules.iter().any(concerns))
        .map(|requirement| {
            let (status, reason) = state(requirement, findings, inputs);
            RequirementReport {
                id: requirement.id.clone(),
                section: requirement.section.clone(),
                title: requirement.title.clone(),
                level: requirement.level,
                status,
                reason,
                rules: requirement.rules.clone(),
            }
        })
        .collect();
    let (id, title) = (guide.id.clone(), guide.title.clone());
    (!requirements.is_empty()).then_some(GuideReport { id, title, requirements })
}

fn state(requirement: &Requirement, findings: &ByRule<'_>, inputs: &Inputs<'_>) -> (Status, String) {
    if let Some(role) = requirement.role
        && role != inputs.profile.role
    {
        let reason = format!("binds a {role} platform; this one is {}", inputs.profile.role);
        return (Status::NotApplicable, reason);
    }
    if let Some(least) = requirement.assurance
        && inputs.profile.assurance < least
    {
        let reason = format!(
            "concerns assurance class {least:?} and above; the profile says {:?}",
            inputs.profile.assurance
        );
        return (Status::NotApplicable, reason.to_lowercase());
    }
    let attested = attested(requirement, inputs);
    let is_without_server = inputs.document.facts.get(OWN).is_some_and(serde_json::Value::is_null);
    let is_own = |rule: &str| rule.split_once('.').is_some_and(|(subject, _)| subject == OWN);
    let rules: Vec<String> =
        requirement.rules.iter().filter(|rule| !(is_without_server && is_own(rule))).cloned().collect();
    if rules.is_empty() {
        return undecided_by_rules(requirement, attested);
    }
    let kind = inputs.document.target.kind;
    let concerning = |kind: TargetKind| {
        let of_kind = |rule: &String| inputs.content.rule(rule).is_some_and(|rule| rule.concerns(kind));
        rules.iter().any(of_kind)
    };
    if !concerning(kind) {
        let kinds: Vec<String> =
            TargetKind::ALL.iter().filter(|kind| concerning(**kind)).map(|kind| kind.to_string()).collect();
        return match attested {
            Some(by) => (Status::Met, by),
            None => (Status::Unknown, format!("decided on a target of another kind: {}", kinds.join(", "))),
        };
    }
    let mine = findings.of(&rules);
    let (status, reason) = by_rules(&mine);
    let left_out: Vec<&str> = rules
        .iter()
        .filter(|rule| inputs.content.rule(rule).is_some_and(|rule| rule.concerns(kind)))
        .map(String::as_str)
        .filter(|rule| !findings.0.contains_key(*rule))
        .collect();
    // A run that was asked for some of the rules knows of what fails, and of nothing that is met.
    if !mine.is_empty() && !left_out.is_empty() && !matches!(status, Status::Unmet | Status::Unknown) {
        let reason = format!("{reason}; not asked for in this run: {}", left_out.join(", "));
        return (Status::Unknown, reason);
    }
    // What rules decide well may still need a person's word.
    match (status, &requirement.attest, attested) {
        (Status::Met, Some(attest), None) => {
            (Status::AttestationDue, format!("{reason}; {attest} (no attestation in force)"))
        }
        (Status::Met, Some(_), Some(by)) => (Status::Met, format!("{reason}; {by}")),
        (status, ..) => (status, reason),
    }
}

fn undecided_by_rules(requirement: &Requirement, attested: Option<String>) -> (Status, String) {
    if let Some(by) = attested {
        return (Status::Met, by);
    }
    if let Some(service) = &requirement.service
        && (service.status == ServiceStatus::Planned || requirement.attest.is_none())
    {
        let until = if service.status == ServiceStatus::Planned { "until then " } else { "" };
        let reason = format!("{service}; {until}attest it in the profile when something else provides it");
        return (Status::Unknown, reason);
    }
    match (&requirement.attest, &requirement.none) {
        (Some(attest), _) => (Status::AttestationDue, format!("{attest} (no attestation in force)")),
        (None, Some(reason)) => (Status::NotApplicable, reason.clone()),
        (None, None) => (Status::Unknown, "nothing decides it".to_owned()),
    }
}

fn by_rules(mine: &[&Finding]) -> (Status, String) {
    let count = |verdict: Verdict| mine.iter().filter(|finding| finding.verdict == verdict).count();
    let names = |verdict: Verdict| {
        let mut names: Vec<&str> = Vec::new();
        for finding in mine.iter().filter(|finding| finding.verdict == verdict) {
            if !names.contains(&finding.rule.as_str()) {
                names.push(&finding.rule);
            }
        }
        names.join(", ")
    };
    if count(Verdict::Fail) > 0 {
        let failing = count(Verdict::Fail);
        return (Status::Unmet, format!("{failing} failing: {}", names(Verdict::Fail)));
    }
    if count(Verdict::Unknown) > 0 {
        return (Status::Unknown, format!("not decided: {}", names(Verdict::Unknown)));
    }
    if count(Verdict::Waived) > 0 {
        return (Status::Waived, format!("accepted: {}", names(Verdict::Waived)));
    }
    if count(Verdict::Pass) > 0 {
        return (Status::Met, format!("passed: {}", names(Verdict::Pass)));
    }
    if count(Verdict::NotApplicable) > 0 {
        return (
            Status::NotApplicable,
            format!("none of its rules applies: {}", names(Verdict::NotApplicable)),
        );
    }
    (Status::Unknown, "its rules were not asked for in this run".to_owned())
}

/// Who attests the requirement, when an attestation is in force.
fn attested(requirement: &Requirement, inputs: &Inputs<'_>) -> Option<String> {
    let today = today(inputs.now);
    let period = requirement.attest.as_ref().map_or("", |attest| attest.every.as_str());
    let in_force = |attestation: &&Attestation| {
        attestation.requirement == requirement.id
            && attestation.date <= today
            && end(attestation, period).is_some_and(|end| end >= today)
    };
    let attestation =
        inputs.profile.attestations.iter().filter(in_force).max_by_key(|attestation| attestation.date)?;
    let end = end(attestation, period)?;
    Some(format!(
        "attested by {} on {} until {end}: {}",
        attestation.by, attestation.date, attestation.evidence
    ))
}

/// The last day an attestation holds.
fn end(attestation: &Attestation, period: &str) -> Option<Date> {
    let span = period_of(period).unwrap_or_else(|| Span::new().months(EVENT_MONTHS));
    let latest = attestation.date.checked_add(span).ok()?;
    // An end of its own may shorten the period, never lengthen it beyond what the guide allows.
    Some(attestation.expires.map_or(latest, |expires| expires.min(latest)))
}

/// `12 months`, `7 days`; none for events such as `each update`.
fn period_of(text: &str) -> Option<Span> {
    let (number, unit) = text.split_once(' ')?;
    let number: i64 = number.parse().ok().filter(|number| (1..=1200).contains(number))?;
    match unit.trim_end_matches('s') {
        "day" => Some(Span::new().days(number)),
        "week" => Some(Span::new().weeks(number)),
        "month" => Some(Span::new().months(number)),
        "year" => Some(Span::new().years(number)),
        _ => None,
    }
}

/// The date of `now`, UTC.
pub(crate) fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}
