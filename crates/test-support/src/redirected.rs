//! This machine, with some paths standing elsewhere: a real service that runs from a temporary directory then looks
//! like the machine's own.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host::{
    Address, Backend, DirEntry, Error, FileTree, FsUsage, Local, Output, Program, Stat, Stream, Visitor,
    WalkOutcome, WalkPlan,
};

/// This machine, with some paths standing elsewhere.
pub struct Redirected {
    local: Local,
    places: Vec<(PathBuf, PathBuf)>,
}

impl Redirected {
    /// Paths that begin with the first of a pair are those that begin with the second.
    pub fn new(places: impl IntoIterator<Item = (&'static str, PathBuf)>) -> Self {
        let places = places.into_iter().map(|(from, to)| (PathBuf::from(from), to)).collect();
        Self { local: Local::new(), places }
    }

    fn real(&self, path: &Path) -> PathBuf {
        for (from, to) in &self.places {
            match path.strip_prefix(from) {
                Ok(rest) if rest.as_os_str().is_empty() => return to.clone(),
                Ok(rest) => return to.join(rest),
                Err(_) => {}
            }
        }
        path.to_owned()
    }
}

impl FileTree for Redirected {
    fn open(&self, path: &Path) -> Result<Box<dyn Read + Send>, Error> {
        self.local.files().open(&self.real(path))
    }

    fn stat(&self, path: &Path, follow: bool) -> Result<Stat, Error> {
        self.local.files().stat(&self.real(path), follow)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, Error> {
        self.local.files().read_link(&self.real(path))
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, Error> {
        self.local.files().read_dir(&self.real(path))
    }

    /// Walks this machine as it is: what stands elsewhere is not below the roots of a walk.
    fn walk(&self, plan: &WalkPlan, visitor: Arc<dyn Visitor>) -> Result<WalkOutcome, Error> {
        self.local.files().walk(plan, visitor)
    }

    fn stat_fs(&self, path: &Path) -> Result<FsUsage, Error> {
        self.local.files().stat_fs(&self.real(path))
    }
}

impl Backend for Redirected {
    fn is_live(&self) -> bool {
        self.local.is_live()
    }

    fn is_root(&self) -> bool {
        self.local.is_root()
    }

    fn files(&self) -> &dyn FileTree {
        self
    }

    fn run(&self, program: &Program, args: &[&str], limit: Duration, output: usize) -> Result<Output, Error> {
        self.local.run(program, args, limit, output)
    }

    fn connect(&self, address: &Address, limit: Duration) -> Result<Box<dyn Stream>, Error> {
        match address {
            Address::Unix(path) => self.local.connect(&Address::Unix(self.real(path)), limit),
            Address::Tcp(_) => self.local.connect(address, limit),
        }
    }
}
