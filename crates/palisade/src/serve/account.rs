//! Whom the server runs as when root starts it: the user whose state directory it is, else an account of its own. What the network can
//! reach never runs as root.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use host::{Door, Local, programs};
use rustix::fs::OFlags;
use rustix::process::{Gid, Uid};
use rustix::thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use server::{Ground, Owner};

/// The account of servers whose state directory is nobody's yet.
const NAME: &str = "palisade";

/// How long others that change the accounts are waited for, and how often it is looked.
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
    /// Whom root runs a server with this state directory as.
    pub(super) fn choose(state_dir: &Path, ground: &Ground) -> Result<Self> {
        let door = Door::new(Arc::new(Local::new()));
        let users = users(&door)?;
        let of_directory = ground.owner().filter(|owner| owner.uid != 0);
        let (owner, name, is_new) = match of_directory {
            Some(owner) => {
                // Its own group: that of a directory that root made is often root's.
                let known = lines(&users).find(|(_, known)| known.uid == owner.uid);
                let name = known.map(|(name, _)| name.to_owned());
                (known.map_or(owner, |(_, known)| known), name, false)
            }
            None => {
                let (owner, is_new) = match numbers_of(&users, NAME) {
                    Some(owner) => (owner, false),
                    None => (make(&door, state_dir)?, true),
                };
                (owner, Some(NAME.to_owned()), is_new)
            }
        };
        let groups = door.read_text("/etc/group").context("cannot tell which groups there are")?;
        let groups = name.as_ref().map(|name| groups_of(&groups, name)).unwrap_or_default();
        let account = Self { owner, name, groups, is_new };
        ensure!(
            owner.uid != 0 && owner.gid != 0,
            "{account} has root's number or group, and the server runs with neither; give {} to another user and group",
            state_dir.display()
        );
        Ok(account)
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
            .with_context(|| {
                format!("root may not become {self} here (a container without CAP_SETUID?); start the server as that user")
            })?;
        let back = set_thread_res_uid(None, Uid::ROOT, None);
        ensure!(
            back.is_err() && rustix::process::getuid() == uid,
            "root could be taken back, so the server does not start; start it as an ordinary user"
        );
        confine().context("cannot shut out what the server never asks of the kernel")
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

/// Has the kernel refuse what the server never asks for and who takes it over would: to run a program, to look into others, and to type
/// into the terminal that root started it from.
fn confine() -> Result<()> {
    /// The requests of ioctl(2) that put characters into a terminal (TIOCSTI) or paste them (TIOCLINUX).
    const TYPING: [u64; 2] = [0x5412, 0x541c];
    // Where the crate knows no system calls, what is above holds alone.
    let Ok(architecture) = std::env::consts::ARCH.try_into() else { return Ok(()) };
    let typing = TYPING.map(|request| {
        let is_it = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, request)?;
        SeccompRule::new(vec![is_it])
    });
    let typing = typing.into_iter().collect::<Result<Vec<_>, _>>()?;
    let never = [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
    ];
    let rules = never.map(|call| (call, Vec::new())).into_iter().chain([(libc::SYS_ioctl, typing)]);
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules.collect(), SeccompAction::Allow, refused, architecture)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

fn users(door: &Door) -> Result<String> {
    door.read_text("/etc/passwd").context("cannot tell which accounts there are")
}

/// Makes the account, a system account that nobody logs in as; one server at a time, since two at once get different numbers.
fn make(door: &Door, state_dir: &Path) -> Result<Owner> {
    let shell = ["/usr/sbin/nologin", "/sbin/nologin"].into_iter().find(|path| door.exists(path));
    let shell = shell.unwrap_or("/bin/false");
    let or_else = || {
        format!(
            "the server does not run as root, and the account {NAME} cannot be made for it; run `useradd --system --no-create-home \
             --shell {shell} {NAME}` (with `--gid {NAME}` if there is that group), or give {} to another user",
            state_dir.display()
        )
    };
    let until = Instant::now() + PATIENCE;
    let _turn = turn(until).with_context(or_else)?;
    let arguments = [
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        "/nonexistent",
        "--shell",
        shell,
        "--comment",
        "Palisade Management System",
        NAME,
    ];
    loop {
        // It may have come while we waited.
        if let Some(owner) = numbers_of(&users(door)?, NAME) {
            return Ok(owner);
        }
        let made = door
            .run(&programs::USERADD, &arguments, PATIENCE)
            .and_then(|output| output.success(&programs::USERADD, &[NAME]));
        match made {
            Ok(_) => return numbers_of(&users(door)?, NAME).with_context(or_else),
            // Somebody else changes the accounts.
            Err(host::Error::Failed { status, .. }) if status == "status 1" && Instant::now() < until => {
                std::thread::sleep(PAUSE);
            }
            Err(error) => return Err(error).with_context(or_else),
        }
    }
}

/// Waits for the turn to make the account; it ends with what is returned.
fn turn(until: Instant) -> Result<File> {
    let path = "/run/palisade-account.lock";
    let no_link = i32::try_from(OFlags::NOFOLLOW.bits())?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600).custom_flags(no_link);
    let file = options.open(path).with_context(|| format!("cannot open {path}"))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(error) => return Err(error).with_context(|| format!("cannot lock {path}")),
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
