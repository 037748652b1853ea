//! Reviews of the ledger: begin one, say of what is unusual whether it was expected, sign.

use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use maud::Markup;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::api::body::{Asked, Filled};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::login::Caller;
use crate::identity::review::{Filter, Key, Standing};
use crate::identity::roles::Permission;
use crate::ledger::review::{self, Decision, Finding, Item, Range, Review, api::person};
use crate::pages::overview::reminder;
use crate::pages::review::Wanted;
use crate::pages::{again, drawn, form, shell, to, with_query};
use crate::web::access::Mark;
use crate::web::access::review::Signature;
use crate::web::form::{Act, Choice};
use crate::web::ledger::review as views;
use crate::web::posture::dashboard::Due;
use crate::web::shell::{Notice, Tone};

const PATH: &str = "/ledger/reviews";

/// So many days before it is due a review stands on the overview.
const AHEAD: i64 = 3;

pub(super) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::LedgerRead);
    let sign = Needs::Recent(Permission::LedgerReview);
    let mark = Needs::Permission(Permission::LedgerReview);
    vec![
        Route::new(Method::GET, PATH, read, "The reviews of the ledger", get(list)),
        Route::new(Method::POST, PATH, sign, "Begin a review of the ledger", post(begin)),
        Route::new(Method::GET, "/ledger/reviews/{id}", read, "One review of the ledger", get(one)),
        Route::new(
            Method::POST,
            "/ledger/reviews/{id}/decide",
            mark,
            "Say of something unusual whether it was expected",
            post(decide),
        ),
        Route::new(
            Method::POST,
            "/ledger/reviews/{id}/sign",
            sign,
            "Sign a review of the ledger",
            post(sign_it),
        ),
    ]
}

/// What was found of what.
#[derive(Deserialize)]
struct Marked {
    item: String,
    #[serde(default)]
    decision: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    ticket: String,
}

/// What is signed.
#[derive(Deserialize)]
struct Signed {
    #[serde(default)]
    statement: String,
}

/// That a review is due, for whom it concerns.
pub(in crate::pages) async fn due(app: &App, caller: &Caller) -> Result<Option<Due>, Failure> {
    if !caller.rights.has(Permission::LedgerReview) {
        return Ok(None);
    }
    let (_, due) = review::due(app.store()).await?;
    Ok(reminder("Review the ledger", due, AHEAD, app.now(), PATH))
}

fn address(id: &str) -> String {
    format!("{PATH}/{id}")
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Failure> {
    let (look, filter) = wanted.look(PATH, &review::LISTED)?;
    let found = review::list(app.store(), filter).await?;
    let open = review::list(app.store(), Filter::all(&review::LISTED, Some(Standing::Open))).await?;
    let may = caller.rights.has(Permission::LedgerReview) && open.items.is_empty();
    let (_, due) = review::due(app.store()).await?;
    let view = views::Reviews {
        listing: look.listing(found.next.as_deref()),
        rows: found.items.iter().map(row).collect(),
        due,
        is_overdue: due.is_some_and(|due| due <= app.now()),
        begin: may.then(|| Act {
            action: PATH.to_owned(),
            label: "Begin a review".to_owned(),
            ..Act::default()
        }),
    };
    let shell = shell(&app, Some(&caller), "/ledger").await?;
    Ok(drawn(views::list(&shell, &view)))
}

fn number(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn row(review: &Review) -> views::Row {
    let (tone, word) = if review.signed.is_some() { (Tone::Good, "signed") } else { (Tone::Unsure, "open") };
    views::Row {
        href: address(&review.id),
        begun: review.begun_at,
        by: review.begun_by.name.clone(),
        decided: number(review.decided),
        of: number(review.items),
        state: Mark { tone, word: word.to_owned() },
        signed: review.signed.clone(),
        ranges: review.ranges.iter().map(range).collect(),
        removed: review.ranges.iter().map(|range| range.removed).sum(),
    }
}

/// `entries 0 to 299 of management-system`.
fn range(range: &Range) -> String {
    match range.until.saturating_sub(range.first) {
        0 => format!("no new entries of {}", range.stream),
        _ => format!("entries {} to {} of {}", range.first, range.until - 1, range.stream),
    }
}

async fn begin(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    Ok(to(&address(&review::begin(&app.ledger, &person(&caller), app.now()).await?)))
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
    let may = found.signed.is_none() && caller.rights.has(Permission::LedgerReview);
    let signed = match &found.signed {
        Some((at, by)) => Some(Signature {
            by: by.clone(),
            at: *at,
            digest: hex::encode(Sha256::digest(review::envelope(app.store(), id).await?)),
            record: format!("/api/v1/ledger/reviews/{id}/record"),
        }),
        None => None,
    };
    let is_ready = may && items.iter().all(|item| item.decided.is_some());
    let view = views::Review {
        begun: found.begun_at,
        by: found.begun_by.name.clone(),
        decided: number(found.decided),
        of: number(found.items),
        ranges: found.ranges.iter().map(range).collect(),
        removed: found.ranges.iter().map(|range| range.removed).sum(),
        findings: items.iter().map(|item| finding(item, &here, may)).collect(),
        sign: is_ready.then(|| form(&format!("{here}/sign"), "/")),
        signed,
    };
    let mut shell = shell(app, Some(caller), "/ledger").await?;
    shell.notices.extend(wrong.map(|failure| Notice {
        tone: Tone::Bad,
        text: failure.problem().detail.clone(),
        link: None,
    }));
    Ok(views::one(&shell, &view))
}

fn finding(item: &Item, here: &str, may: bool) -> views::Finding {
    let decided = item.decided.as_ref();
    let choice = |decision: Decision, label: &str, about: &str| Choice {
        value: decision.as_str().to_owned(),
        label: label.to_owned(),
        about: about.to_owned(),
        chosen: decided.is_some_and(|decided| decided.decision == decision),
    };
    let choices = vec![
        choice(Decision::Expected, "Expected", "it is explained"),
        choice(Decision::Unexpected, "Not expected", "the note says what was found"),
    ];
    views::Finding {
        key: item.place.to_string(),
        reason: item.found.reason.label().to_owned(),
        said: item.found.said.clone(),
        entries: item.found.entries,
        since: item.found.since.parse().unwrap_or_default(),
        href: entries(&item.found),
        choices: if may { choices } else { Vec::new() },
        note: decided.map_or_else(String::new, |decided| decided.note.clone()),
        ticket: decided.map_or_else(String::new, |decided| decided.ticket.clone()),
        action: format!("{here}/decide"),
        decision: decided.map_or_else(String::new, |decided| decided.decision.as_str().to_owned()),
        decided_by: decided.map_or_else(String::new, |decided| decided.by.name.clone()),
        decided_at: decided.and_then(|decided| decided.at.parse::<Timestamp>().ok()),
    }
}

/// The list of the entries that a finding is about.
fn entries(found: &Finding) -> String {
    let words = [
        ("stream", &found.stream),
        ("event", &found.event),
        ("result", &found.result),
        ("actor", &found.actor),
        ("address", &found.address),
        ("since", &found.since),
        ("until", &found.until),
    ];
    let words: Vec<(&str, &str)> = words.into_iter().map(|(name, value)| (name, value.as_str())).collect();
    with_query("/ledger", &words)
}

async fn decide(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Filled(sent): Filled<Marked>,
) -> Result<Response, Failure> {
    let Some(decision) = Decision::named(&sent.decision) else {
        let failure = Failure::new(Kind::Unprocessable, "choose whether it was expected");
        return refused(&app, &caller, &id, failure).await;
    };
    let said = (decision, sent.note.as_str(), sent.ticket.as_str());
    match review::decide(app.store(), (&id, &sent.item), &person(&caller), said, app.now()).await {
        Ok(()) => Ok(to(&format!("{}#finding-{}", address(&id), sent.item.parse::<u64>().unwrap_or(0)))),
        Err(error) => refused(&app, &caller, &id, error.into()).await,
    }
}

/// The page again, with what was wrong on it.
async fn refused(app: &App, caller: &Caller, id: &str, failure: Failure) -> Result<Response, Failure> {
    if !matches!(failure.problem().kind, "unprocessable" | "conflict") {
        return Err(failure);
    }
    Ok(again(page(app, caller, id, Some(&failure)).await?))
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
    match review::sign(&app.ledger, &key, &id, &person(&caller), app.now()).await {
        Ok(_) => Ok(to(&address(&id))),
        Err(error) => refused(&app, &caller, &id, error.into()).await,
    }
}
