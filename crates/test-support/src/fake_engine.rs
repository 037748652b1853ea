//! Something that answers as a Docker engine does: it describes containers, and changes their limits when told to.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use host::Address;
use serde_json::{Value, json};

use crate::Machine;

/// Where the sockets of all test processes stand, one folder for each.
const FOLDER: &str = "palisade-fake-engine-";

impl Machine {
    /// A Docker engine runs, with these containers: what [`container`] gives.
    pub fn engine(self, containers: Vec<Value>) -> Self {
        let place = socket();
        let listener = UnixListener::bind(&place).unwrap();
        let containers = Arc::new(Mutex::new(containers));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let containers = Arc::clone(&containers);
                thread::spawn(move || serve(stream, &containers));
            }
        });
        self.file("/usr/sbin/dockerd", "")
            .file_with_mode("/run/docker.sock", "", 0o660)
            .socket("unix /run/docker.sock", Address::Unix(place))
    }
}

/// The description of a container that runs and is healthy, with `parts` of it as given.
pub fn container(name: &str, parts: Value) -> Value {
    let id: String = name.bytes().cycle().take(32).map(|byte| format!("{byte:02x}")).collect();
    let mut container = json!({
        "Id": id,
        "Name": format!("/{name}"),
        "Created": "2026-01-01T00:00:00Z",
        "Image": "sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "Args": [],
        "State": {"Status": "running", "Running": true, "Health": {"Status": "healthy"}, "StartedAt": "2026-01-01T00:00:00Z"},
        "Config": {
            "Image": "app:1", "Env": [], "Cmd": ["app"], "Entrypoint": null, "Labels": {},
            "Healthcheck": {"Test": ["CMD", "true"]},
        },
        "HostConfig": {
            "Privileged": false, "ReadonlyRootfs": false, "Memory": 0, "NanoCpus": 0, "PidsLimit": null, "AutoRemove": false,
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            "LogConfig": {"Type": "json-file", "Config": {}},
            "CapAdd": null, "CapDrop": null, "SecurityOpt": null, "NetworkMode": "default", "PortBindings": {},
        },
        "NetworkSettings": {"Networks": {}, "Ports": {}},
        "Mounts": [],
    });
    merge(&mut container, &parts);
    container
}

/// Puts `parts` into a document.
pub fn merge(into: &mut Value, parts: &Value) {
    match (into, parts) {
        (Value::Object(into), Value::Object(parts)) => {
            for (name, part) in parts {
                merge(into.entry(name.clone()).or_insert(Value::Null), part);
            }
        }
        (into, part) => *into = part.clone(),
    }
}

/// A place of its own. Folders of processes that were killed go.
fn socket() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let above = std::env::temp_dir();
    let folder = above.join(format!("{FOLDER}{}", std::process::id()));
    if !folder.exists() {
        for entry in fs::read_dir(&above).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(pid) = name.strip_prefix(FOLDER)
                && !PathBuf::from(format!("/proc/{pid}")).exists()
            {
                drop(fs::remove_dir_all(entry.path()));
            }
        }
        drop(fs::create_dir(&folder));
    }
    folder.join(COUNT.fetch_add(1, Ordering::Relaxed).to_string())
}

fn serve(mut stream: UnixStream, containers: &Mutex<Vec<Value>>) {
    let mut seen = Vec::new();
    let mut byte = [0];
    while let Ok(1) = stream.read(&mut byte) {
        seen.push(byte[0]);
        if !seen.ends_with(b"\r\n\r\n") {
            continue;
        }
        let head = String::from_utf8_lossy(&seen).into_owned();
        seen.clear();
        let length = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let (status, answer) = answer(&head, &body, &mut containers.lock().unwrap());
        let answer = answer.to_string();
        let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        if stream.write_all(text.as_bytes()).is_err() || head.contains("HTTP/1.0") {
            return;
        }
    }
}

fn answer(head: &str, body: &[u8], containers: &mut [Value]) -> (u16, Value) {
    let path = head.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let parts: Vec<&str> =
        path.split('/').filter(|part| !part.is_empty() && !part.starts_with("v1.")).collect();
    let place =
        |name: &str| containers.iter().position(|one| one["Id"] == name || one["Name"] == format!("/{name}"));
    match parts.as_slice() {
        ["version"] => (200, json!({"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24"})),
        ["info"] => (
            200,
            json!({
                "SecurityOptions": [], "Swarm": {"LocalNodeState": "inactive"},
                "RegistryConfig": {"InsecureRegistryCIDRs": [], "IndexConfigs": {}, "Mirrors": []},
            }),
        ),
        ["containers", "json"] => {
            let all = containers.iter().map(|one| {
                let labels = &one["Config"]["Labels"];
                json!({"Id": one["Id"], "Names": [one["Name"]], "ImageID": one["Image"], "Labels": labels})
            });
            (200, all.collect())
        }
        ["containers", name, "json"] => {
            place(name).map_or((404, Value::Null), |at| (200, containers[at].clone()))
        }
        ["containers", name, "update"] => match place(name) {
            Some(at) => {
                merge(&mut containers[at]["HostConfig"], &serde_json::from_slice(body).unwrap_or_default());
                (200, json!({"Warnings": null}))
            }
            None => (404, json!({"message": "No such container"})),
        },
        ["volumes"] => (200, json!({"Volumes": []})),
        ["images", "json"] | ["networks"] => (200, json!([])),
        _ => (404, json!({"message": "page not found"})),
    }
}
