//! `palisade facts --target root:DIR` on a whole Debian that does not run: what its files tell is told, the rest is
//! unknown with that reason, and nothing of this machine is taken for its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test that cannot be set up must stop"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use model::FactsDocument;
use serde_json::Value;
use test_support::debian_root;

const PALISADE: &str = env!("CARGO_BIN_EXE_palisade");

fn unpack(into: &Path) {
    let status = Command::new("tar").arg("-C").arg(into).arg("-xf").arg(debian_root()).status().unwrap();
    assert!(status.success());
}

fn facts(tree: &Path) -> FactsDocument {
    let target = format!("root:{}", tree.display());
    let output = Command::new(PALISADE).args(["facts", "--target", &target]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(list) => list.iter().for_each(|value| texts(value, found)),
        Value::Object(map) => map.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

#[test]
fn a_tree_is_told_by_its_files_and_by_nothing_of_this_machine() {
    let place = tempfile::tempdir().unwrap();
    let tree = place.path();
    unpack(tree);
    fs::write(tree.join("etc/hostname"), "plant-9\n").unwrap();
    fs::write(tree.join("etc/machine-id"), "00112233445566778899aabbccddeeff\n").unwrap();
    fs::write(tree.join("etc/resolv.conf"), "nameserver 192.0.2.53\n").unwrap();
    let document = facts(tree);
    assert_eq!(document.target.name, "plant-9");
    // What files tell.
    let facts = &document.facts;
    assert_eq!(facts["os"]["host_name"], "plant-9");
    assert!(facts["packages"]["installed"].as_u64().unwrap() > 100);
    assert!(facts["accounts"]["users"].as_array().unwrap().iter().any(|user| user["name"] == "root"));
    assert!(facts["ssh"]["server"]["options"]["permitrootlogin"].is_string());
    assert_eq!(facts["files"]["walk"]["complete"], true);
    assert_eq!(facts["net"]["dns"]["servers"][0], "192.0.2.53");
    // What they cannot tell.
    let usual = ["running host", "keeps no record", "no /var/log/lastlog"];
    for (path, reason) in &document.unreadable {
        assert!(usual.iter().any(|known| reason.contains(known)), "{path}: {reason}");
    }
    for section in ["listeners", "endpoints"] {
        assert!(document.unreadable.contains_key(section), "{section}");
    }
    // What is this machine's.
    let own = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let foreign = [own("/proc/sys/kernel/hostname"), own("/etc/machine-id"), own("/proc/sys/kernel/osrelease")];
    let own_tree = tree.display().to_string();
    let whole = serde_json::to_value(&document.facts).unwrap();
    let mut all = Vec::new();
    texts(&whole, &mut all);
    for text in all {
        assert!(!foreign.iter().any(|mine| !mine.is_empty() && text == mine), "{text}");
        assert!(!text.contains(&own_tree), "{text}");
    }
    let sources = serde_json::to_value(&document.sources).unwrap();
    let mut all = Vec::new();
    texts(&sources, &mut all);
    for source in all {
        let asked = ["/proc/", "/sys/", "auditctl", "sshd -T", "nft -j"];
        assert!(!asked.iter().any(|place| source.starts_with(place)), "{source}");
    }
}

#[test]
fn a_tree_without_a_name_is_called_by_its_folder() {
    let tree = tempfile::tempdir().unwrap();
    assert_eq!(facts(tree.path()).target.name, tree.path().display().to_string());
}
