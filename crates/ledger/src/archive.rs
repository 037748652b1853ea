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
    #[error("this is no archive of a ledger: it does not begin with `{ABOUT}`")]
    About,
    /// A bit of it is not as it was written.
    #[error("the archive was changed: {place} {what}")]
    Changed {
        /// Which part.
        place: String,
        /// What is wrong with it.
        what: String,
    },
}

impl ArchiveError {
    /// Whether somebody changed what had been an archive.
    pub fn is_change(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::About)
    }

    fn changed(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Changed { place: place.into(), what: what.into() }
    }
}

/// Bytes of a block of a tar archive.
const BLOCK: u64 = 512;

/// The header of a member, as it is written.
fn header(name: &str, size: u64, time: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(time);
    header.set_cksum();
    Ok(header)
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
        let mut last = String::new();
        let (mut end, mut time) = (0, 0);
        let is_ours = is_ours(&mut file)?;
        let length = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let mut tar = tar::Archive::new(&mut file);
        for entry in tar.entries_with_seek()? {
            let mut entry = entry.map_err(|error| match error.kind() {
                _ if last.is_empty() && is_ours => {
                    ArchiveError::changed(format!("the header of `{ABOUT}`"), "is damaged")
                }
                _ if last.is_empty() => ArchiveError::About,
                io::ErrorKind::Other
                | io::ErrorKind::InvalidData
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::UnexpectedEof => {
                    ArchiveError::changed(format!("the header after `{last}`"), "is damaged")
                }
                _ => error.into(),
            })?;
            count += 1;
            if count > MOST_MEMBERS || entry.size() > LONGEST_MEMBER {
                return Err(ArchiveError::TooLarge);
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if !entry.header().entry_type().is_file() && !last.is_empty() {
                return Err(ArchiveError::Member(name));
            }
            if about.is_none() {
                if name != ABOUT {
                    let damaged = ArchiveError::changed(format!("the header of `{ABOUT}`"), "is damaged");
                    return Err(if is_ours { damaged } else { ArchiveError::About });
                }
                time = entry.header().mtime()?;
            }
            // The tree protects what the members hold; everything around them is compared with what is written.
            let as_written = header(&name, entry.size(), time);
            if entry.raw_header_position() != end
                || !as_written.is_ok_and(|header| header.as_bytes() == entry.header().as_bytes())
            {
                return Err(ArchiveError::changed(
                    format!("the header of `{name}`"),
                    "is not as it was written",
                ));
            }
            end = entry.raw_file_position() + entry.size().next_multiple_of(BLOCK);
            last.clone_from(&name);
            if about.is_none() {
                let mut text = Vec::new();
                entry.by_ref().take(LONGEST_MEMBER).read_to_end(&mut text)?;
                let damaged = |_| ArchiveError::changed(format!("`{ABOUT}`"), "cannot be understood");
                let read: About = serde_json::from_slice(&text).map_err(damaged)?;
                if read.version != 1 {
                    return Err(ArchiveError::changed(format!("`{ABOUT}`"), "is of another version"));
                }
                about = Some((read, (entry.raw_file_position(), entry.size())));
                continue;
            }
            let parts = name.split_once('/').and_then(|(log, path)| Some((log, Path::read(path)?)));
            let (log, path) = parts.ok_or_else(|| ArchiveError::Member(name.clone()))?;
            let place = (entry.raw_file_position(), entry.size());
            if members.entry(log.to_owned()).or_default().insert(path, place).is_some() {
                return Err(ArchiveError::Twice(name));
            }
        }
        let (about, place) = about.ok_or(ArchiveError::About)?;
        let parts = members
            .iter()
            .flat_map(|(log, parts)| parts.iter().map(move |(path, place)| (*place, format!("{log}/{path}"))));
        let mut parts: Vec<((u64, u64), String)> = parts.chain([(place, ABOUT.to_owned())]).collect();
        parts.sort();
        for ((position, size), name) in parts {
            let from = position + size;
            if from.next_multiple_of(BLOCK) > length {
                return Err(ArchiveError::changed(
                    "its end",
                    format!("is missing: the file ends at byte {length}, within `{name}`"),
                ));
            }
            only_zeroes(&mut file, from, from.next_multiple_of(BLOCK) - from, &format!("behind `{name}`"))?;
        }
        if length < end + 2 * BLOCK {
            return Err(ArchiveError::changed(
                "its end",
                format!("is missing: the file ends at byte {length}"),
            ));
        }
        only_zeroes(&mut file, end, 2 * BLOCK, "at its end")?;
        if length != end + 2 * BLOCK {
            return Err(ArchiveError::changed("its end", format!("is not at byte {}", end + 2 * BLOCK)));
        }
        if let Some(log) = members.keys().find(|log| !about.first_kept.contains_key(*log)) {
            return Err(ArchiveError::changed(format!("`{ABOUT}`"), format!("does not name the log `{log}`")));
        }
        Ok(Self { about, file, members })
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

/// Whether what tells about an archive stands where it is written, whatever the header before it says.
fn is_ours<R: Read + Seek>(file: &mut R) -> io::Result<bool> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(BLOCK))?;
    file.by_ref().take(BLOCK).read_to_end(&mut bytes)?;
    Ok(bytes.starts_with(br#"{"version":1,"first_kept":{"#))
}

/// Whether there are so many zeroes from here on, and nothing else.
fn only_zeroes<R: Read + Seek>(file: &mut R, from: u64, count: u64, place: &str) -> Result<(), ArchiveError> {
    if count > 0 {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        file.by_ref().take(count).read_to_end(&mut bytes)?;
        if let Some(at) = (from..).zip(&bytes).find_map(|(at, byte)| (*byte != 0).then_some(at)) {
            return Err(ArchiveError::changed(format!("byte {at}, {place},"), "should be zero"));
        }
    }
    Ok(())
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
        Ok(self.tar.append(&header(name, bytes.len() as u64, self.time)?, bytes)?)
    }
}
