//! Set-up, login, and the doors of a session that is locked or whose password has reached its age.

pub(super) mod factor;

#[cfg(test)]
mod tests;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use maud::Markup;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{again, door_of, drawn, form, local, page_body, refused, to};
use crate::api::body::{Asked, Filled};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Client, Needs, Route, address, called_from};
use crate::app::App;
use crate::identity::api::{cookie, no_cookie};
use crate::identity::login::{Begun, Caller, Pending};
use crate::identity::users::{NewUser, Origin, User};
use crate::identity::{sessions, users};
use crate::web::door::{credentials, locked, login, setup};
use crate::web::form::{Act, Form};

pub(super) fn routes() -> Vec<Route> {
    let page = |path, needs, about, serve| Route::new(Method::GET, path, needs, about, serve);
    let sent = |path, needs, about, serve| Route::new(Method::POST, path, needs, about, serve);
    let (open, session) = (Needs::Nothing, Needs::Session);
    let mut routes = factor::routes();
    routes.extend([
        page("/setup", open, "Make the first administrator", get(set_up_page)),
        sent("/setup", open, "Make the first administrator", post(set_up)),
        page("/login", open, "Log in", get(login_page)),
        sent("/login", open, "Log in", post(log_in)),
        page("/login/unlock", session, "Unlock the session", get(unlock_page)),
        sent("/login/unlock", session, "Unlock the session", post(unlock)),
        page("/login/password", session, "Choose a new password", get(password_page)),
        sent("/login/password", session, "Choose a new password", post(choose_password)),
        sent("/logout", session, "Log out", post(log_out)),
    ]);
    routes
}

/// Where to go afterwards.
#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct SetUpForm {
    code: SecretString,
    user_name: String,
    full_name: String,
    #[serde(default)]
    mail: String,
    password: SecretString,
    password_again: SecretString,
}

#[derive(Deserialize)]
struct LoginForm {
    user_name: String,
    password: SecretString,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct PasswordForm {
    password: SecretString,
    #[serde(default)]
    next: String,
}

/// A new password, and the code of the mail that asks for it.
#[derive(Deserialize)]
pub(super) struct NewPasswordForm {
    #[serde(default)]
    pub(super) code: String,
    pub(super) password: SecretString,
    pub(super) password_again: SecretString,
}

/// A session that began goes on to what must be done first.
pub(super) fn go_on(begun: &Begun, next: &str) -> Response {
    let place =
        begun.pending.map_or_else(|| local(next).to_owned(), |pending| with_next(door_of(pending), next));
    (cookie(&begun.token), to(&place)).into_response()
}

fn with_next(door: &str, next: &str) -> String {
    match local(next) {
        "/" => door.to_owned(),
        next => format!("{door}?next={}", super::encoded(next)),
    }
}

/// What a password must be, a sentence each.
pub(super) fn rules(app: &App) -> Vec<String> {
    let policy = &app.logins.policy;
    let mut rules = vec![
        format!("at least {} characters; three or four unusual words are good", policy.minimum_length),
        "not a password that attackers try first, and nothing about you".to_owned(),
    ];
    if policy.history > 0 {
        rules.push(format!("none of your last {}", policy.history));
    }
    rules
}

pub(super) fn same(one: &SecretString, other: &SecretString) -> Result<(), Failure> {
    if one.expose_secret() == other.expose_secret() {
        return Ok(());
    }
    let field = crate::api::problem::Field {
        name: "password_again".to_owned(),
        why: "it is not the same as the password above".to_owned(),
    };
    Err(Failure::new(Kind::Unprocessable, "the two passwords differ").with_fields(vec![field]))
}

async fn set_up_page(State(app): State<App>) -> Result<Response, Failure> {
    if users::count(app.store()).await? > 0 {
        return Ok(drawn(setup::done(&app.shell())));
    }
    Ok(drawn(set_up_view(&app, form("/setup", "/"))))
}

fn set_up_view(app: &App, form: Form) -> Markup {
    let view = setup::SetUp { form, rules: rules(app), code_file: app.set_up_file.display().to_string() };
    setup::page(&app.shell(), &view)
}

async fn set_up(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Filled(sent): Filled<SetUpForm>,
) -> Result<Response, Failure> {
    let from = called_from(address(client), &headers)?;
    let mut form = form("/setup", "/");
    for (field, value) in [("user_name", &sent.user_name), ("full_name", &sent.full_name), ("mail", &sent.mail)]
    {
        form.values.insert(field.to_owned(), value.clone());
    }
    let new = NewUser {
        name: sent.user_name,
        full_name: sent.full_name,
        mail: Some(sent.mail),
        origin: Origin::Local,
        external_id: None,
    };
    let done = match same(&sent.password, &sent.password_again) {
        Ok(()) => {
            app.logins.set_up(&from, &sent.code, new, sent.password, app.now()).await.map_err(Failure::from)
        }
        Err(failure) => Err(failure),
    };
    match done {
        Ok(begun) => {
            app.forget_set_up_code().await;
            Ok(go_on(&begun, "/"))
        }
        Err(failure) => Ok(again(set_up_view(&app, refused(form, failure)?))),
    }
}

async fn login_page(State(app): State<App>, Asked(asked): Asked<Next>) -> Result<Response, Failure> {
    if users::count(app.store()).await? == 0 {
        return Ok(to("/setup"));
    }
    Ok(drawn(login_view(&app, form("/login", local(&asked.next)))))
}

/// The provider that vouches for users, where there is one.
fn provider(app: &App) -> Option<login::Provider> {
    app.logins.outside.provider.as_ref().map(|provider| login::Provider {
        name: host_of(provider.issuer()),
        action: "/login/oidc".to_owned(),
        hidden: Vec::new(),
    })
}

/// The same, for a user who has no password here.
fn provider_of(app: &App, user: &User) -> Option<login::Provider> {
    provider(app).filter(|_| user.origin == Origin::Oidc)
}

fn login_view(app: &App, form: Form) -> Markup {
    let outside = &app.logins.outside;
    let view = login::Login {
        form,
        notice: app.notice.clone(),
        providers: provider(app).into_iter().collect(),
        reset: outside.outbox.as_ref().map(|_| "/login/forgotten".to_owned()),
    };
    login::page(&app.shell(), &view)
}

/// What people know a provider by.
fn host_of(issuer: &str) -> String {
    url::Url::parse(issuer)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| issuer.to_owned())
}

async fn log_in(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Filled(sent): Filled<LoginForm>,
) -> Result<Response, Failure> {
    let from = called_from(address(client), &headers)?;
    match app.logins.log_in(&from, &sent.user_name, sent.password, app.now()).await.map_err(Failure::from) {
        Ok(begun) => Ok(go_on(&begun, &sent.next)),
        Err(failure) => {
            if let Some(until) = failure.blocked_until {
                return Ok(blocked(&app, &failure, until));
            }
            let mut form = form("/login", local(&sent.next));
            form.values.insert("user_name".to_owned(), sent.user_name);
            Ok(again(login_view(&app, refused(form, failure)?)))
        }
    }
}

fn blocked(app: &App, failure: &Failure, until: jiff::Timestamp) -> Response {
    let view = locked::Blocked { until: Some(until), contact: String::new() };
    let mut answer =
        (StatusCode::TOO_MANY_REQUESTS, page_body(locked::blocked(&app.shell(), &view))).into_response();
    if let Some(seconds) = failure.problem().retry_after {
        answer.headers_mut().insert(axum::http::header::RETRY_AFTER, seconds.into());
    }
    answer
}

async fn log_out(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    if let Some(session) = &caller.session {
        sessions::end(app.store(), &session.id, Some(&caller.user.id)).await?;
    }
    Ok((no_cookie(), to("/login")).into_response())
}

/// A button that ends the session.
fn leave(label: &str) -> Act {
    Act {
        action: "/logout".to_owned(),
        label: label.to_owned(),
        of: String::new(),
        hidden: Vec::new(),
        danger: false,
    }
}

async fn unlock_page(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<Next>,
) -> Result<Response, Failure> {
    let next = local(&asked.next);
    if caller.pending != Some(Pending::Locked) {
        return Ok(to(next));
    }
    Ok(drawn(unlock_view(&app, &caller, form("/login/unlock", next))))
}

fn unlock_view(app: &App, caller: &Caller, form: Form) -> Markup {
    let view = locked::Idle {
        form,
        user: caller.user.full_name.clone(),
        since: caller.session.as_ref().map(|session| session.seen_at),
        provider: provider_of(app, &caller.user),
        logout: leave("Log out"),
    };
    locked::idle(&app.shell(), &view)
}

async fn unlock(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
    Filled(sent): Filled<PasswordForm>,
) -> Result<Response, Failure> {
    let from = called_from(address(client), &headers)?;
    let next = local(&sent.next);
    match app.logins.unlock(&from, &caller, sent.password, app.now()).await.map_err(Failure::from) {
        Ok(()) => Ok(to(next)),
        Err(failure) => {
            if let Some(until) = failure.blocked_until {
                return Ok(blocked(&app, &failure, until));
            }
            let wrong = refused(form("/login/unlock", next), failure)?;
            Ok(again(unlock_view(&app, &caller, wrong)))
        }
    }
}

async fn password_page(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    if caller.pending != Some(Pending::PasswordChange) {
        return Ok(to("/"));
    }
    Ok(drawn(password_view(&app, &caller, form("/login/password", "/"))))
}

fn password_view(app: &App, caller: &Caller, form: Form) -> Markup {
    let view = credentials::Reset {
        form,
        user_name: caller.user.name.clone(),
        why: "Your password has reached its age.".to_owned(),
        rules: rules(app),
    };
    credentials::reset(&app.shell(), &view)
}

async fn choose_password(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
    Filled(sent): Filled<NewPasswordForm>,
) -> Result<Response, Failure> {
    let from = called_from(address(client), &headers)?;
    let done = match same(&sent.password, &sent.password_again) {
        Ok(()) => {
            app.logins.replace_expired(&from, &caller, sent.password, app.now()).await.map_err(Failure::from)
        }
        Err(failure) => Err(failure),
    };
    match done {
        Ok(()) => Ok(to("/")),
        Err(failure) => {
            Ok(again(password_view(&app, &caller, refused(form("/login/password", "/"), failure)?)))
        }
    }
}
