//! Requests that a browser was led to make, and requests for somebody else: refused before any handler sees them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::problem::{Failure, Kind};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Where programs speak, which send no `Origin` and no `Sec-Fetch-Site`.
const API: &str = "/api/";

/// The names under which the server answers; none checked when there are none.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostNames {
    dns: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl HostNames {
    /// These names and addresses, on whatever port (a port may be forwarded).
    pub(crate) fn only(dns: &[String], addresses: &[IpAddr]) -> Self {
        Self { dns: dns.to_vec(), addresses: addresses.to_vec() }
    }

    fn allow(&self, authority: &Authority, reached: Option<IpAddr>) -> bool {
        if self.dns.is_empty() && self.addresses.is_empty() {
            return true;
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>() {
            Ok(address) => {
                let address = address.to_canonical();
                self.addresses.contains(&address) || reached == Some(address)
            }
            Err(_) => {
                let host = host.strip_suffix('.').unwrap_or(host);
                self.dns.iter().any(|name| name.eq_ignore_ascii_case(host))
            }
        }
    }
}

/// The address of this machine that a connection came to: who names it is not led here by a foreign name.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReachedAddress(pub(super) IpAddr);

/// Why a request goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Method,
    NoHost,
    ForeignHost,
    CrossSite,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, METHOD),
            Self::NoHost => (StatusCode::BAD_REQUEST, NO_HOST),
            Self::ForeignHost => (StatusCode::MISDIRECTED_REQUEST, FOREIGN_HOST),
            Self::CrossSite => (StatusCode::FORBIDDEN, CROSS_SITE),
        };
        (status, format!("{text}\n")).into_response()
    }
}

const METHOD: &str = "this method is not used here";
const NO_HOST: &str = "the request does not say for which host it is";
const FOREIGN_HOST: &str =
    "this server does not answer to that name: add it to the names of the server in its configuration";
const CROSS_SITE: &str = "this request came from another site";

/// Said with the answer to a request that no handler saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TurnedAway {
    /// Why, in a word.
    pub(crate) why: &'static str,
    /// Whether somebody else may have led a browser here.
    pub(crate) is_led: bool,
}

impl Refusal {
    fn turned_away(self) -> TurnedAway {
        let (why, is_led) = match self {
            Self::Method => ("method", false),
            Self::NoHost => ("no-host", false),
            Self::ForeignHost => ("foreign-host", true),
            Self::CrossSite => ("cross-site", true),
        };
        TurnedAway { why, is_led }
    }

    /// The same for a program.
    fn problem(self) -> Failure {
        let (kind, text) = match self {
            Self::Method => (Kind::Method, METHOD),
            Self::NoHost => (Kind::BadRequest, NO_HOST),
            Self::ForeignHost => (Kind::Misdirected, FOREIGN_HOST),
            Self::CrossSite => (Kind::NotPermitted, CROSS_SITE),
        };
        Failure::new(kind, text)
    }
}

/// The layer.
pub(super) async fn check(State(hosts): State<Arc<HostNames>>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with(API);
    match judge(&hosts, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::debug!(?refusal, "request refused");
            let answer = if is_api { refusal.problem().into_response() } else { refusal.into_response() };
            (Extension(refusal.turned_away()), answer).into_response()
        }
    }
}

fn judge(hosts: &HostNames, request: &Request) -> Result<(), Refusal> {
    let method = request.method();
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    if !safe && ![Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method) {
        return Err(Refusal::Method);
    }
    let authority = authority(request)?;
    let reached = request.extensions().get::<ReachedAddress>().map(|reached| reached.0.to_canonical());
    if !hosts.allow(&authority, reached) {
        return Err(Refusal::ForeignHost);
    }
    if safe || is_own(request.headers(), &authority, request.uri().path()) {
        return Ok(());
    }
    Err(Refusal::CrossSite)
}

/// For whom the request is. HTTP/2 says so in the address, HTTP/1.1 in `Host`; both must agree where both speak.
fn authority(request: &Request) -> Result<Authority, Refusal> {
    let mut said = request.headers().get_all(header::HOST).iter();
    let host = match said.next() {
        Some(value) => {
            Some(value.to_str().ok().and_then(|text| text.parse::<Authority>().ok()).ok_or(Refusal::NoHost)?)
        }
        None => None,
    };
    if said.next().is_some() {
        return Err(Refusal::NoHost);
    }
    match (request.uri().authority(), host) {
        (Some(address), Some(host)) if *address != host => Err(Refusal::NoHost),
        (Some(address), _) if !address.as_str().contains('@') => Ok(address.clone()),
        (None, Some(host)) if !host.as_str().contains('@') => Ok(host),
        _ => Err(Refusal::NoHost),
    }
}

/// Whether a request that changes something was made by a page of this server, or by no page at all.
///
/// Browsers of today say so in `Sec-Fetch-Site`, older ones in `Origin`. Programs say neither: they may use the API, and there
/// only without the cookie that a browser would add by itself.
fn is_own(headers: &HeaderMap, authority: &Authority, path: &str) -> bool {
    let has_cookie = headers.contains_key(header::COOKIE);
    if headers.contains_key(header::AUTHORIZATION) && !has_cookie && path.starts_with(API) {
        return true;
    }
    if headers.contains_key(SEC_FETCH_SITE) {
        let mut all = headers.get_all(SEC_FETCH_SITE).iter();
        return all.all(|site| site == "same-origin" || site == "none");
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => origin.to_str().is_ok_and(|origin| is_origin_of(origin, authority)),
        (Some(_), Some(_)) => false,
        (None, _) => path.starts_with(API) && !has_cookie,
    }
}

fn is_origin_of(origin: &str, authority: &Authority) -> bool {
    let Some(theirs) = origin.strip_prefix("https://").and_then(|rest| rest.parse::<Authority>().ok()) else {
        return false;
    };
    let port = |one: &Authority| one.port_u16().unwrap_or(443);
    theirs.host().eq_ignore_ascii_case(authority.host()) && port(&theirs) == port(authority)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn hosts() -> HostNames {
        HostNames::only(
            &["plant.example".into(), "localhost".into()],
            &["192.0.2.7".parse().unwrap(), "::1".parse().unwrap()],
        )
    }

    fn ask(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut request = axum::http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        judge(&hosts(), &request.body(Body::empty()).unwrap())
    }

    #[test]
    fn only_the_names_of_the_server_are_answered() {
        for host in
            ["plant.example", "PLANT.example:8443", "plant.example.", "192.0.2.7", "[::1]:8443", "localhost"]
        {
            assert_eq!(ask("GET", "/", &[("host", host)]), Ok(()), "{host}");
        }
        for host in
            ["evil.example", "192.0.2.8", "xplant.example", "plant.example.evil.example", "[::2]", "0.0.0.0"]
        {
            assert_eq!(ask("GET", "/", &[("host", host)]), Err(Refusal::ForeignHost), "{host}");
        }
        for host in ["", "a b", "user@plant.example", "plant.example/x", "plant.example:8443:1"] {
            assert_eq!(ask("GET", "/", &[("host", host)]), Err(Refusal::NoHost), "{host}");
        }
        assert_eq!(ask("GET", "/", &[]), Err(Refusal::NoHost));
        assert_eq!(ask("GET", "/", &[("host", "localhost"), ("host", "localhost")]), Err(Refusal::NoHost));
        assert_eq!(ask("GET", "https://plant.example/", &[]), Ok(()));
        assert_eq!(ask("GET", "https://plant.example/", &[("host", "localhost")]), Err(Refusal::NoHost));
        assert_eq!(ask("GET", "https://evil.example/", &[("host", "evil.example")]), Err(Refusal::ForeignHost));
    }

    #[test]
    fn the_address_that_was_reached_is_one_of_the_server() {
        for (host, expected) in
            [("203.0.113.5:8443", true), ("203.0.113.6", false), ("203.0.113.5.evil.example", false)]
        {
            let mut request = axum::http::Request::get("/").header("host", host).body(Body::empty()).unwrap();
            request.extensions_mut().insert(ReachedAddress("::ffff:203.0.113.5".parse().unwrap()));
            assert_eq!(judge(&hosts(), &request).is_ok(), expected, "{host}");
        }
    }

    #[test]
    fn a_change_needs_a_page_of_this_server() {
        let host = ("host", "plant.example:8443");
        let cookie = ("cookie", "__Host-session=1");
        let bearer = ("authorization", "Bearer x");
        for (path, headers, expected) in [
            ("/login", vec![("sec-fetch-site", "same-origin")], true),
            ("/login", vec![("sec-fetch-site", "none")], true),
            ("/login", vec![("sec-fetch-site", "cross-site")], false),
            ("/login", vec![("sec-fetch-site", "same-site")], false),
            ("/login", vec![("sec-fetch-site", "")], false),
            ("/login", vec![("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
            // The newer header decides where both are sent.
            ("/login", vec![("sec-fetch-site", "cross-site"), ("origin", "https://plant.example:8443")], false),
            ("/login", vec![("origin", "https://plant.example:8443")], true),
            ("/login", vec![("origin", "https://PLANT.example:8443")], true),
            ("/login", vec![("origin", "https://plant.example")], false),
            ("/login", vec![("origin", "http://plant.example:8443")], false),
            ("/login", vec![("origin", "https://evil.example")], false),
            ("/login", vec![("origin", "null")], false),
            (
                "/login",
                vec![("origin", "https://plant.example:8443"), ("origin", "https://evil.example")],
                false,
            ),
            ("/login", vec![], false),
            ("/login", vec![bearer], false),
            ("/api/v1/session", vec![], true),
            ("/api/v1/users", vec![cookie], false),
            ("/api/v1/users", vec![cookie, ("sec-fetch-site", "same-origin")], true),
            ("/api/v1/users", vec![cookie, bearer, ("sec-fetch-site", "cross-site")], false),
            ("/api/v1/users", vec![bearer], true),
            ("/api/v1/users", vec![("origin", "https://evil.example")], false),
        ] {
            let mut all = vec![host];
            all.extend(headers.iter().copied());
            assert_eq!(ask("POST", path, &all).is_ok(), expected, "{path} {headers:?}");
            assert_eq!(ask("GET", path, &all), Ok(()), "looking is free: {path} {headers:?}");
        }
    }

    #[test]
    fn an_origin_without_a_port_is_that_of_port_443() {
        assert_eq!(
            ask("POST", "/x", &[("host", "plant.example"), ("origin", "https://plant.example")]),
            Ok(())
        );
        assert_eq!(
            ask("POST", "/x", &[("host", "plant.example:443"), ("origin", "https://plant.example")]),
            Ok(())
        );
    }

    #[test]
    fn methods_that_nobody_needs_are_refused() {
        for method in ["TRACE", "TRACK", "CONNECT", "PROPFIND", "GETS"] {
            assert_eq!(ask(method, "/", &[("host", "localhost")]), Err(Refusal::Method), "{method}");
        }
    }
}
