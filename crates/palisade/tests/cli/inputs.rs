//! Saved facts, profiles, baselines, exit codes; and what happens when they are broken.

use serde_json::Value;

use crate::support::{Folder, facts, palisade};

const RULE: &str = "ssh.password-login-off";

#[test]
fn the_exit_code_says_what_was_found() {
    let folder = Folder::new();
    let (bad, good) = (folder.file("bad.json", &facts("yes")), folder.file("good.json", &facts("no")));
    let run = |args: &[&str]| palisade(&[&["audit", "--rule", RULE], args].concat());
    assert_eq!(run(&["--facts", &good]).code, 0);
    let failing = run(&["--facts", &bad]);
    assert_eq!(failing.code, 1, "{}", failing.err);
    assert!(failing.out.contains("/etc/ssh/sshd_config:57"), "{}", failing.out);
    assert_eq!(run(&["--facts", &bad, "--fail-on", "critical"]).code, 0);
    assert_eq!(run(&["--facts", &bad, "--fail-on", "never"]).code, 0);
    let empty = folder.file("empty.json", &facts("no").replace("\"passwordauthentication\":\"no\"", ""));
    assert_eq!(run(&["--facts", &empty]).code, 0);
    assert_eq!(run(&["--facts", &empty, "--strict"]).code, 3);
    assert_eq!(palisade(&["audit", "--no-such-flag"]).code, 2);
}

#[test]
fn a_baseline_tells_what_changed_and_why() {
    let folder = Folder::new();
    let (bad, good) = (folder.file("bad.json", &facts("yes")), folder.file("good.json", &facts("no")));
    let report = folder.path("report.json").display().to_string();
    let ran = palisade(&["audit", "--rule", RULE, "--facts", &good, "--format", "json", "--output", &report]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    let ran = palisade(&["audit", "--rule", RULE, "--facts", &bad, "--baseline", &report, "--format", "json"]);
    let changes = &ran.json()["changes"];
    let cause = "ssh.server.scopes[0].options.passwordauthentication: \"no\" -> \"yes\"";
    assert_eq!(changes["new"][0]["cause"][0], cause, "{changes}");
    let text = palisade(&["audit", "--rule", RULE, "--facts", &bad, "--baseline", &report]).out;
    assert!(text.contains("\"no\" -> \"yes\""), "{text}");
}

#[test]
fn rules_that_were_not_asked_for_are_neither_mended_nor_lost() {
    let folder = Folder::new();
    let bad = folder.file("bad.json", &facts("yes"));
    let everything = palisade(&["audit", "--facts", &bad, "--format", "json"]).out;
    let everything = folder.file("everything.json", &everything);
    let run = ["audit", "--rule", RULE, "--facts", &bad, "--baseline", &everything, "--format", "json"];
    let changes = &palisade(&run).json()["changes"];
    for list in ["new", "mended", "lost"] {
        assert_eq!(changes[list], serde_json::json!([]), "{changes}");
    }
}

#[test]
fn the_same_facts_give_the_same_bytes_in_every_format() {
    let folder = Folder::new();
    let bad = folder.file("bad.json", &facts("yes"));
    for format in ["terminal", "json", "html", "sarif", "oscal", "junit", "csv"] {
        let run = || palisade(&["audit", "--facts", &bad, "--format", format]);
        let (first, second) = (run(), run());
        assert_eq!(first.code, 1, "{format}: {}", first.err);
        assert_eq!(first.out, second.out, "{format}");
        assert!(first.out.contains(RULE), "{format}");
    }
}

#[test]
fn a_profile_waives_and_an_expired_waiver_is_a_finding() {
    let folder = Folder::new();
    let bad = folder.file("bad.json", &facts("yes"));
    let waiver = |expires: &str| {
        format!(
            "waivers:\n- rule: {RULE}\n  owner: J. Doe\n  reason: no keys yet\n  expires: {expires}\n  \
             evidence: {{\"ssh.server.scopes[0].options.passwordauthentication\": \"yes\"}}\n"
        )
    };
    let run = |profile: &str| {
        palisade(&["audit", "--rule", RULE, "--facts", &bad, "--profile", profile, "--format", "json"])
    };
    let waived = run(&folder.file("good.yaml", &waiver("2026-12-31")));
    assert_eq!(waived.code, 0, "{}", waived.err);
    assert_eq!(waived.json()["summary"]["waived"], 1);
    let expired = run(&folder.file("old.yaml", &waiver("2026-01-01")));
    assert_eq!(expired.code, 1);
    let rules: Vec<Value> =
        expired.json()["findings"].as_array().unwrap().iter().map(|f| f["rule"].clone()).collect();
    assert_eq!(rules, [RULE, "profile.waiver-in-force"]);
    let old = folder.path("old.yaml").display().to_string();
    let text = palisade(&["audit", "--rule", RULE, "--facts", &bad, "--profile", &old]).out;
    assert!(text.contains("because  it expired on 2026-01-01"), "{text}");
    assert_eq!(palisade(&["explain", "profile.waiver-in-force"]).code, 0);
}

#[test]
fn broken_input_ends_with_2_and_says_where_and_what_was_meant() {
    let folder = Folder::new();
    let good = folder.file("good.json", &facts("no"));
    let (facts_junk, facts_cut) =
        (folder.file("junk.json", "\u{0}{"), folder.file("cut.json", &facts("no")[..60]));
    let other = folder.file("other.json", &facts("no").replace("palisade.facts/1", "palisade.facts/9"));
    let misspelt = folder.file("misspelt.json", &facts("no").replace("\"scopes\"", "\"scoped\""));
    let section = folder.file("section.json", &facts("no").replace("\"ssh\"", "\"sssh\""));
    let kind = folder.file("kind.json", &facts("no").replace("\"all connections\"", "7"));
    let profile = folder.file("site.yaml", "params:\n  ssh.pasword-login-off: {}\n");
    std::fs::write(folder.path("latin.yaml"), b"role: h\xF6sted\n").unwrap();
    let latin = folder.path("latin.yaml").display().to_string();
    for (args, place, said) in [
        (vec!["--facts", &facts_junk], "junk.json:1:1", "palisade facts"),
        (vec!["--facts", &facts_cut], "cut.json:1:60", "EOF"),
        (vec!["--facts", &other], "other.json", "palisade.facts/9"),
        (vec!["--facts", "/nonexistent"], "/nonexistent", "cannot open"),
        (vec!["--facts", &misspelt], "misspelt.json:1:", "`facts.ssh.server.scoped` is no fact"),
        (vec!["--facts", &misspelt], "misspelt.json:1:", "did you mean `scopes`?"),
        (vec!["--facts", &section], "section.json:1:", "unknown field `sssh`"),
        (vec!["--facts", &kind], "kind.json:1:", "expected a string"),
        (
            vec!["--facts", &good, "--profile", &profile],
            "site.yaml:2:3",
            "did you mean `ssh.password-login-off`?",
        ),
        (vec!["--facts", &good, "--profile", &latin], "latin.yaml:1:8", "not UTF-8"),
        (vec!["--facts", &good, "--baseline", &good], "good.json", "palisade audit --format json"),
        (
            vec!["--facts", &good, "--rule", "ssh.pasword-login-off"],
            "",
            "did you mean `ssh.password-login-off`?",
        ),
        (vec!["--facts", &good, "--guide", "tss"], "", "did you mean `tss-web`?"),
        (vec!["--facts", &good, "--rule", RULE, "--severity", "critical"], "", "--severity leaves out"),
        (vec!["--facts", &good, "--output", "/nonexistent/x"], "/nonexistent/x", "cannot write"),
    ] {
        let ran = palisade(&[vec!["audit"], args.clone()].concat());
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
        assert!(ran.err.starts_with("error: "), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(place) && ran.err.contains(said), "{args:?}: {}", ran.err);
    }
}

#[test]
fn nobody_reading_is_no_error() {
    use std::process::{Command, Stdio};
    let folder = Folder::new();
    let bad = folder.file("bad.json", &facts("yes"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["audit", "--facts", &bad, "--format", "html", "--fail-on", "never"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
