//! What is asked, and every way in which it is answered.

use ledger::{Event, Kind, Outcome as Result_};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn placed(position: u64) -> Placed {
    let mut event =
        Event::new("0192f0a1".repeat(4), "2026-11-23T23:59:59.999Z".parse().unwrap(), Kind::AccessRefused);
    event.result = Result_::Refused;
    event.actor.name = Some("2026-11-23".to_owned());
    event.details.insert("before".to_owned(), "2026-11-23T00:00:00Z\nnext".to_owned());
    let entry = String::from_utf8(event.to_entry().unwrap()).unwrap();
    Placed { position, event, entry }
}

fn lines(form: Form) -> Vec<Value> {
    let (one, two) = (placed(7), placed(8));
    let body = body("palisade-{stream}-{date}", "plant/nodes", Stream::Nodes, &[&one, &two], form).unwrap();
    let text = String::from_utf8(body).unwrap();
    assert!(text.ends_with('\n') && text.lines().count() == 4, "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_request_has_two_lines_an_entry() {
    let lines = lines(Form::Whole);
    let create = json!({"create": {"_index": "palisade-nodes-2026.11.23", "_id": "nodes-7"}});
    assert_eq!(lines[0], create);
    let entry = placed(7).entry;
    assert_eq!(
        lines[1],
        json!({
            "@timestamp": "2026-11-23T23:59:59.999Z", "log": "plant/nodes", "stream": "nodes", "position": 7, "entry": entry,
            "id": "0192f0a1".repeat(4), "event": "access.refused", "category": "access-control", "result": "refused",
            "actor": {"kind": "system", "name": "2026-11-23"}, "details": ["before=2026-11-23T00:00:00Z\nnext"], "times": 1,
        })
    );
}

#[test]
fn the_bare_form_has_nothing_that_could_be_of_another_type() {
    let document = lines(Form::Bare).remove(3);
    let names: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(names, ["@timestamp", "entry", "log", "position", "stream"]);
}

fn told(items: Value, identifiers: &[&str]) -> Result<Vec<Item>, String> {
    let sent: Vec<String> = identifiers.iter().map(|id| (*id).to_owned()).collect();
    answer(json!({"took": 3, "errors": true, "items": items}).to_string().as_bytes(), &sent)
        .map_err(|error| error.to_string())
}

#[test]
fn each_status_says_what_became_of_the_entry() {
    for (status, expected) in [
        (200, "taken"),
        (201, "taken"),
        (409, "taken"),
        (429, "later"),
        (500, "later"),
        (503, "later"),
        (400, "ill-formed"),
        (403, "refused"),
        (404, "refused"),
        (413, "refused"),
        (0, "refused"),
    ] {
        let items = told(json!([{"create": {"_id": "a", "status": status}}]), &["a"]).unwrap();
        let word = match &items[0] {
            Item::Taken => "taken",
            Item::Later { .. } => "later",
            Item::IllFormed { .. } => "ill-formed",
            Item::Refused { .. } => "refused",
        };
        assert_eq!(word, expected, "{status}");
    }
    let error =
        json!({"type": "mapper_parsing_exception", "reason": "failed to parse\u{1b}[2J field ".repeat(50)});
    let items = told(json!([{"create": {"status": 400, "error": error}}]), &["a"]).unwrap();
    let [Item::IllFormed { why }] = items.as_slice() else { panic!("{items:?}") };
    assert!(why.starts_with("status 400: mapper_parsing_exception, failed to parse[2J field"), "{why}");
    assert!(!why.contains(char::is_control) && why.len() < 300, "{why}");
}

#[test]
fn an_answer_that_does_not_tell_of_each_entry_tells_of_none() {
    for (items, says) in [
        (json!([]), "0 entries, and 2 were sent"),
        (json!([{"create": {"status": 201}}]), "1 entries, and 2 were sent"),
        (
            json!([{"create": {"_id": "b", "status": 201}}, {"create": {"_id": "a", "status": 201}}]),
            "in place 0",
        ),
        (
            json!([{"create": {"_id": "a", "status": 201}}, {"index": {"_id": "b", "status": 201}}]),
            "not the JSON",
        ),
        (json!([{"create": {"_id": "a"}}, {"create": {"_id": "b", "status": 201}}]), "not the JSON"),
        (json!([{"create": {"status": 70000}}, {"create": {"status": 201}}]), "not the JSON"),
        (json!({}), "not the JSON"),
    ] {
        let error = told(items.clone(), &["a", "b"]).unwrap_err();
        assert!(error.contains(says), "{items}: {error}");
    }
    for text in ["", "null", "[]", "{}", "{\"items\":[", "<html>"] {
        assert!(answer(text.as_bytes(), &[]).is_err(), "{text}");
    }
    assert!(answer(b"{\"items\":[]}", &[]).unwrap().is_empty());
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        drop(answer(&bytes, &["nodes-1".to_owned()]));
    }
}
