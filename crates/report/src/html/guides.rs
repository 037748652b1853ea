//! Every guide as its document reads: sections in order, each requirement with its state and what decided it.

use maud::{Markup, html};
use model::report::{GuideReport, RequirementReport};

use super::{Cx, anchor, prose, status, summary};
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
                caption { (guide.requirements.len()) " requirements of " (printable(&guide.id)) ", in the order of the document" }
                thead {
                    tr {
                        th scope="col" { "Section" }
                        th scope="col" { "Requirement" }
                        th scope="col" { "State" }
                    }
                }
                tbody {
                    @for (at, requirement) in guide.requirements.iter().enumerate() {
                        @let before = at.checked_sub(1).and_then(|at| guide.requirements.get(at));
                        (row(cx, requirement, before.is_some_and(|before| before.section == requirement.section)))
                    }
                }
            }
        }
    }
}

/// One requirement; `same` when its section is that of the row above.
fn row(cx: &Cx<'_>, requirement: &RequirementReport, same: bool) -> Markup {
    let section = printable(&requirement.section);
    html! {
        tr id=[cx.anchor("req", &requirement.id)] class=[same.then_some("same")] {
            td.section { @if same { span.quiet { (section) } } @else { (section) } }
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
