//! What the person who starts it meets.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use test_support::{Postgres, until};

use crate::audit::set_up;
use crate::running::{Log, Running};

#[test]
fn it_says_what_to_do_and_keeps_its_files_to_itself() {
    let running = Running::up();
    let code = running.set_up_code();
    for part in ["Palisade is ready at https://localhost:", &code, "ca.pem", "set-up-code", "Ctrl-C"] {
        assert!(running.welcome.contains(part), "{part}: {}", running.welcome);
    }
    let mut looked_at = 0;
    for entry in
        std::fs::read_dir(&running.state).unwrap().chain(std::fs::read_dir(running.state.join("pki")).unwrap())
    {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o077, 0, "{:?}", entry.path());
        looked_at += 1;
    }
    assert!(looked_at > 5, "{looked_at}");
    let authority = running.ask("GET", "/ca.pem", &[]);
    assert!(authority.text.contains("BEGIN CERTIFICATE"));
    assert_eq!(running.ask("GET", "/ca.crl", &[]).status, 200);
    let second = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["up", "--listen", "127.0.0.1:0", "--state-dir"])
        .arg(&running.state)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2));
    assert!(told.contains("another server uses"), "{told}");
    assert!(running.end(), "it ends well when asked to");
}

#[test]
fn it_goes_on_when_nobody_takes_its_log() {
    let (reader, gone) = std::io::pipe().unwrap();
    drop(reader);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    for log in [Log::To(gone.into()), Log::To(full.into())] {
        let directory = crate::running::place();
        let talks = [("PALISADE_LOG_LEVEL", "info")];
        let running = Running::start_logging(&directory.path().join("state"), &["up"], &talks, log);
        for _ in 0..2 {
            assert_eq!(running.ask("GET", "/setup", &[]).status, 200);
        }
        assert!(running.end(), "it ends well when asked to");
    }
}

#[test]
fn whether_it_is_ready_is_asked_and_told() {
    let running = Running::up();
    let ready = |port: u16| {
        Command::new(env!("CARGO_BIN_EXE_palisade"))
            .arg("ready")
            .env("PALISADE_SERVER_METRICS_LISTEN", format!("127.0.0.1:{port}"))
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(ready(running.metrics), Some(0));
    let figures = Command::new("/usr/bin/curl")
        .args(["--silent", &format!("http://127.0.0.1:{}/metrics", running.metrics)])
        .output()
        .unwrap();
    let figures = String::from_utf8(figures.stdout).unwrap();
    assert!(figures.contains("palisade_connections_open"), "{figures}");
    let port = running.metrics;
    running.kill();
    assert_eq!(ready(port), Some(2));
}

#[test]
fn the_audit_of_this_machine_is_there_on_both_databases() {
    let directory = crate::running::place();
    let database = Postgres::shared().database();
    for (name, environment) in
        [("sqlite", Vec::new()), ("postgres", vec![("PALISADE_DATABASE_URL", database.as_str())])]
    {
        let running = Running::start(&directory.path().join(name), &["up"], &environment);
        let body = json!({
            "code": running.set_up_code(), "username": "eva", "full_name": "Eva Muster",
            "password": "seventeen violet turbines hum",
        });
        let made = running.send("POST", "/api/v1/setup", "", &body);
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.body["next"], "enrolment");
        assert!(!running.state.join("set-up-code").exists(), "it opens nothing any more");
        assert_eq!(running.ask("GET", "/api/v1/reports", &[]).status, 401);
        // Whoever has the right to see it finds it: asked of the database, since this session has no second factor yet.
        wait_for_report(&running);
        assert!(running.end());
        // Started again there is a user, so there is no code.
        let again = Running::start(&directory.path().join(name), &["serve"], &environment);
        assert!(again.welcome.contains("log in"), "{}", again.welcome);
        assert!(!again.state.join("set-up-code").exists());
        let login = json!({"username": "eva", "password": "seventeen violet turbines hum"});
        assert_eq!(again.send("POST", "/api/v1/session", "", &login).status, 200);
    }
}

/// Waits until the metrics tell of a report that was kept.
pub(crate) fn wait_for_report(running: &Running) {
    let kept = || {
        let out = Command::new("/usr/bin/curl")
            .args(["--silent", &format!("http://127.0.0.1:{}/metrics", running.metrics)])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let found =
            text.lines().any(|line| line.starts_with("palisade_reports_kept_total") && !line.ends_with(" 0"));
        if found { Ok(()) } else { Err("no report was kept".to_owned()) }
    };
    until(Duration::from_secs(120), kept);
}

#[test]
fn a_body_that_is_too_long_is_refused_in_words_over_both_protocols() {
    let running = Running::up();
    let body = json!({"username": "x".repeat(100_000), "password": "x"}).to_string();
    for protocol in ["--http1.1", "--http2"] {
        let kind = "content-type: application/json";
        let answer = running.ask("POST", "/api/v1/session", &[protocol, "--header", kind, "--data", &body]);
        assert_eq!(
            (answer.status, &answer.body["type"]),
            (413, &json!("too-large")),
            "{protocol}: {}",
            answer.text
        );
    }
}

#[test]
fn two_servers_on_one_database_let_in_no_more_attempts_than_one() {
    let database = Postgres::shared().database();
    let environment = [("PALISADE_DATABASE_URL", database.as_str())];
    let directory = crate::running::place();
    let states = [directory.path().join("one"), directory.path().join("other")];
    let one = Running::start(&states[0], &["serve"], &environment);
    set_up(&one);
    // Both know names by the same key.
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&states[1]).unwrap();
    std::fs::copy(states[0].join("seal.key"), states[1].join("seal.key")).unwrap();
    let other = Running::start(&states[1], &["serve"], &environment);
    let guess = |number: usize, server: &Running| {
        let login = json!({"username": "eva", "password": format!("wrong {number}")});
        server.send("POST", "/api/v1/session", "", &login).status
    };
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let servers = [&one, &other];
        let guesses: Vec<_> =
            (0..60).map(|number| scope.spawn(move || guess(number, servers[number % 2]))).collect();
        guesses.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let of = |status: u16| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((of(401), of(429)), (5, 55), "{statuses:?}");
    let right = json!({"username": "eva", "password": "seventeen violet turbines hum"});
    for server in [&one, &other] {
        assert_eq!(server.send("POST", "/api/v1/session", "", &right).status, 429);
    }
}
