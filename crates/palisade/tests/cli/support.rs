//! Runs the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What one run gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.out, self.err))
    }
}

/// Runs `palisade` with `args`, without the environment's say on colours and languages.
pub(crate) fn palisade(args: &[&str]) -> Ran {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(args)
        .env_remove("NO_COLOR")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    Ran {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// A folder with the files a test names.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file and gives its path as text.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A facts document in which SSH takes passwords or not.
pub(crate) fn facts(passwords: &str) -> String {
    let scope = json!({"name": "all connections", "options": {"passwordauthentication": passwords}});
    json!({
        "schema": "palisade.facts/1",
        "target": {"kind": "host", "name": "edge-07", "id": "0123"},
        "collected_at": "2026-06-15T12:00:00Z",
        "facts": {"ssh": {"server": {"scopes": [scope]}}},
        "sources": {"ssh.server.scopes[0].options.passwordauthentication": {
            "at": "/etc/ssh/sshd_config:57",
            "excerpt": format!("PasswordAuthentication {passwords}")
        }}
    })
    .to_string()
}
