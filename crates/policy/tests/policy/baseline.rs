//! The difference between two reports names the change behind it.

use model::profile::Profile;
use serde_json::{Value, json};

use crate::support::{RULES, content, document, report};

fn of(value: &str, containers: Value) -> model::Report {
    let facts = json!({
        "ssh": {"server": {"options": {"passwordauthentication": value}}},
        "docker": {"containers": containers},
        "listeners": {"sockets": []}
    });
    report(&content(RULES), &document(facts), &Profile::default())
}

fn old(name: &str) -> Value {
    json!({"name": name, "running": true, "created": "2020-01-01T00:00:00Z"})
}

#[test]
fn new_mended_and_lost_findings_name_their_cause() {
    let before = of("no", json!([old("a")]));
    let now = of("yes", json!([old("b")]));
    let changes = policy::compare(&now, &before);
    let new: Vec<_> =
        changes.new.iter().map(|change| (change.subject.as_str(), change.cause[0].as_str())).collect();
    assert_eq!(
        new,
        [
            ("b", "the subject or the rule is new"),
            ("edge", "ssh.server.options.passwordauthentication: \"no\" -> \"yes\"")
        ]
    );
    assert_eq!(changes.mended.len(), 1);
    assert_eq!(
        (changes.mended[0].subject.as_str(), changes.mended[0].cause[0].as_str()),
        ("a", "the subject is gone")
    );

    let back = policy::compare(&before, &now);
    assert!(back.mended.iter().any(|change| change.subject == "edge"));

    let mut blind = document(json!({"docker": null, "listeners": {"sockets": []}}));
    blind.unreadable.insert("ssh".into(), "permission denied".into());
    let lost = policy::compare(&report(&content(RULES), &blind, &Profile::default()), &before);
    assert_eq!(lost.lost[0].cause, ["ssh: permission denied"]);
    assert_eq!(
        policy::compare(&now, &now),
        model::report::Changes { since: now.started_at, ..Default::default() }
    );
}

#[test]
fn what_was_not_looked_at_is_lost_and_not_mended() {
    let before = of("yes", json!([old("a")]));
    let mut blind = document(json!({"ssh": {"server": null}, "listeners": {"sockets": []}}));
    blind.unreadable.insert("docker".into(), "permission denied; run as root".into());
    let changes = policy::compare(&report(&content(RULES), &blind, &Profile::default()), &before);
    let lost: Vec<_> = changes.lost.iter().map(|change| (change.subject.as_str(), &change.cause)).collect();
    assert_eq!(lost, [("a", &vec!["docker: permission denied; run as root".to_owned()])]);
    assert!(changes.mended.iter().all(|change| change.subject == "edge"), "{:?}", changes.mended);

    let mut narrow = before.clone();
    narrow.findings.retain(|finding| finding.rule == "ssh.password-login-off");
    let changes = policy::compare(&narrow, &before);
    assert_eq!(changes.mended, []);
    assert_eq!(changes.lost[0].cause, ["the rule was not decided in this run"]);
}

#[test]
fn a_fact_is_the_same_when_its_element_moves_in_the_list() {
    let young = json!({"name": "a", "running": true, "created": "2026-06-14T00:00:00Z"});
    let before = of("no", json!([young]));
    let now = of("no", json!([old("b"), old("a")]));
    let changes = policy::compare(&now, &before);
    let of_a = changes.new.iter().find(|change| change.subject == "a").unwrap();
    assert_eq!(
        of_a.cause,
        ["docker.containers[1].created: \"2026-06-14T00:00:00Z\" -> \"2020-01-01T00:00:00Z\""]
    );
}
