//! Two plants that witness each other: cosigned, verified by policy, forked and told, gone and back.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::{free_port, until};

use crate::ledger::{ledger, token, told};
use crate::running::{Log, Running};

/// Long enough for a machine with much else to do; witnesses are asked each two seconds, and a minute apart when they did not answer.
const PATIENCE: Duration = Duration::from_secs(180);

/// Two seconds between two questions and the answer, many times over: other tests run on the same machine.
const PROMPT: Duration = Duration::from_secs(30);

/// What a plant tells the other one, and how it is asked.
struct Plant {
    state: PathBuf,
    port: u16,
    token: String,
    /// The keys of its streams, and that of its witness.
    logs: Vec<String>,
    witness: String,
}

impl Plant {
    /// Starts it for the first time, alone, to learn its keys.
    fn new(state: PathBuf) -> Self {
        let port = free_port();
        let running = Running::start_at(port, &state, &["serve"], &[], Log::kept());
        let token = token(&running);
        let mut plant = Self { state, port, token, logs: Vec::new(), witness: String::new() };
        let streams = plant.ask(&running, "/api/v1/ledger");
        plant.logs = streams.as_array().unwrap().iter().map(|stream| text(stream, "/key")).collect();
        let witness = plant.ask(&running, "/api/v1/ledger/witness");
        plant.witness = text(&witness, "/key");
        assert_eq!(text(&witness, "/address"), running.url("/api/v1/ledger/witness"));
        assert!(running.end());
        plant
    }

    /// Starts it with the other one as its witness, and as a log of its own.
    fn start(&self, other: &Self) -> Running {
        self.start_in(&self.state, &other.witness, other)
    }

    fn start_in(&self, state: &Path, witness: &str, other: &Self) -> Running {
        let asked = format!("{witness} https://localhost:{}/api/v1/ledger/witness", other.port);
        let (logs, authority) = (other.logs.join(","), other.state.join("ca.pem"));
        let environment = [
            ("PALISADE_WITNESSING_LOGS", logs.as_str()),
            ("PALISADE_WITNESSING_WITNESSES", asked.as_str()),
            ("PALISADE_WITNESSING_CA_FILE", authority.to_str().unwrap()),
            // What it says of a witness that is gone is wanted, and fills the terminal.
            ("PALISADE_LOG_LEVEL", "error"),
        ];
        Running::start_at(self.port, state, &["serve"], &environment, Log::To(Stdio::null()))
    }

    fn ask(&self, running: &Running, path: &str) -> Value {
        let bearer = format!("authorization: Bearer {}", self.token);
        let answer = running.ask("GET", path, &["--header", &bearer]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.body
    }

    /// The one witness of the Management System's stream.
    fn witness_of(&self, running: &Running) -> (Value, Value) {
        let streams = self.ask(running, "/api/v1/ledger");
        let stream = streams.get(0).cloned().unwrap();
        (stream.pointer("/witnesses/0").cloned().unwrap(), stream)
    }

    /// Waits until all that was logged is cosigned.
    fn until_cosigned(&self, running: &Running) {
        until(PATIENCE, || {
            let (witness, stream) = self.witness_of(running);
            let is_done = witness.get("size") == stream.get("size") && witness.get("trouble").is_none();
            if is_done { Ok(()) } else { Err(format!("not cosigned: {stream}")) }
        });
    }

    fn count(&self, running: &Running, event: &str) -> usize {
        let found = self.ask(running, &format!("/api/v1/ledger/management-system/entries?event={event}"));
        found.get("items").and_then(Value::as_array).unwrap().len()
    }

    /// Waits until so many of these were noted; one that was is given its place a moment later.
    fn until_noted(&self, running: &Running, event: &str, count: usize) {
        until(PATIENCE, || match self.count(running, event) {
            found if found == count => Ok(()),
            found => Err(format!("{event} was noted {found} times, not {count}")),
        });
    }

    /// A policy that believes this plant's ledger when this witness cosigned it.
    fn policy(&self, witness: &str) -> String {
        format!("log {}\nwitness other {witness}\nquorum other\n", self.logs.first().unwrap())
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}: {value}")).to_owned()
}

/// Lets something happen: an export is an event.
fn happen(plant: &Plant, running: &Running) {
    let bearer = format!("authorization: Bearer {}", plant.token);
    let answer = running.ask("GET", "/api/v1/ledger/export?format=csv", &["--header", &bearer]);
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn is_ready(running: &Running) -> bool {
    let url = format!("http://127.0.0.1:{}/readyz", running.metrics);
    let done =
        Command::new("/usr/bin/curl").args(["--silent", "--max-time", "60", "--fail-with-body", &url]).output();
    let done = done.unwrap_or_else(|error| panic!("curl cannot be started: {error}; see `cargo xtask setup`"));
    done.status.success()
}

fn figures(running: &Running) -> String {
    let url = format!("http://127.0.0.1:{}/metrics", running.metrics);
    let done = Command::new("/usr/bin/curl").args(["--silent", "--max-time", "60", &url]).output().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

fn figure(running: &Running, name: &str) -> i64 {
    let figures = figures(running);
    let line = figures.lines().find(|line| line.starts_with(name) && line.contains("management-system"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{name}: {figures}"))
}

fn plants() -> (TempDir, Plant, Plant) {
    let directory = crate::running::place();
    let plant = |name: &str| Plant::new(directory.path().join(name));
    let (one, two) = (plant("a"), plant("b"));
    (directory, one, two)
}

#[test]
fn two_plants_witness_each_other_and_an_auditor_sees_it_without_either() {
    let (directory, a, b) = plants();
    let (running_a, running_b) = (a.start(&b), b.start(&a));
    a.until_cosigned(&running_a);
    b.until_cosigned(&running_b);
    // What happens now is cosigned within seconds.
    let begun = Instant::now();
    happen(&a, &running_a);
    a.until_cosigned(&running_a);
    let took = begun.elapsed();
    assert!(took < PROMPT, "it was cosigned after {took:?}");
    let place = directory.path();
    std::fs::write(place.join("policy"), a.policy(&b.witness)).unwrap();
    std::fs::write(place.join("other-policy"), a.policy(&a.witness)).unwrap();
    let (url, authority) = (running_a.url(""), a.state.join("ca.pem"));
    let authority = authority.to_str().unwrap();
    let run = |arguments: &[&str]| ledger(place, &a.token, arguments);
    let online = run(&["verify", &url, "--ca", authority, "--policy", "policy"]);
    assert_eq!(online.status.code(), Some(0), "{}", told(&online));
    // The export waits for the witness to cosign that it was made.
    let export = run(&["export", &url, "--ca", authority, "-o", "a.tar"]);
    assert_eq!(export.status.code(), Some(0), "{}", told(&export));
    let known = b.ask(&running_b, "/api/v1/ledger/witness");
    assert_eq!(known["logs"].as_array().unwrap().len(), 3);
    assert_eq!(text(&known, "/logs/0/key"), a.logs[0]);
    assert!(known["logs"][0]["size"].as_u64().unwrap() > 3, "{known}");
    a.until_noted(&running_a, "ledger.cosigned", 1);
    b.until_noted(&running_b, "witness.begun", 1);
    let page = running_a.ask(
        "GET",
        "/api/v1/ledger/management-system/entries/0/proof",
        &["--header", &format!("authorization: Bearer {}", a.token)],
    );
    assert!(page.text.contains(b.witness.split('+').next().unwrap()), "{}", page.text);
    assert!(figure(&running_a, "palisade_ledger_witness_cosigned_timestamp_seconds") > 1_700_000_000);
    assert!(running_a.end() && running_b.end());

    let good = run(&["verify", "a.tar", "--policy", "policy", "--format", "json"]);
    assert_eq!(good.status.code(), Some(0), "{}", told(&good));
    let result: Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!(text(&result, "/logs/0/cosigned_by/0/witness"), b.witness.split('+').next().unwrap());
    // Cosigned by somebody else than the policy asks for.
    let wrong = run(&["verify", "a.tar", "--policy", "other-policy", "--format", "json"]);
    assert_eq!(wrong.status.code(), Some(1), "{}", told(&wrong));
    let result: Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert_eq!(result["logs"][0]["faults"][0]["check"], json!("witness"), "{result}");
}

#[test]
fn a_ledger_that_was_copied_and_goes_on_differently_is_refused_and_told() {
    let (directory, a, b) = plants();
    let running_b = b.start(&a);
    let running = a.start(&b);
    a.until_cosigned(&running);
    assert!(running.end());
    // The copy, and then the log itself goes on and is cosigned.
    let copy = directory.path().join("copy");
    let done = Command::new("/usr/bin/cp").args(["-a", "--"]).arg(&a.state).arg(&copy).status().unwrap();
    assert!(done.success());
    let running = a.start(&b);
    happen(&a, &running);
    a.until_cosigned(&running);
    assert!(is_ready(&running));
    assert!(running.end());

    let forked = a.start_in(&copy, &b.witness, &b);
    let said = until(PATIENCE, || {
        // More than the witness saw, so that it is no mere cut.
        happen(&a, &forked);
        let (witness, stream) = a.witness_of(&forked);
        let refused = b.ask(&running_b, "/api/v1/ledger/witness")["logs"][0]["refused"].clone();
        if witness["trouble"] == "contradicted" && refused.is_string() {
            Ok(text(&witness, "/said"))
        } else {
            Err(format!("not refused: {stream}"))
        }
    });
    assert!(said.contains("forked"), "{said}");
    // What a witness says is an alarm, and does not take the server out of service.
    assert!(is_ready(&forked));
    assert_eq!(figure(&forked, "palisade_ledger_witness_contradicts"), 1);
    a.until_noted(&forked, "ledger.contradicted", 1);
    until(PATIENCE, || match b.count(&running_b, "witness.refused") {
        0 => Err("the witness has not noted it".to_owned()),
        _ => Ok(()),
    });
    // What is served says nothing of witnesses that it does not have: a policy finds it.
    std::fs::write(directory.path().join("policy"), a.policy(&b.witness)).unwrap();
    let authority = a.state.join("ca.pem");
    let arguments = ["export", &forked.url(""), "--ca", authority.to_str().unwrap(), "-o", "forked.tar"];
    let export = ledger(directory.path(), &a.token, &arguments);
    assert_eq!(export.status.code(), Some(0), "{}", told(&export));
    let verified = ledger(directory.path(), &a.token, &["verify", "forked.tar", "--policy", "policy"]);
    assert_eq!(verified.status.code(), Some(1), "{}", told(&verified));
    assert!(told(&verified).contains("witness"), "{}", told(&verified));
}

#[test]
fn a_witness_that_is_gone_is_shown_and_catches_up_when_it_is_back() {
    let (_directory, a, b) = plants();
    let running_b = b.start(&a);
    let running = a.start(&b);
    a.until_cosigned(&running);
    assert!(running_b.end());
    happen(&a, &running);
    let since = until(PATIENCE, || {
        let (witness, stream) = a.witness_of(&running);
        if witness["trouble"] == "unreachable" {
            Ok(text(&witness, "/since"))
        } else {
            Err(format!("not gone: {stream}"))
        }
    });
    assert!(since.parse::<jiff::Timestamp>().is_ok(), "{since}");
    until(PATIENCE, || match figure(&running, "palisade_ledger_witness_silent_seconds") {
        0 => Err("the figure says that it is there".to_owned()),
        _ => Ok(()),
    });
    // That is no reason to stop.
    assert!(is_ready(&running));
    happen(&a, &running);
    let running_b = b.start(&a);
    a.until_cosigned(&running);
    // Gone and back is no event; it was cosigned before.
    a.until_noted(&running, "ledger.cosigned", 1);
    b.until_noted(&running_b, "witness.begun", 1);
}
