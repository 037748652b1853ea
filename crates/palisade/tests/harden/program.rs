//! The program itself on trees: what a terminal or a second run can do to it.

use std::process::{Command, Output, Stdio};

use test_support::Machine;

use crate::snapshot;
use crate::undo::{apply, by_hand, with};

fn palisade(root: &std::path::Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.arg("harden").args(args).arg("--root").arg(root).stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn machine() -> Machine {
    Machine::new().file("/etc/ssh/sshd_config", "PasswordAuthentication yes\n").file("/usr/sbin/sshd", "")
}

const MEND: [&str; 4] = ["--rule", "ssh.password-login-off", "--apply", "--yes"];

#[test]
fn a_second_run_ends_with_2_and_names_the_first() {
    let (door, root) = machine().offline_door();
    let before = snapshot::take(root.path());
    let output = with(&door, root.path(), |_| palisade(root.path(), &MEND).output().unwrap());
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains(&format!("process {}", std::process::id())), "{}", text(&output));
    assert_eq!(before, snapshot::take(root.path()));
}

#[test]
fn a_plan_that_nobody_can_read_is_not_carried_out() {
    let (_door, root) = machine().offline_door();
    let before = snapshot::take(root.path());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = palisade(root.path(), &MEND).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("nothing was changed"), "{}", text(&output));
    assert_eq!(before, snapshot::take(root.path()));
}

#[test]
fn yes_to_a_plan_that_is_only_shown_is_refused() {
    let (_door, root) = machine().offline_door();
    let output = palisade(root.path(), &["--all", "--yes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("--apply"), "{}", text(&output));
}

#[test]
fn nobody_to_ask_and_nothing_to_undo_are_said() {
    let (_door, root) = machine().offline_door();
    let before = snapshot::take(root.path());
    let output = palisade(root.path(), &MEND[..3]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("add --yes"), "{}", text(&output));
    for args in [&["undo", "--yes"][..], &["undo", "--yes", "--leave"], &["confirm"]] {
        let output = palisade(root.path(), args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output));
        assert!(text(&output).starts_with("error: "), "{args:?}: {}", text(&output));
    }
    assert_eq!(before, snapshot::take(root.path()));
}

#[test]
fn a_program_reads_the_plan_alone_and_an_auditor_80_columns() {
    let (_door, root) = machine().offline_door();
    let output = palisade(root.path(), &MEND).args(["--format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["fixes"][0]["id"], "sshd-option", "{plan:#}");
    assert!(text(&output).contains("mended and seen to pass"), "{}", text(&output));
    let output = palisade(root.path(), &["report"]).output().unwrap();
    let said = text(&output);
    assert!(said.contains("plan: agreed") && said.contains("2 entries"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
}

#[test]
fn what_was_cut_off_is_taken_back_before_the_plan_is_made() {
    let (_door, root) = machine().offline_door();
    palisade(root.path(), &MEND).output().unwrap();
    let journal = root.path().join("var/lib/palisade-harden");
    let mut found = std::fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().path());
    let set = found.find(|path| path.is_dir()).unwrap();
    std::fs::write(set.join("status.json"), r#"{"status":"applying"}"#).unwrap();
    let output = palisade(root.path(), &MEND).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let own = std::fs::read_to_string(root.path().join("etc/ssh/sshd_config.d/00-palisade.conf"));
    assert!(own.unwrap().contains("PasswordAuthentication no"), "{}", text(&output));
}

#[test]
fn an_error_names_its_cause_once() {
    let (_door, root) = Machine::new().link("/var/lib/palisade-harden/lock", "/nowhere").offline_door();
    let output = palisade(root.path(), &["confirm"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert_eq!(text(&output).matches("os error").count(), 1, "{}", text(&output));
}

#[test]
fn a_tree_is_mended_of_what_only_a_running_host_shows_to_pass() {
    let (_door, root) = Machine::new()
        .file("/usr/sbin/auditd", "")
        .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .file_with_mode("/etc/audit/rules.d/audit.rules", "-D\n", 0o640)
        .offline_door();
    let before = snapshot::take(root.path());
    let mend = ["--rule", "audit.identity-watched", "--apply", "--yes"];
    let output = palisade(root.path(), &mend).output().unwrap();
    let said = text(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("Only a running host shows whether"), "{said}");
    assert!(said.contains(&format!("`palisade harden undo --root {}`", root.path().display())), "{said}");
    let rules = root.path().join("etc/audit/rules.d/50-palisade.rules");
    assert!(std::fs::read_to_string(rules).unwrap().contains("-w /etc/passwd -p wa"));
    let output = palisade(root.path(), &mend).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = palisade(root.path(), &["undo", "--yes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(snapshot::difference(&before, &snapshot::take(root.path())), [""; 0]);
}

#[test]
fn undo_takes_back_what_was_cut_off_and_nothing_more() {
    let (door, root) = Machine::new().file("/etc/a", "one").file("/etc/b", "one").offline_door();
    apply(&door, root.path(), &by_hand(root.path(), "/etc/b", "two"), None).unwrap();
    let before = snapshot::take(root.path());
    let id = apply(&door, root.path(), &by_hand(root.path(), "/etc/a", "two"), None).unwrap();
    let status = root.path().join("var/lib/palisade-harden").join(&id).join("status.json");
    std::fs::write(status, r#"{"status":"applying"}"#).unwrap();
    let output = palisade(root.path(), &["status"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("palisade harden recover"), "{}", text(&output));
    assert!(!text(&output).contains("No change set"), "{}", text(&output));
    let output = palisade(root.path(), &["undo", "--yes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains(&format!("Undone: {id}.")), "{}", text(&output));
    assert_eq!(snapshot::difference(&before, &snapshot::take(root.path())), [""; 0]);
}

#[test]
fn status_tells_what_nobody_watches_and_what_is_damaged() {
    let (door, root) = Machine::new().file("/etc/a", "one").file("/etc/b", "one").offline_door();
    let first = apply(&door, root.path(), &by_hand(root.path(), "/etc/b", "two"), None).unwrap();
    let until = crate::harness::now();
    apply(&door, root.path(), &by_hand(root.path(), "/etc/a", "two"), Some(until)).unwrap();
    std::fs::write(root.path().join("var/lib/palisade-harden").join(&first).join("plan.json"), "{").unwrap();
    let output = palisade(root.path(), &["status"]).output().unwrap();
    let said = text(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in ["The process that reverts it is gone", "harden confirm", "is damaged", "--leave"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
