//! Access reviews: somebody looks at every user's roles, decides, and signs.

use std::collections::BTreeSet;

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use super::Mark;
use crate::web::form::{Act, Choice, Field, Form, Kind, hidden, ticks};
use crate::web::list::{Empty, Listing};
use crate::web::picture;
use crate::web::shell::{Head, Shell};
use crate::web::text::{count, name};

/// All reviews.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reviews {
    pub(crate) listing: Listing,
    pub(crate) rows: Vec<Row>,
    /// When the next one is due.
    pub(crate) due: Option<Timestamp>,
    /// Starts one, for whom may and when none is open.
    pub(crate) start: Option<Act>,
}

/// One review in the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) opened: Timestamp,
    pub(crate) by: String,
    pub(crate) decided: usize,
    pub(crate) of: usize,
    /// `open`, `signed`.
    pub(crate) state: Mark,
    pub(crate) signed: Option<Timestamp>,
}

/// The list.
pub(crate) fn list(shell: &Shell, view: &Reviews) -> Markup {
    let head = Head {
        title: html! { "Access reviews" },
        lead: html! {
            "Who still needs what they may do? Decided for each user, signed, and kept."
            @if let Some(due) = view.due { " The next one is due " (shell.day(due)) "." }
        },
        actions: html! { @if let Some(act) = &view.start { (act.draw("button primary")) } },
        ..Head::default()
    };
    let list = &view.listing;
    let body = html! {
        (head.draw())
        (list.search("Find a reviewer"))
        @if view.rows.is_empty() {
            (list.nothing(&Empty {
                title: "No review yet",
                text: "A review lists every user with their roles. Start one when the people of the plant have changed, or the calendar says so.",
                next: None,
            }))
        } @else {
            table.stack.list {
                caption.heard { "Access reviews" }
                thead { tr { (list.column("begun", "Opened")) th scope="col" { "State" } th scope="col" { "Decided" } (list.column("signed", "Signed")) } }
                tbody { @for row in &view.rows {
                    tr {
                        th scope="row" { a href=(row.href) { (shell.time(row.opened)) } p.sub { "by " (name(&row.by)) } }
                        td data-label="State" { (row.state.draw()) }
                        td data-label="Decided" { (picture::progress(row.decided, row.of, "Decided")) }
                        td data-label="Signed" { (shell.time_or(row.signed, "not yet")) }
                    }
                } }
            }
            (list.pages(view.rows.len(), "review"))
        }
    };
    shell.page("Access reviews", &body)
}

/// One review.
#[derive(Clone, Debug, Default)]
pub(crate) struct Review {
    pub(crate) opened: Timestamp,
    pub(crate) by: String,
    pub(crate) decided: usize,
    pub(crate) of: usize,
    pub(crate) people: Vec<Person>,
    /// Signs it: field `statement` to tick; none while something is undecided, or once it is signed.
    pub(crate) sign: Option<Form>,
    pub(crate) signed: Option<Signature>,
    pub(crate) listing: Listing,
}

/// A user under review.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    /// Tells this user's form from the others.
    pub(crate) key: String,
    pub(crate) full_name: String,
    pub(crate) href: String,
    /// Roles with where they hold: `operator (site=linz)`.
    pub(crate) roles: Vec<String>,
    pub(crate) last_login: Option<Timestamp>,
    /// Of a role: what it permits and none of its holders used, and since when.
    pub(crate) unused: Option<(BTreeSet<String>, Timestamp)>,
    pub(crate) state: Mark,
    /// Keep, change, remove: sent as `decision` with `note`; empty once signed.
    pub(crate) choices: Vec<Choice>,
    pub(crate) note: String,
    pub(crate) action: String,
    pub(crate) hidden: Vec<(String, String)>,
    /// What was decided, in a word; empty while open.
    pub(crate) decision: String,
    pub(crate) decided_by: String,
    pub(crate) decided_at: Option<Timestamp>,
}

/// Who signed, and by what the record is recognised.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signature {
    pub(crate) by: String,
    pub(crate) at: Timestamp,
    /// SHA-256 of the record.
    pub(crate) digest: String,
    pub(crate) record: String,
}

impl Signature {
    pub(crate) fn draw(&self, shell: &Shell) -> Markup {
        html! {
            div.notice.pass role="status" {
                p { strong { "Signed" } " by " (name(&self.by)) " " (shell.time(self.at)) ". " a href=(self.record) { "The signed record" } }
                p { "SHA-256 " code.hash { (printable(&self.digest)) } }
            }
        }
    }
}

/// The page of one review.
pub(crate) fn one(shell: &Shell, view: &Review) -> Markup {
    let head = Head {
        above: &[("Access reviews", "/reviews")],
        title: html! { "Review of " (shell.day(view.opened)) },
        lead: html! { "Opened by " (name(&view.by)) " " (shell.time(view.opened)) ". Decide for each user whether the roles are still needed." },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        (picture::progress(view.decided, view.of, "Decided users"))
        @if let Some(signature) = &view.signed {
            (signature.draw(shell))
        }
        @if view.people.is_empty() {
            (view.listing.nothing(&Empty { title: "Nobody to review", text: "There was no user when the review was opened.", next: None }))
        } @else {
            ol.people { @for (at, person) in view.people.iter().enumerate() { li.card { (decide(shell, at, person)) } } }
            (view.listing.pages(view.people.len(), "user"))
        }
        @if let Some(form) = &view.sign {
            section aria-labelledby="sign-h" {
                h2 #sign-h { "Sign" }
                p { "All " (view.of) " are decided. Signing carries the decisions out and closes the review; the record cannot be changed afterwards." }
                (form.draw("sign", &[
                    Field::new("statement", "Statement", Kind::Ticks(&[Choice { value: "yes".into(), label: "I looked at every user and decided to the best of my knowledge.".into(), ..Choice::default() }])),
                ], &html! { button.primary type="submit" { "Sign the review" } }))
            }
        } @else if view.signed.is_none() {
            p.quiet { (count(view.of.saturating_sub(view.decided), "user")) " to decide before it can be signed." }
        }
    };
    shell.page("Access review", &body)
}

fn decide(shell: &Shell, at: usize, person: &Person) -> Markup {
    let id = format!("person-{at}");
    html! {
        div.person-head {
            h2 id=(id) { a href=(person.href) { (name(&person.full_name)) } }
            (person.state.draw())
            @if !person.decision.is_empty() { span.badge.pass { (printable(&person.decision)) } }
        }
        p.meta {
            span { @if person.roles.is_empty() { "no roles" } @else { (printable(&person.roles.join(", "))) } }
            @if person.unused.is_none() { span { "last login " (shell.time_or(person.last_login, "never")) } }
            @if !person.decided_by.is_empty() { span { "decided by " (name(&person.decided_by)) @if let Some(at) = person.decided_at { " " (shell.time(at)) } } }
        }
        @if let Some((permissions, since)) = &person.unused { (super::roles::unused(shell, permissions, *since)) }
        @if person.choices.is_empty() {
            @if !person.note.is_empty() { p { (printable(&person.note)) } }
        } @else {
            form.decide method="post" action=(person.action) {
                (hidden(&person.hidden))
                input type="hidden" name="user" value=(person.key);
                fieldset {
                    legend.heard { "Decision for " (printable(&person.full_name)) }
                    (ticks(&format!("{id}-decision"), "decision", "radio", &person.choices))
                }
                div.field {
                    label for=(format!("{id}-note")) { "Note " span.optional { "(optional)" } }
                    input type="text" id=(format!("{id}-note")) name="note" value=(&person.note) maxlength="500" dir="auto" autocomplete="off";
                }
                button type="submit" { "Record" span.heard { " the decision for " (printable(&person.full_name)) } }
            }
        }
    }
}
