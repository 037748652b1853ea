//! Logins against a real directory (`slapd`), and against ones that do not behave.

use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;
use test_support::{Certificate, Slapd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::outbound::OutboundError;

const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";

const OPERATORS: &str = "cn=Operators,ou=groups,dc=plant,dc=example";

/// Long enough for a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

struct Certified {
    _dir: TempDir,
    authority: Certificate,
    leaf: Certificate,
}

fn certified(names: &str) -> Certified {
    let dir = tempfile::tempdir().unwrap();
    let authority = Certificate::authority(dir.path(), "authority", None);
    let leaf = authority.issue(dir.path(), "leaf", EC, 30, &format!("subjectAltName={names}"));
    Certified { _dir: dir, authority, leaf }
}

const HERE: &str = "DNS:localhost,IP:127.0.0.1";

fn settings(port: u16, tls: DirectoryTls, ca_file: Option<&Path>) -> DirectorySettings {
    DirectorySettings {
        host: "127.0.0.1".to_owned(),
        port,
        tls,
        ca_file: ca_file.map(Path::to_owned),
        bind_dn: "cn=palisade,dc=plant,dc=example".to_owned(),
        bind_password: "made-up service password".into(),
        base: "ou=people,dc=plant,dc=example".to_owned(),
        filter: "(&(objectClass=person)(uid={}))".to_owned(),
        id_attribute: "entryUUID".to_owned(),
        name_attribute: "cn".to_owned(),
        mail_attribute: "mail".to_owned(),
        groups: Groups::Attribute("memberOf".to_owned()),
        roles: vec![
            (OPERATORS.to_lowercase().replace(',', ", "), "operator".to_owned()),
            ("cn=Admins,ou=groups,dc=plant,dc=example".to_owned(), "administrator".to_owned()),
        ],
        time_limit: PATIENCE,
    }
}

async fn login(
    settings: &DirectorySettings,
    name: &str,
    password: &str,
) -> Result<Option<Identity>, DirectoryError> {
    let directory = Directory::new(settings.clone()).unwrap();
    directory.login(&Attempt::of_nobody(), name, &password.into()).await
}

#[tokio::test]
async fn the_right_name_and_password_open_and_nothing_else_does() {
    let certified = certified(HERE);
    let slapd = Slapd::start(Some(&certified.leaf));
    let ca = Some(&*certified.authority.certificate);
    let ways = [
        settings(slapd.tls_port(), DirectoryTls::Ldaps, ca),
        settings(slapd.port(), DirectoryTls::StartTls, ca),
    ];
    for way in ways {
        Directory::new(way.clone()).unwrap().check().await.unwrap();
        let ada = login(&way, "ada", "made-up ada password").await.unwrap().unwrap();
        assert_eq!(ada.dn, "uid=ada,ou=people,dc=plant,dc=example");
        assert_eq!(ada.name.as_deref(), Some("Ada Lovelace"));
        assert_eq!(ada.mail.as_deref(), Some("ada@plant.example"));
        assert_eq!(ada.subject.len(), 36, "a UUID: {}", ada.subject);
        assert_eq!(ada.groups, [OPERATORS.to_owned()].into());
        assert_eq!(ada.roles, ["operator".to_owned()].into());
        let searched = DirectorySettings {
            groups: Groups::Search {
                base: "ou=groups,dc=plant,dc=example".to_owned(),
                filter: "(&(objectClass=groupOfNames)(member={dn}))".to_owned(),
            },
            ..way.clone()
        };
        assert_eq!(login(&searched, "ada", "made-up ada password").await.unwrap().unwrap(), ada);
        let grace = login(&searched, "grace", "made-up grace password").await.unwrap().unwrap();
        assert!(grace.groups.is_empty() && grace.roles.is_empty());
        let long = "a".repeat(MAX_PASSWORD + 1);
        let nobody = [
            ("ada", "made-up grace password"),
            ("ada", ""),
            ("nobody", "made-up ada password"),
            ("nobody", ""),
            ("", "made-up ada password"),
            ("*", "made-up ada password"),
            ("a*", "made-up ada password"),
            ("*)(uid=*", "made-up ada password"),
            ("ada)(uid=*", "made-up ada password"),
            ("ada\0", "made-up ada password"),
            ("ada", &long),
            // The service account is no person.
            ("palisade", "made-up service password"),
        ];
        for (name, password) in nobody {
            for settings in [&way, &searched] {
                assert_eq!(login(settings, name, password).await.unwrap(), None, "{name:?} {password:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_name_that_fits_two_people_opens_neither() {
    let certified = certified(HERE);
    let slapd = Slapd::start(Some(&certified.leaf));
    let mut by_mail = settings(slapd.tls_port(), DirectoryTls::Ldaps, Some(&certified.authority.certificate));
    by_mail.filter = "(mail={})".to_owned();
    assert!(login(&by_mail, "ada@plant.example", "made-up ada password").await.unwrap().is_some());
    for password in ["made-up ada password", "made-up grace password"] {
        assert_eq!(login(&by_mail, "desk@plant.example", password).await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_is_set_wrong_is_an_error_not_a_wrong_password() {
    let certified = certified(HERE);
    let slapd = Slapd::start(Some(&certified.leaf));
    let right = settings(slapd.tls_port(), DirectoryTls::Ldaps, Some(&certified.authority.certificate));
    let service = DirectorySettings { bind_password: "another".into(), ..right.clone() };
    let error = login(&service, "ada", "made-up ada password").await.unwrap_err();
    assert!(matches!(error, DirectoryError::Service { code: 49, .. }), "{error}");
    assert!(!format!("{error:?} {error}").contains("another"));
    let base = DirectorySettings { base: "ou=nowhere,dc=plant,dc=example".to_owned(), ..right.clone() };
    let error = login(&base, "ada", "made-up ada password").await.unwrap_err();
    assert!(matches!(error, DirectoryError::Search { code: 32, .. }), "{error}");
    let elsewhere = DirectorySettings { base: "dc=other,dc=example".to_owned(), ..right.clone() };
    let error = login(&elsewhere, "ada", "made-up ada password").await.unwrap_err();
    assert!(matches!(error, DirectoryError::Search { .. }), "referrals are not followed: {error}");
    let id = DirectorySettings { id_attribute: "employeeNumber".to_owned(), ..right.clone() };
    let error = login(&id, "ada", "made-up ada password").await.unwrap_err();
    assert!(matches!(error, DirectoryError::NoId { .. }), "{error}");
    for filter in ["(uid=x)", "uid={}", "(|(uid={})(cn={}))"] {
        let settings = DirectorySettings { filter: filter.to_owned(), ..right.clone() };
        assert!(matches!(Directory::new(settings), Err(DirectoryError::Setting { setting: "filter", .. })));
    }
    let nobody = DirectorySettings { bind_password: "".into(), ..right };
    assert!(matches!(Directory::new(nobody), Err(DirectoryError::Setting { setting: "bind_dn", .. })));
}

#[tokio::test]
async fn nothing_is_said_in_plain_text() {
    let slapd = Slapd::start(None);
    let error =
        login(&settings(slapd.port(), DirectoryTls::StartTls, None), "ada", "made-up ada password").await;
    let error = error.unwrap_err();
    assert!(matches!(error, DirectoryError::NoStartTls { .. }), "{error}");
    let error = login(&settings(slapd.port(), DirectoryTls::Ldaps, None), "ada", "made-up ada password").await;
    let error = error.unwrap_err();
    assert!(matches!(error, DirectoryError::Outbound(OutboundError::Tls { .. })), "{error}");
}

#[tokio::test]
async fn a_certificate_of_nobody_we_trust_or_for_another_name_is_refused() {
    let elsewhere = certified("DNS:directory.plant.example");
    let slapd = Slapd::start(Some(&elsewhere.leaf));
    for (tls, port) in [(DirectoryTls::Ldaps, slapd.tls_port()), (DirectoryTls::StartTls, slapd.port())] {
        for ca in [None, Some(&*elsewhere.authority.certificate)] {
            let error = login(&settings(port, tls, ca), "ada", "made-up ada password").await.unwrap_err();
            assert!(matches!(error, DirectoryError::Outbound(OutboundError::Certificate { .. })), "{error}");
        }
    }
}

/// A server that answers what it hears first with `answer`; gives everything that it heard.
async fn scripted(answer: Vec<u8>) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 31];
        stream.read_exact(&mut heard).await.unwrap();
        // Whoever has heard enough ends the connection.
        drop(stream.write_all(&answer).await);
        drop(stream.read_to_end(&mut heard).await);
        heard
    });
    (address, task)
}

#[tokio::test]
async fn starttls_taken_out_on_the_way_ends_the_conversation() {
    // Refused with "protocol error"; not understood; an answer to another message; one without end; a huge one.
    let yes = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00".to_vec();
    let no = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00".to_vec();
    let other = b"\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x00\x04\x00\x04\x00".to_vec();
    // TLS is promised, and plain answers follow: to the bind that a careless client would send now.
    let mut plain = yes.clone();
    plain.extend_from_slice(b"\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00");
    for answer in [no, other, b"\x30\x84\xff\xff\xff\xff".to_vec(), b"HTTP/1.1 400\r\n\r\n".to_vec(), plain] {
        let (address, server) = scripted(answer.clone()).await;
        let settings = settings(address.port(), DirectoryTls::StartTls, None);
        let error = login(&settings, "ada", "made-up ada password").await.unwrap_err();
        assert!(
            matches!(
                error,
                DirectoryError::NoStartTls { .. }
                    | DirectoryError::Protocol { .. }
                    | DirectoryError::Outbound(OutboundError::Tls { .. })
            ),
            "{answer:?}: {error}"
        );
        let heard = server.await.unwrap();
        let heard = String::from_utf8_lossy(&heard);
        assert!(!heard.contains("made-up") && !heard.contains("palisade"), "{heard}");
    }
}

#[tokio::test]
async fn a_directory_that_hangs_costs_the_time_limit_only() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for tls in [DirectoryTls::Ldaps, DirectoryTls::StartTls] {
        let mut settings = settings(listener.local_addr().unwrap().port(), tls, None);
        settings.time_limit = Duration::from_millis(200);
        let error = login(&settings, "ada", "made-up ada password").await.unwrap_err();
        assert!(matches!(error, DirectoryError::Outbound(OutboundError::Slow { .. })), "{error}");
    }
}

#[tokio::test]
async fn a_login_that_is_given_up_ends_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = settings(listener.local_addr().unwrap().port(), DirectoryTls::StartTls, None);
    let task = tokio::spawn(async move { login(&settings, "ada", "made-up ada password").await });
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut heard = vec![0; 31];
    stream.read_exact(&mut heard).await.unwrap();
    task.abort();
    assert_eq!(tokio::time::timeout(PATIENCE, stream.read(&mut heard)).await.unwrap().unwrap(), 0);
}

/// A directory within TLS that answers everything with the same bytes.
async fn lying(certified: &Certified, answer: Vec<u8>) -> (SocketAddr, JoinHandle<()>) {
    let acceptor = outbound::tests::acceptor(&certified.leaf);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(stream).await else { continue };
            let mut piece = [0; 4096];
            while matches!(tls.read(&mut piece).await, Ok(1..)) {
                if tls.write_all(&answer).await.is_err() {
                    break;
                }
            }
        }
    });
    (address, task)
}

#[tokio::test]
async fn answers_that_are_no_ldap_cost_one_login() {
    let certified = certified(HERE);
    let mut deep = vec![0x04, 0x00];
    while deep.len() < 60_000 {
        let mut outer = vec![0x30, 0x83];
        outer.extend_from_slice(&u32::try_from(deep.len()).unwrap().to_be_bytes()[1..]);
        outer.append(&mut deep);
        deep = outer;
    }
    let mut huge = vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff];
    huge.resize(1024 * 1024, 0);
    let answers = [
        deep,
        huge,
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        // Sound, and yet nothing that the library expects.
        b"\x30\x00".to_vec(),
        b"\x30\x05\x02\x01\x01\x61\x00".to_vec(),
        b"\x30\x0c\x02\x01\x01\x61\x07\x04\x01\x00\x04\x00\x04\x00".to_vec(),
    ];
    for answer in answers {
        let (address, server) = lying(&certified, answer.clone()).await;
        let settings = settings(address.port(), DirectoryTls::Ldaps, Some(&certified.authority.certificate));
        let error = login(&settings, "ada", "made-up ada password").await.unwrap_err();
        assert!(
            matches!(error, DirectoryError::Broken { .. } | DirectoryError::Protocol { .. }),
            "{:?}: {error}",
            &answer[..answer.len().min(20)]
        );
        server.abort();
    }
}
