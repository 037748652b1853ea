//! The walk, over real trees.
#![allow(clippy::disallowed_methods, reason = "tests make and look at real trees")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::*;
use crate::{Canned, Door, Tree};

#[derive(Default)]
struct Seen(Mutex<BTreeSet<PathBuf>>);

impl Visitor for Seen {
    fn visit(&self, entry: &WalkEntry<'_>) {
        self.0.lock().unwrap().insert(entry.path());
    }
}

impl Seen {
    fn paths(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|path| path.display().to_string()).collect()
    }
}

/// Walks the tree below `root` as that of a running machine, and returns what was seen.
fn walked(root: &Path, plan: &WalkPlan) -> (Vec<String>, WalkOutcome) {
    let seen = Arc::new(Seen::default());
    let canned = Canned { root: true, programs: BTreeMap::new(), sockets: BTreeMap::new() };
    let door = Door::new(Arc::new(Tree::with_canned(root, canned).unwrap()));
    let outcome = door.walk(plan, seen.clone()).unwrap();
    (seen.paths(), outcome)
}

#[test]
fn links_are_neither_followed_nor_shown_and_loops_end() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("a/b")).unwrap();
    fs::write(root.path().join("a/b/file"), "").unwrap();
    symlink("..", root.path().join("a/b/up")).unwrap();
    symlink("/etc", root.path().join("out")).unwrap();
    let (paths, outcome) = walked(root.path(), &WalkPlan::default());
    assert_eq!(paths, ["/a", "/a/b", "/a/b/file"]);
    assert_eq!((outcome.entries, outcome.directories, outcome.stopped), (5, 3, None));
}

#[test]
fn sockets_pipes_and_strange_names_are_shown_as_they_are() {
    let root = tempfile::tempdir().unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let strange = OsString::from_vec(b"\xff\x1b[2J\nname".to_vec());
    fs::write(root.path().join(&strange), "").unwrap();
    let seen = Arc::new(Seen::default());
    let door = Door::new(Arc::new(Tree::new(root.path()).unwrap()));
    door.walk(&WalkPlan::default(), seen.clone()).unwrap();
    let names: BTreeSet<Vec<u8>> =
        seen.0.lock().unwrap().iter().map(|path| path.file_name().unwrap().as_bytes().to_vec()).collect();
    assert_eq!(names, BTreeSet::from([b"socket".to_vec(), b"pipe".to_vec(), strange.into_vec()]));
}

/// Makes a chain of directories deeper than any path may be long.
fn chain(root: &Path, levels: usize, sibling: bool) {
    let mut at = rustix::fs::open(root, rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    for _ in 0..levels {
        let mode = rustix::fs::Mode::from_raw_mode(0o755);
        rustix::fs::mkdirat(&at, "deep", mode).unwrap();
        if sibling {
            rustix::fs::mkdirat(&at, "a-sibling-that-waits", mode).unwrap();
        }
        at = rustix::fs::openat(&at, "deep", rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    }
}

/// Takes such a chain away again; the standard library runs out of descriptors there.
fn unchain(root: &Path) {
    assert!(std::process::Command::new("rm").arg("-rf").arg(root.join("deep")).status().unwrap().success());
}

#[test]
fn a_tree_of_ten_thousand_levels_is_walked_to_its_end() {
    let root = tempfile::tempdir().unwrap();
    chain(root.path(), 10_000, false);
    let plan = WalkPlan { time: Duration::from_secs(60), ..WalkPlan::default() };
    let count = Arc::new(Count::default());
    let door = Door::new(Arc::new(Tree::new(root.path()).unwrap()));
    let outcome = door.walk(&plan, count).unwrap();
    unchain(root.path());
    assert_eq!((outcome.directories, outcome.stopped, outcome.failed), (10_001, None, 0));
}

#[test]
fn descriptors_do_not_run_out_where_every_level_has_more_to_do() {
    let root = tempfile::tempdir().unwrap();
    chain(root.path(), 1_500, true);
    let plan = WalkPlan { time: Duration::from_secs(60), ..WalkPlan::default() };
    let door = Door::new(Arc::new(Tree::new(root.path()).unwrap()));
    let outcome = door.walk(&plan, Arc::new(Count::default())).unwrap();
    unchain(root.path());
    assert_eq!((outcome.directories, outcome.stopped, outcome.failed), (3_001, None, 0));
}

#[derive(Default)]
struct Count(AtomicBool);

impl Visitor for Count {
    fn visit(&self, _: &WalkEntry<'_>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn the_budget_ends_a_walk_and_the_outcome_says_so() {
    let root = tempfile::tempdir().unwrap();
    for index in 0..3_000 {
        fs::write(root.path().join(index.to_string()), "").unwrap();
    }
    let (paths, outcome) = walked(root.path(), &WalkPlan { entries: 1_000, ..WalkPlan::default() });
    assert_eq!(outcome.stopped, Some(Stop::Entries));
    assert!(paths.len() < 1_500, "{}", paths.len());
}

struct Slow;

impl Visitor for Slow {
    fn visit(&self, _: &WalkEntry<'_>) {
        std::thread::sleep(Duration::from_secs(5));
    }
}

#[test]
fn a_walk_that_hangs_is_left_behind_at_its_time_limit() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "").unwrap();
    let door = Door::new(Arc::new(Tree::new(root.path()).unwrap()));
    let before = Instant::now();
    let plan = WalkPlan { time: Duration::from_millis(50), ..WalkPlan::default() };
    let outcome = door.walk(&plan, Arc::new(Slow)).unwrap();
    assert_eq!(outcome.stopped, Some(Stop::Time));
    assert!(before.elapsed() < Duration::from_secs(4));
}

struct Panics;

impl Visitor for Panics {
    fn visit(&self, _: &WalkEntry<'_>) {
        panic!("on purpose");
    }
}

#[test]
fn a_visitor_that_panics_ends_the_walk() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "").unwrap();
    let door = Door::new(Arc::new(Tree::new(root.path()).unwrap()));
    let outcome = door.walk(&WalkPlan::default(), Arc::new(Panics)).unwrap();
    assert_eq!(outcome.stopped, Some(Stop::Panic));
}

#[test]
fn mounts_of_the_kernel_other_machines_and_containers_are_not_entered() {
    let root = tempfile::tempdir().unwrap();
    for directory in [
        "proc/self",
        "mnt/share",
        "mnt/a b",
        "data",
        "var/bound",
        "etc",
        "run/x/rootfs",
        "snap/core",
        "pruned",
        "home",
    ] {
        fs::create_dir_all(root.path().join(directory)).unwrap();
        fs::write(root.path().join(directory).join("inside"), "").unwrap();
    }
    fs::create_dir_all(root.path().join("var/log")).unwrap();
    let mounts = "\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:5 / /proc rw - proc proc rw
24 22 0:40 / /mnt/share rw - nfs4 server:/x rw
25 22 0:41 / /mnt/a\\040b rw shared:1 master:2 - cifs //s/x rw
26 22 8:2 / /data rw - ext4 /dev/sda2 rw
27 22 8:1 /home /var/bound rw - ext4 /dev/sda1 rw
28 22 0:50 / /etc rw - overlay overlay rw
29 22 0:51 / /run/x/rootfs rw - overlay overlay rw
30 22 7:0 / /snap/core ro - squashfs /dev/loop0 ro
junk
";
    fs::write(root.path().join("proc/self/mountinfo"), mounts).unwrap();
    let plan =
        WalkPlan { prune: vec![(PathBuf::from("/pruned"), SkipReason::Container)], ..WalkPlan::default() };
    let (paths, outcome) = walked(root.path(), &plan);
    let inside: Vec<_> = paths.iter().filter(|path| path.ends_with("/inside")).collect();
    assert_eq!(inside, ["/data/inside", "/etc/inside", "/home/inside"]);
    let skipped: Vec<_> =
        outcome.skipped.iter().map(|skipped| (skipped.path.to_str().unwrap(), skipped.reason)).collect();
    assert_eq!(
        skipped,
        [
            ("/mnt/a b", SkipReason::Remote),
            ("/mnt/share", SkipReason::Remote),
            ("/proc", SkipReason::Pseudo),
            ("/pruned", SkipReason::Container),
            ("/run/x/rootfs", SkipReason::Container),
            ("/snap/core", SkipReason::Image),
            ("/var/bound", SkipReason::Duplicate),
        ]
    );
}

#[test]
fn what_a_later_mount_hides_is_walked_where_it_is_bound() {
    let mounts =
        b"1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /data rw - ext4 b rw\n3 1 8:1 /data/x /kept rw - ext4 a rw\n";
    let points = Points::new(&mountinfo(mounts), &[]);
    assert_eq!(points.get(Path::new("/kept")), Some(None));
}

#[test]
fn junk_is_no_mount() {
    assert!(mountinfo(b"").is_empty());
    assert!(mountinfo(b"1 2 3\n\n- - - -\n\xff\xfe \\9 \\777 - ").is_empty());
}

#[test]
fn a_directory_below_a_closed_one_is_not_reachable_for_others() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("closed/open")).unwrap();
    fs::create_dir_all(root.path().join("open")).unwrap();
    fs::write(root.path().join("closed/open/file"), "").unwrap();
    fs::write(root.path().join("open/file"), "").unwrap();
    fs::set_permissions(root.path().join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    struct Reachable(Mutex<BTreeMap<PathBuf, bool>>);
    impl Visitor for Reachable {
        fn visit(&self, entry: &WalkEntry<'_>) {
            self.0.lock().unwrap().insert(entry.path(), entry.reachable);
        }
    }
    let seen = Arc::new(Reachable(Mutex::default()));
    Door::new(Arc::new(Tree::new(root.path()).unwrap())).walk(&WalkPlan::default(), seen.clone()).unwrap();
    let seen = seen.0.lock().unwrap();
    assert!(!seen[Path::new("/closed/open/file")]);
    assert!(seen[Path::new("/open/file")]);
    assert!(seen[Path::new("/closed")]);
}

#[test]
fn files_that_vanish_during_the_walk_are_no_failure() {
    let root = tempfile::tempdir().unwrap();
    for index in 0..200 {
        fs::create_dir_all(root.path().join(format!("{index}/below"))).unwrap();
    }
    struct Removes(PathBuf);
    impl Visitor for Removes {
        fn visit(&self, entry: &WalkEntry<'_>) {
            let place = self.0.join(entry.path().strip_prefix("/").unwrap());
            // Another thread may have been faster.
            drop(fs::remove_dir_all(place));
        }
    }
    let door = Door::new(Arc::new(Tree::new(root.path()).unwrap()));
    let outcome = door.walk(&WalkPlan::default(), Arc::new(Removes(root.path().to_owned()))).unwrap();
    assert_eq!((outcome.failed, outcome.denied, outcome.stopped), (0, 0, None));
}
