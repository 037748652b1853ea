//! Entries as documents at a server that speaks OpenSearch's API.

use serde_json::Value;
use test_support::Osmem;

use super::*;

fn exporter(server: &Osmem) -> Exporter {
    let settings = SearchSettings {
        host: "127.0.0.1".to_owned(),
        port: server.port,
        path: "/".to_owned(),
        is_plain: true,
        index: "palisade-{stream}-{date}".to_owned(),
        login: Login::Nobody,
        ca_file: None,
        time_limit: TIME_LIMIT,
    };
    Exporter { name: "opensearch", receiver: Arc::new(Receiver::Search(SearchStore::new(settings).unwrap())) }
}

fn count(server: &Osmem, stream: &str) -> Value {
    drop(server.ask(&format!("/palisade-{stream}-*/_search?size=0&track_total_hits=true")));
    let told: Value = serde_json::from_str(&server.ask(&format!("/palisade-{stream}-*/_count"))).unwrap();
    told["count"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_is_a_document_once_however_often_it_is_sent() {
    for bench in benches().await {
        let server = Osmem::start();
        let exporter = exporter(&server);
        bench.happen(Stream::Nodes, 600).await;
        let running = bench.run(&exporter, "one");
        bench.happen(Stream::ManagementSystem, 700).await;
        bench.until_sent(&exporter).await;
        running.end().await;
        // All of it again, as after a cursor that was lost.
        sqlx::query("update ledger_cursors set next = 100").execute(bench.store.writer()).await.unwrap();
        let running = bench.run(&exporter, "two");
        bench.until_sent(&exporter).await;
        running.end().await;
        drop(server.ask("/_refresh"));
        assert_eq!((count(&server, "nodes"), count(&server, "management-system")), (600.into(), 700.into()));
        let day = bench.clock.now().strftime("%Y.%m.%d").to_string();
        let found = server.ask(&format!("/palisade-nodes-{day}/_doc/nodes-599"));
        let found: Value = serde_json::from_str(&found).unwrap();
        let document = &found["_source"];
        let entry = document["entry"].as_str().unwrap();
        let proof = prove(&bench.store, Stream::Nodes, 599).await.unwrap().unwrap();
        proof.check(record_hash(entry.as_bytes()), bench.ledger.key(Stream::Nodes).unwrap()).unwrap();
        let event = Event::from_entry(entry.as_bytes()).unwrap();
        assert_eq!(
            (&document["event"], &document["@timestamp"], &document["position"]),
            (&event.event.into(), &event.time.to_string().into(), &599.into())
        );
        assert_eq!(bench.standing(&exporter).await.health, Health::Well);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_looks_like_a_date_keeps_nothing_out() {
    let bench = benches().await.remove(0);
    let server = Osmem::start();
    let exporter = exporter(&server);
    let named = |name: &str| Said::done(Kind::SessionBegun).on("user", "u", Some(name)).event();
    let events: Vec<Event> = ["2026-11-23", "eva", "2026/11/24", "ida"].map(named).to_vec();
    bench.ledger.append(Stream::Nodes, &events).await.unwrap();
    let running = bench.run(&exporter, "one");
    bench.until_sent(&exporter).await;
    running.end().await;
    drop(server.ask("/_refresh"));
    assert_eq!(count(&server, "nodes"), Value::from(4));
}
