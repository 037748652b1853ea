//! Configuration files that are one setting a line and include one another.

use host::{Door, Error};

use crate::fact::reason;
use crate::ssh::glob_expand;

/// Files that are read for one server.
const MAX_FILES: usize = 200;

/// How deep files may include each other.
const MAX_DEPTH: usize = 10;

/// One setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Setting {
    /// `[section]` around it, empty without one.
    pub(super) section: String,
    /// Lower case, `_` for `-`.
    pub(super) key: String,
    pub(super) value: String,
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) text: String,
}

/// How files include others.
pub(super) struct Includes {
    /// Words that name a file.
    pub(super) file: &'static [&'static str],
    /// Words that name a folder, and how its files end.
    pub(super) folder: &'static [&'static str],
    pub(super) suffix: &'static str,
}

/// Settings in the order in which they are read, and the folders that were included.
#[derive(Default)]
pub(super) struct Read {
    pub(super) settings: Vec<Setting>,
    pub(super) folders: Vec<String>,
    /// Why one of the files could not be read: nobody knows what it sets.
    pub(super) unread: Option<String>,
    files: usize,
}

impl Read {
    /// Reads a file and what it includes. Files that are not there say nothing.
    pub(super) fn file(&mut self, door: &Door, file: &str, includes: &Includes, depth: usize) {
        self.files += 1;
        if self.files > MAX_FILES || depth > MAX_DEPTH {
            return;
        }
        let text = match door.read_text(file) {
            Ok(text) => text,
            Err(error) => return self.not_read(&error, door),
        };
        let above = file.rsplit_once('/').map_or("", |(above, _)| above);
        let absolute = |path: &str| {
            if path.starts_with('/') { path.to_owned() } else { format!("{above}/{path}") }
        };
        let mut section = String::new();
        for (index, line) in text.lines().enumerate() {
            let text = line.trim();
            if text.is_empty() || text.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                name.clone_into(&mut section);
                continue;
            }
            let (key, value) = split(text);
            let key = key.to_lowercase().replace('-', "_");
            if includes.file.contains(&key.as_str()) {
                for file in self.expand(door, &absolute(&value)) {
                    self.file(door, &file, includes, depth + 1);
                }
            } else if includes.folder.contains(&key.as_str()) {
                let folder = absolute(value.trim_end_matches('/'));
                let pattern = format!("{folder}/*{}", includes.suffix);
                if door.exists(&folder) {
                    self.folders.push(folder);
                }
                for file in self.expand(door, &pattern) {
                    self.file(door, &file, includes, depth + 1);
                }
            } else {
                self.settings.push(Setting {
                    section: section.clone(),
                    key,
                    value,
                    file: file.to_owned(),
                    line: index + 1,
                    text: text.to_owned(),
                });
            }
        }
    }

    /// The files that a pattern names.
    pub(super) fn expand(&mut self, door: &Door, pattern: &str) -> Vec<String> {
        glob_expand(door, pattern).unwrap_or_else(|error| {
            self.not_read(&error, door);
            Vec::new()
        })
    }

    fn not_read(&mut self, error: &Error, door: &Door) {
        if !error.is_not_found() && self.unread.is_none() {
            self.unread = Some(reason(error, door));
        }
    }

    /// The setting that wins: the last one of that name in one of the sections.
    pub(super) fn last(&self, sections: &[&str], key: &str) -> Option<&Setting> {
        let fits = |setting: &&Setting| setting.key == key && sections.contains(&setting.section.as_str());
        self.settings.iter().rev().find(fits)
    }
}

/// Key and value, which stand apart by `=` or blanks; quotes and a comment behind them are taken off.
fn split(text: &str) -> (String, String) {
    let end = text.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    let rest = rest.trim_start().trim_start_matches('=').trim_start();
    let value = match rest.strip_prefix(['\'', '"']) {
        Some(quoted) => quoted.split(['\'', '"']).next().unwrap_or_default(),
        None => rest.split(" #").next().unwrap_or_default(),
    };
    (key.to_owned(), value.trim().to_owned())
}
