//! Mail against a real server (`aiosmtpd`), and against ones that do not behave.

use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;
use test_support::{Certificate, MailServer, prepared_near};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";

/// Long enough for a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// An authority and a certificate by it for the loopback address.
struct Certified {
    dir: TempDir,
    authority: Certificate,
    leaf: Certificate,
}

fn certified() -> Certified {
    let dir = tempfile::tempdir().unwrap();
    let authority = Certificate::authority(dir.path(), "authority", None);
    let leaf = authority.issue(dir.path(), "leaf", EC, 30, "subjectAltName=DNS:localhost,IP:127.0.0.1");
    Certified { dir, authority, leaf }
}

fn settings(address: SocketAddr, tls: MailTls, ca_file: Option<&Path>) -> MailSettings {
    MailSettings {
        host: "127.0.0.1".to_owned(),
        port: address.port(),
        tls,
        username: Some("palisade".to_owned()),
        password: Some("made-up mail password".into()),
        from: "Palisade <palisade@plant.example>".to_owned(),
        ca_file: ca_file.map(Path::to_owned),
        time_limit: PATIENCE,
    }
}

fn hello() -> Message {
    Message {
        to: "ada@plant.example".to_owned(),
        subject: "Grüße".to_owned(),
        text: "One line.\n.\nAnother, behind a lone dot.\n".to_owned(),
        html: None,
    }
}

fn now() -> Timestamp {
    "2026-11-22T20:00:00Z".parse().unwrap()
}

fn real(kind: test_support::MailTls, has_login: bool, certified: &Certified) -> MailServer {
    MailServer::start(&prepared_near("test-venv"), kind, has_login, &certified.leaf)
}

#[tokio::test]
async fn mail_goes_out_encrypted_and_logged_in() {
    let certified = certified();
    let kinds = [
        (test_support::MailTls::StartTls, MailTls::StartTls),
        (test_support::MailTls::Implicit, MailTls::Implicit),
    ];
    for (theirs, ours) in kinds {
        let server = real(theirs, true, &certified);
        let mailer =
            Mailer::new(settings(server.address(), ours, Some(&certified.authority.certificate))).unwrap();
        mailer.check().await.unwrap();
        assert!(server.messages().is_empty(), "checking sends nothing");
        mailer.send(&hello(), now()).await.unwrap();
        let message = server.messages().remove(0);
        assert!(message.is_encrypted);
        assert_eq!(message.login, "palisade");
        assert_eq!(
            (&*message.from, &*message.to),
            ("palisade@plant.example", &["ada@plant.example".to_owned()][..])
        );
        assert!(
            message.content.contains("One line.\r\n.\r\nAnother, behind a lone dot."),
            "{}",
            message.content
        );
        assert!(message.content.contains("Date: Sun, 22 Nov 2026 20:00:00 +0000"), "{}", message.content);
        assert!(message.content.contains("Auto-Submitted: auto-generated"), "{}", message.content);
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_from_everything_else() {
    let certified = certified();
    let server = real(test_support::MailTls::StartTls, true, &certified);
    let mut settings = settings(server.address(), MailTls::StartTls, Some(&certified.authority.certificate));
    settings.password = Some("another".into());
    let error = Mailer::new(settings).unwrap().check().await.unwrap_err();
    assert!(matches!(error, MailError::Credentials { .. }), "{error}");
    assert!(!format!("{error:?} {error}").contains("another"));
}

#[tokio::test]
async fn a_server_without_encryption_gets_nothing() {
    let certified = certified();
    let server = real(test_support::MailTls::Never, false, &certified);
    let mailer = settings(server.address(), MailTls::StartTls, Some(&certified.authority.certificate));
    let error = Mailer::new(mailer).unwrap().send(&hello(), now()).await.unwrap_err();
    assert!(matches!(error, MailError::NoStartTls { .. }), "{error}");
    let mailer = settings(server.address(), MailTls::Implicit, Some(&certified.authority.certificate));
    let error = Mailer::new(mailer).unwrap().send(&hello(), now()).await.unwrap_err();
    assert!(matches!(error, MailError::Outbound(OutboundError::Tls { .. })), "{error}");
    assert!(server.messages().is_empty());
}

#[tokio::test]
async fn a_certificate_of_nobody_we_trust_or_for_another_name_is_refused() {
    let certified = certified();
    let server = real(test_support::MailTls::StartTls, true, &certified);
    let error = Mailer::new(settings(server.address(), MailTls::StartTls, None)).unwrap().check().await;
    let error = error.unwrap_err();
    assert!(matches!(error, MailError::Outbound(OutboundError::Certificate { .. })), "{error}");
    let dir = certified.dir.path();
    let other = certified.authority.issue(dir, "other", EC, 30, "subjectAltName=DNS:mail.plant.example");
    let server = MailServer::start(&prepared_near("test-venv"), test_support::MailTls::StartTls, true, &other);
    let settings = settings(server.address(), MailTls::StartTls, Some(&certified.authority.certificate));
    let error = Mailer::new(settings).unwrap().check().await.unwrap_err();
    assert!(matches!(error, MailError::Outbound(OutboundError::Certificate { .. })), "{error}");
    assert!(server.messages().is_empty());
}

/// A server that says `greeting` and then one of `answers` to each thing that it hears; gives what it heard.
async fn scripted(
    greeting: Vec<u8>,
    answers: Vec<&'static str>,
) -> (SocketAddr, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        if stream.write_all(&greeting).await.is_err() {
            return heard;
        }
        let mut answers = answers.into_iter();
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut piece).await {
            heard.extend_from_slice(&piece[..count]);
            if let Some(answer) = answers.next() {
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
        heard
    });
    (address, task)
}

async fn refused(address: SocketAddr, tls: MailTls) -> MailError {
    Mailer::new(settings(address, tls, None)).unwrap().send(&hello(), now()).await.unwrap_err()
}

#[tokio::test]
async fn an_offer_taken_out_on_the_way_ends_the_conversation() {
    let (address, server) =
        scripted(b"220 mail\r\n".to_vec(), vec!["250-mail\r\n250-AUTH PLAIN\r\n250 SIZE\r\n"]).await;
    let error = refused(address, MailTls::StartTls).await;
    assert!(matches!(error, MailError::NoStartTls { .. }), "{error}");
    assert_eq!(server.await.unwrap(), b"EHLO [127.0.0.1]\r\n");
}

#[tokio::test]
async fn nothing_said_before_tls_counts_within() {
    let offered = "250-mail\r\n250 STARTTLS\r\n";
    let injected = "220 go\r\n250-mail\r\n250 AUTH PLAIN\r\n";
    let (address, server) = scripted(b"220 mail\r\n".to_vec(), vec![offered, injected]).await;
    let error = refused(address, MailTls::StartTls).await;
    assert!(matches!(error, MailError::Injected { .. }), "{error}");
    assert_eq!(server.await.unwrap(), b"EHLO [127.0.0.1]\r\nSTARTTLS\r\n");
}

#[tokio::test]
async fn a_server_that_hangs_costs_the_time_limit_only() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for tls in [MailTls::StartTls, MailTls::Implicit] {
        let mut settings = settings(listener.local_addr().unwrap(), tls, None);
        settings.time_limit = Duration::from_millis(200);
        let error = Mailer::new(settings).unwrap().check().await.unwrap_err();
        assert!(matches!(error, MailError::Outbound(OutboundError::Slow { .. })), "{error}");
        assert!(error.is_passing());
    }
}

#[tokio::test]
async fn a_line_without_end_is_cut_off() {
    let (address, server) = scripted(vec![b'2'; 32 * 1024 * 1024], vec![]).await;
    let error = refused(address, MailTls::StartTls).await;
    assert!(matches!(error, MailError::Protocol { .. }), "{error}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_line_without_end_is_cut_off_within_tls_too() {
    let certified = certified();
    let acceptor = outbound::tests::acceptor(&certified.leaf);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut tls = acceptor.accept(stream).await.unwrap();
        let mut sent = 0;
        while tls.write_all(&[b'2'; 16 * 1024]).await.is_ok() && sent < 64 * 1024 * 1024 {
            sent += 16 * 1024;
        }
        sent
    });
    let settings = settings(address, MailTls::Implicit, Some(&certified.authority.certificate));
    let error = Mailer::new(settings).unwrap().check().await.unwrap_err();
    assert!(matches!(error, MailError::Broken { .. }), "{error}");
    assert!(server.await.unwrap() < 32 * 1024 * 1024);
}

#[test]
fn nothing_in_a_message_becomes_another_header() {
    let mailer = Mailer::new(settings(([127, 0, 0, 1], 1).into(), MailTls::StartTls, None)).unwrap();
    for hostile in ["a\r\nBcc: b@c", "a\nb", "a\rb", "a\0b", "a\u{2028}b", "a\u{202e}b"] {
        let message = Message { subject: hostile.to_owned(), ..hello() };
        assert!(matches!(mailer.built(&message, now()), Err(MailError::Control { .. })), "{hostile:?}");
        let message = Message { to: format!("{hostile} <ada@plant.example>"), ..hello() };
        assert!(matches!(mailer.built(&message, now()), Err(MailError::Control { .. })), "{hostile:?}");
        assert!(matches!(Line::new("the name", hostile), Err(MailError::Control { .. })), "{hostile:?}");
        assert!(!is_address(hostile));
    }
    for hostile in ["", "nobody", "a@b, c@d", "a b@c", "<a@b>c"] {
        let message = Message { to: hostile.to_owned(), ..hello() };
        assert!(matches!(mailer.built(&message, now()), Err(MailError::Address { .. })), "{hostile:?}");
    }
    let message = Message { text: "a".repeat(MAX_BODY + 1), ..hello() };
    assert!(matches!(mailer.built(&message, now()), Err(MailError::TooLong { .. })));
    let message = Message { html: Some("<p>Hello</p>".to_owned()), ..hello() };
    let both = String::from_utf8(mailer.built(&message, now()).unwrap().formatted()).unwrap();
    assert!(both.contains("text/plain") && both.contains("<p>Hello</p>"), "{both}");
}

#[test]
fn wrong_settings_are_named() {
    let right = settings(([127, 0, 0, 1], 1).into(), MailTls::StartTls, None);
    let wrong = |settings| Mailer::new(settings).unwrap_err().to_string();
    let half = MailSettings { password: None, ..right.clone() };
    assert!(wrong(half).contains("belong together"));
    assert!(
        wrong(MailSettings { from: "nobody".to_owned(), ..right.clone() }).contains("the sender \"nobody\"")
    );
    assert!(wrong(MailSettings { host: "a b".to_owned(), ..right.clone() }).contains("\"a b\" is neither"));
    let missing = MailSettings { ca_file: Some("/nowhere".into()), ..right.clone() };
    assert!(wrong(missing).contains("/nowhere cannot be read"));
    assert!(!format!("{right:?}").contains("made-up"));
}

#[test]
fn letters_say_what_happened_who_did_it_and_what_to_do() {
    let line = |text| Line::new("the name", text).unwrap();
    let site = Site { name: line("Plant 4"), address: line("https://palisade.plant.example") };
    let link = Link::new(&"https://palisade.plant.example/invitation/made-up-token".into()).unwrap();
    assert!(!format!("{link:?}").contains("made-up"));
    let until = now();
    let invitation = Letter::Invitation { by: line("Grace"), link: link.clone(), until };
    insta::assert_snapshot!(printed(&invitation.message(&site, &line("Ada"), "ada@plant.example")), @r#"
    To: ada@plant.example
    Subject: Your account on Plant 4

    Hello Ada,

    Grace made an account for you on Plant 4, the Management System at https://palisade.plant.example.

    Choose your password here:

      https://palisade.plant.example/invitation/made-up-token

    The link works once, until 22 November 2026, 20:00 UTC.

    If you do not know Grace or did not expect this, leave the link alone and tell the people who run the system: without it the account stays closed.

    Nobody reads answers to this message.
    "#);
    let from = Some([192, 0, 2, 7].into());
    let reset = Letter::Reset { by: None, from, link, until };
    insta::assert_snapshot!(printed(&reset.message(&site, &line("Ada"), "ada@plant.example")), @r#"
    To: ada@plant.example
    Subject: A new password for Plant 4

    Hello Ada,

    Somebody asked for a new password for your account on Plant 4 (https://palisade.plant.example), from the address 192.0.2.7.

    Choose it here:

      https://palisade.plant.example/invitation/made-up-token

    The link works once, until 22 November 2026, 20:00 UTC.

    If it was not you who wanted this, do nothing: your password stays as it is. If it happens again, tell the people who run the system.

    Nobody reads answers to this message.
    "#);
    let changed = Letter::PasswordChanged { by: Some(line("Grace")), from: None, at: now() };
    insta::assert_snapshot!(printed(&changed.message(&site, &line("Ada"), "ada@plant.example")), @r#"
    To: ada@plant.example
    Subject: Your password on Plant 4 was changed

    Hello Ada,

    Grace changed the password of your account on Plant 4 (https://palisade.plant.example) on 22 November 2026, 20:00 UTC.

    If it was not you, somebody else may have your account: ask the people who run the system to lock it, and then choose a new password. Open https://palisade.plant.example by typing it, never through a link in a message that you did not ask for.

    Nobody reads answers to this message.
    "#);
    let added = Letter::FactorAdded { factor: line("passkey \"desk\""), from, at: now() };
    insta::assert_snapshot!(printed(&added.message(&site, &line("Ada"), "ada@plant.example")), @r#"
    To: ada@plant.example
    Subject: A new way to log in to Plant 4

    Hello Ada,

    Your account on Plant 4 (https://palisade.plant.example) can now also be opened with: passkey "desk". It was added on 22 November 2026, 20:00 UTC, from the address 192.0.2.7.

    If it was not you, somebody else may have your account: ask the people who run the system to lock it, and then choose a new password. Open https://palisade.plant.example by typing it, never through a link in a message that you did not ask for.

    Nobody reads answers to this message.
    "#);
}

fn printed(message: &Message) -> String {
    format!("To: {}\nSubject: {}\n\n{}", message.to, message.subject, message.text)
}

#[test]
fn a_link_leads_to_this_server_only_over_tls() {
    for wrong in ["http://palisade/x", "javascript:alert(1)", "https://a b", "https://a\r\nBcc: b"] {
        assert!(Link::new(&wrong.into()).is_err(), "{wrong:?}");
    }
}
