//! Whom the server runs as when root starts it: the user whose state directory it is, else an account of its own. What the network can
//! reach never runs as root.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use host::{Door, Local, programs};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use server::Owner;

/// The account of servers whose state directory is nobody's yet.
const NAME: &str = "palisade";

/// How long another process that makes the account too is waited for, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// A user other than root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// Its numbers.
    pub(super) owner: Owner,
    /// Its name; none where `/etc/passwd` has none.
    name: Option<String>,
    /// Groups that it is in besides its own.
    groups: Vec<u32>,
    /// It was made just now.
    is_new: bool,
}

impl Account {
    /// Whom root runs a server of this state directory as; none for anybody else, who runs it as themselves.
    pub(super) fn choose(state_dir: &Path) -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let door = Door::new(Arc::new(Local::new()));
        let users = door.read_text("/etc/passwd").context("cannot tell which accounts there are")?;
        let of_directory = server::owner_of(state_dir)?.filter(|owner| owner.uid != 0);
        let (owner, name, is_new) = match of_directory {
            Some(owner) => (owner, name_of(&users, owner.uid), false),
            None => {
                let (owner, is_new) = match numbers_of(&users, NAME) {
                    Some(owner) => (owner, false),
                    None => (make(&door, state_dir)?, true),
                };
                (owner, Some(NAME.to_owned()), is_new)
            }
        };
        ensure!(
            owner.uid != 0,
            "the account {NAME} is another name of root, and the server does not run as root; give {} to another user",
            state_dir.display()
        );
        let groups = door.read_text("/etc/group").context("cannot tell which groups there are")?;
        let groups = name.as_ref().map(|name| groups_of(&groups, name)).unwrap_or_default();
        Ok(Some(Self { owner, name, groups, is_new }))
    }

    /// Gives up root and every way back to it, for this process and all that it starts from now on.
    pub(super) fn take_on(&self) -> Result<()> {
        // Numbers belong to threads: one that kept root's would hand it to the others.
        ensure!(is_alone(), "root cannot be given up while other threads run; this is a bug");
        let (uid, gid) = (Uid::from_raw(self.owner.uid), Gid::from_raw(self.owner.gid));
        let groups: Vec<Gid> = self.groups.iter().copied().map(Gid::from_raw).collect();
        set_no_new_privs(true)
            .and_then(|()| set_thread_groups(&groups))
            .and_then(|()| set_thread_res_gid(gid, gid, gid))
            .and_then(|()| set_thread_res_uid(uid, uid, uid))
            .with_context(|| format!("cannot become {self}"))?;
        let back = set_thread_res_uid(None, Uid::ROOT, None);
        ensure!(back.is_err() && rustix::process::getuid() == uid, "root was not given up; this is a bug");
        Ok(())
    }

    /// For the person who started it.
    pub(super) fn told(&self, with_audits: bool) -> String {
        let new = if self.is_new { ", an account made for it now" } else { "" };
        let audits = if with_audits { "; only the audits of this machine run as root" } else { "" };
        format!("The server runs as {self}{new}{audits}.\n")
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "user {name}"),
            None => write!(f, "user {}", self.owner.uid),
        }
    }
}

/// Makes the account: a system account that nobody logs in as.
fn make(door: &Door, state_dir: &Path) -> Result<Owner> {
    let or_else = || {
        format!(
            "the server does not run as root, and the account {NAME} cannot be made for it; make it (a system account), or give {} to another user",
            state_dir.display()
        )
    };
    let shell = ["/usr/sbin/nologin", "/sbin/nologin"].into_iter().find(|path| door.exists(path));
    let (comment, shell) = ("Palisade Management System", shell.unwrap_or("/bin/false"));
    let arguments = [
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        "/nonexistent",
        "--shell",
        shell,
        "--comment",
        comment,
        NAME,
    ];
    let until = Instant::now() + PATIENCE;
    loop {
        let made = door
            .run(&programs::USERADD, &arguments, PATIENCE)
            .and_then(|output| output.success(&programs::USERADD, &[NAME]));
        let users = door.read_text("/etc/passwd").with_context(or_else)?;
        match (numbers_of(&users, NAME), made) {
            // By us, or by another server that starts now.
            (Some(owner), _) => return Ok(owner),
            (None, Ok(_)) => bail!("{}: it is not in /etc/passwd", or_else()),
            // Somebody else changes the accounts.
            (None, Err(host::Error::Failed { .. })) if Instant::now() < until => std::thread::sleep(PAUSE),
            (None, Err(error)) => return Err(error).with_context(or_else),
        }
    }
}

/// Lines of passwd(5): `name:password:uid:gid:...`.
fn lines(users: &str) -> impl Iterator<Item = (&str, Owner)> {
    users.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some((name, Owner { uid, gid }))
    })
}

fn numbers_of(users: &str, name: &str) -> Option<Owner> {
    lines(users).find(|(known, _)| *known == name).map(|(_, owner)| owner)
}

fn name_of(users: &str, uid: u32) -> Option<String> {
    lines(users).find(|(_, owner)| owner.uid == uid).map(|(name, _)| name.to_owned())
}

/// Groups that name this user as a member, of lines of group(5): `name:password:gid:member,member`. Never root's.
fn groups_of(groups: &str, user: &str) -> Vec<u32> {
    let of_line = |line: &str| {
        let mut fields = line.split(':').skip(2);
        let (gid, members) = (fields.next()?.parse().ok()?, fields.next()?);
        (gid != 0 && members.split(',').any(|member| member == user)).then_some(gid)
    };
    groups.lines().filter_map(of_line).collect()
}

/// Whether this process has one thread; those that read what a program printed end a moment after it.
fn is_alone() -> bool {
    let until = Instant::now() + PATIENCE;
    let door = Door::new(Arc::new(Local::new()));
    loop {
        match door.read_dir("/proc/self/task") {
            Ok(threads) if threads.len() == 1 => return true,
            Ok(_) if Instant::now() < until => std::thread::sleep(PAUSE),
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/bash\npalisade:x:998:997::/nonexistent:/usr/sbin/nologin\nbroken:x\n";

    #[test]
    fn accounts_are_read_as_the_system_writes_them() {
        assert_eq!(numbers_of(USERS, "palisade"), Some(Owner { uid: 998, gid: 997 }));
        assert_eq!(numbers_of(USERS, "broken"), None);
        assert_eq!(name_of(USERS, 998).as_deref(), Some("palisade"));
        assert_eq!(name_of(USERS, 5), None);
        let groups =
            "root:x:0:palisade\nssl-cert:x:110:postgres,palisade\nother:x:111:palisadeer\npalisade:x:997:\n";
        assert_eq!(groups_of(groups, "palisade"), [110], "root's group would undo it all");
    }

    #[test]
    fn a_user_without_a_name_is_told_by_number() {
        let account =
            Account { owner: Owner { uid: 4711, gid: 1 }, name: None, groups: Vec::new(), is_new: false };
        assert_eq!(account.to_string(), "user 4711");
        let made = Account { name: Some("palisade".to_owned()), is_new: true, ..account };
        let told = "The server runs as user palisade, an account made for it now; only the audits of this machine run as root.\n";
        assert_eq!(made.told(true), told);
        assert_eq!(made.told(false), "The server runs as user palisade, an account made for it now.\n");
    }
}
