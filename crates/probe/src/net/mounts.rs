//! Mount points and their options: `/proc/self/mountinfo` and `/etc/fstab`.

use std::collections::BTreeMap;

use host::Door;
use model::facts::net::Mount;
use model::{Fact, Source};

use crate::fact::reason;
use crate::mounts::{self, Declared, TABLE};

/// Mount points that are reported.
const PATHS: &[&str] = &[
    "/tmp",
    "/var/tmp",
    "/dev/shm",
    "/home",
    "/var",
    "/var/log",
    "/var/log/audit",
    "/boot",
    "/boot/efi",
    "/proc",
];

/// Options (of a mount in effect also those of its filesystem), type and source.
type Place = (Vec<String>, String, Source);

/// The mount points by path.
pub(crate) fn mounts(door: &Door) -> BTreeMap<String, Mount> {
    let mounted = mounted(door);
    let fstab = match door.read_text("/etc/fstab") {
        Ok(text) => Ok(declared(&text)),
        Err(error) if error.is_not_found() => Ok(BTreeMap::new()),
        Err(error) => Err(reason(&error, door)),
    };
    PATHS.iter().map(|path| ((*path).to_owned(), one(door, path, &mounted, &fstab))).collect()
}

fn one(
    door: &Door,
    path: &str,
    mounted: &Result<BTreeMap<String, Place>, String>,
    fstab: &Result<BTreeMap<String, Place>, String>,
) -> Mount {
    let persisted = match fstab {
        Ok(fstab) => match fstab.get(path) {
            Some((options, _, source)) => Fact::sourced(options.clone(), source.clone()),
            None => Fact::Absent,
        },
        Err(reason) => Fact::unreadable(reason),
    };
    // What a tree would mount is what its fstab says; systemd mounts some by itself, which only a running host tells.
    let in_effect = match mounted {
        Ok(mounted) => Ok(mounted.get(path).cloned()),
        Err(reason) => match fstab {
            Ok(fstab) if fstab.contains_key(path) && !door.is_live() => Ok(fstab.get(path).cloned()),
            _ => Err(reason),
        },
    };
    let mut mount = Mount { path: path.to_owned(), persisted, ..Mount::default() };
    match in_effect {
        Ok(Some((options, filesystem, source))) => {
            let has = |name: &str| Fact::sourced(options.iter().any(|option| option == name), source.clone());
            mount.nodev = has("nodev");
            mount.nosuid = has("nosuid");
            mount.noexec = has("noexec");
            mount.separate = Fact::sourced(true, source.clone());
            mount.hidepid = match options.iter().find_map(|option| option.strip_prefix("hidepid=")) {
                Some(value) => Fact::sourced(value.to_owned(), source.clone()),
                None if path == "/proc" => Fact::sourced("0".to_owned(), source.clone()),
                None => Fact::Absent,
            };
            mount.filesystem = Fact::sourced(filesystem, source.clone());
            mount.options = Fact::sourced(options, source);
        }
        Ok(None) => {
            mount.separate = Fact::read_at(false, "/proc/self/mountinfo");
            mount.nodev = Fact::Absent;
            mount.nosuid = Fact::Absent;
            mount.noexec = Fact::Absent;
            mount.hidepid = Fact::Absent;
            mount.filesystem = Fact::Absent;
            mount.options = Fact::Absent;
        }
        Err(reason) => {
            mount.separate = Fact::unreadable(reason);
            mount.nodev = Fact::unreadable(reason);
            mount.nosuid = Fact::unreadable(reason);
            mount.noexec = Fact::unreadable(reason);
            mount.hidepid = Fact::unreadable(reason);
            mount.filesystem = Fact::unreadable(reason);
            mount.options = Fact::unreadable(reason);
        }
    }
    mount
}

/// Mounts by path; the last one on a path lies on top.
fn mounted(door: &Door) -> Result<BTreeMap<String, Place>, String> {
    if !door.is_live() {
        return Err("what is mounted only a running host tells".to_owned());
    }
    let mounts = mounts::mounted(door).map_err(|error| reason(&error, door))?;
    let place = |mount: host::Mount| {
        let options = [mount.options, mount.super_options].concat();
        let source = Source::at(format!("{TABLE}:{}", mount.line));
        (mount.point.to_string_lossy().into_owned(), (options, mount.kind, source))
    };
    Ok(mounts.into_iter().map(place).collect())
}

fn declared(text: &str) -> BTreeMap<String, Place> {
    let place = |mount: Declared| {
        let source = Source::line("/etc/fstab", mount.line.number, &mount.line.text);
        (mount.point, (mount.options, mount.fs_type, source))
    };
    mounts::fstab(text).map(place).collect()
}
