//! API tokens: what programs log in with.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use super::Mark;
use crate::web::form::{Act, Choice, Field, Form, Kind, send};
use crate::web::list::{Empty, Listing};
use crate::web::shell::{Head, Shell};
use crate::web::text::name;

/// Tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) listing: Listing,
    pub(crate) rows: Vec<Row>,
    /// Where one is created, for whom may.
    pub(crate) create: Option<String>,
}

/// One token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Its first characters, by which it is recognised.
    pub(crate) prefix: String,
    pub(crate) owner: String,
    pub(crate) scopes: Vec<String>,
    /// `valid`, `expired`, `ends soon`.
    pub(crate) state: Mark,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) used: Option<Timestamp>,
    pub(crate) revoke: Option<Act>,
}

/// The page. Columns: `name`, `expires`, `used`.
pub(crate) fn page(shell: &Shell, view: &Tokens) -> Markup {
    let create = view.create.as_deref();
    let head = Head {
        title: html! { "API tokens" },
        lead: html! { "For programs. A token does less than its owner may, ends by itself, and is stored as a hash only." },
        actions: html! { @if let Some(href) = create { a.button.primary href=(href) { "Create a token" } } },
        ..Head::default()
    };
    let list = &view.listing;
    let body = html! {
        (head.draw())
        (list.search("Find a token"))
        @if view.rows.is_empty() {
            (list.nothing(&Empty {
                title: "No tokens",
                text: "Programs that ask this server need one each. People do not: they log in.",
                next: create.map(|href| ("Create a token", href)),
            }))
        } @else {
            table.stack.list {
                caption.heard { "API tokens" }
                thead { tr {
                    (list.column("name", "Token"))
                    th scope="col" { "May" }
                    (list.column("expires", "Ends"))
                    (list.column("used", "Last used"))
                    th scope="col" { span.heard { "Action" } }
                } }
                tbody { @for row in &view.rows {
                    tr {
                        th scope="row" {
                            (name(&row.name)) " " (row.state.draw())
                            p.sub { code { (printable(&row.prefix)) "\u{2026}" } " of " (name(&row.owner)) }
                        }
                        td data-label="May" { ul.scopes { @for scope in &row.scopes { li { code { (printable(scope)) } } } } }
                        td data-label="Ends" { (shell.time_or(row.expires, "never")) }
                        td data-label="Last used" { (shell.time_or(row.used, "never")) }
                        td.act-cell { @if let Some(act) = &row.revoke { (act.draw("small")) } }
                    }
                } }
            }
            (list.pages(view.rows.len(), "token"))
        }
    };
    shell.page("API tokens", &body)
}

/// A new token: fields `name`, `days`, `scope`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Create {
    pub(crate) form: Form,
    /// How long it may hold.
    pub(crate) days: Vec<Choice>,
    /// Permissions, none that the viewer does not hold.
    pub(crate) scopes: Vec<Choice>,
}

/// A token is created.
pub(crate) fn create(shell: &Shell, view: &Create) -> Markup {
    let head = Head {
        above: &[("API tokens", "/tokens")],
        title: html! { "Create a token" },
        lead: html! { "Give it what its program needs and nothing else." },
        ..Head::default()
    };
    let fields = [
        Field::line("name", "Name")
            .complete("off")
            .limit(100)
            .hint(html! { "What uses it, and where." })
            .focus(),
        Field::new("days", "Ends after", Kind::Pick(&view.days)),
        Field::new("scope", "It may", Kind::Ticks(&view.scopes)),
    ];
    let body = html! {
        (head.draw())
        (view.form.draw("create", &fields, &html! { (send("Create the token")) a.button href="/tokens" { "Cancel" } }))
    };
    shell.page("Create a token", &body)
}

/// A token that was just made, for once.
pub(crate) fn made(shell: &Shell, title: &str, token: &str) -> Markup {
    let head = Head {
        above: &[("API tokens", "/tokens")],
        title: html! { "Keep this token" },
        lead: html! { "It is shown now and never again. Put " (name(title)) " where its program reads it, not into a mail." },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        (super::user::once("token", token))
        p.hint { "Sent with each request as " code { "Authorization: Bearer TOKEN" } "." }
        p { a.button href="/tokens" { "Done" } }
    };
    shell.page("Keep this token", &body)
}
