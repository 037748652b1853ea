//! Ansible reads the playbooks of all fixes, and carrying them out gives the trees that Palisade makes.

use std::collections::BTreeSet;
use std::process::Command;

use crate::cases;
use crate::harness::Host;
use crate::snapshot::{self, Snapshot};

fn ansible(args: &[&str], playbook: &std::path::Path) {
    let venv = std::env::var("PALISADE_TEST_VENV").expect("PALISADE_TEST_VENV: `cargo xtask test` sets it");
    let output = Command::new(format!("{venv}/bin/ansible-playbook"))
        .args(["--inventory", "localhost,", "--connection", "local", "--extra-vars", "ansible_become=false"])
        .args(args)
        .arg(playbook)
        .env("ANSIBLE_LOCALHOST_WARNING", "False")
        .env("ANSIBLE_PYTHON_INTERPRETER", format!("{venv}/bin/python"))
        .output()
        .expect("ansible-playbook");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Without times: Ansible writes at its own.
fn timeless(snapshot: Snapshot) -> Snapshot {
    snapshot
        .into_iter()
        .map(|(path, (mode, uid, gid, _, content))| (path, (mode, uid, gid, 0, content)))
        .collect()
}

#[test]
fn a_playbook_makes_the_same_tree() {
    let folder = tempfile::tempdir().unwrap();
    let (mut whole, mut files) = (String::new(), String::new());
    let mut hosts = Vec::new();
    // One machine for each fix: Ansible takes its time.
    let mut seen = BTreeSet::new();
    for case in cases::all().into_iter().filter(|case| seen.insert(case.fix)) {
        let host = Host::of(&case);
        let mut plan = host.plan(&case);
        whole.push_str(&harden::playbook(&plan, "plant-7"));
        plan.checks.clear();
        plan.live.clear();
        plan.settle.clear();
        // The made-up machine's own tree.
        let root = host.root.path().display().to_string();
        let text = harden::playbook(&plan, "plant-7")
            .replace("dest: !unsafe \"/", &format!("dest: !unsafe \"{root}/"))
            .replace("path: !unsafe \"/", &format!("path: !unsafe \"{root}/"));
        // A secret text is not the playbook's business.
        if !text.contains("by hand") {
            files.push_str(&text);
            hosts.push((case, host));
        }
    }
    let path = folder.path().join("whole.yml");
    std::fs::write(&path, &whole).unwrap();
    ansible(&["--syntax-check"], &path);
    let path = folder.path().join("files.yml");
    std::fs::write(&path, &files).unwrap();
    ansible(&[], &path);
    for (case, host) in hosts {
        let by_ansible = timeless(snapshot::take(host.root.path()));
        let own = Host::of(&case);
        let mut plan = own.plan(&case);
        plan.live.clear();
        own.apply(&plan, &mut |_| {}).unwrap();
        let by_palisade = timeless(snapshot::take(own.root.path()));
        assert!(
            by_ansible == by_palisade,
            "{}: {:?}",
            case.name,
            snapshot::difference(&by_ansible, &by_palisade)
        );
    }
}
