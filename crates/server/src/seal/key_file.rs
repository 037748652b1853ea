//! The file that holds the key: for its owner alone, made wholly or not at all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use secrecy::zeroize::Zeroizing;

use super::Key;
use crate::random::{self, RandomError};

/// Why a key file is not used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The system refused.
    #[error("cannot {act} the key file {path}")]
    System {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Somebody else could have written or read it.
    #[error("the key file {path} is not used: {reason}")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Gone between writing and reading.
    #[error(
        "the key file {path} vanished while it was made; start again once nothing else clears the directory"
    )]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// No name for the file beside.
    #[error(transparent)]
    Random(#[from] RandomError),
}

const LENGTH: usize = 32;

/// The key in the file; none when there is no file.
///
/// # Errors
/// When the file is a link, not a plain file of this user, open to others, or of another length.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Key>>, KeyFileError> {
    let (directory, name) = directory(path)?;
    // Without waiting: a pipe in its place would never open.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match fs::openat(&directory, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(unfit(path, "it is a link; put the file itself there")),
        Err(errno) => return Err(system("open", path)(errno.into())),
    };
    // Asked of the open file: what the name leads to may change.
    let stat = fs::fstat(&file).map_err(|errno| system("look at", path)(errno.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(unfit(path, "it is not a plain file"));
    }
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(unfit(path, "it belongs to another user than the one who runs this server; chown it"));
    }
    // 0600, or 0400 where somebody made it so.
    if stat.st_mode & 0o7177 != 0 {
        let mode = stat.st_mode & 0o7777;
        return Err(unfit(
            path,
            &format!("its mode is {mode:04o}; make it 0600 if nobody else can have read it"),
        ));
    }
    let mut key = Zeroizing::new([0; LENGTH]);
    let mut file = File::from(file);
    let length = || unfit(path, "it does not hold 32 bytes; restore it from a backup");
    match file.read_exact(key.as_mut_slice()) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(length()),
        Err(error) => return Err(system("read", path)(error)),
    }
    match file.read(&mut [0]) {
        Ok(0) => Ok(Some(key)),
        Ok(_) => Err(length()),
        Err(error) => Err(system("read", path)(error)),
    }
}

/// Puts a key in place, unless there is a file by now: then that one stays.
///
/// # Errors
/// When the directory is open to others, or the system refuses.
pub(super) fn create(path: &Path, key: &Zeroizing<Key>) -> Result<(), KeyFileError> {
    let (directory, name) = directory(path)?;
    let beside = format!(".key-{}", random::public_id()?);
    let made = write_beside(&directory, &beside, key).and_then(|()| {
        // A link, not a rename: it fails when the name is taken, so that no key is ever lost to another's.
        match fs::linkat(&directory, &beside, &directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(io::Error::from(errno)),
        }
    });
    let removed = fs::unlinkat(&directory, &beside, AtFlags::empty()).map_err(io::Error::from);
    made.and(removed)
        .and_then(|()| fs::fsync(&directory).map_err(io::Error::from))
        .map_err(system("make", path))
}

fn write_beside(directory: &OwnedFd, name: &str, key: &Zeroizing<Key>) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = fs::openat(directory, name, flags, Mode::from_raw_mode(0o600))?;
    // A file mode mask may have taken bits away.
    fs::fchmod(&file, Mode::from_raw_mode(0o600))?;
    let mut file = File::from(file);
    file.write_all(key.as_slice())?;
    file.sync_all()
}

/// The directory of the file, held open, and the file's name in it.
fn directory(path: &Path) -> Result<(OwnedFd, &std::ffi::OsStr), KeyFileError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(unfit(path, "that is not the path of a file"));
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let directory = fs::open(parent, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| system("open the directory of", path)(errno.into()))?;
    let stat = fs::fstat(&directory).map_err(|errno| system("look at the directory of", path)(errno.into()))?;
    let own = [0, rustix::process::geteuid().as_raw()].contains(&stat.st_uid);
    if !own || stat.st_mode & 0o022 != 0 {
        let reason = "others may write to its directory; make that one this user's, with mode 0700";
        return Err(unfit(path, reason));
    }
    Ok((directory, name))
}

fn system(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyFileError {
    move |source| KeyFileError::System { act, path: path.to_owned(), source }
}

fn unfit(path: &Path, reason: &str) -> KeyFileError {
    KeyFileError::Unfit { path: path.to_owned(), reason: reason.to_owned() }
}
