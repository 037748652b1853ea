//! The server is killed while it writes: what it acknowledged is there afterwards, on both databases.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use test_support::Postgres;

use crate::running::Running;

/// Kills on each database.
const KILLS: u64 = 6;

/// Hashes that cost little, and an address that may fail as often as it likes.
const CHEAP: [(&str, &str); 4] = [
    ("PALISADE_PASSWORDS_ARGON2_MEMORY", "19MiB"),
    ("PALISADE_PASSWORDS_ARGON2_ITERATIONS", "2"),
    ("PALISADE_PASSWORDS_ARGON2_PARALLELISM", "1"),
    ("PALISADE_BRUTE_FORCE_MAX_ATTEMPTS_BY_IP", "100000"),
];

const PASSWORD: &str = "seventeen violet turbines hum";

#[test]
fn what_was_acknowledged_outlives_kills_on_sqlite() {
    killed_while_writing(&CHEAP);
}

#[test]
fn what_was_acknowledged_outlives_kills_on_postgresql() {
    let database = Postgres::shared().database();
    let environment: Vec<(&str, &str)> =
        CHEAP.into_iter().chain([("PALISADE_DATABASE_URL", &*database)]).collect();
    killed_while_writing(&environment);
}

/// Failed logins are what everybody may write: each that was answered must be counted when the server is back.
fn killed_while_writing(environment: &[(&str, &str)]) {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let first = Running::start(&state, &["serve"], environment);
    let body =
        json!({"code": first.set_up_code(), "username": "eva", "full_name": "Eva", "password": PASSWORD});
    assert_eq!(first.send("POST", "/api/v1/setup", "", &body).status, 201);
    first.kill();
    let mut blocked = 0;
    for round in 0..KILLS {
        let running = Running::start(&state, &["serve"], environment);
        let stop = AtomicBool::new(false);
        let answered: Vec<String> = thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut answered = Vec::new();
                for number in 0..1000 {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    // Five of one name: the last that is answered starts the block.
                    let name = format!("user{round}-{}", number / 5);
                    let login = json!({"username": name, "password": "wrong"});
                    if running.send("POST", "/api/v1/session", "", &login).status == 401 {
                        answered.push(name);
                    }
                }
                answered
            });
            thread::sleep(Duration::from_millis(1500 + round * 370));
            running.kill_now();
            stop.store(true, Ordering::Relaxed);
            writer.join().unwrap()
        });
        drop(running);
        assert!(!answered.is_empty(), "nothing was answered before the kill");
        let again = Running::start(&state, &["serve"], environment);
        for name in answered.iter().filter(|name| answered.iter().filter(|other| other == name).count() == 5) {
            let login = json!({"username": name, "password": "wrong"});
            assert_eq!(again.send("POST", "/api/v1/session", "", &login).status, 429, "{name} was forgotten");
            blocked += 1;
        }
        let login = json!({"username": "eva", "password": PASSWORD});
        assert_eq!(again.send("POST", "/api/v1/session", "", &login).status, 200);
        again.kill();
    }
    assert!(blocked > 0, "no name was tried five times");
}
