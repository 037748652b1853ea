//! Real chronyd processes on loopback that leave this machine's clock alone.

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::wait::until;

/// The longest a test waits for the client to choose its server.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that believes its own clock, and a client that follows it. Both end with this value.
pub struct Chrony {
    server: Option<Child>,
    client: Child,
    command_port: u16,
    _folder: TempDir,
}

impl Chrony {
    /// Starts both; the client may not have chosen its server yet.
    pub fn start() -> Self {
        Self::with_server(true)
    }

    /// Starts only the client, whose server never answers.
    pub fn start_alone() -> Self {
        Self::with_server(false)
    }

    fn with_server(wanted: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (time_port, server_port, command_port) = (free_port(), free_port(), free_port());
        let place = |name: &str| folder.path().join(name).display().to_string();
        let server = format!(
            "local stratum 5\nallow 127.0.0.1\nport {time_port}\ncmdport {server_port}\nbindcmdaddress 127.0.0.1\n\
             bindcmdaddress /\nbindaddress 127.0.0.1\npidfile {}\n",
            place("server.pid")
        );
        let client = format!(
            "server 127.0.0.1 port {time_port} iburst minpoll -2 maxpoll -2\nport 0\ncmdport {command_port}\n\
             bindcmdaddress 127.0.0.1\nbindcmdaddress /\npidfile {}\n",
            place("client.pid")
        );
        let start = |name: &str, settings: String| {
            let path = place(name);
            std::fs::write(&path, settings).unwrap();
            Command::new("/usr/sbin/chronyd")
                .args(["-x", "-d", "-u", "root", "-f", &path])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("chronyd must be installed (package chrony)")
        };
        let server = wanted.then(|| start("server.conf", server));
        let client = start("client.conf", client);
        Self { server, client, command_port, _folder: folder }
    }

    /// What `chronyc` with these arguments prints about the client.
    pub fn chronyc(&self, args: &[&str]) -> String {
        let port = self.command_port.to_string();
        let output = Command::new("/usr/bin/chronyc")
            .args(["-h", "127.0.0.1", "-p", &port])
            .args(args)
            .output()
            .expect("chronyc must be installed (package chrony)");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until the client follows the server, and returns what `chronyc` then prints.
    pub fn once_synchronised(&self, args: &[&str]) -> String {
        // Its own state follows that of its sources a moment later.
        self.once(args, |text| text.contains("^,*,127.0.0.1") && !text.contains("Not synchronised"))
    }

    /// Waits until the client answers at all, and returns what `chronyc` then prints.
    pub fn once_answering(&self, args: &[&str]) -> String {
        self.once(args, |text| text.contains(','))
    }

    fn once(&self, args: &[&str], told: impl Fn(&str) -> bool) -> String {
        until(PATIENCE, || {
            let text = self.chronyc(args);
            if told(&text) {
                Ok(text)
            } else {
                Err(format!("chronyd does not tell what is waited for: {text}"))
            }
        })
    }
}

impl Drop for Chrony {
    fn drop(&mut self) {
        for child in self.server.iter_mut().chain([&mut self.client]) {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A UDP port of loopback that is free right now.
fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
