//! The hand that writes: states of files, read exactly and put back exactly. No link leads out of the root.

mod own;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::fs::{self, AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most bytes of a file whose content a plan may change.
const CONTENT_LIMIT: u64 = 4 << 20;

/// The most links that lead to one directory.
const LINK_LIMIT: usize = 40;

/// The most bytes of all names of a file's extended attributes, and of one value.
const XATTR_LIMIT: usize = 64 << 10;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing.
    Absent,
    /// A regular file.
    File {
        /// What it holds; none where only owner and permissions matter.
        content: Option<Content>,
        /// Who may do what with it.
        perms: Perms,
        /// Extended attributes other than those the kernel derives, by name; empty without content.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        xattrs: BTreeMap<String, Content>,
        /// When it was last changed, seconds and nanoseconds since the epoch; none: whenever it is written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modified: Option<(i64, u32)>,
    },
    /// A directory.
    Directory {
        /// Who may do what with it.
        perms: Perms,
    },
    /// A symbolic link.
    Link {
        /// Where it points, as written.
        target: String,
    },
    /// A pipe, socket or device: only owner and permissions can be changed.
    Other {
        /// Who may do what with it.
        perms: Perms,
    },
}

/// Owner and permission bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Perms {
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

impl Perms {
    /// Root's, with `mode`.
    pub fn root(mode: u32) -> Self {
        Self { uid: 0, gid: 0, mode }
    }
}

impl fmt::Display for Perms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {:04o}", self.uid, self.gid, self.mode)
    }
}

/// Bytes of a file: text where they are text, base64 in the journal otherwise. Never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Content(pub Vec<u8>);

impl Content {
    /// The bytes as text.
    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Text(String),
    Base64(String),
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_text() {
            Some(text) => Written::Text(text.to_owned()),
            None => Written::Base64(BASE64.encode(&self.0)),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Text(text) => text.into_bytes(),
            Written::Base64(text) => BASE64.decode(text).map_err(D::Error::custom)?,
        }))
    }
}

impl State {
    /// Whether `now` is this state, as far as this state says. Times do not count.
    pub fn is_met_by(&self, now: &Self) -> bool {
        match (self, now) {
            (Self::File { content: None, perms, .. }, Self::File { perms: now, .. }) => perms == now,
            (
                Self::File { content: Some(content), perms, .. },
                Self::File { content: Some(now), perms: perms_now, .. },
            ) => content == now && perms == perms_now,
            _ => self == now,
        }
    }

    /// Whether `now` is what a run leaves that was ended while it made `other` of this state or this of `other`: owner
    /// and mode are set one after the other, and the kernel takes bits away with the owner.
    pub(crate) fn is_half_way_to(&self, other: &Self, now: &Self) -> bool {
        let same_kind = match (self, now) {
            (Self::File { content, .. }, Self::File { content: there, .. }) => {
                content.is_none() || there.is_none() || content == there
            }
            (Self::Directory { .. }, Self::Directory { .. }) | (Self::Other { .. }, Self::Other { .. }) => true,
            // One that was just made has not got its permissions yet.
            (Self::Absent, Self::Directory { .. }) => return matches!(other, Self::Directory { .. }),
            _ => false,
        };
        let (Some(one), Some(two), Some(now)) = (self.perms(), other.perms(), now.perms()) else {
            return false;
        };
        let owner = (now.uid, now.gid);
        same_kind
            && [one, two].iter().any(|perms| owner == (perms.uid, perms.gid))
            && [one, two].iter().any(|perms| now.mode | 0o6000 == perms.mode | 0o6000)
    }

    /// Whether reading the content matters for comparing with this state.
    pub fn has_content(&self) -> bool {
        matches!(self, Self::File { content: Some(_), .. })
    }

    /// The content of a file.
    pub fn content(&self) -> Option<&Content> {
        match self {
            Self::File { content, .. } => content.as_ref(),
            _ => None,
        }
    }

    /// Owner and permissions of what has them.
    pub fn perms(&self) -> Option<Perms> {
        match self {
            Self::File { perms, .. } | Self::Directory { perms } | Self::Other { perms } => Some(*perms),
            Self::Absent | Self::Link { .. } => None,
        }
    }
}

/// Why something could not be read or written exactly.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The operating system refused.
    #[error("cannot {act} {path}: {source}")]
    System {
        /// What was tried.
        act: &'static str,
        /// On what.
        path: String,
        /// What it said.
        source: std::io::Error,
    },
    /// Something else stands there than can be handled.
    #[error("{path}: {reason}")]
    Unfit {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
}

impl DiskError {
    /// Whether nothing stands there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::System { source, .. }
            if [Errno::NOENT, Errno::NOTDIR].iter().any(|errno| source.raw_os_error() == Some(errno.raw_os_error())))
    }
}

fn system(act: &'static str, path: &str) -> impl FnOnce(Errno) -> DiskError {
    let path = path.to_owned();
    move |errno| DiskError::System { act, path, source: errno.into() }
}

/// The tree that is changed: this machine's, or that of a machine that does not run.
#[derive(Debug)]
pub struct Disk {
    root: OwnedFd,
}

impl Disk {
    /// The tree below `root`; `/` is this machine.
    ///
    /// # Errors
    /// When it is no directory one can enter.
    pub fn below(root: &Path) -> Result<Self, DiskError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        fs::open(root, flags, Mode::empty())
            .map(|root| Self { root })
            .map_err(system("open", &root.display().to_string()))
    }

    fn open(&self, path: &str, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd, Errno> {
        let inside = path.trim_start_matches('/');
        let inside = if inside.is_empty() { "." } else { inside };
        let resolve = resolve | ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        loop {
            match fs::openat2(&self.root, inside, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                // A rename elsewhere in the tree made the kernel unsure that the path stays inside.
                Err(Errno::AGAIN) => {}
                other => return other,
            }
        }
    }

    /// A directory. A link on the way is followed only when it is trusted: a user who owns a directory on the way must
    /// not lead our hand elsewhere. What is opened in the end is a path without links, so that none can be put there
    /// between the look and the opening.
    fn directory(&self, path: &str) -> Result<OwnedFd, DiskError> {
        let open = |path: &str, flags| self.open(path, flags, ResolveFlags::NO_SYMLINKS);
        match open(path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::LOOP) => {}
            other => return other.map_err(system("open", path)),
        }
        let mut plain: Vec<String> = Vec::new();
        let mut rest: Vec<String> = path.rsplit('/').map(ToOwned::to_owned).collect();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    plain.pop();
                    continue;
                }
                _ => plain.push(part),
            }
            let here = format!("/{}", plain.join("/"));
            let file = open(&here, OFlags::PATH | OFlags::NOFOLLOW).map_err(system("open", &here))?;
            let stat = fs::fstat(&file).map_err(system("look at", &here))?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
                continue;
            }
            links += 1;
            if links > LINK_LIMIT {
                return Err(system("open", path)(Errno::LOOP));
            }
            self.trust(&here, stat.st_uid)?;
            let target = link_target(&file, &here)?;
            plain.pop();
            if target.starts_with('/') {
                plain.clear();
            }
            rest.extend(target.rsplit('/').map(ToOwned::to_owned));
        }
        let plain = format!("/{}", plain.join("/"));
        open(&plain, OFlags::RDONLY | OFlags::DIRECTORY).map_err(system("open", path))
    }

    /// Refuses a link that somebody made who could not change what it leads to.
    fn trust(&self, path: &str, owner: u32) -> Result<(), DiskError> {
        let tree = fs::fstat(&self.root).map_err(system("look at", "/"))?.st_uid;
        if [0, tree, rustix::process::geteuid().as_raw()].contains(&owner) {
            return Ok(());
        }
        let reason = format!("a link that user {owner} made is not followed");
        Err(DiskError::Unfit { path: path.to_owned(), reason })
    }

    /// Refuses to follow the link at `path` when its maker is not trusted.
    pub(crate) fn trust_link(&self, path: &str) -> Result<(), DiskError> {
        let (directory, name) = self.parent(path)?;
        let stat = fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(system("look at", path))?;
        self.trust(path, stat.st_uid)
    }

    /// The directory that holds `path`, and the last part of the path.
    fn parent<'p>(&self, path: &'p str) -> Result<(OwnedFd, &'p str), DiskError> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.is_empty() || name == "." || name == ".." {
            return Err(DiskError::Unfit { path: path.to_owned(), reason: "no file's path".to_owned() });
        }
        Ok((self.directory(if above.is_empty() { "/" } else { above })?, name))
    }

    /// What stands at `path` now; a link is not followed. With `content`, a regular file is read whole.
    ///
    /// # Errors
    /// When it cannot be read, or is too large to be kept.
    pub fn state(&self, path: &str, content: bool) -> Result<State, DiskError> {
        match self.parent(path) {
            Ok((directory, name)) => state_in(&directory, name, path, content),
            Err(error) if error.is_missing() => Ok(State::Absent),
            Err(error) => Err(error),
        }
    }

    /// Puts `state` in the place of whatever stands at `path`: wholly or not at all. `tag` names the file beside it that
    /// exists for a moment, so that a later run can sweep it up.
    ///
    /// # Errors
    /// When the operating system refuses; what stood there still stands.
    pub fn put(&self, path: &str, state: &State, tag: &str) -> Result<(), DiskError> {
        let (directory, name) = match self.parent(path) {
            Ok(parent) => parent,
            // Its directory was taken away first.
            Err(error) if *state == State::Absent && error.is_missing() => return Ok(()),
            Err(error) => return Err(error),
        };
        let now = state_in(&directory, name, path, state.has_content())?;
        if state.is_met_by(&now) {
            // A run that was ended after the change and before this could have made it.
            return fs::fsync(&directory).map_err(system("sync", path));
        }
        let same_content = state.content().is_none_or(|content| now.content() == Some(content));
        match (state, &now) {
            (State::Absent, State::Directory { .. }) => {
                match fs::unlinkat(&directory, name, AtFlags::REMOVEDIR) {
                    // Somebody put something into it: then it is theirs.
                    Ok(()) | Err(Errno::NOTEMPTY) => {}
                    Err(errno) => return Err(system("remove", path)(errno)),
                }
            }
            (State::Absent, _) => {
                fs::unlinkat(&directory, name, AtFlags::empty()).map_err(system("remove", path))?;
            }
            (State::Directory { perms }, State::Absent) => {
                let mode = Mode::from_raw_mode(perms.mode);
                fs::mkdirat(&directory, name, mode).map_err(system("make", path))?;
                set_perms(&directory, name, path, *perms, &State::Directory { perms: *perms })?;
            }
            (State::Link { target }, _) => {
                let temporary = temporary(name, tag);
                // One that an earlier run left is of no use.
                let _nothing = fs::unlinkat(&directory, &*temporary, AtFlags::empty());
                fs::symlinkat(target, &directory, &temporary)
                    .and_then(|()| replace(&directory, &temporary, name))
                    .map_err(|errno| {
                        let _nothing = fs::unlinkat(&directory, &*temporary, AtFlags::empty());
                        system("write", path)(errno)
                    })?;
            }
            (State::File { content: Some(content), perms, xattrs, modified }, _)
                if !same_content || !matches!(now, State::File { .. }) =>
            {
                let temporary = temporary(name, tag);
                let xattrs = match &now {
                    // A file that is rewritten keeps what its administrator attached to it.
                    State::File { xattrs: kept, .. } if xattrs.is_empty() => kept,
                    _ => xattrs,
                };
                write(&directory, &temporary, content, *perms, xattrs, *modified)
                    .and_then(|()| replace(&directory, &temporary, name).map_err(Into::into))
                    .map_err(|source| {
                        // The write's error is what matters; nothing may be there to remove.
                        let _nothing = fs::unlinkat(&directory, &*temporary, AtFlags::empty());
                        DiskError::System { act: "write", path: path.to_owned(), source }
                    })?;
            }
            (
                State::File { perms, .. } | State::Directory { perms } | State::Other { perms },
                State::File { .. } | State::Directory { .. } | State::Other { .. },
            ) => set_perms(&directory, name, path, *perms, &now)?,
            _ => {
                let reason = "something else stands there now".to_owned();
                return Err(DiskError::Unfit { path: path.to_owned(), reason });
            }
        }
        fs::fsync(&directory).map_err(system("sync", path))
    }

    /// Removes what a `put` with `tag` at `path` left beside it when it was ended in the middle.
    pub fn sweep(&self, path: &str, tag: &str) {
        if let Ok((directory, name)) = self.parent(path) {
            // Mostly there is none.
            let _nothing = fs::unlinkat(&directory, temporary(name, tag), AtFlags::empty());
        }
    }

    /// Writes a value to a file of the kernel.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn write_kernel(&self, path: &str, value: &str) -> Result<(), DiskError> {
        let file = self
            .open(path, OFlags::WRONLY | OFlags::NOFOLLOW, ResolveFlags::empty())
            .map_err(system("write", path))?;
        std::fs::File::from(file).write_all(value.as_bytes()).map_err(|source| DiskError::System {
            act: "write",
            path: path.to_owned(),
            source,
        })
    }
}

fn temporary(name: &str, tag: &str) -> String {
    format!(".{name}.palisade-{tag}")
}

/// Sets owner and mode of what stands at `name`, if it still is of the kind of `like`.
fn set_perms(directory: &OwnedFd, name: &str, path: &str, perms: Perms, like: &State) -> Result<(), DiskError> {
    let unfit = |reason: &str| DiskError::Unfit { path: path.to_owned(), reason: reason.to_owned() };
    let failed = || system("set the permissions of", path);
    // Held by descriptor, so that nobody can put a link in its place between the look and the change.
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = fs::openat(directory, name, flags, Mode::empty()).map_err(failed())?;
    let stat = fs::fstat(&file).map_err(failed())?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    let fits = match like {
        State::File { .. } => kind == FileType::RegularFile,
        State::Directory { .. } => kind == FileType::Directory,
        _ => !matches!(kind, FileType::RegularFile | FileType::Directory | FileType::Symlink),
    };
    if !fits {
        return Err(unfit("something else stands there now"));
    }
    let above = fs::fstat(directory).map_err(failed())?.st_uid;
    if kind == FileType::RegularFile
        && stat.st_nlink > 1
        && ![0, rustix::process::geteuid().as_raw()].contains(&above)
    {
        return Err(unfit("the file has other names too, perhaps where its user may not write"));
    }
    // Changing the owner takes setuid bits away, so the mode comes last.
    let (uid, gid) = (Uid::from_raw(perms.uid), Gid::from_raw(perms.gid));
    if (stat.st_uid, stat.st_gid) != (perms.uid, perms.gid) {
        fs::chownat(&file, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH).map_err(failed())?;
    }
    let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    fs::chmod(&own, Mode::from_raw_mode(perms.mode)).map_err(failed())?;
    if matches!(kind, FileType::RegularFile | FileType::Directory) {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = fs::open(&own, flags, Mode::empty()).map_err(failed())?;
        fs::fsync(&file).map_err(system("sync", path))?;
    }
    Ok(())
}

/// What stands at `name` in a directory.
fn state_in(directory: &OwnedFd, name: &str, path: &str, content: bool) -> Result<State, DiskError> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match fs::openat(directory, name, flags | OFlags::PATH, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(State::Absent),
        Err(errno) => return Err(system("look at", path)(errno)),
    };
    let stat = fs::fstat(&file).map_err(system("look at", path))?;
    let perms = Perms { uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode & 0o7777 };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => return Ok(State::Directory { perms }),
        FileType::Symlink => return Ok(State::Link { target: link_target(&file, path)? }),
        FileType::RegularFile if content => {}
        FileType::RegularFile => {
            return Ok(State::File { content: None, perms, xattrs: BTreeMap::new(), modified: None });
        }
        _ => return Ok(State::Other { perms }),
    }
    // Not waiting, in case somebody put a pipe there since.
    let flags = flags | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = fs::openat(directory, name, flags, Mode::empty()).map_err(system("read", path))?;
    let opened = fs::fstat(&file).map_err(system("read", path))?;
    if (opened.st_dev, opened.st_ino) != (stat.st_dev, stat.st_ino) {
        let reason = "it was replaced while it was read".to_owned();
        return Err(DiskError::Unfit { path: path.to_owned(), reason });
    }
    let xattrs = xattrs(&file).map_err(system("read the attributes of", path))?;
    let mut bytes = Vec::new();
    std::fs::File::from(file)
        .take(CONTENT_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| DiskError::System { act: "read", path: path.to_owned(), source })?;
    if bytes.len() as u64 > CONTENT_LIMIT {
        let size = stat.st_size;
        return Err(DiskError::Unfit {
            path: path.to_owned(),
            reason: format!("{size} bytes are too many to be kept for undoing ({CONTENT_LIMIT})"),
        });
    }
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    Ok(State::File { content: Some(Content(bytes)), perms, xattrs, modified: Some((stat.st_mtime, nanos)) })
}

fn link_target(link: &OwnedFd, path: &str) -> Result<String, DiskError> {
    let target = fs::readlinkat(link, "", Vec::new()).map_err(system("read the link", path))?;
    target.into_string().map_err(|_| DiskError::Unfit {
        path: path.to_owned(),
        reason: "it is a link to a path that is not text".to_owned(),
    })
}

fn write(
    directory: &OwnedFd,
    name: &str,
    content: &Content,
    perms: Perms,
    xattrs: &BTreeMap<String, Content>,
    modified: Option<(i64, u32)>,
) -> Result<(), std::io::Error> {
    // One that an earlier run left is of no use.
    let _nothing = fs::unlinkat(directory, name, AtFlags::empty());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = fs::openat(directory, name, flags, Mode::from_raw_mode(0o600))?;
    let mut file = std::fs::File::from(file);
    file.write_all(&content.0)?;
    fs::fchown(&file, Some(Uid::from_raw(perms.uid)), Some(Gid::from_raw(perms.gid)))?;
    fs::fchmod(&file, Mode::from_raw_mode(perms.mode))?;
    for (name, value) in xattrs {
        fs::fsetxattr(&file, name.as_str(), &value.0, XattrFlags::empty())?;
    }
    if let Some((seconds, nanos)) = modified {
        let time = fs::Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
        fs::futimens(&file, &Timestamps { last_access: time, last_modification: time })?;
    }
    file.sync_all()
}

fn replace(directory: &OwnedFd, temporary: &str, name: &str) -> Result<(), Errno> {
    fs::renameat(directory, temporary, directory, name)
}

/// Attributes that a rewritten file must carry on: labels, access lists, capabilities.
fn xattrs(file: &OwnedFd) -> Result<BTreeMap<String, Content>, Errno> {
    let mut names = vec![0_u8; XATTR_LIMIT];
    let length = match fs::flistxattr(file, names.as_mut_slice()) {
        Ok(length) => length,
        // Not every file system has them.
        Err(Errno::NOTSUP) => 0,
        Err(errno) => return Err(errno),
    };
    let mut found = BTreeMap::new();
    for name in names.get(..length).unwrap_or_default().split(|byte| *byte == 0) {
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if name.is_empty() || name.starts_with("security.ima") || name.starts_with("security.evm") {
            continue;
        }
        let mut value = vec![0_u8; XATTR_LIMIT];
        let length = fs::fgetxattr(file, name, value.as_mut_slice())?;
        value.truncate(length);
        found.insert(name.to_owned(), Content(value));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
