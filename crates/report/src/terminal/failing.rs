//! What fails: a block for each rule, worst first.

use model::report::{Evidence, Finding, Report, Verdict};
use model::{Severity, Source};

use super::{LABELS, Page, heading, shorten, style};
use crate::Options;
use crate::evidence::{Group, by_rule, count, seen, subject_of};

/// Rules that are shown in full, worst first: what a person can take in at once.
const BLOCKS: usize = 24;
/// Subjects that a block lists before it says how many more there are.
const SUBJECTS: usize = 5;
/// Facts that a block shows of one subject.
const FACTS: usize = 6;
/// Requirements that a block names.
const REQUIREMENTS: usize = 8;
/// Characters of a value or excerpt.
const VALUE: usize = 160;

/// Writes the section, unless nothing fails.
pub(super) fn write(page: &mut Page, report: &Report, options: &Options) {
    let groups = by_rule(report, Verdict::Fail);
    if groups.is_empty() {
        return;
    }
    heading(page, style::BAD, &format!("{} fail", report.summary.fail));
    let (shown, low): (Vec<_>, Vec<_>) =
        groups.iter().partition(|group| options.verbose || group.first.severity > Severity::Low);
    let blocks = if options.verbose { usize::MAX } else { BLOCKS };
    for group in shown.iter().take(blocks) {
        block(page, report, group, options);
        page.gap();
    }
    let brief: Vec<_> = shown.iter().skip(blocks).collect();
    if !brief.is_empty() {
        let text = format!(
            "{} in brief; palisade audit --verbose shows them in full:",
            count(brief.len(), "more rule")
        );
        page.indented(0, style::STRONG, &text);
        brief.iter().for_each(|group| one_line(page, report, group));
        page.gap();
    }
    if !low.is_empty() {
        let findings: usize = low.iter().map(|group| group.findings.len()).sum();
        let rules: Vec<&str> = low.iter().map(|group| group.first.rule.as_str()).collect();
        let label = format!("low: {} not shown in full: ", count(findings, "finding"));
        let names = format!("{} (palisade audit --verbose)", rules.join(", "));
        page.hanging((style::severity(Severity::Low), &label), (style::PLAIN, &names), 4);
    }
}

/// A rule in brief: its title, and what it fails on.
fn one_line(page: &mut Page, report: &Report, group: &Group<'_>) {
    let first = group.first;
    let label = format!("  {:<8} {}: ", first.severity.as_str(), first.rule);
    let on = match (group.findings.len(), subject_of(report, first)) {
        (1, None) => String::new(),
        (1, Some(subject)) => format!(" ({})", shorten(subject, VALUE)),
        (findings, _) => format!(" ({findings} subjects)"),
    };
    page.hanging(
        (style::severity(first.severity), &label),
        (style::PLAIN, &format!("{}{on}", first.title)),
        11,
    );
}

fn block(page: &mut Page, report: &Report, group: &Group<'_>, options: &Options) {
    let first = group.first;
    let label = format!("{}[{}] ", first.severity, first.rule);
    page.hanging((style::severity(first.severity), &label), (style::STRONG, &first.title), 4);
    if !first.expected.is_empty() {
        page.field(LABELS, "expected", style::PLAIN, &shorten(&first.expected, VALUE));
    }
    let limit = if options.verbose { usize::MAX } else { SUBJECTS };
    let many = group.findings.len() > 1;
    for (at, finding) in group.findings.iter().take(limit).enumerate() {
        if many {
            let label = if at == 0 { format!("{} fail", group.findings.len()) } else { String::new() };
            member(page, &label, finding, options);
            continue;
        }
        if let Some(subject) = subject_of(report, finding) {
            page.field(LABELS, "subject", style::STRONG, subject);
        }
        because(page, finding);
        facts(page, finding, options);
    }
    let more = group.findings.len().saturating_sub(limit);
    if more > 0 {
        let text = format!("and {more} more: palisade audit --rule {} --verbose", first.rule);
        page.field(LABELS, "", style::STRONG, &text);
    }
    page.field_lines(LABELS, "why", style::PLAIN, &first.why);
    page.field_lines(LABELS, "mend", style::PLAIN, &first.remedy);
    if first.fix.is_some() {
        page.field(LABELS, "or", style::PERSON, &format!("palisade harden --rule {}", first.rule));
    }
    requirements(page, &first.requirements, options);
}

/// One of many subjects: on one line when one fact says it all.
fn member(page: &mut Page, label: &str, finding: &Finding, options: &Options) {
    let [only] = finding.evidence.as_slice() else {
        page.field(LABELS, label, style::STRONG, &finding.subject);
        because(page, finding);
        return facts(page, finding, options);
    };
    let mut line = format!("{}: {}", finding.subject, shorten(&seen(only), VALUE));
    match &only.source {
        Some(source) if source.excerpt.is_none() && source.overridden.is_empty() && !source.at.is_empty() => {
            line.push_str(&format!(" ({})", shorten(&source.at, VALUE)));
            page.field(LABELS, label, style::PLAIN, &line);
        }
        _ => {
            page.field(LABELS, label, style::PLAIN, &line);
            place(page, only);
        }
    }
}

/// What is wrong in words, where no fact says it: with a waiver that does not hold.
fn because(page: &mut Page, finding: &Finding) {
    if !finding.reason.is_empty() {
        page.field(LABELS, "because", style::PLAIN, &finding.reason);
    }
}

/// What was seen and where; facts from one place share its line.
pub(super) fn facts(page: &mut Page, finding: &Finding, options: &Options) {
    let limit = if options.verbose { usize::MAX } else { FACTS };
    let mut label = "seen";
    let mut shown = finding.evidence.iter().take(limit).peekable();
    while let Some(evidence) = shown.next() {
        page.field(LABELS, label, style::PLAIN, &shorten(&seen(evidence), VALUE));
        label = "";
        if !shown.peek().is_some_and(|next| next.source == evidence.source) {
            place(page, evidence);
        }
    }
    let more = finding.evidence.len().saturating_sub(limit);
    if more > 0 {
        page.field(LABELS, label, style::DIM, &format!("and {}", count(more, "more fact")));
    }
}

/// Where a fact was read, the line there, and the places that lost.
fn place(page: &mut Page, evidence: &Evidence) {
    let Some(Source { at, excerpt, overridden }) = &evidence.source else { return };
    if !at.is_empty() {
        page.field(LABELS, "", style::DIM, &format!("--> {}", shorten(at, VALUE)));
    }
    if let Some(excerpt) = excerpt {
        page.field(LABELS, "", style::PLAIN, &format!("| {}", shorten(excerpt, VALUE)));
    }
    for lost in overridden.iter().take(FACTS) {
        let text = format!("overrides {}: {}", shorten(&lost.at, VALUE), shorten(&lost.excerpt, VALUE));
        page.field(LABELS, "", style::DIM, &text);
    }
}

/// The requirements that ask for a rule.
fn requirements(page: &mut Page, ids: &[String], options: &Options) {
    if ids.is_empty() {
        return;
    }
    let limit = if options.verbose { usize::MAX } else { REQUIREMENTS };
    let mut text = ids.iter().take(limit).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = ids.len().saturating_sub(limit);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    page.field(LABELS, "asked by", style::DIM, &text);
}
