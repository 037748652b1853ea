//! Accounts that nobody uses: what could go before the next review.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use crate::web::form::{Act, Choice, options};
use crate::web::list::Empty;
use crate::web::shell::{Head, Shell};
use crate::web::text::{count, name};

/// Users and tokens without use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Idle {
    pub(crate) path: String,
    /// Numbers of days to choose from.
    pub(crate) choices: Vec<Choice>,
    pub(crate) users: Vec<Row>,
    /// None for whom may not see tokens of others.
    pub(crate) tokens: Option<Vec<Row>>,
}

/// One account or token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) href: String,
    /// The user name, or the token's owner.
    pub(crate) of: String,
    /// `invited, never came`, `never used`, `not used any more`.
    pub(crate) why: String,
    pub(crate) last: Option<Timestamp>,
    pub(crate) days: i64,
    /// Takes it out of use, where the viewer may.
    pub(crate) act: Option<Act>,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Idle) -> Markup {
    let head = Head {
        above: &[("Users", "/users")],
        title: html! { "Accounts that nobody uses" },
        lead: html! { "Whoever does not need an account any more leaves a door open. Deactivate it: that can be undone, and ends its sessions and tokens." },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        form.search role="search" aria-label="For how long" method="get" action=(view.path) {
            div.search-field {
                label for="days" { "Not used for" }
                select id="days" name="days" { (options(&view.choices, None)) }
            }
            div.search-send { button type="submit" { "Show" } }
        }
        section aria-labelledby="users-h" {
            h2 #users-h { "Users" }
            @if view.users.is_empty() {
                (Empty { title: "Everybody is needed", text: "All who may log in did so in this time.", next: None }.draw())
            } @else {
                (table(shell, &view.users, "User", "Last login"))
                p.quiet { (count(view.users.len(), "user")) }
            }
        }
        @if let Some(tokens) = &view.tokens {
            section aria-labelledby="tokens-h" {
                h2 #tokens-h { "API tokens" }
                @if tokens.is_empty() { p.quiet { "All that open something were used in this time." } }
                @else {
                    (table(shell, tokens, "Token", "Last used"))
                    p.quiet { (count(tokens.len(), "token")) }
                }
            }
        }
    };
    shell.page("Accounts that nobody uses", &body)
}

fn table(shell: &Shell, rows: &[Row], of: &str, last: &str) -> Markup {
    html! {
        table.stack.list {
            caption.heard { (of) "s without use" }
            thead { tr {
                th scope="col" { (of) }
                th scope="col" { "Why" }
                th scope="col" { (last) }
                th.right scope="col" { "Days" }
                th scope="col" { span.heard { "Action" } }
            } }
            tbody { @for row in rows {
                tr {
                    th scope="row" { a href=(row.href) { (name(&row.name)) } p.sub { (name(&row.of)) } }
                    td data-label="Why" { (printable(&row.why)) }
                    td data-label=(last) { (shell.time_or(row.last, "never")) }
                    td.right data-label="Days" { (row.days) }
                    td.act-cell { @if let Some(act) = &row.act { (act.draw("small")) } }
                }
            } }
        }
    }
}
