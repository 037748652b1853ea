//! How users, roles and tokens stand, on both databases.

use super::*;
use crate::identity::roles::{Assignment, RoleForm};
use crate::identity::users::{self, NewUser, Origin, State};
use crate::store::tests::stores;

const DAY: i64 = 86_400;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + day * DAY).unwrap()
}

async fn made(store: &Store, name: &str, state: State, roles: &[(&str, Option<&str>)], day: i64) -> String {
    let new = NewUser {
        name: name.to_owned(),
        full_name: name.to_owned(),
        mail: None,
        origin: Origin::Local,
        external_id: None,
    };
    let mut transaction = store.writer().begin().await.unwrap();
    let id = users::create(&mut transaction, &new, state, "test", at(day)).await.unwrap();
    let wanted: BTreeSet<Assignment> = roles
        .iter()
        .map(|(role, label)| Assignment { role: (*role).to_owned(), label: label.map(str::to_owned) })
        .collect();
    roles::give(&mut transaction, &id, &wanted, "test", at(day)).await.unwrap();
    transaction.commit().await.unwrap();
    id
}

async fn run(store: &Store, text: &'static str) {
    sqlx::query(text).execute(store.writer()).await.unwrap();
}

#[tokio::test]
async fn a_fresh_database_has_nobody_to_fault_or_to_review() {
    for opened in stores().await {
        roles::install(&opened.store).await.unwrap();
        assert_eq!(survey(&opened.store, at(0)).await.unwrap(), Survey::default());
    }
}

#[tokio::test]
async fn each_user_stands_in_the_lists_that_are_about_him() {
    for opened in stores().await {
        let store = &opened.store;
        roles::install(store).await.unwrap();
        let form = RoleForm {
            title: "Help desk".to_owned(),
            about: String::new(),
            permissions: [Permission::UsersManage].into(),
        };
        roles::create(store, "help-desk", &form).await.unwrap();
        made(store, "eva", State::Active, &[("administrator", None)], 100).await;
        made(store, "tom", State::Active, &[("help-desk", None)], 100).await;
        made(store, "ann", State::Active, &[("workload-manager", Some("site=north"))], 100).await;
        made(store, "ron", State::Active, &[("remote-operator", None)], 0).await;
        made(store, "new", State::Invited, &[("administrator", None)], 100).await;
        made(store, "Root", State::Active, &[], 100).await;
        made(store, "old", State::Deactivated, &[("administrator", None)], 0).await;
        run(store, "update users set totp_at = 1 where name = 'eva'").await;
        let found = survey(store, at(100)).await.unwrap();
        assert_eq!(found.users, 7);
        assert_eq!(found.administrators, ["eva", "new"]);
        assert_eq!(found.administrators_without_factor, ["tom"]);
        assert_eq!(found.without_factor, ["ann", "ron", "Root", "tom"]);
        assert_eq!(found.guessable, ["Root"]);
        assert_eq!(found.idle, ["ron"]);
        assert_eq!(found.workload_managers, ["ann", "eva", "new"]);
        assert_eq!(found.connection_managers, ["eva", "new", "ron"]);
        assert_eq!(found.changed_roles, Vec::<String>::new());
        assert_eq!(
            found.review_due_at,
            Some(review::next_due(at(0))),
            "as long after the first user as after a review"
        );
    }
}

#[tokio::test]
async fn a_review_that_was_signed_puts_off_the_next_and_a_changed_role_is_seen() {
    for opened in stores().await {
        let store = &opened.store;
        roles::install(store).await.unwrap();
        made(store, "eva", State::Active, &[("administrator", None)], 0).await;
        sqlx::query(
            "insert into reviews (id, state, started_at, started_by_id, started_by, signed_at, signed_by)
             values ('r', 'signed', $1, 'x', 'eva', $1, 'eva')",
        )
        .bind(at(50).as_millisecond())
        .execute(store.writer())
        .await
        .unwrap();
        run(
            store,
            "update roles set permissions = '[\"reports.read\",\"users.manage\"]' where id = 'operator'",
        )
        .await;
        run(store, "update roles set permissions = '[]' where id = 'auditor'").await;
        let found = survey(store, at(60)).await.unwrap();
        assert_eq!((found.reviewed_at, found.review_due_at), (Some(at(50)), Some(review::next_due(at(50)))));
        assert_eq!(found.changed_roles, ["auditor", "operator"]);
    }
}
