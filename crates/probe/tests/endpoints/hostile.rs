//! Servers that mean harm or are broken. The probe ends and says what it could not learn.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::look;

/// Twice the budget of one server: these tests are about ending at all.
const END: Duration = Duration::from_secs(14);

/// A server that does the same with every connection.
fn server(behave: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let behave = behave.clone();
            thread::spawn(move || behave(stream));
        }
    });
    address
}

fn ends(address: SocketAddr) -> Value {
    let started = Instant::now();
    let section = look(443, "app", address);
    assert!(started.elapsed() < END, "{:?}", started.elapsed());
    assert_eq!(section["sockets"].as_array().unwrap().len(), 1);
    section
}

#[test]
fn a_server_that_never_answers_is_unknown() {
    let section = ends(server(|stream| {
        thread::sleep(Duration::from_secs(30));
        drop(stream);
    }));
    assert_eq!(section["sockets"][0]["protocol"], Value::Null);
    assert_eq!(section["sockets"][0].get("encrypted"), None);
}

#[test]
fn a_server_that_drips_is_left_alone() {
    let section = ends(server(|mut stream| {
        for byte in [22, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3].into_iter().chain([7; 60]) {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_secs(1));
        }
    }));
    assert_eq!(section["tls"], serde_json::json!([]));
}

#[test]
fn a_tls_server_that_turns_slow_is_not_taken_for_one_that_refuses() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let section = ends(server(move |mut stream| {
        let mut hello = [0; 4096];
        drop(stream.read(&mut hello));
        if asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            drop(stream.write_all(&[21, 3, 3, 0, 2, 2, 40]));
        } else {
            thread::sleep(Duration::from_secs(20));
        }
    }));
    let server = &section["tls"][0];
    assert_eq!(server.get("suites"), None);
    assert_eq!(server["offers"].get("tls1_0"), None);
}

#[test]
fn what_a_tls_server_accepted_before_it_fell_silent_it_accepts() {
    let silent = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let section = ends(server(move |mut stream| {
        let mut hello = [0; 4096];
        let count = stream.read(&mut hello).unwrap_or(0);
        if silent.load(std::sync::atomic::Ordering::SeqCst) {
            thread::sleep(Duration::from_secs(20));
        } else if count > 11 && hello[0] == 22 && hello[9..11] == [3, 1] {
            silent.store(true, std::sync::atomic::Ordering::SeqCst);
            let mut answer = vec![22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
            answer.extend([7; 32]);
            answer.extend([0, 0, 0x2f, 0]);
            drop(stream.write_all(&answer));
        } else {
            drop(stream.write_all(&[21, 3, 1, 0, 2, 2, 40]));
        }
    }));
    let server = &section["tls"][0];
    assert_eq!(server["offers"]["tls1_0"], true);
    assert_eq!(server["offers"].get("ssl3_0"), None);
    assert_eq!(server.get("suites"), None);
}

#[test]
fn a_tls_server_that_begins_to_hang_up_is_not_taken_for_one_that_has_no_faults() {
    let gone = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let section = ends(server(move |mut stream| {
        let mut hello = [0; 4096];
        let count = stream.read(&mut hello).unwrap_or(0);
        let hello = &hello[..count];
        let older = count > 46 && hello[0] == 22 && hello[9..11] == [3, 3] && hello[43] == 0;
        let suites = if older { usize::from(u16::from_be_bytes([hello[44], hello[45]])) } else { 0 };
        // It takes one suite of TLS 1.2, and hangs up on everybody once it was offered compression.
        if hello.get(46 + suites) == Some(&2) && older {
            gone.store(true, std::sync::atomic::Ordering::SeqCst);
        }
        if gone.load(std::sync::atomic::Ordering::SeqCst) {
            return;
        }
        let offered = hello.get(46..46 + suites).unwrap_or_default();
        let answer = if offered.chunks(2).any(|suite| suite == [0xc0, 0x2f]) {
            let mut record = vec![22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3];
            record.extend([7; 32]);
            record.extend([0, 0xc0, 0x2f, 0]);
            record
        } else {
            vec![21, 3, 3, 0, 2, 2, 40]
        };
        drop(stream.write_all(&answer));
    }));
    let server = &section["tls"][0];
    assert_eq!(server["offers"]["tls1_2"], true);
    assert_eq!(server["offers"]["tls1_1"], false);
    for fact in ["compression", "signs_with_sha1", "groups"] {
        assert_eq!(server.get(fact), None, "{fact}");
    }
}

#[test]
fn a_site_that_falls_silent_is_not_said_to_have_no_samples() {
    let section = ends(server(|mut stream| {
        let mut request = [0; 4096];
        let count = stream.read(&mut request).unwrap_or(0);
        let request = String::from_utf8_lossy(&request[..count]).into_owned();
        let body = match request.split(' ').nth(1) {
            Some("/.git/HEAD") => "ref: refs/heads/main\n",
            Some("/.svn/entries") => {
                thread::sleep(Duration::from_secs(20));
                return;
            }
            _ => "",
        };
        let status = if body.is_empty() { "404 Not Found" } else { "200 OK" };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        drop(stream.write_all(format!("{head}{body}").as_bytes()));
    }));
    assert_eq!(section["http"][0]["status"], 404);
    assert_eq!(section["http"][0].get("artefacts"), None);
}

#[test]
fn headers_without_end_are_cut_off() {
    ends(server(|mut stream| {
        let mut request = [0; 4096];
        drop(stream.read(&mut request));
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n"));
        let line = [b'a'; 1000];
        for _ in 0..100_000 {
            if stream.write_all(b"X-A: ").is_err()
                || stream.write_all(&line).is_err()
                || stream.write_all(b"\r\n").is_err()
            {
                return;
            }
        }
    }));
}

#[test]
fn junk_is_unknown() {
    let section = ends(server(|mut stream| {
        let junk: Vec<u8> = (0..200_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        drop(stream.write_all(&junk));
    }));
    assert_eq!(section["sockets"][0]["protocol"], Value::Null);
}

#[test]
fn a_server_that_hangs_up_is_unknown() {
    let section = ends(server(drop));
    assert_eq!(section["sockets"][0]["protocol"], Value::Null);
}

#[test]
fn an_ssh_server_that_stops_after_its_greeting_is_listed_without_algorithms() {
    let section = ends(server(|mut stream| {
        drop(stream.write_all(b"SSH-2.0-dropbear_2022.83\r\n"));
        thread::sleep(Duration::from_secs(20));
    }));
    assert_eq!(section["ssh"][0]["software"], "dropbear_2022.83");
    assert_eq!(section["ssh"][0].get("ciphers"), None);
}
