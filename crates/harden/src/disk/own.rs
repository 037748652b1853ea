//! Files of Palisade's own: the journal's.

use std::io::Read;

use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::{Disk, DiskError, system};

impl Disk {
    /// Makes a directory of Palisade's own below `/var/lib`, and those above it. They may exist.
    pub(crate) fn make_own(&self, path: &str) -> Result<(), DiskError> {
        let mut above = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let (directory, _) = self.parent(&format!("{above}/{part}"))?;
            // `/var` and `/var/lib` are everybody's, where a tree has none yet.
            let mode = if above.is_empty() || above == "/var" { 0o755 } else { 0o700 };
            match fs::mkdirat(&directory, part, Mode::from_raw_mode(mode)) {
                Ok(()) => fs::fsync(&directory).map_err(system("sync", path))?,
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(system("make", path)(errno)),
            }
            above = format!("{above}/{part}");
        }
        Ok(())
    }

    /// Refuses a directory of Palisade's own that others may write to: what stands in it is carried out as root.
    pub(crate) fn is_own(&self, path: &str) -> Result<(), DiskError> {
        let stat = fs::fstat(&self.directory(path)?).map_err(system("look at", path))?;
        let own = [0, rustix::process::geteuid().as_raw()].contains(&stat.st_uid);
        if own && stat.st_mode & 0o022 == 0 {
            return Ok(());
        }
        let reason = "others than root may write to it, so what stands in it cannot be trusted".to_owned();
        Err(DiskError::Unfit { path: path.to_owned(), reason })
    }

    /// Opens a file of Palisade's own for appending, made when it is not there, for root alone.
    pub(crate) fn append_own(&self, path: &str) -> Result<std::fs::File, DiskError> {
        let (directory, name) = self.parent(path)?;
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        fs::openat(&directory, name, flags, Mode::from_raw_mode(0o600))
            .map(std::fs::File::from)
            .map_err(system("open", path))
    }

    /// Opens a file of Palisade's own for reading; none when it is not there.
    pub(crate) fn open_own(&self, path: &str) -> Result<Option<std::fs::File>, DiskError> {
        let (directory, name) = match self.parent(path) {
            Ok(parent) => parent,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error),
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match fs::openat(&directory, name, flags, Mode::empty()) {
            Ok(file) => Ok(Some(file.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(system("read", path)(errno)),
        }
    }

    /// The bytes of a file of Palisade's own; none when it is not there.
    pub(crate) fn read_own(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, DiskError> {
        let Some(file) = self.open_own(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(|source| DiskError::System {
            act: "read",
            path: path.to_owned(),
            source,
        })?;
        if bytes.len() as u64 > limit {
            let reason = format!("it has more than {limit} bytes");
            return Err(DiskError::Unfit { path: path.to_owned(), reason });
        }
        Ok(Some(bytes))
    }

    /// Removes a directory of Palisade's own with the files in it.
    pub(crate) fn remove_own(&self, path: &str) -> Result<(), DiskError> {
        for name in self.names(path)? {
            let file = format!("{path}/{name}");
            let (directory, name) = self.parent(&file)?;
            fs::unlinkat(&directory, name, AtFlags::empty()).map_err(system("remove", &file))?;
        }
        let (directory, name) = self.parent(path)?;
        fs::unlinkat(&directory, name, AtFlags::REMOVEDIR).map_err(system("remove", path))
    }

    /// Names in a directory, sorted; none when there is no such directory.
    pub(crate) fn names(&self, path: &str) -> Result<Vec<String>, DiskError> {
        let directory = match self.directory(path) {
            Ok(directory) => directory,
            Err(error) if error.is_missing() => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&directory).map_err(system("list", path))? {
            let name = entry.map_err(system("list", path))?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}
