//! Keeps what is worth a look while the file tree passes by.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, PoisonError};

use host::{Error, FileKind, Visitor, WalkEntry};

use super::names;
use super::owners::Owners;
use super::walk::{CANDIDATE_LIMIT, Element, Kept, LIST_LIMIT, List};

/// The visitor of the walk: one look at every entry, from several threads.
pub(super) struct Collector {
    state: Mutex<State>,
    owners: Arc<Result<Owners, Error>>,
    path: Vec<Vec<u8>>,
}

#[derive(Default)]
struct State {
    lists: BTreeMap<List, Kept>,
    /// The walk is over: what a late thread brings is not kept.
    closed: bool,
}

/// Owners mean nothing here: containers and dynamic users bring numbers of their own.
const FOREIGN_OWNERS: &[&str] = &[
    "/var/lib/docker/",
    "/var/lib/containers/",
    "/var/snap/docker/",
    "/var/lib/private/",
    "/var/cache/private/",
    "/var/log/private/",
    "/run/user/",
    "/var/lib/kubelet/",
];

/// Where any user may leave a program.
const TEMPORARY: &[&str] = &["/tmp/", "/var/tmp/", "/dev/shm/"];

impl Collector {
    pub(super) fn new(owners: Arc<Result<Owners, Error>>, path: Vec<String>) -> Self {
        let path = path.into_iter().map(String::into_bytes).collect();
        Self { state: Mutex::default(), owners, path }
    }

    /// What was kept; nothing is kept afterwards.
    pub(super) fn take(&self) -> BTreeMap<List, Kept> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        std::mem::take(&mut state.lists)
    }

    fn keep(&self, list: List, entry: &WalkEntry<'_>, leftover: &'static str) {
        self.keep_candidate(list, entry, leftover, None);
    }

    fn keep_candidate(
        &self,
        list: List,
        entry: &WalkEntry<'_>,
        leftover: &'static str,
        candidate: Option<names::Candidate>,
    ) {
        let path = entry.path();
        if names::is_in_layer(path.as_os_str().as_bytes()) {
            return;
        }
        let limit = if list == List::Candidates { CANDIDATE_LIMIT } else { LIST_LIMIT };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return;
        }
        let kept = state.lists.entry(list).or_default();
        kept.total += 1;
        let element = Element { stat: entry.stat, reachable: entry.reachable, leftover, candidate };
        kept.elements.insert(path, element);
        if kept.elements.len() > limit {
            kept.elements.pop_last();
        }
    }

    /// Whether owner or group has no name on the host.
    fn is_unowned(&self, entry: &WalkEntry<'_>, directory: &[u8]) -> bool {
        self.owners.as_ref().as_ref().is_ok_and(|owners| !owners.know(&entry.stat))
            && !FOREIGN_OWNERS.iter().any(|place| names::below(directory, place))
    }

    fn file(&self, entry: &WalkEntry<'_>, directory: &[u8], name: &[u8]) {
        let mode = entry.stat.mode;
        if mode & 0o002 != 0 && entry.reachable {
            self.keep(List::WorldWritableFiles, entry, "");
        }
        // Without the group's execute bit, setgid only meant mandatory locking.
        if mode & 0o4000 != 0 || mode & 0o2010 == 0o2010 {
            self.keep(List::SetuidPrograms, entry, "");
        }
        if mode & 0o111 != 0 {
            if TEMPORARY.iter().any(|place| names::below(directory, place)) {
                self.keep(List::TemporaryPrograms, entry, "");
            }
            if (entry.stat.uid != 0 || mode & 0o002 != 0 || (mode & 0o020 != 0 && entry.stat.gid != 0))
                && self.path.iter().any(|place| place == directory)
            {
                self.keep(List::PathProgramsOfOthers, entry, "");
            }
        }
        if matches!(name, b".rhosts" | b".shosts")
            || (name.ends_with(b"hosts.equiv") && directory.starts_with(b"/etc"))
        {
            self.keep(List::TrustFiles, entry, "");
        }
        if (name.starts_with(b"core.") || name.ends_with(b".crash"))
            && names::is_core_dump(directory, name)
            && entry.stat.size > 0
        {
            self.keep(List::CoreDumps, entry, "");
        }
        if names::is_worked_on(directory)
            && let Some(kind) = names::leftover(directory, name)
        {
            self.keep(List::Leftovers, entry, kind);
        }
        if names::is_deployment_file(directory, name) {
            self.keep(List::DeploymentFiles, entry, "");
        }
        if names::is_backup_directory(directory) {
            self.keep(List::BackupFiles, entry, "");
        }
        if let Some(candidate) = names::candidate(directory, name) {
            self.keep_candidate(List::Candidates, entry, "", Some(candidate));
        }
    }

    fn directory(&self, entry: &WalkEntry<'_>, parent: &[u8], name: &[u8]) {
        if entry.stat.mode & 0o1002 == 0o002 && entry.reachable {
            self.keep(List::WorldWritableDirectories, entry, "");
        }
        if let Some(kind) = names::leftover_directory(parent, name) {
            self.keep(List::Leftovers, entry, kind);
        }
        if name.first().is_some_and(|first| matches!(first, b'b' | b'B' | b'd' | b'r'))
            && names::is_backup_directory(entry.path().as_os_str().as_bytes())
        {
            self.keep(List::BackupDirectories, entry, "");
        }
    }
}

impl Visitor for Collector {
    fn visit(&self, entry: &WalkEntry<'_>) {
        let directory = entry.directory.as_os_str().as_bytes();
        let name = entry.name.as_bytes();
        match entry.stat.kind {
            FileKind::File => self.file(entry, directory, name),
            FileKind::Directory => self.directory(entry, directory, name),
            // The engine measures quotas through a device file of its own.
            FileKind::Other
                if entry.device && !names::below(directory, "/dev/") && name != b"backingFsBlockDev" =>
            {
                self.keep(List::DevicesOutsideDev, entry, "");
            }
            FileKind::Symlink | FileKind::Socket | FileKind::Other => {}
        }
        if self.is_unowned(entry, directory) {
            self.keep(List::Unowned, entry, "");
        }
    }
}
