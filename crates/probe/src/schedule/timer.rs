//! Timers of systemd that something pulls in.

use std::collections::BTreeSet;

use host::{Door, Error};

use super::{Job, Kind};
use crate::text::{files_in, meaningful_lines};
use crate::units::{self, UNIT_FOLDERS};

pub(super) fn jobs(door: &Door) -> Result<Vec<Job>, Error> {
    let mut names = BTreeSet::new();
    for folder in UNIT_FOLDERS {
        names.extend(files_in(door, folder, ".timer")?);
    }
    let mut jobs = Vec::new();
    for name in names {
        let Some((path, text)) = unit(door, &name)? else { continue };
        let setting = |key: &str| setting(&text, key);
        let service = setting("Unit").unwrap_or_else(|| name.replace(".timer", ".service"));
        let command = match unit(door, &service)? {
            Some((_, service)) => self::setting(&service, "ExecStart").unwrap_or_default(),
            None => String::new(),
        };
        let calendar =
            text_values(&text, "OnCalendar").iter().filter_map(|value| calendar(value)).reduce(f64::min);
        let repeated = ["OnUnitActiveSec", "OnUnitInactiveSec"]
            .into_iter()
            .filter_map(|key| setting(key).and_then(|value| span(&value)))
            .reduce(f64::min);
        jobs.push(Job {
            kind: Kind::Timer,
            command: if command.is_empty() { service } else { command },
            script: String::new(),
            interval_minutes: calendar.or(repeated),
            active: units::at_boot(door, &name)?.is_started(),
            mails: false,
            source: path,
        });
    }
    Ok(jobs)
}

/// The unit's file and text with the drop-ins of /etc; none when it is missing or masked.
fn unit(door: &Door, name: &str) -> Result<Option<(String, String)>, Error> {
    for folder in UNIT_FOLDERS {
        let path = format!("{folder}/{name}");
        if door.read_link(&path).is_ok_and(|target| target.as_os_str() == "/dev/null") {
            return Ok(None);
        }
        match door.read_text(&path) {
            Ok(mut text) => {
                let drop_ins = format!("/etc/systemd/system/{name}.d");
                for file in files_in(door, &drop_ins, ".conf")? {
                    text.push('\n');
                    text.push_str(&door.read_text(format!("{drop_ins}/{file}"))?);
                }
                return Ok(Some((path, text)));
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The last value of a setting.
fn setting(text: &str, key: &str) -> Option<String> {
    text_values(text, key).pop()
}

/// All values of a setting; an empty one forgets those before it.
fn text_values(text: &str, key: &str) -> Vec<String> {
    let mut values = Vec::new();
    for line in meaningful_lines(text) {
        if let Some((_, value)) = line.text.split_once('=').filter(|(name, _)| name.trim() == key) {
            if value.trim().is_empty() {
                values.clear();
            } else {
                values.push(value.trim().to_owned());
            }
        }
    }
    values
}

/// Minutes of a time span: `1h 30min`, `1d`, `300` seconds.
fn span(text: &str) -> Option<f64> {
    let mut minutes = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (number, after) = rest.split_at_checked(digits)?;
        let after = after.trim_start();
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, after) = after.split_at_checked(letters)?;
        let factor = match unit {
            "" | "s" | "sec" | "second" | "seconds" => 1.0 / 60.0,
            "m" | "min" | "minute" | "minutes" => 1.0,
            "h" | "hr" | "hour" | "hours" => 60.0,
            "d" | "day" | "days" => 1_440.0,
            "w" | "week" | "weeks" => 10_080.0,
            "M" | "month" | "months" => 43_830.0,
            "y" | "year" | "years" => 525_960.0,
            _ => return None,
        };
        minutes += number.parse::<f64>().ok()? * factor;
        rest = after.trim_start();
    }
    (minutes > 0.0).then_some(minutes)
}

/// The longest time between two elapses of a calendar event, in minutes; none where we cannot tell.
fn calendar(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "minutely" => return Some(1.0),
        "hourly" => return Some(60.0),
        "daily" => return Some(1_440.0),
        "weekly" => return Some(10_080.0),
        "monthly" => return Some(44_640.0),
        "quarterly" => return Some(132_480.0),
        "semiannually" => return Some(264_960.0),
        "yearly" | "annually" => return Some(527_040.0),
        _ => {}
    }
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let time = words.iter().find(|word| word.contains(':'));
    let date = words.iter().find(|word| word.contains('-'));
    let weekday =
        words.iter().find(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()) && **word != "UTC");
    let within_a_day = match time {
        Some(time) => clock(time)?,
        None => 1_440.0,
    };
    let days = match date {
        None => 1.0,
        Some(date) => match date.rsplit('-').next()? {
            "*" => 1.0,
            _ => 31.0,
        },
    };
    let week = match weekday {
        None => 1.0,
        Some(word) if word.eq_ignore_ascii_case("mon..sun") => 1.0,
        Some(word) if word.eq_ignore_ascii_case("mon..fri") => 3.0,
        Some(_) => 7.0,
    };
    let days = f64::max(days, week);
    Some(if days > 1.0 { days * 1_440.0 } else { within_a_day })
}

/// The longest pause of the times of day `HH:MM[:SS]`, where a field may be `*`, `*/n`, `a/n` or a list.
fn clock(time: &str) -> Option<f64> {
    let mut fields = time.split(':');
    let (hour, minute) = (fields.next()?, fields.next()?);
    let pause = |field: &str, all: f64| -> Option<Option<f64>> {
        match field.split_once('/') {
            Some((_, step)) => step.parse::<f64>().ok().filter(|step| *step > 0.0).map(Some),
            None if field == "*" => Some(Some(1.0)),
            // A list: as if its members stood together, the longest pause is no longer than the whole.
            None if field.contains([',', '.']) => Some(Some(all)),
            None => field.parse::<u32>().ok().map(|_| None),
        }
    };
    Some(match (pause(hour, 24.0)?, pause(minute, 60.0)?) {
        (None, None) => 1_440.0,
        (None, Some(_)) => 1_440.0,
        (Some(hours), None) => hours * 60.0,
        (Some(hours), Some(minutes)) if hours <= 1.0 => minutes,
        (Some(hours), Some(_)) => hours * 60.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_events_have_a_longest_pause() {
        let cases = [
            ("daily", 1_440.0),
            ("*-*-* 6,18:00", 1_440.0),
            ("*-*-* 06:30:00", 1_440.0),
            ("*:0/10", 10.0),
            ("*:00", 60.0),
            ("*-*-* *:*:00", 1.0),
            ("0/2:00", 120.0),
            ("Mon *-*-* 03:00", 10_080.0),
            ("Sun", 10_080.0),
            ("*-*-01 04:00", 44_640.0),
        ];
        for (text, minutes) in cases {
            assert_eq!(calendar(text), Some(minutes), "{text}");
        }
        assert_eq!(calendar("a:b"), None);
    }

    #[test]
    fn time_spans_are_summed() {
        for (text, minutes) in
            [("1h 30min", 90.0), ("15min", 15.0), ("1d", 1_440.0), ("600", 10.0), ("5m", 5.0)]
        {
            assert_eq!(span(text), Some(minutes), "{text}");
        }
        for text in ["", "soon", "5 parsecs", "é", "min"] {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
