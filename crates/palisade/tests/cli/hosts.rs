//! This machine, whatever it is: an audit never crashes, and nothing is claimed that was not read.

use serde_json::Value;

use crate::support::{Folder, palisade};

#[test]
fn this_host_is_audited_and_its_report_fits_the_schema() {
    let ran = palisade(&["audit", "--format", "json"]);
    assert!(matches!(ran.code, 0 | 1), "{}", ran.err);
    let report = ran.json();
    assert_eq!(report["schema"], "palisade.report/1");
    for probe in report["probes"].as_array().unwrap() {
        assert!(!probe["reason"].as_str().unwrap().contains("panicked"), "{probe}");
    }
    let guides = report["guides"].as_array().unwrap();
    let requirements = guides.iter().flat_map(|guide| guide["requirements"].as_array().unwrap());
    assert_eq!(requirements.count(), 522);
    for finding in report["findings"].as_array().unwrap() {
        let verdict = finding["verdict"].as_str().unwrap();
        let reason = finding["reason"].as_str().unwrap();
        assert!(!matches!(verdict, "unknown" | "not_applicable") || !reason.is_empty(), "{finding}");
        assert!(
            verdict != "fail" || !finding["evidence"].as_array().unwrap().is_empty() || !reason.is_empty(),
            "{finding}"
        );
        // A predicate that met a value it cannot compare is a mistake of ours.
        assert!(!reason.contains("no matching overload"), "{finding}");
        assert!(!reason.contains("was not collected"), "{finding}");
        // What was seen names the place where it was seen; what is absent has none.
        for evidence in finding["evidence"].as_array().unwrap() {
            let of_the_site = ["declared.", "params."]
                .iter()
                .any(|root| evidence["path"].as_str().is_some_and(|path| path.starts_with(root)));
            let placed = !evidence["source"]["at"].as_str().unwrap_or_default().is_empty();
            assert!(placed || of_the_site || evidence["value"].is_null(), "{} of {finding}", evidence["path"]);
        }
    }
}

#[test]
fn saved_facts_decide_like_the_host_they_came_from() {
    let folder = Folder::new();
    let saved = palisade(&["facts"]);
    assert_eq!(saved.code, 0, "{}", saved.err);
    let file = folder.file("facts.json", &saved.out);
    let again = palisade(&["audit", "--facts", &file, "--format", "json"]);
    assert!(matches!(again.code, 0 | 1), "{}", again.err);
    assert!(again.json()["summary"]["pass"].as_u64().unwrap() > 10);
}

#[test]
fn a_first_profile_of_this_host_is_accepted_as_it_is() {
    let folder = Folder::new();
    let file = folder.path("site.yaml").display().to_string();
    let ran = palisade(&["profile", "init", "--output", &file]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ran = palisade(&["profile", "init", "--output", &file]);
    assert_eq!(ran.code, 2, "never over an existing file");
    let report = palisade(&["audit", "--profile", &file, "--format", "json"]);
    assert!(matches!(report.code, 0 | 1), "{}", report.err);
    let missing: Vec<String> = report.json()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["reason"].as_str().filter(|reason| reason.contains("`declared.")))
        .map(str::to_owned)
        .collect();
    for reason in &missing {
        assert!(reason.contains("Add `"), "{reason}");
    }
}

#[test]
fn one_section_can_be_read_and_what_was_touched_is_listed() {
    let ran = palisade(&["facts", "os", "--trace"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let document = ran.json();
    let sections: Vec<&String> = document["facts"].as_object().unwrap().keys().collect();
    assert_eq!(sections, ["os"]);
    assert!(ran.err.contains("read    /etc/os-release"), "{}", ran.err);
    let wrong = palisade(&["facts", "sssh"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("did you mean `ssh`?"), "{}", wrong.err);
}

#[test]
fn secrets_of_this_host_stay_where_they_are() {
    let shadow = std::fs::read_to_string("/etc/shadow").unwrap_or_default();
    let document: Value = palisade(&["facts", "accounts"]).json();
    let text = document.to_string();
    for hash in shadow.lines().filter_map(|line| line.split(':').nth(1)).filter(|hash| hash.len() > 10) {
        assert!(!text.contains(hash), "a password hash stands in the facts");
    }
}
