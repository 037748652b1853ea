//! A real Mosquitto with a configuration and port of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::ports::{Server, free_port};

/// A running broker, ended when dropped.
#[derive(Debug)]
pub struct Mosquitto {
    server: Server,
    directory: TempDir,
}

impl Mosquitto {
    /// Starts a broker with one listener on the loopback address. `config` are further lines; `{dir}` in them is the
    /// directory that `prepare` filled.
    pub fn start(config: &str, prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let dir = directory.path();
        prepare(dir);
        let port = free_port();
        let file = dir.join("mosquitto.conf");
        let place = dir.display().to_string();
        // Started as root it would become another user, who may not read the directory.
        let lines = format!(
            "user root\npersistence false\nsys_interval 1\nlistener {port} 127.0.0.1\n{}\n",
            config.replace("{dir}", &place)
        );
        fs::write(&file, lines).unwrap();
        let server = Server::start("/usr/sbin/mosquitto", &["-c", &file.display().to_string()], port);
        Self { server, directory }
    }

    /// Writes a file of one user's password, `passwords`, below `dir`.
    pub fn password(dir: &Path, user: &str, password: &str) {
        let file = dir.join("passwords").display().to_string();
        let made = Command::new("/usr/bin/mosquitto_passwd")
            .args(["-b", "-c", &file, user, password])
            .status()
            .unwrap();
        assert!(made.success());
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}
