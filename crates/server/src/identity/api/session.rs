//! Logging in and out, second factors, set-up, and one's own password.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::passkeys::may_add_factor;
use crate::api::body::Json;
use crate::api::problem::{Failure, Kind};
use crate::api::route::{COOKIE, Client, Needs, Route, address, called_from, shown_lately};
use crate::api::tags::{tag, version_seen};
use crate::app::App;
use crate::identity::login::{Begun, Caller, Factor, Pending};
use crate::identity::users::{NewUser, Origin, User};
use crate::identity::{links, sessions, users};

pub(super) fn routes() -> Vec<Route> {
    let set_up = Route::new(
        Method::POST,
        "/api/v1/setup",
        Needs::Nothing,
        "Make the first administrator with the set-up code",
        post(set_up),
    );
    let log_in =
        Route::new(Method::POST, "/api/v1/session", Needs::Nothing, "Log in with a password", post(log_in));
    let who = Route::new(Method::GET, "/api/v1/session", Needs::Session, "Who is logged in", get(who));
    let change = Route::new(
        Method::PATCH,
        "/api/v1/session",
        Needs::Login,
        "Change one's own name, mail address or zone; another mail address wants a credential shown lately",
        patch(change_own),
    );
    let log_out = Route::new(Method::DELETE, "/api/v1/session", Needs::Session, "Log out", delete(log_out));
    let factor = Route::new(
        Method::POST,
        "/api/v1/session/second-factor",
        Needs::Session,
        "Show the second factor: after a login, or again before something dangerous",
        post(second_factor),
    );
    let unlock = Route::new(
        Method::POST,
        "/api/v1/session/unlock",
        Needs::Session,
        "Show the password of a session that was unused for long",
        post(unlock),
    );
    let begin = Route::new(
        Method::POST,
        "/api/v1/session/totp",
        Needs::Session,
        "Begin to set up an authenticator app",
        post(begin_totp),
    );
    let confirm = Route::new(
        Method::PUT,
        "/api/v1/session/totp",
        Needs::Session,
        "Confirm an authenticator app by its first code; shows the recovery codes, once",
        put(confirm_totp),
    );
    let password = Route::new(
        Method::PUT,
        "/api/v1/session/password",
        Needs::Session,
        "Change one's own password; all other sessions end",
        put(change_password),
    );
    let invited = Route::new(
        Method::POST,
        "/api/v1/links",
        Needs::Nothing,
        "Choose a password with the code of an invitation or of a reset",
        post(follow),
    );
    vec![
        set_up.takes::<SetUp>().answers::<LoggedIn>(StatusCode::CREATED),
        log_in.takes::<Credentials>().gives::<LoggedIn>(),
        who.gives::<LoggedIn>(),
        change.takes::<OwnProfile>(),
        log_out,
        factor.takes::<SecondFactor>(),
        unlock.takes::<Password>(),
        begin.gives::<AuthenticatorApp>(),
        confirm.takes::<Code>().gives::<RecoveryCodes>(),
        password.takes::<NewPassword>(),
        invited.takes::<Followed>().gives::<LoggedIn>(),
    ]
}

/// A name and a password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    /// The user's name.
    username: String,
    /// The password.
    #[schemars(with = "String")]
    password: SecretString,
}

/// A password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Password {
    /// The password.
    #[schemars(with = "String")]
    password: SecretString,
}

/// A new password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The present one.
    #[schemars(with = "String")]
    present: SecretString,
    /// The new one.
    #[schemars(with = "String")]
    password: SecretString,
}

/// One's own profile, as it is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OwnProfile {
    /// The name of the person.
    full_name: String,
    /// The mail address; none: no mail is sent.
    #[serde(default)]
    mail: Option<String>,
    /// The time zone of the pages, as `Europe/Vienna`; none: that of the browser.
    #[serde(default)]
    zone: Option<String>,
}

/// The code of an authenticator app.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Code {
    /// Six digits.
    #[schemars(with = "String")]
    code: SecretString,
}

/// A second factor: one of these.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SecondFactor {
    /// The code of an authenticator app.
    #[schemars(with = "Option<String>")]
    code: Option<SecretString>,
    /// A recovery code.
    #[schemars(with = "Option<String>")]
    recovery_code: Option<SecretString>,
}

/// The first administrator.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetUp {
    /// The set-up code that the program printed.
    #[schemars(with = "String")]
    code: SecretString,
    /// The user name; not `admin`.
    username: String,
    /// The name of the person.
    full_name: String,
    /// A mail address.
    #[serde(default)]
    mail: Option<String>,
    /// The password.
    #[schemars(with = "String")]
    password: SecretString,
}

/// A code of a mail, and the password that is chosen with it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Followed {
    /// What it is of.
    kind: LinkKind,
    /// The code.
    #[schemars(with = "String")]
    code: SecretString,
    /// The password.
    #[schemars(with = "String")]
    password: SecretString,
}

/// What a code is of.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum LinkKind {
    /// An invitation.
    Invitation,
    /// A reset of the password.
    Reset,
}

impl From<LinkKind> for links::Kind {
    fn from(kind: LinkKind) -> Self {
        match kind {
            LinkKind::Invitation => Self::Invitation,
            LinkKind::Reset => Self::Reset,
        }
    }
}

/// What must be done before anything is permitted.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Next {
    /// Show the password again.
    Unlock,
    /// Show the second factor.
    SecondFactor,
    /// Set up a second factor.
    Enrolment,
    /// Choose a new password.
    PasswordChange,
}

/// Who is logged in.
#[derive(Serialize, JsonSchema)]
struct LoggedIn {
    /// The user's identifier.
    id: String,
    /// The user's name.
    username: String,
    /// The name of the person.
    full_name: String,
    /// When this user logged in before; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login_at: Option<String>,
    /// The mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    mail: Option<String>,
    /// The time zone of the pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// What must be done first.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Next>,
    /// What is permitted now, everywhere.
    permissions: Vec<&'static str>,
}

/// What an authenticator app must be told.
#[derive(Serialize, JsonSchema)]
struct AuthenticatorApp {
    /// The address that a QR code of it shows.
    uri: String,
    /// The same for typing.
    secret: String,
}

/// Recovery codes, each good for one login.
#[derive(Serialize, JsonSchema)]
pub(super) struct RecoveryCodes {
    /// Shown once.
    recovery_codes: Vec<String>,
}

impl RecoveryCodes {
    pub(super) fn of(codes: &[SecretString]) -> Self {
        Self { recovery_codes: codes.iter().map(|code| code.expose_secret().to_owned()).collect() }
    }
}

fn logged_in(user: &User, pending: Option<Pending>, permissions: Vec<&'static str>) -> LoggedIn {
    LoggedIn {
        id: user.id.clone(),
        username: user.name.clone(),
        full_name: user.full_name.clone(),
        last_login_at: user.last_login_at.map(|time| time.to_string()),
        // Nothing more of a person than the login needs before it is over.
        mail: user.mail.clone().filter(|_| pending.is_none()),
        zone: user.zone.clone().filter(|_| pending.is_none()),
        next: pending.map(|pending| match pending {
            Pending::Locked => Next::Unlock,
            Pending::SecondFactor => Next::SecondFactor,
            Pending::Enrolment => Next::Enrolment,
            Pending::PasswordChange => Next::PasswordChange,
        }),
        permissions,
    }
}

/// The cookie of a session. It ends with the browser; the server ends it sooner.
pub(crate) fn cookie(token: &SecretString) -> [(header::HeaderName, HeaderValue); 1] {
    let text = format!("{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict", token.expose_secret());
    let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    [(header::SET_COOKIE, value)]
}

/// The cookie that takes a session's away.
pub(crate) fn no_cookie() -> [(header::HeaderName, HeaderValue); 1] {
    let gone = "__Host-palisade=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0";
    [(header::SET_COOKIE, HeaderValue::from_static(gone))]
}

fn begun(begun: &Begun) -> Response {
    let body = logged_in(&begun.user, begun.pending, Vec::new());
    (cookie(&begun.token), Json(body)).into_response()
}

async fn set_up(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Json(form): Json<SetUp>,
) -> Result<Response, Failure> {
    let from = called_from(address(client), &headers)?;
    let new = NewUser {
        name: form.username,
        full_name: form.full_name,
        mail: form.mail,
        origin: Origin::Local,
        external_id: None,
    };
    let done = app.logins.set_up(&from, &form.code, new, form.password, app.now()).await?;
    app.forget_set_up_code().await;
    Ok((StatusCode::CREATED, begun(&done)).into_response())
}

async fn log_in(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Json(form): Json<Credentials>,
) -> Result<Response, Failure> {
    let from = called_from(address(client), &headers)?;
    Ok(begun(&app.logins.log_in(&from, &form.username, form.password, app.now()).await?))
}

async fn who(caller: Caller) -> Response {
    let permissions = caller.rights.everywhere().iter().map(|permission| permission.as_str()).collect();
    (tag(caller.user.version), Json(logged_in(&caller.user, caller.pending, permissions))).into_response()
}

async fn change_own(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Json(form): Json<OwnProfile>,
) -> Result<StatusCode, Failure> {
    may_change_own(&caller, form.mail.as_deref(), app.now())?;
    let (mail, zone) = (form.mail.as_deref(), form.zone.as_deref());
    let version = version_seen(&headers)?;
    users::change_profile(app.store(), &caller.user.id, &form.full_name, mail, zone, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a person may change his own profile, with this mail address in it.
///
/// # Errors
/// A token, which changes nothing of its owner; or another address without a credential shown lately: whoever reads the mail can
/// have a password reset, so a borrowed screen must not be enough to redirect it.
pub(crate) fn may_change_own(caller: &Caller, mail: Option<&str>, now: Timestamp) -> Result<(), Failure> {
    if caller.session.is_none() {
        return Err(Failure::new(Kind::NotPermitted, "a token does not change its owner; log in for that"));
    }
    let mail = mail.map(str::trim).filter(|mail| !mail.is_empty());
    if mail == caller.user.mail.as_deref() { Ok(()) } else { shown_lately(caller, now) }
}

async fn log_out(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    if let Some(session) = &caller.session {
        sessions::end(app.store(), &session.id, Some(&caller.user.id)).await?;
    }
    let gone = (
        header::HeaderName::from_static("clear-site-data"),
        HeaderValue::from_static("\"cache\", \"storage\""),
    );
    Ok((StatusCode::NO_CONTENT, no_cookie(), [gone]).into_response())
}

async fn second_factor(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
    Json(form): Json<SecondFactor>,
) -> Result<Response, Failure> {
    let factor = match (form.code, form.recovery_code) {
        (Some(code), None) => Factor::Totp(code),
        (None, Some(code)) => Factor::Recovery(code),
        _ => return Err(Failure::new(Kind::BadRequest, "show `code` or `recovery_code`, one of them")),
    };
    let from = called_from(address(client), &headers)?;
    let token = app.logins.show_factor(&from, &caller, factor, app.now()).await?;
    Ok((StatusCode::NO_CONTENT, cookie(&token)).into_response())
}

async fn unlock(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
    Json(form): Json<Password>,
) -> Result<StatusCode, Failure> {
    let from = called_from(address(client), &headers)?;
    app.logins.unlock(&from, &caller, form.password, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn begin_totp(State(app): State<App>, caller: Caller) -> Result<Json<AuthenticatorApp>, Failure> {
    may_enrol(&caller, app.now())?;
    let enrolment = app.logins.begin_totp(&caller.user).await?;
    Ok(Json(AuthenticatorApp {
        uri: enrolment.uri.expose_secret().to_owned(),
        secret: enrolment.typed.expose_secret().to_owned(),
    }))
}

/// Who has a second factor shows it before setting up another.
pub(crate) fn may_enrol(caller: &Caller, now: Timestamp) -> Result<(), Failure> {
    if caller.user.totp_at.is_some() {
        return Err(Failure::new(Kind::Conflict, "an authenticator app is set up already; remove it first"));
    }
    may_add_factor(caller, now)
}

async fn confirm_totp(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
    Json(form): Json<Code>,
) -> Result<Response, Failure> {
    may_enrol(&caller, app.now())?;
    let from = called_from(address(client), &headers)?;
    let (codes, token) = app.logins.confirm_totp(&from, &caller, &form.code, app.now()).await?;
    Ok((cookie(&token), Json(RecoveryCodes::of(&codes))).into_response())
}

async fn change_password(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
    Json(form): Json<NewPassword>,
) -> Result<StatusCode, Failure> {
    if let Some(pending @ (Pending::Locked | Pending::SecondFactor)) = caller.pending {
        return Err(Failure::new(Kind::Pending, "something else must be done first").with_pending(pending));
    }
    let from = called_from(address(client), &headers)?;
    app.logins.change_password(&from, &caller, form.present, form.password, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn follow(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Json(form): Json<Followed>,
) -> Result<Response, Failure> {
    let from = called_from(address(client), &headers)?;
    let done =
        app.logins.choose_password(&from, form.kind.into(), &form.code, form.password, app.now()).await?;
    Ok(begun(&done))
}
