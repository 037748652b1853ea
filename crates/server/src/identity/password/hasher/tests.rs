//! Hashes open for their password, cost the same for everybody, and are never more at once than allowed.

use std::time::Duration;

use rstest::rstest;

use super::*;

const CHEAP: Params = Params::for_tests(64, 1);

fn hasher_of(params: Params, at_once: usize, queue: usize) -> Hasher {
    Hasher::new(params, NonZeroUsize::new(at_once), queue).unwrap()
}

fn hasher() -> Hasher {
    hasher_of(CHEAP, 2, 100)
}

async fn check(hasher: &Hasher, password: &str, stored: Option<&str>) -> Result<Verified, HashError> {
    hasher.verify(&Attempt::of_nobody(), password.into(), stored).await
}

const RIGHT: Verified = Verified::Right { needs_rehash: false };

#[tokio::test]
async fn the_password_opens_and_no_other_does() {
    let hasher = hasher();
    let stored = hasher.hash("grave lantern".into()).await.unwrap();
    assert_eq!(check(&hasher, "grave lantern", Some(&stored)).await.unwrap(), RIGHT);
    for wrong in ["grave lantern ", "Grave lantern", ""] {
        assert_eq!(check(&hasher, wrong, Some(&stored)).await.unwrap(), Verified::Wrong, "{wrong}");
    }
}

#[tokio::test]
async fn a_hash_is_argon2id_with_a_salt_of_its_own() {
    let hasher = hasher();
    let stored = hasher.hash("grave lantern".into()).await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{stored}");
    assert_ne!(stored, hasher.hash("grave lantern".into()).await.unwrap());
}

/// From the tests of the reference implementation (phc-winner-argon2, `src/test.c`).
#[tokio::test]
async fn a_hash_of_the_reference_implementation_opens() {
    let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert_eq!(check(&hasher(), "password", Some(stored)).await.unwrap(), RIGHT);
}

#[tokio::test]
async fn one_password_opens_whatever_keyboard_wrote_it() {
    let hasher = hasher();
    let stored = hasher.hash("cafe\u{301} lantern".into()).await.unwrap();
    assert_eq!(check(&hasher, "café lantern", Some(&stored)).await.unwrap(), RIGHT);
}

#[tokio::test]
async fn an_unknown_user_costs_as_many_hashes_as_a_known_one_and_never_opens() {
    let hasher = hasher();
    let stored = hasher.hash("grave lantern".into()).await.unwrap();
    let mut costs = Vec::new();
    for stored in [Some(stored.as_str()), None] {
        for password in ["wrong", "grave lantern"] {
            let before = hasher.load().done;
            assert!(check(&hasher, password, stored).await.is_ok());
            costs.push(hasher.load().done - before);
        }
    }
    assert_eq!(costs, [1, 1, 1, 1]);
    assert_eq!(check(&hasher, "grave lantern", None).await.unwrap(), Verified::Wrong);
    assert_eq!(hasher.nobody.params, CHEAP);
}

#[tokio::test]
async fn a_text_too_long_for_a_password_costs_nobody_a_hash() {
    let hasher = hasher();
    let stored = hasher.hash("grave lantern".into()).await.unwrap();
    let long = "x".repeat(1025);
    for stored in [Some(stored.as_str()), None] {
        assert_eq!(check(&hasher, &long, stored).await.unwrap(), Verified::Wrong);
    }
    assert_eq!(hasher.load().done, 1);
    assert!(matches!(hasher.hash(long.into()).await, Err(HashError::TooLong)));
}

#[tokio::test]
async fn a_hash_cheaper_than_those_of_today_wants_to_be_made_anew() {
    let stored = hasher().hash("grave lantern".into()).await.unwrap();
    for dearer in [Params::for_tests(128, 1), Params::for_tests(64, 2)] {
        let today = hasher_of(dearer, 1, 10);
        let verified = check(&today, "grave lantern", Some(&stored)).await.unwrap();
        assert_eq!(verified, Verified::Right { needs_rehash: true });
        let anew = today.hash("grave lantern".into()).await.unwrap();
        assert_eq!(check(&today, "grave lantern", Some(&anew)).await.unwrap(), RIGHT);
        // And a hash dearer than those of today stays.
        assert_eq!(check(&hasher(), "grave lantern", Some(&anew)).await.unwrap(), RIGHT);
    }
}

#[rstest]
#[case::four_gigabytes(
    "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
)]
#[case::a_thousand_rounds(
    "$argon2id$v=19$m=64,t=1000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
)]
#[case::sixteen_lanes("$argon2id$v=19$m=256,t=1,p=16$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")]
#[case::more_lanes_than_numbers(
    "$argon2id$v=19$m=64,t=1,p=888888888$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
)]
#[case::lanes_said_twice(
    "$argon2id$v=19$m=64,t=1,p=1,p=888888888$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
)]
#[case::too_little_for_its_lanes(
    "$argon2id$v=19$m=8,t=1,p=4$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
)]
#[case::another_kind("$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")]
#[case::an_old_version("$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")]
#[case::no_version("$argon2id$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")]
#[case::another_length("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5Q")]
#[case::no_hash("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ")]
#[case::no_salt("$argon2id$v=19$m=64,t=1,p=1")]
#[case::another_scheme("$2b$12$abcdefghijklmnopqrstuuW1bX0KIG4zGZtLqE6qvHzLlTYoHj3u2")]
#[case::plain("grave lantern")]
#[case::nothing("")]
#[tokio::test]
async fn a_stored_hash_that_is_none_of_ours_is_refused_before_any_work(#[case] stored: &str) {
    let hasher = hasher();
    let refused = check(&hasher, "grave lantern", Some(stored)).await;
    let Err(HashError::Stored { reason }) = refused else { panic!("{refused:?}") };
    assert!(!reason.contains("CTFh"), "{reason}");
    assert_eq!(hasher.load().done, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_more_hashes_at_once_than_allowed() {
    let hasher = Arc::new(hasher_of(Params::for_tests(2048, 1), 2, 200));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let hasher = Arc::clone(&hasher);
        tasks.spawn(async move { check(&hasher, "grave lantern", None).await.unwrap() });
    }
    while let Some(done) = tasks.join_next().await {
        assert_eq!(done.unwrap(), Verified::Wrong);
    }
    assert_eq!(hasher.load(), Load { done: 60, running: 0, most_at_once: 2, places: 202 });
}

/// Who hangs up does not make room for another: the work goes on, and so does its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_up_early_does_not_lift_the_bound() {
    let hasher = Arc::new(hasher_of(Params::for_tests(4096, 2), 1, 200));
    for _ in 0..30 {
        let hasher = Arc::clone(&hasher);
        let asked = tokio::spawn(async move { check(&hasher, "grave lantern", None).await });
        tokio::task::yield_now().await;
        asked.abort();
        drop(asked.await);
    }
    assert_eq!(check(&hasher, "grave lantern", None).await.unwrap(), Verified::Wrong);
    assert_eq!(hasher.load().most_at_once, 1);
    // All places are free again once the last is done.
    until(|| hasher.places.available_permits() == 201).await;
}

async fn until(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_says_so_at_once_and_recovers() {
    let hasher = hasher_of(CHEAP, 1, 1);
    let held = Arc::clone(&hasher.places).acquire_many_owned(2).await.unwrap();
    assert!(matches!(check(&hasher, "grave lantern", None).await, Err(HashError::Busy)));
    assert!(matches!(hasher.hash("grave lantern".into()).await, Err(HashError::Busy)));
    drop(held);
    assert_eq!(check(&hasher, "grave lantern", None).await.unwrap(), Verified::Wrong);
}

#[tokio::test]
async fn of_a_flood_as_many_are_served_as_there_are_places() {
    let hasher = hasher_of(CHEAP, 1, 4);
    let attempt = Attempt::of_nobody();
    // Polled in order by one task: the first five take the places before any is done.
    let all = (0..20).map(|_| hasher.verify(&attempt, "grave lantern".into(), None));
    let (mut served, mut busy) = (0, 0);
    for result in join_all(all).await {
        match result {
            Ok(_) => served += 1,
            Err(HashError::Busy) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((served, busy), (5, 15));
}

/// All at once, within one task.
async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, result) in &mut waiting {
            if result.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *result = Some(value);
            }
        }
        if waiting.iter().all(|(_, result)| result.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    waiting.into_iter().filter_map(|(_, result)| result).collect()
}

async fn judge(hasher: &Hasher, history: usize, password: &str, former: &[String]) -> Vec<Reason> {
    let policy = Policy { history, ..Policy::default() };
    let known_bad = Arc::new(KnownBad::built_in());
    let judged = hasher
        .judge(&Attempt::of_nobody(), &policy, &known_bad, &password.into(), &["eve".to_owned()], former)
        .await;
    judged.unwrap().err().map_or_else(Vec::new, |refusal| refusal.reasons)
}

#[tokio::test]
async fn a_password_of_the_history_does_not_come_back() {
    let hasher = hasher();
    let mut former = Vec::new();
    for password in ["grave lantern ferret one", "grave lantern ferret two", "grave lantern ferret three"] {
        former.push(hasher.hash(password.into()).await.unwrap());
    }
    assert_eq!(judge(&hasher, 3, "grave lantern ferret four", &former).await, []);
    let used = [Reason::UsedBefore { last: 3 }];
    assert_eq!(judge(&hasher, 3, "grave lantern ferret three", &former).await, used);
    assert_eq!(judge(&hasher, 2, "grave lantern ferret three", &former).await, []);
}

#[tokio::test]
async fn history_and_policy_are_told_together() {
    let hasher = hasher();
    let former = [hasher.hash("changeit".into()).await.unwrap()];
    let reasons = judge(&hasher, 5, "changeit", &former).await;
    assert!(
        reasons.contains(&Reason::KnownBad) && reasons.contains(&Reason::UsedBefore { last: 5 }),
        "{reasons:?}"
    );
}

#[rstest]
#[case("m=19456,t=2,p=1")]
#[case("m=262144,t=16,p=4")]
fn parameters_are_read_as_they_are_written(#[case] text: &str) {
    assert_eq!(text.parse::<Params>().unwrap().to_string(), text);
}

#[rstest]
#[case::too_little_memory("m=19455,t=2,p=1", "less than m=19456,t=2,p=1")]
#[case::one_round("m=65536,t=1,p=1", "less than")]
#[case::too_much_memory("m=4194304,t=2,p=1", "more memory or time")]
#[case::too_many_rounds("m=19456,t=17,p=1", "more memory or time")]
#[case::no_lane("m=19456,t=2,p=0", "not of the form")]
#[case::another_order("t=2,m=19456,p=1", "not of the form")]
#[case::more("m=19456,t=2,p=1,x=1", "not of the form")]
#[case::a_sign("m=+19456,t=2,p=1", "not of the form")]
#[case::too_long_a_number("m=99999999999,t=2,p=1", "not of the form")]
#[case::nothing("", "not of the form")]
fn parameters_out_of_bounds_are_refused(#[case] text: &str, #[case] said: &str) {
    let error = text.parse::<Params>().unwrap_err().to_string();
    assert!(error.contains(said), "{error}");
}

#[test]
fn calibrating_stays_within_memory_and_above_the_minimum() {
    let quick = super::super::calibrate(Duration::from_millis(1), 1).unwrap();
    assert_eq!(quick, Params::MINIMUM);
    let bound = 24 * 1024 * 1024;
    let slow = super::super::calibrate(Duration::from_secs(2), bound).unwrap();
    assert!(slow.memory() <= bound, "{slow}");
    assert_eq!(slow.to_string().parse::<Params>().unwrap(), slow);
    assert!(!slow.is_weaker_than(Params::MINIMUM));
}

#[tokio::test]
async fn the_memory_of_a_hash_is_used_again_and_given_back_in_quiet_times() {
    let hasher = hasher();
    let stored = hasher.hash("grave lantern".into()).await.unwrap();
    assert_eq!(hasher.spare.lock().unwrap().len(), 1);
    // Of another size: it is left, and the hash is right all the same.
    let other = hasher_of(Params::for_tests(128, 2), 1, 1).hash("grave lantern".into()).await.unwrap();
    assert!(matches!(check(&hasher, "grave lantern", Some(&other)).await.unwrap(), Verified::Right { .. }));
    assert_eq!(check(&hasher, "grave lantern", Some(&stored)).await.unwrap(), RIGHT);
    assert_eq!(hasher.spare.lock().unwrap().len(), 1);
    hasher.rest();
    assert!(hasher.spare.lock().unwrap().is_empty());
}
