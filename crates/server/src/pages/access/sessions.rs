//! Who is logged in now: one's own sessions, or those of all for whoever may see them.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Sent, back_to, dangerous, done, drawn, frame, may, whose};
use crate::api::body::Asked;
use crate::api::problem::Failure;
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::api::no_cookie;
use crate::identity::holders;
use crate::identity::login::Caller;
use crate::identity::roles::Permission;
use crate::identity::sessions::{self as held, Filter, Session};
use crate::pages::look::Look;
use crate::pages::to;
use crate::web::access::sessions;
use crate::web::form::Act;

const PATH: &str = "/sessions";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, PATH, Needs::Login, "One's own sessions, or those of all", get(all)),
        Route::new(Method::POST, "/sessions/{id}/end", Needs::Login, "End a session", post(end)),
    ]
}

/// Which sessions.
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
    let sees_all = may(&caller, Permission::SessionsRead);
    let of_all = sees_all && wanted.of == "all";
    let names = if of_all { holders::names(app.store()).await? } else { own_name(&caller) };
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
    let found = held::list(app.store(), filter, app.now()).await?;
    let view = sessions::Sessions {
        listing: look.listing(found.next.as_deref()),
        rows: found.items.into_iter().map(|session| row(session, &caller, &names, PATH)).collect(),
    };
    let shell = frame(&app, &caller, PATH, &wanted.notice).await?;
    Ok(drawn(sessions::page(&shell, &view)))
}

fn own_name(caller: &Caller) -> BTreeMap<String, String> {
    [(caller.user.id.clone(), caller.user.full_name.clone())].into()
}

fn row(session: Session, caller: &Caller, names: &BTreeMap<String, String>, back: &str) -> sessions::Session {
    let is_own = caller.session.as_ref().is_some_and(|own| own.id == session.id);
    let may_end = session.user_id == caller.user.id || may(caller, Permission::SessionsEnd);
    let sees_user = may(caller, Permission::UsersRead);
    let act = || {
        let act = dangerous(
            format!("{PATH}/{}/end", session.id),
            "End",
            &format!("the session from {}", session.address),
        );
        Act { hidden: vec![("back".to_owned(), back.to_owned())], ..act }
    };
    sessions::Session {
        end: may_end.then(act),
        user: names.get(&session.user_id).cloned().unwrap_or_else(|| session.user_id.clone()),
        user_href: sees_user.then(|| format!("/users/{}", session.user_id)),
        address: session.address.clone(),
        agent: session.agent.clone(),
        started: session.created_at,
        used: session.seen_at,
        ends: session.ends_at,
        is_own,
        is_locked: session.locked,
    }
}

/// The sessions of one user, as another page shows them; ending one leads back there.
pub(super) async fn rows_of(
    app: &App,
    caller: &Caller,
    user_id: &str,
    back: &str,
) -> Result<Vec<sessions::Session>, Failure> {
    let found = held::list(app.store(), Filter::of(Some(user_id)), app.now()).await?;
    let names = own_name(caller);
    Ok(found.items.into_iter().map(|session| row(session, caller, &names, back)).collect())
}

async fn end(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Failure> {
    let of = (!may(&caller, Permission::SessionsEnd)).then_some(caller.user.id.as_str());
    let was = held::end(app.store(), &id, of).await?;
    if was && caller.session.as_ref().is_some_and(|own| own.id == id) {
        return Ok((no_cookie(), to("/login")).into_response());
    }
    Ok(done(back_to(&sent, PATH), if was { "session-ended" } else { "session-gone" }))
}
