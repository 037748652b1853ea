//! TLS servers, good, bad and strange.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::{Nginx, Server, free_port, self_signed};

use super::{look, machine, read};

fn with_certificate(config: &str, certificate: &str) -> Nginx {
    let config = format!("ssl_certificate {{dir}}/own.pem; ssl_certificate_key {{dir}}/own.key;\n{config}");
    Nginx::start(true, &config, |dir| {
        self_signed(dir, "own", certificate);
        std::fs::write(dir.join("www/index.html"), "<title>Plant</title>").unwrap();
    })
}

/// Accepted suites as `protocol name`.
fn suites(server: &Value) -> BTreeSet<String> {
    let suite = |suite: &Value| format!("{} {}", suite["protocol"], suite["name"]).replace('"', "");
    server["suites"].as_array().unwrap().iter().map(suite).collect()
}

#[test]
fn a_well_kept_server_is_seen_as_such() {
    let nginx = with_certificate(
        "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM; ssl_prefer_server_ciphers on;",
        "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -days 60",
    );
    let section = look(443, "nginx", nginx.address());
    let server = &section["tls"][0];
    assert_eq!(
        server["offers"],
        json!({"ssl2_0": false, "ssl3_0": false, "tls1_0": false, "tls1_1": false, "tls1_2": true, "tls1_3": true})
    );
    let names = suites(server);
    assert!(names.contains("TLS 1.3 TLS_AES_256_GCM_SHA384"), "{names:?}");
    assert!(names.contains("TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"), "{names:?}");
    assert_eq!(names.len(), 5, "{names:?}");
    for suite in server["suites"].as_array().unwrap() {
        assert_eq!((&suite["forward_secret"], &suite["authenticated"]), (&json!(true), &json!(true)));
    }
    assert_eq!(server["prefers_own_order"], true);
    assert_eq!(server["secure_renegotiation"], true);
    assert_eq!(server["compression"], false);
    assert_eq!(server["refuses_fallback"], true);
    assert_eq!(server["ocsp_stapling"], false);
    assert_eq!(server["asks_client_certificate"], false);
    assert!(server["groups"].as_array().unwrap().contains(&json!("x25519")));
    assert_eq!(server["dh_bits"], Value::Null);
    let own = &server["certificate"];
    assert_eq!((&own["key_algorithm"], &own["key_bits"]), (&json!("EC"), &json!(256)));
    assert_eq!(own["names"], json!(["localhost", "127.0.0.1"]));
    assert_eq!((&own["self_signed"], &own["lifetime_days"]), (&json!(true), &json!(60)));
    assert_eq!(
        (&own["weak_signature"], &own["signature_algorithm"]),
        (&json!(false), &json!("ecdsa-with-SHA256"))
    );
    assert_eq!(server["chain"]["trusted"], false);
    assert_eq!(section["http"][0]["tls"], true);
    assert_eq!(section["http"][0]["status"], 200);
    assert_eq!(section["http"][0]["source"], "https 127.0.0.1:443");
}

#[test]
fn a_server_that_likes_chacha20_best_has_an_order_of_its_own() {
    let nginx = with_certificate(
        "ssl_protocols TLSv1.2; ssl_prefer_server_ciphers on;
         ssl_ciphers ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384;",
        "-newkey rsa:2048 -sha256 -days 30",
    );
    let section = look(443, "nginx", nginx.address());
    let server = &section["tls"][0];
    assert_eq!(server["suites"].as_array().unwrap().len(), 3);
    assert_eq!(server["prefers_own_order"], true);
}

#[test]
fn a_server_with_everything_switched_on_accepts_what_sslscan_finds() {
    let nginx = with_certificate(
        "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;",
        "-newkey rsa:2048 -sha256 -days 30",
    );
    let section = look(8443, "nginx", nginx.address());
    let server = &section["tls"][0];
    assert_eq!(
        server["offers"],
        json!({"ssl2_0": false, "ssl3_0": false, "tls1_0": true, "tls1_1": true, "tls1_2": true, "tls1_3": true})
    );
    assert_eq!(server["prefers_own_order"], false);
    assert_eq!(suites(server).len(), sslscan(nginx.address()));
}

#[test]
fn a_server_with_weak_suites_accepts_what_sslscan_finds() {
    let directory = tempfile::tempdir().unwrap();
    let made = self_signed(directory.path(), "own", "-newkey rsa:2048 -sha1 -days 800");
    let port = free_port();
    let (certificate, key) = (made.certificate.display().to_string(), made.key.display().to_string());
    let accept = format!("127.0.0.1:{port}");
    let server = Server::start(
        "/usr/bin/openssl",
        &[
            "s_server",
            "-accept",
            &accept,
            "-cert",
            &certificate,
            "-key",
            &key,
            "-cipher",
            "ALL:eNULL:aNULL:@SECLEVEL=0",
            "-www",
        ],
        port,
    );
    let section = look(4433, "openssl", server.address);
    let seen = &section["tls"][0];
    let weak = |name: &str| {
        seen["suites"]
            .as_array()
            .unwrap()
            .iter()
            .any(|s| s["weaknesses"].as_array().unwrap().contains(&json!(name)))
    };
    assert!(weak("null") && weak("anonymous") && weak("cbc-sha1") && weak("static-key"));
    assert!(!weak("rc4"));
    assert_eq!(seen["certificate"]["weak_signature"], true);
    assert_eq!(seen["certificate"]["key_bits"], 2048);
    assert_eq!(seen["certificate"]["lifetime_days"], 800);
    assert!(seen["dh_bits"].as_u64().unwrap() >= 1024);
    assert_eq!(seen["extended_master_secret"], true);
    assert_eq!(suites(seen).len(), sslscan(server.address));
}

/// How many pairs of version and suite sslscan finds.
fn sslscan(address: SocketAddr) -> usize {
    let output = Command::new("/usr/bin/sslscan")
        .args(["--no-colour", "--no-certificate", "--no-heartbleed", "--no-groups", "--no-renegotiation"])
        .arg(address.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let count = text
        .lines()
        .filter(|line| ["Accepted", "Preferred"].iter().any(|word| line.trim_start().starts_with(word)))
        .count();
    assert!(count > 0, "{text}");
    count
}

#[test]
fn old_versions_alone_still_show_their_certificate() {
    let nginx = with_certificate(
        "ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;",
        "-newkey rsa:2048 -sha256 -days 30",
    );
    let (section, reasons) = read(machine(&[(443, "nginx", nginx.address())]));
    let server = &section["tls"][0];
    assert_eq!(server["offers"]["tls1_0"], true);
    assert_eq!(server["offers"]["tls1_2"], false);
    assert_eq!(server["certificate"]["key_bits"], 2048);
    assert_eq!(server["refuses_fallback"], true);
    assert_eq!(section["http"], json!([]));
    // What it speaks inside is not known: no handshake of ours gets that far.
    assert_eq!(section["sockets"][0].get("speaks_http"), None);
    assert!(reasons.iter().any(|reason| reason.starts_with("endpoints.http[0]: ")), "{reasons:?}");
}

/// nginx with a certificate of an authority whose key is on that curve; the authority's PEM.
fn with_authority(curve: &str) -> (Nginx, String) {
    let bundle = std::sync::Mutex::new(String::new());
    let config = "ssl_certificate {dir}/own.pem; ssl_certificate_key {dir}/own.key;";
    let nginx = Nginx::start(true, config, |dir| {
        let run = |args: &str| {
            let done = Command::new("/usr/bin/openssl")
                .args(args.split_whitespace())
                .current_dir(dir)
                .output()
                .unwrap();
            assert!(done.status.success(), "{args}: {}", String::from_utf8_lossy(&done.stderr));
        };
        run(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:{curve} -nodes -subj /CN=Root -keyout ca.key \
             -out ca.pem -addext keyUsage=critical,keyCertSign -days 30"
        ));
        run(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=own -keyout own.key -out own.csr",
        );
        std::fs::write(dir.join("ext"), "subjectAltName=DNS:plant.example\nbasicConstraints=CA:FALSE\n")
            .unwrap();
        run(
            "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 20 -extfile ext -out leaf.pem",
        );
        let (leaf, root) = (dir.join("leaf.pem"), dir.join("ca.pem"));
        let chain = std::fs::read_to_string(leaf).unwrap() + &std::fs::read_to_string(&root).unwrap();
        std::fs::write(dir.join("own.pem"), chain).unwrap();
        *bundle.lock().unwrap() = std::fs::read_to_string(root).unwrap();
    });
    (nginx, bundle.into_inner().unwrap())
}

#[test]
fn a_chain_is_trusted_when_the_host_trusts_its_authority() {
    let (nginx, bundle) = with_authority("P-256");
    let machine =
        machine(&[(443, "nginx", nginx.address())]).file("/etc/ssl/certs/ca-certificates.crt", bundle);
    let (section, reasons) = read(machine);
    println!("{section:#} {reasons:#?}");
    let chain = &section["tls"][0]["chain"];
    assert_eq!(chain["trusted"], true);
    assert_eq!(chain["problem"], Value::Null);
    assert_eq!(chain["ordered"], true);
    assert_eq!(chain["certificates"].as_array().unwrap().len(), 2);
    assert_eq!(chain["certificates"][1]["authority"], true);
    assert_eq!(section["tls"][0]["certificate"]["self_signed"], false);
}

#[test]
fn a_signature_that_cannot_be_verified_is_not_taken_for_a_wrong_one() {
    let (nginx, bundle) = with_authority("P-521");
    let machine =
        machine(&[(443, "nginx", nginx.address())]).file("/etc/ssl/certs/ca-certificates.crt", bundle);
    let (section, reasons) = read(machine);
    assert_eq!(section["tls"][0]["chain"]["complete"], true);
    assert_eq!(section["tls"][0]["chain"].get("trusted"), None);
    assert!(reasons.iter().any(|reason| reason.contains("cannot verify")), "{reasons:?}");
}

#[test]
fn a_server_that_wants_client_certificates_is_seen() {
    let nginx = with_certificate(
        "ssl_client_certificate {dir}/own.pem; ssl_verify_client on;",
        "-newkey rsa:2048 -sha256 -days 30",
    );
    let section = look(443, "nginx", nginx.address());
    assert_eq!(section["tls"][0]["asks_client_certificate"], true);
}

#[test]
fn ssl_3_is_found_where_it_is_spoken() {
    // No OpenSSL of today speaks it: a script answers every hello of version 3.0 and refuses all others.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut hello = [0; 4096];
            let count = stream.read(&mut hello).unwrap_or(0);
            let hello = &hello[..count];
            let wants_rc4 = hello.windows(2).any(|pair| pair == [0x00, 0x05]);
            let answer: Vec<u8> = if count > 11 && hello[9..11] == [3, 0] && wants_rc4 {
                let mut body = vec![3, 0];
                body.extend([7; 32]);
                body.extend([0, 0, 5, 0]);
                let mut record = vec![22, 3, 0, 0, 42, 2, 0, 0, 38];
                record.extend(body);
                record
            } else {
                vec![21, 3, 0, 0, 2, 2, 40]
            };
            drop(stream.write_all(&answer));
        }
    });
    let section = look(443, "old", address);
    let server = &section["tls"][0];
    assert_eq!(server["offers"]["ssl3_0"], true);
    assert_eq!(server["offers"]["tls1_0"], false);
    assert!(suites(server).contains("SSL 3.0 TLS_RSA_WITH_RC4_128_SHA"));
    assert_eq!(server.get("certificate"), None);
}

#[test]
fn ssl_2_is_found_where_it_is_spoken() {
    // A script answers the hello of SSL 2.0, in two pieces, and refuses all others.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut hello = [0; 4096];
            let count = stream.read(&mut hello).unwrap_or(0);
            // A header of two bytes, CLIENT-HELLO, version 2.
            if count > 5 && hello[0] & 0x80 != 0 && hello[2..5] == [1, 0, 2] {
                // SERVER-HELLO: a certificate of four bytes, one cipher (RC4), a connection of sixteen.
                let mut answer = vec![0x80, 34, 4, 0, 1, 0, 2, 0, 4, 0, 3, 0, 16, 0x30, 2, 5, 0, 1, 0, 0x80];
                answer.extend([7; 16]);
                let (first, rest) = answer.split_at(4);
                drop(stream.write_all(first));
                thread::sleep(Duration::from_millis(50));
                drop(stream.write_all(rest));
            } else {
                drop(stream.write_all(&[21, 3, 1, 0, 2, 2, 40]));
            }
        }
    });
    let section = look(443, "old", address);
    let named = super::named::ask(&format!("tls://{address}"));
    for server in [&section["tls"][0], &named["tls"][0]] {
        assert_eq!(server["offers"]["ssl2_0"], true);
        // It refuses everybody else, and may have another reason than the version.
        assert_eq!(server["offers"].get("tls1_2"), None);
    }
    assert_eq!(named["sockets"][0]["as_named"], true);
}
