//! API tokens: one's own, or those of all for whoever may see them.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::{Sent, again, dangerous, done, drawn, frame, mark, may, whose, wrong, wrong_at};
use crate::api::body::Asked;
use crate::api::problem::Failure;
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::holders;
use crate::identity::login::Caller;
use crate::identity::roles::Permission;
use crate::identity::tokens::{self as held, Filter, Token};
use crate::pages::form;
use crate::pages::look::Look;
use crate::web::access::{Mark, tokens};
use crate::web::form::{Choice, Form};
use crate::web::shell::Tone;

const PATH: &str = "/tokens";

const NEW: &str = "/tokens/new";

/// How long a token may hold, in days; the second is proposed.
const DAYS: [i64; 4] = [7, 30, 90, 365];

/// A token that ends within so many days is marked.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Characters of an identifier by which a token is recognised.
const SHOWN: usize = 12;

pub(super) fn routes() -> Vec<Route> {
    let create_needs = Needs::Recent(Permission::TokensCreate);
    vec![
        Route::new(Method::GET, PATH, Needs::Login, "One's own API tokens, or those of all", get(all)),
        Route::new(Method::GET, NEW, create_needs, "Create an API token", get(new)),
        Route::new(Method::POST, NEW, create_needs, "Create an API token", post(create)),
        Route::new(
            Method::POST,
            "/tokens/{id}/withdraw",
            Needs::Login,
            "Withdraw an API token",
            post(withdraw),
        ),
    ]
}

/// Which tokens.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    q: String,
    /// `all`: those of all users.
    #[serde(default)]
    of: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    notice: String,
}

async fn all(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Failure> {
    let sees_all = may(&caller, Permission::TokensRead);
    let of_all = sees_all && wanted.of == "all";
    let names = holders::names(app.store()).await?;
    let owner = |token: &Token| names.get(&token.user_id).unwrap_or(&token.user_id).clone();
    let look = Look {
        path: PATH,
        filter: &wanted.q,
        facets: if sees_all { vec![whose(of_all)] } else { Vec::new() },
        order: held::LISTED.order(&wanted.sort),
        sort: &wanted.sort,
        after: &wanted.after,
    };
    let filter = Filter {
        of: (!of_all).then_some(caller.user.id.as_str()),
        text: &wanted.q,
        order: look.order,
        after: look.after()?,
    };
    let found = held::list(app.store(), filter).await?;
    let view = tokens::Tokens {
        listing: look.listing(found.next.as_deref()),
        rows: found.items.iter().map(|token| row(token, owner(token), &caller, app.now())).collect(),
        create: may(&caller, Permission::TokensCreate).then(|| NEW.to_owned()),
    };
    let shell = frame(&app, &caller, PATH, &wanted.notice).await?;
    Ok(drawn(tokens::page(&shell, &view)))
}

fn choice(value: String, label: String, chosen: bool) -> Choice {
    Choice { value, label, about: String::new(), chosen }
}

fn prefix(token: &Token) -> String {
    format!("palisade_{}", token.id.chars().take(SHOWN).collect::<String>())
}

fn row(token: &Token, owner: String, caller: &Caller, now: Timestamp) -> tokens::Row {
    let may_withdraw = token.user_id == caller.user.id || may(caller, Permission::TokensRevoke);
    tokens::Row {
        name: token.name.clone(),
        prefix: prefix(token),
        owner,
        scopes: token.permissions.iter().map(|permission| permission.as_str().to_owned()).collect(),
        state: standing(token, now),
        expires: Some(token.ends_at),
        used: token.last_used_at,
        revoke: may_withdraw
            .then(|| dangerous(format!("{PATH}/{}/withdraw", token.id), "Withdraw", &token.name)),
    }
}

fn standing(token: &Token, now: Timestamp) -> Mark {
    let left = token.ends_at.duration_since(now);
    if left <= SignedDuration::ZERO {
        mark(Tone::Bad, "expired")
    } else if left < SOON {
        mark(Tone::Unsure, "ends soon")
    } else {
        mark(Tone::Good, "valid")
    }
}

async fn new(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    let shell = frame(&app, &caller, NEW, "").await?;
    Ok(drawn(tokens::create(&shell, &view(&caller, form(NEW, "/"), &BTreeSet::new()))))
}

fn view(caller: &Caller, form: Form, chosen: &BTreeSet<Permission>) -> tokens::Create {
    let scope = |permission: &Permission| Choice {
        about: permission.about().to_owned(),
        ..choice(permission.as_str().to_owned(), permission.as_str().to_owned(), chosen.contains(permission))
    };
    let days = |days: i64| choice(days.to_string(), format!("{days} days"), days == 30);
    tokens::Create {
        form,
        days: DAYS.into_iter().map(days).collect(),
        scopes: caller.rights.everywhere().iter().map(scope).collect(),
    }
}

async fn create(State(app): State<App>, caller: Caller, sent: Sent) -> Result<Response, Failure> {
    let name = sent.one("name").trim();
    let ticked: Vec<&str> = sent.all("scope").collect();
    let own = caller.rights.everywhere().iter().copied();
    let scopes: BTreeSet<Permission> = own.filter(|one| ticked.contains(&one.as_str())).collect();
    let typed = sent.back(form(NEW, "/"), &["name", "days"]);
    let days = sent.one("days").parse().ok().filter(|days| DAYS.contains(days));
    let ends =
        days.and_then(|days| app.now().checked_add(SignedDuration::from_hours(days.checked_mul(24)?)).ok());
    let refused = match ends {
        None => wrong(typed, "days", "Choose when it ends."),
        Some(_) if scopes.is_empty() || scopes.len() < ticked.len() => {
            wrong(typed, "scope", "Choose at least one permission, of those that you have.")
        }
        Some(ends) => match held::create(app.store(), &caller.user.id, name, &scopes, ends, app.now()).await {
            Ok((_, shown)) => {
                let shell = frame(&app, &caller, NEW, "").await?;
                return Ok(drawn(tokens::made(&shell, name, shown.expose_secret())));
            }
            Err(error) => wrong_at(typed, "name", error.into())?,
        },
    };
    let shell = frame(&app, &caller, NEW, "").await?;
    Ok(again(tokens::create(&shell, &view(&caller, refused, &scopes))))
}

async fn withdraw(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    let of = (!may(&caller, Permission::TokensRevoke)).then_some(caller.user.id.as_str());
    let was = held::revoke(app.store(), &id, of).await?;
    Ok(done(PATH, if was { "token-withdrawn" } else { "token-gone" }))
}
