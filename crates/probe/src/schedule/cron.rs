//! Cron: system and user crontabs, and the folders of scripts.

use host::{Door, Error, FileKind};

use super::gap::{Gap, cron_gap};
use super::{Job, Kind, MAX_JOBS};
use crate::text::{files_in, meaningful_lines};

/// The crontab with a column for the user, and the folder of more of them.
const SYSTEM: &str = "/etc/crontab";
const SYSTEM_FOLDER: &str = "/etc/cron.d";

/// Crontabs of users, one file a user.
const USERS: [&str; 4] =
    ["/var/spool/cron/crontabs", "/var/spool/cron", "/var/spool/cron/tabs", "/etc/crontabs"];

/// Folders of scripts and the minutes between two runs.
pub(crate) const FOLDERS: [(&str, u64); 4] = [
    ("/etc/cron.hourly", 60),
    ("/etc/cron.daily", 24 * 60),
    ("/etc/cron.weekly", 7 * 24 * 60),
    ("/etc/cron.monthly", 31 * 24 * 60),
];

/// Every entry of every table, and every script of the folders.
///
/// # Errors
/// The first folder or table that cannot be read.
pub(crate) fn jobs(door: &Door) -> Result<Vec<Job>, Error> {
    let mut jobs = Vec::new();
    let mut add = |path: &str, user: Option<&str>| match door.read_text(path) {
        Ok(text) => {
            jobs.extend(entries(&text, path, user));
            Ok(())
        }
        Err(Error::NotRegular(_)) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    };
    add(SYSTEM, None)?;
    for name in files_in(door, SYSTEM_FOLDER, "")? {
        // cron skips names with a dot and the like: backups and files of packages being installed.
        if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            add(&format!("{SYSTEM_FOLDER}/{name}"), None)?;
        }
    }
    for folder in USERS {
        for user in files_in(door, folder, "")? {
            add(&format!("{folder}/{user}"), Some(&user))?;
        }
    }
    for (folder, minutes) in FOLDERS {
        for name in files_in(door, folder, "")? {
            // run-parts skips names with a dot.
            if name.contains('.') {
                continue;
            }
            let path = format!("{folder}/{name}");
            jobs.push(Job {
                kind: Kind::Cron,
                name,
                schedule: folder.trim_start_matches("/etc/").to_owned(),
                gap: Gap::Minutes(minutes),
                user: "root".to_owned(),
                command: path.clone(),
                script: String::new(),
                // It also skips files that are not executable.
                active: door
                    .stat(&path)
                    .is_ok_and(|stat| stat.kind == FileKind::File && stat.mode & 0o111 != 0),
                mails: true,
                source: path,
            });
        }
    }
    Ok(jobs)
}

/// Entries of one table; a table of `user` has no column for one.
pub(crate) fn entries(text: &str, path: &str, user: Option<&str>) -> Vec<Job> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut mails = true;
    let mut jobs = Vec::new();
    for line in meaningful_lines(text) {
        let Some((schedule, rest)) = schedule_and_rest(&line.text) else {
            if let Some((_, value)) = line.text.split_once('=').filter(|(name, _)| name.trim() == "MAILTO") {
                mails = !value.trim().trim_matches(['"', '\'']).is_empty();
            }
            continue;
        };
        let (user, command) = match user {
            Some(user) => (user, rest),
            None => match rest.split_once(char::is_whitespace) {
                Some((user, command)) => (user, command.trim_start()),
                None => continue,
            },
        };
        jobs.push(Job {
            kind: Kind::Cron,
            name: name.to_owned(),
            gap: cron_gap(&schedule),
            schedule,
            user: user.to_owned(),
            command: command.to_owned(),
            script: String::new(),
            active: true,
            mails,
            source: format!("{path}:{}", line.number),
        });
        if jobs.len() >= MAX_JOBS {
            break;
        }
    }
    jobs
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_system_and_user_tables() {
        let text = "SHELL=/bin/sh\n# m h\n*/15 * * * * root  /opt/watch-storage --limit=80\nMAILTO = \"\"\n\
                    @daily backup x\nbroken line\n1 2 3\n@daily\n61 * * * * root x\n";
        let jobs = entries(text, "/etc/cron.d/site", None);
        assert_eq!(jobs.len(), 3);
        let first = &jobs[0];
        assert_eq!(
            (first.user.as_str(), first.command.as_str(), first.schedule.as_str(), first.source.as_str()),
            ("root", "/opt/watch-storage --limit=80", "*/15 * * * *", "/etc/cron.d/site:3")
        );
        assert_eq!((first.gap, first.mails), (Gap::Minutes(15), true));
        assert_eq!((jobs[1].user.as_str(), jobs[1].mails), ("backup", false));
        assert_eq!(jobs[2].gap, Gap::Unknown);
        let jobs = entries("0 1 * * * echo hello\n", "/var/spool/cron/crontabs/ann", Some("ann"));
        assert_eq!((jobs[0].user.as_str(), jobs[0].command.as_str()), ("ann", "echo hello"));
    }
}
