//! The files of the target over SFTP.

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::fs::FileType;

use super::file::RemoteFile;
use super::link::{Link, Way};
use super::sftp::{Attributes, Name, Reply, Request, Sftp, status};
use super::walk::Walker;
use crate::door::{DirEntry, FileKind, FileTree, FsUsage, Stat};
use crate::walk::{Mount, Visitor, WalkOutcome, WalkPlan, mountinfo};
use crate::{Error, FILE_LIMIT};

/// The most entries of one directory.
const ENTRIES: usize = 1_000_000;

/// The most entries of listings that are kept: some 20 MiB.
const KEPT: usize = 100_000;

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
        let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        if FLEETING.iter().any(|place| path.starts_with(place)) || listings.kept + names.len() > KEPT {
            return;
        }
        listings.kept += names.len();
        let listing = names.iter().map(|name| (name.name.clone(), name.attributes)).collect();
        listings.by_directory.insert(path.to_owned(), listing);
    }

    fn list(&self, path: &Path) -> Result<Vec<Name>, Error> {
        let what = path.display().to_string();
        let handle = match self.sftp.call(&what, Request::OpenDirectory(path.as_os_str().as_bytes()))? {
            Reply::Handle(handle) => handle,
            other => return Err(other.error(what)),
        };
        let mut names = Vec::new();
        let read = self.read_names(&what, &handle, &mut names);
        self.sftp.close(&handle);
        read.map(|()| names)
    }

    fn read_names(&self, what: &str, handle: &[u8], names: &mut Vec<Name>) -> Result<(), Error> {
        loop {
            // Most directories end with the second answer.
            let two = [
                self.sftp.ask(Request::ReadDirectory(handle))?,
                self.sftp.ask(Request::ReadDirectory(handle))?,
            ];
            for pending in two {
                match self.sftp.wait(what, &pending)? {
                    Reply::Names(more) => names.extend(more.into_iter().filter(|name| is_plain(&name.name))),
                    Reply::Status { code: status::END, .. } => return Ok(()),
                    other => return Err(other.error(what)),
                }
                if names.len() > ENTRIES {
                    return Err(Error::TooLarge { what: format!("the list of {what}"), limit: ENTRIES });
                }
            }
        }
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

impl FileTree for RemoteFiles {
    fn open(&self, path: &Path) -> Result<Box<dyn Read + Send>, Error> {
        let what = path.display().to_string();
        let size = if MADE_UP.iter().any(|place| path.starts_with(place)) && !what.contains("/fd/") {
            None
        } else {
            // The server would wait at a pipe that nobody writes to, and with it everybody who asks it.
            let attributes = self.attributes(path, true)?;
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
        let Some(mut stat) = stat(&attributes) else {
            let message = "the SFTP server does not tell kinds and permissions".to_owned();
            return Err(Error::Io { what: path.display().to_string(), message });
        };
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
                None => Err(Error::NotFound(format!("a link at {what}"))),
            },
            // What is there but no link is a bad message to the server.
            Reply::Status { code: 4 | 5, .. } => Err(Error::NotFound(format!("a link at {what}"))),
            other => Err(other.error(what)),
        }
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, Error> {
        let names = self.list(path)?;
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
    !name.is_empty() && name != b"." && name != b".." && !name.iter().any(|byte| matches!(byte, b'/' | 0))
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

    #[test]
    fn devices_are_packed_as_the_kernel_does() {
        assert_eq!(packed("254:1"), 0xfe01);
        assert_eq!(packed("8:300"), 0x0010_082c);
        assert_eq!(packed("junk"), 0);
    }

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        assert!(is_plain(b"passwd") && is_plain(b"...") && is_plain(b"\xff"));
        for name in [b"".as_slice(), b".", b"..", b"../etc", b"a/b", b"a\0b"] {
            assert!(!is_plain(name));
        }
    }
}
