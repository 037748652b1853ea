//! One server asks another over TLS, on both databases: cosigned, refused, contradicted, gone.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tempfile::TempDir;
use test_support::free_port;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::api::route::router;
use crate::api::routes;
use crate::api::tests::Api;
use crate::identity::oidc::tests::{Certified, certified};
use crate::ledger::{Filter, Happened, Said, list, prove};
use crate::outbound::tests::acceptor;
use crate::outbound::trust;
use crate::store::tests::{TestStore, stores};

/// A server of routes over TLS, ended when dropped.
struct Served {
    port: u16,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(router: Router, certified: &Certified) -> Served {
    let acceptor = acceptor(&certified.leaf);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(tls) = acceptor.accept(stream).await else { continue };
            let service = TowerToHyperService::new(router.clone());
            connections.spawn(async move {
                // Who has heard enough ends the connection.
                drop(http1::Builder::new().serve_connection(TokioIo::new(tls), service).await);
            });
        }
    });
    Served { port, task }
}

fn asking(key: &VerifierKey, port: u16, certified: &Certified) -> Witnesses {
    let prefix = format!("https://localhost:{port}/api/v1/ledger/witness");
    let trust = trust(Some(&certified.authority.certificate)).unwrap();
    Witnesses::new(vec![Witness { key: key.clone(), prefix }], trust)
}

async fn api(kept: (TempDir, TestStore)) -> Api {
    Api::on(kept, Vec::new(), Witnesses::default(), |app| router(app, routes())).await
}

fn log_key(api: &Api) -> VerifierKey {
    api.app.ledger.key(Stream::ManagementSystem).unwrap().clone()
}

/// A server whose ledger another one witnesses.
struct Pair {
    log: Api,
    witness: Api,
    served: Served,
    certified: Certified,
}

impl Pair {
    /// One on each database.
    async fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (one, two) in stores().await.into_iter().zip(stores().await) {
            let certified = certified();
            let witness = api((tempfile::tempdir().unwrap(), one)).await;
            let log = api((tempfile::tempdir().unwrap(), two)).await;
            let key = witness.app.cosigning.key().clone();
            let witness = witness.again(vec![log_key(&log)], Witnesses::default()).await;
            let served = serve(witness.router.clone(), &certified).await;
            let log = log.again(Vec::new(), asking(&key, served.port, &certified)).await;
            all.push(Self { log, witness, served, certified });
        }
        all
    }

    /// A server with the same key as the log's and nothing of what it logged.
    async fn twin(&self, opened: TestStore) -> Api {
        let directory = tempfile::tempdir().unwrap();
        std::fs::copy(self.log.directory().join("key"), directory.path().join("key")).unwrap();
        let settings: Vec<(String, String)> = sqlx::query_as("select key, value from settings")
            .fetch_all(self.log.app.store().reader())
            .await
            .unwrap();
        for (key, value) in settings {
            opened.store.set_setting(&key, &value).await.unwrap();
        }
        let witnesses = asking(self.witness.app.cosigning.key(), self.served.port, &self.certified);
        Api::on((directory, opened), Vec::new(), witnesses, |app| router(app, routes())).await
    }
}

async fn happen(api: &Api, count: u64) {
    for number in 0..count {
        let said = Said::done(Happened::SessionBegun).on("user", &format!("u{number}"), None);
        api.app.ledger.tell(said).await.unwrap();
    }
    api.app.ledger.sequence_all().await;
}

/// Asks everybody now, whoever was asked a moment ago.
async fn ask_all(api: &Api) {
    let witnesses = &api.app.witnesses;
    witnesses.state().tries.clear();
    witnesses.round(&api.app).await.unwrap();
}

async fn stands(api: &Api) -> Stands {
    let mut stands = api.app.witnesses.stands(&api.app).await.unwrap();
    assert_eq!(stands.len(), 1, "{stands:?}");
    stands.remove(0)
}

async fn shown_of(api: &Api) -> (u64, usize) {
    let standing = api.app.witnesses.standing(&api.app, Stream::ManagementSystem).await.unwrap().unwrap();
    (standing.checkpoint.head().size, standing.checkpoint.cosigners(&api.app.witnesses.keys))
}

async fn noted(api: &Api, event: Happened) -> usize {
    api.app.ledger.sequence_all().await;
    let filter = Filter { event: event.as_str().to_owned(), ..Filter::default() };
    list(api.app.store(), Stream::ManagementSystem, &filter, None).await.unwrap().len()
}

#[tokio::test]
async fn a_head_is_cosigned_and_shown_where_it_covers_what_is_asked() {
    for pair in Pair::all().await {
        let log = &pair.log;
        happen(log, 3).await;
        assert_eq!(shown_of(log).await, (3, 0));
        ask_all(log).await;
        assert_eq!(shown_of(log).await, (3, 1));
        let known = stands(log).await;
        assert!(known.size == 3 && known.trouble.is_none() && known.cosigned_at.is_some(), "{known:?}");
        // More than a tile, while the witness was not asked.
        happen(log, 300).await;
        let size = 304;
        assert_eq!(noted(log, Happened::LedgerCosigned).await, 1);
        assert_eq!(shown_of(log).await, (3, 1), "some seconds behind");
        let store = log.app.store();
        for (position, expected) in [(0, (3, 1)), (2, (3, 1)), (3, (size, 0)), (303, (size, 0))] {
            let proof = prove(store, Stream::ManagementSystem, position).await.unwrap().unwrap();
            let placed = crate::ledger::find(store, Stream::ManagementSystem, position).await.unwrap().unwrap();
            proof.check(ledger::record_hash(placed.entry.as_bytes()), &log_key(log)).unwrap();
            let head = proof.checkpoint.head().size;
            assert_eq!((head, proof.checkpoint.cosigners(&log.app.witnesses.keys)), expected, "{position}");
        }
        // A minute later what witnesses do not cosign is shown without them.
        log.app.clock.advance(61_000);
        assert_eq!(shown_of(log).await, (size, 0));
        ask_all(log).await;
        assert_eq!(shown_of(log).await, (size, 1));
        assert_eq!(noted(log, Happened::LedgerCosigned).await, 1, "the first time alone");
        assert_eq!(noted(&pair.witness, Happened::WitnessBegun).await, 1);
    }
}

/// Whoever verifies knows from where entries are kept, and must find the entry that says why.
#[tokio::test]
async fn what_is_shown_holds_the_entry_that_tells_of_removed_ones() {
    for pair in Pair::all().await {
        happen(&pair.log, 3).await;
        ask_all(&pair.log).await;
        happen(&pair.log, 3).await;
        assert_eq!(shown_of(&pair.log).await, (3, 1));
        pair.log.app.ledger.tell(Said::done(Happened::LedgerPruned)).await.unwrap();
        pair.log.app.ledger.sequence_all().await;
        assert_eq!(shown_of(&pair.log).await, (8, 0));
        ask_all(&pair.log).await;
        assert_eq!(shown_of(&pair.log).await, (8, 1));
    }
}

/// An export holds what there is, cosigned or not; nothing that is shown later is shorter, or it would be taken for cut off.
#[tokio::test]
async fn an_export_goes_without_witnesses_that_are_gone_and_nothing_shorter_is_shown_after_it() {
    for pair in Pair::all().await {
        let (log, stream) = (&pair.log, Stream::ManagementSystem);
        let exported = async || {
            let standing = standing(log.app.store(), stream).await.unwrap().unwrap();
            let mut all = log.app.witnesses.covering(&log.app, vec![(stream, standing)]).await.unwrap();
            let standing = all.remove(0).1;
            assert_eq!(standing.head, standing.checkpoint.head());
            (standing.head.size, standing.checkpoint.cosigners(&log.app.witnesses.keys))
        };
        happen(log, 3).await;
        ask_all(log).await;
        assert_eq!(exported().await, (3, 1));
        pair.served.task.abort();
        happen(log, 2).await;
        ask_all(log).await;
        assert_eq!(shown_of(log).await, (3, 1));
        assert_eq!(exported().await, (6, 0), "without waiting for who does not answer");
        assert_eq!(shown_of(log).await, (6, 0));
    }
}

#[tokio::test]
async fn a_forked_log_and_one_that_was_taken_back_are_refused_and_told() {
    for (size, has_proof) in [(3, false), (5, true), (8, true)] {
        for (pair, opened) in Pair::all().await.into_iter().zip(stores().await) {
            happen(&pair.log, 5).await;
            ask_all(&pair.log).await;
            let twin = pair.twin(opened).await;
            assert_eq!(log_key(&twin), log_key(&pair.log));
            happen(&twin, size).await;
            ask_all(&twin).await;
            let (trouble, said) = stands(&twin).await.trouble.unwrap();
            assert_eq!(trouble, Trouble::Contradicted, "{size}: {said}");
            let alarm = twin.app.witnesses.alarm().unwrap();
            assert!(alarm.contains("5 entries") && alarm.contains("/witness"), "{alarm}");
            assert_eq!(shown_of(&twin).await, (size, 0));
            ask_all(&twin).await;
            assert_eq!(noted(&twin, Happened::LedgerContradicted).await, 1, "{size}");
            let watched = pair.witness.app.cosigning.watched(pair.witness.app.store()).await.unwrap().remove(0);
            assert_eq!(watched.cosigned.unwrap().0.size, 5);
            // One that is shorter proves nothing by itself: it may have been late.
            assert_eq!(watched.refused.is_some(), has_proof, "{size}");
            assert_eq!(noted(&pair.witness, Happened::WitnessRefused).await, usize::from(has_proof), "{size}");
            // The log itself goes on.
            happen(&pair.log, 2).await;
            ask_all(&pair.log).await;
            assert!(stands(&pair.log).await.trouble.is_none() && pair.log.app.witnesses.alarm().is_none());
            // Who cuts the witness off does not silence it.
            pair.served.task.abort();
            ask_all(&twin).await;
            assert_eq!(stands(&twin).await.trouble.unwrap().0, Trouble::Contradicted);
            assert!(twin.app.witnesses.alarm().is_some());
        }
    }
}

#[tokio::test]
async fn a_witness_that_is_gone_or_is_not_the_one_is_told_and_asked_again() {
    for pair in Pair::all().await {
        let Pair { log, witness, served, certified } = pair;
        happen(&log, 3).await;
        let key = witness.app.cosigning.key().clone();
        let log = log.again(Vec::new(), asking(&key, free_port(), &certified)).await;
        ask_all(&log).await;
        let gone = stands(&log).await;
        assert_eq!(gone.trouble.as_ref().unwrap().0, Trouble::Unreachable, "{gone:?}");
        assert!(gone.cosigned_at.is_none() && log.app.witnesses.alarm().is_none());
        assert_eq!(shown_of(&log).await, (3, 0));
        // It is back.
        let log = log.again(Vec::new(), asking(&key, served.port, &certified)).await;
        ask_all(&log).await;
        assert!(stands(&log).await.trouble.is_none());
        assert_eq!((shown_of(&log).await, noted(&log, Happened::LedgerCosigned).await), ((3, 1), 1));
        // Another one than the key says.
        let other = ledger::SigningKey::of_witness("other.example", &[3; 32], 0).unwrap();
        let log = log.again(Vec::new(), asking(other.verifier(), served.port, &certified)).await;
        ask_all(&log).await;
        let (trouble, said) = stands(&log).await.trouble.unwrap();
        assert!(trouble == Trouble::Refused && said.contains("no cosignature of the key"), "{said}");
        // One that does not know this log.
        let stranger = witness.again(vec![other_log()], Witnesses::default()).await;
        let served = serve(stranger.router.clone(), &certified).await;
        let log = log.again(Vec::new(), asking(&key, served.port, &certified)).await;
        happen(&log, 1).await;
        ask_all(&log).await;
        let (trouble, said) = stands(&log).await.trouble.unwrap();
        assert!(trouble == Trouble::Refused && said.contains("does not know this ledger"), "{said}");
    }
}

fn other_log() -> VerifierKey {
    ledger::SigningKey::of_log("nobody.example/log", &[5; 32]).unwrap().verifier().clone()
}

#[test]
fn who_does_not_cosign_is_left_alone_longer_each_time() {
    let pauses: Vec<u64> = [1, 2, 3, 8, 9, 40, u32::MAX].map(|failures| pause(failures).as_secs()).to_vec();
    assert_eq!(pauses, [2, 4, 8, 256, 300, 300, 300]);
    for _ in 0..100 {
        let jittered = jittered(Duration::from_secs(100));
        assert!((Duration::from_secs(50)..=Duration::from_secs(100)).contains(&jittered), "{jittered:?}");
    }
}
