//! Writes that may be sent again: with the header `Idempotency-Key`, a POST is done once, and answered the same each time.
//!
//! At most once, never twice: a request whose worker died is not done again under its key, as nobody knows how far it came.
//! A refusal (4xx) and "busy" (503) did nothing and are not kept; every other answer is, for a day.
//!
//! Answers with secrets (codes of invitations, tokens) are not left out: these are the ones that must not be lost, as
//! they are shown once. All answers are sealed. Routes before a login are left out: they have no caller whose keys could be
//! told from others', credentials are counted by the gate each time, and their cookies are not to be had twice.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use tracing::Instrument as _;

use super::problem::{Failure, Kind};
use super::route::{Needs, Route};
use crate::app::App;
use crate::causes::with_causes;
use crate::identity::login::Caller;
use crate::ledger;
use crate::seal::Sealer;
use crate::store::{Store, StoreError};

/// The header with the key.
pub(crate) const KEY: &str = "idempotency-key";

/// Tells that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How long answers are kept.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// A request that is not answered after this long, is not worked on any more.
const AT_WORK: SignedDuration = SignedDuration::from_mins(5);

/// Bytes of a request with a key.
const LONGEST_BODY: usize = 2 * 1024 * 1024;

/// What an answer says beside its body; all else is put on by layers around, anew.
const HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// Whether requests to this route may have a key.
pub(crate) fn takes_key(route: &Route) -> bool {
    route.method == Method::POST && !matches!(route.needs, Needs::Nothing | Needs::Session)
}

/// Forgets answers that are a day old; how many.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn forget_old(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query("delete from idempotency where begun_at <= $1")
        .bind(oldest(now))
        .execute(store.writer())
        .await?;
    Ok(done.rows_affected())
}

fn oldest(now: Timestamp) -> i64 {
    now.as_millisecond().saturating_sub(i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX))
}

/// Serves a request with a key once.
pub(super) async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    match read_key(request.headers()) {
        Ok(None) => next.run(request).await,
        Ok(Some(key)) => keyed(&app, &key, request, next).await.unwrap_or_else(Failure::into_response),
        Err(failure) => failure.into_response(),
    }
}

fn read_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let mut given = headers.get_all(KEY).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let bytes = key.as_bytes();
    if given.next().is_some() || !(1..=255).contains(&bytes.len()) || !bytes.iter().all(u8::is_ascii_graphic) {
        let detail = "`Idempotency-Key` is one key of 1 to 255 visible ASCII characters";
        return Err(Failure::new(Kind::BadRequest, detail));
    }
    Ok(Some(hex::encode(Sha256::digest(bytes))))
}

async fn keyed(app: &App, key_hash: &str, request: Request, next: Next) -> Result<Response, Failure> {
    let caller =
        request.extensions().get::<Caller>().ok_or_else(|| Failure::new(Kind::NotLoggedIn, "log in first"))?;
    let user_id = caller.user.id.clone();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_BODY)
        .await
        .map_err(|_| Failure::new(Kind::BadRequest, "the body is too long or broke off"))?;
    let mut hash = Sha256::new();
    for part in [parts.method.as_str(), parts.uri.path(), parts.uri.query().unwrap_or_default()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(&body);
    let work = Work {
        user_id,
        key_hash: key_hash.to_owned(),
        request_hash: hex::encode(hash.finalize()),
        begun_at: app.now(),
    };
    if let Some(former) = work.begin(app.store()).await? {
        return work.again(&former, &app.logins.sealer, app.now());
    }
    let request = Request::from_parts(parts, Body::from(body));
    let app = app.clone();
    // A task of its own: it comes to its end even when who asked hangs up, and can ask for the answer then.
    let work = ledger::carried(async move { work.carry_out(&app, request, next).await });
    let task = tokio::spawn(work.in_current_span());
    task.await.unwrap_or_else(|error| {
        tracing::error!(error = %with_causes(&error), "a request with a key died");
        Err(Failure::new(
            Kind::Internal,
            "this did not come to its end; see whether it was done before sending it again",
        ))
    })
}

/// A request with a key.
struct Work {
    user_id: String,
    key_hash: String,
    request_hash: String,
    begun_at: Timestamp,
}

/// What is known of a key.
struct Former {
    request_hash: String,
    begun_at: i64,
    status: Option<i64>,
    answer: Option<String>,
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Answer {
    headers: Vec<(String, String)>,
    /// Base64.
    body: Zeroizing<String>,
}

impl Work {
    /// Takes the key; or tells what is known of it. Of two at once, one takes it.
    async fn begin(&self, store: &Store) -> Result<Option<Former>, StoreError> {
        sqlx::query("delete from idempotency where user_id = $1 and key_hash = $2 and begun_at <= $3")
            .bind(&self.user_id)
            .bind(&self.key_hash)
            .bind(oldest(self.begun_at))
            .execute(store.writer())
            .await?;
        let taken = sqlx::query(
            "insert into idempotency (user_id, key_hash, request_hash, begun_at) values ($1, $2, $3, $4)
             on conflict (user_id, key_hash) do nothing",
        )
        .bind(&self.user_id)
        .bind(&self.key_hash)
        .bind(&self.request_hash)
        .bind(self.begun_at.as_millisecond())
        .execute(store.writer())
        .await?;
        if taken.rows_affected() > 0 {
            return Ok(None);
        }
        let row = sqlx::query(
            "select request_hash, begun_at, status, answer from idempotency where user_id = $1 and key_hash = $2",
        )
        .bind(&self.user_id)
        .bind(&self.key_hash)
        .fetch_optional(store.reader())
        .await?;
        // Gone again: the other one was refused at this moment. As good as in flight.
        let Some(row) = row else {
            return Ok(Some(Former {
                request_hash: self.request_hash.clone(),
                begun_at: self.begun_at.as_millisecond(),
                status: None,
                answer: None,
            }));
        };
        Ok(Some(Former {
            request_hash: row.try_get("request_hash")?,
            begun_at: row.try_get("begun_at")?,
            status: row.try_get("status")?,
            answer: row.try_get("answer")?,
        }))
    }

    /// The answer to a key that was used before.
    fn again(&self, former: &Former, sealer: &Sealer, now: Timestamp) -> Result<Response, Failure> {
        if former.request_hash != self.request_hash {
            let detail = "this `Idempotency-Key` was used for another request; take a new one";
            return Err(Failure::new(Kind::Unprocessable, detail));
        }
        let Some(status) = former.status else {
            let age = now.as_millisecond().saturating_sub(former.begun_at);
            return Ok(not_finished(age < i64::try_from(AT_WORK.as_millis()).unwrap_or(i64::MAX)));
        };
        let Some(sealed) = &former.answer else {
            let detail = "this was done; its answer was too long to keep: read what it made";
            return Err(Failure::new(Kind::Conflict, detail));
        };
        let lost = |_| Failure::new(Kind::Internal, "the kept answer cannot be read; see whether it was done");
        let plain = sealer.open(&self.context(), sealed).map_err(|error| {
            tracing::error!(error = %with_causes(&error), "a kept answer cannot be opened");
            lost(())
        })?;
        let kept: Answer = serde_json::from_slice(plain.expose_secret()).map_err(|_| lost(()))?;
        let body = STANDARD.decode(kept.body.as_bytes()).map_err(|_| lost(()))?;
        let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status.ok_or_else(|| lost(()))?;
        for (name, value) in &kept.headers {
            let name = HEADERS.into_iter().find(|known| known.as_str() == name);
            if let (Some(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }

    /// Has the request served, and keeps what it was answered.
    async fn carry_out(&self, app: &App, request: Request, next: Next) -> Result<Response, Failure> {
        let (parts, body) = next.run(request).await.into_parts();
        let body = to_bytes(body, usize::MAX)
            .await
            .map_err(|_| Failure::new(Kind::Internal, "the answer broke off; see whether it was done"))?;
        let kept = if parts.status.is_client_error() || parts.status == StatusCode::SERVICE_UNAVAILABLE {
            self.forget(app.store()).await
        } else {
            let answer = self.sealed(&app.logins.sealer, &parts.headers, &body);
            self.keep(app.store(), parts.status, answer.as_deref()).await
        };
        if let Err(error) = kept {
            // It was done, and who asked is told so; asked again, it counts as died.
            tracing::error!(error = %with_causes(&error), "the answer to a request with a key could not be kept");
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    /// The answer, sealed; none when it is too long.
    fn sealed(&self, sealer: &Sealer, headers: &HeaderMap, body: &Bytes) -> Option<String> {
        let headers = HEADERS
            .into_iter()
            .filter_map(|name| Some((name.as_str().to_owned(), headers.get(&name)?.to_str().ok()?.to_owned())))
            .collect();
        let answer = Answer { headers, body: Zeroizing::new(STANDARD.encode(body)) };
        let plain = Zeroizing::new(serde_json::to_vec(&answer).ok()?);
        sealer
            .seal(&self.context(), &plain)
            .inspect_err(|error| tracing::warn!(error = %with_causes(&error), "an answer is not kept"))
            .ok()
    }

    /// What the answer is sealed as: it opens for this caller, key and request alone.
    fn context(&self) -> String {
        format!("answer to {} of {} for {}", self.request_hash, self.key_hash, self.user_id)
    }

    async fn keep(&self, store: &Store, status: StatusCode, answer: Option<&str>) -> Result<(), StoreError> {
        sqlx::query(
            "update idempotency set status = $4, answer = $5
             where user_id = $1 and key_hash = $2 and begun_at = $3",
        )
        .bind(&self.user_id)
        .bind(&self.key_hash)
        .bind(self.begun_at.as_millisecond())
        .bind(i64::from(status.as_u16()))
        .bind(answer)
        .execute(store.writer())
        .await?;
        Ok(())
    }

    async fn forget(&self, store: &Store) -> Result<(), StoreError> {
        sqlx::query("delete from idempotency where user_id = $1 and key_hash = $2 and begun_at = $3")
            .bind(&self.user_id)
            .bind(&self.key_hash)
            .bind(self.begun_at.as_millisecond())
            .execute(store.writer())
            .await?;
        Ok(())
    }
}

/// The answer to a key whose request has none yet.
fn not_finished(is_at_work: bool) -> Response {
    let detail = if is_at_work {
        "a request with this `Idempotency-Key` is at work; ask again in some seconds for its answer"
    } else {
        "a request with this `Idempotency-Key` began and never came to its end; see whether it was done, and send it \
         with a new key if not"
    };
    let mut response = Failure::new(Kind::Conflict, detail).into_response();
    if is_at_work {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}
