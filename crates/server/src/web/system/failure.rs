//! What a page says when it cannot be shown.

use std::time::Duration;

use maud::{Markup, html};
use report::printable;

use crate::web::icon::fence;
use crate::web::shell::{Head, Shell};
use crate::web::text::{ended, length};

/// A failure, as the viewer may know it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failure {
    /// The status of the answer.
    pub(crate) status: u16,
    /// What was wrong in this case, where the viewer may know; may be empty.
    pub(crate) detail: String,
    /// When to try again.
    pub(crate) retry: Option<Duration>,
    /// By which the log knows it.
    pub(crate) request: String,
}

/// The page; within the navigation for whoever is logged in.
pub(crate) fn page(shell: &Shell, view: &Failure) -> Markup {
    let (title, text, next) = words(view.status);
    let head = Head {
        title: html! { (title) },
        lead: html! { (text) },
        actions: html! {
            @if view.status == 401 { a.button.primary href="/login" { "Log in" } }
            @else { a.button.primary href="/" { "To the overview" } }
        },
        ..Head::default()
    };
    let body = html! {
        div.failure {
            (head.draw())
            @if !view.detail.is_empty() { p.detail { (printable(&ended(&view.detail))) } }
            @if let Some(retry) = view.retry { p { "Try again in " strong { (length(retry)) } "." } }
            @if !next.is_empty() { p { (next) } }
            p.request { (view.status) @if !view.request.is_empty() { " \u{b7} request " code { (printable(&view.request)) } } }
            @if shell.user.is_some() { (fence(14, Some(6))) }
        }
    };
    if shell.user.is_some() { shell.page(title, &body) } else { shell.door(title, &body) }
}

/// Title, what happened, what to do.
fn words(status: u16) -> (&'static str, &'static str, &'static str) {
    match status {
        400 => (
            "That was not understood",
            "What the browser sent is not what this page expects. Nothing was changed.",
            "Go back, load the page again and repeat it.",
        ),
        401 => ("Not logged in", "This page is for people who are logged in.", ""),
        403 => (
            "Not for your role",
            "You are logged in, but none of your roles allows this. Nothing was changed.",
            "An administrator can give you a role that does, under Users.",
        ),
        404 => (
            "Nothing here",
            "There is no such page, or you may not see it.",
            "Check the address, or start from the overview.",
        ),
        410 => ("Not here any more", "What was here was removed after the time for which it is kept.", ""),
        405 => ("Not this way", "This address does not take that kind of request. Nothing was changed.", ""),
        409 => (
            "Somebody was faster",
            "What you changed was changed by somebody else meanwhile. Yours was not saved.",
            "Load the page again, look at what stands there now, and decide anew.",
        ),
        413 => ("Too much at once", "What was sent is larger than this page takes. Nothing was changed.", ""),
        429 => (
            "Too many attempts",
            "So much was asked from your address that it must wait. Everybody else is served.",
            "",
        ),
        503 => (
            "Not ready",
            "The server is starting, stopping, or cannot reach its database. Nothing was changed.",
            "It comes back by itself. If not, its log says why.",
        ),
        _ => (
            "That is our mistake",
            "The server could not finish this. What was begun was taken back.",
            "Try again. If it stays, give an administrator the number below: the log knows the rest.",
        ),
    }
}
