//! Every page as everybody meets it, and the way to the doors.

use std::collections::BTreeSet;

use axum::http::StatusCode;

use super::{above, routes, table};
use crate::api::route::Needs;
use crate::api::tests::{Answer, Api, benches, is_permitted};
use crate::identity::roles;
use crate::identity::sessions::Factors;

/// The pages on both databases.
pub(super) async fn sites() -> Vec<Api> {
    benches(routes).await
}

impl Api {
    /// A page as whoever has this cookie sees it.
    pub(super) async fn page(&self, cookie: &str, path: &str) -> Answer {
        self.send("GET", path, &[("cookie", cookie)], None).await
    }

    /// A form that is sent.
    pub(super) async fn post(&self, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let text: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", super::encoded(value))).collect();
        let body = ("application/x-www-form-urlencoded", text.join("&"));
        self.send("POST", path, &[("cookie", cookie)], Some(body)).await
    }
}

/// The path with names of what there is where the page of something is asked for.
fn filled(path: &str, user: &str) -> String {
    let id = if path.starts_with("/users/") {
        user
    } else if path.starts_with("/roles/") {
        "auditor"
    } else {
        "none"
    };
    ["{key}", "{format}", "{guide}", "{rule}", "{stream}", "{position}", "{what}"]
        .into_iter()
        .fold(path.replace("{id}", id).replace("{number}", "0"), |path, name| path.replace(name, "none"))
}

fn is_door(place: &str) -> bool {
    ["/login", "/setup", "/step-up"].iter().any(|door| place.split('?').next() == Some(door))
}

async fn asked(site: &Api, method: &str, path: &str, cookie: &str) -> Answer {
    if method == "GET" { site.page(cookie, path).await } else { site.post(cookie, path, &[]).await }
}

#[tokio::test]
async fn every_page_is_open_to_whom_the_table_says_and_to_nobody_else() {
    for site in sites().await {
        let mut people = Vec::new();
        for role in roles::all(site.app.store()).await.unwrap() {
            let user = site.user(&format!("of-{}", role.id), &[&role.id]).await;
            people.push((role.id.clone(), role.permissions, user));
        }
        people.push(("none".to_owned(), BTreeSet::new(), site.user("of-none", &[]).await));
        let somebody = site.user("somebody", &[]).await;
        for route in table() {
            let (method, path) = (route.method.as_str(), filled(route.path, &somebody));
            for (role, permissions, user) in &people {
                let cookie = site.session(user, Factors::Both).await;
                let answer = asked(&site, method, &path, &cookie).await;
                let what = format!("{role}: {method} {path}: {} {}", answer.status, answer.location());
                if !is_permitted(route.needs, permissions) {
                    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
                    continue;
                }
                assert_ne!(answer.status, StatusCode::FORBIDDEN, "{what}");
                assert!(!answer.status.is_server_error(), "{what}");
                if !matches!(route.needs, Needs::Nothing | Needs::Session) {
                    assert!(!is_door(answer.location()), "{what}");
                }
                let is_of_something = path.contains("/none") || path.contains("compare");
                if method == "GET" && !is_of_something && path != "/invitation" && path != "/reset" {
                    assert!([StatusCode::OK, StatusCode::SEE_OTHER].contains(&answer.status), "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn nobody_is_led_to_the_login_or_to_set_up_when_there_are_no_users() {
    for site in sites().await {
        for door in ["/setup", "/login"] {
            if door == "/login" {
                site.user("eva", &["administrator"]).await;
            }
            for route in table().into_iter().filter(|route| route.needs != Needs::Nothing) {
                let (method, path) = (route.method.as_str(), filled(route.path, "none"));
                let answer = asked(&site, method, &path, "").await;
                assert_eq!(answer.status, StatusCode::SEE_OTHER, "{method} {path}");
                assert_eq!(answer.location().split('?').next(), Some(door), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_dangerous_leads_to_the_step_up_and_back_to_the_page() {
    for site in sites().await {
        let eva = site.user("eva", &["administrator"]).await;
        let cookie = site.session(&eva, Factors::Both).await;
        site.app.clock.advance(601_000);
        let mut dangerous = 0;
        for route in table().into_iter().filter(|route| matches!(route.needs, Needs::Recent(_))) {
            let (method, path) = (route.method.as_str(), filled(route.path, &eva));
            let answer = asked(&site, method, &path, &cookie).await;
            let back = above(&path);
            if method == "GET" {
                assert_eq!(answer.location(), format!("/step-up?next={back}"), "{method} {path}");
            } else {
                // What was sent waits on the page of the step up.
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
                for text in [
                    format!("name=\"next\" value=\"{back}\""),
                    format!("name=\"waiting_for\" value=\"{path}\""),
                ] {
                    assert!(answer.text.contains(&text), "{method} {path}: {text}");
                }
            }
            assert_ne!(back, "/", "{method} {path}");
            dangerous += 1;
        }
        assert!(dangerous > 10, "{dangerous}");
    }
}

#[test]
fn a_form_belongs_to_the_page_above_its_address() {
    for (sent_to, page) in [
        ("/users/1/roles/remove", "/users/1"),
        ("/users/1/delete", "/users/1/delete"),
        ("/sessions/1/end", "/sessions"),
        ("/profile/password", "/profile"),
        ("/nothing/of/ours", "/"),
        ("//elsewhere.example", "/"),
    ] {
        assert_eq!(above(sent_to), page, "{sent_to}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_page_for_people_and_a_problem_for_programs() {
    let site = sites().await.remove(0);
    let page = site.page("", "/nothing").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.contains("<!DOCTYPE html>"), "{}", page.text);
    let problem = site.page("", "/api/v1/nothing").await;
    assert_eq!(problem.status, StatusCode::NOT_FOUND);
    assert!(problem.text.starts_with('{') && problem.text.contains("not-found"), "{}", problem.text);
}
