//! Owner and permissions of files: what is asked for, and where it can be given.

use model::facts::disks::Filesystem;
use serde::{Deserialize, Deserializer};

use super::people;
use crate::change::{Access, Change};
use crate::fix::Ask;

/// File systems on which owners and permissions come from elsewhere.
const WITHOUT_OWNERS: [&str; 8] = ["vfat", "exfat", "ntfs", "ntfs3", "iso9660", "squashfs", "9p", "virtiofs"];

/// Who reads these when others must not: (file, group).
const READERS: [(&str, &str); 4] = [
    ("/etc/cron.allow", "crontab"),
    ("/etc/cron.deny", "crontab"),
    ("/etc/at.allow", "daemon"),
    ("/etc/at.deny", "daemon"),
];

/// What a rule asks for: `{owner: root, clear: "0022"}`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wish {
    /// The owner's name.
    pub(super) owner: Option<String>,
    /// The group's name; where there is no such group, the group loses all permissions.
    pub(super) group: Option<String>,
    /// Bits that are taken away, in octal.
    #[serde(deserialize_with = "octal")]
    pub(super) clear: u32,
    /// Bits that are added, in octal.
    #[serde(deserialize_with = "octal")]
    pub(super) set: u32,
}

fn octal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = String::deserialize(deserializer)?;
    u32::from_str_radix(&text, 8)
        .ok()
        .filter(|bits| *bits <= 0o7777)
        .ok_or_else(|| serde::de::Error::custom(format!("`{text}` are no permission bits in octal")))
}

/// The change that gives `path` what is asked for.
///
/// # Errors
/// Why it cannot be given, for a person.
pub(super) fn give(ask: &Ask<'_>, path: &str, wish: &Wish) -> Result<Change, String> {
    if let Some(filesystem) = filesystem(ask, path) {
        let (kind, mount) = (&filesystem.fs_type, &filesystem.mount_point);
        if filesystem.remote {
            return Err(format!("{path} is on another machine ({mount}, {kind}): change it there"));
        }
        if WITHOUT_OWNERS.contains(&kind.as_str()) {
            return Err(format!(
                "{mount} is {kind}, which keeps no owners: mount it with uid=, gid= and umask="
            ));
        }
        if filesystem.options.iter().any(|option| option == "ro") {
            return Err(format!("{mount} is mounted read-only: change {path} where it is made"));
        }
    }
    let mut access = Access { uid: None, gid: None, clear: wish.clear, set: wish.set };
    if let Some(owner) = &wish.owner {
        let uid = if owner == "root" { Some(0) } else { people::user(ask, owner).map(|user| user.uid) };
        access.uid = Some(uid.ok_or_else(|| format!("there is no user {owner}"))?);
    }
    match wish.group.as_deref() {
        Some("root") => access.gid = Some(0),
        Some(group) => match people::gid(ask, group) {
            Some(gid) => access.gid = Some(gid),
            None => access.clear |= 0o070,
        },
        None => {}
    }
    if access.clear & 0o004 != 0
        && let Some((_, group)) = READERS.iter().find(|(file, _)| *file == path)
    {
        let gid = people::gid(ask, group).ok_or_else(|| {
            format!("every user's `crontab` and `at` read {path}: give it to the group they run as, then run `chmod o-r {path}`")
        })?;
        access.gid = Some(gid);
        access.set |= 0o040;
    }
    Ok(Change::Access { path: path.to_owned(), access })
}

/// The file system that holds a path.
fn filesystem<'a>(ask: &'a Ask<'_>, path: &str) -> Option<&'a Filesystem> {
    let all = ask.facts.disks.value()?.filesystems.value()?;
    let holds = |mount: &str| {
        mount == "/" || path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // The one mounted last hides those before it.
    all.iter().filter(|one| holds(&one.mount_point)).max_by_key(|one| one.mount_point.len())
}

/// The number of elements that the list had, when it was cut.
pub(super) fn is_cut(ask: &Ask<'_>, list: &str) -> bool {
    ask.facts.files.value().is_some_and(|files| files.cut.contains_key(list))
}

/// What a person reads when a list was cut.
pub(super) const CUT: &str = "there are more of them than are listed: find out where they come from first";
