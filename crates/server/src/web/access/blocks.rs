//! Who is kept out for a time after too many failures.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use crate::web::form::Act;
use crate::web::list::{Empty, Listing};
use crate::web::shell::{Head, Shell};
use crate::web::text::name;

/// Blocks in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    pub(crate) listing: Listing,
    pub(crate) rows: Vec<Row>,
    /// What blocks, a sentence each: `5 failures of a user name from one address in 30 min: 30 min`.
    pub(crate) limits: Vec<String>,
}

/// One block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// `login`, `second factor`, `API token`.
    pub(crate) surface: String,
    pub(crate) address: String,
    /// Empty for a block of the whole address.
    pub(crate) user_name: String,
    pub(crate) failures: usize,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) lift: Option<Act>,
}

/// The page. Columns: `address`, `since`, `until`.
pub(crate) fn page(shell: &Shell, view: &Blocks) -> Markup {
    let head = Head {
        title: html! { "Blocks" },
        lead: html! { "Who is kept out for a time after too many failures. Blocks end by themselves." },
        ..Head::default()
    };
    let list = &view.listing;
    let body = html! {
        (head.draw())
        (list.search("Find an address or user name"))
        @if view.rows.is_empty() {
            (list.nothing(&Empty {
                title: "Nobody is blocked",
                text: "Nothing to do. Whoever guesses passwords appears here.",
                next: None,
            }))
        } @else {
            table.stack.list {
                caption.heard { "Blocks" }
                thead { tr {
                    (list.column("address", "Address"))
                    (list.column("user", "User name"))
                    th scope="col" { "At" }
                    (list.number("failures", "Failures"))
                    (list.column("since", "Since"))
                    (list.column("until", "Until"))
                    th scope="col" { span.heard { "Action" } }
                } }
                tbody { @for row in &view.rows {
                    tr {
                        th scope="row" { code { (printable(&row.address)) } }
                        td data-label="User name" { @if row.user_name.is_empty() { span.quiet { "every one" } } @else { (name(&row.user_name)) } }
                        td data-label="At" { (printable(&row.surface)) }
                        td.right data-label="Failures" { (row.failures) }
                        td data-label="Since" { (shell.time(row.since)) }
                        td data-label="Until" { (shell.time(row.until)) }
                        td.act-cell { @if let Some(act) = &row.lift { (act.draw("small")) } }
                    }
                } }
            }
            (list.pages(view.rows.len(), "block"))
        }
        @if !view.limits.is_empty() {
            section aria-labelledby="limits-h" {
                h2 #limits-h { "What blocks" }
                ul.plain-list { @for limit in &view.limits { li { (printable(limit)) } } }
            }
        }
    };
    shell.page("Blocks", &body)
}
