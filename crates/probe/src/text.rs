//! Reading line-based configuration.

use host::{Door, Error};

use crate::fact::if_any;

/// One line of a file that means something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// 1-based.
    pub(crate) number: usize,
    /// Without white space around it.
    pub(crate) text: String,
}

/// Lines that are neither empty nor begin with `#`, with their numbers.
pub(crate) fn meaningful_lines(text: &str) -> impl Iterator<Item = Line> + '_ {
    text.lines().enumerate().filter_map(|(index, line)| {
        let text = line.trim();
        (!text.is_empty() && !text.starts_with('#')).then(|| Line { number: index + 1, text: text.to_owned() })
    })
}

/// A file that need not be there.
///
/// # Errors
/// As [`Door::read_text`], without `NotFound`.
pub(crate) fn read_if_any(door: &Door, path: &str) -> Result<Option<String>, Error> {
    if_any(door.read_text(path))
}

/// Names of the files in `directory` that end with `suffix`, sorted; none when the directory is not there.
pub(crate) fn files_in(door: &Door, directory: &str, suffix: &str) -> Result<Vec<String>, Error> {
    Ok(if_any(door.read_dir(directory))?
        .unwrap_or_default()
        .into_iter()
        .filter(|entry| entry.name.ends_with(suffix) && entry.kind != host::FileKind::Directory)
        .map(|entry| entry.name)
        .collect())
}
