//! Kills the process at every moment of every fix, and of every undo, and looks at what is left.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use harden::{Executor, Mended, Moment, Plan, Who};

use crate::cases;
use crate::harness::{Case, Host, now};
use crate::snapshot;

/// Tells a child process which case it plays, what it does, in which tree, and at which moment it is killed.
const ROLE: &str = "PALISADE_TEST_ROLE";

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
    let mut executor = Executor::new(&door, root, Who::default(), &mut tell).unwrap();
    if *act == "apply" {
        let plan: Plan = serde_json::from_slice(&std::fs::read(root.join("plan.json")).unwrap()).unwrap();
        std::fs::remove_file(root.join("plan.json")).unwrap();
        let mut recheck = || Ok(Vec::<Mended>::new());
        executor.apply(&plan, now(), None, &mut |_| Ok(()), &mut recheck).unwrap();
    } else {
        executor.undo(None, "undo", "test", &[], now()).unwrap();
    }
}

fn kill_at(case: &Case, act: &str, root: &Path, moment: usize) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::the_one_that_is_killed", "--nocapture"])
        .env(ROLE, format!("{}\t{act}\t{}\t{moment}", case.name, root.display()))
        .output()
        .unwrap();
    assert_eq!(
        status.status.signal(),
        Some(9),
        "{} {act} at {moment} was not killed: {}",
        case.name,
        String::from_utf8_lossy(&status.stderr)
    );
}

#[test]
fn a_process_killed_at_any_moment_leaves_all_or_nothing() {
    let (mut kills, mut fixes) = (0, 0);
    for case in cases::all() {
        fixes += 1;
        // How many moments there are.
        let host = Host::of(&case);
        let plan = host.plan(&case);
        let (mut applying, mut undoing) = (0, 0);
        host.apply(&plan, &mut |_| applying += 1).unwrap();
        host.undo(&mut |_| undoing += 1).unwrap();

        for moment in 0..applying {
            let host = Host::of(&case);
            let plan = host.plan(&case);
            let before = snapshot::take(host.root.path());
            std::fs::write(host.root.path().join("plan.json"), serde_json::to_vec(&plan).unwrap()).unwrap();
            kill_at(&case, "apply", host.root.path(), moment);
            recover(&host);
            let left = snapshot::take(host.root.path());
            assert!(
                left == before,
                "{} killed at moment {moment}: {:?}",
                case.name,
                snapshot::difference(&before, &left)
            );
            kills += 1;
        }
        for moment in 0..undoing {
            let host = Host::of(&case);
            let before = snapshot::take(host.root.path());
            host.apply(&host.plan(&case), &mut |_| {}).unwrap();
            let after = snapshot::take(host.root.path());
            kill_at(&case, "undo", host.root.path(), moment);
            recover(&host);
            let left = snapshot::take(host.root.path());
            // Killed before the undo was written down, the change stands.
            assert!(
                left == before || left == after,
                "{} killed at moment {moment} of undoing: {:?}",
                case.name,
                snapshot::difference(&before, &left)
            );
            kills += 1;
        }
    }
    println!("{fixes} cases, {kills} processes killed");
}

fn recover(host: &Host) {
    let mut quiet = |_: &Moment| {};
    let mut executor = Executor::new(&host.door, host.root.path(), Who::default(), &mut quiet).unwrap();
    executor.recover(now()).unwrap();
    assert!(executor.journal().change_sets().unwrap().iter().all(|(_, status)| !status.is_unfinished()));
}
