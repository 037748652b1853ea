//! Writes that are sent again: done once, answered the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Method;
use axum::routing::post;
use tokio::sync::Semaphore;

use super::super::idempotency;
use super::*;

/// An API of one route that counts how often it is asked.
fn with_route(api: &Api, serve: axum::routing::MethodRouter<App>) -> Router {
    router(&api.app, vec![Route::new(Method::POST, "/api/v1/thing", Needs::Login, "Make a thing", serve)])
}

async fn ready() -> Vec<(Api, String)> {
    let mut all = Vec::new();
    for api in apis().await {
        let eva = api.user("eva", &["administrator"]).await;
        let cookie = api.session(&eva, Factors::Both).await;
        all.push((api, cookie));
    }
    all
}

fn with_key<'a>(cookie: &'a str, key: &'a str) -> [(&'a str, &'a str); 2] {
    [("cookie", cookie), ("idempotency-key", key)]
}

#[tokio::test]
async fn the_same_key_and_body_are_done_once_and_answered_the_same_with_their_secret() {
    for (api, cookie) in ready().await {
        let max = json!({"username": "max", "full_name": "Max"});
        let first = api.ask("POST", "/api/v1/users", &with_key(&cookie, "a-1"), Some(max.clone())).await;
        assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
        let again = api.ask("POST", "/api/v1/users", &with_key(&cookie, "a-1"), Some(max.clone())).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.headers[header::CONTENT_TYPE], first.headers[header::CONTENT_TYPE]);
        // What is kept does not tell the code.
        let code = first.body["code"].as_str().unwrap();
        let kept: String = sqlx::query_scalar("select answer from idempotency")
            .fetch_one(api.app.store().reader())
            .await
            .unwrap();
        assert!(!kept.contains(code));
        let other = json!({"username": "tom", "full_name": "Tom"});
        for (path, body) in [("/api/v1/users", other.clone()), ("/api/v1/roles", max.clone())] {
            let answer = api.ask("POST", path, &with_key(&cookie, "a-1"), Some(body)).await;
            assert_eq!(
                (answer.status, &answer.body["type"]),
                (StatusCode::UNPROCESSABLE_ENTITY, &json!("unprocessable"))
            );
        }
        let new = api.ask("POST", "/api/v1/users", &with_key(&cookie, "a-2"), Some(max.clone())).await;
        assert_eq!(new.status, StatusCode::CONFLICT, "{}", new.body);
        // A refusal is not kept: the same key may be tried again.
        let fixed = api.ask("POST", "/api/v1/users", &with_key(&cookie, "a-2"), Some(other)).await;
        assert_eq!(fixed.status, StatusCode::CREATED, "{}", fixed.body);
        // Keys of others are others.
        let ina = api.user("ina", &["administrator"]).await;
        let theirs = api.session(&ina, Factors::Both).await;
        let answer = api.ask("POST", "/api/v1/users", &with_key(&theirs, "a-1"), Some(max.clone())).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        // Who may not ask is told nothing of what was answered.
        api.app.clock.advance(601_000);
        let stale = api.ask("POST", "/api/v1/users", &with_key(&cookie, "a-1"), Some(max)).await;
        assert_eq!(stale.body["type"], "step-up");
    }
}

#[tokio::test]
async fn answers_are_forgotten_after_a_day() {
    for (api, _) in ready().await {
        let eva = users::by_name(api.app.store(), "eva").await.unwrap().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let serve = post(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async { StatusCode::NO_CONTENT }
        });
        let api = Api { router: with_route(&api, serve), ..api };
        for (ahead, done) in [(0, 1), (23 * 3_600_000, 1), (3_600_000, 2)] {
            api.app.clock.advance(ahead);
            let cookie = api.session(&eva.id, Factors::Both).await;
            let answer = api.ask("POST", "/api/v1/thing", &with_key(&cookie, "k"), None).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.body);
            assert_eq!(count.load(Ordering::SeqCst), done);
        }
        let now = api.app.now();
        assert_eq!(idempotency::forget_old(api.app.store(), now).await.unwrap(), 0);
        let later = now.checked_add(idempotency::KEPT).unwrap();
        assert_eq!(idempotency::forget_old(api.app.store(), later).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn of_two_at_once_one_is_done_and_the_other_is_told_to_wait() {
    for (api, cookie) in ready().await {
        let (count, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let (counted, waits) = (Arc::clone(&count), Arc::clone(&gate));
        let serve = post(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let waits = Arc::clone(&waits);
            async move {
                drop(waits.acquire().await.unwrap());
                (StatusCode::CREATED, axum::Json(json!({"thing": 1})))
            }
        });
        let api = Api { router: with_route(&api, serve), ..api };
        let headers = with_key(&cookie, "k");
        let both = async {
            let one = api.ask("POST", "/api/v1/thing", &headers, None);
            let two = api.ask("POST", "/api/v1/thing", &headers, None);
            tokio::pin!(one, two);
            // One of them waits for the gate; the other is answered at once, and opens it.
            tokio::select! {
                refused = &mut one => { gate.add_permits(1); (refused, two.await) }
                refused = &mut two => { gate.add_permits(1); (refused, one.await) }
            }
        };
        let (refused, done) = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert_eq!(refused.headers[header::RETRY_AFTER], "2");
        assert_eq!((done.status, &done.body["thing"]), (StatusCode::CREATED, &json!(1)));
        assert_eq!(count.load(Ordering::SeqCst), 1);
        let later = api.ask("POST", "/api/v1/thing", &headers, None).await;
        assert_eq!((later.status, later.body), (done.status, done.body));
    }
}

#[tokio::test]
async fn who_hangs_up_finds_the_answer_later() {
    for (api, cookie) in ready().await {
        let (begun, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (began, waits) = (Arc::clone(&begun), Arc::clone(&gate));
        let serve = post(move || {
            let (began, waits) = (Arc::clone(&began), Arc::clone(&waits));
            async move {
                began.add_permits(1);
                drop(waits.acquire().await.unwrap());
                StatusCode::CREATED
            }
        });
        let api = Api { router: with_route(&api, serve), ..api };
        let headers = with_key(&cookie, "k");
        tokio::select! {
            _ = api.ask("POST", "/api/v1/thing", &headers, None) => panic!("answered before the gate opened"),
            permit = begun.acquire() => drop(permit.unwrap()),
        }
        gate.add_permits(1);
        let found = async {
            loop {
                let answer = api.ask("POST", "/api/v1/thing", &headers, None).await;
                if answer.status != StatusCode::CONFLICT {
                    break answer;
                }
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), found).await.unwrap();
        assert_eq!(found.status, StatusCode::CREATED);
        assert_eq!(found.headers["idempotency-replayed"], "true");
    }
}

#[tokio::test]
async fn what_died_in_between_is_not_done_again_under_its_key() {
    for (api, cookie) in ready().await {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let serve = post(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async {
                if true {
                    panic!("dies in between")
                }
            }
        });
        let api = Api { router: with_route(&api, serve), ..api };
        let headers = with_key(&cookie, "k");
        let died = api.ask("POST", "/api/v1/thing", &headers, None).await;
        assert_eq!(died.status, StatusCode::INTERNAL_SERVER_ERROR);
        let again = api.ask("POST", "/api/v1/thing", &headers, None).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        api.app.clock.advance(301_000);
        let later = api.ask("POST", "/api/v1/thing", &headers, None).await;
        assert_eq!(later.status, StatusCode::CONFLICT);
        assert!(later.body["detail"].as_str().unwrap().contains("never came to its end"), "{}", later.body);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn keys_that_will_not_do_are_refused_and_routes_before_a_login_take_none() {
    let (api, cookie) = ready().await.remove(0);
    for key in ["", "a b", &"x".repeat(256)] {
        let answer = api.ask("POST", "/api/v1/reviews", &with_key(&cookie, key), None).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{key}");
    }
    let two = [("cookie", cookie.as_str()), ("idempotency-key", "a"), ("idempotency-key", "b")];
    assert_eq!(api.ask("POST", "/api/v1/reviews", &two, None).await.status, StatusCode::BAD_REQUEST);
    let longest = "x".repeat(255);
    let answer = api.ask("POST", "/api/v1/reviews", &with_key(&cookie, &longest), None).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let described = openapi::description(&routes(), "0.0.0");
    for route in routes().iter().filter(|route| route.method == Method::POST) {
        let named =
            described["paths"][route.path]["post"]["parameters"].to_string().contains("Idempotency-Key");
        assert_eq!(named, !matches!(route.needs, Needs::Nothing | Needs::Session), "{}", route.path);
    }
}
