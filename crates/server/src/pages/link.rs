//! Links of mails: an invitation, and a password that is chosen anew.

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use maud::Markup;
use secrecy::SecretString;
use serde::Deserialize;

use super::door::{NewPasswordForm, go_on, rules, same};
use super::{again, drawn, form, page_body, refused};
use crate::api::body::{Asked, Filled};
use crate::api::problem::Failure;
use crate::api::route::{Client, Needs, Route, address, called_from};
use crate::app::App;
use crate::identity::post::Named;
use crate::identity::{links, users};
use crate::web::door::credentials;
use crate::web::form::Form;

pub(super) fn routes() -> Vec<Route> {
    let route = |method, path, about, serve| Route::new(method, path, Needs::Nothing, about, serve);
    vec![
        route(Method::GET, "/invitation", "Accept an invitation", get(invitation_page)),
        route(Method::POST, "/invitation", "Accept an invitation", post(accept)),
        route(Method::GET, "/reset", "Choose a new password with the code of a reset", get(reset_page)),
        route(Method::POST, "/reset", "Choose a new password with the code of a reset", post(reset)),
        route(Method::GET, "/login/forgotten", "Ask for a new password", get(forgotten_page)),
        route(Method::POST, "/login/forgotten", "Ask for a new password", post(forgotten)),
    ]
}

/// A code of a mail.
#[derive(Deserialize)]
struct CodeOfLink {
    #[serde(default)]
    code: String,
}

async fn invitation_page(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Asked(asked): Asked<CodeOfLink>,
) -> Result<Response, Failure> {
    link_page(&app, client, &headers, links::Kind::Invitation, &asked.code).await
}

async fn reset_page(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Asked(asked): Asked<CodeOfLink>,
) -> Result<Response, Failure> {
    link_page(&app, client, &headers, links::Kind::Reset, &asked.code).await
}

async fn link_page(
    app: &App,
    client: Client,
    headers: &HeaderMap,
    kind: links::Kind,
    code: &str,
) -> Result<Response, Failure> {
    let from = called_from(address(client), headers)?;
    match app.logins.follow(&from, kind, &code.to_owned().into(), app.now()).await.map_err(Failure::from) {
        Ok((attempt, _, user)) => {
            attempt.succeeded(app.store()).await?;
            Ok(drawn(link_view(app, kind, &user, link_form(kind, code))))
        }
        Err(failure) if failure.problem().kind == "wrong-credential" => {
            Ok((StatusCode::GONE, page_body(credentials::spent(&app.shell()))).into_response())
        }
        Err(failure) => Err(failure),
    }
}

fn link_form(kind: links::Kind, code: &str) -> Form {
    let action = if kind == links::Kind::Invitation { "/invitation" } else { "/reset" };
    Form { hidden: vec![("code".to_owned(), code.to_owned())], ..form(action, "/") }
}

fn link_view(app: &App, kind: links::Kind, user: &users::User, mut form: Form) -> Markup {
    if kind == links::Kind::Invitation {
        form.values.entry("full_name".to_owned()).or_insert_with(|| user.full_name.clone());
        let view = credentials::Invitation {
            form,
            user_name: user.name.clone(),
            by: user.created_by.clone(),
            expires: None,
            rules: rules(app),
        };
        return credentials::invitation(&app.shell(), &view);
    }
    let view = credentials::Reset { form, user_name: user.name.clone(), why: String::new(), rules: rules(app) };
    credentials::reset(&app.shell(), &view)
}

async fn accept(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Filled(sent): Filled<NewPasswordForm>,
) -> Result<Response, Failure> {
    choose_with(&app, client, &headers, links::Kind::Invitation, sent).await
}

async fn reset(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Filled(sent): Filled<NewPasswordForm>,
) -> Result<Response, Failure> {
    choose_with(&app, client, &headers, links::Kind::Reset, sent).await
}

async fn choose_with(
    app: &App,
    client: Client,
    headers: &HeaderMap,
    kind: links::Kind,
    sent: NewPasswordForm,
) -> Result<Response, Failure> {
    let from = called_from(address(client), headers)?;
    let code: SecretString = sent.code.clone().into();
    let done = match same(&sent.password, &sent.password_again) {
        Ok(()) => app
            .logins
            .choose_password(&from, kind, &code, sent.password, app.now())
            .await
            .map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match done {
        Ok(begun) => Ok(go_on(&begun, "/")),
        Err(failure) if failure.problem().kind == "wrong-credential" => {
            Ok((StatusCode::GONE, page_body(credentials::spent(&app.shell()))).into_response())
        }
        Err(failure) => {
            let wrong = refused(link_form(kind, &sent.code), failure)?;
            let (attempt, _, user) = app.logins.follow(&from, kind, &code, app.now()).await?;
            attempt.succeeded(app.store()).await?;
            Ok(again(link_view(app, kind, &user, wrong)))
        }
    }
}

/// Whose password was forgotten.
#[derive(Deserialize)]
struct Forgotten {
    mail: String,
}

async fn forgotten_page(State(app): State<App>) -> Response {
    let shell = app.shell();
    drawn(match app.logins.outside.outbox {
        Some(_) => credentials::request(&shell, &form("/login/forgotten", "/")),
        None => credentials::no_mail(&shell),
    })
}

async fn forgotten(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Filled(sent): Filled<Forgotten>,
) -> Result<Response, Failure> {
    let from = called_from(address(client), &headers)?;
    app.logins.ask_for_reset(from.client, Named::Mail(sent.mail), app.now()).await?;
    Ok(drawn(credentials::requested(&app.shell())))
}
