//! Brokers with and without TLS, passwords and access lists; and liars.

use std::io::{Read, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use probe::Login;
use serde_json::{Value, json};
use test_support::{Certificate, Mosquitto};

use super::look;
use super::named::{ask, ask_with, liar};

fn broker(section: &Value) -> &Value {
    assert_eq!(section["sockets"][0]["as_named"], true, "{section}");
    &section["mqtt"][0]
}

#[test]
fn an_open_broker_shows_everything_to_anybody() {
    let running = Mosquitto::start("allow_anonymous true", |_| {});
    let address = running.address();
    let (done, until) = std::sync::mpsc::channel::<()>();
    let publisher = thread::spawn(move || {
        while until.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let mut line = std::net::TcpStream::connect(address).unwrap();
            line.write_all(b"\x10\x0d\0\x04MQTT\x04\x02\0\x0a\0\x01p").unwrap();
            line.read_exact(&mut [0; 4]).unwrap();
            line.write_all(b"\x30\x0c\0\x05plantgeheim\xe0\0").unwrap();
            thread::sleep(Duration::from_millis(50));
        }
    });
    let (section, reasons) = ask_with(&format!("mqtt://{address}"), None, None);
    done.send(()).unwrap();
    publisher.join().unwrap();
    assert_eq!(reasons, Vec::<String>::new());
    let broker = broker(&section);
    assert_eq!(broker["versions"], json!(["5.0", "3.1.1"]));
    assert_eq!((&broker["anonymous"], &broker["session"]), (&json!(true), &json!("anonymous")));
    assert_eq!((&broker["system_topics"], &broker["everything"]), (&json!(true), &json!(true)));
    assert_eq!(section["sockets"][0]["encrypted"], false);
    assert!(!section.to_string().contains("geheim"));
}

#[test]
fn a_quiet_broker_is_not_taken_for_one_that_refuses() {
    let running = Mosquitto::start("allow_anonymous true\nacl_file {dir}/acl", |dir| {
        std::fs::write(dir.join("acl"), "topic read nothing\n").unwrap();
    });
    let (section, reasons) = ask_with(&format!("mqtt://{}", running.address()), None, None);
    let broker = broker(&section);
    assert_eq!((&broker["anonymous"], &broker["system_topics"]), (&json!(true), &json!(false)));
    assert_eq!(broker.get("everything"), None);
    assert!(reasons[0].contains("nothing was published"), "{reasons:?}");
}

#[test]
fn a_broker_with_passwords_lets_nobody_in() {
    let running = Mosquitto::start("allow_anonymous false\npassword_file {dir}/passwords", |dir| {
        Mosquitto::password(dir, "plant", "geheim");
    });
    let section = ask(&format!("mqtt://{}", running.address()));
    let broker = broker(&section);
    assert_eq!((&broker["anonymous"], &broker["refusal"]), (&json!(false), &json!("not authorized")));
    assert_eq!((&broker["session"], &broker["everything"]), (&Value::Null, &Value::Null));
    assert_eq!(broker["connections"], 2);
}

fn tls(dir: &Path) -> Certificate {
    let root = Certificate::authority(dir, "root", None);
    root.issue(dir, "own", "-newkey rsa:2048", 20, "subjectAltName=DNS:localhost");
    Mosquitto::password(dir, "plant", "geheim");
    root
}

const TLS: &str =
    "allow_anonymous false\npassword_file {dir}/passwords\ncertfile {dir}/own.pem\nkeyfile {dir}/own.key\n";

#[test]
fn an_account_looks_at_topics_only_where_the_broker_is_proven() {
    let running = Mosquitto::start(TLS, |dir| {
        tls(dir);
    });
    let root = std::fs::read_to_string(running.directory().join("root.pem")).unwrap();
    let login = || Some(Login { user: "plant".into(), password: "geheim".into() });
    let target = format!("mqtts://localhost:{}", running.address().port());
    let (section, _) = ask_with(&target, Some(root.clone()), login());
    let proven = broker(&section);
    assert_eq!((&proven["anonymous"], &proven["session"]), (&json!(false), &json!("account")));
    assert_eq!(proven["system_topics"], true);
    assert_eq!(section["tls"][0]["name_matches"], true);
    assert_eq!(section["sockets"][0]["encrypted"], true);
    // An authority that this machine does not know: the password stays here.
    let (section, _) = ask_with(&target, None, login());
    assert_eq!(broker(&section)["session"], Value::Null);
    let wrong = Some(Login { user: "plant".into(), password: "other".into() });
    let (section, reasons) = ask_with(&target, Some(root), wrong);
    assert_eq!(broker(&section).get("session"), None);
    assert!(reasons.iter().any(|reason| reason.contains("the account was refused")), "{reasons:?}");
    assert!(!section.to_string().contains("other"));
}

#[test]
fn a_broker_that_wants_client_certificates_lets_nobody_in() {
    let config = format!("{TLS}cafile {{dir}}/root.pem\nrequire_certificate true\n");
    let running = Mosquitto::start(&config, |dir| {
        tls(dir);
    });
    let section = ask(&format!("mqtts://localhost:{}", running.address().port()));
    let broker = broker(&section);
    assert_eq!(section["tls"][0]["asks_client_certificate"], true);
    assert_eq!(broker["anonymous"], false);
    assert!(broker["refusal"].as_str().unwrap().contains("certificate"));
}

#[test]
fn a_broker_that_lies_about_lengths_or_floods_ends_the_conversation() {
    for then in
        [b"\x30\xff\xff\xff\x7f\0\x05plant".as_slice(), b"\x90\xff\xff\xff\x7f", b"\x30\x02\0\x09", b"GET /"]
    {
        let address = liar(move |mut stream| {
            let mut said = [0; 4096];
            drop(stream.read(&mut said));
            drop(stream.write_all(&[0x20, 2, 0, 0]));
            for _ in 0..10_000 {
                if stream.write_all(then).is_err() {
                    return;
                }
            }
            thread::sleep(Duration::from_secs(20));
        });
        let section = ask(&format!("mqtt://{address}"));
        assert_eq!(section["mqtt"][0]["anonymous"], true, "{section}");
    }
}

#[test]
fn a_broker_of_the_host_is_recognised_at_its_port_or_by_its_program() {
    let running = Mosquitto::start("allow_anonymous true", |_| {});
    for (port, process) in [(1883, "docker-proxy"), (21883, "mosquitto")] {
        let section = look(port, process, running.address());
        assert_eq!(section["sockets"][0]["protocol"], "mqtt", "{section}");
        assert_eq!(section["sockets"][0]["encrypted"], false);
        assert_eq!(
            (&section["mqtt"][0]["anonymous"], &section["mqtt"][0]["tls"]),
            (&json!(true), &json!(false))
        );
    }
    let running = Mosquitto::start(TLS, |dir| {
        tls(dir);
    });
    let section = look(8883, "mosquitto", running.address());
    assert_eq!(section["sockets"][0]["protocol"], "tls");
    assert_eq!((&section["mqtt"][0]["anonymous"], &section["mqtt"][0]["tls"]), (&json!(false), &json!(true)));
    assert_eq!(section["tls"][0]["name_matches"], Value::Null);
}

#[test]
fn no_client_is_thrown_out_by_our_name() {
    let names = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = std::sync::Arc::clone(&names);
    let address = liar(move |mut stream| {
        let mut said = [0; 4096];
        let count = stream.read(&mut said).unwrap_or(0);
        // In a CONNECT of MQTT 3.1.1 the client's name stands last.
        if count >= 14 && said[8] == 4 {
            heard.lock().unwrap().push(said[14..count].to_vec());
        }
        drop(stream.write_all(&[0x20, 2, 0, 5]));
    });
    assert_eq!(look(1883, "docker-proxy", address)["mqtt"][0]["anonymous"], false);
    let mut names = names.lock().unwrap().clone();
    // Nameless, or by a name made up for the occasion.
    names.retain(|name| !name.is_empty() && name.len() <= b"palisade".len());
    assert_eq!(names, Vec::<Vec<u8>>::new());
}
