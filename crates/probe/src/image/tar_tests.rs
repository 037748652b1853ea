//! The reader against archives of two other hands, and against broken ones.
#![allow(clippy::disallowed_methods, reason = "tests ask real programs for archives")]

use std::io::Cursor;

use super::*;

/// All entries with their contents.
fn read(bytes: &[u8]) -> io::Result<Vec<(Entry, Vec<u8>)>> {
    // A small buffer, so that entries cross its edges.
    let mut archive = Archive::new(io::BufReader::with_capacity(700, Cursor::new(bytes)));
    let mut all = Vec::new();
    while let Some(entry) = archive.entry()? {
        let mut content = Vec::new();
        archive.content().read_to_end(&mut content)?;
        all.push((entry, content));
    }
    archive.finish_stream()?;
    Ok(all)
}

fn header(kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o4755);
    header.set_uid(7);
    header.set_gid(8);
    header
}

#[test]
fn entries_come_back_as_another_s_hand_wrote_them() {
    let long = format!("{}/file", "d".repeat(300));
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header(tar::EntryType::Regular, 5), "usr/bin/su", &b"hello"[..]).unwrap();
    builder.append_data(&mut header(tar::EntryType::Directory, 0), "etc/", io::empty()).unwrap();
    builder.append_link(&mut header(tar::EntryType::Symlink, 0), "bin", "usr/bin").unwrap();
    builder.append_link(&mut header(tar::EntryType::Link, 0), &long, "l".repeat(200)).unwrap();
    builder.append_data(&mut header(tar::EntryType::Regular, 600), &long, &[b'x'; 600][..]).unwrap();
    builder
        .append_pax_extensions([("SCHILY.xattr.security.capability", &b"\x01\0\0\x02"[..]), ("uid", b"70000")])
        .unwrap();
    builder.append_data(&mut header(tar::EntryType::Regular, 0), "bin/ping", io::empty()).unwrap();
    let entries = read(&builder.into_inner().unwrap()).unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|(entry, content)| (String::from_utf8_lossy(&entry.path).into_owned(), entry.kind, content.len()))
        .collect();
    assert_eq!(
        told,
        [
            ("usr/bin/su".to_owned(), Kind::File, 5),
            ("etc/".to_owned(), Kind::Directory, 0),
            ("bin".to_owned(), Kind::Symlink, 0),
            (long.clone(), Kind::HardLink, 0),
            (long, Kind::File, 600),
            ("bin/ping".to_owned(), Kind::File, 0),
        ]
    );
    let (su, ping, link) = (&entries[0].0, &entries[5].0, &entries[3].0);
    assert_eq!((su.mode, su.uid, su.gid, su.has_capabilities), (0o4755, 7, 8, false));
    assert_eq!((ping.uid, ping.gid, ping.has_capabilities), (70_000, 8, true));
    assert_eq!(link.link, "l".repeat(200).into_bytes());
    assert_eq!(entries[0].1, b"hello");
}

#[test]
fn gnu_tar_is_understood_in_each_of_its_formats() {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("{}/{}", "a".repeat(70), "b".repeat(60));
    std::fs::create_dir_all(folder.path().join(&name)).unwrap();
    std::fs::write(folder.path().join(&name).join("file"), "content").unwrap();
    // A file with holes.
    let holes = std::fs::File::create(folder.path().join("holes")).unwrap();
    holes.set_len(1 << 20).unwrap();
    for (format, sparse) in [("gnu", true), ("posix", true), ("ustar", false), ("oldgnu", true)] {
        let output = std::process::Command::new("tar")
            .args(sparse.then_some("--sparse"))
            .args(["--format", format, "-C"])
            .arg(folder.path())
            .args(["-cf", "-", "."])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(is_tar(&output.stdout));
        let entries = read(&output.stdout).unwrap_or_else(|error| panic!("{format}: {error}"));
        let file = entries.iter().find(|(_, content)| content == b"content").unwrap();
        assert_eq!(file.0.path, format!("./{name}/file").into_bytes(), "{format}");
    }
}

#[test]
fn broken_archives_are_errors_and_never_short_ones() {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header(tar::EntryType::Regular, 1000), "a", &[b'x'; 1000][..]).unwrap();
    let whole = builder.into_inner().unwrap();
    for end in [0, 100, 512, 700, 1536] {
        let error = read(&whole[..end]).unwrap_err().to_string();
        assert!(error.contains("cut off"), "{end}: {error}");
    }
    let mut damaged = whole.clone();
    damaged[0] ^= 1;
    assert!(read(&damaged).unwrap_err().to_string().contains("checksum"));
    assert!(read(&[b'{'; 1024]).is_err());
    assert!(!is_tar(&[b'{'; 1024]) && !is_tar(&whole[..100]));
    assert!(is_tar(&[0; 1024]) && read(&[0; 1024]).unwrap().is_empty());
}

#[test]
fn extension_headers_of_any_size_are_not_held() {
    for kind in [b'L', b'K', b'x', b'g'] {
        let mut header = header(tar::EntryType::new(kind), 1 << 40);
        header.set_path("long").unwrap();
        header.set_cksum();
        // The content never comes: it must not be asked for.
        let mut bytes = header.as_bytes().to_vec();
        bytes.resize(4096, b'a');
        let error = read(&bytes).unwrap_err().to_string();
        assert!(error.contains("larger than"), "{error}");
    }
}

#[test]
fn a_size_in_a_pax_header_wins_as_it_does_for_engines() {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_pax_extensions([("size", &b"512"[..])]).unwrap();
    let mut bytes = builder.into_inner().unwrap();
    bytes.truncate(bytes.len() - 1024);
    let mut lying = header(tar::EntryType::Regular, 0);
    lying.set_path("a").unwrap();
    lying.set_cksum();
    bytes.extend(lying.as_bytes());
    bytes.extend([b'x'; 512]);
    bytes.extend([0; 1024]);
    let entries = read(&bytes).unwrap();
    assert_eq!((entries.len(), entries[0].1.len()), (1, 512));
}

/// A header of that kind and name, with what follows it.
fn entry(kind: u8, name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = header(tar::EntryType::new(kind), content.len() as u64);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

#[test]
fn no_header_hides_an_entry_from_this_reader_alone() {
    let told = |parts: &[Vec<u8>]| {
        let bytes = [parts.concat(), vec![0; 1024]].concat();
        let path = |(entry, _): &(Entry, Vec<u8>)| String::from_utf8_lossy(&entry.path).into_owned();
        read(&bytes).unwrap().iter().map(path).collect::<Vec<_>>()
    };
    let sshd = || entry(b'0', "sbin/sshd", b"x");
    // What stands in a file with the name of a directory is its content.
    let swallowing = entry(b'0', "other", &[b'x'; 600])[..512].to_vec();
    assert_eq!(told(&[entry(b'0', "x/", &swallowing), sshd()]), ["x/", "sbin/sshd"]);
    assert_eq!(told(&[entry(b'x', "p", b"8 path=\n"), sshd()]), ["sbin/sshd"]);
    assert_eq!(told(&[entry(b'L', "l", b"\0"), sshd()]), ["sbin/sshd"]);
    assert_eq!(
        told(&[entry(b'x', "p", b"10 path=a\n"), entry(b'x', "p", b"9 uid=70\n"), sshd()]),
        ["sbin/sshd"]
    );
    assert_eq!(
        told(&[entry(b'L', "l", b"sbin/sshd\0"), entry(b'x', "p", b"10 path=a\n"), entry(b'0', "b", b"")]),
        ["sbin/sshd"]
    );
    assert_eq!(told(&[entry(b'x', "p", b"33 GNU.sparse.name=usr/sbin/sshd\n"), entry(b'0', "b", b"")]), ["b"]);
    let sparse = b"33 GNU.sparse.name=usr/sbin/sshd\n22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n";
    assert_eq!(told(&[entry(b'x', "p", sparse), entry(b'0', "b", b"")]), ["usr/sbin/sshd"]);
}
