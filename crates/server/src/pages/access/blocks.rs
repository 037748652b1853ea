//! Who is kept out for a time after too many failures.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{act, done, drawn, frame, may};
use crate::api::body::Asked;
use crate::api::problem::Failure;
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::gate::{self, Block, Limit, Limits, Surface};
use crate::identity::login::Caller;
use crate::identity::roles::Permission;
use crate::pages::look::Look;
use crate::web::access::blocks;

const PATH: &str = "/blocks";

pub(super) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::BlocksRead);
    let lift_needs = Needs::Recent(Permission::BlocksLift);
    vec![
        Route::new(Method::GET, PATH, read, "Who is blocked", get(all)),
        Route::new(Method::POST, "/blocks/{key}/lift", lift_needs, "Lift a block", post(lift)),
    ]
}

/// Which blocks.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    q: String,
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
    let limits = app.logins.gate.limits();
    let look = Look {
        path: PATH,
        filter: &wanted.q,
        facets: Vec::new(),
        order: gate::LISTED.order(&wanted.sort),
        sort: &wanted.sort,
        after: &wanted.after,
    };
    let filter = gate::Filter { text: &wanted.q, order: look.order, after: look.after()? };
    let found = app.logins.gate.blocks(filter, app.now()).await?;
    let lifts = may(&caller, Permission::BlocksLift);
    let view = blocks::Blocks {
        listing: look.listing(found.next.as_deref()),
        rows: found.items.into_iter().map(|block| row(block, &limits, lifts)).collect(),
        limits: sentences(&limits),
    };
    let shell = frame(&app, &caller, PATH, &wanted.notice).await?;
    Ok(drawn(blocks::page(&shell, &view)))
}

fn row(block: Block, limits: &Limits, lifts: bool) -> blocks::Row {
    let surface = block
        .surface
        .as_deref()
        .and_then(|word| all_limits(limits).find(|(surface, _)| surface.as_str() == word));
    let limit = surface.map_or(limits.address, |(_, limit)| limit);
    let of = format!("the block of {}", block.address);
    blocks::Row {
        surface: surface.map_or("everywhere", |(surface, _)| word(surface)).to_owned(),
        since: block.until.checked_sub(limit.block).unwrap_or(block.until),
        until: block.until,
        failures: block.attempts,
        user_name: block
            .user_name
            .unwrap_or_else(|| if block.surface.is_some() { "not a user".to_owned() } else { String::new() }),
        lift: lifts.then(|| act(format!("{PATH}/{}/lift", block.key), "Lift", &of)),
        address: block.address,
    }
}

fn all_limits(limits: &Limits) -> impl Iterator<Item = (Surface, Limit)> {
    Surface::ALL.into_iter().zip(limits.pair)
}

fn word(surface: Surface) -> &'static str {
    match surface {
        Surface::Login => "login",
        Surface::NodeUsers => "login on a node",
        Surface::DashboardUsers => "login on a dashboard",
        Surface::ValidateToken => "API token",
        Surface::VerifyLogAgent => "log agent",
        Surface::WsTunnel => "tunnel",
        Surface::MfaValidation => "second factor",
    }
}

/// What blocks, a sentence each.
fn sentences(limits: &Limits) -> Vec<String> {
    let pair = |(surface, limit): (Surface, Limit)| {
        let Limit { attempts, window, block } = limit;
        let (window, block) = (length(window), length(block));
        format!(
            "{}: {attempts} failures of one name from one address within {window} keep them out for {block}.",
            word(surface)
        )
    };
    let Limit { attempts, window, block } = limits.address;
    let address = format!(
        "any address: {attempts} failures within {} keep it out for {}.",
        length(window),
        length(block)
    );
    all_limits(limits).map(pair).chain([address]).collect()
}

fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

async fn lift(State(app): State<App>, Path(key): Path<String>) -> Result<Response, Failure> {
    let was = app.logins.gate.lift(&key, app.now()).await?;
    Ok(done(PATH, if was { "block-lifted" } else { "block-gone" }))
}
