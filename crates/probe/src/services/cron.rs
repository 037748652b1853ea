//! cron and at: entries, files, and who may use them.

use host::{Door, FileKind};
use model::Fact;
use model::facts::services::{At, Cron, CronFile, Job};

use super::schedule::{Gap, cron_gap};
use crate::daemons::{Running, starts_at_boot};
use crate::fact::{IntoFact, reason};

/// More jobs than this are not listed.
pub(crate) const MAX_JOBS: usize = 1000;

/// A command's first characters tell which job it is.
const COMMAND_LENGTH: usize = 80;

const PROGRAMS: &[&str] = &["/usr/sbin/cron", "/usr/sbin/crond", "/usr/sbin/fcron", "/bin/busybox-cron"];
const SPOOLS: &[&str] = &["/var/spool/cron/crontabs", "/var/spool/cron", "/etc/crontabs"];
const FOLDERS: &[(&str, u64)] = &[
    ("/etc/cron.hourly", 60),
    ("/etc/cron.daily", 24 * 60),
    ("/etc/cron.weekly", 7 * 24 * 60),
    ("/etc/cron.monthly", 31 * 24 * 60),
];

/// Reads cron; absent when it is not installed.
pub(crate) fn read(door: &Door, running: &Running) -> Fact<Cron> {
    if !is_installed(door) {
        return Fact::Absent;
    }
    let mut files = Vec::new();
    let mut paths: Vec<String> = vec!["/etc/crontab".to_owned(), "/etc/cron.d".to_owned()];
    paths.extend(FOLDERS.iter().map(|(folder, _)| (*folder).to_owned()));
    paths.extend(["/etc/cron.allow", "/etc/cron.deny", "/var/spool/cron/crontabs"].map(str::to_owned));
    let below = ["/etc/cron.d"].into_iter().chain(FOLDERS.iter().map(|(folder, _)| *folder));
    for folder in below {
        for entry in door.read_dir(folder).unwrap_or_default() {
            paths.push(format!("{folder}/{}", entry.name));
        }
    }
    for path in paths {
        if let Ok(stat) = door.stat(&path) {
            files.push(CronFile {
                mode: format!("{:04o}", stat.mode),
                uid: stat.uid,
                others_may_change: stat.uid != 0 || stat.mode & 0o022 != 0 && stat.mode & 0o1000 == 0,
                open: stat.mode & 0o077 != 0,
                source: path.clone(),
                path,
            });
        }
    }
    Fact::known(Cron {
        running: running.any(&["cron", "crond", "fcron", "cronie"]),
        enabled: starts_at_boot(door, &["cron", "crond", "cronie", "fcron"]),
        files,
        allow: names(door, "/etc/cron.allow"),
        deny: names(door, "/etc/cron.deny"),
    })
}

/// Reads who may use at; absent when it is not installed.
pub(crate) fn at(door: &Door) -> Fact<At> {
    if !door.exists("/usr/bin/at") {
        return Fact::Absent;
    }
    Fact::known(At { allow: names(door, "/etc/at.allow"), deny: names(door, "/etc/at.deny") })
}

fn is_installed(door: &Door) -> bool {
    PROGRAMS.iter().any(|path| door.exists(path))
}

fn names(door: &Door, path: &str) -> Fact<Vec<String>> {
    match door.read_text(path) {
        Ok(text) => Fact::read_at(
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
            path,
        ),
        Err(error) => Err(error).into_fact(door),
    }
}

/// Every entry of every table; nothing runs them when cron is not installed.
///
/// # Errors
/// The reason why a table cannot be read.
pub(crate) fn jobs(door: &Door) -> Result<Vec<Job>, String> {
    if !is_installed(door) {
        return Ok(Vec::new());
    }
    let mut jobs = Vec::new();
    let mut tables = vec!["/etc/crontab".to_owned()];
    for entry in list(door, "/etc/cron.d")? {
        // cron skips names with a dot and the like: backups and files of packages being installed.
        if entry.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            tables.push(format!("/etc/cron.d/{entry}"));
        }
    }
    for path in tables {
        match door.read_text(&path) {
            Ok(text) => jobs.extend(entries(&text, &path, None)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(reason(&error, door)),
        }
    }
    for spool in SPOOLS {
        for user in list(door, spool)? {
            let path = format!("{spool}/{user}");
            match door.read_text(&path) {
                Ok(text) => jobs.extend(entries(&text, &path, Some(&user))),
                Err(host::Error::NotRegular(_)) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(reason(&error, door)),
            }
        }
    }
    for (folder, minutes) in FOLDERS {
        for name in list(door, folder)? {
            let path = format!("{folder}/{name}");
            // run-parts skips names with a dot and files that are not executable.
            let runs = !name.contains('.') && door.stat(&path).is_ok_and(|stat| stat.mode & 0o111 != 0);
            if runs && name != "placeholder" {
                jobs.push(Job {
                    kind: "cron".to_owned(),
                    name: name.clone(),
                    schedule: folder.trim_start_matches("/etc/").to_owned(),
                    longest_gap_minutes: Fact::known(*minutes),
                    user: "root".to_owned(),
                    command: path.clone(),
                    enabled: true,
                    last_run: Fact::unreadable("cron keeps no record of runs"),
                    source: path,
                });
            }
        }
    }
    jobs.truncate(MAX_JOBS);
    Ok(jobs)
}

fn list(door: &Door, folder: &str) -> Result<Vec<String>, String> {
    match door.read_dir(folder) {
        Ok(entries) => Ok(entries
            .into_iter()
            .filter(|entry| entry.kind != FileKind::Directory)
            .map(|entry| entry.name)
            .collect()),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(reason(&error, door)),
    }
}

/// Entries of one table; a table of `user` has no column for one.
pub fn entries(text: &str, path: &str, user: Option<&str>) -> Vec<Job> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut jobs = Vec::new();
    for line in crate::text::meaningful_lines(text) {
        let Some((schedule, rest)) = schedule_and_rest(&line.text) else { continue };
        let (user, command) = match user {
            Some(user) => (user.to_owned(), rest),
            None => match rest.split_once(char::is_whitespace) {
                Some((user, command)) => (user.to_owned(), command.trim_start()),
                None => continue,
            },
        };
        jobs.push(Job {
            kind: "cron".to_owned(),
            name: name.to_owned(),
            longest_gap_minutes: gap_fact(cron_gap(&schedule), &schedule),
            schedule,
            user,
            command: command_head(command),
            enabled: true,
            last_run: Fact::unreadable("cron keeps no record of runs"),
            source: format!("{path}:{}", line.number),
        });
        if jobs.len() >= MAX_JOBS {
            break;
        }
    }
    jobs
}

pub(crate) fn gap_fact(gap: Gap, schedule: &str) -> Fact<u64> {
    match gap {
        Gap::Minutes(minutes) => Fact::known(minutes),
        Gap::Once => Fact::Absent,
        Gap::Unknown => Fact::unreadable(format!("the schedule {schedule} is of a kind that is not reckoned")),
    }
}

/// Takes an entry apart; none for `NAME=value` lines and what is no entry.
fn schedule_and_rest(line: &str) -> Option<(String, &str)> {
    if line.starts_with('@') {
        let (schedule, rest) = line.split_once(char::is_whitespace)?;
        return Some((schedule.to_owned(), rest.trim_start()));
    }
    if !line.starts_with(|c: char| c.is_ascii_digit() || c == '*') {
        return None;
    }
    let mut rest = line;
    let mut fields = Vec::new();
    for _ in 0..5 {
        let (field, after) = rest.split_once(char::is_whitespace)?;
        fields.push(field);
        rest = after.trim_start();
    }
    (!rest.is_empty()).then(|| (fields.join(" "), rest))
}

/// A command's beginning; what follows `=` may be a password and is left out.
pub(crate) fn command_head(command: &str) -> String {
    let words = command.split_whitespace().map(|word| match word.split_once('=') {
        Some((name, value)) if !value.is_empty() => format!("{name}=..."),
        _ => word.to_owned(),
    });
    // An option's own word may be a password too: `-p secret`, `--password secret`, `user:secret@host`.
    let mut hide_next = false;
    let mut safe = Vec::new();
    for word in words {
        let lower = word.to_ascii_lowercase();
        let hidden = hide_next
            || (word.contains("://") && word.contains('@'))
            || lower.starts_with("-p") && word.len() > 2 && !word.starts_with("--");
        hide_next = lower.starts_with('-')
            && ["pass", "token", "secret", "key", "auth", "cred"].iter().any(|part| lower.contains(part))
            || word == "-p"
            || word == "-u";
        safe.push(if hidden { "...".to_owned() } else { word });
    }
    safe.join(" ").chars().take(COMMAND_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_system_and_user_tables() {
        let text = "SHELL=/bin/sh\n# m h\n*/15 * * * * root  /opt/watch-storage --limit=80\n@daily backup PGPASSWORD=x \
                    pg_dump --password hunter2\nbroken line\n1 2 3\n";
        let jobs = entries(text, "/etc/cron.d/site", None);
        assert_eq!(jobs.len(), 2);
        assert_eq!(jobs[0].command, "/opt/watch-storage --limit=...");
        assert_eq!(jobs[0].longest_gap_minutes.value(), Some(&15));
        assert_eq!(jobs[0].source, "/etc/cron.d/site:3");
        assert_eq!(
            (jobs[1].user.as_str(), jobs[1].command.as_str()),
            ("backup", "PGPASSWORD=... pg_dump --password ...")
        );
        let jobs = entries("0 1 * * * echo hello\n", "/var/spool/cron/crontabs/ann", Some("ann"));
        assert_eq!((jobs[0].user.as_str(), jobs[0].command.as_str()), ("ann", "echo hello"));
    }

    #[test]
    fn secrets_do_not_stay_in_commands() {
        assert_eq!(command_head("curl https://ann:pw@host/x -u ann:pw"), "curl ... -u ...");
        assert_eq!(command_head("mysqldump -phunter2 db"), "mysqldump ... db");
        assert_eq!(command_head(&"x".repeat(500)).len(), 80);
    }
}
