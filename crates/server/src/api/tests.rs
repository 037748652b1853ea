//! The routes as callers meet them: who may what, what is answered, what the description says.

mod idempotency;
mod refused;
mod reviews;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use ledger::VerifierKey;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::route::{COOKIE, Needs, Route, router};
use super::{openapi, routes};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Effective;
use crate::identity::login::tests::logins;
use crate::identity::passkeys::tests::Authenticator;
use crate::identity::roles::{self, Assignment, Permission};
use crate::identity::sessions::{self, Factors};
use crate::identity::users::{self, NewUser, Origin, State};
use crate::identity::{links, tokens};
use crate::ledger::witnesses::Witnesses;
use crate::serve::ClientAddress;
use crate::store::tests::{TestStore, stores};
use tempfile::TempDir;

/// Routes on one database.
pub(crate) struct Api {
    pub(crate) app: App,
    pub(crate) router: Router,
    kept: (TempDir, TestStore),
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body when it is JSON.
    pub(crate) body: Value,
    /// The body as text.
    pub(crate) text: String,
    /// The body as it is.
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The cookie that was set.
    pub(crate) fn cookie(&self) -> String {
        let set = self.headers[header::SET_COOKIE].to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }

    /// Where the browser is sent; empty when nowhere.
    pub(crate) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |place| place.to_str().unwrap())
    }
}

async fn apis() -> Vec<Api> {
    benches(|app| router(app, routes())).await
}

/// These routes on both databases, with the roles that come with the product and nobody there.
pub(crate) async fn benches(routes: impl Fn(&App) -> Router) -> Vec<Api> {
    let mut all = Vec::new();
    for opened in stores().await {
        let directory = tempfile::tempdir().unwrap();
        all.push(Api::on((directory, opened), Vec::new(), Witnesses::default(), &routes).await);
    }
    all
}

impl Api {
    /// These routes on one database, as a witness of these logs and with these witnesses.
    pub(crate) async fn on(
        kept: (TempDir, TestStore),
        logs: Vec<VerifierKey>,
        witnesses: Witnesses,
        routes: impl Fn(&App) -> Router,
    ) -> Self {
        let (directory, opened) = &kept;
        let logins = logins(&opened.store, directory.path());
        let app = App::new(crate::app::Inner {
            ledger: crate::ledger::tests::ledger(&logins, directory.path()).await,
            witnesses,
            cosigning: crate::ledger::tests::cosigning(&logins, logs).await,
            retention: crate::ledger::tests::retention(),
            exporters: Default::default(),
            logins,
            clock: Clock::default(),
            origin: "https://localhost:8443".to_owned(),
            notice: String::new(),
            system: "edge-07".to_owned(),
            set_up_file: directory.path().join("set-up-code"),
            started_at: jiff::Timestamp::UNIX_EPOCH,
            uses: Default::default(),
            shelf: Default::default(),
            audits: crate::posture::audits::Audits::default(),
            effective: Effective::default(),
            version: "0.0.0",
        });
        roles::install(&opened.store).await.unwrap();
        let router = routes(&app);
        Self { app, router, kept }
    }

    /// The same with other logs and witnesses, as after a restart.
    pub(crate) async fn again(self, logs: Vec<VerifierKey>, witnesses: Witnesses) -> Self {
        Self::on(self.kept, logs, witnesses, |app| router(app, routes())).await
    }

    /// Where its keys are kept.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.kept.0.path()
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let body = body.map(|body| ("application/json", body.to_string()));
        self.send(method, path, headers, body).await
    }

    /// The same with a body of any kind.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<(&str, String)>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some((kind, _)) = &body {
            request = request.header(header::CONTENT_TYPE, *kind);
        }
        let text = body.map_or_else(String::new, |(_, text)| text);
        let mut request = request.body(Body::from(text)).unwrap();
        request.extensions_mut().insert(ClientAddress::new("192.0.2.7".parse().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 24).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let kind = parts.headers.get(header::CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap());
        let body = if kind.contains("json") && !text.is_empty() {
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"))
        } else {
            Value::Null
        };
        Answer { status: parts.status, headers: parts.headers, body, text, bytes: bytes.into() }
    }

    /// A user with these roles.
    pub(crate) async fn user(&self, name: &str, given: &[&str]) -> String {
        let new = NewUser {
            name: name.to_owned(),
            full_name: name.to_owned(),
            mail: None,
            origin: Origin::Local,
            external_id: None,
        };
        let now = self.app.now();
        let mut connection = self.app.store().writer().acquire().await.unwrap();
        let id = users::create(&mut connection, &new, State::Active, "test", now).await.unwrap();
        let given: BTreeSet<Assignment> =
            given.iter().map(|role| Assignment { role: (*role).to_owned(), label: None }).collect();
        roles::give(&mut connection, &id, &given, "test", now).await.unwrap();
        drop(connection);
        // A second factor, so that nothing stands before the rights.
        users::begin_totp(self.app.store(), &id, "sealed").await.unwrap();
        users::confirm_totp(self.app.store(), &id, &[], now).await.unwrap();
        id
    }

    /// A session of this user that has shown both factors.
    pub(crate) async fn session(&self, user: &str, factors: Factors) -> String {
        let mut connection = self.app.store().writer().acquire().await.unwrap();
        let limits = self.app.logins.sessions;
        let token =
            sessions::begin(&mut connection, limits, user, factors, ("192.0.2.7", ""), self.app.now()).await;
        format!("{COOKIE}={}", token.unwrap().expose_secret())
    }
}

/// The path with something that is not there in place of names.
fn filled(path: &str) -> String {
    path.replace("{id}", "none").replace("{key}", "none").replace("{*path}", "none")
}

pub(crate) fn is_permitted(needs: Needs, permissions: &BTreeSet<Permission>) -> bool {
    match needs {
        Needs::Nothing | Needs::Session | Needs::Login => true,
        Needs::Permission(permission) | Needs::Recent(permission) => permissions.contains(&permission),
    }
}

#[tokio::test]
async fn every_route_is_open_to_whom_the_table_says_and_to_nobody_else() {
    for api in apis().await {
        let mut cookies = BTreeMap::new();
        for role in roles::all(api.app.store()).await.unwrap() {
            let user = api.user(&format!("of-{}", role.id), &[&role.id]).await;
            cookies.insert(role.id.clone(), (role.permissions, user));
        }
        cookies.insert("none".to_owned(), (BTreeSet::new(), api.user("of-none", &[]).await));
        for route in routes() {
            let path = filled(route.path);
            let method = route.method.as_str();
            let nobody = api.ask(method, &path, &[], Some(json!({}))).await;
            if route.needs == Needs::Nothing {
                assert_ne!(nobody.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            } else {
                assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{method} {path}");
                assert_eq!(nobody.body["type"], "not-logged-in");
                assert_eq!(nobody.headers[header::CONTENT_TYPE], "application/problem+json");
            }
            for (role, (permissions, user)) in &cookies {
                let cookie = api.session(user, Factors::Both).await;
                let answer = api.ask(method, &path, &[("cookie", &cookie)], Some(json!({}))).await;
                let refused = answer.body["type"] == "not-permitted";
                assert_eq!(
                    refused,
                    !is_permitted(route.needs, permissions),
                    "{role}: {method} {path}: {}",
                    answer.body
                );
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_open_to_a_session_before_its_second_factor() {
    for api in apis().await {
        let eva = api.user("eva", &["administrator"]).await;
        for route in routes() {
            let cookie = api.session(&eva, Factors::Password).await;
            let (method, path) = (route.method.as_str(), filled(route.path));
            let answer = api.ask(method, &path, &[("cookie", &cookie)], Some(json!({}))).await;
            match route.needs {
                Needs::Nothing => {}
                Needs::Session => assert_ne!(answer.body["type"], "not-logged-in", "{method} {path}"),
                _ => assert_eq!(answer.body["type"], "pending", "{method} {path}"),
            }
        }
    }
}

#[tokio::test]
async fn what_is_dangerous_wants_a_credential_shown_lately() {
    for api in apis().await {
        let eva = api.user("eva", &["administrator"]).await;
        let cookie = api.session(&eva, Factors::Both).await;
        api.app.clock.advance(601_000);
        let mut dangerous = 0;
        for route in routes().into_iter().filter(|route| matches!(route.needs, Needs::Recent(_))) {
            let (method, path) = (route.method.as_str(), filled(route.path));
            let answer = api.ask(method, &path, &[("cookie", &cookie)], Some(json!({}))).await;
            assert_eq!(answer.body["type"], "step-up", "{method} {path}");
            dangerous += 1;
        }
        assert!(dangerous > 10, "{dangerous}");
        // No token may do what wants a person.
        let ends = api.app.now().checked_add(Duration::from_secs(3600)).unwrap();
        let all: BTreeSet<Permission> = Permission::ALL.into();
        let (_, token) = tokens::create(api.app.store(), &eva, "x", &all, ends, api.app.now()).await.unwrap();
        let bearer = format!("Bearer {}", token.expose_secret());
        let list = api.ask("GET", "/api/v1/users", &[("authorization", &bearer)], None).await;
        assert_eq!(list.status, StatusCode::OK);
        let invite = api.ask("POST", "/api/v1/users", &[("authorization", &bearer)], Some(json!({}))).await;
        assert_eq!(invite.body["type"], "step-up");
        // What was permitted and done is used; what was asked for and refused is not.
        let unused = api.ask("GET", "/api/v1/unused-permissions", &[("authorization", &bearer)], None).await;
        let names: Vec<&str> = unused.body["administrator"]["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(!names.contains(&"users.read") && !names.contains(&"roles.read"), "{names:?}");
        assert!(names.contains(&"remote.open") && names.contains(&"nodes.read"), "{names:?}");
    }
}

#[tokio::test]
async fn from_the_set_up_code_to_a_second_user() {
    for api in apis().await {
        let mut connection = api.app.store().writer().acquire().await.unwrap();
        let code = links::make(&mut connection, links::Kind::SetUp, None, api.app.now()).await.unwrap();
        drop(connection);
        let form = |name: &str, code: &str| json!({"code": code, "username": name, "full_name": "Eva Muster", "password": "seventeen violet turbines hum"});
        let wrong = api.ask("POST", "/api/v1/setup", &[], Some(form("eva", "ABCD"))).await;
        assert_eq!((wrong.status, &wrong.body["type"]), (StatusCode::UNAUTHORIZED, &json!("wrong-credential")));
        let admin = api.ask("POST", "/api/v1/setup", &[], Some(form("admin", code.expose_secret()))).await;
        assert_eq!(admin.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(admin.body["fields"][0]["name"], "name");
        let made = api.ask("POST", "/api/v1/setup", &[], Some(form("eva", code.expose_secret()))).await;
        assert_eq!((made.status, &made.body["next"]), (StatusCode::CREATED, &json!("enrolment")));
        let set = made.headers[header::SET_COOKIE].to_str().unwrap();
        for part in ["__Host-palisade=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
            assert!(set.contains(part), "{set}");
        }
        let cookie = made.cookie();
        let app = api.ask("POST", "/api/v1/session/totp", &[("cookie", &cookie)], None).await;
        assert!(app.body["uri"].as_str().unwrap().starts_with("otpauth://totp/Palisade"), "{}", app.body);
        let user = users::by_name(api.app.store(), "eva").await.unwrap().unwrap();
        let shown = crate::identity::login::tests::code_of(&api.app.logins, &user, api.app.now()).await;
        let body = json!({"code": shown.expose_secret()});
        let confirmed = api.ask("PUT", "/api/v1/session/totp", &[("cookie", &cookie)], Some(body)).await;
        assert_eq!(confirmed.body["recovery_codes"].as_array().unwrap().len(), 10);
        let cookie = confirmed.cookie();
        let who = api.ask("GET", "/api/v1/session", &[("cookie", &cookie)], None).await;
        assert_eq!(who.body["permissions"].as_array().unwrap().len(), Permission::ALL.len());
        let body = json!({"username": "max", "full_name": "Max", "roles": [{"role": "auditor"}]});
        let invited = api.ask("POST", "/api/v1/users", &[("cookie", &cookie)], Some(body.clone())).await;
        assert_eq!(invited.status, StatusCode::CREATED, "{}", invited.body);
        assert!(invited.body["link"].as_str().unwrap().starts_with("https://localhost:8443/invitation?code="));
        let again = api.ask("POST", "/api/v1/users", &[("cookie", &cookie)], Some(body)).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        let follow = json!({"kind": "invitation", "code": invited.body["code"], "password": "a quieter gearbox near Graz"});
        let max = api.ask("POST", "/api/v1/links", &[], Some(follow)).await;
        assert_eq!(max.status, StatusCode::OK, "{}", max.body);
        let max = max.cookie();
        let list = api.ask("GET", "/api/v1/users?text=MAX", &[("cookie", &max)], None).await;
        assert_eq!(list.body["items"][0]["username"], "max", "{}", list.body);
        let one = api.ask("GET", &format!("/api/v1/users/{}", user.id), &[("cookie", &cookie)], None).await;
        let tag = one.headers[header::ETAG].to_str().unwrap().to_owned();
        let change = json!({"full_name": "Eva M."});
        let path = format!("/api/v1/users/{}", user.id);
        let blind = api.ask("PATCH", &path, &[("cookie", &cookie)], Some(change.clone())).await;
        assert_eq!(blind.status, StatusCode::BAD_REQUEST);
        let headers = [("cookie", cookie.as_str()), ("if-match", tag.as_str())];
        assert_eq!(
            api.ask("PATCH", &path, &headers, Some(change.clone())).await.status,
            StatusCode::NO_CONTENT
        );
        let stale = api.ask("PATCH", &path, &headers, Some(change)).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
        let last = api.ask("DELETE", &path, &[("cookie", &cookie)], None).await;
        assert_eq!(last.status, StatusCode::CONFLICT, "{}", last.body);
        let out = api.ask("DELETE", "/api/v1/session", &[("cookie", &cookie)], None).await;
        assert_eq!(out.status, StatusCode::NO_CONTENT);
        assert!(out.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
        assert_eq!(api.ask("GET", &path, &[("cookie", &cookie)], None).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_passkey_is_made_shown_listed_and_removed() {
    for api in apis().await {
        let mut key = Authenticator::at("localhost", "https://localhost:8443");
        let mut connection = api.app.store().writer().acquire().await.unwrap();
        let code = links::make(&mut connection, links::Kind::SetUp, None, api.app.now()).await.unwrap();
        drop(connection);
        let form = json!({"code": code.expose_secret(), "username": "eva", "full_name": "Eva",
            "password": "seventeen violet turbines hum"});
        let cookie = api.ask("POST", "/api/v1/setup", &[], Some(form)).await.cookie();
        let (list, start) = ("/api/v1/session/passkeys", "/api/v1/session/passkeys/start");
        let begun = api.ask("POST", start, &[("cookie", &cookie)], None).await;
        assert_eq!(begun.body["publicKey"]["rp"]["id"], "localhost", "{}", begun.body);
        let body = json!({"label": "key on my ring", "credential": key.create(&begun.body.to_string())});
        let made = api.ask("PUT", list, &[("cookie", &cookie)], Some(body.clone())).await;
        assert_eq!((made.status, &made.body["label"]), (StatusCode::CREATED, &json!("key on my ring")));
        assert_eq!(made.body["recovery_codes"].as_array().unwrap().len(), 10);
        let gone = api.ask("PUT", list, &[("cookie", &cookie)], Some(body.clone())).await;
        assert_eq!(gone.status, StatusCode::UNAUTHORIZED, "the token has changed");
        let cookie = made.cookie();
        let again = api.ask("PUT", list, &[("cookie", &cookie)], Some(body)).await;
        assert_eq!((again.status, &again.body["type"]), (StatusCode::CONFLICT, &json!("conflict")));

        let login = json!({"username": "eva", "password": "seventeen violet turbines hum"});
        let cookie = api.ask("POST", "/api/v1/session", &[], Some(login)).await.cookie();
        for path in [start, "/api/v1/session/totp"] {
            let early = api.ask("POST", path, &[("cookie", &cookie)], None).await;
            assert_eq!(early.body["type"], "pending", "{path}");
        }
        let factor = "/api/v1/session/second-factor/passkey";
        let none = api.ask("PUT", factor, &[("cookie", &cookie)], Some(json!({"credential": {}}))).await;
        assert_eq!(none.status, StatusCode::CONFLICT, "nothing was begun");
        let asked = api.ask("POST", factor, &[("cookie", &cookie)], None).await;
        let body = json!({"credential": key.get(&asked.body.to_string())});
        let shown = api.ask("PUT", factor, &[("cookie", &cookie)], Some(body)).await;
        assert_eq!(shown.status, StatusCode::NO_CONTENT, "{}", shown.body);
        let cookie = shown.cookie();
        let kept = api.ask("GET", list, &[("cookie", &cookie)], None).await;
        assert_eq!(
            (&kept.body[0]["label"], &kept.body[0]["keeping"]),
            (&json!("key on my ring"), &json!("device-bound"))
        );
        assert!(kept.body[0]["last_used_at"].is_string());
        let path = format!("{list}/{}", kept.body[0]["id"].as_str().unwrap());
        let last = api.ask("DELETE", &path, &[("cookie", &cookie)], None).await;
        assert_eq!(last.status, StatusCode::CONFLICT, "{}", last.body);
        api.app.clock.advance(601_000);
        for (method, path) in [
            ("POST", start),
            ("POST", "/api/v1/session/totp"),
            ("DELETE", path.as_str()),
            ("DELETE", "/api/v1/session/totp"),
        ] {
            let late = api.ask(method, path, &[("cookie", &cookie)], None).await;
            assert_eq!(late.body["type"], "step-up", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn too_many_logins_are_answered_with_429_and_when_to_come_again() {
    for api in apis().await {
        let login = json!({"username": "eva", "password": "wrong"});
        for _ in 0..5 {
            let answer = api.ask("POST", "/api/v1/session", &[], Some(login.clone())).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        }
        let blocked = api.ask("POST", "/api/v1/session", &[], Some(login)).await;
        assert_eq!(blocked.status, StatusCode::TOO_MANY_REQUESTS);
        let seconds: u64 = blocked.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1790..=1800).contains(&seconds), "{seconds}");
        assert_eq!(blocked.body["retry_after"], seconds);
        let eva = api.user("eva", &["administrator"]).await;
        let cookie = api.session(&eva, Factors::Both).await;
        let blocks = api.ask("GET", "/api/v1/blocks", &[("cookie", &cookie)], None).await;
        let key = blocks.body["items"][0]["key"].as_str().unwrap().to_owned();
        assert_eq!(blocks.body["items"][0]["surface"], "login");
        let lifted = api.ask("DELETE", &format!("/api/v1/blocks/{key}"), &[("cookie", &cookie)], None).await;
        assert_eq!(lifted.status, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn lists_are_narrowed_sorted_and_read_page_by_page() {
    for api in apis().await {
        let eva = api.user("eva", &["administrator"]).await;
        let ends = api.app.now().checked_add(Duration::from_secs(3600)).unwrap();
        for number in 0..55 {
            let store = api.app.store();
            let (name, id) = (format!("gateway {number:02}"), format!("own-{number:02}"));
            tokens::create(store, &eva, &name, &[].into(), ends, api.app.now()).await.unwrap();
            let form = roles::RoleForm { title: name, about: String::new(), permissions: [].into() };
            roles::create(store, &id, &form).await.unwrap();
        }
        let cookie = api.session(&eva, Factors::Both).await;
        for (path, key, more) in
            [("/api/v1/tokens?sort=name", "name", 5), ("/api/v1/roles?sort=id&built_in=false", "id", 5)]
        {
            let mut names = Vec::new();
            let mut after = String::new();
            for expected in [50, more] {
                let page = format!("{path}&after={}", after.replace(' ', "%20"));
                let page = api.ask("GET", &page, &[("cookie", &cookie)], None).await;
                let items = page.body["items"].as_array().unwrap_or_else(|| panic!("{}", page.text)).clone();
                assert_eq!(items.len(), expected, "{path}");
                names.extend(items.iter().map(|item| item[key].as_str().unwrap().to_owned()));
                after = page.body["next"].as_str().unwrap_or_default().to_owned();
            }
            assert_eq!(after, "", "{path}");
            assert!(names.is_sorted(), "{names:?}");
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 55, "{names:?}");
        }
        for (path, number) in [
            ("/api/v1/tokens?text=WAY%2007", 1),
            ("/api/v1/tokens?text=palisade_", 50),
            ("/api/v1/roles?text=ledger.export&built_in=true", 2),
            ("/api/v1/roles?text=gateway%2011", 1),
            ("/api/v1/blocks?text=192.0.2", 0),
        ] {
            let found = api.ask("GET", path, &[("cookie", &cookie)], None).await;
            assert_eq!(found.body["items"].as_array().map(Vec::len), Some(number), "{path}: {}", found.body);
        }
    }
}

#[tokio::test]
async fn bodies_that_will_not_do_are_told_why() {
    let api = apis().await.remove(0);
    let cases = [
        (json!({"username": "eva"}), StatusCode::UNPROCESSABLE_ENTITY, "password"),
        (json!({"username": 7, "password": "x"}), StatusCode::UNPROCESSABLE_ENTITY, "username"),
        (json!({"username": "eva", "password": "x", "role": "y"}), StatusCode::UNPROCESSABLE_ENTITY, "role"),
    ];
    for (body, status, told) in cases {
        let answer = api.ask("POST", "/api/v1/session", &[], Some(body)).await;
        assert_eq!(answer.status, status);
        assert!(answer.body["detail"].as_str().unwrap().contains(told), "{}", answer.body);
    }
    let none = api.ask("POST", "/api/v1/session", &[("content-type", "application/json")], None).await;
    assert_eq!(none.status, StatusCode::BAD_REQUEST);
}

#[test]
fn the_description_names_every_route_once_and_resolves() {
    let routes = routes();
    let described = openapi::description(&routes, "0.0.0");
    assert_eq!(described["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for route in &routes {
        let Route { method, path, .. } = route;
        let operation = &described["paths"][openapi::described(path)][method.as_str().to_lowercase()];
        assert_eq!(operation["summary"], route.about, "{method} {path}");
        assert!(ids.insert(operation["operationId"].to_string()), "{method} {path}");
        assert!(path.starts_with("/api/v1/"));
    }
    let text = described.to_string();
    for part in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(described["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[tokio::test]
async fn who_may_change_users_does_not_become_somebody_who_may_do_more() {
    for api in apis().await {
        let store = api.app.store();
        let permissions = [Permission::UsersRead, Permission::UsersManage, Permission::RolesManage].into();
        let form = roles::RoleForm { title: "Help desk".into(), about: String::new(), permissions };
        roles::create(store, "help-desk", &form).await.unwrap();
        let eva = api.user("eva", &["administrator"]).await;
        let max = api.user("max", &["help-desk"]).await;
        let zoe = api.user("zoe", &[]).await;
        let cookie = api.session(&max, Factors::Both).await;
        let acts = [
            ("POST", format!("/api/v1/users/{eva}/reset"), Value::Null),
            ("DELETE", format!("/api/v1/users/{eva}/second-factors"), Value::Null),
            ("DELETE", format!("/api/v1/users/{eva}"), Value::Null),
            ("PUT", format!("/api/v1/users/{eva}/state"), json!({"active": false})),
            ("PUT", format!("/api/v1/users/{eva}/roles"), json!([])),
            ("PUT", format!("/api/v1/users/{max}/roles"), json!([{"role": "administrator"}])),
            ("PUT", format!("/api/v1/users/{zoe}/roles"), json!([{"role": "auditor"}])),
            (
                "POST",
                "/api/v1/users".to_owned(),
                json!({"username": "ivo", "full_name": "Ivo", "roles": [{"role": "operator"}]}),
            ),
        ];
        for (method, path, body) in acts {
            let body = (!body.is_null()).then_some(body);
            let headers = [("cookie", cookie.as_str()), ("if-match", "\"v1\"")];
            let answer = api.ask(method, &path, &headers, body).await;
            assert_eq!(answer.body["type"], "not-permitted", "{method} {path}: {}", answer.body);
        }
        let roles = || Some(json!([{"role": "help-desk"}]));
        let path = format!("/api/v1/users/{zoe}/roles");
        let user = api.ask("GET", &format!("/api/v1/users/{zoe}"), &[("cookie", &cookie)], None).await;
        let seen = user.headers["etag"].to_str().unwrap();
        let headers = [("cookie", cookie.as_str()), ("if-match", seen)];
        let given = api.ask("PUT", &path, &headers, roles()).await;
        assert_eq!(given.status, StatusCode::NO_CONTENT, "{}", given.body);
        // Whoever looked before that does not know what they would take back.
        let again = api.ask("PUT", &path, &headers, roles()).await;
        assert_eq!(again.status, StatusCode::PRECONDITION_FAILED, "{}", again.body);
        let blind = api.ask("PUT", &path, &headers[..1], roles()).await;
        assert_eq!(blind.status, StatusCode::BAD_REQUEST, "{}", blind.body);
        let path = format!("/api/v1/users/{zoe}");
        assert_eq!(api.ask("DELETE", &path, &[("cookie", &cookie)], None).await.status, StatusCode::NO_CONTENT);
    }
}
