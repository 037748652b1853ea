//! Reviews of the log cover everything without a gap and find what is unusual, on both databases.

use std::time::Duration;

use super::*;
use crate::clock::Clock;
use crate::identity::login::Logins;
use crate::identity::login::tests::logins;
use crate::identity::review::{Key, verify_any};
use crate::ledger::{Retention, prune, tests as bench};
use crate::store::tests::{TestStore, stores};
use unusual::Reason;

struct Bench {
    ledger: Ledger,
    logins: Logins,
    opened: TestStore,
    now: Timestamp,
    _directory: tempfile::TempDir,
}

async fn benches() -> Vec<Bench> {
    let mut all = Vec::new();
    for opened in stores().await {
        let directory = tempfile::tempdir().unwrap();
        let logins = logins(&opened.store, directory.path());
        let ledger = bench::ledger(&logins, directory.path()).await;
        // Noon of some day, so that hours are those of the tests.
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        all.push(Bench { ledger, logins, opened, now, _directory: directory });
    }
    all
}

/// What happened: when (hours before now), what, who, from where.
type Act<'a> = (i64, Happened, &'a str, &'a str);

fn eva() -> Person {
    Person { id: "id-eva".to_owned(), name: "eva".to_owned() }
}

impl Bench {
    async fn happen(&self, acts: &[Act<'_>]) {
        let mut events = Vec::new();
        for (number, (hours, kind, who, from)) in acts.iter().enumerate() {
            let said = match kind {
                Happened::AccessRefused | Happened::CredentialRefused => Said::refused(*kind),
                Happened::LedgerChecked | Happened::RequestFailed => Said::failed(*kind),
                kind => Said::done(*kind),
            };
            let mut event = said.event();
            event.time = self.now - SignedDuration::from_hours(*hours);
            event.id = format!("{:026x}{number:06x}", 1_000_000 - hours);
            event.from = Some((*from).to_owned()).filter(|from| !from.is_empty());
            event.actor.id = Some((*who).to_owned()).filter(|who| !who.is_empty());
            events.push(event);
        }
        self.ledger.append(Stream::ManagementSystem, &events).await.unwrap();
        self.ledger.sequence_all().await;
    }

    async fn begin(&self) -> String {
        begin(&self.ledger, &eva(), self.now).await.unwrap()
    }

    async fn items(&self, id: &str) -> Vec<Item> {
        items(&mut self.opened.store.reader().acquire().await.unwrap(), id).await.unwrap()
    }

    /// What is unusual, by reason and in words.
    async fn said(&self, id: &str) -> Vec<(Reason, String)> {
        self.items(id).await.into_iter().map(|item| (item.found.reason, item.found.said)).collect()
    }

    async fn sign(&self, id: &str) -> serde_json::Value {
        for item in self.items(id).await {
            let place = item.place.to_string();
            let expected = (Decision::Expected, "", "");
            decide(&self.opened.store, (id, &place), &eva(), expected, self.now).await.unwrap();
        }
        let key = Key::of(&self.opened.store, &self.logins.sealer).await.unwrap();
        sign(&self.ledger, &key, id, &eva(), self.now).await.unwrap();
        let text = envelope(&self.opened.store, id).await.unwrap();
        verify_any(&text, &key.public_pem()).unwrap()
    }
}

#[tokio::test]
async fn each_review_begins_where_the_one_before_ended() {
    for bench in benches().await {
        bench
            .happen(&[(5, Happened::UserInvited, "id-eva", ""), (4, Happened::UserInvited, "id-eva", "")])
            .await;
        let first = bench.begin().await;
        let second = begin(&bench.ledger, &eva(), bench.now).await;
        assert!(matches!(second, Err(ReviewError::Open)), "{second:?}");
        let record = bench.sign(&first).await;
        assert_eq!(record["ranges"][0]["first"], 0);
        assert_eq!(record["ranges"][0]["until"], 2);
        assert!(record["remarks"][0].as_str().unwrap().contains("in 2 entries"), "{record}");
        // The first review's own entries are the beginning of the next one.
        bench.happen(&[(3, Happened::UserInvited, "id-eva", "")]).await;
        let next = bench.begin().await;
        let ranges = find(&bench.opened.store, &next).await.unwrap().ranges;
        assert_eq!((ranges[0].first, ranges[0].removed), (2, 0));
        assert!(ranges[0].until >= 5, "{ranges:?}");
        let signed = find(&bench.opened.store, &first).await.unwrap().signed.unwrap();
        assert_eq!(signed, (bench.now, "eva".to_owned()));
        let (signed, due) = due(&bench.opened.store).await.unwrap();
        assert_eq!(signed, Some(bench.now));
        assert_eq!(due, Some(bench.now + SignedDuration::from_hours(7 * 24)));
        let filter = crate::ledger::Filter { event: "ledger.review-signed".to_owned(), ..Default::default() };
        let told = crate::ledger::list(&bench.opened.store, Stream::ManagementSystem, &filter, None).await;
        let told = told.unwrap().remove(0).event.details;
        let text = envelope(&bench.opened.store, &first).await.unwrap();
        assert_eq!(told["sha256"], hex::encode(<sha2::Sha256 as sha2::Digest>::digest(text)));
        assert_eq!(told["entries of management-system"], "0 until 2");
    }
}

#[tokio::test]
async fn entries_that_nobody_reviewed_before_they_went_are_a_gap() {
    for bench in benches().await {
        bench.happen(&[(50, Happened::UserInvited, "x", ""), (40, Happened::UserInvited, "x", "")]).await;
        bench.happen(&[(1, Happened::UserInvited, "x", "")]).await;
        let day = Retention::new(Duration::from_secs(86_400), Duration::ZERO, Duration::ZERO);
        assert_eq!(prune(&bench.ledger, &bench.opened.store, &day, bench.now).await.unwrap(), 2);
        let id = bench.begin().await;
        assert_eq!(find(&bench.opened.store, &id).await.unwrap().ranges[0].removed, 2);
        let record = bench.sign(&id).await;
        assert!(record["remarks"][0].as_str().unwrap().contains("a gap from 0 on"), "{record}");
        // The next one has none.
        let next = bench.begin().await;
        assert_eq!(find(&bench.opened.store, &next).await.unwrap().ranges[0].removed, 0);
    }
}

#[tokio::test]
async fn what_is_unusual_since_the_last_review_is_found_and_nothing_else() {
    use Happened as H;
    for bench in benches().await {
        // Four weeks of eva's mornings and of a few refusals a day, and ida who was here once.
        let mut usual: Vec<Act<'_>> = vec![(24 * 120, H::SessionBegun, "id-ida", "192.0.2.7")];
        for day in (8..36).rev() {
            usual.push((24 * day + 4, H::SessionBegun, "id-eva", "192.0.2.1"));
            usual.push((24 * day + 3, H::AccessRefused, "", "192.0.2.3"));
        }
        bench.happen(&usual).await;
        bench.sign(&bench.begin().await).await;
        let mut week: Vec<Act<'_>> = Vec::new();
        for day in 1..7 {
            week.push((24 * day + 3, H::SessionBegun, "id-eva", "192.0.2.1"));
            if day < 5 {
                week.push((24 * day + 3, H::AccessRefused, "", "192.0.2.3"));
            }
        }
        bench.happen(&week).await;
        // Reviews themselves are noted, and nothing of this is unusual.
        let quiet = bench.begin().await;
        assert_eq!(bench.said(&quiet).await, []);
        bench.sign(&quiet).await;
        let mut odd: Vec<Act<'_>> = vec![
            (1, H::SessionBegun, "id-eva", "198.51.100.9"),
            (8, H::SessionBegun, "id-eva", "192.0.2.1"),
            (2, H::SessionBegun, "id-ida", "192.0.2.7"),
            (2, H::SessionBegun, "id-new", "192.0.2.8"),
            (2, H::RolesAssigned, "id-eva", "192.0.2.1"),
            (2, H::TokenMade, "id-eva", "192.0.2.1"),
            (2, H::TokenMade, "id-eva", "192.0.2.1"),
            (2, H::FactorRemoved, "id-eva", "192.0.2.1"),
            (2, H::RecoveryCodeUsed, "id-ida", "192.0.2.7"),
            (2, H::LedgerExported, "id-eva", "192.0.2.1"),
            (2, H::BlockLifted, "id-eva", "192.0.2.1"),
            (2, H::RequestFailed, "id-eva", "192.0.2.1"),
            (2, H::LedgerChecked, "", ""),
            (2, H::UserChanged, "id-eva", "192.0.2.1"),
        ];
        odd.extend((0..30).map(|_| (1, H::CredentialRefused, "", "203.0.113.5")));
        bench.happen(&odd).await;
        let id = bench.begin().await;
        let said = bench.said(&id).await;
        let texts: Vec<&str> = said.iter().map(|(_, said)| said.as_str()).collect();
        for part in [
            "(id-ida) logged in after 119 days",
            "(id-new) logged in for the first time in what is kept, from 192.0.2.8",
            "(id-eva) never logged in from 198.51.100.9",
            "(id-eva) logged in between 04:00 and 05:00 UTC",
            "30 refusals: from 203.0.113.5",
            "gave or took roles",
            "made an API token, 2 times",
            "removed a second factor",
            "used a recovery code",
            "took the ledger out",
            "lifted a block",
            "met a failure of the server",
            "checked the ledger and found faults",
        ] {
            assert_eq!(texts.iter().filter(|said| said.contains(part)).count(), 1, "{part}: {texts:#?}");
        }
        // And that she came at eleven, which is two hours after her usual time.
        assert_eq!(said.len(), 14, "{texts:#?}");
        let items = bench.items(&id).await;
        let of_token = items.iter().find(|item| item.found.event == "token.made").unwrap();
        assert_eq!((of_token.found.entries, of_token.found.actor.as_str()), (2, "id-eva"));
        // Its link shows these entries and no others.
        let filter = crate::ledger::Filter {
            event: of_token.found.event.clone(),
            actor: of_token.found.actor.clone(),
            since: of_token.found.since.parse().ok(),
            until: of_token.found.until.parse().ok(),
            ..Default::default()
        };
        let shown = crate::ledger::list(&bench.opened.store, Stream::ManagementSystem, &filter, None).await;
        assert_eq!(shown.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn nothing_is_signed_before_all_of_it_was_looked_at() {
    for bench in benches().await {
        bench.happen(&[(2, Happened::TokenMade, "id-eva", "")]).await;
        let id = bench.begin().await;
        let key = Key::of(&bench.opened.store, &bench.logins.sealer).await.unwrap();
        let early = sign(&bench.ledger, &key, &id, &eva(), bench.now).await;
        assert!(matches!(early, Err(ReviewError::NotReady(..))), "{early:?}");
        let store = &bench.opened.store;
        let unexpected = |note| (Decision::Unexpected, note, "T-1");
        for (place, note, is_form) in [("0", " ", true), ("1", "x", false), ("x", "x", false)] {
            let refused = decide(store, (&id, place), &eva(), unexpected(note), bench.now).await.unwrap_err();
            assert_eq!(matches!(refused, ReviewError::Form(_)), is_form, "{refused:?}");
        }
        decide(store, (&id, "0"), &eva(), unexpected("nobody knows of it"), bench.now).await.unwrap();
        let ida = Person { id: "id-ida".to_owned(), name: "ida".to_owned() };
        sign(&bench.ledger, &key, &id, &ida, bench.now).await.unwrap();
        let record = verify_any(&envelope(store, &id).await.unwrap(), &key.public_pem()).unwrap();
        let finding = &record["findings"][0];
        assert_eq!((&finding["decided"]["ticket"], &finding["own_act"]), (&"T-1".into(), &true.into()));
        assert!(record["remarks"][0].as_str().unwrap().contains("somebody else"), "{record}");
        let late = decide(store, (&id, "0"), &eva(), unexpected("x"), bench.now).await;
        assert!(matches!(late, Err(ReviewError::Signed)), "{late:?}");
        assert!(matches!(envelope(store, "none").await, Err(ReviewError::Unknown)));
    }
}

#[tokio::test]
async fn of_two_signatures_at_once_one_counts() {
    for bench in benches().await {
        bench.happen(&[(2, Happened::UserChanged, "id-eva", "")]).await;
        let id = bench.begin().await;
        let key = Key::of(&bench.opened.store, &bench.logins.sealer).await.unwrap();
        let by = eva();
        let one = sign(&bench.ledger, &key, &id, &by, Clock::default().now());
        let two = sign(&bench.ledger, &key, &id, &by, Clock::default().now());
        let (one, two) = tokio::join!(one, two);
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
    }
}
