//! The state directory: the server's own files, for nobody else to read.

#![expect(clippy::disallowed_methods, reason = "the server's own state directory, on the machine it runs on")]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::Errno;
use rustix::process::umask;

use crate::causes::with_causes;

mod ground;

pub use ground::Ground;

/// The file of the set-up code.
pub(crate) const SET_UP_CODE: &str = "set-up-code";

/// What is wrong with the state directory.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be used.
    #[error("cannot use {}; name another directory with --state-dir, or mend this one", path.display())]
    Use {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that the configuration names cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others may read or change it.
    #[error("{} {why}; run `{remedy}`", path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// Who may do what.
        why: String,
        /// What mends it.
        remedy: String,
    },
    /// The user that the server runs as may not go there.
    #[error(
        "user {user}, whom the server runs as, may not enter {}, on the way to its state directory {}; name another one with --state-dir",
        barrier.display(), path.display()
    )]
    Unreachable {
        /// Where.
        path: PathBuf,
        /// The directory on the way that it may not enter.
        barrier: PathBuf,
        /// Whom.
        user: u32,
    },
    /// Somebody else than root decides what stands there.
    #[error(
        "others than root may change {}, and could put something else in the place of {}; name a directory where root alone decides, such as /var/lib/palisade, or start the server as an ordinary user",
        above.display(), path.display()
    )]
    Shared {
        /// Where.
        path: PathBuf,
        /// The directory above it that others may change.
        above: PathBuf,
    },
    /// It is a link, a file, or nothing that can be looked at.
    #[error("{} is {what}; name a directory with --state-dir", path.display())]
    Odd {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// There is something else in it.
    #[error(
        "{} is not a state directory: it holds other things than a server keeps; name a directory that is empty or not there yet with --state-dir",
        path.display()
    )]
    Occupied {
        /// Where.
        path: PathBuf,
    },
    /// It is another user's: to take it away would end that user's server.
    #[error(
        "{} belongs to user {owner}, and the server runs as {own}; start it as user {owner}, or name another directory with --state-dir",
        path.display()
    )]
    Foreign {
        /// Where.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// As whom this runs.
        own: u32,
    },
    /// Another server runs.
    #[error("another server uses {} already; end that one, or name another directory with --state-dir", path.display())]
    Locked {
        /// Where.
        path: PathBuf,
    },
}

/// A user of this machine by number, and the group that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user's.
    pub uid: u32,
    /// The group's.
    pub gid: u32,
}

/// Whether nobody else may look into a directory of this mode.
fn private(path: &Path, mode: u32) -> Result<(), StateError> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let why = format!("has mode {:03o}: others may look into it", mode & 0o777);
    Err(StateError::Open { path: path.to_owned(), why, remedy: format!("chmod 700 {}", path.display()) })
}

/// The directory above it that this user may not enter.
fn barrier(path: &Path) -> Option<&Path> {
    let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
    above.reverse();
    let is_shut = |step: &&Path| {
        fs::metadata(step.join(".")).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    };
    above.into_iter().find(is_shut)
}

/// Opens the directory, made with mode 0700 when it is not there, and takes its lock.
pub(crate) fn open(path: &Path) -> Result<File, StateError> {
    if let Some(barrier) = barrier(path) {
        let (path, barrier) = (path.to_owned(), barrier.to_owned());
        return Err(StateError::Unreachable { path, barrier, user: rustix::process::geteuid().as_raw() });
    }
    let failed = |source| StateError::Use { path: path.to_owned(), source };
    // Also for what libraries write: the database and the files beside it.
    umask(Mode::RWXG | Mode::RWXO);
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let about = fs::metadata(path).map_err(failed)?;
    let own = rustix::process::geteuid().as_raw();
    if about.uid() != own {
        return Err(StateError::Foreign { path: path.to_owned(), owner: about.uid(), own });
    }
    private(path, about.mode())?;
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path.join("lock"))
        .map_err(failed)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        Errno::WOULDBLOCK => StateError::Locked { path: path.to_owned() },
        error => failed(error.into()),
    })?;
    Ok(lock)
}

/// Writes a file of mode 0600 in place of what stood there; returns its path.
pub(crate) fn publish(directory: &Path, name: &str, text: &str) -> Result<PathBuf, StateError> {
    let path = directory.join(name);
    let failed = |source| StateError::Use { path: path.clone(), source };
    let beside = directory.join(format!(".{name}.new"));
    remove(&beside);
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&beside).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, &path).map_err(failed)?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    Ok(path)
}

/// The text of a file that the configuration names, as far as it is looked at.
pub(crate) fn read_up_to(path: &Path, bytes: usize) -> Result<String, StateError> {
    let failed = |source| StateError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let limit = u64::try_from(bytes).unwrap_or(u64::MAX);
    File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text)).map_err(failed)?;
    Ok(text)
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(error = %with_causes(&error), path = %path.display(), "a file of the state directory could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_made_for_nobody_else_and_used_by_one_server() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        let lock = open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        assert!(matches!(open(&path), Err(StateError::Locked { .. })));
        drop(lock);
        open(&path).unwrap();
    }

    #[test]
    fn one_that_others_may_read_is_refused_with_what_mends_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("open");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains("mode 755") && error.contains("chmod 700"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(1234), None).unwrap();
            let error = open(&path).unwrap_err().to_string();
            assert!(
                error.contains("belongs to user 1234") && error.contains("start it as user 1234"),
                "{error}"
            );
        }
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(open(&file), Err(StateError::Use { .. })));
    }

    #[test]
    fn what_is_published_replaces_what_stood_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = publish(directory.path(), SET_UP_CODE, "one\n").unwrap();
        publish(directory.path(), SET_UP_CODE, "two\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        remove(&path);
        remove(&path);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
