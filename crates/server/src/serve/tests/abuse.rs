//! Clients that are slow, large, many or rude: ended, refused or outlived, while others are served.

use std::time::Instant;

use super::*;

const MILLIS: Duration = Duration::from_millis(1);

/// Limits that a test can wait for.
fn short() -> Limits {
    Limits {
        handshake: 300 * MILLIS,
        head: 300 * MILLIS,
        keep_alive: 2500 * MILLIS,
        stall: 400 * MILLIS,
        body_slack: 500 * MILLIS,
        body_bytes_per_second: 1024,
        ..Limits::default()
    }
}

/// Sends a byte of `text` now and then, until the other side has had enough; what it answered and how long it bore it.
async fn drip<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    text: &[u8],
    pause: Duration,
) -> (String, Duration) {
    let began = Instant::now();
    let (mut from, mut to) = tokio::io::split(stream);
    let send = async {
        for byte in text.iter().cycle() {
            if to.write_all(&[*byte]).await.is_err() || to.flush().await.is_err() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        std::future::pending::<()>().await;
    };
    let heard = tokio::select! {
        heard = rest(&mut from) => heard,
        () = send => unreachable!("sending goes on for ever"),
    };
    (heard, began.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_drip_are_ended() {
    let server = Running::start(short()).await;
    let (heard, took) = drip(server.connect().await, b"GET / HTTP/1.1\r\nX: ", 20 * MILLIS).await;
    assert_eq!(heard, "");
    assert!(took >= 290 * MILLIS && took < 5000 * MILLIS, "{took:?}");
    // Also in a later request of a connection.
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    answer(&mut stream).await;
    let (heard, took) = drip(stream, b"GET / HTTP/1.1\r\nX: ", 20 * MILLIS).await;
    assert_eq!(heard, "");
    assert!(
        took >= 290 * MILLIS && took < 2400 * MILLIS,
        "the limit of headers ended it, not that of idling: {took:?}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_ended() {
    let server = Running::start(short()).await;
    let began = Instant::now();
    // No handshake.
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
    assert!(began.elapsed() >= 290 * MILLIS);
    // Half a handshake.
    let stream = TcpStream::connect(server.address).await.unwrap();
    drip(stream, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 20 * MILLIS).await;
    until(|| server.figure("palisade_handshakes_failed_total{why=\"too slow\"}") == Some(2.0)).await;
    // No request.
    for alpn in ["http/1.1", "h2"] {
        let began = Instant::now();
        rest(&mut server.connect_as(alpn).await).await;
        assert!(began.elapsed() >= 290 * MILLIS, "{alpn}");
    }
    // No further request.
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    answer(&mut stream).await;
    let began = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(began.elapsed() >= 2490 * MILLIS, "{:?}", began.elapsed());
    // No further request of HTTP/2, whatever else is said.
    let mut h2 = Requests::new(&server).await;
    assert_eq!(soon(h2.send("/")).await.unwrap().status(), 200);
    soon(h2.connection).await.unwrap().unwrap();
    until(|| server.figure("palisade_connections_open") == Some(0.0)).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_drip_are_ended_and_steady_ones_are_not() {
    let server = Running::start(short()).await;
    let mut stream = server.connect().await;
    let head =
        "POST /read HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\nContent-Length: 100000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (heard, took) = drip(stream, b"x", 20 * MILLIS).await;
    assert!(heard.starts_with("HTTP/1.1 408") && heard.contains("connection: close"), "{heard}");
    assert!(took >= 490 * MILLIS && took < 5000 * MILLIS, "{took:?}");
    // The same in HTTP/2.
    let mut h2 = Requests::new(&server).await;
    let request =
        Requests::request("/read").method("POST").header("origin", "https://localhost").body(()).unwrap();
    let (response, mut body) = h2.send.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(b"x"), false).unwrap();
    assert_eq!(soon(response).await.unwrap().status(), 408);
    // Longer than the slack, at four times the least rate.
    let mut stream = server.connect().await;
    let head = "POST /read HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\nContent-Length: 4800\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..12 {
        stream.write_all(&[b'x'; 400]).await.unwrap();
        stream.flush().await.unwrap();
        tokio::time::sleep(100 * MILLIS).await;
    }
    assert!(rest(&mut stream).await.ends_with("4800"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_too_many_or_too_large_are_refused() {
    let server = Running::start(Limits::default()).await;
    let with =
        |headers: &str| format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    let many = |count: usize| (0..count).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let large = |bytes: usize| format!("x: {}\r\n", "y".repeat(bytes));
    assert!(server.ask(&with(&many(90))).await.starts_with("HTTP/1.1 200"));
    assert!(server.ask(&with(&large(15_000))).await.starts_with("HTTP/1.1 200"));
    assert!(server.ask(&with(&many(110))).await.starts_with("HTTP/1.1 431"));
    assert!(server.ask(&with(&large(17_000))).await.starts_with("HTTP/1.1 431"));
    assert!(server.ask(&format!("GET /{} HTTP/1.1\r\n", "y".repeat(17_000))).await.starts_with("HTTP/1.1 431"));
    // A bomb: the end of it is never read.
    let mut stream = server.connect().await;
    let mut bomb = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").await;
    let mut sent = 0;
    while bomb.is_ok() && sent < 64 << 20 {
        bomb = stream.write_all(&[b'y'; 64 * 1024]).await;
        sent += 64 * 1024;
    }
    assert!(bomb.is_err() && sent < 32 << 20, "{sent} bytes were taken");

    let mut h2 = Requests::new(&server).await;
    let mut ask = async |count: usize, bytes: usize| {
        let mut request = Requests::request("/");
        for n in 0..count {
            request = request.header(format!("x-{n}"), "y".repeat(bytes));
        }
        let (response, _) = h2.send.send_request(request.body(()).unwrap(), true).unwrap();
        soon(response).await.unwrap().status().as_u16()
    };
    assert_eq!(ask(90, 1).await, 200);
    assert_eq!(ask(110, 1).await, 431);
    assert_eq!(ask(1, 17_000).await, 431);
    assert_eq!(ask(1, 1).await, 200, "the connection goes on");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_resets_end_their_connection_and_no_other() {
    let server = Running::start(Limits::default()).await;
    let mut other = Requests::new(&server).await;
    let mut rude = Requests::new(&server).await;
    let mut made = 0;
    soon(async {
        while made < 100_000 && !rude.connection.is_finished() {
            let Ok((_, mut stream)) =
                rude.send.send_request(Requests::request("/wait").body(()).unwrap(), true)
            else {
                tokio::task::yield_now().await;
                break;
            };
            stream.send_reset(h2::Reason::CANCEL);
            made += 1;
            if made % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    let ended = soon(rude.connection).await.unwrap();
    assert!(ended.is_err(), "{made} resets were borne");
    assert!(made < 100_000, "{made}");
    assert_eq!(soon(other.send("/")).await.unwrap().status(), 200);
    assert!(server.get("/").await.ends_with("hello"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_streams_than_agreed_wait_their_turn() {
    let server = Running::start(Limits { streams: 4, ..Limits::default() }).await;
    let mut h2 = Requests::new(&server).await;
    assert_eq!(soon(h2.send("/")).await.unwrap().status(), 200);
    let mut all = Vec::new();
    for _ in 0..12 {
        h2.send = soon(async { h2.send.clone().ready().await }).await.unwrap();
        all.push(tokio::spawn(h2.send("/wait")));
        if all.len() >= 4 {
            server.gate.add_permits(1);
        }
    }
    server.gate.add_permits(12);
    for one in all {
        assert_eq!(soon(one).await.unwrap().unwrap().status(), 200);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_takes_is_ended() {
    let server = Running::start(short()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    until(|| {
        server.figure("palisade_requests_total{route=\"/large\",method=\"GET\",class=\"2xx\"}") == Some(1.0)
    })
    .await;
    until(|| server.figure("palisade_connections_open") == Some(0.0)).await;
    drop(stream);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_never_ends_is_ended() {
    let server = Running::start(Limits { exchange: 300 * MILLIS, ..Limits::default() }).await;
    let text = server.get("/wait").await;
    assert_eq!(text, "");
    let mut h2 = Requests::new(&server).await;
    assert!(soon(h2.send("/wait")).await.is_err());
    assert_eq!(soon(h2.send("/")).await.unwrap().status(), 200, "only the stream was ended");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_seats_are_taken_who_is_idle_longest_makes_room() {
    let server = Running::start(Limits { connections: 4, ..Limits::default() }).await;
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    soon(server.waiting.acquire()).await.unwrap().forget();
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(server.connect().await);
    }
    let mut newcomers = Vec::new();
    for _ in 0..3 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert!(answer(&mut stream).await.ends_with("hello"));
        newcomers.push(stream);
    }
    let began = Instant::now();
    for stream in &mut idle {
        assert_eq!(rest(stream).await, "");
    }
    assert!(began.elapsed() < 3000 * MILLIS, "no limit of time ended them");
    server.gate.add_permits(1);
    assert!(answer(&mut waiting).await.ends_with("waited"), "who is busy keeps the seat");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_everybody_is_busy_a_newcomer_is_turned_away_at_once() {
    let server = Running::start(Limits { connections: 20, per_address: 2, ..Limits::default() }).await;
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        soon(server.waiting.acquire()).await.unwrap().forget();
        busy.push(stream);
    }
    let mut newcomer = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(rest(&mut newcomer).await, "");
    assert_eq!(server.figure("palisade_connections_refused_total{why=\"address busy\"}"), Some(1.0));
    server.gate.add_permits(2);
    for stream in &mut busy {
        assert!(answer(stream).await.ends_with("waited"));
    }
    assert!(server.get("/").await.ends_with("hello"));
    server.stop().await;
}

/// `PALISADE_TEST_IDLE=9000` for more; both ends of each connection are files of this process.
#[tokio::test(flavor = "multi_thread")]
async fn many_idle_connections_leave_others_served() {
    let count: usize = std::env::var("PALISADE_TEST_IDLE").map_or(2000, |text| text.parse().unwrap());
    assert!(
        open_files() > 2 * u64::try_from(count).unwrap() + 100,
        "too few open files are allowed for this test"
    );
    let limits = Limits { connections: 20_000, per_address: 20_000, head: PATIENCE * 20, ..Limits::default() };
    let server = Running::start(limits).await;
    let before = server.figure("palisade_process_resident_memory_bytes").unwrap();
    // One session for all of them: the handshake is not what is tested here.
    let config = Arc::new(server.client_config("http/1.1"));
    let mut idle = Vec::new();
    for _ in 0..count {
        idle.push(server.connect_with(Arc::clone(&config)).await.unwrap());
    }
    assert_eq!(server.figure("palisade_connections_open"), Some(count as f64));
    let each = (server.figure("palisade_process_resident_memory_bytes").unwrap() - before) / count as f64;
    let began = Instant::now();
    for _ in 0..20 {
        assert!(server.get("/").await.ends_with("hello"));
    }
    let took = began.elapsed() / 20;
    println!("{count} idle connections: {each:.0} bytes each with both ends, a new one served in {took:?}");
    assert!(took < 250 * MILLIS, "{took:?}");
    assert!(each < 150_000.0, "{each} bytes a connection with both ends");
    let began = Instant::now();
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(10));
}
