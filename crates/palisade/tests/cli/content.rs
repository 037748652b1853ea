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
    let text = rule("a.good", "facts.ssh != null") + &rule("a.typo", "facts.shs != null");
    let typo = folder.file("typo/rules/a.yaml", &text);
    let dir_with_typo = folder.path("typo").display().to_string();
    for command in ["audit", "rules", "explain"] {
        let mut run = vec![command, "--content", &dir_with_typo];
        run.extend(match command {
            "audit" => vec!["--facts", good.as_str(), "--fail-on", "never"],
            "explain" => vec!["a.good"],
            _ => Vec::new(),
        });
        let ran = palisade(&run);
        assert_eq!(ran.code, 2, "{command}: {}", ran.err);
        assert!(ran.err.contains(&format!("{typo}:12:11")), "{command}: {}", ran.err);
        assert!(ran.err.contains("did you mean `ssh`?"), "{command}: {}", ran.err);
    }
    let ran = palisade(&["content", "check", &dir]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("no passing example"), "{}", ran.err);
    let ran = palisade(&["content", "check", "/nonexistent"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("holds no content"), "{}", ran.err);
}
