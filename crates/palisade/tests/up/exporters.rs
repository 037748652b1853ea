//! The ledger at a real receiver of syslog, from servers that are killed and started again.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use test_support::{SyslogReceiver, SyslogTls, until};

use crate::audit::{enrol, set_up};
use crate::running::{Running, state_of_nobody};

/// Longer than the right to send outlives a server that was killed.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often each entry was received, by its position; and that what follows the structured data is its JSON.
fn received(receiver: &SyslogReceiver) -> BTreeMap<u64, usize> {
    let mut received = BTreeMap::new();
    for line in receiver.lines() {
        let (head, entry) = line.split_once("] \u{feff}").unwrap();
        assert!(head.contains("[palisade@32473 log=\"localhost:") && head.contains(" palisade - "), "{line}");
        let (_, rest) = head.split_once("stream=\"management-system\" position=\"").unwrap();
        let position = rest.split_once('"').unwrap().0.parse().unwrap();
        let entry: Value = serde_json::from_str(entry).unwrap();
        assert!(head.contains(entry["event"].as_str().unwrap()), "{line}");
        *received.entry(position).or_default() += 1;
    }
    received
}

#[test]
fn a_server_that_is_killed_goes_on_sending_where_it_stopped() {
    let directory = crate::running::place();
    let state = directory.path().join("state");
    let mut receiver = SyslogReceiver::start(SyslogTls::Gnutls);
    let port = receiver.port.to_string();
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    // The server reads a key that nobody else may read.
    assert!(Command::new("/usr/bin/chmod").arg("600").arg(&receiver.sender.key).status().unwrap().success());
    state_of_nobody(&state, Some(&receiver.sender.key));
    let (ca, certificate, key) =
        (path(&receiver.authority.certificate), path(&receiver.sender.certificate), path(&receiver.sender.key));
    let settings = [
        ("PALISADE_LEDGER_SYSLOG_HOST", "localhost"),
        ("PALISADE_LEDGER_SYSLOG_PORT", &port),
        ("PALISADE_LEDGER_SYSLOG_CA_FILE", &ca),
        ("PALISADE_LEDGER_SYSLOG_CLIENT_CERTIFICATE_FILE", &certificate),
        ("PALISADE_LEDGER_SYSLOG_CLIENT_KEY_FILE", &key),
    ];
    let running = Running::start(&state, &["serve"], &settings);
    let cookie = format!("cookie: {}", enrol(&running, &set_up(&running)));
    let exporter = |running: &Running| {
        let answer = running.ask("GET", "/api/v1/ledger/exporters", &["--header", &cookie]);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body[0].clone()
    };
    let is_sent = |running: &Running| {
        let exporter = exporter(running);
        let is_all = exporter["waiting"] == 0 && exporter["streams"][0]["next"].as_u64() > Some(0);
        if is_all { Ok(exporter) } else { Err(exporter.to_string()) }
    };
    let well = until(PATIENCE, || is_sent(&running));
    assert_eq!((&well["health"], &well["name"]), (&"well".into(), &"syslog".into()));
    assert!(received(&receiver).values().all(|count| *count == 1));
    let page = running.ask("GET", "/ledger", &["--header", &cookie]);
    assert!(page.text.contains("Sent elsewhere") && page.text.contains("sent as it comes"), "{}", page.text);

    // The receiver is gone; what happens meanwhile waits, and so does what the page says of it.
    receiver.kill();
    for _ in 0..20 {
        let refused = running.ask("GET", "/api/v1/users", &[]);
        assert_eq!(refused.status, 401);
    }
    until(PATIENCE, || match exporter(&running) {
        fails if fails["health"] == "fails" => Ok(()),
        other => Err(other.to_string()),
    });
    let error = exporter(&running)["error"].as_str().unwrap().to_owned();
    assert!(error.contains(&format!("localhost:{port} cannot be reached")), "{error}");
    let figures = running_figures(&running);
    assert!(figures.contains("palisade_ledger_exporter_waiting{exporter=\"syslog\"}"), "{figures}");
    running.kill();

    // Both come back.
    receiver.start_again();
    let running = Running::start(&state, &["serve"], &settings);
    let well = until(PATIENCE, || is_sent(&running));
    let size = well["streams"][0]["size"].as_u64().unwrap();
    let positions: Vec<u64> = received(&receiver).into_keys().collect();
    assert!(positions.len() as u64 >= size && positions.iter().copied().eq(0..positions.len() as u64));
    let kinds =
        |kind: &str| receiver.lines().iter().filter(|line| line.contains(&format!(" {kind} ["))).count();
    assert_eq!((kinds("ledger.exporter-failed"), kinds("server.started")), (1, 2));
    assert!(running.end());
}

fn running_figures(running: &Running) -> String {
    let url = format!("http://127.0.0.1:{}/metrics", running.metrics);
    let done = Command::new("/usr/bin/curl").args(["--silent", "--max-time", "10", &url]).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}
