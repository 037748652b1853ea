//! Access reviews: start one, decide on each user and role, sign.

use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use maud::Markup;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::look::Look;
use super::overview::reminder;
use super::{again, drawn, form, shell, to};
use crate::api::body::{Asked, Filled};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::login::Caller;
use crate::identity::review::{self, Decision, Filter, Item, Key, Review, Reviewer, Standing, Subject};
use crate::identity::roles::Permission;
use crate::order::Columns;
use crate::web::access::{Mark, review as views};
use crate::web::form::{Act, Choice};
use crate::web::list::{Facet, Listing};
use crate::web::posture::dashboard::Due;
use crate::web::shell::{Notice, Tone};

const PATH: &str = "/reviews";

/// So many days before it is due a review stands on the overview.
const AHEAD: i64 = 14;

pub(super) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::ReviewsRead);
    let sign = Needs::Recent(Permission::ReviewsSign);
    vec![
        Route::new(Method::GET, PATH, read, "The access reviews", get(list)),
        Route::new(Method::POST, PATH, sign, "Start an access review", post(start)),
        Route::new(Method::GET, "/reviews/{id}", read, "One access review", get(one)),
        Route::new(
            Method::POST,
            "/reviews/{id}/decide",
            Needs::Permission(Permission::ReviewsSign),
            "Decide on a user or a role",
            post(decide),
        ),
        Route::new(Method::POST, "/reviews/{id}/sign", sign, "Sign an access review", post(sign_it)),
    ]
}

/// What was decided on whom.
#[derive(Deserialize)]
struct Decided {
    user: String,
    #[serde(default)]
    decision: String,
    #[serde(default)]
    note: String,
}

/// What is signed.
#[derive(Deserialize)]
struct Signed {
    #[serde(default)]
    statement: String,
}

/// That a review is due, for whom it concerns.
pub(super) async fn due(app: &App, caller: &Caller) -> Result<Option<Due>, Failure> {
    if !caller.rights.has(Permission::ReviewsSign) {
        return Ok(None);
    }
    let due = review::due(app.store()).await?;
    Ok(reminder("Review everybody's access", due, AHEAD, app.now(), PATH))
}

/// Which reviews, of access or of the ledger.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    after: String,
}

impl Wanted {
    /// How the list at this address is looked at, and what that asks of the store.
    pub(super) fn look<'a>(
        &'a self,
        path: &'a str,
        columns: &'static Columns,
    ) -> Result<(Look<'a>, Filter<'a>), Failure> {
        let states = [Standing::Open, Standing::Signed].map(Standing::as_str);
        let look = Look {
            path,
            filter: &self.q,
            facets: vec![Facet::any("state", "State", states, &self.state)],
            order: columns.order(&self.sort),
            sort: &self.sort,
            after: &self.after,
        };
        let after = look.after()?;
        let state = Standing::of(&self.state);
        let filter = Filter { text: &self.q, state, order: look.order, after };
        Ok((look, filter))
    }
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Failure> {
    let (look, filter) = wanted.look(PATH, &review::LISTED)?;
    let found = review::list(app.store(), filter).await?;
    let open = review::list(app.store(), Filter::all(&review::LISTED, Some(Standing::Open))).await?;
    let may = caller.rights.has(Permission::ReviewsSign) && open.items.is_empty();
    let view = views::Reviews {
        listing: look.listing(found.next.as_deref()),
        rows: found.items.iter().map(row).collect(),
        due: review::due(app.store()).await?,
        start: may.then(|| Act {
            action: PATH.to_owned(),
            label: "Start a review".to_owned(),
            ..Act::default()
        }),
    };
    let shell = shell(&app, Some(&caller), PATH).await?;
    Ok(drawn(views::list(&shell, &view)))
}

fn row(review: &Review) -> views::Row {
    let (tone, word) = if review.signed.is_some() { (Tone::Good, "signed") } else { (Tone::Unsure, "open") };
    views::Row {
        href: address(&review.id),
        opened: review.started_at,
        by: review.started_by.name.clone(),
        decided: number(review.decided),
        of: number(review.items),
        state: Mark { tone, word: word.to_owned() },
        signed: review.signed.as_ref().map(|(at, _)| *at),
    }
}

fn number(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}

fn address(id: &str) -> String {
    format!("{PATH}/{id}")
}

fn reviewer(caller: &Caller) -> Reviewer<'_> {
    Reviewer { user: &caller.user, rights: &caller.rights }
}

async fn start(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    Ok(to(&address(&review::start(app.store(), reviewer(&caller), app.now()).await?)))
}

async fn one(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    Ok(drawn(page(&app, &caller, &id, None).await?))
}

/// The page of a review, with what was wrong with what was sent.
async fn page(app: &App, caller: &Caller, id: &str, wrong: Option<&Failure>) -> Result<Markup, Failure> {
    let found = review::find(app.store(), id).await?;
    let mut connection = app.store().reader().acquire().await?;
    let items = review::items(&mut connection, id).await?;
    drop(connection);
    let here = address(id);
    let open = found.signed.is_none() && caller.rights.has(Permission::ReviewsSign);
    let signed = match &found.signed {
        Some((at, by)) => Some(views::Signature {
            by: by.clone(),
            at: *at,
            digest: digest(app, id).await?,
            record: format!("/api/v1/reviews/{id}/record"),
        }),
        None => None,
    };
    let view = views::Review {
        opened: found.started_at,
        by: found.started_by.name.clone(),
        decided: number(found.decided),
        of: number(found.items),
        people: items.iter().map(|item| person(item, &here, open)).collect(),
        sign: (open && found.decided == found.items).then(|| form(&format!("{here}/sign"), "/")),
        signed,
        listing: Listing { path: here.clone(), ..Listing::default() },
    };
    let mut shell = shell(app, Some(caller), PATH).await?;
    shell.notices.extend(wrong.map(|failure| Notice {
        tone: Tone::Bad,
        text: failure.problem().detail.clone(),
        link: None,
    }));
    Ok(views::one(&shell, &view))
}

/// SHA-256 of the signed record.
async fn digest(app: &App, id: &str) -> Result<String, Failure> {
    let envelope = serde_json::to_vec(&review::envelope(app.store(), id).await?);
    let text = envelope.map_err(|_| Failure::new(Kind::Internal, "the record cannot be written"))?;
    Ok(hex::encode(Sha256::digest(text)))
}

fn person(item: &Item, here: &str, open: bool) -> views::Person {
    let time = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<Timestamp>().ok());
    let decided = item.decided.as_ref();
    let mut unused = None;
    let (full_name, href, roles, last_login, word) = match &item.found {
        Subject::User(user) => {
            let held = user.roles.iter().map(|role| match &role.label {
                Some(label) => format!("{} ({label})", role.role),
                None => role.role.clone(),
            });
            let name = format!("{} ({})", user.full_name, user.name);
            (name, format!("/users/{}", user.id), held.collect(), time(&user.last_login_at), user.state.clone())
        }
        Subject::Role(role) => {
            let permitted = role.permissions.iter().cloned().collect();
            let of_role =
                role.unused.as_ref().map(|unused| (unused.permissions.clone(), unused.since.parse().ok()));
            unused = of_role.and_then(|(permissions, since)| Some((permissions, since?)));
            (format!("Role {}", role.title), format!("/roles/{}", role.id), permitted, None, "role".to_owned())
        }
    };
    let is = |decision: &Decision| decided.is_some_and(|decided| decided.decision == *decision);
    let choice = |value: &str, label: &str, about: &str, chosen| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        about: about.to_owned(),
        chosen,
    };
    let remove =
        if matches!(item.found, Subject::User(_)) { "the user is deactivated" } else { "the role is deleted" };
    views::Person {
        key: item.id.clone(),
        full_name,
        href,
        roles,
        last_login,
        unused,
        state: Mark { tone: if word == "active" { Tone::Good } else { Tone::Plain }, word },
        choices: if open {
            vec![
                choice(
                    "keep",
                    "Keep",
                    "still needed as it is; change it on its own page first",
                    is(&Decision::Keep),
                ),
                choice("remove", "Remove", remove, is(&Decision::Remove)),
            ]
        } else {
            Vec::new()
        },
        note: decided.map_or_else(String::new, |decided| decided.note.clone()),
        action: format!("{here}/decide"),
        hidden: Vec::new(),
        decision: decided.map_or_else(String::new, |decided| word_of(&decided.decision).to_owned()),
        decided_by: decided.map_or_else(String::new, |decided| decided.by.name.clone()),
        decided_at: decided.map(|decided| decided.at),
    }
}

fn word_of(decision: &Decision) -> &'static str {
    match decision {
        Decision::Keep => "keep",
        Decision::Remove => "remove",
        Decision::Roles(_) => "other roles",
        Decision::Permissions(_) => "other permissions",
    }
}

async fn decide(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Filled(sent): Filled<Decided>,
) -> Result<Response, Failure> {
    let decision = match sent.decision.as_str() {
        "keep" => Decision::Keep,
        "remove" => Decision::Remove,
        _ => {
            return refused(&app, &caller, &id, Failure::new(Kind::Unprocessable, "choose keep or remove"))
                .await;
        }
    };
    let done =
        review::decide(app.store(), &id, &sent.user, reviewer(&caller), (&decision, &sent.note), app.now())
            .await;
    match done {
        Ok(()) => Ok(to(&address(&id))),
        Err(error) => refused(&app, &caller, &id, error.into()).await,
    }
}

/// The page again, with what was wrong on it.
async fn refused(app: &App, caller: &Caller, id: &str, failure: Failure) -> Result<Response, Failure> {
    if !matches!(failure.problem().kind, "unprocessable" | "conflict" | "not-permitted" | "stale") {
        return Err(failure);
    }
    let page = page(app, caller, id, Some(&failure)).await?;
    Ok(again(page))
}

async fn sign_it(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Filled(sent): Filled<Signed>,
) -> Result<Response, Failure> {
    if sent.statement != "yes" {
        let why = "tick the statement above the button: it is what you sign";
        return refused(&app, &caller, &id, Failure::new(Kind::Unprocessable, why)).await;
    }
    let key = Key::of(app.store(), &app.logins.sealer).await?;
    match review::sign(app.store(), &key, &id, reviewer(&caller), app.now()).await {
        Ok(_) => Ok(to(&address(&id))),
        Err(error) => refused(&app, &caller, &id, error.into()).await,
    }
}
