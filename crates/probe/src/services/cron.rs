//! cron and at: entries, files, and who may use them.

use host::{Door, Error};
use model::Fact;
use model::facts::services::{At, Cron, CronFile, Job};

use crate::daemons::{Running, starts_at_boot};
use crate::fact::IntoFact;
use crate::schedule::cron::FOLDERS;
use crate::schedule::{self, gap::Gap};

/// A command's first characters tell which job it is.
const COMMAND_LENGTH: usize = 80;

const PROGRAMS: &[&str] = &["/usr/sbin/cron", "/usr/sbin/crond", "/usr/sbin/fcron", "/bin/busybox-cron"];

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

/// Every job of cron; none when it is not installed, for then nothing runs them.
///
/// # Errors
/// The first folder or table that cannot be read.
pub(crate) fn jobs(door: &Door) -> Result<Vec<Job>, Error> {
    if !is_installed(door) {
        return Ok(Vec::new());
    }
    let jobs = schedule::cron::jobs(door)?.into_iter().filter(|job| job.active);
    Ok(jobs
        .map(|job| Job {
            kind: job.kind.word().to_owned(),
            name: job.name,
            longest_gap_minutes: gap_fact(job.gap, &job.schedule),
            schedule: job.schedule,
            user: job.user,
            command: command_head(&job.command),
            enabled: true,
            last_run: Fact::unreadable("cron keeps no record of runs"),
            source: job.source,
        })
        .collect())
}

pub(crate) fn gap_fact(gap: Gap, schedule: &str) -> Fact<u64> {
    match gap {
        Gap::Minutes(minutes) => Fact::known(minutes),
        Gap::Once => Fact::Absent,
        Gap::Unknown => Fact::unreadable(format!("the schedule {schedule} is of a kind that is not reckoned")),
    }
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
    fn secrets_do_not_stay_in_commands() {
        assert_eq!(command_head("curl https://ann:pw@host/x -u ann:pw"), "curl ... -u ...");
        assert_eq!(command_head("mysqldump -phunter2 db"), "mysqldump ... db");
        assert_eq!(command_head(&"x".repeat(500)).len(), 80);
    }
}
