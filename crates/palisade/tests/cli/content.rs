//! `palisade content check`, on our content and on broken content.

use crate::support::{Folder, facts, palisade, root};

#[test]
fn our_content_is_in_order() {
    let ran = palisade(&["content", "check", &root().join("content").display().to_string()]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("all good"), "{}", ran.out);
}

#[test]
fn broken_content_is_told_and_the_rest_still_decides() {
    let folder = Folder::new();
    let rule = |id: &str, expect: &str| {
        format!(
            "- id: {id}\n  title: T\n  severity: high\n  expect: {expect}\n  shows: [facts.ssh]\n  why: W\n  remedy: R\n  examples: {{pass: [], fail: []}}\n"
        )
    };
    let text = rule("a.good", "facts.ssh != null") + &rule("a.bad", "facts.ssh !=");
    folder.file("content/rules/a.yaml", &text);
    let dir = folder.path("content").display().to_string();
    let good = folder.file("good.json", &facts("no"));
    let ran = palisade(&["audit", "--facts", &good, "--content", &dir, "--format", "json"]);
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.err.contains("rules/a.yaml:12:"), "{}", ran.err);
    assert_eq!(ran.json()["findings"][0]["rule"], "a.good");
    let ran = palisade(&["content", "check", &dir]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("no passing example"), "{}", ran.err);
    let ran = palisade(&["content", "check", "/nonexistent"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("holds no content"), "{}", ran.err);
}
