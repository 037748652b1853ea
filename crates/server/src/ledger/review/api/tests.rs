//! A review of the ledger over the API, from its beginning to its record, on both databases.

use axum::http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::api::route::router;
use crate::api::routes;
use crate::api::tests::benches;
use crate::identity::review::{Key, verify_any};
use crate::identity::sessions::Factors;
use crate::ledger::room::{Outlook, Room};
use crate::ledger::{Happened, Said};

const PATH: &str = "/api/v1/ledger/reviews";

#[tokio::test]
async fn a_review_is_begun_looked_at_signed_and_its_record_is_checked() {
    for api in benches(|app| router(app, routes())).await {
        let ivo = api.user("ivo", &["auditor"]).await;
        let olga = api.user("olga", &["operator"]).await;
        let (cookie, other) = (api.session(&ivo, Factors::Both).await, api.session(&olga, Factors::Both).await);
        let headers = [("cookie", cookie.as_str()), ("origin", "https://localhost:8443")];
        let ask = async |method: &str, path: &str, body: Option<Value>| {
            let body = body.map(|body| ("application/json", body.to_string()));
            api.send(method, path, &headers, body).await
        };
        let list = ask("GET", PATH, None).await.body;
        assert_eq!((&list["period_days"], &list["is_due"]), (&json!(7), &json!(false)), "{list}");
        api.app.ledger.tell(Said::done(Happened::TokenMade)).await.unwrap();
        let begun = ask("POST", PATH, None).await;
        assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.text);
        assert_eq!(ask("POST", PATH, None).await.status, StatusCode::CONFLICT);
        let one = format!("{PATH}/{}", begun.body["id"].as_str().unwrap());
        let record = format!("{one}/record");
        assert_eq!(ask("GET", &record, None).await.status, StatusCode::CONFLICT);
        let items = ask("GET", &one, None).await.body["items"].as_array().unwrap().clone();
        assert!(!items.is_empty(), "a token was made");
        // Who may not is refused, and so is what cannot be.
        let as_other = [("cookie", other.as_str()), ("origin", "https://localhost:8443")];
        for (method, path) in [("POST", PATH.to_owned()), ("GET", one.clone()), ("POST", format!("{one}/sign"))]
        {
            let refused = api.send(method, &path, &as_other, None).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{method} {path}");
        }
        let unexplained = ask("PUT", &format!("{one}/items/0"), Some(json!({"decision": "unexpected"}))).await;
        assert_eq!(unexplained.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", unexplained.text);
        let early = ask("POST", &format!("{one}/sign"), None).await;
        assert_eq!(early.status, StatusCode::CONFLICT, "{}", early.text);
        for item in &items {
            let body = json!({"decision": "unexpected", "note": "who was that?", "ticket": "SEC-7"});
            let path = format!("{one}/items/{}", item["id"]);
            assert_eq!(ask("PUT", &path, Some(body)).await.status, StatusCode::NO_CONTENT);
        }
        let signed = ask("POST", &format!("{one}/sign"), None).await;
        assert_eq!(
            (signed.status, &signed.body["state"]),
            (StatusCode::OK, &json!("signed")),
            "{}",
            signed.text
        );
        let text = ask("GET", &record, None).await.text;
        let key = Key::of(api.app.store(), &api.app.logins.sealer).await.unwrap();
        let checked = verify_any(&text, &key.public_pem()).unwrap();
        assert_eq!(checked["findings"][0]["decided"]["ticket"], "SEC-7");
        assert_eq!(checked["signed_by"]["name"], "ivo");
        api.app.ledger.sequence_all().await;
        let noted =
            ask("GET", "/api/v1/ledger/management-system/entries?event=ledger.review-signed", None).await.body;
        let details = &noted["items"][0]["entry"]["details"];
        assert_eq!(details["sha256"], hex::encode(Sha256::digest(&text)), "{noted}");
        assert_eq!(details["unexpected"], items.len().to_string());
    }
}

#[tokio::test]
async fn checks_and_room_are_shown_as_soon_as_they_are_known() {
    for api in benches(|app| router(app, routes())).await {
        let ivo = api.user("ivo", &["auditor"]).await;
        let cookie = api.session(&ivo, Factors::Both).await;
        let ask = async |path: &str| api.send("GET", path, &[("cookie", &cookie)], None).await.body;
        assert_eq!(ask("/api/v1/ledger/checks").await, json!([]));
        assert_eq!(ask("/api/v1/ledger/room").await, json!({"percent": 0, "lasts": false}));
        api.app.ledger.sequence_all().await;
        let ended = tokio_util::sync::CancellationToken::new();
        crate::ledger::checkup::check(&api.app.ledger, &ended).await.unwrap();
        let checks = ask("/api/v1/ledger/checks").await;
        assert_eq!((&checks[0]["faults"], &checks[0]["found"]), (&json!(0), &json!([])), "{checks}");
    }
}

/// What cannot be noted is not done, and what only shows goes on.
#[tokio::test]
async fn a_full_ledger_lets_nothing_be_changed() {
    for api in benches(|app| router(app, routes())).await {
        let ivo = api.user("ivo", &["auditor"]).await;
        let cookie = api.session(&ivo, Factors::Both).await;
        let headers = [("cookie", cookie.as_str()), ("origin", "https://localhost:8443")];
        let full = Room { used: 99, total: Some(100), per_day: None, outlook: Outlook::Unknown };
        api.app.ledger.has_room(Room { used: 2 << 30, total: Some(2 << 30), ..full.clone() });
        let refused = api.send("POST", PATH, &headers, None).await;
        assert_eq!(
            (refused.status, &refused.body["type"]),
            (StatusCode::SERVICE_UNAVAILABLE, &json!("unrecorded"))
        );
        assert!(refused.text.contains("audit_logs.capacity"), "{}", refused.text);
        assert_eq!(api.send("GET", PATH, &headers, None).await.status, StatusCode::OK);
        assert!(api.app.ledger.ails().is_some());
        api.app.ledger.has_room(Room { used: 1 << 30, total: Some(2 << 30), ..full });
        assert_eq!(api.send("POST", PATH, &headers, None).await.status, StatusCode::CREATED);
    }
}
