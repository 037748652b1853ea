//! The place of a state directory, as root finds and prepares it for the user that the server will run as. Root acts only where nobody else
//! could lead it elsewhere.

use std::ffi::CStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, chownat, fchown, fstat, openat, statat};
use rustix::io::Errno;
use rustix::process::umask;

use super::{Owner, StateError, private};

/// A directory itself, wherever links lead.
const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What a server keeps: one of them tells its directory from any other.
const OWN: [&CStr; 4] = [c"lock", c"palisade.db", c"seal.key", c"pki"];

/// Where a state directory is or will be, without links on the way, and whose it is.
#[derive(Debug)]
pub struct Ground {
    path: PathBuf,
    owner: Option<Owner>,
}

impl Ground {
    /// Looks at it as root.
    ///
    /// # Errors
    /// Others than root could put something else in its place, or it is no directory.
    pub(crate) fn look(named: &Path) -> Result<Self, StateError> {
        let failed = |source| StateError::Use { path: named.to_owned(), source };
        let odd = |what| StateError::Odd { path: named.to_owned(), what };
        // Without a slash at its end, which would follow a link.
        let plain: PathBuf = named.components().collect();
        let name = plain.file_name().ok_or_else(|| odd("no name of a directory"))?;
        if plain.components().any(|part| part == Component::ParentDir) {
            return Err(odd("a way that leads back up"));
        }
        let above = plain.parent().unwrap_or(Path::new("/"));
        let there = above.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"));
        let real = fs::canonicalize(there).map_err(failed)?;
        for above in real.ancestors() {
            let about = fs::symlink_metadata(above).map_err(failed)?;
            if about.uid() != 0 || about.mode() & 0o022 != 0 {
                return Err(StateError::Shared { path: named.to_owned(), above: above.to_owned() });
            }
        }
        let rest = above.strip_prefix(there).unwrap_or(Path::new(""));
        let path = real.join(rest).join(name);
        let owner = match fs::symlink_metadata(&path) {
            Ok(about) if about.is_dir() => Some(Owner { uid: about.uid(), gid: about.gid() }),
            Ok(about) if about.is_symlink() => return Err(odd("a link")),
            Ok(_) => return Err(odd("a file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(failed(source)),
        };
        Ok(Self { path, owner })
    }

    /// Whose the directory is; none: it is not there.
    pub fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// Makes the directory for that user, or hands over the one that is root's with all that is in it. One that is another user's is left
    /// as it is.
    ///
    /// # Errors
    /// It holds other things than a server keeps, others may look into it, or it cannot be made or given away.
    pub(crate) fn prepare(&self, new: Owner) -> Result<(), StateError> {
        let failed = |source| StateError::Use { path: self.path.clone(), source };
        if self.owner.is_some_and(|owner| owner.uid != 0) {
            return Ok(());
        }
        if self.owner.is_none() {
            if let Some(above) = self.path.parent() {
                // The user must get through them, whatever mode root's files usually get.
                let usual = umask(Mode::WGRP | Mode::WOTH);
                let made = DirBuilder::new().recursive(true).create(above);
                umask(usual);
                made.map_err(failed)?;
            }
            DirBuilder::new().mode(0o700).create(&self.path).map_err(failed)?;
        }
        let failed = |error: Errno| failed(error.into());
        let directory = openat(CWD, &self.path, DIRECTORY, Mode::empty()).map_err(failed)?;
        if !is_of_a_server(&directory).map_err(failed)? {
            return Err(StateError::Occupied { path: self.path.clone() });
        }
        let about = fstat(&directory).map_err(failed)?;
        private(&self.path, about.st_mode)?;
        hand_over(&directory, about.st_dev, new).map_err(failed)
    }
}

/// Whether there is nothing in a directory, or what a server keeps.
fn is_of_a_server(directory: &OwnedFd) -> Result<bool, Errno> {
    let mut is_empty = true;
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if OWN.contains(&entry.file_name()) {
            return Ok(true);
        }
        is_empty &= [c".", c".."].contains(&entry.file_name());
    }
    Ok(is_empty)
}

/// Gives what is root's in a directory of root's to a user: files with one name, links and directories of the same file system. Each
/// directory comes after what is in it, so that nobody else can put anything there before.
fn hand_over(directory: &OwnedFd, device: u64, new: Owner) -> Result<(), Errno> {
    let (uid, gid) = (Some(Uid::from_raw(new.uid)), Some(Gid::from_raw(new.gid)));
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let about = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if [c".", c".."].contains(&name) || about.st_uid != 0 || about.st_dev != device {
            continue;
        }
        match FileType::from_raw_mode(about.st_mode) {
            FileType::Directory => {
                hand_over(&openat(directory, name, DIRECTORY, Mode::empty())?, device, new)?;
            }
            FileType::RegularFile if about.st_nlink == 1 => {
                chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
            }
            FileType::Symlink => chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?,
            _ => {}
        }
    }
    fchown(directory.as_fd(), uid, gid)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    const NEW: Owner = Owner { uid: 1234, gid: 1235 };

    /// A place where root alone decides; none for who is not root.
    fn place() -> Option<tempfile::TempDir> {
        rustix::process::geteuid().is_root().then(|| tempfile::tempdir_in("/var/lib").unwrap())
    }

    fn private(path: &Path) {
        fs::create_dir_all(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }

    fn whose(path: &Path) -> (u32, u32) {
        let about = fs::symlink_metadata(path).unwrap();
        (about.uid(), about.gid())
    }

    fn prepared(path: &Path) -> Result<(), StateError> {
        Ground::look(path)?.prepare(NEW)
    }

    #[test]
    fn a_directory_that_is_not_there_is_made_for_its_user() {
        let Some(place) = place() else { return };
        let path = place.path().join("a/b/state");
        assert_eq!(Ground::look(&path).unwrap().owner(), None);
        prepared(&path).unwrap();
        assert_eq!(Ground::look(&path).unwrap().owner(), Some(NEW));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o755);
    }

    #[test]
    fn what_root_used_is_handed_over_and_nothing_that_it_leads_to() {
        let Some(place) = place() else { return };
        let (old, precious) = (place.path().join("old"), place.path().join("precious"));
        private(&old);
        fs::create_dir(old.join("pki")).unwrap();
        for file in [&precious, &old.join("pki/ca.key"), &old.join("of-eva")] {
            fs::write(file, "").unwrap();
        }
        chown(old.join("of-eva"), Some(5), Some(5)).unwrap();
        symlink(&precious, old.join("link")).unwrap();
        fs::hard_link(&precious, old.join("second-name")).unwrap();
        prepared(&old).unwrap();
        for path in [old.clone(), old.join("pki"), old.join("pki/ca.key"), old.join("link")] {
            assert_eq!(whose(&path), (1234, 1235), "{}", path.display());
        }
        assert_eq!((whose(&precious), whose(&old.join("of-eva"))), ((0, 0), (5, 5)));
        // It is that user's now: what comes there later is not root's business.
        fs::write(old.join("of-root"), "").unwrap();
        prepared(&old).unwrap();
        assert_eq!(whose(&old.join("of-root")), (0, 0));
    }

    #[test]
    fn a_directory_of_something_else_is_left_as_it_is() {
        let Some(place) = place() else { return };
        let path = place.path().join("etc");
        private(&path);
        fs::write(path.join("shadow"), "").unwrap();
        let error = prepared(&path).unwrap_err();
        assert!(matches!(error, StateError::Occupied { .. }), "{error}");
        fs::remove_file(path.join("shadow")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let error = prepared(&path).unwrap_err();
        assert!(error.to_string().contains("chmod 700"), "{error}");
        assert_eq!(whose(&path), (0, 0));
    }

    #[test]
    fn nobody_leads_root_elsewhere() {
        let Some(place) = place() else { return };
        let target = place.path().join("target");
        private(&target);
        // A link, with a slash at its end too; a way back up; a file.
        let link = place.path().join("link");
        symlink(&target, &link).unwrap();
        fs::write(place.path().join("file"), "").unwrap();
        for (path, what) in [
            (link.clone(), "a link"),
            (link.join(""), "a link"),
            (link.join("."), "a link"),
            (place.path().join("file"), "a file"),
            (target.join("../target"), "a way that leads back up"),
        ] {
            let error = prepared(&path).unwrap_err();
            assert!(
                matches!(error, StateError::Odd { what: is, .. } if is == what),
                "{}: {error}",
                path.display()
            );
        }
        // Whoever owns a directory above, or may write to it, decides what stands there.
        let of_eva = place.path().join("eva");
        private(&of_eva);
        chown(&of_eva, Some(5), Some(5)).unwrap();
        let of_all = place.path().join("all");
        private(&of_all);
        fs::set_permissions(&of_all, fs::Permissions::from_mode(0o1777)).unwrap();
        symlink(&target, of_eva.join("way")).unwrap();
        for path in [of_eva.join("state"), of_eva.join("new/deep"), of_all.join("state")] {
            let error = prepared(&path).unwrap_err();
            assert!(matches!(error, StateError::Shared { .. }), "{}: {error}", path.display());
            assert!(!path.exists());
        }
        // A link of root's on the way is root's decision.
        symlink(&target, place.path().join("way")).unwrap();
        prepared(&place.path().join("way/state")).unwrap();
        assert_eq!((whose(&target.join("state")), whose(&target)), ((1234, 1235), (0, 0)));
    }
}
