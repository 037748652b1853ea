//! The story of the README on a Debian that runs: one command mends all that a machine can mend, an audit proves it, one
//! command brings everything back.

use std::collections::BTreeSet;

use serde_json::Value;
use test_support::Debian;

const PALISADE: &str = env!("CARGO_BIN_EXE_palisade");
const PROGRAM: &str = "/usr/local/sbin/palisade";

/// What a container shares with the machine it runs on is not for a container to change: the kernel's settings, modules,
/// mounts and audit rules. Tests of their own mend those.
const SHARED: &str = "--without sysctl --without sysctl-network --without sysctl-at-boot --without kernel-module \
                      --without mount-option --without audit-watch --without audit-activity --without audit-setting \
                      --without audit-load --without audit-persist --without service-on";

/// Content, owner and permissions of everything below the folders of settings, and what runs.
const STATE: &str = "find /etc /home /root -xdev -printf '%p %y %m %u %g %l\\n' | sort
                     find /etc /home /root -xdev -type f -exec sha256sum {} + | sort
                     systemctl list-units --type=service,timer --state=active --plain --no-legend | awk '{print $1}' | grep -v '^palisade-revert' | sort";

/// What fails: rule and subject.
fn failing(host: &Debian) -> BTreeSet<String> {
    let report = host.succeed(&format!("{PROGRAM} audit --fail-on never --format json"));
    let report: Value = serde_json::from_str(&report).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["verdict"] == "fail")
        .map(|finding| format!("{} {}", finding["rule"], finding["subject"]))
        .collect()
}

#[test]
fn one_command_mends_a_fresh_host_and_one_brings_it_back() {
    let host = Debian::start(&[(PALISADE, PROGRAM)]);
    // The kernel answers no audit daemon in a container, and systemd tries for a while.
    host.succeed("systemctl stop auditd.service; systemctl disable auditd.service; systemctl reset-failed");
    let before = host.succeed(STATE);
    let at_first = failing(&host);

    let applied = host.shell(&format!("{PROGRAM} harden --all --apply --yes {SHARED}"));
    let said = String::from_utf8_lossy(&applied.stdout).into_owned();
    let talk = String::from_utf8_lossy(&applied.stderr).into_owned();
    assert!(applied.status.success(), "{talk}\n{said}");
    assert!(said.contains("mended and seen to pass"), "{said}\n{talk}");
    host.succeed(&format!("{PROGRAM} harden confirm"));

    // Nothing that a machine can mend falls short.
    let plan = host.succeed(&format!("{PROGRAM} harden --format json {SHARED}"));
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["fixes"].as_array().unwrap().len(), 0, "{plan:#}");
    let left = failing(&host);
    assert!(left.len() + 20 < at_first.len(), "{} failed at first, {} still do", at_first.len(), left.len());
    let new: Vec<&String> = left.difference(&at_first).collect();
    assert!(new.is_empty(), "what did not fail before does now: {new:#?}");

    host.succeed(&format!("{PROGRAM} harden undo --yes"));
    let now = host.succeed(STATE);
    let new: Vec<&str> = now.lines().filter(|line| !before.lines().any(|old| old == *line)).collect();
    let gone: Vec<&str> = before.lines().filter(|line| !now.lines().any(|new| new == *line)).collect();
    assert!(new.is_empty() && gone.is_empty(), "new {new:#?}, gone {gone:#?}");
    let again = failing(&host);
    let new: Vec<&String> = again.symmetric_difference(&at_first).collect();
    assert!(new.is_empty(), "{new:#?}");
    println!("reliability: {} findings of a fresh Debian mended by one command", at_first.len() - left.len());
}
