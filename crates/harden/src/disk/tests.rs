//! States are read exactly, written wholly and put back exactly.

#![allow(clippy::disallowed_methods, reason = "tests look at real trees")]

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;

fn file(text: &str, perms: Perms) -> State {
    State::File {
        content: Some(Content(text.as_bytes().to_vec())),
        perms,
        xattrs: BTreeMap::new(),
        modified: None,
    }
}

fn own(mode: u32) -> Perms {
    Perms { uid: rustix::process::getuid().as_raw(), gid: rustix::process::getgid().as_raw(), mode }
}

#[test]
fn what_was_read_is_put_back_exactly() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::below(root.path()).unwrap();
    let place = root.path().join("etc.conf");
    std::fs::write(&place, b"\xff binary").unwrap();
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o640)).unwrap();
    let attribute = fs::setxattr(&place, "user.note", b"kept", XattrFlags::empty()).is_ok();
    let before = disk.state("/etc.conf", true).unwrap();
    let modified = std::fs::metadata(&place).unwrap().mtime_nsec();

    disk.put("/etc.conf", &file("text", own(0o600)), "t").unwrap();
    assert_eq!(std::fs::read(&place).unwrap(), b"text");
    assert_eq!(std::fs::metadata(&place).unwrap().mode() & 0o7777, 0o600);
    let mut value = [0; 4];
    if attribute {
        fs::getxattr(&place, "user.note", &mut value).unwrap();
        assert_eq!(&value, b"kept");
    }

    let journal: State = serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap();
    disk.put("/etc.conf", &journal, "t").unwrap();
    assert_eq!(disk.state("/etc.conf", true).unwrap(), before);
    assert_eq!(std::fs::metadata(&place).unwrap().mtime_nsec(), modified);
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
}

#[test]
fn links_lead_nowhere_but_inside_and_are_not_written_through() {
    let outside = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    symlink(outside.path(), root.path().join("etc")).unwrap();
    let disk = Disk::below(root.path()).unwrap();
    disk.put("/etc/passwd", &file("", own(0o600)), "t").unwrap_err();
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);

    std::fs::write(root.path().join("real"), "real").unwrap();
    symlink("real", root.path().join("link")).unwrap();
    disk.put("/link", &file("new", own(0o600)), "t").unwrap();
    assert_eq!(std::fs::read_to_string(root.path().join("real")).unwrap(), "real");
    assert!(!root.path().join("link").is_symlink());
}

#[test]
fn a_directory_somebody_uses_is_left() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::below(root.path()).unwrap();
    disk.put("/d", &State::Directory { perms: own(0o755) }, "t").unwrap();
    std::fs::write(root.path().join("d/theirs"), "").unwrap();
    disk.put("/d", &State::Absent, "t").unwrap();
    assert!(root.path().join("d/theirs").exists());
    std::fs::remove_file(root.path().join("d/theirs")).unwrap();
    disk.put("/d", &State::Absent, "t").unwrap();
    assert!(!root.path().join("d").exists());
}

#[test]
fn what_an_ended_run_left_beside_a_file_is_swept_up() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::below(root.path()).unwrap();
    std::fs::write(root.path().join(".a.palisade-x"), "half").unwrap();
    disk.sweep("/a", "x");
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn content_does_not_print() {
    assert_eq!(format!("{:?}", Content(b"secret".to_vec())), "6 bytes");
}
