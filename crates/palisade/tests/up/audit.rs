//! Palisade audits itself: from outside and from its own host it finds nothing to fault, and what is broken on purpose it finds.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use test_support::free_port;

use crate::running::{Answer, Log, Running};
use crate::story::wait_for_report;

const PASSWORD: &str = "seventeen violet turbines hum";

/// The code of an authenticator app now (RFC 6238).
const CODE: &str = r#"
const { createHmac } = require("node:crypto");
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const bits = [...process.argv[1].replace(/[^A-Z2-7]/g, "")].map((c) => letters.indexOf(c).toString(2).padStart(5, "0")).join("");
const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
const step = Buffer.alloc(8);
step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000)));
const mac = createHmac("sha1", key).update(step).digest();
const at = mac[19] & 15;
console.log(String((mac.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, "0"));
"#;

/// Makes the first administrator; gives the session's cookie.
pub(crate) fn set_up(running: &Running) -> String {
    let form =
        json!({"code": running.set_up_code(), "username": "eva", "full_name": "Eva", "password": PASSWORD});
    let made = running.send("POST", "/api/v1/setup", "", &form);
    assert_eq!(made.status, 201, "{}", made.text);
    cookie(&made.text)
}

fn cookie(text: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    line.split(';').next().unwrap().to_owned()
}

/// Sends JSON as a page of the server's own does, which must say that it is one.
pub(crate) fn send_as_page(running: &Running, method: &str, path: &str, cookie: &str, body: &Value) -> Answer {
    let (cookie, body) = (format!("cookie: {cookie}"), body.to_string());
    let headers = ["content-type: application/json", "sec-fetch-site: same-origin", &cookie];
    let mut arguments: Vec<&str> = headers.iter().flat_map(|header| ["--header", header]).collect();
    arguments.extend(["--data", &body]);
    running.ask(method, path, &arguments)
}

/// Sets up an authenticator app; gives the session's new cookie.
pub(crate) fn enrol(running: &Running, cookie: &str) -> String {
    let begun = send_as_page(running, "POST", "/api/v1/session/totp", cookie, &json!({}));
    assert_eq!(begun.status, 200, "{}", begun.text);
    let secret = begun.body.get("secret").and_then(Value::as_str).unwrap();
    let code = said_by(Command::new("/usr/bin/node").args(["-e", CODE, secret]));
    let code = json!({"code": code.trim()});
    let confirmed = send_as_page(running, "PUT", "/api/v1/session/totp", cookie, &code);
    assert_eq!(confirmed.status, 200, "{}", confirmed.text);
    self::cookie(&confirmed.text)
}

fn said_by(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; see `cargo xtask setup`"));
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// The findings of an audit.
fn findings(arguments: &[&str]) -> Vec<Value> {
    let mut audit = Command::new(env!("CARGO_BIN_EXE_palisade"));
    let text = said_by(audit.args(["audit", "--format", "json", "--fail-on", "never"]).args(arguments));
    let report: Value = serde_json::from_str(&text).unwrap();
    report.get("findings").and_then(Value::as_array).unwrap().clone()
}

fn of<'a>(findings: &'a [Value], verdicts: &[&str]) -> Vec<&'a Value> {
    findings.iter().filter(|finding| verdicts.contains(&finding["verdict"].as_str().unwrap())).collect()
}

/// The verdict of a rule on the server with this state directory.
fn verdict<'a>(findings: &'a [Value], rule: &str, state: &Path) -> &'a str {
    let found = findings
        .iter()
        .find(|finding| finding["rule"] == rule && finding["subject"] == *state.to_str().unwrap());
    found.and_then(|finding| finding["verdict"].as_str()).unwrap_or("not decided")
}

#[test]
fn nothing_is_found_at_a_server_from_outside_and_from_its_own_host() {
    let place = crate::running::place();
    let state = place.path().join("state");
    let port = free_port();
    // As a plain `palisade up` does.
    let listen = format!("0.0.0.0:{port}");
    let start =
        || Running::start_at(port, &state, &["up"], &[("PALISADE_SERVER_LISTEN", &listen)], Log::kept());
    let first = start();
    let cookie = set_up(&first);
    enrol(&first, &cookie);
    wait_for_report(&first);
    // It says at each start how it stands, so that nobody need wait a minute.
    assert!(first.end());
    let running = start();

    let authority = state.join("ca.pem");
    let outside = findings(&[&running.url(""), "--ca", authority.to_str().unwrap()]);
    assert!(of(&outside, &["pass"]).len() > 40, "{outside:#?}");
    assert_eq!(of(&outside, &["fail", "unknown"]), Vec::<&Value>::new());

    let profile = place.path().join("site.yaml");
    std::fs::write(
        &profile,
        format!(
            "declare:\n  palisade_administrators: [eva]\n  palisade_workload_managers: [eva]\n  palisade_connection_managers: [eva]\n  \
             server_names: [localhost]\n  listeners: [tcp/{port}]\n  web_services: [tcp/{port}]\n"
        ),
    )
    .unwrap();
    let inside = findings(&["--profile", profile.to_str().unwrap()]);
    let own: Vec<&Value> =
        inside.iter().filter(|finding| finding["subject"] == *state.to_str().unwrap()).collect();
    let own: Vec<&Value> =
        own.into_iter().filter(|finding| finding["rule"].as_str().unwrap().starts_with("palisade.")).collect();
    assert!(own.len() >= 30, "{own:#?}");
    let mut passed = 0;
    for finding in own {
        let rule = finding["rule"].as_str().unwrap();
        match finding["verdict"].as_str().unwrap() {
            "pass" => passed += 1,
            // There is no mail server, and no configuration file.
            "not_applicable"
                if ["palisade.mail-encrypted", "palisade.configuration-protected"].contains(&rule) => {}
            _ => panic!("{finding:#}"),
        }
    }
    assert!(passed >= 30, "{passed}");
    // Nor does another rule fault its sockets, files or process.
    let metrics = format!("127.0.0.1:{}", running.metrics);
    let here = format!("127.0.0.1:{port}");
    let is_about_it = |finding: &&Value| {
        let text = finding.to_string();
        [listen.as_str(), &here, &metrics, state.to_str().unwrap()].iter().any(|part| text.contains(part))
    };
    let is_reached = |finding: &&Value| finding["subject"] == format!("tcp {listen}").as_str();
    assert!(of(&inside, &["pass"]).into_iter().any(|finding| is_reached(&finding)), "{inside:#?}");
    let faults: Vec<&Value> = of(&inside, &["fail"]).into_iter().filter(is_about_it).collect();
    assert_eq!(faults, Vec::<&Value>::new());
}

#[test]
fn what_is_broken_on_purpose_is_found() {
    let place = crate::running::place();
    let state = place.path().join("state");
    let file = place.path().join("palisade.toml");
    std::fs::write(
        &file,
        "[brute_force]\nmax_attempts_by_ip_and_username = 50\nblock_duration_by_ip = \"60s\"\n[passwords]\nmin_length = 8\n\
         [sessions]\nuse_notice = \"\"\nidle_lock = \"2h\"\n[remote_connection]\nsession_duration = \"2h\"\n[server]\nrequest_timeout = \"5m\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let arguments = ["serve", "--config", file.to_str().unwrap()];
    let first = Running::start(&state, &arguments, &[]);
    set_up(&first);
    assert!(first.end());
    let _running = Running::start(&state, &arguments, &[]);
    for (path, mode) in [(file.clone(), 0o666), (state.join("seal.key"), 0o644)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let found = findings(&[]);
    for rule in [
        "user-attempts-limited",
        "address-block-lasts",
        "second-factor-on",
        "administrators-second-factor",
        "passwords-strong",
        "notice-shown",
        "sessions-end",
        "remote-session-bounded",
        "parameters-strong",
        "configuration-protected",
        "state-private",
    ] {
        assert_eq!(verdict(&found, &format!("palisade.{rule}"), &state), "fail", "{rule}");
    }
    for rule in ["token-attempts-limited", "administrators-few", "names-not-guessable", "access-reviewed"] {
        assert_eq!(verdict(&found, &format!("palisade.{rule}"), &state), "pass", "{rule}");
    }
    // Who may administer only the site knows.
    let approved = found.iter().find(|finding| finding["rule"] == "palisade.administrators-approved").unwrap();
    assert_eq!(approved["verdict"], "unknown", "{approved:#}");
    assert!(approved["reason"].as_str().unwrap().contains("declared.palisade_administrators"), "{approved:#}");
}
