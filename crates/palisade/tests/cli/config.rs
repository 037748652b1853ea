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
    insta::assert_snapshot!(told(&ran, &path), @r#"
    error: brute_force.block_duration_by_ip is 86400, a number without a unit
      --> palisade.toml:3:24
      help: write "86400s" if that was meant; units are s, m, h, d
    error: there is no parameter max_atempts_by_ip in [brute_force]
      --> palisade.toml:4:1
      help: did you mean `max_attempts_by_ip`?
    error: server.metrics_listen is [::]:9443, which other machines can reach
      --> palisade.toml:7:18
      help: write "127.0.0.1:9443": metrics are served without a login; let the collector run on this machine
    error: server.trusted_proxies has 0.0.0.0/0: whoever is in that network could claim any client address and evade every block
      --> palisade.toml:8:35
      help: name the addresses of your proxies only
    error: there is no parameter password in [mail]
      --> palisade.toml:11:1
      help: secrets do not stand in this file: write it into a file with mode 0600, and password_file here
    error: this variable is none of Palisade's parameters
      --> environment PALISADE_SESIONS_MAX_PER_USER
      help: did you mean `PALISADE_SESSIONS_MAX_PER_USER`?
    error: sessions.idle_lock is 900, a number without a unit
      --> environment PALISADE_SESSIONS_IDLE_LOCK
      help: write "900s" if that was meant; units are s, m, h, d
    palisade.toml: 7 problems
    exit code 2
    "#);
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
    insta::assert_snapshot!(told(&ran, &path), @r#"
    warning: database.url is "postgres://palisade:***@db.example/palisade?sslmode=require": sslmode is require: the certificate of the database is not checked: anybody on the way can be it
      --> environment PALISADE_DATABASE_URL
      help: write sslmode=verify-full, and sslrootcert=FILE when the database has a CA of its own
    warning: brute_force.max_attempts_by_ip_and_username is 20: passwords can be guessed for longer than the guide allows
      --> palisade.toml:5:1
      help: write at most 5
    warning: mfa.mfa_enabled is false: a stolen password is enough to log in as anybody but an administrator
      --> built-in default
      help: write true: users are led through it at their next login
    palisade.toml: 3 of 92 parameters set: 3 unsafe
    exit code 1
    "#);
    let ran = palisade(&["config", "show", "--config", &path], &database);
    insta::assert_snapshot!(told(&ran, &path), @r#"
    [server]  Where the server listens, what it keeps, and how much of it a client
      can take up.
      public_url = "https://palisade.example:8443"
         from  palisade.toml:2
         does  Address under which browsers reach the server; it names the
               certificate, the cookies' origin and the passkeys' relying party.

    [database]  Where users, sessions, counters and reports are kept.
      url = "postgres://palisade:***@db.example/palisade?sslmode=require"
         from  environment PALISADE_DATABASE_URL
         does  The database: SQLite in the state directory when left out; a network
               host without `sslmode` gets `verify-full`.
       unsafe  sslmode is require: the certificate of the database is not checked:
               anybody on the way can be it
       remedy  write sslmode=verify-full, and sslrootcert=FILE when the database has
               a CA of its own

    [brute_force]  How many wrong credentials are borne, of whom, and for how long
      nobody is heard afterwards.
      max_attempts_by_ip_and_username = 20
         from  palisade.toml:5; default 5; NRV-MS-037
         does  Failed logins of one user name from one address before the pair is
               blocked.
       unsafe  passwords can be guessed for longer than the guide allows
       remedy  write at most 5

    [mfa]  Second factors.
      mfa_enabled = false
         from  default; NRV-MS-053
         does  Everybody logs in with a second factor; without it only
               administrators must. `palisade up` switches it on.
       unsafe  a stolen password is enough to log in as anybody but an administrator
       remedy  write true: users are led through it at their next login

    3 of 92 parameters are set, 3 unsafe. `--effective` shows every one.
    exit code 0
    "#);
}

#[test]
fn the_shipped_configuration_is_all_good() {
    let folder = Folder::new();
    let text = std::fs::read_to_string(root().join("deploy/palisade.toml")).unwrap();
    let path = file(&folder, &text);
    let ran = palisade(&["config", "check", "--config", &path], &[]);
    insta::assert_snapshot!(told(&ran, &path), @r"
    palisade.toml: 2 of 92 parameters set: all good
    exit code 0
    ");
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
fn what_would_keep_the_server_from_starting_is_told_by_the_check() {
    let folder = Folder::new();
    let key = folder.file("key.pem", "no key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let site = "[server]\npublic_url = \"https://palisade.example:8443\"\n";
    for (text, wants) in [
        (
            format!("[tls]\ncertificate_file = \"/nowhere/chain.pem\"\nkey_file = \"{key}\"\n"),
            "/nowhere/chain.pem",
        ),
        ("[passwords]\nknown_bad_file = \"/nowhere/words\"\n".to_owned(), "/nowhere/words"),
        (
            "[mail]\nhost = \"mail.example\"\nfrom = \"p@example.com\"\nca_file = \"/nowhere/ca.pem\"\n"
                .to_owned(),
            "/nowhere/ca.pem",
        ),
    ] {
        let path = file(&folder, &format!("{site}{text}"));
        let ran = palisade(&["config", "check", "--config", &path], &[]);
        assert_eq!(ran.code, 2, "{}", told(&ran, &path));
        assert!(ran.err.contains("would not start") && ran.err.contains(wants), "{}", ran.err);
    }
}

#[test]
fn every_parameter_is_shown_with_its_source() {
    let folder = Folder::new();
    let path = file(&folder, UNSAFE);
    let ran = palisade(&["config", "show", "--effective", "--config", &path], &[]);
    assert_eq!(ran.code, 0);
    let text = told(&ran, &path);
    let part = text.split("[tls]").next().unwrap();
    insta::assert_snapshot!(part.trim_end(), @r#"
    [server]  Where the server listens, what it keeps, and how much of it a client
      can take up.
      listen = "0.0.0.0:8443"
         from  default; NRV-MS-026
         does  Address and port of the pages and the API; `[::]:8443` listens on
               IPv6 too.
      public_url = "https://palisade.example:8443"
         from  palisade.toml:2
         does  Address under which browsers reach the server; it names the
               certificate, the cookies' origin and the passkeys' relying party.
      host_names = []
         from  default
         does  Further names and addresses of this machine that the server's own
               certificate is made for.
      state_dir = "/var/lib/palisade"
         from  default
         does  Folder of the database, the keys and the CA, which the server keeps
               at mode 0700.
      metrics_listen = "127.0.0.1:9443"
         from  default
         does  Loopback address of the metrics for Prometheus, or `off`.
      trusted_proxies = []
         from  default
         does  Networks of the proxies whose word on the client's address is taken;
               everybody else's is ignored.
      forwarded_header = "x-forwarded-for"
         from  default
         does  Header in which those proxies write the client's address; the other
               one is never read.
      max_connections = 4096
         from  default
         does  Connections that are open at a time; further ones wait or are
               refused.
      max_request_body = "1MiB"
         from  default
         does  Largest body of a request, where a route does not set less.
      handshake_timeout = "10s"
         from  default
         does  Time in which a connection must have finished its TLS handshake.
      header_timeout = "10s"
         from  default
         does  Time in which the head of a request must have arrived.
      request_timeout = "30s"
         from  default
         does  Time in which a request must have been read and answered.
      idle_timeout = "60s"
         from  default
         does  Time after which a connection without requests is closed.
      shutdown_grace = "20s"
         from  default
         does  Time that requests under way are given when the server stops.
    "#);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let ran = palisade(&["config", "show", "--effective", "--config", &path, "--format", "json"], &[]);
    let document = ran.json();
    let settings = document["settings"].as_array().unwrap();
    let find = |name: &str| settings.iter().find(|setting| setting["name"] == name).unwrap();
    insta::assert_snapshot!(
        format!("{:#}", find("max_attempts_by_ip_and_username")).replace(&path, "palisade.toml"), @r#"
        {
          "about": "Failed logins of one user name from one address before the pair is blocked.",
          "default": 5,
          "guide": "NRV-MS-037",
          "name": "max_attempts_by_ip_and_username",
          "section": "brute_force",
          "source": {
            "column": 1,
            "kind": "file",
            "line": 5,
            "path": "palisade.toml"
          },
          "unsafe": {
            "reason": "passwords can be guessed for longer than the guide allows",
            "remedy": "write at most 5"
          },
          "value": 20
        }
        "#
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
