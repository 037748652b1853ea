//! The Management System in a real browser: each story drives Chromium, and looks at every page that it comes to.

use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::prepared_near;

use crate::running::Running;

/// Plays a story in a browser, with a server of its own.
fn play(story: &str, environment: &[(&str, &str)]) {
    let running = Running::up_with(environment);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/up/browser").join(story);
    let done = Command::new("/usr/bin/node")
        .arg(script)
        .args([running.url(""), running.set_up_code()])
        .args([pictures(), running.state.clone()])
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

#[test]
fn a_new_user_gets_from_the_set_up_code_to_the_overview_with_a_second_factor() {
    play("set-up.mjs", &[]);
}

#[test]
fn passkeys_are_made_shown_and_removed() {
    play("passkeys.mjs", &[]);
}

#[test]
fn wrong_passwords_lock_one_name_at_one_address() {
    play("lock-out.mjs", &[("PALISADE_SERVER_TRUSTED_PROXIES", "127.0.0.1")]);
}

#[test]
fn roles_limit_what_is_seen_and_what_can_be_changed() {
    play("roles.mjs", &[]);
}
