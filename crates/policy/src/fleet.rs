//! What the reports of several targets come to together.

use std::collections::BTreeMap;

use model::Timestamp;
use model::fleet::{FLEET_SCHEMA, Fleet, Member};
use model::report::{GuideReport, RequirementReport, Status, Summary, TargetKind, Tool};

use crate::content::Content;

/// Names that a reason lists; more are counted.
const NAMED: usize = 5;

/// Puts members together; the duration is left at 0. `kinds` are those of the members, in their order, where they are known
/// without a report: what would be decided on a target that could not be audited is unknown of all.
pub fn fleet(
    content: &Content,
    version: &str,
    started_at: Timestamp,
    targets: Vec<Member>,
    kinds: &[Option<TargetKind>],
) -> Fleet {
    let mut summary = Summary::default();
    for member in &targets {
        if let Some(report) = &member.report {
            summary.pass += report.summary.pass;
            summary.fail += report.summary.fail;
            summary.unknown += report.summary.unknown;
            summary.not_applicable += report.summary.not_applicable;
            summary.waived += report.summary.waived;
        }
    }
    let guides = guides(content, &targets, kinds);
    Fleet {
        schema: FLEET_SCHEMA.to_owned(),
        tool: Tool { name: "palisade".to_owned(), version: version.to_owned(), content: content.hash.clone() },
        started_at,
        duration_ms: 0,
        summary,
        targets,
        guides,
    }
}

/// Every guide that some report holds, its requirements in document order.
fn guides(content: &Content, targets: &[Member], kinds: &[Option<TargetKind>]) -> Vec<GuideReport> {
    let concern = |rules: &[String], kind: TargetKind| {
        rules.iter().any(|rule| content.rule(rule).is_some_and(|rule| rule.concerns(kind)))
    };
    let mut told: BTreeMap<&str, Vec<(&str, &RequirementReport, bool)>> = BTreeMap::new();
    for member in targets {
        let Some(report) = &member.report else { continue };
        let decides = |requirement: &RequirementReport| {
            requirement.rules.is_empty() || concern(&requirement.rules, report.target.kind)
        };
        for requirement in report.guides.iter().flat_map(|guide| &guide.requirements) {
            let told = told.entry(&requirement.id).or_default();
            told.push((&member.name, requirement, decides(requirement)));
        }
    }
    for told in told.values_mut() {
        // Where another kind of target decides, what the others say of it is only that they cannot.
        if told.iter().any(|(.., decides)| *decides) {
            told.retain(|(.., decides)| *decides);
        }
    }
    let missing: Vec<(&str, Option<TargetKind>)> = targets
        .iter()
        .enumerate()
        .filter(|(_, member)| member.report.is_none())
        .map(|(at, member)| (member.name.as_str(), kinds.get(at).copied().flatten()))
        .collect();
    let would_decide = |told: &[(&str, &RequirementReport, bool)]| -> Vec<&str> {
        let Some((_, requirement, _)) =
            told.first().filter(|(_, requirement, _)| !requirement.rules.is_empty())
        else {
            return Vec::new();
        };
        let concerned = |kind: Option<TargetKind>| kind.is_none_or(|kind| concern(&requirement.rules, kind));
        missing.iter().filter(|(_, kind)| concerned(*kind)).map(|(name, _)| *name).collect()
    };
    let together = content.guides.iter().map(|guide| GuideReport {
        id: guide.id.clone(),
        title: guide.title.clone(),
        requirements: guide
            .requirements
            .iter()
            .filter_map(|requirement| {
                let told = told.get(requirement.id.as_str())?;
                together(told, &would_decide(told))
            })
            .collect(),
    });
    together.filter(|guide| !guide.requirements.is_empty()).collect()
}

/// One requirement over the targets that it was asked of, and those of which nothing is known that might not meet it.
fn together(told: &[(&str, &RequirementReport, bool)], missing: &[&str]) -> Option<RequirementReport> {
    let mut status =
        told.iter().map(|(_, requirement, _)| requirement.status).min_by_key(|status| rank(*status))?;
    let of_status: Vec<_> = told.iter().filter(|(_, requirement, _)| requirement.status == status).collect();
    let first = of_status.first()?.1;
    let names: Vec<&str> = of_status.iter().map(|(name, ..)| *name).collect();
    let mut reason = match told {
        [_] => first.reason.clone(),
        _ if names.len() == told.len() => format!("on all {} targets: {}", told.len(), first.reason),
        _ => format!("on {} of {} targets ({}): {}", names.len(), told.len(), list(&names), first.reason),
    };
    if told.len() > 1 && matches!(status, Status::Met | Status::NotApplicable) {
        reason = format!("{status} on {} of {} targets", names.len(), told.len());
    }
    if !missing.is_empty() && rank(status) > rank(Status::Unknown) {
        status = Status::Unknown;
        reason = format!("not audited: {}; otherwise {reason}", list(missing));
    }
    Some(RequirementReport { status, reason, ..first.clone() })
}

/// The first names, and how many more there are.
fn list(names: &[&str]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut list = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    list
}

/// What decides of several states: the worst; what applies nowhere else only counts when it applies nowhere.
fn rank(status: Status) -> u8 {
    match status {
        Status::Unmet => 0,
        Status::Unknown => 1,
        Status::AttestationDue => 2,
        Status::Waived => 3,
        Status::Met => 4,
        Status::NotApplicable => 5,
    }
}

#[cfg(test)]
mod tests {
    use model::content::Level;

    use super::*;

    fn requirement(status: Status, reason: &str) -> RequirementReport {
        RequirementReport {
            id: "R-1".to_owned(),
            section: String::new(),
            title: String::new(),
            level: Level::Must,
            status,
            reason: reason.to_owned(),
            rules: Vec::new(),
        }
    }

    #[test]
    fn the_worst_target_decides_and_is_named() {
        let (met, unmet) = (requirement(Status::Met, "passed: a"), requirement(Status::Unmet, "1 failing: a"));
        let both = together(&[("one", &met, true), ("two", &unmet, true)], &[]).unwrap();
        assert_eq!(
            (both.status, both.reason.as_str()),
            (Status::Unmet, "on 1 of 2 targets (two): 1 failing: a")
        );
        let all = together(&[("one", &unmet, true), ("two", &unmet, true)], &[]).unwrap();
        assert_eq!(all.reason, "on all 2 targets: 1 failing: a");
        let only = together(&[("two", &unmet, true)], &[]).unwrap();
        assert_eq!(only.reason, "1 failing: a");
    }

    #[test]
    fn what_applies_nowhere_else_does_not_hide_what_is_met() {
        let (met, none) = (requirement(Status::Met, "passed: a"), requirement(Status::NotApplicable, "no ssh"));
        let both = together(&[("one", &none, true), ("two", &met, true)], &[]).unwrap();
        assert_eq!((both.status, both.reason.as_str()), (Status::Met, "met on 1 of 2 targets"));
    }

    #[test]
    fn a_target_that_could_not_be_audited_leaves_open_what_the_others_meet() {
        let (met, unmet) = (requirement(Status::Met, "passed: a"), requirement(Status::Unmet, "1 failing: a"));
        let one = together(&[("one", &met, true)], &["two"]).unwrap();
        assert_eq!(
            (one.status, one.reason.as_str()),
            (Status::Unknown, "not audited: two; otherwise passed: a")
        );
        let both = together(&[("one", &met, true), ("two", &met, true)], &["three"]).unwrap();
        assert_eq!(both.reason, "not audited: three; otherwise met on 2 of 2 targets");
        let worse = together(&[("one", &unmet, true)], &["two"]).unwrap();
        assert_eq!((worse.status, worse.reason.as_str()), (Status::Unmet, "1 failing: a"));
    }
}
