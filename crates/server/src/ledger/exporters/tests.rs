//! Exporters on both databases, with real receivers of syslog: every entry is there, whatever is killed.

mod kills;
mod search;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ledger::{Event, Kind, record_hash};
use syslog_loose::{Variant, parse_message};
use test_support::{Certificate, SyslogReceiver, SyslogTls};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::cursor::Place;
use super::figures::Figures;
use super::*;
use crate::clock::Clock;
use crate::identity::login::Logins;
use crate::identity::login::tests::logins;
use crate::ledger::{Asker, Filter, Ledger, Said, Stream, during, list, prove};
use crate::store::Store;
use crate::store::tests::{TestStore, stores};

/// How long anything may take on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A ledger on one database.
struct Bench {
    store: Store,
    ledger: Ledger,
    clock: Clock,
    _logins: Logins,
    _kept: (tempfile::TempDir, TestStore),
}

async fn benches() -> Vec<Bench> {
    let mut all = Vec::new();
    for opened in stores().await {
        let directory = tempfile::tempdir().unwrap();
        let logins = logins(&opened.store, directory.path());
        let ledger = crate::ledger::tests::ledger(&logins, directory.path()).await;
        let store = opened.store.clone();
        all.push(Bench { store, ledger, clock: Clock::default(), _logins: logins, _kept: (directory, opened) });
    }
    all
}

/// As fast as a test wants it.
fn quick() -> Pace {
    Pace {
        every: Duration::from_millis(20),
        watch: Duration::from_millis(50),
        lease: Duration::from_secs(2),
        least: Duration::from_millis(20),
        most: Duration::from_millis(100),
        silence: Duration::from_secs(300),
    }
}

/// Settings for this receiver, with the certificate that it lets in.
fn settings(receiver: &SyslogReceiver) -> SyslogSettings {
    SyslogSettings {
        host: "localhost".to_owned(),
        port: receiver.port,
        ca_file: Some(receiver.authority.certificate.clone()),
        client: Some((receiver.sender.certificate.clone(), receiver.sender.key.clone())),
        own_name: "palisade.plant.example".to_owned(),
        time_limit: TIME_LIMIT,
    }
}

fn exporter(settings: SyslogSettings) -> Exporter {
    let receiver = Receiver::Syslog(Syslog::new(settings).unwrap());
    Exporter { name: "syslog", receiver: Arc::new(receiver) }
}

impl Bench {
    fn engine(&self, exporter: &Exporter, holder: &str) -> Engine {
        Engine {
            exporter: exporter.clone(),
            store: self.store.clone(),
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            holder: holder.to_owned(),
            pace: quick(),
            figures: Figures::default(),
        }
    }

    fn run(&self, exporter: &Exporter, holder: &str) -> Running {
        let ended = CancellationToken::new();
        // What it notes happens at the time of the test's clock.
        let asker = Asker::new(None, None, self.clock.clone());
        let task = tokio::spawn(during(asker, self.engine(exporter, holder).run(ended.clone())));
        Running { ended, task }
    }

    async fn happen(&self, stream: Stream, count: usize) {
        let events: Vec<Event> = (0..count)
            .map(|number| {
                let said = Said::done(Kind::SessionBegun)
                    .on("user", &format!("u{number}"), Some("Jörg \"]\\\n<13>1 \u{2028}"))
                    .with("more", "x".repeat(if number == 7 { 500 } else { number % 40 }));
                // The longest that an entry can be, or nearly.
                let said = (0..if number == 7 { 31 } else { 0 })
                    .fold(said, |said, field| said.with(&format!("field{field}"), "\u{1f512}".repeat(500)));
                said.event()
            })
            .collect();
        self.ledger.append(stream, &events).await.unwrap();
        self.ledger.sequence_all().await;
    }

    async fn standing(&self, exporter: &Exporter) -> Standing {
        standing(&self.store, exporter, self.clock.now()).await.unwrap()
    }

    /// Waits until everything was handed on.
    async fn until_sent(&self, exporter: &Exporter) {
        self.until(exporter, "everything was sent", |standing| {
            standing.waiting == 0 && !standing.places.is_empty()
        })
        .await;
    }

    async fn until(&self, exporter: &Exporter, what: &str, is_so: impl Fn(&Standing) -> bool) {
        let begun = std::time::Instant::now();
        loop {
            self.ledger.sequence_all().await;
            let standing = self.standing(exporter).await;
            if is_so(&standing) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "not so yet: {what}: {standing:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Entries of this kind.
    async fn told(&self, kind: Kind) -> Vec<Event> {
        self.ledger.sequence_all().await;
        let filter = Filter { event: kind.as_str().to_owned(), ..Filter::default() };
        let found = list(&self.store, Stream::ManagementSystem, &filter, None).await.unwrap();
        found.into_iter().map(|placed| placed.event).collect()
    }

    /// That each message is an entry of the tree; how often each place of each stream was received.
    async fn checked(&self, lines: &[String]) -> BTreeMap<&'static str, BTreeMap<u64, usize>> {
        let mut received: BTreeMap<&'static str, BTreeMap<u64, usize>> = BTreeMap::new();
        for line in lines {
            let read = parse_message(line, Variant::RFC5424);
            let data: BTreeMap<&str, String> =
                read.structured_data[0].params().map(|(name, value)| (*name, value)).collect();
            let stream = Stream::named(&data["stream"]).unwrap();
            assert_eq!(data["log"], self.ledger.key(stream).unwrap().name());
            let position: u64 = data["position"].parse().unwrap();
            let entry = read.msg.strip_prefix('\u{feff}').unwrap();
            let count = received.entry(stream.as_str()).or_default().entry(position).or_default();
            *count += 1;
            if *count == 1 && position.is_multiple_of(97) {
                let proof = prove(&self.store, stream, position).await.unwrap().unwrap();
                proof.check(record_hash(entry.as_bytes()), self.ledger.key(stream).unwrap()).unwrap();
            }
            assert_eq!(Event::from_entry(entry.as_bytes()).unwrap().id, data["id"]);
        }
        received
    }
}

/// An engine that runs.
struct Running {
    ended: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn end(self) {
        self.ended.cancel();
        self.task.await.unwrap();
    }

    /// As a kill ends it: the right to send is not given back.
    async fn kill(self) {
        self.task.abort();
        drop(self.task.await);
    }
}

/// The positions of each stream in the order in which they were received.
fn order(lines: &[String]) -> BTreeMap<String, Vec<u64>> {
    let mut order: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in lines {
        let read = parse_message(line, Variant::RFC5424);
        let data: BTreeMap<&str, String> =
            read.structured_data[0].params().map(|(name, value)| (*name, value)).collect();
        order.entry(data["stream"].clone()).or_default().push(data["position"].parse().unwrap());
    }
    order
}

async fn every_entry_is_there_once_and_in_order(tls: SyslogTls) {
    for bench in benches().await {
        let receiver = SyslogReceiver::start(tls);
        let exporter = exporter(settings(&receiver));
        bench.happen(Stream::Nodes, 700).await;
        let running = bench.run(&exporter, "one");
        for _ in 0..5 {
            bench.happen(Stream::ManagementSystem, 250).await;
        }
        bench.until_sent(&exporter).await;
        let lines = lines(&receiver, 1950).await;
        running.end().await;
        let failed = bench.told(Kind::LedgerExporterFailed).await;
        assert!(failed.is_empty(), "{:?}", failed[0].details);
        bench.checked(&lines).await;
        let order = order(&lines);
        assert_eq!(order["management-system"], (0..1250).collect::<Vec<_>>());
        assert_eq!(order["nodes"], (0..700).collect::<Vec<_>>());
        let longest = lines.iter().map(String::len).max().unwrap();
        assert!(longest > 60_000, "no long entry was sent: {longest}");
        let standing = bench.standing(&exporter).await;
        assert_eq!((standing.health, standing.waiting, standing.seconds), (Health::Well, 0, 0));
        let places: Vec<_> = standing.places.iter().map(|place: &Place| (place.stream, place.next)).collect();
        assert_eq!(places, [(Stream::ManagementSystem, 1250), (Stream::Nodes, 700)]);
    }
}

/// What was received, when there is so much of it.
async fn lines(receiver: &SyslogReceiver, expected: usize) -> Vec<String> {
    let begun = std::time::Instant::now();
    loop {
        let lines = receiver.lines();
        if lines.len() >= expected {
            return lines;
        }
        assert!(begun.elapsed() < PATIENCE, "{} messages of {expected} were received", lines.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_is_there_once_and_in_order_over_gnutls() {
    every_entry_is_there_once_and_in_order(SyslogTls::Gnutls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_is_there_once_and_in_order_over_openssl() {
    every_entry_is_there_once_and_in_order(SyslogTls::Openssl).await;
}
