//! Section `disks`.

mod backups;
pub(crate) mod encryption;
mod mounts;
mod watches;

use host::{Door, Error};
use model::Fact;
use model::facts::disks::{CrypttabEntry, Disks, Filesystem, Place, Swap};

use crate::fact::{IntoFact, reason};
use crate::mounts::unescaped;
use crate::text::meaningful_lines;
use crate::{Context, kernel};

/// Places that guides ask for; those that do not exist are left out.
pub(super) const PLACES: [&str; 17] = [
    "/",
    "/boot",
    "/data",
    "/dev/shm",
    "/home",
    "/opt",
    "/srv",
    "/tmp",
    "/var",
    "/var/backups",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/libvirt/images",
    "/var/lib/palisade",
    "/var/log",
    "/var/log/audit",
    "/var/tmp",
];

/// The most entries of crypttab and of swap that are kept.
const MOST: usize = 100;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Disks> {
    let door = &cx.door;
    let crypttab = crypttab(door);
    let filesystems = mounts::read(door, crypttab.value().map(Vec::as_slice).unwrap_or_default());
    Fact::known(Disks {
        places: match &filesystems {
            Ok(filesystems) => Fact::known(places(door, filesystems)),
            Err(error) => Fact::unreadable(reason(error, door)),
        },
        swaps: swaps(door, &filesystems),
        // Every host has mounts: a missing table is a failure to look.
        filesystems: match filesystems {
            Ok(filesystems) => Fact::known(once_each(filesystems)),
            Err(error) => Fact::unreadable(reason(&error, door)),
        },
        backup_folders: backups::read(door),
        watches: watches::read(door),
        crypttab,
    })
}

/// Each file system at its first mount point: bind mounts and subvolumes share its space and its encryption.
fn once_each(mut filesystems: Vec<Filesystem>) -> Vec<Filesystem> {
    let mut seen = std::collections::HashSet::new();
    filesystems
        .retain(|filesystem| !filesystem.device.starts_with("/dev/") || seen.insert(filesystem.device.clone()));
    filesystems
}

/// Which file system holds each place.
fn places(door: &Door, filesystems: &[Filesystem]) -> Vec<Place> {
    PLACES
        .iter()
        .filter(|path| door.exists(path))
        .filter_map(|path| {
            // A folder that is a link stands where the link points.
            let target = door.read_link(path).ok().filter(|target| target.is_absolute());
            let real =
                target.map_or_else(|| (*path).to_owned(), |target| target.to_string_lossy().into_owned());
            let holder = holder(filesystems, &real)?;
            Some(Place {
                path: (*path).to_owned(),
                mount_point: holder.mount_point.clone(),
                separate: holder.mount_point == real,
                options: holder.options.clone(),
                encrypted: holder.encrypted.clone(),
                source: holder.source.clone(),
            })
        })
        .collect()
}

/// The file system with the longest mount point above `path`.
fn holder<'a>(filesystems: &'a [Filesystem], path: &str) -> Option<&'a Filesystem> {
    filesystems
        .iter()
        .filter(|filesystem| {
            let rest = path.strip_prefix(&filesystem.mount_point);
            filesystem.mount_point == "/" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .max_by_key(|filesystem| filesystem.mount_point.len())
}

fn crypttab(door: &Door) -> Fact<Vec<CrypttabEntry>> {
    let path = "/etc/crypttab";
    let text = match door.read_text(path) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => {
            return Fact::read_at(Vec::new(), format!("{path} does not exist"));
        }
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    let entries = meaningful_lines(&text).take(MOST).filter_map(|line| {
        let mut words = line.text.split_ascii_whitespace();
        let (name, device) = (words.next()?.to_owned(), words.next()?.to_owned());
        let file = words.next().unwrap_or("none");
        let options: Vec<String> = words
            .next()
            .unwrap_or_default()
            .split(',')
            .filter(|option| !option.is_empty())
            .map(str::to_owned)
            .collect();
        let has = |start: &str| options.iter().any(|option| option.starts_with(start));
        let (key, key_file) = match file {
            _ if has("tpm2-device=") => ("tpm2", None),
            _ if has("fido2-device=") => ("fido2", None),
            _ if has("pkcs11-uri=") => ("pkcs11", None),
            "none" | "-" if has("keyscript=") => ("script", None),
            "none" | "-" => ("passphrase", None),
            "/dev/urandom" | "/dev/random" | "/dev/hw_random" => ("random", None),
            file => ("file", Some(file.split(':').next().unwrap_or(file))),
        };
        Some(CrypttabEntry {
            key: key.to_owned(),
            key_readable_by_others: key_file.map_or(Fact::Absent, |file| {
                door.stat(file).map(|stat| stat.mode & 0o077 != 0 || stat.uid != 0).into_fact(door)
            }),
            source: format!("{path}:{}", line.number),
            name,
            device,
            options,
        })
    });
    Fact::read_at(entries.collect(), path)
}

/// Swap in use; in a file tree what fstab would use.
fn swaps(door: &Door, filesystems: &Result<Vec<Filesystem>, Error>) -> Fact<Vec<Swap>> {
    let path = "/proc/swaps";
    let text = match kernel::read(door, path) {
        Ok(text) => text,
        // A kernel without swap has no such file.
        Err(error) if error.is_not_found() => {
            return Fact::read_at(Vec::new(), format!("{path} does not exist"));
        }
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    let swaps = text.lines().skip(1).take(MOST).filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (device, kind, size) = (unescaped(words.next()?), words.next()?, words.next()?);
        let encrypted = match device.strip_prefix("/dev/") {
            _ if kind == "file" => match filesystems {
                Ok(filesystems) => {
                    holder(filesystems, &device).map_or(Fact::known(false), |one| one.encrypted.clone())
                }
                Err(error) => Fact::unreadable(reason(error, door)),
            },
            Some(name) if name.starts_with("zram") => Fact::read_at(true, "zram swaps into memory"),
            Some(name) => encryption::of_block(door, name).encrypted,
            None => Fact::unreadable(format!("{device} is no device")),
        };
        Some(Swap {
            size_bytes: size.parse::<u64>().map_or_else(
                |_| Fact::unreadable(format!("{path} holds no size for {device}")),
                |kib| Fact::known(kib.saturating_mul(1024)),
            ),
            path: device,
            encrypted,
            source: path.to_owned(),
        })
    });
    Fact::read_at(swaps.collect(), path)
}

#[cfg(test)]
mod tests;
