//! What every answer carries, who a request is from, what is counted.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_of_safety() {
    let server = Running::start(Limits::default()).await;
    let foreign = server.ask("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").await;
    let crossed = "POST /read HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for (text, status) in [
        (server.get("/").await, "200"),
        (server.get("/none").await, "404"),
        (server.get("/read").await, "405"),
        (server.get("/panic").await, "500"),
        (foreign, "421"),
        (server.ask(crossed).await, "403"),
    ] {
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{text}");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n",
            "strict-transport-security: max-age=63072000\r\n",
            "x-content-type-options: nosniff\r\n",
            "referrer-policy: no-referrer\r\n",
            "cross-origin-opener-policy: same-origin\r\n",
            "cross-origin-resource-policy: same-origin\r\n",
            "publickey-credentials-get=(self)",
            "cache-control: no-store\r\n",
            "x-request-id: ",
        ] {
            assert!(text.contains(header), "{header} is missing in {text}");
        }
        assert!(!text.contains("secret of the inside"), "{text}");
    }
    let asset = server.get("/asset").await;
    assert!(
        asset.contains("cache-control: max-age=60\r\n")
            && !asset.contains("no-store")
            && !asset.contains("\r\nserver:"),
        "{asset}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_has_an_id_of_its_own_that_no_client_chooses() {
    let server = Running::start(Limits::default()).await;
    let ask = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: mine\r\nConnection: close\r\n\r\n";
    let id = |text: String| {
        text.lines().find_map(|line| line.strip_prefix("x-request-id: ").map(str::to_owned)).unwrap()
    };
    let (one, two) = (id(server.ask(ask).await), id(server.ask(ask).await));
    assert!(one != two && one.len() == 16 && one != "mine");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_who_it_is_unless_a_trusted_proxy_says_otherwise() {
    let spoof = |value: &str| {
        format!(
            "GET /client HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {value}\r\nForwarded: for={value}\r\nConnection: close\r\n\r\n"
        )
    };
    let server = Running::start(Limits::default()).await;
    for value in ["192.0.2.7", "10.0.0.1, 192.0.2.7", "::1", "junk"] {
        let text = server.ask(&spoof(value)).await;
        assert!(text.ends_with("\r\n\r\n127.0.0.1/32"), "{text}");
    }
    server.stop().await;

    let proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()], ForwardedBy::XForwardedFor);
    let server = Running::behind(Limits::default(), proxies).await;
    for (value, key) in [
        ("203.0.113.9, 192.0.2.7", "192.0.2.7/32"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("junk", "127.0.0.1/32"),
    ] {
        let text = server.ask(&spoof(value)).await;
        assert!(text.ends_with(&format!("\r\n\r\n{key}")), "{text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_http_are_spoken() {
    let server = Running::start(Limits::default()).await;
    let url = |path: &str| format!("https://localhost:{}{path}", server.address.port());
    for (version, said) in [("--http1.1", "1.1 200 hello"), ("--http2", "2 200 hello")] {
        let args = [
            "-sS",
            version,
            "--cacert",
            &server.ca_file(),
            "-w",
            "%{stderr}%{http_version} %{http_code} ",
            &url("/"),
        ];
        let text = program("curl", args.iter().map(ToString::to_string).collect()).await;
        assert!(text.contains("hello") && said.split(' ').all(|part| text.contains(part)), "{version}: {text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_requests_are_counted_by_route_template() {
    let server = Running::start(Limits::default()).await;
    server.get("/item/17").await;
    server.get("/item/18").await;
    server.get("/a/secret/address").await;
    until(|| server.figure("palisade_connections_open") == Some(0.0)).await;
    assert_eq!(server.figure("palisade_connections_accepted_total"), Some(3.0));
    assert_eq!(
        server.figure("palisade_requests_total{route=\"/item/{id}\",method=\"GET\",class=\"2xx\"}"),
        Some(2.0)
    );
    assert_eq!(
        server.figure("palisade_requests_total{route=\"unmatched\",method=\"GET\",class=\"4xx\"}"),
        Some(1.0)
    );
    assert_eq!(server.figure("palisade_request_seconds_count{route=\"/item/{id}\"}"), Some(2.0));
    let text = server.metrics.text().unwrap();
    assert!(!text.contains("secret") && text.contains("palisade_build_info{version=\"1.2.3\"} 1"), "{text}");
    assert!(server.figure("palisade_process_resident_memory_bytes").unwrap() > 1e6, "{text}");
    assert!(server.figure("palisade_process_open_files").unwrap() > 5.0, "{text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_served_on_loopback_only_and_to_loopback_names_only() {
    let error = Listener::bind_loopback("0.0.0.0:0".parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("0.0.0.0:0 is not a loopback address"), "{error}");
    let listener = Listener::bind_loopback("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = Listener::bind(listener.address()).unwrap_err().to_string();
    assert!(error.contains("another program listens there"), "{error}");
    let address = listener.address();
    let ready = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let asked = Arc::clone(&ready);
    let readiness: Readiness = Arc::new(move || {
        let is_ready = asked.load(std::sync::atomic::Ordering::Relaxed);
        if is_ready { Ok(()) } else { Err("the store does not answer\n".into()) }
    });
    let metrics = Metrics::new("1.2.3");
    let shutdown = CancellationToken::new();
    let server = Server {
        router: observation_routes(metrics.clone(), readiness),
        transport: Transport::Plain,
        limits: Limits::default(),
        proxies: TrustedProxies::default(),
        metrics,
    };
    let task = tokio::spawn(server.run(listener, shutdown.clone()));
    let fetch = async |path: &str, host: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        ask(&mut stream, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
    };
    assert!(fetch("/livez", "127.0.0.1:1").await.ends_with("alive\n"));
    let text = fetch("/readyz", "localhost").await;
    assert!(text.starts_with("HTTP/1.1 503") && text.ends_with("the store does not answer\\n\n"), "{text}");
    ready.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(fetch("/readyz", "[::1]").await.ends_with("ready\n"));
    let text = fetch("/metrics", "localhost").await;
    assert!(text.contains("content-type: application/openmetrics-text") && text.ends_with("# EOF\n"), "{text}");
    assert!(fetch("/metrics", "rebound.example").await.starts_with("HTTP/1.1 421"));
    assert!(fetch("/", "localhost").await.starts_with("HTTP/1.1 404"));
    shutdown.cancel();
    assert_eq!(soon(task).await.unwrap().unwrap(), Ended { cut: 0 });
}
