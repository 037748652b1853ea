//! What the network can reach runs as nobody in particular: root makes the place and binds the ports, and audits in another process.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;
use test_support::{free_port, until};

use crate::audit::{enrol, send_as_page, set_up};
use crate::running::{Log, NOBODY, Running, place, state_of_nobody};
use crate::story::wait_for_report;

/// Whether the tests run as root; only root has rights to give up.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The values of a line of `/proc/PID/status`.
fn status(pid: u32, name: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}

/// The processes that this one started.
fn children(pid: u32) -> Vec<u32> {
    let is_child = |other: &u32| {
        let text = fs::read_to_string(format!("/proc/{other}/status")).unwrap_or_default();
        text.lines().any(|line| line.split_whitespace().eq(["PPid:", &pid.to_string()]))
    };
    let all =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    all.filter(is_child).collect()
}

fn gone(pid: u32) {
    let ended =
        || if Path::new(&format!("/proc/{pid}")).exists() { Err("it still runs".to_owned()) } else { Ok(()) };
    until(Duration::from_secs(20), ended);
}

fn up(state: &Path) -> Output {
    let listen = format!("127.0.0.1:{}", free_port());
    // It ends by itself, within this many seconds.
    let mut command = Command::new("/usr/bin/timeout");
    command.args(["60", env!("CARGO_BIN_EXE_palisade"), "up", "--listen", &listen, "--state-dir"]).arg(state);
    command.env("PALISADE_SERVER_METRICS_LISTEN", format!("127.0.0.1:{}", free_port()));
    command.output().unwrap()
}

#[test]
fn the_server_gives_up_root_for_good_and_its_audits_keep_it() {
    let running = Running::up();
    wait_for_report(&running);
    let auditors = children(running.pid());
    let [auditor] = auditors[..] else { panic!("{auditors:?}") };
    if is_root() {
        assert!(running.welcome.contains("The server runs as user palisade"), "{}", running.welcome);
        assert!(running.welcome.contains("only the audits of this machine run as root"), "{}", running.welcome);
        // Real, effective, saved and that of files: none leads back.
        let users = status(running.pid(), "Uid");
        assert!(users.len() == 4 && users.iter().all(|user| user == &users[0] && user != "0"), "{users:?}");
        assert!(status(running.pid(), "Gid").iter().all(|group| group != "0"));
        assert!(!status(running.pid(), "Groups").contains(&"0".to_owned()));
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status(running.pid(), set), ["0000000000000000"], "{set}");
        }
        assert_eq!(status(running.pid(), "NoNewPrivs"), ["1"]);
        // It runs no program and types into no terminal.
        assert_eq!(status(running.pid(), "Seccomp"), ["2"]);
        assert_eq!(status(auditor, "Seccomp"), ["0"]);
        let owner = fs::metadata(&running.state).unwrap().uid().to_string();
        assert_eq!(owner, users[0]);
        for entry in fs::read_dir(&running.state).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().uid().to_string(), users[0], "{:?}", entry.path());
        }
        assert_eq!(status(auditor, "Uid"), ["0"; 4]);
    }
    let network: String = ["tcp", "tcp6", "udp", "udp6"]
        .map(|table| fs::read_to_string(format!("/proc/{auditor}/net/{table}")).unwrap())
        .concat();
    let links = fs::read_dir(format!("/proc/{auditor}/fd")).unwrap();
    for link in links.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()) {
        let link = link.to_string_lossy().into_owned();
        let inode = link.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix("]")).unwrap_or("none");
        assert!(!network.split_whitespace().any(|word| word == inode), "it can be reached: {link}");
    }
    // It ends with the server, however that ends.
    running.kill();
    gone(auditor);
}

#[test]
fn a_server_whose_audits_ended_says_so_and_goes_on() {
    let running = Running::up();
    wait_for_report(&running);
    let [auditor] = children(running.pid())[..] else { panic!() };
    let auditor_id = rustix::process::Pid::from_raw(i32::try_from(auditor).unwrap()).unwrap();
    rustix::process::kill_process(auditor_id, rustix::process::Signal::KILL).unwrap();
    let cookie = enrol(&running, &set_up(&running));
    // The one of the start was made a moment ago.
    let asked = || match send_as_page(&running, "POST", "/api/v1/reports", &cookie, &json!({})) {
        answer if answer.status == 202 => Ok(()),
        answer => Err(answer.text),
    };
    until(Duration::from_secs(60), asked);
    let told = || {
        let overview = running.ask("GET", "/api/v1/overview", &["--header", &format!("cookie: {cookie}")]);
        let why = overview.body["audit"]["broke_off_because"].as_str().unwrap_or_default();
        if why.contains("start the server again") { Ok(()) } else { Err(overview.text) }
    };
    until(Duration::from_secs(20), told);
    assert!(running.end(), "it ends well when asked to");
}

#[test]
fn whose_the_state_directory_is_decides_whom_the_server_runs_as() {
    if !is_root() {
        return;
    }
    let place = place();
    let state = place.path().join("state");
    state_of_nobody(&state, None);
    let running = Running::start(&state, &["serve"], &[]);
    assert_eq!(status(running.pid(), "Uid"), [NOBODY.to_string().as_str(); 4]);
    assert!(running.welcome.contains(&format!("The server runs as user {NOBODY}.")), "{}", running.welcome);
    assert_eq!(children(running.pid()), Vec::<u32>::new(), "nothing audits here");
    assert_eq!(running.ask("GET", "/setup", &[]).status, 200);
}

#[test]
fn a_directory_of_something_else_and_roots_group_are_refused_untouched() {
    if !is_root() {
        return;
    }
    let place = place();
    let (other, of_group) = (place.path().join("other"), place.path().join("group"));
    state_of_nobody(&of_group, None);
    chown(&of_group, Some(NOBODY), Some(0)).unwrap();
    fs::create_dir(&other).unwrap();
    fs::write(other.join("shadow"), "").unwrap();
    for (state, why) in [(&other, "is not a state directory"), (&of_group, "root's number or group")] {
        let told = up(state);
        let text = String::from_utf8_lossy(&told.stderr).into_owned();
        assert_eq!(told.status.code(), Some(2), "{text}");
        assert!(text.contains(why) && text.contains(state.to_str().unwrap()), "{text}");
    }
    let about = fs::metadata(other.join("shadow")).unwrap();
    assert_eq!((about.uid(), fs::metadata(&other).unwrap().uid()), (0, 0));
    assert_eq!(fs::read_dir(&of_group).unwrap().count(), 0);
}

#[test]
fn a_port_of_roots_is_bound_before_root_is_given_up() {
    if !is_root() {
        return;
    }
    // An address of its own, so that no other test is in the way.
    let address = Ipv4Addr::new(127, 77, 0, 3);
    let place = place();
    let listen = format!("{address}:443");
    let environment = [("PALISADE_SERVER_LISTEN", listen.as_str())];
    // The harness waits for the port that it chose.
    let port = free_port();
    let _beside = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let running = Running::start_at(port, &place.path().join("state"), &["up"], &environment, Log::kept());
    assert_ne!(status(running.pid(), "Uid")[0], "0");
    TcpStream::connect((address, 443)).unwrap();
}

#[test]
fn a_directory_that_its_user_cannot_reach_is_told_with_what_is_in_the_way() {
    if !is_root() {
        return;
    }
    let shut = place();
    fs::set_permissions(shut.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let state = shut.path().join("state");
    let told = up(&state);
    let text = String::from_utf8_lossy(&told.stderr).into_owned();
    assert_eq!(told.status.code(), Some(2), "{text}");
    for part in [shut.path().to_str().unwrap(), "may not enter", "--state-dir"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn what_its_user_may_not_read_is_told_with_the_user() {
    if !is_root() {
        return;
    }
    let place = place();
    let state = place.path().join("state");
    let first = Running::start(&state, &["serve"], &[]);
    assert!(first.end());
    chown(state.join("pki"), Some(0), Some(0)).unwrap();
    let told = up(&state);
    let text = String::from_utf8_lossy(&told.stderr).into_owned();
    assert_eq!(told.status.code(), Some(2), "{text}");
    assert!(text.contains("the server runs as user palisade, who must be able to do this"), "{text}");
}
