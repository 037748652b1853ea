//! The head of the page: whose report it is, how it stands, how far each guide is met.

use maud::{Markup, html};
use model::Severity;
use model::report::{GuideReport, Report, Status, Verdict};

use super::anchor;
use crate::printable;
use crate::terminal::verdict;

/// The parts of a guide's bar, in order; what does not apply has none.
const PARTS: [Status; 5] =
    [Status::Met, Status::Unmet, Status::Unknown, Status::AttestationDue, Status::Waived];

/// Whose report this is and what made it.
pub(super) fn header(report: &Report) -> Markup {
    html! {
        p.brand { "Palisade audit" }
        h1 { (printable(&report.target.name)) }
        p.verdict { (printable(&verdict(report))) "." }
        dl.facts-of-report {
            div { dt { "Target" } dd { (report.target.kind) @if !report.target.id.is_empty() { ", " code { (printable(&report.target.id)) } } } }
            div { dt { "Audited" } dd { (format!("{:.0}", report.started_at)) ", in " (report.duration_ms) " ms" } }
            div { dt { "Run by" } dd { (report.profile.role) } }
            div {
                dt { "Profile" }
                dd {
                    @if report.profile.path.is_empty() { "none" } @else { code { (printable(&report.profile.path)) } }
                    @if !report.profile.parameters.is_empty() {
                        "; changed: " (printable(&report.profile.parameters.join(", ")))
                    }
                }
            }
        }
    }
}

/// Findings by verdict and severity, guides by state.
pub(super) fn section(report: &Report) -> Markup {
    let sum = &report.summary;
    let tiles = [
        (Verdict::Fail, sum.fail),
        (Verdict::Unknown, sum.unknown),
        (Verdict::Waived, sum.waived),
        (Verdict::Pass, sum.pass),
        (Verdict::NotApplicable, sum.not_applicable),
    ];
    html! {
        section #summary aria-labelledby="summary-h" {
            h2 #summary-h { "Summary" }
            ul.tiles {
                @for (verdict, number) in tiles {
                    li class=(verdict.as_str()) { span.figure { (number) } " " span.word { (verdict) } }
                }
            }
            (severities(report))
            @if !report.guides.is_empty() { (coverage(&report.guides)) }
        }
    }
}

fn severities(report: &Report) -> Markup {
    let failing = |severity: Severity| {
        let of = report.findings.iter().filter(|finding| finding.verdict == Verdict::Fail);
        of.filter(|finding| finding.severity == severity).count()
    };
    html! {
        @if report.summary.fail > 0 {
            p {
                "Of the failing findings "
                @for (at, severity) in Severity::ALL.into_iter().enumerate() {
                    @if at > 0 { ", " }
                    strong { (failing(severity)) } " " @if failing(severity) == 1 { "is " } @else { "are " } (severity)
                }
                "."
            }
        }
    }
}

pub(super) fn coverage(guides: &[GuideReport]) -> Markup {
    html! {
        table.stack.coverage {
            caption { "How far each guide is met" }
            thead {
                tr {
                    th scope="col" { "Guide" }
                    @for status in Status::ALL { th.right scope="col" { (status) } }
                }
            }
            tbody {
                @for guide in guides {
                    tr {
                        th scope="row" {
                            a href=(format!("#{}", anchor("guide", &guide.id))) { (printable(&guide.title)) }
                            (bar(guide))
                        }
                        @for status in Status::ALL {
                            @let number = count(guide, status);
                            td class=(if number == 0 { "right none" } else { "right" }) data-label=(status) { (number) }
                        }
                    }
                }
            }
        }
        ul.legend aria-label="Colours of the bars" {
            @for part in PARTS { li { span class=(format!("dot {}", part.as_str())) {} (part) } }
        }
    }
}

/// The bar; the numbers beside it say the same, so it is hidden from those who cannot see it.
pub(super) fn bar(guide: &GuideReport) -> Markup {
    html! {
        span.bar aria-hidden="true" {
            @for part in PARTS {
                @let number = count(guide, part);
                @if number > 0 { span class=(part.as_str()) style=(format!("flex-grow:{number}")) {} }
            }
        }
    }
}

fn count(guide: &GuideReport, status: Status) -> usize {
    guide.requirements.iter().filter(|requirement| requirement.status == status).count()
}
