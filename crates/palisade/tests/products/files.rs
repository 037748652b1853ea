//! Products and hosts that are judged by files: CODESYS, Nerve, Windows.

use std::process::Command;

use crate::support::{Audited, audit};

fn audited(kind: &str, name: &str, text: &str) -> Audited {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    audit(&[&format!("{kind}:{}", path.display())])
}

const MANAGEMENT_SYSTEM: &str = "\
max_attempts_by_ip_and_username: 5\nmax_attempts_by_ip_and_username_node_users: 10\n\
max_attempts_by_ip_and_username_dashboard_users: 10\nmax_attempts_by_ip_and_username_validate_token: 10\n\
max_attempts_by_ip_and_username_verify_log_agent: 10\nmax_attempts_by_ip_and_username_ws_tunnel: 10\n\
max_attempts_by_ip_and_username_mfa_validation: 10\nreset_attempts_interval_by_ip_and_username: 1800\n\
block_duration_by_ip_and_username: 1800\nmax_attempts_by_ip: 100\nreset_attempts_interval_by_ip: 86400\n\
block_duration_by_ip: 86400\nsession_duration: 3600\nfile_warm_state_retention_policy_audit_ms: 180d\n\
file_warm_state_retention_policy_security_auditlog: 180d\nfile_warm_state_retention_policy_audit_docker_log: 180d\n\
mfa_enabled: true\n";

#[test]
fn parameters_as_the_guide_asks_pass_and_each_that_differs_fails_at_its_line() {
    let good = audited("nerve", "ms.yaml", MANAGEMENT_SYSTEM);
    assert!(good.with("fail").is_empty() && good.with("unknown").is_empty(), "{:?}", good.verdicts());
    assert_eq!(good.with("pass").len(), 19, "{:?}", good.with("pass"));
    let guides = good.report["guides"].as_array().unwrap();
    let guide = guides.iter().find(|guide| guide["id"] == "nerve-ms").unwrap();
    let about_parameters =
        |one: &&serde_json::Value| ("NRV-MS-037"..="NRV-MS-053").contains(&one["id"].as_str().unwrap());
    let requirements: Vec<_> = guide["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(about_parameters)
        .map(|one| one["status"].clone())
        .collect();
    assert_eq!(requirements.len(), 17, "{requirements:?}");
    assert!(
        requirements.iter().all(|status| status == "met" || status == "not_applicable"),
        "{requirements:?}"
    );
    let bad = audited(
        "nerve",
        "ms.env",
        &MANAGEMENT_SYSTEM.replace(": ", "=").replace("=100\n", "=0\n").replace("=true", "=false"),
    );
    assert_eq!(bad.with("fail"), ["nerve.address-attempts-limited", "nerve.second-factor-on"]);
    assert!(bad.about("nerve.second-factor-on").contains("ms.env:17"));
}

#[test]
fn the_blocks_of_a_node_are_judged_and_files_of_nothing_are_not() {
    let node = audited(
        "nerve",
        "dna.json",
        r#"{"BruteForce": {"maxFailedLoginAttemptsBeforeLockout": 50, "lockoutDurationMinutes": 5},
        "Sessions": {"sessionTimeout": 15, "maxSessionsPerUser": 2, "maxSSHConnections": 0}, "proxy": {"password": "hunter2"}}"#,
    );
    assert_eq!(node.with("fail"), ["nerve.no-credentials", "nerve.node-logins-limited"]);
    assert_eq!(node.verdicts()["nerve.node-sessions-bounded"], "pass");
    assert!(!node.text.contains("hunter2"));
    for text in ["", "no map at all", "a: b\n", "{\"a\":", "[[[[[[[["] {
        let nothing = audited("nerve", "x.yaml", text);
        assert!(nothing.refused(), "{text:?}: {:?}", nothing.verdicts());
    }
}

#[test]
fn copies_of_a_codesys_configuration_are_judged_at_their_lines() {
    let bad = audited(
        "codesys",
        "CODESYSControl.cfg",
        "[CmpUserMgr]\nSECURITY.UserMgmtEnforce=NO\nSECUTITY.UserMgmtAllowAnonymous=NO\n[SysProcess]\nCommand=AllowAll\nCommand.0=rm\n",
    );
    for rule in [
        "users-enforced",
        "settings-understood",
        "commands-limited",
        "passwords-expire",
        "opc-ua-no-old-self-signed",
        "opc-ua-sessions-bounded",
    ] {
        assert_eq!(bad.verdicts()[&format!("codesys.{rule}")], "fail", "{rule}");
    }
    assert_eq!(bad.verdicts()["codesys.files-protected"], "unknown");
    assert!(bad.about("codesys.users-enforced").contains("CODESYSControl.cfg:2"));
    let junk = audited("codesys", "CODESYSControl.cfg", "\u{1}\u{2}[[[=;;=\n[]\n=\n");
    assert_eq!(junk.verdicts()["codesys.users-enforced"], "fail");
}

#[test]
fn the_windows_template_is_unknown_until_it_is_filled_and_mistakes_in_it_are_told() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_palisade")).args(["facts", "template", "windows"]).output().unwrap();
    let template = String::from_utf8(output.stdout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plant.yaml");
    let judged = |text: &str| {
        std::fs::write(&path, text).unwrap();
        audit(&["--facts", path.to_str().unwrap()])
    };
    let empty = judged(&template);
    assert!(empty.with("pass").is_empty() && empty.with("fail").is_empty(), "{:?}", empty.verdicts());
    assert!(empty.with("unknown").len() >= 35, "{}", empty.with("unknown").len());
    // All that stands behind `# ` is filled in as the template shows it.
    let filled: Vec<String> = template
        .lines()
        .map(|line| match line.split_once("# ") {
            Some((before, rest)) if before.len() >= 4 && before.trim().is_empty() => format!("{before}{rest}"),
            _ => line.to_owned(),
        })
        .collect();
    let filled = filled.join("\n");
    let full = judged(&filled);
    let fails = full.with("fail");
    assert!(fails.is_empty() || fails == ["windows.administrator-managed"], "{fails:?}");
    assert!(full.with("pass").len() >= 28, "{:?}", full.with("pass"));
    let undeclared = full.with("unknown");
    assert!(undeclared.iter().all(|rule| rule.ends_with("-approved")), "{undeclared:?}");
    for (wrong, told) in [
        (filled.replace("smb1: false", "smb_1: false"), "facts.windows.smb_1"),
        (filled.replace("smb1: false", "smb1: maybe"), "invalid type"),
        (filled.replace("real_time: true", "realtime: true"), "facts.windows.malware.realtime"),
    ] {
        std::fs::write(&path, wrong).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_palisade"))
            .args(["audit", "--facts"])
            .arg(&path)
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(told), "{told}: {error}");
    }
}

#[test]
fn rules_of_products_do_not_concern_a_host() {
    let folder = tempfile::tempdir().unwrap();
    let host = audit(&[&format!("root:{}", folder.path().display())]);
    let products = ["kepware.", "nerve.", "windows."];
    let strange: Vec<_> =
        host.verdicts().into_keys().filter(|rule| products.iter().any(|one| rule.starts_with(one))).collect();
    assert!(strange.is_empty(), "{strange:?}");
    assert!(host.text.contains("decided on a target of another kind: Kepware server"));
}
