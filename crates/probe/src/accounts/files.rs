//! The files that hold accounts and policies about them.

use host::Door;
use model::facts::accounts::AccountFile;

/// Files with accounts; those with hashes are told apart in [`account_file`].
const FILES: [&str; 9] = [
    "/etc/passwd",
    "/etc/passwd-",
    "/etc/group",
    "/etc/group-",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/security/opasswd",
];

/// Those of the account files that exist.
pub(crate) fn read(door: &Door) -> Vec<AccountFile> {
    FILES.iter().filter_map(|path| account_file(door, path)).collect()
}

/// Owner and mode of one file; none when it is not there.
pub(crate) fn account_file(door: &Door, path: &str) -> Option<AccountFile> {
    let stat = door.stat(path).ok()?;
    Some(AccountFile {
        path: path.to_owned(),
        mode: format!("{:04o}", stat.mode),
        uid: stat.uid,
        gid: stat.gid,
        holds_hashes: path.contains("shadow") || path.ends_with("opasswd"),
        only_root_writes: stat.uid == 0 && stat.mode & 0o002 == 0 && (stat.gid == 0 || stat.mode & 0o020 == 0),
        everybody_reads: stat.mode & 0o004 != 0,
    })
}
