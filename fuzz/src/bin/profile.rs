//! A site's profile: loaded against the content of the program, and used to decide.
#![no_main]

use model::{FactsDocument, Severity};
use policy::{Content, ContentFile, Inputs};

const RULE: &str = r#"
- id: os.x-set
  title: X is set
  severity: high
  each: facts.os.mounts as m
  expect: m.x == declared.x || m.x == params.x
  expected: x
  shows: [m.x]
  params: {x: {default: 1, about: "X."}}
  why: Because.
  remedy: Set it.
  examples:
    pass: [{os: {mounts: [{name: a, x: 1}]}}]
    fail: [{os: {mounts: [{name: a, x: 2}]}}]
"#;
const DECLARATION: &str = "- {name: x, about: \"X.\", from: \"facts.os.x\"}\n";
const FACTS: &str = r#"{"schema":"palisade.facts/1","target":{"kind":"host","name":"a","id":""},
"collected_at":"2026-01-01T00:00:00Z","probes":[],
"facts":{"os":{"mounts":[{"name":"a","x":1,"source":"/etc/x:1"},{"name":"b","x":"y","source":"/etc/x:2"}]}}}"#;

thread_local! {
    static CONTENT: Content = Content::to_decide().0;
    static SMALL: Content = {
        let file = |path: &str, text: &str| ContentFile { path: path.to_owned(), text: text.to_owned() };
        let (content, problems) = Content::load(&[file("rules/os.yaml", RULE), file("declarations/os.yaml", DECLARATION)]);
        assert!(problems.is_empty(), "{problems:?}");
        content
    };
    static DOCUMENT: FactsDocument = serde_json::from_str(FACTS).expect("a facts document");
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    CONTENT.with(|content| drop(policy::load_profile("site.yaml", text, content)));
    SMALL.with(|content| DOCUMENT.with(|document| decide(text, content, document)));
});

fn decide(text: &str, content: &Content, document: &FactsDocument) {
    let Ok(loaded) = policy::load_profile("site.yaml", text, content) else { return };
    let report = policy::decide(&Inputs {
        content,
        document,
        profile: &loaded.profile,
        profile_path: &loaded.path,
        now: document.collected_at,
        version: "0",
        rules: &[],
        guides: &[],
        severity: Severity::Low,
    });
    // What a missing declaration leaves unknown of both is told once.
    let told = report.findings.iter().filter(|finding| finding.rule == "os.x-set").count();
    assert!(matches!(told, 1 | 2), "{told} findings");
}
