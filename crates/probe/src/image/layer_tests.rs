//! Layers over each other: what shows, what is hidden, what is kept of them.

use std::rc::Rc;

use super::*;

/// A layer of files and directories: a name that ends in `/` is a directory.
fn layer(scanner: &mut Scanner, entries: &[(&str, &str, u32)]) -> Rc<Layer> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content, mode) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(if path.ends_with('/') {
            tar::EntryType::Directory
        } else {
            tar::EntryType::Regular
        });
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        // `Header::set_path` refuses what leads out.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    Rc::new(scanner.scan(builder.into_inner().unwrap().as_slice()).unwrap())
}

#[test]
fn later_layers_delete_replace_and_empty() {
    let mut scanner = Scanner::new();
    let lower = layer(
        &mut scanner,
        &[
            ("kept", "", 0o644),
            ("deleted", "", 0o644),
            ("replaced", "", 0o644),
            ("gone/", "", 0o755),
            ("gone/below/file", "", 0o644),
            ("emptied/", "", 0o755),
            ("emptied/file", "", 0o644),
            ("file-now/below", "", 0o644),
            ("directory/", "", 0o755),
            ("directory/file", "", 0o644),
        ],
    );
    let upper = layer(
        &mut scanner,
        &[
            (".wh.deleted", "", 0),
            ("replaced", "x", 0o644),
            (".wh.gone", "", 0),
            ("emptied/", "", 0o755),
            ("emptied/.wh..wh..opq", "", 0),
            ("emptied/new", "", 0o644),
            ("file-now", "", 0o644),
            ("directory/", "", 0o700),
            (".wh..wh.plnk", "", 0),
        ],
    );
    let layers = [lower, upper];
    let stack = Stack(&layers);
    for (path, expected) in [
        ("kept", true),
        ("deleted", false),
        ("replaced", false),
        ("gone/below/file", false),
        ("emptied/file", false),
        ("file-now/below", false),
        ("directory/file", true),
        ("directory", false),
    ] {
        assert_eq!(stack.shows(0, path), expected, "{path}");
    }
    for (path, expected) in [
        ("kept", true),
        ("deleted", false),
        ("replaced", true),
        ("gone", false),
        ("gone/below/file", false),
        ("emptied", true),
        ("emptied/new", true),
        ("emptied/file", false),
        ("file-now", true),
        ("nothing", false),
    ] {
        assert_eq!(stack.has(path), expected, "{path}");
    }
}

#[test]
fn what_matters_of_a_layer_is_kept() {
    let mut scanner = Scanner::new();
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n";
    let layer = layer(
        &mut scanner,
        &[
            ("./usr/bin/su", "ELF\0", 0o4755),
            ("app/run.sh", "echo", 0o777),
            ("tmp/", "", 0o1777),
            ("open/", "", 0o777),
            ("/etc/os-release", "ID=debian\n", 0o644),
            ("var/lib/apt/lists/index", "Package: x\n", 0o644),
            ("app/key.pem", key, 0o600),
            ("app/binary", &format!("\0{key}"), 0o600),
            ("usr/share/key.pem", key, 0o600),
            ("var/lib/dpkg/info/x.list", "/.\n/usr\n/usr/share/key.pem\n/etc/x\n", 0o644),
            ("../../etc/passwd", "root", 0o644),
        ],
    );
    let names = |found: &[Found]| found.iter().map(|found| found.path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&layer.setuid), ["usr/bin/su"]);
    assert_eq!(names(&layer.writable), ["app/run.sh", "open"]);
    assert_eq!(layer.releases, [("etc/os-release".to_owned(), "ID=debian\n".to_owned())]);
    assert_eq!(layer.cached, [("var/lib/apt/lists/index".to_owned(), 11)]);
    assert_eq!(
        layer.secrets.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["app/key.pem", "usr/share/key.pem"]
    );
    assert!(layer.packages("usr/share/key.pem") && !layer.packages("app/key.pem"));
    assert_eq!(layer.escaping, ["../../etc/passwd"]);
    assert!(!layer.has("etc/passwd"));
}

#[test]
fn paths_are_cleaned_and_never_lead_out() {
    for (path, expected) in [
        ("./a//b/", Some("a/b")),
        ("/a", Some("a")),
        (".", Some("")),
        ("a/../b", None),
        ("..", None),
        ("a/..b", Some("a/..b")),
    ] {
        assert_eq!(inside(path.as_bytes()).as_deref(), expected, "{path}");
    }
}

#[test]
fn a_million_entries_are_the_limit() {
    let mut scanner = Scanner::new();
    scanner.entries = ENTRY_LIMIT - 1;
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["a", "b"] {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_size(0);
        header.set_cksum();
        builder.append(&header, io::empty()).unwrap();
    }
    let error = scanner.scan(builder.into_inner().unwrap().as_slice()).err().unwrap().to_string();
    assert!(error.contains("1000000 entries"), "{error}");
}

#[test]
fn what_is_kept_of_all_layers_is_bounded_and_what_is_left_out_is_told() {
    let mut scanner = Scanner::new();
    let entries = [
        ("etc/os-release", "ID=a\n", 0o644),
        ("etc/os-release", "ID=b\n", 0o644),
        ("var/lib/dpkg/info/a.list", "/usr/bin/a\n", 0o644),
        ("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\n", 0o644),
    ];
    let whole = layer(&mut scanner, &entries);
    assert_eq!(whole.releases, [("etc/os-release".to_owned(), "ID=b\n".to_owned())]);
    assert!(whole.packages("usr/bin/a") && whole.databases.len() == 1 && !whole.lists_cut);
    (scanner.lists, scanner.packaged) = (LISTS_LIMIT, PACKAGED_LIMIT);
    let cut = layer(&mut scanner, &entries);
    assert!(!cut.packages("usr/bin/a") && cut.databases.is_empty() && cut.lists_cut);
    scanner.names = NAMES_LIMIT;
    let mut header = tar::Header::new_ustar();
    header.set_path("a").unwrap();
    header.set_size(0);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, io::empty()).unwrap();
    let error = scanner.scan(builder.into_inner().unwrap().as_slice()).err().unwrap().to_string();
    assert!(error.contains("the names in its layers"), "{error}");
}
