//! The access pages as people meet them: what each form does, on both databases.

mod lists;

use axum::http::StatusCode;

use crate::api::tests::{Answer, Api};
use crate::identity::gate::Surface;
use crate::identity::login::From;
use crate::identity::roles as held;
use crate::identity::sessions::{self, Factors};
use crate::identity::users::{self as known, State};
use crate::identity::{links, tokens};
use crate::pages::tests::sites;
use crate::serve::ClientAddress;

const HOSTILE: &str = "<script>alert(1)</script>\u{202e}";

const GOOD: &str = "seventeen violet turbines hum";

/// An administrator and a session of hers.
async fn eva(site: &Api) -> (String, String) {
    let eva = site.user("eva", &["administrator"]).await;
    let cookie = site.session(&eva, Factors::Both).await;
    (eva, cookie)
}

/// What a page that was led to says: the answer must lead there with this notice.
async fn told(site: &Api, cookie: &str, answer: &Answer, place: &str, text: &str) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(answer.location().split('?').next(), Some(place));
    let page = site.page(cookie, answer.location()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains(text), "{place}: {text}: {}", answer.location());
}

fn shows(answer: &Answer, texts: &[&str]) {
    for text in texts {
        assert!(answer.text.contains(text), "{text}: {}", answer.text);
    }
}

/// The value of a hidden field.
fn hidden<'a>(page: &'a Answer, name: &str) -> &'a str {
    let start = format!("name=\"{name}\" value=\"");
    page.text.split(&start).nth(1).unwrap().split('"').next().unwrap()
}

#[tokio::test]
async fn an_invitation_is_shown_once_and_opens() {
    for site in sites().await {
        let (_, cookie) = eva(&site).await;
        shows(&site.page(&cookie, "/users/invite").await, &["Invite somebody", "within 72 hours", "Auditor"]);
        let bad = [("user_name", "admin"), ("full_name", "Max"), ("mail", "max@"), ("role", "auditor")];
        let refused = site.post(&cookie, "/users/invite", &bad).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        shows(
            &refused,
            &["id=\"invite-user_name-error\"", "what attackers try first", "value=\"max@\"", "checked"],
        );
        let good = [("user_name", "max"), ("full_name", "Max"), ("role", "auditor"), ("role", "operator")];
        let made = site.post(&cookie, "/users/invite", &good).await;
        shows(&made, &["https://localhost:8443/invitation?code=", "For <bdi>max</bdi>"]);
        let max = known::by_name(site.app.store(), "max").await.unwrap().unwrap();
        assert_eq!(held::assignments_of(site.app.store(), &max.id).await.unwrap().len(), 2);
        let code = made.text.split("invitation?code=").nth(1).unwrap().split('<').next().unwrap();
        let from = From { client: ClientAddress::new("192.0.2.7".parse().unwrap()), agent: "" };
        let followed = site
            .app
            .logins
            .follow(&from, links::Kind::Invitation, &code.to_owned().into(), site.app.now())
            .await;
        assert_eq!(followed.unwrap().2.name, "max");
        // A lost invitation is made anew; the one before is worth nothing then.
        shows(&site.page(&cookie, &format!("/users/{}", max.id)).await, &["Make another invitation"]);
        let anew = site.post(&cookie, &format!("/users/{}/invitation", max.id), &[]).await;
        let second = anew.text.split("invitation?code=").nth(1).unwrap().split('<').next().unwrap();
        for (code, opens) in [(code, false), (second, true)] {
            let code = code.to_owned().into();
            let found = site.app.logins.follow(&from, links::Kind::Invitation, &code, site.app.now()).await;
            assert_eq!(found.is_ok(), opens);
        }
        let active = site.user("active", &[]).await;
        let no = site.post(&cookie, &format!("/users/{active}/invitation"), &[]).await;
        told(&site, &cookie, &no, &format!("/users/{active}"), "only who was invited").await;
        let taken = site.post(&cookie, "/users/invite", &good).await;
        shows(&taken, &["id=\"invite-user_name-error\"", "the user name is taken"]);
    }
}

#[tokio::test]
async fn the_list_of_users_is_filtered_and_paged() {
    for site in sites().await {
        let (_, cookie) = eva(&site).await;
        for number in 0..60 {
            site.user(&format!("worker-{number:02}"), &["operator"]).await;
        }
        let first = site.page(&cookie, "/users").await;
        shows(&first, &["worker-48", "after=worker-48_", "Operator", "aria-sort=\"ascending\""]);
        assert!(!first.text.contains("worker-49"));
        let place = first.text.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
        let next = site.page(&cookie, place).await;
        shows(&next, &["worker-49", "worker-59", "rel=\"prev\" href=\"/users\""]);
        assert!(!next.text.contains("rel=\"next\""));
        let one = site.page(&cookie, "/users?q=ER-07&state=active").await;
        shows(&one, &["worker-07", "1 user, narrowed"]);
        let none = site.page(&cookie, "/users?q=ER-07&state=deactivated").await;
        shows(&none, &["Nothing matches"]);
        let hostile =
            site.page(&cookie, &format!("/users?q={}&notice=%3Cb%3E", crate::pages::encoded(HOSTILE))).await;
        assert!(!hostile.text.contains("<script>alert") && !hostile.text.contains("<b>"));
    }
}

#[tokio::test]
async fn a_user_is_changed_given_roles_and_kept_out() {
    for site in sites().await {
        let (own, cookie) = eva(&site).await;
        let max = site.user("max", &[]).await;
        let here = format!("/users/{max}");
        let page = site.page(&cookie, &here).await;
        let version = hidden(&page, "version").to_owned();
        let form = [("version", version.as_str()), ("full_name", HOSTILE), ("mail", "max@example.com")];
        let saved = site.post(&cookie, &here, &form).await;
        told(&site, &cookie, &saved, &here, "Saved.").await;
        let page = site.page(&cookie, &here).await;
        assert!(!page.text.contains("<script>alert"));
        shows(&page, &["&lt;script&gt;", "max@example.com"]);
        for list in [
            "/users",
            "/sessions?of=all",
            "/tokens?of=all",
            "/roles/operator",
            "/access?permission=reports.read",
        ] {
            assert!(!site.page(&cookie, list).await.text.contains("<script>alert"), "{list}");
        }
        let stale = site.post(&cookie, &here, &form).await;
        told(&site, &cookie, &stale, &here, "somebody else changed this meanwhile").await;
        let version = hidden(&page, "version").to_owned();
        let bad =
            site.post(&cookie, &here, &[("version", &version), ("full_name", "Max"), ("mail", "no")]).await;
        shows(&bad, &["id=\"profile-mail-error\"", "value=\"no\""]);

        let roles = format!("{here}/roles");
        let given = site.post(&cookie, &roles, &[("role", "operator"), ("labels", "site=linz")]).await;
        told(&site, &cookie, &given, &here, "The role was assigned.").await;
        shows(&site.page(&cookie, &here).await, &["Operator", "site=linz"]);
        let twice = site.post(&cookie, &roles, &[("role", "operator"), ("labels", "site=linz")]).await;
        told(&site, &cookie, &twice, &here, "holds that role there already").await;
        for (role, label, field) in
            [("operator", "linz", "labels"), ("operator", "a=b,c=d", "labels"), ("no", "", "role")]
        {
            let refused = site.post(&cookie, &roles, &[("role", role), ("labels", label)]).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
            shows(&refused, &[&format!("id=\"assign-{field}-error\"")]);
        }
        let taken = site
            .post(&cookie, &format!("{roles}/remove"), &[("role", "operator"), ("label", "site=linz")])
            .await;
        told(&site, &cookie, &taken, &here, "The role was taken away.").await;
        assert!(held::assignments_of(site.app.store(), &max).await.unwrap().is_empty());
        let last =
            site.post(&cookie, &format!("/users/{own}/roles/remove"), &[("role", "administrator")]).await;
        told(&site, &cookie, &last, &format!("/users/{own}"), "nobody else who is active is administrator")
            .await;

        let state = format!("{here}/state");
        let off = site.post(&cookie, &state, &[("active", "false")]).await;
        told(&site, &cookie, &off, &here, "may no longer log in").await;
        assert_eq!(known::by_id(site.app.store(), &max).await.unwrap().state, State::Deactivated);
        let no_link = site.post(&cookie, &format!("{here}/reset"), &[]).await;
        told(&site, &cookie, &no_link, &here, "can be given a new one").await;
        let on = site.post(&cookie, &state, &[("active", "true")]).await;
        told(&site, &cookie, &on, &here, "may log in again").await;
        let last = site.post(&cookie, &format!("/users/{own}/state"), &[("active", "false")]).await;
        told(&site, &cookie, &last, &format!("/users/{own}"), "nobody else who is active is administrator")
            .await;
        shows(
            &site.post(&cookie, &format!("{here}/reset"), &[]).await,
            &["https://localhost:8443/reset?code="],
        );
        let dropped = site.post(&cookie, &format!("{here}/second-factors/drop"), &[]).await;
        told(&site, &cookie, &dropped, &here, "are gone").await;
        assert!(!known::by_id(site.app.store(), &max).await.unwrap().has_second_factor());
    }
}

#[tokio::test]
async fn who_may_only_see_users_is_shown_no_sessions_and_no_buttons() {
    for site in sites().await {
        let (own, _) = eva(&site).await;
        let form = held::RoleForm {
            title: "Clerk".to_owned(),
            about: String::new(),
            permissions: [held::Permission::UsersRead].into(),
        };
        held::create(site.app.store(), "clerk", &form).await.unwrap();
        let max = site.user("max", &["clerk"]).await;
        let cookie = site.session(&max, Factors::Both).await;
        let page = site.page(&cookie, &format!("/users/{own}")).await;
        shows(&page, &["Administrator", "Authenticator app"]);
        for hidden in ["sessions-h", "acts-h", "profile-h", "Assign another role", "Take away", "192.0.2.7"] {
            assert!(!page.text.contains(hidden), "{hidden}");
        }
        shows(&site.page(&cookie, &format!("/users/{max}")).await, &["sessions-h", "192.0.2.7"]);
        assert!(!site.page(&cookie, "/users").await.text.contains("/users/invite"));
        assert!(!site.page(&cookie, "/sessions?of=all").await.text.contains("all users"));
    }
}

#[tokio::test]
async fn a_user_is_deleted_after_the_name_was_typed() {
    for site in sites().await {
        let (own, cookie) = eva(&site).await;
        let max = site.user("max", &[]).await;
        let here = format!("/users/{max}/delete");
        let asks = site.post(&cookie, &here, &[]).await;
        told(&site, &cookie, &asks, &here, "Delete the user max?").await;
        let wrong = site.post(&cookie, &here, &[("typed", "eva")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        shows(&wrong, &["id=\"confirm-typed-error\""]);
        known::by_id(site.app.store(), &max).await.unwrap();
        let gone = site.post(&cookie, &here, &[("typed", "max")]).await;
        told(&site, &cookie, &gone, "/users", "The user was deleted.").await;
        assert!(known::by_id(site.app.store(), &max).await.is_err());
        assert_eq!(site.page(&cookie, &here).await.status, StatusCode::NOT_FOUND);
        let last = site.post(&cookie, &format!("/users/{own}/delete"), &[("typed", "eva")]).await;
        told(&site, &cookie, &last, &format!("/users/{own}"), "nobody else who is active").await;
    }
}

#[tokio::test]
async fn ones_own_profile_and_password_are_changed() {
    for site in sites().await {
        let max = site.user("max", &[]).await;
        let mut connection = site.app.store().writer().acquire().await.unwrap();
        let hash = site.app.logins.hasher.hash(GOOD.to_owned().into()).await.unwrap();
        let former = known::Kept { password: None, history: Vec::new(), totp: None, totp_step: None };
        known::set_password(&mut connection, &max, &hash, &former, 0, site.app.now()).await.unwrap();
        drop(connection);
        let other = site.session(&max, Factors::Both).await;
        let cookie = site.session(&max, Factors::Both).await;
        let page = site.page(&cookie, "/profile").await;
        shows(&page, &["Europe/Vienna", "Authenticator app", "End all other sessions"]);
        let version = hidden(&page, "version").to_owned();
        let form =
            [("version", version.as_str()), ("full_name", "Max M."), ("mail", ""), ("zone", "Europe/Vienna")];
        told(&site, &cookie, &site.post(&cookie, "/profile", &form).await, "/profile", "Saved.").await;
        let user = known::by_id(site.app.store(), &max).await.unwrap();
        assert_eq!((user.full_name.as_str(), user.zone.as_deref()), ("Max M.", Some("Europe/Vienna")));
        let bad = [("version", "1"), ("full_name", ""), ("mail", ""), ("zone", "")];
        shows(&site.post(&cookie, "/profile", &bad).await, &["id=\"you-full_name-error\""]);

        let change =
            |present, new, again| [("password", present), ("new_password", new), ("new_password_again", again)];
        let new = "a quieter gearbox near Graz";
        for (fields, field) in [
            (change(GOOD, new, "another"), "new_password_again"),
            (change("wrong", new, new), "password"),
            (change(GOOD, "short", "short"), "new_password"),
        ] {
            let refused = site.post(&cookie, "/profile/password", &fields).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
            shows(&refused, &[&format!("id=\"password-{field}-error\"")]);
            assert!(!refused.text.contains(new) && !refused.text.contains(GOOD));
        }
        let changed = site.post(&cookie, "/profile/password", &change(GOOD, new, new)).await;
        told(&site, &cookie, &changed, "/profile", "Your password was changed.").await;
        assert_eq!(site.page(&other, "/profile").await.location(), "/login?next=/profile");
        let other = site.session(&max, Factors::Both).await;
        let ended = site.post(&cookie, "/profile/sessions/end", &[]).await;
        told(&site, &cookie, &ended, "/profile", "All your other sessions have ended.").await;
        assert_eq!(site.page(&other, "/profile").await.location(), "/login?next=/profile");

        // Another mail address wants the credential once more.
        site.app.clock.advance(601_000);
        let mail = [("full_name", "Max"), ("mail", "max@example.com"), ("zone", "")];
        let asked = site.post(&cookie, "/profile", &mail).await;
        assert_eq!(asked.status, StatusCode::FORBIDDEN);
        shows(&asked, &["Show that it is you", "name=\"next\" value=\"/profile\"", "max@example.com"]);
        assert!(known::by_id(site.app.store(), &max).await.unwrap().mail.is_none());
    }
}

#[tokio::test]
async fn roles_of_ones_own_are_made_changed_and_deleted() {
    for site in sites().await {
        let (own, cookie) = eva(&site).await;
        shows(
            &site.page(&cookie, "/roles").await,
            &["Administrator", "built in", "remote.open", "Access reviews", "1 user<"],
        );
        shows(&site.page(&cookie, "/roles/new").await, &["asks again", "name=\"permission\""]);
        let built_in = site.page(&cookie, "/roles/administrator").await;
        shows(&built_in, &["cannot be changed", &format!("/users/{own}")]);
        // Nobody opened a remote connection; the page itself wants `roles.read`.
        let unused = built_in
            .text
            .split("Nobody who holds it used this since")
            .nth(1)
            .unwrap()
            .split("</p>")
            .next()
            .unwrap();
        assert!(unused.contains("remote.open") && !unused.contains("roles.read"), "{unused}");
        assert!(!built_in.text.contains("name=\"permission\""));
        let no = site.post(&cookie, "/roles/auditor", &[("version", "1"), ("name", "X")]).await;
        told(&site, &cookie, &no, "/roles/auditor", "came with Palisade").await;

        let empty = site.post(&cookie, "/roles/new", &[("name", " "), ("permission", "blocks.lift")]).await;
        assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
        shows(&empty, &["id=\"role-name-error\"", "value=\"blocks.lift\" checked"]);
        let form = [
            ("name", "Shift <leader>"),
            ("about", HOSTILE),
            ("permission", "blocks.lift"),
            ("permission", "blocks.read"),
        ];
        let made = site.post(&cookie, "/roles/new", &form).await;
        told(&site, &cookie, &made, "/roles/shift-leader", "The role was created.").await;
        shows(&site.post(&cookie, "/roles/new", &form).await, &["id=\"role-name-error\"", "there is a role"]);
        let page = site.page(&cookie, "/roles/shift-leader").await;
        assert!(!page.text.contains("<script>alert") && !page.text.contains("<leader>"));
        let version = hidden(&page, "version").to_owned();
        let form = [("version", version.as_str()), ("name", "Leader"), ("permission", "blocks.read")];
        let saved = site.post(&cookie, "/roles/shift-leader", &form).await;
        told(&site, &cookie, &saved, "/roles/shift-leader", "Saved.").await;
        let role = held::find(site.app.store(), "shift-leader").await.unwrap();
        assert_eq!((role.title.as_str(), role.permissions.len()), ("Leader", 1));
        let stale = site.post(&cookie, "/roles/shift-leader", &form).await;
        told(&site, &cookie, &stale, "/roles/shift-leader", "somebody else changed this").await;

        let max = site.user("max", &["shift-leader"]).await;
        let held_still = site.post(&cookie, "/roles/shift-leader/delete", &[]).await;
        told(&site, &cookie, &held_still, "/roles/shift-leader", "somebody holds this role").await;
        known::delete(site.app.store(), &max).await.unwrap();
        let gone = site.post(&cookie, "/roles/shift-leader/delete", &[]).await;
        told(&site, &cookie, &gone, "/roles", "The role was deleted.").await;
    }
}

#[test]
fn names_of_roles_become_names_of_the_api() {
    let long = "x".repeat(90);
    for (title, id) in [
        ("Shift leader, line 3", "shift-leader-line-3"),
        ("New", "role-new"),
        ("3rd shift", "role-3rd-shift"),
        ("\u{dc}ber", "ber"),
        (long.as_str(), &"x".repeat(40)),
    ] {
        assert_eq!(super::roles::id_of(title), id, "{title}");
    }
}

#[tokio::test]
async fn who_can_do_what_is_answered_with_the_role() {
    for site in sites().await {
        let (_, cookie) = eva(&site).await;
        let max = site.user("max", &["auditor"]).await;
        shows(&site.page(&cookie, "/access").await, &["Choose a permission and ask."]);
        let answer = site.page(&cookie, "/access?permission=reports.read&on=site%3Dlinz").await;
        shows(&answer, &["2 ways", "Auditor", &format!("/users/{max}"), "/roles/auditor", "everywhere"]);
        assert!(!site.page(&cookie, "/access?permission=users.manage").await.text.contains(&max));
        let wrong = site.page(&cookie, "/access?permission=reports.read&on=%3Cb%3E").await;
        shows(&wrong, &["id=\"on-error\"", "&lt;b&gt;"]);
    }
}

#[tokio::test]
async fn sessions_are_ended_by_whoever_may() {
    for site in sites().await {
        let (own, cookie) = eva(&site).await;
        let max = site.user("max", &[]).await;
        let of_max = site.session(&max, Factors::Both).await;
        let sessions = |user: String| {
            let (store, now) = (site.app.store().clone(), site.app.now());
            async move { sessions::list(&store, sessions::Filter::of(Some(&user)), now).await.unwrap().items }
        };
        let hers = sessions(own.clone()).await.remove(0).id;
        let no = site.post(&of_max, &format!("/sessions/{hers}/end"), &[]).await;
        told(&site, &of_max, &no, "/sessions", "is not yours to end").await;
        assert!(!site.page(&of_max, "/sessions?of=all").await.text.contains(&hers));
        let page = site.page(&cookie, "/sessions?of=all&q=MAX").await;
        shows(&page, &["<bdi>max</bdi>", "1 session"]);
        let his = sessions(max.clone()).await.remove(0).id;
        let back = format!("/users/{max}");
        let ended = site.post(&cookie, &format!("/sessions/{his}/end"), &[("back", &back)]).await;
        told(&site, &cookie, &ended, &back, "The session has ended.").await;
        let away = site.post(&cookie, "/sessions/none/end", &[("back", "//evil.example")]).await;
        assert_eq!(away.location(), "/sessions?notice=session-gone");
        assert_eq!(site.page(&of_max, "/profile").await.location(), "/login?next=/profile");
        for number in 0..12 {
            let user = site.user(&format!("worker-{number:02}"), &[]).await;
            for _ in 0..5 {
                site.session(&user, Factors::Both).await;
                site.app.clock.advance(1);
            }
        }
        let first = site.page(&cookie, "/sessions?of=all").await;
        let next = first.text.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
        let second = site.page(&cookie, &next.replace("&amp;", "&")).await;
        shows(&second, &["11 sessions", "rel=\"prev\""]);
        let searched = site.page(&cookie, "/sessions?of=all&q=worker-00").await;
        shows(&searched, &["5 sessions"]);
        let out = site.post(&cookie, &format!("/sessions/{hers}/end"), &[]).await;
        assert_eq!(out.location(), "/login");
    }
}

#[tokio::test]
async fn tokens_are_made_shown_once_and_withdrawn() {
    for site in sites().await {
        let (own, cookie) = eva(&site).await;
        shows(&site.page(&cookie, "/tokens/new").await, &["30 days", "value=\"reports.read\""]);
        for (fields, field) in [
            ([("name", " "), ("days", "30"), ("scope", "reports.read")], "name"),
            ([("name", "x"), ("days", "9999"), ("scope", "reports.read")], "days"),
            ([("name", "x"), ("days", "30"), ("scope", "nothing")], "scope"),
        ] {
            let refused = site.post(&cookie, "/tokens/new", &fields).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
            shows(&refused, &[&format!("id=\"create-{field}-error\"")]);
        }
        let form = [("name", HOSTILE), ("days", "30"), ("scope", "reports.read"), ("scope", "users.read")];
        let made = site.post(&cookie, "/tokens/new", &form).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.text);
        assert!(!made.text.contains("<script>alert"));
        let secret = made.text.split("palisade_").nth(1).unwrap().split('<').next().unwrap().to_owned();
        let bearer = format!("Bearer palisade_{secret}");
        let used = site.send("GET", "/tokens", &[("authorization", &bearer)], None).await;
        assert_eq!(used.status, StatusCode::OK);
        let profile = site
            .send(
                "POST",
                "/profile",
                &[("authorization", &bearer)],
                Some(("application/x-www-form-urlencoded", String::new())),
            )
            .await;
        assert_eq!(profile.status, StatusCode::FORBIDDEN);
        let page = site.page(&cookie, "/tokens").await;
        shows(&page, &["users.read", "valid"]);
        assert!(!page.text.contains(&secret) && !page.text.contains("<script>alert"));
        let id = tokens::list(site.app.store(), tokens::Filter::of(&own)).await.unwrap().items.remove(0).id;
        let max = site.user("max", &[]).await;
        let of_max = site.session(&max, Factors::Both).await;
        let no = site.post(&of_max, &format!("/tokens/{id}/withdraw"), &[]).await;
        told(&site, &of_max, &no, "/tokens", "not yours to withdraw").await;
        let gone = site.post(&cookie, &format!("/tokens/{id}/withdraw"), &[]).await;
        told(&site, &cookie, &gone, "/tokens", "The token was withdrawn.").await;
        let ends = site.app.now().checked_add(std::time::Duration::from_secs(3600)).unwrap();
        for number in 0..60 {
            let name = format!("gateway {number:02}");
            tokens::create(site.app.store(), &max, &name, &[].into(), ends, site.app.now()).await.unwrap();
        }
        let first = site.page(&cookie, "/tokens?of=all&sort=name").await;
        shows(&first, &["50 tokens", "gateway 49", "ends soon"]);
        let (next, _) = first.text.split_once("rel=\"next\" href=\"").unwrap().1.split_once('"').unwrap();
        let second = site.page(&cookie, &next.replace("&amp;", "&")).await;
        shows(&second, &["10 tokens", "gateway 50", "gateway 59", "rel=\"prev\""]);
        shows(&site.page(&cookie, "/tokens?of=all&q=way%2007").await, &["gateway 07", "1 token"]);
        assert!(!site.page(&cookie, "/tokens").await.text.contains("gateway 07"));
    }
}

#[tokio::test]
async fn blocks_are_listed_and_lifted() {
    for site in sites().await {
        let (_, cookie) = eva(&site).await;
        let client = ClientAddress::new("192.0.2.9".parse().unwrap());
        for _ in 0..5 {
            let attempt =
                site.app.logins.gate.attempt(Surface::Login, client, "max", Some("max"), site.app.now());
            drop(attempt.await.unwrap());
        }
        let page = site.page(&cookie, "/blocks").await;
        shows(
            &page,
            &["192.0.2.9", "<bdi>max</bdi>", "login", "5 failures of one name from one address within 30 min"],
        );
        let action = page.text.split("action=\"/blocks/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        shows(&site.page(&cookie, "/blocks?q=203.0").await, &["Nothing matches"]);
        let max = site.user("max", &["auditor"]).await;
        let of_max = site.session(&max, Factors::Both).await;
        assert!(!site.page(&of_max, "/blocks").await.text.contains("action=\"/blocks/"));
        let lifted = site.post(&cookie, &format!("/blocks/{action}"), &[]).await;
        told(&site, &cookie, &lifted, "/blocks", "The block was lifted.").await;
        let again = site.post(&cookie, &format!("/blocks/{action}"), &[]).await;
        told(&site, &cookie, &again, "/blocks", "That block had ended already.").await;
    }
}
