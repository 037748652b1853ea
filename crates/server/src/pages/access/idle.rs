//! Accounts that nobody uses, and what to do about them.

use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::{dangerous, drawn, frame, may};
use crate::api::body::Asked;
use crate::api::problem::Failure;
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::login::Caller;
use crate::identity::review::idle::{self as unused, IdleToken, IdleUser, Why};
use crate::identity::roles::Permission;
use crate::web::access::idle;
use crate::web::form::{Act, Choice};

const PATH: &str = "/users/idle";

/// Days to choose from.
const DAYS: [i64; 4] = [30, unused::DAYS, 180, 365];

pub(super) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::UsersRead);
    vec![Route::new(Method::GET, PATH, read, "Users and API tokens that nobody uses", get(page))]
}

/// For how long.
#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    days: Option<i64>,
}

async fn page(State(app): State<App>, caller: Caller, Asked(since): Asked<Since>) -> Result<Response, Failure> {
    let asked = since.days.filter(|days| (1..=unused::MOST_DAYS).contains(days));
    let (days, now) = (asked.unwrap_or(unused::DAYS), app.now());
    let tokens = if may(&caller, Permission::TokensRead) {
        Some(unused::tokens(app.store(), days, now).await?)
    } else {
        None
    };
    let view = idle::Idle {
        path: PATH.to_owned(),
        choices: choices(days),
        users: unused::users(app.store(), days, now).await?.into_iter().map(|one| user(one, &caller)).collect(),
        tokens: tokens.map(|tokens| tokens.into_iter().map(|one| token(one, &caller)).collect()),
    };
    let shell = frame(&app, &caller, PATH, "").await?;
    Ok(drawn(idle::page(&shell, &view)))
}

fn choices(chosen: i64) -> Vec<Choice> {
    let mut days = DAYS.to_vec();
    if !days.contains(&chosen) {
        days.push(chosen);
        days.sort_unstable();
    }
    let choice = |days: i64| Choice {
        value: days.to_string(),
        label: format!("{days} days"),
        about: String::new(),
        chosen: days == chosen,
    };
    days.into_iter().map(choice).collect()
}

fn why(why: Why) -> String {
    match why {
        Why::NeverCame => "was invited and never came",
        Why::NeverUsed => "was never used",
        Why::Unused => "was not used any more",
    }
    .to_owned()
}

fn user(one: IdleUser, caller: &Caller) -> idle::Row {
    let may_deactivate = may(caller, Permission::UsersManage) && one.id != caller.user.id;
    let act = || Act {
        hidden: vec![("active".to_owned(), "false".to_owned())],
        ..dangerous(format!("/users/{}/state", one.id), "Deactivate", &one.username)
    };
    idle::Row {
        act: may_deactivate.then(act),
        href: format!("/users/{}", one.id),
        name: one.full_name,
        of: one.username,
        why: why(one.why),
        last: one.last_login_at.and_then(|time| time.parse().ok()),
        days: one.days,
    }
}

fn token(one: IdleToken, caller: &Caller) -> idle::Row {
    let may_withdraw = one.user_id == caller.user.id || may(caller, Permission::TokensRevoke);
    idle::Row {
        act: may_withdraw.then(|| dangerous(format!("/tokens/{}/withdraw", one.id), "Withdraw", &one.name)),
        href: format!("/users/{}", one.user_id),
        name: one.name,
        of: one.username,
        why: why(one.why),
        last: one.last_used_at.and_then(|time| time.parse().ok()),
        days: one.days,
    }
}
