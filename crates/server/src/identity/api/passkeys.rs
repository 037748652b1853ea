//! Passkeys of one's own, and showing one as the second factor; removing second factors.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::session::{RecoveryCodes, cookie};
use crate::api::body::Json;
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Client, Needs, Route, address, called_from, first, shown_lately};
use crate::app::App;
use crate::identity::login::{Caller, Pending};
use crate::identity::passkey_login::Removed;
use crate::identity::second_factors::{self, PasskeyRow};

pub(super) fn routes() -> Vec<Route> {
    let list =
        Route::new(Method::GET, "/api/v1/session/passkeys", Needs::Login, "One's own passkeys", get(list));
    let begin = Route::new(
        Method::POST,
        "/api/v1/session/passkeys/start",
        Needs::Session,
        "Begin to make a passkey: what `navigator.credentials.create()` takes",
        post(begin),
    );
    let add = Route::new(
        Method::PUT,
        "/api/v1/session/passkeys",
        Needs::Session,
        "Keep the passkey that the browser made; with the first second factor, shows the recovery codes, once",
        put(add),
    );
    let remove = Route::new(
        Method::DELETE,
        "/api/v1/session/passkeys/{id}",
        Needs::Login,
        "Remove a passkey of one's own",
        delete(remove),
    );
    let ask = Route::new(
        Method::POST,
        "/api/v1/session/second-factor/passkey",
        Needs::Session,
        "Begin to show a passkey as the second factor: what `navigator.credentials.get()` takes",
        post(ask),
    );
    let show = Route::new(
        Method::PUT,
        "/api/v1/session/second-factor/passkey",
        Needs::Session,
        "Show a passkey as the second factor: after a login, or again before something dangerous",
        put(show),
    );
    let remove_app = Route::new(
        Method::DELETE,
        "/api/v1/session/totp",
        Needs::Login,
        "Remove one's own authenticator app",
        delete(remove_app),
    );
    let renew = Route::new(
        Method::POST,
        "/api/v1/session/recovery-codes",
        Needs::Login,
        "Make new recovery codes in place of the old ones; shown once",
        post(renew),
    );
    vec![
        list.gives::<Vec<PasskeyView>>(),
        begin.gives::<Challenge>(),
        add.takes::<NewPasskey>().answers::<AddedPasskey>(StatusCode::CREATED),
        remove,
        ask.gives::<Challenge>(),
        show.takes::<ShownPasskey>(),
        remove_app,
        renew.gives::<RecoveryCodes>(),
    ]
}

/// Where a passkey is kept, as it said when it was last used.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Keeping {
    /// On one device, which it cannot leave.
    DeviceBound,
    /// On one device yet; it may be copied to others of its owner.
    MaySync,
    /// On several devices of its owner.
    Synced,
}

/// One passkey.
#[derive(Serialize, JsonSchema)]
struct PasskeyView {
    /// The identifier.
    id: String,
    /// By which its owner knows it.
    label: String,
    /// When it was made; RFC 3339.
    created_at: String,
    /// When it was used last; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    /// Where it is kept.
    keeping: Keeping,
}

/// What the browser is asked.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Challenge {
    /// The options of WebAuthn, with bytes in base64url.
    #[serde(rename = "publicKey")]
    public_key: Value,
}

/// A passkey that the browser made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPasskey {
    /// By which its owner will know it; at most 64 characters.
    #[serde(default)]
    label: String,
    /// What `navigator.credentials.create()` gave, with bytes in base64url.
    credential: Value,
}

/// A passkey that the browser showed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShownPasskey {
    /// What `navigator.credentials.get()` gave, with bytes in base64url.
    credential: Value,
}

/// A passkey that is kept.
#[derive(Serialize, JsonSchema)]
struct AddedPasskey {
    /// The identifier.
    id: String,
    /// By which its owner knows it.
    label: String,
    /// Each good for one login, shown once; only with the first second factor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recovery_codes: Vec<String>,
}

/// Whether this caller may add a second factor: the first at once, another after showing one lately.
pub(crate) fn may_add_factor(caller: &Caller, now: Timestamp) -> Result<(), Failure> {
    match caller.pending {
        None | Some(Pending::Enrolment) if caller.session.is_none() => shown_lately(caller, now),
        None if caller.user.has_second_factor() => shown_lately(caller, now),
        None | Some(Pending::Enrolment) => Ok(()),
        Some(pending) => Err(Failure::new(Kind::Pending, first(pending)).with_pending(pending)),
    }
}

async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<PasskeyView>>, Failure> {
    let rows = second_factors::passkeys(app.store(), &caller.user.id).await?;
    Ok(Json(rows.into_iter().map(view).collect()))
}

fn view(row: PasskeyRow) -> PasskeyView {
    PasskeyView {
        id: row.id,
        label: row.label,
        created_at: row.created_at.to_string(),
        last_used_at: row.last_used_at.map(|time| time.to_string()),
        keeping: match (row.can_sync, row.is_synced) {
            (false, _) => Keeping::DeviceBound,
            (true, false) => Keeping::MaySync,
            (true, true) => Keeping::Synced,
        },
    }
}

fn challenge(text: &str) -> Result<Json<Challenge>, Failure> {
    let wrong = |_| Failure::new(Kind::Internal, "the challenge cannot be read");
    serde_json::from_str(text).map(Json).map_err(wrong)
}

async fn begin(State(app): State<App>, caller: Caller) -> Result<Json<Challenge>, Failure> {
    may_add_factor(&caller, app.now())?;
    challenge(&app.logins.begin_passkey(&caller, app.now()).await?)
}

async fn add(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
    Json(form): Json<NewPasskey>,
) -> Result<Response, Failure> {
    may_add_factor(&caller, app.now())?;
    let from = called_from(address(client), &headers)?;
    let answer = form.credential.to_string();
    let added = app.logins.add_passkey(&from, &caller, &form.label, &answer, app.now()).await?;
    let codes = added.first.iter().flat_map(|first| &first.codes);
    let recovery_codes = codes.map(|code| code.expose_secret().to_owned()).collect();
    let body = Json(AddedPasskey { id: added.id, label: added.label, recovery_codes });
    let cookie = added.first.map(|first| cookie(&first.token));
    let mut response = (StatusCode::CREATED, body).into_response();
    response.headers_mut().extend(cookie.into_iter().flatten());
    Ok(response)
}

async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    shown_lately(&caller, app.now())?;
    app.logins.remove_factor(&caller, Removed::Passkey(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_app(State(app): State<App>, caller: Caller) -> Result<StatusCode, Failure> {
    shown_lately(&caller, app.now())?;
    app.logins.remove_factor(&caller, Removed::App).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn ask(State(app): State<App>, caller: Caller) -> Result<Json<Challenge>, Failure> {
    challenge(&app.logins.ask_passkey(&caller, app.now()).await?)
}

async fn show(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
    Json(form): Json<ShownPasskey>,
) -> Result<Response, Failure> {
    let from = called_from(address(client), &headers)?;
    let answer = form.credential.to_string();
    let token = app.logins.show_passkey(&from, &caller, &answer, app.now()).await?;
    Ok((StatusCode::NO_CONTENT, cookie(&token)).into_response())
}

async fn renew(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
) -> Result<Json<RecoveryCodes>, Failure> {
    shown_lately(&caller, app.now())?;
    let from = called_from(address(client), &headers)?;
    let codes = app.logins.renew_codes(&from, &caller, app.now()).await?;
    Ok(Json(RecoveryCodes::of(&codes)))
}
