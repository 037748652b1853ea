//! Shut doors: too many failures, an idle session, and the step up to dangerous things.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use super::factor::Passkey;
use super::login::Provider;
use crate::web::form::{Act, Field, Form, Kind, hidden, send};
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
    /// Who vouches for the user, who has no password here then.
    pub(crate) provider: Option<Provider>,
    pub(crate) logout: Act,
}

/// An idle session asks for the password again.
pub(crate) fn idle(shell: &Shell, view: &Idle) -> Markup {
    let head = Head {
        title: html! { "Session locked" },
        lead: html! {
            "Nothing was done for a while" @if let Some(since) = view.since { ", so it was locked at " (shell.time(since)) }
            @if view.provider.is_none() { ". What you had open is still there." }
            @else { ". Whoever vouches for you does so again, and a new session begins." }
        },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        p.whose { "Logged in as " strong { (name(&view.user)) } }
        @match &view.provider {
            Some(provider) => div.providers { (provider.draw()) },
            None => (view.form.draw("unlock", &[Field::secret("password", "Password", "current-password").focus()], &send("Unlock"))),
        }
        div.below { (view.logout.draw("quiet-button")) }
    };
    shell.door("Session locked", &body)
}

/// A step up: fields `password`, and `code` or `recovery_code`.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepUp {
    pub(crate) form: Form,
    /// What is about to be done, as the end of "to ...": `delete the user anna`.
    pub(crate) what: String,
    /// What is asked for beside the password.
    pub(crate) beside: Beside,
    /// Who vouches for the user, who has no password here then.
    pub(crate) provider: Option<Provider>,
    pub(crate) passkey: Option<Passkey>,
    /// What was sent and waits; the script of passkeys sends it on.
    pub(crate) waiting: Option<Act>,
    /// For how many minutes no other step up is needed.
    pub(crate) minutes: u64,
    pub(crate) cancel: String,
}

/// What is shown beside the password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Nothing: the user has no second factor.
    #[default]
    Nothing,
    /// The code of an app.
    Code,
    /// A recovery code: the user's passkeys stand on their own.
    Recovery,
}

/// The identifier of the form that waits.
pub(crate) const WAITING: &str = "waiting";

/// Who wants to do something dangerous shows again who he is.
pub(crate) fn step_up(shell: &Shell, view: &StepUp) -> Markup {
    let head = Head {
        title: html! { "Show that it is you" },
        lead: html! { @if !view.what.is_empty() { "This is needed to " (printable(&view.what)) "." } },
        ..Head::default()
    };
    let buttons = html! { (send("Go on")) a.button href=(view.cancel) { "Cancel" } };
    // Who has no password here shows the second factor alone, as after a login.
    let with_password = |field: Field<'static>| match &view.provider {
        None => vec![Field::secret("password", "Password", "current-password").focus(), field],
        Some(_) => vec![field.focus()],
    };
    let body = html! {
        (head.draw())
        @if view.waiting.is_some() { p { "What you sent is kept, and is done after this." } }
        @match view.beside {
            Beside::Recovery => {
                @if let Some(passkey) = &view.passkey { (passkey.get()) }
                details.other open[view.form.is_refused() || !view.passkey.as_ref().is_some_and(Passkey::is_offered)] {
                    summary { "Use a recovery code" }
                    (view.form.draw("step-up", &with_password(
                        Field::line("recovery_code", "Recovery code").complete("off").limit(64)
                            .hint(html! { "One of those that you kept when you set up your second factor. Each works once." }),
                    ), &buttons))
                }
                p.below { a href=(view.cancel) { "Cancel" } }
            },
            Beside::Code => {
                (view.form.draw("step-up", &with_password(
                    Field::new("code", "Code", Kind::Code).limit(8).hint(html! { "The six digits that your authenticator app shows now." }),
                ), &buttons))
                @if let Some(passkey) = &view.passkey {
                    div.or { span { "or" } }
                    (passkey.get())
                }
            },
            Beside::Nothing => {
                @match &view.provider {
                    Some(provider) => div.providers { (provider.draw()) },
                    None => (view.form.draw("step-up", &[Field::secret("password", "Password", "current-password").focus()], &buttons)),
                }
            },
        }
        @if let Some(waiting) = &view.waiting {
            form #(WAITING) method="post" action=(waiting.action) hidden { (hidden(&waiting.hidden)) }
        }
        p.hint { "For the next " (view.minutes) " minutes you are not asked again." }
    };
    shell.door("Show that it is you", &body)
}

/// What was sent before the step up goes on by one more press: an answer sends no form again by itself.
pub(crate) fn carry_on(shell: &Shell, act: &Act) -> Markup {
    let head = Head {
        title: html! { "It is you" },
        lead: html! { "What you sent has waited. It is done when you press the button." },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        div.buttons { (act.draw("primary")) }
    };
    shell.door("It is you", &body)
}
