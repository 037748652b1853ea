//! Receivers and servers that are killed, and several servers at once.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_killed_in_the_middle_misses_nothing() {
    for bench in benches().await {
        let mut receiver = SyslogReceiver::start(SyslogTls::Gnutls);
        let exporter = exporter(settings(&receiver));
        let running = bench.run(&exporter, "one");
        for round in 0..6 {
            bench.happen(Stream::ManagementSystem, 400).await;
            bench.happen(Stream::Nodes, 400).await;
            // In the midst of it: something was written of what just happened, and not all.
            lines(&receiver, round * 800 + 1).await;
            receiver.kill();
            bench.happen(Stream::Nodes, 50).await;
            receiver.start_again();
        }
        bench.until_sent(&exporter).await;
        running.end().await;
        let lines = receiver.lines();
        // Who is killed while it writes can leave the beginning of a line; the entry comes again.
        let whole: Vec<String> = lines.into_iter().filter(|line| line.ends_with('}')).collect();
        let received = bench.checked(&whole.iter().map(|line| rest(line)).collect::<Vec<_>>()).await;
        for place in bench.standing(&exporter).await.places {
            let places: Vec<u64> = received[place.stream.as_str()].keys().copied().collect();
            assert_eq!(places, (0..place.size).collect::<Vec<_>>(), "{}", place.stream.as_str());
        }
        let failed = bench.told(Kind::LedgerExporterFailed).await;
        let recovered = bench.told(Kind::LedgerExporterRecovered).await;
        assert!(failed.len() <= 1 && failed.len() == recovered.len(), "{failed:?} {recovered:?}");
    }
}

/// A line behind what was left of another.
fn rest(line: &str) -> String {
    let begins = |(at, _): &(usize, &str)| line.get(at + 4..at + 7) == Some(">1 ");
    let at = line.match_indices("<1").filter(begins).last().map_or(0, |(at, _)| at);
    line.get(at..).unwrap_or(line).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_one_sends_at_a_time_and_the_other_goes_on() {
    for bench in benches().await {
        let receiver = SyslogReceiver::start(SyslogTls::Gnutls);
        let exporter = exporter(settings(&receiver));
        let (one, two) = (bench.run(&exporter, "one"), bench.run(&exporter, "two"));
        for _ in 0..10 {
            bench.happen(Stream::ManagementSystem, 200).await;
        }
        bench.until_sent(&exporter).await;
        // One ends in good order: the other goes on at once.
        one.end().await;
        bench.happen(Stream::ManagementSystem, 200).await;
        bench.until_sent(&exporter).await;
        assert_eq!(order(&receiver.lines())["management-system"], (0..2200).collect::<Vec<_>>());
        // One is killed: another goes on when its right to send has ended.
        two.kill().await;
        let three = bench.run(&exporter, "three");
        bench.happen(Stream::ManagementSystem, 200).await;
        bench.until_sent(&exporter).await;
        three.end().await;
        let received = bench.checked(&receiver.lines()).await;
        let places: Vec<u64> = received["management-system"].keys().copied().collect();
        assert_eq!(places, (0..2400).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_overtaken_moves_no_cursor() {
    for bench in benches().await {
        let now = bench.clock.now();
        bench.happen(Stream::Nodes, 10).await;
        cursor::begin(&bench.store, "syslog", now).await.unwrap();
        let place = cursor::places(&bench.store, "syslog").await.unwrap().remove(0);
        let take = |holder: &'static str, seconds: i64| {
            let (store, at) = (bench.store.clone(), now + jiff::SignedDuration::from_secs(seconds));
            async move { cursor::take(&store, "syslog", holder, at, Duration::from_secs(10)).await.unwrap() }
        };
        assert!(take("one", 0).await && take("one", 5).await && !take("two", 14).await);
        assert!(take("two", 16).await && !take("one", 17).await);
        let mut connection = bench.store.writer().acquire().await.unwrap();
        assert!(!cursor::advance(&mut connection, "syslog", "one", place, 5).await.unwrap());
        assert!(cursor::advance(&mut connection, "syslog", "two", place, 5).await.unwrap());
        assert!(
            !cursor::advance(&mut connection, "syslog", "two", place, 7).await.unwrap(),
            "it is at 5 by now"
        );
        drop(connection);
        // A clock that went back binds nobody.
        assert!(take("one", -3600).await);
        cursor::release(&bench.store, "syslog", "two").await.unwrap();
        assert!(!take("two", -3600).await, "only who has the right gives it back");
        cursor::release(&bench.store, "syslog", "one").await.unwrap();
        assert!(take("two", -3600).await);
    }
}
