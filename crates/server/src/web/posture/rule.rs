//! A rule: what it asks for, why, where it fails, and how it stood at each audit.

use jiff::Timestamp;
use maud::{Markup, html};
use model::Severity;
use model::report::Verdict;
use report::printable;

use super::{Link, ReportRef};
use crate::web::picture;
use crate::web::shell::{Head, Shell};
use crate::web::text::{count, name, prose};

/// A rule within a report.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) expected: String,
    pub(crate) why: String,
    pub(crate) remedy: String,
    /// Whether `palisade harden` can mend it.
    pub(crate) fix: bool,
    /// Requirements that ask for it.
    pub(crate) requirements: Vec<Link>,
    pub(crate) report: ReportRef,
    /// What it said of each subject, worst first.
    pub(crate) subjects: Vec<Subject>,
    /// Its worst verdict at each audit, oldest first.
    pub(crate) history: Vec<(Timestamp, Verdict)>,
}

/// What the rule says of one subject.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) href: String,
    /// Since when it says so.
    pub(crate) since: Option<Timestamp>,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Rule) -> Markup {
    let failing = view.subjects.iter().filter(|one| one.verdict == Verdict::Fail).count();
    let head = Head {
        above: &[("Reports", "/reports"), (&view.report.target, &view.report.href)],
        title: name(&view.title),
        lead: html! {
            p { (picture::severity(view.severity)) " " code { (printable(&view.id)) } }
            p class=(if failing > 0 { "verdict fail" } else { "verdict" }) {
                @if failing > 0 { "Fails on " (count(failing, "subject")) "." }
                @else if view.subjects.is_empty() { "Decided nothing in this report." }
                @else { "Fails nowhere." }
            }
        },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        (about(&view.id, &view.expected, &view.why, &view.remedy, view.fix))
        section aria-labelledby="where-h" {
            h2 #where-h { "Where" }
            @if view.subjects.is_empty() {
                div.empty.small { p { "Nothing that it concerns was found on " (name(&view.report.target)) "." } }
            } @else {
                table.stack.list {
                    caption.heard { "Subjects and verdicts" }
                    thead { tr { th scope="col" { "Subject" } th scope="col" { "Verdict" } th scope="col" { "Since" } } }
                    tbody { @for one in &view.subjects {
                        tr {
                            th scope="row" { a href=(one.href) { (name(&one.name)) } }
                            td data-label="Verdict" { (picture::verdict(one.verdict)) }
                            td data-label="Since" { @match one.since { Some(since) => (shell.time(since)), None => span.quiet { "the first audit" } } }
                        }
                    } }
                }
            }
        }
        section aria-labelledby="history-h" { h2 #history-h { "At each audit" } (picture::history(shell, &view.history)) }
        (asked(&view.requirements))
    };
    shell.page(&view.title, &body)
}

/// What a rule expects, why, and how it is mended.
pub(super) fn about(rule: &str, expected: &str, why: &str, remedy: &str, fix: bool) -> Markup {
    html! {
        dl.about-rule {
            @if !expected.is_empty() { div { dt { "Expected" } dd { (prose(expected)) } } }
            @if !why.is_empty() { div { dt { "Why" } dd { (prose(why)) } } }
            @if !remedy.is_empty() { div { dt { "Mend" } dd { (prose(remedy)) } } }
            @if fix {
                div {
                    dt { "Or let Palisade" }
                    dd {
                        div.command { code #fix-command { "palisade harden --rule " (printable(rule)) } button type="button" data-copy="fix-command" hidden { "Copy" } }
                        p.quiet { "Shows the plan and changes nothing. With " code { "--apply" } " it asks and carries it out; " code { "palisade harden undo" } " takes it back." }
                    }
                }
            }
        }
    }
}

/// The requirements that ask for a rule.
pub(super) fn asked(requirements: &[Link]) -> Markup {
    html! {
        @if !requirements.is_empty() {
            section aria-labelledby="asked-h" {
                h2 #asked-h { "Asked by" }
                ul.chips { @for one in requirements { li { (one.draw()) } } }
            }
        }
    }
}
