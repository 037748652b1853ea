//! Everybody who may log in, and who is invited.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use super::Mark;
use crate::web::list::{Empty, Listing};
use crate::web::shell::{Head, Shell};
use crate::web::text::name;

/// Users.
#[derive(Clone, Debug, Default)]
pub(crate) struct Users {
    pub(crate) listing: Listing,
    pub(crate) rows: Vec<Row>,
    /// Where somebody is invited, for whom may.
    pub(crate) invite: Option<String>,
}

/// One user.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) full_name: String,
    pub(crate) user_name: String,
    pub(crate) mail: String,
    pub(crate) roles: Vec<String>,
    /// `active`, `invited`, `deactivated`, `idle`.
    pub(crate) state: Mark,
    /// `app`, `passkey`, `none`.
    pub(crate) factor: Mark,
    pub(crate) last_login: Option<Timestamp>,
}

/// The page. Columns: `name`, `state`, `last_login`.
pub(crate) fn page(shell: &Shell, view: &Users) -> Markup {
    let invite = view.invite.as_deref();
    let head = Head {
        title: html! { "Users" },
        lead: html! { "Who may log in, with which roles, and when they last did." },
        actions: html! { a.button href="/users/idle" { "Who does not log in" } @if let Some(href) = invite { a.button.primary href=(href) { "Invite somebody" } } },
        ..Head::default()
    };
    let list = &view.listing;
    let body = html! {
        (head.draw())
        (list.search("Find a user"))
        @if view.rows.is_empty() {
            (list.nothing(&Empty {
                title: "Nobody else is here",
                text: "Invite those who work with this system, each with a user of their own.",
                next: invite.map(|href| ("Invite somebody", href)),
            }))
        } @else {
            table.stack.list {
                caption.heard { "Users" }
                thead { tr {
                    (list.column("name", "Name"))
                    th scope="col" { "Roles" }
                    (list.column("state", "State"))
                    th scope="col" { "Second factor" }
                    (list.column("last_login", "Last login"))
                } }
                tbody { @for row in &view.rows {
                    tr {
                        th scope="row" {
                            a href=(row.href) { (name(&row.full_name)) }
                            p.sub { (name(&row.user_name)) @if !row.mail.is_empty() { " \u{b7} " (name(&row.mail)) } }
                        }
                        td data-label="Roles" { @if row.roles.is_empty() { span.quiet { "none" } } @else { (printable(&row.roles.join(", "))) } }
                        td data-label="State" { (row.state.draw()) }
                        td data-label="Second factor" { (row.factor.draw()) }
                        td data-label="Last login" { (shell.time_or(row.last_login, "never")) }
                    }
                } }
            }
            (list.pages(view.rows.len(), "user"))
        }
    };
    shell.page("Users", &body)
}
