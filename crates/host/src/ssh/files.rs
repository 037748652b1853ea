//! The files of the target over SFTP.

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::FileType;

use super::file::RemoteFile;
use super::link::{Link, Way};
use super::sftp::{Attributes, Name, Reply, Request, Sftp, UNTOLD, status};
use super::walk::Walker;
use crate::door::{DirEntry, FileKind, FileTree, FsUsage, Stat};
use crate::walk::{Mount, Visitor, WalkOutcome, WalkPlan, mountinfo};
use crate::{Error, FILE_LIMIT};

/// The most bytes of one directory's list: a million entries with names of 200.
const LISTING: usize = 256 << 20;

/// The longest that listing one directory may take: every probe gives up before.
const LISTING_TIME: Duration = Duration::from_secs(120);

/// The most bytes of listings that are kept.
const KEPT: usize = 20 << 20;

/// The longest path that the kernel takes, and so the longest name.
pub(super) const LONGEST_PATH: usize = 4096;

/// What changes from one moment to the next, so that no listing of it is kept.
const FLEETING: &[&str] = &["/proc", "/sys", "/dev", "/run", "/var/run"];

/// What the kernel makes up: its files have no size, and there are no pipes among them.
const MADE_UP: &[&str] = &["/proc", "/sys"];

/// The target's file tree.
#[derive(Debug)]
pub(super) struct RemoteFiles {
    link: Arc<Link>,
    sftp: Arc<Sftp>,
    /// How another server of files is started: the walk has its own.
    way: Way,
    /// How long a question takes on its way.
    round_trip: Duration,
    /// What stands in directories that were listed: looking at such a file needs no question.
    listings: Mutex<Listings>,
    mounts: OnceLock<Vec<Mount>>,
}

#[derive(Debug, Default)]
struct Listings {
    by_directory: HashMap<PathBuf, HashMap<Vec<u8>, Attributes>>,
    kept: usize,
}

/// What the listings know of a file.
enum Known {
    Is(Attributes),
    Missing,
    Nothing,
}

impl RemoteFiles {
    pub(super) fn new(link: Arc<Link>, sftp: Arc<Sftp>, way: Way, round_trip: Duration) -> Self {
        Self { link, sftp, way, round_trip, listings: Mutex::default(), mounts: OnceLock::new() }
    }

    pub(super) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    fn attributes(&self, path: &Path, follow: bool) -> Result<Attributes, Error> {
        let what = path.display().to_string();
        match self.known(path) {
            Known::Missing => return Err(Error::NotFound(what)),
            Known::Is(attributes) if !follow || kind(&attributes) != FileKind::Symlink => {
                return Ok(attributes);
            }
            _ => {}
        }
        match self.sftp.call(&what, Request::Stat { path: path.as_os_str().as_bytes(), follow })? {
            Reply::Attributes(attributes) => Ok(attributes),
            other => Err(other.error(what)),
        }
    }

    fn known(&self, path: &Path) -> Known {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return Known::Nothing };
        let listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(listing) = listings.by_directory.get(directory) else { return Known::Nothing };
        listing.get(name.as_bytes()).map_or(Known::Missing, |attributes| Known::Is(*attributes))
    }

    fn keep(&self, path: &Path, names: &[Name]) {
        let cost = cost(names);
        let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        if FLEETING.iter().any(|place| path.starts_with(place)) || listings.kept + cost > KEPT {
            return;
        }
        listings.kept += cost;
        let listing = names.iter().map(|name| (name.name.clone(), name.attributes)).collect();
        listings.by_directory.insert(path.to_owned(), listing);
    }

    fn list(&self, path: &Path) -> Result<Vec<Name>, Error> {
        let what = path.display().to_string();
        let handle = match self.sftp.call(&what, Request::OpenDirectory(path.as_os_str().as_bytes()))? {
            Reply::Handle(handle) => handle,
            other => return Err(other.error(what)),
        };
        let read = read_names(&self.sftp, &what, &handle);
        self.sftp.close(&handle);
        read
    }

    fn mounts(&self) -> &[Mount] {
        self.mounts.get_or_init(|| {
            let mut list = Vec::new();
            if let Ok(file) = self.open(Path::new("/proc/self/mountinfo")) {
                drop(file.take(FILE_LIMIT as u64).read_to_end(&mut list));
            }
            mountinfo(&list)
        })
    }

    /// The device that holds a directory, by the list of mounts: SFTP does not tell it.
    fn device(&self, directory: &Path) -> u64 {
        let path = directory.as_os_str().as_bytes();
        let real = match self.sftp.call("a path", Request::RealPath(path)) {
            Ok(Reply::Names(names)) => names.into_iter().next().map(|name| name.name),
            _ => None,
        };
        let real = real.unwrap_or_else(|| path.to_owned());
        let real = Path::new(std::ffi::OsStr::from_bytes(&real));
        // Of several mounts on one point the last lies on top.
        let over = self.mounts().iter().filter(|mount| real.starts_with(&mount.point));
        over.max_by_key(|mount| mount.point.as_os_str().len()).map_or(0, |mount| packed(&mount.device))
    }
}

/// The entries of an open directory.
fn read_names(sftp: &Sftp, what: &str, handle: &[u8]) -> Result<Vec<Name>, Error> {
    let until = Instant::now() + LISTING_TIME;
    let (mut names, mut bytes) = (Vec::new(), 0);
    while Instant::now() < until {
        // Most directories end with the second answer.
        let two = [sftp.ask(Request::ReadDirectory(handle))?, sftp.ask(Request::ReadDirectory(handle))?];
        for pending in two {
            let more = match sftp.wait(what, &pending)? {
                Reply::Names(more) if !more.is_empty() => more,
                Reply::Status { code: status::END, .. } => return Ok(names),
                other => return Err(other.error(what)),
            };
            bytes += cost(&more);
            if bytes > LISTING {
                return Err(Error::TooLarge { what: format!("the list of {what}"), limit: LISTING });
            }
            names.extend(more.into_iter().filter(|name| is_plain(&name.name)));
        }
    }
    Err(Error::TimedOut { what: format!("the list of {what}"), limit: LISTING_TIME })
}

/// The bytes that entries of a directory take here, more or less.
fn cost(names: &[Name]) -> usize {
    names.iter().map(|name| name.name.len() + size_of::<Name>()).sum()
}

fn untold(what: String) -> Error {
    Error::Io { what, message: UNTOLD.to_owned() }
}

impl FileTree for RemoteFiles {
    fn open(&self, path: &Path) -> Result<Box<dyn Read + Send>, Error> {
        let what = path.display().to_string();
        let size = if MADE_UP.iter().any(|place| path.starts_with(place)) && !what.contains("/fd/") {
            None
        } else {
            // The server would wait at a pipe that nobody writes to, and with it everybody who asks it.
            let attributes = self.attributes(path, true)?;
            if attributes.mode.is_none() {
                return Err(untold(what));
            }
            if kind(&attributes) != FileKind::File {
                return Err(Error::NotRegular(what));
            }
            Some(attributes.size)
        };
        let file = RemoteFile::open(&self.sftp, path, size)?;
        if size.is_none() && kind(&file.attributes()?) != FileKind::File {
            return Err(Error::NotRegular(what));
        }
        Ok(Box::new(file))
    }

    fn stat(&self, path: &Path, follow: bool) -> Result<Stat, Error> {
        let attributes = self.attributes(path, follow)?;
        let Some(mut stat) = stat(&attributes) else { return Err(untold(path.display().to_string())) };
        if follow && stat.kind == FileKind::Directory {
            stat.device = self.device(path);
        }
        Ok(stat)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, Error> {
        let what = path.display().to_string();
        if matches!(self.known(path), Known::Is(attributes) if kind(&attributes) != FileKind::Symlink) {
            return Err(Error::NotFound(format!("a link at {what}")));
        }
        match self.sftp.call(&what, Request::ReadLink(path.as_os_str().as_bytes()))? {
            Reply::Names(names) => match names.into_iter().next() {
                Some(name) => Ok(PathBuf::from(String::from_utf8_lossy(&name.name).into_owned())),
                None => Err(Reply::Names(Vec::new()).error(what)),
            },
            // What is there but no link is a bad message to OpenSSH's server, and only a failure to others.
            Reply::Status { code: status::BAD_MESSAGE, .. } => {
                Err(Error::NotFound(format!("a link at {what}")))
            }
            other @ Reply::Status { code: status::FAILURE, .. } => Err(match self.attributes(path, false) {
                Ok(attributes) if attributes.mode.is_some() && kind(&attributes) != FileKind::Symlink => {
                    Error::NotFound(format!("a link at {what}"))
                }
                _ => other.error(what),
            }),
            other => Err(other.error(what)),
        }
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, Error> {
        let names = self.list(path)?;
        if names.iter().any(|name| name.attributes.mode.is_none()) {
            return Err(untold(path.display().to_string()));
        }
        self.keep(path, &names);
        let entry = |name: &Name| DirEntry {
            name: String::from_utf8_lossy(&name.name).into_owned(),
            kind: kind(&name.attributes),
        };
        let mut entries: Vec<DirEntry> = names.iter().map(entry).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn walk(&self, plan: &WalkPlan, visitor: Arc<dyn Visitor>) -> Result<WalkOutcome, Error> {
        let mounts = self.mounts();
        let mut walker = Walker::new(self.round_trip, mounts, plan, &*visitor);
        let own = self.link.with_sftp(&self.way, |sftp| walker.run(sftp, &|| self.link.is_crowded()));
        // A server that allows no other session, or has none left for programs, lets everybody share the first.
        if own.is_err() || !walker.has_ended() {
            walker.run(&self.sftp, &|| false);
        }
        Ok(walker.outcome())
    }

    fn stat_fs(&self, path: &Path) -> Result<FsUsage, Error> {
        let what = path.display().to_string();
        match self.sftp.call(&what, Request::StatFs(path.as_os_str().as_bytes()))? {
            Reply::Usage(numbers) => usage(&numbers).ok_or_else(|| Error::Io {
                what,
                message: "the SFTP server does not tell the room on a filesystem".to_owned(),
            }),
            other => Err(other.error(what)),
        }
    }
}

/// The numbers of `statvfs@openssh.com`: block size, fragment size, blocks, free, available, inodes, free, available, ...
fn usage(numbers: &[u64]) -> Option<FsUsage> {
    let &[_, fragment, blocks, free, available, inodes, _, inodes_free, ..] = numbers else { return None };
    Some(FsUsage {
        bytes: blocks.saturating_mul(fragment),
        bytes_used: blocks.saturating_sub(free).saturating_mul(fragment),
        bytes_free: available.saturating_mul(fragment),
        inodes,
        inodes_free,
    })
}

/// Whether it can be the name of an entry of a directory.
pub(super) fn is_plain(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_PATH
        && name != b"."
        && name != b".."
        && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

pub(super) fn kind(attributes: &Attributes) -> FileKind {
    match attributes.mode.map(FileType::from_raw_mode) {
        Some(FileType::RegularFile) => FileKind::File,
        Some(FileType::Directory) => FileKind::Directory,
        Some(FileType::Symlink) => FileKind::Symlink,
        Some(FileType::Socket) => FileKind::Socket,
        _ => FileKind::Other,
    }
}

/// What SFTP tells of a file: neither device nor inode nor hard links.
pub(super) fn stat(attributes: &Attributes) -> Option<Stat> {
    Some(Stat {
        kind: kind(attributes),
        mode: attributes.mode? & 0o7777,
        uid: attributes.uid,
        gid: attributes.gid,
        size: attributes.size,
        modified: i64::from(attributes.modified),
        device: 0,
        inode: 0,
        links: 0,
    })
}

/// The kernel's packing of `major:minor`.
fn packed(device: &str) -> u64 {
    let mut numbers = device.split(':').map(|number| number.parse::<u64>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    ((major & 0xfff) << 8) | ((major & !0xfff) << 32) | (minor & 0xff) | ((minor & !0xff) << 12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::sftp::tests::lying;
    use crate::ssh::wire::Message;

    #[test]
    fn devices_are_packed_as_the_kernel_does() {
        assert_eq!(packed("254:1"), 0xfe01);
        assert_eq!(packed("8:300"), 0x0010_082c);
        assert_eq!(packed("junk"), 0);
    }

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        assert!(is_plain(b"passwd") && is_plain(b"...") && is_plain(b"\xff"));
        for name in [b"".as_slice(), b".", b"..", b"../etc", b"a/b", b"a\0b", &[b'a'; LONGEST_PATH + 1]] {
            assert!(!is_plain(name));
        }
    }

    #[test]
    fn a_directory_without_end_is_an_error() {
        let nothing = lying(|_, _| (104, Message::default().number(0)));
        let error = read_names(&nothing, "/etc", b"handle").unwrap_err();
        assert!(error.to_string().starts_with("/etc: "), "{error}");
        let long = lying(|_, _| {
            let name = Message::default().number(1).text(&[b'a'; 200 << 10]).text(b"").number(0);
            (104, name)
        });
        let error = read_names(&long, "/etc", b"handle").unwrap_err();
        assert_eq!(error, Error::TooLarge { what: "the list of /etc".to_owned(), limit: LISTING });
    }

    #[test]
    fn a_directory_ends_where_the_server_says() {
        let sftp = lying(|_, before| match before {
            0 => (104, Message::default().number(1).text(b"a").text(b"").number(0)),
            _ => (101, Message::default().number(status::END)),
        });
        let names = read_names(&sftp, "/etc", b"handle").unwrap();
        assert_eq!(names.iter().map(|name| name.name.as_slice()).collect::<Vec<_>>(), [b"a"]);
    }
}
