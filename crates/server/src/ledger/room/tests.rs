//! How much room there is, on both databases, and what is told when it becomes tight.

use super::*;
use crate::clock::Clock;
use crate::identity::login::tests::logins;
use crate::ledger::{Filter, list, tests as bench};
use crate::store::tests::{TestStore, stores};

struct Bench {
    keeper: Keeper,
    opened: TestStore,
    directory: tempfile::TempDir,
}

async fn benches() -> Vec<Bench> {
    let mut all = Vec::new();
    for opened in stores().await {
        let directory = tempfile::tempdir().unwrap();
        let ledger = bench::ledger(&logins(&opened.store, directory.path()), directory.path()).await;
        if opened.store.engine() == Engine::Postgres {
            // Else the tables shrink by themselves between two looks.
            for table in ["ledger_entries", "ledger_tiles", "ledger_heads", "ledger_pending"] {
                let still = format!("alter table {table} set (autovacuum_enabled = false)");
                sqlx::query(sqlx::AssertSqlSafe(still)).execute(opened.store.writer()).await.unwrap();
            }
        }
        let events: Vec<_> = (0..2000).map(|_| Said::done(Happened::SessionBegun).event()).collect();
        ledger.append(Stream::ManagementSystem, &events).await.unwrap();
        ledger.sequence_all().await;
        let place = Place { capacity: 0, disk: None };
        let keeper = Keeper { ledger, place, retention: bench::retention(), counted: None };
        all.push(Bench { keeper, opened, directory });
    }
    all
}

impl Bench {
    /// The room where so many bytes may be taken.
    async fn look(&mut self, capacity: u64) -> Option<Room> {
        self.keeper.place.capacity = capacity;
        self.keeper.counted = None;
        self.keeper.look().await.unwrap()
    }

    /// The same where what is taken now is so many percent of them.
    async fn look_at(&mut self, percent: u64) -> Option<Room> {
        let taken = used(&self.opened.store).await.unwrap();
        self.look(taken * 100 / percent).await
    }

    async fn told(&self) -> Vec<String> {
        self.keeper.ledger.sequence_all().await;
        let filter = Filter { event: Happened::LedgerFilling.as_str().to_owned(), ..Filter::default() };
        let all = list(&self.opened.store, Stream::ManagementSystem, &filter, None).await.unwrap();
        all.into_iter().rev().map(|placed| placed.event.details["percent"].clone()).collect()
    }
}

#[tokio::test]
async fn each_level_is_told_once_and_a_full_log_takes_nothing_more() {
    for mut bench in benches().await {
        assert_eq!(bench.look(0).await, None);
        let room = bench.keeper.ledger.room().unwrap();
        // About a kilobyte an entry, whatever the database.
        assert!((500_000..8_000_000).contains(&room.used), "{room}");
        assert_eq!((room.total, room.percent(), room.is_full()), (None, 0, false));
        for (share, level) in [(50, 0), (82, 80), (82, 0), (79, 0)] {
            let reached = bench.look_at(share).await;
            assert_eq!(reached.map_or(0, |room| room.level(0)), level, "{share}");
        }
        assert_eq!(bench.told().await, ["80"]);
        // Told anew after it was left, and by the next process not again.
        assert_eq!(bench.look_at(50).await, None);
        assert!(bench.look_at(83).await.is_some());
        assert!(bench.look_at(96).await.is_some());
        let mut again = Keeper {
            ledger: bench.keeper.ledger.clone(),
            place: bench.keeper.place.clone(),
            retention: bench.keeper.retention.clone(),
            counted: None,
        };
        assert_eq!(again.look().await.unwrap(), None);
        assert_eq!(bench.told().await, ["80", "80", "95"]);
        bench.look_at(96).await;
        assert_eq!(bench.keeper.ledger.refuses(), None);
        bench.look_at(100).await;
        let why = bench.keeper.ledger.refuses().unwrap();
        assert!(why.contains("audit_logs.capacity") && why.contains("100 %"), "{why}");
        bench.look_at(50).await;
        assert_eq!(bench.keeper.ledger.refuses(), None);
    }
}

/// A log that grows fast is not taken for what it was an hour ago.
#[tokio::test]
async fn what_was_added_counts_at_the_next_look() {
    for mut bench in benches().await {
        bench.look(1 << 40).await;
        let before = bench.keeper.ledger.room().unwrap().used;
        let events: Vec<_> = (0..3000).map(|_| Said::done(Happened::SessionBegun).event()).collect();
        bench.keeper.ledger.append(Stream::Nodes, &events).await.unwrap();
        bench.keeper.ledger.sequence_all().await;
        bench.keeper.look().await.unwrap();
        let after = bench.keeper.ledger.room().unwrap();
        assert!(after.used > before + 1_000_000, "{before} {after}");
    }
}

#[tokio::test]
async fn the_disk_bounds_what_the_configuration_allows() {
    let mut bench = benches().await.remove(0);
    bench.keeper.place.disk = Some(bench.directory.path().to_owned());
    bench.look(0).await;
    let on_disk = bench.keeper.ledger.room().unwrap().total.unwrap();
    assert!(on_disk > 100 << 20, "this machine has {on_disk} bytes free");
    bench.look(u64::MAX).await;
    let bounded = bench.keeper.ledger.room().unwrap().total.unwrap();
    assert!(bounded.abs_diff(on_disk) < 1 << 30, "{bounded} {on_disk}");
    bench.look(64 << 20).await;
    assert_eq!(bench.keeper.ledger.room().unwrap().total, Some(64 << 20));
}

#[tokio::test]
async fn a_log_that_grows_tells_when_it_will_be_full() {
    for mut bench in benches().await {
        let now = Clock::default().now();
        let ledger = bench.keeper.ledger.clone();
        let mut events = Vec::new();
        for day in 1..=7 {
            for number in 0..200 {
                let mut event = Said::done(Happened::SessionBegun).event();
                event.time = now - SignedDuration::from_hours(24 * day);
                event.id = format!("{:030x}{number:02x}", 7 - day);
                events.push(event);
            }
        }
        ledger.append(Stream::Nodes, &events).await.unwrap();
        ledger.sequence_all().await;
        bench.look(1 << 40).await;
        let room = ledger.room().unwrap();
        assert!(room.per_day.is_some_and(|bytes| bytes > 50_000), "{room}");
        assert_eq!(room.outlook, Outlook::Never);
        bench.look(room.used + room.per_day.unwrap() * 20).await;
        let Outlook::On(day) = ledger.room().unwrap().outlook else { panic!("{room}") };
        let days = day.duration_since(now).as_hours() / 24;
        assert!((19..=21).contains(&days), "{days}: {room}");
    }
}

#[test]
fn bytes_are_written_as_people_read_them() {
    for (count, expected) in
        [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (10 << 20, "10 MiB"), (16 << 30, "16 GiB")]
    {
        assert_eq!(bytes(count), expected);
    }
}
