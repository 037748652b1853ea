//! What was waived, what changed, and on request what passes and what does not apply.

use model::report::{Change, Report, Verdict};

use super::{LABELS, Page, failing, heading, shorten, style};
use crate::Options;
use crate::evidence::{by_rule, subject_of};

/// Causes that a change lists.
const CAUSES: usize = 4;
/// Characters of a cause.
const CAUSE: usize = 200;

/// The failures that somebody accepted, with the days that are left.
pub(super) fn waived(page: &mut Page, report: &Report) {
    let mut waived: Vec<_> = report.findings.iter().filter(|finding| finding.waiver.is_some()).collect();
    if waived.is_empty() {
        return;
    }
    waived.sort_by_key(|finding| finding.waiver.as_ref().map(|waiver| waiver.days_left));
    heading(page, style::PERSON, &format!("{} waived", waived.len()));
    for finding in waived {
        let Some(waiver) = &finding.waiver else { continue };
        let label = format!("{}[{}] ", finding.severity, finding.rule);
        let title = match subject_of(report, finding) {
            Some(subject) => format!("{}: {subject}", finding.title),
            None => finding.title.clone(),
        };
        page.hanging((style::PERSON, &label), (style::PLAIN, &title), 4);
        let days = match waiver.days_left {
            1 => "1 day left".to_owned(),
            days => format!("{days} days left"),
        };
        let style = if waiver.days_left <= 30 { style::UNSURE } else { style::PLAIN };
        page.field(LABELS, "until", style, &format!("{}, {days}", waiver.expires));
        page.field(LABELS, "by", style::PLAIN, &format!("{}: {}", waiver.owner, waiver.reason));
    }
}

/// The difference to the baseline.
pub(super) fn changes(page: &mut Page, report: &Report) {
    let Some(changes) = &report.changes else { return };
    let title = format!("changed since {:.0}", changes.since);
    heading(page, style::STRONG, &title);
    let kinds = [
        ("new", style::BAD, &changes.new),
        ("mended", style::GOOD, &changes.mended),
        ("lost", style::UNSURE, &changes.lost),
    ];
    if kinds.iter().all(|(_, _, list)| list.is_empty()) {
        page.indented(0, style::PLAIN, "Nothing: every verdict is as it was.");
    }
    for (kind, style, list) in kinds {
        for change in list {
            write_change(page, report, kind, style, change);
        }
    }
}

fn write_change(page: &mut Page, report: &Report, kind: &str, style: anstyle::Style, change: &Change) {
    let word = |verdict: Option<Verdict>| {
        verdict.map_or_else(|| "not there".to_owned(), |verdict| verdict.to_string())
    };
    let subject = match change.subject == report.target.name {
        true => String::new(),
        false => format!(" on {}", change.subject),
    };
    let text = format!("{}{subject}: {} -> {}", change.rule, word(change.before), word(change.after));
    let label = format!("{kind:>LABELS$}  ");
    page.hanging((style, &label), (style::PLAIN, &text), LABELS + 2);
    for cause in change.cause.iter().take(CAUSES) {
        page.field(LABELS, "", style::DIM, &shorten(cause, CAUSE));
    }
    let more = change.cause.len().saturating_sub(CAUSES);
    if more > 0 {
        page.field(LABELS, "", style::DIM, &format!("and {more} more"));
    }
}

/// Every pass with what it rests on.
pub(super) fn passing(page: &mut Page, report: &Report) {
    let groups = by_rule(report, Verdict::Pass);
    if groups.is_empty() {
        return;
    }
    heading(page, style::GOOD, &format!("{} pass", report.summary.pass));
    // Short: a pass needs no remedy, but what it rests on can be looked up.
    let short = Options::default();
    for group in groups {
        let label = format!("pass[{}] ", group.first.rule);
        page.hanging((style::GOOD, &label), (style::PLAIN, &group.first.title), 4);
        for finding in group.findings {
            if let Some(subject) = subject_of(report, finding) {
                page.field(LABELS, "subject", style::PLAIN, subject);
            }
            failing::facts(page, finding, &short);
        }
    }
}

/// Every rule that does not apply, with the reason.
pub(super) fn out_of_scope(page: &mut Page, report: &Report) {
    let groups = by_rule(report, Verdict::NotApplicable);
    if groups.is_empty() {
        return;
    }
    heading(page, style::DIM, &format!("{} not applicable", report.summary.not_applicable));
    for finding in groups.iter().flat_map(|group| &group.findings) {
        let label = format!("n/a[{}] ", finding.rule);
        page.hanging((style::DIM, &label), (style::PLAIN, &finding.title), 4);
        if !finding.reason.is_empty() {
            page.field(LABELS, "because", style::PLAIN, &finding.reason);
        }
        failing::facts(page, finding, &Options::default());
    }
}
