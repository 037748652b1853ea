//! What is noted has its place, its proof, and cannot be changed, on both databases.

use std::collections::BTreeSet;
use std::path::Path as FilePath;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use axum::response::Response;
use ledger::{Check, Event, Kind, Log, Path, Policy, Source, SourceError, Verified, VerifierKey, verify};

use super::*;
use crate::clock::Clock;
use crate::identity::login::Logins;
use crate::identity::login::tests::logins;
use crate::store::Store;
use crate::store::tests::{TestStore, stores};

/// The ledger of a test's database.
pub(crate) async fn ledger(logins: &Logins, directory: &FilePath) -> Ledger {
    let place = "localhost:8443";
    Ledger::open(&logins.store, &logins.sealer, place, directory.to_owned(), Clock::default()).await.unwrap()
}

/// A witness of these logs; none, as the configuration has it by default.
pub(crate) async fn cosigning(logins: &Logins, logs: Vec<VerifierKey>) -> Cosigning {
    Cosigning::open(&logins.store, &logins.sealer, logs).await.unwrap()
}

/// What the configuration has by default.
pub(crate) fn retention() -> Retention {
    let days = |days: u64| Duration::from_secs(days * 86_400);
    Retention::new(days(180), days(180), days(180))
}

/// Routes that are sent something and do nothing that anybody must account for, and why.
const SILENT: &[(&str, &str)] = &[
    ("/api/v1/session/totp", "an authenticator app that is not confirmed opens nothing"),
    ("/api/v1/session/passkeys/start", "a passkey that is not made yet opens nothing"),
    ("/api/v1/session/second-factor/passkey", "a passkey that is not shown yet opens nothing"),
    (
        "/api/v1/reset-requests",
        "whether there is such a user is told to nobody; the link is noted when it is made",
    ),
    (
        "/api/v1/ledger/witness/add-checkpoint",
        "a cosignature for each checkpoint would drown all else; the first of a log is noted, and what contradicts it",
    ),
    ("/api/v1/thing", "a route of a test"),
];

/// Whether a route is one of them.
pub(crate) fn is_silent(path: &str) -> bool {
    SILENT.iter().any(|(silent, _)| *silent == path)
}

/// Of every request that any test sends: what was done is noted, and so is what was refused.
pub(crate) fn must_be_noted(method: &Method, path: &str, response: &Response, asker: &Asker) {
    let status = response.status();
    // What was answered before is not done again.
    let is_again = response.headers().contains_key("idempotency-replayed");
    let is_silent = is_again || is_silent(path);
    if !method.is_safe() && status.is_success() && path.starts_with("/api/") && !is_silent {
        assert!(asker.has_noted(false), "{method} {path} answered {status} and noted nothing");
    }
    let is_refusal =
        [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    if is_refusal && !method.is_safe() {
        assert!(asker.has_noted(true), "{method} {path} answered {status} and noted no refusal");
    }
}

struct Bench {
    ledger: Ledger,
    store: Store,
    logins: Logins,
    directory: tempfile::TempDir,
    _opened: TestStore,
}

async fn benches() -> Vec<Bench> {
    let mut all = Vec::new();
    for opened in stores().await {
        let directory = tempfile::tempdir().unwrap();
        let logins = logins(&opened.store, directory.path());
        let ledger = ledger(&logins, directory.path()).await;
        all.push(Bench { ledger, store: opened.store.clone(), logins, directory, _opened: opened });
    }
    all
}

impl Bench {
    /// Another process on the same database, with what this one has seen or without.
    async fn again(&self, has_seen: bool) -> Ledger {
        let other = tempfile::tempdir().unwrap();
        let directory = if has_seen { self.directory.path().to_owned() } else { other.keep() };
        ledger(&self.logins, &directory).await
    }

    async fn happen(&self, count: u64) {
        let said = |number: u64| Said::done(Kind::SessionBegun).on("user", &format!("u{number}"), None);
        let events: Vec<Event> = (0..count).map(|number| said(number).event()).collect();
        self.ledger.append(Stream::ManagementSystem, &events).await.unwrap();
        self.ledger.sequence_all().await;
    }

    /// The whole stream, as an auditor reads it.
    async fn checked(&self) -> Verified {
        let key = self.ledger.key(Stream::ManagementSystem).unwrap().clone();
        let standing = standing(&self.store, Stream::ManagementSystem).await.unwrap().unwrap();
        let mut parts = Parts::default();
        for path in Path::all(standing.head.size, standing.first_kept).chain([Path::Checkpoint]) {
            let bytes = part(&self.store, Stream::ManagementSystem, path).await.unwrap();
            parts.0.extend(bytes.map(|bytes| (path, bytes)));
        }
        let log = Log { minimum: standing.first_kept, ..Log::default() };
        verify(&mut parts, &Policy::of(key), &log).unwrap()
    }

    async fn change(&self, text: &'static str) {
        assert!(sqlx::query(text).execute(self.store.writer()).await.unwrap().rows_affected() > 0, "{text}");
    }
}

#[derive(Default)]
struct Parts(std::collections::BTreeMap<Path, Vec<u8>>);

impl Source for Parts {
    fn read(&mut self, path: Path) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.0.get(&path).cloned())
    }
}

#[tokio::test]
async fn what_is_noted_has_its_place_and_its_proof() {
    for bench in benches().await {
        for count in [1, 2, 253, 1, 300, 700] {
            bench.happen(count).await;
            let verified = bench.checked().await;
            assert!(verified.is_good(), "{:?}", verified.faults);
        }
        let size = standing(&bench.store, Stream::ManagementSystem).await.unwrap().unwrap().head.size;
        assert_eq!(size, 1257);
        let key = bench.ledger.key(Stream::ManagementSystem).unwrap();
        for position in [0, 255, 256, 1000, 1256] {
            let placed = find(&bench.store, Stream::ManagementSystem, position).await.unwrap().unwrap();
            let proof = prove(&bench.store, Stream::ManagementSystem, position).await.unwrap().unwrap();
            proof.check(ledger::record_hash(placed.entry.as_bytes()), key).unwrap();
        }
        assert!(prove(&bench.store, Stream::ManagementSystem, 1257).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_act_that_is_taken_back_is_in_no_log() {
    for bench in benches().await {
        let mut transaction = bench.store.writer().begin().await.unwrap();
        note(&mut transaction, Said::done(Kind::UserDeleted)).await.unwrap();
        transaction.rollback().await.unwrap();
        let mut transaction = bench.store.writer().begin().await.unwrap();
        note(&mut transaction, Said::done(Kind::UserInvited)).await.unwrap();
        transaction.commit().await.unwrap();
        bench.ledger.sequence_all().await;
        let all = list(&bench.store, Stream::ManagementSystem, &Filter::default(), None).await.unwrap();
        assert_eq!(all.iter().map(|placed| placed.event.event.as_str()).collect::<Vec<_>>(), ["user.invited"]);
    }
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    for bench in benches().await {
        bench.happen(120).await;
        let mut seen = BTreeSet::new();
        let mut before = None;
        loop {
            let mut page =
                list(&bench.store, Stream::ManagementSystem, &Filter::default(), before).await.unwrap();
            let is_last = page.len() <= PAGE;
            page.truncate(PAGE);
            seen.extend(page.iter().map(|placed| placed.position));
            before = page.last().map(|placed| placed.position);
            if is_last {
                break;
            }
        }
        assert_eq!(seen, (0..120).collect());
        let now = Clock::default().now();
        let hour = jiff::SignedDuration::from_hours(1);
        let of = |filter: Filter| {
            let store = bench.store.clone();
            async move { list(&store, Stream::ManagementSystem, &filter, None).await.unwrap().len() }
        };
        assert_eq!(of(Filter { subject: "u7".to_owned(), ..Filter::default() }).await, 1);
        assert_eq!(
            of(Filter { event: "session.begun".to_owned(), since: Some(now - hour), ..Filter::default() })
                .await,
            51
        );
        assert_eq!(of(Filter { until: Some(now - hour), ..Filter::default() }).await, 0);
        assert_eq!(of(Filter { result: "refused".to_owned(), ..Filter::default() }).await, 0);
    }
}

#[tokio::test]
async fn two_processes_make_one_log() {
    for bench in benches().await {
        let other = bench.again(false).await;
        for round in 0..20_u32 {
            let (first, second) =
                if round % 2 == 0 { (&bench.ledger, &other) } else { (&other, &bench.ledger) };
            let mut acts = tokio::task::JoinSet::new();
            for ledger in [first.clone(), second.clone()] {
                for _ in 0..10 {
                    let ledger = ledger.clone();
                    acts.spawn(async move {
                        ledger.tell(Said::done(Kind::UserChanged)).await.unwrap();
                        ledger.sequence_all().await;
                    });
                }
            }
            acts.join_all().await;
        }
        bench.ledger.sequence_all().await;
        other.sequence_all().await;
        assert_eq!((bench.ledger.refuses(), other.refuses()), (None, None));
        let verified = bench.checked().await;
        assert!(verified.is_good() && verified.entries == 400, "{:?}", verified.faults);
    }
}

/// Whoever changes the database is found: by who reads the log, and before anything more is signed.
#[tokio::test]
async fn what_was_changed_in_the_store_is_found_and_never_signed_over() {
    let changes: [(&str, Option<Check>, &str); 10] = [
        (
            "update ledger_entries set entry = replace(entry, 'u7\"', 'u8\"') where position = 7",
            Some(Check::Entry),
            "",
        ),
        ("delete from ledger_entries where position = 299", Some(Check::Count), ""),
        ("update ledger_entries set position = 100000 - position where position = 5", Some(Check::Count), ""),
        (
            "update ledger_entries set entry = (select other.entry from ledger_entries other
                 where other.position = 15 - ledger_entries.position) where position in (7, 8)",
            Some(Check::Entry),
            "",
        ),
        (
            "update ledger_entries set entry = replace(entry, '\"time\":\"20', '\"time\":\"19') where position = 9",
            Some(Check::Entry),
            "",
        ),
        (
            "update ledger_tiles set hashes = case when hashes like 'A%' then 'B' else 'A' end || substr(hashes, 2) where level = 0 and number = 1",
            None,
            "its tiles do not lead to the root",
        ),
        ("delete from ledger_tiles where level = 0 and number = 1", None, "missing or damaged"),
        ("update ledger_heads set size = 200", None, "its head is not the one that was signed"),
        (
            "update ledger_heads set root = replace(root, substr(root, 1, 1), case when root like 'a%' then 'b' else 'a' end)",
            None,
            "its head is not the one that was signed",
        ),
        ("delete from ledger_heads", None, "it had 300 entries and is gone"),
    ];
    for (change, check, reason) in changes {
        for bench in benches().await {
            bench.happen(300).await;
            bench.change(change).await;
            if let Some(check) = check {
                let verified = bench.checked().await;
                assert!(
                    verified.faults.iter().any(|fault| fault.check == check),
                    "{change}: {:?}",
                    verified.faults
                );
                continue;
            }
            let other = bench.again(true).await;
            other.tell(Said::done(Kind::UserChanged)).await.unwrap();
            other.sequence_all().await;
            let said = other.refuses().unwrap_or_default();
            assert!(said.contains(reason), "{change}: {said}");
        }
    }
}

/// A database that was put back to an older state is a log whose end is missing.
#[tokio::test]
async fn a_log_that_lost_its_end_is_not_gone_on_with() {
    for bench in benches().await {
        bench.happen(10).await;
        let heads: (i64, String, String) = sqlx::query_as("select size, root, checkpoint from ledger_heads")
            .fetch_one(bench.store.reader())
            .await
            .unwrap();
        let tile: String = sqlx::query_scalar("select hashes from ledger_tiles")
            .fetch_one(bench.store.reader())
            .await
            .unwrap();
        bench.happen(10).await;
        bench.change("delete from ledger_entries where position >= 10").await;
        sqlx::query("update ledger_heads set size = $1, root = $2, checkpoint = $3")
            .bind(heads.0)
            .bind(heads.1)
            .bind(heads.2)
            .execute(bench.store.writer())
            .await
            .unwrap();
        sqlx::query("update ledger_tiles set hashes = $1")
            .bind(tile)
            .execute(bench.store.writer())
            .await
            .unwrap();
        assert!(bench.checked().await.is_good(), "by itself it looks whole");
        let other = bench.again(true).await;
        other.tell(Said::done(Kind::UserChanged)).await.unwrap();
        other.sequence_all().await;
        let said = other.refuses().unwrap_or_default();
        assert!(said.contains("it had 20 entries and has 10 now"), "{said}");
    }
}

/// A record of 179 days is there, one of 181 is not, and the log is still whole: for each stream.
#[tokio::test]
async fn entries_go_after_their_retention_and_the_tree_stays() {
    for bench in benches().await {
        let now = Clock::default().now();
        for stream in Stream::ALL {
            for days in [200, 181, 179, 1] {
                let mut event = Said::done(Kind::SessionBegun).event();
                event.time = now - jiff::SignedDuration::from_hours(24 * days);
                event.id = format!("{days:032x}{}", stream.as_str());
                bench.ledger.append(stream, &[event]).await.unwrap();
                bench.ledger.sequence_all().await;
            }
        }
        assert_eq!(prune(&bench.ledger, &bench.store, &retention(), now).await.unwrap(), 6);
        bench.ledger.sequence_all().await;
        assert_eq!(prune(&bench.ledger, &bench.store, &retention(), now).await.unwrap(), 0);
        for stream in Stream::ALL {
            let ages: Vec<i64> = list(&bench.store, stream, &Filter::default(), None)
                .await
                .unwrap()
                .iter()
                .filter(|placed| placed.event.event == "session.begun")
                .map(|placed| now.duration_since(placed.event.time).as_hours() / 24)
                .collect();
            assert_eq!(ages, [1, 179], "{}", stream.as_str());
            assert_eq!(standing(&bench.store, stream).await.unwrap().unwrap().first_kept, 2);
            assert!(find(&bench.store, stream, 1).await.unwrap().is_none());
        }
        let verified = bench.checked().await;
        assert!(verified.is_good() && verified.pruned == 2, "{:?}", verified.faults);
        let told: Vec<(&str, u64)> =
            verified.prunings.iter().map(|(log, first)| (log.as_str(), *first)).collect();
        assert_eq!(told, [("management-system", 2), ("nodes", 2), ("workloads", 2)]);
        // Later, when what was told is past its retention too, it is told again.
        let later = now + jiff::SignedDuration::from_hours(24 * 400);
        prune(&bench.ledger, &bench.store, &retention(), later).await.unwrap();
        bench.ledger.sequence_all().await;
        let verified = bench.checked().await;
        assert!(verified.is_good(), "{:?}", verified.faults);
        assert_eq!(verified.prunings.len(), 3);
    }
}

/// While the database takes nothing, what is refused waits beside it, and is in the log when it does again.
#[tokio::test]
async fn what_the_database_does_not_take_waits_beside_it() {
    for bench in benches().await {
        bench.happen(1).await;
        sqlx::query("alter table ledger_pending rename to ledger_gone")
            .execute(bench.store.writer())
            .await
            .unwrap();
        for address in ["192.0.2.1", "192.0.2.2"] {
            let asker = Asker::new(Some(address.to_owned()), None, Clock::default());
            during(asker, bench.ledger.refuse(Said::refused(Kind::AccessRefused))).await.unwrap();
        }
        // An act cannot be noted, and is not done.
        let mut transaction = bench.store.writer().begin().await.unwrap();
        assert!(note(&mut transaction, Said::done(Kind::UserDeleted)).await.is_err());
        drop(transaction);
        sqlx::query("alter table ledger_gone rename to ledger_pending")
            .execute(bench.store.writer())
            .await
            .unwrap();
        let ended = tokio_util::sync::CancellationToken::new();
        ended.cancel();
        bench.again(true).await.keep(ended).await;
        let all = list(&bench.store, Stream::ManagementSystem, &Filter::default(), None).await.unwrap();
        let told: Vec<&str> = all.iter().map(|placed| placed.event.event.as_str()).collect();
        assert_eq!(told, ["ledger.spilled", "access.refused", "access.refused", "session.begun"]);
        let verified = bench.checked().await;
        assert!(verified.is_good() && verified.late == 2, "{:?}", verified.faults);
    }
}
