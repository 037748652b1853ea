//! A file tree of a machine that does not run, or one made for a test, where programs may have canned answers.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::door::{Backend, FileTree};
use crate::files::Files;
use crate::program::{Output, Program};
use crate::{Address, Error, Stream, net};

/// The tree below a directory.
#[derive(Debug)]
pub struct Tree {
    files: Files,
    canned: Option<Canned>,
}

/// What a tree answers in place of a running host.
#[derive(Debug, Default)]
pub struct Canned {
    /// Output by command line as [`Program::command_line`] writes it; other programs are not installed.
    pub programs: BTreeMap<String, Output>,
    /// Where connections really go, by the address as [`Address`] prints it; others find no listener.
    pub sockets: BTreeMap<String, Address>,
    /// Whether the reader counts as root.
    pub root: bool,
}

impl Tree {
    /// The tree of a machine that does not run: programs and sockets cannot be asked for.
    ///
    /// # Errors
    /// `NotFound` or `Denied` when `root` is no directory one can enter.
    pub fn new(root: &Path) -> Result<Self, Error> {
        Ok(Self { files: Files::below(root, false)?, canned: None })
    }

    /// A tree that answers like a running host.
    ///
    /// # Errors
    /// As [`Tree::new`].
    pub fn with_canned(root: &Path, canned: Canned) -> Result<Self, Error> {
        Ok(Self { files: Files::below(root, true)?, canned: Some(canned) })
    }
}

impl Backend for Tree {
    fn is_live(&self) -> bool {
        self.canned.is_some()
    }

    fn is_root(&self) -> bool {
        self.canned.as_ref().map_or_else(|| rustix::process::geteuid().is_root(), |canned| canned.root)
    }

    fn files(&self) -> &dyn FileTree {
        &self.files
    }

    fn run(&self, program: &Program, args: &[&str], _: Duration, _: usize) -> Result<Output, Error> {
        let command_line = program.command_line(args);
        match &self.canned {
            None => Err(Error::NotLive(command_line)),
            Some(canned) => canned.programs.get(&command_line).cloned().ok_or(Error::NoProgram(program.name)),
        }
    }

    fn connect(&self, address: &Address, limit: Duration) -> Result<Box<dyn Stream>, Error> {
        match &self.canned {
            None => Err(Error::NotLive(address.to_string())),
            Some(canned) => match canned.sockets.get(&address.to_string()) {
                Some(real) => net::open(real, limit),
                None => Err(Error::NotFound(format!("a listener at {address}"))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests make real trees")]

    use std::os::unix::fs::symlink;
    use std::sync::Arc;

    use super::*;
    use crate::Door;

    #[test]
    fn no_link_leads_out_of_the_tree() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/inside"), "inside").unwrap();
        symlink("/etc/inside", root.path().join("absolute")).unwrap();
        symlink("../../../../etc/passwd", root.path().join("escape")).unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        let door = Door::new(Arc::new(Tree::new(root.path()).unwrap()));
        assert_eq!(door.read_text("/absolute").unwrap(), "inside");
        assert!(door.read_text("/escape").unwrap_err().is_not_found());
        assert!(matches!(door.read_text("/loop").unwrap_err(), Error::Io { .. }));
        assert_eq!(door.read_link("/absolute").unwrap(), Path::new("/etc/inside"));
    }

    #[test]
    fn pipes_and_oversized_files_are_refused() {
        let root = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.path().join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        std::fs::write(root.path().join("big"), vec![b'x'; crate::FILE_LIMIT + 1]).unwrap();
        let door = Door::new(Arc::new(Tree::new(root.path()).unwrap()));
        assert!(matches!(door.read("/pipe").unwrap_err(), Error::NotRegular(_)));
        assert!(matches!(door.read("/big").unwrap_err(), Error::TooLarge { .. }));
        assert_eq!(door.read_dir("/").unwrap().len(), 2);
    }
}
