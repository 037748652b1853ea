//! What changed between two audits.

use maud::{Markup, html};
use model::Severity;
use model::report::Verdict;
use report::printable;

use super::ReportRef;
use crate::web::picture;
use crate::web::shell::{Head, Shell};
use crate::web::text::{count, name};

/// The difference of two reports of one target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Difference {
    pub(crate) before: ReportRef,
    pub(crate) after: ReportRef,
    /// Failing now, not failing then.
    pub(crate) new: Vec<Changed>,
    /// Failing then, passing now.
    pub(crate) mended: Vec<Changed>,
    /// Decided then, unknown now.
    pub(crate) lost: Vec<Changed>,
    /// Failing both times.
    pub(crate) still: Vec<Changed>,
}

/// A finding and its two verdicts.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    pub(crate) severity: Severity,
    pub(crate) title: String,
    pub(crate) rule: String,
    pub(crate) subject: String,
    pub(crate) href: String,
    /// None when it was not there.
    pub(crate) before: Option<Verdict>,
    pub(crate) after: Option<Verdict>,
    /// What changed: `path: before -> after`.
    pub(crate) cause: Vec<String>,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Difference) -> Markup {
    let head = Head {
        above: &[("Reports", "/reports"), (&view.after.target, &view.after.href)],
        title: html! { "What changed" },
        lead: html! {
            p { "On " strong { (name(&view.after.target)) } ", from " a href=(view.before.href) { (shell.time(view.before.at)) } " to " a href=(view.after.href) { (shell.time(view.after.at)) } }
        },
        ..Head::default()
    };
    let groups = [
        ("new", "fail", "New", "fails now, did not then", &view.new),
        ("mended", "pass", "Mended", "failed then, passes now", &view.mended),
        ("lost", "unknown", "Lost from sight", "was decided then, is unknown now", &view.lost),
        ("still", "plain", "Still failing", "failed both times", &view.still),
    ];
    let same = view.new.is_empty() && view.mended.is_empty() && view.lost.is_empty();
    let body = html! {
        (head.draw())
        ul.deltas {
            @for (id, class, title, about, list) in groups {
                li class=(class) { a href=(format!("#{id}")) { span.figure { (list.len()) } span.word { (title) } } span.sub { (about) } }
            }
        }
        @if same { div.empty.small { p { strong { "Nothing new fails, and nothing was mended or lost from sight." } " " (count(view.still.len(), "finding")) " failed both times." } } }
        @for (id, _, title, about, list) in groups {
            section aria-labelledby=(id) {
                h2 id=(id) { (title) " " span.number { (list.len()) } }
                @if list.is_empty() { p.quiet { "Nothing that " (about) "." } }
                @else { ul.changes { @for one in list { (changed(one)) } } }
            }
        }
    };
    shell.page("What changed", &body)
}

fn changed(one: &Changed) -> Markup {
    let badge = |state: Option<Verdict>| html! { @match state { Some(state) => (picture::verdict(state)), None => span.badge { "not there" } } };
    html! {
        li {
            div.finding-head { (picture::severity(one.severity)) a.finding-title href=(one.href) { (printable(&one.title)) } }
            p.meta {
                span { (badge(one.before)) " to " (badge(one.after)) }
                code { (printable(&one.rule)) }
                @if !one.subject.is_empty() { span { "on " (name(&one.subject)) } }
            }
            @for cause in &one.cause { p.cause { code { (printable(cause)) } } }
        }
    }
}
