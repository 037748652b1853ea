//! TLS as scanners and other programs see it.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn sslscan_finds_current_versions_and_strong_suites_only() {
    let server = Running::start(Limits::default()).await;
    let args = ["--no-colour", "--show-certificate", &server.address.to_string()];
    let text = program("sslscan", args.iter().map(ToString::to_string).collect()).await;
    for line in [
        "SSLv2     disabled",
        "SSLv3     disabled",
        "TLSv1.0   disabled",
        "TLSv1.1   disabled",
        "TLSv1.2   enabled",
        "TLSv1.3   enabled",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    let suites: Vec<&str> =
        text.lines().filter(|line| line.starts_with("Accepted") || line.starts_with("Preferred")).collect();
    assert!(suites.len() >= 6, "{text}");
    for suite in suites {
        let strong =
            suite.contains("TLS_AES_") || suite.contains("TLS_CHACHA20_") || suite.contains("ECDHE-ECDSA-");
        assert!(strong && (suite.contains("GCM") || suite.contains("CHACHA20")), "{suite}");
    }
    for line in [
        "Session renegotiation not supported",
        "not vulnerable to heartbleed",
        "Server supports TLS Fallback SCSV",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_before_1_2_are_refused() {
    let server = Running::start(Limits::default()).await;
    for (version, good) in [("-tls1_1", false), ("-tls1", false), ("-tls1_2", true), ("-tls1_3", true)] {
        let args = [
            "s_client",
            "-connect",
            &server.address.to_string(),
            version,
            "-cipher",
            "ALL:@SECLEVEL=0",
            "-CAfile",
            &server.ca_file(),
        ];
        let text = program("openssl", args.iter().map(ToString::to_string).collect()).await;
        assert_eq!(
            text.contains("Verify return code: 0 (ok)") && !text.contains("Cipher is (NONE)"),
            good,
            "{version}: {text}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tickets_before_1_3_and_no_early_data() {
    let server = Running::start(Limits::default()).await;
    let address = server.address.to_string();
    let text = program(
        "openssl",
        ["s_client", "-connect", &address, "-tls1_2"].iter().map(ToString::to_string).collect(),
    )
    .await;
    assert!(!text.contains("TLS session ticket"), "{text}");
    assert!(
        text.contains("Extended master secret: yes") && text.contains("Secure Renegotiation IS supported"),
        "{text}"
    );
    let text = program(
        "openssl",
        ["s_client", "-connect", &address, "-tls1_3"].iter().map(ToString::to_string).collect(),
    )
    .await;
    assert!(!text.contains("Max Early Data: 1"), "{text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_told_to_speak_https() {
    let server = Running::start(Limits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let text = ask(&mut stream, "GET /?password=x HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(
        text.starts_with("HTTP/1.1 400 Bad Request\r\n") && text.contains("write https:// instead of http://"),
        "{text}"
    );
    assert!(!text.to_lowercase().contains("location:"), "{text}");
    let url = format!("http://localhost:{}/", server.address.port());
    let text = program("curl", vec!["-sS".into(), url]).await;
    assert!(text.contains("speaks HTTPS only"), "{text}");
    until(|| server.figure("palisade_handshakes_failed_total{why=\"plain HTTP\"}") == Some(2.0)).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_instead_of_tls_ends_the_connection() {
    let server = Running::start(Limits::default()).await;
    for noise in [&[0x16, 0x03, 0x01, 0xff, 0xff][..], &[0x16; 70_000], &[0; 10], b"\x80\x2e\x01\x00\x02"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // The other side may have hung up before all of it is sent.
        stream.write_all(noise).await.ok();
        stream.shutdown().await.ok();
        rest(&mut stream).await;
    }
    assert!(server.get("/").await.ends_with("hello"));
    server.stop().await;
}
