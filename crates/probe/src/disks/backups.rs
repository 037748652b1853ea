//! Folders of backups and who may look into them.

use host::{Door, FileKind};
use model::Fact;
use model::facts::disks::BackupFolder;

use crate::fact::reason;

/// The usual places. Debian's /var/backups is not among them: it holds copies of public package lists.
const FOLDERS: [&str; 12] = [
    "/backup",
    "/backups",
    "/data/backup",
    "/data/backups",
    "/home/backup",
    "/opt/backup",
    "/opt/backups",
    "/srv/backup",
    "/srv/backups",
    "/var/backup",
    "/var/lib/backup",
    "/var/lib/palisade/backups",
];

/// The most entries that are looked at, and the most names that are kept.
const MOST_ENTRIES: usize = 5_000;
const MOST_NAMES: usize = 100;

pub(super) fn read(door: &Door) -> Fact<Vec<BackupFolder>> {
    let mut folders = Vec::new();
    for path in FOLDERS {
        match door.stat(path) {
            Ok(stat) if stat.kind == FileKind::Directory => folders.push(BackupFolder {
                path: path.to_owned(),
                mode: format!("{:o}", stat.mode),
                owner_uid: stat.uid,
                open_to_others: stat.mode & 0o077 != 0,
                files_open_to_others: open_files(door, path),
                source: path.to_owned(),
            }),
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    Fact::known(folders)
}

fn open_files(door: &Door, folder: &str) -> Fact<Vec<String>> {
    let entries = match door.read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    let open =
        entries.into_iter().take(MOST_ENTRIES).filter(|entry| entry.kind == FileKind::File).filter(|entry| {
            door.stat_link(format!("{folder}/{}", entry.name)).is_ok_and(|stat| stat.mode & 0o077 != 0)
        });
    Fact::read_at(open.map(|entry| entry.name).take(MOST_NAMES).collect(), folder)
}
