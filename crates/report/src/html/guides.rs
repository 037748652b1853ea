//! Every guide as its document reads: sections in order, each requirement with its state and what decided it.

use maud::{Markup, html};
use model::report::{GuideReport, RequirementReport};

use super::{Cx, anchor, prose, status, summary};
use crate::evidence::count;
use crate::printable;

/// A section for each guide.
pub(super) fn sections(cx: &Cx<'_>) -> Markup {
    html! { @for guide in &cx.report.guides { (section(cx, guide)) } }
}

fn section(cx: &Cx<'_>, guide: &GuideReport) -> Markup {
    let id = anchor("guide", &guide.id);
    let heading = format!("{id}-h");
    html! {
        section.guide id=(id) aria-labelledby=(heading) {
            h2 id=(heading) { (printable(&guide.title)) }
            (summary::bar(guide))
            table.stack.requirements {
                caption { (count(guide.requirements.len(), "requirement")) " of " code { (printable(&guide.id)) } ", in the order of the document" }
                thead { tr { th scope="col" { "Requirement" } th scope="col" { "State" } } }
                @for part in guide.requirements.chunk_by(|one, next| one.section == next.section) {
                    tbody {
                        @if let Some(first) = part.first().filter(|first| !first.section.is_empty()) {
                            tr.section { th scope="rowgroup" colspan="2" { (printable(&first.section)) } }
                        }
                        @for requirement in part { (row(cx, requirement)) }
                    }
                }
            }
        }
    }
}

fn row(cx: &Cx<'_>, requirement: &RequirementReport) -> Markup {
    html! {
        tr id=[cx.anchor("req", &requirement.id)] {
            td {
                p.title {
                    strong.id { (printable(&requirement.id)) } " "
                    span class=(format!("level {}", requirement.level)) { (requirement.level) }
                }
                p { (printable(&requirement.title)) }
                @if !requirement.reason.is_empty() { div.reason { (prose(&requirement.reason)) } }
                @if !requirement.rules.is_empty() {
                    p.rules {
                        "Decided by "
                        @for (at, rule) in requirement.rules.iter().enumerate() {
                            @if at > 0 { ", " }
                            (cx.rule(rule))
                        }
                    }
                }
            }
            td.state { (status(requirement.status)) }
        }
    }
}
