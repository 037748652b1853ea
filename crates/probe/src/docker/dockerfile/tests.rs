//! What is read of Dockerfiles as a whole.

use test_support::{Machine, RIGHT, WRONG, mutations};

use super::*;

fn read(machine: Machine) -> Image {
    let (door, _root) = machine.door();
    image(&door, "/p/Dockerfile", "/p").unwrap()
}

fn of(text: &str) -> Image {
    read(Machine::new().file("/p/Dockerfile", text))
}

#[test]
fn the_last_stage_and_what_it_stands_on_count() {
    let image = of(
        "ARG V=12\nFROM a:$V AS base\nUSER app\nEXPOSE 22\nFROM b AS other\nUSER root\nHEALTHCHECK CMD x\nFROM base\nENV A=1\n",
    );
    assert_eq!(image.user.value().unwrap(), "app");
    assert_eq!((image.runs_as_root.value(), image.exposes_remote_shell.value()), (Some(&false), Some(&true)));
    assert_eq!(image.has_health_check.value(), Some(&false));
    assert_eq!(image.source, "/p/Dockerfile:8");
    let file = image.dockerfile.value().unwrap();
    let bases: Vec<_> =
        file.bases.iter().map(|base| (base.image.as_str(), base.is_latest, base.stage)).collect();
    assert_eq!(bases, [("a:12", false, 1), ("b", true, 2)]);
    assert_eq!(file.stages, 3);
}

#[test]
fn without_a_user_the_base_decides_unless_there_is_none() {
    assert!(of("FROM debian\n").runs_as_root.is_unreadable());
    assert_eq!(of("FROM scratch\nCOPY a /a\n").runs_as_root.value(), Some(&true));
    assert!(of("FROM a\nARG WHO\nUSER $WHO\n").user.is_unreadable());
    assert_eq!(of("FROM a\nARG WHO=app\nUSER ${WHO}:app\n").user.value().unwrap(), "app:app");
}

#[test]
fn a_folder_that_is_copied_whole_is_looked_at() {
    let folder = || {
        Machine::new().file("/p/Dockerfile", "FROM a\nCOPY . /app\n").file("/p/.env", "").file("/p/.git/x", "")
    };
    let secrets = |machine: Machine| {
        read(machine).dockerfile.value().unwrap().instructions.last().unwrap().secret_files.clone()
    };
    assert_eq!(secrets(folder()), [".env", ".git"]);
    assert_eq!(secrets(folder().file("/p/.dockerignore", "# why\n.git/\n")), [".env"]);
    assert!(secrets(folder().file("/p/.dockerignore", "**/.*\n")).is_empty());
    assert!(secrets(folder().file("/p/Dockerfile.dockerignore", ".env\n.git\n")).is_empty());
}

#[test]
fn no_secret_of_a_dockerfile_becomes_a_fact() {
    for described in [WRONG, RIGHT] {
        let facts = serde_json::to_string(&of(described.text("ui/Dockerfile"))).unwrap();
        assert!(!facts.contains("hunter2"), "{facts}");
    }
}

#[test]
fn damaged_files_are_read_or_refused_and_never_a_panic() {
    for text in mutations(WRONG.text("ui/Dockerfile"), 2000) {
        let _ = instructions(&text);
    }
}
