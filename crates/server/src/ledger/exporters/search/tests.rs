//! A server in place of OpenSearch that takes nothing but what the bulk API describes, and answers in every way in which it may.
//!
//! No package registry of the project has OpenSearch itself; `ledger/exporters/tests/search.rs` asks an implementation by another hand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::body::to_bytes;
use hyper::Response;
use hyper::server::conn::http1 as serving;
use hyper::service::service_fn;
use ledger::{Event, Kind};
use serde_json::{Value, json};
use test_support::Certificate;
use tokio::net::TcpListener;

use super::*;
use crate::ledger::Stream;
use crate::ledger::exporters::TIME_LIMIT;
use crate::outbound::tests::{acceptor, certificates};

/// How the next request is answered, where it is not as it should be.
enum Next {
    /// With this status and no more.
    Status(u16),
    /// As it should be, but for the items in these places, which get this status.
    Items(Vec<usize>, u16),
    /// With this body.
    Body(&'static str),
    /// With a body that does not end.
    Endless,
    /// Everything is kept, and the connection breaks before the answer.
    Cut,
}

#[derive(Default)]
struct Kept {
    documents: BTreeMap<String, Value>,
    /// Fields of text that were taken for dates when they came first.
    dates: BTreeMap<String, bool>,
    next: VecDeque<Next>,
    requests: usize,
    /// Bytes of a request at most.
    most: Option<usize>,
}

struct Server {
    kept: Arc<Mutex<Kept>>,
    settings: SearchSettings,
    _directory: tempfile::TempDir,
}

const PASSWORD: &str = "made-up";

impl Server {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (authority, made) = certificates(directory.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept: Arc<Mutex<Kept>> = Arc::default();
        tokio::spawn(serve(listener, made, Arc::clone(&kept), port));
        let settings = SearchSettings {
            host: "localhost".to_owned(),
            port,
            path: "/logs/".to_owned(),
            is_plain: false,
            index: "palisade-{stream}-{date}".to_owned(),
            login: Login::User("palisade".to_owned(), PASSWORD.into()),
            ca_file: Some(authority.certificate),
            time_limit: TIME_LIMIT,
        };
        Self { kept, settings, _directory: directory }
    }

    fn store(&self) -> SearchStore {
        SearchStore::new(self.settings.clone()).unwrap()
    }

    fn then(&self, next: Next) {
        self.kept.lock().unwrap().next.push_back(next);
    }

    fn identifiers(&self) -> Vec<String> {
        self.kept.lock().unwrap().documents.keys().cloned().collect()
    }
}

async fn serve(listener: TcpListener, certificate: Certificate, kept: Arc<Mutex<Kept>>, port: u16) {
    let acceptor = acceptor(&certificate);
    while let Ok((tcp, _)) = listener.accept().await {
        let (acceptor, kept) = (acceptor.clone(), Arc::clone(&kept));
        tokio::spawn(async move {
            let Ok(tls) = acceptor.accept(tcp).await else { return };
            let answer = service_fn(|request: Request<Incoming>| {
                let kept = Arc::clone(&kept);
                async move { answer(request, &kept, port).await }
            });
            drop(serving::Builder::new().serve_connection(TokioIo::new(tls), answer).await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    kept: &Mutex<Kept>,
    port: u16,
) -> Result<Response<Body>, std::io::Error> {
    let (parts, body) = request.into_parts();
    assert_eq!((parts.method.as_str(), parts.uri.path()), ("POST", "/logs/_bulk"));
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").as_deref(), Some("application/x-ndjson"));
    assert_eq!(header("host"), Some(format!("localhost:{port}")));
    let basic = format!("Basic {}", STANDARD.encode(format!("palisade:{PASSWORD}")));
    if header("authorization") != Some(basic) {
        return Ok(plain(401, "{\"error\":\"Unauthorized\"}"));
    }
    let body = to_bytes(Body::new(body), 1 << 26).await.unwrap();
    let mut kept = kept.lock().unwrap();
    kept.requests += 1;
    if kept.most.is_some_and(|most| body.len() > most) {
        return Ok(plain(413, ""));
    }
    let next = kept.next.pop_front();
    match next {
        Some(Next::Status(status)) => return Ok(plain(status, "{\"error\":{\"type\":\"made_up\"}}")),
        Some(Next::Body(text)) => return Ok(plain(200, text)),
        Some(Next::Endless) => return Ok(plain(200, &" ".repeat(MOST_ANSWER + 1))),
        _ => {}
    }
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.ends_with('\n'), "the last line has no end");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len().is_multiple_of(2) && !lines.is_empty());
    let mut items = Vec::new();
    for (place, pair) in lines.chunks(2).enumerate() {
        let action: Value = serde_json::from_str(pair[0]).unwrap();
        let (index, id) =
            (action["create"]["_index"].as_str().unwrap(), action["create"]["_id"].as_str().unwrap());
        assert_eq!(action.as_object().unwrap().len(), 1);
        let failed = match &next {
            Some(Next::Items(places, status)) if places.contains(&place) => Some(*status),
            _ => None,
        };
        let (status, error) = match failed {
            Some(status) => (status, Some(json!({"type": "made_up", "reason": "as the test wants it"}))),
            None => kept.create(format!("{index}/{id}"), serde_json::from_str(pair[1]).unwrap()),
        };
        items.push(json!({"create": {"_index": index, "_id": id, "status": status, "error": error}}));
    }
    if matches!(next, Some(Next::Cut)) {
        return Err(std::io::Error::other("as the test wants it"));
    }
    let errors = items.iter().any(|item| !item["create"]["error"].is_null());
    Ok(plain(200, &json!({"took": 1, "errors": errors, "items": items}).to_string()))
}

fn plain(status: u16, text: &str) -> Response<Body> {
    Response::builder().status(status).body(Body::from(text.to_owned())).unwrap()
}

impl Kept {
    /// Keeps a document, by the rules by which OpenSearch makes mappings of what it sees first.
    fn create(&mut self, id: String, document: Value) -> (u16, Option<Value>) {
        if self.documents.contains_key(&id) {
            return (409, Some(json!({"type": "version_conflict_engine_exception", "reason": "it is there"})));
        }
        let mut texts = Vec::new();
        collect("", &document, &mut texts);
        for (field, text) in &texts {
            let looks = text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::Date>().is_ok();
            let is_date = *self.dates.entry(field.clone()).or_insert(looks);
            if is_date && !looks {
                let reason = format!("failed to parse field [{field}] of type [date]");
                return (400, Some(json!({"type": "mapper_parsing_exception", "reason": reason})));
            }
        }
        self.documents.insert(id, document);
        (201, None)
    }
}

fn collect(name: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => into.push((name.to_owned(), text.clone())),
        Value::Array(all) => all.iter().for_each(|one| collect(name, one, into)),
        Value::Object(fields) => {
            fields.iter().for_each(|(field, value)| collect(&format!("{name}.{field}"), value, into));
        }
        _ => {}
    }
}

fn batch(positions: std::ops::Range<u64>, name: &str) -> Batch {
    let placed = |position| {
        let time = jiff::Timestamp::from_second(86_400 * i64::try_from(position / 3).unwrap()).unwrap();
        let mut event = Event::new("0".repeat(32), time, Kind::SessionBegun);
        event.actor.name = Some(name.to_owned());
        let entry = String::from_utf8(event.to_entry().unwrap()).unwrap();
        Placed { position, event, entry }
    };
    Batch { stream: Stream::Nodes, log: "plant/nodes".to_owned(), entries: positions.map(placed).collect() }
}

#[tokio::test]
async fn each_entry_is_there_once_however_often_it_is_sent() {
    let server = Server::start().await;
    let store = server.store();
    store.send(&batch(0..5, "eva")).await.unwrap();
    server.then(Next::Cut);
    let error = store.send(&batch(3..9, "eva")).await.unwrap_err();
    assert!(matches!(error, SendError::Http { .. }), "{error}");
    store.send(&batch(3..9, "eva")).await.unwrap();
    let expected: Vec<String> = (0..9)
        .map(|position| format!("palisade-nodes-1970.01.0{}/nodes-{position}", position / 3 + 1))
        .collect();
    assert_eq!(server.identifiers(), expected);
}

#[tokio::test]
async fn what_is_asked_to_come_later_is_an_error_and_is_there_the_next_time() {
    let server = Server::start().await;
    let store = server.store();
    for status in [408, 429, 500, 502, 503, 504] {
        server.then(Next::Status(status));
        let error = store.send(&batch(0..3, "eva")).await.unwrap_err();
        assert!(matches!(error, SendError::Later { .. }), "{status}: {error}");
    }
    for status in [429, 503] {
        server.then(Next::Items(vec![1], status));
        let error = store.send(&batch(0..3, "eva")).await.unwrap_err();
        assert!(error.to_string().contains("made_up, as the test wants it"), "{error}");
        assert_eq!(server.identifiers().len(), 2);
    }
    store.send(&batch(0..3, "eva")).await.unwrap();
    assert_eq!(server.identifiers().len(), 3);
}

#[tokio::test]
async fn nobody_keeps_entries_out_by_a_name_that_looks_like_a_date() {
    let server = Server::start().await;
    let store = server.store();
    store.send(&batch(0..1, "2026-11-23")).await.unwrap();
    store.send(&batch(1..3, "eva")).await.unwrap();
    let kept = server.kept.lock().unwrap();
    assert_eq!((kept.documents.len(), kept.requests), (3, 3));
    let bare = &kept.documents["palisade-nodes-1970.01.01/nodes-2"];
    assert!(bare["actor"].is_null() && bare["entry"].as_str().unwrap().contains("\"name\":\"eva\""), "{bare}");
}

#[tokio::test]
async fn what_is_taken_in_no_form_keeps_all_that_follow_waiting() {
    let server = Server::start().await;
    let store = server.store();
    for (status, requests) in [(403, 1), (404, 1), (400, 2)] {
        server.kept.lock().unwrap().requests = 0;
        for _ in 0..requests {
            server.then(Next::Items(vec![0], status));
        }
        let error = store.send(&batch(7..8, "eva")).await.unwrap_err();
        assert!(matches!(error, SendError::Refused { position: 7, .. }), "{status}: {error}");
        assert_eq!(server.kept.lock().unwrap().requests, requests);
    }
    assert!(server.identifiers().is_empty());
}

#[tokio::test]
async fn other_answers_are_told_for_what_they_are() {
    let server = Server::start().await;
    let store = server.store();
    for (next, says) in [
        (Next::Status(301), "answers with status 301"),
        (Next::Status(400), "answers with status 400"),
        (Next::Status(404), "see that the address is the one of OpenSearch"),
        (Next::Status(413), "no request of this size"),
        (Next::Body("<html>"), "does not answer as a bulk request is answered"),
        (Next::Body("{\"items\":[]}"), "does not answer as a bulk request is answered"),
        (Next::Endless, "answers with more than 4194304 bytes"),
    ] {
        server.then(next);
        let error = store.send(&batch(0..3, "eva")).await.unwrap_err();
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
    server.kept.lock().unwrap().most = Some(3000);
    let error = store.send(&batch(0..30, "eva")).await.unwrap_err();
    assert!(error.is_about_size(), "{error}");
    assert!(server.identifiers().is_empty());
}

#[tokio::test]
async fn who_logs_in_is_told_to_the_server_alone() {
    let server = Server::start().await;
    for login in
        [Login::Nobody, Login::User("palisade".to_owned(), "other".into()), Login::Key("b3RoZXI6a2V5".into())]
    {
        let store = SearchStore::new(SearchSettings { login, ..server.settings.clone() }).unwrap();
        let error = store.send(&batch(0..1, "eva")).await.unwrap_err();
        assert!(matches!(error, SendError::Credentials { status: 401, .. }), "{error}");
    }
    let shown = format!("{:?} {:?} {}", server.settings, server.store(), server.store().place());
    assert!(!shown.contains(PASSWORD) && !shown.contains("Basic"), "{shown}");
    let login = Login::Key("a\u{1}b".into());
    let error = SearchStore::new(SearchSettings { login, ..server.settings.clone() }).unwrap_err();
    assert!(matches!(error, SearchError::Header), "{error}");
    let wrong = SearchSettings { ca_file: None, ..server.settings.clone() };
    let error = SearchStore::new(wrong).unwrap().send(&batch(0..1, "eva")).await.unwrap_err();
    assert!(matches!(error, SendError::Outbound(OutboundError::Certificate { .. })), "{error}");
}

#[tokio::test]
async fn one_that_never_answers_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = SearchSettings {
        host: "127.0.0.1".to_owned(),
        port: silent.local_addr().unwrap().port(),
        path: "/".to_owned(),
        is_plain: true,
        index: "palisade".to_owned(),
        login: Login::Nobody,
        ca_file: None,
        time_limit: Duration::from_millis(300),
    };
    let error = SearchStore::new(settings).unwrap().send(&batch(0..1, "eva")).await.unwrap_err();
    assert!(matches!(error, SendError::Outbound(OutboundError::Slow { .. })), "{error}");
}
