//! Who may do what, where, and through which role.

use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::{drawn, frame, title};
use crate::api::body::Asked;
use crate::api::problem::Failure;
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::login::Caller;
use crate::identity::roles::{self as held, Permission};
use crate::web::access::query;
use crate::web::form::Choice;

const PATH: &str = "/access";

pub(super) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::RolesRead);
    vec![Route::new(Method::GET, PATH, read, "Who may do what, and through which role", get(page))]
}

/// What is asked.
#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    permission: String,
    #[serde(default)]
    on: String,
}

async fn page(
    State(app): State<App>,
    caller: Caller,
    Asked(question): Asked<Question>,
) -> Result<Response, Failure> {
    let asked = Permission::ALL.into_iter().find(|one| one.as_str() == question.permission);
    let labels = labels(&question.on);
    let mut view = query::Query {
        path: PATH.to_owned(),
        permissions: Permission::ALL.into_iter().map(|one| choice(one, asked)).collect(),
        on: question.on.clone(),
        answer: None,
        problem: String::new(),
    };
    match (asked, labels) {
        (None, _) => {}
        (Some(_), None) => {
            "Write labels as `site=linz`, with commas between them.".clone_into(&mut view.problem)
        }
        (Some(permission), Some(labels)) => view.answer = Some(answer(&app, permission, &labels).await?),
    }
    let shell = frame(&app, &caller, PATH, "").await?;
    Ok(drawn(query::page(&shell, &view)))
}

/// The labels that were written; none when that is no way to write them.
fn labels(text: &str) -> Option<Vec<String>> {
    let labels: Vec<String> =
        text.split(',').map(str::trim).filter(|label| !label.is_empty()).map(str::to_owned).collect();
    labels.iter().all(|label| label.contains('=')).then_some(labels)
}

fn choice(one: Permission, asked: Option<Permission>) -> Choice {
    Choice {
        value: one.as_str().to_owned(),
        label: format!("{} ({})", one.about(), one.as_str()),
        about: String::new(),
        chosen: asked == Some(one),
    }
}

async fn answer(app: &App, permission: Permission, labels: &[String]) -> Result<Vec<query::Holder>, Failure> {
    let roles = held::all(app.store()).await?;
    let holder = |way: held::Way| query::Holder {
        user: way.user,
        user_href: format!("/users/{}", way.user_id),
        role: title(&roles, &way.role).to_owned(),
        role_href: format!("/roles/{}", way.role),
        labels: way.label.unwrap_or_default(),
    };
    Ok(held::who_may(app.store(), permission, labels).await?.into_iter().map(holder).collect())
}
