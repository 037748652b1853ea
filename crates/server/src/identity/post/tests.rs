//! Letters through a real mail server, on both databases: what arrives, what its link opens, and what nobody can tell.

use std::net::SocketAddr;

use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use test_support::{MailServer, MailTls, Received, prepared_near};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::super::external::Outside;
use super::super::external::tests::{Bench, ORIGIN, benches, text};
use super::super::oidc::tests::{Certified, certified};
use super::super::sessions::{self, Factors};
use super::*;
use crate::api::route::COOKIE;
use crate::mail::{self, MailSettings};

/// Long enough for a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

const SOON: &[Duration] = &[Duration::from_millis(10), Duration::from_millis(10), Duration::from_millis(10)];

fn server(certified: &Certified) -> MailServer {
    MailServer::start(&prepared_near("test-venv"), MailTls::Implicit, true, &certified.leaf)
}

fn to(address: SocketAddr, certified: &Certified) -> (Outbox, Carrier) {
    let settings = MailSettings {
        host: "127.0.0.1".to_owned(),
        port: address.port(),
        tls: mail::MailTls::Implicit,
        username: Some("palisade".to_owned()),
        password: Some("made-up mail password".into()),
        from: "Palisade <palisade@plant.example>".to_owned(),
        ca_file: Some(certified.authority.certificate.clone()),
        time_limit: PATIENCE,
    };
    let line = |text| Line::new("the site", text).unwrap();
    let site = Site { name: line("Palisade"), address: line(ORIGIN) };
    outbox(Mailer::new(settings).unwrap(), site, SOON)
}

/// A system that sends its letters there, until it is stopped.
struct Sending {
    bench: Bench,
    shutdown: CancellationToken,
    carrier: JoinHandle<()>,
}

impl Sending {
    async fn to(address: SocketAddr, certified: &Certified) -> Vec<Self> {
        let mut all = Vec::new();
        for bench in benches(Outside::default).await {
            let (outbox, carrier) = to(address, certified);
            let bench = bench.with(Outside { outbox: Some(outbox), ..Outside::default() }).await;
            let shutdown = CancellationToken::new();
            let (logins, clock) = (bench.app.logins.clone(), bench.app.clock.clone());
            let carrier = tokio::spawn(carrier.run(logins, clock, shutdown.clone()));
            all.push(Self { bench, shutdown, carrier });
        }
        all
    }

    async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.carrier).await.unwrap().unwrap();
    }

    async fn post(&self, path: &str, cookie: &str, body: Value) -> (StatusCode, Value) {
        let answer = self.bench.ask("POST", path, cookie, Some(body)).await;
        let status = answer.status();
        (status, serde_json::from_str(&text(answer).await).unwrap_or_default())
    }

    /// A session of this user that has shown both factors.
    async fn session(&self, user: &User) -> String {
        let logins = &self.bench.app.logins;
        let now = self.bench.app.now();
        users::begin_totp(&logins.store, &user.id, "sealed").await.unwrap();
        users::confirm_totp(&logins.store, &user.id, &[], now).await.unwrap();
        let mut connection = logins.store.writer().acquire().await.unwrap();
        let begun =
            sessions::begin(&mut connection, logins.sessions, &user.id, Factors::Both, ("192.0.2.7", ""), now);
        format!("{COOKIE}={}", begun.await.unwrap().expose_secret())
    }
}

/// Waits until so many letters have come.
async fn letters(server: &MailServer, count: usize) -> Vec<Received> {
    let come = async {
        loop {
            let letters = server.messages();
            if letters.len() >= count {
                return letters;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, come).await.unwrap()
}

/// The code behind the link to this page.
fn code(letter: &Received, page: &str) -> String {
    let before = format!("{ORIGIN}/{page}?code=");
    // Quoted-printable, as mails carry equal signs and long lines.
    let text = letter.content.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=");
    let (_, rest) = text.split_once(&before).unwrap_or_else(|| panic!("{text}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn an_invitation_arrives_with_a_link_that_opens_once_and_nobody_else_is_shown_it() {
    let certified = certified();
    let server = server(&certified);
    let mut come = 0;
    for sending in Sending::to(server.address(), &certified).await {
        let eva = sending.bench.local("eva", None, "administrator").await;
        let cookie = sending.session(&eva).await;
        let max = json!({"username": "max", "full_name": "Max", "mail": "max@plant.example"});
        let (status, invited) = sending.post("/api/v1/users", &cookie, max).await;
        assert_eq!((status, &invited["mailed"]), (StatusCode::CREATED, &json!(true)), "{invited}");
        assert!(invited.get("code").is_none() && invited.get("link").is_none(), "{invited}");
        come += 1;
        let letter = letters(&server, come).await.pop().unwrap();
        assert_eq!((&*letter.to, letter.is_encrypted), (&["max@plant.example".to_owned()][..], true));
        assert!(letter.content.contains("eva made an account for you"), "{}", letter.content);
        let follow = json!({"kind": "invitation", "code": code(&letter, "invitation"), "password": "a quieter gearbox near Graz"});
        assert_eq!(sending.post("/api/v1/links", "", follow.clone()).await.0, StatusCode::OK);
        assert_eq!(sending.post("/api/v1/links", "", follow).await.0, StatusCode::UNAUTHORIZED);
        // Without an address it is shown as ever.
        let tom = json!({"username": "tom", "full_name": "Tom"});
        let (_, invited) = sending.post("/api/v1/users", &cookie, tom).await;
        assert_eq!(invited["mailed"], false);
        assert!(
            invited["link"]
                .as_str()
                .unwrap()
                .ends_with(&format!("?code={}", invited["code"].as_str().unwrap()))
        );
        // An administrator's reset goes the same way.
        let max = users::by_name(&sending.bench.app.logins.store, "max").await.unwrap().unwrap();
        let (status, reset) =
            sending.post(&format!("/api/v1/users/{}/reset", max.id), &cookie, json!({})).await;
        assert_eq!((status, &reset["mailed"]), (StatusCode::CREATED, &json!(true)), "{reset}");
        come += 1;
        let letter = letters(&server, come).await.pop().unwrap();
        assert!(letter.content.contains("eva asked for a new password"), "{}", letter.content);
        sending.stop().await;
    }
}

#[tokio::test]
async fn a_reset_request_tells_nothing_and_reaches_whom_it_should() {
    let certified = certified();
    let server = server(&certified);
    let mut come = 0;
    for sending in Sending::to(server.address(), &certified).await {
        sending.bench.local("eva", Some("eva@plant.example"), "operator").await;
        let tom = sending.bench.local("tom", Some("tom@plant.example"), "operator").await;
        sending.bench.local("admin-of-plant", None, "administrator").await;
        users::set_state(&sending.bench.app.logins.store, &tom.id, State::Deactivated).await.unwrap();
        let mut answers = Vec::new();
        for named in [
            json!({"username": "nobody"}),
            json!({"mail": "tom@plant.example"}),
            json!({"username": "admin-of-plant"}),
            json!({"mail": "EVA@plant.example"}),
            json!({"username": "eva"}),
        ] {
            let answer = sending.bench.ask("POST", "/api/v1/reset-requests", "", Some(named)).await;
            answers.push((answer.status(), answer.headers().clone(), text(answer).await));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(answers[0].0, StatusCode::ACCEPTED);
        let one_more =
            sending.bench.ask("POST", "/api/v1/reset-requests", "", Some(json!({"mail": "x@y.z"}))).await;
        assert_eq!(one_more.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(one_more.headers().contains_key(header::RETRY_AFTER));
        come += 1;
        let letter = letters(&server, come).await.pop().unwrap();
        assert_eq!(letter.to, ["eva@plant.example"]);
        assert!(letter.content.contains("192.0.2.200"), "{}", letter.content);
        let follow =
            json!({"kind": "reset", "code": code(&letter, "reset"), "password": "a quieter gearbox near Graz"});
        assert_eq!(sending.post("/api/v1/links", "", follow.clone()).await.0, StatusCode::OK);
        // The next letter is this one: the second request did not send another.
        come += 1;
        let letters = letters(&server, come).await;
        assert_eq!(letters.len(), come);
        assert!(letters[come - 1].content.contains("changed the password"), "{}", letters[come - 1].content);
        sending.stop().await;
    }
}

#[tokio::test]
async fn a_letter_is_tried_again_when_the_connection_breaks_and_given_up_at_last() {
    let certified = certified();
    let server = server(&certified);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, real) = (listener.local_addr().unwrap(), server.address());
    // Hangs up twice, then leads to the real server.
    let between = tokio::spawn(async move {
        for _ in 0..2 {
            drop(listener.accept().await.unwrap());
        }
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = TcpStream::connect(real).await.unwrap();
            // Either end may hang up as it likes.
            drop(copy_bidirectional(&mut client, &mut server).await);
        }
    });
    let sending = Sending::to(address, &certified).await.remove(0);
    let eva = sending.bench.local("eva", Some("eva@plant.example"), "operator").await;
    let from = From { client: ClientAddress::new("192.0.2.7".parse().unwrap()), agent: "" };
    sending.bench.app.logins.tell_factor_added(&eva, "passkey \"desk\"", &from, sending.bench.app.now());
    assert!(letters(&server, 1).await[0].content.contains("passkey \"desk\""));
    sending.stop().await;
    between.abort();
    // Nobody listens there any more.
    let (outbox, carrier) = to(address, &certified);
    assert!(outbox.put(&eva, Ok(Letter::PasswordChanged { by: None, from: None, at: Timestamp::UNIX_EPOCH })));
    let Carrier { mut jobs, mailer, pauses } = carrier;
    let Some(Job::Carry(mut parcel)) = jobs.recv().await else { panic!("the letter") };
    let carrier = Carrier { jobs, mailer, pauses };
    for tried in 1..=SOON.len() {
        parcel = carrier.carry(parcel, Timestamp::UNIX_EPOCH).await.unwrap().1;
        assert_eq!(parcel.tried, tried);
    }
    assert!(carrier.carry(parcel, Timestamp::UNIX_EPOCH).await.is_none(), "given up");
}

#[tokio::test]
async fn the_outbox_holds_a_hundred_letters_and_says_when_it_is_full() {
    let certified = certified();
    let bench = benches(Outside::default).await.remove(0);
    let eva = bench.local("eva", Some("eva@plant.example"), "operator").await;
    let (outbox, _carrier) = to(SocketAddr::from(([127, 0, 0, 1], 1)), &certified);
    let letter = || Ok(Letter::PasswordChanged { by: None, from: None, at: Timestamp::UNIX_EPOCH });
    for _ in 0..WAITING {
        assert!(outbox.put(&eva, letter()));
    }
    assert!(!outbox.put(&eva, letter()));
    assert!(!outbox.put(&User { mail: None, ..eva }, letter()), "without an address");
}

#[tokio::test]
async fn administrators_are_written_to_when_the_ledger_fills() {
    let certified = certified();
    let server = server(&certified);
    let mut come = 0;
    for sending in Sending::to(server.address(), &certified).await {
        sending.bench.local("eva", Some("eva@plant.example"), "administrator").await;
        sending.bench.local("max", None, "administrator").await;
        sending.bench.local("olga", Some("olga@plant.example"), "operator").await;
        sending.bench.app.logins.tell_ledger_filling("15 GiB of 16 GiB (95 %)").await.unwrap();
        come += 1;
        let all = letters(&server, come).await;
        let letter = &all[come - 1];
        assert_eq!(&*letter.to, &["eva@plant.example".to_owned()][..]);
        assert!(letter.content.contains("The ledger of Palisade is filling up"), "{}", letter.content);
        sending.stop().await;
    }
    assert_eq!(server.messages().len(), come);
}
