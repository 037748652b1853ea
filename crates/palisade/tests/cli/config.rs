//! `palisade config` and `palisade ready`.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use crate::support::{Folder, Ran, root};

/// Runs `palisade` with these variables and no others but what the system needs.
fn palisade(args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(args)
        .env_clear()
        .envs([("LC_ALL", "C.UTF-8"), ("STATE_DIRECTORY", "/var/lib/palisade")])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Ran {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// A configuration that its owner alone can write and not everybody can read.
fn file(folder: &Folder, text: &str) -> String {
    let path = folder.file("palisade.toml", text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    path
}

/// What a run said, with the folder's name taken out.
fn told(ran: &Ran, path: &str) -> String {
    format!("{}{}exit code {}", ran.err, ran.out, ran.code).replace(path, "palisade.toml")
}

const WRONG: &str = "[brute_force]
max_attempts_by_ip_and_username = 5
block_duration_by_ip = 86400
max_atempts_by_ip = 100

[server]
metrics_listen = \"[::]:9443\"
trusted_proxies = [\"10.0.0.0/24\", \"0.0.0.0/0\"]

[mail]
password = \"hunter2\"
";

const UNSAFE: &str = "[server]
public_url = \"https://palisade.example:8443\"

[brute_force]
max_attempts_by_ip_and_username = 20
";

#[test]
fn a_wrong_configuration_is_told_in_whole() {
    let folder = Folder::new();
    let path = file(&folder, WRONG);
    let variables = [("PALISADE_SESSIONS_IDLE_LOCK", "900"), ("PALISADE_SESIONS_MAX_PER_USER", "3")];
    let ran = palisade(&["config", "check", "--config", &path], &variables);
    insta::assert_snapshot!(told(&ran, &path), @"");
    assert_eq!(ran.code, 2);
    let shown = palisade(&["config", "show", "--config", &path], &variables);
    assert_eq!((shown.code, shown.err), (2, ran.err));
}

#[test]
fn an_unsafe_configuration_is_accepted_and_named() {
    let folder = Folder::new();
    let path = file(&folder, UNSAFE);
    let database =
        [("PALISADE_DATABASE_URL", "postgres://palisade:hunter2@db.example/palisade?sslmode=require")];
    let ran = palisade(&["config", "check", "--config", &path], &database);
    insta::assert_snapshot!(told(&ran, &path), @"");
    let ran = palisade(&["config", "show", "--config", &path], &database);
    insta::assert_snapshot!(told(&ran, &path), @"");
}

#[test]
fn the_shipped_configuration_is_all_good() {
    let folder = Folder::new();
    let text = std::fs::read_to_string(root().join("deploy/palisade.toml")).unwrap();
    let path = file(&folder, &text);
    let ran = palisade(&["config", "check", "--config", &path], &[]);
    insta::assert_snapshot!(told(&ran, &path), @"");
    // What is commented out there is right too, once its secrets exist.
    let secret = folder.file("secret", "hunter2");
    let url = folder.file("url", "postgres://palisade:hunter2@db.example/palisade\n");
    for path in [&secret, &url] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let whole: Vec<&str> = text
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|rest| rest.starts_with('[') || rest.contains(" = \""))
                .unwrap_or(line)
        })
        .collect();
    let whole = whole.join("\n");
    let whole = whole.replace("/run/credentials/palisade.service/mail-password", &secret);
    let whole = whole.replace("/run/credentials/palisade.service/database-url", &url);
    let path = file(&folder, &whole);
    let ran = palisade(&["config", "check", "--config", &path], &[]);
    assert_eq!(ran.code, 0, "{}", told(&ran, &path));
    assert!(ran.out.contains("7 of"), "{}", ran.out);
}

#[test]
fn every_parameter_is_shown_with_its_source() {
    let folder = Folder::new();
    let path = file(&folder, UNSAFE);
    let ran = palisade(&["config", "show", "--effective", "--config", &path], &[]);
    assert_eq!(ran.code, 0);
    let text = told(&ran, &path);
    let part = text.split("[tls]").next().unwrap();
    insta::assert_snapshot!(part.trim_end(), @"");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let ran = palisade(&["config", "show", "--effective", "--config", &path, "--format", "json"], &[]);
    let document = ran.json();
    let settings = document["settings"].as_array().unwrap();
    let find = |name: &str| settings.iter().find(|setting| setting["name"] == name).unwrap();
    insta::assert_snapshot!(
        format!("{:#}", find("max_attempts_by_ip_and_username")).replace(&path, "palisade.toml"), @""
    );
    assert_eq!(find("mfa_enabled")["source"]["kind"], "default");
}

#[test]
fn the_example_is_a_configuration_and_the_reference_is_the_committed_one() {
    let folder = Folder::new();
    let example = palisade(&["config", "example"], &[]);
    let path = file(&folder, &example.out);
    assert_eq!(palisade(&["config", "show", "--config", &path], &[]).code, 0);
    let reference = palisade(&["config", "reference"], &[]).out;
    assert!(reference == std::fs::read_to_string(root().join("docs/configuration.md")).unwrap());
}

#[test]
fn readiness_is_asked_where_metrics_are_served() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let answers = ["200 OK\r\n\r\nready\n", "503 Service Unavailable\r\n\r\nthe store is away\n"];
        answers.map(|answer| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let asked = lines.next().unwrap();
            assert!(lines.any(|line| line.is_empty()));
            write!(stream, "HTTP/1.1 {answer}").unwrap();
            asked
        })
    });
    let variables = [("PALISADE_SERVER_METRICS_LISTEN", address.as_str())];
    let ready = palisade(&["ready"], &variables);
    assert_eq!((ready.code, ready.out.as_str()), (0, "ready\n"));
    let away = palisade(&["ready"], &variables);
    assert_eq!((away.code, away.out.as_str()), (1, "the store is away\n"));
    assert_eq!(server.join().unwrap(), ["GET /readyz HTTP/1.1", "GET /readyz HTTP/1.1"]);
    let gone = palisade(&["ready"], &variables);
    assert_eq!(gone.code, 2);
    assert!(gone.err.contains(&format!("no answer from {address}")), "{}", gone.err);
    let off = palisade(&["ready"], &[("PALISADE_SERVER_METRICS_LISTEN", "off")]);
    assert!(off.err.contains("server.metrics_listen is off"), "{}", off.err);
}
