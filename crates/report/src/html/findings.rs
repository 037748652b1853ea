//! Findings, rule by rule: what was expected, seen and where, why it matters, how to mend it.

use maud::{Markup, html};
use model::Source;
use model::report::{Change, Evidence, Finding, Verdict};

use super::{Cx, prose, verdict};
use crate::evidence::{Group, by_rule, count, path, subject_of, value};
use crate::printable;
use crate::terminal::shorten;
use crate::undecided::Undecided;

/// Subjects that a rule lists; the JSON report has them all.
const SUBJECTS: usize = 200;
/// Facts shown of one subject.
const FACTS: usize = 30;
/// Characters shown of a value.
const VALUE: usize = 2_000;

/// What fails, worst first; what is critical stands open.
pub(super) fn failing(cx: &Cx<'_>) -> Markup {
    let groups = by_rule(cx.report, Verdict::Fail);
    html! {
        @if !groups.is_empty() {
            section #failing aria-labelledby="failing-h" {
                h2 #failing-h { "Failing" }
                @for group in &groups { (block(cx, group)) }
            }
        }
    }
}

/// What could not be decided, by what would decide it.
pub(super) fn undecided(cx: &Cx<'_>) -> Markup {
    let undecided = Undecided::of(cx.report);
    html! {
        @if cx.report.summary.unknown > 0 {
            section #undecided aria-labelledby="undecided-h" {
                h2 #undecided-h { "Undecided" }
                p { "Nobody knows whether these hold. Undecided is not passed." }
                @if !undecided.root.is_empty() {
                    h3 { "Running as root would decide " (count(undecided.root.len(), "finding")) }
                    pre { "sudo palisade audit" }
                    (blocks(cx, &undecided.root))
                }
                @if !undecided.declarations.is_empty() {
                    h3 { "The profile does not declare " (count(undecided.declarations.len(), "thing")) }
                    p { code { "palisade profile init" } " writes what the host has now. Or add what the site approves:" }
                    pre {
                        "declare:\n"
                        @for (name, wanted) in &undecided.declarations {
                            @if !wanted.about.is_empty() { "  # " (printable(wanted.about)) "\n" }
                            "  " (name) ": " (wanted.empty) "\n"
                        }
                    }
                    (blocks(cx, &undecided.undeclared))
                }
                @for cause in &undecided.others {
                    h3 { (printable(&shorten(&cause.text(), VALUE))) }
                    (blocks(cx, &cause.findings))
                }
            }
        }
    }
}

/// What somebody accepted, until when.
pub(super) fn waived(cx: &Cx<'_>) -> Markup {
    let groups = by_rule(cx.report, Verdict::Waived);
    html! {
        @if !groups.is_empty() {
            section #waived aria-labelledby="waived-h" {
                h2 #waived-h { "Waived" }
                p { "Failing, and accepted for a time." }
                @for group in &groups { (block(cx, group)) }
            }
        }
    }
}

/// All findings of one verdict, closed.
pub(super) fn others(cx: &Cx<'_>, wanted: Verdict, id: &str, title: &str) -> Markup {
    let groups = by_rule(cx.report, wanted);
    let heading = format!("{id}-h");
    html! {
        @if !groups.is_empty() {
            section id=(id) aria-labelledby=(heading) {
                h2 id=(heading) { (title) }
                @for group in &groups { (block(cx, group)) }
            }
        }
    }
}

/// The difference to the baseline.
pub(super) fn changes(cx: &Cx<'_>) -> Markup {
    let Some(changes) = &cx.report.changes else { return Markup::default() };
    let kinds = [("New", &changes.new), ("Mended", &changes.mended), ("Lost", &changes.lost)];
    html! {
        section #changes aria-labelledby="changes-h" {
            h2 #changes-h { "Changes since " (format!("{:.0}", changes.since)) }
            @if kinds.iter().all(|(_, list)| list.is_empty()) {
                p { "None: every verdict is as it was." }
            } @else {
                table.stack {
                    caption { "Findings whose verdict changed, and why" }
                    thead { tr { th scope="col" { "Change" } th scope="col" { "Finding" } th scope="col" { "Cause" } } }
                    tbody {
                        @for (kind, list) in kinds { @for change in list.iter() { (change_row(cx, kind, change)) } }
                    }
                }
            }
        }
    }
}

fn change_row(cx: &Cx<'_>, kind: &str, change: &Change) -> Markup {
    let badge = |state: Option<Verdict>| html! { @match state { Some(state) => (verdict(state)), None => "not there" } };
    html! {
        tr {
            th scope="row" { (kind) }
            td {
                p { (cx.rule(&change.rule)) @if change.subject != cx.report.target.name { " on " (printable(&change.subject)) } }
                p { (badge(change.before)) " to " (badge(change.after)) }
            }
            td { @for cause in &change.cause { p { code { (printable(&shorten(cause, VALUE))) } } } }
        }
    }
}

/// Blocks of findings that need not belong to one rule.
fn blocks(cx: &Cx<'_>, findings: &[&Finding]) -> Markup {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for finding in findings.iter().copied() {
        match groups.iter_mut().find(|group| group.first.rule == finding.rule) {
            Some(group) => group.findings.push(finding),
            None => groups.push(Group { findings: vec![finding], first: finding }),
        }
    }
    html! { @for group in &groups { (block(cx, group)) } }
}

/// One rule and the subjects that share its verdict.
fn block(cx: &Cx<'_>, group: &Group<'_>) -> Markup {
    let first = group.first;
    let open = first.verdict == Verdict::Fail && first.severity == model::Severity::Critical;
    let severity = match first.verdict {
        Verdict::Pass | Verdict::NotApplicable => None,
        _ => Some(first.severity),
    };
    let many = group.findings.len() > 1;
    let class = if many { "finding many" } else { "finding" };
    html! {
        details class=(class) id=[cx.anchor("rule", &first.rule)] open[open] {
            summary {
                @if let Some(severity) = severity { span class=(format!("severity {severity}")) { (severity) } }
                @else { (verdict(first.verdict)) }
                span.name { (printable(&first.title)) @if many { " (" (group.findings.len()) ")" } }
                code.rule { (printable(&first.rule)) }
            }
            dl {
                @if !first.expected.is_empty() { div { dt { "Expected" } dd { (printable(&first.expected)) } } }
                @for finding in group.findings.iter().take(SUBJECTS) { (subject(cx, finding, many)) }
                @if let Some(more @ 1..) = group.findings.len().checked_sub(SUBJECTS) {
                    div { dt { "And" } dd { (count(more, "more subject")) " in the JSON report" } }
                }
                @if !first.why.is_empty() { div { dt { "Why" } dd { (prose(&first.why)) } } }
                @if !first.remedy.is_empty() { div { dt { "Mend" } dd { (prose(&first.remedy)) } } }
                @if first.fix.is_some() { div { dt { "Or" } dd { code { "palisade harden --rule " (first.rule) } } } }
                @if !first.requirements.is_empty() {
                    div {
                        dt { "Asked by" }
                        dd {
                            @for (at, id) in first.requirements.iter().enumerate() {
                                @if at > 0 { ", " }
                                (cx.requirement(id))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn subject(cx: &Cx<'_>, finding: &Finding, many: bool) -> Markup {
    let named = if many { Some(finding.subject.as_str()) } else { subject_of(cx.report, finding) };
    html! {
        @if let Some(subject) = named { div { dt { "Subject" } dd { strong { (printable(subject)) } } } }
        @if !finding.reason.is_empty() && finding.waiver.is_none() {
            div { dt { "Reason" } dd { (printable(&finding.reason)) } }
        }
        @if let Some(waiver) = &finding.waiver {
            div {
                dt { "Waived" }
                dd {
                    "by " (printable(&waiver.owner)) " until " (printable(&waiver.expires))
                    " (" (count(usize::try_from(waiver.days_left).unwrap_or_default(), "day")) " left): "
                    (printable(&waiver.reason))
                }
            }
        }
        @if !finding.evidence.is_empty() {
            div {
                dt { "Seen" }
                dd {
                    ul.evidence { @for evidence in finding.evidence.iter().take(FACTS) { (fact(evidence)) } }
                    @if let Some(more @ 1..) = finding.evidence.len().checked_sub(FACTS) { p { "and " (count(more, "more fact")) } }
                }
            }
        }
    }
}

fn fact(evidence: &Evidence) -> Markup {
    html! {
        li {
            code { (printable(path(evidence))) } " = " code.value { (printable(&shorten(&value(evidence), VALUE))) }
            @if let Some(Source { at, excerpt, overridden }) = &evidence.source {
                p.at { (printable(at)) }
                @if let Some(excerpt) = excerpt { pre { (printable(&shorten(excerpt, VALUE))) } }
                @for place in overridden {
                    p.at { "overrides " (printable(&place.at)) ": " code { (printable(&shorten(&place.excerpt, VALUE))) } }
                }
            }
        }
    }
}
