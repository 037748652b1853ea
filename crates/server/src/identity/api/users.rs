//! Users: list, invite, change, deactivate, delete, reset.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post as posted, put};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::api::body::{Asked, Json, Page, after};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::api::tags::{tag, version_seen};
use crate::app::App;
use crate::identity::login::Caller;
use crate::identity::roles::{self, Assignment, Permission};
use crate::identity::users::{self, Filter, NewUser, Origin, State as Standing, User};
use crate::identity::{links, post};

pub(super) fn routes() -> Vec<Route> {
    let (read, manage) = (Needs::Permission(Permission::UsersRead), Needs::Recent(Permission::UsersManage));
    let one = "/api/v1/users/{id}";
    vec![
        Route::new(Method::GET, "/api/v1/users", read, "List users by name", get(list))
            .query::<Wanted>()
            .gives::<Page<UserView>>(),
        Route::new(Method::POST, "/api/v1/users", manage, "Invite a user", posted(invite))
            .takes::<Invited>()
            .answers::<Invitation>(StatusCode::CREATED),
        Route::new(Method::GET, one, read, "One user", get(find)).gives::<UserView>(),
        Route::new(Method::PATCH, one, manage, "Change a user's name, mail address or zone", patch(change))
            .takes::<Profile>(),
        Route::new(Method::DELETE, one, manage, "Delete a user and all that is theirs", delete(remove)),
        Route::new(
            Method::PUT,
            "/api/v1/users/{id}/state",
            manage,
            "Deactivate a user, or undo it",
            put(set_state),
        )
        .takes::<Active>(),
        Route::new(
            Method::PUT,
            "/api/v1/users/{id}/roles",
            Needs::Recent(Permission::RolesManage),
            "Give a user exactly these roles",
            put(set_roles),
        )
        .takes::<BTreeSet<Assignment>>(),
        Route::new(
            Method::POST,
            "/api/v1/users/{id}/reset",
            manage,
            "Make a code with which the user chooses a new password",
            posted(reset),
        )
        .answers::<Invitation>(StatusCode::CREATED),
        Route::new(
            Method::POST,
            "/api/v1/users/{id}/invitation",
            manage,
            "Make another invitation for a user who has never logged in; the one before is worth nothing then",
            posted(invite_again),
        )
        .answers::<Invitation>(StatusCode::CREATED),
        Route::new(
            Method::DELETE,
            "/api/v1/users/{id}/second-factors",
            manage,
            "Take the second factors of a user who lost them; all sessions end",
            delete(drop_factors),
        ),
    ]
}

/// Which users.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Those whose name, full name or mail address has this in it.
    #[serde(default)]
    text: String,
    /// Those that are active, or not.
    state: Option<StateName>,
    /// By what they are sorted: `name`, `state` or `last_login`, with `-` before it the other way round.
    #[serde(default)]
    sort: String,
    /// Those after this one, as `next` of the page before said.
    #[serde(default)]
    after: String,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum StateName {
    Invited,
    Active,
    Deactivated,
}

/// One user.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserView {
    /// The identifier.
    id: String,
    /// The name to log in with.
    username: String,
    /// The name of the person.
    full_name: String,
    /// The mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    mail: Option<String>,
    /// Whether the user may log in.
    state: Standing,
    /// Who vouches for the user.
    origin: Origin,
    /// Whether a second factor is set up.
    second_factor: bool,
    /// When the user was made; RFC 3339.
    created_at: String,
    /// When the user logged in last; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login_at: Option<String>,
    /// From which address.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login_from: Option<String>,
    /// The roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<Assignment>>,
}

impl UserView {
    fn of(user: User, roles: Option<Vec<Assignment>>) -> Self {
        Self {
            second_factor: user.has_second_factor(),
            id: user.id,
            username: user.name,
            full_name: user.full_name,
            mail: user.mail,
            state: user.state,
            origin: user.origin,
            created_at: user.created_at.to_string(),
            last_login_at: user.last_login_at.map(|time| time.to_string()),
            last_login_from: user.last_login_from,
            roles,
        }
    }
}

/// Who is invited.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Invited {
    /// The name to log in with.
    username: String,
    /// The name of the person.
    full_name: String,
    /// The mail address.
    #[serde(default)]
    mail: Option<String>,
    /// The roles.
    #[serde(default)]
    roles: BTreeSet<Assignment>,
}

/// A code with which a password is chosen.
#[derive(Serialize, JsonSchema)]
struct Invitation {
    /// The user's identifier.
    id: String,
    /// Whether a letter with the link is on its way to the user; then nobody else is shown it.
    mailed: bool,
    /// The code, shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The address that the user follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// What may be changed of a user.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Profile {
    /// The name of the person.
    full_name: String,
    /// The mail address.
    #[serde(default)]
    mail: Option<String>,
    /// The time zone, like `Europe/Vienna`.
    #[serde(default)]
    zone: Option<String>,
}

/// Whether a user may log in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Active {
    /// Whether.
    active: bool,
}

async fn list(State(app): State<App>, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<UserView>>, Failure> {
    let state = wanted.state.map(|state| match state {
        StateName::Invited => Standing::Invited,
        StateName::Active => Standing::Active,
        StateName::Deactivated => Standing::Deactivated,
    });
    let order = users::LISTED.order(&wanted.sort);
    let filter = Filter { text: wanted.text, state, order, after: after(order, &wanted.after)? };
    let found = users::list(app.store(), filter).await?;
    Ok(Json(Page::from(found).map(|user| UserView::of(user, None))))
}

async fn find(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    let user = users::by_id(app.store(), &id).await?;
    let roles = roles::assignments_of(app.store(), &id).await?;
    Ok((tag(user.version), Json(UserView::of(user, Some(roles)))).into_response())
}

async fn invite(
    State(app): State<App>,
    caller: Caller,
    Json(form): Json<Invited>,
) -> Result<Response, Failure> {
    if !form.roles.is_empty() && !caller.rights.has(Permission::RolesManage) {
        let detail =
            "giving roles needs the permission roles.manage; invite without roles, or ask an administrator";
        return Err(Failure::new(Kind::NotPermitted, detail));
    }
    let new = NewUser {
        name: form.username,
        full_name: form.full_name,
        mail: form.mail,
        origin: Origin::Local,
        external_id: None,
    };
    caller.may_give(app.store(), &form.roles).await?;
    let (id, code) = app.logins.invite(new.checked()?, &form.roles, &caller.user.name, app.now()).await?;
    let user = users::by_id(app.store(), &id).await?;
    Ok((StatusCode::CREATED, Json(sent(&app, &user, links::Kind::Invitation, &caller, &code))).into_response())
}

/// Sends the code by mail, or else shows it.
fn sent(app: &App, user: &User, kind: links::Kind, by: &Caller, code: &SecretString) -> Invitation {
    let id = user.id.clone();
    if app.logins.mail_link(kind, user, Some(&by.user.name), None, code, app.now()) {
        return Invitation { id, mailed: true, code: None, link: None };
    }
    let link = post::link(&app.origin, kind, code).expose_secret().to_owned();
    Invitation { id, mailed: false, code: Some(code.expose_secret().to_owned()), link: Some(link) }
}

async fn change(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    Json(form): Json<Profile>,
) -> Result<StatusCode, Failure> {
    let version = version_seen(&headers)?;
    let (mail, zone) = (form.mail.as_deref(), form.zone.as_deref());
    users::by_id(app.store(), &id).await?;
    caller.may_act_on(app.store(), &id).await?;
    users::change_profile(app.store(), &id, &form.full_name, mail, zone, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(State(app): State<App>, Path(id): Path<String>, caller: Caller) -> Result<StatusCode, Failure> {
    caller.may_act_on(app.store(), &id).await?;
    users::delete(app.store(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_state(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    Json(form): Json<Active>,
) -> Result<StatusCode, Failure> {
    caller.may_act_on(app.store(), &id).await?;
    let state = if form.active { Standing::Active } else { Standing::Deactivated };
    users::set_state(app.store(), &id, state).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_roles(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    Json(wanted): Json<BTreeSet<Assignment>>,
) -> Result<StatusCode, Failure> {
    let version = version_seen(&headers)?;
    users::by_id(app.store(), &id).await?;
    caller.may_act_on(app.store(), &id).await?;
    caller.may_give(app.store(), &wanted).await?;
    roles::assign(app.store(), &id, version, &wanted, &caller.user.name, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn reset(State(app): State<App>, Path(id): Path<String>, caller: Caller) -> Result<Response, Failure> {
    let user = users::by_id(app.store(), &id).await?;
    if user.state != Standing::Active || user.origin != Origin::Local {
        let detail = "only who is active and logs in with a password of this server can be given a new one";
        return Err(Failure::new(Kind::Conflict, detail));
    }
    caller.may_act_on(app.store(), &id).await?;
    let code = app.logins.link(links::Kind::Reset, &user, app.now()).await?;
    Ok((StatusCode::CREATED, Json(sent(&app, &user, links::Kind::Reset, &caller, &code))).into_response())
}

async fn invite_again(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, Failure> {
    let user = users::by_id(app.store(), &id).await?;
    if user.state != Standing::Invited {
        let detail = "only who was invited and has never logged in gets a new invitation";
        return Err(Failure::new(Kind::Conflict, detail));
    }
    caller.may_act_on(app.store(), &id).await?;
    let code = app.logins.link(links::Kind::Invitation, &user, app.now()).await?;
    Ok((StatusCode::CREATED, Json(sent(&app, &user, links::Kind::Invitation, &caller, &code))).into_response())
}

async fn drop_factors(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<StatusCode, Failure> {
    users::by_id(app.store(), &id).await?;
    caller.may_act_on(app.store(), &id).await?;
    users::drop_factors(app.store(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
