//! Configuration that stands in several folders, files of the same name hiding each other.

use std::collections::BTreeMap;

use host::{Door, Error};

use crate::text::files_in;

/// Folders of systemd's own programs, the strongest first.
const SYSTEMD: [&str; 5] =
    ["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"];

/// Paths of configuration files in `directories` in the order of their names, wherever they stand; of files with one
/// name the first directory's counts, and a link to `/dev/null` there switches the others off.
///
/// # Errors
/// As [`files_in`].
pub(crate) fn drop_ins(
    door: &Door,
    directories: &[impl AsRef<str>],
    suffix: &str,
) -> Result<Vec<String>, Error> {
    let mut files = BTreeMap::new();
    for directory in directories.iter().map(AsRef::as_ref) {
        for name in files_in(door, directory, suffix)? {
            let path = format!("{directory}/{name}");
            files.entry(name).or_insert(path);
        }
    }
    Ok(files
        .into_values()
        .filter(|path| !door.read_link(path).is_ok_and(|target| target.as_os_str() == "/dev/null"))
        .collect())
}

/// The files of one of systemd's programs (`journald.conf`) in the order in which they are read: the first main file,
/// then the drop-ins.
///
/// # Errors
/// As [`drop_ins`].
pub(crate) fn of_systemd(door: &Door, name: &str) -> Result<Vec<String>, Error> {
    let main = SYSTEMD.iter().map(|folder| format!("{folder}/{name}")).find(|path| door.exists(path));
    let folders = SYSTEMD.map(|folder| format!("{folder}/{name}.d"));
    Ok(main.into_iter().chain(drop_ins(door, &folders, ".conf")?).collect())
}
