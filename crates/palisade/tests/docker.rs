//! The rules on containers and images, decided over a real engine: one container and one image pass all of them, and
//! each rule is broken by something real.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use std::collections::BTreeMap;

use model::profile::Profile;
use model::report::{Finding, Target, TargetKind, Verdict};
use model::{FactsDocument, Severity, Timestamp};
use policy::{Content, Inputs, decide, embedded};
use serde_json::{Value, json};

/// Rules that this kind of engine cannot break or pass, and why.
const NOT_HERE: &[&str] = &[
    // The kernel of a test machine need not have AppArmor or SELinux, and the engine runs without userns-remap.
    "container.apparmor-on",
    "container.selinux-on",
    "container.own-users",
    // Needs a label that test images do not have; decided by the tests of images.
    "image.from-approved-base-image",
    // Needs a registry; covered by its examples.
    "image.known-to-a-registry",
];

fn profile(declare: Value) -> Profile {
    let params = json!({"container.not-restarting-over-and-over": {"max_restarts": 0}});
    Profile {
        declare: serde_json::from_value(declare).unwrap(),
        params: serde_json::from_value(params).unwrap(),
        ..Profile::default()
    }
}

fn findings(content: &Content, document: &FactsDocument, profile: &Profile, now: Timestamp) -> Vec<Finding> {
    let inputs = Inputs {
        content,
        document,
        profile,
        profile_path: "",
        now,
        version: "",
        rules: &[],
        guides: &[],
        severity: Severity::Low,
    };
    let all = decide(&inputs).findings;
    all.into_iter()
        .filter(|finding| finding.rule.starts_with("container.") || finding.rule.starts_with("image."))
        .collect()
}

#[test]
fn the_good_container_passes_every_rule_and_each_is_broken_by_another() {
    let engine = test_support::workloads();
    let (content, _) = Content::load(&embedded());
    let now = Timestamp::now();
    let document = probe::collect(
        &probe::Request {
            door: &engine.door(),
            target: Target { kind: TargetKind::Host, name: "host".into(), id: String::new() },
            now,
            sections: &["docker".to_owned()],
            probes: probe::PROBES,
            subject: probe::Subject::Host,
        },
        &mut |_| {},
    );
    let good = |list: &str, name: &str, field: &str| {
        let list = document.facts["docker"][list].as_array().unwrap();
        list.iter().find(|element| element["name"] == name).unwrap()[field].clone()
    };
    let approved = json!({
        "containers": ["good"],
        "container_processes": ["docker-init", "sleep"],
        "published_ports": ["8080/tcp"],
        "registries": ["docker.io"],
        "image_digests": [good("containers", "good", "image_id")],
        "base_layers": [good("images", "good:1", "base_layer")],
    });
    let all = findings(&content, &document, &profile(approved.clone()), now);
    let mut strict = approved;
    strict["containers"] = json!(["good", "ghost"]);
    strict["registries"] = json!([]);
    let later = now + jiff::SignedDuration::from_hours(24 * 365);
    let strictly = findings(&content, &document, &profile(strict), later);

    // The one that restarts over and over may end while it is looked at.
    let unknown: Vec<_> = all
        .iter()
        .filter(|finding| finding.verdict == Verdict::Unknown && finding.subject != "looping")
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    let mut verdicts: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for rule in &content.rules {
        let id = rule.rule.id.as_str();
        // What needs the layers of an image is decided where the image is the target.
        let examined = rule.rule.when.contains("i.contents");
        if (id.starts_with("container.") || id.starts_with("image.")) && !examined && !NOT_HERE.contains(&id) {
            verdicts.insert(id, (false, false));
        }
    }
    for finding in &all {
        let is_good = ["good", "good:1", "8080/tcp", "host"].contains(&finding.subject.as_str());
        assert!(
            !is_good || finding.verdict != Verdict::Fail || NOT_HERE.contains(&finding.rule.as_str()),
            "the good one fails {finding:#?}"
        );
        if let Some((passed, _)) = verdicts.get_mut(finding.rule.as_str()) {
            *passed |= is_good && finding.verdict == Verdict::Pass;
        }
    }
    for finding in all.iter().chain(&strictly) {
        if let Some((_, failed)) = verdicts.get_mut(finding.rule.as_str()) {
            *failed |= finding.verdict == Verdict::Fail;
        }
    }
    // A container that runs well is in the scope of neither.
    for id in ["container.stopped-ones-removed", "image.has-a-tag"] {
        verdicts.remove(id);
    }
    let missing: Vec<_> = verdicts.iter().filter(|(_, (passed, failed))| !passed || !failed).collect();
    assert!(
        missing.is_empty(),
        "rules that the good one does not pass, or nothing breaks (passed, failed): {missing:#?}"
    );
}
