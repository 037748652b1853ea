//! Login, with the notice that stands before it.

use maud::{Markup, html};
use report::printable;

use crate::web::form::{Field, Form, hidden, send};
use crate::web::icon::{KEY, icon};
use crate::web::shell::{Head, Shell};
use crate::web::text::prose;

/// Login: fields `user_name`, `password`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    pub(crate) form: Form,
    /// The system-use notice; each line a paragraph.
    pub(crate) notice: String,
    /// Who else vouches for users.
    pub(crate) providers: Vec<Provider>,
    /// Where a forgotten password is reset; none when this system sends no mail.
    pub(crate) reset: Option<String>,
}

/// A provider of logins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Provider {
    /// As the site calls it.
    pub(crate) name: String,
    /// The address that a button posts to.
    pub(crate) action: String,
    pub(crate) hidden: Vec<(String, String)>,
}

impl Provider {
    /// The button that leads there.
    pub(super) fn draw(&self) -> Markup {
        html! {
            form method="post" action=(self.action) {
                (hidden(&self.hidden))
                button type="submit" { (icon(KEY)) span { "Sign in with " (printable(&self.name)) } }
            }
        }
    }
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Login) -> Markup {
    let head = Head { title: html! { "Log in" }, ..Head::default() };
    let fields = [
        Field::line("user_name", "User name").complete("username").limit(64).focus(),
        Field::secret("password", "Password", "current-password"),
    ];
    let body = html! {
        (head.draw())
        @if !view.notice.trim().is_empty() {
            section.use-notice aria-labelledby="use-notice-h" {
                h2 #use-notice-h { "Before you log in" }
                (prose(&view.notice))
            }
        }
        (view.form.draw("login", &fields, &send("Log in")))
        @if !view.providers.is_empty() {
            div.or { span { "or" } }
            ul.providers {
                @for provider in &view.providers {
                    li { (provider.draw()) }
                }
            }
        }
        @if let Some(reset) = &view.reset { p.below { a href=(reset) { "Forgot your password?" } } }
    };
    shell.door("Log in", &body)
}
