//! Lists and explanations.

use std::collections::BTreeSet;

use crate::support::palisade;

#[test]
fn all_522_requirements_stand_in_seven_guides_and_each_is_decided() {
    let ran = palisade(&["guides", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let document = ran.json();
    let guides = document["guides"].as_array().unwrap();
    let counts: Vec<(&str, usize)> = guides
        .iter()
        .map(|guide| (guide["id"].as_str().unwrap(), guide["requirements"].as_array().unwrap().len()))
        .collect();
    assert_eq!(
        counts,
        [
            ("kepserverex", 88),
            ("nerve-general", 16),
            ("nerve-ms", 94),
            ("nerve-node", 37),
            ("true-connector", 67),
            ("tss-web", 69),
            ("workloads", 151)
        ]
    );
    let mut ids = BTreeSet::new();
    for requirement in guides.iter().flat_map(|guide| guide["requirements"].as_array().unwrap()) {
        assert!(ids.insert(requirement["id"].as_str().unwrap()), "{requirement}");
        let by = requirement["decided_by"].as_str().unwrap();
        let rules = requirement["rules"].as_array().unwrap();
        assert_eq!(by == "rules", !rules.is_empty(), "{requirement}");
        assert!(by == "rules" || !requirement["reason"].as_str().unwrap().is_empty(), "{requirement}");
        for field in ["section", "level", "title"] {
            assert!(!requirement[field].as_str().unwrap().is_empty(), "{requirement}");
        }
    }
    assert_eq!(ids.len(), 522);
}

#[test]
fn rules_are_listed_with_the_requirements_that_ask_for_them() {
    let document = palisade(&["rules", "--format", "json"]).json();
    let rules = document["rules"].as_array().unwrap();
    assert!(rules.len() >= 150, "{} rules", rules.len());
    let asked = rules.iter().filter(|rule| !rule["requirements"].as_array().unwrap().is_empty()).count();
    assert!(asked * 10 >= rules.len() * 6, "only {asked} of {} rules are asked for by a guide", rules.len());
    let text = palisade(&["rules"]).out;
    assert!(text.contains("ssh.password-login-off"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn everything_that_has_a_name_is_explained() {
    for (word, said) in [
        ("ssh.password-login-off", "asked by"),
        ("TRC-035", "ssh.password-login-off"),
        ("trc-035", "true-connector"),
        ("tss-web", "requirements"),
        ("waiver", "Void when the evidence changes"),
        ("ssh", "rules read it"),
    ] {
        let ran = palisade(&["explain", word]);
        assert_eq!(ran.code, 0, "{word}: {}", ran.err);
        assert!(ran.out.contains(said), "{word}:\n{}", ran.out);
        assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{word}:\n{}", ran.out);
        assert!(!ran.out.contains("\\n"), "{word}:\n{}", ran.out);
    }
    let ran = palisade(&["explain", "ssh.pasword-login-off"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("did you mean `ssh.password-login-off`?"), "{}", ran.err);
}

#[test]
fn completions_the_man_page_and_the_schema_are_printed() {
    for (args, said) in [
        (vec!["completions", "bash"], "_palisade()"),
        (vec!["man"], ".TH palisade"),
        (vec!["man"], ".SH \"PALISADE AUDIT\""),
        (vec!["man"], "\\-\\-baseline"),
        (vec!["man"], ".SH \"PALISADE PROFILE INIT\""),
        (vec!["facts", "--schema"], "\"ssh\""),
        (vec!["guides"], "true-connector"),
        (vec!["guides", "tss-web"], "TSS-3.2.3"),
        (vec!["--version"], "palisade 0."),
        (vec!["--help"], "Exit codes"),
    ] {
        let ran = palisade(&args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        assert!(ran.out.contains(said), "{args:?}:\n{}", ran.out);
    }
}
