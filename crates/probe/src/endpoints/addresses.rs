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
