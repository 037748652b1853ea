//! One report: how the target stood, its guides, and every finding.

use std::time::Duration;

use jiff::Timestamp;
use maud::{Markup, html};
use model::Severity;
use model::report::{ProbeStatus, Summary, Verdict};
use report::printable;

use super::GuideRow;
use crate::web::form::{Choice, options};
use crate::web::list::{Empty, Listing};
use crate::web::picture;
use crate::web::shell::{Head, Shell, Tone};
use crate::web::text::{count, ended, length, name};

/// One report.
#[derive(Clone, Debug, Default)]
pub(crate) struct OneReport {
    pub(crate) target: String,
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
    pub(crate) tone: Tone,
    /// One sentence.
    pub(crate) verdict: String,
    /// Other things worth knowing, as name and value: profile, role, version, content.
    pub(crate) facts: Vec<(String, String)>,
    pub(crate) summary: Summary,
    pub(crate) severities: Vec<(Severity, usize)>,
    pub(crate) guides: Vec<GuideRow>,
    /// The findings that are listed.
    pub(crate) listing: Listing,
    pub(crate) findings: Vec<FindingRow>,
    /// Earlier reports to compare with; sent as `before` to `compare_action`, with `after`.
    pub(crate) compare: Vec<Choice>,
    pub(crate) compare_action: String,
    /// The id sent as `after`.
    pub(crate) id: String,
    /// Formats to fetch: label and address.
    pub(crate) downloads: Vec<(String, String)>,
    pub(crate) probes: Vec<ProbeRow>,
}

/// A finding in the list.
#[derive(Clone, Debug)]
pub(crate) struct FindingRow {
    pub(crate) severity: Severity,
    pub(crate) verdict: Verdict,
    pub(crate) title: String,
    pub(crate) rule: String,
    pub(crate) rule_href: String,
    pub(crate) subject: String,
    /// The finding with its evidence.
    pub(crate) href: String,
}

/// How one probe went.
#[derive(Clone, Debug)]
pub(crate) struct ProbeRow {
    pub(crate) name: String,
    pub(crate) status: ProbeStatus,
    pub(crate) reason: String,
    pub(crate) took: Duration,
}

/// The page. Columns: `severity`, `title`, `subject`, `verdict`.
pub(crate) fn page(shell: &Shell, view: &OneReport) -> Markup {
    let head = Head {
        above: &[("Reports", "/reports")],
        title: html! { (name(&view.target)) },
        lead: html! {
            p class=(format!("verdict {}", view.tone.class())) { (printable(&ended(&view.verdict))) }
            p.quiet { "Audited " (shell.time(view.at)) " in " (length(view.took)) }
        },
        actions: html! { @for (label, href) in &view.downloads { a.button href=(href) { (printable(label)) } } },
    };
    let title = format!("Report of {}", view.target);
    let body = html! {
        (head.draw())
        div.hero.two {
            section.card aria-labelledby="findings-of" {
                h2 #findings-of { "Findings" }
                div.standing-body {
                    (picture::ring(&view.summary, view.summary.fail, "failing"))
                    (picture::tally(&view.summary))
                    @if view.summary.fail > 0 { (picture::severities(&view.severities)) }
                }
            }
            section.card aria-labelledby="facts-of" {
                h2 #facts-of { "Made by" }
                dl.facts.tight { @for (key, value) in &view.facts { div { dt { (printable(key)) } dd { (printable(value)) } } } }
                (compare(view))
            }
        }
        @if !view.guides.is_empty() {
            section aria-labelledby="guides-h" { h2 #guides-h { "Guides" } (super::coverage(&view.guides)) }
        }
        section aria-labelledby="list-h" {
            h2 #list-h { "All findings" }
            (view.listing.search("Find a rule or subject"))
            (findings(view))
        }
        (probes(view))
    };
    shell.page(&title, &body)
}

fn compare(view: &OneReport) -> Markup {
    html! {
        @if !view.compare.is_empty() {
            form.inline method="get" action=(view.compare_action) {
                input type="hidden" name="after" value=(view.id);
                label for="compare-before" { "Compare with" }
                select id="compare-before" name="before" { (options(&view.compare, None)) }
                button type="submit" { "Show what changed" }
            }
        }
    }
}

fn findings(view: &OneReport) -> Markup {
    let list = &view.listing;
    if view.findings.is_empty() {
        return list.nothing(&Empty {
            title: "No findings",
            text: "No rule concerns this target. Choose its guides with a profile.",
            next: None,
        });
    }
    html! {
        table.stack.list {
            caption.heard { "Findings" }
            thead { tr {
                (list.column("severity", "Severity"))
                (list.column("title", "Finding"))
                (list.column("subject", "Subject"))
                (list.column("verdict", "Verdict"))
            } }
            tbody {
                @for row in &view.findings {
                    tr {
                        td.narrow-cell data-label="Severity" { (picture::severity(row.severity)) }
                        th scope="row" {
                            a href=(row.href) { (printable(&row.title)) }
                            p.sub { a.quiet-link href=(row.rule_href) { code { (printable(&row.rule)) } } }
                        }
                        td data-label="Subject" { (name(&row.subject)) }
                        td data-label="Verdict" { (picture::verdict(row.verdict)) }
                    }
                }
            }
        }
        (list.pages(view.findings.len(), "finding"))
    }
}

fn probes(view: &OneReport) -> Markup {
    let word = |status| match status {
        ProbeStatus::Ok => ("pass", "ok"),
        ProbeStatus::Partial => ("unknown", "partial"),
        ProbeStatus::Failed => ("fail", "failed"),
        ProbeStatus::Absent => ("not_applicable", "absent"),
    };
    let odd = view
        .probes
        .iter()
        .filter(|probe| matches!(probe.status, ProbeStatus::Partial | ProbeStatus::Failed))
        .count();
    html! {
        @if !view.probes.is_empty() {
            section aria-labelledby="probes-h" {
                h2 #probes-h { "Probes" }
                details {
                    summary {
                        (count(view.probes.len(), "probe")) " read the target; "
                        @if odd == 0 { "all could read what they look for" } @else { (odd) " could not read everything" }
                    }
                    table.stack.list {
                        caption.heard { "Probes and how they ended" }
                        thead { tr { th scope="col" { "Probe" } th scope="col" { "State" } th scope="col" { "Reason" } th.right scope="col" { "Took" } } }
                        tbody {
                            @for probe in &view.probes {
                                @let (class, text) = word(probe.status);
                                tr {
                                    th scope="row" { (printable(&probe.name)) }
                                    td data-label="State" { span class=(format!("badge {class}")) { (text) } }
                                    td data-label="Reason" { (printable(&probe.reason)) }
                                    td.right data-label="Took" { (length(probe.took)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
