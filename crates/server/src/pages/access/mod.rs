//! The pages about people and what they may do: users, roles, sessions, tokens, blocks.

mod blocks;
mod idle;
mod invite;
mod profile;
mod query;
mod roles;
mod sessions;
mod tokens;
mod user;
mod users;

#[cfg(test)]
mod tests;

use axum::extract::{FromRequest, Request};
use axum::response::Response;
use serde::Deserialize;

use super::{again, drawn, local, shell, to};
use crate::api::body::Filled;
use crate::api::problem::{Failure, Kind};
use crate::api::route::Route;
use crate::app::App;
use crate::identity::login::Caller;
use crate::identity::roles::{self as held, Permission, Role, RoleError};
use crate::identity::users::User;
use crate::identity::{second_factors, users as known};
use crate::web::access::{Factor, Mark};
use crate::web::form::{Act, Form};
use crate::web::list::Facet;
use crate::web::shell::{Notice, Shell, Tone};

pub(super) fn routes() -> Vec<Route> {
    [
        users::routes(),
        invite::routes(),
        idle::routes(),
        user::routes(),
        profile::routes(),
        roles::routes(),
        query::routes(),
        sessions::routes(),
        tokens::routes(),
        blocks::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a page says about what was done before it: never text of the query itself.
const NOTICES: [(&str, Tone, &str); 28] = [
    ("saved", Tone::Good, "Saved."),
    ("role-assigned", Tone::Good, "The role was assigned."),
    ("role-held-already", Tone::Unsure, "This user holds that role there already."),
    ("role-taken", Tone::Good, "The role was taken away."),
    ("deactivated", Tone::Good, "The user may no longer log in. Sessions and tokens have ended."),
    ("activated", Tone::Good, "The user may log in again."),
    ("factors-dropped", Tone::Good, "The second factors and all sessions of this user are gone."),
    ("user-deleted", Tone::Good, "The user was deleted."),
    ("password-changed", Tone::Good, "Your password was changed. All your other sessions have ended."),
    ("link-mailed", Tone::Good, "The link is on its way by mail."),
    (
        "not-invited",
        Tone::Bad,
        "Nothing was made: only who was invited and has never logged in gets a new invitation.",
    ),
    ("factor-removed", Tone::Good, "The second factor was removed."),
    (
        "last-factor",
        Tone::Bad,
        "Nothing was removed: this is your last second factor, and you need one. Set up another first.",
    ),
    ("session-ended", Tone::Good, "The session has ended."),
    ("sessions-ended", Tone::Good, "All your other sessions have ended."),
    ("session-gone", Tone::Unsure, "That session had ended already, or is not yours to end."),
    ("token-withdrawn", Tone::Good, "The token was withdrawn."),
    ("token-gone", Tone::Unsure, "That token was withdrawn already, or is not yours to withdraw."),
    ("block-lifted", Tone::Good, "The block was lifted."),
    ("block-gone", Tone::Unsure, "That block had ended already."),
    ("role-made", Tone::Good, "The role was created."),
    ("role-deleted", Tone::Good, "The role was deleted."),
    ("role-held", Tone::Bad, "Nothing was deleted: somebody holds this role. Take it from them first."),
    (
        "role-built-in",
        Tone::Bad,
        "Nothing was changed: this role came with Palisade. Create a role of your own.",
    ),
    (
        "last-administrator",
        Tone::Bad,
        "Nothing was changed: nobody else who is active is administrator. Make somebody else administrator first.",
    ),
    (
        "no-password-here",
        Tone::Bad,
        "Nothing was changed: only who is active and logs in with a password of this server can be given a new one.",
    ),
    (
        "changed-meanwhile",
        Tone::Unsure,
        "Nothing was saved: somebody else changed this meanwhile. This is how it stands now.",
    ),
    ("gone", Tone::Unsure, "That was gone already."),
];

/// What was done before a page is shown.
#[derive(Default, Deserialize)]
struct Told {
    #[serde(default)]
    notice: String,
}

/// The frame of a page, with what was done before it.
async fn frame(app: &App, caller: &Caller, path: &str, notice: &str) -> Result<Shell, Failure> {
    let mut shell = shell(app, Some(caller), path).await?;
    let told = NOTICES.iter().find(|(word, ..)| *word == notice);
    shell.notices.extend(told.map(|(_, tone, text)| Notice {
        tone: *tone,
        text: (*text).to_owned(),
        link: None,
    }));
    Ok(shell)
}

/// On to a page that says what was done.
fn done(place: &str, notice: &'static str) -> Response {
    to(&format!("{place}?notice={notice}"))
}

/// A form as it was sent, where a name may stand several times.
struct Sent(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let Filled(pairs) = Filled::from_request(request, state).await?;
        Ok(Self(pairs))
    }
}

impl Sent {
    /// What was sent under a name; nothing when it was not.
    fn one(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Everything that was sent under a name.
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Gives a form back what was typed into these fields.
    fn back(&self, mut form: Form, fields: &[&str]) -> Form {
        for field in fields {
            form.values.insert((*field).to_owned(), self.one(field).to_owned());
        }
        form
    }

    /// The version that the page showed.
    fn version(&self) -> Result<i64, Failure> {
        self.one("version")
            .parse()
            .map_err(|_| Failure::new(Kind::BadRequest, "the form does not say which version it is of"))
    }
}

/// The form with what was wrong; what names no field is said at this one.
fn wrong_at(form: Form, field: &str, failure: Failure) -> Result<Form, Failure> {
    let mut form = super::refused(form, failure)?;
    for (name, _) in form.errors.iter_mut().filter(|(name, _)| name.is_empty()) {
        field.clone_into(name);
    }
    Ok(form)
}

/// The form with one thing that was wrong.
fn wrong(mut form: Form, field: &str, why: &str) -> Form {
    form.errors.push((field.to_owned(), why.to_owned()));
    form
}

/// What a page says of a change to roles that was refused for what there is.
fn notice_of(error: &RoleError) -> Option<&'static str> {
    match error {
        RoleError::LastAdministrator => Some("last-administrator"),
        RoleError::Held { .. } => Some("role-held"),
        RoleError::BuiltIn(_) => Some("role-built-in"),
        RoleError::Stale => Some("changed-meanwhile"),
        _ => None,
    }
}

fn act(action: String, label: &str, of: &str) -> Act {
    Act { action, label: label.to_owned(), of: of.to_owned(), hidden: Vec::new(), danger: false }
}

fn dangerous(action: String, label: &str, of: &str) -> Act {
    Act { danger: true, ..act(action, label, of) }
}

fn mark(tone: Tone, word: &str) -> Mark {
    Mark { tone, word: word.to_owned() }
}

/// How a user stands.
fn standing(user: &User) -> Mark {
    match user.state {
        known::State::Active => mark(Tone::Good, "active"),
        known::State::Invited => mark(Tone::Unsure, "invited"),
        known::State::Deactivated => mark(Tone::Plain, "deactivated"),
    }
}

/// What a role is called on pages.
fn title<'a>(all: &'a [Role], id: &'a str) -> &'a str {
    all.iter().find(|role| role.id == id).map_or(id, |role| role.title.as_str())
}

/// The second factors of a user; `is_own`: with what removes them, as long as that is possible.
async fn factors(app: &App, user: &User, is_own: bool) -> Result<Vec<Factor>, Failure> {
    let passkeys = second_factors::passkeys(app.store(), &user.id).await?;
    let number = passkeys.len().saturating_add(usize::from(user.totp_at.is_some()));
    let is_needed = number == 1 && app.logins.needs_factor(&held::rights_of(app.store(), &user.id).await?);
    let remove = |place: String, name: &str| (is_own && !is_needed).then(|| dangerous(place, "Remove", name));
    let mut factors = Vec::new();
    if let Some(added) = user.totp_at {
        // The step of the last code is the time at which it was shown, within half a minute.
        let step = known::kept(app.store(), &user.id).await?.totp_step;
        let used = step.and_then(|step| jiff::Timestamp::from_second(step.checked_mul(30)?).ok());
        let name = "Authenticator app".to_owned();
        let remove = remove("/profile/app/remove".to_owned(), &name);
        factors.push(Factor { name, is_passkey: false, added: Some(added), used, remove });
    }
    factors.extend(passkeys.into_iter().map(|key| Factor {
        remove: remove(format!("/profile/passkeys/{}/remove", key.id), &key.label),
        name: key.label,
        is_passkey: true,
        added: Some(key.created_at),
        used: key.last_used_at,
    }));
    Ok(factors)
}

fn may(caller: &Caller, permission: Permission) -> bool {
    caller.rights.has(permission)
}

/// One's own, or those of all users.
fn whose(all: bool) -> Facet {
    Facet::of("of", "Of", &[("", "mine"), ("all", "all users")], if all { "all" } else { "" })
}

/// All roles as things to choose.
async fn role_choices(app: &App, chosen: &[&str]) -> Result<Vec<crate::web::form::Choice>, Failure> {
    let choice = |role: Role| crate::web::form::Choice {
        chosen: chosen.contains(&role.id.as_str()),
        value: role.id,
        label: role.title,
        about: role.about,
    };
    Ok(held::all(app.store()).await?.into_iter().map(choice).collect())
}

/// Where to go after something that several pages can do: a page of ours without a query.
fn back_to<'a>(sent: &'a Sent, otherwise: &'static str) -> &'a str {
    let place = local(sent.one("back"));
    if place == "/" || place.contains(['?', '#']) { otherwise } else { place }
}
