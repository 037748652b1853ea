//! Profiles: parameters, declarations, waivers; and what is wrong with broken ones.

use model::report::Verdict;
use serde_json::json;

use crate::support::{RULES, content, document, now, report, verdicts};

fn facts() -> model::FactsDocument {
    document(json!({
        "ssh": {"server": {"options": {"passwordauthentication": "yes"}}},
        "docker": {"containers": [{"name": "web", "running": true, "created": "2026-06-01T00:00:00Z"}]},
        "listeners": {"sockets": [{"name": "tcp/22"}, {"name": "tcp/80"}]}
    }))
}

fn with(profile: &str) -> model::Report {
    let content = content(RULES);
    let profile = policy::load_profile("site.yaml", profile, &content).unwrap().profile;
    report(&content, &facts(), &profile)
}

#[test]
fn parameters_tighten_rules_and_declarations_list_what_is_not_approved() {
    let report = with("params:\n  docker.container-young: {max_days: 10}\ndeclare:\n  listeners: [tcp/22]\n");
    let verdicts = verdicts(&report);
    assert!(verdicts.contains(&"docker.container-young web fail".to_owned()), "{verdicts:?}");
    assert!(verdicts.contains(&"net.listeners-declared tcp/22 pass".to_owned()), "{verdicts:?}");
    assert!(verdicts.contains(&"net.listeners-declared tcp/80 fail".to_owned()), "{verdicts:?}");
    assert_eq!(report.profile.parameters, ["docker.container-young.max_days"]);
}

fn waiver(extra: &str) -> String {
    format!("waivers:\n- rule: ssh.password-login-off\n  owner: J. Doe\n  reason: no keys yet\n{extra}")
}

#[test]
fn a_waiver_in_force_waives_and_counts_its_days() {
    let report = with(&waiver(
        "  subject: edge\n  expires: 2026-06-20\n  evidence: {ssh.server.options.passwordauthentication: \"yes\"}\n",
    ));
    let finding = report.findings.iter().find(|finding| finding.rule == "ssh.password-login-off").unwrap();
    assert_eq!(finding.verdict, Verdict::Waived);
    assert_eq!(finding.waiver.as_ref().unwrap().days_left, 5);
    assert_eq!(report.summary.fail, 0);
}

#[test]
fn a_waiver_that_does_not_hold_is_a_finding() {
    for (extra, said) in [
        ("  expires: 2026-06-14\n", "expired on 2026-06-14"),
        ("  expires: 2027-01-01\n  subject: other\n", "nothing that it accepts fails"),
        ("  expires: 2027-01-01\n", "add `evidence: {\"ssh.server.options.passwordauthentication\": \"yes\"}`"),
        (
            "  expires: 2027-01-01\n  evidence: {ssh.server.options.passwordauthentication: \"no\"}\n",
            "decide anew",
        ),
        (
            "  expires: 2027-01-01\n  evidence: {ssh.server.options.pasword: null}\n",
            "it shows ssh.server.options.passwordauthentication",
        ),
    ] {
        let report = with(&waiver(extra));
        let rule = report.findings.iter().find(|finding| finding.rule == "ssh.password-login-off").unwrap();
        assert_eq!(rule.verdict, Verdict::Fail, "{extra}");
        let about = report.findings.iter().find(|finding| finding.rule == "profile.waiver-in-force").unwrap();
        assert_eq!(about.verdict, Verdict::Fail);
        assert!(about.reason.contains(said), "{}", about.reason);
    }
}

#[test]
fn a_waiver_of_what_could_not_be_looked_at_is_left_alone() {
    let content = content(RULES);
    let mut blind = facts();
    blind.facts.remove("ssh");
    blind.unreadable.insert("ssh".into(), "permission denied; run as root".into());
    for (expires, findings) in [("2027-01-01", 0), ("2026-06-14", 1)] {
        let text = waiver(&format!("  expires: {expires}\n"));
        let profile = policy::load_profile("site.yaml", &text, &content).unwrap().profile;
        let report = report(&content, &blind, &profile);
        let about = report.findings.iter().filter(|finding| finding.rule == "profile.waiver-in-force");
        assert_eq!(about.count(), findings, "{expires}");
    }
}

#[test]
fn a_waiver_holds_when_its_element_moves_in_the_list() {
    let content = content(RULES);
    let text = "waivers:\n- rule: docker.container-young\n  subject: web\n  owner: x\n  reason: y\n\
                \x20 expires: 2027-01-01\n\
                \x20 evidence: {\"docker.containers[0].created\": \"2020-01-01T00:00:00Z\"}\n";
    let profile = policy::load_profile("site.yaml", text, &content).unwrap().profile;
    let facts = document(json!({
        "ssh": {"server": null},
        "docker": {"containers": [
            {"name": "db", "running": true, "created": "2026-06-14T00:00:00Z"},
            {"name": "web", "running": true, "created": "2020-01-01T00:00:00Z"},
        ]},
        "listeners": {"sockets": []}
    }));
    let verdicts = verdicts(&report(&content, &facts, &profile));
    assert!(verdicts.contains(&"docker.container-young web waived".to_owned()), "{verdicts:?}");
}

#[test]
fn broken_profiles_say_where_and_what_was_meant() {
    let content = content(RULES);
    for (text, place, said) in [
        ("role: selfmanaged\n", "site.yaml:1:7", "selfmanaged"),
        ("rolle: hosted\n", "site.yaml:1:1", "rolle"),
        ("params:\n  ssh.pasword-login-off: {}\n", "site.yaml:2:3", "did you mean `ssh.password-login-off`?"),
        ("params:\n  docker.container-young: {max_day: 3}\n", "site.yaml:2:28", "did you mean `max_days`?"),
        ("declare:\n  listener: []\n", "site.yaml:2:3", "did you mean `listeners`?"),
        (
            "waivers:\n- {rule: ssh.password-login-off, owner: \"\", reason: x, expires: 2026-01-01}\n",
            "site.yaml:2:10",
            "no owner",
        ),
        ("waivers:\n- {rule: ssh.password-login-off, owner: x, reason: x, expires: soon}\n", "site.yaml:2", ""),
        (
            "attestations:\n- {requirement: T-22, by: x, date: 2026-01-01, evidence: x}\n",
            "site.yaml:2:17",
            "did you mean `T-2`?",
        ),
        (
            "attestations:\n- {requirement: T-2, by: x, date: 2026-01-01, evidence: \" \"}\n",
            "site.yaml:2:17",
            "does not say `evidence`",
        ),
        ("a: [\n", "site.yaml:", ""),
        ("params:\n  docker.container-young: {max_days: ten}\n", "site.yaml:2:28", "a number, not a text"),
        ("declare:\n  listeners: tcp/22\n", "site.yaml:2:3", "`listeners` must be a list, not a text"),
        ("declare:\n  listeners: {tcp/22: yes}\n", "site.yaml:2:3", "help: write `listeners: [...]`"),
        ("declare:\n  listeners:\n", "site.yaml:2:3", "must be a list, not empty"),
        ("params:\n  \"\": {}\n", "site.yaml", "there is no rule ``"),
    ] {
        let problems = policy::load_profile("site.yaml", text, &content).unwrap_err();
        let told = problems[0].to_string();
        assert!(told.contains(place) && told.contains(said), "{text}\n{told}");
    }
}

#[test]
fn a_first_profile_declares_what_the_host_has_and_can_be_read_back() {
    let content = content(RULES);
    let text = policy::write_profile(&content, &facts(), now());
    assert!(text.contains("  listeners:\n  - \"tcp/22\"\n  - \"tcp/80\"\n"), "{text}");
    let profile = policy::load_profile("p", &text, &content).unwrap().profile;
    let verdicts = verdicts(&report(&content, &facts(), &profile));
    assert!(verdicts.contains(&"net.listeners-declared tcp/80 pass".to_owned()), "{verdicts:?}");
}

#[test]
fn names_of_a_host_cannot_write_into_its_profile() {
    let content = content(RULES);
    let mut facts = facts();
    facts.target.name = "edge\nrole: hosted\n# \x1b[2J\u{202e}".to_owned();
    facts.facts.insert("listeners".into(), json!({"sockets": [{"name": "tcp\u{9b}2J\u{202e}\n- x"}]}));
    let text = policy::write_profile(&content, &facts, now());
    assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text:?}");
    let profile = policy::load_profile("p", &text, &content).unwrap().profile;
    assert_eq!(profile.role.to_string(), "self-managed");
    assert_eq!(profile.declare["listeners"], json!(["tcp\u{9b}2J\u{202e}\n- x"]));
}

#[test]
fn what_a_first_profile_shows_in_comments_can_be_used() {
    let (content, problems) = policy::Content::load(&policy::embedded());
    assert_eq!(problems, []);
    let text = policy::write_profile(&content, &facts(), now());
    let (_, shown) = text.split_once("\n# Parameters").unwrap();
    let keys = ["params:", "waivers:", "attestations:", "- ", "  "];
    let used: Vec<&str> = shown
        .lines()
        .filter_map(|line| line.strip_prefix("# ").or_else(|| line.strip_prefix('#')))
        .filter(|line| keys.iter().any(|key| line.starts_with(key)))
        .collect();
    let profile = policy::load_profile("p", &(used.join("\n") + "\n"), &content).unwrap().profile;
    assert_eq!((profile.params.len(), profile.waivers.len(), profile.attestations.len()), (1, 1, 1));
}
