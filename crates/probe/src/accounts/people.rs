//! The accounts and groups of the host, and who belongs to what.

use std::collections::BTreeMap;

use host::Door;

use crate::accounts::passwd::{self, GroupLine, Passwd};
use crate::fact::reason;

/// The local accounts and groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct People {
    pub(crate) users: Vec<Passwd>,
    pub(crate) groups: Vec<GroupLine>,
    /// Why `/etc/passwd` could not be read.
    pub(crate) users_problem: Option<String>,
    /// Why `/etc/group` could not be read.
    pub(crate) groups_problem: Option<String>,
    /// Groups of each user, the primary one first.
    membership: BTreeMap<String, Vec<String>>,
}

impl People {
    /// Reads `/etc/passwd` and `/etc/group`.
    pub(crate) fn read(door: &Door) -> Self {
        let text = |path| passwd::read(door, path).map_err(|error| reason(&error, door));
        let (users, users_problem) = split(text("/etc/passwd").map(|text| passwd::parse_passwd(&text)));
        let (groups, groups_problem) = split(text("/etc/group").map(|text| passwd::parse_group(&text)));
        Self::new(users, groups, users_problem, groups_problem)
    }

    fn new(
        users: Vec<Passwd>,
        groups: Vec<GroupLine>,
        users_problem: Option<String>,
        groups_problem: Option<String>,
    ) -> Self {
        let name_of: BTreeMap<u32, &str> =
            groups.iter().rev().map(|group| (group.gid, group.name.as_str())).collect();
        let mut membership: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for user in &users {
            let primary = name_of.get(&user.gid).map(|name| (*name).to_owned());
            membership.entry(user.name.clone()).or_default().extend(primary);
        }
        for group in &groups {
            for member in &group.members {
                if let Some(known) = membership.get_mut(member)
                    && !known.contains(&group.name)
                {
                    known.push(group.name.clone());
                }
            }
        }
        Self { users, groups, users_problem, groups_problem, membership }
    }

    /// Groups of a user, the primary one first.
    pub(crate) fn groups_of(&self, user: &str) -> &[String] {
        self.membership.get(user).map_or(&[], Vec::as_slice)
    }

    /// Members of a group, those by primary group included, sorted.
    pub(crate) fn members_of(&self, group: &str) -> Vec<String> {
        self.membership
            .iter()
            .filter(|(_, groups)| groups.iter().any(|name| name == group))
            .map(|(user, _)| user.clone())
            .collect()
    }

    /// The first account with one of the groups that fit, and all its groups.
    pub(crate) fn member_of_any(&self, fits: &dyn Fn(&str) -> bool) -> Option<(String, Vec<String>)> {
        self.users.iter().find_map(|user| {
            let groups = self.groups_of(&user.name);
            groups.iter().any(|group| fits(group)).then(|| (user.name.clone(), groups.to_vec()))
        })
    }
}

fn split<T>(read: Result<Vec<T>, String>) -> (Vec<T>, Option<String>) {
    match read {
        Ok(list) => (list, None),
        Err(why) => (Vec::new(), Some(why)),
    }
}
