//! Containers and images on an engine of our own: one container that breaks no rule, and others that break each.

use serde_json::{Value, json};

use crate::Engine;

/// Pretends to be a program: a script of that name.
const IMPOSTORS: &str = "for name in sshd crond; do printf '#!/bin/sh\\nsleep 1000\\n' > /bin/$name; \
    busybox chmod +x /bin/$name; /bin/$name & done; DB_PASSWORD=hunter2 wait";

/// Every step does nothing but looks like a mistake.
const BAD_STEPS: &str = "FROM base:latest\n\
    ADD file /file\n\
    ENV API_TOKEN=zebra\n\
    RUN true apt-get update\n\
    RUN true curl http://downloads.example/x\n\
    RUN true curl https://downloads.example/x | sh\n\
    EXPOSE 22\n";

const GOOD_STEPS: &str = "FROM tiny:1\n\
    COPY file /file\n\
    RUN true apt-get update && true apt-get -y upgrade\n\
    ENV API_TOKEN_FILE=/run/secrets/api\n\
    USER 1000\n\
    EXPOSE 8080\n\
    HEALTHCHECK CMD /bin/true\n";

/// An engine with these containers: `good` breaks nothing; `bad` runs and breaks what a running container can;
/// `impostor` runs programs that pretend to be sshd and crond; `sick` is unhealthy; `looping` restarts over and over;
/// `loosened` runs without the limit that it asked for; `privileged`, `odd` were made and never started.
pub fn workloads() -> Engine {
    let engine = Engine::start(
        "{\n  \"icc\": false,\n  \"log-opts\": {\"max-file\": \"2\"}\n}\n",
        &["--live-restore", "--no-new-privileges=false"],
    );
    engine.import("tiny:1", &["/bin/sh", "/bin/sleep", "/bin/true"], &[]);
    engine.build("good:1", GOOD_STEPS);
    engine.import(
        "base:latest",
        &[
            "/bin/sh",
            "/bin/sleep",
            "/bin/true",
            "/usr/sbin/sshd",
            "/usr/bin/gcc",
            "/usr/bin/curl",
            "/usr/bin/apt-get",
        ],
        &[],
    );
    engine.build("bad:latest", BAD_STEPS);
    engine.succeed("POST", "/networks/create", r#"{"Name": "backend", "Internal": true}"#);
    engine.succeed("POST", "/volumes/create", r#"{"Name": "forgotten"}"#);
    engine.run("good", &sleeping(good()));
    engine.run("bad", &sleeping(bad()));
    engine.run(
        "impostor",
        &json!({"Image": "bad:latest", "Cmd": ["/bin/sh", "-c", IMPOSTORS], "StopSignal": "SIGKILL"})
            .to_string(),
    );
    engine.run(
        "sick",
        &sleeping(json!({
            "Image": "bad:latest",
            "Healthcheck": {"Test": ["CMD", "/bin/none"], "Interval": 50_000_000, "Retries": 1},
        })),
    );
    engine.run(
        "looping",
        &json!({"Image": "bad:latest", "Cmd": ["/bin/true"], "HostConfig": {"RestartPolicy": {"Name": "always"}}})
            .to_string(),
    );
    engine.run("loosened", &sleeping(json!({"HostConfig": {"Memory": 67_108_864}})));
    loosen(&engine, "loosened");
    engine.create(
        "privileged",
        &sleeping(json!({"Image": "bad:latest", "HostConfig": {"Privileged": true, "NetworkMode": "host"}})),
    );
    engine.create("odd", &sleeping(odd()));
    engine.wait("/containers/sick/json", |answer| answer.contains("\"Status\":\"unhealthy\""));
    engine.wait("/containers/looping/json", |answer| !answer.contains("\"RestartCount\":0"));
    engine
}

/// Takes away the memory limit behind the engine's back (cgroup v1, or v2).
fn loosen(engine: &Engine, name: &str) {
    let description: Value =
        serde_json::from_str(&engine.succeed("GET", &format!("/containers/{name}/json"), "")).unwrap();
    let id = description["Id"].as_str().unwrap();
    let places = [
        (format!("/sys/fs/cgroup/memory/docker/{id}/memory.memsw.limit_in_bytes"), "-1"),
        (format!("/sys/fs/cgroup/memory/docker/{id}/memory.limit_in_bytes"), "-1"),
        (format!("/sys/fs/cgroup/docker/{id}/memory.max"), "max"),
    ];
    let written = places.iter().filter(|(path, value)| std::fs::write(path, value).is_ok()).count();
    assert!(written > 0, "no cgroup of {name} was found");
}

/// What every container here has: it sleeps, and dies at once when told to.
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
        "Labels": {
            "org.opencontainers.image.title": "good", "com.docker.compose.project": "edge",
            "com.docker.compose.service": "web", "note": "hidden",
        },
        "HostConfig": {
            "Memory": 67_108_864, "MemoryReservation": 33_554_432, "NanoCpus": 500_000_000, "PidsLimit": 50,
            "CpuShares": 512, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"], "ReadonlyRootfs": true,
            "NetworkMode": "backend", "IpcMode": "private", "Init": true,
            "PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3", "mode": "non-blocking"}},
            "Mounts": [{"Type": "volume", "Source": "data", "Target": "/data"}],
        },
    })
}

fn bad() -> Value {
    json!({
        "Image": "bad:latest",
        "Env": ["DB_PASSWORD=hunter2"],
        "Labels": {"app.password": "hunter2-hunter2"},
        "ExposedPorts": {"23/tcp": {}},
        "HostConfig": {
            "CapAdd": ["SYS_ADMIN"], "SecurityOpt": ["seccomp=unconfined"],
            "PidMode": "host", "IpcMode": "host", "UTSMode": "host", "PublishAllPorts": true,
            "Binds": ["/etc:/host-etc", "/srv:/etc/app", "/var/run/docker.sock:/docker.sock"],
            "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}],
            "PortBindings": {"23/tcp": [{"HostIp": "", "HostPort": "23"}]},
            "Sysctls": {"net.ipv4.ip_forward": "1"},
        },
    })
}

fn odd() -> Value {
    json!({
        "Image": "bad:latest",
        "HostConfig": {
            "Memory": 67_108_864, "OomKillDisable": true, "CgroupParent": "/palisade", "LogConfig": {"Type": "none"},
            "Binds": ["/srv:/srv:rshared"],
        },
    })
}
