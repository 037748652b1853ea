//! What requests carry, with mistakes told as problems.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::{Failure, Kind};

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(not_json(&rejection)),
        }
    }
}

fn not_json(rejection: &JsonRejection) -> Failure {
    let kind = match rejection {
        JsonRejection::JsonDataError(_) => Kind::Unprocessable,
        _ => Kind::BadRequest,
    };
    Failure::new(kind, format!("the body will not do: {}", rejection.body_text()))
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A query.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let asked: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        asked
            .map(|Query(value)| Self(value))
            .map_err(|rejection| Failure::new(Kind::BadRequest, rejection.body_text()))
    }
}

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Page<T> {
    /// The elements.
    pub(crate) items: Vec<T>,
    /// What `after` asks for the next page; none: this was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit` of these, which are one more when there is a next page.
    pub(crate) fn of(mut items: Vec<T>, limit: i64, key: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(key);
        Self { items, next }
    }

    /// The same of other elements.
    pub(crate) fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(each).collect(), next: self.next }
    }
}

/// What `If-Match` names: the version that the caller saw.
pub(crate) fn version_seen(headers: &HeaderMap) -> Result<i64, Failure> {
    let value = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
    let version = value.and_then(|value| value.trim().strip_prefix("\"v")?.strip_suffix('"')?.parse().ok());
    version.ok_or_else(|| {
        Failure::new(Kind::BadRequest, "say which version you saw: `If-Match` with the `ETag` of what you read")
    })
}

/// The tag of a version.
pub(crate) fn tag(version: i64) -> [(header::HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"v{version}\""));
    [(header::ETAG, value.unwrap_or(HeaderValue::from_static("\"v0\"")))]
}

/// A form that a page sent.
pub(crate) struct Filled<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Filled<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match axum::Form::from_request(request, state).await {
            Ok(axum::Form(value)) => Ok(Self(value)),
            Err(rejection) => Err(Failure::new(Kind::BadRequest, rejection.body_text())),
        }
    }
}
