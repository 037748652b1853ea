//! What could not be decided: each cause once, with all that it would decide.

use model::report::{Finding, ProbeStatus, Report};

use super::{Page, heading, shorten, style, wrap};
use crate::Options;
use crate::evidence::{count, subject_of};
use crate::undecided::Undecided;

/// Rules that a cause lists before it says how many more there are.
const RULES: usize = 12;
/// Characters of a reason.
const REASON: usize = 400;

/// Writes the section, unless everything was decided and every probe ran.
pub(super) fn write(page: &mut Page, report: &Report, options: &Options) {
    let undecided = Undecided::of(report);
    let failed: Vec<_> = report.probes.iter().filter(|probe| probe.status == ProbeStatus::Failed).collect();
    if report.summary.unknown == 0 && failed.is_empty() {
        return;
    }
    heading(page, style::UNSURE, &format!("{} could not be decided", report.summary.unknown));
    for probe in failed {
        let label = format!("probe {} failed: ", probe.name);
        page.hanging((style::UNSURE, &label), (style::PLAIN, &probe.reason), 4);
    }
    page.gap();
    if !undecided.root.is_empty() {
        let label = format!("Run as root to decide {}: ", count(undecided.root.len(), "finding"));
        page.hanging((style::UNSURE, &label), (style::STRONG, "sudo palisade audit"), 4);
        rules(page, report, &undecided.root, options);
    }
    declarations(page, report, &undecided, options);
    for cause in &undecided.others {
        page.hanging((style::UNSURE, "unknown: "), (style::STRONG, &shorten(&cause.text(), REASON)), 4);
        rules(page, report, &cause.findings, options);
    }
}

/// The lines that the profile lacks, ready to copy.
fn declarations(page: &mut Page, report: &Report, undecided: &Undecided<'_>, options: &Options) {
    if undecided.declarations.is_empty() {
        return;
    }
    let label = format!("The profile does not declare {}. ", count(undecided.declarations.len(), "thing"));
    let text = "`palisade profile init` writes what this host has now; or add what your site approves:";
    page.hanging((style::UNSURE, &label), (style::PLAIN, text), 4);
    page.gap();
    page.line(&[(style::PLAIN, "    declare:")]);
    for (name, wanted) in &undecided.declarations {
        let width = page.width().saturating_sub("      # ".len());
        for comment in wrap(wanted.about, width, width).iter().filter(|line| !line.is_empty()) {
            page.line(&[(style::DIM, "      # "), (style::DIM, comment)]);
        }
        page.line(&[
            (style::PLAIN, "      "),
            (style::STRONG, name),
            (style::PLAIN, ": "),
            (style::PLAIN, wanted.empty),
        ]);
    }
    page.gap();
    rules(page, report, &undecided.undeclared, options);
}

/// The rules that wait, worst first as in the report; one line each.
fn rules(page: &mut Page, report: &Report, findings: &[&Finding], options: &Options) {
    let limit = if options.verbose { usize::MAX } else { RULES };
    let mut lines: Vec<(&Finding, Vec<&str>)> = Vec::new();
    for finding in findings {
        let subject = subject_of(report, finding);
        match lines.iter_mut().find(|(first, _)| first.rule == finding.rule) {
            Some((_, subjects)) => subjects.extend(subject),
            None => lines.push((finding, subject.into_iter().collect())),
        }
    }
    for (finding, subjects) in lines.iter().take(limit) {
        let label = format!("    {:<9}", finding.severity);
        let text = match subjects.as_slice() {
            [] => format!("{}: {}", finding.rule, finding.title),
            [one] => format!("{}: {} ({one})", finding.rule, finding.title),
            many => format!("{}: {} ({})", finding.rule, finding.title, count(many.len(), "subject")),
        };
        page.hanging((style::severity(finding.severity), &label), (style::PLAIN, &text), 15);
    }
    let more = lines.len().saturating_sub(limit);
    if more > 0 {
        let text = format!("and {} (palisade audit --verbose)", count(more, "more rule"));
        page.indented(13, style::DIM, &text);
    }
    page.gap();
}
