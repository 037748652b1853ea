//! Everything that stands in a tree, but for Palisade's own folder.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Path to kind, permissions, owner, time of the last change of files, and content.
pub(crate) type Snapshot = BTreeMap<String, (u32, u32, u32, i64, Vec<u8>)>;

/// Takes it.
pub(crate) fn take(root: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    walk(root, root, &mut found);
    found
}

fn walk(root: &Path, folder: &Path, found: &mut Snapshot) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let stat = path.symlink_metadata().unwrap();
        if name == "var/lib/palisade-harden" || (name == "var/lib" || name == "var") && only_ours(&path) {
            continue;
        }
        let content = if stat.is_symlink() {
            std::fs::read_link(&path).unwrap().display().to_string().into_bytes()
        } else if stat.is_file() {
            std::fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        // The kernel's own files have no time of their own.
        let changed = if stat.is_file() && !name.starts_with("proc/") {
            stat.mtime() * 1_000_000_000 + stat.mtime_nsec()
        } else {
            0
        };
        found.insert(name, (stat.mode(), stat.uid(), stat.gid(), changed, content));
        if stat.is_dir() {
            walk(root, &path, found);
        }
    }
}

/// Whether a folder is there only because the journal is.
fn only_ours(folder: &Path) -> bool {
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names
        .iter()
        .all(|path| path.ends_with("var/lib/palisade-harden") || (path.ends_with("var/lib") && only_ours(path)))
}

/// The paths at which two trees differ.
pub(crate) fn difference(one: &Snapshot, other: &Snapshot) -> Vec<String> {
    let paths = one.keys().chain(other.keys()).collect::<std::collections::BTreeSet<_>>();
    paths.into_iter().filter(|path| one.get(*path) != other.get(*path)).cloned().collect()
}
