//! The first administrator, by the set-up code that the server printed.

use maud::{Markup, html};

use crate::web::form::{Field, Form, Kind, send};
use crate::web::shell::{Head, Shell};

/// Set-up: fields `code`, `user_name`, `full_name`, `mail`, `password`, `password_again`.
#[derive(Clone, Debug, Default)]
pub(crate) struct SetUp {
    pub(crate) form: Form,
    /// What a password must be, a sentence each.
    pub(crate) rules: Vec<String>,
    /// The file that holds the code, for who has lost sight of the terminal.
    pub(crate) code_file: String,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &SetUp) -> Markup {
    let head = Head {
        title: html! { "Set up Palisade" },
        lead: html! { "You become the first administrator. Nobody can log in before." },
        ..Head::default()
    };
    let where_code = html! {
        "Printed in the terminal when the server started"
        @if !view.code_file.is_empty() { ", and in the file " code { (report::printable(&view.code_file)) } }
        ". It works once."
    };
    let fields = [
        Field::new("code", "Set-up code", Kind::MixedCode).hint(where_code).limit(64).focus(),
        Field::line("user_name", "User name")
            .complete("username")
            .limit(64)
            .hint(html! { "For logging in. Not " code { "admin" } " or another name that is guessed first." }),
        Field::line("full_name", "Full name").complete("name").limit(300),
        Field::new("mail", "Mail address", Kind::Line("email"))
            .complete("email")
            .limit(254)
            .hint(html! { "For a link when you forget your password, once this server sends mail." }),
        Field::secret("password", "Password", "new-password").hint(super::rules(&view.rules)),
        Field::secret("password_again", "Password again", "new-password"),
    ];
    let body = html! {
        (head.draw())
        ol.steps aria-label="Steps" {
            li aria-current="step" { "Administrator" }
            li { "Second factor" }
            li { "Overview" }
        }
        (view.form.draw("setup", &fields, &send("Create the administrator")))
    };
    shell.door("Set up", &body)
}

/// Set-up has been done: the door for everybody who comes later.
pub(crate) fn done(shell: &Shell) -> Markup {
    let head = Head {
        title: html! { "Set-up is done" },
        lead: html! { "This system has an administrator. The set-up code has been used and is worth nothing now." },
        actions: html! { a.button.primary href="/login" { "Log in" } },
        ..Head::default()
    };
    shell.door("Set-up is done", &head.draw())
}
