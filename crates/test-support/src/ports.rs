//! Ports and programs that listen on them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::wait::until;

/// How long a program may take to listen, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(20);

/// A port of the loopback address that nobody listens on right now.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until something accepts connections there.
pub fn until_listening(address: SocketAddr) {
    until(PATIENCE, || connected(address));
}

fn connected(address: SocketAddr) -> Result<(), String> {
    match TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("nothing listens at {address}: {error}")),
    }
}

/// A program that listens on a port of the loopback address, ended when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts a program without input or output and waits until it listens at `port`.
    pub fn start(program: &str, args: &[&str], port: u16) -> Self {
        Self::start_within(PATIENCE, program, args, port)
    }

    /// The same for a program that takes longer to listen.
    pub fn start_within(patience: Duration, program: &str, args: &[&str], port: u16) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} cannot be started: {error}; see `cargo xtask setup`"));
        until(patience, || {
            let status = child.try_wait().unwrap();
            assert!(status.is_none(), "{program} ended with {status:?} instead of listening at {address}");
            connected(address)
        });
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
