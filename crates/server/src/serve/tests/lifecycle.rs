//! Beginning, renewing, ending.

use jiff::SignedDuration;

use super::*;
use crate::pki::Refreshed;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_finished_when_the_server_stops() {
    let server = Running::start(Limits::default()).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut h2 = Requests::new(&server).await;
    let streamed = h2.send("/wait");
    soon(server.waiting.acquire_many(2)).await.unwrap().forget();
    let mut idle = server.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    answer(&mut idle).await;
    server.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "", "an idle connection ends at once");
    // Nobody new gets in.
    until(|| std::net::TcpListener::bind(server.address).is_ok()).await;
    assert!(!server.task.is_finished());
    server.gate.add_permits(2);
    let text = rest(&mut busy).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("waited"), "{text}");
    assert_eq!(soon(streamed).await.unwrap().status(), 200);
    assert_eq!(server.stop().await, Ended { cut: 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_cut_and_counted_when_the_server_stops() {
    let server = Running::start(Limits { grace: Duration::from_millis(200), ..Limits::default() }).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    soon(server.waiting.acquire()).await.unwrap().forget();
    assert_eq!(server.stop().await, Ended { cut: 1 });
    assert_eq!(rest(&mut busy).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_its_requests() {
    let server = Running::start(Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut h2 = Requests::new(&server).await;
    let streamed = h2.send("/wait");
    soon(server.waiting.acquire_many(2)).await.unwrap().forget();
    drop((stream, streamed));
    h2.connection.abort();
    soon(server.left.acquire_many(2)).await.unwrap().forget();
    assert_eq!(server.stop().await, Ended { cut: 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let server = Running::start(Limits::default()).await;
    let shown = async || {
        let args =
            ["s_client", "-connect", &server.address.to_string()].iter().map(ToString::to_string).collect();
        let text = program("openssl", args).await;
        let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----").unwrap();
        rest.split_once("-----END").unwrap().0.to_owned()
    };
    let mut old = server.connect().await;
    let first = shown().await;
    assert_eq!(shown().await, first);
    let later = now() + SignedDuration::from_hours(61 * 24);
    assert!(matches!(server.pki.refresh(later).unwrap(), Refreshed::Renewed { .. }));
    assert_ne!(shown().await, first);
    // A connection from before goes on.
    let text = ask(&mut old, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(text.ends_with("hello"), "{text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_costs_its_own_request_only() {
    let server = Running::start(Limits::default()).await;
    let mut stream = server.connect().await;
    for (path, status) in [("/", 200), ("/panic", 500), ("/", 200)] {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
        let text = answer(&mut stream).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{text}");
    }
    let mut h2 = Requests::new(&server).await;
    let (panics, others) = (h2.send("/panic"), h2.send("/"));
    assert_eq!(soon(panics).await.unwrap().status(), 500);
    assert_eq!(soon(others).await.unwrap().status(), 200);
    server.stop().await;
}

/// Runs this test in a process of its own, whose limit of open files is small.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_taken_again_after_files_ran_out() {
    const CHILD: &str = "PALISADE_TEST_FEW_FILES";
    if std::env::var_os(CHILD).is_none() {
        let name = "serve::tests::lifecycle::connections_are_taken_again_after_files_ran_out";
        let myself = std::env::current_exe().unwrap();
        let args = [&format!("{CHILD}=1"), myself.to_str().unwrap(), "--exact", name, "--nocapture"];
        let text = program("env", args.iter().map(ToString::to_string).collect()).await;
        assert!(text.contains("1 passed"), "{text}");
        return;
    }
    let server = Running::start(Limits::default()).await;
    let held = server.connect().await;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let few = rustix::process::Rlimit { current: Some(60), maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, few).unwrap();
    // Both ends are of this process: clients take files until none is left, and one that has its file knocks then.
    let (mut crowd, last) = (Vec::new(), socket().unwrap());
    while let Ok(socket) = socket() {
        knock(&socket, server.address);
        crowd.push(socket);
    }
    knock(&last, server.address);
    assert!(crowd.len() > 10);
    until(|| server.metrics.text().is_ok_and(|text| !text.contains("palisade_accepts_failed_total 0"))).await;
    drop((crowd, last));
    drop(held);
    assert!(server.get("/").await.ends_with("hello"));
    server.stop().await;
}

fn socket() -> rustix::io::Result<std::os::fd::OwnedFd> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)
}

/// Begins a connection and does not wait for it.
fn knock(socket: &std::os::fd::OwnedFd, address: SocketAddr) {
    let outcome = rustix::net::connect(socket, &address);
    assert!(matches!(outcome, Ok(()) | Err(rustix::io::Errno::INPROGRESS)), "{outcome:?}");
}
