//! Passkeys on both databases, with an authenticator made of software: made, shown, replayed, copied, removed.

use serde_json::json;
use tempfile::TempDir;

use super::super::gate::GateError;
use super::super::login::tests::{code_of, logins};
use super::super::login::{Factor, Pending};
use super::super::passkeys::tests::Authenticator;
use super::super::users::{NewUser, Origin, State};
use super::*;
use crate::identity::roles::{ADMINISTRATOR, Assignment};
use crate::serve::ClientAddress;
use crate::store::tests::{TestStore, stores};

/// Logins on one database, with a directory for the key.
struct Bench {
    logins: Logins,
    _kept: (TempDir, TestStore),
}

async fn benches() -> Vec<Bench> {
    let mut all = Vec::new();
    for opened in stores().await {
        roles::install(&opened.store).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        all.push(Bench { logins: logins(&opened.store, directory.path()), _kept: (directory, opened) });
    }
    all
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

fn from() -> From<'static> {
    From { client: ClientAddress::new("192.0.2.7".parse().unwrap()), agent: "Firefox" }
}

fn authenticator() -> Authenticator {
    Authenticator::at("localhost", "https://localhost:8443")
}

fn refused<T>(result: Result<T, LoginError>) -> FactorError {
    match result {
        Err(LoginError::Factor(error)) => error,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was let in"),
    }
}

fn passkey_refused<T>(result: Result<T, LoginError>) -> PasskeyError {
    match refused(result) {
        FactorError::Passkey(error) => error,
        other => panic!("{other:?}"),
    }
}

impl Bench {
    /// A user, an administrator or one without roles.
    async fn user(&self, name: &str, is_administrator: bool) -> User {
        let new = NewUser {
            name: name.to_owned(),
            full_name: name.to_owned(),
            mail: None,
            origin: Origin::Local,
            external_id: None,
        };
        let mut connection = self.logins.store.writer().acquire().await.unwrap();
        let id = users::create(&mut connection, &new, State::Active, "test", at(0)).await.unwrap();
        let role = Assignment { role: ADMINISTRATOR.to_owned(), label: None };
        let given = if is_administrator { [role].into() } else { std::collections::BTreeSet::new() };
        roles::give(&mut connection, &id, &given, "test", at(0)).await.unwrap();
        drop(connection);
        users::by_id(&self.logins.store, &id).await.unwrap()
    }

    /// Somebody of whom the password was seen.
    async fn entered(&self, user: &User, now: Timestamp) -> Caller {
        let mut connection = self.logins.store.writer().acquire().await.unwrap();
        let limits = self.logins.sessions;
        let place = ("192.0.2.7", "");
        let token = sessions::begin(&mut connection, limits, &user.id, Factors::Password, place, now).await;
        drop(connection);
        self.caller(&token.unwrap(), now).await
    }

    async fn caller(&self, token: &SecretString, now: Timestamp) -> Caller {
        self.logins.caller(token, now).await.unwrap().unwrap()
    }

    async fn add(
        &self,
        caller: &Caller,
        authenticator: &Authenticator,
        now: Timestamp,
    ) -> Result<Added, LoginError> {
        let challenge = self.logins.begin_passkey(caller, now).await?;
        self.logins.add_passkey(&from(), caller, "", &authenticator.create(&challenge).to_string(), now).await
    }

    /// A user with one passkey, and a session that has shown it.
    async fn enrolled(&self, name: &str, is_administrator: bool) -> (User, Authenticator, Caller) {
        let user = self.user(name, is_administrator).await;
        let authenticator = authenticator();
        let added = self.add(&self.entered(&user, at(0)).await, &authenticator, at(1)).await.unwrap();
        let caller = self.caller(&added.first.unwrap().token, at(1)).await;
        (users::by_id(&self.logins.store, &user.id).await.unwrap(), authenticator, caller)
    }

    async fn show(
        &self,
        caller: &Caller,
        authenticator: &mut Authenticator,
        now: Timestamp,
    ) -> Result<SecretString, LoginError> {
        let challenge = self.logins.ask_passkey(caller, now).await?;
        self.logins.show_passkey(&from(), caller, &authenticator.get(&challenge).to_string(), now).await
    }

    async fn passkeys(&self, user: &User) -> Vec<second_factors::PasskeyRow> {
        second_factors::passkeys(&self.logins.store, &user.id).await.unwrap()
    }

    async fn recovery_codes(&self, user: &User) -> Vec<String> {
        users::recovery_codes(&self.logins.store, &user.id).await.unwrap()
    }
}

#[tokio::test]
async fn the_first_passkey_gives_a_session_its_rights_and_opens_the_next_ones() {
    for bench in benches().await {
        let eva = bench.user("eva", true).await;
        let mut authenticator = authenticator();
        let caller = bench.entered(&eva, at(0)).await;
        assert_eq!(caller.pending, Some(Pending::Enrolment));
        let added = bench.add(&caller, &authenticator, at(1)).await.unwrap();
        assert_eq!(added.label, "Passkey");
        let first = added.first.unwrap();
        assert_eq!((first.codes.len(), bench.recovery_codes(&eva).await.len()), (10, 10));
        let caller = bench.caller(&first.token, at(2)).await;
        assert_eq!(caller.pending, None);
        assert!(caller.session.as_ref().unwrap().is_privileged(at(2)));

        for start in [60, 120, 180] {
            let caller = bench.entered(&eva, at(start)).await;
            assert_eq!(caller.pending, Some(Pending::SecondFactor));
            let token = bench.show(&caller, &mut authenticator, at(start + 1)).await.unwrap();
            let shown = bench.caller(&token, at(start + 2)).await;
            assert_eq!((shown.pending, shown.session.unwrap().id), (None, caller.session.unwrap().id));
        }
        let kept = bench.passkeys(&eva).await;
        assert_eq!((kept[0].id.as_str(), kept[0].last_used_at), (added.id.as_str(), Some(at(181))));
        assert!(!kept[0].can_sync && !kept[0].is_synced);
        // A lost authenticator: the codes that came with it open as well.
        let caller = bench.entered(&eva, at(240)).await;
        let code = Factor::Recovery(first.codes[7].clone());
        bench.logins.show_factor(&from(), &caller, code, at(241)).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_begun_is_finished_once() {
    for bench in benches().await {
        let (eva, mut authenticator, _) = bench.enrolled("eva", true).await;
        let caller = bench.entered(&eva, at(10)).await;
        let challenge = bench.logins.ask_passkey(&caller, at(10)).await.unwrap();
        let answer = authenticator.get(&challenge).to_string();
        let show = async || bench.logins.show_passkey(&from(), &caller, &answer, at(11)).await;
        // Two at once: whoever takes the ceremony first is let in, and nobody else.
        let (one, other) = tokio::join!(show(), show());
        assert_ne!(one.is_ok(), other.is_ok());
        assert!(matches!(passkey_refused(if one.is_ok() { other } else { one }), PasskeyError::State));
        assert!(matches!(passkey_refused(show().await), PasskeyError::State), "replayed");
        bench.logins.ask_passkey(&caller, at(12)).await.unwrap();
        assert!(matches!(passkey_refused(show().await), PasskeyError::Challenge), "to another challenge");
        assert!(matches!(passkey_refused(show().await), PasskeyError::State), "a failure takes it away too");

        let caller = bench.entered(&bench.user("max", false).await, at(20)).await;
        let challenge = bench.logins.begin_passkey(&caller, at(20)).await.unwrap();
        let made = self::authenticator().create(&challenge).to_string();
        bench.logins.add_passkey(&from(), &caller, "", &made, at(21)).await.unwrap();
        let again = bench.logins.add_passkey(&from(), &caller, "", &made, at(22)).await;
        assert!(matches!(passkey_refused(again), PasskeyError::State));
    }
}

#[tokio::test]
async fn what_was_begun_ends_after_five_minutes_and_belongs_to_its_session() {
    for bench in benches().await {
        let (eva, mut authenticator, _) = bench.enrolled("eva", true).await;
        let caller = bench.entered(&eva, at(10)).await;
        let other = bench.entered(&eva, at(10)).await;
        let challenge = bench.logins.ask_passkey(&caller, at(10)).await.unwrap();
        let answer = authenticator.get(&challenge).to_string();
        let elsewhere = bench.logins.show_passkey(&from(), &other, &answer, at(11)).await;
        assert!(matches!(passkey_refused(elsewhere), PasskeyError::State));
        let late = bench.logins.show_passkey(&from(), &caller, &answer, at(310)).await;
        assert!(matches!(passkey_refused(late), PasskeyError::Expired));

        bench.logins.ask_passkey(&caller, at(400)).await.unwrap();
        bench.logins.ask_passkey(&caller, at(401)).await.unwrap();
        bench.logins.ask_passkey(&other, at(402)).await.unwrap();
        let forget = async |now| second_factors::forget_old(&bench.logins.store, now).await.unwrap();
        assert_eq!((forget(at(700)).await, forget(at(701)).await), (0, 1), "one of a kind for each session");
        sessions::end(&bench.logins.store, &other.session.unwrap().id, None).await.unwrap();
        assert_eq!(forget(at(9999)).await, 0, "it went with its session");
    }
}

#[tokio::test]
async fn a_passkey_of_somebody_else_neither_opens_nor_is_taken() {
    for bench in benches().await {
        let (eva, evas, _) = bench.enrolled("eva", true).await;
        let (max, mut maxs, maxs_caller) = bench.enrolled("max", true).await;
        let caller = bench.entered(&eva, at(10)).await;
        assert!(matches!(
            passkey_refused(bench.show(&caller, &mut maxs, at(11)).await),
            PasskeyError::NotTheirs
        ));
        assert!(matches!(refused(bench.add(&maxs_caller, &evas, at(12)).await), FactorError::Taken));
        let evas_id = bench.passkeys(&eva).await[0].id.clone();
        let removed = bench.logins.remove_factor(&maxs_caller, Removed::Passkey(&evas_id)).await;
        assert!(matches!(refused(removed), FactorError::Unknown));
        assert_eq!((bench.passkeys(&eva).await.len(), bench.passkeys(&max).await.len()), (1, 1));
    }
}

#[tokio::test]
async fn a_copy_is_refused_and_the_counter_stays() {
    for bench in benches().await {
        let (eva, mut authenticator, _) = bench.enrolled("eva", true).await;
        authenticator.counter = 40;
        bench.show(&bench.entered(&eva, at(10)).await, &mut authenticator, at(10)).await.unwrap();
        let stored = second_factors::stored(&bench.logins.store, &eva.id).await.unwrap();
        authenticator.counter = 7;
        let caller = bench.entered(&eva, at(20)).await;
        let copied = bench.show(&caller, &mut authenticator, at(20)).await;
        assert!(matches!(passkey_refused(copied), PasskeyError::Copied { .. }));
        assert_eq!(second_factors::stored(&bench.logins.store, &eva.id).await.unwrap(), stored);
        let session = caller.session.unwrap();
        let now = sessions::list(&bench.logins.store, sessions::Filter::of(Some(&eva.id)), at(21));
        let now = now.await.unwrap().items;
        assert!(now.iter().any(|found| found.id == session.id && found.factors == Factors::Password));
        authenticator.counter = 41;
        bench.show(&bench.entered(&eva, at(30)).await, &mut authenticator, at(30)).await.unwrap();
    }
}

#[tokio::test]
async fn the_eleventh_attempt_is_refused_even_with_the_right_passkey() {
    for bench in benches().await {
        let (eva, mut authenticator, _) = bench.enrolled("eva", true).await;
        let caller = bench.entered(&eva, at(10)).await;
        for second in 0..10 {
            bench.logins.ask_passkey(&caller, at(second)).await.unwrap();
            let wrong = bench.logins.show_passkey(&from(), &caller, &json!({}).to_string(), at(second)).await;
            assert!(matches!(passkey_refused(wrong), PasskeyError::Answer), "{second}");
        }
        let blocked = bench.show(&caller, &mut authenticator, at(11)).await;
        assert!(matches!(blocked, Err(LoginError::Gate(GateError::Blocked(_)))));
        // Codes of an app are counted with it.
        let code = bench.logins.show_factor(&from(), &caller, Factor::Totp("000000".into()), at(12)).await;
        assert!(matches!(code, Err(LoginError::Gate(GateError::Blocked(_)))));
    }
}

#[tokio::test]
async fn a_second_passkey_makes_no_new_recovery_codes() {
    for bench in benches().await {
        let (eva, _, caller) = bench.enrolled("eva", true).await;
        let before = bench.recovery_codes(&eva).await;
        let mut second = authenticator();
        let added = bench.add(&caller, &second, at(5)).await.unwrap();
        assert!(added.first.is_none());
        assert_eq!(bench.recovery_codes(&eva).await, before);
        bench.show(&bench.entered(&eva, at(10)).await, &mut second, at(10)).await.unwrap();
        let removed = bench.logins.remove_factor(&caller, Removed::Passkey(&added.id)).await;
        removed.unwrap();
        let gone = bench.show(&bench.entered(&eva, at(20)).await, &mut second, at(20)).await;
        assert!(matches!(passkey_refused(gone), PasskeyError::NotTheirs));
    }
}

#[tokio::test]
async fn who_began_without_a_factor_does_not_get_past_one_set_up_meanwhile() {
    for bench in benches().await {
        let eva = bench.user("eva", true).await;
        let (one, other) = (bench.entered(&eva, at(0)).await, bench.entered(&eva, at(0)).await);
        let challenge = bench.logins.begin_passkey(&other, at(1)).await.unwrap();
        bench.add(&one, &authenticator(), at(2)).await.unwrap();
        let answer = authenticator().create(&challenge).to_string();
        let late = bench.logins.add_passkey(&from(), &other, "", &answer, at(3)).await;
        assert!(matches!(passkey_refused(late), PasskeyError::State));
        assert_eq!(bench.passkeys(&eva).await.len(), 1);
    }
}

#[tokio::test]
async fn the_last_second_factor_of_who_needs_one_stays() {
    for bench in benches().await {
        let (eva, _, caller) = bench.enrolled("eva", true).await;
        let id = bench.passkeys(&eva).await[0].id.clone();
        let remove = async |factor| bench.logins.remove_factor(&caller, factor).await;
        assert!(matches!(refused(remove(Removed::App).await), FactorError::Unknown));
        assert!(matches!(refused(remove(Removed::Passkey(&id)).await), FactorError::Last));
        assert_eq!((bench.passkeys(&eva).await.len(), bench.recovery_codes(&eva).await.len()), (1, 10));

        bench.logins.begin_totp(&eva).await.unwrap();
        let code = code_of(&bench.logins, &eva, at(30)).await;
        bench.logins.confirm_totp(&from(), &caller, &code, at(30)).await.unwrap();
        remove(Removed::Passkey(&id)).await.unwrap();
        assert!(matches!(refused(remove(Removed::App).await), FactorError::Last));
        let eva = users::by_id(&bench.logins.store, &eva.id).await.unwrap();
        assert!(eva.totp_at.is_some() && eva.passkeys == 0);

        // Who needs none may do without, and recovery codes go with the last.
        let (max, _, caller) = bench.enrolled("max", false).await;
        let id = bench.passkeys(&max).await[0].id.clone();
        bench.logins.remove_factor(&caller, Removed::Passkey(&id)).await.unwrap();
        assert!(bench.recovery_codes(&max).await.is_empty());
        assert_eq!(bench.entered(&max, at(40)).await.pending, None);
    }
}

#[tokio::test]
async fn where_the_address_is_no_name_there_are_no_passkeys() {
    for mut bench in benches().await {
        let (eva, mut authenticator, caller) = bench.enrolled("eva", true).await;
        bench.logins.passkeys = None;
        assert!(matches!(refused(bench.add(&caller, &authenticator, at(5)).await), FactorError::Off));
        let caller = bench.entered(&eva, at(10)).await;
        assert!(matches!(refused(bench.show(&caller, &mut authenticator, at(11)).await), FactorError::Off));
    }
}
