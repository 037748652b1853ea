//! Access reviews and their signed records, and what nobody uses.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::body::{Asked, Json, after};
use crate::api::problem::{Failure, Field, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::login::Caller;
use crate::identity::review::idle::{self, IdleToken, IdleUser};
use crate::identity::review::{
    self, Decision, Envelope, Item, Key, Person, Review, ReviewError, Reviewer, Standing, Subject,
};
use crate::identity::roles::{Assignment, Permission};
use crate::order::Columns;

pub(super) fn routes() -> Vec<Route> {
    let (read, act) = (Needs::Permission(Permission::ReviewsRead), Needs::Recent(Permission::ReviewsSign));
    vec![
        Route::new(
            Method::GET,
            "/api/v1/reviews",
            read,
            "List access reviews, and when the next is due",
            get(list),
        )
        .query::<Listed>()
        .gives::<Reviews>(),
        Route::new(Method::POST, "/api/v1/reviews", act, "Start a review of all users and roles", post(start))
            .answers::<ReviewView>(StatusCode::CREATED),
        Route::new(
            Method::GET,
            "/api/v1/reviews/key",
            read,
            "The public key that records of reviews are checked with",
            get(key),
        )
        .gives::<PublicKey>(),
        Route::new(Method::GET, "/api/v1/reviews/{id}", read, "One review with its items", get(find))
            .gives::<WholeReview>(),
        Route::new(
            Method::PUT,
            "/api/v1/reviews/{id}/items/{item}",
            // Nothing changes by it before the signature, which wants a credential; a review takes longer than its window.
            Needs::Permission(Permission::ReviewsSign),
            "Decide on a user or a role; not on oneself, when there is another reviewer",
            put(decide),
        )
        .takes::<DecisionForm>(),
        Route::new(
            Method::POST,
            "/api/v1/reviews/{id}/sign",
            act,
            "Carry out what was decided, and sign its record",
            post(sign),
        )
        .gives::<ReviewView>(),
        Route::new(
            Method::GET,
            "/api/v1/reviews/{id}/record",
            read,
            "The signed record, as a DSSE envelope",
            get(record),
        )
        .gives::<Envelope>(),
        Route::new(
            Method::GET,
            "/api/v1/idle-accounts",
            Needs::Permission(Permission::UsersRead),
            "Users and API tokens that were not used for long",
            get(idle),
        )
        .query::<Since>()
        .gives::<Idle>(),
    ]
}

/// Which reviews.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    /// Those with this in the name of who began or signed them.
    #[serde(default)]
    text: String,
    /// Those of this state.
    #[serde(default)]
    state: Option<Standing>,
    /// By what they are sorted: `begun` or `signed`, with `-` before it falling; `-begun` when nothing is said.
    #[serde(default)]
    sort: String,
    /// Those after this one, as `next` of the page before said.
    #[serde(default)]
    after: String,
}

impl Listed {
    /// What is looked for, in the columns of a list.
    pub(crate) fn filter(&self, columns: &'static Columns) -> Result<review::Filter<'_>, Failure> {
        let order = columns.order(&self.sort);
        let after = after(order, &self.after)?;
        Ok(review::Filter { text: &self.text, state: self.state, order, after })
    }
}

/// The reviews.
#[derive(Serialize, JsonSchema)]
struct Reviews {
    /// When the next one is due; RFC 3339. None: there was none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_due: Option<String>,
    /// Whether it is due.
    is_due: bool,
    /// Months from one to the next.
    period_months: i64,
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
    /// Whether it is done.
    state: Standing,
    /// When it began; RFC 3339.
    started_at: String,
    /// Who began it.
    started_by: Person,
    /// When it was signed; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_at: Option<String>,
    /// Who signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<String>,
    /// How many users and roles it is about.
    items: i64,
    /// How many of them are decided on.
    decided: i64,
}

/// One review with its items.
#[derive(Serialize, JsonSchema)]
struct WholeReview {
    /// The review.
    review: ReviewView,
    /// Users by name, then roles.
    items: Vec<ItemView>,
}

/// One user or role of a review.
#[derive(Serialize, JsonSchema)]
struct ItemView {
    /// The item's identifier.
    id: String,
    /// How it was when it was shown.
    found: Subject,
    /// What was decided; none: nothing yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided: Option<DecidedView>,
}

/// A decision.
#[derive(Serialize, JsonSchema)]
struct DecidedView {
    /// What.
    decision: Decision,
    /// Why.
    note: String,
    /// By whom.
    by: Person,
    /// When; RFC 3339.
    at: String,
    /// Whether it concerns who decided.
    own_decision: bool,
}

/// What is decided.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Verb {
    /// It stays as it is.
    Keep,
    /// The user gets other roles, or the role other permissions.
    Change,
    /// The user is deactivated, or the role deleted.
    Remove,
}

/// A decision on an item.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DecisionForm {
    /// What is decided.
    decision: Verb,
    /// Of a user that is changed: exactly these roles.
    #[serde(default)]
    roles: Option<BTreeSet<Assignment>>,
    /// Of a role that is changed: exactly these permissions.
    #[serde(default)]
    permissions: Option<BTreeSet<Permission>>,
    /// Why; needed for all but what is kept, and for what is decided on oneself.
    #[serde(default)]
    note: String,
}

/// The key that signs.
#[derive(Serialize, JsonSchema)]
struct PublicKey {
    /// The Ed25519 key, as PEM.
    pem: String,
    /// SHA-256 of its `SubjectPublicKeyInfo`: what `keyid` of an envelope says.
    fingerprint: String,
}

/// Since when.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Since {
    /// Not used for so many days; 90 unless said.
    days: Option<i64>,
}

/// What nobody uses.
#[derive(Serialize, JsonSchema)]
struct Idle {
    /// Not used for so many days.
    days: i64,
    /// As of when; RFC 3339.
    as_of: String,
    /// Users; the longest first.
    users: Vec<IdleUser>,
    /// API tokens; none is shown to who may not see those of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<IdleToken>>,
}

fn view(review: Review) -> ReviewView {
    let (signed_at, signed_by) = review.signed.unzip();
    ReviewView {
        id: review.id,
        state: if signed_at.is_some() { Standing::Signed } else { Standing::Open },
        started_at: review.started_at.to_string(),
        started_by: review.started_by,
        signed_at: signed_at.map(|time| time.to_string()),
        signed_by,
        items: review.items,
        decided: review.decided,
    }
}

fn item_view(item: Item) -> ItemView {
    let decided = item.decided.map(|decided| DecidedView {
        decision: decided.decision,
        note: decided.note,
        by: decided.by,
        at: decided.at.to_string(),
        own_decision: decided.own,
    });
    ItemView { id: item.id, found: item.found, decided }
}

fn reviewer(caller: &Caller) -> Reviewer<'_> {
    Reviewer { user: &caller.user, rights: &caller.rights }
}

async fn list(State(app): State<App>, Asked(wanted): Asked<Listed>) -> Result<Json<Reviews>, Failure> {
    let due = review::due(app.store()).await?;
    let found = review::list(app.store(), wanted.filter(&review::LISTED)?).await?;
    Ok(Json(Reviews {
        is_due: due.is_some_and(|due: Timestamp| due <= app.now()),
        next_due: due.map(|due| due.to_string()),
        period_months: review::PERIOD_MONTHS,
        items: found.items.into_iter().map(view).collect(),
        next: found.next,
    }))
}

async fn start(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    let id = review::start(app.store(), reviewer(&caller), app.now()).await?;
    let started = view(review::find(app.store(), &id).await?);
    Ok((StatusCode::CREATED, Json(started)).into_response())
}

async fn find(State(app): State<App>, Path(id): Path<String>) -> Result<Json<WholeReview>, Failure> {
    let found = review::find(app.store(), &id).await?;
    let mut connection = app.store().reader().acquire().await?;
    let items = review::items(&mut connection, &id).await?;
    Ok(Json(WholeReview { review: view(found), items: items.into_iter().map(item_view).collect() }))
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
    let decision = match (form.decision, form.roles, form.permissions) {
        (Verb::Keep, None, None) => Decision::Keep,
        (Verb::Remove, None, None) => Decision::Remove,
        (Verb::Change, Some(roles), None) => Decision::Roles(roles),
        (Verb::Change, None, Some(permissions)) => Decision::Permissions(permissions),
        _ => {
            let why =
                "`change` takes the `roles` of a user or the `permissions` of a role; the others take neither";
            return Err(ReviewError::Form(why.to_owned()).into());
        }
    };
    review::decide(app.store(), &id, &item, reviewer(&caller), (&decision, &form.note), app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn sign(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<ReviewView>, Failure> {
    let key = Key::of(app.store(), &app.logins.sealer).await?;
    review::sign(app.store(), &key, &id, reviewer(&caller), app.now()).await?;
    Ok(Json(view(review::find(app.store(), &id).await?)))
}

async fn record(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Envelope>, Failure> {
    Ok(Json(review::envelope(app.store(), &id).await?))
}

async fn key(State(app): State<App>) -> Result<Json<PublicKey>, Failure> {
    let key = Key::of(app.store(), &app.logins.sealer).await?;
    Ok(Json(PublicKey { pem: key.public_pem(), fingerprint: key.fingerprint() }))
}

async fn idle(
    State(app): State<App>,
    caller: Caller,
    Asked(since): Asked<Since>,
) -> Result<Json<Idle>, Failure> {
    let (days, now) = (since.days.unwrap_or(idle::DAYS), app.now());
    if !(1..=idle::MOST_DAYS).contains(&days) {
        return Err(Failure::new(Kind::BadRequest, format!("`days` is 1 to {}", idle::MOST_DAYS)));
    }
    let tokens = if caller.rights.has(Permission::TokensRead) {
        Some(idle::tokens(app.store(), days, now).await?)
    } else {
        None
    };
    let users = idle::users(app.store(), days, now).await?;
    Ok(Json(Idle { days, as_of: now.to_string(), users, tokens }))
}

impl From<ReviewError> for Failure {
    fn from(error: ReviewError) -> Self {
        let text = error.to_string();
        match error {
            ReviewError::Unknown | ReviewError::UnknownItem => Self::new(Kind::NotFound, text),
            ReviewError::Open
            | ReviewError::Signed
            | ReviewError::Unsigned
            | ReviewError::Changed(_)
            | ReviewError::NotReady(..)
            | ReviewError::Oneself(_) => Self::new(Kind::Conflict, text),
            ReviewError::Rights(_) => Self::new(Kind::NotPermitted, text),
            ReviewError::Form(why) => {
                let fields = vec![Field { name: "decision".to_owned(), why }];
                Self::new(Kind::Unprocessable, text).with_fields(fields)
            }
            ReviewError::Role(error) => error.into(),
            ReviewError::Random(error) => error.into(),
            ReviewError::Store(error) => error.into(),
            ReviewError::Seal(error) => crate::identity::login::LoginError::from(error).into(),
            // Both are told to the log alone, like a query that failed.
            ReviewError::Key => sqlx::Error::Protocol(text).into(),
            ReviewError::Json(error) => sqlx::Error::Decode(error.into()).into(),
        }
    }
}
