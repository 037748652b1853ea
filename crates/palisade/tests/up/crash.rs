//! The server is killed while it writes: what it acknowledged is there afterwards, on both databases, and the ledger is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::Postgres;

use crate::audit::{enrol, set_up};
use crate::ledger::{key, ledger, token_of};
use crate::running::Running;

/// Kills in each test, unless `PALISADE_TEST_KILLS` says how many.
const KILLS: u64 = 6;

/// How long what was acknowledged may take to have its place, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Hashes that cost little, an address that may fail as often as it likes, and no audits that take the processors.
const CHEAP: [(&str, &str); 4] = [
    ("PALISADE_PASSWORDS_ARGON2_MEMORY", "19MiB"),
    ("PALISADE_PASSWORDS_ARGON2_ITERATIONS", "2"),
    ("PALISADE_PASSWORDS_ARGON2_PARALLELISM", "1"),
    ("PALISADE_BRUTE_FORCE_MAX_ATTEMPTS_BY_IP", "100000"),
];

#[test]
fn what_was_acknowledged_outlives_kills_on_sqlite() {
    let directory = crate::running::place();
    let state = directory.path().join("state");
    let told = killed_while_writing(&CHEAP, &state);
    println!("reliability: {told} acts acknowledged before a kill and found in the ledger after it, SQLite");
}

#[test]
fn what_was_acknowledged_outlives_kills_on_postgresql() {
    let database = Postgres::shared().database();
    let directory = crate::running::place();
    let state = directory.path().join("state");
    let told = killed_while_writing(&on(&database), &state);
    println!(
        "reliability: {told} acts acknowledged before a kill and found in the ledger after it, PostgreSQL"
    );
}

#[test]
fn another_server_goes_on_where_one_was_killed() {
    let database = Postgres::shared().database();
    let environment = on(&database);
    let directory = crate::running::place();
    let states = [directory.path().join("one"), directory.path().join("other")];
    let first = Running::start(&states[0], &["serve"], &environment);
    let auditor = Auditor::of(&first);
    // Both seal what is in the database with the same key.
    let builder = &mut std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700).create(&states[1]).unwrap();
    std::fs::copy(states[0].join("seal.key"), states[1].join("seal.key")).unwrap();
    let mut servers = [Some(first), Some(Running::start(&states[1], &["serve"], &environment))];
    let mut told = 0;
    for round in 0..kills() {
        let place = usize::try_from(round % 2).unwrap();
        let victim = servers[place].take().unwrap();
        let survivor = servers[1 - place].take().unwrap();
        let killed = AtomicBool::new(false);
        let acknowledged = thread::scope(|scope| {
            let of_victim = scope
                .spawn(|| changes_of_name(&victim, &auditor.cookie, round, |_| killed.load(Ordering::Relaxed)));
            // The other goes on by itself.
            let of_survivor = scope.spawn(|| {
                let mut then = None;
                changes_of_name(&survivor, &auditor.cookie, round, |answered| {
                    if !killed.load(Ordering::Relaxed) {
                        return false;
                    }
                    let (before, since) = *then.get_or_insert_with(|| (answered, Instant::now()));
                    assert!(since.elapsed() < PATIENCE, "the other server does not go on");
                    answered > before
                })
            });
            thread::sleep(moment(round));
            victim.kill_now();
            killed.store(true, Ordering::Relaxed);
            let mut acknowledged = of_victim.join().unwrap();
            acknowledged.extend(of_survivor.join().unwrap());
            acknowledged
        });
        drop(victim);
        auditor.finds(&survivor, &acknowledged);
        told += acknowledged.len();
        let again = Running::start(&states[place], &["serve"], &environment);
        servers[place] = Some(again);
        servers[1 - place] = Some(survivor);
    }
    println!("reliability: {} servers killed beside another one, which went on with the ledger", kills());
    println!(
        "reliability: {told} acts acknowledged before a kill and found in the ledger after it, two servers"
    );
}

fn on(database: &str) -> Vec<(&str, &str)> {
    CHEAP.into_iter().chain([("PALISADE_DATABASE_URL", database)]).collect()
}

fn kills() -> u64 {
    std::env::var("PALISADE_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

/// When the server of a round is killed: moments that nobody chose.
fn moment(round: u64) -> Duration {
    Duration::from_millis(700 + round * 370 % 1500)
}

/// Kills a server again and again while others write; how many acknowledged acts were found in the ledger.
fn killed_while_writing(environment: &[(&str, &str)], state: &Path) -> usize {
    let mut running = Running::start(state, &["serve"], environment);
    let auditor = Auditor::of(&running);
    let (mut counted, mut told) = (0, 0);
    for round in 0..kills() {
        let stop = AtomicBool::new(false);
        let (failed, changed) = thread::scope(|scope| {
            let failing = scope.spawn(|| failed_logins(&running, round, &stop));
            let changing = scope
                .spawn(|| changes_of_name(&running, &auditor.cookie, round, |_| stop.load(Ordering::Relaxed)));
            thread::sleep(moment(round));
            running.kill_now();
            stop.store(true, Ordering::Relaxed);
            (failing.join().unwrap(), changing.join().unwrap())
        });
        drop(running);
        running = Running::start(state, &["serve"], environment);
        for (name, count) in failed {
            let login = json!({"username": name, "password": "wrong"});
            let mut more = 0;
            while running.send("POST", "/api/v1/session", "", &login).status == 401 {
                more += 1;
                assert!(count + more <= 5, "of {count} answered attempts of {name} some were forgotten");
            }
            counted += count;
        }
        auditor.finds(&running, &changed);
        told += changed.len();
    }
    assert!(counted > 0 && told > 0, "nothing was answered before a kill");
    println!("reliability: {} servers killed while they wrote", kills());
    told
}

/// Failed logins are what everybody may write; how many of each name were answered.
fn failed_logins(running: &Running, round: u64, stop: &AtomicBool) -> BTreeMap<String, u64> {
    let mut answered = BTreeMap::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        // The fifth of one name that fails starts its block.
        let name = format!("user{round}-{}", number / 5);
        let login = json!({"username": name, "password": "wrong"});
        if running.send("POST", "/api/v1/session", "", &login).status == 401 {
            *answered.entry(name).or_default() += 1;
        }
    }
    answered
}

/// Changes of a user's own name, until so many were enough; the requests that were answered.
fn changes_of_name(
    running: &Running,
    cookie: &str,
    round: u64,
    mut is_enough: impl FnMut(usize) -> bool,
) -> BTreeSet<String> {
    let cookie = format!("cookie: {cookie}");
    let mut answered = BTreeSet::new();
    for number in 0.. {
        if is_enough(answered.len()) {
            break;
        }
        let seen = running.ask("GET", "/api/v1/session", &["--header", &cookie]);
        let Some(seen) = seen.header("etag") else { continue };
        let headers = [
            "content-type: application/json",
            "sec-fetch-site: same-origin",
            &cookie,
            &format!("if-match: {seen}"),
        ];
        let name = json!({"full_name": format!("Eva {round} {} {number}", running.port)}).to_string();
        let mut arguments: Vec<&str> = headers.iter().flat_map(|header| ["--header", header]).collect();
        arguments.extend(["--data", &name]);
        let answer = running.ask("PATCH", "/api/v1/session", &arguments);
        match answer.status {
            204 => drop(answered.insert(answer.header("x-request-id").unwrap().to_owned())),
            // Killed meanwhile, or the other server was faster.
            status => assert!([0, 412].contains(&status), "{}", answer.text),
        }
    }
    answered
}

/// Who verifies the ledger again and again, and knows what it was before.
struct Auditor {
    place: TempDir,
    cookie: String,
    token: String,
    key: String,
}

impl Auditor {
    fn of(running: &Running) -> Self {
        let cookie = enrol(running, &set_up(running));
        let token = token_of(running, &cookie);
        let key = key(running, &token);
        Self { place: crate::running::place(), cookie, token, key }
    }

    fn known(&self) -> PathBuf {
        self.place.path().join("known")
    }

    /// The ledger goes on from what it was, nothing is wrong with it, and these requests are in it.
    fn finds(&self, running: &Running, requests: &BTreeSet<String>) {
        let authority = running.state.join("ca.pem").display().to_string();
        let url = running.url("");
        let begun = Instant::now();
        let bearer = format!("authorization: Bearer {}", self.token);
        let mut missing: BTreeSet<&str> = requests.iter().map(String::as_str).collect();
        loop {
            missing.retain(|id| {
                let path = format!("/api/v1/ledger/management-system/entries?correlation={id}");
                let found = running.ask("GET", &path, &["--header", &bearer]);
                found.body.pointer("/items/0/entry/event").and_then(Value::as_str) != Some("user.changed")
            });
            if missing.is_empty() {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "acknowledged and not in the ledger: {missing:?}");
            thread::sleep(Duration::from_millis(50));
        }
        let known = self.known();
        let known = known.to_str().unwrap();
        let mut arguments = vec!["verify", &url, "--ca", &authority, "--key", &self.key, "--save-known", known];
        if self.known().exists() {
            arguments.extend(["--known", known]);
        }
        let done = ledger(self.place.path(), &self.token, &arguments);
        let said =
            format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert_eq!(done.status.code(), Some(0), "{said}");
    }
}
