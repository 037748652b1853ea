//! The docker probe against a real engine, and against impostors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up must stop"
)]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use host::Door;
use model::report::{Target, TargetKind};
use model::{FactsDocument, Timestamp};
use serde_json::{Value, json};
use test_support::Engine;

/// The section as rules see it.
fn document(door: &Door) -> FactsDocument {
    let sections = ["docker".to_owned()];
    probe::collect(
        &probe::Request {
            door,
            target: Target { kind: TargetKind::Root, name: "t".into(), id: String::new() },
            now: Timestamp::UNIX_EPOCH,
            sections: &sections,
            probes: probe::PROBES,
        },
        &mut |_| {},
    )
}

/// What every container of these tests has: it sleeps, and dies at once when told to.
fn sleeping(mut description: Value) -> String {
    description["Cmd"] = json!(["/bin/sleep", "1000"]);
    description["StopSignal"] = json!("SIGKILL");
    if description.get("Image").is_none() {
        description["Image"] = json!("good:1");
    }
    description.to_string()
}

fn good() -> Value {
    json!({
        "User": "1000",
        "Healthcheck": {"Test": ["CMD", "/bin/true"], "Interval": 30_000_000_000_u64, "Retries": 3},
        "Env": ["TZ=UTC", "DB_PASSWORD_FILE=/run/secrets/db"],
        "Labels": {"org.opencontainers.image.title": "good", "com.docker.compose.project": "edge",
                   "com.docker.compose.service": "web", "note": "hidden"},
        "ExposedPorts": {"8080/tcp": {}},
        "HostConfig": {
            "Memory": 67_108_864, "MemoryReservation": 33_554_432, "NanoCpus": 500_000_000, "PidsLimit": 50,
            "CpuShares": 512, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"], "ReadonlyRootfs": true,
            "NetworkMode": "backend", "IpcMode": "private",
            "PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3", "mode": "non-blocking"}},
            "Mounts": [{"Type": "volume", "Source": "data", "Target": "/data"}],
            "Init": true,
        }
    })
}

/// The engine that all tests of this file share, with its containers.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let engine = Engine::start("{\n  \"icc\": false,\n  \"log-opts\": {\"max-size\": \"5m\"}\n}\n", &["--live-restore"]);
        engine.import("good:1", &["/bin/sh", "/bin/sleep", "/bin/true"], &["USER 1000", "EXPOSE 8080", "HEALTHCHECK CMD /bin/true"]);
        engine.import(
            "bad:latest",
            &["/bin/sh", "/bin/sleep", "/usr/sbin/sshd", "/usr/bin/gcc", "/usr/bin/curl", "/usr/bin/apt-get"],
            &["EXPOSE 22", "ENV API_TOKEN=abc"],
        );
        engine.succeed("POST", "/networks/create", r#"{"Name": "backend", "Internal": true}"#);
        engine.run("good", &sleeping(good()));
        engine.run(
            "bad",
            &sleeping(json!({
                "Image": "bad:latest",
                "Env": ["DB_PASSWORD=hunter2"],
                "HostConfig": {
                    "CapAdd": ["SYS_ADMIN"], "SecurityOpt": ["seccomp=unconfined"], "PidMode": "host", "IpcMode": "host",
                    "UTSMode": "host", "CgroupnsMode": "host", "PublishAllPorts": true, "OomKillDisable": false,
                    "Binds": ["/etc:/host-etc", "/var/run/docker.sock:/docker.sock"],
                    "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}],
                    "PortBindings": {"22/tcp": [{"HostIp": "", "HostPort": "2222"}]},
                    "RestartPolicy": {"Name": "always"},
                    "Sysctls": {"net.ipv4.ip_forward": "1"},
                }
            })),
        );
        engine.create("privileged", &sleeping(json!({"Image": "bad:latest", "HostConfig": {"Privileged": true, "NetworkMode": "host"}})));
        engine
    })
}

fn section() -> Value {
    let document = document(&engine().door());
    document.facts["docker"].clone()
}

#[test]
fn show() {
    let e = engine();
    let begun = Instant::now();
    let document = document(&e.door());
    println!("{:?}", begun.elapsed());
    println!("{}", serde_json::to_string_pretty(&document).unwrap());
    let _ = (section(), Duration::from_secs(1));
}
