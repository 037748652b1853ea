//! What facts come to.

use model::Severity;
use model::profile::Profile;
use model::report::{Status, Verdict};
use serde_json::json;

use crate::support::{GUIDE, RULES, content, document, load, now, report, verdicts};

#[test]
fn each_element_is_judged_by_itself_and_a_missing_declaration_is_told_once() {
    let content = content(RULES);
    let document = document(json!({
        "ssh": {"server": {"options": {"passwordauthentication": "yes"}}},
        "docker": {"containers": [
            {"name": "old", "running": true, "created": "2026-01-01T00:00:00Z"},
            {"name": "new", "running": true, "created": "2026-06-10T00:00:00Z"},
            {"name": "off", "running": false, "created": "2020-01-01T00:00:00Z"},
            {"name": "odd", "running": true}
        ]},
        "listeners": {"sockets": [{"name": "tcp/22"}, {"name": "tcp/80"}]}
    }));
    let report = report(&content, &document, &Profile::default());
    assert_eq!(
        verdicts(&report),
        [
            "docker.container-young new pass",
            "docker.container-young odd unknown",
            "docker.container-young old fail",
            "net.listeners-declared edge unknown",
            "ssh.password-login-off edge fail"
        ]
    );
    let missing = report.findings.iter().find(|finding| finding.rule == "net.listeners-declared").unwrap();
    assert!(missing.reason.contains("`declared.listeners`"), "{}", missing.reason);
    assert!(missing.reason.contains("Add `listeners: [...]` under `declare:`"), "{}", missing.reason);
    let old = report.findings.iter().find(|finding| finding.subject == "old").unwrap();
    assert_eq!(old.evidence[0].path, "docker.containers[0].created");
    assert_eq!(old.evidence[1].path, "params.max_days");
    assert_eq!(report.findings[0].rule, "ssh.password-login-off", "worst first");
    assert_eq!(report.summary.total(), 5);
}

#[test]
fn unreadable_is_unknown_with_its_reason_and_absent_is_not_applicable_with_its_predicate() {
    let content = content(RULES);
    let mut unreadable =
        document(json!({"ssh": {"server": {"options": {}}}, "docker": null, "listeners": {"sockets": []}}));
    unreadable
        .unreadable
        .insert("ssh.server.options".into(), "/etc/ssh/sshd_config: permission denied; run as root".into());
    let now_report = report(&content, &unreadable, &Profile::default());
    let find = |rule: &str| now_report.findings.iter().find(|finding| finding.rule == rule).unwrap();
    assert_eq!(find("ssh.password-login-off").verdict, Verdict::Unknown);
    assert_eq!(
        find("ssh.password-login-off").reason,
        "ssh.server.options: /etc/ssh/sshd_config: permission denied; run as root"
    );
    assert_eq!(find("docker.container-young").verdict, Verdict::NotApplicable);
    assert_eq!(find("docker.container-young").reason, "`facts.docker` is absent");
    assert_eq!(find("net.listeners-declared").reason, "`facts.listeners.sockets` is empty");

    let absent = report(&content, &document(json!({"ssh": {"server": null}})), &Profile::default());
    let find = |rule: &str| absent.findings.iter().find(|finding| finding.rule == rule).unwrap();
    assert_eq!(find("ssh.password-login-off").verdict, Verdict::NotApplicable);
    assert_eq!(find("ssh.password-login-off").reason, "`facts.ssh.server != null` is false");
    assert_eq!(find("ssh.password-login-off").evidence[0].path, "ssh.server");
    assert_eq!(find("docker.container-young").verdict, Verdict::Unknown);
    assert_eq!(find("docker.container-young").reason, "`facts.docker.containers` was not collected");
}

#[test]
fn elements_that_could_not_be_read_are_unknown_beside_those_that_could() {
    let content = content(RULES);
    let mut document = document(json!({"docker": {"containers": [
        {"name": "new", "running": true, "created": "2026-06-10T00:00:00Z"}
    ]}}));
    document.unreadable.insert("docker.containers[1]".into(), "the engine did not answer".into());
    document.unreadable.insert("docker.containers[0].image".into(), "of no concern".into());
    let findings = |document: &model::FactsDocument| {
        let report = report(&content, document, &Profile::default());
        let of_rule = report.findings.into_iter().filter(|finding| finding.rule == "docker.container-young");
        of_rule.map(|finding| (finding.verdict, finding.reason)).collect::<Vec<_>>()
    };
    let unread = (Verdict::Unknown, "docker.containers[1]: the engine did not answer".to_owned());
    assert_eq!(findings(&document), [unread.clone(), (Verdict::Pass, String::new())]);
    document.facts.insert("docker".into(), json!({"containers": []}));
    assert_eq!(findings(&document), [unread]);
    document.unreadable.insert("docker.containers[2]".into(), "the engine did not answer".into());
    let both = "docker.containers[1]: the engine did not answer (and 1 more)".to_owned();
    assert_eq!(findings(&document), [(Verdict::Unknown, both)]);
}

#[test]
fn rule_and_subject_tell_a_finding_from_every_other() {
    let container = json!({"name": "web", "running": true, "created": "2026-06-10T00:00:00Z"});
    let document = document(json!({"docker": {"containers": [container, container]}}));
    let report = report(&content(RULES), &document, &Profile::default());
    let of_rule = report.findings.iter().filter(|finding| finding.rule == "docker.container-young");
    let subjects: Vec<&str> = of_rule.map(|finding| finding.subject.as_str()).collect();
    assert_eq!(subjects, ["web", "web (2)"]);
}

#[test]
fn a_field_that_a_condition_cannot_read_is_unknown_with_its_reason() {
    let condition = "when: '!facts.accounts.users.exists(a, a.name == \"web\" && a.password == \"locked\")'";
    let rules = RULES.replacen("when: c.running", condition, 1);
    let mut document = document(json!({
        "accounts": {"users": [{"name": "web"}]},
        "docker": {"containers": [{"name": "web", "running": true, "created": "2026-06-10T00:00:00Z"}]}
    }));
    let why = "/etc/shadow: permission denied; run as root";
    document.unreadable.insert("accounts.users[0].password".into(), why.into());
    let report = report(&content(&rules), &document, &Profile::default());
    let finding = report.findings.iter().find(|finding| finding.rule == "docker.container-young").unwrap();
    assert_eq!(finding.verdict, Verdict::Unknown);
    assert_eq!(finding.reason, format!("accounts.users[0].password: {why}"));
}

#[test]
fn below_something_absent_a_condition_sees_nothing_there() {
    let rules = RULES.replacen("when: facts.ssh.server != null", "when: facts.ssh.server.options != null", 1);
    let report = report(&content(&rules), &document(json!({"ssh": null})), &Profile::default());
    let finding = report.findings.iter().find(|finding| finding.rule == "ssh.password-login-off").unwrap();
    assert_eq!(
        (finding.verdict, finding.reason.as_str()),
        (Verdict::NotApplicable, "`facts.ssh.server.options != null` is false")
    );
}

#[test]
fn findings_roll_up_into_requirements() {
    let content = content(RULES);
    let facts = json!({
        "ssh": {"server": {"options": {"passwordauthentication": "no"}}},
        "docker": {"containers": [{"name": "new", "running": true, "created": "2026-06-10T00:00:00Z"}]},
        "listeners": {"sockets": []}
    });
    let status = |profile: &str| -> Vec<Status> {
        let profile = policy::load_profile("p", profile, &content).unwrap().profile;
        let report = report(&content, &document(facts.clone()), &profile);
        report.guides[0].requirements.iter().map(|requirement| requirement.status).collect()
    };
    use Status::*;
    assert_eq!(status("{}"), [Met, AttestationDue, Unknown, NotApplicable, AttestationDue]);
    assert_eq!(status("role: hosted"), [Met, AttestationDue, NotApplicable, Met, AttestationDue]);
    let attested = |date: &str, more: &str| {
        format!("attestations:\n- {{requirement: T-2, by: J, evidence: e, date: {date}{more}}}\n")
    };
    assert_eq!(status(&attested("2026-01-01", ""))[1], Met);
    assert_eq!(status(&attested("2025-06-14", ""))[1], AttestationDue, "older than its period");
    assert_eq!(status(&attested("2025-06-15", ""))[1], Met, "on the last day of its period");
    assert_eq!(status(&attested("2026-06-16", ""))[1], AttestationDue, "dated in the future");
    assert_eq!(status(&attested("2026-01-01", ", expires: 2026-06-14"))[1], AttestationDue);
    assert_eq!(
        status(&attested("2020-01-01", ", expires: 2030-01-01"))[1],
        AttestationDue,
        "no longer than the guide allows"
    );
}

#[test]
fn a_run_of_some_rules_says_of_no_requirement_that_it_is_met() {
    let both = "[ssh.password-login-off, docker.container-young]";
    let guide = GUIDE.replacen("[ssh.password-login-off]", both, 1);
    let (content, problems) = load(RULES, &guide);
    assert_eq!(problems, []);
    let status = |passwords: &str, severity: Severity| {
        let document = document(json!({
            "ssh": {"server": {"options": {"passwordauthentication": passwords}}},
            "docker": {"containers": [{"name": "new", "running": true, "created": "2026-06-10T00:00:00Z"}]},
            "listeners": {"sockets": []}
        }));
        let report = policy::decide(&policy::Inputs {
            content: &content,
            document: &document,
            profile: &Profile::default(),
            profile_path: "",
            now: now(),
            version: "0",
            rules: &[],
            guides: &[],
            severity,
        });
        report.guides[0].requirements[0].status
    };
    assert_eq!(status("no", Severity::Low), Status::Met);
    assert_eq!(status("no", Severity::High), Status::Unknown);
    assert_eq!(status("yes", Severity::High), Status::Unmet);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let document = document(json!({"ssh": {"server": {"options": {"passwordauthentication": "yes"}}}}));
    let once = || serde_json::to_string(&report(&content(RULES), &document, &Profile::default())).unwrap();
    assert_eq!(once(), once());
}

#[test]
fn a_failing_list_shows_its_offenders_and_expectations_name_the_site_s_numbers() {
    let rules = r#"
- id: files.none-open
  title: No file is open
  severity: high
  expect: facts.files.list.all(f, f.mode == "0600" && f.age <= params.max_days)
  expected: mode 0600, at most {max_days} days
  shows: [facts.files.list]
  params: {max_days: {default: 30, about: "Days."}}
  why: Why.
  remedy: Mend.
  examples: {pass: [], fail: []}
- id: files.no-dumps
  title: No dump
  severity: high
  expect: "!facts.files.list.exists(f, f.dump) && size(facts.files.list.filter(f, f.core)) == 0"
  shows: [facts.files.list]
  why: Why.
  remedy: Mend.
  examples: {pass: [], fail: []}
"#;
    let list = json!([
        {"path": "/good", "mode": "0600", "age": 1, "dump": false, "core": false},
        {"path": "/open", "mode": "0644", "age": 1, "dump": false, "core": true},
        {"path": "/old", "mode": "0600", "age": 31, "dump": false, "core": false}
    ]);
    let report = report(&content(rules), &document(json!({"files": {"list": list}})), &Profile::default());
    let shown = |rule: &str| {
        let finding = report.findings.iter().find(|finding| finding.rule == rule).unwrap();
        let list = finding.evidence[0].value.as_array().unwrap();
        list.iter().map(|item| item["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(shown("files.none-open"), ["/open", "/old"]);
    assert_eq!(shown("files.no-dumps"), ["/open"]);
    let finding = report.findings.iter().find(|finding| finding.rule == "files.none-open").unwrap();
    assert_eq!(finding.expected, "mode 0600, at most 30 days");
}

#[test]
fn a_failing_list_of_an_element_shows_its_offenders_and_the_place_of_the_first() {
    let rules = r#"
- id: docker.no-sockets
  title: No socket
  severity: high
  each: facts.docker.containers as c
  expect: c.mounts.all(m, !m.socket)
  shows: [c.mounts]
  why: Why.
  remedy: Mend.
  examples: {pass: [], fail: []}
"#;
    let mounts = json!([
        {"socket": false, "source": "/c.yaml:3:5"},
        {"socket": true, "source": "/c.yaml:4:5"},
        {"socket": true, "source": "/c.yaml:5:5"}
    ]);
    let facts = json!({"docker": {"containers": [{"name": "web", "source": "/c.yaml:1:1", "mounts": mounts}]}});
    let report = report(&content(rules), &document(facts), &Profile::default());
    let evidence = &report.findings[0].evidence[0];
    assert_eq!(evidence.value.as_array().unwrap().len(), 2);
    assert_eq!(evidence.source.as_ref().unwrap().at, "/c.yaml:4:5");
}

#[test]
fn what_one_rule_reads_as_absent_is_not_absent_for_the_next() {
    let rule = |id: &str, condition: &str, expect: &str| {
        format!(
            "- id: {id}\n  title: T\n  severity: low\n{condition}  expect: {expect}\n  shows: [facts.ssh.server]\n  \
             why: W.\n  remedy: R.\n  examples: {{}}\n"
        )
    };
    let path = "facts.ssh.server.options.usepam == null";
    let content =
        content(&[rule("ssh.a", &format!("  when: {path}\n"), path), rule("ssh.b", "", path)].concat());
    let report = report(&content, &document(json!({"ssh": {"server": null}})), &Profile::default());
    assert_eq!(verdicts(&report), ["ssh.a edge pass", "ssh.b edge unknown"]);
}

#[test]
fn rules_about_our_own_server_leave_requirements_alone_where_none_runs() {
    let content = policy::Content::load(&policy::embedded()).0;
    let state = |palisade: serde_json::Value, id: &str| {
        let report = report(&content, &document(json!({"palisade": palisade})), &Profile::default());
        let mut all = report.guides.into_iter().flat_map(|guide| guide.requirements);
        let requirement = all.find(|requirement| requirement.id == id).unwrap();
        (requirement.status, requirement.reason)
    };
    let (status, why) = state(json!(null), "NRV-MS-037");
    assert_eq!(
        (status, why.as_str()),
        (Status::Unknown, "decided on a target of another kind: Nerve configuration")
    );
    assert_eq!(state(json!(null), "NRV-GEN-005").0, Status::AttestationDue);
    let limited = |attempts: u32| {
        let limits = json!({"max_attempts_by_ip_and_username": attempts});
        json!({"servers": [{"name": "/var/lib/palisade", "state": {"brute_force": limits}}]})
    };
    assert_eq!(state(limited(5), "NRV-MS-037").0, Status::Met);
    assert_eq!(state(limited(6), "NRV-MS-037").0, Status::Unmet);
    assert_eq!(state(json!({"servers": [{"name": "x"}]}), "NRV-MS-037").0, Status::Unknown);
}
