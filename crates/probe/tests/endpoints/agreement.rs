//! Our verdicts beside those of sslscan, testssl.sh and ssh-audit on the same servers. A difference that `docs/agreement.md` does not
//! explain fails.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};
use test_support::{Nginx, Server, free_port, self_signed};
use tls_parser::TlsCipherSuite;

use super::named::ask;

/// What ssh-audit finds fault with and we do not. Each stands with its reason in `docs/agreement.md`.
const NOT_WEAK_TO_US: &[&str] = &[
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "ecdsa-sha2-nistp256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "kex-strict-s-v00@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "rsa-sha2-256",
    "rsa-sha2-512",
];

/// What we find fault with and ssh-audit does not.
const NOT_WEAK_TO_THEM: &[&str] = &[];

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/agreement.md")).unwrap()
}

#[test]
fn every_difference_is_explained_on_the_page() {
    let page = page();
    for name in NOT_WEAK_TO_US.iter().chain(NOT_WEAK_TO_THEM) {
        assert!(page.contains(&format!("`{name}`")), "docs/agreement.md does not explain {name}");
    }
}

/// The values of an attribute of every element of that name.
fn attributes(xml: &str, element: &str, wanted: &[(&str, &str)], attribute: &str) -> BTreeSet<String> {
    let value = |tag: &str, name: &str| {
        tag.split_once(&format!(" {name}=\"")).and_then(|(_, rest)| rest.split('"').next()).map(str::to_owned)
    };
    xml.split('<')
        .filter(|tag| tag.starts_with(&format!("{element} ")))
        .filter(|tag| wanted.iter().all(|(name, wanted)| value(tag, name).as_deref() == Some(wanted)))
        .filter_map(|tag| value(tag, attribute))
        .collect()
}

fn sslscan(address: SocketAddr) -> String {
    let output = Command::new("/usr/bin/sslscan")
        .args(["--xml=-", "--no-heartbleed", &address.to_string()])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn compare_tls(address: SocketAddr) {
    let theirs = sslscan(address);
    let section = ask(&format!("tls://{address}"));
    let ours = &section["tls"][0];
    for (fact, kind, version) in [
        ("ssl2_0", "ssl", "2"),
        ("ssl3_0", "ssl", "3"),
        ("tls1_0", "tls", "1.0"),
        ("tls1_1", "tls", "1.1"),
        ("tls1_2", "tls", "1.2"),
        ("tls1_3", "tls", "1.3"),
    ] {
        let enabled = attributes(&theirs, "protocol", &[("type", kind), ("version", version)], "enabled");
        assert_eq!(ours["offers"][fact], json!(enabled.contains("1")), "{kind} {version}");
        let name = format!("{} {version}", kind.to_ascii_uppercase());
        let mine: BTreeSet<String> = ours["suites"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|suite| suite["protocol"] == name)
            .map(|suite| {
                let known = TlsCipherSuite::from_name(suite["name"].as_str().unwrap()).unwrap();
                format!("{:#06X}", known.id.0).replace("0X", "0x")
            })
            .collect();
        let spoken = format!("TLSv{version}");
        assert_eq!(mine, attributes(&theirs, "cipher", &[("sslversion", &spoken)], "id"), "{name}");
    }
    let groups: BTreeSet<String> = attributes(&theirs, "group", &[], "name")
        .iter()
        .map(|name| name.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    let mine: BTreeSet<String> = ours["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|group| group.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(mine, groups, "{theirs}");
    let bits = attributes(&theirs, "pk", &[], "bits");
    let own = &ours["certificate"];
    // Of a curve it tells the strength, which is half of the size.
    let half = if own["key_algorithm"] == "EC" { 2 } else { 1 };
    assert!(bits.contains(&(own["key_bits"].as_u64().unwrap() / half).to_string()), "{bits:?}");
    let signature = theirs.split_once("<signature-algorithm>").and_then(|(_, rest)| rest.split('<').next());
    assert_eq!(ours["certificate"]["signature_algorithm"].as_str(), signature);
    if let Some(supported) = attributes(&theirs, "fallback", &[], "supported").first() {
        assert_eq!(ours["refuses_fallback"], json!(supported == "1"));
    }
    if let Some(supported) = attributes(&theirs, "compression", &[], "supported").first() {
        assert_eq!(ours["compression"], json!(supported == "1"));
    }
}

#[test]
fn nginx_as_it_should_be_and_with_everything_on() {
    for config in [
        "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20; ssl_ecdh_curve X25519:prime256v1;",
        "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;",
        "ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;",
    ] {
        let config = format!("ssl_certificate {{dir}}/own.pem; ssl_certificate_key {{dir}}/own.key; {config}");
        let nginx = Nginx::start(true, &config, |dir| {
            self_signed(dir, "own", "-newkey rsa:2048 -sha256 -days 30");
        });
        compare_tls(nginx.address());
    }
}

#[test]
fn openssl_with_weak_suites_and_a_key_on_a_curve() {
    let directory = tempfile::tempdir().unwrap();
    for (name, key, ciphers) in [
        ("rsa", "-newkey rsa:2048 -sha256 -days 30", "ALL:eNULL:aNULL:@SECLEVEL=0"),
        ("curve", "-newkey ec -pkeyopt ec_paramgen_curve:P-384 -sha384 -days 30", "DEFAULT"),
    ] {
        let made = self_signed(directory.path(), name, key);
        let port = free_port();
        let (certificate, key) = (made.certificate.display().to_string(), made.key.display().to_string());
        let accept = format!("127.0.0.1:{port}");
        let server = Server::start(
            "/usr/bin/openssl",
            &["s_server", "-accept", &accept, "-cert", &certificate, "-key", &key, "-cipher", ciphers, "-www"],
            port,
        );
        compare_tls(server.address);
    }
}

/// What testssl.sh finds of versions and of what a server shows by default: each finding by its name.
fn testssl(address: SocketAddr) -> BTreeMap<String, String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("findings.json");
    let output = Command::new("/usr/bin/testssl")
        .args(["--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "-p", "-S", "--jsonfile"])
        .arg(&file)
        .arg(address.to_string())
        // It tells times as the zone has them.
        .env("TZ", "UTC")
        .output()
        .unwrap();
    let findings: Vec<Value> = std::fs::read_to_string(&file)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_else(|| panic!("testssl.sh: {}", String::from_utf8_lossy(&output.stdout)));
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings.iter().map(|finding| (text(finding, "id"), text(finding, "finding"))).collect()
}

fn compare_with_testssl(config: &str, certificate: &str) {
    let config = format!("ssl_certificate {{dir}}/own.pem; ssl_certificate_key {{dir}}/own.key; {config}");
    let nginx = Nginx::start(true, &config, |dir| {
        self_signed(dir, "own", certificate);
    });
    let theirs = testssl(nginx.address());
    let section = ask(&format!("tls://{}", nginx.address()));
    let ours = &section["tls"][0];
    let (own, chain) = (&ours["certificate"], &ours["chain"]);
    for (fact, finding, yes) in [
        (&ours["offers"]["ssl2_0"], "SSLv2", "offered"),
        (&ours["offers"]["ssl3_0"], "SSLv3", "offered"),
        (&ours["offers"]["tls1_0"], "TLS1", "offered"),
        (&ours["offers"]["tls1_1"], "TLS1_1", "offered"),
        (&ours["offers"]["tls1_2"], "TLS1_2", "offered"),
        (&ours["offers"]["tls1_3"], "TLS1_3", "offered"),
        (&ours["session_tickets"], "sessionresumption_ticket", "supported"),
        (&ours["resumes_by_id"], "sessionresumption_ID", "supported"),
        (&ours["ocsp_stapling"], "OCSP_stapling", "offered"),
        (&ours["name_matches"], "cert_trust", "Ok"),
        (&chain["trusted"], "cert_chain_of_trust", "passed"),
        (&chain["ordered"], "certs_list_ordering_problem", "no"),
    ] {
        assert_eq!(fact, &json!(theirs[finding].starts_with(yes)), "{finding}: {}", theirs[finding]);
    }
    if let Some(seconds) = ours["ticket_lifetime_seconds"].as_u64() {
        assert!(
            theirs["TLS_session_ticket"].starts_with(&format!("valid for {seconds} seconds")),
            "{theirs:?}"
        );
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let words = |value: &Value| value.as_array().unwrap().iter().map(text).collect::<Vec<_>>().join(" ");
    let signature = match own["signature_algorithm"].as_str() {
        Some("sha1WithRSAEncryption") => "SHA1 with RSA",
        Some("sha256WithRSAEncryption") => "SHA256 with RSA",
        other => panic!("{other:?}"),
    };
    assert_eq!(theirs["cert_signatureAlgorithm"], signature);
    assert_eq!(theirs["cert_keySize"], format!("{} {} bits", text(&own["key_algorithm"]), own["key_bits"]));
    assert_eq!(theirs["cert_fingerprintSHA256"], text(&own["fingerprint"]).to_ascii_uppercase());
    assert_eq!(theirs["cert_notAfter"], text(&own["not_after"]).replace('T', " ")[..16]);
    assert_eq!(theirs["cert_subjectAltName"], words(&own["names"]));
    assert_eq!(theirs["certs_countServer"], chain["certificates"].as_array().unwrap().len().to_string());
    assert_eq!(theirs["ALPN"], words(&ours["alpn"]));
}

#[test]
fn testssl_finds_the_same_on_a_server_as_it_should_be() {
    compare_with_testssl(
        "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM; ssl_session_tickets off; ssl_session_cache off;",
        "-newkey rsa:2048 -sha256 -days 90",
    );
}

#[test]
fn testssl_finds_the_same_on_a_server_of_yesterday() {
    compare_with_testssl(
        "ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0; ssl_session_cache shared:a:1m;",
        "-newkey rsa:2048 -sha1 -days 800",
    );
}

/// Names of an SSH server's algorithms as ssh-audit lists them, without markers.
fn names(audit: &Value, list: &str) -> Vec<String> {
    let name = |one: &Value| one.as_str().or(one["algorithm"].as_str()).unwrap_or_default().to_owned();
    let listed = audit[list].as_array().unwrap().iter().map(name);
    listed.filter(|name| !name.starts_with("kex-strict-") && !name.starts_with("ext-info-")).collect()
}

#[test]
fn sshd_as_it_comes_and_with_old_algorithms() {
    let directory = tempfile::tempdir().unwrap();
    let mut lines = String::from("ListenAddress 127.0.0.1\nUsePAM no\nPidFile none\nRequiredRSASize 1024\n");
    for (kind, bits) in [("rsa", "1024"), ("ed25519", "256"), ("ecdsa", "256")] {
        let file = directory.path().join(kind).display().to_string();
        let made = Command::new("/usr/bin/ssh-keygen")
            .args(["-q", "-N", "", "-t", kind, "-b", bits, "-f", &file])
            .status()
            .unwrap();
        assert!(made.success());
        lines.push_str(&format!("HostKey {file}\n"));
    }
    std::fs::create_dir_all("/run/sshd").unwrap();
    let old = "KexAlgorithms +diffie-hellman-group14-sha1,diffie-hellman-group1-sha1,\
               diffie-hellman-group-exchange-sha1\nCiphers +aes128-cbc,3des-cbc\nMACs +hmac-md5,hmac-sha1-96\n\
               HostKeyAlgorithms +ssh-rsa\n";
    for (name, more) in [("plain", ""), ("old", old)] {
        let config = directory.path().join(name).display().to_string();
        std::fs::write(&config, format!("{lines}{more}")).unwrap();
        let port = free_port();
        let _sshd = Server::start("/usr/sbin/sshd", &["-D", "-f", &config, "-p", &port.to_string()], port);
        let port_text = port.to_string();
        let audit = |args: &[&str]| {
            let output = Command::new("/usr/bin/ssh-audit")
                .args(args)
                .args(["-p", &port_text, "127.0.0.1"])
                .output()
                .unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let theirs: Value = serde_json::from_str(&audit(&["-j"])).unwrap();
        let section = ask(&format!("ssh-server://127.0.0.1:{port}"));
        let ours = &section["ssh"][0];
        for (list, fact) in
            [("kex", "key_exchanges"), ("key", "host_keys"), ("enc", "ciphers"), ("mac", "macs")]
        {
            assert_eq!(ours[fact], json!(names(&theirs, list)), "{fact}");
        }
        for key in ours["keys"].as_array().unwrap() {
            let shown = key["fingerprint"].as_str().unwrap().trim_start_matches("SHA256:");
            let known = theirs["fingerprints"].as_array().unwrap();
            // It looks at no keys on NIST's curves.
            let looked = key["kind"].as_str().is_some_and(|kind| !kind.starts_with("ecdsa-"));
            assert!(!looked || known.iter().any(|one| one["hash"] == shown), "{key} {known:?}");
        }
        let sized = |list: &str, name: &str| {
            let all = theirs[list].as_array().unwrap();
            all.iter().find(|one| one["algorithm"] == name).map(|one| one["keysize"].clone())
        };
        assert_eq!(ours["keys"][0]["kind"], "ssh-rsa");
        assert_eq!(Some(ours["keys"][0]["bits"].clone()), sized("key", "rsa-sha2-512"));
        assert_eq!(Some(ours["dh_gex_bits"].clone()), sized("kex", "diffie-hellman-group-exchange-sha256"));
        // "(kex) NAME (2048-bit) -- [fail] why"
        let faulty: BTreeSet<String> = audit(&["--no-colors", "-b"])
            .lines()
            .filter(|line| {
                ["(kex)", "(key)", "(enc)", "(mac)"].iter().any(|list| line.starts_with(list))
                    && (line.contains("[fail]") || line.contains("[warn]"))
            })
            .filter_map(|line| line.split_whitespace().nth(1).map(str::to_owned))
            .collect();
        let weak: BTreeSet<String> = ["key_exchanges", "host_keys", "ciphers", "macs"]
            .iter()
            .flat_map(|list| ours["weak"][list].as_array().unwrap())
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        let theirs_only: Vec<_> =
            faulty.difference(&weak).filter(|name| !NOT_WEAK_TO_US.contains(&name.as_str())).collect();
        let ours_only: Vec<_> =
            weak.difference(&faulty).filter(|name| !NOT_WEAK_TO_THEM.contains(&name.as_str())).collect();
        assert_eq!((theirs_only, ours_only), (vec![], vec![]), "unexplained, with {name}");
    }
}
