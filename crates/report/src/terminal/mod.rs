//! The report for a person at a terminal, and what other commands need to look like it.
//!
//! Order: one verdict line, what fails (worst first), what could not be decided, what was waived, what changed,
//! how far each guide is met, one closing line.

mod failing;
mod fleet;
mod guides;
mod others;
pub mod style;
mod text;
mod undecided;

use std::collections::HashSet;

use model::Severity;
use model::report::{Report, Status, Verdict};

use crate::Options;
use crate::evidence::count;
use crate::undecided::Undecided;

pub(crate) use fleet::{failing_rules, write as fleet};
pub use text::{Page, shorten, wrap};

/// Where the text of a block's fields begins.
const LABELS: usize = 10;

/// The report as text.
pub(crate) fn write(report: &Report, options: &Options) -> String {
    let mut page = Page::new(options);
    page.hanging((style::PLAIN, ""), (style::STRONG, &verdict_line(report)), 4);
    if options.verbose {
        page.hanging((style::PLAIN, ""), (style::DIM, &provenance(report)), 4);
    }
    failing::write(&mut page, report, options);
    undecided::write(&mut page, report, options);
    others::waived(&mut page, report);
    if options.verbose {
        others::passing(&mut page, report);
        others::out_of_scope(&mut page, report);
    }
    others::changes(&mut page, report);
    guides::write(&mut page, &report.guides, options);
    page.gap();
    page.hanging((style::PLAIN, ""), (style::STRONG, &closing_line(report, page.width())), 4);
    page.finish()
}

/// `edge-07: ` and [`verdict`].
pub(crate) fn verdict_line(report: &Report) -> String {
    format!("{}: {}", report.target.name, verdict(report))
}

/// `212 rules, 214 findings: 150 pass, 41 fail, ...; 23 requirements wait for a person`.
pub(crate) fn verdict(report: &Report) -> String {
    let rules: HashSet<&str> = report.findings.iter().map(|finding| finding.rule.as_str()).collect();
    let sum = &report.summary;
    let mut line = format!(
        "{}, {}: {} pass, {} fail, {} unknown, {} not applicable, {} waived",
        count(rules.len(), "rule"),
        count(sum.total(), "finding"),
        sum.pass,
        sum.fail,
        sum.unknown,
        sum.not_applicable,
        sum.waived,
    );
    let requirements = report.guides.iter().flat_map(|guide| &guide.requirements);
    match requirements.filter(|requirement| requirement.status == Status::AttestationDue).count() {
        0 => {}
        1 => line.push_str("; 1 requirement waits for a person"),
        many => line.push_str(&format!("; {many} requirements wait for a person")),
    }
    line
}

/// What made the report, when, from what.
fn provenance(report: &Report) -> String {
    let content: String = report.tool.content.chars().take(12).collect();
    let mut line = format!(
        "{} {} with content {content}, {:.0}, {} ms, {}",
        report.tool.name, report.tool.version, report.started_at, report.duration_ms, report.profile.role
    );
    if !report.profile.path.is_empty() {
        line.push_str(&format!(", profile {}", report.profile.path));
    }
    if !report.profile.parameters.is_empty() {
        line.push_str(&format!(", changed parameters: {}", report.profile.parameters.join(", ")));
    }
    line
}

/// The last line: how bad it is, and the command to run next.
fn closing_line(report: &Report, width: usize) -> String {
    let failing = |severity: Severity| {
        let of = report.findings.iter().filter(|finding| finding.verdict == Verdict::Fail);
        of.filter(|finding| finding.severity == severity).count()
    };
    let counts: Vec<String> = Severity::ALL
        .into_iter()
        .map(|severity| (failing(severity), severity))
        .filter(|(number, _)| *number > 0)
        .map(|(number, severity)| format!("{number} {severity}"))
        .collect();
    let unknown = report.summary.unknown;
    let worst = report.findings.iter().find(|finding| finding.verdict == Verdict::Fail);
    let (state, next) = match worst {
        Some(worst) => {
            let state = format!("{} fail: {}.", report.summary.fail, counts.join(", "));
            let fixable =
                report.findings.iter().filter(|f| f.verdict == Verdict::Fail && f.fix.is_some()).count();
            match fixable {
                0 => (state, format!("palisade explain {}", worst.rule)),
                1 => return format!("{state} 1 has a fix: palisade harden"),
                count => return format!("{state} {count} have a fix: palisade harden"),
            }
        }
        None if unknown > 0 => {
            let next = match (Undecided::of(report).root.is_empty(), report.profile.path.is_empty()) {
                (false, _) => "sudo palisade audit",
                (true, true) => "palisade profile init",
                (true, false) => "palisade audit --verbose",
            };
            (format!("Nothing fails, {unknown} could not be decided."), next.to_owned())
        }
        None if report.findings.is_empty() => {
            ("Nothing was looked at.".to_owned(), "palisade rules".to_owned())
        }
        None => ("Nothing fails and everything was decided.".to_owned(), "palisade guides".to_owned()),
    };
    let line = format!("{state} Next: {next}");
    // A long rule id would wrap the one line that people look for.
    if line.chars().count() > width { format!("{state} Next: palisade explain RULE") } else { line }
}

/// A heading with its number.
fn heading(page: &mut Page, style: anstyle::Style, title: &str) {
    page.gap();
    let bar = "-".repeat(page.width().min(80).saturating_sub(title.chars().count() + 4));
    page.line(&[(style, "-- "), (style, title), (style, " "), (style::DIM, &bar)]);
    page.gap();
}
