//! Every answer of the protocol, races and restarts, on both databases.

use std::collections::BTreeMap;

use axum::http::header;
use ledger::{Edge, Path, SIZE_TYPE, Tile, consistency, read_cosignatures, read_size, record_hash};
use tokio::task::JoinSet;

use super::*;
use crate::api::route::router;
use crate::api::routes;
use crate::api::tests::{Answer, Api, benches};
use crate::ledger::{Filter, Stream, list};

const ADD: &str = "/api/v1/ledger/witness/add-checkpoint";

/// A log of somebody else: entries numbered from 0, a fork from some entry on.
struct Log {
    key: SigningKey,
    fork: Option<u64>,
}

impl Log {
    fn new() -> Self {
        Self { key: SigningKey::of_log("other.example/log", &[7; 32]).unwrap(), fork: None }
    }

    fn forked(at: u64) -> Self {
        Self { fork: Some(at), ..Self::new() }
    }

    fn grown(&self, size: u64) -> (Head, BTreeMap<(u8, u64), Tile>) {
        let (mut edge, mut tiles) = (Edge::default(), BTreeMap::new());
        for number in 0..size {
            let is_forked = self.fork.is_some_and(|fork| number >= fork);
            let entry = record_hash(format!("{number} {is_forked}").as_bytes());
            edge.push(entry, |level, number, tile| drop(tiles.insert((level, number), tile.clone())));
        }
        tiles.extend(edge.partial().into_iter().map(|(level, number, tile)| ((level, number), tile)));
        (Head { size: edge.size(), root: edge.root() }, tiles)
    }

    fn request(&self, old: u64, size: u64) -> Request {
        let (head, tiles) = self.grown(size);
        let read = |path| match path {
            Path::Tile { level, number, .. } => tiles.get(&(level, number)).cloned(),
            _ => None,
        };
        let proof = consistency(old.min(size), size, &read).unwrap();
        Request { old, proof, checkpoint: Checkpoint::sign(head, &self.key).unwrap() }
    }
}

async fn witnesses() -> Vec<Api> {
    let mut all = Vec::new();
    for api in benches(|app| router(app, routes())).await {
        all.push(api.again(vec![Log::new().key.verifier().clone()], Default::default()).await);
    }
    all
}

async fn add(api: &Api, body: Vec<u8>) -> Answer {
    let body = String::from_utf8(body).unwrap();
    api.send("POST", ADD, &[], Some(("text/plain", body))).await
}

/// What was noted of witnessing, oldest first.
async fn noted(api: &Api) -> Vec<String> {
    api.app.ledger.sequence_all().await;
    let all = list(api.app.store(), Stream::ManagementSystem, &Filter::default(), None).await.unwrap();
    let mut told: Vec<String> = all.into_iter().map(|placed| placed.event.event).collect();
    told.retain(|event| event.starts_with("witness.") || event.ends_with(".refused"));
    told.reverse();
    told
}

#[tokio::test]
async fn every_answer_of_the_protocol_is_given() {
    for api in witnesses().await {
        let log = Log::new();
        let first = add(&api, log.request(0, 5).text()).await;
        assert_eq!(
            (first.status.as_u16(), noted(&api).await.as_slice()),
            (200, &["witness.begun".to_owned()][..])
        );
        assert_eq!(first.headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
        let key = [api.app.cosigning.key().clone()];
        let cosigned = read_cosignatures(&log.request(0, 5).checkpoint, &first.bytes, &key).unwrap();
        assert_eq!(cosigned.cosigners(&key), 1, "{}", first.text);

        let stranger = Log { key: SigningKey::of_log("other.example/log", &[8; 32]).unwrap(), fork: None };
        let unknown = Log { key: SigningKey::of_log("third.example/log", &[7; 32]).unwrap(), fork: None };
        let without_proof = Request { proof: Vec::new(), ..log.request(5, 9) };
        for (name, body, status) in [
            ("no request", b"old 5\n".to_vec(), 400),
            ("no text", "old 5\n\n\u{0}".into(), 400),
            ("backwards", log.request(9, 5).text(), 400),
            ("another key", stranger.request(5, 9).text(), 403),
            ("another log", unknown.request(0, 9).text(), 404),
            ("from nothing", log.request(0, 9).text(), 409),
            ("from elsewhere", log.request(4, 9).text(), 409),
            ("smaller", log.request(0, 4).text(), 409),
            ("another root", Log::forked(3).request(5, 5).text(), 409),
            ("another root, unasked", Log::forked(3).request(0, 5).text(), 409),
            ("no proof", without_proof.text(), 422),
            ("forked", Log::forked(3).request(5, 9).text(), 422),
            ("too long", vec![b'x'; 70_000], 413),
        ] {
            let answer = add(&api, body).await;
            assert_eq!(answer.status.as_u16(), status, "{name}: {}", answer.text);
            if status == 409 {
                assert_eq!(answer.headers[header::CONTENT_TYPE], SIZE_TYPE, "{name}");
                assert_eq!(read_size(&answer.bytes), Some(5), "{name}: {}", answer.text);
            }
        }
        // Refused, whatever it says: the head is the one from before.
        let watched = api.app.cosigning.watched(api.app.store()).await.unwrap().remove(0);
        assert_eq!(watched.cosigned.unwrap().0, log.grown(5).0);
        let proof = Checkpoint::read(watched.refused.unwrap().0.as_bytes()).unwrap();
        proof.signed_by(log.key.verifier()).unwrap();
        assert_eq!(proof.head(), Log::forked(3).grown(5).0);
        let told = noted(&api).await;
        let count = |name: &str| told.iter().filter(|event| *event == name).count();
        // A fork of the same size, and one that goes on differently: each told once.
        assert_eq!((count("witness.begun"), count("witness.refused")), (1, 2), "{told:?}");
        let on = add(&api, log.request(5, 300).text()).await;
        assert_eq!(on.status.as_u16(), 200, "{}", on.text);
    }
}

#[tokio::test]
async fn of_many_at_once_one_is_cosigned_and_the_head_never_goes_back() {
    for api in witnesses().await {
        let log = Log::new();
        assert_eq!(add(&api, log.request(0, 5).text()).await.status.as_u16(), 200);
        // Two processes on the same database.
        let logs = vec![log.key.verifier().clone()];
        let other = crate::ledger::tests::cosigning(&api.app.logins, logs).await;
        let other = std::sync::Arc::new(other);
        let mut all = JoinSet::new();
        for size in 6..26 {
            let (app, body, other) =
                (api.app.clone(), log.request(5, size).text(), std::sync::Arc::clone(&other));
            all.spawn(async move {
                let cosigning = if size % 2 == 0 { &app.cosigning } else { &*other };
                (size, cosigning.cosign(&app.ledger, app.store(), &body, app.now()).await)
            });
        }
        let mut won = Vec::new();
        while let Some(done) = all.join_next().await {
            let (size, answer) = done.unwrap();
            match answer {
                Ok(_) => won.push(size),
                Err(NotCosigned::Busy | NotCosigned::Refused(Refusal::Conflict(_))) => {}
                Err(error) => panic!("{size}: {error}"),
            }
        }
        assert_eq!(won.len(), 1, "{won:?}");
        let watched = api.app.cosigning.watched(api.app.store()).await.unwrap().remove(0);
        assert_eq!(watched.cosigned.unwrap().0, log.grown(won[0]).0);
    }
}

/// A new log that many ask for at once, before anything was ever cosigned of it.
#[tokio::test]
async fn of_many_that_begin_at_once_one_is_cosigned() {
    for api in witnesses().await {
        let mut all = JoinSet::new();
        for size in 1..9 {
            let (app, body) = (api.app.clone(), Log::new().request(0, size).text());
            all.spawn(
                async move { app.cosigning.cosign(&app.ledger, app.store(), &body, app.now()).await.is_ok() },
            );
        }
        assert_eq!(all.join_all().await.into_iter().filter(|won| *won).count(), 1);
        assert_eq!(noted(&api).await, ["witness.begun"]);
    }
}

#[tokio::test]
async fn what_was_cosigned_outlives_a_restart_and_the_same_is_cosigned_again() {
    for api in witnesses().await {
        let log = Log::new();
        let first = add(&api, log.request(0, 5).text()).await;
        let (key, at) = (api.app.cosigning.key().clone(), watched_at(&api).await);
        // Within seconds the very same line, and nothing is written.
        assert_eq!(add(&api, log.request(5, 5).text()).await.text, first.text);
        assert_eq!(watched_at(&api).await, at);
        api.app.clock.advance(60_000);
        let later = add(&api, log.request(5, 5).text()).await;
        assert!(later.status.is_success() && later.text != first.text, "{}", later.text);
        assert!(watched_at(&api).await > at);
        let api = api.again(vec![log.key.verifier().clone()], Default::default()).await;
        assert_eq!(*api.app.cosigning.key(), key);
        assert_eq!(add(&api, log.request(0, 3).text()).await.text, "5\n");
        assert_eq!(add(&api, log.request(5, 7).text()).await.status.as_u16(), 200);
        assert_eq!(noted(&api).await, ["witness.begun"]);
    }
}

async fn watched_at(api: &Api) -> Timestamp {
    api.app.cosigning.watched(api.app.store()).await.unwrap().remove(0).cosigned.unwrap().1
}

#[tokio::test]
async fn nothing_is_there_where_no_log_is_witnessed() {
    for api in benches(|app| router(app, routes())).await {
        let answer = add(&api, Log::new().request(0, 5).text()).await;
        assert_eq!((answer.status.as_u16(), answer.body["type"].as_str()), (404, Some("not-found")));
        let name = api.app.cosigning.key().name();
        assert!(name.starts_with("localhost:8443/") && name.ends_with("/witness"), "{name}");
        assert!(!format!("{:?}", api.app.cosigning).contains("seed"));
    }
}
