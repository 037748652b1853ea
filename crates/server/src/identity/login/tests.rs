//! Logins on both databases: right, wrong, blocked, second factors, set-up, links.

use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use tempfile::TempDir;

use super::super::gate::{Limit, Limits};
use super::super::password::Params;
use super::super::roles::Permission;
use super::*;
use crate::store::tests::stores;

const GOOD: &str = "seventeen violet turbines hum";
const OTHER: &str = "a quieter gearbox near Graz";

/// Logins on one database, with a directory for the key.
struct Bench {
    logins: Logins,
    _directory: (TempDir, crate::store::tests::TestStore),
}

/// Logins on this database, with the limits of the guide and hashes that cost little.
pub(crate) fn logins(store: &Store, directory: &Path) -> Logins {
    let limit =
        |attempts| Limit { attempts, window: Duration::from_secs(1800), block: Duration::from_secs(1800) };
    let limits = Limits { pair: [5, 10, 10, 10, 10, 10, 10].map(limit), address: limit(100) };
    let sealer = Arc::new(Sealer::open_or_create(&directory.join("key")).unwrap());
    Logins {
        gate: Gate::new(store.clone(), limits, Arc::clone(&sealer)),
        hasher: Arc::new(Hasher::new(Params::for_tests(64, 1), None, 64).unwrap()),
        policy: Policy::default(),
        known_bad: Arc::new(KnownBad::built_in()),
        sealer,
        sessions: SessionLimits {
            idle: Duration::from_secs(900),
            lifetime: Duration::from_secs(8 * 3600),
            privilege: Duration::from_secs(600),
            per_user: 5,
        },
        mfa_enabled: false,
        issuer: "Palisade".to_owned(),
        passkeys: Some(Arc::new(Passkeys::at("https://localhost:8443", "Palisade").unwrap())),
        outside: Outside::default(),
        store: store.clone(),
    }
}

/// The code that the app of this user shows.
pub(crate) async fn code_of(logins: &Logins, user: &User, now: Timestamp) -> SecretString {
    let sealed = users::kept(&logins.store, &user.id).await.unwrap().totp.unwrap();
    let secret = logins.sealer.open(&totp_context(&user.id), &sealed).unwrap();
    totp::code_at(&secret, now).into()
}

async fn benches() -> Vec<Bench> {
    let mut all = Vec::new();
    for opened in stores().await {
        roles::install(&opened.store).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let logins = logins(&opened.store, directory.path());
        all.push(Bench { logins, _directory: (directory, opened) });
    }
    all
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

fn from() -> From<'static> {
    From { client: client("192.0.2.7"), agent: "Firefox" }
}

fn client(address: &str) -> ClientAddress {
    ClientAddress::new(address.parse().unwrap())
}

fn secret(text: &str) -> SecretString {
    text.to_owned().into()
}

fn new(name: &str) -> NewUser {
    NewUser {
        name: name.to_owned(),
        full_name: "Eva Muster".to_owned(),
        mail: Some("eva@example.com".to_owned()),
        origin: users::Origin::Local,
        external_id: None,
    }
}

impl Bench {
    /// The first administrator, with a session that has shown a password.
    async fn set_up(&self) -> Begun {
        let mut connection = self.logins.store.writer().acquire().await.unwrap();
        let code = links::make(&mut connection, links::Kind::SetUp, None, at(0)).await.unwrap();
        drop(connection);
        self.logins.set_up(&from(), &code, new("eva"), secret(GOOD), at(1)).await.unwrap()
    }

    async fn caller(&self, token: &SecretString, now: Timestamp) -> Caller {
        self.logins.caller(token, now).await.unwrap().unwrap()
    }

    async fn code(&self, user: &User, now: Timestamp) -> SecretString {
        code_of(&self.logins, user, now).await
    }
}

#[tokio::test]
async fn from_set_up_to_a_session_that_may_do_things() {
    for bench in benches().await {
        let begun = bench.set_up().await;
        assert_eq!(begun.pending, Some(Pending::Enrolment), "an administrator needs a second factor");
        let caller = bench.caller(&begun.token, at(2)).await;
        assert!(!caller.rights.has(Permission::ReportsRead), "nothing is permitted before");
        let enrolment = bench.logins.begin_totp(&caller.user).await.unwrap();
        let again = bench.logins.begin_totp(&caller.user).await.unwrap();
        assert_eq!(enrolment.uri.expose_secret(), again.uri.expose_secret(), "a page that is loaded again");
        let wrong = bench.logins.confirm_totp(&from(), &caller, &secret("000000"), at(3)).await;
        assert!(matches!(wrong, Err(LoginError::Wrong)));
        let code = bench.code(&caller.user, at(3)).await;
        let (codes, token) = bench.logins.confirm_totp(&from(), &caller, &code, at(3)).await.unwrap();
        assert_eq!(codes.len(), 10);
        assert!(bench.logins.caller(&begun.token, at(4)).await.unwrap().is_none(), "the token has changed");
        let caller = bench.caller(&token, at(4)).await;
        assert_eq!(caller.pending, None);
        assert!(Permission::ALL.into_iter().all(|permission| caller.rights.has(permission)));
        assert!(caller.session.unwrap().is_privileged(at(4)));
    }
}

#[tokio::test]
async fn a_set_up_code_opens_once_and_not_for_everything() {
    for bench in benches().await {
        let logins = &bench.logins;
        let mut connection = logins.store.writer().acquire().await.unwrap();
        let code = links::make(&mut connection, links::Kind::SetUp, None, at(0)).await.unwrap();
        drop(connection);
        let as_typed = secret(&code.expose_secret().to_lowercase().replace('-', " "));
        let set_up = async |code: &SecretString, name: &str, password: &str, now| {
            logins.set_up(&from(), code, new(name), secret(password), now).await
        };
        assert!(matches!(set_up(&secret("ABCD-EFGH-JKMN"), "eva", GOOD, at(1)).await, Err(LoginError::Wrong)));
        assert!(matches!(set_up(&code, "admin", GOOD, at(1)).await, Err(LoginError::User(_))));
        // Who knows the code may try passwords as often as it takes to find a good one.
        for _ in 0..12 {
            assert!(matches!(set_up(&code, "eva", "short", at(1)).await, Err(LoginError::Refused(_))));
        }
        assert!(matches!(set_up(&code, "eva", GOOD, at(24 * 3600)).await, Err(LoginError::Wrong)));
        set_up(&as_typed, "eva", GOOD, at(1)).await.unwrap();
        assert!(matches!(set_up(&code, "max", GOOD, at(2)).await, Err(LoginError::Wrong)));
        assert_eq!(users::count(&logins.store).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn the_same_is_said_and_done_for_wrong_passwords_and_unknown_and_deactivated_users() {
    for bench in benches().await {
        bench.set_up().await;
        let logins = &bench.logins;
        let mut connection = logins.store.writer().acquire().await.unwrap();
        let other = NewUser { mail: None, ..new("max") };
        let max = users::create(&mut connection, &other, State::Invited, "test", at(0)).await.unwrap();
        drop(connection);
        for (name, state) in [("eva", None), ("nobody", None), ("max", Some(State::Deactivated))] {
            if let Some(state) = state {
                users::set_state(&logins.store, &max, state).await.unwrap();
            }
            let before = logins.hasher.load().done;
            let result = logins.log_in(&from(), name, secret("wrong"), at(9)).await;
            assert!(matches!(result, Err(LoginError::Wrong)), "{name}");
            assert_eq!(logins.hasher.load().done - before, 1, "{name}");
        }
        let begun = logins.log_in(&from(), "EVA", secret(GOOD), at(10)).await.unwrap();
        assert_eq!(begun.user.last_login_at, Some(at(1)), "as it was before this login");
        let user = users::by_id(&logins.store, &begun.user.id).await.unwrap();
        assert_eq!(user.last_login_from.as_deref(), Some("192.0.2.7"));
    }
}

#[tokio::test]
async fn the_sixth_attempt_is_refused_even_with_the_right_password() {
    for bench in benches().await {
        bench.set_up().await;
        for second in 0..5 {
            let result = bench.logins.log_in(&from(), "eva", secret("wrong"), at(second)).await;
            assert!(matches!(result, Err(LoginError::Wrong)));
        }
        let before = bench.logins.hasher.load().done;
        let result = bench.logins.log_in(&from(), "eva", secret(GOOD), at(6)).await;
        assert!(matches!(result, Err(LoginError::Gate(GateError::Blocked(_)))));
        assert_eq!(bench.logins.hasher.load().done, before, "nothing was checked");
        let elsewhere = From { client: client("192.0.2.8"), agent: "" };
        bench.logins.log_in(&elsewhere, "eva", secret(GOOD), at(6)).await.unwrap();
    }
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_opens_once() {
    for bench in benches().await {
        let logins = &bench.logins;
        let begun = bench.set_up().await;
        let caller = bench.caller(&begun.token, at(2)).await;
        logins.begin_totp(&caller.user).await.unwrap();
        let code = bench.code(&caller.user, at(3)).await;
        let (codes, _) = logins.confirm_totp(&from(), &caller, &code, at(3)).await.unwrap();
        let begun = logins.log_in(&from(), "eva", secret(GOOD), at(60)).await.unwrap();
        assert_eq!(begun.pending, Some(Pending::SecondFactor));
        let caller = bench.caller(&begun.token, at(61)).await;
        let shown = async |factor, now| logins.show_factor(&from(), &caller, factor, now).await;
        assert!(matches!(shown(Factor::Totp(code), at(61)).await, Err(LoginError::Wrong)), "taken before");
        let recovery = codes[3].clone();
        let token = shown(Factor::Recovery(recovery.clone()), at(62)).await.unwrap();
        assert_eq!(bench.caller(&token, at(63)).await.pending, None);
        assert!(matches!(shown(Factor::Recovery(recovery), at(64)).await, Err(LoginError::Wrong)));
        let code = bench.code(&caller.user, at(120)).await;
        shown(Factor::Totp(code.clone()), at(120)).await.unwrap();
        assert!(matches!(shown(Factor::Totp(code), at(121)).await, Err(LoginError::Wrong)), "replayed");
        // Its counter is its own: the tenth failure blocks it, and logins go on.
        for second in 0..20 {
            let now = at(130 + second);
            if matches!(shown(Factor::Totp(secret("000000")), now).await, Err(LoginError::Gate(_))) {
                assert_eq!(second, 9, "one failure was counted before");
                break;
            }
        }
        logins.log_in(&from(), "eva", secret(GOOD), at(200)).await.unwrap();
    }
}

#[tokio::test]
async fn an_idle_session_is_locked_until_the_password_is_shown() {
    for bench in benches().await {
        let begun = bench.set_up().await;
        let caller = bench.caller(&begun.token, at(1000)).await;
        assert_eq!(caller.pending, Some(Pending::Locked));
        let wrong = bench.logins.unlock(&from(), &caller, secret("wrong"), at(1001)).await;
        assert!(matches!(wrong, Err(LoginError::Wrong)));
        bench.logins.unlock(&from(), &caller, secret(GOOD), at(1002)).await.unwrap();
        assert_eq!(bench.caller(&begun.token, at(1003)).await.pending, Some(Pending::Enrolment));
    }
}

#[tokio::test]
async fn an_invitation_makes_a_user_active_once() {
    for bench in benches().await {
        bench.set_up().await;
        let logins = &bench.logins;
        let mut connection = logins.store.writer().acquire().await.unwrap();
        let invited = NewUser { mail: Some("max@example.com".into()), ..new("max") };
        let max = users::create(&mut connection, &invited, State::Invited, "eva", at(0)).await.unwrap();
        let kind = links::Kind::Invitation;
        let first = links::make(&mut connection, kind, Some(&max), at(0)).await.unwrap();
        let code = links::make(&mut connection, kind, Some(&max), at(1)).await.unwrap();
        drop(connection);
        let chosen = async |code: &SecretString, kind, password, now| {
            logins.choose_password(&from(), kind, code, secret(password), now).await
        };
        assert!(matches!(chosen(&first, kind, GOOD, at(2)).await, Err(LoginError::Wrong)), "replaced");
        let reset = chosen(&code, links::Kind::Reset, GOOD, at(2)).await;
        assert!(matches!(reset, Err(LoginError::Wrong)), "of another kind");
        assert!(matches!(chosen(&code, kind, "max", at(2)).await, Err(LoginError::Refused(_))));
        let begun = chosen(&code, kind, GOOD, at(3)).await.unwrap();
        assert_eq!((begun.user.state, begun.pending), (State::Active, None));
        assert!(matches!(chosen(&code, kind, OTHER, at(4)).await, Err(LoginError::Wrong)), "used");
    }
}

#[tokio::test]
async fn a_new_password_ends_other_sessions_and_is_none_of_the_last() {
    for bench in benches().await {
        let logins = &bench.logins;
        let begun = bench.set_up().await;
        let second = logins.log_in(&from(), "eva", secret(GOOD), at(5)).await.unwrap();
        let caller = bench.caller(&begun.token, at(6)).await;
        let change = async |present, new, now| {
            logins.change_password(&from(), &caller, secret(present), secret(new), now).await
        };
        assert!(matches!(change("wrong", OTHER, at(7)).await, Err(LoginError::Wrong)));
        assert!(matches!(change(GOOD, GOOD, at(8)).await, Err(LoginError::Refused(_))));
        change(GOOD, OTHER, at(9)).await.unwrap();
        assert!(logins.caller(&second.token, at(10)).await.unwrap().is_none());
        assert!(logins.caller(&begun.token, at(10)).await.unwrap().is_some());
        assert!(matches!(change(OTHER, GOOD, at(11)).await, Err(LoginError::Refused(_))), "one of the last");
        assert!(logins.log_in(&from(), "eva", secret(GOOD), at(12)).await.is_err());
        logins.log_in(&from(), "eva", secret(OTHER), at(13)).await.unwrap();
    }
}

#[tokio::test]
async fn a_token_opens_what_it_names_of_what_its_owner_may() {
    for bench in benches().await {
        let logins = &bench.logins;
        let begun = bench.set_up().await;
        let ends = at(0).checked_add(SignedDuration::from_hours(24)).unwrap();
        let scope = [Permission::ReportsRead].into();
        let (id, shown) =
            tokens::create(&logins.store, &begun.user.id, "export", &scope, ends, at(0)).await.unwrap();
        let asked = async |text: &SecretString, now| logins.token_caller(&from(), text, now).await;
        let caller = asked(&shown, at(1)).await.unwrap();
        assert!(caller.rights.has(Permission::ReportsRead) && !caller.rights.has(Permission::UsersRead));
        let kept = tokens::list(&logins.store, tokens::Filter::of(&begun.user.id)).await.unwrap().items;
        assert_eq!(kept[0].last_used_at, Some(at(1)));
        let forged = secret(&format!("{}x", shown.expose_secret()));
        for wrong in [&forged, &secret(""), &secret("palisade_"), &secret(&"x".repeat(5000))] {
            assert!(matches!(asked(wrong, at(2)).await, Err(LoginError::Wrong)));
        }
        assert!(matches!(asked(&shown, ends).await, Err(LoginError::Wrong)), "ended");
        assert!(tokens::revoke(&logins.store, &id, None).await.unwrap());
        assert!(matches!(asked(&shown, at(3)).await, Err(LoginError::Wrong)), "withdrawn");
        let long = at(0).checked_add(SignedDuration::from_hours(24 * 400)).unwrap();
        let refused = tokens::create(&logins.store, &begun.user.id, "x", &scope, long, at(0)).await;
        assert!(matches!(refused, Err(tokens::TokenError::Form(_))));
    }
}
