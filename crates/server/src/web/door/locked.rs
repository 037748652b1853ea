//! Shut doors: too many failures, an idle session, and the step up to dangerous things.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use super::factor::Passkey;
use crate::web::form::{Act, Field, Form, Kind, send};
use crate::web::shell::{Head, Shell};
use crate::web::text::name;

/// Too many failures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocked {
    /// When it may be tried again.
    pub(crate) until: Option<Timestamp>,
    /// Whom to ask, as the site says it; may be empty.
    pub(crate) contact: String,
}

/// The door is shut for a time. It says the same whether the user exists or not.
pub(crate) fn blocked(shell: &Shell, view: &Blocked) -> Markup {
    let head = Head {
        title: html! { "Locked for a while" },
        lead: html! { "There were too many failed attempts from your address." },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        @if let Some(until) = view.until { p.until { "Try again after " strong { (shell.time(until)) } "." } }
        h2 { "What to do" }
        ul.plain-list {
            li { "Wait. Trying sooner changes nothing." }
            li { "An administrator can lift the block under " strong { "Blocks" } "." }
            li { "If it was not you who tried, tell an administrator: somebody guesses passwords." }
        }
        @if !view.contact.is_empty() { p.contact { "Contact: " (name(&view.contact)) } }
        p.below { a href="/login" { "Back to the login" } }
    };
    shell.door("Locked for a while", &body)
}

/// The session is locked after idling: field `password`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Idle {
    pub(crate) form: Form,
    /// Full name of whose session it is.
    pub(crate) user: String,
    /// Since when it is locked.
    pub(crate) since: Option<Timestamp>,
    pub(crate) logout: Act,
}

/// An idle session asks for the password again.
pub(crate) fn idle(shell: &Shell, view: &Idle) -> Markup {
    let head = Head {
        title: html! { "Session locked" },
        lead: html! {
            "Nothing was done for a while" @if let Some(since) = view.since { ", so it was locked at " (shell.time(since)) }
            ". What you had open is still there."
        },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        p.whose { "Logged in as " strong { (name(&view.user)) } }
        (view.form.draw("unlock", &[Field::secret("password", "Password", "current-password").focus()], &send("Unlock")))
        div.below { (view.logout.draw("quiet-button")) }
    };
    shell.door("Session locked", &body)
}

/// A step up: fields `password`, and `code` where the user has an app.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepUp {
    pub(crate) form: Form,
    /// What is about to be done, as the end of "to ...": `delete the user anna`.
    pub(crate) what: String,
    /// Whether a code of an app is asked for too.
    pub(crate) code: bool,
    pub(crate) passkey: Option<Passkey>,
    /// For how many minutes no other step up is needed.
    pub(crate) minutes: u64,
    pub(crate) cancel: String,
}

/// Who wants to do something dangerous shows again who he is.
pub(crate) fn step_up(shell: &Shell, view: &StepUp) -> Markup {
    let head = Head {
        title: html! { "Show that it is you" },
        lead: html! { @if !view.what.is_empty() { "This is needed to " (printable(&view.what)) "." } },
        ..Head::default()
    };
    let mut fields = vec![Field::secret("password", "Password", "current-password").focus()];
    if view.code {
        let hint = html! { "The six digits that your authenticator app shows now." };
        fields.push(Field::new("code", "Code", Kind::Code).limit(8).hint(hint));
    }
    let body = html! {
        (head.draw())
        (view.form.draw("step-up", &fields, &html! { (send("Go on")) a.button href=(view.cancel) { "Cancel" } }))
        @if let Some(passkey) = &view.passkey {
            div.or { span { "or" } }
            (passkey.get())
        }
        p.hint { "For the next " (view.minutes) " minutes you are not asked again." }
    };
    shell.door("Show that it is you", &body)
}
