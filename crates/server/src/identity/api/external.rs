//! Logins at the OpenID provider, and new passwords for who forgot one.
//!
//! The browser comes back from the provider in a navigation that another site began. What it brings then are the cookies of
//! `SameSite=Lax`, so the login under way has one; the session's is `Strict`. It is taken from the answer, for browsers take
//! cookies with every whole page, but it would not be sent to where a redirect leads: that navigation is the other site's
//! still. So the answer is a page of ours which goes on by itself: that navigation is our own.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use maud::{DOCTYPE, html};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::session::cookie;
use crate::api::body::{Asked, Json};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Client, Needs, Route, address, called_from};
use crate::app::App;
use crate::identity::oidc::{Callback, LOGIN_TIME, OidcError};
use crate::identity::post::Named;

/// The cookie of a login under way at the provider.
const COOKIE: &str = "__Host-palisade-login";

/// Where a browser goes to log in at the provider.
const BEGIN: &str = "/login/oidc";

/// Where the provider sends it back to.
pub(crate) const BACK: &str = "/login/oidc/callback";

/// The routes of the API.
pub(super) fn api_routes() -> Vec<Route> {
    let mut reset = Route::new(
        Method::POST,
        "/api/v1/reset-requests",
        Needs::Nothing,
        "Have a link for a new password sent by mail; the answer does not tell whether there is such a user. 409: there is no mail server",
        post(ask_for_reset),
    )
    .takes::<Forgotten>();
    reset.status = StatusCode::ACCEPTED;
    vec![reset]
}

/// The routes that browsers are sent to.
pub(crate) fn routes(app: &App) -> Router {
    // A form that is answered with a redirect may not leave this site (`form-action`); a page that goes on may.
    Router::new()
        .route(BEGIN, get(begin).post(begin_by_form))
        .route(BACK, get(come_back))
        .with_state(app.clone())
}

/// Who forgot the password: one of these.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Forgotten {
    /// The name to log in with.
    username: Option<String>,
    /// The mail address.
    mail: Option<String>,
}

async fn ask_for_reset(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Json(form): Json<Forgotten>,
) -> Result<StatusCode, Failure> {
    let named = match (form.username, form.mail) {
        (Some(name), None) => Named::User(name),
        (None, Some(mail)) => Named::Mail(mail),
        _ => return Err(Failure::new(Kind::BadRequest, "name `username` or `mail`, one of them")),
    };
    let from = called_from(address(client), &headers)?;
    app.logins.ask_for_reset(from.client, named, app.now()).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn begin(State(app): State<App>, client: Client, headers: HeaderMap) -> Response {
    let begun = sent_away(&app, client, &headers).await;
    begun.map_or_else(page_of, |(cookie, url)| (cookie, Redirect::to(&url)).into_response())
}

async fn begin_by_form(State(app): State<App>, client: Client, headers: HeaderMap) -> Response {
    let begun = sent_away(&app, client, &headers).await;
    begun.map_or_else(page_of, |(cookie, url)| (cookie, onward(&url)).into_response())
}

type SetCookie = [(HeaderName, HeaderValue); 1];

/// The cookie of a login under way, and where the browser goes.
async fn sent_away(app: &App, client: Client, headers: &HeaderMap) -> Result<(SetCookie, String), Failure> {
    app.logins.outside.provider.as_ref().ok_or_else(no_provider)?;
    let from = called_from(address(client), headers)?;
    let (url, token) = app.logins.begin_at_provider(from.client, app.now()).await?;
    Ok((login_cookie(token.expose_secret(), LOGIN_TIME.as_secs()), url.into()))
}

async fn come_back(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    callback: Result<Asked<Callback>, Failure>,
) -> Response {
    let done = match callback {
        Ok(Asked(callback)) => ended(&app, client, &headers, &callback).await,
        Err(failure) => Err(failure),
    };
    let mut response = match done {
        Ok(session) => (session, onward("/")).into_response(),
        Err(failure) => page_of(failure),
    };
    // It counted once, whatever came of it.
    for (name, value) in login_cookie("", 0) {
        response.headers_mut().append(name, value);
    }
    response
}

async fn ended(
    app: &App,
    client: Client,
    headers: &HeaderMap,
    callback: &Callback,
) -> Result<SetCookie, Failure> {
    app.logins.outside.provider.as_ref().ok_or_else(no_provider)?;
    let from = called_from(address(client), headers)?;
    let token = login_token(headers).ok_or(OidcError::State)?;
    let begun = app.logins.finish_at_provider(&from, &token, callback, app.now()).await?;
    Ok(cookie(&begun.token))
}

fn no_provider() -> Failure {
    Failure::new(Kind::NotFound, "this system has no login provider")
}

fn login_cookie(token: &str, seconds: i64) -> SetCookie {
    let text = format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    [(header::SET_COOKIE, value)]
}

fn login_token(headers: &HeaderMap) -> Option<SecretString> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .filter(|token| !token.is_empty() && token.len() <= 64)
        .map(|token| token.to_owned().into())
}

/// A page that goes on by itself, as a navigation of this site.
fn onward(url: &str) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content={ "0; url=" (url) };
                title { "Logging in" }
            }
            body { p { a href=(url) { "Go on" } } }
        }
    };
    Html(page.into_string())
}

/// What went wrong, as a page: nobody but a person comes here. The failure stays with it for who makes better pages.
fn page_of(failure: Failure) -> Response {
    let problem = failure.problem().clone();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (problem.title) }
            }
            body {
                main {
                    h1 { (problem.title) }
                    p { (problem.detail) }
                    p { a href="/login" { "Back to the login" } }
                }
            }
        }
    };
    let (mut parts, _) = failure.into_response().into_parts();
    let (page, body) = Html(page.into_string()).into_response().into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(page.headers);
    Response::from_parts(parts, body)
}
