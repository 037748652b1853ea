//! Who is logged in, from where, until when.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use crate::web::form::Act;
use crate::web::list::{Empty, Listing};
use crate::web::shell::{Head, Shell};
use crate::web::text::name;

/// Sessions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    pub(crate) listing: Listing,
    pub(crate) rows: Vec<Session>,
}

/// One session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// Full name; left out where all are of one user.
    pub(crate) user: String,
    pub(crate) user_href: Option<String>,
    pub(crate) address: String,
    /// Browser and system, as far as they tell.
    pub(crate) agent: String,
    pub(crate) started: Timestamp,
    pub(crate) used: Timestamp,
    pub(crate) ends: Timestamp,
    /// Whether it is the session that looks at this page.
    pub(crate) is_own: bool,
    /// Whether it is locked after idling.
    pub(crate) is_locked: bool,
    pub(crate) end: Option<Act>,
}

/// The page. Columns: `user`, `started`, `used`.
pub(crate) fn page(shell: &Shell, view: &Sessions) -> Markup {
    let head = Head {
        title: html! { "Sessions" },
        lead: html! { "Who is logged in now. Ending a session logs its browser out at once." },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        (view.listing.search("Find a user or address"))
        @if view.rows.is_empty() {
            (view.listing.nothing(&Empty { title: "Nobody is logged in", text: "Not even you, by the time you read this.", next: Some(("Log in", "/login")) }))
        } @else {
            (table(shell, &view.rows, Some(&view.listing)))
            (view.listing.pages(view.rows.len(), "session"))
        }
    };
    shell.page("Sessions", &body)
}

/// Sessions as a table; with a list's columns where they are of several users.
pub(super) fn table(shell: &Shell, rows: &[Session], list: Option<&Listing>) -> Markup {
    html! {
        table.stack.list {
            caption.heard { "Sessions" }
            thead { tr {
                @match list {
                    Some(list) => { (list.column("user", "User")) th scope="col" { "From" } (list.column("started", "Began")) (list.column("used", "Last used")) },
                    None => { th scope="col" { "From" } th scope="col" { "Began" } th scope="col" { "Last used" } },
                }
                th scope="col" { "Ends" }
                th scope="col" { span.heard { "Action" } }
            } }
            tbody { @for row in rows { (line(shell, row, list.is_some())) } }
        }
    }
}

fn line(shell: &Shell, row: &Session, with_user: bool) -> Markup {
    let from = html! {
        (name(&row.address))
        @if row.is_own { " " span.badge.pass { "this one" } }
        @if row.is_locked { " " span.badge.unknown { "locked" } }
        @if !row.agent.is_empty() { p.sub { (printable(&row.agent)) } }
    };
    html! {
        tr {
            @if with_user {
                th scope="row" { @match &row.user_href { Some(href) => a href=(href) { (name(&row.user)) }, None => (name(&row.user)) } }
                td data-label="From" { (from) }
            } @else {
                th scope="row" { (from) }
            }
            td data-label="Began" { (shell.time(row.started)) }
            td data-label="Last used" { (shell.time(row.used)) }
            td data-label="Ends" { (shell.time(row.ends)) }
            td.act-cell { @if let Some(act) = &row.end { (act.draw("small")) } }
        }
    }
}
