//! Which sockets are asked, and at which address one reaches them from the host itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use model::Fact;
use model::facts::endpoints::Place;
use model::facts::listeners::Socket;

use crate::Context;

/// A listening TCP socket.
#[derive(Clone, Debug)]
pub(super) struct Listening {
    /// Bound address and port.
    pub(super) name: String,
    /// Where one reaches it from the host itself.
    pub(super) address: SocketAddr,
    /// Where it listens and who holds it.
    pub(super) place: Place,
}

/// Every listening TCP socket; one that is open for IPv4 and IPv6 alike only once.
pub(super) fn listening(cx: &Context) -> Fact<Vec<Listening>> {
    crate::listeners::sockets(cx).map(|sockets| {
        let mut found: Vec<Listening> = Vec::new();
        for next in sockets.iter().filter(|socket| socket.protocol == "tcp").filter_map(one) {
            let twin = found.iter().any(|known| {
                known.place.port == next.place.port
                    && is_any(&known.place.address)
                    && is_any(&next.place.address)
                    && known.place.process == next.place.process
            });
            if !twin {
                found.push(next);
            }
        }
        found
    })
}

fn is_any(address: &str) -> bool {
    matches!(address, "0.0.0.0" | "::")
}

fn one(socket: &Socket) -> Option<Listening> {
    let bound: IpAddr = socket.address.parse().ok()?;
    let container = match &socket.proxied {
        Fact::Known(to, _) => Fact::known(format!("{}:{}", to.container_address, to.container_port)),
        _ => socket.container.clone(),
    };
    Some(Listening {
        name: SocketAddr::new(bound, socket.port).to_string(),
        address: SocketAddr::new(from_here(bound), socket.port),
        place: Place {
            service: socket.name.clone(),
            address: socket.address.clone(),
            port: socket.port,
            reachable: socket.reachable,
            named: false,
            process: socket.process.clone(),
            container,
        },
    })
}

/// The address under which the host itself reaches a socket.
fn from_here(bound: IpAddr) -> IpAddr {
    match bound {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(bound, IpAddr::V4),
        IpAddr::V4(_) => bound,
    }
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    #[test]
    fn a_port_open_for_both_families_is_asked_once_and_from_the_host_itself() {
        let head = "  sl  local_address rem_address   st\n";
        let tail = "0A 00000000:00000000 00:00000000 00000000     0        0 7 1 0 100 0 0 10 0\n";
        let four =
            format!("{head}   0: 00000000:01BB 00000000:0000 {tail}   1: 050200C0:1F90 00000000:0000 {tail}");
        let any = "00000000000000000000000000000000";
        let six = format!("{head}   0: {any}:01BB {any}:0000 {tail}   1: {any}:0016 {any}:0000 {tail}");
        let (door, _tree) = Machine::new()
            .file("/proc/net/tcp", four)
            .file("/proc/net/tcp6", six)
            .file("/proc/net/udp", head)
            .file("/etc/passwd", "root:x:0:0::/:/bin/sh\n")
            .door();
        let found = listening(&Context::new(door));
        let found: Vec<_> = found
            .value()
            .unwrap()
            .iter()
            .map(|one| format!("{} at {} reachable {}", one.name, one.address, one.place.reachable))
            .collect();
        assert_eq!(
            found,
            [
                "[::]:22 at [::1]:22 reachable true",
                "0.0.0.0:443 at 127.0.0.1:443 reachable true",
                "192.0.2.5:8080 at 192.0.2.5:8080 reachable true"
            ]
        );
    }
}
