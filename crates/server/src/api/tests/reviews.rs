//! A review over the API, from its start to its record.

use super::*;

#[tokio::test]
async fn a_review_is_started_decided_signed_and_its_record_is_checked() {
    for api in apis().await {
        let eva = api.user("eva", &["administrator"]).await;
        let max = api.user("max", &["auditor"]).await;
        let cookie = api.session(&eva, Factors::Both).await;
        let headers = [("cookie", cookie.as_str())];
        let list = api.ask("GET", "/api/v1/reviews", &headers, None).await;
        assert_eq!((&list.body["is_due"], &list.body["period_months"]), (&json!(false), &json!(3)));
        let started = api.ask("POST", "/api/v1/reviews", &headers, None).await;
        assert_eq!(
            (started.status, &started.body["items"]),
            (StatusCode::CREATED, &json!(2)),
            "{}",
            started.body
        );
        let second = api.ask("POST", "/api/v1/reviews", &headers, None).await;
        assert_eq!(second.status, StatusCode::CONFLICT);
        let one = format!("/api/v1/reviews/{}", started.body["id"].as_str().unwrap());
        let record = format!("{one}/record");
        assert_eq!(api.ask("GET", &record, &headers, None).await.status, StatusCode::CONFLICT);
        let whole = api.ask("GET", &one, &headers, None).await;
        assert_eq!(whole.body["items"][0]["found"]["user"]["name"], "eva", "{}", whole.body);
        let unfit = json!({"decision": "change", "note": "x"});
        let own = json!({"decision": "keep", "note": "the only administrator"});
        let less = json!({"decision": "change", "roles": [{"role": "operator"}], "note": "moved to the line"});
        for (who, body, status) in [
            (&eva, unfit, StatusCode::UNPROCESSABLE_ENTITY),
            (&eva, own, StatusCode::NO_CONTENT),
            (&max, json!({"decision": "remove"}), StatusCode::UNPROCESSABLE_ENTITY),
            (&max, less, StatusCode::NO_CONTENT),
        ] {
            let answer = api.ask("PUT", &format!("{one}/items/user-{who}"), &headers, Some(body)).await;
            assert_eq!(answer.status, status, "{}", answer.body);
        }
        let signed = api.ask("POST", &format!("{one}/sign"), &headers, None).await;
        assert_eq!(
            (signed.status, &signed.body["state"]),
            (StatusCode::OK, &json!("signed")),
            "{}",
            signed.body
        );
        assert!(!api.ask("GET", "/api/v1/reviews", &headers, None).await.body["is_due"].as_bool().unwrap());
        for (query, number) in
            [("?state=signed", 1), ("?state=open", 0), ("?text=EVA&sort=signed", 1), ("?text=max", 0)]
        {
            let found = api.ask("GET", &format!("/api/v1/reviews{query}"), &headers, None).await;
            assert_eq!(found.body["items"].as_array().unwrap().len(), number, "{query}: {}", found.body);
        }
        let envelope = api.ask("GET", &record, &headers, None).await;
        let key = api.ask("GET", "/api/v1/reviews/key", &headers, None).await;
        let checked =
            crate::identity::review::verify(&envelope.body.to_string(), key.body["pem"].as_str().unwrap());
        let checked = checked.unwrap();
        assert_eq!(checked.remarks.len(), 2);
        assert_eq!(checked.items[1].note, "moved to the line");
        let roles = roles::assignments_of(api.app.store(), &max).await.unwrap();
        assert_eq!(roles[0].role, "operator");
        let idle = api.ask("GET", "/api/v1/idle-accounts?days=1", &headers, None).await;
        assert_eq!((&idle.body["days"], idle.status), (&json!(1), StatusCode::OK), "{}", idle.body);
        let much = api.ask("GET", "/api/v1/idle-accounts?days=0", &headers, None).await;
        assert_eq!(much.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_token_decides_nothing() {
    let api = apis().await.remove(0);
    let eva = api.user("eva", &["administrator"]).await;
    let ends = api.app.now().checked_add(Duration::from_secs(3600)).unwrap();
    let all: BTreeSet<Permission> = Permission::ALL.into();
    let (_, token) = tokens::create(api.app.store(), &eva, "x", &all, ends, api.app.now()).await.unwrap();
    let bearer = format!("Bearer {}", token.expose_secret());
    let body = Some(json!({"decision": "keep"}));
    let answer = api.ask("PUT", "/api/v1/reviews/none/items/none", &[("authorization", &bearer)], body).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}
