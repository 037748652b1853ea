//! Nothing is well merely because nothing is there: over no facts at all, over an empty directory, and over a running
//! machine without a single file no rule may pass.

use std::sync::Arc;

use host::{Door, Tree};
use model::report::{Target, TargetKind, Verdict};
use model::{FactsDocument, Timestamp};
use serde_json::json;
use test_support::Machine;

use crate::verdicts::Verdicts;

fn target() -> Target {
    Target { kind: TargetKind::Root, name: "nothing".into(), id: String::new() }
}

fn collected(door: &Door) -> FactsDocument {
    let request = probe::Request {
        door,
        target: target(),
        now: Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 365 * 56),
        sections: &[],
        probes: probe::PROBES,
        subject: probe::Subject::Host,
    };
    probe::collect(&request, &mut |_| {})
}

#[test]
fn no_rule_passes_because_nothing_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let tree = collected(&Door::new(Arc::new(Tree::new(folder.path()).unwrap())));
    let (door, _root) = Machine::new().door();
    let running = collected(&door);
    let uncollected = FactsDocument::new(target(), Timestamp::UNIX_EPOCH);
    let mut passing = Vec::new();
    for (name, document) in [("no facts", uncollected), ("an empty tree", tree), ("a bare machine", running)] {
        for probe in &document.probes {
            assert!(!probe.reason.contains("panicked"), "{probe:?}");
        }
        let verdicts = Verdicts::new(name, &document, json!({}));
        let unfounded = verdicts
            .with(Verdict::Pass)
            .map(|finding| format!("{name}: {} {:?}", finding.rule, finding.evidence));
        passing.extend(unfounded);
    }
    assert!(passing.is_empty(), "these pass:\n{}", passing.join("\n"));
}
