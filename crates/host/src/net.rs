//! Connections to what listens on a target.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::Error;

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A UNIX socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp {address}"),
            Self::Unix(path) => write!(f, "unix {}", path.display()),
        }
    }
}

/// A connection whose waits have a limit.
pub trait Stream: Read + Write + Send {
    /// The longest single read or write from now on.
    ///
    /// # Errors
    /// What the operating system says; zero is refused.
    fn set_limit(&mut self, limit: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn set_limit(&mut self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
}

impl Stream for UnixStream {
    fn set_limit(&mut self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
}

/// Connects from this machine.
pub(crate) fn open(address: &Address, limit: Duration) -> Result<Box<dyn Stream>, Error> {
    let failed = |error: &io::Error| match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            Error::TimedOut { what: address.to_string(), limit }
        }
        io::ErrorKind::ConnectionRefused => Error::NotFound(format!("a listener at {address}")),
        _ => Error::io(address.to_string(), error),
    };
    let mut stream: Box<dyn Stream> = match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect_timeout(address, limit).map_err(|error| failed(&error))?;
            stream.set_nodelay(true).map_err(|error| failed(&error))?;
            Box::new(stream)
        }
        Address::Unix(path) => Box::new(open_unix(path, limit).map_err(|error| failed(&error))?),
    };
    stream.set_limit(limit).map_err(|error| failed(&error))?;
    Ok(stream)
}

/// Asks the resolver of this machine (/etc/hosts, DNS), in the order of RFC 6724.
pub(crate) fn resolve(host: &str, limit: Duration) -> Result<Vec<IpAddr>, Error> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    // The resolver knows no limit: a thread of its own waits for it, and is left behind when it takes too long.
    thread::Builder::new()
        .name("resolve".to_owned())
        .spawn(move || {
            let found = (name.as_str(), 0).to_socket_addrs().map(|found| {
                let mut addresses: Vec<IpAddr> = Vec::new();
                for address in found.map(|address| address.ip()) {
                    if !addresses.contains(&address) && addresses.len() < crate::ADDRESSES {
                        addresses.push(address);
                    }
                }
                addresses
            });
            drop(sender.send(found));
        })
        .map_err(|error| Error::io(host, &error))?;
    match receiver.recv_timeout(limit) {
        Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        // The resolver's words for "no such name" are no error number of the system.
        Ok(_) => Err(Error::NotFound(format!("an address of {host}"))),
        Err(_) => Err(Error::TimedOut { what: format!("the resolver, asked for {host},"), limit }),
    }
}

/// Connecting to a UNIX socket blocks while its queue is full: the send limit, set first, bounds that.
fn open_unix(path: &std::path::Path, limit: Duration) -> io::Result<UnixStream> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let stream = UnixStream::from(socket);
    stream.set_write_timeout(Some(limit))?;
    connect(&stream, &SocketAddrUnix::new(path)?)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_resolved() {
        let limit = Duration::from_secs(5);
        assert_eq!(resolve("192.0.2.7", limit).unwrap(), [IpAddr::from([192, 0, 2, 7])]);
        assert!(resolve("localhost", limit).unwrap().iter().all(IpAddr::is_loopback));
        assert!(resolve("no-such-host.invalid", limit).is_err());
    }
}
