//! The boot loader: who may change what it starts.

use host::{Door, Error};
use model::Fact;
use model::facts::boot::{Loader, LoaderFile};

use crate::fact::reason;

/// grub's generated settings, and the files that a password may stand in beside them.
const GRUB: [&str; 4] = [
    "/boot/grub/grub.cfg",
    "/boot/grub2/grub.cfg",
    "/boot/efi/EFI/debian/grub.cfg",
    "/boot/efi/EFI/redhat/grub.cfg",
];
const GRUB_USERS: [&str; 2] = ["/boot/grub2/user.cfg", "/boot/grub/user.cfg"];

/// The most bytes of a generated file with many kernels.
const GRUB_LIMIT: usize = 4 << 20;

const SYSTEMD_BOOT: [&str; 3] =
    ["/boot/loader/loader.conf", "/efi/loader/loader.conf", "/boot/efi/loader/loader.conf"];

/// Loaders that have no password.
const OTHERS: [(&str, &str); 4] = [
    ("extlinux", "/boot/extlinux/extlinux.conf"),
    ("u-boot", "/boot/boot.scr"),
    ("u-boot", "/boot/uEnv.txt"),
    ("raspberry-pi", "/boot/firmware/config.txt"),
];

pub(super) fn read(door: &Door) -> Fact<Loader> {
    match find(door) {
        Ok(Some(loader)) => Fact::known(loader),
        Ok(None) => Fact::Absent,
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}

fn find(door: &Door) -> Result<Option<Loader>, Error> {
    let files = present(door, &GRUB)?;
    if !files.is_empty() {
        return grub(door, files).map(Some);
    }
    let files = present(door, &SYSTEMD_BOOT)?;
    if let Some(file) = files.first() {
        // It knows no password; `editor no` is what keeps people from changing an entry.
        let text = door.read_text(&file.path)?;
        let editor = text.lines().filter_map(|line| line.trim().strip_prefix("editor")).next_back();
        let locked = editor.is_some_and(|value| matches!(value.trim(), "no" | "0" | "false" | "off"));
        let password = Fact::read_at(locked, format!("{} (editor)", file.path));
        return Ok(Some(Loader { name: "systemd-boot".to_owned(), password, files }));
    }
    for (name, path) in OTHERS {
        let files = present(door, &[path])?;
        if !files.is_empty() {
            return Ok(Some(Loader { name: name.to_owned(), password: Fact::read_at(false, path), files }));
        }
    }
    Ok(None)
}

/// A superuser with a password must stand in what grub reads.
fn grub(door: &Door, mut files: Vec<LoaderFile>) -> Result<Loader, Error> {
    files.extend(present(door, &GRUB_USERS)?);
    let (mut superusers, mut password, mut trouble) = (None, None, None);
    for file in &files {
        match door.read_up_to(&file.path, GRUB_LIMIT) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                for (number, line) in text.lines().enumerate() {
                    let line = line.trim();
                    let place = || Some(format!("{}:{}", file.path, number + 1));
                    if line.starts_with("set superusers=") && line.len() > "set superusers=\"\"".len() {
                        superusers = superusers.or_else(place);
                    }
                    let has_hash = line.starts_with("password_pbkdf2 ") && line.contains("grub.pbkdf2.");
                    if has_hash && !line.contains("${GRUB2_PASSWORD}")
                        || line.starts_with("GRUB2_PASSWORD=grub.pbkdf2.")
                    {
                        password = password.or_else(place);
                    }
                }
            }
            Err(error) => trouble = Some(error),
        }
    }
    let password = match (superusers, password, trouble) {
        (Some(_), Some(place), _) => Fact::read_at(true, place),
        (_, _, Some(error)) => Fact::unreadable(reason(&error, door)),
        _ => Fact::known(false),
    };
    Ok(Loader { name: "grub".to_owned(), password, files })
}

/// Those of the files that are there, with their modes.
fn present(door: &Door, paths: &[&str]) -> Result<Vec<LoaderFile>, Error> {
    let mut files = Vec::new();
    for path in paths {
        match door.stat(path) {
            Ok(stat) => files.push(LoaderFile {
                path: (*path).to_owned(),
                mode: format!("{:o}", stat.mode),
                owner_uid: stat.uid,
                readable_by_others: stat.mode & 0o044 != 0,
                writable_by_others: stat.mode & 0o022 != 0,
                source: (*path).to_owned(),
            }),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}
