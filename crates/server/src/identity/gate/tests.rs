//! The gate on both databases: against a model, in parallel, from two processes, over a restart.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::task::JoinSet;

use super::*;
use crate::store::tests::{postgres, stores};

const SECOND: i64 = 1000;

/// The defaults of the guide.
fn limits() -> Limits {
    let pair =
        |attempts| Limit { attempts, window: Duration::from_secs(1800), block: Duration::from_secs(1800) };
    Limits {
        pair: [5, 10, 10, 10, 10, 10, 10].map(pair),
        address: Limit { attempts: 100, window: Duration::from_secs(86400), block: Duration::from_secs(86400) },
    }
}

/// A gate; all of a test's share one key, as servers with one database do.
fn gate_of(store: &Store, limits: Limits) -> Gate {
    static SEALER: LazyLock<Arc<Sealer>> = LazyLock::new(|| {
        let directory = tempfile::tempdir().unwrap();
        Arc::new(Sealer::open_or_create(&directory.path().join("key")).unwrap())
    });
    Gate::new(store.clone(), limits, Arc::clone(&SEALER))
}

fn client(address: &str) -> ClientAddress {
    ClientAddress::new(address.parse::<IpAddr>().unwrap())
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + milliseconds).unwrap()
}

async fn fails(gate: &Gate, address: &str, name: &str, now: Timestamp) -> Result<(), Blocked> {
    fails_at(gate, Surface::Login, address, name, now).await
}

async fn fails_at(
    gate: &Gate,
    surface: Surface,
    address: &str,
    name: &str,
    now: Timestamp,
) -> Result<(), Blocked> {
    match gate.attempt(surface, client(address), name, None, now).await {
        Ok(attempt) => {
            drop(attempt);
            Ok(())
        }
        Err(GateError::Blocked(blocked)) => Err(blocked),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn the_fifth_failure_starts_the_block_of_the_pair_and_of_nothing_else() {
    for opened in stores().await {
        let gate = gate_of(&opened.store, limits());
        for second in 0..5 {
            fails(&gate, "192.0.2.7", "eva", at(second * SECOND)).await.unwrap();
        }
        let blocked = fails(&gate, "192.0.2.7", "eva", at(5 * SECOND)).await.unwrap_err();
        assert_eq!(blocked, Blocked { until: at(1804 * SECOND), seconds: 1799, whole_address: false });
        // Neither another name, another address nor another surface is blocked with it.
        fails(&gate, "192.0.2.7", "max", at(6 * SECOND)).await.unwrap();
        fails(&gate, "192.0.2.8", "eva", at(6 * SECOND)).await.unwrap();
        fails_at(&gate, Surface::MfaValidation, "192.0.2.7", "eva", at(6 * SECOND)).await.unwrap();
        // A moment before its end it holds; at its end it is over, and counting begins anew.
        assert!(fails(&gate, "192.0.2.7", "eva", at(1804 * SECOND - 1)).await.is_err());
        for second in 0..5 {
            fails(&gate, "192.0.2.7", "eva", at((1804 + second) * SECOND)).await.unwrap();
        }
        assert!(fails(&gate, "192.0.2.7", "eva", at(1809 * SECOND)).await.is_err());
    }
}

#[tokio::test]
async fn failures_older_than_the_window_do_not_count() {
    for opened in stores().await {
        let gate = gate_of(&opened.store, limits());
        // One every 450 seconds: never five within 1800.
        for step in 0..40 {
            fails(&gate, "192.0.2.7", "eva", at(step * 450 * SECOND)).await.unwrap();
        }
        // A little faster, and it is the fifth within the window.
        let from = 39 * 450 * SECOND;
        fails(&gate, "192.0.2.7", "eva", at(from + 449 * SECOND)).await.unwrap();
        assert!(fails(&gate, "192.0.2.7", "eva", at(from + 450 * SECOND)).await.is_err());
    }
}

#[tokio::test]
async fn a_success_clears_the_pair_and_takes_itself_back_from_the_address_alone() {
    for opened in stores().await {
        let mut limits = limits();
        limits.address.attempts = 8;
        let gate = gate_of(&opened.store, limits);
        let succeeds = async |at: Timestamp| {
            let attempt =
                gate.attempt(Surface::Login, client("192.0.2.7"), "eva", Some("Eva"), at).await.unwrap();
            attempt.succeeded(&opened.store).await.unwrap();
        };
        for round in 0..20 {
            succeeds(at(round)).await;
        }
        for second in 0..4 {
            fails(&gate, "192.0.2.7", "eva", at(second * SECOND)).await.unwrap();
        }
        succeeds(at(5 * SECOND)).await;
        // The pair has five again; of the address eight, four were used.
        for second in 6..9 {
            fails(&gate, "192.0.2.7", "eva", at(second * SECOND)).await.unwrap();
        }
        // The eighth of the address succeeds: it started the block, and ends it.
        succeeds(at(9 * SECOND)).await;
        fails(&gate, "192.0.2.7", "eva", at(10 * SECOND)).await.unwrap();
        let blocked = fails(&gate, "192.0.2.7", "max", at(11 * SECOND)).await.unwrap_err();
        assert!(blocked.whole_address);
    }
}

#[tokio::test]
async fn a_block_outlives_a_restart_is_listed_and_can_be_lifted() {
    for opened in stores().await {
        let gate = gate_of(&opened.store, limits());
        for second in 0..5 {
            let attempt = gate
                .attempt(Surface::Login, client("2001:db8:1:2::7"), "eva", Some("Eva"), at(second))
                .await
                .unwrap();
            drop(attempt);
        }
        let again = gate_of(&Store::open(&opened.url, 2).await.unwrap(), limits());
        // Another address of the same /64 is the same pair.
        assert!(fails(&again, "2001:db8:1:2:ffff::1", "eva", at(9)).await.is_err());
        let all = Filter { text: "", order: LISTED.order(""), after: None };
        let blocks = again.blocks(all, at(9)).await.unwrap().items;
        let [block] = blocks.as_slice() else { panic!("{blocks:?}") };
        assert_eq!(block.surface.as_deref(), Some("login"));
        assert_eq!(block.address, "2001:db8:1:2::/64");
        assert_eq!(block.user_name.as_deref(), Some("Eva"));
        assert_eq!(block.attempts, 5);
        assert!(again.lift(&block.key, at(10)).await.unwrap());
        assert!(!again.lift(&block.key, at(10)).await.unwrap());
        fails(&again, "2001:db8:1:2::7", "eva", at(11)).await.unwrap();
        // Nothing that was typed as a name is kept in clear unless there is such a user.
        fails(&again, "192.0.2.7", "my secret password", at(12)).await.unwrap();
        let kept: Vec<String> =
            sqlx::query_scalar("select coalesce(user_name, '') || key || address from attempts")
                .fetch_all(opened.store.reader())
                .await
                .unwrap();
        assert!(!kept.iter().any(|text| text.contains("secret")), "{kept:?}");
        assert_eq!(again.forget_old(at(86_400 * SECOND + 11)).await.unwrap(), 0);
        assert_eq!(again.forget_old(at(86_400 * SECOND + 12)).await.unwrap(), 2);
        assert_eq!(again.forget_old(at(86_400 * SECOND + 13)).await.unwrap(), 2);
    }
}

#[tokio::test]
async fn one_address_with_many_names_is_blocked_as_a_whole() {
    for opened in stores().await {
        let gate = gate_of(&opened.store, limits());
        for number in 0..100 {
            let address = format!("2001:db8:1:{number:02x}::1");
            fails(&gate, &address, &format!("user{number}"), at(number * SECOND)).await.unwrap();
        }
        // All of that was one /56.
        let blocked = fails(&gate, "2001:db8:1:99::9", "somebody else", at(100 * SECOND)).await.unwrap_err();
        let until = at(99 * SECOND + 86_400_000);
        assert_eq!(blocked, Blocked { until, seconds: 86_399, whole_address: true });
        fails(&gate, "2001:db8:1:100::1", "user1", at(101 * SECOND)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_at_once_are_let_in_as_often_as_a_thousand_in_a_row() {
    for opened in stores().await {
        let gate = gate_of(&opened.store, limits());
        assert_eq!(let_in(&[gate], 1000).await, 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_with_one_database_count_together() {
    let opened = postgres().await;
    let second = Store::open(&opened.url, 20).await.unwrap();
    let gates = [gate_of(&opened.store, limits()), gate_of(&second, limits())];
    assert_eq!(let_in(&gates, 1000).await, 5);
}

/// How many of so many attempts at once are let in.
async fn let_in(gates: &[Gate], attempts: usize) -> usize {
    let mut tasks = JoinSet::new();
    for number in 0..attempts {
        let gate = gates[number % gates.len()].clone();
        tasks.spawn(async move { fails(&gate, "192.0.2.7", "eva", at(0)).await.is_ok() });
    }
    tasks.join_all().await.into_iter().filter(|let_in| *let_in).count()
}

/// What the gate should do, said as plainly as can be.
#[derive(Default)]
struct Model {
    rows: BTreeMap<String, (Vec<i64>, i64)>,
}

impl Model {
    fn blocked(&mut self, key: &str, now: i64) -> bool {
        let (failures, until) = self.rows.entry(key.to_owned()).or_default();
        if *until > 0 && *until <= now {
            (*failures, *until) = (Vec::new(), 0);
        }
        *until > now
    }

    /// Whether this attempt started the block.
    fn count(&mut self, key: &str, limit: Limit, now: i64) -> bool {
        let (failures, until) = self.rows.entry(key.to_owned()).or_default();
        failures.push(now);
        let window = i64::try_from(limit.window.as_millis()).unwrap();
        let recent = failures.iter().filter(|&&failure| failure > now - window).count();
        if recent >= limit.attempts as usize {
            *until = now + i64::try_from(limit.block.as_millis()).unwrap();
            return true;
        }
        false
    }

    fn give_back(&mut self, key: &str, started: bool) {
        let (failures, until) = self.rows.entry(key.to_owned()).or_default();
        failures.pop();
        if started {
            *until = 0;
        }
    }
}

#[derive(Clone, Debug)]
struct Act {
    address: u8,
    name: u8,
    surface: bool,
    right: bool,
    wait_ms: i64,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (0..2u8, 0..3u8, any::<bool>(), prop::bool::weighted(0.2), 0..700i64)
        .prop_map(|(address, name, surface, right, wait_ms)| Act { address, name, surface, right, wait_ms });
    prop::collection::vec(act, 1..60)
}

/// Small numbers, so that windows pass and blocks end within one run; a block shorter than its window and one longer.
fn small_limits() -> Limits {
    let limit = |attempts, window, block| Limit {
        attempts,
        window: Duration::from_millis(window),
        block: Duration::from_millis(block),
    };
    let mut pair = [limit(3, 2000, 900); 7];
    pair[6] = limit(1, 500, 1500);
    Limits { pair, address: limit(6, 3000, 4000) }
}

#[test]
fn any_run_of_attempts_goes_as_the_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let opened = runtime.block_on(stores());
    for opened in &opened {
        let gate = gate_of(&opened.store, small_limits());
        let mut runner = TestRunner::new(Config { cases: 60, ..Config::default() });
        let ran = runner.run(&acts(), |acts| {
            runtime.block_on(async {
                sqlx::query("delete from attempts").execute(opened.store.writer()).await.unwrap();
                follow(&gate, &opened.store, &acts).await;
            });
            Ok(())
        });
        ran.unwrap();
    }
}

async fn follow(gate: &Gate, store: &Store, acts: &[Act]) {
    let mut model = Model::default();
    let mut now = at(0);
    for act in acts {
        now = now.checked_add(SignedDuration::from_millis(act.wait_ms)).unwrap();
        let milliseconds = now.as_millisecond();
        let surface = if act.surface { Surface::MfaValidation } else { Surface::Login };
        let address = format!("192.0.2.{}", act.address);
        let pair = format!("{} {address} {}", surface.as_str(), act.name);
        let (of_pair, of_address) = (model.blocked(&pair, milliseconds), model.blocked(&address, milliseconds));
        let answer = gate.attempt(surface, client(&address), &act.name.to_string(), None, now).await;
        let blocked = of_pair || of_address;
        match answer {
            Err(GateError::Blocked(told)) => {
                assert!(blocked, "{act:?} was refused: {told:?}");
                let until = |key: &str| model.rows[key].1;
                let expected = [(of_pair, until(&pair)), (of_address, until(&address))];
                let expected = expected.iter().filter(|(blocked, _)| *blocked).map(|(_, until)| *until).max();
                assert_eq!(Some(told.until.as_millisecond()), expected);
                assert_eq!(told.whole_address, of_address);
            }
            Err(error) => panic!("{error:?}"),
            Ok(attempt) => {
                assert!(!blocked, "{act:?} was let in");
                model.count(&pair, small_limits().of(surface), milliseconds);
                let started = model.count(&address, small_limits().address, milliseconds);
                if act.right {
                    attempt.succeeded(store).await.unwrap();
                    model.rows.remove(&pair);
                    model.give_back(&address, started);
                }
            }
        }
    }
}

#[test]
fn keys_of_other_parts_are_others() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let opened = runtime.block_on(crate::store::tests::sqlite());
    let gate = gate_of(&opened.store, limits());
    assert_ne!(gate.key(&["ab", "c"]), gate.key(&["a", "bc"]));
    assert_ne!(gate.key(&["", "x"]), gate.key(&["x"]));
    assert_eq!(entry(at(0)).unwrap().len(), ENTRY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tokens_that_are_right_do_not_block_each_other() {
    for opened in stores().await {
        let second = Store::open(&opened.url, 20).await.unwrap();
        let gates = [gate_of(&opened.store, limits()), gate_of(&second, limits())];
        let mut at_once = JoinSet::new();
        for number in 0..200 {
            let gate = gates[number % 2].clone();
            at_once.spawn(async move {
                let attempt =
                    gate.attempt(Surface::ValidateToken, client("192.0.2.7"), "token", None, at(0)).await?;
                tokio::time::sleep(Duration::from_millis(2)).await;
                attempt.succeeded(&gate.store).await?;
                Ok::<(), GateError>(())
            });
        }
        while let Some(done) = at_once.join_next().await {
            done.unwrap().unwrap();
        }
    }
}
