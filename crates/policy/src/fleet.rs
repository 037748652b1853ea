//! What the reports of several targets come to together.

use std::collections::BTreeMap;

use model::Timestamp;
use model::fleet::{FLEET_SCHEMA, Fleet, Member};
use model::report::{GuideReport, RequirementReport, Status, Summary, Tool};

use crate::content::Content;

/// Names that a reason lists; more are counted.
const NAMED: usize = 5;

/// Puts members together; the duration is left at 0.
pub fn fleet(content: &Content, version: &str, started_at: Timestamp, targets: Vec<Member>) -> Fleet {
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
    let guides = guides(content, &targets);
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
fn guides(content: &Content, targets: &[Member]) -> Vec<GuideReport> {
    let mut told: BTreeMap<&str, Vec<(&str, &RequirementReport, bool)>> = BTreeMap::new();
    for member in targets {
        let Some(report) = &member.report else { continue };
        let decides = |requirement: &RequirementReport| {
            let concerns =
                |rule: &String| content.rule(rule).is_some_and(|rule| rule.concerns(report.target.kind));
            requirement.rules.is_empty() || requirement.rules.iter().any(concerns)
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
    let together = content.guides.iter().map(|guide| GuideReport {
        id: guide.id.clone(),
        title: guide.title.clone(),
        requirements: guide
            .requirements
            .iter()
            .filter_map(|requirement| together(told.get(requirement.id.as_str())?))
            .collect(),
    });
    together.filter(|guide| !guide.requirements.is_empty()).collect()
}

/// One requirement over the targets that it was asked of.
fn together(told: &[(&str, &RequirementReport, bool)]) -> Option<RequirementReport> {
    let status =
        told.iter().map(|(_, requirement, _)| requirement.status).min_by_key(|status| rank(*status))?;
    let of_status: Vec<_> = told.iter().filter(|(_, requirement, _)| requirement.status == status).collect();
    let first = of_status.first()?.1;
    let names: Vec<&str> = of_status.iter().map(|(name, ..)| *name).collect();
    let mut reason = match told {
        [_] => first.reason.clone(),
        _ if names.len() == told.len() => format!("on all {} targets: {}", told.len(), first.reason),
        _ => {
            let more = names.len().saturating_sub(NAMED);
            let mut list = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            if more > 0 {
                list.push_str(&format!(" and {more} more"));
            }
            format!("on {} of {} targets ({list}): {}", names.len(), told.len(), first.reason)
        }
    };
    if told.len() > 1 && matches!(status, Status::Met | Status::NotApplicable) {
        reason = format!("{status} on {} of {} targets", names.len(), told.len());
    }
    Some(RequirementReport { status, reason, ..first.clone() })
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
        let both = together(&[("one", &met, true), ("two", &unmet, true)]).unwrap();
        assert_eq!(
            (both.status, both.reason.as_str()),
            (Status::Unmet, "on 1 of 2 targets (two): 1 failing: a")
        );
        let all = together(&[("one", &unmet, true), ("two", &unmet, true)]).unwrap();
        assert_eq!(all.reason, "on all 2 targets: 1 failing: a");
        let only = together(&[("two", &unmet, true)]).unwrap();
        assert_eq!(only.reason, "1 failing: a");
    }

    #[test]
    fn what_applies_nowhere_else_does_not_hide_what_is_met() {
        let (met, none) = (requirement(Status::Met, "passed: a"), requirement(Status::NotApplicable, "no ssh"));
        let both = together(&[("one", &none, true), ("two", &met, true)]).unwrap();
        assert_eq!((both.status, both.reason.as_str()), (Status::Met, "met on 1 of 2 targets"));
    }
}
