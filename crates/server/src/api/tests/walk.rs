//! A walk over every route that changes something: each is done once, and what it did is in the ledger.

use super::*;
use crate::ledger::tests::is_silent;

/// What is done by each, as the ledger has to tell it.
const TOLD: [(&str, &str); 36] = [
    ("POST /api/v1/setup", "user.first-administrator"),
    ("POST /api/v1/session", "session.begun"),
    ("PATCH /api/v1/session", "user.changed"),
    ("DELETE /api/v1/session", "session.ended"),
    ("POST /api/v1/session/second-factor", "session.confirmed"),
    ("PUT /api/v1/session/second-factor/passkey", "session.confirmed"),
    ("POST /api/v1/session/unlock", "session.unlocked"),
    ("PUT /api/v1/session/totp", "credential.factor-added"),
    ("DELETE /api/v1/session/totp", "credential.factor-removed"),
    ("PUT /api/v1/session/passkeys", "credential.factor-added"),
    ("DELETE /api/v1/session/passkeys/{id}", "credential.factor-removed"),
    ("POST /api/v1/session/recovery-codes", "credential.recovery-codes-made"),
    ("PUT /api/v1/session/password", "credential.password-changed"),
    ("DELETE /api/v1/sessions/{id}", "session.ended"),
    ("POST /api/v1/links", "credential.password-changed"),
    ("POST /api/v1/users", "user.invited"),
    ("POST /api/v1/users/{id}/invitation", "user.invited"),
    ("PATCH /api/v1/users/{id}", "user.changed"),
    ("DELETE /api/v1/users/{id}", "user.deleted"),
    ("PUT /api/v1/users/{id}/state", "user.deactivated"),
    ("PUT /api/v1/users/{id}/roles", "user.roles-assigned"),
    ("POST /api/v1/users/{id}/reset", "credential.reset-offered"),
    ("DELETE /api/v1/users/{id}/second-factors", "credential.factor-removed"),
    ("POST /api/v1/tokens", "token.made"),
    ("DELETE /api/v1/tokens/{id}", "token.revoked"),
    ("DELETE /api/v1/blocks/{key}", "attempts.block-lifted"),
    ("POST /api/v1/roles", "role.made"),
    ("PUT /api/v1/roles/{id}", "role.changed"),
    ("DELETE /api/v1/roles/{id}", "role.deleted"),
    ("POST /api/v1/reviews", "review.begun"),
    ("PUT /api/v1/reviews/{id}/items/{item}", "review.decided"),
    ("POST /api/v1/reviews/{id}/sign", "review.signed"),
    ("POST /api/v1/reports", "audit.wanted"),
    ("POST /api/v1/ledger/reviews", "ledger.review-begun"),
    ("PUT /api/v1/ledger/reviews/{id}/items/{item}", "ledger.review-decided"),
    ("POST /api/v1/ledger/reviews/{id}/sign", "ledger.review-signed"),
];

const PASSWORD: &str = "seventeen violet turbines hum";

/// Who walks, and where.
struct Walk<'a> {
    api: &'a Api,
    cookie: String,
    done: BTreeSet<String>,
}

impl Walk<'_> {
    /// Does what a route does with these names in its path; that it is noted is demanded of every request of a test.
    async fn go(&mut self, route: &str, names: &[&str], body: Value) -> Answer {
        let tag = self.tag(route, names).await;
        let (method, path) = route.split_once(' ').unwrap();
        let mut headers = vec![("cookie", self.cookie.as_str())];
        headers.extend(tag.as_deref().map(|tag| ("if-match", tag)));
        let body = (!body.is_null()).then_some(body);
        let before = self.told().await.len();
        let answer = self.api.ask(method, &with_names(path, names), &headers, body).await;
        assert!(answer.status.is_success(), "{route}: {} {}", answer.status, answer.text);
        let told = self.told().await.split_off(before);
        let (_, wanted) = TOLD.iter().find(|(of, _)| *of == route).copied().unwrap_or((route, ""));
        assert!(
            is_silent(path) || told.iter().any(|event| event == wanted),
            "{route} tells {told:?}, not {wanted}"
        );
        if answer.headers.contains_key(header::SET_COOKIE) {
            self.cookie = answer.cookie();
        }
        self.done.insert(route.to_owned());
        answer
    }

    /// The events that wait for their place.
    async fn told(&self) -> Vec<String> {
        let entries: Vec<String> = sqlx::query_scalar("select entry from ledger_pending order by id")
            .fetch_all(self.api.app.store().reader())
            .await
            .unwrap();
        let event = |entry: &String| {
            serde_json::from_str::<Value>(entry).unwrap()["event"].as_str().unwrap().to_owned()
        };
        entries.iter().map(event).collect()
    }

    /// The version of what is changed, where it has one.
    async fn tag(&self, route: &str, names: &[&str]) -> Option<String> {
        let (method, path) = route.split_once(' ').unwrap();
        if !["PATCH", "PUT"].contains(&method) {
            return None;
        }
        // The roles of a user are read with the user.
        let path = path.strip_suffix("/roles").unwrap_or(path);
        let headers = [("cookie", self.cookie.as_str())];
        let found = self.api.ask("GET", &with_names(path, names), &headers, None).await;
        let tag = found.headers.get(header::ETAG)?.to_str().unwrap().to_owned();
        // Who has that version is not sent it again.
        let known = [headers[0], ("if-none-match", tag.as_str())];
        let same = self.api.ask("GET", &with_names(path, names), &known, None).await;
        assert_eq!((same.status, same.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
        assert_eq!(same.headers[header::ETAG], tag);
        Some(tag)
    }

    /// The code that the authenticator app of a user shows, half a minute after the last one.
    async fn code(&self, name: &str) -> String {
        self.api.app.clock.advance(30_000);
        let user = users::by_name(self.api.app.store(), name).await.unwrap().unwrap();
        let code =
            crate::identity::login::tests::code_of(&self.api.app.logins, &user, self.api.app.now()).await;
        code.expose_secret().to_owned()
    }
}

fn with_names(path: &str, names: &[&str]) -> String {
    let mut names = names.iter();
    let part = |part: &str| if part.starts_with('{') { *names.next().unwrap() } else { part }.to_owned();
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn text<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.body[name].as_str().unwrap_or_else(|| panic!("{name}: {}", answer.text))
}

#[tokio::test]
async fn every_route_that_changes_something_is_walked_and_noted() {
    for api in apis().await {
        api.app.audits.serve();
        let mut walk = Walk { api: &api, cookie: String::new(), done: BTreeSet::new() };
        one_self(&mut walk).await;
        others(&mut walk).await;
        reviews(&mut walk).await;
        let changing = routes().into_iter().filter(|route| !route.method.is_safe() && !is_silent(route.path));
        let left: Vec<String> = changing
            .map(|route| format!("{} {}", route.method, route.path))
            .filter(|route| !walk.done.contains(route))
            .collect();
        assert_eq!(left, Vec::<String>::new(), "no test does these with success");
    }
}

/// Set-up, second factors, and what a user does with the own account.
async fn one_self(walk: &mut Walk<'_>) {
    let store = walk.api.app.store();
    let mut connection = store.writer().acquire().await.unwrap();
    let code = links::make(&mut connection, links::Kind::SetUp, None, walk.api.app.now()).await.unwrap();
    drop(connection);
    let form =
        json!({"code": code.expose_secret(), "username": "eva", "full_name": "Eva", "password": PASSWORD});
    walk.go("POST /api/v1/setup", &[], form).await;
    assert!(!walk.api.app.set_up_file.exists());
    walk.go("POST /api/v1/session/totp", &[], Value::Null).await;
    let code = json!({"code": walk.code("eva").await});
    walk.go("PUT /api/v1/session/totp", &[], code).await;

    let mut key = Authenticator::at("localhost", "https://localhost:8443");
    let begun = walk.go("POST /api/v1/session/passkeys/start", &[], Value::Null).await;
    let made = json!({"label": "key on my ring", "credential": key.create(&begun.text)});
    let made = walk.go("PUT /api/v1/session/passkeys", &[], made).await;
    walk.go("POST /api/v1/session/recovery-codes", &[], Value::Null).await;
    walk.go("PATCH /api/v1/session", &[], json!({"full_name": "Eva M."})).await;

    let login = json!({"username": "eva", "password": PASSWORD});
    let other = walk.api.ask("POST", "/api/v1/session", &[], Some(login.clone())).await.cookie();
    let all = walk.api.ask("GET", "/api/v1/sessions", &[("cookie", &walk.cookie)], None).await;
    let items = all.body["items"].as_array().unwrap().clone();
    let second = items.iter().find(|session| session["this"] == false).unwrap();
    walk.go("DELETE /api/v1/sessions/{id}", &[second["id"].as_str().unwrap()], Value::Null).await;
    let ended = walk.api.ask("GET", "/api/v1/session", &[("cookie", &other)], None).await;
    assert_eq!(ended.status, StatusCode::UNAUTHORIZED);

    walk.go("DELETE /api/v1/session", &[], Value::Null).await;
    walk.go("POST /api/v1/session", &[], login.clone()).await;
    let asked = walk.go("POST /api/v1/session/second-factor/passkey", &[], Value::Null).await;
    let shown = json!({"credential": key.get(&asked.text)});
    walk.go("PUT /api/v1/session/second-factor/passkey", &[], shown).await;
    // Unused for long: the password, and then the second factor.
    walk.api.app.clock.advance(3_600_000);
    walk.go("POST /api/v1/session/unlock", &[], json!({"password": PASSWORD})).await;
    let code = json!({"code": walk.code("eva").await});
    walk.go("POST /api/v1/session/second-factor", &[], code).await;
    walk.go("DELETE /api/v1/session/passkeys/{id}", &[text(&made, "id")], Value::Null).await;
    let begun = walk.go("POST /api/v1/session/passkeys/start", &[], Value::Null).await;
    let made = json!({"label": "another", "credential": key.create(&begun.text)});
    walk.go("PUT /api/v1/session/passkeys", &[], made).await;
    walk.go("DELETE /api/v1/session/totp", &[], Value::Null).await;
    let change = json!({"present": PASSWORD, "password": "nine quiet gearboxes near Graz"});
    walk.go("PUT /api/v1/session/password", &[], change).await;
}

/// Other users, roles, tokens, blocks, audits.
async fn others(walk: &mut Walk<'_>) {
    let api = walk.api;
    let made = json!({"id": "night-shift", "role": {"title": "Night shift", "about": "", "permissions": []}});
    walk.go("POST /api/v1/roles", &[], made).await;
    let role = json!({"title": "Night shift", "about": "of the line", "permissions": ["users.read"]});
    walk.go("PUT /api/v1/roles/{id}", &["night-shift"], role).await;
    walk.go("DELETE /api/v1/roles/{id}", &["night-shift"], Value::Null).await;

    let max = json!({"username": "max", "full_name": "Max", "roles": [{"role": "auditor"}]});
    let max = walk.go("POST /api/v1/users", &[], max).await;
    let max = text(&max, "id").to_owned();
    let again = walk.go("POST /api/v1/users/{id}/invitation", &[&max], Value::Null).await;
    let follow =
        |kind: &str, code: &str, password: &str| json!({"kind": kind, "code": code, "password": password});
    let invited = follow("invitation", text(&again, "code"), "a quieter gearbox near Graz");
    let own = walk.cookie.clone();
    walk.go("POST /api/v1/links", &[], invited).await;
    walk.cookie = own;
    let reset = walk.go("POST /api/v1/users/{id}/reset", &[&max], Value::Null).await;
    let chosen = follow("reset", text(&reset, "code"), "the quietest gearbox near Linz");
    let chosen = api.ask("POST", "/api/v1/links", &[], Some(chosen)).await;
    assert!(chosen.status.is_success(), "{}", chosen.text);
    walk.go("PATCH /api/v1/users/{id}", &[&max], json!({"full_name": "Max M."})).await;
    walk.go("PUT /api/v1/users/{id}/roles", &[&max], json!([{"role": "operator"}])).await;
    walk.go("PUT /api/v1/users/{id}/state", &[&max], json!({"active": false})).await;
    let tom = api.user("tom", &["operator"]).await;
    walk.go("DELETE /api/v1/users/{id}/second-factors", &[&tom], Value::Null).await;
    walk.go("DELETE /api/v1/users/{id}", &[&max], Value::Null).await;

    let ends = api.app.now().checked_add(Duration::from_secs(3600)).unwrap();
    let token = json!({"name": "historian", "permissions": ["users.read"], "ends_at": ends.to_string()});
    let token = walk.go("POST /api/v1/tokens", &[], token).await;
    walk.go("DELETE /api/v1/tokens/{id}", &[text(&token, "id")], Value::Null).await;

    for _ in 0..5 {
        let guess = json!({"username": "tom", "password": "wrong"});
        api.ask("POST", "/api/v1/session", &[], Some(guess)).await;
    }
    let blocks = api.ask("GET", "/api/v1/blocks", &[("cookie", &walk.cookie)], None).await;
    let key = blocks.body["items"][0]["key"].as_str().unwrap().to_owned();
    walk.go("DELETE /api/v1/blocks/{key}", &[&key], Value::Null).await;
    walk.go("POST /api/v1/reports", &[], Value::Null).await;
}

/// Both reviews.
async fn reviews(walk: &mut Walk<'_>) {
    let api = walk.api;
    let review = walk.go("POST /api/v1/reviews", &[], Value::Null).await;
    let id = text(&review, "id").to_owned();
    let path = format!("/api/v1/reviews/{id}");
    let whole = api.ask("GET", &path, &[("cookie", &walk.cookie)], None).await;
    for item in whole.body["items"].as_array().unwrap() {
        let keep = json!({"decision": "keep", "note": "still of the line"});
        walk.go("PUT /api/v1/reviews/{id}/items/{item}", &[&id, item["id"].as_str().unwrap()], keep).await;
    }
    walk.go("POST /api/v1/reviews/{id}/sign", &[&id], Value::Null).await;

    api.app.ledger.sequence_all().await;
    let review = walk.go("POST /api/v1/ledger/reviews", &[], Value::Null).await;
    let id = text(&review, "id").to_owned();
    let path = format!("/api/v1/ledger/reviews/{id}");
    let whole = api.ask("GET", &path, &[("cookie", &walk.cookie)], None).await;
    let items = whole.body["items"].as_array().unwrap();
    assert!(!items.is_empty(), "wrong logins and a block are unusual: {}", whole.text);
    for item in items {
        let seen = json!({"decision": "expected", "note": "a walk"});
        let place = item["id"].to_string();
        walk.go("PUT /api/v1/ledger/reviews/{id}/items/{item}", &[&id, place.trim_matches('"')], seen).await;
    }
    walk.go("POST /api/v1/ledger/reviews/{id}/sign", &[&id], Value::Null).await;
}
