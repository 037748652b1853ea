//! The JSON routes of the reviews of the ledger.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decided, Decision, Finding, Item, PERIOD_DAYS, Range, Review};
use crate::api::body::{Asked, Json};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::api::Listed;
use crate::identity::login::Caller;
use crate::identity::review::{Key, Person};
use crate::identity::roles::Permission;
use crate::ledger::review;

pub(crate) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::LedgerRead);
    let act = Needs::Recent(Permission::LedgerReview);
    vec![
        Route::new(
            Method::GET,
            "/api/v1/ledger/reviews",
            read,
            "List reviews of the ledger, and when the next is due",
            get(list),
        )
        .query::<Listed>()
        .gives::<Reviews>(),
        Route::new(
            Method::POST,
            "/api/v1/ledger/reviews",
            act,
            "Begin a review of everything since the last one",
            post(begin),
        )
        .answers::<ReviewView>(StatusCode::CREATED),
        Route::new(
            Method::GET,
            "/api/v1/ledger/reviews/{id}",
            read,
            "One review of the ledger with what is unusual in it",
            get(find),
        )
        .gives::<WholeReview>(),
        Route::new(
            Method::PUT,
            "/api/v1/ledger/reviews/{id}/items/{item}",
            // Nothing is claimed by it before the signature, which wants a credential; a review takes longer than its window.
            Needs::Permission(Permission::LedgerReview),
            "Say of something unusual whether it was expected",
            put(decide),
        )
        .takes::<DecisionForm>(),
        Route::new(
            Method::POST,
            "/api/v1/ledger/reviews/{id}/sign",
            act,
            "Sign a review of the ledger",
            post(sign),
        )
        .gives::<ReviewView>(),
        Route::new(
            Method::GET,
            "/api/v1/ledger/reviews/{id}/record",
            read,
            "The signed record, as a DSSE envelope; its key is that of access reviews",
            get(record),
        )
        .gives_file_of("application/json"),
    ]
}

/// The reviews.
#[derive(Serialize, JsonSchema)]
struct Reviews {
    /// When the next one is due; RFC 3339. None: there is nobody to review.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_due: Option<String>,
    /// Whether it is due.
    is_due: bool,
    /// Days from one to the next.
    period_days: i64,
    /// Those of this page.
    items: Vec<ReviewView>,
    /// What `after` asks for the next page; none: this was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One review.
#[derive(Serialize, JsonSchema)]
struct ReviewView {
    /// The identifier.
    id: String,
    /// `open` or `signed`.
    state: &'static str,
    /// When it began; RFC 3339.
    begun_at: String,
    /// Who began it.
    begun_by: Person,
    /// When it was signed; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_at: Option<String>,
    /// Who signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<String>,
    /// How much is unusual.
    items: u64,
    /// How much of it was looked at.
    decided: u64,
    /// Which entries it is of.
    ranges: Vec<Range>,
}

/// One review with what is unusual.
#[derive(Serialize, JsonSchema)]
struct WholeReview {
    /// The review.
    review: ReviewView,
    /// What is unusual.
    items: Vec<ItemView>,
}

/// Something unusual.
#[derive(Serialize, JsonSchema)]
struct ItemView {
    /// Its number within the review.
    id: u64,
    /// What it is; its fields are those by which lists of entries are filtered.
    found: Finding,
    /// What was found of it; none: nobody looked at it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided: Option<Decided>,
}

/// What was found.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DecisionForm {
    /// Whether it was expected.
    decision: Decision,
    /// Why; needed for what was not expected.
    #[serde(default)]
    note: String,
    /// Where it is followed up.
    #[serde(default)]
    ticket: String,
}

fn view(review: Review) -> ReviewView {
    let (signed_at, signed_by) = review.signed.unzip();
    ReviewView {
        id: review.id,
        state: if signed_at.is_some() { "signed" } else { "open" },
        begun_at: review.begun_at.to_string(),
        begun_by: review.begun_by,
        signed_at: signed_at.map(|time| time.to_string()),
        signed_by,
        items: review.items,
        decided: review.decided,
        ranges: review.ranges,
    }
}

/// Who calls, as records name them.
pub(crate) fn person(caller: &Caller) -> Person {
    Person { id: caller.user.id.clone(), name: caller.user.name.clone() }
}

async fn list(State(app): State<App>, Asked(wanted): Asked<Listed>) -> Result<Json<Reviews>, Failure> {
    let (_, due) = review::due(app.store()).await?;
    let found = review::list(app.store(), wanted.filter(&review::LISTED)?).await?;
    Ok(Json(Reviews {
        is_due: due.is_some_and(|due| due <= app.now()),
        next_due: due.map(|due| due.to_string()),
        period_days: PERIOD_DAYS,
        items: found.items.into_iter().map(view).collect(),
        next: found.next,
    }))
}

async fn begin(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    let id = review::begin(&app.ledger, &person(&caller), app.now()).await?;
    let begun = view(review::find(app.store(), &id).await?);
    Ok((StatusCode::CREATED, Json(begun)).into_response())
}

async fn find(State(app): State<App>, Path(id): Path<String>) -> Result<Json<WholeReview>, Failure> {
    let found = review::find(app.store(), &id).await?;
    let mut connection = app.store().reader().acquire().await?;
    let item = |item: Item| ItemView { id: item.place, found: item.found, decided: item.decided };
    let items = review::items(&mut connection, &id).await?.into_iter().map(item).collect();
    Ok(Json(WholeReview { review: view(found), items }))
}

async fn decide(
    State(app): State<App>,
    Path((id, item)): Path<(String, String)>,
    caller: Caller,
    Json(form): Json<DecisionForm>,
) -> Result<StatusCode, Failure> {
    if caller.session.is_none() {
        return Err(Failure::new(Kind::NotPermitted, "a person decides; log in instead of showing a token"));
    }
    let said = (form.decision, form.note.as_str(), form.ticket.as_str());
    review::decide(app.store(), (&id, &item), &person(&caller), said, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn sign(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<ReviewView>, Failure> {
    let key = Key::of(app.store(), &app.logins.sealer).await?;
    review::sign(&app.ledger, &key, &id, &person(&caller), app.now()).await?;
    Ok(Json(view(review::find(app.store(), &id).await?)))
}

/// The signed record, byte by byte as its hash was noted.
async fn record(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    let text = review::envelope(app.store(), &id).await?;
    let name = format!("attachment; filename=\"ledger-review-{id}.json\"");
    let disposition = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], text).into_response())
}

#[cfg(test)]
mod tests;
