//! `palisade audit ssh://...` against a real sshd on a host of its own: the same facts as from inside, one connection,
//! nothing left behind, and a clear word when the other side refuses, hangs or lies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test that cannot be set up must stop"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use model::FactsDocument;
use serde_json::Value;
use test_support::{SUBSYSTEM, SshHost};

const PALISADE: &str = env!("CARGO_BIN_EXE_palisade");

/// `sudo -n` for everything.
const ALL: &str = "ann ALL=(ALL) NOPASSWD: ALL";

/// A host that can be asked from inside as well.
fn host(server: &str, sudoers: &str) -> SshHost {
    SshHost::start(server, sudoers, &[(Path::new(PALISADE), "/palisade")], &[])
}

fn palisade(ssh: &SshHost, args: &[&str]) -> Command {
    let mut command = ssh.beside(PALISADE);
    command.args(args).arg("--credentials").arg(ssh.file("credentials.yaml"));
    command
}

/// The facts of a target, or what went wrong.
fn facts(ssh: &SshHost, target: &str, sections: &[&str]) -> Result<FactsDocument, String> {
    let args: Vec<&str> = ["facts", "--target", target].into_iter().chain(sections.iter().copied()).collect();
    read(&mut palisade(ssh, &args))
}

fn read(command: &mut Command) -> Result<FactsDocument, String> {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_nothing_left(pid);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        assert_eq!(output.status.code(), Some(2), "{errors}");
        return Err(errors);
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}")))
}

/// No folder of sockets and no process of an SSH connection is left of that run.
fn assert_nothing_left(pid: u32) {
    let name = format!("palisade-{pid}-");
    let left = || -> Vec<String> {
        let folders = fs::read_dir("/tmp")
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name().into_string().unwrap_or_default());
        let lines = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("cmdline"));
        let lines = lines.filter_map(|file| Some(String::from_utf8_lossy(&fs::read(file).ok()?).into_owned()));
        folders.chain(lines).filter(|text| text.contains(&name)).collect()
    };
    let begun = Instant::now();
    while !left().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "left behind: {:#?}", left());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn until(mut done: impl FnMut() -> bool, missing: &str) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{missing}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// No server of files and no program of ours runs on the host any more.
fn assert_host_quiet(ssh: &SshHost) {
    let busy = "for one in /proc/[0-9]*; do grep -l -e sftp-server -e sudo -e timeout $one/comm 2> /dev/null && \
                tr '\\0' ' ' < $one/cmdline; done";
    let mut left = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        // The first process of the host collects nobody: what has ended still has a number, but no command line.
        left = ssh.host().run(busy).stdout;
        if !left.contains(&b' ') {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("left behind on the host: {}", String::from_utf8_lossy(&left));
}

/// Facts that no two readings share, or that the reading itself changes.
const OTHERWISE: &[&str] = &[
    // Time goes on.
    "os.uptime_seconds",
    "os.uptime_days",
    "os.memory_available_bytes",
    "time.",
    // Palisade itself runs on the host when it is asked from inside, and stands in its tree as a program.
    "files.walk.entries",
    "files.walk.directories",
    // The kernel counts on while we look.
    "disks.filesystems",
    // sshd writes its log.
    "logging.directories",
];

fn flat(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| flat(&format!("{path}.{key}"), value, into));
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().for_each(|(index, value)| flat(&format!("{path}[{index}]"), value, into));
        }
        other => _ = into.insert(path.trim_start_matches('.').to_owned(), other.to_string()),
    }
}

fn assert_same(inside: &FactsDocument, outside: &FactsDocument) {
    let lines = |document: &FactsDocument| {
        let mut lines = BTreeMap::new();
        flat("", &serde_json::to_value(&document.facts).unwrap(), &mut lines);
        for (path, reason) in &document.unreadable {
            lines.insert(path.clone(), format!("unreadable: {reason}"));
        }
        lines.retain(|path, _| !OTHERWISE.iter().any(|known| path.starts_with(known)));
        lines
    };
    let (inside, outside) = (lines(inside), lines(outside));
    let differences: Vec<String> = inside
        .keys()
        .chain(outside.keys().filter(|path| !inside.contains_key(*path)))
        .filter(|path| inside.get(*path) != outside.get(*path))
        .map(|path| format!("{path}: inside {:?}, over SSH {:?}", inside.get(path), outside.get(path)))
        .collect();
    assert!(inside.len() > 300, "{}", inside.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn inside(ssh: &SshHost) -> FactsDocument {
    serde_json::from_str(&ssh.host().must("/palisade facts")).unwrap()
}

/// One login, and all sessions on its connection. The probe of endpoints connects to sshd's port as to any other, from the
/// host itself, and leaves after the greeting.
fn assert_one_connection(ssh: &SshHost) {
    let log = ssh.log();
    assert_eq!(log.matches("Accepted publickey").count(), 1, "{log}");
    let sessions: BTreeSet<&str> = log
        .lines()
        .filter(|line| line.starts_with("Starting session"))
        .filter_map(|line| line.split_once(" port ")?.1.split(' ').next())
        .collect();
    assert_eq!(sessions.len(), 1, "{log}");
    let (opened, greeted) =
        (log.matches("Connection from").count(), log.matches("Connection closed by").count());
    assert_eq!(opened - greeted, 1, "{log}");
}

#[test]
fn root_over_ssh_reads_the_facts_that_are_read_from_inside() {
    let ssh = host(SUBSYSTEM, "");
    let outside = facts(&ssh, "ssh://root@127.0.0.1", &[]).unwrap();
    assert_same(&inside(&ssh), &outside);
    assert_one_connection(&ssh);
    assert_host_quiet(&ssh);
}

#[test]
fn a_user_with_sudo_reads_what_root_reads() {
    let ssh = host(SUBSYSTEM, ALL);
    let outside = facts(&ssh, "ssh://ann@127.0.0.1", &[]).unwrap();
    assert_same(&inside(&ssh), &outside);
    assert_one_connection(&ssh);
    assert_host_quiet(&ssh);
}

#[test]
fn a_user_without_sudo_reads_what_it_may_and_says_what_is_missing() {
    let ssh = host(SUBSYSTEM, "");
    let document = facts(&ssh, "ssh://ann@127.0.0.1", &["accounts", "firewall", "os"]).unwrap();
    assert_eq!(document.facts["os"]["id"], "debian");
    let reasons: Vec<&String> = document.unreadable.values().collect();
    let remedy = "run as root (log in as root, or let this user run `sudo -n`)";
    assert!(
        reasons
            .iter()
            .any(|reason| reason.contains("/etc/shadow: permission denied") && reason.contains(remedy)),
        "{reasons:#?}"
    );
    assert!(!reasons.iter().any(|reason| reason.ends_with("run as root")), "{reasons:#?}");
}

#[test]
fn narrow_rules_of_sudo_give_the_files_and_the_programs_that_they_name() {
    let rules = "ann ALL=(root) NOPASSWD: /usr/lib/openssh/sftp-server -R, /usr/sbin/nft";
    let ssh = host(SUBSYSTEM, rules);
    let document = facts(&ssh, "ssh://ann@127.0.0.1", &["accounts", "firewall", "ssh"]).unwrap();
    assert!(document.facts["accounts"]["users"].as_array().unwrap().len() == 3);
    assert!(
        !document.unreadable.values().any(|reason| reason.contains("/etc/shadow")),
        "{:#?}",
        document.unreadable
    );
    assert!(!document.unreadable.contains_key("firewall"), "{:#?}", document.unreadable);
    let sshd = document.unreadable.iter().find(|(_, reason)| reason.contains("sshd (sudo: "));
    assert!(sshd.is_some(), "{:#?}", document.unreadable);
}

#[test]
fn a_host_whose_key_is_unknown_or_has_changed_is_not_asked() {
    let ssh = host(SUBSYSTEM, "");
    ssh.trust("");
    let error = facts(&ssh, "ssh://root@127.0.0.1", &["os"]).unwrap_err();
    assert!(
        error.contains("the host key of root@127.0.0.1 is not known here: `ssh-keyscan 127.0.0.1`"),
        "{error}"
    );
    ssh.trust(&ssh.public("other"));
    let error = facts(&ssh, "ssh://root@127.0.0.1", &["os"]).unwrap_err();
    assert!(
        error.contains("has changed (the old one is in") && error.contains("ssh-keygen -R '127.0.0.1'"),
        "{error}"
    );
    assert!(!ssh.log().contains("Accepted"), "{}", ssh.log());
    // Whatever the user's own settings say.
    ssh.settings("StrictHostKeyChecking no\nNoHostAuthenticationForLocalhost yes\nUpdateHostKeys yes\nControlPersist yes");
    facts(&ssh, "ssh://root@127.0.0.1", &["os"]).unwrap_err();
    let before = fs::read(ssh.file("known_hosts")).unwrap();
    assert_eq!(before, format!("127.0.0.1 {}", ssh.public("other")).into_bytes());
}

#[test]
fn keys_come_from_a_file_or_an_agent_and_passwords_are_refused() {
    let ssh = host(SUBSYSTEM, "");
    let bare = |target: &str| {
        let mut command = ssh.beside(PALISADE);
        command.args(["facts", "--target", target, "os"]);
        command
    };
    let error = read(&mut bare("ssh://root@127.0.0.1")).unwrap_err();
    assert!(
        error.contains("root@127.0.0.1 refuses the login (publickey)") && error.contains("ssh-agent"),
        "{error}"
    );
    let socket = ssh.file("agent");
    let mut agent =
        Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    until(|| socket.exists(), "ssh-agent does not start");
    let added =
        Command::new("ssh-add").arg("-q").arg(ssh.file("user")).env("SSH_AUTH_SOCK", &socket).status().unwrap();
    assert!(added.success());
    let document = read(bare("ssh://root@127.0.0.1").env("SSH_AUTH_SOCK", &socket));
    drop(agent.kill());
    drop(agent.wait());
    assert_eq!(document.unwrap().facts["os"]["id"], "debian");
    // An alias, a user and a key of the user's own settings.
    ssh.settings(&format!(
        "Host plant\nHostName 127.0.0.1\nUser ann\nIdentityFile {}\nHost *",
        ssh.file("user").display()
    ));
    assert_eq!(read(&mut bare("ssh://plant")).unwrap().facts["os"]["id"], "debian");
    fs::write(ssh.file("credentials.yaml"), "user: root\nidentity: missing\n").unwrap();
    let error = facts(&ssh, "ssh://127.0.0.1", &["os"]).unwrap_err();
    assert!(error.contains("missing cannot be read: No such file"), "{error}");
    fs::write(ssh.file("password"), "secret\n").unwrap();
    fs::write(ssh.file("credentials.yaml"), "user: root\npassword_file: password\n").unwrap();
    let error = facts(&ssh, "ssh://127.0.0.1", &["os"]).unwrap_err();
    assert!(error.contains("keys and agents only") && !error.contains("secret"), "{error}");
}

#[test]
fn a_server_without_sftp_is_asked_by_the_program_itself() {
    let ssh = host("", ALL);
    for user in ["root", "ann"] {
        let document = facts(&ssh, &format!("ssh://{user}@127.0.0.1"), &["accounts"]).unwrap();
        assert_eq!(document.facts["accounts"]["users"].as_array().unwrap().len(), 3, "{user}");
    }
}

#[test]
fn a_start_up_file_that_prints_does_not_disturb() {
    let ssh = host("PermitUserEnvironment yes\nSetEnv BASH_ENV=/etc/noisy\n", ALL);
    ssh.host()
        .must("echo 'echo welcome to the plant' > /etc/noisy; sed -i '/^ann/s#/bin/sh#/bin/bash#' /etc/passwd");
    let document = facts(&ssh, "ssh://ann@127.0.0.1", &["accounts", "firewall"]).unwrap();
    assert_eq!(document.facts["accounts"]["users"].as_array().unwrap().len(), 3);
    assert!(document.facts.contains_key("firewall"), "{:#?}", document.unreadable);
}

#[test]
fn a_server_that_gives_no_files_is_an_error_that_says_so() {
    let ssh = host(
        &format!(
            "{SUBSYSTEM}Match User ann\nForceCommand /bin/echo no\nMatch User root\nForceCommand /bin/false\n"
        ),
        "",
    );
    for user in ["ann", "root"] {
        let error = facts(&ssh, &format!("ssh://{user}@127.0.0.1"), &["os"]).unwrap_err();
        assert!(
            error.contains(&format!("{user}@127.0.0.1 lets us in, but its files cannot be read")),
            "{error}"
        );
    }
}

#[test]
fn a_server_of_files_that_lies_is_an_error_that_says_so() {
    // A right greeting, then a message of 4 GiB; junk; silence.
    for (lie, said) in [
        (
            "printf '\\0\\0\\0\\5\\2\\0\\0\\0\\3\\377\\377\\377\\377junk'; sleep 60",
            "a message of 4294967295 bytes",
        ),
        ("yes", "announces a message of"),
        ("printf '\\0\\0\\0\\5\\2\\0\\0\\0\\7'; sleep 60", "not SFTP version 3"),
        ("exit 0", "cannot be read over SFTP"),
    ] {
        let ssh = SshHost::start("Subsystem sftp /bin/sh /etc/lie\n", "", &[], &[("/etc/lie", lie, 0o755)]);
        // Without a program to fall back to.
        ssh.host().must("mount -t tmpfs none /usr/lib/openssh");
        let error = facts(&ssh, "ssh://root@127.0.0.1", &["os"]).unwrap_err();
        assert!(error.contains(said) && error.contains("root@127.0.0.1"), "{lie}: {error}");
    }
}

#[test]
fn a_server_that_forbids_forwarding_costs_only_what_needs_it() {
    let ssh = host(&format!("{SUBSYSTEM}DisableForwarding yes\n"), "");
    let document = facts(&ssh, "ssh://root@127.0.0.1", &["endpoints", "listeners"]).unwrap();
    assert!(document.facts.contains_key("listeners"), "{:#?}", document.unreadable);
    let text = serde_json::to_string(&document).unwrap();
    assert!(text.contains("the SSH server forbids forwarding"), "{text}");
}

#[test]
fn the_engines_socket_is_reached_through_the_server_or_by_sudo() {
    let script = "import socketserver, http.server, json\n\
        class Engine(http.server.BaseHTTPRequestHandler):\n    protocol_version = 'HTTP/1.1'\n    def do_GET(self):\n        \
        path = self.path.split('?')[0]\n        \
        found = {'Version': '99.9.9', 'ApiVersion': '1.45'} if path.endswith('/version') else {} if path.endswith('/info') else []\n        \
        body = json.dumps(found).encode()\n        self.send_response(200); self.send_header('Content-Length', str(len(body)))\n        \
        self.send_header('Api-Version', '1.45'); self.end_headers(); self.wfile.write(body)\n    \
        def address_string(self): return 'client'\n\
        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer): pass\n\
        Server('/run/docker.sock', Engine).serve_forever()\n";
    // Hardened servers forward nothing; a user with sudo may not enter the socket.
    for more in ["", "DisableForwarding yes\n"] {
        let ssh = host(&format!("{SUBSYSTEM}{more}"), ALL);
        let mut engine = ssh
            .host()
            .shell("umask 177; exec python3 -")
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut engine.stdin.take().unwrap(), script.as_bytes()).unwrap();
        until(|| ssh.host().path("/run/docker.sock").exists(), "the engine does not start");
        let inside: FactsDocument = serde_json::from_str(&ssh.host().must("/palisade facts docker")).unwrap();
        let outside =
            ["root", "ann"].map(|user| facts(&ssh, &format!("ssh://{user}@127.0.0.1"), &["docker"]).unwrap());
        drop(engine.kill());
        drop(engine.wait());
        assert!(inside.facts["docker"].to_string().contains("99.9.9"), "{:#?}", inside.facts);
        for document in outside {
            assert_eq!(document.facts, inside.facts, "{more}: {:#?}", document.unreadable);
            assert_eq!(document.unreadable, inside.unreadable);
        }
        assert_host_quiet(&ssh);
    }
}

#[test]
fn a_server_that_allows_few_sessions_is_asked_more_slowly() {
    for (sessions, whole) in [(1, false), (2, true), (4, true)] {
        let ssh = host(&format!("{SUBSYSTEM}MaxSessions {sessions}\n"), "");
        let document =
            facts(&ssh, "ssh://root@127.0.0.1", &["firewall", "ssh", "audit", "files", "accounts"]).unwrap();
        assert!(document.facts["files"]["walk"]["entries"].as_u64().unwrap() > 10_000, "{sessions}");
        let limited = document.unreadable.values().any(|reason| reason.contains("MaxSessions"));
        assert_eq!(limited, !whole, "{sessions}: {:#?}", document.unreadable);
    }
}

#[test]
fn nothing_is_left_when_palisade_is_killed() {
    let ssh = host(SUBSYSTEM, ALL);
    for pause in [1, 30, 80, 150, 300] {
        let mut child = palisade(&ssh, &["facts", "--target", "ssh://ann@127.0.0.1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        drop(child.kill());
        drop(child.wait());
        assert_nothing_left(child.id());
        assert_host_quiet(&ssh);
    }
}

#[test]
fn a_server_that_stops_answering_in_the_middle_ends_in_facts_that_say_so() {
    let ssh = host(SUBSYSTEM, "");
    let begun = Instant::now();
    let mut child = palisade(&ssh, &["facts", "--target", "ssh://root@127.0.0.1"]);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    // The second session is the first that a probe asks for.
    until(|| ssh.log().matches("Starting session").count() >= 2, "no probe asks for anything");
    ssh.host().run("for one in /proc/[0-9]*; do grep -q -e sshd -e sftp-server $one/comm && kill -STOP ${one#/proc/}; done");
    let output = child.wait_with_output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let document: FactsDocument =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let said = ["did not answer within", "the SSH connection", "did not end within", "ran out of time"];
    assert!(
        document.unreadable.values().any(|reason| said.iter().any(|known| reason.contains(known))),
        "{document:#?}"
    );
    assert_nothing_left(pid);
}

#[test]
fn peers_that_refuse_hang_or_babble_cost_only_themselves() {
    let ssh = host(SUBSYSTEM, "");
    let script = "import socket, threading, time\n\
        def serve(port, talk):\n    s = socket.create_server(('127.0.0.1', port))\n    print('up', flush=True)\n    while True:\n        \
        c = s.accept()[0]\n        threading.Thread(target=talk, args=(c,), daemon=True).start()\n\
        def babble(c):\n    while True: c.sendall(b'welcome to the plant\\r\\n')\n\
        def drip(c):\n    while True: c.sendall(b'S'); time.sleep(0.5)\n\
        def silent(c):\n    time.sleep(600)\n\
        def junk(c):\n    c.sendall(b'HTTP/1.1 400 Bad Request\\r\\n\\r\\n'); c.close()\n\
        def hang(c):\n    c.sendall(b'SSH-2.0-plant\\r\\n'); time.sleep(600)\n\
        for port, talk in [(1001, babble), (1002, drip), (1003, silent), (1004, junk), (1005, hang)]:\n    \
        threading.Thread(target=serve, args=(port, talk), daemon=True).start()\n\
        time.sleep(600)\n";
    let mut peers = ssh
        .host()
        .shell("exec python3 -")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut peers.stdin.take().unwrap(), script.as_bytes()).unwrap();
    until(
        || ssh.host().run("ss -Hltn 'sport >= 1001 and sport <= 1005' | wc -l").stdout == b"5\n",
        "peers do not listen",
    );
    ssh.settings("Host *\nUserKnownHostsFile /dev/null");
    ssh.trust(&ssh.public("host"));
    let ports = [9, 1001, 1002, 1003, 1004, 1005];
    let targets: Vec<String> = ports.iter().map(|port| format!("ssh://root@127.0.0.1:{port}")).collect();
    let mut args = vec!["audit", "ssh://root@127.0.0.1", "--format", "json", "--rule", "ssh.root-login-off"];
    args.extend(targets.iter().map(String::as_str));
    let begun = Instant::now();
    let output = palisade(&ssh, &args).output().unwrap();
    drop(peers.kill());
    drop(peers.wait());
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let fleet: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let members = fleet["targets"].as_array().unwrap();
    assert_eq!(members.len(), 7);
    for member in members {
        let (named, error) = (member["named"].as_str().unwrap(), member["error"].as_str().unwrap_or_default());
        if named == "ssh://root@127.0.0.1" {
            assert!(error.is_empty(), "{error}");
        } else {
            let address = named.trim_start_matches("ssh://");
            assert!(
                error.contains(address) && (error.contains("check name, port") || error.contains("ssh -v")),
                "{named}: {error}"
            );
        }
    }
}

#[test]
fn an_audit_over_ssh_is_an_audit_of_the_host() {
    let ssh = host(SUBSYSTEM, "");
    let output = palisade(&ssh, &["audit", "ssh://root@127.0.0.1", "--format", "json", "--fail-on", "never"])
        .output()
        .unwrap();
    let outside: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let inside: Value =
        serde_json::from_str(&ssh.host().must("/palisade audit --format json --fail-on never")).unwrap();
    assert_eq!(outside["target"], inside["target"]);
    let verdicts = |report: &Value| -> BTreeMap<String, String> {
        let findings = report["findings"].as_array().unwrap().iter();
        findings
            .map(|one| (format!("{} [{}]", one["rule"], one["subject"]), one["verdict"].to_string()))
            .collect()
    };
    let (inside, outside) = (verdicts(&inside), verdicts(&outside));
    let different: Vec<_> =
        inside.iter().filter(|(rule, verdict)| outside.get(*rule) != Some(verdict)).collect();
    assert!(different.is_empty(), "{different:#?}");
    assert_eq!(inside.len(), outside.len());
}
