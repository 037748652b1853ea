//! A server that speaks OpenSearch's API and keeps everything in memory: `osmem-server`, an implementation by another hand.
//!
//! OpenSearch itself is in no package registry of the project.

use std::path::PathBuf;
use std::process::Command;

use crate::opcua::prepared_near;
use crate::ports::{Server, free_port};

/// A running server without TLS, ended when dropped.
#[derive(Debug)]
pub struct Osmem {
    _server: Server,
    /// Where it listens.
    pub port: u16,
}

impl Osmem {
    /// Starts it with nothing in it.
    pub fn start() -> Self {
        let venv =
            std::env::var_os("PALISADE_TEST_VENV").map_or_else(|| prepared_near("test-venv"), PathBuf::from);
        let said = Command::new(venv.join("bin/python3"))
            .args(["-c", "import osmem_server; print(osmem_server.resolve_binary())"])
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}; see `cargo xtask setup`", venv.display()));
        let program = String::from_utf8(said.stdout).unwrap().trim().to_owned();
        assert!(!program.is_empty(), "osmem-server is missing: see `cargo xtask setup`");
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let server = Server::start(&program, &["-addr", &address, "-no-stdin-watch"], port);
        Self { _server: server, port }
    }

    /// Asks it as anybody does; the answer as text.
    pub fn ask(&self, path: &str) -> String {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let done = Command::new("/usr/bin/curl")
            .args(["--silent", "--show-error", "--fail-with-body", "--max-time", "30", &url])
            .output()
            .unwrap_or_else(|error| panic!("curl cannot be started: {error}; see `cargo xtask setup`"));
        String::from_utf8(done.stdout).unwrap()
    }
}
