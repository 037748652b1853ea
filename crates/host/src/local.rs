//! This machine.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::door::{Backend, DirEntry, FsUsage, Stat};
use crate::files::Files;
use crate::program::{self, Output, Program};
use crate::walk::{Visitor, WalkOutcome, WalkPlan};
use crate::{Address, Error, Stream, net};

/// The machine Palisade runs on.
#[derive(Debug)]
pub struct Local {
    files: Files,
    root: bool,
}

impl Local {
    /// This machine, with the rights of this process.
    pub fn new() -> Self {
        Self { files: Files::here(), root: rustix::process::geteuid().is_root() }
    }

    /// The first place where the program stands; refused when somebody but root could have put it there.
    fn find(&self, program: &Program) -> Result<&'static str, Error> {
        for path in program.paths {
            let Ok(stat) = self.files.stat(Path::new(path), true) else { continue };
            if self.root && (stat.uid != 0 || stat.mode & 0o022 != 0) {
                return Err(Error::Untrusted {
                    path: PathBuf::from(path),
                    reason: format!(
                        "owner {} and mode {:o} let others than root change it",
                        stat.uid, stat.mode
                    ),
                });
            }
            return Ok(path);
        }
        Err(Error::NoProgram(program.name))
    }
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for Local {
    fn is_live(&self) -> bool {
        true
    }

    fn is_root(&self) -> bool {
        self.root
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Read + Send>, Error> {
        self.files.open(path)
    }

    fn stat(&self, path: &Path, follow: bool) -> Result<Stat, Error> {
        self.files.stat(path, follow)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, Error> {
        self.files.read_link(path)
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, Error> {
        self.files.read_dir(path)
    }

    fn walk(&self, plan: &WalkPlan, visitor: Arc<dyn Visitor>) -> Result<WalkOutcome, Error> {
        self.files.walk(true, plan, visitor)
    }

    fn stat_fs(&self, path: &Path) -> Result<FsUsage, Error> {
        self.files.stat_fs(path)
    }

    fn run(&self, program: &Program, args: &[&str], limit: Duration, output: usize) -> Result<Output, Error> {
        program::run(self.find(program)?, program.name, args, limit, output)
    }

    fn connect(&self, address: &Address, limit: Duration) -> Result<Box<dyn Stream>, Error> {
        net::open(address, limit)
    }
}
