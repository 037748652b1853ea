//! This machine.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::door::{Backend, FileTree};
use crate::files::Files;
use crate::program::{self, Output, Program};
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

    /// The first place where the program stands; refused when somebody but root could have put it there. A place that
    /// cannot be looked at is not empty: without the program elsewhere, that error is the answer.
    fn find(&self, program: &Program) -> Result<&'static str, Error> {
        let mut unseen = None;
        for path in program.paths {
            let stat = match self.files.stat(Path::new(path), true) {
                Ok(stat) => stat,
                Err(error) => {
                    if !error.is_not_found() {
                        unseen.get_or_insert(error);
                    }
                    continue;
                }
            };
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
        Err(unseen.unwrap_or(Error::NoProgram(program.name)))
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

    fn files(&self) -> &dyn FileTree {
        &self.files
    }

    fn run(&self, program: &Program, args: &[&str], limit: Duration, output: usize) -> Result<Output, Error> {
        program::run(self.find(program)?, program.name, args, limit, output)
    }

    fn connect(&self, address: &Address, limit: Duration) -> Result<Box<dyn Stream>, Error> {
        net::open(address, limit)
    }

    fn resolve(&self, host: &str, limit: Duration) -> Result<Vec<IpAddr>, Error> {
        net::resolve(host, limit)
    }
}
