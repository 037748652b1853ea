//! The sockets' section against real sockets of this process.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use std::collections::BTreeMap;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;

use host::{Door, Local};
use probe::{Context, PROBES};
use serde_json::Value;

fn section() -> Value {
    let listeners = PROBES.iter().find(|probe| probe.name == "listeners").unwrap();
    let section = (listeners.run)(&Context::new(Door::new(Arc::new(Local::new()))));
    model::split(section, "", &mut BTreeMap::new(), &mut BTreeMap::new()).unwrap()
}

/// The element of `sockets` with this name and address.
fn find<'a>(section: &'a Value, name: &str, address: &str) -> Option<&'a Value> {
    section["sockets"].as_array()?.iter().find(|s| s["name"] == name && s["address"] == address)
}

#[test]
fn sockets_of_this_process_are_found_with_its_id() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp6 = TcpListener::bind("[::1]:0").unwrap();
    let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
    let section = section();
    let sockets = [
        ("tcp", tcp.local_addr().unwrap(), "loopback"),
        ("tcp", tcp6.local_addr().unwrap(), "loopback"),
        ("udp", udp.local_addr().unwrap(), "any"),
    ];
    for (protocol, address, scope) in sockets {
        let name = format!("{protocol}/{}", address.port());
        let found = find(&section, &name, &address.ip().to_string());
        let found = found.unwrap_or_else(|| panic!("{name} is not in {section}"));
        assert_eq!(found["pid"], std::process::id(), "{found}");
        assert_eq!(found["scope"], scope);
        assert_eq!(found["reachable"], scope == "any");
        assert!(found["process"].as_str().is_some_and(|name| name.starts_with("listeners")), "{found}");
    }
}

#[test]
fn a_closed_socket_is_gone() {
    let tcp = TcpListener::bind("127.0.0.2:0").unwrap();
    let name = format!("tcp/{}", tcp.local_addr().unwrap().port());
    assert!(find(&section(), &name, "127.0.0.2").is_some());
    drop(tcp);
    assert!(find(&section(), &name, "127.0.0.2").is_none());
}
