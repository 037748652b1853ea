//! The rules on the Docker engine's settings, decided over two real engines: one is set well, one badly.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use model::profile::Profile;
use model::report::{Finding, Target, TargetKind, Verdict};
use model::{Severity, Timestamp};
use policy::{Content, Inputs, decide, embedded};
use serde_json::{Value, json};
use test_support::Engine;

/// Rule, worst verdict over the good engine, worst verdict over the bad one. Left out of the bad one, as not every
/// kernel or engine can: macvlan, user namespaces, an engine without seccomp, proxies with a password.
const TABLE: &str = "
    docker.engine-runs                     pass pass
    docker.no-unauthenticated-api          pass fail
    docker.api-stays-on-host               pass fail
    docker.authorization-plugin-on         fail fail
    docker.sockets-closed-to-others        pass fail
    docker.sockets-owned-by-root           pass fail
    docker.files-owned-by-root             pass fail
    docker.files-not-writable              pass fail
    docker.private-keys-hidden             pass fail
    docker.user-namespaces-on              fail fail
    docker.live-restore-on                 pass fail
    docker.userland-proxy-off              pass fail
    docker.no-new-privileges-by-default    pass fail
    docker.default-bridge-isolates         pass fail
    docker.packet-filter-maintained        pass fail
    docker.log-level-info                  pass fail
    docker.default-logs-bounded            pass fail
    docker.registries-over-tls             pass fail
    docker.mirrors-over-tls                pass fail
    docker.seccomp-on                      pass pass
    docker.experimental-off                pass fail
    docker.storage-driver-supported        pass fail
    docker.default-ulimits-set             pass fail
    docker.proxies-without-credentials     pass pass
    docker.swarm-off                       pass pass
    docker.memory-limits-fit-host          pass fail
    docker.processors-suffice              pass fail
    docker.networks-declared               pass fail
    docker.networks-isolated-or-bridged    pass pass
    docker.volumes-in-use                  pass fail
    docker.volumes-hold-no-system-paths    pass fail
";

/// Rules that no setting of the engine decides: the machine does.
const OF_THE_MACHINE: &[&str] = &[
    "docker.engine-starts-at-boot",
    "docker.compose-installed",
    "docker.engine-release-supported",
    "docker.access-control-on",
    "docker.content-trust-on",
    "docker.data-on-own-partition",
    "docker.data-encrypted",
    "docker.data-has-room",
];

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail => "fail",
        Verdict::Unknown => "unknown",
        Verdict::Pass => "pass",
        _ => "n/a",
    }
}

/// The findings on an engine, of a site that approved one network.
fn findings(content: &Content, engine: &Engine, containers_per_cpu: u32) -> Vec<Finding> {
    let now = Timestamp::now();
    let request = probe::Request {
        door: &engine.door(),
        target: Target { kind: TargetKind::Host, name: "host".into(), id: String::new() },
        now,
        sections: &["docker".to_owned()],
        probes: probe::PROBES,
        subject: probe::Subject::Host,
    };
    let document = probe::collect(&request, &mut |_| {});
    let profile = Profile {
        declare: serde_json::from_value(json!({"docker_networks": ["backend"]})).unwrap(),
        params: serde_json::from_value(
            json!({"docker.processors-suffice": {"containers_per_cpu": containers_per_cpu}}),
        )
        .unwrap(),
        ..Profile::default()
    };
    let inputs = Inputs {
        content,
        document: &document,
        profile: &profile,
        profile_path: "",
        now,
        version: "",
        rules: &[],
        guides: &[],
        severity: Severity::Low,
    };
    let mut all = decide(&inputs).findings;
    all.retain(|finding| finding.rule.starts_with("docker."));
    all
}

/// The worst verdict of a rule, and what it was decided by.
fn worst(findings: &[Finding], rule: &str) -> (&'static str, String) {
    let order = |finding: &&Finding| {
        ["n/a", "pass", "unknown", "fail"].iter().position(|w| *w == word(finding.verdict))
    };
    match findings.iter().filter(|finding| finding.rule == rule).max_by_key(order) {
        Some(finding) => (word(finding.verdict), format!("{} {:?}", finding.reason, finding.evidence)),
        None => ("none", String::new()),
    }
}

fn good(certificates: &Path) -> Engine {
    let certificate = test_support::self_signed(certificates, "engine", "");
    fs::set_permissions(&certificate.key, fs::Permissions::from_mode(0o600)).unwrap();
    let settings = json!({
        "icc": false, "live-restore": true, "no-new-privileges": true, "userland-proxy": false,
        "log-level": "info", "log-opts": {"max-size": "10m", "max-file": "3"},
        "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 4096, "Hard": 8192}},
        "registry-mirrors": ["https://mirror.example/"],
        "tlsverify": true, "tlscacert": certificate.certificate, "tlscert": certificate.certificate,
        "tlskey": certificate.key,
    });
    let engine = Engine::start(&settings.to_string(), &["--host=tcp://127.0.0.1:2376"]);
    engine.import("tiny:1", &["/bin/sleep"], &[]);
    engine.succeed("POST", "/networks/create", r#"{"Name": "backend", "Internal": true}"#);
    run(&engine, json!({"Memory": 67_108_864, "Binds": ["data:/data"]}));
    engine
}

fn bad(certificates: &Path) -> Engine {
    let key = certificates.join("open.key");
    fs::write(&key, "").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let settings = json!({
        "log-level": "debug", "experimental": true, "insecure-registries": ["10.9.8.7:5000"],
        "registry-mirrors": ["http://mirror.example/"], "iptables": false, "storage-driver": "vfs",
        "tlskey": key,
    });
    // Without a word on TLS the engine would wait to be noticed.
    let engine = Engine::start(&settings.to_string(), &["--host=tcp://0.0.0.0:2375", "--tls=false"]);
    engine.import("tiny:1", &["/bin/sleep"], &[]);
    engine.succeed("POST", "/networks/create", r#"{"Name": "wild"}"#);
    engine.succeed("POST", "/volumes/create", r#"{"Name": "forgotten"}"#);
    let host = json!({"Name": "host", "DriverOpts": {"type": "none", "o": "bind", "device": "/etc"}});
    engine.succeed("POST", "/volumes/create", &host.to_string());
    run(&engine, json!({}));
    let settings = engine.data().parent().unwrap().join("etc/daemon.json");
    for (path, mode) in [(settings, 0o666), (engine.socket(), 0o666)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        chown(&path, Some(1000), None).unwrap();
    }
    engine
}

/// A container that sleeps, without a network.
fn run(engine: &Engine, mut host: Value) {
    host["NetworkMode"] = json!("none");
    let description = json!({
        "Image": "tiny:1", "Cmd": ["/bin/sleep", "1000"], "StopSignal": "SIGKILL", "HostConfig": host,
    });
    engine.run("sleeper", &description.to_string());
}

#[test]
fn settings_of_the_engine_are_judged_as_the_table_says() {
    let (content, _) = Content::load(&embedded());
    let certificates = tempfile::tempdir().unwrap();
    let good = findings(&content, &good(certificates.path()), 1);
    let engine = bad(certificates.path());
    let bad = findings(&content, &engine, 0);
    let mut differing = Vec::new();
    let mut known: Vec<&str> = OF_THE_MACHINE.to_vec();
    for line in TABLE.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        known.push(words[0]);
        for (state, findings, expected) in [("good", &good, words[1]), ("bad", &bad, words[2])] {
            let (seen, why) = worst(findings, words[0]);
            if seen != expected {
                differing.push(format!("{state}: {} is {seen}, not {expected}: {why}", words[0]));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    let all = content.rules.iter().map(|rule| rule.rule.id.as_str());
    let missing: Vec<&str> = all.filter(|id| id.starts_with("docker.") && !known.contains(id)).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");

    let swarm = r#"{"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1:2377"}"#;
    engine.succeed("POST", "/swarm/init", swarm);
    let swarming = findings(&content, &engine, 0);
    assert_eq!(worst(&swarming, "docker.swarm-off").0, "fail");
    assert_eq!(
        worst(&swarming, "docker.live-restore-on").0,
        "n/a",
        "a swarm and live-restore exclude each other"
    );
}
