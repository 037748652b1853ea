//! One finding with the evidence it rests on.

use jiff::Timestamp;
use maud::{Markup, html};
use model::Severity;
use model::report::Verdict;
use report::printable;

use super::{Link, ReportRef, rule};
use crate::web::picture;
use crate::web::shell::{Head, Shell};
use crate::web::text::{ended, name};

/// A finding within a report.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) rule: String,
    pub(crate) rule_href: String,
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) verdict: Verdict,
    pub(crate) subject: String,
    pub(crate) expected: String,
    /// Why it is unknown, not applicable or waived.
    pub(crate) reason: String,
    /// Who accepted it, until when, why.
    pub(crate) waiver: Option<String>,
    pub(crate) evidence: Vec<Seen>,
    pub(crate) why: String,
    pub(crate) remedy: String,
    /// Whether `palisade harden` can mend it.
    pub(crate) fix: bool,
    pub(crate) requirements: Vec<Link>,
    pub(crate) report: ReportRef,
    /// Since when the verdict is what it is.
    pub(crate) since: Option<Timestamp>,
}

/// A fact that was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// `sshd.permit_root_login`.
    pub(crate) path: String,
    /// Its value, written as a person reads it.
    pub(crate) value: String,
    /// `/etc/ssh/sshd_config:12`; empty when it was not read from a place.
    pub(crate) at: String,
    /// What stands there.
    pub(crate) excerpt: String,
    /// Places that it overrides: place and text.
    pub(crate) overridden: Vec<(String, String)>,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Finding) -> Markup {
    let head = Head {
        above: &[
            ("Reports", "/reports"),
            (&view.report.target, &view.report.href),
            (&view.rule, &view.rule_href),
        ],
        title: name(&view.title),
        lead: html! {
            p {
                (picture::verdict(view.verdict)) " " (picture::severity(view.severity)) " on " strong { (name(&view.subject)) }
                @if let Some(since) = view.since { span.quiet { ", since " (shell.time(since)) } }
            }
            @if !view.reason.is_empty() { p { (printable(&ended(&view.reason))) } }
            @if let Some(waiver) = &view.waiver { p { "Waived " (printable(&ended(waiver))) } }
        },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        section aria-labelledby="seen-h" {
            h2 #seen-h { "Seen" }
            @if view.evidence.is_empty() { p.quiet { "The rule needed no fact of the target to decide." } }
            @else { ul.evidence { @for fact in &view.evidence { (seen(fact)) } } }
        }
        section aria-labelledby="about-h" {
            h2 #about-h { "The rule" }
            (rule::about(&view.rule, &view.expected, &view.why, &view.remedy, view.fix))
        }
        (rule::asked(&view.requirements))
    };
    shell.page(&view.title, &body)
}

fn seen(fact: &Seen) -> Markup {
    html! {
        li.card {
            p.fact { code { (printable(&fact.path)) } span.equals { " = " } code.value { (printable(&fact.value)) } }
            @if !fact.at.is_empty() { p.at { (printable(&fact.at)) } }
            @if !fact.excerpt.is_empty() { pre { (printable(&fact.excerpt)) } }
            @for (at, text) in &fact.overridden { p.at { "overrides " (printable(at)) ": " code { (printable(text)) } } }
        }
    }
}
