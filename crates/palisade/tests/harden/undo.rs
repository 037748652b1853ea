//! Taking back what somebody else worked on since, in every order, and what nobody confirmed.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use harden::{
    ApplyError, Content, Decision, Disk, Executor, Journal, Mended, Moment, Perms, Plan, Settle, State, Status,
    Step, Watchdog, Who,
};
use host::Door;
use model::Timestamp;
use test_support::Machine;

use crate::cases;
use crate::harness::{Case, Host, count, for_each_case, now};
use crate::snapshot;

const MAIN: &str = "/etc/ssh/sshd_config";

fn ssh() -> Case {
    let name = "sshd options, the main file's own setting comes before the include";
    cases::all().into_iter().find(|case| case.name == name).unwrap()
}

/// A plan that nobody's fix made: `path` holds `text`.
pub(crate) fn by_hand(root: &Path, path: &str, text: &str) -> Plan {
    let before = Disk::below(root).unwrap().state(path, true).unwrap();
    let perms = before.perms().unwrap_or(Perms { uid: 0, gid: 0, mode: 0o644 });
    let content = Some(Content(text.as_bytes().to_vec()));
    let after = State::File { content, perms, xattrs: Default::default(), modified: None };
    plan(vec![Step { path: path.to_owned(), before, after, fixes: Vec::new() }])
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        schema: harden::PLAN_SCHEMA.to_owned(),
        fixes: Vec::new(),
        refused: Vec::new(),
        steps,
        checks: Vec::new(),
        live: Vec::new(),
        settle: Vec::new(),
    }
}

/// Applies; `until` is when it reverts.
pub(crate) fn apply(
    door: &Door,
    root: &Path,
    plan: &Plan,
    until: Option<Timestamp>,
) -> Result<String, ApplyError> {
    let mut quiet = |_: &Moment| {};
    let mut executor = Executor::new(door, root, Who::default(), &mut quiet)?;
    let mut recheck = || Ok(Vec::<Mended>::new());
    Ok(executor.apply(plan, now(), until, &mut |_| Ok(()), &mut recheck)?.change_set)
}

/// Does something as the one that holds the lock.
pub(crate) fn with<T>(door: &Door, root: &Path, work: impl FnOnce(&mut Executor<'_>) -> T) -> T {
    let mut quiet = |_: &Moment| {};
    work(&mut Executor::new(door, root, Who::default(), &mut quiet).unwrap())
}

fn in_an_hour() -> Timestamp {
    now().checked_add(Duration::from_secs(3600)).unwrap()
}

#[test]
fn what_somebody_else_changed_is_shown_three_ways_and_kept_merged_or_lost_as_they_say() {
    let case = ssh();
    for (choice, place) in
        [("keep", MAIN), ("merge", MAIN), ("discard", MAIN), ("keep", "gone"), ("discard", "gone")]
    {
        let host = Host::of(&case);
        let before = snapshot::take(host.root.path());
        host.apply(&host.plan(&case), &mut |_| {}).unwrap();
        let main = host.root.path().join(MAIN.trim_start_matches('/'));
        if place == "gone" {
            std::fs::remove_file(&main).unwrap();
        } else {
            let text = std::fs::read_to_string(&main).unwrap();
            std::fs::write(&main, format!("{text}X11Forwarding no\n")).unwrap();
        }
        let theirs = std::fs::read(&main).ok();
        let Err(ApplyError::Foreign(files)) = host.undo(&mut |_| {}) else { panic!("not asked") };
        assert_eq!(std::fs::read(&main).ok(), theirs, "changed before anybody chose");
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].path, MAIN);
        assert!(
            files[0].undo.contains("-Include /etc/ssh/sshd_config.d/00-palisade.conf"),
            "{}",
            files[0].undo
        );
        let decision = match choice {
            "keep" => Decision::Keep,
            "discard" => Decision::Discard,
            _ => Decision::Merge(files[0].merged.clone().unwrap()),
        };
        let decisions = [(MAIN.to_owned(), decision)];
        let notes = with(&host.door, host.root.path(), |executor| {
            executor.undo(None, "undo", "test", &decisions, now()).unwrap();
            executor.notes().to_vec()
        });
        let undone = snapshot::take(host.root.path());
        match choice {
            "discard" => assert_eq!(snapshot::difference(&before, &undone), [""; 0]),
            _ => assert_eq!(snapshot::difference(&before, &undone), ["etc/ssh/sshd_config"]),
        }
        let left = std::fs::read_to_string(&main).ok();
        match choice {
            "keep" => assert_eq!(left.map(String::into_bytes), theirs),
            "merge" => {
                let left = left.unwrap();
                assert!(
                    left.starts_with("PermitRootLogin yes\n") && left.ends_with("X11Forwarding no\n"),
                    "{left}"
                );
            }
            _ => {}
        }
        assert_eq!(notes.is_empty(), choice == "discard", "{notes:?}");
        // Twice is once.
        assert!(matches!(host.undo(&mut |_| {}), Err(ApplyError::Nothing(_))));
    }
}

#[test]
fn an_owner_or_mode_that_somebody_else_set_is_theirs() {
    let case = ssh();
    let host = Host::of(&case);
    host.apply(&host.plan(&case), &mut |_| {}).unwrap();
    let main = host.root.path().join(MAIN.trim_start_matches('/'));
    std::fs::set_permissions(&main, std::fs::Permissions::from_mode(0o640)).unwrap();
    let Err(ApplyError::Foreign(files)) = host.undo(&mut |_| {}) else { panic!("not asked") };
    let merged = (MAIN.to_owned(), Decision::Merge(files[0].merged.clone().unwrap()));
    with(&host.door, host.root.path(), |executor| executor.undo(None, "undo", "t", &[merged], now()).unwrap());
    assert_eq!(std::fs::metadata(&main).unwrap().mode() & 0o777, 0o640);
    assert!(std::fs::read_to_string(&main).unwrap().starts_with("PermitRootLogin"));
}

#[test]
fn a_directory_that_others_use_by_now_stays() {
    let (door, root) = Machine::new().directory("/etc").door();
    let made =
        |path: &str, after| Step { path: path.to_owned(), before: State::Absent, after, fixes: Vec::new() };
    let perms = Perms { uid: 0, gid: 0, mode: 0o750 };
    let mut plan = plan(vec![made("/etc/own", State::Directory { perms })]);
    plan.steps.extend(by_hand(root.path(), "/etc/own/file", "ours").steps);
    apply(&door, root.path(), &plan, None).unwrap();
    std::fs::write(root.path().join("etc/own/theirs"), "theirs").unwrap();
    let notes = with(&door, root.path(), |executor| {
        executor.undo(None, "undo", "test", &[], now()).unwrap();
        executor.notes().to_vec()
    });
    assert_eq!(notes, ["the directory /etc/own stays: others put something into it"]);
    assert_eq!(std::fs::read_dir(root.path().join("etc/own")).unwrap().count(), 1);
}

#[test]
fn an_older_change_set_is_not_pulled_out_from_under_a_newer_one() {
    let (door, root) = Machine::new().file("/etc/a", "one").file("/etc/b", "one").door();
    let before = snapshot::take(root.path());
    // The clock goes back between them.
    let first = apply(&door, root.path(), &by_hand(root.path(), "/etc/a", "two"), None).unwrap();
    let other = apply(&door, root.path(), &by_hand(root.path(), "/etc/b", "two"), None).unwrap();
    let second = with(&door, root.path(), |executor| {
        let plan = by_hand(root.path(), "/etc/a", "three");
        let mut recheck = || Ok(Vec::<Mended>::new());
        let then = Timestamp::UNIX_EPOCH;
        executor.apply(&plan, then, None, &mut |_| Ok(()), &mut recheck).unwrap().change_set
    });
    let undo =
        |id: Option<&str>| with(&door, root.path(), |executor| executor.undo(id, "undo", "test", &[], now()));
    assert!(matches!(undo(Some(&first)), Err(ApplyError::Buried(by)) if by == second));
    assert_eq!(undo(Some(&other)).unwrap(), other);
    assert_eq!(undo(None).unwrap(), second);
    assert_eq!(undo(None).unwrap(), first);
    assert!(matches!(undo(None), Err(ApplyError::Nothing(_))));
    assert_eq!(snapshot::difference(&before, &snapshot::take(root.path())), [""; 0]);
}

#[test]
fn another_run_leaves_what_waits_to_be_confirmed_and_its_boot_job_alone() {
    let (door, root) = Machine::new().file("/etc/a", "one").directory("/etc/systemd/system").door();
    let before = snapshot::take(root.path());
    let job = root.path().join("etc/systemd/system/sysinit.target.wants/palisade-recover.service");
    let waits = with(&door, root.path(), |executor| {
        let plan = by_hand(root.path(), "/etc/a", "two");
        let mut begun = |_: &str| {
            let disk = Disk::below(root.path()).unwrap();
            Watchdog::new(&disk).arm("/usr/sbin/palisade").map(drop).map_err(|error| error.to_string())
        };
        let mut recheck = || Ok(Vec::<Mended>::new());
        executor.apply(&plan, now(), Some(in_an_hour()), &mut begun, &mut recheck).unwrap().change_set
    });
    let other = by_hand(root.path(), "/etc/a", "three");
    assert!(matches!(apply(&door, root.path(), &other, None), Err(ApplyError::Waiting(id)) if id == waits));
    with(&door, root.path(), |executor| {
        executor.stand_down().unwrap();
        assert_eq!(executor.recover(now()).unwrap(), [""; 0]);
    });
    assert!(job.is_symlink());
    with(&door, root.path(), |executor| executor.undo(Some(&waits), "undo", "test", &[], now()).unwrap());
    assert_eq!(snapshot::difference(&before, &snapshot::take(root.path())), [""; 0]);
    let refused = with(&door, root.path(), |executor| executor.confirm(now()).unwrap_err().to_string());
    assert!(refused.contains(&format!("{waits}, is undone")), "{refused}");
}

#[test]
fn what_nobody_confirms_is_taken_back_by_the_watch_or_else_by_the_next_run() {
    let (door, root) = Machine::new().file("/etc/a", "one").door();
    let before = snapshot::take(root.path());
    let place = root.path();
    let waiting = || apply(&door, place, &by_hand(place, "/etc/a", "two"), Some(now())).unwrap();

    // The process that watches is killed: the next run notices, and one that knows it lives lets it work.
    let id = waiting();
    assert!(!Journal::is_watched(place, &id).unwrap());
    assert_eq!(with(&door, place, |executor| executor.recover(in_an_hour()).unwrap()), [id]);
    assert_eq!(snapshot::difference(&before, &snapshot::take(place)), [""; 0]);

    let id = waiting();
    let hour = Duration::from_secs(3600);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| harden::watch(&door, place, &id, hour, &now).unwrap());
        while !Journal::is_watched(place, &id).unwrap() {
            std::thread::yield_now();
        }
        assert_eq!(with(&door, place, |executor| executor.recover(in_an_hour()).unwrap()), [""; 0]);
        assert_eq!(with(&door, place, |executor| executor.confirm(now()).unwrap()), std::slice::from_ref(&id));
        assert!(!watching.join().unwrap(), "it was confirmed");
    });
    with(&door, place, |executor| executor.undo(None, "undo", "test", &[], now()).unwrap());

    let id = waiting();
    assert!(harden::watch(&door, place, &id, Duration::from_millis(50), &now).unwrap());
    assert_eq!(snapshot::difference(&before, &snapshot::take(place)), [""; 0]);
}

#[test]
fn ctrl_c_at_any_moment_puts_everything_back() {
    let stops = AtomicUsize::new(0);
    for_each_case(|case| {
        let base = Host::of(case);
        let plan = base.plan(case);
        let before = snapshot::take(base.root.path());
        let mut moments = 0;
        base.copy(case).apply(&plan, &mut |_| moments += 1).unwrap();
        // Later than the last but one there is nothing left to stop.
        for moment in 0..moments - 1 {
            let host = base.copy(case);
            let stop = Arc::new(AtomicBool::new(false));
            let mut seen = 0;
            let mut tell = |_: &Moment| {
                stop.fetch_or(seen == moment, Ordering::SeqCst);
                seen += 1;
            };
            let mut executor = Executor::new(&host.door, host.root.path(), Who::default(), &mut tell).unwrap();
            executor.stop_when(Arc::clone(&stop));
            let mut recheck = || Ok(Vec::<Mended>::new());
            let result = executor.apply(&plan, now(), None, &mut |_| Ok(()), &mut recheck);
            assert!(matches!(result, Err(ApplyError::Failed { .. })), "at {moment}: {result:?}");
            let left = snapshot::take(host.root.path());
            assert_eq!(snapshot::difference(&before, &left), [""; 0], "at {moment}");
            stops.fetch_add(1, Ordering::SeqCst);
        }
    });
    count(stops.into_inner(), "runs stopped by Ctrl-C, one at every step of every case");
}

#[test]
fn a_change_of_owner_and_mode_that_ended_half_way_is_taken_back() {
    for (kind, mode) in [("file", 0o4755), ("directory", 0o777)] {
        let machine = Machine::new().directory("/etc/d").file("/etc/f", "");
        let path = if kind == "file" { "/etc/f" } else { "/etc/d" };
        let (door, root) = machine.mode(path, mode).door();
        let place = root.path().join(path.trim_start_matches('/'));
        let before = Disk::below(root.path()).unwrap().state(path, false).unwrap();
        let was = snapshot::take(root.path());
        let perms = Perms { uid: 1234, gid: 1234, mode: 0o700 };
        let after = match before.clone() {
            State::File { content, xattrs, modified, .. } => State::File { content, perms, xattrs, modified },
            _ => State::Directory { perms },
        };
        let step = Step { path: path.to_owned(), before, after, fixes: Vec::new() };
        let result = with(&door, root.path(), |executor| {
            let mut begun = |_: &str| {
                chown(&place, Some(1234), Some(1234)).unwrap();
                Err("ended".to_owned())
            };
            executor.apply(&plan(vec![step]), now(), None, &mut begun, &mut || Ok(Vec::new()))
        });
        assert!(matches!(result, Err(ApplyError::Failed { .. })), "{kind}: {result:?}");
        assert_eq!(snapshot::difference(&was, &snapshot::take(root.path())), [""; 0], "{kind}");
    }
}

#[test]
fn what_cannot_be_put_back_can_be_left_and_hinders_nobody_then() {
    let (door, root) = Machine::new().file("/etc/a", "one").door();
    let before = snapshot::take(root.path());
    let mut plan = by_hand(root.path(), "/etc/a", "two");
    let reload = harden::Act::run("systemctl", &["reload", "gone.service"]);
    let what = "reload gone".to_owned();
    plan.settle.push(Settle { name: String::new(), what, first: false, acts: vec![reload] });
    let stuck = apply(&door, root.path(), &plan, None).unwrap_err();
    let ApplyError::Stuck { change_set, left, .. } = &stuck else { panic!("{stuck}") };
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(stuck.to_string().contains(&format!("palisade harden undo {change_set} --leave")), "{stuck}");
    // The files are back all the same.
    assert_eq!(snapshot::difference(&before, &snapshot::take(root.path())), [""; 0]);
    let again = with(&door, root.path(), |executor| executor.recover(now()));
    assert!(matches!(again, Err(ApplyError::Stuck { .. })), "every run tries again");
    with(&door, root.path(), |executor| {
        assert_eq!(executor.give_up(None, now()).unwrap(), *change_set);
        assert_eq!(executor.notes().len(), 1);
        assert_eq!(executor.recover(now()).unwrap(), [""; 0]);
        assert!(matches!(executor.give_up(None, now()), Err(ApplyError::Nothing(_))));
    });
    apply(&door, root.path(), &by_hand(root.path(), "/etc/a", "three"), None).unwrap();
}

#[test]
fn an_error_names_the_first_of_what_could_not_be_put_back() {
    let left = (1..=9).map(|number| format!("file {number}")).collect();
    let stuck = ApplyError::Stuck { change_set: "1".to_owned(), what: "it failed".to_owned(), left };
    let said = stuck.to_string();
    assert!(said.contains("file 3; and 6 more.") && !said.contains("file 4"), "{said}");
}

#[test]
fn a_service_that_was_stopped_since_is_not_started_by_an_undo() {
    let (door, root) = Machine::new()
        .file("/etc/a", "one")
        .program("systemctl reload stopped.service", "")
        .failing_program("systemctl is-active --quiet stopped.service", 3, "")
        .door();
    let mut plan = by_hand(root.path(), "/etc/a", "two");
    let acts = vec![harden::Act::run("systemctl", &["reload", "stopped.service"])];
    plan.settle.push(Settle { name: String::new(), what: String::new(), first: false, acts });
    apply(&door, root.path(), &plan, None).unwrap();
    // To restart it would need an answer that this machine does not have.
    with(&door, root.path(), |executor| executor.undo(None, "undo", "test", &[], now()).unwrap());
}

#[test]
fn nobody_leads_our_hand_elsewhere_through_a_directory_of_their_own() {
    let (door, root) = Machine::new()
        .file("/home/eve/.ssh/authorized_keys", "one\ntwo\n")
        .file("/root/.ssh/authorized_keys", "one\ntwo\n")
        .file("/home/eve/several", "")
        .door();
    let (eve, place) = (Some(1000), |path: &str| root.path().join(path));
    for path in ["home/eve", "home/eve/.ssh", "home/eve/.ssh/authorized_keys"] {
        chown(place(path), eve, eve).unwrap();
    }
    let disk = Disk::below(root.path()).unwrap();
    let plan = by_hand(root.path(), "/home/eve/.ssh/authorized_keys", "one\n");
    // Between the plan and its step she puts a link to another's directory there, where the same text stands.
    let before = snapshot::take(&place("root"));
    let result = with(&door, root.path(), |executor| {
        let mut begun = |_: &str| {
            std::fs::rename(place("home/eve/.ssh"), place("home/eve/aside")).unwrap();
            symlink("/root/.ssh", place("home/eve/.ssh")).unwrap();
            std::os::unix::fs::lchown(place("home/eve/.ssh"), eve, eve).unwrap();
            Ok(())
        };
        executor.apply(&plan, now(), None, &mut begun, &mut || Ok(Vec::new())).unwrap_err().to_string()
    });
    assert!(result.contains("a link that user 1000 made is not followed"), "{result}");
    assert_eq!(before, snapshot::take(&place("root")));

    // A second name of a file of another's does not give it to her.
    std::fs::hard_link(place("root/.ssh/authorized_keys"), place("home/eve/second")).unwrap();
    let hers = Perms { uid: 1000, gid: 1000, mode: 0o600 };
    let state = State::File { content: None, perms: hers, xattrs: Default::default(), modified: None };
    let refused = disk.put("/home/eve/second", &state, "t").unwrap_err().to_string();
    assert!(refused.contains("other names"), "{refused}");
    // The administrator's links are followed, and so are hers to what is hers.
    symlink("/home/eve", place("www")).unwrap();
    assert!(matches!(disk.state("/www/aside/authorized_keys", true).unwrap(), State::File { .. }));
    assert!(
        with(&door, root.path(), |executor| executor.journal().change_sets().unwrap())
            .iter()
            .all(|(_, status)| matches!(status, Status::Undone { .. }))
    );
}
