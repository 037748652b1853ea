//! The probe of section `audit` against the kernel of this machine. Needs root and the package auditd.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use std::process::Command;
use std::sync::Arc;

use host::{Door, Local};
use model::Timestamp;
use model::report::{Target, TargetKind};
use probe::{PROBES, Request, Subject, collect};
use serde_json::Value;

/// Rules of ours in the kernel, taken away at the end. Others' rules stay as they are.
struct Loaded(Vec<Vec<String>>);

impl Loaded {
    fn new(rules: &[&[&str]]) -> Self {
        let mut loaded = Self(Vec::new());
        for rule in rules {
            let status =
                Command::new("/usr/sbin/auditctl").args(*rule).status().expect("auditctl (package auditd)");
            assert!(status.success(), "auditctl {rule:?}");
            loaded.0.push(rule.iter().map(|word| (*word).to_owned()).collect());
        }
        loaded
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        for rule in &self.0 {
            let mut undo = rule.clone();
            undo[0] = if undo[0] == "-w" { "-W".to_owned() } else { "-d".to_owned() };
            drop(Command::new("/usr/sbin/auditctl").args(undo).status());
        }
    }
}

fn section() -> Value {
    let door = Door::new(Arc::new(Local::new()));
    let target = Target { kind: TargetKind::Host, name: "t".into(), id: String::new() };
    let sections = ["audit".to_owned()];
    let request = Request {
        door: &door,
        target,
        now: Timestamp::UNIX_EPOCH,
        sections: &sections,
        probes: PROBES,
        subject: Subject::Host,
    };
    collect(&request, &mut |_| {}).facts.get("audit").cloned().unwrap_or(Value::Null)
}

#[test]
fn rules_of_the_real_kernel_are_read() {
    let _lock = test_support::audit_lock();
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("watched");
    std::fs::create_dir(&directory).unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (directory, file) = (directory.display().to_string(), file.display().to_string());
    let key = "palisade-test";
    let (path, exe) = (format!("path={file}"), format!("exe={file}"));
    let _loaded = Loaded::new(&[
        &["-w", &directory, "-p", "wa", "-k", key],
        &["-a", "always,exit", "-F", &path, "-F", "perm=wa", "-k", key],
        &["-a", "always,exit", "-F", "arch=b64", "-S", "sethostname", "-F", &exe, "-k", key],
    ]);
    let audit = section();
    assert!(audit["kernel"]["backlog_limit"].is_u64(), "{audit:#}");
    let watches = audit["watches"].as_array().unwrap();
    let watch = |path: &str| watches.iter().find(|watch| watch["path"] == path).expect("the watch").clone();
    let watched = watch(&directory);
    assert_eq!(watched["recursive"], true);
    assert_eq!(watched["loaded"], true);
    assert_eq!(watched["persisted"], false);
    assert_eq!(watched["key"], key);
    assert_eq!(watch(&file)["permissions"], "wa");
    let rules = audit["syscall_rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["syscalls"][0] == "sethostname" && rule["key"] == key));
    let only_loaded = audit["persistence"]["only_loaded"].as_array().unwrap();
    assert!(only_loaded.iter().any(|rule| rule.as_str().is_some_and(|rule| rule.contains(&directory))));
}
