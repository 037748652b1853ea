//! From the set-up code to the overview in a real browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::prepared_near;

use crate::running::Running;

#[test]
fn a_new_user_gets_from_the_set_up_code_to_the_overview_with_a_second_factor() {
    let running = Running::up();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/up/browser.mjs");
    let done = Command::new("/usr/bin/node")
        .arg(script)
        .args([running.url(""), running.set_up_code()])
        .arg(pictures())
        .env("NODE_MODULES", prepared_near("test-node").join("node_modules"))
        .output()
        .unwrap_or_else(|error| panic!("node cannot be started: {error}; see `cargo xtask setup`"));
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}\n{err}");
    assert!(out.ends_with("all good\n"), "{out}\n{err}");
}

/// Where pictures of the pages are kept, to be looked at.
fn pictures() -> PathBuf {
    let folder = prepared_near("test-node").with_file_name("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
