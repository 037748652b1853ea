//! Names of users and groups, and what permission bits mean for them.

use std::collections::BTreeMap;
use std::path::Path;

use host::{Door, Error, Stat};
use model::Timestamp;
use model::facts::files::{Access, FoundFile};

use crate::accounts::passwd;
use crate::accounts::values::parse_login_defs;

/// Users and groups of the target.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
    /// Home directories of users who can log in, with the user's name.
    pub(crate) homes: Vec<(String, String)>,
    /// The first number of a person; services stand below.
    first_user: u32,
    first_group: u32,
    /// Why numbers without a name prove nothing; none when files hold every user.
    pub(crate) elsewhere: Option<String>,
}

/// systemd gives services users from this range for as long as they run.
const DYNAMIC: std::ops::RangeInclusive<u32> = 61_184..=65_519;

impl Owners {
    pub(crate) fn read(door: &Door) -> Result<Self, Error> {
        let (passwd, group) = (passwd::read(door, "/etc/passwd")?, passwd::read(door, "/etc/group")?);
        let defaults = door.read_text("/etc/login.defs").unwrap_or_default();
        let sources = door.read_text("/etc/nsswitch.conf").unwrap_or_default();
        Ok(Self::parse(&passwd, &group, &defaults, &sources))
    }

    fn parse(passwd: &str, group: &str, defaults: &str, sources: &str) -> Self {
        let defaults = parse_login_defs(defaults);
        let first = |key| defaults.get(key).and_then(|(value, _)| value.parse().ok()).unwrap_or(1000);
        let mut owners = Self {
            first_user: first("UID_MIN"),
            first_group: first("GID_MIN"),
            elsewhere: elsewhere(sources),
            ..Self::default()
        };
        let (users, groups) = (passwd::parse_passwd(passwd), passwd::parse_group(group));
        if users.len().max(groups.len()) >= passwd::MAX_LINES {
            owners.elsewhere = Some(format!("lines after the first {}", passwd::MAX_LINES));
        }
        for user in users {
            if passwd::is_login_shell(&user.shell) && user.home.len() > 1 {
                owners.homes.push((user.home.trim_end_matches('/').to_owned(), user.name.clone()));
            }
            owners.users.entry(user.uid).or_insert(user.name);
        }
        for group in groups {
            owners.groups.entry(group.gid).or_insert(group.name);
        }
        owners
    }

    /// Whether the host knows both owner and group of a file.
    pub(crate) fn know(&self, stat: &Stat) -> bool {
        (self.users.contains_key(&stat.uid) || DYNAMIC.contains(&stat.uid))
            && (self.groups.contains_key(&stat.gid) || DYNAMIC.contains(&stat.gid))
    }

    /// The login user whose home directory holds `path`.
    pub(crate) fn home_of(&self, path: &Path) -> Option<&str> {
        self.homes.iter().find(|(home, _)| path.starts_with(home)).map(|(_, user)| user.as_str())
    }

    /// Who may do what with a file, whose path others can pass when `reachable`.
    pub(crate) fn access(&self, stat: &Stat, reachable: bool) -> Access {
        let name =
            |names: &BTreeMap<u32, String>, id| names.get(&id).cloned().unwrap_or_else(|| id.to_string());
        let group = name(&self.groups, stat.gid);
        let reading = if stat.kind == host::FileKind::Directory { 0o5 } else { 0o4 };
        Access {
            mode: format!("{:04o}", stat.mode),
            owner: name(&self.users, stat.uid),
            owner_is_root: stat.uid == 0,
            owner_is_system: stat.uid < self.first_user,
            group_is_system: stat.gid < self.first_group && group != "users",
            group_can_read: stat.mode & (reading << 3) != 0,
            group_can_write: stat.mode & 0o020 != 0,
            others_can_read: reachable && stat.mode & reading != 0,
            others_can_write: reachable && stat.mode & 0o002 != 0,
            group,
        }
    }

    /// A file as lists show it.
    pub(crate) fn found(&self, path: &Path, stat: &Stat, reachable: bool) -> FoundFile {
        let path = path.display().to_string();
        FoundFile {
            source: path.clone(),
            path,
            access: self.access(stat, reachable),
            size_bytes: stat.size,
            modified: time(stat.modified),
        }
    }
}

/// Seconds since 1970 as RFC 3339; times that no calendar knows as the beginning of 1970.
pub(crate) fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// Sources of users beside the files of the host.
fn elsewhere(nsswitch: &str) -> Option<String> {
    const OF_THE_HOST: &[&str] = &["files", "compat", "db", "systemd", "altfiles", "extrausers"];
    crate::text::meaningful_lines(nsswitch)
        .filter(|line| line.text.starts_with("passwd:") || line.text.starts_with("group:"))
        .flat_map(|line| line.text.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .find(|source| {
            !source.starts_with('[') && !source.ends_with(']') && !OF_THE_HOST.contains(&source.as_str())
        })
}

#[cfg(test)]
mod tests {
    use host::FileKind;

    use super::*;

    fn stat(kind: FileKind, mode: u32, uid: u32, gid: u32) -> Stat {
        Stat { kind, mode, uid, gid, size: 0, modified: 0, device: 0, inode: 0, links: 1 }
    }

    #[test]
    fn bits_mean_different_things_for_files_and_directories() {
        let owners = Owners::parse("root:x:0:0::/root:/bin/bash\njunk\n", "root:x:0:\nusers:x:100:\n", "", "");
        let file = owners.access(&stat(FileKind::File, 0o4711, 0, 100), true);
        assert_eq!((file.mode.as_str(), file.owner.as_str(), file.group.as_str()), ("4711", "root", "users"));
        assert!(!file.others_can_read && !file.group_can_read && !file.group_is_system);
        let directory = owners.access(&stat(FileKind::Directory, 0o711, 1000, 7), true);
        assert!(directory.others_can_read && directory.group_can_read && !directory.owner_is_system);
        assert_eq!((directory.owner.as_str(), directory.group.as_str()), ("1000", "7"));
        assert!(!owners.access(&stat(FileKind::File, 0o666, 0, 0), false).others_can_write);
    }

    #[test]
    fn unknown_numbers_are_unowned_but_not_those_of_dynamic_users() {
        let owners = Owners::parse("root:x:0:0::/root:/bin/bash\n", "root:x:0:\n", "", "");
        assert!(owners.know(&stat(FileKind::File, 0, 0, 0)));
        assert!(!owners.know(&stat(FileKind::File, 0, 1234, 0)));
        assert!(!owners.know(&stat(FileKind::File, 0, 0, 1234)));
        assert!(owners.know(&stat(FileKind::File, 0, 62_000, 62_000)));
    }

    #[test]
    fn users_of_a_directory_service_are_known_to_stand_elsewhere() {
        assert_eq!(elsewhere("passwd: files systemd\ngroup: files [SUCCESS=merge] systemd\n"), None);
        assert_eq!(elsewhere("passwd: files sss\n").as_deref(), Some("sss"));
    }

    #[test]
    fn a_time_beyond_every_calendar_does_not_matter() {
        assert_eq!(time(i64::MAX), "1970-01-01T00:00:00Z");
        assert_eq!(time(86_400), "1970-01-02T00:00:00Z");
    }
}
