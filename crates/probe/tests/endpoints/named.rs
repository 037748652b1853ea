//! Servers that are named, as on the command line: real ones, found by their names.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use host::{Address, Door, Local};
use model::Timestamp;
use model::report::{Target, TargetKind};
use probe::{ENDPOINT_PROBES, Login, NamedServer, Reached, Request, Server as Named, Subject, collect};
use serde_json::{Value, json};
use test_support::{Certificate, Machine, Nginx, Server, free_port, self_signed};

/// Section `endpoints` of a server that is named, and why parts of it are unreadable.
pub(super) fn ask_with(
    target: &str,
    authorities: Option<String>,
    login: Option<Login>,
) -> (Value, Vec<String>) {
    let door = Door::new(Arc::new(Local::new()));
    let reached = target.parse::<Named>().unwrap().reach(&door).unwrap();
    let named = NamedServer { reached, authorities: authorities.map(String::into_bytes), login };
    let request = Request {
        door: &door,
        target: Target { kind: TargetKind::Endpoint, name: target.to_owned(), id: String::new() },
        subject: Subject::Endpoint(Box::new(named)),
        now: Timestamp::UNIX_EPOCH,
        sections: &[],
        probes: ENDPOINT_PROBES,
    };
    let document = collect(&request, &mut |_| {});
    let reasons = document.unreadable.iter().map(|(path, reason)| format!("{path}: {reason}")).collect();
    (document.facts.get("endpoints").cloned().unwrap_or(Value::Null), reasons)
}

/// The same with what this machine trusts.
pub(super) fn ask(target: &str) -> Value {
    ask_with(target, None, None).0
}

fn localhost(scheme: &str, address: SocketAddr) -> String {
    format!("{scheme}://localhost:{}", address.port())
}

/// nginx with a chain made by `chain` from a root authority; the root's PEM.
fn with_chain(chain: impl Fn(&std::path::Path, &Certificate) -> String) -> (Nginx, String) {
    let root = std::sync::Mutex::new(String::new());
    let config = "ssl_certificate {dir}/chain.pem; ssl_certificate_key {dir}/own.key;";
    let nginx = Nginx::start(true, config, |dir| {
        let authority = Certificate::authority(dir, "root", None);
        *root.lock().unwrap() = authority.pem();
        std::fs::write(dir.join("chain.pem"), chain(dir, &authority)).unwrap();
        std::fs::write(dir.join("www/index.html"), "<title>Plant</title>").unwrap();
    });
    (nginx, root.into_inner().unwrap())
}

const KEY: &str = "-newkey rsa:2048";

#[test]
fn a_server_is_judged_by_the_name_and_the_authority_that_were_given() {
    let (nginx, root) = with_chain(|dir, root| {
        let middle = Certificate::authority(dir, "middle", Some(root));
        let own = middle.issue(
            dir,
            "own",
            KEY,
            20,
            "subjectAltName=DNS:localhost\ncrlDistributionPoints=URI:http://ca.example/crl\n\
             authorityInfoAccess=OCSP;URI:http://ca.example/ocsp,caIssuers;URI:http://ca.example/ca\n\
             tlsfeature=status_request",
        );
        own.pem() + &middle.pem()
    });
    let target = localhost("https", nginx.address());
    let (section, reasons) = ask_with(&target, Some(root), None);
    assert_eq!(reasons, Vec::<String>::new());
    let socket = &section["sockets"][0];
    assert_eq!(socket["name"], format!("localhost:{}", nginx.address().port()));
    assert_eq!((&socket["as_named"], &socket["encrypted"]), (&json!(true), &json!(true)));
    assert_eq!((&socket["place"]["named"], &socket["place"]["reachable"]), (&json!(true), &json!(true)));
    assert!(socket["resolved"].as_array().unwrap().contains(&json!("127.0.0.1")));
    let server = &section["tls"][0];
    assert_eq!((&server["server_name"], &server["name_matches"]), (&json!("localhost"), &json!(true)));
    let chain = &server["chain"];
    assert_eq!(
        (&chain["trusted"], &chain["complete"], &chain["ordered"]),
        (&json!(true), &json!(true), &json!(true))
    );
    let own = &server["certificate"];
    assert_eq!(own["crl_urls"], json!(["http://ca.example/crl"]));
    assert_eq!(own["ocsp_urls"], json!(["http://ca.example/ocsp"]));
    assert_eq!(own["must_staple"], true);
    assert_eq!(server["offers"]["ssl2_0"], false);
    assert_eq!(section["http"][0]["status"], 200);
    // By its address it is another name, and this machine does not know the authority.
    let elsewhere = ask(&format!("https://127.0.0.1:{}", nginx.address().port()));
    let server = &elsewhere["tls"][0];
    assert_eq!((&server["server_name"], &server["name_matches"]), (&Value::Null, &json!(false)));
    assert_eq!(server["chain"]["trusted"], false);
}

#[test]
fn a_chain_that_ends_early_is_told_from_one_of_an_unknown_authority() {
    let names = "subjectAltName=DNS:localhost";
    let (early, root) = with_chain(|dir, root| {
        let middle = Certificate::authority(dir, "middle", Some(root));
        middle.issue(dir, "own", KEY, 20, names).pem()
    });
    let (section, _) = ask_with(&localhost("tls", early.address()), Some(root), None);
    let chain = &section["tls"][0]["chain"];
    assert_eq!((&chain["trusted"], &chain["complete"]), (&json!(false), &json!(false)));
    assert!(chain["problem"].as_str().unwrap().contains("CN=middle is missing"), "{chain}");

    let (strange, _) = with_chain(|dir, root| root.issue(dir, "own", KEY, 20, names).pem() + &root.pem());
    let section = ask(&localhost("tls", strange.address()));
    let chain = &section["tls"][0]["chain"];
    assert_eq!((&chain["trusted"], &chain["complete"]), (&json!(false), &json!(true)));
    assert!(chain["problem"].as_str().unwrap().contains("no authority"), "{chain}");
    // Only TLS was named: nothing was asked in HTTP.
    assert_eq!(section["http"], json!([]));

    let (mixed, _) = with_chain(|dir, root| {
        let middle = Certificate::authority(dir, "middle", Some(root));
        middle.issue(dir, "own", KEY, 20, names).pem() + &root.pem() + &middle.pem()
    });
    let section = ask(&localhost("tls", mixed.address()));
    assert_eq!(section["tls"][0]["chain"]["ordered"], false);
}

#[test]
fn expired_short_and_old_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    let root = Certificate::authority(dir, "root", None);
    let own = root.issue(dir, "own", "-newkey rsa:1024", -1, "subjectAltName=DNS:other.example");
    let port = free_port();
    let (certificate, key) = (own.certificate.display().to_string(), own.key.display().to_string());
    let _server = Server::start(
        "/usr/bin/openssl",
        &[
            "s_server",
            "-accept",
            &format!("127.0.0.1:{port}"),
            "-cert",
            &certificate,
            "-key",
            &key,
            "-cipher",
            "ALL:@SECLEVEL=0",
            "-quiet",
        ],
        port,
    );
    let (section, _) = ask_with(&format!("tls://localhost:{port}"), Some(root.pem()), None);
    let server = &section["tls"][0];
    assert_eq!(server["offers"]["tls1_0"], true);
    assert_eq!((&server["certificate"]["key_bits"], &server["name_matches"]), (&json!(1024), &json!(false)));
    assert!(server["certificate"]["not_after"].as_str() < server["certificate"]["not_before"].as_str());
    assert_eq!(server["chain"]["trusted"], false);
    assert_eq!(server["signs_with_sha1"], true);
    assert_eq!(server["resumes_by_id"], true);
    assert!(server["ticket_lifetime_seconds"].as_u64().unwrap() > 0);
}

#[test]
fn a_well_kept_server_signs_with_no_sha1_and_keeps_no_sessions() {
    let nginx = Nginx::start(
        true,
        "ssl_certificate {dir}/own.pem; ssl_certificate_key {dir}/own.key; ssl_session_tickets off;
         ssl_session_cache off; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM;
         ssl_conf_command SignatureAlgorithms RSA-PSS+SHA256:RSA+SHA256;",
        |dir| {
            self_signed(dir, "own", "-newkey rsa:2048 -sha256 -days 30");
        },
    );
    let section = ask(&localhost("tls", nginx.address()));
    let server = &section["tls"][0];
    assert_eq!((&server["signs_with_sha1"], &server["resumes_by_id"]), (&json!(false), &json!(false)));
    assert_eq!((&server["session_tickets"], &server["ticket_lifetime_seconds"]), (&json!(false), &Value::Null));
}

#[test]
fn pages_are_asked_by_host_and_path_and_other_hosts_are_left_alone() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = elsewhere.local_addr().unwrap();
    let config = format!(
        "location = /app {{ add_header Set-Cookie 'way=1; Path=/'; return 302 /app/login; }}
         location = /app/login {{ default_type text/html; if ($host != localhost) {{ return 444; }}
           return 200 '<title>Login</title><script src=https://localhost/a.js></script>
                       <script src=https://cdn.example/b.js></script><input type=password>'; }}
         location = /away {{ return 302 http://{far}/login; }}"
    );
    let nginx = Nginx::start(false, &config, |_| {});
    let section = ask(&format!("{}/app", localhost("http", nginx.address())));
    let site = &section["http"][0];
    assert_eq!((&site["path"], &site["status"]), (&json!("/app/login"), &json!(200)));
    assert_eq!(site["login_form"], true);
    assert_eq!(site["cookies"][0]["name"], "way");
    let foreign: Vec<_> =
        site["resources"].as_array().unwrap().iter().map(|resource| &resource["foreign"]).collect();
    assert_eq!(foreign, [&json!(false), &json!(true)]);
    assert_eq!(site["redirect"], Value::Null);

    let section = ask(&format!("{}/away", localhost("http", nginx.address())));
    let site = &section["http"][0];
    assert_eq!((&site["status"], &site["redirect"]), (&json!(302), &json!(format!("http://{far}"))));
    assert_eq!(site["redirects_to_same_name"], false);
    elsewhere.set_nonblocking(true).unwrap();
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_server_that_speaks_something_else_is_told() {
    let nginx = Nginx::start(false, "", |_| {});
    let socket = &ask(&localhost("https", nginx.address()))["sockets"][0];
    assert_eq!((&socket["as_named"], &socket["protocol"]), (&json!(false), &json!("http")));
    assert_eq!(socket["encrypted"], false);
    for scheme in ["ssh-server", "opc.tcp", "mqtt"] {
        let section = ask(&localhost(scheme, nginx.address()));
        let socket = &section["sockets"][0];
        assert_eq!((&socket["as_named"], &socket["protocol"]), (&json!(false), &json!("http")), "{scheme}");
        assert_eq!((&section["opcua"], &section["mqtt"]), (&json!([]), &json!([])));
    }
}

#[test]
fn an_ssh_server_shows_its_keys_and_its_smallest_prime() {
    let directory = tempfile::tempdir().unwrap();
    let key = |name: &str, args: &[&str]| {
        let file = directory.path().join(name).display().to_string();
        let made = Command::new("/usr/bin/ssh-keygen")
            .args(["-q", "-N", "", "-f", &file])
            .args(args)
            .status()
            .unwrap();
        assert!(made.success());
        file
    };
    let rsa = key("rsa", &["-t", "rsa", "-b", "1024"]);
    let ed = key("ed", &["-t", "ed25519"]);
    let curve = key("curve", &["-t", "ecdsa", "-b", "384"]);
    std::fs::create_dir_all("/run/sshd").unwrap();
    let config = directory.path().join("config").display().to_string();
    let lines = format!(
        "ListenAddress 127.0.0.1\nHostKey {rsa}\nHostKey {ed}\nHostKey {curve}\nUsePAM no\nPidFile none\n\
         RequiredRSASize 1024\n"
    );
    std::fs::write(&config, lines).unwrap();
    let port = free_port();
    let _sshd = Server::start("/usr/sbin/sshd", &["-D", "-f", &config, "-p", &port.to_string()], port);
    let (section, reasons) = ask_with(&format!("ssh-server://127.0.0.1:{port}"), None, None);
    assert_eq!(reasons, Vec::<String>::new());
    let server = &section["ssh"][0];
    let keys: Vec<(&str, u64)> = server["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (key["kind"].as_str().unwrap(), key["bits"].as_u64().unwrap()))
        .collect();
    assert_eq!(keys, [("ssh-rsa", 1024), ("ssh-ed25519", 256), ("ecdsa-sha2-nistp384", 384)]);
    let shown = Command::new("/usr/bin/ssh-keygen").args(["-l", "-f", &rsa]).output().unwrap();
    let fingerprint = server["keys"][0]["fingerprint"].as_str().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains(fingerprint));
    assert!(server["dh_gex_bits"].as_u64().unwrap() >= 2048);
    assert!(server["openssh_version"].as_str().unwrap().starts_with(|c: char| c.is_ascii_digit()));
    assert_eq!(server["connections"], 5);
}

#[test]
fn an_ssh_server_that_stops_after_its_greeting_may_have_anything() {
    let address = liar(|mut stream| {
        drop(stream.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n"));
        drop(stream.read(&mut [0; 64]));
    });
    let section = ask(&localhost("ssh-server", address));
    let server = &section["ssh"][0];
    assert_eq!(server["openssh_version"], "9.2p1");
    for fact in ["ciphers", "keys", "dh_gex_bits"] {
        assert_eq!(server.get(fact), None, "{fact}");
    }
}

#[test]
fn what_cannot_be_reached_says_why() {
    let door = Door::new(Arc::new(Local::new()));
    let reach = |target: &str| target.parse::<Named>().unwrap().reach(&door).unwrap_err().to_string();
    let port = free_port();
    assert!(reach(&format!("https://127.0.0.1:{port}")).contains("a listener at tcp 127.0.0.1"));
    assert!(reach("https://no-such-host.invalid").contains("no-such-host.invalid"));
}

#[test]
fn a_port_80_that_says_nothing_is_not_taken_for_one_that_is_closed() {
    let silent = liar(|stream| {
        thread::sleep(Duration::from_secs(90));
        drop(stream);
    });
    let host = IpAddr::from([192, 0, 2, 9]);
    let plain = Address::Tcp(SocketAddr::new(host, 80)).to_string();
    let sockets = |machine: Machine| {
        let (door, _tree) = machine.door();
        let reached = Reached {
            server: "https://192.0.2.9".parse().unwrap(),
            address: SocketAddr::new(host, 443),
            addresses: vec![host],
        };
        let named = NamedServer { reached, authorities: None, login: None };
        let request = Request {
            door: &door,
            target: Target { kind: TargetKind::Endpoint, name: "t".to_owned(), id: String::new() },
            subject: Subject::Endpoint(Box::new(named)),
            now: Timestamp::UNIX_EPOCH,
            sections: &[],
            probes: ENDPOINT_PROBES,
        };
        collect(&request, &mut |_| {}).facts["endpoints"]["sockets"].clone()
    };
    let listening = sockets(Machine::new().socket(&plain, Address::Tcp(silent)));
    assert_eq!(listening[1]["name"], "192.0.2.9:80");
    assert_eq!(listening[1].get("encrypted"), None);
    assert_eq!(sockets(Machine::new()).as_array().unwrap().len(), 1);
}

/// Longer than any budget: these tests are about ending at all.
const END: Duration = Duration::from_secs(60);

/// A server that does the same with every connection.
pub(super) fn liar(behave: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
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

/// Asks a liar in every protocol at once, and expects an end without a verdict.
fn ends_in_every_protocol(address: SocketAddr) {
    thread::scope(|scope| {
        for scheme in ["https", "http", "tls", "ssh-server", "opc.tcp", "mqtt", "mqtts"] {
            scope.spawn(move || {
                let started = Instant::now();
                let section = ask(&localhost(scheme, address));
                assert!(started.elapsed() < END, "{scheme}: {:?}", started.elapsed());
                let socket = &section["sockets"][0];
                assert_ne!(socket["as_named"], json!(true), "{scheme}: {section}");
            });
        }
    });
}

#[test]
fn a_silent_server_ends_without_a_verdict() {
    ends_in_every_protocol(liar(|stream| {
        thread::sleep(Duration::from_secs(90));
        drop(stream);
    }));
}

#[test]
fn a_dripping_server_ends_without_a_verdict() {
    ends_in_every_protocol(liar(|mut stream| {
        for byte in b"ACKF\xff\xff\0\0".iter().cycle().take(200) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(700));
        }
    }));
}

#[test]
fn a_server_that_hangs_up_ends_without_a_verdict() {
    ends_in_every_protocol(liar(|mut stream| {
        let mut said = [0; 64];
        drop(stream.read(&mut said));
    }));
}
