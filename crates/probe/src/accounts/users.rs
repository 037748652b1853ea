//! Accounts, groups, and who can become root.

use std::collections::BTreeMap;
use std::io::Read;

use host::{Door, Stat};
use model::facts::accounts::{Administrator, Group, Sudo, User};
use model::{Fact, Timestamp};

use crate::accounts::passwd::{self, Passwd, Shadow, is_login_shell};
use crate::accounts::people::People;
use crate::accounts::policy::limited;
use crate::accounts::values::{Values, number};
use crate::fact::{IntoFact, reason};

/// Groups whose members can make themselves root, whatever sudo says.
const ROOT_LIKE: [&str; 8] = ["docker", "lxd", "incus-admin", "libvirt", "disk", "shadow", "kmem", "mem"];

/// Groups that sudo's packages hand out root by.
const SUDO_GROUPS: [&str; 3] = ["sudo", "wheel", "admin"];

/// Bytes of `/var/log/lastlog` that are read: numbers up to 14,000. The file has a slot for each number.
const LASTLOG_LIMIT: u64 = 4 << 20;

/// A slot: four bytes of time, the terminal and the host.
const LASTLOG_SLOT: usize = 292;

const DAY: i64 = 86_400;

/// The accounts, with what shadow says of them.
pub(crate) fn users(door: &Door, people: &People, login_defs: &Fact<Values>) -> Fact<Vec<User>> {
    if let Some(why) = &people.users_problem {
        return Fact::unreadable(why.clone());
    }
    let shadow = passwd::read(door, "/etc/shadow").into_fact(door).map(|text| {
        passwd::parse_shadow(&text)
            .into_iter()
            .map(|line| (line.name.clone(), line))
            .collect::<BTreeMap<_, _>>()
    });
    let limit = |key: &str, otherwise: i64| number(login_defs, key).value().copied().unwrap_or(otherwise);
    let (uid_min, uid_max) = (limit("UID_MIN", 1000), limit("UID_MAX", 60_000));
    let mut names_of: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for user in &people.users {
        names_of.entry(user.uid).or_default().push(&user.name);
    }
    let last_logins = lastlog(door);
    let all = people.users.iter().map(|line| {
        let uid = i64::from(line.uid);
        let others = names_of.get(&line.uid).into_iter().flatten();
        let mut user = User {
            name: line.name.clone(),
            uid: line.uid,
            gid: line.gid,
            home: line.home.clone(),
            shell: line.shell.clone(),
            can_log_in: is_login_shell(&line.shell),
            is_system: line.uid != 0 && !(uid_min..=uid_max).contains(&uid),
            groups: people.groups_of(&line.name).to_vec(),
            same_uid: others.filter(|name| **name != line.name).map(|name| (*name).to_owned()).collect(),
            last_login_at: last_login(&last_logins, line.uid),
            source: format!("/etc/passwd:{}", line.line),
            ..User::default()
        };
        set_password(&mut user, line, &shadow);
        set_home(door, &mut user, line);
        user
    });
    Fact::known(all.collect())
}

/// The groups with all their members.
pub(crate) fn groups(people: &People) -> Fact<Vec<Group>> {
    if let Some(why) = people.groups_problem.as_ref().or(people.users_problem.as_ref()) {
        return Fact::unreadable(why.clone());
    }
    let groups = people.groups.iter().map(|group| Group {
        name: group.name.clone(),
        gid: group.gid,
        members: people.members_of(&group.name),
        is_privileged: ROOT_LIKE.contains(&group.name.as_str()) || SUDO_GROUPS.contains(&group.name.as_str()),
        source: format!("/etc/group:{}", group.line),
    });
    Fact::known(groups.collect())
}

/// Accounts that can become root.
pub(crate) fn administrators(people: &People, sudo: &Fact<Sudo>) -> Fact<Vec<Administrator>> {
    if let Some(why) = people.users_problem.as_ref().or(people.groups_problem.as_ref()) {
        return Fact::unreadable(why.clone());
    }
    let grants = match sudo {
        Fact::Known(sudo, _) => match &sudo.grants {
            Fact::Known(grants, _) => grants.as_slice(),
            Fact::Absent => &[],
            Fact::Unreadable(why) => return Fact::unreadable(why.clone()),
        },
        Fact::Absent => &[],
        Fact::Unreadable(why) => return Fact::unreadable(why.clone()),
    };
    let admins = people.users.iter().filter_map(|user| {
        let mut via = Vec::new();
        if user.uid == 0 {
            via.push("uid 0".to_owned());
        }
        let groups = people.groups_of(&user.name).iter();
        let privileged =
            |group: &&String| ROOT_LIKE.contains(&group.as_str()) || SUDO_GROUPS.contains(&group.as_str());
        via.extend(groups.filter(privileged).map(|group| format!("group {group}")));
        let granted = grants.iter().filter(|grant| grant.as_root && grant.users.contains(&user.name));
        via.extend(granted.map(|grant| format!("sudo ({})", grant.source)).take(20));
        (!via.is_empty()).then(|| Administrator {
            name: user.name.clone(),
            uid: user.uid,
            can_log_in: is_login_shell(&user.shell),
            via,
            source: format!("/etc/passwd:{}", user.line),
        })
    });
    Fact::read_at(admins.collect(), "/etc/passwd, /etc/group and sudo's files")
}

/// Databases of accounts beside the local files.
pub(crate) fn directories(door: &Door) -> Fact<Vec<String>> {
    door.read_text("/etc/nsswitch.conf").into_fact(door).map(|text| {
        let line = crate::text::meaningful_lines(&text).find(|line| line.text.starts_with("passwd:"));
        let names = line.map(|line| line.text).unwrap_or_default();
        let local = ["files", "compat", "systemd", "db", "altfiles", "extrausers"];
        let names = names
            .split_ascii_whitespace()
            .skip(1)
            .filter(|name| !name.starts_with('[') && !name.ends_with(']'));
        names.filter(|name| !local.contains(name)).map(str::to_owned).collect()
    })
}

fn set_password(user: &mut User, line: &Passwd, shadow: &Fact<BTreeMap<String, Shadow>>) {
    user.password_in_passwd = line.own_password.is_some_and(|password| password.state != "none");
    let of_shadow = match shadow {
        Fact::Known(lines, _) => Fact::from_option(lines.get(&line.name)),
        Fact::Absent => Fact::Absent,
        Fact::Unreadable(why) => Fact::unreadable(why.clone()),
    };
    let password = match line.own_password {
        Some(password) => Fact::known(password),
        // `x` without a line in shadow: nothing can match it.
        None => of_shadow
            .clone()
            .map(|line| line.password)
            .or_default_value(passwd::Password { state: "none", scheme: None }),
    };
    user.password = password.clone().map(|password| password.state.to_owned());
    user.hash_scheme = password.and_then(|password| Fact::from_option(password.scheme.map(str::to_owned)));
    let days =
        |pick: fn(&Shadow) -> Option<i64>| of_shadow.clone().and_then(|line| Fact::from_option(pick(line)));
    user.password_changed_at = days(|line| line.changed).and_then(date);
    user.password_max_days = days(|line| line.max_days).and_then(limited);
    user.password_min_days = days(|line| line.min_days);
    user.password_warn_days = days(|line| line.warn_days);
    user.inactive_days = days(|line| line.inactive_days);
    user.expires_at = days(|line| line.expires).and_then(date);
}

fn set_home(door: &Door, user: &mut User, line: &Passwd) {
    // Homes of accounts that nobody logs in to are directories of services.
    let stat: Fact<Stat> = match user.can_log_in && line.home.starts_with('/') {
        true => door.stat(&line.home).into_fact(door),
        false => Fact::Absent,
    };
    user.home_mode = stat.clone().map(|stat| format!("{:04o}", stat.mode));
    user.owns_home = stat.clone().map(|stat| stat.uid == line.uid);
    user.home_others_write =
        stat.clone().map(|stat| stat.mode & 0o022 != 0 || (stat.uid != line.uid && stat.uid != 0));
    user.home_others_read = stat.clone().map(|stat| stat.mode & 0o005 != 0);
    user.risky_files = stat.and_then(|_| {
        let mut found = Vec::new();
        for name in [".rhosts", ".shosts", ".netrc"] {
            match door.stat_link(format!("{}/{name}", line.home.trim_end_matches('/'))) {
                Ok(_) => found.push(name.to_owned()),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Fact::unreadable(reason(&error, door)),
            }
        }
        Fact::known(found)
    });
}

/// Days since 1970 as a time; 0 means "must be changed at the next login" and is no date.
fn date(days: i64) -> Fact<String> {
    let time = days.checked_mul(DAY).filter(|_| days > 0).and_then(|secs| Timestamp::from_second(secs).ok());
    Fact::from_option(time.map(|time| time.to_string()))
}

fn lastlog(door: &Door) -> Fact<Vec<u8>> {
    let path = "/var/log/lastlog";
    match door.open(path) {
        Ok(file) => {
            let mut bytes = Vec::new();
            match file.take(LASTLOG_LIMIT).read_to_end(&mut bytes) {
                Ok(_) => Fact::known(bytes),
                Err(error) => Fact::unreadable(format!("{path}: {error}")),
            }
        }
        // Not recorded is not the same as never.
        Err(error) if error.is_not_found() => Fact::unreadable("no /var/log/lastlog records logins"),
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}

fn last_login(lastlog: &Fact<Vec<u8>>, uid: u32) -> Fact<String> {
    match lastlog {
        Fact::Known(bytes, _) => {
            let start = usize::try_from(uid).ok().and_then(|uid| uid.checked_mul(LASTLOG_SLOT));
            let slot = start.and_then(|start| bytes.get(start..start.checked_add(4)?));
            let Some(slot) = slot.and_then(|slot| <[u8; 4]>::try_from(slot).ok()) else {
                let is_cut = u64::try_from(bytes.len()).is_ok_and(|length| length >= LASTLOG_LIMIT);
                return if is_cut {
                    Fact::unreadable("beyond the part of lastlog that is read")
                } else {
                    Fact::Absent
                };
            };
            match u32::from_le_bytes(slot) {
                0 => Fact::Absent,
                secs => {
                    Fact::from_option(Timestamp::from_second(i64::from(secs)).ok().map(|time| time.to_string()))
                }
            }
        }
        Fact::Absent => Fact::Absent,
        Fact::Unreadable(why) => Fact::unreadable(why.clone()),
    }
}
