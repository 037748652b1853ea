//! Made-up machines for HTTP over a door's stream, with servers that lie and drip.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;

use super::*;

const LIMITS: Limits = Limits { time: Duration::from_millis(500), body: 1000 };

/// A client whose every connection is served by `serve`, and the number of connections made.
fn client(serve: impl Fn(UnixStream) + Send + Sync + 'static) -> (Client, Arc<AtomicUsize>) {
    let serve = Arc::new(serve);
    let made = Arc::new(AtomicUsize::new(0));
    let counter = made.clone();
    let client = Client::new("the test", move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        let (ours, theirs) = UnixStream::pair().unwrap();
        let serve = serve.clone();
        thread::spawn(move || serve(theirs));
        Ok(Box::new(ours) as Box<dyn Stream>)
    });
    (client, made)
}

/// Reads one request and returns it.
fn request(stream: &mut UnixStream) -> String {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => seen.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8(seen).unwrap()
}

/// A server that answers every request of a connection with these bytes, and stays until the client leaves.
fn answering(bytes: impl Into<Vec<u8>>) -> (Client, Arc<AtomicUsize>) {
    let bytes = bytes.into();
    client(move |mut stream| {
        while !request(&mut stream).is_empty() {
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
    })
}

#[test]
fn lengths_and_chunks_are_understood_and_the_connection_is_kept() {
    let (client, made) = answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello");
    for _ in 0..3 {
        let answer = client.get("http://docker/version", LIMITS).unwrap();
        assert_eq!((answer.status, answer.body.as_slice(), answer.cut), (200, b"hello".as_slice(), false));
        assert_eq!(answer.header("x-a"), Some("1"));
    }
    assert_eq!(made.load(Ordering::Relaxed), 1);
    let (client, _) = answering(
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    let answer = client.get("https://docker/", LIMITS).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (404, b"abcde".as_slice()));
}

#[test]
fn the_request_names_the_host_and_follows_no_redirect() {
    let seen = Arc::new(Mutex::new(String::new()));
    let keep = seen.clone();
    let (client, made) = client(move |mut stream| {
        *keep.lock().unwrap_or_else(PoisonError::into_inner) = request(&mut stream);
        stream
            .write_all(b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    });
    let answer = client.get("https://edge.example:8443/a?b=c", LIMITS).unwrap();
    assert_eq!((answer.status, answer.header("location")), (302, Some("http://elsewhere/")));
    assert_eq!(made.load(Ordering::Relaxed), 1);
    let text = seen.lock().unwrap_or_else(PoisonError::into_inner).to_lowercase();
    assert!(text.starts_with("get /a?b=c http/1.1\r\n"), "{text}");
    assert!(text.contains("host: edge.example:8443\r\n"), "{text}");
}

#[test]
fn a_long_body_is_cut_at_the_limit() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n".to_vec();
    bytes.extend(vec![b'x'; 5_000_000]);
    let (client, _) = answering(bytes);
    let answer = client.get("http://docker/", LIMITS).unwrap();
    assert_eq!((answer.body.len(), answer.cut), (1000, true));
}

#[test]
fn a_server_that_hangs_or_drips_costs_no_more_than_the_limit() {
    let drip = |head: &'static str, piece: &'static [u8]| {
        client(move |mut stream| {
            request(&mut stream);
            if stream.write_all(head.as_bytes()).is_err() {
                return;
            }
            while stream.write_all(piece).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let servers = [
        client(|stream| {
            thread::sleep(Duration::from_secs(5));
            drop(stream);
        }),
        drip("", b"H"),
        drip("HTTP/1.1 200 OK\r\nX: ", b"a"),
        drip("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x"),
        drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drip("HTTP/1.1 200 OK\r\n\r\n", b"x"),
    ];
    for (index, (client, _)) in servers.iter().enumerate() {
        let before = Instant::now();
        let error = client.get("http://docker/", LIMITS).unwrap_err();
        // What drips "H" may already be refused as no HTTP.
        assert!(matches!(error, Error::TimedOut { .. }) || index == 1, "{index}: {error}");
        assert!(before.elapsed() < Duration::from_secs(3), "{index}: {:?}", before.elapsed());
    }
}

#[test]
fn what_is_not_http_is_an_error_that_says_so() {
    let endless = format!("HTTP/1.1 200 OK\r\n{}", "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(5000));
    for bytes in [
        "",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\0\u{1}\u{2}\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        endless.as_str(),
    ] {
        let bytes = bytes.as_bytes().to_vec();
        let (client, _) = client(move |mut stream| {
            request(&mut stream);
            drop(stream.write_all(&bytes));
        });
        let error = client.get("http://docker/x", LIMITS).unwrap_err();
        assert!(error.to_string().contains("GET /x at the test"), "{error}");
    }
}

#[test]
fn what_the_dialling_says_is_kept() {
    let client = Client::new("nowhere", |_| Err(Error::Denied("unix /run/docker.sock".to_owned())));
    let error = client.get("http://docker/", LIMITS).unwrap_err();
    assert_eq!(error, Error::Denied("unix /run/docker.sock".to_owned()));
}
