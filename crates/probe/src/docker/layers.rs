//! Looking for programs in an image's layers, where the engine keeps them unpacked on the host (overlay2).

use host::{Door, Error, FileKind};
use model::Fact;
use serde_json::Value;

use super::json::Json;
use crate::fact::reason;

/// overlayfs itself stacks no more than 500; images have a tenth of that.
const LAYER_LIMIT: usize = 128;
const REMOTE_SHELLS: &[&str] = &[
    "usr/sbin/sshd",
    "usr/sbin/dropbear",
    "usr/bin/dropbear",
    "usr/sbin/tinysshd",
    "usr/sbin/telnetd",
    "usr/sbin/in.telnetd",
    "sbin/telnetd",
    "usr/sbin/rshd",
    "usr/sbin/in.rshd",
    "usr/sbin/in.rlogind",
    "usr/bin/shellinaboxd",
    "usr/bin/ttyd",
    "sbin/sshd",
    "sbin/dropbear",
    "usr/local/sbin/sshd",
    "usr/sbin/utelnetd",
];
const BUILD_TOOLS: &[&str] = &[
    "usr/bin/gcc",
    "usr/bin/cc",
    "usr/bin/g++",
    "usr/bin/clang",
    "usr/bin/make",
    "usr/bin/cmake",
    "usr/bin/ld",
    "usr/bin/as",
    "usr/bin/gdb",
    "usr/bin/strace",
    "usr/bin/git",
    "usr/local/go/bin/go",
    "usr/local/cargo/bin/cargo",
    "usr/bin/javac",
];
const NETWORK_TOOLS: &[&str] = &[
    "usr/bin/curl",
    "usr/bin/wget",
    "usr/bin/nc",
    "bin/nc",
    "usr/bin/ncat",
    "usr/bin/socat",
    "usr/bin/telnet",
    "usr/bin/ssh",
    "usr/bin/ftp",
    "usr/bin/nmap",
    "usr/sbin/tcpdump",
    "usr/bin/tcpdump",
    "usr/bin/wget",
];
const PACKAGE_MANAGERS: &[&str] = &[
    "usr/bin/apt-get",
    "usr/bin/dpkg",
    "sbin/apk",
    "usr/bin/dnf",
    "usr/bin/microdnf",
    "usr/bin/yum",
    "usr/bin/rpm",
    "usr/bin/zypper",
    "usr/bin/pip",
    "usr/bin/pip3",
    "usr/local/bin/pip",
    "usr/local/bin/pip3",
    "usr/bin/npm",
    "usr/local/bin/npm",
    "usr/bin/gem",
];

/// Shells; `sh` is a link to one of them in most images.
pub(crate) const SHELLS: &[&str] = &[
    "bin/sh",
    "usr/bin/sh",
    "bin/dash",
    "usr/bin/dash",
    "bin/bash",
    "usr/bin/bash",
    "usr/local/bin/bash",
    "bin/ash",
    "bin/zsh",
    "usr/bin/zsh",
    "bin/ksh",
    "usr/bin/ksh",
    "usr/bin/fish",
    "busybox/sh",
];

/// What was found, as paths in the image.
pub(super) struct Files {
    pub(super) remote_shells: Fact<Vec<String>>,
    pub(super) build_tools: Fact<Vec<String>>,
    pub(super) network_tools: Fact<Vec<String>>,
    pub(super) package_managers: Fact<Vec<String>>,
}

/// Looks into the layers of the image described by `json`; they must lie below the engine's directory.
pub(super) fn files(door: &Door, json: Json<'_>, root: &Fact<String>) -> Files {
    match directories(json, root) {
        Fact::Known(layers, _) => {
            files_by(|path| is_in(door, &layers, path).map_err(|error| reason(&error, door)))
        }
        Fact::Absent => files_by(|_| Err(format!("{} has no layers", json.place()))),
        Fact::Unreadable(reason) => files_by(|_| Err(reason.clone())),
    }
}

/// Looks for the files by a function that tells whether the image has a path.
pub(super) fn files_by(has: impl Fn(&str) -> Result<bool, String>) -> Files {
    let look = |paths: &[&str]| {
        let mut found = Vec::new();
        for path in paths {
            match has(path) {
                Ok(true) => found.push(format!("/{path}")),
                Ok(false) => {}
                Err(reason) => return Fact::unreadable(reason),
            }
        }
        Fact::known(found)
    };
    Files {
        remote_shells: look(REMOTE_SHELLS),
        build_tools: look(BUILD_TOOLS),
        network_tools: look(NETWORK_TOOLS),
        package_managers: look(PACKAGE_MANAGERS),
    }
}

/// The layers' directories, uppermost first.
fn directories(json: Json<'_>, root: &Fact<String>) -> Fact<Vec<String>> {
    let driver = json.text("/GraphDriver/Name");
    match driver.value().map(String::as_str) {
        Some("overlay2" | "overlay" | "fuse-overlayfs") => {}
        Some(other) => {
            return Fact::unreadable(format!("layers of the storage driver {other} are not looked into"));
        }
        None => return Fact::unreadable(format!("{} does not say where its layers lie", json.place())),
    }
    let Some(root) = root.value() else {
        return Fact::unreadable("where the engine keeps its data is not known");
    };
    let place = |pointer: &str| {
        json.get(pointer, "text", Value::as_str).map(str::to_owned).or_default_value(String::new())
    };
    super::json::both(place("/GraphDriver/Data/UpperDir"), place("/GraphDriver/Data/LowerDir")).and_then(
        |(upper, lower)| {
            let layers: Vec<String> = std::iter::once(upper.as_str())
                .chain(lower.split(':'))
                .filter(|path| !path.is_empty())
                .map(str::to_owned)
                .collect();
            let prefix = format!("{}/", root.trim_end_matches('/'));
            if layers.is_empty()
                || layers.iter().any(|path| !path.starts_with(&prefix) || path.contains("/../"))
            {
                return Fact::unreadable(format!("the layers of {} do not lie below {root}", json.place()));
            }
            if layers.len() > LAYER_LIMIT {
                return Fact::unreadable(format!("{} has more than {LAYER_LIMIT} layers", json.place()));
            }
            Fact::known(layers)
        },
    )
}

/// Whether a path is in the merged layers. A layer that deletes it holds a character device in its place.
fn is_in(door: &Door, layers: &[String], path: &str) -> Result<bool, Error> {
    for layer in layers {
        match door.stat_link(format!("{layer}/{path}")) {
            Ok(stat) => return Ok(stat.kind != FileKind::Other),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    // A storage that is not there at all tells nothing.
    if let Some(layer) = layers.iter().find(|layer| !door.exists(layer)) {
        return Err(Error::Io { what: layer.clone(), message: "the layer is not there".to_owned() });
    }
    Ok(false)
}
