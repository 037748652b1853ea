//! The model of systemd's unit files against systemctl itself, on a file tree. Needs the package systemd.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use host::{Door, Tree};
use model::Timestamp;
use model::report::{Target, TargetKind};
use probe::{PROBES, Request, Subject, collect};

const UNITS: &[(&str, &str)] = &[
    ("on.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"),
    ("off.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"),
    ("fixed.service", "[Service]\nExecStart=/bin/true\n"),
    ("gone.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"),
    (
        "named.service",
        "[Service]\nExecStart=/bin/true\n[Install]\nAlias=other.service\nWantedBy=multi-user.target\n",
    ),
    ("pulls.service", "[Service]\nExecStart=/bin/true\n[Install]\nAlso=pulls.socket\n"),
    ("pulls.socket", "[Socket]\nListenStream=/run/x\n[Install]\nWantedBy=sockets.target\n"),
    ("many@.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"),
    (
        "console@.service",
        "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nDefaultInstance=tty1\n",
    ),
    ("often.timer", "[Timer]\nOnCalendar=hourly\n[Install]\nWantedBy=timers.target\n"),
    ("often.service", "[Service]\nExecStart=/bin/true\n"),
    ("vendor.service", "[Service]\nExecStart=/bin/true\n"),
];

fn systemctl(root: &Path, args: &[&str]) -> String {
    let output = Command::new("/usr/bin/systemctl")
        .arg(format!("--root={}", root.display()))
        .args(args)
        .output()
        .expect("systemctl (package systemd)");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn unit_states_are_those_of_systemctl() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("usr/lib/systemd/system");
    fs::create_dir_all(folder.join("sysinit.target.wants")).unwrap();
    symlink("usr/lib", root.path().join("lib")).unwrap();
    for (name, text) in UNITS {
        fs::write(folder.join(name), text).unwrap();
    }
    symlink("../vendor.service", folder.join("sysinit.target.wants/vendor.service")).unwrap();
    systemctl(
        root.path(),
        &["enable", "on.service", "named.service", "often.timer", "many@one.service", "console@.service"],
    );
    systemctl(root.path(), &["enable", "--runtime", "pulls.socket"]);
    systemctl(root.path(), &["mask", "gone.service"]);

    let door = Door::new(Arc::new(Tree::new(root.path()).unwrap()));
    let target = Target { kind: TargetKind::Root, name: "t".into(), id: String::new() };
    let sections = ["services".to_owned()];
    let request = Request {
        door: &door,
        target,
        now: Timestamp::UNIX_EPOCH,
        sections: &sections,
        probes: PROBES,
        subject: Subject::Host,
    };
    let document = collect(&request, &mut |_| {});
    let units = document.facts["services"]["units"].as_array().unwrap().clone();
    assert!(units.len() > UNITS.len(), "{units:#?}");
    let mut differ = Vec::new();
    for unit in units {
        let name = unit["name"].as_str().unwrap();
        let expected = systemctl(root.path(), &["is-enabled", name]);
        if unit["state"] != expected.as_str() {
            differ.push(format!("{name}: systemctl says {expected}, the model {}", unit["state"]));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
}
