//! What is read of Dockerfiles as a whole.

use test_support::{Machine, RIGHT, WRONG, mutations};

use super::*;

fn built(text: &str, target: &str, args: &[(&str, Option<&str>)]) -> Result<Image, String> {
    let (door, _root) = Machine::new().file("/p/Dockerfile", text).door();
    let args = args.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect();
    let build =
        Build { path: "/p/Dockerfile".to_owned(), context: "/p".to_owned(), target: target.to_owned(), args };
    image(&door, &build)
}

fn read(machine: Machine) -> Image {
    let (door, _root) = machine.door();
    let build = Build { path: "/p/Dockerfile".to_owned(), context: "/p".to_owned(), ..Build::default() };
    image(&door, &build).unwrap()
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
fn the_stage_and_the_arguments_that_a_build_is_told_decide() {
    let text = "ARG BASE=a:1\nFROM $BASE AS dev\nUSER root\nFROM dev AS final\nARG WHO=app\nUSER $WHO\n";
    let user = |target: &str, args: &[(&str, Option<&str>)]| built(text, target, args).unwrap().user;
    assert_eq!(user("", &[]).value().unwrap(), "app");
    assert_eq!(user("Dev", &[]).value().unwrap(), "root");
    assert_eq!(user("0", &[]).value().unwrap(), "root");
    assert_eq!(user("", &[("WHO", Some("root"))]).value().unwrap(), "root");
    assert!(user("", &[("WHO", None)]).is_unreadable() && user("", &[("WHO", Some(""))]).is_unreadable());
    assert!(built(text, "none", &[]).unwrap_err().contains("/p/Dockerfile: there is no stage `none`"));
    let image = built(text, "", &[("BASE", Some("b"))]).unwrap();
    assert_eq!(image.dockerfile.value().unwrap().bases[0].image, "b");
    let later = "FROM a\nENV WHO=root\nARG WHO=app\nUSER $WHO\nENV WHO=app\n";
    assert_eq!(built(later, "", &[]).unwrap().user.value().unwrap(), "root");
}

#[test]
fn a_broken_file_of_a_folder_leaves_the_others_as_they_are() {
    let folder = |file: &str| Machine::new().file(file, "FROM a\nFORM b\n");
    let look = |machine: Machine| {
        let (door, _root) = machine.door();
        probe(&Context::new(door).of(Subject::Dockerfile { path: "/p".to_owned() }))
    };
    assert!(look(folder("/p/Dockerfile")).is_unreadable());
    let Fact::Known(section, _) = look(folder("/p/Dockerfile.bad").file("/p/Dockerfile", "FROM a\nUSER app\n"))
    else {
        panic!("unreadable")
    };
    let images = section.images.value().unwrap();
    let bad = images.iter().find(|image| image.name == "/p/Dockerfile.bad").unwrap();
    assert!(matches!(&bad.runs_as_root, Fact::Unreadable(why) if why.starts_with("/p/Dockerfile.bad:2: ")));
    assert!(bad.dockerfile.is_unreadable() && bad.contents.is_absent());
    let good = images.iter().find(|image| image.name == "/p/Dockerfile").unwrap();
    assert_eq!(good.user.value().unwrap(), "app");
    let many = (0..=FILE_LIMIT)
        .fold(Machine::new(), |machine, n| machine.file(&format!("/p/Dockerfile.{n}"), "FROM a\n"));
    assert!(matches!(look(many), Fact::Unreadable(why) if why.contains("more than 64")));
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
    assert_eq!(secrets(folder().file("/p/.dockerignore", "*\n!.env\n")), [".env"]);
    assert!(secrets(folder().file("/p/.dockerignore", "!.env\n*\n")).is_empty());
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
