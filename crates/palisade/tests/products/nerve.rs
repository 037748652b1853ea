//! A Nerve Management System: its API in a double that has the shapes of the vendor's client and OpenAPI document.

use crate::support::{Double, survives_bad_servers, tells_only_whom_it_trusts};

fn start(args: &[&str]) -> Double {
    Double::start("nerve", "auditor@plant.example", args)
}

/// What the API does not tell, beside the parameters.
const NOT_TOLD: &str = "nerve.settings-understood";
const UNDECLARED: [&str; 6] = [
    "nerve.administrators-approved",
    "nerve.connection-editors-approved",
    "nerve.connections-approved",
    "nerve.users-approved",
    "nerve.workload-editors-approved",
    "nerve.workload-ports-approved",
];
const APPROVED: &str = "declare:
  nerve_administrators: [ann@plant.example]
  nerve_users: [ann@plant.example, auditor@plant.example]
  nerve_workload_editors: [ann@plant.example]
  nerve_connection_editors: [ann@plant.example]
  nerve_connections: ['node-1: LocalUi', 'app 1.0: ui', 'board 1.0: grafana']
  published_ports: [8443/tcp]
";

#[test]
fn a_well_kept_system_passes_and_what_is_not_told_is_unknown() {
    let system = start(&["good", "plain"]);
    let audited = system.audit(&[]);
    // Asked without TLS, and no real system keeps a secret from this test.
    assert_eq!(audited.with("fail"), ["nerve.api-over-https"], "{:?}", audited.verdicts());
    let unknown = audited.with("unknown");
    for rule in UNDECLARED.iter().chain([&NOT_TOLD]) {
        assert!(unknown.contains(&(*rule).to_owned()), "{rule}: {unknown:?}");
    }
    assert_eq!(unknown.len(), UNDECLARED.len() + 1 + 17, "{unknown:?}");
    assert!(audited.about("nerve.address-attempts-limited").contains("audit `nerve:FILE`"));
    let profile = system.file("profile.yaml", APPROVED);
    let approved = system.audit(&["--profile", &profile]);
    assert_eq!(approved.with("unknown").len(), 1 + 17, "{:?}", approved.with("unknown"));
    assert!(approved.with("pass").len() >= 30, "{:?}", approved.with("pass"));
    assert!(!approved.text.contains("s3cret"));
}

#[test]
fn a_neglected_system_fails_and_no_secret_is_told() {
    let audited = start(&["bad", "plain"]).audit(&[]);
    let fails = audited.with("fail");
    for rule in [
        "administrators-few",
        "api-over-https",
        "connections-acknowledged",
        "connections-hold-no-secrets",
        "directory-encrypted",
        "machine-no-host-devices",
        "no-credentials",
        "node-logins-limited",
        "node-users-in-use",
        "nodes-as-wanted",
        "nodes-dna-signed",
        "nodes-log",
        "nodes-release",
        "notice-before-login",
        "release-recent",
        "screens-encrypted",
        "screens-verify-servers",
        "users-not-named-admin",
        "users-second-factor",
        "workload-memory-limited",
        "workload-no-secrets",
        "workload-own-network",
        "workload-processors-limited",
        "workload-restarts",
    ] {
        assert!(fails.contains(&format!("nerve.{rule}")), "{rule}: {fails:?}");
    }
    assert!(!audited.text.contains("s3cret") && !audited.text.contains("7f7f7f7f"), "a secret is told");
    let acknowledged = audited.about("nerve.connections-acknowledged");
    assert!(acknowledged.contains("node-1: LocalUi") && acknowledged.contains("app 1.0: ui"), "{acknowledged}");
    let own_network = audited.about("nerve.workload-own-network");
    assert!(own_network.contains("app 1.0") && !own_network.contains("old 1.0"), "{own_network}");
    // Workloads of the newer part of the API, and those on the second page.
    assert!(audited.about("nerve.workload-memory-limited").contains("inner 1.0"));
    assert!(audited.about("nerve.machine-no-host-devices").contains("scada 1.0"));
    // A user from the directory changes workloads too; of his second factor nothing is told.
    assert!(!audited.about("nerve.users-second-factor").contains("dnerve"));
    assert!(audited.about("nerve.users-not-named-admin").contains("admin@nerve.cloud"));
    // What only a node knows is unknown of the one that is not online.
    assert!(audited.about("nerve.nodes-log").contains("node node-2 is not online"));
    assert_eq!(audited.verdicts()["nerve.tokens-expire"], "not_applicable");
}

#[test]
fn over_tls_the_password_goes_only_to_a_system_that_is_trusted() {
    let trusted =
        tells_only_whom_it_trusts(|pem, key| start(&["good", "plain", pem, key]), "nerve.release-recent");
    assert!(trusted.with("fail").is_empty(), "{:?}", trusted.with("fail"));
    assert_eq!(trusted.verdicts()["nerve.api-over-https"], "pass");
}

#[test]
fn logins_that_fail_are_told_apart_and_tried_once() {
    let about = |manner: &str, credentials: Option<&str>| {
        let system = start(&["good", manner]);
        let own = system.login();
        let audited = system.audit_as("http", credentials.unwrap_or(&own), &[]);
        assert!(audited.refused(), "{manner}: {:?}", audited.verdicts());
        audited.text
    };
    let system = start(&["good", "once"]);
    let file = system.file("wrong", "not-the-passw0rd\n");
    let wrong = format!("user: auditor@plant.example\npassword_file: {file}\n");
    let refused = system.audit_as("http", &wrong, &[]);
    assert!(refused.refused() && refused.text.contains("(403)") && refused.text.contains("password_file"));
    assert!(!refused.text.contains("not-the-passw0rd") && !refused.text.contains("(429)"), "{}", refused.text);
    let locked = about("locked", None);
    assert!(locked.contains("refuses logins") && locked.contains("(429)"), "{locked}");
    assert!(about("mfa", None).contains("second factor"));
    let nobody = about("plain", Some("user: auditor@plant.example\n"));
    assert!(nobody.contains("password_file") && nobody.contains("--credentials"), "{nobody}");
    assert!(about("busy", None).contains("(429)"));
    let token = system.file("token", "4ccess-t0ken\n");
    for (manner, credentials) in [("headless", None), ("plain", Some(format!("password_file: {token}\n")))] {
        let system = start(&["good", manner]);
        let credentials = credentials.unwrap_or_else(|| system.login());
        let audited = system.audit_as("http", &credentials, &["--rule", "nerve.release-recent"]);
        assert_eq!(audited.with("pass"), ["nerve.release-recent"], "{manner}: {}", audited.text);
    }
    let stranger = start(&["good", "plain"]).audit_as("http", &format!("password_file: {file}\n"), &[]);
    assert!(stranger.text.contains("(403)"), "{}", stranger.text);
}

#[test]
fn a_user_who_may_not_see_all_leaves_the_rest_decided() {
    let narrow = start(&["good", "narrow"]).audit(&[]);
    let about = narrow.about("nerve.users-second-factor");
    assert!(about.contains("(403)") && about.contains("give the user the right"), "{about}");
    assert_eq!(narrow.verdicts()["nerve.connections-acknowledged"], "pass");
    for manner in ["late-html", "late-huge", "late-busy", "late-redirect=1"] {
        let late = start(&["good", manner]).audit(&[]);
        assert_eq!(late.verdicts()["nerve.nodes-log"], "unknown", "{manner}");
        assert_eq!(late.verdicts()["nerve.node-logins-limited"], "unknown", "{manner}");
        assert_eq!(late.verdicts()["nerve.no-credentials"], "unknown", "{manner}");
        assert_eq!(late.verdicts()["nerve.connections-acknowledged"], "unknown", "{manner}");
        assert_eq!(late.verdicts()["nerve.workload-memory-limited"], "pass", "{manner}");
        assert_eq!(late.verdicts()["nerve.users-second-factor"], "pass", "{manner}");
    }
}

#[test]
fn a_server_that_lies_hangs_or_floods_costs_time_and_no_verdict() {
    survives_bad_servers("nerve", |manner| start(&["good", manner]), "nerve.release-recent");
}
