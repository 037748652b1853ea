//! What a compose project comes to, compared with what docker-compose makes of the same files.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use host::{Door, Local};
use model::Timestamp;
use model::report::{Target, TargetKind};
use serde_json::{Value, json};

/// What `docker-compose config` prints, as JSON.
fn authority(folder: &Path) -> Value {
    let script = "set -e; docker-compose config | python3 -c 'import sys, yaml, json; json.dump(yaml.safe_load(sys.stdin), \
                  sys.stdout, default=str)'";
    let ran = Command::new("bash")
        .args(["-o", "pipefail", "-c", script])
        .current_dir(folder)
        .env_remove("TAG")
        .output()
        .expect("bash, docker-compose and python3-yaml are installed");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn ours(folder: &Path) -> Value {
    let door = Door::new(Arc::new(Local::new()));
    let document = probe::collect(
        &probe::Request {
            door: &door,
            target: Target { kind: TargetKind::Compose, name: "t".into(), id: String::new() },
            now: Timestamp::UNIX_EPOCH,
            sections: &[],
            probes: probe::COMPOSE_PROBES,
            subject: probe::Subject::Compose { paths: vec![folder.display().to_string()] },
        },
        &mut |_| {},
    );
    assert_eq!(document.unreadable.get("docker"), None);
    serde_json::to_value(&document.facts).unwrap()
}

fn texts(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
}

/// What both say of a service, in the same words.
fn theirs_of(service: &Value) -> Value {
    let ports: BTreeSet<String> = service["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|port| match port.as_str() {
            Some(text) => text.trim_end_matches("/tcp").to_owned(),
            None => format!("{}:{}", port["published"], port["target"]),
        })
        .collect();
    let volumes: BTreeSet<String> = service["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|volume| match volume.as_str() {
            Some(text) => text.trim_end_matches(":rw").to_owned(),
            None => {
                let mode = if volume["read_only"] == true { ":ro" } else { "" };
                format!("{}:{}{mode}", volume["source"].as_str().unwrap(), volume["target"].as_str().unwrap())
            }
        })
        .collect();
    json!({
        "image": service["image"],
        "user": service["user"],
        "privileged": service["privileged"] == true,
        "read_only": service["read_only"] == true,
        "cap_add": texts(&service["cap_add"]),
        "cap_drop": texts(&service["cap_drop"]),
        "restart": service["restart"].as_str().unwrap_or("no").split(':').next(),
        "environment": service["environment"].as_object().map(|map| map.keys().cloned().collect::<BTreeSet<_>>()).unwrap_or_default(),
        "ports": ports,
        "volumes": volumes,
        "health": !service["healthcheck"].is_null(),
        "log": service["logging"]["driver"],
    })
}

fn ours_of(container: &Value) -> Value {
    let names = |list: &Value| -> BTreeSet<String> {
        list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let ports: BTreeSet<String> = container["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|port| {
            let ip = match port["host_ip"].as_str().unwrap() {
                "0.0.0.0" => String::new(),
                ip => format!("{ip}:"),
            };
            let protocol = match port["protocol"].as_str().unwrap() {
                "tcp" => String::new(),
                other => format!("/{other}"),
            };
            format!("{ip}{}:{}{protocol}", port["host_port"], port["container_port"])
        })
        .collect();
    let volumes: BTreeSet<String> = container["mounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| {
            let source = mount["host_path"].as_str().or(mount["volume"].as_str()).unwrap();
            let mode = if mount["read_write"] == false { ":ro" } else { "" };
            format!("{source}:{}{mode}", mount["destination"].as_str().unwrap())
        })
        .collect();
    json!({
        "image": container["image"],
        "user": container["user"],
        "privileged": container["privileged"],
        "read_only": container["read_only_root"],
        "cap_add": texts(&container["cap_add"]),
        "cap_drop": texts(&container["cap_drop"]),
        "restart": container["restart_policy"],
        "environment": names(&container["environment"]),
        "ports": ports,
        "volumes": volumes,
        "health": !container["health_check"].is_null(),
        "log": container["log"]["driver"],
    })
}

fn agree(files: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let (theirs, ours) = (authority(folder.path()), ours(folder.path()));
    let containers: BTreeMap<String, Value> = ours["docker"]["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap().to_owned(), ours_of(one)))
        .collect();
    let services: BTreeMap<String, Value> = theirs["services"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, one)| (name.clone(), theirs_of(one)))
        .collect();
    assert_eq!(
        serde_json::to_string_pretty(&containers).unwrap(),
        serde_json::to_string_pretty(&services).unwrap()
    );
}

#[test]
fn variables_and_override_files_come_to_the_same() {
    agree(&[
        (".env", "TAG=1.2\nEMPTY=\nQUOTED=app\n"),
        (
            "docker-compose.yml",
            "version: '2.4'\nservices:\n  web:\n    image: \"${QUOTED}:${TAG}\"\n    user: ${APP_USER:-1000}\n    environment:\n      - \
             A=${EMPTY:-x}\n      - B=$$literal\n    ports: ['8080:80', '127.0.0.1:53:53/udp']\n    volumes: ['./data:/data', \
             'named:/n:ro', '/etc/localtime:/etc/localtime:ro']\n    cap_add: [SYS_TIME]\n    command: [a, b]\n  db:\n    image: \
             db:${TAG-none}\nvolumes: {named: {}}\n",
        ),
        (
            "docker-compose.override.yml",
            "version: '2.4'\nservices:\n  web:\n    environment: {A: y, C: z}\n    ports: ['9090:90']\n    volumes: \
             ['./other:/data']\n    cap_add: [NET_ADMIN]\n    cap_drop: [ALL]\n    restart: always\n    command: c\n    read_only: \
             true\n    logging: {driver: journald}\n    healthcheck: {test: [CMD, 'true'], interval: 5s}\n",
        ),
    ]);
}

#[test]
fn what_services_extend_and_merge_comes_to_the_same() {
    agree(&[
        (
            "docker-compose.yml",
            "version: '2.4'\nx-base: &base\n  restart: on-failure:3\n  privileged: true\nservices:\n  one:\n    <<: *base\n    image: \
             a:1\n    restart: always\n  two:\n    extends: {file: common/base.yml, service: base}\n    environment: {B: '2'}\n    \
             env_file: [two.env]\n  three:\n    extends: one\n    user: app\n",
        ),
        (
            "common/base.yml",
            "version: '2.4'\nservices:\n  root: {image: 'b:2', cap_drop: [ALL]}\n  base:\n    extends: root\n    environment: [A=1, \
             B=1]\n    volumes: ['./rel:/rel']\n",
        ),
        ("two.env", "C=3\n# not this\nB=0\n"),
    ]);
}
