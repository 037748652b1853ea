//! What is kept of reports between pages.

use super::*;
use crate::posture::reports::tests::{finding, report};
use crate::store::tests::stores;
use model::report::Verdict;

#[tokio::test]
async fn a_report_is_unpacked_once_for_many_who_ask_at_once() {
    for opened in stores().await {
        let store = &opened.store;
        let id = reports::keep(store, &report(0, vec![finding("ssh.x", "sshd", Verdict::Fail)])).await.unwrap();
        let shelf = Shelf::default();
        let (one, two, three) =
            tokio::join!(shelf.load(store, &id), shelf.load(store, &id), shelf.load(store, &id));
        let one = one.unwrap();
        assert!(Arc::ptr_eq(&one, &two.unwrap()) && Arc::ptr_eq(&one, &three.unwrap()));
        assert_eq!((one.0.id.as_str(), one.1.findings.len()), (id.as_str(), 1));
        // What the database forgot is not shown for longer than until the next tidying.
        shelf.clear();
        sqlx::query("delete from reports").execute(store.writer()).await.unwrap();
        assert!(matches!(shelf.load(store, &id).await, Err(ReportError::Unknown)));
    }
}

#[test]
fn the_ones_that_were_used_last_stay_within_the_room() {
    let shelf = Shelf::default();
    let put = |id: &str, bytes: usize| {
        let entry = Entry { id: id.to_owned(), ..reports::tests::entry() };
        shelf.put(Kept { whole: Arc::new((entry, report(0, Vec::new()))), bytes });
    };
    put("a", ROOM / 2);
    put("b", ROOM / 2);
    assert!(shelf.take("a").is_some());
    put("c", 2);
    assert!(shelf.take("b").is_none(), "b was used longest ago");
    assert!(shelf.take("a").is_some() && shelf.take("c").is_some());
    // One that alone takes more than the room is shown and not kept.
    put("d", ROOM + 1);
    assert!(shelf.take("d").is_none());
}
