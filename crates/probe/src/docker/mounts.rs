//! What is mounted into a container, and what that gives away.

use model::Fact;
use model::facts::docker::Mount;
use serde_json::Value;

use super::json::{Json, clip};

/// Sockets whose owner is root on the host.
const ENGINE_SOCKETS: &[&str] = &[
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/docker/containerd/containerd.sock",
];
/// Directories of the host's system.
const SENSITIVE: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/root",
    "/run/systemd",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/spool/cron",
];
/// Directories that hold all of one of those, or all sockets.
const SENSITIVE_ALONE: &[&str] = &["/", "/run", "/var", "/var/lib", "/home"];
/// Harmless to read.
const HARMLESS_READ_ONLY: &[&str] = &[
    "/etc/localtime",
    "/etc/timezone",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/os-release",
    "/usr/lib/os-release",
    "/etc/ssl/certs",
    "/etc/pki/ca-trust",
    "/etc/machine-id",
    "/usr/share/zoneinfo",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];
/// The engine keeps the data of its volumes below its root directory.
const VOLUMES: &str = "/volumes/";

/// All mounts, with tmpfs.
pub(super) fn mounts(json: Json<'_>) -> Fact<Vec<Mount>> {
    json.must("/Mounts", json.get("/Mounts", "a list", Value::as_array))
        .and_then(|_| json.items("/Mounts"))
        .map(|items| items.into_iter().map(|item| mount(item, json.place())).collect())
}

fn mount(item: &Value, place: &str) -> Mount {
    let json = Json::new(Ok(item), place);
    let says = |key| item.get(key).and_then(Value::as_str).map(clip).unwrap_or_default();
    let (kind, host_path) = (says("Type"), says("Source"));
    let read_write = json.must("/RW", json.get("/RW", "true or false", Value::as_bool));
    let path = resolved(&host_path);
    let volume = kind == "volume" && path.contains(VOLUMES);
    let is_host_path = !volume && path.starts_with('/') && kind != "tmpfs";
    Mount {
        is_engine_socket: is_host_path && gives_engine_socket(&path),
        is_sensitive_host_path: is_host_path && is_sensitive(&path, read_write != Fact::known(false)),
        kind,
        host_path: if host_path.is_empty() { Fact::Absent } else { Fact::known(host_path) },
        volume: json.text("/Name"),
        destination: says("Destination"),
        read_write,
        propagation: json.text("/Propagation"),
        source: place.to_owned(),
    }
}

/// Without `.`, `..` and double slashes, and with /var/run as what it is.
pub(super) fn resolved(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path = format!("/{}", parts.join("/"));
    match path.strip_prefix("/var/run") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("/run{rest}"),
        _ => path,
    }
}

/// The path is the socket, or a directory that holds it.
pub(super) fn gives_engine_socket(path: &str) -> bool {
    ENGINE_SOCKETS.iter().any(|socket| is_below(socket, path)) || path.ends_with("/docker.sock")
}

pub(super) fn is_sensitive(path: &str, writable: bool) -> bool {
    if !writable && HARMLESS_READ_ONLY.iter().any(|harmless| is_below(path, harmless)) {
        return false;
    }
    SENSITIVE_ALONE.contains(&path) || SENSITIVE.iter().any(|directory| is_below(path, directory))
}

/// Whether a path of the host, as somebody wrote it, is a directory of its system or something in one.
pub(crate) fn is_sensitive_path(path: &str, writable: bool) -> bool {
    is_sensitive(&resolved(path), writable)
}

/// `path` is `directory` or something in it.
fn is_below(path: &str, directory: &str) -> bool {
    directory == "/"
        || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(kind: &str, path: &str, read_write: bool) -> (bool, bool) {
        let item = json!({"Type": kind, "Source": path, "Destination": "/x", "RW": read_write});
        let mount = mount(&item, "docker inspect web");
        (mount.is_engine_socket, mount.is_sensitive_host_path)
    }

    #[test]
    fn sockets_and_system_directories_are_told_from_data() {
        for (path, read_write, socket, sensitive) in [
            ("/var/run/docker.sock", true, true, false),
            ("/var/run/docker.sock", false, true, false),
            ("/run", true, true, true),
            ("/", false, true, true),
            ("/etc", false, false, true),
            ("/etc/../etc//passwd", true, false, true),
            ("/etc/localtime", false, false, false),
            ("/etc/localtime", true, false, true),
            ("/usr/share/zoneinfo/UTC", false, false, false),
            ("/etcetera", true, false, false),
            ("/srv/data", true, false, false),
            ("/proc/sys", true, false, true),
            ("/opt/app/docker.sock", true, true, false),
        ] {
            assert_eq!(judged("bind", path, read_write), (socket, sensitive), "{path} {read_write}");
        }
        assert_eq!(judged("volume", "/var/lib/docker/volumes/a/_data", true), (false, false));
        assert_eq!(judged("tmpfs", "", true), (false, false));
    }

    #[test]
    fn a_list_of_mounts_that_is_none_is_unreadable() {
        for document in [json!({}), json!({"Mounts": "x"}), json!({"Mounts": null})] {
            assert!(mounts(Json::new(Ok(&document), "x")).is_unreadable(), "{document}");
        }
        assert_eq!(mounts(Json::new(Ok(&json!({"Mounts": []})), "x")).value().unwrap().len(), 0);
    }
}
