//! The two ways in which blobs come: as members of an archive, read once in whatever order they stand, and as files of
//! a folder, read as they are asked for.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use host::{Door, FileKind};

use super::layer::{Layer, Scanner, inside};
use super::manifest::{Store, member, missing};
use super::stream::{Budget, Hashed, Packing, timed, unpacked};
use super::tar::{Archive, Kind, broken, is_tar};
use crate::fact::reason;

/// One JSON document: configurations with a long history have 100 KiB.
const JSON_LIMIT: u64 = 4 << 20;
/// All JSON documents of an archive.
const JSON_TOTAL: u64 = 32 << 20;
/// Members of an archive: three a layer and image.
const MEMBER_LIMIT: usize = 20_000;
/// Links to links.
const LINK_DEPTH: usize = 8;

/// A member of an archive.
enum Member {
    Json(Vec<u8>),
    Layer(Rc<Layer>),
    Link(String),
    /// What it should have been, and why it is not.
    Broken(String),
}

/// Everything an archive holds.
pub(super) struct Members {
    members: HashMap<String, Member>,
}

impl Members {
    /// Reads the whole archive; `size` is that of the stream where it may be packed.
    pub(super) fn read(stream: impl Read, size: u64, budget: &Budget) -> io::Result<Self> {
        let mut stream = timed(stream, budget);
        let packing = Packing::of(stream.fill_buf()?);
        if packing == Packing::None {
            return Self::read_plain(stream, budget);
        }
        Self::read_plain(unpacked(stream, packing, size, budget), budget)
    }

    fn read_plain(mut stream: impl BufRead, budget: &Budget) -> io::Result<Self> {
        let head = head(&mut stream)?;
        if !is_tar(&head) {
            return Err(broken("it is no tar archive"));
        }
        let mut archive = Archive::new(io::Cursor::new(head).chain(stream));
        let mut members = HashMap::new();
        let mut scanner = Scanner::new();
        let mut json = 0;
        while let Some(entry) = archive.entry()? {
            // Nothing is written, so a path that leads out harms nobody; no manifest can name it either.
            let Some(path) = inside(&entry.path) else { continue };
            let found = match entry.kind {
                Kind::File => one(&mut archive.content(), entry.size, &mut scanner, &mut json, budget)?,
                Kind::Symlink => linked(&path, &entry.link).map(Member::Link),
                Kind::HardLink => inside(&entry.link).map(Member::Link),
                Kind::Directory | Kind::Other => None,
            };
            if members.len() >= MEMBER_LIMIT {
                return Err(broken(format!("it has more than {MEMBER_LIMIT} members")));
            }
            if let Some(found) = found {
                members.insert(path, found);
            }
        }
        Ok(Self { members })
    }

    fn find(&self, name: &str) -> Result<Option<&Member>, String> {
        let mut name = member(name)?;
        for _ in 0..LINK_DEPTH {
            match self.members.get(&name) {
                Some(Member::Link(to)) => name.clone_from(to),
                found => return Ok(found),
            }
        }
        Err(missing("what the links lead to from", &name))
    }
}

/// The first block, or what there is.
fn head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(512);
    stream.take(512).read_to_end(&mut head)?;
    Ok(head)
}

/// A file of the archive by its first bytes; none for what no image needs.
fn one(
    content: &mut impl BufRead,
    size: u64,
    scanner: &mut Scanner,
    json: &mut u64,
    budget: &Budget,
) -> io::Result<Option<Member>> {
    let head = head(content)?;
    let packing = Packing::of(&head);
    if packing != Packing::None || is_tar(&head) {
        return match layer(io::Cursor::new(head).chain(content), size, packing, scanner, budget) {
            Ok(layer) => Ok(Some(Member::Layer(Rc::new(layer)))),
            // A broken layer is told with the image it belongs to; what ends the whole reading comes back.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(error),
            Err(error) => Ok(Some(Member::Broken(error.to_string()))),
        };
    }
    if !matches!(head.trim_ascii_start().first(), Some(b'{' | b'[')) || size > JSON_LIMIT {
        return Ok(None);
    }
    *json += size;
    if *json > JSON_TOTAL {
        return Err(broken(format!("its JSON documents have more than {JSON_TOTAL} bytes")));
    }
    let mut bytes = head;
    content.read_to_end(&mut bytes)?;
    Ok(Some(Member::Json(bytes)))
}

/// Scans a layer of `size` bytes as it is stored.
fn layer(
    stored: impl BufRead,
    size: u64,
    packing: Packing,
    scanner: &mut Scanner,
    budget: &Budget,
) -> io::Result<Layer> {
    if packing == Packing::None {
        let mut layer = scanner.scan(stored)?;
        layer.digest.clone_from(&layer.diff_id);
        return Ok(layer);
    }
    let mut reader = unpacked(Hashed::new(stored), packing, size, budget);
    let mut layer = scanner.scan(&mut reader)?;
    let mut stored = reader.into_inner().into_source();
    io::copy(&mut stored, &mut io::sink())?;
    layer.digest = stored.finish().0;
    Ok(layer)
}

/// Where a symbolic link of an archive leads, from its root.
fn linked(path: &str, link: &[u8]) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    let link = std::str::from_utf8(link).ok()?;
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl Store for Members {
    fn json(&mut self, name: &str) -> Result<Option<Vec<u8>>, String> {
        match self.find(name)? {
            None => Ok(None),
            Some(Member::Json(bytes)) => Ok(Some(bytes.clone())),
            Some(_) => Err(format!("{name} is no JSON document")),
        }
    }

    fn layer(&mut self, name: &str) -> Result<Rc<Layer>, String> {
        match self.find(name)? {
            Some(Member::Layer(layer)) => Ok(Rc::clone(layer)),
            Some(Member::Broken(why)) => Err(format!("layer {name} cannot be read: {why}")),
            Some(_) => Err(format!("layer {name} is no archive")),
            None => Err(missing("layer", name)),
        }
    }
}

/// The folder of an OCI layout.
pub(super) struct Folder {
    door: Door,
    place: String,
    scanner: Scanner,
    budget: Budget,
    layers: HashMap<String, Rc<Layer>>,
}

impl Folder {
    pub(super) fn new(door: &Door, place: &str, budget: Budget) -> Self {
        let place = place.trim_end_matches('/').to_owned();
        Self { door: door.clone(), place, scanner: Scanner::new(), budget, layers: HashMap::new() }
    }

    /// The path and size of a file of the layout; none when it is not there. Links are not followed: they could lead
    /// out of the folder.
    fn file(&self, name: &str) -> Result<Option<(String, u64)>, String> {
        let path = format!("{}/{}", self.place, member(name)?);
        match self.door.stat_link(&path) {
            Ok(stat) if stat.kind == FileKind::File => Ok(Some((path, stat.size))),
            Ok(_) => Err(format!("{path} is no regular file")),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(reason(&error, &self.door)),
        }
    }
}

impl Folder {
    fn read(&mut self, file: impl Read, size: u64) -> io::Result<Layer> {
        let mut stream = timed(file, &self.budget);
        let head = head(&mut stream)?;
        let packing = Packing::of(&head);
        if packing == Packing::None && !is_tar(&head) {
            return Err(broken("it is no archive"));
        }
        layer(io::Cursor::new(head).chain(stream), size, packing, &mut self.scanner, &self.budget)
    }
}

impl Store for Folder {
    fn json(&mut self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let Some((path, _)) = self.file(name)? else { return Ok(None) };
        let limit = usize::try_from(JSON_LIMIT).unwrap_or(usize::MAX);
        self.door.read_up_to(path, limit).map(Some).map_err(|error| reason(&error, &self.door))
    }

    fn layer(&mut self, name: &str) -> Result<Rc<Layer>, String> {
        if let Some(layer) = self.layers.get(name) {
            return Ok(Rc::clone(layer));
        }
        let Some((path, size)) = self.file(name)? else { return Err(missing("layer", name)) };
        let file = self.door.open(&path).map_err(|error| reason(&error, &self.door))?;
        let layer = self.read(file, size).map_err(|error| format!("layer {path} cannot be read: {error}"))?;
        let layer = Rc::new(layer);
        self.layers.insert(name.to_owned(), Rc::clone(&layer));
        Ok(layer)
    }
}
