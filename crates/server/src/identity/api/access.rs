//! Sessions, API tokens and blocks.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use crate::api::body::{Asked, Json, Page, after};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::gate::{self, Block};
use crate::identity::login::Caller;
use crate::identity::roles::Permission;
use crate::identity::sessions::{self, Session};
use crate::identity::tokens::{self, Token};

pub(super) fn routes() -> Vec<Route> {
    let needs = Needs::Permission;
    vec![
        Route::new(
            Method::GET,
            "/api/v1/sessions",
            Needs::Login,
            "One's own sessions, or those of all",
            get(list),
        )
        .query::<Wanted>()
        .gives::<Page<SessionView>>(),
        Route::new(Method::DELETE, "/api/v1/sessions/{id}", Needs::Login, "End a session", delete(end)),
        Route::new(
            Method::GET,
            "/api/v1/tokens",
            Needs::Login,
            "One's own API tokens, or those of all",
            get(list_tokens),
        )
        .query::<Whose>()
        .gives::<Page<TokenView>>(),
        Route::new(
            Method::POST,
            "/api/v1/tokens",
            Needs::Recent(Permission::TokensCreate),
            "Make an API token for oneself; its secret is shown once",
            post(create_token),
        )
        .takes::<NewToken>()
        .answers::<MadeToken>(StatusCode::CREATED),
        Route::new(
            Method::DELETE,
            "/api/v1/tokens/{id}",
            Needs::Login,
            "Withdraw an API token",
            delete(revoke),
        ),
        Route::new(Method::GET, "/api/v1/blocks", needs(Permission::BlocksRead), "Who is blocked", get(blocks))
            .query::<Blocked>()
            .gives::<Page<BlockView>>(),
        Route::new(
            Method::DELETE,
            "/api/v1/blocks/{key}",
            Needs::Recent(Permission::BlocksLift),
            "Lift a block",
            delete(lift),
        ),
    ]
}

/// Which sessions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Those of all users, not one's own alone.
    #[serde(default)]
    all: bool,
    /// Those with this in the user's name, the address or what the browser calls itself.
    #[serde(default)]
    text: String,
    /// By what they are sorted: `started`, `used` or `user`, with `-` before it falling; `-started` when nothing is said.
    #[serde(default)]
    sort: String,
    /// Those after this one, as `next` of the page before said.
    #[serde(default)]
    after: String,
}

/// Whose tokens.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Whose {
    /// Those of all users, not one's own alone.
    #[serde(default)]
    all: bool,
    /// Those with this in their name, in the owner's, or in what they begin with.
    #[serde(default)]
    text: String,
    /// By what they are sorted: `made`, `name`, `expires` or `used`, with `-` before it falling; `-made` when nothing is said.
    #[serde(default)]
    sort: String,
    /// Those after this one, as `next` of the page before said.
    #[serde(default)]
    after: String,
}

/// Which blocks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Blocked {
    /// Those with this in the address or the user's name.
    #[serde(default)]
    text: String,
    /// By what they are sorted: `until`, `address`, `user` or `failures`, with `-` before it falling; `-until` when nothing is
    /// said.
    #[serde(default)]
    sort: String,
    /// Those after this one, as `next` of the page before said.
    #[serde(default)]
    after: String,
}

/// One session.
#[derive(Serialize, JsonSchema)]
struct SessionView {
    /// The identifier.
    id: String,
    /// The user's identifier.
    user_id: String,
    /// Whether it is the one that asks.
    this: bool,
    /// Whether a second factor was shown.
    second_factor: bool,
    /// Whether it was unused for too long.
    locked: bool,
    /// When it began; RFC 3339.
    created_at: String,
    /// When it was used last, within half a minute; RFC 3339.
    seen_at: String,
    /// When it ends; RFC 3339.
    ends_at: String,
    /// The address it began from.
    address: String,
    /// What the browser calls itself.
    agent: String,
}

/// One API token.
#[derive(Serialize, JsonSchema)]
struct TokenView {
    /// The identifier.
    id: String,
    /// The owner's identifier.
    user_id: String,
    /// What it is for.
    name: String,
    /// What it may do at most.
    permissions: BTreeSet<Permission>,
    /// When it was made; RFC 3339.
    created_at: String,
    /// When it ends; RFC 3339.
    ends_at: String,
    /// When it was used last; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    /// From which address.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_from: Option<String>,
}

/// A new API token.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// What it is for.
    name: String,
    /// What it may do at most; never more than its owner.
    permissions: BTreeSet<Permission>,
    /// When it ends; RFC 3339, within a year.
    #[schemars(with = "String")]
    ends_at: Timestamp,
}

/// An API token that was made.
#[derive(Serialize, JsonSchema)]
struct MadeToken {
    /// The identifier.
    id: String,
    /// What stands after `Authorization: Bearer`; shown once.
    token: String,
}

/// One block.
#[derive(Serialize, JsonSchema)]
struct BlockView {
    /// What lifts it.
    key: String,
    /// Where; none: everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    surface: Option<String>,
    /// The address, or the network of an IPv6 address.
    address: String,
    /// The user, when there is one of the name that was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Until when; RFC 3339.
    until: String,
    /// Attempts counted.
    attempts: usize,
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Page<SessionView>>, Failure> {
    let whose = whose(&caller, wanted.all, Permission::SessionsRead)?;
    let order = sessions::LISTED.order(&wanted.sort);
    let after = after(order, &wanted.after)?;
    let filter = sessions::Filter { of: whose, text: &wanted.text, order, after };
    let found = sessions::list(app.store(), filter, app.now()).await?;
    let own = caller.session.as_ref().map(|session| session.id.as_str());
    Ok(Json(Page::from(found).map(|session| session_view(session, own))))
}

/// Whose things are listed; none: those of all.
fn whose(caller: &Caller, all: bool, permission: Permission) -> Result<Option<&str>, Failure> {
    match (all, caller.rights.has(permission)) {
        (false, _) => Ok(Some(&caller.user.id)),
        (true, true) => Ok(None),
        (true, false) => {
            let detail = format!("this needs the permission {}", permission.as_str());
            Err(Failure::new(Kind::NotPermitted, detail))
        }
    }
}

fn session_view(session: Session, own: Option<&str>) -> SessionView {
    SessionView {
        this: own == Some(session.id.as_str()),
        second_factor: session.factors == sessions::Factors::Both,
        id: session.id,
        user_id: session.user_id,
        locked: session.locked,
        created_at: session.created_at.to_string(),
        seen_at: session.seen_at.to_string(),
        ends_at: session.ends_at.to_string(),
        address: session.address,
        agent: session.agent,
    }
}

async fn end(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    let of = (!caller.rights.has(Permission::SessionsEnd)).then_some(caller.user.id.as_str());
    found(sessions::end(app.store(), &id, of).await?)
}

fn found(was: bool) -> Result<StatusCode, Failure> {
    if was {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Failure::new(Kind::NotFound, "there is nothing of this name"))
    }
}

async fn list_tokens(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Whose>,
) -> Result<Json<Page<TokenView>>, Failure> {
    let of = whose(&caller, wanted.all, Permission::TokensRead)?;
    let order = tokens::LISTED.order(&wanted.sort);
    let after = after(order, &wanted.after)?;
    let filter = tokens::Filter { of, text: &wanted.text, order, after };
    Ok(Json(Page::from(tokens::list(app.store(), filter).await?).map(token_view)))
}

fn token_view(token: Token) -> TokenView {
    TokenView {
        id: token.id,
        user_id: token.user_id,
        name: token.name,
        permissions: token.permissions,
        created_at: token.created_at.to_string(),
        ends_at: token.ends_at.to_string(),
        last_used_at: token.last_used_at.map(|time| time.to_string()),
        last_used_from: token.last_used_from,
    }
}

async fn create_token(
    State(app): State<App>,
    caller: Caller,
    Json(form): Json<NewToken>,
) -> Result<Response, Failure> {
    let own = &caller.user.id;
    let made = tokens::create(app.store(), own, &form.name, &form.permissions, form.ends_at, app.now()).await;
    let (id, shown) = made?;
    let body = MadeToken { id, token: shown.expose_secret().to_owned() };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

async fn revoke(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    let of = (!caller.rights.has(Permission::TokensRevoke)).then_some(caller.user.id.as_str());
    found(tokens::revoke(app.store(), &id, of).await?)
}

async fn blocks(
    State(app): State<App>,
    Asked(wanted): Asked<Blocked>,
) -> Result<Json<Page<BlockView>>, Failure> {
    let view = |block: Block| BlockView {
        key: block.key,
        surface: block.surface,
        address: block.address,
        username: block.user_name,
        until: block.until.to_string(),
        attempts: block.attempts,
    };
    let order = gate::LISTED.order(&wanted.sort);
    let filter = gate::Filter { text: &wanted.text, order, after: after(order, &wanted.after)? };
    Ok(Json(Page::from(app.logins.gate.blocks(filter, app.now()).await?).map(view)))
}

async fn lift(State(app): State<App>, Path(key): Path<String>) -> Result<StatusCode, Failure> {
    found(app.logins.gate.lift(&key, app.now()).await?)
}
