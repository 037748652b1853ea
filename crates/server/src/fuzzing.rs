//! Decoders of outside input, for fuzz targets: each takes what a stranger could send and asserts what it promises.
//!
//! Built for `fuzz/` alone, by the feature `fuzzing`.

mod passkeys;
mod requests;

use std::str::FromStr as _;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use ::ledger::Event;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use lettre::transport::smtp::extension::ClientId;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

pub use passkeys::{Site, passkeys};
pub use requests::{Inside, requests};

use crate::identity::ldap::{ber, connection, names};
use crate::identity::password::hasher::Stored;
use crate::identity::password::{KnownBad, Params, Policy};
use crate::identity::users::{NewUser, Origin};
use crate::identity::{oidc, review, totp};
use crate::ledger::{self, exporters::search};
use crate::outbound::{self, Peer};
use crate::pki::{Names, authority, given};
use crate::posture::reports;
use crate::random::Code;
use crate::seal::Sealer;
use crate::serve::{ClientAddress, ForwardedBy, TrustedProxies};
use crate::{config, mail};

/// A time at which certificates of the seeds are good.
const NOW: Timestamp = Timestamp::constant(1_780_000_000, 0);

/// Sealed secrets, codes that people type, stored hashes, and the name of a new user.
pub fn secrets(text: &str) {
    static SEALER: LazyLock<Option<Sealer>> = LazyLock::new(|| Sealer::with(&Zeroizing::new([7; 32])).ok());
    let Some(sealer) = SEALER.as_ref() else { return };
    assert!(sealer.open("a", text).is_err(), "opened what it never sealed");
    if let Ok(sealed) = sealer.seal("a", text.as_bytes()) {
        let opened = sealer.open("a", &sealed).map(|plain| plain.expose_secret().to_vec());
        assert_eq!(opened.ok().as_deref(), Some(text.as_bytes()));
        assert!(sealer.open("b", &sealed).is_err(), "opened for another context");
    }
    for kind in [Code::SetUp, Code::Link, Code::Recovery] {
        let Some(code) = kind.read(&text.into()) else { continue };
        let again = kind.read(&code).map(|again| again.expose_secret().to_owned());
        assert_eq!(again.as_deref(), Some(code.expose_secret()), "read twice, it is another code");
    }
    assert!(totp::read(text).is_none_or(|code| code < 1_000_000));
    drop(Stored::read(text));
    if let Ok(params) = Params::from_str(text) {
        assert_eq!(Params::from_str(&params.to_string()).ok(), Some(params));
    }
    let (name, rest) = text.split_once('\n').unwrap_or((text, text));
    let new = NewUser {
        name: name.to_owned(),
        full_name: rest.to_owned(),
        mail: Some(rest.to_owned()),
        origin: Origin::Local,
        external_id: None,
    };
    if let Ok(new) = new.checked() {
        let fields = [new.name.as_str(), &new.full_name, new.mail.as_deref().unwrap_or_default()];
        for field in fields {
            assert!(!field.contains(char::is_control), "a name with control characters: {field:?}");
            assert!(field.len() <= 4096, "a name without end");
        }
    }
}

/// A site's list of passwords that nobody may choose, and the first line as a password.
pub fn passwords(text: &str) {
    let (known, problems) = KnownBad::with_site(text);
    let lines = text.lines().count();
    assert!(problems.iter().all(|problem| problem.line <= lines), "a problem of no line");
    let password = text.lines().next().unwrap_or_default();
    let own = [String::from("eva"), String::from("eva@example.com")];
    let reasons = Policy::default().reasons(&known, &SecretString::from(password), &own);
    if password.chars().count() < Policy::default().minimum_length {
        assert!(!reasons.is_empty(), "a short password is taken");
    }
    for reason in reasons {
        let told = reason.to_string();
        assert!(password.len() < 8 || !told.contains(password), "a reason repeats the password");
    }
}

/// What a directory sends: messages, the answer to StartTLS, names of entries.
pub fn directory(bytes: &[u8]) {
    if ber::is_sound(bytes) && !bytes.is_empty() {
        assert!(ldap3::asn1::parse_tag(bytes).is_ok(), "the library does not take what is sound");
    }
    let mut from = bytes;
    while let Some(Ok(message)) = ready(connection::message(&mut from, ber::MAX_MESSAGE)) {
        assert!(message.len() <= ber::MAX_MESSAGE + 6 && ber::is_sound(&message));
        std::hint::black_box(connection::start_tls_result(&message));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let normal = names::normal_dn(text);
        assert_eq!(names::normal_dn(&normal), normal, "the normal form of a name has another one");
        let filter = format!("(uid={})", names::escaped(text));
        assert!(
            text.is_empty() || ldap3::parse_filter(&filter).is_ok(),
            "a name breaks out of its filter: {filter}"
        );
        std::hint::black_box(names::is_template(text, true));
    }
}

/// What an OpenID provider tells of itself, its keys and a token, a line each. With the keys of this file's tests nobody can
/// sign.
pub fn provider(text: &str) {
    const METADATA: &str = r#"{"issuer":"https://id.example","authorization_endpoint":"https://id.example/a","jwks_uri":"https://id.example/k","response_types_supported":["code"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["ES256"]}"#;
    const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k","use":"sig","alg":"ES256","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"},{"kty":"oct","kid":"s","k":"c2VjcmV0"}]}"#;
    let mut lines = text.lines();
    let token = lines.next().unwrap_or_default();
    assert!(oidc::judged(METADATA, KEYS, token, NOW).is_err(), "a token that nobody signed is taken");
    let (metadata, keys) = (lines.next().unwrap_or(METADATA), lines.next().unwrap_or(KEYS));
    if let Ok(subject) = oidc::judged(metadata, keys, token, NOW) {
        assert!((1..=255).contains(&subject.len()));
    }
}

/// The lines in which proxies say who asks.
pub fn forwarded(text: &str) {
    let mut headers = HeaderMap::new();
    for line in text.lines().take(64) {
        let Ok(value) = HeaderValue::from_str(line) else { continue };
        headers.append(HeaderName::from_static("forwarded"), value.clone());
        headers.append(HeaderName::from_static("x-forwarded-for"), value);
    }
    let (Ok(network), Ok(proxy), Ok(stranger)) =
        ("10.0.0.0/8".parse(), "10.0.0.1:7".parse(), "192.0.2.7:7".parse::<std::net::SocketAddr>())
    else {
        return;
    };
    for by in [ForwardedBy::XForwardedFor, ForwardedBy::Forwarded] {
        let proxies = TrustedProxies::new(vec![network], by);
        assert_eq!(
            proxies.client(stranger, &headers),
            ClientAddress::new(stranger.ip()),
            "a stranger is believed"
        );
        let client = proxies.client(proxy, &headers);
        assert_eq!(client.ip(), client.ip().to_canonical());
        assert!(client.pair_key().contains(&client.ip()) && client.ip_key().contains(&client.ip()));
    }
}

/// What a mail server says before TLS.
pub fn mail_server(bytes: &[u8]) {
    static PEER: LazyLock<Option<Peer>> =
        LazyLock::new(|| Peer::new("mail.example", 587, outbound::trust(None).ok()?).ok());
    let Some(peer) = PEER.as_ref() else { return };
    let mut stream = tokio::io::join(bytes, tokio::io::sink());
    if let Some(Ok(())) = ready(mail::wire::start_tls(peer, &mut stream, &ClientId::default())) {
        let said = String::from_utf8_lossy(bytes).to_ascii_uppercase();
        assert!(said.contains("STARTTLS"), "went on without its having been offered");
        assert!(said.matches("220").count() >= 2 && said.contains("250"), "went on though it was refused");
    }
}

/// Records of access reviews, reports as the database keeps them, and both configurations of a database.
pub fn records(text: &str) {
    if let Some((envelope, key)) = review::record::signed(text.as_bytes()) {
        if review::verify(&envelope, &key).is_ok() {
            let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
            assert!(value.is_object(), "a record that is no object");
        }
        // Whatever is said beside it: no other envelope opens with this key.
        assert!(review::verify(text, &key).is_err() || text.contains("signatures"));
    }
    drop(review::verify_any(text, text));
    drop(reports::unpacked(text));
    let variable = ("PALISADE_DATABASE_URL".into(), text.replace('\0', "").into());
    if let Ok((config, effective)) =
        config::Config::parse(None, [variable], &config::Overrides::default(), &|_| Ok(String::new().into()))
    {
        let shown: Vec<_> = effective.settings.iter().filter_map(config::Setting::text).collect();
        drop(format!("{shown:?}{:?}", config.database()));
    }
}

/// What a receiver of the ledger answers to a request of three entries.
pub fn bulk_answer(bytes: &[u8]) {
    let identifiers = ["nodes-1", "nodes-2", "management-system-3"].map(str::to_owned);
    if let Ok(items) = search::answer(bytes, &identifiers) {
        assert_eq!(items.len(), identifiers.len(), "an entry of which nothing is told");
        for item in items {
            let told = format!("{item:?}");
            assert!(told.len() < 4096 && !told.contains(char::is_control), "{told}");
        }
        assert!(search::answer(bytes, &[]).is_err(), "an answer to other entries is taken");
    }
}

/// What the server keeps of its ledger in files: events that wait, which the command line of the host leaves too, and the heads that it
/// saw last.
pub fn ledger_files(bytes: &[u8]) {
    let (events, length) = ledger::taken(bytes);
    assert!(length <= bytes.len(), "more is forgotten than was there");
    for event in events {
        let again = event.to_entry().ok().and_then(|entry| Event::from_entry(&entry).ok());
        assert_eq!(again.as_ref(), Some(&event), "read otherwise than written");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for (name, head) in ledger::seen_in(text) {
        let line = ledger::seen_line(name, head);
        assert_eq!(ledger::seen_in(&line).collect::<Vec<_>>(), [(name, head)], "read otherwise than written");
    }
}

/// Certificates and keys: given by the operator, of the own authority, of the server.
pub fn certificates(text: &str) {
    let Ok(names) = Names::new(&["palisade.example".to_owned()], None, &[], 8443) else { return };
    let (chain, key) = text.split_once("\n\n").unwrap_or((text, text));
    if let Some(until) = given::taken(chain, key, &names, NOW) {
        assert!(until > NOW, "a certificate that has ended is taken");
    }
    drop(authority::Authority::read(&text.into()));
    drop(authority::Leaf::read(&text.into()));
}

/// What a future gives that waits for nothing; none when it waits.
fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
