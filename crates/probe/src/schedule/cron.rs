//! Cron: system and user crontabs, and the folders of scripts.

use host::{Door, Error, FileKind};

use super::{Job, Kind, SCRIPT};
use crate::text::{files_in, meaningful_lines};

/// Crontabs with a column for the user.
const SYSTEM: &str = "/etc/crontab";
const SYSTEM_FOLDER: &str = "/etc/cron.d";

/// Crontabs of users, one file a user.
const USERS: [&str; 3] = ["/var/spool/cron/crontabs", "/var/spool/cron", "/var/spool/cron/tabs"];

/// Folders of scripts and the minutes between two runs.
const FOLDERS: [(&str, f64); 4] = [
    ("/etc/cron.hourly", 60.0),
    ("/etc/cron.daily", 1_440.0),
    ("/etc/cron.weekly", 10_080.0),
    ("/etc/cron.monthly", 44_640.0),
];

pub(super) fn jobs(door: &Door) -> Result<Vec<Job>, Error> {
    let mut jobs = Vec::new();
    match door.read_text(SYSTEM) {
        Ok(text) => table(&text, SYSTEM, true, &mut jobs),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    // Names with a dot are skipped by cron: backups of editors and package tools.
    for name in files_in(door, SYSTEM_FOLDER, "")?.iter().filter(|name| !name.contains('.')) {
        let path = format!("{SYSTEM_FOLDER}/{name}");
        table(&door.read_text(&path)?, &path, true, &mut jobs);
    }
    for folder in USERS {
        for name in files_in(door, folder, "")? {
            let path = format!("{folder}/{name}");
            table(&door.read_text(&path)?, &path, false, &mut jobs);
        }
    }
    for (folder, minutes) in FOLDERS {
        for name in files_in(door, folder, "")?.iter().filter(|name| !name.contains('.')) {
            let path = format!("{folder}/{name}");
            let stat = door.stat(&path)?;
            jobs.push(Job {
                kind: Kind::Cron,
                script: door
                    .read_up_to(&path, SCRIPT)
                    .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                    .unwrap_or_default(),
                interval_minutes: Some(minutes),
                active: stat.kind == FileKind::File && stat.mode & 0o111 != 0,
                mails: true,
                command: path.clone(),
                source: path,
            });
        }
    }
    Ok(jobs)
}

fn table(text: &str, path: &str, has_user: bool, jobs: &mut Vec<Job>) {
    let mut mails = true;
    for line in meaningful_lines(text) {
        if let Some((name, value)) = assignment(&line.text) {
            if name == "MAILTO" {
                mails = !value.trim_matches(['"', '\'']).is_empty();
            }
            continue;
        }
        let Some((interval_minutes, command)) = entry(&line.text, has_user) else { continue };
        jobs.push(Job {
            kind: Kind::Cron,
            command: command.to_owned(),
            script: String::new(),
            interval_minutes,
            active: true,
            mails,
            source: format!("{path}:{}", line.number),
        });
    }
}

/// `NAME=value`, which is no job.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| (name, value.trim()))
}

/// The interval and the command of a line.
fn entry(line: &str, has_user: bool) -> Option<(Option<f64>, &str)> {
    let (interval, rest) = if let Some(rest) = line.strip_prefix('@') {
        let (word, rest) = rest.split_once(char::is_whitespace)?;
        let interval = match word {
            "hourly" => Some(60.0),
            "daily" | "midnight" => Some(1_440.0),
            "weekly" => Some(10_080.0),
            "monthly" => Some(44_640.0),
            "yearly" | "annually" => Some(527_040.0),
            _ => None,
        };
        (interval, rest)
    } else {
        let mut rest = line;
        let mut fields = [""; 5];
        for field in &mut fields {
            (*field, rest) = rest.trim_start().split_once(char::is_whitespace)?;
        }
        (interval(fields), rest)
    };
    let rest = rest.trim_start();
    let command = if has_user { rest.split_once(char::is_whitespace)?.1 } else { rest };
    Some((interval, command.trim()))
}

/// The longest time between two starts, in minutes.
fn interval([minute, hour, day, month, weekday]: [&str; 5]) -> Option<f64> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let minutes = values(minute, 0, 59, &[])?;
    let hours = values(hour, 0, 23, &[])?;
    let months = values(month, 1, 12, &MONTHS)?;
    let mut weekdays: Vec<u32> = values(weekday, 0, 7, &DAYS)?.into_iter().map(|day| day % 7).collect();
    weekdays.sort_unstable();
    weekdays.dedup();
    let days = values(day, 1, 31, &[])?;
    if months.len() < 12 {
        return Some(f64::from(gap(&months, 12)) * 44_640.0);
    }
    let times: Vec<u32> =
        hours.iter().flat_map(|hour| minutes.iter().map(move |minute| hour * 60 + minute)).collect();
    let between_days = match (days.len() < 31, weekdays.len() < 7) {
        (false, false) => 1,
        (true, false) => gap(&days, 31),
        (false, true) => gap(&weekdays, 7),
        // Cron runs on days that satisfy either.
        (true, true) => gap(&days, 31).min(gap(&weekdays, 7)),
    };
    let first = times.iter().min()?;
    let last = times.iter().max()?;
    let over_night = between_days * 1_440 - (last - first);
    let within =
        times.windows(2).filter_map(|pair| pair.last()?.checked_sub(*pair.first()?)).max().unwrap_or(0);
    Some(f64::from(over_night.max(within)))
}

/// The longest way from one value to the next around a circle.
fn gap(values: &[u32], circle: u32) -> u32 {
    let inner =
        values.windows(2).filter_map(|pair| pair.last()?.checked_sub(*pair.first()?)).max().unwrap_or(0);
    let around = match (values.first(), values.last()) {
        (Some(first), Some(last)) => circle + first - last,
        _ => circle,
    };
    inner.max(around)
}

/// The values of one field, sorted; none when it is no such field.
fn values(field: &str, low: u32, high: u32, names: &[&str]) -> Option<Vec<u32>> {
    let number = |text: &str| -> Option<u32> {
        let named = names.iter().position(|name| text.eq_ignore_ascii_case(name));
        match named {
            Some(index) => u32::try_from(index).ok().map(|index| index + u32::from(low == 1)),
            None => text.parse().ok().filter(|value| (low..=high).contains(value)),
        }
    };
    let mut all = Vec::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None if range == "*" => (low, high),
            // Random within the range at start (`~`): anywhere in it.
            None if range.contains('~') => return Some(vec![low]),
            None if step > 1 => (number(range)?, high),
            None => (number(range)?, number(range)?),
        };
        all.extend((first..=last).step_by(step));
    }
    all.sort_unstable();
    all.dedup();
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_between_two_starts_counts() {
        let cases = [
            ("* * * * *", 1.0),
            ("*/15 * * * *", 15.0),
            ("0 * * * *", 60.0),
            ("7,37 * * * *", 30.0),
            ("0 8-18 * * *", 840.0),
            ("30 6 * * *", 1_440.0),
            ("30 6 * * sun", 10_080.0),
            ("30 6 * * 1-5", 4_320.0),
            ("30 6 * * 7", 10_080.0),
            ("0 0 1 * *", 44_640.0),
            ("0 0 1,15 * 1", 10_080.0),
            ("0 0 * jan *", 535_680.0),
        ];
        for (line, minutes) in cases {
            let mut fields = line.split(' ');
            let fields = [(); 5].map(|()| fields.next().unwrap());
            assert_eq!(interval(fields), Some(minutes), "{line}");
        }
    }

    #[test]
    fn lines_that_are_no_jobs_are_left_out() {
        for line in
            ["SHELL=/bin/sh", "* * * *", "61 * * * * root x", "*/0 * * * * root x", "a b c d e f g", "@daily"]
        {
            let mut jobs = Vec::new();
            table(line, "/etc/crontab", true, &mut jobs);
            assert!(jobs.iter().all(|job| job.interval_minutes.is_none()), "{line}");
        }
    }
}
