//! A real directory and a real provider, on both databases, and a browser's rules for cookies.

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use serde_json::Value;
use tempfile::TempDir;
use test_support::{OidcProvider, Slapd, prepared_near};
use tower::ServiceExt as _;

use super::super::ldap::{DirectorySettings, DirectoryTls, Groups};
use super::super::login::{self, Caller};
use super::super::oidc::tests::{Certified, certified, person, settings as provider_settings};
use super::super::roles::Permission;
use super::*;
use crate::app::{App, Inner};
use crate::clock::Clock;
use crate::config::Effective;
use crate::store::tests::{TestStore, stores};

pub(crate) const ORIGIN: &str = "https://palisade.plant.example";

const OURS: &str = "seventeen violet turbines hum";

/// Logins, pages and API on one database.
pub(crate) struct Bench {
    pub(crate) app: App,
    pub(crate) router: Router,
    asked: AtomicU8,
    _kept: (TempDir, TestStore),
}

pub(crate) async fn benches(outside: impl Fn() -> Outside) -> Vec<Bench> {
    let mut all = Vec::new();
    for opened in stores().await {
        roles::install(&opened.store).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let logins = Logins { outside: outside(), ..login::tests::logins(&opened.store, directory.path()) };
        all.push(Bench::of(logins, (directory, opened)).await);
    }
    all
}

impl Bench {
    async fn of(logins: Logins, kept: (TempDir, TestStore)) -> Self {
        let app = App::new(Inner {
            ledger: crate::ledger::tests::ledger(&logins, kept.0.path()).await,
            retention: crate::ledger::tests::retention(),
            witnesses: Default::default(),
            cosigning: crate::ledger::tests::cosigning(&logins, Vec::new()).await,
            exporters: Default::default(),
            logins,
            clock: Clock::default(),
            origin: ORIGIN.to_owned(),
            notice: String::new(),
            system: "edge-07".to_owned(),
            set_up_file: std::path::PathBuf::new(),
            started_at: Timestamp::UNIX_EPOCH,
            uses: Default::default(),
            shelf: Default::default(),
            audits: crate::posture::audits::Audits::default(),
            effective: Effective::default(),
            version: "0.0.0",
        });
        let router = crate::api::route::router(&app, crate::api::routes())
            .merge(crate::identity::api::external::routes(&app));
        Self { app, router, asked: AtomicU8::new(0), _kept: kept }
    }

    /// The same with others outside.
    pub(crate) async fn with(self, outside: Outside) -> Self {
        Self::of(Logins { outside, ..self.app.logins.clone() }, self._kept).await
    }

    /// Asks from another address each time, so that the gate does not close.
    async fn log_in(&self, name: &str, password: &str) -> Result<Begun, LoginError> {
        let client = address(self.asked.fetch_add(1, Ordering::Relaxed));
        self.app.logins.log_in(&From { client, agent: "" }, name, password.into(), self.app.now()).await
    }

    async fn caller(&self, begun: &Begun) -> Caller {
        self.app.logins.caller(&begun.token, self.app.now()).await.unwrap().unwrap()
    }

    /// A local user; an administrator, so that others may go.
    pub(crate) async fn local(&self, name: &str, mail: Option<&str>, role: &str) -> User {
        let (logins, now) = (&self.app.logins, self.app.now());
        let new = NewUser {
            name: name.to_owned(),
            full_name: "Eva Muster".to_owned(),
            mail: mail.map(str::to_owned),
            origin: Origin::Local,
            external_id: None,
        };
        let hash = logins.hasher.hash(OURS.into()).await.unwrap();
        let mut connection = logins.store.writer().acquire().await.unwrap();
        let id = users::create(&mut connection, &new, State::Active, "test", now).await.unwrap();
        let role = Assignment { role: role.to_owned(), label: None };
        roles::give(&mut connection, &id, &[role].into(), "test", now).await.unwrap();
        let former = users::Kept { password: None, history: Vec::new(), totp: None, totp_step: None };
        users::set_password(&mut connection, &id, &hash, &former, 5, now).await.unwrap();
        drop(connection);
        users::by_id(&logins.store, &id).await.unwrap()
    }

    async fn roles_of(&self, user: &User) -> Vec<String> {
        let held = roles::assignments_of(&self.app.logins.store, &user.id).await.unwrap();
        held.into_iter().map(|held| held.role).collect()
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        cookie: &str,
        body: Option<Value>,
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path).header(header::COOKIE, cookie);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let text = body.as_ref().map(Value::to_string).unwrap_or_default();
        let mut request = request.body(Body::from(text)).unwrap();
        request.extensions_mut().insert(address(200));
        self.router.clone().oneshot(request).await.unwrap()
    }
}

pub(crate) async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

fn address(last: u8) -> ClientAddress {
    ClientAddress::new(IpAddr::from([192, 0, 2, last]))
}

fn directory(slapd: &Slapd, certified: &Certified, role: &str) -> Outside {
    let settings = DirectorySettings {
        host: "127.0.0.1".to_owned(),
        port: slapd.tls_port(),
        tls: DirectoryTls::Ldaps,
        ca_file: Some(certified.authority.certificate.clone()),
        bind_dn: "cn=palisade,dc=plant,dc=example".to_owned(),
        bind_password: "made-up service password".into(),
        base: "ou=people,dc=plant,dc=example".to_owned(),
        filter: "(&(objectClass=person)(uid={}))".to_owned(),
        id_attribute: "entryUUID".to_owned(),
        name_attribute: "cn".to_owned(),
        mail_attribute: "mail".to_owned(),
        groups: Groups::Attribute("memberOf".to_owned()),
        roles: vec![("cn=Operators,ou=groups,dc=plant,dc=example".to_owned(), role.to_owned())],
        time_limit: Duration::from_secs(60),
    };
    Outside { directory: Some(Directory::new(settings).unwrap()), ..Outside::default() }
}

#[tokio::test]
async fn whom_the_directory_knows_logs_in_with_the_roles_of_the_groups() {
    let certified = certified();
    let slapd = Slapd::start(Some(&certified.leaf));
    for bench in benches(|| directory(&slapd, &certified, "operator")).await {
        let begun = bench.log_in("ada", "made-up ada password").await.unwrap();
        let ada = begun.user.clone();
        assert_eq!((&*ada.name, &*ada.full_name, ada.origin), ("ada", "Ada Lovelace", Origin::Ldap));
        assert_eq!(ada.mail.as_deref(), Some("ada@plant.example"));
        assert_eq!((bench.roles_of(&ada).await, begun.pending), (vec!["operator".to_owned()], None));
        assert!(bench.caller(&begun).await.rights.has(Permission::ReportsRead));
        let again = bench.log_in(" ADA ", "made-up ada password").await.unwrap().user;
        assert_eq!((again.id, again.version), (ada.id.clone(), ada.version), "nothing changed");
        for (name, password) in [
            ("ada", "made-up grace password"),
            ("ada", ""),
            ("grace", "made-up grace password"),
            ("nobody", "made-up ada password"),
            ("\u{ff41}da", "made-up ada password"),
            ("*", "made-up ada password"),
        ] {
            let wrong = bench.log_in(name, password).await;
            assert!(matches!(wrong, Err(LoginError::Wrong)), "{name} {password}");
        }
        assert_eq!(users::count(&bench.app.logins.store).await.unwrap(), 1, "who has no role is not made");
        // A session that was idle opens with the directory's password.
        bench.app.clock.advance(901_000);
        let locked = bench.caller(&begun).await;
        assert_eq!(locked.pending, Some(login::Pending::Locked));
        let from = From { client: address(201), agent: "" };
        let now = bench.app.now();
        let wrong = bench.app.logins.unlock(&from, &locked, "made-up grace password".into(), now).await;
        assert!(matches!(wrong, Err(LoginError::Wrong)));
        bench.app.logins.unlock(&from, &locked, "made-up ada password".into(), now).await.unwrap();
        assert_eq!(bench.caller(&begun).await.pending, None);
    }
}

#[tokio::test]
async fn roles_follow_the_groups_at_the_next_login_and_deactivated_stays_out() {
    let certified = certified();
    let slapd = Slapd::start(Some(&certified.leaf));
    for bench in benches(|| directory(&slapd, &certified, "operator")).await {
        bench.local("eva", None, "administrator").await;
        let first = bench.log_in("ada", "made-up ada password").await.unwrap();
        let ada = first.user.clone();
        // A role that was given here goes too: exactly those of the groups.
        let more = Assignment { role: "auditor".to_owned(), label: None };
        let store = bench.app.logins.store.clone();
        let mut connection = store.writer().acquire().await.unwrap();
        roles::give(&mut connection, &ada.id, &[more].into(), "test", bench.app.now()).await.unwrap();
        drop(connection);
        let bench = bench.with(directory(&slapd, &certified, "administrator")).await;
        let begun = bench.log_in("ada", "made-up ada password").await.unwrap();
        assert_eq!(bench.roles_of(&ada).await, ["administrator"]);
        assert_eq!(begun.pending, Some(login::Pending::Enrolment), "who changes access needs a second factor");
        let bench = bench.with(directory(&slapd, &certified, "a-role-that-there-is-not")).await;
        assert!(matches!(bench.log_in("ada", "made-up ada password").await, Err(LoginError::Wrong)));
        assert!(bench.roles_of(&ada).await.is_empty());
        assert!(
            !bench.caller(&first).await.rights.has(Permission::ReportsRead),
            "also in sessions from before"
        );
        users::set_state(&store, &ada.id, State::Deactivated).await.unwrap();
        let bench = bench.with(directory(&slapd, &certified, "operator")).await;
        assert!(matches!(bench.log_in("ada", "made-up ada password").await, Err(LoginError::Wrong)));
        assert!(bench.roles_of(&ada).await.is_empty());
    }
}

#[tokio::test]
async fn a_user_of_ours_is_not_taken_over_and_logs_in_without_the_directory() {
    let certified = certified();
    let slapd = Slapd::start(Some(&certified.leaf));
    let outside = directory(&slapd, &certified, "operator");
    let mut slapd = Some(slapd);
    for bench in benches(|| outside.clone()).await {
        bench.local("ada", None, "administrator").await;
        if slapd.is_some() {
            assert!(matches!(bench.log_in("ada", "made-up ada password").await, Err(LoginError::Wrong)));
        }
        assert_eq!(bench.log_in("ada", OURS).await.unwrap().user.origin, Origin::Local);
        slapd.take();
        for (name, password) in [("ada", "made-up ada password"), ("nobody", "x"), ("*", "x")] {
            let error = bench.log_in(name, password).await.err().unwrap();
            assert!(matches!(error, LoginError::Directory(_)), "{error}");
            let problem = crate::api::problem::Failure::from(error).problem().clone();
            assert_eq!((problem.status, problem.kind), (503, "unreachable"));
            assert!(!problem.detail.contains("127.0.0.1"), "{}", problem.detail);
        }
        bench.log_in("ada", OURS).await.unwrap();
    }
}

#[tokio::test]
async fn a_name_that_another_person_has_now_opens_nothing_of_the_first() {
    let certified = certified();
    let slapd = Slapd::start(Some(&certified.leaf));
    for bench in benches(|| directory(&slapd, &certified, "operator")).await {
        let ada = bench.log_in("ada", "made-up ada password").await.unwrap().user;
        // As if the entry of this name were another one.
        sqlx::query("update users set external_id = 'somebody else' where id = $1")
            .bind(&ada.id)
            .execute(bench.app.logins.store.writer())
            .await
            .unwrap();
        assert!(matches!(bench.log_in("ada", "made-up ada password").await, Err(LoginError::Wrong)));
    }
}

fn provider(real: &str, certified: &Certified, role: &str) -> Outside {
    let mut settings = provider_settings(real, Some(&certified.authority.certificate));
    settings.redirect_url = redirect();
    settings.roles = vec![("operators".to_owned(), role.to_owned())];
    Outside { provider: Some(Arc::new(Provider::new(settings).unwrap())), ..Outside::default() }
}

fn redirect() -> String {
    format!("{ORIGIN}{}", crate::identity::api::external::BACK)
}

/// What a browser keeps of cookies, and which of them it sends along.
#[derive(Default)]
struct Jar(Vec<(String, String, bool)>);

impl Jar {
    /// Takes what an answer to a navigation sets: all of it, whoever began the navigation.
    fn take(&mut self, response: &Response<Body>) {
        for set in response.headers().get_all(header::SET_COOKIE) {
            let set = set.to_str().unwrap();
            for part in ["; Path=/", "; Secure", "; HttpOnly"] {
                assert!(set.starts_with("__Host-") && set.contains(part), "{set}");
            }
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.0.retain(|(known, ..)| known != name);
            if !set.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned(), set.contains("SameSite=Strict")));
            }
        }
    }

    /// Of a navigation that this site began, or another one.
    fn sent(&self, is_own: bool) -> String {
        let sent = self.0.iter().filter(|(.., is_strict)| is_own || !is_strict);
        sent.map(|(name, value, _)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

/// Goes to the provider and comes back; the address that the browser was sent back to, without the origin.
async fn there_and_back(bench: &Bench, jar: &mut Jar) -> String {
    let begun = bench.ask("GET", "/login/oidc", &jar.sent(true), None).await;
    assert_eq!(begun.status(), StatusCode::SEE_OTHER);
    jar.take(&begun);
    let url: Url = begun.headers()[header::LOCATION].to_str().unwrap().parse().unwrap();
    let back = person(bench.app.logins.outside.provider.as_ref().unwrap(), &url).await;
    back.as_str().strip_prefix(ORIGIN).unwrap().to_owned()
}

#[tokio::test]
async fn from_the_provider_and_back_with_a_browsers_cookies() {
    let certified = certified();
    let modules = prepared_near("test-node");
    let real = OidcProvider::start(Path::new(&modules), &certified.leaf, &redirect(), true);
    for bench in benches(|| provider(&real.issuer(), &certified, "operator")).await {
        bench.local("eva", None, "administrator").await;
        let mut jar = Jar::default();
        let back = there_and_back(&bench, &mut jar).await;
        // The navigation back is the provider's.
        let cookies = jar.sent(false);
        assert!(cookies.starts_with("__Host-palisade-login="), "{cookies}");
        let answer = bench.ask("GET", &back, &cookies, None).await;
        assert_eq!(
            answer.status(),
            StatusCode::OK,
            "a redirect would lead to a page without the session's cookie"
        );
        jar.take(&answer);
        assert!(text(answer).await.contains("content=\"0; url=/\""));
        assert_eq!(jar.0.len(), 1, "the login's cookie is gone");
        assert!(jar.sent(false).is_empty(), "the session is not told to whom others send");
        let who = bench.ask("GET", "/api/v1/session", &jar.sent(true), None).await;
        let who: Value = serde_json::from_str(&text(who).await).unwrap();
        assert_eq!(
            (&who["username"], &who["full_name"]),
            (&"ada@plant.example".into(), &"Ada Lovelace".into())
        );
        assert!(who["permissions"].as_array().unwrap().contains(&"reports.read".into()), "{who}");
        let ada = users::by_name(&bench.app.logins.store, "ada@plant.example").await.unwrap().unwrap();
        assert_eq!((ada.origin, bench.roles_of(&ada).await), (Origin::Oidc, vec!["operator".to_owned()]));
        // Once, and only in the browser that began.
        for cookies in [&*cookies, "", "__Host-palisade-login=AAAA"] {
            let refused = bench.ask("GET", &back, cookies, None).await;
            assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
            assert_eq!(refused.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
            assert!(text(refused).await.contains("begin again"));
        }
        let left: i64 = sqlx::query_scalar("select count(*) from oidc_logins")
            .fetch_one(bench.app.logins.store.reader())
            .await
            .unwrap();
        assert_eq!(left, 0);
        let form = bench.ask("POST", "/login/oidc", "", None).await;
        assert_eq!(form.status(), StatusCode::OK, "a form is not led elsewhere by a redirect");
        assert!(text(form).await.contains(&format!("url={}", real.issuer())));

        let bench = bench.with(provider(&real.issuer(), &certified, "auditor")).await;
        let back = there_and_back(&bench, &mut jar).await;
        assert_eq!(bench.ask("GET", &back, &jar.sent(false), None).await.status(), StatusCode::OK);
        assert_eq!(bench.roles_of(&ada).await, ["auditor"], "the same user by issuer and subject");
        let bench = bench.with(provider(&real.issuer(), &certified, "none-such")).await;
        let back = there_and_back(&bench, &mut jar).await;
        let refused = bench.ask("GET", &back, &jar.sent(false), None).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert!(text(refused).await.contains("ask an administrator for a role"));
        assert!(bench.roles_of(&ada).await.is_empty());
        users::set_state(&bench.app.logins.store, &ada.id, State::Deactivated).await.unwrap();
        let bench = bench.with(provider(&real.issuer(), &certified, "operator")).await;
        let back = there_and_back(&bench, &mut jar).await;
        assert_eq!(bench.ask("GET", &back, &jar.sent(false), None).await.status(), StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_told_on_a_page_and_too_many_begun_logins_too() {
    let certified = certified();
    let modules = prepared_near("test-node");
    let real = OidcProvider::start(Path::new(&modules), &certified.leaf, &redirect(), true);
    let issuer = real.issuer();
    let mut real = Some(real);
    for bench in benches(|| provider(&issuer, &certified, "operator")).await {
        if real.is_some() {
            for _ in 0..PENDING {
                assert_eq!(bench.ask("GET", "/login/oidc", "", None).await.status(), StatusCode::SEE_OTHER);
            }
            assert_eq!(
                bench.ask("GET", "/login/oidc", "", None).await.status(),
                StatusCode::SERVICE_UNAVAILABLE
            );
            bench.app.clock.advance(600_001);
            assert_eq!(bench.ask("GET", "/login/oidc", "", None).await.status(), StatusCode::SEE_OTHER);
        }
        real.take();
        let bench = bench.with(provider(&issuer, &certified, "operator")).await;
        let down = bench.ask("GET", "/login/oidc", "", None).await;
        assert_eq!(down.status(), StatusCode::SERVICE_UNAVAILABLE);
        let page = text(down).await;
        assert!(page.contains("try again in a while") && !page.contains("localhost"), "{page}");
        let bench = bench.with(Outside::default()).await;
        assert_eq!(bench.ask("GET", "/login/oidc", "", None).await.status(), StatusCode::NOT_FOUND);
    }
}
