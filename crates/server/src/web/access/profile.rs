//! One's own profile: name, zone, password, second factor, sessions.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use super::Factor;
use super::sessions::{self, Session};
use crate::web::door::factor::{Passkey, RecoveryCodes};
use crate::web::form::{Act, Choice, Field, Form, Kind, send};
use crate::web::shell::{Head, Shell};
use crate::web::text::name;

/// One's own profile. Fields: `full_name`, `mail`, `zone`; and `password`, `new_password`, `new_password_again`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    pub(crate) full_name: String,
    pub(crate) user_name: String,
    pub(crate) roles: Vec<String>,
    pub(crate) form: Form,
    /// Zones to choose from; the first one means that of the browser.
    pub(crate) zones: Vec<Choice>,
    /// None for users whom somebody else vouches for.
    pub(crate) password: Option<Form>,
    pub(crate) rules: Vec<String>,
    pub(crate) password_changed: Option<Timestamp>,
    pub(crate) password_ends: Option<Timestamp>,
    pub(crate) factors: Vec<Factor>,
    pub(crate) recovery_codes_left: usize,
    /// Where an app is set up.
    pub(crate) add_app: Option<String>,
    pub(crate) add_passkey: Option<Passkey>,
    /// What the script shows when a passkey was the first second factor.
    pub(crate) codes: Option<RecoveryCodes>,
    /// Makes new recovery codes.
    pub(crate) renew_codes: Option<Act>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) end_others: Option<Act>,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Profile) -> Markup {
    let head = Head {
        title: html! { "Your profile" },
        lead: html! { (name(&view.full_name)) ", " (name(&view.user_name)) @if !view.roles.is_empty() { span.quiet { " \u{b7} " (printable(&view.roles.join(", "))) } } },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        section aria-labelledby="you-h" {
            h2 #you-h { "You" }
            (view.form.draw("you", &[
                Field::line("full_name", "Full name").complete("name").limit(300),
                Field::new("mail", "Mail address", Kind::Line("email")).complete("email").limit(254),
                Field::new("zone", "Time zone", Kind::Pick(&view.zones)),
            ], &send("Save the profile")))
        }
        section aria-labelledby="password-h" {
            h2 #password-h { "Password" }
            @match &view.password {
                Some(form) => {
                    p.quiet {
                        "Changed " (shell.time_or(view.password_changed, "never"))
                        @if let Some(ends) = view.password_ends { "; to be changed by " (shell.day(ends)) }
                    }
                    (form.draw("password", &[
                        Field::secret("password", "Password now", "current-password"),
                        Field::secret("new_password", "New password", "new-password").hint(rules(&view.rules)),
                        Field::secret("new_password_again", "New password again", "new-password"),
                    ], &send("Change the password")))
                },
                None => p { "Somebody else vouches for you: change your password there." },
            }
        }
        section aria-labelledby="factor-h" {
            h2 #factor-h { "Second factor" }
            (super::factors(shell, &view.factors))
            @if !view.factors.is_empty() {
                p.quiet { (view.recovery_codes_left) " recovery codes left" }
            }
            div.buttons {
                @if let Some(href) = &view.add_app { a.button href=(href) { "Set up an authenticator app" } }
                @if let Some(act) = &view.renew_codes { (act.draw("button")) }
            }
            @if let Some(passkey) = &view.add_passkey { (passkey.create()) }
            @if let Some(codes) = &view.codes { (codes.template(shell)) }
        }
        section aria-labelledby="sessions-h" {
            h2 #sessions-h { "Sessions" }
            (sessions::table(shell, &view.sessions, None))
            @if let Some(act) = &view.end_others { div.buttons { (act.draw("button")) } }
        }
    };
    shell.page("Your profile", &body)
}

fn rules(rules: &[String]) -> Markup {
    html! { @if !rules.is_empty() { ul.rules-list { @for rule in rules { li { (printable(rule)) } } } } }
}
