//! One layer, read once: where its entries stand, and what of them matters to a rule.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, Read};

use super::packages::{self, Database};
use super::secrets::{self, Hit};
use super::stream::Hashed;
use super::tar::{Archive, Entry, Kind, broken};

/// Entries of all layers together; images of whole desktops have 300,000.
const ENTRY_LIMIT: u64 = 1_000_000;
/// Bytes of the paths of all entries and of what links lead to; a million of usual length fit.
const NAMES_LIMIT: usize = 128 << 20;
/// Bytes of all lists of packages; those of one image have a few megabytes each.
const LISTS_LIMIT: u64 = 512 << 20;
/// Files that packages of the distribution brought, of all layers together.
const PACKAGED_LIMIT: usize = 2_000_000;
/// Things of one sort that are kept of a layer; an image with more has one answer: build it anew.
const LISTED: usize = 2000;
/// What is searched of one text file. Larger ones are data.
const TEXT_LIMIT: usize = 4 << 20;
/// Directories in which package managers keep indexes and downloads.
pub(super) const CACHES: &[&str] = &[
    "var/lib/apt/lists",
    "var/cache/apt",
    "var/cache/apk",
    "etc/apk/cache",
    "var/cache/dnf",
    "var/cache/yum",
    "var/cache/zypp",
    "root/.cache/pip",
    "root/.npm/_cacache",
];
/// Files that tell the distribution.
pub(super) const RELEASES: &[&str] = &["etc/os-release", "usr/lib/os-release"];
/// os-release has some 20 lines.
const RELEASE_LIMIT: u64 = 64 << 10;

/// What stands at a path.
#[derive(Clone, Copy, Default)]
struct Mark(u8);

impl Mark {
    const DIRECTORY: u8 = 1;
    const OTHER: u8 = 2;
    /// What lower layers have here is deleted.
    const DELETED: u8 = 4;
    /// What lower layers have below here is deleted.
    const EMPTIED: u8 = 8;

    fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

/// A file or directory that matters.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) has_capabilities: bool,
}

/// One layer.
pub(super) struct Layer {
    /// The digest of its unpacked archive.
    pub(super) diff_id: String,
    /// The digest of its bytes as they were stored.
    pub(super) digest: String,
    /// Bytes of the unpacked archive.
    pub(super) size: u64,
    marks: HashMap<u64, Mark>,
    keys: RandomState,
    /// Programs with rights of their own.
    pub(super) setuid: Vec<Found>,
    /// What every user may write.
    pub(super) writable: Vec<Found>,
    /// Secrets by the file that holds them.
    pub(super) secrets: Vec<(String, Hit)>,
    /// Text files that were searched in part.
    pub(super) cut: u64,
    /// Files of package managers' caches, and their bytes.
    pub(super) cached: Vec<(String, u64)>,
    /// Files that tell the distribution.
    pub(super) releases: Vec<(String, String)>,
    /// Lists of packages by path.
    pub(super) databases: Vec<(String, Database)>,
    /// Whether there are more such lists than were read.
    pub(super) lists_cut: bool,
    /// Files below /usr that packages of the distribution brought: public, whatever they look like.
    packaged: HashSet<u64>,
    /// Entries that lead out of the tree.
    pub(super) escaping: Vec<String>,
}

/// Scans layers; counts over all layers of an archive.
pub(super) struct Scanner {
    keys: RandomState,
    entries: u64,
    names: usize,
    lists: u64,
    packaged: usize,
    buffer: Vec<u8>,
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self { keys: RandomState::new(), entries: 0, names: 0, lists: 0, packaged: 0, buffer: Vec::new() }
    }

    /// Reads an unpacked layer to its end.
    pub(super) fn scan(&mut self, reader: impl BufRead) -> io::Result<Layer> {
        let mut layer = Layer {
            diff_id: String::new(),
            digest: String::new(),
            size: 0,
            marks: HashMap::new(),
            keys: self.keys.clone(),
            setuid: Vec::new(),
            writable: Vec::new(),
            secrets: Vec::new(),
            cut: 0,
            cached: Vec::new(),
            releases: Vec::new(),
            databases: Vec::new(),
            lists_cut: false,
            packaged: HashSet::new(),
            escaping: Vec::new(),
        };
        let mut stream = Hashed::new(reader);
        let mut archive = Archive::new(&mut stream);
        while let Some(entry) = archive.entry()? {
            self.entries += 1;
            if self.entries > ENTRY_LIMIT {
                return Err(broken(format!("its layers hold more than {ENTRY_LIMIT} entries")));
            }
            self.names = self.names.saturating_add(entry.path.len() + entry.link.len());
            if self.names > NAMES_LIMIT {
                return Err(broken(format!("the names in its layers have more than {NAMES_LIMIT} bytes")));
            }
            let Some(path) = inside(&entry.path) else {
                keep(&mut layer.escaping, String::from_utf8_lossy(&entry.path).chars().take(200).collect());
                continue;
            };
            if path.is_empty() || layer.delete(&path) {
                continue;
            }
            if entry.kind == Kind::HardLink && inside(&entry.link).is_none() {
                keep(&mut layer.escaping, format!("{path} -> {}", String::from_utf8_lossy(&entry.link)));
            }
            layer.mark(&path, if entry.kind == Kind::Directory { Mark::DIRECTORY } else { Mark::OTHER });
            self.look(&mut layer, &path, &entry, &mut archive.content())?;
        }
        archive.finish_stream()?;
        (layer.diff_id, layer.size) = stream.finish();
        Ok(layer)
    }

    /// What of an entry matters.
    fn look(
        &mut self,
        layer: &mut Layer,
        path: &str,
        entry: &Entry,
        content: &mut impl BufRead,
    ) -> io::Result<()> {
        let is_file = matches!(entry.kind, Kind::File | Kind::HardLink);
        let found = || Found {
            path: path.to_owned(),
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            has_capabilities: entry.has_capabilities,
        };
        if is_file && (entry.mode & 0o6000 != 0 || entry.has_capabilities) {
            keep(&mut layer.setuid, found());
        }
        let open = entry.mode & 0o002 != 0;
        if open && (is_file || entry.kind == Kind::Directory && entry.mode & 0o1000 == 0) {
            keep(&mut layer.writable, found());
        }
        if entry.kind != Kind::File {
            return Ok(());
        }
        if CACHES.iter().any(|cache| is_below(path, cache)) {
            // Locks and empty folders are no leftovers.
            if entry.size > 0 {
                keep(&mut layer.cached, (path.to_owned(), entry.size));
            }
            return Ok(());
        }
        if RELEASES.contains(&path) {
            let mut text = Vec::new();
            content.take(RELEASE_LIMIT).read_to_end(&mut text)?;
            // The last entry of a path is what an engine leaves there.
            layer.releases.retain(|(known, _)| known != path);
            layer.releases.push((path.to_owned(), String::from_utf8_lossy(&text).into_owned()));
            return Ok(());
        }
        if packages::is_file_list(path) {
            let (keys, packaged) = (&self.keys, &mut self.packaged);
            return packages::file_list(content, |file| {
                if *packaged < PACKAGED_LIMIT && layer.packaged.insert(keys.hash_one(file)) {
                    *packaged += 1;
                }
            });
        }
        if let Some(kind) = packages::kind_of(path) {
            self.lists = self.lists.saturating_add(packages::cost(kind, entry.size));
            if layer.databases.len() < packages::DATABASE_LIMIT && self.lists <= LISTS_LIMIT {
                layer.databases.push((path.to_owned(), packages::read(kind, content)?));
            } else {
                layer.lists_cut = true;
            }
            return Ok(());
        }
        if entry.size > 0 && secrets::is_searched(path) && secrets::is_text(content.fill_buf()?) {
            self.buffer.clear();
            content.take(TEXT_LIMIT as u64).read_to_end(&mut self.buffer)?;
            layer.cut += u64::from(entry.size > TEXT_LIMIT as u64);
            for hit in secrets::search(path, &self.buffer) {
                keep(&mut layer.secrets, (path.to_owned(), hit));
            }
        }
        Ok(())
    }
}

impl Layer {
    fn key(&self, path: &str) -> u64 {
        self.keys.hash_one(path)
    }

    fn mark(&mut self, path: &str, bits: u8) {
        let key = self.key(path);
        let mark = self.marks.entry(key).or_default();
        // The last entry of a path is what an engine leaves there.
        if bits & (Mark::DIRECTORY | Mark::OTHER) != 0 {
            mark.0 &= !(Mark::DIRECTORY | Mark::OTHER);
        }
        mark.0 |= bits;
    }

    /// Whether the entry only deletes what lower layers have.
    fn delete(&mut self, path: &str) -> bool {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(name) = name.strip_prefix(".wh.") else { return false };
        if name == ".wh..opq" {
            self.mark(above, Mark::EMPTIED);
        } else if !name.starts_with(".wh.") && !name.is_empty() {
            let path = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
            self.mark(&path, Mark::DELETED);
        }
        true
    }

    fn at(&self, path: &str) -> Mark {
        self.marks.get(&self.key(path)).copied().unwrap_or_default()
    }

    /// Whether it has something at the path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.at(path).has(Mark::DIRECTORY | Mark::OTHER)
    }

    /// Whether the file or directory is one that a package of the distribution brought.
    pub(super) fn packages(&self, path: &str) -> bool {
        path.starts_with("usr/") && self.packaged.contains(&self.key(path))
    }

    /// Whether what a lower layer has at the path does not show any more.
    pub(super) fn hides(&self, path: &str) -> bool {
        if self.at(path).0 & !Mark::EMPTIED != 0 || self.at("").has(Mark::EMPTIED) {
            return true;
        }
        path.match_indices('/')
            .filter_map(|(at, _)| path.get(..at))
            .any(|above| self.at(above).has(Mark::DELETED | Mark::EMPTIED | Mark::OTHER))
    }
}

/// The layers of an image, lowest first, seen as one tree.
#[derive(Clone, Copy)]
pub(super) struct Stack<'a>(pub(super) &'a [std::rc::Rc<Layer>]);

impl Stack<'_> {
    /// Whether what the layer at `index` has at the path shows in the image.
    pub(super) fn shows(&self, index: usize, path: &str) -> bool {
        !self.0.iter().skip(index + 1).any(|upper| upper.hides(path))
    }

    /// Whether the image has something at the path.
    pub(super) fn has(&self, path: &str) -> bool {
        for layer in self.0.iter().rev() {
            if layer.has(path) {
                return true;
            }
            if layer.hides(path) {
                return false;
            }
        }
        false
    }

    /// What shows of what layers hold, with the index of its layer.
    pub(super) fn visible<'a, T>(
        &'a self,
        items: impl Fn(&'a Layer) -> &'a Vec<T>,
        path: impl Fn(&T) -> &str,
    ) -> Vec<(usize, &'a T)> {
        let mut shown = Vec::new();
        for (index, layer) in self.0.iter().enumerate() {
            shown.extend(
                items(layer).iter().filter(|item| self.shows(index, path(item))).map(|item| (index, item)),
            );
        }
        shown
    }
}

fn keep<T>(list: &mut Vec<T>, item: T) {
    if list.len() < LISTED {
        list.push(item);
    }
}

/// Whether the path lies below the folder.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// The path from the root of the tree, without leading, doubled or trailing slashes; none when it leads out.
pub(super) fn inside(path: &[u8]) -> Option<String> {
    let mut clean = String::with_capacity(path.len());
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return None,
            part => {
                if !clean.is_empty() {
                    clean.push('/');
                }
                clean.push_str(&String::from_utf8_lossy(part));
            }
        }
    }
    Some(clean)
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
