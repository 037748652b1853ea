//! A machine made up for a test: files below a temporary directory, canned answers of programs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host::{Address, Canned, Door, Output, Tree};
use tempfile::TempDir;

/// A made-up machine. Counts as running and as read by root unless told otherwise.
pub struct Machine {
    root: TempDir,
    canned: Canned,
}

impl Machine {
    /// A machine without files.
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), canned: Canned { root: true, ..Canned::default() } }
    }

    /// Adds a file, and the directories above it.
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let place = self.place(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, content).unwrap();
        self
    }

    /// Adds a file with permission bits.
    pub fn file_with_mode(self, path: &str, content: impl AsRef<[u8]>, mode: u32) -> Self {
        let this = self.file(path, content);
        fs::set_permissions(this.place(path), fs::Permissions::from_mode(mode)).unwrap();
        this
    }

    /// Adds a directory.
    pub fn directory(self, path: &str) -> Self {
        fs::create_dir_all(self.place(path)).unwrap();
        self
    }

    /// Sets the permission bits of a file or directory that is there.
    pub fn mode(self, path: &str, mode: u32) -> Self {
        fs::set_permissions(self.place(path), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    /// Adds a symbolic link.
    pub fn link(self, path: &str, target: &str) -> Self {
        let place = self.place(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        symlink(target, place).unwrap();
        self
    }

    /// Lets a command line, such as `sshd -T`, succeed and print `stdout`.
    pub fn program(mut self, command_line: &str, stdout: &str) -> Self {
        let output = Output { status: Some(0), stdout: stdout.into(), stderr: Vec::new() };
        self.canned.programs.insert(command_line.to_owned(), output);
        self
    }

    /// Lets a command line fail with `status` and print `stderr`.
    pub fn failing_program(mut self, command_line: &str, status: i32, stderr: &str) -> Self {
        let output = Output { status: Some(status), stdout: Vec::new(), stderr: stderr.into() };
        self.canned.programs.insert(command_line.to_owned(), output);
        self
    }

    /// Lets connections to `address` (as [`Address`] prints it) reach a real listener.
    pub fn socket(mut self, address: &str, real: Address) -> Self {
        self.canned.sockets.insert(address.to_owned(), real);
        self
    }

    /// The reader is not root. Files keep the modes of this machine's own file system.
    pub fn not_root(mut self) -> Self {
        self.canned.root = false;
        self
    }

    /// Where a path of the made-up machine really is.
    pub fn place(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    /// The door to it; the machine lives as long as the returned pair.
    pub fn door(self) -> (Door, TempDir) {
        let tree = Tree::with_canned(self.root.path(), self.canned).unwrap();
        (Door::new(Arc::new(tree)), self.root)
    }

    /// The door to another tree that answers as this machine does.
    pub fn door_at(self, root: &Path) -> Door {
        Door::new(Arc::new(Tree::with_canned(root, self.canned).unwrap()))
    }

    /// The door to it as a tree that does not run.
    pub fn offline_door(self) -> (Door, TempDir) {
        let tree = Tree::new(self.root.path()).unwrap();
        (Door::new(Arc::new(tree)), self.root)
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}
