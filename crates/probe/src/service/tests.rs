//! What is sent, to a server of this test.

use std::net::TcpListener;
use std::sync::Arc;

use host::Local;
use serde_json::json;

use super::*;

/// What a server hears, which answers each of `count` requests with an empty object.
fn heard(count: usize, ask: impl FnOnce(&mut Asker)) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = Service {
        url: "http://[2001:db8::7]:8080".to_owned(),
        host: "2001:db8::7".to_owned(),
        port: 8080,
        addresses: vec![listener.local_addr().unwrap()],
        user: Some("ann".to_owned()),
        password: Some("geheim".to_owned()),
        ..Service::default()
    };
    let server = thread::spawn(move || {
        let answer = |stream: io::Result<std::net::TcpStream>| {
            let mut stream = stream.unwrap();
            let (mut all, mut chunk) = (Vec::new(), [0; 4096]);
            let is_whole = |all: &[u8]| {
                let text = String::from_utf8_lossy(all).to_lowercase();
                text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                    body.len() >= length.map_or(0, |length| length.trim().parse().unwrap())
                })
            };
            while !is_whole(&all) {
                let count = stream.read(&mut chunk).unwrap();
                assert!(count > 0, "{}", String::from_utf8_lossy(&all));
                all.extend_from_slice(&chunk[..count]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}").unwrap();
            String::from_utf8(all).unwrap()
        };
        listener.incoming().take(count).map(answer).collect()
    });
    ask(&mut Asker::new(&Door::new(Arc::new(Local::new())), &service).unwrap());
    server.join().unwrap()
}

#[test]
fn a_login_is_sent_once_and_then_its_session_by_the_address_that_was_named() {
    let heard = heard(3, |asker| {
        asker.get("/before").unwrap();
        asker.log_in("/auth/login", &json!({"identity": "ann", "secret": "geheim"})).unwrap();
        asker.identify_by("sessionid", "a-b".to_owned());
        asker.get("/after").unwrap();
    });
    let [before, login, after] = heard.as_slice() else { panic!("{heard:?}") };
    assert!(before.starts_with("GET /before ") && before.contains("Basic YW5uOmdlaGVpbQ=="), "{before}");
    assert!(before.contains("[2001:db8::7]:8080"), "{before}");
    assert!(login.starts_with("POST /auth/login ") && !login.contains("Basic"), "{login}");
    assert!(login.ends_with(r#"{"identity":"ann","secret":"geheim"}"#), "{login}");
    assert!(
        after.contains("sessionid: a-b") && !after.contains("geheim") && !after.contains("Basic"),
        "{after}"
    );
}
