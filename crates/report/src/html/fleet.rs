//! The page about several targets: how each stands, what fails where, how far each guide is met by all together.

use maud::{Markup, html};
use model::Fleet;
use model::fleet::Member;

use super::{anchor, page, prose, status, summary};
use crate::evidence::count;
use crate::printable;
use crate::terminal::failing_rules;

/// The fleet as a page; `files` are the pages of its members.
pub(crate) fn write(fleet: &Fleet, files: &[Option<String>]) -> String {
    let number = count(fleet.targets.len(), "target");
    let title = format!("{number}: Palisade audit of {:.0}", fleet.started_at);
    let body = html! {
        header {
            p.brand { "Palisade audit" }
            h1 { (number) }
            dl.facts-of-report {
                div { dt { "Audited" } dd { (format!("{:.0}", fleet.started_at)) ", in " (fleet.duration_ms) " ms" } }
            }
        }
        main #main {
            (targets(fleet, files))
            (failing(fleet))
            (guides(fleet))
        }
    };
    page(&title, "Skip to the targets", &body, &fleet.tool)
}

fn targets(fleet: &Fleet, files: &[Option<String>]) -> Markup {
    html! {
        section #targets aria-labelledby="targets-h" {
            h2 #targets-h { "Targets" }
            table.stack.coverage {
                caption { "Findings of each target by verdict" }
                thead {
                    tr {
                        th scope="col" { "Target" }
                        @for word in ["fail", "unknown", "waived", "pass", "not applicable"] { th.right scope="col" { (word) } }
                    }
                }
                tbody {
                    @for (at, member) in fleet.targets.iter().enumerate() {
                        (row(member, files.get(at).and_then(Option::as_deref)))
                    }
                }
            }
        }
    }
}

fn row(member: &Member, file: Option<&str>) -> Markup {
    let labels: Vec<String> = member.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    html! {
        tr {
            th scope="row" {
                @if let Some(file) = file { a href=(file) { (printable(&member.name)) } }
                @else { (printable(&member.name)) }
                @if member.named != member.name { " " code { (printable(&member.named)) } }
                @if !labels.is_empty() { p.reason { (printable(&labels.join(" "))) } }
            }
            @if let Some(report) = &member.report {
                @let sum = &report.summary;
                @for (word, number) in [("fail", sum.fail), ("unknown", sum.unknown), ("waived", sum.waived), ("pass", sum.pass), ("not applicable", sum.not_applicable)] {
                    td class=(if number == 0 { "right none" } else { "right" }) data-label=(word) { (number) }
                }
            } @else {
                td colspan="5" { span.badge.fail { "could not be audited" } " " (printable(&member.error)) }
            }
        }
    }
}

fn failing(fleet: &Fleet) -> Markup {
    let failing = failing_rules(fleet);
    html! {
        @if !failing.is_empty() {
            section #failing aria-labelledby="failing-h" {
                h2 #failing-h { "Failing" }
                table.stack {
                    caption { "Rules that fail, and on which targets" }
                    thead { tr { th scope="col" { "Rule" } th scope="col" { "Severity" } th scope="col" { "Targets" } } }
                    tbody {
                        @for (finding, names) in &failing {
                            tr {
                                th scope="row" { (printable(&finding.title)) " " code { (printable(&finding.rule)) } }
                                td { (finding.severity) }
                                td { (printable(&names.join(", "))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn guides(fleet: &Fleet) -> Markup {
    html! {
        @if !fleet.guides.is_empty() {
            section #guides aria-labelledby="guides-h" {
                h2 #guides-h { "Guides" }
                (summary::coverage(&fleet.guides))
            }
            @for guide in &fleet.guides {
                section.guide id=(anchor("guide", &guide.id)) {
                    h2 { (printable(&guide.title)) }
                    table.stack.requirements {
                        caption { (count(guide.requirements.len(), "requirement")) " of " code { (printable(&guide.id)) } }
                        thead { tr { th scope="col" { "Requirement" } th scope="col" { "State" } } }
                        tbody {
                            @for requirement in &guide.requirements {
                                tr {
                                    td {
                                        p.title { strong.id { (printable(&requirement.id)) } " " span class=(format!("level {}", requirement.level)) { (requirement.level) } }
                                        p { (printable(&requirement.title)) }
                                        @if !requirement.reason.is_empty() { div.reason { (prose(&requirement.reason)) } }
                                    }
                                    td.state { (status(requirement.status)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
