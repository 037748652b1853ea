//! The overview: how this machine stands, what is worst, what is due.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use maud::{Markup, html};
use model::Severity;
use model::report::Summary;
use report::printable;

use super::GuideRow;
use crate::web::form::Act;
use crate::web::icon::fence;
use crate::web::picture::{self, Point};
use crate::web::shell::{Head, Shell, Tone};
use crate::web::text::{count, ended, length, name, phrase};

/// The overview of one machine.
#[derive(Clone, Debug)]
pub(crate) struct Dashboard {
    /// Its name.
    pub(crate) machine: String,
    pub(crate) state: State,
    /// Why the latest audit, after the one that is shown, did not come to an end.
    pub(crate) stale: Option<String>,
    /// Starts an audit now, where the viewer may.
    pub(crate) audit_now: Option<Act>,
    /// Since when an audit runs.
    pub(crate) running: Option<Timestamp>,
}

/// What is known of the machine.
#[derive(Clone, Debug)]
pub(crate) enum State {
    /// Its first audit is under way.
    First { since: Timestamp },
    /// Nobody audits, and no report was ever kept.
    Nobody,
    /// No audit has come to an end.
    Failed { at: Timestamp, why: String },
    /// It was audited.
    Known(Arc<Posture>),
}

/// How an audited machine stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Posture {
    pub(crate) tone: Tone,
    /// One sentence: `5 rules fail, 1 of them critical; 12 are undecided.`
    pub(crate) verdict: String,
    pub(crate) summary: Summary,
    /// Failing findings by severity, worst first.
    pub(crate) severities: Vec<(Severity, usize)>,
    /// Some of the failing findings, worst first.
    pub(crate) worst: Vec<Worst>,
    /// Where all of them are.
    pub(crate) failing: String,
    pub(crate) guides: Vec<GuideRow>,
    /// Past audits, oldest first.
    pub(crate) trend: Vec<Point>,
    /// What people have to do, soonest first.
    pub(crate) due: Vec<Due>,
    pub(crate) audited: Timestamp,
    pub(crate) took: Duration,
    pub(crate) next: Option<Timestamp>,
    /// The report behind all this.
    pub(crate) report: String,
    /// What the last audit changed.
    pub(crate) changed: Option<Changed>,
}

/// A failing finding, and what to do about it.
#[derive(Clone, Debug)]
pub(crate) struct Worst {
    pub(crate) severity: Severity,
    pub(crate) title: String,
    pub(crate) rule: String,
    /// What it is about; empty when it is the machine itself.
    pub(crate) subject: String,
    /// One sentence.
    pub(crate) remedy: String,
    /// Since when it fails.
    pub(crate) since: Option<Timestamp>,
    /// Whether `palisade harden` can mend it.
    pub(crate) fix: bool,
    pub(crate) href: String,
}

/// Something people have to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Due {
    /// `Attest TSS-4.2: firewall rules reviewed`.
    pub(crate) what: String,
    pub(crate) by: Option<Timestamp>,
    pub(crate) is_overdue: bool,
    pub(crate) href: String,
}

/// What one audit changed against the one before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changed {
    pub(crate) new: usize,
    pub(crate) mended: usize,
    pub(crate) href: String,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Dashboard) -> Markup {
    let body = match &view.state {
        State::First { since } => first(shell, view, *since),
        State::Nobody => nobody(view),
        State::Failed { at, why } => failed(shell, view, *at, why),
        State::Known(posture) => known(shell, view, posture),
    };
    shell.page("Overview", &body)
}

fn act(view: &Dashboard) -> Markup {
    html! { @if let Some(act) = &view.audit_now { (act.draw("button")) } }
}

/// That an audit runs.
pub(super) fn running(shell: &Shell, since: Option<Timestamp>) -> Markup {
    html! {
        @if let Some(since) = since {
            div.notice role="status" { p { strong { "An audit is under way" } ", since " (shell.time(since)) ". This page fetches itself anew until it is done." } }
        }
    }
}

fn first(shell: &Shell, view: &Dashboard, since: Timestamp) -> Markup {
    let head =
        Head { title: name(&view.machine), lead: html! { "The first audit is under way." }, ..Head::default() };
    html! {
        (head.draw())
        div.empty.running role="status" {
            (fence(18, None))
            h2 { "Looking at this machine" }
            p { "Palisade reads its settings, changes nothing, and decides every rule. Most machines take less than a minute." }
            progress aria-label="The audit is under way" {}
            p.quiet { "Began " (shell.time(since)) ". This page fetches itself anew; without scripts, load it again." }
        }
    }
}

fn nobody(view: &Dashboard) -> Markup {
    let head = Head {
        title: name(&view.machine),
        lead: html! { "This server makes no audits, so nothing is known of this machine." },
        ..Head::default()
    };
    html! {
        (head.draw())
        div.empty {
            (fence(9, None))
            h2 { "Nobody looks at this machine yet" }
            p { "A server that runs as a service of its own sees too little of the machine to judge it." }
            p {
                "In a terminal of the machine, " code { "sudo palisade audit" } " shows how it stands now. A server that is started with "
                code { "palisade up" } " audits its machine each hour and shows it here."
            }
        }
    }
}

fn failed(shell: &Shell, view: &Dashboard, at: Timestamp, why: &str) -> Markup {
    let head = Head {
        title: name(&view.machine),
        lead: html! { "No audit has come to an end yet, so nothing is known of this machine." },
        actions: act(view),
        ..Head::default()
    };
    html! {
        (head.draw())
        div.empty {
            (fence(9, Some(4)))
            h2 { "The audit at " (shell.time(at)) " broke off" }
            p { (printable(&ended(why))) }
            p { "It is tried again with the next round. In a terminal, " code { "palisade audit" } " shows more." }
        }
    }
}

fn known(shell: &Shell, view: &Dashboard, posture: &Posture) -> Markup {
    let head = Head {
        title: name(&view.machine),
        lead: html! { p class=(format!("verdict {}", posture.tone.class())) { (printable(&ended(&posture.verdict))) } },
        actions: html! { a.button href=(posture.report) { "Open the report" } (act(view)) },
        ..Head::default()
    };
    html! {
        (head.draw())
        (running(shell, view.running))
        @if let Some(why) = view.stale.as_ref().filter(|_| view.running.is_none()) {
            div.notice.unknown role="status" {
                p { strong { "The latest audit broke off. " } "What stands here is from " (shell.time(posture.audited)) ". " (printable(&ended(why))) }
            }
        }
        div.hero {
            section.card.standing aria-labelledby="standing-h" {
                h2 #standing-h { "Findings" }
                div.standing-body {
                    (picture::ring(&posture.summary, posture.summary.fail, "failing"))
                    (picture::tally(&posture.summary))
                }
            }
            section.card aria-labelledby="severity-h" {
                h2 #severity-h { "Failing, by severity" }
                @if posture.summary.fail == 0 { p.calm { "Nothing fails." } }
                @else { (picture::severities(&posture.severities)) }
            }
            section.card aria-labelledby="audit-h" {
                h2 #audit-h { "Last audit" }
                p.when { (shell.time(posture.audited)) }
                p.quiet { "took " (length(posture.took)) @if let Some(next) = posture.next { "; next " (shell.time(next)) } }
                @if let Some(changed) = &posture.changed {
                    p.changed {
                        @if changed.new == 0 && changed.mended == 0 { "Nothing new fails since the one before, and nothing was mended." }
                        @else {
                            a href=(changed.href) {
                                span.delta.fail { "+" (changed.new) } " new, "
                                span.delta.pass { "\u{2212}" (changed.mended) } " mended"
                            }
                            " since the one before"
                        }
                    }
                }
            }
        }
        div.columns {
            (worst(shell, posture))
            (due(shell, posture))
        }
        section aria-labelledby="guides-h" {
            h2 #guides-h { "Guides" }
            @if posture.guides.is_empty() { p.quiet { "No guide was chosen for this machine." } }
            @else { (super::coverage(&posture.guides)) }
        }
        section aria-labelledby="trend-h" {
            h2 #trend-h { "Over time" }
            (picture::trend(shell, &posture.trend))
        }
    }
}

fn worst(shell: &Shell, posture: &Posture) -> Markup {
    let more = posture.summary.fail.saturating_sub(posture.worst.len());
    html! {
        section.worst aria-labelledby="worst-h" {
            h2 #worst-h { "Mend first" }
            @if posture.worst.is_empty() {
                div.empty.small { p { strong { "Nothing fails." } @if posture.summary.unknown > 0 { " But " (count(posture.summary.unknown, "finding")) " could not be decided; unknown is not passed." } } }
            } @else {
                ol.findings {
                    @for one in &posture.worst {
                        li class=(one.severity) {
                            div.finding-head {
                                (picture::severity(one.severity))
                                a.finding-title href=(one.href) { (printable(&one.title)) }
                            }
                            @if !one.remedy.is_empty() { p.remedy { (phrase(&one.remedy)) } }
                            p.meta {
                                @if one.fix { code.command-line { "palisade harden --rule " (printable(&one.rule)) } }
                                @else { code { (printable(&one.rule)) } }
                                @if !one.subject.is_empty() { span { "on " (name(&one.subject)) } }
                                @if let Some(since) = one.since { span { "since " (shell.day(since)) } }
                            }
                        }
                    }
                }
                @if more > 0 { p.more { a href=(posture.failing) { "All " (posture.summary.fail) " failing findings" } } }
            }
        }
    }
}

fn due(shell: &Shell, posture: &Posture) -> Markup {
    html! {
        section.due aria-labelledby="due-h" {
            h2 #due-h { "Due" }
            @if posture.due.is_empty() {
                div.empty.small { p { "Nothing is due." } }
            } @else {
                ul.due-list {
                    @for one in &posture.due {
                        li {
                            a href=(one.href) { (printable(&one.what)) }
                            p.meta {
                                @if one.is_overdue { span.badge.fail { "overdue" } }
                                @if let Some(by) = one.by { span { "by " (shell.day(by)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
