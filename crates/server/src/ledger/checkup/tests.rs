//! The server finds what was changed in its own log, on both databases, and says which check found it.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::Clock;
use crate::identity::login::tests::logins;
use crate::ledger::{Retention, prune, tests as bench};
use crate::store::tests::{TestStore, stores};

struct Bench {
    ledger: Ledger,
    opened: TestStore,
    directory: tempfile::TempDir,
}

async fn benches() -> Vec<Bench> {
    let mut all = Vec::new();
    for opened in stores().await {
        let directory = tempfile::tempdir().unwrap();
        let ledger = bench::ledger(&logins(&opened.store, directory.path()), directory.path()).await;
        all.push(Bench { ledger, opened, directory });
    }
    all
}

impl Bench {
    async fn happen(&self, count: usize) {
        let said = |number| Said::done(Happened::SessionBegun).on("user", &format!("u{number}"), Some("eva"));
        for number in 0..count {
            self.ledger.tell(said(number)).await.unwrap();
        }
        self.ledger.sequence_all().await;
    }

    async fn change(&self, text: &'static str) {
        let done = sqlx::query(text).execute(self.opened.store.writer()).await;
        assert!(done.unwrap().rows_affected() > 0, "{text}");
    }

    async fn checked(&self) -> Checkup {
        check(&self.ledger, &CancellationToken::new()).await.unwrap().unwrap()
    }

    /// Another process on the same database and in the same state directory.
    async fn again(&self) -> Ledger {
        bench::ledger(&logins(&self.opened.store, self.directory.path()), self.directory.path()).await
    }
}

fn names(checkup: &Checkup) -> Vec<&str> {
    checkup.found.iter().map(|found| found.check.as_str()).collect()
}

#[tokio::test]
async fn a_log_that_nobody_changed_is_found_whole_and_that_is_noted() {
    for bench in benches().await {
        assert_eq!(bench.checked().await.entries, 0, "there is nothing yet");
        bench.happen(300).await;
        let checkup = bench.checked().await;
        assert_eq!((checkup.faults, checkup.found.as_slice()), (0, [].as_slice()));
        // The first check noted itself.
        assert_eq!(checkup.entries, 301);
        assert_eq!(bench.ledger.ails(), None);
        bench.ledger.sequence_all().await;
        assert_eq!(bench.checked().await.entries, 302);
        let kept = list(&bench.opened.store).await.unwrap();
        assert_eq!(kept.iter().map(|checkup| checkup.entries).collect::<Vec<_>>(), [302, 301, 0]);
    }
}

#[tokio::test]
async fn entries_past_their_retention_are_no_fault() {
    for bench in benches().await {
        bench.happen(300).await;
        let none = Retention::new(Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let later = Clock::default().now() + jiff::SignedDuration::from_hours(1);
        assert!(prune(&bench.ledger, &bench.opened.store, &none, later).await.unwrap() > 0);
        bench.happen(10).await;
        let checkup = bench.checked().await;
        assert_eq!((checkup.faults, checkup.found.as_slice()), (0, [].as_slice()));
    }
}

/// One byte of each column of each table.
#[tokio::test]
async fn a_changed_byte_is_found_wherever_it_is_and_the_check_is_named() {
    let changes: [(&str, &str, Option<u64>); 16] = [
        (
            "update ledger_entries set entry = replace(entry, '\"u7\"', '\"u8\"') where position = 7",
            "entry",
            Some(7),
        ),
        ("update ledger_entries set entry = substr(entry, 2) where position = 299", "entry", Some(299)),
        ("update ledger_entries set actor = 'x' where position = 9", "columns", Some(9)),
        ("update ledger_entries set time = time + 1 where position = 9", "columns", Some(9)),
        ("update ledger_entries set event = 'session.ended' where position = 256", "columns", Some(256)),
        ("update ledger_entries set category = 'audit-log' where position = 0", "columns", Some(0)),
        ("update ledger_entries set result = 'failed' where position = 0", "columns", Some(0)),
        ("update ledger_entries set address = '192.0.2.1' where position = 0", "columns", Some(0)),
        ("update ledger_entries set subject = '' where position = 0", "columns", Some(0)),
        ("update ledger_entries set correlation = 'x' where position = 0", "columns", Some(0)),
        ("delete from ledger_entries where position = 5", "count", Some(5)),
        (
            "update ledger_tiles set hashes = case when hashes like 'A%' then 'B' else 'A' end || substr(hashes, 2) where level = 0 and number = 0",
            "tile",
            Some(0),
        ),
        (
            "update ledger_tiles set hashes = case when hashes like 'A%' then 'B' else 'A' end || substr(hashes, 2) where level = 1",
            "tile",
            Some(0),
        ),
        ("update ledger_heads set size = size - 1", "columns", None),
        (
            "update ledger_heads set root = replace(root, substr(root, 1, 1), case when root like 'a%' then 'b' else 'a' end)",
            "columns",
            None,
        ),
        ("update ledger_heads set first_kept = 3", "pruning", Some(0)),
    ];
    for (change, check, entry) in changes {
        for bench in benches().await {
            bench.happen(300).await;
            bench.change(change).await;
            let checkup = bench.checked().await;
            let found = checkup.found.iter().find(|found| found.check == check);
            assert!(found.is_some_and(|found| found.entry == entry), "{change}: {:?}", checkup.found);
            let told = bench.ledger.ails().unwrap_or_default();
            assert!(told.contains("management-system"), "{change}: {told}");
            // The next process knows it before it has looked.
            assert_eq!(list(&bench.opened.store).await.unwrap().remove(0), checkup);
            let noted: String = sqlx::query_scalar("select entry from ledger_pending limit 1")
                .fetch_one(bench.opened.store.reader())
                .await
                .unwrap();
            assert!(noted.contains("ledger.checked") && noted.contains("failed"), "{noted}");
        }
    }
}

#[tokio::test]
async fn a_changed_signature_is_found() {
    for bench in benches().await {
        bench.happen(3).await;
        let note: String = sqlx::query_scalar("select checkpoint from ledger_heads")
            .fetch_one(bench.opened.store.reader())
            .await
            .unwrap();
        for at in 0..note.len() {
            // Of the second half of the text each fifth byte; of the first, which says what is signed, each.
            if at > note.len() / 2 && at % 5 != 0 {
                continue;
            }
            let mut bytes = note.clone().into_bytes();
            if !bytes[at].is_ascii() {
                continue;
            }
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            sqlx::query("update ledger_heads set checkpoint = $1")
                .bind(String::from_utf8(bytes).unwrap())
                .execute(bench.opened.store.writer())
                .await
                .unwrap();
            let checkup = bench.checked().await;
            assert!(checkup.faults > 0, "byte {at} of {note}");
        }
    }
}

#[tokio::test]
async fn rows_that_belong_to_nothing_are_found() {
    let changes: [(&'static str, &str); 3] = [
        (
            "insert into ledger_entries (log, position, time, event, category, result, actor, address, subject, correlation, entry)
             select log, 1000, time, event, category, result, actor, address, subject, correlation, entry
             from ledger_entries where position = 0",
            "rows",
        ),
        ("insert into ledger_tiles (log, level, number, hashes) select log, 0, 7, hashes from ledger_tiles", "rows"),
        ("delete from ledger_heads", "form"),
    ];
    for (change, check) in changes {
        for bench in benches().await {
            bench.happen(10).await;
            bench.change(change).await;
            let checkup = bench.checked().await;
            let names = names(&checkup);
            assert!(names.contains(&check), "{change}: {:?}", checkup.found);
        }
    }
}

/// A database that was put back is found by what the server remembers outside of it, in this process and in the next.
#[tokio::test]
async fn a_log_that_lost_its_end_is_found() {
    for bench in benches().await {
        bench.happen(10).await;
        for table in ["ledger_heads", "ledger_entries", "ledger_tiles"] {
            let text = format!("create table old_{table} as select * from {table}");
            sqlx::query(sqlx::AssertSqlSafe(text)).execute(bench.opened.store.writer()).await.unwrap();
        }
        bench.happen(10).await;
        assert_eq!(bench.checked().await.faults, 0);
        for table in ["ledger_heads", "ledger_entries", "ledger_tiles"] {
            for text in
                [format!("delete from {table}"), format!("insert into {table} select * from old_{table}")]
            {
                sqlx::query(sqlx::AssertSqlSafe(text)).execute(bench.opened.store.writer()).await.unwrap();
            }
        }
        assert!(names(&bench.checked().await).contains(&"truncation"));
        // Without what the sequencer remembers, what the last good check kept tells.
        std::fs::remove_file(bench.directory.path().join("ledger-heads")).unwrap();
        let ledger = bench.again().await;
        let checkup = check(&ledger, &CancellationToken::new()).await.unwrap().unwrap();
        assert!(names(&checkup).contains(&"truncation"), "{:?}", checkup.found);
    }
}

/// Whoever holds the database and the keys writes another log in place of the one that was there: well signed, and not that one.
#[tokio::test]
async fn a_log_that_was_written_anew_is_found_as_a_fork() {
    for bench in benches().await {
        bench.happen(10).await;
        assert_eq!(bench.checked().await.faults, 0);
        for table in ["delete from ledger_heads", "delete from ledger_entries", "delete from ledger_tiles"] {
            bench.change(table).await;
        }
        let elsewhere = tempfile::tempdir().unwrap();
        let place = bench.directory.path();
        let other = bench::ledger(&logins(&bench.opened.store, place), elsewhere.path()).await;
        for number in 0..20 {
            let said = Said::done(Happened::SessionBegun).on("user", &format!("other{number}"), Some("eva"));
            other.tell(said).await.unwrap();
        }
        other.sequence_all().await;
        let checkup = bench.checked().await;
        assert!(names(&checkup).contains(&"fork"), "{:?}", checkup.found);
        // Nor does the server go on with it.
        bench.happen(1).await;
        assert!(bench.ledger.refuses().is_some());
    }
}

/// Another key in place of the one that signed.
#[tokio::test]
async fn a_key_that_was_swapped_is_found() {
    for bench in benches().await {
        bench.happen(10).await;
        bench.change("delete from settings where key = 'ledger_key'").await;
        let other = bench.again().await;
        let checkup = check(&other, &CancellationToken::new()).await.unwrap().unwrap();
        assert!(names(&checkup).contains(&"signature"), "{:?}", checkup.found);
        other.tell(Said::done(Happened::UserChanged)).await.unwrap();
        other.sequence_all().await;
        assert!(other.refuses().is_some(), "it signs no log of another key");
    }
}

#[tokio::test]
async fn a_check_ends_when_the_server_does() {
    for bench in benches().await {
        bench.happen(10).await;
        let ended = CancellationToken::new();
        ended.cancel();
        assert_eq!(check(&bench.ledger, &ended).await.unwrap(), None);
        keep(bench.ledger.clone(), ended).await;
    }
}
