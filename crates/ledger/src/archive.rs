//! A log, or several, in one file for auditors: a tar archive with the paths of C2SP tlog-tiles below the name of each log.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};

use crate::tile::Path;
use crate::verify::{Source, SourceError};

/// What tells about the archive, and is signed by nobody.
const ABOUT: &str = "about.json";

/// Bytes of one member at most: a bundle of 256 entries of 64 KiB.
const LONGEST_MEMBER: u64 = 256 * (65_535 + 2);

/// Members at most.
const MOST_MEMBERS: usize = 10_000_000;

/// Why a file is no archive of a log.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be read or written.
    #[error("the archive cannot be read or written")]
    Io(#[from] io::Error),
    /// A member that does not belong there.
    #[error("the archive holds `{0}`, which is no part of a log")]
    Member(String),
    /// Twice the same.
    #[error("the archive holds `{0}` twice")]
    Twice(String),
    /// Too much.
    #[error("the archive has more or larger members than any log")]
    TooLarge,
    /// Nothing tells about it.
    #[error("the archive does not begin with `{ABOUT}`, or that is not of this product")]
    About,
}

/// What the archive says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    /// The form of the archive: 1.
    version: u32,
    /// By name of the log, its first entry that is in the archive.
    first_kept: BTreeMap<String, u64>,
}

/// An archive that is read.
#[derive(Debug)]
pub struct Archive<R> {
    file: R,
    about: About,
    members: BTreeMap<String, BTreeMap<Path, (u64, u64)>>,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the list of members.
    ///
    /// # Errors
    /// When it is no archive of logs.
    pub fn open(mut file: R) -> Result<Self, ArchiveError> {
        let mut about = None;
        let mut members: BTreeMap<String, BTreeMap<Path, (u64, u64)>> = BTreeMap::new();
        let mut count = 0;
        let mut tar = tar::Archive::new(&mut file);
        for entry in tar.entries_with_seek()? {
            let mut entry = entry?;
            count += 1;
            if count > MOST_MEMBERS || entry.size() > LONGEST_MEMBER {
                return Err(ArchiveError::TooLarge);
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if !entry.header().entry_type().is_file() {
                return Err(ArchiveError::Member(name));
            }
            if about.is_none() {
                let mut text = Vec::new();
                entry.by_ref().take(LONGEST_MEMBER).read_to_end(&mut text)?;
                let read: About = serde_json::from_slice(&text).map_err(|_| ArchiveError::About)?;
                if name != ABOUT || read.version != 1 {
                    return Err(ArchiveError::About);
                }
                about = Some(read);
                continue;
            }
            let parts = name.split_once('/').and_then(|(log, path)| Some((log, Path::read(path)?)));
            let (log, path) = parts.ok_or_else(|| ArchiveError::Member(name.clone()))?;
            let place = (entry.raw_file_position(), entry.size());
            if members.entry(log.to_owned()).or_default().insert(path, place).is_some() {
                return Err(ArchiveError::Twice(name));
            }
        }
        Ok(Self { about: about.ok_or(ArchiveError::About)?, file, members })
    }

    /// The names of the logs in it.
    pub fn logs(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    /// The first entry of a log that the archive says it holds.
    pub fn first_kept(&self, log: &str) -> u64 {
        self.about.first_kept.get(log).copied().unwrap_or(0)
    }

    /// One of the logs.
    pub fn log<'a>(&'a mut self, name: &'a str) -> impl Source + 'a {
        Member { archive: self, name }
    }
}

struct Member<'a, R> {
    archive: &'a mut Archive<R>,
    name: &'a str,
}

impl<R: Read + Seek> Source for Member<'_, R> {
    fn read(&mut self, path: Path) -> Result<Option<Vec<u8>>, SourceError> {
        let found = self.archive.members.get(self.name).and_then(|members| members.get(&path));
        let Some((position, size)) = found.copied() else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = self
            .archive
            .file
            .seek(SeekFrom::Start(position))
            .and_then(|_| self.archive.file.by_ref().take(size).read_to_end(&mut bytes));
        match read {
            // Shorter than it says: its end is missing, and so is what it would have told.
            Ok(_) => Ok(Some(bytes)),
            Err(error) => Err(SourceError { path: path.to_string(), reason: error.to_string() }),
        }
    }

    fn paths(&mut self) -> Option<Vec<Path>> {
        Some(self.archive.members.get(self.name)?.keys().copied().collect())
    }
}

/// Writes an archive: what it says of itself, then the members in the order in which they are given.
pub struct Writer<W: Write> {
    tar: tar::Builder<W>,
    time: u64,
}

impl<W: Write> std::fmt::Debug for Writer<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Writer").field("time", &self.time).finish_non_exhaustive()
    }
}

/// Begins an archive at this time (seconds since 1970); `first_kept` is, by name of the log, its first entry that will be in it.
///
/// # Errors
/// When it cannot be written.
pub fn write<W: Write>(
    into: W,
    time: u64,
    first_kept: BTreeMap<String, u64>,
) -> Result<Writer<W>, ArchiveError> {
    let mut writer = Writer { tar: tar::Builder::new(into), time };
    let about = serde_json::to_vec(&About { version: 1, first_kept }).map_err(io::Error::from)?;
    writer.member(ABOUT, &about)?;
    Ok(writer)
}

impl<W: Write> Writer<W> {
    /// Adds a part of a log.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, log: &str, path: Path, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.member(&format!("{log}/{path}"), bytes)
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(self) -> Result<W, ArchiveError> {
        Ok(self.tar.into_inner()?)
    }

    fn member(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(self.time);
        Ok(self.tar.append_data(&mut header, name, bytes)?)
    }
}
