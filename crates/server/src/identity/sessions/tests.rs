//! Sessions on both databases.

use super::super::users::{self, NewUser, Origin, State};
use super::*;
use crate::store::tests::stores;

const LIMITS: SessionLimits = SessionLimits {
    idle: Duration::from_secs(900),
    lifetime: Duration::from_secs(8 * 3600),
    privilege: Duration::from_secs(600),
    per_user: 3,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
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
    users::create(&mut connection, &new, State::Active, "test", at(0)).await.unwrap()
}

async fn begun(store: &Store, user: &str, factors: Factors, now: Timestamp) -> SecretString {
    let mut connection = store.writer().acquire().await.unwrap();
    begin(&mut connection, LIMITS, user, factors, ("192.0.2.7", "Firefox\r\nX: y"), now).await.unwrap()
}

#[tokio::test]
async fn a_session_is_locked_when_idle_and_ends_whatever_happens() {
    for opened in stores().await {
        let store = &opened.store;
        let eva = user(store, "eva").await;
        let token = begun(store, &eva, Factors::Both, at(0)).await;
        let resumed = async |seconds| resume(store, LIMITS, &token, at(seconds)).await.unwrap();
        let first = resumed(1).await.unwrap();
        assert!(!first.locked && first.is_privileged(at(599)) && !first.is_privileged(at(600)));
        assert_eq!(first.agent, "FirefoxX: y");
        // Used every ten minutes it stays open.
        for step in 1..20 {
            assert!(!resumed(step * 600).await.unwrap().locked);
        }
        let idle = resumed(19 * 600 + 900).await.unwrap();
        assert!(idle.locked && !idle.is_privileged(at(0)));
        assert!(resumed(19 * 600 + 901).await.unwrap().locked, "asking again does not unlock it");
        unlock(store, &idle.id, at(19 * 600 + 902)).await.unwrap();
        assert!(!resumed(19 * 600 + 903).await.unwrap().locked);
        assert!(resumed(8 * 3600 - 1).await.is_some());
        assert!(resumed(8 * 3600).await.is_none());
        assert_eq!(forget_old(store, at(8 * 3600)).await.unwrap(), 1);
        assert!(resume(store, LIMITS, &"guess".to_owned().into(), at(1)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_credential_that_is_shown_changes_the_token() {
    for opened in stores().await {
        let store = &opened.store;
        let eva = user(store, "eva").await;
        let token = begun(store, &eva, Factors::Password, at(0)).await;
        let session = resume(store, LIMITS, &token, at(1)).await.unwrap().unwrap();
        assert_eq!((session.factors, session.is_privileged(at(1))), (Factors::Password, false));
        let new = confirm(store, LIMITS, &session.id, Factors::Both, at(2)).await.unwrap();
        assert!(resume(store, LIMITS, &token, at(3)).await.unwrap().is_none());
        let session = resume(store, LIMITS, &new, at(3)).await.unwrap().unwrap();
        assert_eq!((session.factors, session.is_privileged(at(601))), (Factors::Both, true));
        let kept: String =
            sqlx::query_scalar("select token_hash from sessions").fetch_one(store.reader()).await.unwrap();
        use secrecy::ExposeSecret as _;
        assert!(!kept.contains(new.expose_secret()));
    }
}

#[tokio::test]
async fn with_one_too_many_the_oldest_ends_and_others_keep_theirs() {
    for opened in stores().await {
        let store = &opened.store;
        let (eva, max) = (user(store, "eva").await, user(store, "max").await);
        let of_max = begun(store, &max, Factors::Password, at(0)).await;
        let mut tokens = Vec::new();
        for second in 0..4 {
            tokens.push(begun(store, &eva, Factors::Password, at(second)).await);
        }
        assert!(resume(store, LIMITS, &tokens[0], at(5)).await.unwrap().is_none());
        for token in &tokens[1..] {
            assert!(resume(store, LIMITS, token, at(5)).await.unwrap().is_some());
        }
        assert!(resume(store, LIMITS, &of_max, at(5)).await.unwrap().is_some());
        let of = |user| list(store, Filter::of(user), at(5));
        let mine = of(Some(eva.as_str())).await.unwrap().items;
        assert_eq!(mine.len(), 3);
        assert!(mine.windows(2).all(|pair| pair[0].created_at > pair[1].created_at));
        assert_eq!(of(None).await.unwrap().items.len(), 4);
        assert!(!end(store, &mine[0].id, Some(&max)).await.unwrap(), "not his to end");
        assert!(end(store, &mine[0].id, Some(&eva)).await.unwrap());
        let mut connection = store.writer().acquire().await.unwrap();
        assert_eq!(end_others(&mut connection, &eva, &mine[1].id).await.unwrap(), 1);
        drop(connection);
        assert_eq!(of(Some(eva.as_str())).await.unwrap().items, [mine[1].clone()]);
    }
}

#[tokio::test]
async fn who_knows_the_password_alone_pushes_nobody_out() {
    for opened in stores().await {
        let eva = user(&opened.store, "eva").await;
        let whole = begun(&opened.store, &eva, Factors::Both, at(0)).await;
        for number in 1..10 {
            begun(&opened.store, &eva, Factors::Password, at(number)).await;
        }
        assert!(resume(&opened.store, LIMITS, &whole, at(10)).await.unwrap().is_some());
        let half = begun(&opened.store, &eva, Factors::Password, at(10)).await;
        // Of those who showed both the oldest goes, also when another one has just shown the second.
        for number in 11..13 {
            begun(&opened.store, &eva, Factors::Both, at(number)).await;
        }
        let id = resume(&opened.store, LIMITS, &half, at(13)).await.unwrap().unwrap().id;
        confirm(&opened.store, LIMITS, &id, Factors::Both, at(13)).await.unwrap();
        assert!(resume(&opened.store, LIMITS, &whole, at(14)).await.unwrap().is_none());
    }
}
