//! The probe of section `endpoints` against real servers and hostile ones.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

#[path = "endpoints/agreement.rs"]
mod agreement;
#[path = "endpoints/hostile.rs"]
mod hostile;
#[path = "endpoints/http.rs"]
mod http;
#[path = "endpoints/mqtt.rs"]
mod mqtt;
#[path = "endpoints/named.rs"]
mod named;
#[path = "endpoints/opcua.rs"]
mod opcua;
#[path = "endpoints/tls.rs"]
mod tls;

use std::net::{Ipv4Addr, SocketAddr};

use host::Address;
use model::Timestamp;
use model::report::{Target, TargetKind};
use probe::{PROBES, Request, Subject, collect};
use serde_json::Value;
use test_support::{Machine, Server, free_port};

/// A machine where these servers listen: the port that is shown, the process that holds it, and the real address.
fn machine(servers: &[(u16, &str, SocketAddr)]) -> Machine {
    let mut table = String::from(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n",
    );
    let mut machine = Machine::new()
        .file("/proc/net/udp", "  sl\n")
        .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .link("/proc/self/ns/net", "net:[1]");
    for (index, (port, process, real)) in servers.iter().enumerate() {
        let (inode, pid) = (5000 + index, 300 + index);
        table.push_str(&format!(
            "   {index}: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 \
             {inode} 1 0000000000000000 100 0 0 10 0\n"
        ));
        machine = machine
            .socket(
                &Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, *port))).to_string(),
                Address::Tcp(*real),
            )
            .file(&format!("/proc/{pid}/comm"), format!("{process}\n"))
            .link(&format!("/proc/{pid}/ns/net"), "net:[1]")
            .link(&format!("/proc/{pid}/fd/3"), &format!("socket:[{inode}]"))
            .file(&format!("/proc/{pid}/cgroup"), "0::/system.slice/web.service\n");
    }
    machine.file("/proc/net/tcp", table)
}

/// Section `endpoints` of a machine, and why parts of it are unreadable.
fn read(machine: Machine) -> (Value, Vec<String>) {
    let (door, _tree) = machine.door();
    let target = Target { kind: TargetKind::Host, name: "t".into(), id: String::new() };
    let sections = ["endpoints".to_owned()];
    let request = Request {
        door: &door,
        target,
        now: Timestamp::UNIX_EPOCH,
        sections: &sections,
        probes: PROBES,
        subject: Subject::Host,
    };
    let document = collect(&request, &mut |_| {});
    let reasons = document.unreadable.iter().map(|(path, reason)| format!("{path}: {reason}")).collect();
    (document.facts.get("endpoints").cloned().unwrap_or(Value::Null), reasons)
}

/// Section `endpoints` of a machine with one server.
fn look(port: u16, process: &str, real: SocketAddr) -> Value {
    read(machine(&[(port, process, real)])).0
}

#[test]
fn an_ssh_server_is_recognised_and_its_algorithms_are_listed() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key").display().to_string();
    let made = std::process::Command::new("/usr/bin/ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", &key])
        .status()
        .unwrap();
    assert!(made.success());
    std::fs::create_dir_all("/run/sshd").unwrap();
    let config = directory.path().join("config").display().to_string();
    std::fs::write(
        &config,
        format!(
            "ListenAddress 127.0.0.1\nHostKey {key}\nUsePAM no\nPidFile none\nCiphers +aes128-cbc\nMACs +hmac-sha1\n\
             KexAlgorithms curve25519-sha256,diffie-hellman-group14-sha1\n"
        ),
    )
    .unwrap();
    let port = free_port();
    let sshd = Server::start("/usr/sbin/sshd", &["-D", "-f", &config, "-p", &port.to_string()], port);

    let section = look(2022, "sshd", sshd.address);
    let server = &section["ssh"][0];
    assert_eq!(section["sockets"][0]["protocol"], "ssh");
    assert_eq!(section["sockets"][0]["encrypted"], true);
    assert_eq!(server["name"], "0.0.0.0:2022");
    assert_eq!(server["place"]["process"], "sshd");
    assert_eq!(server["protocol"], "2.0");
    assert!(server["software"].as_str().unwrap().starts_with("OpenSSH_"));
    assert_eq!(server["host_keys"], serde_json::json!(["ssh-ed25519"]));
    assert_eq!(server["weak"]["key_exchanges"], serde_json::json!(["diffie-hellman-group14-sha1"]));
    assert_eq!(server["weak"]["ciphers"], serde_json::json!(["aes128-cbc"]));
    assert!(server["weak"]["macs"].as_array().unwrap().contains(&"hmac-sha1".into()));
    assert_eq!(server["post_quantum"], false);
    assert!(server["strict_key_exchange"].is_boolean());
}

#[test]
fn a_port_of_controllers_is_never_spoken_to() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let section = look(502, "plc", listener.local_addr().unwrap());
    assert_eq!(section["sockets"][0]["protocol"], "modbus");
    assert_eq!(section["sockets"][0]["encrypted"], false);
    assert!(section["sockets"][0]["not_asked"].as_str().unwrap().contains("502"));
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn several_servers_are_told_apart_in_the_order_of_their_ports() {
    let plain = test_support::Nginx::start(false, "", |_| {});
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (section, _) = read(machine(&[
        (80, "nginx", plain.address()),
        (4100, "app", silent.local_addr().unwrap()),
        (8080, "nginx", plain.address()),
    ]));
    let names: Vec<_> =
        section["sockets"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["0.0.0.0:80", "0.0.0.0:4100", "0.0.0.0:8080"]);
    assert_eq!(section["http"].as_array().unwrap().len(), 2);
    assert_eq!(section["sockets"][1]["protocol"], Value::Null);
    assert_eq!(section["sockets"][1].get("encrypted"), None);
}

#[test]
fn a_tree_that_does_not_run_has_no_endpoints_to_ask() {
    let (door, _tree) = Machine::new().offline_door();
    let target = Target { kind: TargetKind::Root, name: "t".into(), id: String::new() };
    let sections = ["endpoints".to_owned()];
    let request = Request {
        door: &door,
        target,
        now: Timestamp::UNIX_EPOCH,
        sections: &sections,
        probes: PROBES,
        subject: Subject::Host,
    };
    let document = collect(&request, &mut |_| {});
    assert!(document.unreadable["endpoints"].contains("running host"));
}
