//! Tests of the section, over made-up machines. Owners are whoever runs the tests; modes and places decide.

#![allow(clippy::disallowed_methods, reason = "tests make strange files by hand")]

use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

use test_support::Machine;

use super::*;

fn machine() -> Machine {
    let uid = own_uid();
    Machine::new()
        .file("/etc/passwd", format!("root:x:0:0::/root:/bin/bash\nanna:x:1001:1001::/home/anna:/bin/bash\nme:x:{uid}:{uid}::/x:/bin/sh\n"))
        .file("/etc/group", format!("root:x:0:\nme:x:{uid}:\n"))
}

/// Who runs the tests: the owner of a file just made.
fn own_uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    tempfile::tempfile().unwrap().metadata().unwrap().uid()
}

fn read(machine: Machine) -> Files {
    let (door, _root) = machine.door();
    match probe(&Context::new(door)) {
        Fact::Known(section, _) => section,
        other => panic!("{other:?}"),
    }
}

fn paths(list: &Fact<Vec<FoundFile>>) -> Vec<&str> {
    list.value().unwrap().iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn files_and_directories_that_anybody_may_write_are_found() {
    let files = read(
        machine()
            .file_with_mode("/opt/a", "", 0o666)
            .file_with_mode("/opt/b", "", 0o664)
            .directory("/opt/open")
            .directory("/opt/sticky")
            .file_with_mode("/root/closed/a", "", 0o666)
            .mode("/opt/open", 0o777)
            .mode("/opt/sticky", 0o1777)
            .mode("/root", 0o700),
    );
    assert_eq!(paths(&files.world_writable_files), ["/opt/a"]);
    assert_eq!(paths(&files.world_writable_directories), ["/opt/open"]);
    assert!(files.walk.complete);
    assert!(files.cut.is_empty());
}

#[test]
fn programs_with_borrowed_rights_are_judged_by_place() {
    let files = read(
        machine()
            .file_with_mode("/usr/bin/passwd", "", 0o4755)
            .file_with_mode("/usr/local/bin/own", "", 0o4755)
            .file_with_mode("/usr/bin/wall", "", 0o2755)
            .file_with_mode("/opt/data", "", 0o2644)
            .file_with_mode("/home/anna/.cache/x", "", 0o6755),
    );
    let found: Vec<_> = files
        .setuid_programs
        .value()
        .unwrap()
        .iter()
        .map(|program| {
            (program.path.as_str(), program.setuid, program.setgid, program.hidden, program.in_user_place)
        })
        .collect();
    assert_eq!(
        found,
        [
            ("/home/anna/.cache/x", true, true, true, true),
            ("/usr/bin/passwd", true, false, false, false),
            ("/usr/bin/wall", false, true, false, false),
            ("/usr/local/bin/own", true, false, false, false),
        ]
    );
    assert!(usual::is_usual("/usr/bin/passwd") && !usual::is_usual("/usr/local/bin/own"));
}

#[test]
fn secrets_are_known_by_name_and_first_bytes_and_never_kept() {
    let key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let files = read(
        machine()
            .file_with_mode("/etc/nginx/site.key", key, 0o644)
            .file_with_mode("/etc/nginx/locked.pem", locked, 0o600)
            .file("/etc/nginx/not-a.key", "something else c2VjcmV0")
            .file("/etc/nginx/site.crt", "-----BEGIN CERTIFICATE-----\n")
            .file("/home/anna/.ssh/id_rsa", "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n")
            .file("/etc/ssh/ssh_host_ed25519_key", "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n")
            .file("/opt/app/.env", "PASSWORD=c2VjcmV0")
            .file("/home/anna/.pgpass", "c2VjcmV0")
            .file("/opt/app/store.p12", "c2VjcmV0"),
    );
    let found: Vec<_> = files
        .secret_files
        .value()
        .unwrap()
        .iter()
        .map(|file| (file.path.as_str(), file.kind.as_str(), file.encrypted.value().copied()))
        .collect();
    assert_eq!(
        found,
        [
            ("/etc/nginx/locked.pem", "private-key", Some(true)),
            ("/etc/nginx/site.key", "private-key", Some(false)),
            ("/etc/ssh/ssh_host_ed25519_key", "ssh-host-key", Some(false)),
            ("/home/anna/.pgpass", "credentials", None),
            ("/home/anna/.ssh/id_rsa", "ssh-private-key", Some(false)),
            ("/opt/app/.env", "environment", None),
            ("/opt/app/store.p12", "keystore", None),
        ]
    );
    let anna = files.secret_files.value().unwrap().iter().find(|file| file.path.ends_with("id_rsa")).unwrap();
    assert_eq!(anna.home_of.value().map(String::as_str), Some("anna"));
    assert!(!serde_json::to_string(&files).unwrap().contains("c2VjcmV0"));
}

#[test]
fn leftovers_backups_and_deployments_are_found_in_their_places() {
    let files = read(
        machine()
            .directory("/var/www/html/.git")
            .file("/var/www/html/index.html.bak", "")
            .file("/etc/app.conf.old", "")
            .file("/home/anna/x.bak", "")
            .file("/opt/app/docker-compose.yml", "")
            .file_with_mode("/var/backups/all.tar.gz", b"\x1f\x8b\x08", 0o644)
            .file_with_mode("/srv/backup/db.age", "age-encryption.org/v1\n", 0o600),
    );
    let leftovers: Vec<_> = files
        .leftovers
        .value()
        .unwrap()
        .iter()
        .map(|file| (file.path.as_str(), file.kind.as_str(), file.in_web_root))
        .collect();
    assert_eq!(
        leftovers,
        [
            ("/etc/app.conf.old", "backup", false),
            ("/var/www/html/.git", "repository", true),
            ("/var/www/html/index.html.bak", "backup", true),
        ]
    );
    let backups: Vec<_> = files
        .backups
        .value()
        .unwrap()
        .iter()
        .map(|backup| (backup.path.as_str(), backup.kind.as_str(), backup.encrypted.value().copied()))
        .collect();
    assert_eq!(
        backups,
        [
            ("/srv/backup", "directory", None),
            ("/var/backups", "directory", None),
            ("/srv/backup/db.age", "file", Some(true)),
            ("/var/backups/all.tar.gz", "file", Some(false)),
        ]
    );
    assert_eq!(paths(&files.deployment_files), ["/opt/app/docker-compose.yml"]);
}

#[test]
fn trust_files_core_dumps_and_programs_in_temporary_places_are_found() {
    let files = read(
        machine()
            .file("/home/anna/.rhosts", "")
            .file("/etc/hosts.equiv", "")
            .file("/var/lib/systemd/coredump/core.x.1000.zst", "x")
            .file("/srv/core.1234", "x")
            .file("/srv/core.js", "x")
            .file_with_mode("/tmp/x/run", "", 0o755)
            .file("/tmp/x/data", ""),
    );
    assert_eq!(paths(&files.trust_files), ["/etc/hosts.equiv", "/home/anna/.rhosts"]);
    assert_eq!(paths(&files.core_dumps), ["/srv/core.1234", "/var/lib/systemd/coredump/core.x.1000.zst"]);
    assert_eq!(paths(&files.temporary_programs), ["/tmp/x/run"]);
}

#[test]
fn system_files_are_listed_by_kind() {
    let files = read(
        machine().file_with_mode("/etc/shadow", "", 0o640).file("/etc/sudoers.d/x", "").directory("/usr/bin"),
    );
    let system = files.system_files.value().unwrap();
    let kinds: Vec<_> = system.iter().map(|file| (file.kind.as_str(), file.path.as_str())).collect();
    assert_eq!(
        kinds,
        [
            ("accounts", "/etc/passwd"),
            ("accounts", "/etc/group"),
            ("password-hashes", "/etc/shadow"),
            ("sudo", "/etc/sudoers.d"),
            ("sudo", "/etc/sudoers.d/x"),
            ("system", "/etc"),
        ]
    );
    assert_eq!(system[2].access.value().unwrap().mode, "0640");
    assert_eq!(paths(&files.path_directories), ["/usr/bin"]);
}

#[test]
fn a_system_file_is_listed_once_in_its_kind() {
    let files = read(machine().file("/etc/audit/rules.d/a.rules", "").file("/etc/sudoers.d/x", ""));
    let system = files.system_files.value().unwrap();
    let audit: Vec<_> =
        system.iter().filter(|file| file.kind == "audit").map(|file| file.path.as_str()).collect();
    assert_eq!(audit, ["/etc/audit", "/etc/audit/rules.d", "/etc/audit/rules.d/a.rules"]);
}

#[test]
fn a_system_file_that_cannot_be_looked_at_is_listed_without_access() {
    let files = read(machine().link("/etc/sudoers.d", "/etc/sudoers.d"));
    let system = files.system_files.value().unwrap();
    let unseen: Vec<_> =
        system.iter().filter(|file| file.access.is_unreadable()).map(|file| file.path.as_str()).collect();
    assert_eq!(unseen, ["/etc/sudoers.d", "/etc/sudoers.d/*"]);
}

#[test]
fn files_of_containers_are_left_out_but_their_volumes_are_not() {
    let files = read(
        machine()
            .file("/etc/docker/daemon.json", r#"{"data-root": "/data/docker/"}"#)
            .file_with_mode("/var/lib/docker/overlay2/x/diff/bin/su", "", 0o4755)
            .file_with_mode("/data/docker/overlay2/x/diff/bin/su", "", 0o4755)
            .file(
                "/proc/self/mountinfo",
                "1 0 8:1 / / rw - ext4 a rw\n2 1 0:9 / /srv/dk/overlay2/y/merged rw - overlay overlay rw\n",
            )
            .file_with_mode("/srv/dk/overlay2/y/diff/bin/su", "", 0o4755)
            .file_with_mode("/home/dk/overlay2/z/diff/bin/su", "", 0o4755)
            .file_with_mode("/var/lib/docker/volumes/v/_data/su", "", 0o4755),
    );
    let programs: Vec<_> = files.setuid_programs.value().unwrap().iter().map(|p| p.path.as_str()).collect();
    assert_eq!(programs, ["/var/lib/docker/volumes/v/_data/su"]);
    let skipped: Vec<_> = files.walk.skipped.iter().map(|s| (s.path.as_str(), s.reason.as_str())).collect();
    assert_eq!(
        skipped,
        [
            ("/data/docker/overlay2", "container"),
            ("/srv/dk/overlay2", "container"),
            ("/var/lib/docker/overlay2", "container"),
        ]
    );
}

#[test]
fn a_list_is_cut_at_its_limit_and_says_so() {
    let mut machine = machine();
    for index in 0..walk::LIST_LIMIT + 5 {
        machine = machine.file_with_mode(&format!("/opt/{index:04}"), "", 0o666);
    }
    let files = read(machine);
    assert_eq!(files.world_writable_files.value().map(Vec::len), Some(walk::LIST_LIMIT));
    assert_eq!(files.cut["world_writable_files"], walk::LIST_LIMIT as u64 + 5);
}

#[test]
fn names_that_are_no_text_or_control_terminals_stay_harmless() {
    let machine = machine().directory("/opt");
    let name = std::ffi::OsString::from_vec(b"\xff\x1b[2J\n.key".to_vec());
    std::fs::write(machine.place("/opt").join(name), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    let files = read(machine);
    assert_eq!(files.secret_files.value().map(Vec::len), Some(1));
}

#[test]
fn without_a_list_of_users_nobody_is_called_unknown() {
    let (door, _root) = Machine::new().file_with_mode("/opt/a", "", 0o666).door();
    let Fact::Known(files, _) = probe(&Context::new(door)) else { panic!("no section") };
    assert!(files.unowned.is_unreadable());
    assert_eq!(paths(&files.world_writable_files), ["/opt/a"]);
}

#[test]
fn users_of_a_directory_service_are_not_called_unknown() {
    let (door, _root) = Machine::new()
        .file("/etc/passwd", "nobody-here:x:4000000:4000000::/:/bin/false\n")
        .file("/etc/group", "")
        .file("/etc/nsswitch.conf", "passwd: files sss\n")
        .door();
    let Fact::Known(files, _) = probe(&Context::new(door)) else { panic!("no section") };
    assert!(files.unowned.is_unreadable());
}

#[test]
fn an_incomplete_walk_that_found_nothing_knows_nothing() {
    let (door, _root) = machine().file_with_mode("/opt/a", "", 0o666).door();
    let cx = Context::new(door.until(Instant::now() + Duration::from_secs(20)));
    let walked = walk::walked(&cx).unwrap();
    let owners = Owners::default();
    let lists =
        Lists { walked: &walked, owners: &owners, incomplete: Some("3 directories may not be read".into()) };
    assert!(lists.found(List::TrustFiles).is_unreadable());
    assert_eq!(paths(&lists.found(List::WorldWritableFiles)), ["/opt/a"]);
    assert!(!lists.walk().complete);
}

#[test]
fn the_walk_is_made_once_for_two_probes() {
    let (door, _root) = machine().door();
    let cx = Context::new(door);
    let first = walk::walked(&cx).unwrap();
    let second = walk::walked(&cx.through(cx.door.clone())).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &second));
}
