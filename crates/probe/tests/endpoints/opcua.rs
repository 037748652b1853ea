//! OPC UA servers of two makers, good and bad; and liars.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::{Certificate, UaServer, prepared};

use super::look;
use super::named::{ask, ask_with, liar};

fn venv() -> std::path::PathBuf {
    prepared(env!("CARGO_TARGET_TMPDIR"), "test-venv")
}

/// What stands in the one OPC UA server of a section.
fn server(section: &Value) -> &Value {
    assert_eq!(section["sockets"][0]["as_named"], true, "{section}");
    assert_eq!(section["sockets"][0]["protocol"], "opc-ua");
    &section["opcua"][0]
}

fn endpoints(server: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = server["endpoints"].as_array().unwrap();
    all.iter().map(|one| (text(&one["security_policy"]), text(&one["mode"]))).collect()
}

#[test]
fn an_open_server_of_asyncua_lets_anybody_in() {
    let directory = tempfile::tempdir().unwrap();
    let root = Certificate::authority(directory.path(), "root", None);
    let own = root.issue(
        directory.path(),
        "own",
        "-newkey rsa:2048",
        400,
        "subjectAltName=URI:urn:somebody:else,DNS:other.example",
    );
    let policies = "NoSecurity,Basic256Sha256_Sign,Basic256Sha256_SignAndEncrypt";
    let running = UaServer::python(&venv(), policies, "anonymous,user", Some(&own));
    let (section, reasons) = ask_with(&format!("opc.tcp://{}/plant", running.address()), None, None);
    assert_eq!(reasons, Vec::<String>::new());
    let server = server(&section);
    let found = endpoints(server);
    assert!(found.contains(&("None".into(), "none".into())), "{found:?}");
    assert!(found.contains(&("Basic256Sha256".into(), "sign".into())), "{found:?}");
    assert!(found.contains(&("Basic256Sha256".into(), "sign-and-encrypt".into())), "{found:?}");
    assert_eq!(section["sockets"][0]["encrypted"], false);
    assert_eq!((&server["anonymous_session"], &server["refusal"]), (&json!(true), &Value::Null));
    assert_eq!(server["application_uri"], "urn:palisade:test");
    let kinds: Vec<_> =
        server["endpoints"][0]["tokens"].as_array().unwrap().iter().map(|token| &token["kind"]).collect();
    assert!(kinds.contains(&&json!("anonymous")) && kinds.contains(&&json!("user-name")), "{kinds:?}");
    let certificate = &server["certificates"][0];
    assert_eq!(certificate["certificate"]["key_bits"], 2048);
    assert_eq!(certificate["certificate"]["uris"], json!(["urn:somebody:else"]));
    assert_eq!((&certificate["names_application"], &certificate["names_host"]), (&json!(false), &json!(false)));
    assert_eq!(server["applications"][0]["itself"], true);
    assert_eq!(server["connections"], 1);
}

#[test]
fn a_server_of_asyncua_without_anonymous_users_refuses_the_session() {
    let running = UaServer::python(&venv(), "NoSecurity", "user", None);
    let section = ask(&format!("opc.tcp://{}/plant", running.address()));
    let server = server(&section);
    assert_eq!(server["anonymous_session"], false, "{server:#}");
    assert_eq!(server["refusal"], "BadIdentityTokenRejected");
    let tokens = server["endpoints"][0]["tokens"].as_array().unwrap();
    assert!(tokens.iter().all(|token| token["kind"] != "anonymous"), "{tokens:?}");
    assert!(tokens.iter().any(|token| token["in_clear"] == true), "{tokens:?}");
}

#[test]
fn a_well_kept_server_of_node_opcua_is_seen_as_such() {
    let modules = prepared(env!("CARGO_TARGET_TMPDIR"), "test-node");
    let running = UaServer::node(&modules, "Basic256Sha256,Aes256_Sha256_RsaPss", "3", false);
    let (section, reasons) = ask_with(&format!("opc.tcp://{}", running.address()), None, None);
    assert_eq!(reasons, Vec::<String>::new());
    let server = server(&section);
    assert_eq!(
        endpoints(server),
        [
            ("Basic256Sha256".into(), "sign-and-encrypt".into()),
            ("Aes256_Sha256_RsaPss".into(), "sign-and-encrypt".into())
        ]
    );
    assert_eq!(section["sockets"][0]["encrypted"], true);
    assert_eq!(server["anonymous_session"], Value::Null);
    assert_eq!(server["certificates"][0]["names_application"], true);
    for endpoint in server["endpoints"].as_array().unwrap() {
        for token in endpoint["tokens"].as_array().unwrap() {
            assert_ne!(token["kind"], "anonymous");
            assert_eq!(token["in_clear"], false);
        }
    }
}

#[test]
fn a_careless_server_of_node_opcua_shows_its_faults() {
    let modules = prepared(env!("CARGO_TARGET_TMPDIR"), "test-node");
    let running = UaServer::node(&modules, "None,Basic128Rsa15", "1,2", true);
    let section = ask(&format!("opc.tcp://{}", running.address()));
    let server = server(&section);
    let found = endpoints(server);
    assert!(found.contains(&("Basic128Rsa15".into(), "sign".into())), "{found:?}");
    assert!(found.contains(&("None".into(), "none".into())), "{found:?}");
    assert_eq!(server["anonymous_session"], true, "{server:#}");
}

/// Answers the hello as it should, and everything after it by `then`.
fn after_hello(then: &'static [u8]) -> Value {
    let address = liar(move |mut stream| {
        let mut said = [0; 4096];
        drop(stream.read(&mut said));
        let mut acknowledge = b"ACKF\x1c\0\0\0".to_vec();
        acknowledge.extend([0; 4]);
        for number in [65_536_u32, 65_536, 0, 0] {
            acknowledge.extend(number.to_le_bytes());
        }
        drop(stream.write_all(&acknowledge));
        drop(stream.read(&mut said));
        drop(stream.write_all(then));
        thread::sleep(Duration::from_secs(20));
    });
    ask(&format!("opc.tcp://{address}"))
}

#[test]
fn absurd_lengths_are_refused_and_nothing_is_taken_for_an_answer() {
    for then in [
        b"OPNF\xff\xff\xff\xff".as_slice(),
        b"OPNF\x04\0\0\0",
        b"ERRF\x10\0\0\0\0\0\x7d\x80\xff\xff\xff\x7f",
        b"OPNF\x20\0\0\0aaaaaaaaaaaaaaaaaaaaaaaa",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let section = after_hello(then);
        let server = server(&section);
        assert_eq!(server.get("endpoints"), None, "{then:?}");
        assert_eq!(server.get("anonymous_session"), None);
        assert_eq!(section["sockets"][0].get("encrypted"), None);
    }
}

#[test]
fn a_server_of_the_host_is_spoken_to_unless_its_port_may_be_that_of_a_controller() {
    let running = UaServer::python(&venv(), "NoSecurity", "anonymous", None);
    let section = look(48010, "python3", running.address());
    assert_eq!(section["sockets"][0]["protocol"], "opc-ua");
    assert_eq!(section["opcua"][0]["anonymous_session"], true);
    assert_eq!(section["opcua"][0]["other_hosts"], json!([]));
    let section = look(4840, "python3", running.address());
    assert!(section["sockets"][0]["not_asked"].as_str().unwrap().contains("4840"));
    assert_eq!(section["opcua"], json!([]));
}
