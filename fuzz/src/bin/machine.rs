//! Whole probes, on a machine on which every file holds, and every program prints, the same text.
#![no_main]

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host::{
    Address, Backend, DirEntry, Door, Error, FileKind, FileTree, FsUsage, Output, Program, Stat, Stream,
    Visitor, WalkOutcome, WalkPlan,
};
use probe::{Context, PROBES};

/// Names that some probe or other looks for in a folder.
const NAMES: &[&str] = &[
    "1",
    "50-a.conf",
    "a",
    "a.cfg",
    "a.list",
    "a.pref",
    "a.rules",
    "a.service",
    "a.sources",
    "a.timer",
    "root",
    "x_dists_y-security_InRelease",
    "x_dists_y-security_main_binary-amd64_Packages",
    "x_dists_y_main_binary-amd64_Packages.lz4",
];

struct Same {
    /// What every file holds.
    text: Vec<u8>,
    /// Bits: live, root, folders, links.
    flags: u8,
}

impl Same {
    fn has(&self, bit: u8) -> bool {
        self.flags & (1 << bit) != 0
    }
}

impl FileTree for Same {
    fn open(&self, _: &Path) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(Cursor::new(self.text.clone())))
    }

    fn stat(&self, _: &Path, _: bool) -> Result<Stat, Error> {
        let kind = if self.has(2) { FileKind::Directory } else { FileKind::File };
        let mode = if self.has(4) { 0o777 } else { 0o600 };
        Ok(Stat {
            kind,
            mode,
            uid: u32::from(self.flags >> 5),
            gid: 0,
            size: self.text.len() as u64,
            modified: 0,
            device: 1,
            inode: 1,
            links: 1,
        })
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, Error> {
        if !self.has(3) {
            return Err(Error::NotFound(path.display().to_string()));
        }
        let target = self.text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(PathBuf::from(String::from_utf8_lossy(target).into_owned()))
    }

    fn read_dir(&self, _: &Path) -> Result<Vec<DirEntry>, Error> {
        let kind = if self.has(3) { FileKind::Symlink } else { FileKind::File };
        Ok(NAMES.iter().map(|name| DirEntry { name: (*name).to_owned(), kind }).collect())
    }

    fn walk(&self, _: &WalkPlan, _: Arc<dyn Visitor>) -> Result<WalkOutcome, Error> {
        Err(Error::NotLive("a walk".to_owned()))
    }

    fn stat_fs(&self, _: &Path) -> Result<FsUsage, Error> {
        Ok(FsUsage { bytes: 0, bytes_used: u64::MAX, bytes_free: u64::MAX, inodes: 0, inodes_free: u64::MAX })
    }
}

impl Backend for Same {
    fn is_live(&self) -> bool {
        self.has(0)
    }

    fn is_root(&self) -> bool {
        self.has(1)
    }

    fn files(&self) -> &dyn FileTree {
        self
    }

    fn run(&self, _: &Program, _: &[&str], _: Duration, _: usize) -> Result<Output, Error> {
        Ok(Output { status: Some(0), stdout: self.text.clone(), stderr: Vec::new() })
    }

    fn connect(&self, address: &Address, _: Duration) -> Result<Box<dyn Stream>, Error> {
        Err(Error::NotFound(address.to_string()))
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [section, flags, text @ ..] = bytes else { return };
    let Some(probe) = PROBES.get(usize::from(*section) % PROBES.len()) else { return };
    let door = Door::new(Arc::new(Same { text: text.to_vec(), flags: *flags }));
    let section = (probe.run)(&Context::new(door));
    assert!(!section.to_string().contains("cannot be written as JSON"), "{}", probe.name);
});
