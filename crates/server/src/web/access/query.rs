//! Who can do what, where, and through which role.

use maud::{Markup, html};
use report::printable;

use crate::web::form::{Choice, options};
use crate::web::list::Empty;
use crate::web::shell::{Head, Shell};
use crate::web::text::{count, name};

/// The question (parameters `permission`, `on`) and its answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub(crate) path: String,
    /// Permissions to ask for, the one asked for chosen.
    pub(crate) permissions: Vec<Choice>,
    /// The node or labels asked for; everywhere when empty.
    pub(crate) on: String,
    /// None before anything was asked.
    pub(crate) answer: Option<Vec<Holder>>,
    /// What was wrong with the question; empty when nothing was.
    pub(crate) problem: String,
}

/// Somebody who may.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holder {
    pub(crate) user: String,
    pub(crate) user_href: String,
    pub(crate) role: String,
    pub(crate) role_href: String,
    /// The labels that limit it; everywhere when empty.
    pub(crate) labels: String,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Query) -> Markup {
    let head = Head {
        title: html! { "Who can do what" },
        lead: html! { "Ask for a permission; the answer names everybody who holds it, and the role that gives it." },
        ..Head::default()
    };
    let asked = view.permissions.iter().find(|one| one.chosen);
    let refused = !view.problem.is_empty();
    let body = html! {
        (head.draw())
        form.search role="search" aria-label="Who can do what" method="get" action=(view.path) {
            div.search-field {
                label for="permission" { "Who can" }
                select id="permission" name="permission" { (options(&view.permissions, None)) }
            }
            div.search-field {
                label for="on" { "on node or labels" }
                input type="text" id="on" name="on" value=(&view.on) dir="auto" spellcheck="false" autocomplete="off"
                    aria-invalid=[refused.then_some("true")] aria-describedby=[refused.then_some("on-error")];
                @if refused { p.error id="on-error" { (printable(&view.problem)) } }
            }
            div.search-send { button type="submit" { "Ask" } }
        }
        @match &view.answer {
            None => div.empty.small { p { "Choose a permission and ask." } },
            Some(holders) if holders.is_empty() => (Empty { title: "Nobody", text: "No role that anybody holds gives this permission there.", next: Some(("Roles", "/roles")) }.draw()),
            Some(holders) => {
                h2 {
                    (count(holders.len(), "way")) @if let Some(asked) = asked { " to " code { (printable(&asked.value)) } }
                    @if !view.on.is_empty() { " on " (name(&view.on)) }
                }
                table.stack.list {
                    caption.heard { "Who holds the permission" }
                    thead { tr { th scope="col" { "User" } th scope="col" { "Through the role" } th scope="col" { "Where" } } }
                    tbody { @for one in holders {
                        tr {
                            th scope="row" { a href=(one.user_href) { (name(&one.user)) } }
                            td data-label="Through the role" { a href=(one.role_href) { (name(&one.role)) } }
                            td data-label="Where" { @if one.labels.is_empty() { "everywhere" } @else { "nodes with " code { (printable(&one.labels)) } } }
                        }
                    } }
                }
            },
        }
    };
    shell.page("Who can do what", &body)
}
