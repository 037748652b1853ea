//! The one walk over the target's whole file tree, shared by the probes that want something of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use host::{Error, SkipReason, Stat, Stop, Visitor, WalkOutcome, WalkPlan};
use serde_json::Value;

use super::collector::Collector;
use super::names::Candidate;
use super::owners::Owners;
use crate::Context;

/// What the walk found.
pub(crate) struct Walked {
    /// Users and groups, by which the walk judged owners.
    pub(crate) owners: Arc<Result<Owners, Error>>,
    /// How it went; an error when the root itself cannot be walked.
    pub(crate) outcome: Result<WalkOutcome, Error>,
    /// What was kept.
    pub(crate) lists: BTreeMap<List, Kept>,
}

/// The lists a walk makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum List {
    WorldWritableFiles,
    WorldWritableDirectories,
    SetuidPrograms,
    Unowned,
    DevicesOutsideDev,
    TemporaryPrograms,
    TrustFiles,
    CoreDumps,
    Leftovers,
    DeploymentFiles,
    BackupDirectories,
    BackupFiles,
    PathProgramsOfOthers,
    Candidates,
}

/// Elements of a list: those with the smallest paths, so that two walks of one tree keep the same.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) elements: BTreeMap<PathBuf, Element>,
    /// How many there are in all.
    pub(crate) total: u64,
}

/// One file that was kept.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) stat: Stat,
    pub(crate) reachable: bool,
    /// The kind of leftover.
    pub(crate) leftover: &'static str,
    /// What its name promises.
    pub(crate) candidate: Option<Candidate>,
}

/// Nobody reads more findings of one kind, and a report stays small.
pub(crate) const LIST_LIMIT: usize = 500;

/// Files whose first bytes are looked at: each costs some 20 microseconds.
pub(crate) const CANDIDATE_LIMIT: usize = 5_000;

impl Walked {
    /// The elements of a list.
    pub(crate) fn list(&self, list: List) -> impl Iterator<Item = (&PathBuf, &Element)> {
        self.lists.get(&list).into_iter().flat_map(|kept| &kept.elements)
    }

    /// Why the walk is incomplete; none when it saw everything.
    pub(crate) fn incomplete(&self, door: &host::Door) -> Option<String> {
        let outcome = match &self.outcome {
            Ok(outcome) => outcome,
            Err(error) => return Some(error.to_string()),
        };
        let because = match outcome.stopped {
            Some(Stop::Time) => {
                format!("the walk over the file tree ran out of time after {} entries", outcome.entries)
            }
            Some(Stop::Entries) => format!("the file tree has more than {} entries", outcome.entries),
            Some(Stop::Panic) => "the walk over the file tree panicked; this is a bug in Palisade".to_owned(),
            None if outcome.failed > 0 => {
                let example = outcome.failed_examples.first();
                let example = example.map(|(path, error)| format!(", such as {}: {error}", path.display()));
                format!("{} directories could not be read{}", outcome.failed, example.unwrap_or_default())
            }
            None if outcome.denied > 0 => {
                let example = outcome.denied_examples.first();
                let example = example.map(|path| format!(", such as {}", path.display())).unwrap_or_default();
                let remedy = if door.is_root() { String::new() } else { format!("; {}", door.rights_wanted()) };
                format!("{} directories may not be read{example}{remedy}", outcome.denied)
            }
            None if outcome.entries == 0 => "there is not one file on the local disks".to_owned(),
            None => return None,
        };
        Some(because)
    }
}

/// The walk of this run: made by the first probe that asks.
///
/// # Errors
/// `TimedOut` when another probe's walk is not ready in time.
pub(crate) fn walked(cx: &Context) -> Result<Arc<Walked>, Error> {
    cx.shared.walk.get(&cx.door, || {
        let owners = Arc::new(Owners::read(&cx.door));
        let path = super::system::path_directories(&cx.door);
        let plan = WalkPlan { prune: pruned(cx), ..WalkPlan::default() };
        let collector = Arc::new(Collector::new(Arc::clone(&owners), path));
        let outcome = cx.door.walk(&plan, Arc::clone(&collector) as Arc<dyn Visitor>);
        Walked { owners, outcome, lists: collector.take() }
    })
}

/// Directories with the files of containers and their images; volumes are the host's data and are walked.
fn pruned(cx: &Context) -> Vec<(PathBuf, SkipReason)> {
    const DOCKER: &[&str] = &[
        "overlay2",
        "overlay",
        "aufs",
        "btrfs",
        "vfs",
        "zfs",
        "devicemapper",
        "fuse-overlayfs",
        "image",
        "containerd",
        "rootfs",
        "buildkit",
        "tmp",
    ];
    const STORAGE: &[&str] =
        &["overlay", "overlay-images", "overlay-layers", "vfs", "vfs-images", "vfs-layers", "btrfs"];
    const WHOLE: &[&str] = &[
        "/var/lib/containerd",
        "/run/containerd",
        "/var/lib/machines",
        "/run/docker/runtime-runc",
        "/var/lib/lxc",
        "/var/lib/rancher/k3s/agent/containerd",
        "/var/lib/snapd/snap",
        "/snap",
        "/var/lib/flatpak",
        "/ostree",
        "/sysroot/ostree",
    ];
    let mut roots = vec!["/var/lib/docker".to_owned(), "/var/snap/docker/common/var-lib-docker".to_owned()];
    roots.extend(data_root(cx));
    roots.extend(mounted_roots(cx));
    let docker = roots.iter().flat_map(|root| DOCKER.iter().map(move |name| format!("{root}/{name}")));
    let storage = STORAGE.iter().map(|name| format!("/var/lib/containers/storage/{name}"));
    docker
        .chain(storage)
        .chain(WHOLE.iter().map(|&path| path.to_owned()))
        .map(|path| (PathBuf::from(path), SkipReason::Container))
        .collect()
}

/// Where running containers show that an engine keeps its files: their roots are mounted below.
fn mounted_roots(cx: &Context) -> BTreeSet<String> {
    let mounts = crate::mounts::mounted(&cx.door).unwrap_or_default();
    mounts
        .into_iter()
        .filter(|mount| mount.kind == "overlay")
        .filter_map(|mount| {
            let layer = mount.point.to_str()?.strip_suffix("/merged")?;
            let (storage, _) = layer.rsplit_once('/')?;
            storage.strip_suffix("/overlay2").map(str::to_owned)
        })
        .collect()
}

/// Where the engine keeps its files when it is told to.
fn data_root(cx: &Context) -> Option<String> {
    let text = cx.door.read_text("/etc/docker/daemon.json").ok()?;
    let configuration: Value = serde_json::from_str(&text).ok()?;
    let root = configuration.get("data-root").or_else(|| configuration.get("graph"))?.as_str()?;
    let root = root.trim_end_matches('/');
    root.starts_with('/').then(|| root.to_owned())
}
