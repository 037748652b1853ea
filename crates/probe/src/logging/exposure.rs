//! Who can read and change logs: files below /var/log, folders of logs, records of logins.

use host::{Door, FileKind};
use model::Fact;
use model::facts::logging::{ExposedLog, LogDirectory, LoginRecord};

use crate::fact::{IntoFact, reason};
use crate::stamp;

/// Depth below /var/log; container engines nest deeper elsewhere.
const MAX_DEPTH: usize = 4;

/// More folders than this are not looked at.
const MAX_FOLDERS: usize = 500;

/// More files in one folder than this are not looked at.
const MAX_FILES: usize = 1000;

/// More exposed files than this are not listed.
const MAX_EXPOSED: usize = 200;

/// Folders below which logs of a site are kept, besides /var/log.
const ELSEWHERE: &[&str] = &["/srv", "/opt", "/data", "/home", "/var/lib"];

/// Parts of names of logs that tell who logged in and what they did.
const SENSITIVE: &[&str] = &["auth", "secure", "audit", "sudo", "btmp", "tallylog"];

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Files and folders that are too open.
    pub(crate) exposed: Fact<Vec<ExposedLog>>,
    /// Folders of logs.
    pub(crate) directories: Fact<Vec<LogDirectory>>,
}

/// Looks through the folders of logs.
pub(crate) fn read(door: &Door) -> Found {
    let mut walk = Walk { door, exposed: Vec::new(), directories: Vec::new(), refused: None };
    walk.folder("/var/log", MAX_DEPTH);
    let refused = walk.refused.take();
    for root in ELSEWHERE {
        walk.named_for_logs(root, 2);
    }
    let directories = std::mem::take(&mut walk.directories);
    let directories = Fact::read_at(directories, "/var/log and folders named for logs");
    // A folder we may not enter hides how open its files are.
    let exposed = match refused {
        Some(reason) => Fact::unreadable(reason),
        None => Fact::read_at(walk.exposed, "files in /var/log and folders named for logs"),
    };
    Found { exposed, directories }
}

struct Walk<'a> {
    door: &'a Door,
    exposed: Vec<ExposedLog>,
    directories: Vec<LogDirectory>,
    refused: Option<String>,
}

impl Walk<'_> {
    fn folder(&mut self, path: &str, depth: usize) {
        if self.directories.len() >= MAX_FOLDERS {
            return;
        }
        let (entries, stat) = match (self.door.read_dir(path), self.door.stat_link(path)) {
            (Ok(entries), Ok(stat)) => (entries, stat),
            (Err(error), _) | (_, Err(error)) if error.is_not_found() => return,
            (Err(error), _) | (_, Err(error)) => {
                self.refused.get_or_insert(reason(&error, self.door));
                return;
            }
        };
        let mut folder = LogDirectory {
            path: path.to_owned(),
            mode: format!("{:04o}", stat.mode),
            uid: stat.uid,
            shared_writable: stat.mode & 0o022 != 0,
            newest: Fact::Absent,
            source: path.to_owned(),
            ..LogDirectory::default()
        };
        let everybody_enters = stat.mode & 0o001 != 0;
        let mut newest = None;
        let mut below = Vec::new();
        for entry in entries {
            let child = format!("{path}/{}", entry.name);
            match entry.kind {
                FileKind::Directory if depth > 0 => below.push(child),
                FileKind::File if folder.files < MAX_FILES as u64 => {
                    let Ok(stat) = self.door.stat_link(&child) else { continue };
                    folder.files += 1;
                    folder.writable_files += u64::from(stat.mode & 0o222 != 0);
                    folder.foreign_files += u64::from(stat.uid != 0);
                    newest = newest.max(Some(stat.modified));
                    self.look(&child, &entry.name, stat.mode, stat.uid, everybody_enters);
                }
                _ => {}
            }
        }
        if let Some(time) = newest.and_then(stamp::at) {
            folder.newest = Fact::known(time);
        }
        self.directories.push(folder);
        for child in below {
            self.folder(&child, depth - 1);
        }
    }

    fn look(&mut self, path: &str, name: &str, mode: u32, uid: u32, everybody_enters: bool) {
        let lower = name.to_ascii_lowercase();
        let is_sensitive = SENSITIVE.iter().any(|part| lower.contains(part)) || path.contains("/audit/");
        let others_readable = mode & 0o004 != 0 && everybody_enters;
        let others_writable = mode & 0o002 != 0;
        let sensitive_readable = is_sensitive && others_readable;
        if (others_writable || others_readable) && self.exposed.len() < MAX_EXPOSED {
            self.exposed.push(ExposedLog {
                path: path.to_owned(),
                mode: format!("{mode:04o}"),
                uid,
                others_writable,
                sensitive_readable,
                others_readable,
                source: path.to_owned(),
            });
        }
    }

    /// Folders below `root` with `log` in their name.
    fn named_for_logs(&mut self, root: &str, depth: usize) {
        // Somebody's home that may not be entered is none of a log reader's.
        for entry in self.door.read_dir(root).unwrap_or_default() {
            if entry.kind != FileKind::Directory || self.directories.len() >= MAX_FOLDERS {
                continue;
            }
            let path = format!("{root}/{}", entry.name);
            if entry.name.to_ascii_lowercase().contains("log") {
                let (exposed, refused) = (self.exposed.len(), self.refused.take());
                self.folder(&path, 1);
                // Copies for readers are meant to be read.
                self.exposed.truncate(exposed);
                self.refused = refused;
            } else if depth > 0 && !path.starts_with("/var/lib/docker") {
                self.named_for_logs(&path, depth - 1);
            }
        }
    }
}

/// Records of logins and whether they are kept.
pub(crate) fn login_records(door: &Door) -> Vec<LoginRecord> {
    [
        (&["/var/log/wtmp", "/var/lib/wtmpdb/wtmp.db"][..], "logins"),
        (&["/var/log/btmp"][..], "failed logins"),
        (&["/var/log/lastlog", "/var/lib/lastlog/lastlog2.db"][..], "last logins"),
    ]
    .into_iter()
    .map(|(paths, records)| {
        let there = paths.iter().find(|path| door.exists(path));
        let path = there.or(paths.first()).copied().unwrap_or_default();
        let stat = door.stat(path);
        LoginRecord {
            path: path.to_owned(),
            records: records.to_owned(),
            present: match &stat {
                Err(error) if !error.is_not_found() => Fact::unreadable(reason(error, door)),
                found => Fact::known(found.is_ok()),
            },
            mode: stat.clone().map(|stat| format!("{:04o}", stat.mode)).into_fact(door),
            others_writable: stat.map(|stat| stat.mode & 0o002 != 0).into_fact(door),
            source: path.to_owned(),
        }
    })
    .collect()
}
