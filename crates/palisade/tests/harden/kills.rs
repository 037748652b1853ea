//! Kills the process at every moment of every fix, of every undo, and at moments that nobody chose, and looks at what is
//! left.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use harden::{Executor, Mended, Moment, Plan, Status, Who};

use crate::cases;
use crate::harness::{Case, Host, count, for_each_case, now};
use crate::snapshot::{self, Snapshot};

/// Tells a child process which case it plays, what it does, in which tree, and at which moment it is killed.
const ROLE: &str = "PALISADE_TEST_ROLE";

/// The moment of a process that its parent kills.
const NEVER: usize = usize::MAX;

/// How many processes are killed at moments that nobody chose, for each way and in all.
const RANDOM_KILLS: usize = 200;

/// How much of its time a process works; the rest it takes to end.
const WORKING: f64 = 0.7;

/// Plays a process that is killed. Without a role there is nothing to play: the tests below give one.
#[test]
fn the_one_that_is_killed() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let parts: Vec<&str> = role.split('\t').collect();
    let [name, act, root, moment] = parts.as_slice() else { panic!("{role}") };
    let case = cases::all().into_iter().find(|case| case.name == *name).unwrap();
    let root = Path::new(root);
    let door = (case.machine)().door_at(root);
    let last: usize = moment.parse().unwrap();
    let mut count = 0;
    let mut tell = |_: &Moment| {
        if count == last {
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
        }
        count += 1;
    };
    let plan = std::fs::read(root.join("plan.json")).ok();
    println!("\ngo");
    let mut executor = Executor::new(&door, root, Who::default(), &mut tell).unwrap();
    if *act == "apply" {
        let plan: Plan = serde_json::from_slice(&plan.unwrap()).unwrap();
        let mut recheck = || Ok(Vec::<Mended>::new());
        executor.apply(&plan, now(), None, &mut |_| Ok(()), &mut recheck).unwrap();
    } else {
        executor.undo(None, "undo", "test", &[], now()).unwrap();
    }
}

fn play(case: &Case, act: &str, root: &Path, moment: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "kills::the_one_that_is_killed", "--nocapture", "--test-threads=1"])
        .env(ROLE, format!("{}\t{act}\t{}\t{moment}", case.name, root.display()));
    command
}

fn kill_at(case: &Case, act: &str, root: &Path, moment: usize) {
    let output = play(case, act, root, moment).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(9), "{act} at {moment} was not killed: {errors}");
}

/// A case before and after its fix, each as a tree to copy.
struct Trees {
    before: Host,
    after: Host,
    /// What `before` holds.
    was: Snapshot,
    /// What `after` holds.
    is: Snapshot,
    /// How many moments applying has.
    applying: usize,
    /// How many moments undoing has.
    undoing: usize,
}

impl Trees {
    fn of(case: &Case) -> Self {
        let before = Host::of(case);
        let plan = before.plan(case);
        let mut was = snapshot::take(before.root.path());
        let after = before.copy(case);
        let (mut applying, mut undoing) = (0, 0);
        after.apply(&plan, &mut |_| applying += 1).unwrap();
        let is = snapshot::take(after.root.path());
        after.copy(case).undo(&mut |_| undoing += 1).unwrap();
        // The process that is killed reads it from the tree it works on.
        std::fs::write(before.root.path().join("plan.json"), serde_json::to_vec(&plan).unwrap()).unwrap();
        was.retain(|path, _| path != "plan.json");
        Self { before, after, was, is, applying, undoing }
    }
}

fn recover(host: &Host) -> Snapshot {
    let mut quiet = |_: &Moment| {};
    let mut executor = Executor::new(&host.door, host.root.path(), Who::default(), &mut quiet).unwrap();
    executor.recover(now()).unwrap();
    assert!(executor.journal().change_sets().unwrap().iter().all(|(_, status)| !status.is_unfinished()));
    let mut left = snapshot::take(host.root.path());
    left.retain(|path, _| path != "plan.json");
    left
}

#[test]
fn a_process_killed_at_any_moment_leaves_all_or_nothing() {
    let (applying, undoing) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let begun = Instant::now();
    for_each_case(|case| {
        let trees = Trees::of(case);
        for moment in 0..trees.applying {
            let host = trees.before.copy(case);
            kill_at(case, "apply", host.root.path(), moment);
            let left = recover(&host);
            let differs = snapshot::difference(&trees.was, &left);
            assert!(differs.is_empty(), "killed at moment {moment}: {differs:?}");
            applying.fetch_add(1, Ordering::SeqCst);
        }
        for moment in 0..trees.undoing {
            let host = trees.after.copy(case);
            kill_at(case, "undo", host.root.path(), moment);
            let left = recover(&host);
            let differs = snapshot::difference(&trees.was, &left);
            // Killed before the undo was written down, the change stands.
            let stands = snapshot::difference(&trees.is, &left);
            assert!(
                differs.is_empty() || stands.is_empty(),
                "killed at moment {moment} of undoing: {differs:?}"
            );
            undoing.fetch_add(1, Ordering::SeqCst);
        }
    });
    count(applying.into_inner(), "processes killed while they applied, one at every step of every case");
    count(undoing.into_inner(), "processes killed while they undid, one at every step of every case");
    println!("killed at every moment in {:.1} s", begun.elapsed().as_secs_f64());
}

#[test]
fn a_process_killed_at_a_moment_nobody_chose_leaves_all_or_nothing() {
    let each = RANDOM_KILLS.div_ceil(cases::all().len());
    let (killed, whole, number) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    for_each_case(|case| {
        let trees = Trees::of(case);
        for (act, from) in [("apply", &trees.before), ("undo", &trees.after)] {
            // How long it takes when nobody kills it, so that kills fall into that time.
            let took = kill_after(case, act, from.copy(case).root.path(), Duration::MAX).1;
            for _ in 0..each {
                let host = from.copy(case);
                let number = number.fetch_add(1, Ordering::SeqCst);
                let (ended, _) =
                    kill_after(case, act, host.root.path(), took.mul_f64(random(number) * WORKING));
                if ended { &whole } else { &killed }.fetch_add(1, Ordering::SeqCst);
                let left = recover(&host);
                let sets = harden::Journal::list(host.root.path()).unwrap();
                let stands = sets.last().is_some_and(|(_, status)| *status == Status::Kept);
                let differs = match (stands, act) {
                    // Applied anew, the files have times of their own.
                    (true, "apply") => snapshot::difference(&timeless(&trees.is), &timeless(&left)),
                    (true, _) => snapshot::difference(&trees.is, &left),
                    (false, _) => snapshot::difference(&trees.was, &left),
                };
                assert!(differs.is_empty(), "{act}, kill {number}, in force: {stands}: {differs:?}");
            }
        }
    });
    count(killed.into_inner(), "processes killed at moments that nobody chose, half of them undoing");
    println!("{} more had ended before", whole.into_inner());
}

/// Kills a process some time after it began; whether it had ended by itself, and how long it took.
fn kill_after(case: &Case, act: &str, root: &Path, wait: Duration) -> (bool, Duration) {
    let mut child = play(case, act, root, NEVER).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    assert!(out.lines().any(|line| line.unwrap() == "go"));
    let begun = Instant::now();
    if wait < Duration::MAX {
        // Shorter than what sleeping can be trusted with.
        while begun.elapsed() < wait {
            std::thread::yield_now();
        }
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    // Nobody reads its standard output any more, so it need not have succeeded.
    (status.signal().is_none(), begun.elapsed())
}

/// Between 0 and 1, evenly, and the same in each run.
fn random(number: usize) -> f64 {
    f64::from(u32::try_from(number.wrapping_mul(2_654_435_769) % 1_000_003).unwrap()) / 1_000_003.0
}

fn timeless(snapshot: &Snapshot) -> Snapshot {
    let mut snapshot = snapshot.clone();
    snapshot.values_mut().for_each(|(_, _, _, changed, _)| *changed = 0);
    snapshot
}
