//! Servers on the network, as a person names them.

use std::net::TcpListener;

use test_support::{Mosquitto, Nginx, free_port, self_signed};

use crate::support::{Folder, palisade};

fn site() -> Nginx {
    let config =
        "ssl_certificate {dir}/own.pem; ssl_certificate_key {dir}/own.key; ssl_protocols TLSv1.1 TLSv1.2;
                  ssl_ciphers ALL:@SECLEVEL=0;";
    Nginx::start(true, config, |dir| {
        self_signed(dir, "own", "-newkey rsa:2048 -sha256 -days 30");
        std::fs::write(dir.join("www/index.html"), "<title>Plant</title>").unwrap();
    })
}

#[test]
fn a_web_server_is_audited_by_its_address() {
    let nginx = site();
    let target = format!("https://localhost:{}", nginx.address().port());
    let ran = palisade(&["audit", &target, "--format", "json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let report = ran.json();
    assert_eq!(report["target"]["kind"], "endpoint");
    assert_eq!(report["target"]["name"], target);
    let findings = report["findings"].as_array().unwrap();
    let verdict = |rule: &str| {
        let found = findings.iter().find(|finding| finding["rule"] == rule);
        found.map(|finding| finding["verdict"].as_str().unwrap().to_owned())
    };
    assert_eq!(verdict("tls.tls-1-1-refused").as_deref(), Some("fail"));
    assert_eq!(verdict("tls.certificate-for-named-host").as_deref(), Some("pass"));
    assert_eq!(verdict("tls.certificate-for-this-host").as_deref(), Some("not_applicable"));
    assert_eq!(verdict("http.reachable-sites-declared").as_deref(), Some("not_applicable"));
    assert_eq!(verdict("endpoints.speaks-as-named").as_deref(), Some("pass"));
    // Nothing of a host is decided, and nothing that only a host can mend is offered.
    assert_eq!(verdict("ssh.password-login-off"), None);
    assert!(findings.iter().all(|finding| finding["fix"].is_null()));
    assert!(!findings.iter().any(|finding| finding["verdict"] == "unknown"), "{report:#}");
}

#[test]
fn a_server_that_cannot_be_reached_names_itself_and_harms_no_other() {
    let nginx = site();
    let (gone, there) = (
        format!("opc.tcp://127.0.0.1:{}", free_port()),
        format!("https://localhost:{}", nginx.address().port()),
    );
    let ran = palisade(&["audit", &gone]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains(&gone) && ran.err.contains("does the server run"), "{}", ran.err);
    let ran = palisade(&["audit", "mqtts://no-such-host.invalid"]);
    assert!(ran.err.contains("spelt right"), "{}", ran.err);
    let ran = palisade(&["audit", &gone, &there, "--format", "json"]);
    let fleet = ran.json();
    assert!(fleet["targets"][0]["error"].as_str().unwrap().contains("does the server run"), "{fleet:#}");
    assert_eq!(fleet["targets"][1]["report"]["target"]["name"], there);
}

#[test]
fn passwords_stay_where_they_belong() {
    let folder = Folder::new();
    let broker = Mosquitto::start("allow_anonymous false\npassword_file {dir}/passwords", |dir| {
        Mosquitto::password(dir, "plant", "geheim");
    });
    folder.file("password", "geheim\n");
    let credentials = folder.file("credentials.yaml", "user: plant\npassword_file: password\n");
    let target = format!("mqtt://127.0.0.1:{}", broker.address().port());
    let ran = palisade(&["audit", &target, "--credentials", &credentials]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("mqtts://"), "{}", ran.err);
    let ran = palisade(&["audit", "https://plant:geheim@localhost"]);
    assert!(ran.err.contains("--credentials"), "{}", ran.err);
    let ran = palisade(&["audit", &target, "--format", "json"]);
    let anonymous = "mqtt.no-anonymous-clients";
    let findings = ran.json()["findings"].clone();
    let found = findings.as_array().unwrap().iter().find(|finding| finding["rule"] == anonymous).cloned();
    assert_eq!(found.unwrap()["verdict"], "pass");
}

#[test]
fn a_file_that_holds_no_certificate_is_refused_before_anything_is_asked() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    folder.file("ca.pem", "not a certificate\n");
    let credentials = folder.file("credentials.yaml", "ca: ca.pem\n");
    let target = format!("tls://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let ran = palisade(&["audit", &target, "--credentials", &credentials]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("ca.pem holds no certificate"), "{}", ran.err);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err());
}
