//! What goes wrong is told: in the ledger, once, and in words.

use super::engine::{ExportError, Going};
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_of_another_authority_is_given_nothing() {
    for bench in benches().await {
        let receiver = SyslogReceiver::start(SyslogTls::Gnutls);
        let other = tempfile::tempdir().unwrap();
        let other = Certificate::authority(other.path(), "authority", None);
        let mut settings = settings(&receiver);
        settings.ca_file = Some(other.certificate);
        let exporter = exporter(settings);
        bench.happen(Stream::Nodes, 10).await;
        let running = bench.run(&exporter, "one");
        bench.until(&exporter, "it fails", |standing| standing.health == Health::Fails).await;
        tokio::time::timeout(PATIENCE, async {
            while bench.told(Kind::LedgerExporterFailed).await.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .unwrap();
        running.end().await;
        let standing = bench.standing(&exporter).await;
        assert!(standing.error.unwrap().contains("is not trusted"));
        assert!(standing.places.iter().all(|place| place.next == 0) && receiver.lines().is_empty());
        let failed = bench.told(Kind::LedgerExporterFailed).await;
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].details["error"].contains("is not trusted"), "{failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_without_the_certificate_that_is_asked_for_does_not_count() {
    let bench = benches().await.remove(0);
    bench.happen(Stream::Nodes, 10).await;
    for tls in [SyslogTls::Gnutls, SyslogTls::Openssl] {
        let receiver = SyslogReceiver::start(tls);
        let exporter = exporter(SyslogSettings { client: None, ..settings(&receiver) });
        let engine = bench.engine(&exporter, "one");
        for _ in 0..20 {
            let error = engine.turn(&mut Going::default()).await.unwrap_err();
            assert!(matches!(error, ExportError::Send(_)), "{tls:?}: {error:?}");
        }
        assert!(receiver.lines().is_empty());
        assert_eq!(bench.standing(&exporter).await.waiting, 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_before_it_was_sent_is_told() {
    for bench in benches().await {
        let receiver = SyslogReceiver::start(SyslogTls::Gnutls);
        let exporter = exporter(settings(&receiver));
        bench.happen(Stream::Nodes, 100).await;
        for text in [
            "delete from ledger_entries where position < 40",
            "update ledger_heads set first_kept = 40 where log = 'nodes'",
            // By a hand that had no business there.
            "delete from ledger_entries where position = 70",
        ] {
            sqlx::query(text).execute(bench.store.writer()).await.unwrap();
        }
        let running = bench.run(&exporter, "one");
        bench.until_sent(&exporter).await;
        running.end().await;
        let received = order(&receiver.lines());
        assert_eq!(received["nodes"], (40..70).chain(71..100).collect::<Vec<_>>());
        let missed: Vec<Vec<String>> = bench
            .told(Kind::LedgerExporterMissed)
            .await
            .into_iter()
            .map(|event| ["log", "first", "last", "why"].map(|name| event.details[name].clone()).to_vec())
            .collect();
        assert_eq!(
            missed,
            [
                ["nodes", "70", "70", "not in the database"],
                ["nodes", "0", "39", "removed after their retention"]
            ]
        );
        let told = receiver.lines().iter().filter(|line| line.contains("ledger.exporter-missed")).count();
        assert!(told <= 2, "the receiver learns of it as of every entry");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_falls_behind_is_told_once_and_so_is_its_recovery() {
    for bench in benches().await {
        let mut receiver = SyslogReceiver::start(SyslogTls::Gnutls);
        receiver.kill();
        let exporter = exporter(settings(&receiver));
        bench.happen(Stream::Nodes, 10).await;
        let running = bench.run(&exporter, "one");
        let other = bench.run(&exporter, "two");
        bench.until(&exporter, "it fails", |standing| standing.health == Health::Fails).await;
        assert!(bench.told(Kind::LedgerExporterBehind).await.is_empty());
        bench.clock.advance(20 * 60 * 1000);
        bench.until(&exporter, "it is behind", |standing| standing.is_behind_told).await;
        let standing = bench.standing(&exporter).await;
        assert!(standing.seconds >= 20 * 60 && standing.waiting >= 10, "{standing:?}");
        receiver.start_again();
        bench.until(&exporter, "it is behind no more", |standing| !standing.is_behind_told).await;
        bench.until_sent(&exporter).await;
        running.end().await;
        other.end().await;
        let behind = bench.told(Kind::LedgerExporterBehind).await;
        assert_eq!((behind.len(), behind[0].details["waiting"].parse::<u64>().unwrap() >= 10), (1, true));
        let recovered = bench.told(Kind::LedgerExporterRecovered).await;
        let mut from: Vec<&str> = recovered.iter().map(|event| event.details["from"].as_str()).collect();
        from.sort_unstable();
        assert_eq!(from, ["a failure", "being behind"]);
    }
}

#[test]
fn pauses_grow_to_a_bound_and_are_not_all_the_same() {
    let pace = Pace::default();
    for (failures, least, most) in
        [(1, 500, 1000), (2, 1000, 2000), (5, 8000, 16_000), (7, 30_000, 60_000), (u32::MAX, 30_000, 60_000)]
    {
        let pauses: Vec<u128> = (0..50).map(|_| pace.pause(failures).as_millis()).collect();
        assert!(pauses.iter().all(|pause| (least..=most).contains(pause)), "{failures}: {pauses:?}");
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{failures}: {pauses:?}");
    }
    assert!(pace.lease / 2 > TIME_LIMIT, "who sends must have the right to until it is taken");
}
