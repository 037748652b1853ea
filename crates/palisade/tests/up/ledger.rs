//! The ledger as an auditor meets it: exported, verified somewhere else without the server, and every change of it named.

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::audit::{enrol, send_as_page, set_up};
use crate::running::Running;

/// `palisade ledger ...` with an API token.
pub(crate) fn ledger(folder: &Path, token: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_palisade"))
        .arg("ledger")
        .args(arguments)
        .current_dir(folder)
        .env("PALISADE_TOKEN", token)
        .output()
        .unwrap()
}

pub(crate) fn told(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

/// An API token that may read and export the ledger.
pub(crate) fn token(running: &Running) -> String {
    token_of(running, &enrol(running, &set_up(running)))
}

/// The same, made in this session.
pub(crate) fn token_of(running: &Running, cookie: &str) -> String {
    let ends = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(24)).unwrap();
    let form = json!({"name": "auditor", "permissions": ["ledger.read", "ledger.export"], "ends_at": ends.to_string()});
    let made = send_as_page(running, "POST", "/api/v1/tokens", cookie, &form);
    assert_eq!(made.status, 201, "{}", made.text);
    made.body.get("token").and_then(Value::as_str).unwrap().to_owned()
}

/// The key of the Management System's own stream.
pub(crate) fn key(running: &Running, token: &str) -> String {
    let bearer = format!("authorization: Bearer {token}");
    let streams = running.ask("GET", "/api/v1/ledger", &["--header", &bearer]);
    streams.body.pointer("/0/key").and_then(Value::as_str).unwrap().to_owned()
}

/// Changes one byte of the entry at this place in an exported archive.
fn flip(archive: &Path, changed: &Path, part: &str) {
    let mut bytes = std::fs::read(archive).unwrap();
    let at = bytes.windows(part.len()).position(|window| window == part.as_bytes()).unwrap();
    *bytes.get_mut(at).unwrap() ^= 1;
    std::fs::write(changed, bytes).unwrap();
}

/// Programs of others come to the same of an archive: `tar` unpacks it, another RFC 6962 tree of its entries has the root that was
/// signed, and OpenSSL finds the signature good.
fn others_agree(place: &Path, archive: &str, key: &str) {
    let run = |program: &str, arguments: &[&str]| {
        let done = Command::new(program).args(arguments).current_dir(place).output().unwrap();
        assert!(done.status.success(), "{program}: {}", told(&done));
    };
    run("/usr/bin/tar", &["-xf", archive]);
    let log = place.join("management-system");
    let checkpoint = std::fs::read_to_string(log.join("checkpoint")).unwrap();
    let (note, signatures) = checkpoint.split_once("\n\n").unwrap();
    let lines: Vec<&str> = note.lines().collect();
    let size: u64 = lines[1].parse().unwrap();

    let mut tree = ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
    for bundle in 0..size.div_ceil(256) {
        let width = (size - bundle * 256).min(256);
        let partial = if width < 256 { format!(".p/{width}") } else { String::new() };
        let bytes = std::fs::read(log.join(format!("tile/entries/{bundle:03}{partial}"))).unwrap();
        let mut rest = bytes.as_slice();
        while let Some((length, behind)) = rest.split_first_chunk::<2>() {
            let (entry, behind) = behind.split_at(usize::from(u16::from_be_bytes(*length)));
            tree.push(entry.to_vec());
            rest = behind;
        }
    }
    assert_eq!((tree.len(), STANDARD.encode(tree.root().as_bytes())), (size, lines[2].to_owned()));

    // The signature line is `— NAME BASE64` with four bytes of the key's hash first; the key ends with one byte for Ed25519 and
    // its 32.
    let signature = signatures.lines().next().unwrap().rsplit(' ').next().unwrap();
    let public = STANDARD.decode(key.splitn(3, '+').last().unwrap()).unwrap();
    let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    std::fs::write(place.join("key.der"), [&prefix, &public[1..]].concat()).unwrap();
    std::fs::write(place.join("signature"), &STANDARD.decode(signature).unwrap()[4..]).unwrap();
    std::fs::write(place.join("note"), format!("{note}\n")).unwrap();
    let verify = ["pkeyutl", "-verify", "-pubin", "-inkey", "key.der", "-keyform", "DER", "-rawin"];
    run("/usr/bin/openssl", &[&verify[..], &["-in", "note", "-sigfile", "signature"]].concat());
}

#[test]
fn an_auditor_verifies_the_ledger_without_the_server_and_sees_what_was_changed() {
    let directory = crate::running::place();
    let running = Running::start(&directory.path().join("state"), &["serve"], &[]);
    let token = token(&running);
    let key = key(&running, &token);
    let authority = running.state.join("ca.pem");
    let (url, authority) = (running.url(""), authority.to_str().unwrap());
    let place = crate::running::place();
    let run = |arguments: &[&str]| ledger(place.path(), &token, arguments);
    // What is turned away before any route is noted too.
    let led = running.ask("POST", "/api/v1/tokens", &["--header", "sec-fetch-site: cross-site"]);
    assert_eq!(led.status, 403, "{}", led.text);
    // Each export is an entry of its own.
    for name in ["first.tar", "second.tar"] {
        let done = run(&["export", &url, "--ca", authority, "-o", name]);
        assert_eq!(done.status.code(), Some(0), "{}", told(&done));
        let again = run(&["export", &url, "--ca", authority, "-o", name]);
        assert_eq!(again.status.code(), Some(2), "a file that is there is not written over");
    }
    let lines = run(&["export", &url, "--ca", authority, "--format", "jsonl", "-o", "all.jsonl"]);
    assert_eq!(lines.status.code(), Some(0), "{}", told(&lines));
    let lines = std::fs::read_to_string(place.path().join("all.jsonl")).unwrap();
    let exported: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["entry"]["event"] == "ledger.exported")
        .collect();
    assert_eq!(exported.len(), 3, "{lines}");
    assert!(lines.contains("\"reason\":\"cross-site\""), "{lines}");

    let online = run(&["verify", &url, "--ca", authority, "--key", &key]);
    assert_eq!(online.status.code(), Some(0), "{}", told(&online));
    let listed = run(&["list", &url, "--ca", authority, "--event", "ledger.exported", "--actor", "eva"]);
    assert_eq!(told(&listed).matches("ledger.exported success").count(), 3, "{}", told(&listed));
    let bearer = format!("authorization: Bearer {token}");
    let position = exported[0]["position"].as_u64().unwrap();
    let path = format!("/api/v1/ledger/management-system/entries/{position}");
    let entry = running.ask("GET", &path, &["--header", &bearer]);
    for (name, field) in [("entry.json", "text"), ("entry.tlog-proof", "proof")] {
        std::fs::write(place.path().join(name), entry.body[field].as_str().unwrap()).unwrap();
    }
    assert!(running.end());

    // The server is gone; the archive and the key are enough.
    let first = run(&["verify", "first.tar", "--key", &key, "--save-known", "known"]);
    assert_eq!(first.status.code(), Some(0), "{}", told(&first));
    assert!(told(&first).contains("verified: nothing was changed"), "{}", told(&first));
    let second = run(&["verify", "second.tar", "--key", &key, "--known", "known"]);
    assert_eq!(second.status.code(), Some(0), "{}", told(&second));
    let proven = run(&["verify-proof", "entry.tlog-proof", "--entry", "entry.json", "--key", &key]);
    assert_eq!(proven.status.code(), Some(0), "{}", told(&proven));
    assert!(told(&proven).contains(&format!("verified: this is entry {position} of ")), "{}", told(&proven));

    others_agree(place.path(), "second.tar", &key);

    // One byte of one entry.
    let id = exported[0]["entry"]["id"].as_str().unwrap();
    flip(&place.path().join("second.tar"), &place.path().join("changed.tar"), id);
    let changed = run(&["verify", "changed.tar", "--key", &key, "--format", "json"]);
    assert_eq!(changed.status.code(), Some(1), "{}", told(&changed));
    let result: Value = serde_json::from_slice(&changed.stdout).unwrap();
    let faults = result["logs"][0]["faults"].as_array().unwrap();
    assert_eq!(
        (faults.len(), &faults[0]["check"], &faults[0]["entry"]),
        (1, &json!("entry"), &json!(position))
    );
    std::fs::write(
        place.path().join("other.json"),
        std::fs::read_to_string(place.path().join("entry.json")).unwrap().replace(id, "0"),
    )
    .unwrap();
    let other = run(&["verify-proof", "entry.tlog-proof", "--entry", "other.json", "--key", &key]);
    assert_eq!(other.status.code(), Some(1), "{}", told(&other));
    assert!(told(&other).contains("the proof does not lead to the root"), "{}", told(&other));

    // What was seen before must be of this ledger and signed, or it compares nothing.
    let text = std::fs::read_to_string(place.path().join("known")).unwrap();
    let other_name = text.replacen("localhost", "lokalhost", 1);
    std::fs::write(place.path().join("other-known"), other_name).unwrap();
    let known = run(&["verify", "first.tar", "--key", &key, "--known", "other-known"]);
    assert!(told(&known).contains("with nothing that was seen before"), "{}", told(&known));
    assert!(!told(&known).contains("nothing is missing\n"), "{}", told(&known));
    let (body, signature) = text.split_once("\n\n").unwrap();
    let size = body.lines().nth(1).unwrap();
    let smaller = body.replacen(&format!("\n{size}\n"), "\n1\n", 1);
    std::fs::write(place.path().join("forged-known"), format!("{smaller}\n\n{signature}")).unwrap();
    let forged = run(&["verify", "first.tar", "--key", &key, "--known", "forged-known"]);
    assert_eq!(forged.status.code(), Some(1), "{}", told(&forged));
    assert!(told(&forged).contains("that was seen before is not signed by"), "{}", told(&forged));
    // The key in a file.
    std::fs::write(place.path().join("key"), format!("{key}\n")).unwrap();
    let by_file = run(&["verify", "second.tar", "--key", "key", "--known", "known"]);
    assert_eq!(by_file.status.code(), Some(0), "{}", told(&by_file));
    assert!(told(&by_file).contains("nothing is missing"), "{}", told(&by_file));

    // An older ledger in place of a newer one, another key, and what cannot be looked at.
    let kept = run(&["verify", "second.tar", "--key", &key, "--save-known", "newer"]);
    assert_eq!(kept.status.code(), Some(0), "{}", told(&kept));
    let older = run(&["verify", "first.tar", "--key", &key, "--known", "newer"]);
    assert_eq!(older.status.code(), Some(1), "{}", told(&older));
    assert!(told(&older).contains("truncation"), "{}", told(&older));
    let nothing = run(&["verify", "nothing.tar", "--key", &key]);
    assert_eq!(nothing.status.code(), Some(2), "{}", told(&nothing));
    let no_key = run(&["verify", "first.tar", "--key", "x"]);
    assert_eq!(no_key.status.code(), Some(2), "{}", told(&no_key));
}
