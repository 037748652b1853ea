//! What strangers with tools find: schemathesis, testssl.sh, crowds that misbehave.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use test_support::{Postgres, prepared_near};

use crate::running::Running;

/// Hashes that cost little, and room to fail for whoever tries everything.
const ROOM: [(&str, &str); 8] = [
    ("PALISADE_PASSWORDS_ARGON2_MEMORY", "19MiB"),
    ("PALISADE_PASSWORDS_ARGON2_ITERATIONS", "2"),
    ("PALISADE_PASSWORDS_ARGON2_PARALLELISM", "1"),
    ("PALISADE_BRUTE_FORCE_MAX_ATTEMPTS_BY_IP", "100000"),
    ("PALISADE_BRUTE_FORCE_MAX_ATTEMPTS_BY_IP_AND_USERNAME", "1000"),
    ("PALISADE_BRUTE_FORCE_MAX_ATTEMPTS_BY_IP_AND_USERNAME_VALIDATE_TOKEN", "1000"),
    ("PALISADE_BRUTE_FORCE_MAX_ATTEMPTS_BY_IP_AND_USERNAME_MFA_VALIDATION", "1000"),
    ("PALISADE_SERVER_HANDSHAKE_TIMEOUT", "30s"),
];

#[test]
fn the_api_is_as_its_description_says_on_sqlite() {
    as_described(&ROOM, "nobody,auditor,token,administrator");
}

#[test]
fn the_api_is_as_its_description_says_on_postgresql() {
    let database = Postgres::shared().database();
    let environment: Vec<(&str, &str)> =
        ROOM.into_iter().chain([("PALISADE_DATABASE_URL", &*database)]).collect();
    // Who may do everything reaches every query; whom the other callers are refused by asks none of them.
    as_described(&environment, "administrator");
}

fn as_described(environment: &[(&str, &str)], callers: &str) {
    let directory = crate::running::place();
    let running = Running::start(&directory.path().join("state"), &["serve"], environment);
    let done = python("schema.py")
        .args([running.url(""), running.set_up_code()])
        .arg(running.state.join("ca.pem"))
        .env("PALISADE_TEST_CALLERS", callers)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{out}\n{}", String::from_utf8_lossy(&done.stderr));
}

/// `PALISADE_TEST_IDLE=10000` for a crowd of another size, beside a limit that has room for it.
#[test]
fn crowds_that_misbehave_are_bounded_and_others_served() {
    let idle: u64 = std::env::var("PALISADE_TEST_IDLE").map_or(500, |text| text.parse().unwrap());
    // One run in which all have room, and one in which half of them have.
    for most in [(idle * 3 / 2).max(1000), (idle / 2).max(400)] {
        let directory = crate::running::place();
        let most = most.to_string();
        let environment = [
            ("PALISADE_SERVER_MAX_CONNECTIONS", &*most),
            ("PALISADE_SERVER_IDLE_TIMEOUT", "10m"),
            ("PALISADE_LOG_LEVEL", "error"),
        ];
        let running = Running::start(&directory.path().join("state"), &["serve"], &environment);
        let done = python("crowd.py")
            .args([running.port, running.metrics].map(|port| port.to_string()))
            .arg(running.state.join("ca.pem"))
            .args([idle.to_string(), most, "10".to_owned()])
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{out}\n{}", String::from_utf8_lossy(&done.stderr));
        print!("{out}");
    }
}

#[test]
fn testssl_finds_nothing_to_fault() {
    let directory = crate::running::place();
    // With time for handshakes: one that is cut off because the machine is busy would be told as a fault.
    let running = Running::start(&directory.path().join("state"), &["serve"], &ROOM);
    // On a busy machine it gives up some of its own connections and warns of that: then it looks again.
    let bad = (0..3).map(|_| faults_by_testssl(&running, directory.path()));
    let bad: Vec<Vec<String>> = bad.take_while(|bad| !bad.is_empty()).collect();
    let is_warned = |bad: &[String]| bad.iter().all(|one| one.contains(": \"WARN\" "));
    assert!(bad.len() < 3 && bad.iter().all(|bad| is_warned(bad)), "{bad:#?}");
}

/// What testssl.sh finds worth a word.
fn faults_by_testssl(running: &Running, directory: &Path) -> Vec<String> {
    let report = directory.join("testssl.json");
    // It writes over no report.
    drop(std::fs::remove_file(&report));
    let done = Command::new("/usr/bin/testssl")
        .args(["--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1"])
        .args(["--protocols", "--server-defaults", "--server-preference", "--fs", "--headers"])
        .arg("--add-ca")
        .arg(running.state.join("ca.pem"))
        .arg("--jsonfile")
        .arg(&report)
        .arg(running.url("/setup"))
        .output()
        .unwrap_or_else(|error| panic!("testssl cannot be started: {error}; see `cargo xtask setup`"));
    let text = std::fs::read_to_string(&report)
        .unwrap_or_else(|_| panic!("testssl.sh: {}", String::from_utf8_lossy(&done.stdout)));
    let findings: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(findings.len() > 40, "{text}");
    findings
        .iter()
        .filter(|one| !["OK", "INFO"].contains(&one["severity"].as_str().unwrap()))
        .map(|one| format!("{}: {} {}", one["id"], one["severity"], one["finding"]))
        .filter(|told| !EXPLAINED.iter().any(|id| told.starts_with(&format!("\"{id}\""))))
        .collect()
}

/// What testssl.sh says of the OpenSSL that it runs with, not of the server.
const EXPLAINED: [&str; 1] = ["engine_problem"];

/// A script of this folder, in the Python environment of the tests.
fn python(script: &str) -> Command {
    let venv = std::env::var_os("PALISADE_TEST_VENV").map_or_else(|| prepared_near("test-venv"), PathBuf::from);
    let mut command = Command::new(venv.join("bin/python3"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/up").join(script));
    command
}
