//! The docker probe against a real engine, and against impostors.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use host::{Address, Door};
use model::report::{Target, TargetKind};
use model::{FactsDocument, Timestamp};
use serde_json::{Value, json};
use test_support::{Engine, Machine, workloads};

fn document(door: &Door) -> FactsDocument {
    probe::collect(
        &probe::Request {
            door,
            target: Target { kind: TargetKind::Root, name: "t".into(), id: String::new() },
            now: Timestamp::UNIX_EPOCH,
            sections: &["docker".to_owned()],
            probes: probe::PROBES,
            subject: probe::Subject::Host,
        },
        &mut |_| {},
    )
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(workloads)
}

/// The facts of the engine that all tests share.
fn facts() -> &'static FactsDocument {
    static FACTS: OnceLock<FactsDocument> = OnceLock::new();
    FACTS.get_or_init(|| document(&engine().door()))
}

/// An element of a list by its name.
fn named<'a>(list: &'a str, name: &str) -> &'a Value {
    let list = facts().facts["docker"][list].as_array().unwrap();
    list.iter().find(|element| element["name"] == name).unwrap_or_else(|| panic!("no {name} in {list:#?}"))
}

/// Every pointer of the list must lead to the value beside it.
fn check(value: &Value, expected: &[(&str, Value)]) {
    for (pointer, expected) in expected {
        assert_eq!(value.pointer(pointer).unwrap_or(&Value::Null), expected, "{pointer} of {value:#}");
    }
}

#[test]
fn everything_is_read_and_no_secret_is_kept() {
    let facts = facts();
    // The one that restarts over and over may end while it is looked at.
    let containers = facts.facts["docker"]["containers"].as_array().unwrap();
    let looping = containers.iter().position(|container| container["name"] == "looping").unwrap();
    let looping = format!("docker.containers[{looping}].");
    let unreadable: Vec<_> = facts.unreadable.iter().filter(|(path, _)| !path.starts_with(&looping)).collect();
    assert!(unreadable.is_empty(), "{unreadable:#?}");
    let text = serde_json::to_string(facts).unwrap();
    for secret in ["hunter2", "zebra", "hidden"] {
        assert!(!text.contains(secret), "{secret} stands in the facts");
    }
}

#[test]
fn the_engine_tells_its_settings_with_their_places() {
    let engine = &facts().facts["docker"]["engine"];
    check(
        engine,
        &[
            ("/running", json!(true)),
            ("/icc", json!(false)),
            ("/live_restore", json!(true)),
            ("/no_new_privileges", json!(false)),
            ("/tls_verify", json!(false)),
            ("/hosts/0/kind", json!("unix")),
            ("/log/is_bounded", json!(false)),
            ("/log/max_file", json!("2")),
            ("/insecure_registries", json!([])),
            ("/memory_limits_sum_bytes", Value::Null),
        ],
    );
    let at = |name: &str| facts().sources[&format!("docker.engine.{name}")].at.clone();
    assert!(at("icc").ends_with("daemon.json:2"), "{}", at("icc"));
    assert!(at("no_new_privileges").ends_with("/cmdline"), "{}", at("no_new_privileges"));
    assert_eq!(at("live_restore"), "docker info");
    assert_eq!(at("userland_proxy"), "default of dockerd");
    let socket =
        engine["files"].as_array().unwrap().iter().find(|file| file["kind"] == "engine-socket").unwrap();
    check(socket, &[("/mode", json!("0660")), ("/uid", json!(0)), ("/others_may_write", json!(false))]);
}

#[test]
fn limits_and_rights_are_what_the_kernel_applies() {
    check(
        named("containers", "good"),
        &[
            ("/applied/memory_bytes", json!(67_108_864)),
            ("/applied/cpus", json!(0.5)),
            ("/applied/pids", json!(50)),
            ("/applied/as_asked", json!(true)),
            ("/applied/no_new_privileges", json!(true)),
            ("/applied/seccomp", json!(true)),
            ("/applied/capabilities", json!([])),
            ("/applied/uid", json!(1000)),
            ("/capabilities", json!([])),
            ("/compose_service", json!("web")),
            ("/labels", json!({"org.opencontainers.image.title": "good"})),
            ("/mounts/0/volume", json!("data")),
            ("/mounts/0/is_sensitive_host_path", json!(false)),
            ("/ports/0/name", json!("8080/tcp")),
            ("/ports/0/is_loopback", json!(true)),
            ("/networks", json!(["backend"])),
            ("/health_check/interval_seconds", json!(30.0)),
        ],
    );
    let loosened = named("containers", "loosened");
    check(loosened, &[("/limits/memory_bytes", json!(67_108_864)), ("/applied/as_asked", json!(false))]);
}

#[test]
fn what_a_container_shares_with_the_host_is_seen() {
    let bad = named("containers", "bad");
    check(
        bad,
        &[
            ("/extra_capabilities", json!(["SYS_ADMIN"])),
            ("/seccomp", json!("unconfined")),
            ("/applied/seccomp", json!(false)),
            ("/pid_mode", json!("host")),
            ("/runs_as_root", json!(true)),
            ("/publish_all", json!(true)),
            ("/on_default_bridge", json!(true)),
            ("/log/is_bounded", json!(false)),
            ("/devices/0/host_path", json!("/dev/null")),
        ],
    );
    let mounts = bad["mounts"].as_array().unwrap();
    let judged = |path: &str| {
        let mount = mounts.iter().find(|mount| mount["host_path"] == path).unwrap();
        (mount["is_engine_socket"] == true, mount["is_sensitive_host_path"] == true)
    };
    assert_eq!(judged("/etc"), (false, true));
    assert_eq!(judged("/srv"), (false, false));
    assert_eq!(judged("/var/run/docker.sock"), (true, false));
    check(
        named("containers", "privileged"),
        &[("/privileged", json!(true)), ("/masked_paths", json!(false)), ("/applied", Value::Null)],
    );
    check(
        named("containers", "impostor"),
        &[
            ("/remote_shells", json!(["sshd"])),
            ("/schedulers", json!(["crond"])),
            ("/command_secrets", json!(["DB_PASSWORD"])),
        ],
    );
    check(named("containers", "sick"), &[("/health", json!("unhealthy"))]);
}

#[test]
fn images_show_what_they_hold_and_how_they_were_built() {
    let bad = named("images", "bad:latest");
    check(
        bad,
        &[
            ("/remote_shells", json!(["/usr/sbin/sshd"])),
            ("/build_tools", json!(["/usr/bin/gcc"])),
            ("/network_tools", json!(["/usr/bin/curl"])),
            ("/exposes_remote_shell", json!(true)),
            ("/environment/1", json!({"name": "API_TOKEN", "is_secret": true, "reason": "name"})),
            ("/upgrades_packages", json!(false)),
            ("/registries", json!(["docker.io"])),
        ],
    );
    let steps = bad["history"].as_array().unwrap();
    for flag in ["uses_add", "loads_without_tls", "pipes_download_to_shell", "updates_index_alone"] {
        assert_eq!(steps.iter().filter(|step| step[flag] == true).count(), 1, "{flag}: {steps:#?}");
    }
    assert!(steps.iter().any(|step| step["secrets"] == json!(["API_TOKEN"])), "{steps:#?}");
    check(
        named("images", "good:1"),
        &[
            ("/upgrades_packages", json!(true)),
            ("/has_health_check", json!(true)),
            ("/remote_shells", json!([])),
            ("/used_by", json!(["good", "loosened"])),
        ],
    );
    check(named("volumes", "forgotten"), &[("/unused", json!(true))]);
    check(named("networks", "backend"), &[("/internal", json!(true)), ("/containers", json!(["good"]))]);
}

/// A machine with an engine that answers every question as `serve` does.
fn impostor(serve: impl Fn(UnixStream) + Send + Sync + Clone + 'static) -> FactsDocument {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("docker.sock");
    let listener = UnixListener::bind(&place).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    let (door, _root) = Machine::new()
        .file("/usr/sbin/dockerd", "")
        .file("/run/docker.sock", "")
        .file("/etc/docker/daemon.json", r#"{"icc": false}"#)
        .file("/etc/group", "docker:x:107:eve\n")
        .file("/etc/passwd", "")
        .socket("unix /run/docker.sock", Address::Unix(place))
        .door();
    let begun = Instant::now();
    let document = document(&door);
    assert!(begun.elapsed() < Duration::from_secs(7), "took {:?}", begun.elapsed());
    document
}

/// Serves each request of a connection with the body that `answer` has for its path.
fn answering(
    answer: impl Fn(&str) -> String + Send + Sync + Clone + 'static,
) -> impl Fn(UnixStream) + Send + Sync + Clone {
    move |mut stream: UnixStream| {
        let mut seen = Vec::new();
        let mut byte = [0];
        while let Ok(1) = stream.read(&mut byte) {
            seen.push(byte[0]);
            if seen.ends_with(b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&seen).into_owned();
                let body = answer(head.split(' ').nth(1).unwrap_or_default());
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).is_err() {
                    return;
                }
                seen.clear();
            }
        }
    }
}

/// Files are known, everything only the engine can tell is unreadable with a reason.
fn only_files(document: &FactsDocument) {
    let docker = &document.facts["docker"];
    check(docker, &[("/engine/icc", json!(false)), ("/engine/group_members", json!(["eve"]))]);
    for name in ["containers", "images", "volumes", "networks", "published_ports", "engine.version"] {
        assert!(document.unreadable.contains_key(&format!("docker.{name}")), "{name}: {docker:#}");
    }
}

#[test]
fn an_engine_that_hangs_drips_or_babbles_costs_its_time_and_no_more() {
    only_files(&impostor(|stream| {
        thread::sleep(Duration::from_secs(30));
        drop(stream);
    }));
    only_files(&impostor(|mut stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"));
        while stream.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    }));
    only_files(&impostor(drop));
    only_files(&impostor(|mut stream| drop(stream.write_all(b"SSH-2.0-OpenSSH\r\n"))));
    only_files(&impostor(answering(|_| "<html>".to_owned())));
    only_files(&impostor(answering(|_| format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)))));
    only_files(&impostor(answering(|_| "x".repeat(8 << 20))));
    only_files(&impostor(answering(|_| r#"{"ApiVersion": "9.9.9"}"#.to_owned())));
}

#[test]
fn an_engine_that_lies_about_types_leaves_facts_unknown() {
    let id = "0123456789ab".repeat(5);
    let list = format!(r#"[{{"Id": "{id}", "Names": ["/web"]}}]"#);
    let inspected = json!({
        "Image": 1, "Created": "yesterday", "State": {"Status": [], "Running": "yes", "Pid": -5},
        "HostConfig": {"Privileged": "false", "ReadonlyRootfs": 1, "CapAdd": "ALL", "SecurityOpt": {}, "Memory": "lots"},
        "Config": {"User": 0, "Env": [1, 2], "Labels": "x"}, "Mounts": {"a": 1}, "NetworkSettings": {"Ports": []},
    })
    .to_string();
    let document = impostor(answering(move |path| {
        if path.ends_with("/version") {
            r#"{"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "24"}"#.to_owned()
        } else if path.ends_with("all=1") {
            list.clone()
        } else if path.contains("/containers/") {
            inspected.clone()
        } else {
            r#"{"SecurityOptions": 7, "LiveRestoreEnabled": "no", "Volumes": "none"}"#.to_owned()
        }
    }));
    let container = &document.facts["docker"]["containers"][0];
    assert_eq!(container["name"], "web");
    for name in [
        "privileged",
        "read_only_root",
        "cap_add",
        "capabilities",
        "no_new_privileges",
        "seccomp",
        "user",
        "runs_as_root",
        "environment",
        "mounts",
        "running",
        "status",
        "created",
        "image",
        "image_id",
        "applied",
        "processes",
        "ports",
        "limits.memory_bytes",
        "label_names",
    ] {
        let path = format!("docker.containers[0].{name}");
        assert!(document.unreadable.contains_key(&path), "{name} is known: {container:#}");
    }
    for name in ["images", "networks", "volumes", "engine.seccomp"] {
        assert!(document.unreadable.contains_key(&format!("docker.{name}")), "{name}");
    }
}

#[test]
fn an_id_that_is_a_path_is_refused() {
    let document = impostor(answering(|path| {
        assert!(!path.contains("etc"), "{path}");
        match path {
            "/version" => r#"{"ApiVersion": "1.41"}"#.to_owned(),
            _ => r#"[{"Id": "../../../etc/passwd", "Names": ["/web"]}]"#.to_owned(),
        }
    }));
    assert!(document.unreadable["docker.containers"].contains("no valid id"), "{:?}", document.unreadable);
}

#[test]
fn a_host_without_docker_has_no_section_and_one_that_may_not_look_says_so() {
    let (door, _root) = Machine::new().directory("/etc").door();
    assert_eq!(document(&door).facts["docker"], Value::Null);
    let (door, _root) = Machine::new().file("/usr/bin/podman", "").door();
    check(&document(&door).facts["docker"], &[("/engine", Value::Null), ("/podman", json!("/usr/bin/podman"))]);
    let stopped = Machine::new().file("/usr/sbin/dockerd", "").file("/etc/group", "").file("/etc/passwd", "");
    let (door, _root) = stopped.door();
    let document_of_stopped = document(&door);
    check(
        &document_of_stopped.facts["docker"],
        &[("/engine/running", json!(false)), ("/engine/icc", json!(true))],
    );
    assert_eq!(document_of_stopped.unreadable["docker.containers"], "the Docker engine does not run");
    let (door, _root) = Machine::new().file("/usr/sbin/dockerd", "").offline_door();
    let reason = &document(&door).unreadable["docker.containers"];
    assert_eq!(reason, "what the engine says only a running host tells");
}

#[test]
fn flags_of_the_unit_count_while_the_engine_is_stopped() {
    let (door, _root) = Machine::new()
        .file("/usr/sbin/dockerd", "")
        .file(
            "/lib/systemd/system/docker.service",
            "[Service]\nEnvironmentFile=-/etc/default/docker\nExecStart=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS\n",
        )
        .file("/etc/default/docker", "# DOCKER_OPTS=\"--icc=true\"\nDOCKER_OPTS=\"--tlsverify -H tcp://0.0.0.0:2376\"\n")
        .link("/etc/systemd/system/multi-user.target.wants/docker.service", "/lib/systemd/system/docker.service")
        .door();
    let document = document(&door);
    check(
        &document.facts["docker"],
        &[
            ("/engine/tls_verify", json!(true)),
            ("/engine/enabled", json!(true)),
            ("/engine/hosts/0/kind", json!("fd")),
            ("/engine/hosts/1/address", json!("tcp://0.0.0.0:2376")),
            ("/engine/hosts/1/source", json!("/lib/systemd/system/docker.service:3")),
        ],
    );
}
