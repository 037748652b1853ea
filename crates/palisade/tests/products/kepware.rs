//! A Kepware server: its Configuration API in a double that the vendor's own client accepts.

use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_support::{Server, free_port, self_signed};

use crate::support::{Audited, audit, beside, python};

const DOUBLE: &str = "kepware_double.py";

struct Plant {
    folder: TempDir,
    port: u16,
    _server: Server,
}

impl Plant {
    fn start(args: &[&str]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let (double, number) = (beside(DOUBLE), port.to_string());
        let mut all = vec![double.as_str(), number.as_str()];
        all.extend(args);
        let server = Server::start(python().to_str().unwrap(), &all, port);
        std::fs::write(folder.path().join("password"), "Größe-und-14-Zeichen\n").unwrap();
        Self { folder, port, _server: server }
    }

    fn audit_as(&self, scheme: &str, credentials: &str, more: &[&str]) -> Audited {
        let file = self.folder.path().join("credentials.yaml");
        std::fs::write(&file, credentials).unwrap();
        let target = format!("kepware:{scheme}://127.0.0.1:{}", self.port);
        let mut args = vec![target.as_str(), "--credentials", file.to_str().unwrap()];
        args.extend(more);
        audit(&args)
    }

    fn audit(&self, more: &[&str]) -> Audited {
        self.audit_as("http", &self.login(), more)
    }

    fn login(&self) -> String {
        format!("user: Administrator\npassword_file: {}/password\n", self.folder.path().display())
    }
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
        let audited = Plant::start(&[version, "good", "plain"]).audit(&[]);
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
        let audited = Plant::start(&[version, "bad", "plain"]).audit(&[]);
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
    ] {
        assert!(nested.contains(&rule.to_owned()), "{rule}: {nested:?}");
    }
}

#[test]
fn the_vendors_client_accepts_the_double_and_what_it_mends_is_seen() {
    let plant = Plant::start(&["7", "bad", "plain"]);
    let before = plant.audit(&[]).with("fail");
    let client =
        Command::new(python()).arg(beside("kepware_client.py")).arg(plant.port.to_string()).output().unwrap();
    assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));
    let after = plant.audit(&[]).with("fail");
    let mended: Vec<_> = before.iter().filter(|rule| !after.contains(rule)).collect();
    assert_eq!(mended, ["kepware.dde-off", "kepware.mqtt-encrypted"]);
}

#[test]
fn over_tls_the_password_goes_only_to_a_server_that_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let own = self_signed(folder.path(), "server", "-newkey rsa:2048 -days 30");
    let (pem, key) = (own.certificate.to_str().unwrap(), own.key.to_str().unwrap());
    let plant = Plant::start(&["6", "good", "plain", pem, key]);
    let unknown = plant.audit_as("https", &plant.login(), &[]);
    assert!(unknown.refused());
    let about = unknown.about("kepware.dde-off");
    assert!(about.contains("nothing was sent") && about.contains("`ca`"), "{about}");
    let trusted = plant.audit_as("https", &format!("{}ca: {pem}\n", plant.login()), &[]);
    assert_eq!(trusted.with("fail"), ["kepware.api-certificate-issued"]);
    assert_eq!(trusted.verdicts()["kepware.api-over-https"], "pass");
    let other = self_signed(folder.path(), "other", "-newkey rsa:2048 -days 30");
    let wrong =
        plant.audit_as("https", &format!("{}ca: {}\n", plant.login(), other.certificate.display()), &[]);
    assert!(wrong.refused(), "{}", wrong.text);
}

#[test]
fn refusals_are_told_apart() {
    let plant = Plant::start(&["6", "good", "narrow"]);
    let narrow = plant.audit(&[]);
    assert_eq!(narrow.verdicts()["kepware.dde-off"], "pass");
    let about = narrow.about("kepware.personal-administrator");
    assert!(about.contains("(403)") && about.contains("give the user the right"), "{about}");
    let stranger = plant.audit_as("http", "user: Administrator\n", &[]);
    let about = stranger.about("kepware.dde-off");
    assert!(about.contains("(401)") && about.contains("password_file"), "{about}");
    assert!(stranger.refused());
    let busy = Plant::start(&["6", "good", "busy"]).audit(&[]);
    assert!(busy.about("kepware.dde-off").contains("busy (429)"));
}

#[test]
fn a_server_that_lies_hangs_or_floods_costs_time_and_no_verdict() {
    for (manner, word) in
        [("hang", "did not answer"), ("drip", "did not answer"), ("huge", "more than"), ("html", "no JSON")]
    {
        let plant = Plant::start(&["6", "good", manner]);
        let begun = Instant::now();
        let audited = plant.audit(&["--rule", "kepware.dde-off"]);
        assert!(begun.elapsed() < Duration::from_secs(45), "{manner}: {:?}", begun.elapsed());
        assert!(
            audited.refused() || audited.with("unknown") == ["kepware.dde-off"],
            "{manner}: {}",
            audited.text
        );
        let about = audited.about("kepware.dde-off");
        assert!(
            about.contains(word) || about.contains("time") || about.contains("within"),
            "{manner}: {about}"
        );
    }
    let closed = audit(&[&format!("kepware:http://127.0.0.1:{}", free_port())]);
    assert!(closed.refused());
}
