//! Reading a file tree below one directory: the whole machine, or the root of another.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};

use crate::door::{DirEntry, FileKind, FileTree, FsUsage, Stat};
use crate::walk::{self, Visitor, WalkOutcome, WalkPlan};
use crate::{Error, FILE_LIMIT};

/// A file tree. Paths are absolute within it, and no link leads out of it.
#[derive(Debug)]
pub(crate) struct Files {
    /// None for this machine's own root, where the kernel resolves paths as usual.
    root: Option<OwnedFd>,
    /// Whether the machine of this tree runs: its own list of mounts then describes it.
    live: bool,
}

impl Files {
    /// This machine's tree.
    pub(crate) fn here() -> Self {
        Self { root: None, live: true }
    }

    /// The tree below `root`, of a machine that runs or not.
    pub(crate) fn below(root: &Path, live: bool) -> Result<Self, Error> {
        fs::open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map(|root| Self { root: Some(root), live })
            .map_err(|error| Error::io(root.display().to_string(), &error.into()))
    }

    fn open_at(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Error> {
        let flags = flags | OFlags::CLOEXEC;
        match &self.root {
            None => fs::openat(CWD, path, flags, Mode::empty()),
            Some(root) => {
                let inside = path.strip_prefix("/").unwrap_or(path);
                let inside = if inside.as_os_str().is_empty() { Path::new(".") } else { inside };
                let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
                fs::openat2(root, inside, flags, Mode::empty(), resolve)
            }
        }
        .map_err(|error| Error::io(path.display().to_string(), &error.into()))
    }
}

impl FileTree for Files {
    fn open(&self, path: &Path) -> Result<Box<dyn Read + Send>, Error> {
        // Non-blocking, so that opening a pipe nobody writes to returns at once.
        let file = self.open_at(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let stat = fs::fstat(&file).map_err(|error| Error::io(path.display().to_string(), &error.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Error::NotRegular(path.display().to_string()));
        }
        Ok(Box::new(std::fs::File::from(file)))
    }

    fn stat(&self, path: &Path, follow: bool) -> Result<Stat, Error> {
        let failed = |error: rustix::io::Errno| Error::io(path.display().to_string(), &error.into());
        let stat = match (&self.root, follow) {
            (None, true) => fs::statat(CWD, path, AtFlags::empty()).map_err(failed)?,
            (None, false) => fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?,
            (Some(_), follow) => {
                let flags = if follow { OFlags::PATH } else { OFlags::PATH | OFlags::NOFOLLOW };
                fs::fstat(self.open_at(path, flags)?).map_err(failed)?
            }
        };
        Ok(from_raw(&stat))
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, Error> {
        let failed = |error: rustix::io::Errno| match error {
            rustix::io::Errno::INVAL => Error::NotFound(format!("a link at {}", path.display())),
            error => Error::io(path.display().to_string(), &error.into()),
        };
        let target = match &self.root {
            None => fs::readlinkat(CWD, path, Vec::new()).map_err(failed)?,
            Some(_) => {
                let link = self.open_at(path, OFlags::PATH | OFlags::NOFOLLOW)?;
                fs::readlinkat(link, "", Vec::new()).map_err(failed)?
            }
        };
        Ok(PathBuf::from(target.to_string_lossy().into_owned()))
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, Error> {
        let failed = |error: rustix::io::Errno| Error::io(path.display().to_string(), &error.into());
        let directory = self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)?;
        let mut entries = Vec::new();
        for entry in fs::Dir::read_from(directory.as_fd()).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy();
            if name != "." && name != ".." {
                entries.push(DirEntry { name: name.into_owned(), kind: kind(entry.file_type()) });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn stat_fs(&self, path: &Path) -> Result<FsUsage, Error> {
        if !self.live {
            return Err(Error::NotLive("the room on a filesystem".to_owned()));
        }
        let failed = |error: rustix::io::Errno| Error::io(path.display().to_string(), &error.into());
        let directory = self.open_at(path, OFlags::PATH)?;
        let usage = fs::fstatvfs(&directory).map_err(failed)?;
        Ok(FsUsage {
            bytes: usage.f_blocks.saturating_mul(usage.f_frsize),
            bytes_used: usage.f_blocks.saturating_sub(usage.f_bfree).saturating_mul(usage.f_frsize),
            bytes_free: usage.f_bavail.saturating_mul(usage.f_frsize),
            inodes: usage.f_files,
            inodes_free: usage.f_favail,
        })
    }

    fn walk(&self, plan: &WalkPlan, visitor: Arc<dyn Visitor>) -> Result<WalkOutcome, Error> {
        let root = self.open_at(Path::new("/"), OFlags::PATH | OFlags::DIRECTORY)?;
        let mut list = Vec::new();
        if self.live
            && let Ok(file) = self.open(Path::new("/proc/self/mountinfo"))
        {
            // A list that is cut off only costs duplicates: file systems are also judged where they begin.
            drop(file.take(FILE_LIMIT as u64).read_to_end(&mut list));
        }
        Ok(walk::walk(root, &walk::mountinfo(&list), plan, visitor))
    }
}

pub(crate) fn from_raw(stat: &fs::Stat) -> Stat {
    Stat {
        kind: kind(FileType::from_raw_mode(stat.st_mode)),
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: stat.st_mtime,
        device: stat.st_dev,
        inode: stat.st_ino,
        links: stat.st_nlink,
    }
}

fn kind(kind: FileType) -> FileKind {
    match kind {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        FileType::Socket => FileKind::Socket,
        _ => FileKind::Other,
    }
}
