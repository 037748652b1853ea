//! The ledger as programs read it, on both databases: filters, proofs, tiles, exports that verify.

use std::collections::BTreeSet;
use std::io::Cursor;

use axum::http::{StatusCode, header};
use ledger::{
    Archive, Check, Log, Path as Part, Policy, Proof, Source, SourceError, VerifierKey, record_hash, verify,
    verify_archive,
};
use serde_json::Value;

use crate::api::route::router;
use crate::api::routes;
use crate::api::tests::{Answer, Api, benches};
use crate::identity::sessions::Factors;
use crate::ledger::Said;

struct Bench {
    api: Api,
    cookie: String,
}

impl Bench {
    async fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for api in benches(|app| router(app, routes())).await {
            let ivo = api.user("ivo", &["auditor"]).await;
            let cookie = api.session(&ivo, Factors::Both).await;
            // What made the user is no part of these tests.
            sqlx::query("delete from ledger_pending").execute(api.app.store().writer()).await.unwrap();
            all.push(Self { api, cookie });
        }
        all
    }

    async fn ask(&self, path: &str) -> Answer {
        self.api.send("GET", &format!("/api/v1/ledger{path}"), &[("cookie", &self.cookie)], None).await
    }

    async fn happen(&self, count: usize) {
        for number in 0..count {
            let said =
                Said::done(ledger::Kind::SessionBegun).on("user", &format!("u{number}"), Some("=eva, \"x\""));
            self.api.app.ledger.tell(said).await.unwrap();
        }
        let refused = Said::refused(ledger::Kind::AccessRefused).with("status", "403");
        self.api.app.ledger.tell(refused).await.unwrap();
        self.api.app.ledger.sequence_all().await;
    }

    async fn key(&self) -> VerifierKey {
        let streams = self.ask("").await.body;
        VerifierKey::read(streams[0]["key"].as_str().unwrap()).unwrap()
    }
}

fn positions(answer: &Answer) -> Vec<u64> {
    let items = answer.body["items"].as_array().unwrap();
    items.iter().map(|item| item["position"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_stream_tells_its_size_its_root_and_its_key() {
    for bench in Bench::all().await {
        let empty = bench.ask("").await.body;
        let names: Vec<&str> =
            empty.as_array().unwrap().iter().map(|stream| stream["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["management-system", "nodes", "workloads"]);
        assert_eq!((&empty[1]["size"], empty[1].get("checkpoint")), (&Value::from(0), None));
        bench.happen(3).await;
        let streams = bench.ask("").await.body;
        assert_eq!(streams[0]["size"], 4);
        let checkpoint = bench.ask("/management-system/checkpoint").await;
        assert_eq!(checkpoint.text, streams[0]["checkpoint"].as_str().unwrap());
        assert_eq!(checkpoint.headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
        let read = ledger::Checkpoint::read(checkpoint.text.as_bytes()).unwrap();
        read.signed_by(&bench.key().await).unwrap();
        assert_eq!(hex::encode(read.head().root.0), streams[0]["root"].as_str().unwrap());
        assert_eq!(bench.ask("/nodes/checkpoint").await.status, StatusCode::NOT_FOUND);
        assert_eq!(bench.ask("/nobody/checkpoint").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn entries_are_filtered_and_paged() {
    for bench in Bench::all().await {
        bench.happen(120).await;
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = bench.ask(&format!("/management-system/entries?after={after}")).await;
            seen.extend(positions(&page));
            match page.body["next"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => break,
            }
        }
        assert!(seen.is_sorted_by(|one, next| one > next));
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), (0..121).collect());
        for (query, expected) in [
            ("subject=u7", vec![7]),
            ("event=access.refused", vec![120]),
            ("result=refused&category=access-control", vec![120]),
            ("result=failed", vec![]),
            ("actor=nobody-of-that-name", vec![]),
            ("until=2020-01-01", vec![]),
            ("since=2020-01-01T00:00&event=access.refused", vec![120]),
        ] {
            let found = bench.ask(&format!("/management-system/entries?{query}")).await;
            assert_eq!(positions(&found), expected, "{query}");
        }
        for (query, status) in [
            ("since=yesterday", StatusCode::UNPROCESSABLE_ENTITY),
            ("since=2026-02-02&until=2026-02-01", StatusCode::UNPROCESSABLE_ENTITY),
            ("event=access.refuse", StatusCode::UNPROCESSABLE_ENTITY),
            ("category=access", StatusCode::UNPROCESSABLE_ENTITY),
            ("result=bad", StatusCode::UNPROCESSABLE_ENTITY),
            ("address=192.0.2", StatusCode::UNPROCESSABLE_ENTITY),
            ("after=x", StatusCode::BAD_REQUEST),
            ("after=-1", StatusCode::BAD_REQUEST),
            ("actr=eva", StatusCode::BAD_REQUEST),
        ] {
            let refused = bench.ask(&format!("/management-system/entries?{query}")).await;
            assert_eq!(refused.status, status, "{query}");
        }
    }
}

/// An entry that somebody changed in the database is shown for what it is, by the API and by its page.
#[tokio::test]
async fn an_entry_that_was_changed_is_not_vouched_for() {
    for bench in Bench::all().await {
        bench.happen(3).await;
        let good = bench.ask("/management-system/entries/1").await;
        assert!(good.body["fault"].is_null(), "{}", good.text);
        let change = "update ledger_entries set entry = replace(entry, '=eva', '=ida') where position = 1";
        sqlx::query(change).execute(bench.api.app.store().writer()).await.unwrap();
        let bad = bench.ask("/management-system/entries/1").await;
        assert!(bad.body["fault"].as_str().unwrap().contains("entry 1 is not what was logged"), "{}", bad.text);
        assert!(bench.ask("/management-system/entries/2").await.body["fault"].is_null());
    }
}

/// Somebody who was deleted is still found by name.
#[tokio::test]
async fn who_is_gone_is_found_by_name() {
    for bench in Bench::all().await {
        let gone = Said::done(ledger::Kind::UserDeleted).on("user", "0192-anna", Some("Anna"));
        bench.api.app.ledger.tell(gone).await.unwrap();
        let before = Said::done(ledger::Kind::UserDeactivated).on("user", "0192-anna", None);
        bench.api.app.ledger.tell(before).await.unwrap();
        bench.api.app.ledger.sequence_all().await;
        let found = bench.ask("/management-system/entries?subject=anna").await;
        assert_eq!(positions(&found), [1, 0], "{}", found.text);
    }
}

#[tokio::test]
async fn an_entry_comes_with_a_proof_that_checks() {
    for bench in Bench::all().await {
        bench.happen(300).await;
        let key = bench.key().await;
        for position in [0, 7, 255, 256, 300] {
            let one = bench.ask(&format!("/management-system/entries/{position}")).await;
            let text = one.body["text"].as_str().unwrap();
            let proof = Proof::read(one.body["proof"].as_str().unwrap().as_bytes()).unwrap();
            proof.check(record_hash(text.as_bytes()), &key).unwrap();
            let file = bench.ask(&format!("/management-system/entries/{position}/proof")).await;
            Proof::read(&file.bytes).unwrap().check(record_hash(text.as_bytes()), &key).unwrap();
            let changed = text.replace("session", "Session");
            if changed != text {
                assert!(proof.check(record_hash(changed.as_bytes()), &key).is_err());
            }
        }
        for nothing in ["301", "x", "-1", "007", "9223372036854775808"] {
            let answer = bench.ask(&format!("/management-system/entries/{nothing}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{nothing}");
        }
        for text in [
            "delete from ledger_entries where position < 256",
            "update ledger_heads set first_kept = 256 where log = 'management-system'",
        ] {
            sqlx::query(text).execute(bench.api.app.store().writer()).await.unwrap();
        }
        let gone = bench.ask("/management-system/entries/7").await;
        assert_eq!((gone.status, gone.body["type"].as_str()), (StatusCode::GONE, Some("gone")));
        assert_eq!(bench.ask("/management-system/entries/7/proof").await.status, StatusCode::GONE);
    }
}

/// The routes of tiles, each part fetched once.
struct Served(std::collections::BTreeMap<Part, Vec<u8>>);

impl Source for Served {
    fn read(&mut self, path: Part) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.0.get(&path).cloned())
    }
}

#[tokio::test]
async fn the_log_is_verified_by_its_tiles() {
    for bench in Bench::all().await {
        bench.happen(299).await;
        let mut served = Served(Default::default());
        for path in Part::all(300, 0).chain([Part::Checkpoint]) {
            let answer = bench.ask(&format!("/management-system/{path}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            let is_full = matches!(path, Part::Tile { width: 256, .. });
            let kept = answer.headers.get(header::CACHE_CONTROL).map(|kept| kept.to_str().unwrap());
            assert_eq!(kept.is_some_and(|kept| kept.contains("immutable")), is_full, "{path}: {kept:?}");
            served.0.insert(path, answer.bytes);
        }
        let verified = verify(&mut served, &Policy::of(bench.key().await), &Log::default()).unwrap();
        assert!(verified.is_good() && verified.entries == 300, "{:?}", verified.faults);
        for nothing in ["tile/0/007", "tile/entries/001.p/45", "tile/0/0", "tile/x", "tile/0/../0"] {
            let answer = bench.ask(&format!("/management-system/{nothing}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{nothing}");
        }
    }
}

#[tokio::test]
async fn an_exported_archive_verifies_and_one_flipped_byte_is_found() {
    for bench in Bench::all().await {
        bench.happen(300).await;
        let policy = Policy::of(bench.key().await);
        let export = bench.ask("/export").await;
        assert_eq!(export.status, StatusCode::OK);
        let checked = |bytes: Vec<u8>| {
            let mut archive = Archive::open(Cursor::new(bytes)).unwrap();
            verify_archive(&mut archive, &policy, &[]).unwrap()
        };
        let good = checked(export.bytes.clone());
        assert_eq!(good.len(), 1);
        assert!(good[0].verified.is_good(), "{:?}", good[0].verified.faults);
        assert_eq!(good[0].verified.entries, 302, "with the entry of the export itself");
        let at = export.bytes.windows(6).position(|part| part == b"\"u271\"").unwrap();
        let mut flipped = export.bytes;
        flipped[at + 4] ^= 1;
        let bad = checked(flipped);
        let faults: Vec<_> = bad[0].verified.faults.iter().map(|fault| (fault.check, fault.entry)).collect();
        assert_eq!(faults, [(Check::Entry, Some(271))]);
    }
}

#[tokio::test]
async fn lines_and_rows_hold_what_was_asked_for() {
    for bench in Bench::all().await {
        bench.happen(600).await;
        let lines = bench.ask("/export?format=jsonl&event=session.begun").await.text;
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let places: Vec<u64> = lines.iter().map(|line| line["position"].as_u64().unwrap()).collect();
        assert_eq!(places, (0..600).collect::<Vec<_>>());
        assert_eq!(lines[7]["entry"]["on"]["id"], "u7");
        let rows = bench.ask("/export?format=csv&stream=management-system&subject=u7").await.text;
        let rows: Vec<&str> = rows.split("\r\n").collect();
        assert!(rows[0].starts_with("stream,position,time,event,"), "{rows:?}");
        assert!(
            rows[1].starts_with("management-system,7,") && rows[1].contains("\"'=eva, \"\"x\"\"\""),
            "{rows:?}"
        );
        assert_eq!(rows.len(), 3);
        for (query, status) in [
            ("format=archive&actor=eva", StatusCode::UNPROCESSABLE_ENTITY),
            ("format=xlsx", StatusCode::BAD_REQUEST),
            ("format=csv&stream=nobody", StatusCode::NOT_FOUND),
        ] {
            assert_eq!(bench.ask(&format!("/export?{query}")).await.status, status, "{query}");
        }
        let told = bench.ask("/management-system/entries?event=ledger.exported&actor=ivo").await;
        assert_eq!(told.body["items"][0]["entry"]["details"]["format"], "csv", "{}", told.text);
        assert_eq!(positions(&told).len(), 2, "what was refused was not exported");
    }
}

#[tokio::test]
async fn the_catalogue_names_every_kind() {
    let bench = Bench::all().await.remove(0);
    let events = bench.ask("/events").await.body;
    assert_eq!(events.as_array().unwrap().len(), ledger::Kind::ALL.len());
    assert_eq!(events[0]["id"], ledger::Kind::ALL[0].as_str());
}
