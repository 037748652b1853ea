//! Everybody who may log in.

use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::{drawn, frame, mark, may, standing, title};
use crate::api::body::Asked;
use crate::api::problem::Failure;
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::holders;
use crate::identity::login::Caller;
use crate::identity::roles::{self as held, Permission};
use crate::identity::users::{self as known, Filter, State as Standing};
use crate::pages::look::Look;
use crate::web::access::{Mark, users};
use crate::web::list::Facet;
use crate::web::shell::Tone;

const PATH: &str = "/users";

pub(super) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::UsersRead);
    vec![Route::new(Method::GET, PATH, read, "The users", get(all))]
}

/// Which users.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    notice: String,
}

const STATES: [Standing; 3] = [Standing::Active, Standing::Invited, Standing::Deactivated];

async fn all(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Failure> {
    let state = STATES.into_iter().find(|state| state.as_str() == wanted.state);
    let look = Look {
        path: PATH,
        filter: &wanted.q,
        facets: vec![Facet::any("state", "State", STATES.map(Standing::as_str), &wanted.state)],
        order: known::LISTED.order(&wanted.sort),
        sort: &wanted.sort,
        after: &wanted.after,
    };
    let filter = Filter { text: wanted.q.clone(), state, order: look.order, after: look.after()? };
    let found = known::list(app.store(), filter).await?;
    let roles = held::all(app.store()).await?;
    let holders = holders::holders(app.store(), "", "").await?;
    let roles_of = |id: &str| {
        let mut titles: Vec<String> = Vec::new();
        for holder in holders.iter().filter(|holder| holder.user_id == id) {
            let name = title(&roles, &holder.role);
            titles.push(if holder.label.is_empty() {
                name.to_owned()
            } else {
                format!("{name} ({})", holder.label)
            });
        }
        titles
    };
    let row = |user: &known::User| users::Row {
        href: format!("{PATH}/{}", user.id),
        full_name: user.full_name.clone(),
        user_name: user.name.clone(),
        mail: user.mail.clone().unwrap_or_default(),
        roles: roles_of(&user.id),
        state: standing(user),
        factor: factor(user),
        last_login: user.last_login_at,
    };
    let view = users::Users {
        rows: found.items.iter().map(row).collect(),
        listing: look.listing(found.next.as_deref()),
        invite: may(&caller, Permission::UsersManage).then(|| format!("{PATH}/invite")),
    };
    let shell = frame(&app, &caller, PATH, &wanted.notice).await?;
    Ok(drawn(users::page(&shell, &view)))
}

fn factor(user: &known::User) -> Mark {
    match (user.totp_at.is_some(), user.passkeys > 0) {
        (true, true) => mark(Tone::Good, "app, passkey"),
        (true, false) => mark(Tone::Good, "app"),
        (false, true) => mark(Tone::Good, "passkey"),
        (false, false) => mark(Tone::Unsure, "none"),
    }
}
