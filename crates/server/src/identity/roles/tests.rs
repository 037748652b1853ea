//! Roles on both databases.

use jiff::Timestamp;

use super::super::users::{self, NewUser, Origin, State};
use super::*;
use crate::store::tests::stores;

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

async fn user(store: &Store, name: &str) -> String {
    let new = NewUser {
        name: name.to_owned(),
        full_name: name.to_owned(),
        mail: None,
        origin: Origin::Local,
        external_id: None,
    };
    let mut connection = store.writer().acquire().await.unwrap();
    users::create(&mut connection, &new, State::Active, "test", now()).await.unwrap()
}

fn given(role: &str, label: Option<&str>) -> Assignment {
    Assignment { role: role.to_owned(), label: label.map(str::to_owned) }
}

#[test]
fn the_names_of_permissions_are_the_same_everywhere() {
    let mut names = BTreeSet::new();
    for permission in Permission::ALL {
        assert_eq!(serde_json::to_value(permission).unwrap(), permission.as_str());
        assert!(names.insert(permission.as_str()), "{permission:?} stands twice");
        assert!(!permission.about().is_empty());
    }
}

#[tokio::test]
async fn built_in_roles_are_there_and_stay_as_they_are() {
    for opened in stores().await {
        let store = &opened.store;
        install(store).await.unwrap();
        install(store).await.unwrap();
        let ids: Vec<String> = all(store).await.unwrap().into_iter().map(|role| role.id).collect();
        let expected = [
            "administrator",
            "auditor",
            "node-administrator",
            "operator",
            "remote-operator",
            "workload-manager",
        ];
        assert_eq!(ids, expected);
        let auditor = find(store, "auditor").await.unwrap();
        let may = |permission: &Permission| permission.only_reads() || *permission == Permission::LedgerReview;
        assert!(auditor.permissions.iter().all(may));
        let form = RoleForm { title: "x".into(), about: String::new(), permissions: BTreeSet::new() };
        for id in ["administrator", "auditor"] {
            assert!(matches!(change(store, id, &form, 1).await, Err(RoleError::BuiltIn(_))));
            assert!(matches!(delete(store, id).await, Err(RoleError::BuiltIn(_))));
        }
        assert!(matches!(create(store, "auditor", &form).await, Err(RoleError::Exists(_))));
    }
}

/// Gives roles to a user as they are now.
async fn assign_now(
    store: &Store,
    user: &str,
    wanted: &BTreeSet<Assignment>,
    by: &str,
    now: Timestamp,
) -> Result<(), RoleError> {
    let version = users::by_id(store, user).await.unwrap().version;
    assign(store, user, version, wanted, by, now).await
}

#[tokio::test]
async fn roles_of_ones_own_are_made_changed_given_and_deleted() {
    for opened in stores().await {
        let store = &opened.store;
        install(store).await.unwrap();
        let mut form = RoleForm {
            title: "Line 4".into(),
            about: "Watches line 4.".into(),
            permissions: [Permission::NodesRead, Permission::UsersRead].into(),
        };
        create(store, "line-4", &form).await.unwrap();
        for wrong in ["", "x", "Line", "4line", "a b", &"a".repeat(41)] {
            assert!(matches!(create(store, wrong, &form).await, Err(RoleError::Form(_))), "{wrong}");
        }
        form.permissions.insert(Permission::RemoteOpen);
        change(store, "line-4", &form, 1).await.unwrap();
        assert!(matches!(change(store, "line-4", &form, 1).await, Err(RoleError::Stale)));
        let (eva, max) = (user(store, "eva").await, user(store, "max").await);
        let all_of = |list: &[Assignment]| list.iter().cloned().collect::<BTreeSet<_>>();
        assign_now(store, &max, &all_of(&[given(ADMINISTRATOR, None)]), "test", now()).await.unwrap();
        let wanted = all_of(&[given("line-4", Some("line=4")), given("auditor", None)]);
        assign_now(store, &eva, &wanted, "max", now()).await.unwrap();
        assert_eq!(all_of(&assignments_of(store, &eva).await.unwrap()), wanted);
        // Who looked before that would take away what they never saw.
        let stale = assign(store, &eva, 1, &BTreeSet::new(), "zoe", now()).await;
        assert!(matches!(stale, Err(RoleError::Stale)), "{stale:?}");
        assert_eq!(all_of(&assignments_of(store, &eva).await.unwrap()), wanted);
        let rights = rights_of(store, &eva).await.unwrap();
        assert!(rights.has(Permission::UsersRead), "through auditor");
        assert!(!rights.has(Permission::RemoteOpen));
        assert!(rights.has_on(Permission::RemoteOpen, ["line=4"].into_iter()));
        assert!(!rights.has_on(Permission::RemoteOpen, ["line=5"].into_iter()));
        assert!(!rights.within(&[Permission::UsersRead].into()).has(Permission::NodesRead));
        let ways = who_may(store, Permission::RemoteOpen, &["line=4".to_owned()]).await.unwrap();
        let told: Vec<_> = ways.iter().map(|way| (way.user.as_str(), way.role.as_str())).collect();
        assert_eq!(told, [("eva", "line-4"), ("max", "administrator")]);
        assert_eq!(who_may(store, Permission::RemoteOpen, &[]).await.unwrap().len(), 1);
        assert!(matches!(delete(store, "line-4").await, Err(RoleError::Held { holders: 1, .. })));
        for wrong in [given("line-5", None), given("line-4", Some("no label"))] {
            assert!(assign_now(store, &eva, &all_of(&[wrong]), "max", now()).await.is_err());
        }
        assert_eq!(all_of(&assignments_of(store, &eva).await.unwrap()), wanted, "nothing was changed");
        assign_now(store, &eva, &BTreeSet::new(), "max", now()).await.unwrap();
        delete(store, "line-4").await.unwrap();
        assert!(matches!(find(store, "line-4").await, Err(RoleError::Unknown(_))));
    }
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    for opened in stores().await {
        let store = &opened.store;
        install(store).await.unwrap();
        let (eva, max) = (user(store, "eva").await, user(store, "max").await);
        let administrator: BTreeSet<Assignment> = [given(ADMINISTRATOR, None)].into();
        assign_now(store, &eva, &administrator, "test", now()).await.unwrap();
        let last = |result: Result<(), RoleError>| matches!(result, Err(RoleError::LastAdministrator));
        assert!(last(assign_now(store, &eva, &BTreeSet::new(), "eva", now()).await));
        // For some nodes alone is not everywhere.
        let labelled: BTreeSet<Assignment> = [given(ADMINISTRATOR, Some("line=4"))].into();
        assert!(last(assign_now(store, &eva, &labelled, "eva", now()).await));
        assert!(users::set_state(store, &eva, State::Deactivated).await.is_err());
        assert!(users::delete(store, &eva).await.is_err());
        assert_eq!(users::by_id(store, &eva).await.unwrap().state, State::Active);
        assign_now(store, &max, &administrator, "eva", now()).await.unwrap();
        users::delete(store, &eva).await.unwrap();
        assert!(users::delete(store, &max).await.is_err());
    }
}

#[tokio::test]
async fn of_two_administrators_who_step_down_at_once_one_stays() {
    for opened in stores().await {
        let store = &opened.store;
        install(store).await.unwrap();
        for round in 0..10 {
            let names = [format!("eva{round}"), format!("max{round}")];
            let (eva, max) = (user(store, &names[0]).await, user(store, &names[1]).await);
            let administrator: BTreeSet<Assignment> = [given(ADMINISTRATOR, None)].into();
            assign_now(store, &eva, &administrator, "test", now()).await.unwrap();
            assign_now(store, &max, &administrator, "test", now()).await.unwrap();
            let (one, other) =
                tokio::join!(users::delete(store, &eva), users::set_state(store, &max, State::Deactivated));
            assert!(one.is_ok() != other.is_ok() || round > 0, "{one:?} {other:?}");
            let left: i64 = sqlx::query_scalar(
                "select count(*) from assignments join users on users.id = user_id where state = 'active'",
            )
            .fetch_one(store.reader())
            .await
            .unwrap();
            assert!(left > 0);
        }
    }
}

#[tokio::test]
async fn what_a_role_permits_and_nobody_used_is_told_by_the_day() {
    for opened in stores().await {
        let store = &opened.store;
        install(store).await.unwrap();
        begin(store, now()).await.unwrap();
        let permissions = [Permission::NodesRead, Permission::UsersRead].into();
        let form = RoleForm { title: "Line 4".into(), about: String::new(), permissions };
        create(store, "line-4", &form).await.unwrap();
        let (eva, max) = (user(store, "eva").await, user(store, "max").await);
        assign_now(store, &max, &[given(ADMINISTRATOR, None)].into(), "test", now()).await.unwrap();
        assign_now(store, &eva, &[given("line-4", Some("line=4"))].into(), "test", now()).await.unwrap();
        let told = async |at: Timestamp| {
            let mut connection = store.reader().acquire().await.unwrap();
            let mut all = unused(&mut connection, at).await.unwrap();
            let unused = all.remove("line-4").unwrap();
            (unused.permissions.into_iter().collect::<Vec<_>>(), unused.since)
        };
        let later = |days: i64| now().checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap();
        let since = now().to_string();
        assert_eq!(told(now()).await, (vec!["nodes.read".to_owned(), "users.read".to_owned()], since.clone()));
        let uses = Uses::default();
        // Whoever holds another role uses that one.
        uses.note(store, &max, Permission::NodesRead, now()).await;
        for _ in 0..2 {
            uses.note(store, &eva, Permission::UsersRead, now()).await;
        }
        assert_eq!(told(later(1)).await, (vec!["nodes.read".to_owned()], since));
        // What was used half a year ago is not used.
        let (names, half_a_year) = told(later(181)).await;
        assert_eq!(names, ["nodes.read", "users.read"]);
        assert!(half_a_year > now().to_string(), "{half_a_year}");
        uses.note(store, &eva, Permission::UsersRead, later(181)).await;
        assert_eq!(told(later(182)).await.0, ["nodes.read"]);
        // A user who is gone takes it along, and breaks nothing.
        users::delete(store, &eva).await.unwrap();
        Uses::default().note(store, &eva, Permission::UsersRead, later(182)).await;
        assert_eq!(told(later(182)).await.0, ["nodes.read", "users.read"]);
    }
}
