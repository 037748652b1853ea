//! A bound socket: bound before anything is promised, served later.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// A socket that listens already; connections wait in the kernel until it is served.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there, or the address is not this machine's.
    #[error("cannot listen on {address}{}", hint(source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Figures are for this machine alone.
    #[error(
        "{0} is not a loopback address: metrics are served on 127.0.0.1 or [::1] only; let a collector on this machine fetch them"
    )]
    NotLoopback(SocketAddr),
}

impl Listener {
    /// A socket bound to `address`; port 0 lets the kernel choose.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let failed = |source| BindError::Bind { address, source };
        let socket = TcpListener::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    /// The same, for a loopback address only.
    pub(crate) fn bind_loopback(address: SocketAddr) -> Result<Self, BindError> {
        if !address.ip().to_canonical().is_loopback() {
            return Err(BindError::NotLoopback(address));
        }
        Self::bind(address)
    }

    /// Where it listens, with the port that the kernel chose.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn into_tokio(self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.socket)
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": another program listens there (`ss -ltnp` names it); stop it or choose another port"
        }
        io::ErrorKind::AddrNotAvailable => {
            ": this machine has no such address (`ip address` shows those it has)"
        }
        io::ErrorKind::PermissionDenied => ": ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one",
        _ => "",
    }
}
