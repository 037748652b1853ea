//! One user, and inviting one.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use super::sessions::{self, Session};
use super::{Factor, Mark};
use crate::web::form::{Act, Choice, Field, Form, Kind, send};
use crate::web::shell::{Head, Shell};
use crate::web::text::name;

/// One user. The profile form has the fields `full_name`, `mail`; the role form `role`, `labels`.
#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    pub(crate) full_name: String,
    pub(crate) user_name: String,
    pub(crate) state: Mark,
    /// `local`, or the provider that vouches.
    pub(crate) source: String,
    pub(crate) created: Option<Timestamp>,
    pub(crate) last_login: Option<Timestamp>,
    pub(crate) password_changed: Option<Timestamp>,
    /// For whom may change it.
    pub(crate) profile: Option<Form>,
    pub(crate) roles: Vec<Assignment>,
    /// Assigns another role, for whom may.
    pub(crate) assign: Option<(Form, Vec<Choice>)>,
    pub(crate) factors: Vec<Factor>,
    pub(crate) recovery_codes_left: usize,
    /// None for whom may not see them.
    pub(crate) sessions: Option<Vec<Session>>,
    /// What may be done to the user: reset, deactivate, delete. Dangerous ones last.
    pub(crate) acts: Vec<Deed>,
}

/// A role that a user holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assignment {
    pub(crate) role: String,
    pub(crate) href: String,
    /// The nodes it is for: `site=linz`; all when empty.
    pub(crate) labels: String,
    pub(crate) since: Option<Timestamp>,
    pub(crate) remove: Option<Act>,
}

/// Something that may be done, and what it brings about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deed {
    pub(crate) act: Act,
    pub(crate) about: String,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &User) -> Markup {
    let head = Head {
        above: &[("Users", "/users")],
        title: name(&view.full_name),
        lead: html! { p { (name(&view.user_name)) " " (view.state.draw()) @if !view.source.is_empty() { span.quiet { " " (printable(&view.source)) } } } },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        dl.facts {
            div { dt { "Last login" } dd { (shell.time_or(view.last_login, "never")) } }
            div { dt { "Password changed" } dd { (shell.time_or(view.password_changed, "never")) } }
            div { dt { "User since" } dd { (shell.time_or(view.created, "unknown")) } }
        }
        section aria-labelledby="roles-h" {
            h2 #roles-h { "Roles" }
            @if view.roles.is_empty() { p.quiet { "None: this user may log in and do nothing." } }
            @else { ul.rows { @for one in &view.roles { (assignment(shell, one)) } } }
            @if let Some((form, choices)) = &view.assign {
                details.other open[form.is_refused()] {
                    summary { "Assign another role" }
                    (form.draw("assign", &[
                        Field::new("role", "Role", Kind::Pick(choices)),
                        Field::line("labels", "Only for nodes with the label").optional().limit(120)
                            .hint(html! { "Such as " code { "site=linz" } ". Without a label the role holds everywhere." }),
                    ], &send("Assign the role")))
                }
            }
        }
        section aria-labelledby="factor-h" {
            h2 #factor-h { "Second factor" }
            (super::factors(shell, &view.factors))
            @if !view.factors.is_empty() { p.quiet { (view.recovery_codes_left) " recovery codes left" } }
        }
        @if let Some(rows) = &view.sessions {
            section aria-labelledby="sessions-h" {
                h2 #sessions-h { "Sessions" }
                @if rows.is_empty() { p.quiet { "Not logged in anywhere." } } @else { (sessions::table(shell, rows, None)) }
            }
        }
        @if let Some(form) = &view.profile {
            section aria-labelledby="profile-h" {
                h2 #profile-h { "Profile" }
                (form.draw("profile", &[
                    Field::line("full_name", "Full name").complete("off").limit(300),
                    Field::new("mail", "Mail address", Kind::Line("email")).complete("off").limit(254),
                ], &send("Save the profile")))
            }
        }
        @if !view.acts.is_empty() {
            section aria-labelledby="acts-h" {
                h2 #acts-h { "What you can do" }
                ul.deeds { @for deed in &view.acts { li { p { (printable(&deed.about)) } (deed.act.draw("button")) } } }
            }
        }
    };
    shell.page(&view.full_name, &body)
}

fn assignment(shell: &Shell, one: &Assignment) -> Markup {
    html! {
        li {
            span.row-words {
                a href=(one.href) { (name(&one.role)) }
                span.sub {
                    @if one.labels.is_empty() { "everywhere" } @else { "on nodes with " code { (printable(&one.labels)) } }
                    @if let Some(since) = one.since { ", since " (shell.day(since)) }
                }
            }
            @if let Some(act) = &one.remove { (act.draw("small")) }
        }
    }
}

/// Inviting somebody: fields `user_name`, `full_name`, `mail`, `role`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invite {
    pub(crate) form: Form,
    pub(crate) roles: Vec<Choice>,
    /// Hours that an invitation holds.
    pub(crate) hours: u64,
    /// Why no mail can be sent; the link is then shown instead.
    pub(crate) no_mail: bool,
}

/// Somebody is invited.
pub(crate) fn invite(shell: &Shell, view: &Invite) -> Markup {
    let head = Head {
        above: &[("Users", "/users")],
        title: html! { "Invite somebody" },
        lead: html! {
            @if view.no_mail { "This system sends no mail: you get the link, and hand it over yourself." }
            @else { "They get a link by mail and choose their own password." }
            " It works once, within " (view.hours) " hours."
        },
        ..Head::default()
    };
    let fields = [
        Field::line("user_name", "User name").complete("off").limit(64).focus(),
        Field::line("full_name", "Full name").complete("off").limit(300),
        Field::new("mail", "Mail address", Kind::Line("email")).complete("off").limit(254),
        Field::new("role", "Roles", Kind::Ticks(&view.roles)).optional(),
    ];
    let body = html! {
        (head.draw())
        (view.form.draw("invite", &fields, &html! { (send("Invite")) a.button href="/users" { "Cancel" } }))
    };
    shell.page("Invite somebody", &body)
}

/// The link of an invitation or a reset, where no mail can be sent.
pub(crate) fn link(shell: &Shell, for_whom: &str, link: &str, expires: Timestamp) -> Markup {
    let head = Head {
        above: &[("Users", "/users")],
        title: html! { "Hand over this link" },
        lead: html! { "For " (name(for_whom)) ". It is shown once, works once, and ends at " (shell.time(expires)) "." },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        (once("link", link))
        p { a.button href="/users" { "Done" } }
    };
    shell.page("Hand over this link", &body)
}

/// Something secret that is shown once.
pub(super) fn once(id: &str, secret: &str) -> Markup {
    html! { div.command.once { code id=(id) { (printable(secret)) } button type="button" data-copy=(id) hidden { "Copy" } } }
}
