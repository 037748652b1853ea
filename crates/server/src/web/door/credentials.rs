//! Links that came by mail: an invitation, a password to be set anew.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use crate::web::form::{Field, Form, Kind, send};
use crate::web::shell::{Head, Shell};
use crate::web::text::name;

/// An invitation: fields `full_name`, `password`, `password_again`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invitation {
    pub(crate) form: Form,
    pub(crate) user_name: String,
    /// Who invites.
    pub(crate) by: String,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) rules: Vec<String>,
}

/// Somebody accepts an invitation.
pub(crate) fn invitation(shell: &Shell, view: &Invitation) -> Markup {
    let head = Head {
        title: html! { "You are invited" },
        lead: html! {
            @if view.by.is_empty() { "Choose" } @else { (name(&view.by)) " made a user for you. Choose" }
            " your password, then log in as " strong { (name(&view.user_name)) } "."
        },
        ..Head::default()
    };
    let fields = [
        Field::line("full_name", "Full name").complete("name").limit(300),
        Field::secret("password", "Password", "new-password").hint(super::rules(&view.rules)),
        Field::secret("password_again", "Password again", "new-password"),
    ];
    let body = html! {
        (head.draw())
        (account(&view.user_name))
        (view.form.draw("invitation", &fields, &send("Accept the invitation")))
        @if let Some(expires) = view.expires { p.hint { "The invitation ends at " (shell.time(expires)) "." } }
    };
    shell.door("You are invited", &body)
}

/// A reset is asked for: field `mail`.
pub(crate) fn request(shell: &Shell, form: &Form) -> Markup {
    let head = Head {
        title: html! { "Forgot your password" },
        lead: html! { "A link to choose a new one is sent to the address of your user." },
        ..Head::default()
    };
    let fields = [Field::new("mail", "Mail address", Kind::Line("email")).complete("email").limit(254).focus()];
    let body = html! {
        (head.draw())
        (form.draw("request", &fields, &html! { (send("Send the link")) a.button href="/login" { "Cancel" } }))
    };
    shell.door("Forgot your password", &body)
}

/// A reset cannot be asked for.
pub(crate) fn no_mail(shell: &Shell) -> Markup {
    let head = Head {
        title: html! { "Forgot your password" },
        lead: html! { "This server sends no mail. Ask an administrator for a code with which you choose a new password." },
        actions: html! { a.button href="/login" { "Back to the login" } },
        ..Head::default()
    };
    shell.door("Forgot your password", &head.draw())
}

/// The link is on its way, or would be if there were such a user: the page does not tell.
pub(crate) fn requested(shell: &Shell) -> Markup {
    let head = Head {
        title: html! { "Look into your mail" },
        lead: html! { "If a user has this address, a link is on its way. It works once, and not for long." },
        actions: html! { a.button href="/login" { "Back to the login" } },
        ..Head::default()
    };
    shell.door("Look into your mail", &head.draw())
}

/// A new password: fields `password`, `password_again`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reset {
    pub(crate) form: Form,
    pub(crate) user_name: String,
    /// Why it must be changed; nothing when the user asked for it.
    pub(crate) why: String,
    pub(crate) rules: Vec<String>,
}

/// Somebody chooses a new password.
pub(crate) fn reset(shell: &Shell, view: &Reset) -> Markup {
    let head = Head {
        title: html! { "Choose a new password" },
        lead: html! {
            @if view.why.is_empty() { "All sessions of this user end, and the old password is worth nothing." }
            @else { (printable(&view.why)) }
        },
        ..Head::default()
    };
    let fields = [
        Field::secret("password", "New password", "new-password").hint(super::rules(&view.rules)).focus(),
        Field::secret("password_again", "New password again", "new-password"),
    ];
    let body = html! {
        (head.draw())
        (account(&view.user_name))
        (view.form.draw("reset", &fields, &send("Set the password")))
    };
    shell.door("Choose a new password", &body)
}

/// The link has been used, or its time is over.
pub(crate) fn spent(shell: &Shell) -> Markup {
    let head = Head {
        title: html! { "This link is worth nothing any more" },
        lead: html! { "It was used, its time is over, or a newer one was sent. Ask for another." },
        actions: html! { a.button href="/login" { "Back to the login" } },
        ..Head::default()
    };
    shell.door("This link is worth nothing any more", &head.draw())
}

/// Whose credential it is, where a password manager looks for it.
fn account(user_name: &str) -> Markup {
    html! { p.whose { "User name " strong { (name(user_name)) } } }
}
