//! Full disks, read-only file systems, validators that refuse, services that do not come back, reloads that hang.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use harden::{Act, ApplyError, Executor, Journal, Live, Moment, Settle, Who};
use host::{Address, Door, Error, Output, Program, Stream};
use test_support::Machine;

use crate::cases;
use crate::harness::{Host, copy, count, for_each_case, now};
use crate::snapshot;
use crate::undo::{apply, by_hand, with};

/// Set for the process that has mounts of its own.
const INSIDE: &str = "PALISADE_TEST_INSIDE";

/// Pages of a file system in memory that are free at first: from none to more than any case needs.
const FREE_PAGES: [u64; 8] = [0, 1, 2, 3, 4, 6, 9, 14];

/// Plays the process in a mount namespace of its own. Otherwise there is nothing to play.
#[test]
fn the_one_with_mounts_of_its_own() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let (mut full, mut fits, mut read_only) = (0, 0, 0);
    for case in cases::all() {
        let base = Host::of(&case);
        let plan = base.plan(&case);
        // What makes `/etc` itself needs no mount there.
        let there = base.root.path().join("etc").is_dir();
        let touched = |folder: &str| there && plan.steps.iter().any(|step| step.path.starts_with(folder));
        for folder in ["/etc", "/var/lib/palisade-harden"] {
            for free in FREE_PAGES {
                if folder == "/etc" && !touched("/etc/") {
                    continue;
                }
                let host = base.copy(&case);
                let before = snapshot::take(host.root.path());
                let mounted = mount(host.root.path(), folder, free);
                let result = apply(&host.door, host.root.path(), &plan, None);
                let what = format!("{}: {free} free pages in {folder}: {result:?}", case.name);
                if result.is_ok() {
                    fits += 1;
                    mounted.make_room();
                    host.undo(&mut |_| {}).unwrap();
                } else {
                    full += 1;
                    // What could not be put back without room is put back once there is some; all else at once.
                    if !matches!(result, Err(ApplyError::Stuck { .. })) {
                        mounted.assert_same(&before, host.root.path(), &what);
                    }
                    mounted.make_room();
                    with(&host.door, host.root.path(), |executor| executor.recover(now()).unwrap());
                }
                let unfinished =
                    Journal::list(host.root.path()).unwrap().into_iter().filter(|(_, s)| s.is_unfinished());
                assert_eq!(unfinished.count(), 0, "{what}");
                mounted.assert_same(&before, host.root.path(), &what);
                mounted.end();
            }
        }
        if touched("/etc/") {
            let host = base.copy(&case);
            let before = snapshot::take(host.root.path());
            let etc = host.root.path().join("etc");
            run("mount", &["--bind", path(&etc), path(&etc)]);
            run("mount", &["-o", "remount,bind,ro", path(&etc)]);
            let result = apply(&host.door, host.root.path(), &plan, None);
            assert!(matches!(result, Err(ApplyError::Failed { .. })), "{}: {result:?}", case.name);
            assert_eq!(before, snapshot::take(host.root.path()), "{}", case.name);
            run("umount", &[path(&etc)]);
            read_only += 1;
        }
    }
    count(
        full,
        "runs that a full disk stopped, with none to 14 pages free where the files or the journal stand",
    );
    count(fits, "runs on an almost full disk that had just room enough");
    count(read_only, "runs on a read-only file system");
}

/// A small file system in memory in the place of a folder.
struct Mounted {
    place: std::path::PathBuf,
}

impl Mounted {
    fn make_room(&self) {
        std::fs::remove_file(self.place.join("ballast")).unwrap();
    }

    fn assert_same(&self, before: &snapshot::Snapshot, root: &Path, what: &str) {
        let mut now = snapshot::take(root);
        now.retain(|path, _| !path.ends_with("/ballast"));
        let mut differs = snapshot::difference(before, &now);
        // The journal's own folders, which were made before anything else.
        differs.retain(|path| !["var", "var/lib"].contains(&path.as_str()));
        assert!(differs.is_empty(), "{what}: {differs:?}");
    }

    fn end(self) {
        run("umount", &[path(&self.place)]);
    }
}

fn mount(root: &Path, folder: &str, free: u64) -> Mounted {
    let place = root.join(folder.trim_start_matches('/'));
    std::fs::create_dir_all(&place).unwrap();
    let aside = tempfile::tempdir().unwrap();
    copy(&place, aside.path());
    run("mount", &["-t", "tmpfs", "-o", "size=4m,mode=0755", "tmpfs", path(&place)]);
    copy(aside.path(), &place);
    let room = rustix::fs::statvfs(&place).unwrap();
    let ballast = std::fs::File::create(place.join("ballast")).unwrap();
    let length = room.f_bavail.saturating_sub(free) * room.f_frsize;
    rustix::fs::fallocate(&ballast, rustix::fs::FallocateFlags::empty(), 0, length).unwrap();
    Mounted { place }
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_full_or_read_only_disk_leaves_all_or_nothing() {
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "faults::the_one_with_mounts_of_its_own", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare (util-linux), and root");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // The test's name stands before the first.
    let counts = said.lines().filter_map(|line| line.find("reliability: ").and_then(|at| line.get(at..)));
    counts.for_each(|line| println!("{line}"));
}

/// A machine whose programs fail as they are told.
struct Failing {
    files: host::Tree,
    run: fn(&str) -> Result<Output, Error>,
}

impl host::Backend for Failing {
    fn is_live(&self) -> bool {
        true
    }

    fn is_root(&self) -> bool {
        true
    }

    fn files(&self) -> &dyn host::FileTree {
        host::Backend::files(&self.files)
    }

    fn run(&self, program: &Program, args: &[&str], _: Duration, _: usize) -> Result<Output, Error> {
        (self.run)(&program.command_line(args))
    }

    fn connect(&self, address: &Address, _: Duration) -> Result<Box<dyn Stream>, Error> {
        Err(Error::NotFound(address.to_string()))
    }
}

fn failing(root: &Path, run: fn(&str) -> Result<Output, Error>) -> Door {
    Door::new(Arc::new(Failing { files: host::Tree::new(root).unwrap(), run }))
}

fn done(status: i32) -> Result<Output, Error> {
    Ok(Output { status: Some(status), stdout: Vec::new(), stderr: b"it says no".to_vec() })
}

fn hangs(what: &str) -> Result<Output, Error> {
    Err(Error::TimedOut { what: what.to_owned(), limit: Duration::from_secs(30) })
}

/// A service that reloads: how the plan of a real one looks.
fn service() -> Settle {
    Settle {
        name: "service".to_owned(),
        what: "reload service".to_owned(),
        first: false,
        acts: vec![
            Act::run("systemctl", &["reload", "it.service"]),
            Act::run("systemctl", &["is-active", "--quiet", "it.service"]),
        ],
    }
}

#[test]
fn a_validator_or_service_that_fails_puts_every_fix_back() {
    type Script = fn(&str) -> Result<Output, Error>;
    let scripts: [(&str, Script); 5] =
        [
            ("a validator refuses", |line| done(i32::from(line.starts_with("visudo")))),
            ("a validator hangs", |line| if line.starts_with("visudo") { hangs(line) } else { done(0) }),
            ("a reload is refused and a restart helps", |line| done(i32::from(line.contains(" reload ")))),
            ("a reload hangs and a restart helps", |line| {
                if line.contains(" reload ") { hangs(line) } else { done(0) }
            }),
            ("running state cannot be changed", |line| done(i32::from(line.starts_with("kill")))),
        ];
    let runs = AtomicUsize::new(0);
    for_each_case(|case| {
        let base = Host::of(case);
        let mut plan = base.plan(case);
        // The case's own programs are not what is tried here.
        plan.checks = vec![Act::run("visudo", &["-c", "-q"])];
        plan.settle = vec![service()];
        let what = "as told".to_owned();
        plan.live = vec![Live { what, apply: vec![Act::run("kill", &["-0", "1"])], undo: Vec::new() }];
        let before = snapshot::take(base.root.path());
        for (name, script) in scripts {
            let host = base.copy(case);
            let result = apply(&failing(host.root.path(), script), host.root.path(), &plan, None);
            assert!(matches!(result, Err(ApplyError::Failed { .. })), "{name}: {result:?}");
            let left = snapshot::take(host.root.path());
            assert_eq!(snapshot::difference(&before, &left), [""; 0], "{name}");
            runs.fetch_add(1, Ordering::SeqCst);
        }
    });
    count(runs.into_inner(), "runs that a validator, reload or change of running state failed or hung in");
}

#[test]
fn running_state_that_was_never_begun_is_not_taken_back() {
    let (_, root) = Machine::new().file("/etc/a", "one").door();
    let before = snapshot::take(root.path());
    let door = failing(root.path(), |line| done(i32::from(line != "kill -0 2")));
    let live = |apply: &str, undo: &str| Live {
        what: format!("kill {apply}"),
        apply: vec![Act::run("kill", &["-0", apply])],
        undo: vec![Act::run("kill", &["-0", undo])],
    };
    let mut plan = by_hand(root.path(), "/etc/a", "two");
    plan.live = vec![live("1", "2"), live("3", "4")];
    let result = apply(&door, root.path(), &plan, None);
    assert!(matches!(result, Err(ApplyError::Failed { .. })), "{result:?}");
    assert_eq!(snapshot::difference(&before, &snapshot::take(root.path())), [""; 0]);
}

/// Whether the service runs, for the machine below.
static RUNS: AtomicUsize = AtomicUsize::new(1);

#[test]
fn a_service_that_ends_of_its_new_settings_is_started_with_the_former_ones() {
    let (_, root) = Machine::new().file("/etc/a", "one").door();
    let before = snapshot::take(root.path());
    let door = failing(root.path(), |line| {
        let runs = match line {
            "systemctl reload it.service" if RUNS.load(Ordering::SeqCst) == 1 => {
                RUNS.store(0, Ordering::SeqCst);
                return done(0);
            }
            "systemctl restart it.service" => {
                RUNS.store(1, Ordering::SeqCst);
                1
            }
            "systemctl is-active --quiet it.service" => RUNS.load(Ordering::SeqCst),
            _ => 0,
        };
        done(i32::from(runs == 0))
    });
    let mut plan = by_hand(root.path(), "/etc/a", "two");
    plan.settle.push(service());
    let result = apply(&door, root.path(), &plan, None);
    assert!(matches!(result, Err(ApplyError::Failed { .. })), "{result:?}");
    assert_eq!(RUNS.load(Ordering::SeqCst), 1, "it runs again");
    assert_eq!(snapshot::difference(&before, &snapshot::take(root.path())), [""; 0]);
}

#[test]
fn a_look_that_fails_or_finds_it_still_failing_puts_every_fix_back() {
    let runs = AtomicUsize::new(0);
    for_each_case(|case| {
        let base = Host::of(case);
        let plan = base.plan(case);
        let before = snapshot::take(base.root.path());
        for readable in [true, false] {
            let host = base.copy(case);
            let mut quiet = |_: &Moment| {};
            let mut executor = Executor::new(&host.door, host.root.path(), Who::default(), &mut quiet).unwrap();
            let mends = plan.fixes[0].mends.clone();
            let mut recheck =
                || if readable { Ok(mends.clone()) } else { Err("the host cannot be read".to_owned()) };
            let result = executor.apply(&plan, now(), None, &mut |_| Ok(()), &mut recheck);
            match result {
                Err(ApplyError::StillFails { .. }) if readable => {}
                Err(ApplyError::Failed { .. }) if !readable => {}
                other => panic!("{other:?}"),
            }
            assert_eq!(snapshot::difference(&before, &snapshot::take(host.root.path())), [""; 0]);
            runs.fetch_add(1, Ordering::SeqCst);
        }
    });
    count(runs.into_inner(), "runs after which the host could not be read, or still failed");
}
