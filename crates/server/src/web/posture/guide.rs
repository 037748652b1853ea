//! A guide as its document reads: sections and requirements in order, each with its state and what decided it.

use maud::{Markup, html};
use model::report::{Status, Verdict};
use report::printable;

use super::ReportRef;
use crate::web::picture::{self, Coverage, Stake};
use crate::web::shell::{Head, Shell};
use crate::web::text::{count, name, phrase, prose};

/// A guide within a report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guide {
    pub(crate) title: String,
    /// What the document is.
    pub(crate) about: String,
    pub(crate) report: ReportRef,
    /// In the order of the document.
    pub(crate) sections: Vec<Section>,
}

/// A section of the document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) requirements: Vec<Requirement>,
}

/// A requirement.
#[derive(Clone, Debug)]
pub(crate) struct Requirement {
    pub(crate) id: String,
    pub(crate) title: String,
    /// `must`, `should`, `may`.
    pub(crate) level: String,
    pub(crate) status: Status,
    pub(crate) reason: String,
    pub(crate) rules: Vec<RuleRef>,
}

/// A rule that decides a requirement.
#[derive(Clone, Debug)]
pub(crate) struct RuleRef {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) href: String,
    /// Its worst verdict; none when it decided nothing.
    pub(crate) verdict: Option<Verdict>,
    /// Subjects on which it fails.
    pub(crate) failing: usize,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Guide) -> Markup {
    let all = || view.sections.iter().flat_map(|section| &section.requirements);
    let coverage = Coverage::of(all().map(|one| one.status));
    let number = all().count();
    let head = Head {
        above: &[("Reports", "/reports"), (&view.report.target, &view.report.href)],
        title: name(&view.title),
        lead: html! {
            p.verdict {
                (coverage.met) " of " (count(coverage.concerned(), "requirement")) " met"
                @if coverage.unmet > 0 { ", " (coverage.unmet) " unmet" }
                "."
            }
            @if !view.about.is_empty() { p.quiet { (phrase(&view.about)) } }
            p.quiet { "As of " (shell.time(view.report.at)) }
        },
        ..Head::default()
    };
    let titles: Vec<String> = all().map(|one| format!("{} {}", one.id, one.title)).collect();
    let stakes: Vec<Stake<'_>> = all()
        .zip(&titles)
        .enumerate()
        .map(|(at, (one, title))| Stake { state: one.status, href: format!("#r{at}"), title })
        .collect();
    let starts: Vec<usize> = view
        .sections
        .iter()
        .scan(0, |at, section| {
            let start = *at;
            *at += section.requirements.len();
            Some(start)
        })
        .collect();
    let body = html! {
        (head.draw())
        @if number == 0 {
            div.empty.small { p { "This guide asks for nothing that concerns this target." } }
        } @else {
            figure.fence-of-guide {
                (picture::fence(&stakes))
                figcaption { "One stake for each requirement, in the order of the document: " (coverage.words()) "." }
            }
            (picture::legend_of_fences())
            nav.sections aria-label="Sections" {
                ol { @for (place, section) in view.sections.iter().enumerate() {
                    @let sum = Coverage::of(section.requirements.iter().map(|one| one.status));
                    li { a href=(format!("#s{place}")) { (title(section)) } @if sum.unmet > 0 { " " span.badge.unmet { (sum.unmet) " unmet" } } }
                } }
            }
            @for (place, (section, start)) in view.sections.iter().zip(&starts).enumerate() {
                section.guide-section aria-labelledby=(format!("s{place}")) {
                    h2 id=(format!("s{place}")) { (title(section)) }
                    ol.requirements {
                        @for (at, one) in (*start..).zip(&section.requirements) {
                            li id=(format!("r{at}")) class=(one.status.as_str()) { (requirement(one)) }
                        }
                    }
                }
            }
        }
    };
    shell.page(&view.title, &body)
}

fn title(section: &Section) -> Markup {
    html! { @if section.title.is_empty() { "Without a section" } @else { (printable(&section.title)) } }
}

fn requirement(one: &Requirement) -> Markup {
    html! {
        div.requirement-state { (picture::status(one.status)) }
        div.requirement-text {
            p.requirement-id { strong { (printable(&one.id)) } " " span class=(format!("level {}", one.level)) { (printable(&one.level)) } }
            h3 { (printable(&one.title)) }
            @if !one.reason.is_empty() { div.quiet { (prose(&one.reason)) } }
            @if !one.rules.is_empty() {
                ul.decided aria-label="Decided by" {
                    @for rule in &one.rules {
                        li {
                            @match rule.verdict { Some(verdict) => (picture::verdict(verdict)), None => span.badge { "not decided" } }
                            a href=(rule.href) { (printable(&rule.title)) }
                            code { (printable(&rule.id)) }
                            @if rule.failing > 1 { span.quiet { "fails on " (rule.failing) } }
                        }
                    }
                }
            }
        }
    }
}
