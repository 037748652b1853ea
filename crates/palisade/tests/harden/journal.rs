//! A journal that is damaged, huge, contested or planted.

use std::os::unix::fs::PermissionsExt as _;

use harden::{ApplyError, Executor, Journal, JournalError, Moment, Status, Who};
use test_support::Machine;

use crate::harness::now;
use crate::snapshot;
use crate::undo::{apply, by_hand, with};

const FOLDER: &str = "var/lib/palisade-harden";

#[test]
fn a_status_that_cannot_be_read_stops_others_until_a_person_decides() {
    for keep in [true, false] {
        let (door, root) = Machine::new().file("/etc/a", "one").file("/etc/b", "one").door();
        let before = snapshot::take(root.path());
        let id = apply(&door, root.path(), &by_hand(root.path(), "/etc/a", "two"), None).unwrap();
        let after = snapshot::take(root.path());
        std::fs::write(root.path().join(FOLDER).join(&id).join("status.json"), "\0\0\0").unwrap();
        let other = by_hand(root.path(), "/etc/b", "two");
        assert!(
            matches!(apply(&door, root.path(), &other, None), Err(ApplyError::Waiting(named)) if named == id)
        );
        with(&door, root.path(), |executor| {
            assert_eq!(executor.recover(now()).unwrap(), [""; 0]);
            if keep {
                executor.confirm(now()).unwrap();
            } else {
                executor.undo(None, "undo", "test", &[], now()).unwrap();
            }
        });
        let left = snapshot::take(root.path());
        assert!(left == if keep { after } else { before });
        apply(&door, root.path(), &other, None).unwrap();
    }
}

#[test]
fn a_plan_that_cannot_be_read_can_be_given_up() {
    let (door, root) = Machine::new().file("/etc/a", "one").door();
    let id = apply(&door, root.path(), &by_hand(root.path(), "/etc/a", "two"), None).unwrap();
    let folder = root.path().join(FOLDER).join(&id);
    std::fs::write(folder.join("plan.json"), "{").unwrap();
    std::fs::write(folder.join("status.json"), r#"{"status":"applying"}"#).unwrap();
    let stuck = with(&door, root.path(), |executor| executor.recover(now()).unwrap_err().to_string());
    assert!(stuck.contains("plan.json in the journal is damaged") && stuck.contains("--leave"), "{stuck}");
    with(&door, root.path(), |executor| {
        assert_eq!(executor.give_up(Some(&id), now()).unwrap(), id);
        assert_eq!(executor.notes().len(), 1);
        assert_eq!(executor.recover(now()).unwrap(), [""; 0]);
    });
    assert_eq!(std::fs::read_to_string(root.path().join("etc/a")).unwrap(), "two");
}

#[test]
fn what_was_taken_back_leaves_no_content_in_the_journal() {
    let (door, root) = Machine::new().file("/etc/a", "former-secret").door();
    let id = apply(&door, root.path(), &by_hand(root.path(), "/etc/a", "new-secret"), None).unwrap();
    let folder = root.path().join(FOLDER).join(&id);
    let plan = std::fs::read(folder.join("plan.json")).unwrap();
    let undo = || with(&door, root.path(), |executor| executor.undo(None, "undo", "test", &[], now()).unwrap());
    assert_eq!(undo(), id);
    assert!(!folder.join("plan.json").exists());
    let outline = Journal::peek(root.path(), &id).unwrap();
    assert_eq!(outline.steps.len(), 1);
    assert_eq!(outline.steps[0].path, "/etc/a");
    assert!(outline.steps[0].before == outline.steps[0].after);
    // A run that was cut off before it forgot: the next one does.
    std::fs::write(folder.join("plan.json"), plan).unwrap();
    with(&door, root.path(), |executor| assert_eq!(executor.recover(now()).unwrap(), [""; 0]));
    assert!(!folder.join("plan.json").exists());
    assert_eq!(Journal::list(root.path()).unwrap().len(), 1);
}

#[test]
fn a_run_that_ended_before_it_began_leaves_nothing() {
    let (door, root) = Machine::new().file("/etc/a", "one").door();
    let id = apply(&door, root.path(), &by_hand(root.path(), "/etc/a", "two"), None).unwrap();
    let begun = root.path().join(FOLDER).join("0002-20260101T000000");
    std::fs::create_dir(&begun).unwrap();
    std::fs::write(begun.join(".plan.json.palisade-journal"), "{").unwrap();
    with(&door, root.path(), |executor| {
        let sets = executor.journal().change_sets().unwrap();
        assert_eq!(sets, [(id, Status::Kept)]);
    });
    assert!(!begun.exists());
}

#[test]
fn a_second_run_is_told_of_the_first() {
    let (door, root) = Machine::new().door();
    with(&door, root.path(), |_| {
        let mut quiet = |_: &Moment| {};
        let error = Executor::new(&door, root.path(), Who::default(), &mut quiet).map(drop).unwrap_err();
        assert!(matches!(&error, JournalError::Busy(who) if *who == format!("process {}", std::process::id())));
        assert!(Journal::holder(root.path()).unwrap().is_some());
    });
    assert_eq!(Journal::holder(root.path()).unwrap(), None);
}

#[test]
fn a_huge_history_is_gone_on_with_and_a_cut_line_is_told() {
    let (door, root) = Machine::new().file("/etc/a", "one").door();
    apply(&door, root.path(), &by_hand(root.path(), "/etc/a", "two"), None).unwrap();
    let path = root.path().join(FOLDER).join("history.jsonl");
    let line = std::fs::read(&path).unwrap();
    // 40 MiB, the last line cut off by a crash.
    let mut many = line.repeat((40 << 20) / line.len());
    many.truncate(many.len() - 20);
    std::fs::write(&path, &many).unwrap();
    with(&door, root.path(), |executor| executor.undo(None, "undo", "test", &[], now()).unwrap());
    let (entries, holds) = Journal::history(root.path()).unwrap();
    assert!(!holds);
    assert_eq!(entries.last().unwrap().act, "undo");
    assert!(!entries.last().unwrap().previous.is_empty());
}

#[test]
fn a_journal_that_others_may_write_to_is_not_carried_out() {
    let (door, root) = Machine::new().directory("/var/lib/palisade-harden").door();
    let folder = root.path().join(FOLDER);
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let mut quiet = |_: &Moment| {};
    let error = Executor::new(&door, root.path(), Who::default(), &mut quiet).map(drop).unwrap_err();
    assert!(error.to_string().contains("cannot be trusted"), "{error}");
}
