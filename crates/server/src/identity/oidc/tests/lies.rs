//! Providers that lie, hang, or never stop.

use std::sync::{Arc, Mutex};

use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::outbound::OutboundError;
use crate::outbound::tests::acceptor;

/// A provider that says what a test wants: answers by path, as they go over the wire.
struct Scripted {
    issuer: String,
    answers: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scripted {
    async fn start(certified: &Certified) -> Self {
        let acceptor = acceptor(&certified.leaf);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let answers: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (table, list) = (Arc::clone(&answers), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut tls) = acceptor.accept(stream).await else { continue };
                let mut request = Vec::new();
                let mut piece = [0; 4096];
                while !is_whole(&request) {
                    let Ok(count @ 1..) = tls.read(&mut piece).await else { break };
                    request.extend_from_slice(&piece[..count]);
                }
                let text = String::from_utf8(request).unwrap();
                let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
                let answer = table.lock().unwrap().get(&path).cloned();
                list.lock().unwrap().push(path);
                let answer = answer.unwrap_or_else(|| b"HTTP/1.1 404 Not Found\r\n\r\n".to_vec());
                // Whoever has heard enough ends the connection.
                drop(tls.write_all(&answer).await);
                while answer.ends_with(b"endless") && tls.write_all(&[b' '; 16 * 1024]).await.is_ok() {}
                drop(tls.shutdown().await);
            }
        });
        Self { issuer, answers, asked, task }
    }

    fn say(&self, path: &str, answer: &[u8]) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer.to_vec());
    }

    fn say_json(&self, path: &str, value: &Value) {
        let body = value.to_string();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
        self.say(path, format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.issuer);
        json!({
            "issuer": self.issuer, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
            "jwks_uri": at("keys"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }

    fn hand_out(&self, token: &str) {
        let answer = json!({"access_token": "made-up", "token_type": "Bearer", "id_token": token});
        self.say_json("/token", &answer);
    }

    fn provider(&self, certified: &Certified, change: impl FnOnce(&mut OidcSettings)) -> Provider {
        let mut settings = settings(&self.issuer, Some(&certified.authority.certificate));
        change(&mut settings);
        Provider::new(settings).unwrap()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// A signing key and how it stands in a key set.
struct Key {
    pair: EcdsaKeyPair,
}

impl Key {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self { pair: EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).unwrap() }
    }

    fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn set(&self) -> Value {
        let part = |range| URL_SAFE_NO_PAD.encode(&self.public()[range]);
        let (x, y) = (part(1..33), part(33..65));
        json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "1", "x": x, "y": y}]})
    }

    fn signed(&self, claims: &Value) -> String {
        let text = unsigned(&json!({"alg": "ES256", "kid": "1"}), claims);
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn now() -> Timestamp {
    "2026-11-22T20:00:00Z".parse().unwrap()
}

fn answer(url: &Url) -> Callback {
    Callback {
        code: Some("made-up-code".into()),
        state: parameter(url, "state").map(Into::into),
        ..Callback::default()
    }
}

/// Claims that are believed, for the login that `url` began.
fn honest(scripted: &Scripted, url: &Url) -> Value {
    let at = now().as_second();
    json!({
        "iss": scripted.issuer, "aud": "palisade", "sub": "ada", "nonce": parameter(url, "nonce"),
        "iat": at, "exp": at + 300, "auth_time": at - 30, "amr": ["pwd", "otp"], "acr": "2",
        "name": "Ada", "email": "ada@plant.example", "email_verified": true, "groups": ["operators"],
    })
}

async fn ready(certified: &Certified, key: &Key) -> Scripted {
    let scripted = Scripted::start(certified).await;
    scripted.say_json("/.well-known/openid-configuration", &scripted.metadata());
    scripted.say_json("/keys", &key.set());
    scripted
}

/// Hands out `token(claims)` and gives what comes of it.
async fn outcome(
    scripted: &Scripted,
    provider: &Provider,
    token: impl FnOnce(Value) -> String,
) -> Result<Identity, OidcError> {
    let (url, pending) = provider.start(now()).await.unwrap();
    scripted.hand_out(&token(honest(scripted, &url)));
    provider.finish(pending, &answer(&url), now()).await
}

#[tokio::test]
async fn a_token_is_believed_only_when_all_of_it_is_right() {
    let (certified, key, other) = (certified(), Key::new(), Key::new());
    let scripted = ready(&certified, &key).await;
    let provider = scripted.provider(&certified, |_| ());
    let ada = outcome(&scripted, &provider, |claims| key.signed(&claims)).await.unwrap();
    assert_eq!((&*ada.subject, ada.has_second_factor), ("ada", false));
    assert_eq!(ada.auth_time, Some(now() - SignedDuration::from_secs(30)));
    let at = now().as_second();
    let changes = [
        ("iss", json!("https://other.example"), "ssuer"),
        ("iss", json!(null), ""),
        ("aud", json!("another"), "udience"),
        ("aud", json!(["palisade", "another"]), "udience"),
        ("aud", json!([]), "udience"),
        ("azp", json!("another"), "azp"),
        ("exp", json!(at - 61), "expired"),
        ("exp", json!(null), ""),
        ("iat", json!(at + 61), "issued"),
        ("iat", json!(at - 3600), "issued"),
        ("nbf", json!(at + 61), "nbf"),
        ("nonce", json!("another"), "nonce"),
        ("nonce", json!(null), "nonce"),
        ("sub", json!(""), "subject"),
        ("sub", json!("a".repeat(256)), "subject"),
        ("sub", json!(null), ""),
    ];
    for (claim, value, why) in changes {
        let result = outcome(&scripted, &provider, |mut claims| {
            claims[claim] = value.clone();
            key.signed(&claims)
        })
        .await;
        let error = result.unwrap_err();
        assert!(
            matches!(error, OidcError::Token { .. } | OidcError::Exchange { .. }),
            "{claim} {value}: {error}"
        );
        assert!(error.to_string().contains(why), "{claim} {value}: {error}");
    }
    // Within the minute that clocks may differ.
    for (claim, value) in [("exp", at - 59), ("iat", at + 59), ("nbf", at + 59)] {
        let result = outcome(&scripted, &provider, |mut claims| {
            claims[claim] = json!(value);
            key.signed(&claims)
        });
        result.await.unwrap();
    }
    let error = outcome(&scripted, &provider, |claims| other.signed(&claims)).await.unwrap_err();
    assert!(matches!(error, OidcError::Token { .. }), "another key: {error}");
    let error = outcome(&scripted, &provider, |claims| {
        let token = key.signed(&claims);
        let (head, rest) = token.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let mut claims = claims;
        claims["sub"] = json!("grace");
        format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()))
    });
    assert!(matches!(error.await.unwrap_err(), OidcError::Token { .. }), "claims changed afterwards");
}

#[tokio::test]
async fn no_signature_and_no_shared_secret_count() {
    let (certified, key) = (certified(), Key::new());
    let scripted = ready(&certified, &key).await;
    let provider = scripted.provider(&certified, |_| ());
    for alg in ["none", "None", "NONE", "nOnE"] {
        for end in [".", "", ".AAAA"] {
            let result = outcome(&scripted, &provider, |claims| {
                format!("{}{end}", unsigned(&json!({"alg": alg, "kid": "1"}), &claims))
            });
            let error = result.await.unwrap_err();
            assert!(matches!(error, OidcError::Token { .. } | OidcError::Exchange { .. }), "{alg}: {error}");
        }
    }
    let set = key.set().to_string();
    let secrets = [key.public(), &key.public()[1..], set.as_bytes(), b"made-up-client-secret", b""];
    for secret in secrets {
        let result = outcome(&scripted, &provider, |claims| {
            let text = unsigned(&json!({"alg": "HS256", "kid": "1"}), &claims);
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
        });
        let error = result.await.unwrap_err();
        assert!(matches!(error, OidcError::Token { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_second_factor_counts_only_when_the_settings_say_so() {
    let (certified, key) = (certified(), Key::new());
    let scripted = ready(&certified, &key).await;
    let cases: [(&[&str], &[&str], bool); 4] =
        [(&["otp"], &[], true), (&["hwk"], &[], false), (&[], &["2"], true), (&[], &["3"], false)];
    for (amr, acr, counts) in cases {
        let provider = scripted.provider(&certified, |settings| {
            settings.second_factor_amr = amr.iter().map(|&value| value.to_owned()).collect();
            settings.second_factor_acr = acr.iter().map(|&value| value.to_owned()).collect();
        });
        let ada = outcome(&scripted, &provider, |claims| key.signed(&claims)).await.unwrap();
        assert_eq!(ada.has_second_factor, counts, "{amr:?} {acr:?}");
    }
    let provider = scripted.provider(&certified, |settings| settings.max_age = Some(Duration::from_secs(60)));
    outcome(&scripted, &provider, |claims| key.signed(&claims)).await.unwrap();
    for auth_time in [json!(null), json!(now().as_second() - 121), json!(now().as_second() + 61)] {
        let result = outcome(&scripted, &provider, |mut claims| {
            claims["auth_time"] = auth_time.clone();
            key.signed(&claims)
        });
        let error = result.await.unwrap_err();
        assert!(matches!(&error, OidcError::Token { why } if why.contains("auth_time")), "{error}");
    }
}

#[tokio::test]
async fn new_keys_are_asked_for_once_a_minute_at_most() {
    let (certified, old, new) = (certified(), Key::new(), Key::new());
    let scripted = ready(&certified, &old).await;
    let provider = scripted.provider(&certified, |_| ());
    outcome(&scripted, &provider, |claims| old.signed(&claims)).await.unwrap();
    scripted.say_json("/keys", &new.set());
    let asked = || scripted.asked.lock().unwrap().iter().filter(|path| *path == "/keys").count();
    assert_eq!(asked(), 1);
    let error = outcome(&scripted, &provider, |claims| new.signed(&claims)).await.unwrap_err();
    assert!(matches!(error, OidcError::Token { .. }), "{error}");
    assert_eq!(asked(), 1, "the keys are a moment old");
    let (url, pending) = provider.start(now()).await.unwrap();
    scripted.hand_out(&new.signed(&honest(&scripted, &url)));
    let later = now() + SignedDuration::from_secs(61);
    provider.finish(pending, &answer(&url), later).await.unwrap();
    assert_eq!(asked(), 2);
    provider.start(later + SignedDuration::from_hours(1)).await.unwrap();
    assert_eq!(asked(), 3, "after an hour they are asked for anyway");
}

#[tokio::test]
async fn what_a_provider_says_of_itself_must_hold() {
    let (certified, key) = (certified(), Key::new());
    let scripted = ready(&certified, &key).await;
    let well_known = "/.well-known/openid-configuration";
    let provider = scripted.provider(&certified, |_| ());
    let changes = [
        ("issuer", json!("https://other.example")),
        ("authorization_endpoint", json!("http://localhost/authorize")),
        ("authorization_endpoint", json!(null)),
    ];
    for (member, value) in changes {
        let mut metadata = scripted.metadata();
        metadata[member] = value;
        scripted.say_json(well_known, &metadata);
        let error = provider.start(now()).await.unwrap_err();
        assert!(matches!(error, OidcError::Metadata { .. }), "{member}: {error}");
    }
    let mut metadata = scripted.metadata();
    metadata["jwks_uri"] = json!("http://127.0.0.1:9/keys?made-up");
    scripted.say_json(well_known, &metadata);
    let error = provider.start(now()).await.unwrap_err();
    assert!(matches!(error, OidcError::Http(HttpError::NotHttps { .. })), "{error}");
    assert!(!error.to_string().contains("made-up"));
    let away = format!("HTTP/1.1 302 Found\r\nLocation: {}/keys\r\nContent-Length: 0\r\n\r\n", scripted.issuer);
    scripted.say(well_known, away.as_bytes());
    scripted.asked.lock().unwrap().clear();
    let error = provider.start(now()).await.unwrap_err();
    assert!(matches!(error, OidcError::Metadata { .. }), "{error}");
    assert_eq!(*scripted.asked.lock().unwrap(), [well_known], "redirects are not followed");
}

#[tokio::test]
async fn answers_without_end_are_cut_off() {
    let certified = certified();
    let scripted = Scripted::start(&certified).await;
    let provider = scripted.provider(&certified, |_| ());
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let endless = [format!("{head}\r\nendless"), format!("{head}Content-Length: 9999999999\r\n\r\nendless")];
    for answer in endless {
        scripted.say("/.well-known/openid-configuration", answer.as_bytes());
        let error = provider.start(now()).await.unwrap_err();
        assert!(matches!(error, OidcError::Http(HttpError::TooLarge { .. })), "{error}");
    }
    // A head without end, and too many lines of one.
    let many = "a: b\r\n".repeat(1000);
    for answer in [format!("{head}X: endless"), format!("{head}{many}\r\n")] {
        scripted.say("/.well-known/openid-configuration", answer.as_bytes());
        let error = provider.start(now()).await.unwrap_err();
        assert!(matches!(error, OidcError::Http(HttpError::Broken { .. })), "{error}");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_hangs_or_is_another_is_told_apart() {
    let certified = certified();
    let ca = Some(&*certified.authority.certificate);
    let down = format!("https://localhost:{}", test_support::free_port());
    let error = Provider::new(settings(&down, ca)).unwrap().start(now()).await.unwrap_err();
    assert!(matches!(error, OidcError::Http(HttpError::Outbound(OutboundError::Connect { .. }))), "{error}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut hanging = settings(&format!("https://{}", listener.local_addr().unwrap()), ca);
    hanging.time_limit = Duration::from_millis(200);
    let error = Provider::new(hanging).unwrap().start(now()).await.unwrap_err();
    assert!(matches!(error, OidcError::Http(HttpError::Outbound(OutboundError::Slow { .. }))), "{error}");
    let scripted = Scripted::start(&certified).await;
    let error = Provider::new(settings(&scripted.issuer, None)).unwrap().start(now()).await.unwrap_err();
    assert!(
        matches!(error, OidcError::Http(HttpError::Outbound(OutboundError::Certificate { .. }))),
        "{error}"
    );
}
