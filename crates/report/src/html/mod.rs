//! One self-contained page: no script, nothing from elsewhere, made to be read, printed and handed on.
//!
//! First what was found, then every guide as its document reads, then what the report rests on.

mod findings;
mod fleet;
mod guides;
mod summary;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};

use maud::{DOCTYPE, Markup, PreEscaped, html};
use model::report::{ProbeStatus, Report, Status, Tool, Verdict};

use crate::printable;

pub(crate) use fleet::write as fleet;

/// The page's style; in the page, so that the page is whole.
const STYLE: &str = include_str!("page.css");
/// Nothing but the page's own style may load or run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The report as a page.
pub(crate) fn write(report: &Report) -> String {
    let cx = Cx::new(report);
    let title = format!("{}: Palisade audit of {:.0}", printable(&report.target.name), report.started_at);
    let body = html! {
        header { (summary::header(report)) }
        nav aria-label="Contents" { (contents(report)) }
        main #main {
            (summary::section(report))
            (findings::failing(&cx))
            (findings::undecided(&cx))
            (findings::waived(&cx))
            (findings::changes(&cx))
            (guides::sections(&cx))
            (findings::others(&cx, Verdict::Pass, "passing", "Passing"))
            (findings::others(&cx, Verdict::NotApplicable, "out-of-scope", "Not applicable"))
            (probes(report))
        }
    };
    page(&title, "Skip to the findings", &body, &report.tool)
}

/// A whole page: its head, the link past the contents, `body`, and what wrote it.
fn page(title: &str, skip: &str, body: &Markup, tool: &Tool) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { (skip) }
                (body)
                footer {
                    p {
                        "Written by " (printable(&tool.name)) " " (printable(&tool.version))
                        ". Rules and guides: SHA-256 " code { (printable(&tool.content)) } "."
                    }
                }
            }
        }
    };
    format!("{}\n", page.into_string())
}

/// What the parts of the page share: which rules and requirements can be linked to.
struct Cx<'a> {
    report: &'a Report,
    rules: HashSet<&'a str>,
    requirements: HashSet<&'a str>,
    /// Anchors already given away: each stands once in a page.
    taken: RefCell<BTreeSet<String>>,
}

impl<'a> Cx<'a> {
    fn new(report: &'a Report) -> Self {
        let requirements = report.guides.iter().flat_map(|guide| &guide.requirements);
        Self {
            report,
            rules: report.findings.iter().map(|finding| finding.rule.as_str()).collect(),
            requirements: requirements.map(|requirement| requirement.id.as_str()).collect(),
            taken: RefCell::default(),
        }
    }

    /// The anchor, the first time that it is asked for.
    fn anchor(&self, kind: &str, id: &str) -> Option<String> {
        let name = anchor(kind, id);
        self.taken.borrow_mut().insert(name.clone()).then_some(name)
    }

    /// A rule's id, linked to its finding.
    fn rule(&self, id: &str) -> Markup {
        link(self.rules.contains(id), "rule", id)
    }

    /// A requirement's id, linked to its place in its guide.
    fn requirement(&self, id: &str) -> Markup {
        link(self.requirements.contains(id), "req", id)
    }
}

fn link(there: bool, kind: &str, id: &str) -> Markup {
    html! {
        @if there { a href=(format!("#{}", anchor(kind, id))) { (printable(id)) } }
        @else { (printable(id)) }
    }
}

/// A name for a place in the page; ids are made of these characters.
fn anchor(kind: &str, id: &str) -> String {
    let name = id.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' });
    format!("{kind}-{}", name.collect::<String>())
}

/// Prose: each line a paragraph, `code` between backquotes as code.
fn prose(text: &str) -> Markup {
    html! {
        @for line in text.lines().filter(|line| !line.trim().is_empty()) {
            p {
                @for (at, part) in line.split('`').enumerate() {
                    @if at % 2 == 1 { code { (printable(part)) } } @else { (printable(part)) }
                }
            }
        }
    }
}

/// A verdict as a badge.
fn verdict(verdict: Verdict) -> Markup {
    html! { span class=(format!("badge {}", verdict.as_str())) { (verdict) } }
}

/// A requirement's state as a badge.
fn status(status: Status) -> Markup {
    html! { span class=(format!("badge {}", status.as_str())) { (status) } }
}

fn contents(report: &Report) -> Markup {
    let sum = &report.summary;
    let entry = |there: bool, place: &str, name: Cow<'_, str>, number: usize| {
        html! { @if there { li { a href=(format!("#{place}")) { (name) @if number > 0 { " " span.number { (number) } } } } } }
    };
    html! {
        ul {
            (entry(true, "summary", "Summary".into(), 0))
            (entry(sum.fail > 0, "failing", "Failing".into(), sum.fail))
            (entry(sum.unknown > 0, "undecided", "Undecided".into(), sum.unknown))
            (entry(sum.waived > 0, "waived", "Waived".into(), sum.waived))
            (entry(report.changes.is_some(), "changes", "Changes".into(), 0))
            @for guide in &report.guides {
                (entry(true, &anchor("guide", &guide.id), printable(&guide.title), 0))
            }
            (entry(sum.pass > 0, "passing", "Passing".into(), sum.pass))
            (entry(sum.not_applicable > 0, "out-of-scope", "Not applicable".into(), sum.not_applicable))
            (entry(!report.probes.is_empty(), "probes", "Probes".into(), 0))
        }
    }
}

fn probes(report: &Report) -> Markup {
    let word = |status| match status {
        ProbeStatus::Ok => ("pass", "ok"),
        ProbeStatus::Partial => ("unknown", "partial"),
        ProbeStatus::Failed => ("fail", "failed"),
        ProbeStatus::Absent => ("not_applicable", "absent"),
    };
    html! {
        @if !report.probes.is_empty() {
            section #probes aria-labelledby="probes-h" {
                h2 #probes-h { "Probes" }
                p { "What was read of the target, and what could not be." }
                table.stack {
                    caption { "Probes and how they ended" }
                    thead { tr { th scope="col" { "Probe" } th scope="col" { "State" } th scope="col" { "Reason" } th.right scope="col" { "ms" } } }
                    tbody {
                        @for probe in &report.probes {
                            @let (class, text) = word(probe.status);
                            tr {
                                th scope="row" { (printable(&probe.name)) }
                                td { span class=(format!("badge {class}")) { (text) } }
                                td { (printable(&probe.reason)) }
                                td.right { (probe.duration_ms) }
                            }
                        }
                    }
                }
            }
        }
    }
}
