//! What only a running kernel tells: files of /proc and /sys.
//!
//! In the file tree of a host that does not run these files are missing, which says nothing about the host. Reading
//! them here makes that an error of its own kind, so that nobody takes it for absence.

use host::{Door, Error};

use crate::fact::if_any;

/// A file of /proc or /sys, without the line break at its end.
///
/// # Errors
/// `NotLive` for a file tree; as [`Door::read_text`] otherwise.
pub(crate) fn read(door: &Door, path: &str) -> Result<String, Error> {
    if !door.is_live() {
        return Err(Error::NotLive(path.to_owned()));
    }
    door.read_text(path).map(|text| text.trim_end_matches(['\n', '\0', ' ']).to_owned())
}

/// The names in a folder of /proc or /sys.
///
/// # Errors
/// `NotLive` for a file tree; as [`Door::read_dir`] otherwise.
pub(crate) fn names(door: &Door, folder: &str) -> Result<Vec<String>, Error> {
    if !door.is_live() {
        return Err(Error::NotLive(folder.to_owned()));
    }
    Ok(door.read_dir(folder)?.into_iter().map(|entry| entry.name).collect())
}

/// The names in a folder that need not be there.
///
/// # Errors
/// As [`names`], without `NotFound`.
pub(crate) fn names_if_any(door: &Door, folder: &str) -> Result<Vec<String>, Error> {
    Ok(if_any(names(door, folder))?.unwrap_or_default())
}
