//! apt's lists of available packages against what is installed.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io::Read;

use host::{Door, Error};
use model::Fact;
use model::facts::updates::Pending;
use model::version::vercmp;

use crate::dpkg::{Installed, Package};
use crate::{stamp, stanzas};

pub(super) const FOLDER: &str = "/var/lib/apt/lists";

/// The most bytes of one list after unpacking; Debian's largest is under 60 MB. More is no list but a trap.
const MOST_BYTES: u64 = 400 << 20;

/// The most bytes of a Release file's head; the fields wanted stand in its first lines.
const HEAD: u64 = 8 << 10;

/// Why the waiting updates are unknown. Messages end with the remedy.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListError {
    #[error(transparent)]
    Read(#[from] Error),
    #[error("{FOLDER} holds no package lists; run apt-get update")]
    NoLists,
    #[error(
        "{0} is compressed in a way Palisade does not read; set Acquire::GzipIndexes to \"false\" or use lz4"
    )]
    Packed(String),
}

/// What a list's Release file says of its packages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Archive {
    security: bool,
    /// apt does not take packages from here by itself.
    not_automatic: bool,
    /// It does for packages that came from here.
    upgrades: bool,
}

/// The versions on the lists that concern one installed package.
#[derive(Default)]
struct Seen {
    /// The newest of the ordinary archives, and its list.
    ordinary: Option<(String, usize)>,
    /// The newest of the archives that only upgrade what came from them.
    upgrades: Option<(String, usize)>,
    /// Whether a security archive has a newer version than the installed one.
    security: bool,
}

/// The packages of which a newer version is listed, by name.
pub(super) fn pending(door: &Door, installed: &Installed) -> Result<Vec<Pending>, ListError> {
    let names: Vec<String> = door.read_dir(FOLDER)?.into_iter().map(|entry| entry.name).collect();
    let lists: Vec<&String> = names.iter().filter(|name| is_list(name)).collect();
    if lists.is_empty() {
        return Err(ListError::NoLists);
    }
    let by_name = by_name(installed);
    let mut seen: HashMap<(&str, &str), Seen> = HashMap::new();
    for (index, list) in lists.iter().enumerate() {
        let archive = archive(door, list, &names);
        if archive.not_automatic && !archive.upgrades {
            continue;
        }
        let path = format!("{FOLDER}/{list}");
        offers(opened(door, &path)?, &path, &by_name, |package, version| {
            let known = seen.entry((&package.name, &package.architecture)).or_default();
            note(known, archive, package, version, index);
        })?;
    }
    let mut all: Vec<Pending> = installed
        .all()
        .filter_map(|package| {
            let seen = seen.get(&(package.name.as_str(), package.architecture.as_str()))?;
            // An ordinary version that is at least the installed one outranks every other archive.
            let (candidate, list) = seen.ordinary.as_ref().or(seen.upgrades.as_ref())?;
            (vercmp(candidate, &package.version) == Ordering::Greater).then(|| Pending {
                name: package.name.clone(),
                installed: package.version.clone(),
                candidate: candidate.clone(),
                security: seen.security,
                held: package.held,
                source: lists.get(*list).map(|list| format!("{FOLDER}/{list}")).unwrap_or_default(),
            })
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// The installed packages by name.
pub(crate) fn by_name(installed: &Installed) -> HashMap<&str, &[Package]> {
    installed.all().map(|package| (package.name.as_str(), installed.named(&package.name))).collect()
}

/// Hands every version that `list` offers of an installed package to `visit`.
///
/// # Errors
/// As [`stanzas::each`].
pub(crate) fn offers<'a>(
    list: impl Read,
    what: &str,
    installed: &HashMap<&str, &'a [Package]>,
    mut visit: impl FnMut(&'a Package, &str),
) -> Result<(), Error> {
    stanzas::each(list, what, |paragraph| {
        let packages = name(paragraph).and_then(|name| installed.get(name).copied());
        if let Some((package, version)) = packages.and_then(|packages| matching(paragraph, packages)) {
            visit(package, version);
        }
    })
}

/// When the lists were last fetched: apt's own stamp, or the last time a list was replaced.
pub(super) fn updated_at(door: &Door) -> Fact<String> {
    match door.read_dir(FOLDER) {
        Ok(entries) if entries.iter().any(|entry| is_list(&entry.name)) => {
            stamp::newest(door, &["/var/lib/apt/periodic/update-success-stamp", FOLDER])
        }
        Ok(_) => Fact::Absent,
        Err(error) if error.is_not_found() => Fact::Absent,
        Err(error) => Fact::unreadable(crate::fact::reason(&error, door)),
    }
}

fn is_list(name: &str) -> bool {
    name.rsplit_once("_Packages").is_some_and(|(_, end)| end.is_empty() || end.starts_with('.'))
}

/// The list's text, unpacked where that is cheap.
fn opened(door: &Door, path: &str) -> Result<Box<dyn Read + Send>, ListError> {
    let file = door.open(path)?;
    match path.rsplit_once("_Packages").map(|(_, end)| end) {
        Some("") => Ok(Box::new(file.take(MOST_BYTES))),
        Some(".lz4") => Ok(Box::new(lz4_flex::frame::FrameDecoder::new(file).take(MOST_BYTES))),
        _ => Err(ListError::Packed(path.to_owned())),
    }
}

/// The package's name, which stands first in every list that the common tools make.
fn name(paragraph: &[u8]) -> Option<&str> {
    match paragraph.strip_prefix(b"Package: ") {
        Some(rest) => {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            std::str::from_utf8(rest.get(..end)?).ok().map(str::trim_end)
        }
        None => stanzas::field(paragraph, "Package"),
    }
}

/// The installed package that the paragraph offers a version of, and the version.
fn matching<'p, 'a>(paragraph: &'a [u8], packages: &'p [Package]) -> Option<(&'p Package, &'a str)> {
    let architecture = stanzas::field(paragraph, "Architecture")?;
    let version = stanzas::field(paragraph, "Version")?;
    let same = packages.iter().find(|package| package.architecture == architecture);
    // A package may change between one build for all machines and one for each.
    let package = same
        .or_else(|| packages.iter().find(|package| architecture == "all" || package.architecture == "all"))?;
    Some((package, version))
}

fn note(seen: &mut Seen, archive: Archive, package: &Package, version: &str, list: usize) {
    let order = vercmp(version, &package.version);
    if order == Ordering::Less {
        return;
    }
    seen.security |= archive.security && order == Ordering::Greater;
    let best = if archive.not_automatic { &mut seen.upgrades } else { &mut seen.ordinary };
    if best.as_ref().is_none_or(|(known, _)| vercmp(version, known) == Ordering::Greater) {
        *best = Some((version.to_owned(), list));
    }
}

/// What kind of archive a list comes from, by its name and the head of its Release file.
fn archive(door: &Door, list: &str, names: &[String]) -> Archive {
    let mut archive = Archive { security: named_security(list), ..Archive::default() };
    let mut stem = list.split_once("_binary-").map_or(list, |(stem, _)| stem);
    // `..._dists_bookworm_main`: the Release file stands one or more parts above.
    while let Some((above, _)) = stem.rsplit_once('_') {
        let release = ["_InRelease", "_Release"]
            .iter()
            .map(|end| format!("{stem}{end}"))
            .find(|release| names.binary_search(release).is_ok());
        if let Some(release) = release {
            let mut head = Vec::new();
            let read = door
                .open(format!("{FOLDER}/{release}"))
                .is_ok_and(|file| file.take(HEAD).read_to_end(&mut head).is_ok());
            if read {
                let is = |key: &str, wanted: &str| {
                    stanzas::field(&head, key).is_some_and(|value| value.eq_ignore_ascii_case(wanted))
                };
                archive.security |= is("Label", "Debian-Security")
                    || stanzas::field(&head, "Suite").is_some_and(|suite| suite.ends_with("-security"));
                archive.not_automatic = is("NotAutomatic", "yes");
                archive.upgrades = is("ButAutomaticUpgrades", "yes");
            }
            break;
        }
        stem = above;
    }
    archive
}

/// `..._dists_bookworm-security_main_...`, or the older `security.HOST_dists_buster_updates_...`.
fn named_security(list: &str) -> bool {
    let suite = list.split_once("_dists_").map_or("", |(_, rest)| rest);
    let suite = suite.split('_').next().unwrap_or_default();
    suite.ends_with("-security") || list.starts_with("security.")
}
