//! What is done to a host at its command line stands in the ledger of the Management System that runs there, under its own unit.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::Debian;

const PALISADE: &str = env!("CARGO_BIN_EXE_palisade");
const PROGRAM: &str = "/usr/bin/palisade";
const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/palisade.service");

/// How long the server may take to start, or to take up what was left for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Mends one thing that a fresh Debian lacks.
const HARDEN: &str = "/usr/bin/palisade harden --rule accounts.su-restricted --apply --yes";

/// What a container cannot give the unit: namespaces of users, and credentials of its own.
const DROP_IN: &str = "[Service]\\nPrivateUsers=no\\nLoadCredential=\\nExecStart=\\nExecStart=/usr/bin/palisade up --listen 127.0.0.1:8443\\n";

/// Entries of the ledger that tell of the host, oldest first, out of a copy of its database; none while it is being written.
fn told(host: &Debian) -> Vec<Value> {
    let copy = tempfile::tempdir().unwrap();
    let packed = copy.path().join("packed");
    std::fs::write(&packed, host.succeed("cd /var/lib/palisade && tar c palisade.db* | base64")).unwrap();
    let script = "import sqlite3; rows = sqlite3.connect('palisade.db').execute(\"select entry from ledger_entries \
                  where event like 'host.%' order by position\"); [print(row[0]) for row in rows]";
    let unpack =
        format!("base64 --decode packed | tar x && exec python3 -c '{}'", script.replace('\'', "'\\''"));
    let read = Command::new("sh").args(["-ec", &unpack]).current_dir(copy.path()).output().unwrap();
    let lines = String::from_utf8(read.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits for so many.
fn once_told(host: &Debian, count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let entries = told(host);
        if entries.len() >= count {
            return entries;
        }
        assert!(begun.elapsed() < PATIENCE, "{count} entries are waited for; there are {entries:#?}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Starts the server and waits until it is ready.
fn start(host: &Debian) {
    let seconds = PATIENCE.as_secs();
    let ready = format!("timeout {seconds} sh -c 'until palisade ready 2>/dev/null; do sleep 0.3; done'");
    let started = host.shell(&format!("systemctl start palisade.service && {ready}"));
    let said = host.shell("journalctl --no-pager -u palisade.service; systemctl status palisade.service");
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}

#[test]
fn what_the_command_line_changes_stands_in_the_ledger_of_the_host() {
    let host = Debian::start(&[(PALISADE, PROGRAM), (UNIT, "/etc/systemd/system/palisade.service")]);
    // Before there is a server, the history alone knows.
    host.succeed(HARDEN);
    host.succeed(&format!("mkdir /etc/systemd/system/palisade.service.d; printf '{DROP_IN}' > /etc/systemd/system/palisade.service.d/container.conf"));
    host.succeed("systemctl daemon-reload");
    start(&host);

    // Both are told by the next run, and the server's own user can read them.
    host.succeed("palisade harden undo --yes");
    let entries = once_told(&host, 2);
    let acts: Vec<[&str; 2]> =
        entries.iter().map(|entry| ["event", "result"].map(|name| entry[name].as_str().unwrap())).collect();
    assert_eq!(acts, [["host.hardened", "success"], ["host.restored", "success"]]);
    for entry in &entries {
        assert_eq!(entry["actor"], serde_json::json!({"kind": "host", "name": "root"}), "{entry:#}");
        assert_eq!(entry["details"]["fixes"], "su-restricted", "{entry:#}");
        assert!(entry["details"]["files"].as_str().unwrap().contains("/etc/pam.d/su"), "{entry:#}");
    }
    // Each names a line of the history.
    let history = host.succeed(
        "while read -r line; do printf %s \"$line\" | sha256sum; done < /var/lib/palisade-harden/history.jsonl",
    );
    for entry in &entries {
        assert!(history.contains(entry["details"]["history_sha256"].as_str().unwrap()), "{entry:#}\n{history}");
    }

    // What comes while the server is down is told once it is back, and nothing is told twice.
    host.succeed("systemctl stop palisade.service");
    host.succeed(HARDEN);
    start(&host);
    let entries = once_told(&host, 3);
    host.succeed("palisade harden undo --yes");
    let last = once_told(&host, 4);
    assert_eq!(last.len(), 4, "{last:#?}");
    assert_eq!(last[..3], entries[..]);
    assert_eq!(last[3]["event"], "host.restored");
}
