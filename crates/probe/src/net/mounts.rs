//! Mount points and their options: `/proc/self/mountinfo` and `/etc/fstab`.

use std::collections::BTreeMap;

use host::Door;
use model::facts::net::Mount;
use model::{Fact, Source};

use crate::fact::reason;
use crate::text::meaningful_lines;

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

/// Hosts with many containers have thousands of mounts.
const MOUNTINFO_BYTES: usize = 8 << 20;

/// A mount in effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mounted {
    /// Options of the mount and of its filesystem.
    pub options: Vec<String>,
    /// Type of the filesystem.
    pub filesystem: String,
    /// 1-based line.
    pub line: usize,
}

/// The mount points by path.
pub(crate) fn mounts(door: &Door) -> BTreeMap<String, Mount> {
    let mounted = mounted(door);
    let fstab = match door.read_text("/etc/fstab") {
        Ok(text) => Ok(parse_fstab(&text)),
        Err(error) if error.is_not_found() => Ok(BTreeMap::new()),
        Err(error) => Err(reason(&error, door)),
    };
    PATHS.iter().map(|path| ((*path).to_owned(), one(door, path, &mounted, &fstab))).collect()
}

type Fstab = BTreeMap<String, (Vec<String>, String, Source)>;

fn one(
    door: &Door,
    path: &str,
    mounted: &Result<BTreeMap<String, Mounted>, String>,
    fstab: &Result<Fstab, String>,
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
        Ok(mounted) => Ok(mounted.get(path).map(|mount| {
            let at = format!("/proc/self/mountinfo:{}", mount.line);
            (mount.options.clone(), mount.filesystem.clone(), Source::at(at))
        })),
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
                Some(value) => Fact::known(value.to_owned()),
                None if path == "/proc" => Fact::known("0".to_owned()),
                None => Fact::Absent,
            };
            mount.filesystem = Fact::known(filesystem);
            mount.options = Fact::known(options);
        }
        Ok(None) => {
            mount.separate = Fact::known(false);
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

fn mounted(door: &Door) -> Result<BTreeMap<String, Mounted>, String> {
    if !door.is_live() {
        return Err("what is mounted only a running host tells".to_owned());
    }
    door.read_up_to("/proc/self/mountinfo", MOUNTINFO_BYTES)
        .map(|bytes| parse_mountinfo(&String::from_utf8_lossy(&bytes)))
        .map_err(|error| reason(&error, door))
}

/// Mounts by path; the last one on a path lies on top.
/// `36 35 98:0 /root /mount rw,noatime shared:1 - ext4 /dev/sda rw,errors=continue`.
pub fn parse_mountinfo(text: &str) -> BTreeMap<String, Mounted> {
    let mut found = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let Some((mount, filesystem)) = line.split_once(" - ") else { continue };
        let mut fields = mount.split(' ');
        let (Some(path), Some(options)) = (fields.nth(4), fields.next()) else { continue };
        let mut fields_after = filesystem.split(' ');
        let kind = fields_after.next().unwrap_or_default();
        let of_filesystem = fields_after.nth(1).unwrap_or_default();
        let options = options.split(',').chain(of_filesystem.split(',')).filter(|option| !option.is_empty());
        found.insert(
            unescaped(path),
            Mounted {
                options: options.map(str::to_owned).collect(),
                filesystem: kind.to_owned(),
                line: index + 1,
            },
        );
    }
    found
}

/// Options, type and place by path; `defaults` says nothing.
pub fn parse_fstab(text: &str) -> BTreeMap<String, (Vec<String>, String, Source)> {
    let mut found = BTreeMap::new();
    for line in meaningful_lines(text) {
        let fields: Vec<&str> = line.text.split_ascii_whitespace().collect();
        let [_device, path, kind, rest @ ..] = fields.as_slice() else { continue };
        let options = rest.first().unwrap_or(&"defaults").split(',').map(str::to_owned).collect();
        let source = Source::line("/etc/fstab", line.number, &line.text);
        found.insert(unescaped(path), (options, (*kind).to_owned(), source));
    }
    found
}

/// Both files write a space as `\040`.
fn unescaped(path: &str) -> String {
    path.replace("\\040", " ").replace("\\011", "\t")
}
