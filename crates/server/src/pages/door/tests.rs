//! The doors as people meet them: passkeys where they can be, recovery codes, and what was sent before a step up.

use axum::http::StatusCode;
use secrecy::ExposeSecret as _;

use crate::api::route::COOKIE;
use crate::api::tests::{Answer, Api};
use crate::identity::login::{Caller, From};
use crate::identity::passkeys::tests::Authenticator;
use crate::identity::sessions::Factors;
use crate::identity::{second_factors, users as known};
use crate::pages::tests::sites;
use crate::serve::ClientAddress;

const GOOD: &str = "seventeen violet turbines hum";

fn from() -> From<'static> {
    From { client: ClientAddress::new("192.0.2.7".parse().unwrap()), agent: "" }
}

/// Who has this cookie.
async fn who(site: &Api, cookie: &str) -> Caller {
    let token = cookie.split_once('=').unwrap().1.to_owned().into();
    site.app.logins.caller(&token, site.app.now()).await.unwrap().unwrap()
}

/// A user with this password and role and one passkey; its session, and the recovery codes.
async fn with_passkey(site: &Api, name: &str, role: &str) -> (String, String, Vec<String>) {
    let (store, logins) = (site.app.store(), &site.app.logins);
    let id = site.user(name, &[role]).await;
    known::drop_factors(store, &id).await.unwrap();
    let hash = logins.hasher.hash(GOOD.to_owned().into()).await.unwrap();
    let kept = known::kept(store, &id).await.unwrap();
    let mut connection = store.writer().acquire().await.unwrap();
    known::set_password(&mut connection, &id, &hash, &kept, 0, site.app.now()).await.unwrap();
    drop(connection);
    let caller = who(site, &site.session(&id, Factors::Password).await).await;
    let challenge = logins.begin_passkey(&caller, site.app.now()).await.unwrap();
    let made = Authenticator::at("localhost", "https://localhost:8443").create(&challenge).to_string();
    let added = logins.add_passkey(&from(), &caller, "desk", &made, site.app.now()).await.unwrap();
    let first = added.first.unwrap();
    let codes = first.codes.iter().map(|code| code.expose_secret().to_owned()).collect();
    (id, format!("{COOKIE}={}", first.token.expose_secret()), codes)
}

fn shows(answer: &Answer, texts: &[&str]) {
    for text in texts {
        assert!(answer.text.contains(text), "{text}: {}", answer.text);
    }
}

/// The value of a hidden field.
fn hidden(page: &Answer, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let value = page.text.split(&start).nth(1).unwrap().split('"').next().unwrap();
    value.replace("&amp;", "&")
}

#[tokio::test]
async fn whoever_has_a_passkey_is_asked_for_it_and_whoever_has_no_factor_is_offered_one() {
    for site in sites().await {
        let (id, _, _) = with_passkey(&site, "eva", "administrator").await;
        let entered = site.session(&id, Factors::Password).await;
        let door = site.page(&entered, "/login/second-factor?next=/users").await;
        shows(
            &door,
            &["data-passkey=\"get\"", "data-origin=\"https://localhost:8443\"", "data-next=\"/users\""],
        );
        shows(&door, &["data-finish=\"/api/v1/session/second-factor/passkey\"", "Use a recovery code"]);
        assert!(!door.text.contains("authenticator app shows"), "{}", door.text);
        let max = site.user("max", &["administrator"]).await;
        known::drop_factors(site.app.store(), &max).await.unwrap();
        let enrols = site.session(&max, Factors::Password).await;
        let page = site.page(&enrols, "/login/enrol").await;
        shows(&page, &["data-passkey=\"create\"", "<template data-recovery-codes>", "id=\"totp-secret\""]);
        shows(&page, &["Without them, use an authenticator app."]);
    }
}

#[tokio::test]
async fn an_authenticator_app_beside_a_passkey_wants_the_passkey_first() {
    let site = sites().await.remove(0);
    let (id, cookie, _) = with_passkey(&site, "eva", "administrator").await;
    shows(&site.page(&cookie, "/login/enrol?next=/profile").await, &["id=\"totp-secret\""]);
    let entered = site.session(&id, Factors::Password).await;
    let sent = site.post(&entered, "/login/enrol", &[("code", "123456")]).await;
    assert_eq!(sent.location(), "/login/second-factor?next=/login/enrol");
    site.app.clock.advance(601_000);
    assert!(site.page(&cookie, "/login/enrol").await.location().starts_with("/step-up"));
}

#[tokio::test]
async fn second_factors_are_removed_in_the_profile_but_not_the_last_one_of_an_administrator() {
    for site in sites().await {
        let (id, cookie, _) = with_passkey(&site, "eva", "administrator").await;
        let page = site.page(&cookie, "/profile").await;
        shows(&page, &["<bdi>desk</bdi>", "10 recovery codes left", "data-passkey=\"create\""]);
        assert!(!page.text.contains("action=\"/profile/passkeys/"), "{}", page.text);
        let keys = second_factors::passkeys(site.app.store(), &id).await.unwrap();
        let place = format!("/profile/passkeys/{}/remove", keys[0].id);
        let refused = site.post(&cookie, &place, &[]).await;
        assert_eq!(refused.location(), "/profile?notice=last-factor");
        let (_, of_max, _) = with_passkey(&site, "max", "auditor").await;
        let others = site.post(&of_max, &place, &[]).await;
        assert_eq!(others.location(), "/profile?notice=gone");
        let page = site.page(&of_max, "/profile").await;
        let own = page.text.split("action=\"/profile/passkeys/").nth(1).unwrap().split('"').next().unwrap();
        let gone = site.post(&of_max, &format!("/profile/passkeys/{own}"), &[]).await;
        assert_eq!(gone.location(), "/profile?notice=factor-removed");
        shows(&site.page(&of_max, "/profile").await, &["A password alone is enough to log in."]);
    }
}

#[tokio::test]
async fn new_recovery_codes_are_shown_once_and_make_the_old_ones_worthless() {
    for site in sites().await {
        let (id, cookie, old) = with_passkey(&site, "eva", "administrator").await;
        let made = site.post(&cookie, "/profile/recovery-codes", &[]).await;
        shows(&made, &["Keep your recovery codes", "href=\"/profile\""]);
        let new = made.text.split("<ol id=\"recovery-codes\"><li><code>").nth(1).unwrap();
        let new = new.split('<').next().unwrap().to_owned();
        assert!(!old.contains(&new));
        let entered = site.session(&id, Factors::Password).await;
        let door = "/login/second-factor";
        let wrong = site.post(&entered, door, &[("recovery_code", &old[0])]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        let right = site.post(&entered, door, &[("recovery_code", &new)]).await;
        assert_eq!(right.location(), "/");
        let without = site.user("max", &["auditor"]).await;
        known::drop_factors(site.app.store(), &without).await.unwrap();
        let of_max = site.session(&without, Factors::Both).await;
        let refused = site.post(&of_max, "/profile/recovery-codes", &[]).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert!(!site.page(&of_max, "/profile").await.text.contains("Make new recovery codes"));
    }
}

#[tokio::test]
async fn what_was_sent_waits_for_the_step_up_and_goes_on_by_one_press() {
    for site in sites().await {
        let (_, cookie, codes) = with_passkey(&site, "eva", "administrator").await;
        let max = site.user("max", &["auditor"]).await;
        site.app.clock.advance(601_000);
        let place = format!("/users/{max}");
        let version = known::by_id(site.app.store(), &max).await.unwrap().version.to_string();
        let typed = [("full_name", "Max \"M\" & Söhne"), ("mail", "max@example.com"), ("version", &version)];
        let asked = site.post(&cookie, &place, &typed).await;
        assert_eq!(asked.status, StatusCode::FORBIDDEN);
        shows(&asked, &["What you sent is kept", "data-resume=\"waiting\"", "id=\"waiting\"", "Söhne"]);
        let (place_kept, fields) = (hidden(&asked, "waiting_for"), hidden(&asked, "waiting"));
        assert_eq!(place_kept, place);
        let step = |code: &str| {
            vec![
                ("password".to_owned(), GOOD.to_owned()),
                ("recovery_code".to_owned(), code.to_owned()),
                ("next".to_owned(), place.clone()),
                ("waiting_for".to_owned(), place_kept.clone()),
                ("waiting".to_owned(), fields.clone()),
            ]
        };
        let pairs = |fields: &[(String, String)]| -> Vec<(String, String)> { fields.to_vec() };
        let send = async |fields: Vec<(String, String)>| {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            site.post(&cookie, "/step-up", &fields).await
        };
        let wrong = send(pairs(&step("AAAA-AAAA-AAAA-AAAA"))).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(hidden(&wrong, "waiting"), fields);
        assert!(!wrong.text.contains(GOOD) && !wrong.text.contains("AAAA-AAAA"), "{}", wrong.text);
        let right = send(pairs(&step(&codes[0]))).await;
        assert_eq!(right.status, StatusCode::OK, "{}", right.text);
        shows(
            &right,
            &[&format!("action=\"{place}\""), "name=\"full_name\" value=\"Max &quot;M&quot; &amp; Söhne\""],
        );
        let saved = site.post(&right.cookie(), &place, &typed).await;
        assert_eq!(saved.location(), format!("{place}?notice=saved"));
        assert_eq!(known::by_id(site.app.store(), &max).await.unwrap().full_name, "Max \"M\" & Söhne");
    }
}

#[tokio::test]
async fn a_step_up_holds_no_secret_and_sends_nothing_elsewhere() {
    let site = sites().await.remove(0);
    let (_, cookie, codes) = with_passkey(&site, "eva", "administrator").await;
    site.app.clock.advance(601_000);
    let sent = site.post(&cookie, "/users/1", &[("full_name", "Max"), ("password", GOOD)]).await;
    assert_eq!(sent.location(), "/step-up?next=/users/1");
    for place in ["https://evil.example/", "//evil.example", "/nothing", "/users"] {
        let fields =
            [("password", GOOD), ("recovery_code", &codes[0]), ("waiting_for", place), ("waiting", "a=b")];
        let page = site.post(&cookie, "/step-up", &fields).await;
        assert!(!page.text.contains("evil") && !page.text.contains("name=\"a\""), "{place}: {}", page.text);
    }
}

#[tokio::test]
async fn passkeys_of_another_name_are_told_of_in_the_settings() {
    for site in sites().await {
        let (_, cookie, _) = with_passkey(&site, "eva", "administrator").await;
        assert!(!site.page(&cookie, "/settings").await.text.contains("another name of this server"));
        sqlx::query("update passkeys set rp_id = 'old.example'")
            .execute(site.app.store().writer())
            .await
            .unwrap();
        shows(&site.page(&cookie, "/settings").await, &["A passkey was made for another name of this server"]);
    }
}
