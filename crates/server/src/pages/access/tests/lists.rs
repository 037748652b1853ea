//! Lists: sorted by their columns over pages, and accounts that nobody uses.

use axum::http::StatusCode;

use super::{eva, shows};
use crate::api::tests::Answer;
use crate::identity::gate::Surface;
use crate::identity::sessions::Factors;
use crate::identity::{tokens, users as known};
use crate::pages::tests::sites;
use crate::serve::ClientAddress;

/// The texts that stand in front of each row, as far as they are on the page.
fn order_of<'a>(page: &Answer, texts: &[&'a str]) -> Vec<&'a str> {
    let body = page.text.split("<tbody>").nth(1).unwrap_or_default();
    let mut found: Vec<(usize, &str)> =
        texts.iter().filter_map(|text| Some((body.find(&format!("<bdi>{text}</bdi>"))?, *text))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, text)| text).collect()
}

#[tokio::test]
async fn lists_are_sorted_by_their_columns_and_keep_filter_and_order_over_pages() {
    for site in sites().await {
        let (eva, cookie) = eva(&site).await;
        let mut names = Vec::new();
        for number in 0..60 {
            let name = format!("worker-{number:02}");
            let id = site.user(&name, &[]).await;
            site.app.clock.advance(1000);
            let mut connection = site.app.store().writer().acquire().await.unwrap();
            known::logged_in(&mut connection, &id, "192.0.2.7", site.app.now()).await.unwrap();
            names.push(name);
        }
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut falling = all.clone();
        falling.reverse();
        for (sort, expected) in
            [("name", &all), ("-name", &falling), ("last_login", &all), ("-last_login", &falling)]
        {
            let mut seen = Vec::new();
            let mut place = format!("/users?q=worker&sort={sort}");
            for _ in 0..2 {
                let page = site.page(&cookie, &place).await;
                let word = if sort.starts_with('-') { "descending" } else { "ascending" };
                shows(&page, &[&format!("aria-sort=\"{word}\""), &format!("name=\"sort\" value=\"{sort}\"")]);
                seen.extend(order_of(&page, &all));
                let next = page.text.split("rel=\"next\" href=\"").nth(1);
                place =
                    next.map_or(String::new(), |next| next.split('"').next().unwrap().replace("&amp;", "&"));
                assert!(place.is_empty() || place.contains("q=worker"), "{place}");
            }
            assert_eq!(&seen, expected, "{sort}");
        }
        // What is no column is as if nothing was asked, and what is no place of the list is refused.
        let page = site.page(&cookie, "/users?sort=password").await;
        shows(&page, &["href=\"/users?sort=-name\"", "href=\"/users?sort=-last_login\""]);
        let wrong = site.page(&cookie, "/users?sort=last_login&after=x_y").await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
        for user in ["worker-07", "worker-03"] {
            let id = known::by_name(site.app.store(), user).await.unwrap().unwrap().id;
            site.session(&id, Factors::Both).await;
            site.app.clock.advance(1000);
        }
        let two = ["worker-03", "worker-07"];
        for (sort, first) in
            [("user", two[0]), ("-user", two[1]), ("started", two[1]), ("-started", two[0]), ("-used", two[0])]
        {
            let page = site.page(&cookie, &format!("/sessions?of=all&q=worker&sort={sort}")).await;
            assert_eq!(order_of(&page, &two)[0], first, "{sort}: {}", page.text);
        }
        let ends = |hours: i64| site.app.now().checked_add(jiff::SignedDuration::from_hours(hours)).unwrap();
        for (name, hours) in [("beta", 900), ("alpha", 1000)] {
            tokens::create(site.app.store(), &eva, name, &[].into(), ends(hours), site.app.now())
                .await
                .unwrap();
            site.app.clock.advance(1000);
        }
        for (sort, first) in
            [("name", "alpha"), ("-name", "beta"), ("expires", "beta"), ("", "alpha"), ("used", "alpha")]
        {
            let page = site.page(&cookie, &format!("/tokens?sort={sort}")).await;
            if sort != "used" {
                assert_eq!(order_of(&page, &["alpha", "beta"])[0], first, "{sort}: {}", page.text);
            }
            assert_eq!(page.status, StatusCode::OK);
        }
        for address in ["192.0.2.9", "192.0.2.8"] {
            for _ in 0..5 {
                let client = ClientAddress::new(address.parse().unwrap());
                let attempt = site.app.logins.gate.attempt(Surface::Login, client, "max", None, site.app.now());
                drop(attempt.await.unwrap());
            }
            site.app.clock.advance(1000);
        }
        for (sort, first) in [
            ("address", "192.0.2.8"),
            ("-address", "192.0.2.9"),
            ("until", "192.0.2.9"),
            ("-failures", ""),
            ("user", ""),
        ] {
            let page = site.page(&cookie, &format!("/blocks?sort={sort}")).await;
            assert_eq!(page.status, StatusCode::OK, "{sort}");
            let rows = page.text.split("<tbody>").nth(1).unwrap();
            let at = |address| rows.find(address).unwrap();
            let second = if first.ends_with('8') { "192.0.2.9" } else { "192.0.2.8" };
            assert!(first.is_empty() || at(first) < at(second), "{sort}: {rows}");
        }
    }
}

#[tokio::test]
async fn accounts_that_nobody_uses_are_listed_with_what_to_do() {
    for site in sites().await {
        let (_, cookie) = eva(&site).await;
        let max = site.user("max", &["auditor"]).await;
        shows(&site.page(&cookie, "/users/idle").await, &["Everybody is needed"]);
        site.app.clock.advance(100 * 86_400_000);
        let lea = site.user("lea", &[]).await;
        let eva = known::by_name(site.app.store(), "eva").await.unwrap().unwrap().id;
        let cookie = site.session(&eva, Factors::Both).await;
        let page = site.page(&cookie, "/users/idle").await;
        shows(&page, &["<bdi>max</bdi>", "was never used", "100", &format!("action=\"/users/{max}/state\"")]);
        assert!(!page.text.contains(&lea));
        assert!(!page.text.contains(&format!("action=\"/users/{eva}/state\"")), "nobody shuts himself out");
        shows(&site.page(&cookie, "/users/idle?days=365").await, &["Everybody is needed"]);
        let of_max = site.session(&max, Factors::Both).await;
        assert!(!site.page(&of_max, "/users/idle").await.text.contains("/state\""));
    }
}
