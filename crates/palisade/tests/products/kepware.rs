//! A Kepware server: its Configuration API in a double that the vendor's own client accepts.

use std::process::Command;

use crate::support::{Double, beside, python, survives_bad_servers, tells_only_whom_it_trusts};

fn start(args: &[&str]) -> Double {
    Double::start("kepware", "Administrator", args)
}

/// What every server of the double has in common: it was asked over HTTP, and nothing is declared.
const WITHOUT_TLS: [&str; 2] = ["kepware.api-not-over-http", "kepware.api-over-https"];
const UNDECLARED: [&str; 4] = [
    "kepware.action-logs-persistent",
    "kepware.api-approved",
    "kepware.ua-gateway-certificates-approved",
    "kepware.users-approved",
];

#[test]
fn a_well_kept_project_passes_in_both_shapes() {
    for version in ["6", "7"] {
        let audited = start(&[version, "good", "plain"]).audit(&[]);
        assert_eq!(audited.with("fail"), WITHOUT_TLS, "version {version}");
        assert_eq!(audited.with("unknown"), UNDECLARED, "version {version}");
        assert!(audited.with("pass").len() >= 30, "version {version}: {:?}", audited.with("pass"));
        let shape = if version == "6" { "flat" } else { "nested" };
        assert_eq!(audited.verdicts()["kepware.dde-off"], "pass", "{shape}");
    }
}

#[test]
fn a_neglected_project_fails_in_both_shapes_and_no_secret_is_told() {
    let fails = |version: &str| {
        let audited = start(&[version, "bad", "plain"]).audit(&[]);
        assert!(!audited.text.contains("s3cret"), "a secret is in the report of version {version}");
        assert!(audited.about("kepware.dde-off").contains("/config/v1/project property ddeserver.ENABLE"));
        let rights = audited.about("kepware.anonymous-clients-do-not-administer");
        assert!(rights.contains("VIEW_EVENT_LOG_SECURITY"), "{rights}");
        audited.with("fail")
    };
    let (flat, nested) = (fails("6"), fails("7"));
    assert!(flat.contains(&"kepware.server-release-recent".to_owned()));
    assert_eq!(
        flat.iter().filter(|rule| !nested.contains(rule)).collect::<Vec<_>>(),
        ["kepware.server-release-recent"]
    );
    for rule in [
        "kepware.opc-da-off",
        "kepware.suitelink-off",
        "kepware.alarms-events-off",
        "kepware.historical-off",
        "kepware.thingworx-encrypted",
        "kepware.thingworx-trusts-chosen",
        "kepware.thingworx-no-self-signed",
        "kepware.anonymous-clients-do-not-write",
        "kepware.default-clients-keep-project",
        "kepware.personal-administrator",
        "kepware.opc-ua-no-anonymous",
        "kepware.ua-gateway-no-anonymous",
        "kepware.mqtt-encrypted",
        "kepware.mqtt-tls-current",
        "kepware.mqtt-authenticated",
        "kepware.mqtt-does-not-write",
        "kepware.rest-client-encrypted",
        "kepware.rest-client-authenticated",
        "kepware.rest-server-encrypted",
        "kepware.rest-server-no-anonymous",
        "kepware.rest-server-origins-listed",
        "kepware.action-logs-kept",
        "kepware.diagnostics-off",
        "kepware.channel-diagnostics-off",
        "kepware.backups-few",
        "kepware.drivers-used",
        "kepware.device-logins-set",
    ] {
        assert!(nested.contains(&rule.to_owned()), "{rule}: {nested:?}");
    }
}

#[test]
fn the_vendors_client_accepts_the_double_and_what_it_mends_is_seen() {
    let plant = start(&["7", "bad", "plain"]);
    let before = plant.audit(&[]).with("fail");
    let client =
        Command::new(python()).arg(beside("kepware_client.py")).arg(plant.port().to_string()).output().unwrap();
    assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));
    let after = plant.audit(&[]).with("fail");
    let mended: Vec<_> = before.iter().filter(|rule| !after.contains(rule)).collect();
    assert_eq!(mended, ["kepware.dde-off", "kepware.mqtt-encrypted"]);
}

#[test]
fn over_tls_the_password_goes_only_to_a_server_that_is_trusted() {
    let trusted =
        tells_only_whom_it_trusts(|pem, key| start(&["6", "good", "plain", pem, key]), "kepware.dde-off");
    assert_eq!(trusted.with("fail"), ["kepware.api-certificate-issued"]);
    assert_eq!(trusted.verdicts()["kepware.api-over-https"], "pass");
}

#[test]
fn refusals_are_told_apart() {
    let plant = start(&["6", "good", "narrow"]);
    let narrow = plant.audit(&[]);
    assert_eq!(narrow.verdicts()["kepware.dde-off"], "pass");
    let about = narrow.about("kepware.personal-administrator");
    assert!(about.contains("(403)") && about.contains("give the user the right"), "{about}");
    let stranger = plant.audit_as("http", "user: Administrator\n", &[]);
    let about = stranger.about("kepware.dde-off");
    assert!(about.contains("(401)") && about.contains("password_file"), "{about}");
    assert!(stranger.refused());
    let busy = start(&["6", "good", "busy"]).audit(&[]);
    assert!(busy.about("kepware.dde-off").contains("busy (429)"));
}

#[test]
fn a_server_that_lies_hangs_or_floods_costs_time_and_no_verdict() {
    survives_bad_servers("kepware", |manner| start(&["6", "good", manner]), "kepware.dde-off");
}
