//! The folder of keys: checked on open handles, written beside and renamed.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use secrecy::{ExposeSecret, SecretString};

use super::PkiError;

/// A key and a chain of certificates fit many times.
pub(super) const MAX_BYTES: u64 = 256 * 1024;

/// A folder of which only the server's own user can read anything.
#[derive(Debug)]
pub(super) struct Folder {
    dir: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// The folder, made when it is missing. One that others can look into, or that is a link, is refused.
    pub(super) fn open_or_create(path: &Path) -> Result<Self, PkiError> {
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(io("make the folder", path, error)),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir =
            rustix::fs::open(path, flags, Mode::empty()).map_err(|error| io("open the folder", path, error))?;
        let stat = rustix::fs::fstat(&dir).map_err(|error| io("look at", path, error))?;
        check_owner_and_mode(path, &stat, "700")?;
        Ok(Self { dir, path: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The text of a file; none when there is no such file.
    pub(super) fn read(&self, name: &str) -> Result<Option<SecretString>, PkiError> {
        let path = self.path_of(name);
        // NONBLOCK: somebody may have put a pipe there.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(&self.dir, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(io("open", &path, error)),
        };
        let stat = rustix::fs::fstat(&file).map_err(|error| io("look at", &path, error))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(unsafe_file(&path, "is not a file", "remove it"));
        }
        // None: another server that starts put a new one in its place just now.
        if stat.st_nlink > 1 {
            return Err(unsafe_file(
                &path,
                "has a second name, under which others may reach it",
                "remove the other hard link",
            ));
        }
        check_owner_and_mode(&path, &stat, "600")?;
        read_bounded(file, &path).map(Some)
    }

    /// Puts a file in place that must not be there yet; false when it is.
    pub(super) fn put_new(&self, name: &str, text: &SecretString) -> Result<bool, PkiError> {
        self.write(name, text, RenameFlags::NOREPLACE)
    }

    /// Puts a file in place of the one that may be there.
    pub(super) fn put(&self, name: &str, text: &SecretString) -> Result<(), PkiError> {
        self.write(name, text, RenameFlags::empty()).map(|_| ())
    }

    fn write(&self, name: &str, text: &SecretString, rename: RenameFlags) -> Result<bool, PkiError> {
        let path = self.path_of(name);
        let beside = format!(".{name}.{:x}.new", random_u64()?);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.dir, &beside, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|error| io("write beside", &path, error))?;
        let mut file = std::fs::File::from(file);
        let outcome = file
            .write_all(text.expose_secret().as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|source| PkiError::Io { what: "write", path: path.clone(), source })
            .and_then(|()| match rustix::fs::renameat_with(&self.dir, &beside, &self.dir, name, rename) {
                Ok(()) => Ok(true),
                Err(rustix::io::Errno::EXIST) => Ok(false),
                Err(error) => Err(io("put in place", &path, error)),
            });
        if !matches!(outcome, Ok(true)) {
            // What went wrong is told already; a file left beside harms nobody.
            rustix::fs::unlinkat(&self.dir, &beside, AtFlags::empty()).ok();
        }
        if outcome? {
            rustix::fs::fsync(&self.dir).map_err(|error| io("sync the folder of", &path, error))?;
            return Ok(true);
        }
        Ok(false)
    }
}

/// The text behind a handle that was checked.
pub(super) fn read_bounded(file: OwnedFd, path: &Path) -> Result<SecretString, PkiError> {
    let mut text = String::new();
    std::fs::File::from(file).take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|source| {
        match source.kind() {
            std::io::ErrorKind::InvalidData => unsafe_file(path, "is not text", "bring back a PEM file"),
            _ => PkiError::Io { what: "read", path: path.to_owned(), source },
        }
    })?;
    let text = SecretString::from(text);
    if text.expose_secret().len() as u64 > MAX_BYTES {
        return Err(unsafe_file(path, "is larger than 256 KiB", "bring back a PEM file"));
    }
    Ok(text)
}

fn check_owner_and_mode(path: &Path, stat: &Stat, mode: &str) -> Result<(), PkiError> {
    let me = rustix::process::geteuid().as_raw();
    if stat.st_uid != me {
        let why = format!("belongs to user {}, not to the user of this server ({me})", stat.st_uid);
        return Err(unsafe_file(path, &why, &format!("run `chown {me} {}`", path.display())));
    }
    if stat.st_mode & 0o077 != 0 {
        let why = format!("can be used by others (mode {:o})", stat.st_mode & 0o7777);
        return Err(unsafe_file(
            path,
            &why,
            &format!("run `chmod {mode} {}` and think who may have read it", path.display()),
        ));
    }
    Ok(())
}

pub(super) fn io(what: &'static str, path: &Path, error: rustix::io::Errno) -> PkiError {
    PkiError::Io { what, path: path.to_owned(), source: error.into() }
}

pub(super) fn unsafe_file(path: &Path, why: &str, remedy: &str) -> PkiError {
    PkiError::Unsafe { path: path.to_owned(), why: why.to_owned(), remedy: remedy.to_owned() }
}

fn random_u64() -> Result<u64, PkiError> {
    getrandom::u64().map_err(PkiError::Random)
}
