//! Logins against a real provider (`oidc-provider`); what lying ones try is in `lies`.

mod lies;

use std::collections::BTreeMap;
use std::path::Path;

use hyper::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use openidconnect::HttpRequest;
use tempfile::TempDir;
use test_support::{Certificate, OidcProvider, prepared_near};

use super::*;

const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";

const REDIRECT: &str = "https://palisade.plant.example/login/callback";

/// Long enough for a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Certified {
    _dir: TempDir,
    pub(crate) authority: Certificate,
    pub(crate) leaf: Certificate,
}

pub(crate) fn certified() -> Certified {
    let dir = tempfile::tempdir().unwrap();
    let authority = Certificate::authority(dir.path(), "authority", None);
    let leaf = authority.issue(dir.path(), "leaf", EC, 30, "subjectAltName=DNS:localhost,IP:127.0.0.1");
    Certified { _dir: dir, authority, leaf }
}

pub(crate) fn settings(issuer: &str, ca_file: Option<&Path>) -> OidcSettings {
    OidcSettings {
        issuer: issuer.to_owned(),
        client_id: "palisade".to_owned(),
        client_secret: Some("made-up-client-secret".into()),
        redirect_url: REDIRECT.to_owned(),
        scopes: ["profile", "email", "groups"].map(str::to_owned).to_vec(),
        ca_file: ca_file.map(Path::to_owned),
        username_claim: "preferred_username".to_owned(),
        groups_claim: "groups".to_owned(),
        roles: vec![
            ("operators".to_owned(), "operator".to_owned()),
            ("admins".to_owned(), "administrator".to_owned()),
        ],
        second_factor_amr: Vec::new(),
        second_factor_acr: Vec::new(),
        max_age: None,
        time_limit: PATIENCE,
    }
}

/// The real provider reads the real clock.
#[expect(clippy::disallowed_methods, reason = "the real provider reads the real clock")]
fn clock() -> Timestamp {
    Timestamp::now()
}

async fn browse(http: &http::Client, start: &Url) -> Callback {
    callback(&sent_back(http, start, REDIRECT).await)
}

/// A person at the provider: the address that the browser is sent back to.
pub(crate) async fn person(provider: &Provider, start: &Url) -> Url {
    sent_back(&provider.http, start, &provider.redirect).await
}

/// A browser that fills in whatever form it is shown, until it is sent back to us.
async fn sent_back(http: &http::Client, start: &Url, redirect: &str) -> Url {
    let mut cookies: BTreeMap<String, String> = BTreeMap::new();
    let (mut url, mut form) = (start.clone(), None::<String>);
    for _ in 0..20 {
        let jar: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = HttpRequest::new(form.clone().unwrap_or_default().into_bytes());
        *request.uri_mut() = url.as_str().parse().unwrap();
        request.headers_mut().insert(COOKIE, jar.join("; ").parse().unwrap());
        if form.take().is_some() {
            *request.method_mut() = hyper::Method::POST;
            let kind = "application/x-www-form-urlencoded".parse().unwrap();
            request.headers_mut().insert(CONTENT_TYPE, kind);
        }
        let answer = http.fetch(request).await.unwrap();
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        cookies.retain(|_, value| !value.is_empty());
        if let Some(place) = answer.headers().get(LOCATION) {
            url = url.join(place.to_str().unwrap()).unwrap();
            if url.as_str().starts_with(redirect) {
                return url;
            }
        } else {
            let page = String::from_utf8(answer.into_body()).unwrap();
            let between = |before: &str| {
                page.split_once(before).and_then(|(_, rest)| rest.split_once('"')).map(|(value, _)| value)
            };
            let action = between("action=\"").unwrap_or_else(|| panic!("no form at {url}: {page}"));
            let prompt = between("name=\"prompt\" value=\"").unwrap();
            form = Some(format!("prompt={prompt}&login=ada&password=made-up"));
            url = url.join(action).unwrap();
        }
    }
    panic!("the provider does not send the browser back");
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn callback(url: &Url) -> Callback {
    Callback {
        code: parameter(url, "code").map(Into::into),
        state: parameter(url, "state").map(Into::into),
        iss: parameter(url, "iss"),
        error: parameter(url, "error"),
    }
}

#[tokio::test]
async fn a_person_logs_in_at_a_real_provider_once() {
    let certified = certified();
    for says_everything in [true, false] {
        let real = OidcProvider::start(&prepared_near("test-node"), &certified.leaf, REDIRECT, says_everything);
        let settings = settings(&real.issuer(), Some(&certified.authority.certificate));
        let provider = Provider::new(settings).unwrap();
        provider.check(clock()).await.unwrap();
        let (url, pending) = provider.start(clock()).await.unwrap();
        assert_eq!(parameter(&url, "code_challenge_method").as_deref(), Some("S256"));
        assert_eq!(parameter(&url, "response_type").as_deref(), Some("code"));
        // Kept between two requests, perhaps across a restart.
        let kept = serde_json::to_string(&pending).unwrap();
        assert!(!format!("{pending:?}").contains(&pending.verifier));
        let pending: Pending = serde_json::from_str(&kept).unwrap();
        let callback = browse(&provider.http, &url).await;
        let identity = provider.finish(pending.clone(), &callback, clock()).await.unwrap();
        let groups = ["engineers", "operators"].map(str::to_owned).into();
        let expected = Identity {
            issuer: real.issuer(),
            subject: "ada".to_owned(),
            username: None,
            name: Some("Ada Lovelace".to_owned()),
            mail: Some("ada@plant.example".to_owned()),
            is_mail_verified: true,
            groups,
            roles: ["operator".to_owned()].into(),
            auth_time: identity.auth_time,
            has_second_factor: false,
            methods: Vec::new(),
            context: None,
        };
        assert_eq!(identity, expected);
        let again = provider.finish(pending, &callback, clock()).await.unwrap_err();
        assert!(matches!(&again, OidcError::Exchange { why } if why == "invalid_grant"), "{again}");
    }
}

#[tokio::test]
async fn an_answer_to_another_login_opens_nothing() {
    let certified = certified();
    let real = OidcProvider::start(&prepared_near("test-node"), &certified.leaf, REDIRECT, true);
    let provider = Provider::new(settings(&real.issuer(), Some(&certified.authority.certificate))).unwrap();
    let (url, pending) = provider.start(clock()).await.unwrap();
    let callback = browse(&provider.http, &url).await;
    let finish = |pending: Pending, callback: Callback, now| {
        let provider = &provider;
        async move { provider.finish(pending, &callback, now).await.unwrap_err() }
    };
    for state in [None, Some(""), Some("another")] {
        let other = Callback { state: state.map(Into::into), ..callback.clone() };
        assert!(matches!(finish(pending.clone(), other, clock()).await, OidcError::State));
    }
    for iss in [None, Some("https://other.example")] {
        let other = Callback { iss: iss.map(str::to_owned), ..callback.clone() };
        assert!(matches!(finish(pending.clone(), other, clock()).await, OidcError::MixedUp));
    }
    let elsewhere = Pending { issuer: "https://other.example".to_owned(), ..pending.clone() };
    assert!(matches!(finish(elsewhere, callback.clone(), clock()).await, OidcError::MixedUp));
    assert!(matches!(finish(pending.clone(), callback.clone(), pending.expires()).await, OidcError::Late));
    let denied = Callback { code: None, error: Some("access_denied\r\n".to_owned()), ..callback.clone() };
    let error = finish(pending.clone(), denied, clock()).await;
    assert!(matches!(&error, OidcError::Denied { why } if why == "access_denied"), "{error}");
    let empty = Callback { code: None, ..callback.clone() };
    assert!(matches!(finish(pending.clone(), empty, clock()).await, OidcError::NoCode));
    let stolen = Pending { verifier: random().unwrap(), ..pending.clone() };
    let error = finish(stolen, callback.clone(), clock()).await;
    assert!(matches!(error, OidcError::Exchange { .. }), "{error}");
    // That spent the code; another login for another nonce.
    let (url, pending) = provider.start(clock()).await.unwrap();
    let callback = browse(&provider.http, &url).await;
    let other = Pending { nonce: random().unwrap(), ..pending };
    let error = finish(other, callback, clock()).await;
    assert!(matches!(&error, OidcError::Token { why } if why.contains("nonce")), "{error}");
}

#[tokio::test]
async fn a_wrong_client_secret_is_told() {
    let certified = certified();
    let real = OidcProvider::start(&prepared_near("test-node"), &certified.leaf, REDIRECT, true);
    let mut settings = settings(&real.issuer(), Some(&certified.authority.certificate));
    settings.client_secret = Some("another".into());
    let provider = Provider::new(settings).unwrap();
    let (url, pending) = provider.start(clock()).await.unwrap();
    let callback = browse(&provider.http, &url).await;
    let error = provider.finish(pending, &callback, clock()).await.unwrap_err();
    assert!(matches!(&error, OidcError::Exchange { why } if why == "invalid_client"), "{error}");
    assert!(!format!("{error:?} {error}").contains("another"));
}

#[test]
fn wrong_settings_are_named() {
    let right = settings("https://id.plant.example", None);
    let wrong = |settings| Provider::new(settings).unwrap_err().to_string();
    for issuer in ["http://id.plant.example", "id.plant.example", ""] {
        assert!(wrong(OidcSettings { issuer: issuer.to_owned(), ..right.clone() }).contains("issuer"));
    }
    let plain = OidcSettings { redirect_url: "http://localhost/".to_owned(), ..right.clone() };
    assert!(wrong(plain).contains("redirect_url"));
    assert!(wrong(OidcSettings { client_id: String::new(), ..right.clone() }).contains("client_id"));
    assert!(!format!("{right:?}").contains("made-up"));
}
