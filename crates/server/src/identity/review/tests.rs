//! Reviews on both databases, and records that were tampered with.

use std::collections::BTreeSet;

use super::*;
use crate::identity::login::tests::logins;
use crate::identity::roles::{self, ADMINISTRATOR, RoleForm};
use crate::identity::tokens;
use crate::identity::users::{self, NewUser, Origin, State};
use crate::seal::Sealer;
use crate::store::tests::{TestStore, stores};
use tempfile::TempDir;

struct Bench {
    store: Store,
    key: Key,
    _kept: (TempDir, TestStore),
}

async fn benches() -> Vec<Bench> {
    let mut all = Vec::new();
    for opened in stores().await {
        roles::install(&opened.store).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let logins = logins(&opened.store, directory.path());
        let key = Key::of(&opened.store, &logins.sealer).await.unwrap();
        all.push(Bench { store: opened.store.clone(), key, _kept: (directory, opened) });
    }
    all
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

fn given(roles: &[&str]) -> BTreeSet<Assignment> {
    roles.iter().map(|role| Assignment { role: (*role).to_owned(), label: None }).collect()
}

/// A user of a test with the rights at hand.
struct Somebody(User, Rights);

impl Somebody {
    fn reviewer(&self) -> Reviewer<'_> {
        Reviewer { user: &self.0, rights: &self.1 }
    }

    fn item(&self) -> String {
        format!("user-{}", self.0.id)
    }
}

impl Bench {
    async fn user(&self, name: &str, roles: &[&str]) -> Somebody {
        let new = NewUser {
            name: name.to_owned(),
            full_name: name.to_owned(),
            mail: None,
            origin: Origin::Local,
            external_id: None,
        };
        let mut connection = self.store.writer().acquire().await.unwrap();
        let id = users::create(&mut connection, &new, State::Active, "test", at(0)).await.unwrap();
        roles::give(&mut connection, &id, &given(roles), "test", at(0)).await.unwrap();
        drop(connection);
        let rights = roles::rights_of(&self.store, &id).await.unwrap();
        Somebody(users::by_id(&self.store, &id).await.unwrap(), rights)
    }

    async fn decide(
        &self,
        review: &str,
        item: &str,
        by: &Somebody,
        decision: &Decision,
    ) -> Result<(), ReviewError> {
        decide(&self.store, review, item, by.reviewer(), (decision, "as agreed"), at(60)).await
    }

    async fn items(&self, review: &str) -> Vec<Item> {
        items(&mut self.store.reader().acquire().await.unwrap(), review).await.unwrap()
    }

    async fn sign(&self, review: &str, by: &Somebody) -> Result<Envelope, ReviewError> {
        sign(&self.store, &self.key, review, by.reviewer(), at(3600)).await
    }

    async fn own_role(&self, id: &str) {
        let permissions = [Permission::NodesRead, Permission::RemoteOpen].into();
        let form = RoleForm { title: id.to_owned(), about: String::new(), permissions };
        roles::create(&self.store, id, &form).await.unwrap();
    }
}

#[tokio::test]
async fn from_the_start_of_a_review_to_a_record_that_anybody_can_check() {
    for bench in benches().await {
        bench.own_role("night-shift").await;
        bench.own_role("left-over").await;
        let eva = bench.user("eva", &[ADMINISTRATOR]).await;
        let max = bench.user("max", &[ADMINISTRATOR]).await;
        let ina = bench.user("ina", &["night-shift", "operator"]).await;
        let tom = bench.user("tom", &["auditor"]).await;
        let ends = at(86_400);
        let scope = [Permission::ReportsRead].into();
        tokens::create(&bench.store, &tom.0.id, "script", &scope, ends, at(1)).await.unwrap();
        roles::begin(&bench.store, at(0)).await.unwrap();
        roles::Uses::default().note(&bench.store, &ina.0.id, Permission::NodesRead, at(5)).await;
        let review = start(&bench.store, eva.reviewer(), at(10)).await.unwrap();
        // What nobody used stands beside each role.
        let of_role = |item: Item| match item.found {
            Subject::Role(role) => Some((role.id, Vec::from_iter(role.unused.unwrap().permissions))),
            Subject::User(_) => None,
        };
        let unused: Vec<_> = bench.items(&review).await.into_iter().filter_map(of_role).collect();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let left_over = ("left-over".to_owned(), names(&["nodes.read", "remote.open"]));
        assert_eq!(unused, [left_over, ("night-shift".to_owned(), names(&["remote.open"]))]);
        let again = start(&bench.store, max.reviewer(), at(10)).await;
        assert!(matches!(again, Err(ReviewError::Open)), "{again:?}");
        let shown: Vec<String> = bench.items(&review).await.into_iter().map(|item| item.id).collect();
        let names = ["eva", "ina", "max", "tom"].len();
        assert_eq!(shown.len(), names + 2);
        assert_eq!(shown[names..], ["role-left-over", "role-night-shift"]);

        let early = bench.sign(&review, &eva).await;
        assert!(matches!(early, Err(ReviewError::NotReady(..))), "{early:?}");
        let narrowed = Decision::Permissions([Permission::NodesRead].into());
        bench.decide(&review, &max.item(), &eva, &Decision::Keep).await.unwrap();
        bench.decide(&review, &eva.item(), &max, &Decision::Keep).await.unwrap();
        bench.decide(&review, &ina.item(), &eva, &Decision::Roles(given(&["night-shift"]))).await.unwrap();
        bench.decide(&review, &tom.item(), &max, &Decision::Remove).await.unwrap();
        bench.decide(&review, "role-night-shift", &eva, &narrowed).await.unwrap();
        bench.decide(&review, "role-left-over", &eva, &Decision::Remove).await.unwrap();
        // Nothing happens before the signature.
        assert_eq!(users::by_id(&bench.store, &tom.0.id).await.unwrap().state, State::Active);
        let envelope = bench.sign(&review, &eva).await.unwrap();

        assert_eq!(users::by_id(&bench.store, &tom.0.id).await.unwrap().state, State::Deactivated);
        assert!(tokens::list(&bench.store, tokens::Filter::of(&tom.0.id)).await.unwrap().items.is_empty());
        assert_eq!(roles::assignments_of(&bench.store, &ina.0.id).await.unwrap().len(), 1);
        let role = roles::find(&bench.store, "night-shift").await.unwrap();
        assert_eq!(role.permissions, [Permission::NodesRead].into());
        assert!(matches!(roles::find(&bench.store, "left-over").await, Err(RoleError::Unknown(_))));

        let kept = super::envelope(&bench.store, &review).await.unwrap();
        assert_eq!(kept, envelope);
        let record = verify(&serde_json::to_string(&kept).unwrap(), &bench.key.public_pem()).unwrap();
        assert_eq!(record.signed_by.name, "eva");
        assert_eq!(record.items.len(), 6);
        assert!(record.remarks.is_empty(), "{:?}", record.remarks);
        assert_eq!(record.reviewers.len(), 2);
        let of_tom = record.items.iter().find(|item| item.item == tom.item()).unwrap();
        let (Subject::User(before), Some(Subject::User(after))) = (&of_tom.before, &of_tom.after) else {
            panic!("{of_tom:?}")
        };
        assert_eq!((before.state.as_str(), after.state.as_str()), ("active", "deactivated"));
        assert_eq!((before.tokens.len(), after.tokens.len()), (1, 0));
        let gone = record.items.iter().find(|item| item.item == "role-left-over").unwrap();
        assert_eq!(gone.after, None);
        let of_shift = record.items.iter().find(|item| item.item == "role-night-shift").unwrap();
        let Subject::Role(before) = &of_shift.before else { panic!("{of_shift:?}") };
        assert_eq!(before.unused.as_ref().unwrap().permissions, ["remote.open".to_owned()].into());
        assert!(record.built_in_roles.iter().all(|role| role.unused.is_some()));
        let due = due(&bench.store).await.unwrap().unwrap();
        assert_eq!(due.to_string(), record.next_due);
        assert_eq!(due, next_due(at(3600)));
        let late = bench.decide(&review, &max.item(), &eva, &Decision::Keep).await;
        assert!(matches!(late, Err(ReviewError::Signed)), "{late:?}");
        let twice = bench.sign(&review, &eva).await;
        assert!(matches!(twice, Err(ReviewError::Signed)), "{twice:?}");
        start(&bench.store, max.reviewer(), at(4000)).await.unwrap();
        assert_eq!(list(&bench.store, Filter::all(&LISTED, None)).await.unwrap().items.len(), 2);
    }
}

#[tokio::test]
async fn nobody_decides_on_himself_while_there_is_another_reviewer() {
    for bench in benches().await {
        bench.own_role("reviewers").await;
        let eva = bench.user("eva", &[ADMINISTRATOR, "reviewers"]).await;
        let max = bench.user("max", &[ADMINISTRATOR]).await;
        let review = start(&bench.store, eva.reviewer(), at(0)).await.unwrap();
        let role = "role-reviewers".to_owned();
        for item in [eva.item(), role.clone()] {
            let own = bench.decide(&review, &item, &eva, &Decision::Keep).await;
            assert!(matches!(&own, Err(ReviewError::Oneself(name)) if name == "max"), "{own:?}");
        }
        bench.decide(&review, &role, &max, &Decision::Keep).await.unwrap();
        // Alone, it is permitted with a note; the record says so.
        users::set_state(&bench.store, &max.0.id, State::Deactivated).await.unwrap();
        let silent =
            decide(&bench.store, &review, &eva.item(), eva.reviewer(), (&Decision::Keep, ""), at(1)).await;
        assert!(matches!(silent, Err(ReviewError::Form(_))), "{silent:?}");
        bench.decide(&review, &eva.item(), &eva, &Decision::Keep).await.unwrap();
        // Not alone any more: it does not count.
        users::set_state(&bench.store, &max.0.id, State::Active).await.unwrap();
        bench.decide(&review, &max.item(), &eva, &Decision::Keep).await.unwrap();
        let early = bench.sign(&review, &eva).await;
        assert!(matches!(early, Err(ReviewError::NotReady(..))), "{early:?}");
        users::set_state(&bench.store, &max.0.id, State::Deactivated).await.unwrap();
        let stale = bench.sign(&review, &eva).await;
        assert!(matches!(stale, Err(ReviewError::NotReady(..))), "{stale:?}");
        bench.decide(&review, &max.item(), &eva, &Decision::Keep).await.unwrap();
        let envelope = bench.sign(&review, &eva).await.unwrap();
        let record = verify(&serde_json::to_string(&envelope).unwrap(), &bench.key.public_pem()).unwrap();
        assert!(record.items.iter().any(|item| item.own_decision && item.item == eva.item()));
        assert!(record.remarks[0].contains("no other active user"), "{:?}", record.remarks);
    }
}

#[tokio::test]
async fn a_review_lends_no_rights_and_leaves_an_administrator() {
    for bench in benches().await {
        let form = RoleForm {
            title: "R".to_owned(),
            about: String::new(),
            permissions: [Permission::ReviewsSign].into(),
        };
        roles::create(&bench.store, "reviewer", &form).await.unwrap();
        let eva = bench.user("eva", &[ADMINISTRATOR]).await;
        let ina = bench.user("ina", &["reviewer"]).await;
        let review = start(&bench.store, eva.reviewer(), at(0)).await.unwrap();
        for decision in [Decision::Remove, Decision::Roles(given(&["auditor"]))] {
            let refused = bench.decide(&review, &eva.item(), &ina, &decision).await;
            assert!(matches!(refused, Err(ReviewError::Rights(_))), "{refused:?}");
        }
        let unknown = bench.decide(&review, &ina.item(), &eva, &Decision::Roles(given(&["none"]))).await;
        assert!(matches!(unknown, Err(ReviewError::Role(RoleError::Unknown(_)))), "{unknown:?}");
        let unfit = bench.decide(&review, &ina.item(), &eva, &Decision::Permissions(BTreeSet::new())).await;
        assert!(matches!(unfit, Err(ReviewError::Form(_))), "{unfit:?}");
        // Who came meanwhile is looked at too; and two administrators who take it from each other leave none.
        let max = bench.user("max", &[ADMINISTRATOR]).await;
        let added = bench.sign(&review, &eva).await;
        assert!(matches!(&added, Err(ReviewError::NotReady(_, items)) if *items == max.item()), "{added:?}");
        bench.decide(&review, &eva.item(), &max, &Decision::Remove).await.unwrap();
        bench.decide(&review, &max.item(), &eva, &Decision::Roles(given(&["auditor"]))).await.unwrap();
        bench.decide(&review, &ina.item(), &eva, &Decision::Keep).await.unwrap();
        bench.decide(&review, "role-reviewer", &eva, &Decision::Keep).await.unwrap();
        let refused = bench.sign(&review, &ina).await;
        assert!(matches!(refused, Err(ReviewError::Rights(_))), "{refused:?}");
        let last = bench.sign(&review, &eva).await;
        assert!(matches!(last, Err(ReviewError::Role(RoleError::LastAdministrator))), "{last:?}");
        // Nothing of it was done.
        assert_eq!(users::by_id(&bench.store, &eva.0.id).await.unwrap().state, State::Active);
        assert_eq!(find(&bench.store, &review).await.unwrap().signed, None);
    }
}

#[tokio::test]
async fn what_changes_during_a_review_is_shown_and_decided_again() {
    for bench in benches().await {
        let eva = bench.user("eva", &[ADMINISTRATOR]).await;
        let ina = bench.user("ina", &["auditor"]).await;
        let review = start(&bench.store, eva.reviewer(), at(0)).await.unwrap();
        roles::assign(&bench.store, &ina.0.id, ina.0.version, &given(&["operator"]), "eva", at(5))
            .await
            .unwrap();
        let stale = bench.decide(&review, &ina.item(), &eva, &Decision::Keep).await;
        assert!(matches!(stale, Err(ReviewError::Changed(_))), "{stale:?}");
        bench.decide(&review, &ina.item(), &eva, &Decision::Keep).await.unwrap();
        bench.decide(&review, &eva.item(), &eva, &Decision::Keep).await.unwrap();
        users::delete(&bench.store, &ina.0.id).await.unwrap();
        let envelope = bench.sign(&review, &eva).await.unwrap();
        let record = verify(&serde_json::to_string(&envelope).unwrap(), &bench.key.public_pem()).unwrap();
        assert_eq!(record.items.len(), 1);
    }
}

#[tokio::test]
async fn of_two_signatures_at_once_one_counts() {
    for bench in benches().await {
        let eva = bench.user("eva", &[ADMINISTRATOR]).await;
        let review = start(&bench.store, eva.reviewer(), at(0)).await.unwrap();
        bench.decide(&review, &eva.item(), &eva, &Decision::Keep).await.unwrap();
        let (one, two) = tokio::join!(bench.sign(&review, &eva), bench.sign(&review, &eva));
        let (signed, refused) = if one.is_ok() { (one, two) } else { (two, one) };
        assert!(matches!(refused, Err(ReviewError::Signed)), "{refused:?}");
        assert_eq!(envelope(&bench.store, &review).await.unwrap(), signed.unwrap());
    }
}

#[tokio::test]
async fn no_bit_of_a_record_can_be_changed_unseen() {
    let bench = benches().await.remove(0);
    let eva = bench.user("eva", &[ADMINISTRATOR]).await;
    let review = start(&bench.store, eva.reviewer(), at(0)).await.unwrap();
    bench.decide(&review, &eva.item(), &eva, &Decision::Keep).await.unwrap();
    let envelope = serde_json::to_string(&bench.sign(&review, &eva).await.unwrap()).unwrap();
    let pem = bench.key.public_pem();
    verify(&envelope, &pem).unwrap();
    for at in 0..envelope.len() {
        let mut bytes = envelope.clone().into_bytes();
        bytes[at] ^= 1 << (at % 7);
        let changed = String::from_utf8(bytes).unwrap();
        assert!(verify(&changed, &pem).is_err(), "byte {at}: {changed}");
    }
    for at in 0..pem.trim_end().len() {
        let mut bytes = pem.clone().into_bytes();
        bytes[at] ^= 1 << (at % 7);
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        assert!(verify(&envelope, &changed).is_err(), "byte {at}: {changed}");
    }
    // Cut short, doubled, and with another field.
    assert!(verify(&envelope[..envelope.len() - 1], &pem).is_err());
    assert!(verify(&envelope.replacen('{', "{\"more\":1,", 1), &pem).is_err());
    let other = Key::of_seed(&[7; 32]);
    assert!(matches!(verify(&envelope, &other.public_pem()), Err(VerifyError::OtherKey(_))));
}

#[tokio::test]
async fn the_key_is_made_once_and_is_sealed_at_rest() {
    for opened in stores().await {
        let directory = tempfile::tempdir().unwrap();
        let sealer = Sealer::open_or_create(&directory.path().join("key")).unwrap();
        let one = Key::of(&opened.store, &sealer).await.unwrap();
        let two = Key::of(&opened.store, &sealer).await.unwrap();
        assert_eq!(one.fingerprint(), two.fingerprint());
        let other = Sealer::open_or_create(&directory.path().join("other")).unwrap();
        assert!(Key::of(&opened.store, &other).await.is_err());
    }
}

#[test]
fn the_next_review_is_due_half_a_year_later() {
    let signed: Timestamp = "2026-11-30T10:00:00Z".parse().unwrap();
    assert_eq!(next_due(signed).to_string(), "2027-02-28T10:00:00Z");
}

#[tokio::test]
async fn accounts_and_tokens_that_nobody_uses_are_listed_with_the_reason() {
    for bench in benches().await {
        let day = 86_400;
        let eva = bench.user("eva", &[ADMINISTRATOR]).await;
        bench.user("ina", &[]).await;
        let tom = bench.user("tom", &[]).await;
        let off = bench.user("off", &[]).await;
        users::set_state(&bench.store, &off.0.id, State::Deactivated).await.unwrap();
        users::set_state(&bench.store, &tom.0.id, State::Invited).await.unwrap();
        let mut connection = bench.store.writer().acquire().await.unwrap();
        users::logged_in(&mut connection, &eva.0.id, "192.0.2.7", at(5 * day)).await.unwrap();
        drop(connection);
        let scope = [Permission::ReportsRead].into();
        tokens::create(&bench.store, &eva.0.id, "script", &scope, at(300 * day), at(0)).await.unwrap();
        let found = |days| {
            let bench = &bench;
            async move {
                let users = idle::users(&bench.store, 90, at(days * day)).await.unwrap();
                let tokens = idle::tokens(&bench.store, 90, at(days * day)).await.unwrap();
                let users: Vec<_> =
                    users.into_iter().map(|user| (user.username, user.why, user.days)).collect();
                (users, tokens.len())
            }
        };
        let own = |name: &str, why, days| (name.to_owned(), why, days);
        assert_eq!(found(89).await, (Vec::new(), 0));
        let expected = vec![own("ina", idle::Why::NeverUsed, 90), own("tom", idle::Why::NeverCame, 90)];
        assert_eq!(found(90).await, (expected, 1));
        assert_eq!(found(95).await.0[2], own("eva", idle::Why::Unused, 90));
        assert_eq!(found(301).await.1, 0);
    }
}
