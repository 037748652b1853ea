//! Whole requests to everything that the server serves: addresses, headers, cookies, keys, forms, JSON.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use secrecy::ExposeSecret as _;
use tower::ServiceExt as _;

use crate::app::App;
use crate::config::{Config, Overrides};
use crate::identity::roles::{self, Assignment};
use crate::identity::sessions::{self, Factors};
use crate::identity::users::{self, NewUser, Origin, State};
use crate::serve::ClientAddress;
use crate::{Claim, Server, api};

/// A server with an administrator, on a database of its own.
#[derive(Debug)]
pub struct Inside {
    runtime: tokio::runtime::Runtime,
    router: Router,
    app: App,
    user: String,
    cookie: std::sync::Mutex<String>,
    asked: AtomicU32,
    _server: Server,
}

impl Inside {
    /// Opens it in a directory that holds nothing yet.
    pub fn open(directory: &std::path::Path) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let (server, router, app, user) = runtime.block_on(async {
            let settings = [
                ("PALISADE_SERVER_STATE_DIR", directory.to_str()?),
                ("PALISADE_SERVER_LISTEN", "127.0.0.1:0"),
                ("PALISADE_SERVER_METRICS_LISTEN", "127.0.0.1:0"),
                ("PALISADE_PASSWORDS_ARGON2_MEMORY", "19MiB"),
                ("PALISADE_PASSWORDS_ARGON2_ITERATIONS", "2"),
                ("PALISADE_PASSWORDS_ARGON2_PARALLELISM", "1"),
            ]
            .map(|(name, value)| (name.into(), value.into()));
            let none = |_: &std::path::Path| Ok(String::new().into());
            let (config, effective) = Config::parse(None, settings, &Overrides::default(), &none).ok()?;
            let server =
                Server::open(&config, Claim::take(&config), effective, Some("box"), "0.0.0").await.ok()?;
            let (router, app) = server.inside();
            let new = NewUser {
                name: "eva".to_owned(),
                full_name: "Eva".to_owned(),
                mail: None,
                origin: Origin::Local,
                external_id: None,
            };
            let now = app.now();
            let mut connection = app.store().writer().acquire().await.ok()?;
            let user = users::create(&mut connection, &new, State::Active, "fuzz", now).await.ok()?;
            let role = Assignment { role: roles::ADMINISTRATOR.to_owned(), label: None };
            roles::give(&mut connection, &user, &[role].into(), "fuzz", now).await.ok()?;
            drop(connection);
            users::begin_totp(app.store(), &user, "sealed").await.ok()?;
            users::confirm_totp(app.store(), &user, &[], now).await.ok()?;
            Some((server, router, app, user))
        })?;
        let (cookie, asked) = (std::sync::Mutex::default(), AtomicU32::new(0));
        Some(Self { runtime, router, app, user, cookie, asked, _server: server })
    }

    /// The administrator's cookie; a new one now and then, as a request may have ended the session.
    fn cookie(&self, asked: u32) -> String {
        let mut kept = self.cookie.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if asked.is_multiple_of(500) {
            let made = self.runtime.block_on(async {
                let mut connection = self.app.store().writer().acquire().await.ok()?;
                let (limits, now) = (self.app.logins.sessions, self.app.now());
                sessions::begin(&mut connection, limits, &self.user, Factors::Both, ("192.0.2.7", ""), now)
                    .await
                    .ok()
            });
            *kept = made
                .map(|token| format!("{}={}", api::route::COOKIE, token.expose_secret()))
                .unwrap_or_default();
        }
        kept.clone()
    }
}

/// A request as text: method and address, headers, an empty line, the body; `!` before the method asks as administrator.
pub fn requests(inside: &Inside, bytes: &[u8]) {
    let asked = inside.asked.fetch_add(1, Ordering::Relaxed);
    let cookie = inside.cookie(asked);
    let Some(request) = read(bytes, &cookie, asked) else { return };
    let is_api = request.uri().path().starts_with("/api/");
    let told = format!("{} {}", request.method(), request.uri());
    let (status, kind, body) = inside.runtime.block_on(async {
        let response = match inside.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let kind =
            response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let status = response.status();
        (status, kind.unwrap_or_default(), to_bytes(response.into_body(), 64 << 20).await.unwrap_or_default())
    });
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{told}: {}", String::from_utf8_lossy(&body));
    if is_api && !status.is_success() && !body.is_empty() {
        assert_eq!(kind, "application/problem+json", "{told}: {status}");
    }
}

fn read(bytes: &[u8], cookie: &str, asked: u32) -> Option<Request<Body>> {
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((bytes, &[][..]), |end| {
        (bytes.get(..end).unwrap_or_default(), bytes.get(end + 2..).unwrap_or_default())
    });
    let mut lines = std::str::from_utf8(head).ok()?.lines();
    let first = lines.next()?;
    let (first, is_administrator) = first.strip_prefix('!').map_or((first, false), |rest| (rest, true));
    let (method, address) = first.split_once(' ')?;
    if !address.starts_with('/') {
        return None;
    }
    let mut request = Request::builder().method(method).uri(address).header(header::HOST, "localhost");
    for line in lines.take(50) {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value.trim_start());
    }
    if is_administrator {
        request = request.header(header::COOKIE, cookie).header(header::ORIGIN, "https://localhost");
    }
    let mut request = request.body(Body::from(body.to_vec())).ok()?;
    // Each from elsewhere: nobody is to be blocked.
    request.extensions_mut().insert(ClientAddress::new(std::net::Ipv4Addr::from(asked | 0x0100_0000).into()));
    Some(request)
}
