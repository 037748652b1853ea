//! Versions of what is answered: `ETag`, `If-None-Match` and `If-Match`.
//!
//! A tag is `"v7-…"` for what has versions and `"…"` for everything else; the second part is a hash of the whole answer, so that nobody is
//! told that what changed is unchanged. Who changes something says the version that they saw.

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use ring::digest::{SHA256, digest};

use super::problem::{Failure, Kind};

/// The longest answer that is hashed: one page of any list.
const MOST: usize = 1024 * 1024;

/// The bytes of its hash that a tag has.
const HASH: usize = 12;

/// The version that the caller saw, as `If-Match` names it.
///
/// # Errors
/// It names none.
pub(crate) fn version_seen(headers: &HeaderMap) -> Result<i64, Failure> {
    let value = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
    let version = value.and_then(|value| {
        let tag = value.trim().strip_prefix("\"v")?.strip_suffix('"')?;
        tag.split_once('-').map_or(tag, |(version, _)| version).parse().ok()
    });
    version.ok_or_else(|| {
        Failure::new(Kind::BadRequest, "say which version you saw: `If-Match` with the `ETag` of what you read")
    })
}

/// The tag of a version.
pub(crate) fn tag(version: i64) -> [(header::HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"v{version}\""));
    [(header::ETAG, value.unwrap_or(HeaderValue::from_static("\"v0\"")))]
}

/// An answer to a GET with its tag, or that it is what the caller knows.
pub(crate) async fn tagged(response: Response, known: Option<&HeaderValue>) -> Response {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let length = response.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    if response.status() != StatusCode::OK || !is_json || length.is_none_or(|length| length > MOST) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MOST).await else {
        return Failure::new(Kind::Internal, "the answer cannot be read").into_response();
    };
    let hash = hex::encode(digest(&SHA256, &bytes).as_ref().get(..HASH).unwrap_or_default());
    let version = parts.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()?.split('"').nth(1));
    let tag = version.map_or_else(|| format!("\"{hash}\""), |version| format!("\"{version}-{hash}\""));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    if known.is_some_and(|known| is_one_of(known, &tag)) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Whether a list of tags has this one; the weak comparison of RFC 9110, section 8.8.3.2.
fn is_one_of(known: &HeaderValue, tag: &str) -> bool {
    let Ok(known) = known.to_str() else { return false };
    known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::body::Json;

    async fn answer(response: Response, known: Option<&str>) -> (StatusCode, String, String) {
        let known = known.map(|known| HeaderValue::from_str(known).unwrap());
        let response = tagged(response, known.as_ref()).await;
        let tag = response.headers().get(header::ETAG).map_or("", |tag| tag.to_str().unwrap()).to_owned();
        let (status, body) = (response.status(), response.into_body());
        (status, tag, String::from_utf8(to_bytes(body, MOST).await.unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn whoever_has_the_same_answer_is_not_sent_it_again() {
        let one = || (tag(7), Json(serde_json::json!({"a": 1}))).into_response();
        let (status, first, text) = answer(one(), None).await;
        assert_eq!((status, text.as_str()), (StatusCode::OK, "{\"a\":1}"));
        assert!(first.starts_with("\"v7-") && first.len() == 4 + 2 * HASH + 1, "{first}");
        for known in [first.clone(), format!("W/{first}"), format!("\"other\", {first}"), "*".to_owned()] {
            let (status, tag, text) = answer(one(), Some(&known)).await;
            assert_eq!(
                (status, tag.as_str(), text.as_str()),
                (StatusCode::NOT_MODIFIED, &*first, ""),
                "{known}"
            );
        }
        // The same version, and something else beside it.
        let other = (tag(7), Json(serde_json::json!({"a": 2}))).into_response();
        assert_eq!(answer(other, Some(&first)).await.0, StatusCode::OK);
        // What has no versions has a tag too; a refusal and a file have none.
        let plain = || Json(serde_json::json!([])).into_response();
        let (_, list, _) = answer(plain(), None).await;
        assert_eq!(answer(plain(), Some(&list)).await.0, StatusCode::NOT_MODIFIED);
        let refused = Failure::new(Kind::NotPermitted, "no").into_response();
        assert_eq!(answer(refused, Some("*")).await.1, "");
        assert_eq!(answer("text".into_response(), Some("*")).await.0, StatusCode::OK);
    }

    #[test]
    fn the_version_of_a_tag_is_read_with_and_without_its_hash() {
        let seen = |text: &'static str| {
            let headers = HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(text))]);
            version_seen(&headers).ok()
        };
        assert_eq!(seen("\"v7\""), Some(7));
        assert_eq!(seen("\"v12-0123456789ab\""), Some(12));
        for wrong in ["", "*", "v7", "\"7\"", "\"vx-1\"", "\"0123\""] {
            assert_eq!(seen(wrong), None, "{wrong}");
        }
    }
}
