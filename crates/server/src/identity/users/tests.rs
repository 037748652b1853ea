//! Users on both databases.

use super::*;
use crate::order::PAGE;
use crate::store::tests::stores;

fn page() -> usize {
    usize::try_from(PAGE).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

fn new(name: &str, mail: Option<&str>) -> NewUser {
    NewUser {
        name: name.to_owned(),
        full_name: format!("{name} Muster"),
        mail: mail.map(str::to_owned),
        origin: Origin::Local,
        external_id: None,
    }
}

async fn made(store: &Store, user: &NewUser) -> Result<String, UserError> {
    let mut connection = store.writer().acquire().await.unwrap();
    create(&mut connection, user, State::Active, "test", now()).await
}

#[test]
fn names_and_addresses_that_cannot_be_are_refused_with_their_field() {
    let cases = [
        ("admin", None, Some("name")),
        ("Root", None, Some("name")),
        ("x", None, Some("name")),
        ("-eva", None, Some("name")),
        ("eva muster", None, Some("name")),
        ("eva\u{202e}", None, Some("name")),
        (" eva ", None, None),
        ("eva", Some("eva@example.com"), None),
        ("eva", Some("  "), None),
        ("eva", Some("eva"), Some("mail")),
        ("eva", Some("eva@@example.com"), Some("mail")),
        ("eva", Some("eva@example.com\r\nBcc: x@example.com"), Some("mail")),
        ("eva", Some("eva@.com"), Some("mail")),
    ];
    for (name, mail, wrong) in cases {
        match (new(name, mail).checked(), wrong) {
            (Ok(user), None) => assert_eq!(user.name, name.trim()),
            (Err(UserError::Form { field, why }), Some(wrong)) => {
                assert_eq!(field, wrong);
                assert!(!why.is_empty());
            }
            (result, _) => panic!("{name} {mail:?}: {result:?}"),
        }
    }
}

#[tokio::test]
async fn a_name_is_taken_whatever_its_case_and_so_is_a_mail_address() {
    for opened in stores().await {
        let store = &opened.store;
        made(store, &new("Eva", Some("Eva@Example.com"))).await.unwrap();
        let taken = |result| match result {
            Err(UserError::Taken(what)) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(taken(made(store, &new("eVA", None)).await), "user name");
        assert_eq!(taken(made(store, &new("max", Some("eva@example.COM"))).await), "mail address");
        assert_eq!(by_name(store, " EVA ").await.unwrap().unwrap().name, "Eva");
        assert_eq!(by_mail(store, "eva@example.com").await.unwrap().unwrap().name, "Eva");
        assert!(by_name(store, "max").await.unwrap().is_none());
    }
}

/// All users, by name.
fn filter() -> Filter {
    Filter { text: String::new(), state: None, order: LISTED.order(""), after: None }
}

#[tokio::test]
async fn the_list_is_narrowed_and_comes_in_pages() {
    for opened in stores().await {
        let store = &opened.store;
        for number in 0..PAGE + 10 {
            made(store, &new(&format!("user{number:03}"), Some(&format!("n{number}@example.com"))))
                .await
                .unwrap();
        }
        made(store, &new("zoe_100%", None).checked().unwrap_or(new("zoe_100", None))).await.unwrap();
        let first = list(store, filter()).await.unwrap();
        assert_eq!(first.items.len(), page());
        let after = LISTED.order("").after(&first.next.unwrap());
        let second = list(store, Filter { after, ..filter() }).await.unwrap();
        assert_eq!(second.items.len(), 11);
        assert_eq!(second.items[0].name, format!("user{PAGE:03}"));
        assert!(second.next.is_none());
        let found = async |text: &str| {
            list(store, Filter { text: text.to_owned(), ..filter() }).await.unwrap().items.len()
        };
        assert_eq!(found("E_1").await, 1, "an underscore is itself");
        assert_eq!(found("%").await, 0);
        assert_eq!(found("N7@EXAMPLE").await, 1);
        let invited = Filter { state: Some(State::Invited), ..filter() };
        assert!(list(store, invited).await.unwrap().items.is_empty());
    }
}

#[tokio::test]
async fn a_code_is_taken_once_and_a_recovery_code_too() {
    for opened in stores().await {
        let store = &opened.store;
        let id = made(store, &new("eva", None)).await.unwrap();
        begin_totp(store, &id, "sealed").await.unwrap();
        assert!(take_step(store, &id, 7).await.unwrap());
        assert!(!take_step(store, &id, 7).await.unwrap());
        assert!(!take_step(store, &id, 6).await.unwrap());
        assert!(take_step(store, &id, 8).await.unwrap());
        confirm_totp(store, &id, &["a".to_owned(), "b".to_owned()], now()).await.unwrap();
        // What is confirmed is not replaced without being dropped first.
        begin_totp(store, &id, "other").await.unwrap();
        assert_eq!(kept(store, &id).await.unwrap().totp.as_deref(), Some("sealed"));
        assert!(by_id(store, &id).await.unwrap().has_second_factor());
        assert!(use_recovery(store, &id, "a", now()).await.unwrap());
        assert!(!use_recovery(store, &id, "a", now()).await.unwrap());
        assert_eq!(recovery_codes(store, &id).await.unwrap(), ["b"]);
        drop_factors(store, &id).await.unwrap();
        assert!(!by_id(store, &id).await.unwrap().has_second_factor());
        assert!(recovery_codes(store, &id).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn former_passwords_are_remembered_as_many_as_wanted() {
    for opened in stores().await {
        let store = &opened.store;
        let id = made(store, &new("eva", None)).await.unwrap();
        for hash in ["one", "two", "three", "four"] {
            let former = kept(store, &id).await.unwrap();
            let mut connection = store.writer().acquire().await.unwrap();
            set_password(&mut connection, &id, hash, &former, 2, now()).await.unwrap();
        }
        let kept_now = kept(store, &id).await.unwrap();
        assert_eq!(kept_now.password.as_deref(), Some("four"));
        assert_eq!(kept_now.history, ["three", "two"]);
        rehash(store, &id, "gone", "x").await.unwrap();
        rehash(store, &id, "four", "FOUR").await.unwrap();
        assert_eq!(kept(store, &id).await.unwrap().password.as_deref(), Some("FOUR"));
        assert!(kept(store, "nobody").await.unwrap().password.is_none());
    }
}

#[tokio::test]
async fn a_profile_is_changed_by_who_saw_its_last_version() {
    for opened in stores().await {
        let store = &opened.store;
        let id = made(store, &new("eva", None)).await.unwrap();
        change_profile(store, &id, "Eva M.", Some("e@example.com"), Some("Europe/Vienna"), 1).await.unwrap();
        let stale = change_profile(store, &id, "Eva N.", None, None, 1).await;
        assert!(matches!(stale, Err(UserError::Stale)), "{stale:?}");
        let zone = change_profile(store, &id, "Eva", None, Some("Moon/Crater"), 2).await;
        assert!(matches!(zone, Err(UserError::Form { field: "zone", .. })), "{zone:?}");
        let user = by_id(store, &id).await.unwrap();
        assert_eq!((user.full_name.as_str(), user.version), ("Eva M.", 2));
        assert_eq!(user.zone.as_deref(), Some("Europe/Vienna"));
    }
}
