//! What is refused before any handler, and how programs are told.

use super::*;

#[tokio::test]
async fn what_is_no_text_is_refused_on_both_databases() {
    for api in apis().await {
        let eva = api.user("eva", &["administrator"]).await;
        let cookie = api.session(&eva, Factors::Both).await;
        for path in [
            "/api/v1/users/%00",
            "/api/v1/users/%ff",
            "/api/v1/users/a%C3",
            "/api/v1/users?text=%00",
            "/api/v1/users?after=a%00b",
        ] {
            let answer = api.ask("GET", path, &[("cookie", &cookie)], None).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.text);
            assert_eq!(answer.body["type"], "bad-request", "{path}");
        }
        for (name, expected) in
            [("a\0b", StatusCode::BAD_REQUEST), ("a\\u0000b", StatusCode::UNPROCESSABLE_ENTITY)]
        {
            let body = json!({"username": name, "full_name": "Eva"});
            let answer = api.ask("POST", "/api/v1/users", &[("cookie", &cookie)], Some(body)).await;
            assert_eq!(answer.status, expected, "{name:?}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn another_method_is_told_which_there_are() {
    let api = apis().await.remove(0);
    let key = [("idempotency-key", "k")];
    for (method, path) in [("PUT", "/api/v1/session"), ("PATCH", "/api/v1/tokens"), ("POST", "/api/v1/users/x")]
    {
        let answer = api.ask(method, path, &key, Some(json!({}))).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}: {}", answer.text);
        assert_eq!(answer.body["type"], "method-not-allowed", "{method} {path}");
        assert!(!answer.headers[header::ALLOW].is_empty(), "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_told_so() {
    let api = apis().await.remove(0);
    let body = json!({"username": "eva", "password": "x".repeat(70_000)});
    let answer = api.ask("POST", "/api/v1/session", &[], Some(body)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.text);
    assert_eq!(answer.body["type"], "too-large");
}

#[test]
fn the_description_leaves_out_what_answers_leave_out() {
    let described = openapi::description(&routes(), "0.0.0");
    let schemas = &described["components"]["schemas"];
    let required = schemas["Problem"]["required"].as_array().unwrap();
    assert!(!required.contains(&json!("fields")), "{required:?}");
    // And says that what is always given always is.
    assert!(schemas["Report"]["required"].as_array().unwrap().len() > 3);
}
