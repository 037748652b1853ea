//! How long it may be between two runs: schedules of crontab(5) and of systemd.time(7).

use std::collections::BTreeSet;
use std::time::Duration;

/// Minutes of a day, a week, and the longest month and year.
const DAY: u64 = 24 * 60;
const WEEK: u64 = 7 * DAY;
const MONTH: u64 = 31 * DAY;
const YEAR: u64 = 366 * DAY;

/// The longest time between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// In minutes.
    Minutes(u64),
    /// It only runs at boot, or once.
    Once,
    /// A schedule we do not reckon.
    Unknown,
}

impl Gap {
    /// The minutes, where there are any to reckon.
    pub(crate) fn minutes(self) -> Option<u64> {
        match self {
            Self::Minutes(minutes) => Some(minutes),
            Self::Once | Self::Unknown => None,
        }
    }
}

/// The gap of a cron schedule: five fields, or `@daily` and its kind.
pub fn cron_gap(schedule: &str) -> Gap {
    match schedule.trim() {
        "@reboot" => Gap::Once,
        "@hourly" => Gap::Minutes(60),
        "@daily" | "@midnight" => Gap::Minutes(DAY),
        "@weekly" => Gap::Minutes(WEEK),
        "@monthly" => Gap::Minutes(MONTH),
        "@yearly" | "@annually" => Gap::Minutes(YEAR),
        fields => of_fields(fields).map_or(Gap::Unknown, Gap::Minutes),
    }
}

fn of_fields(schedule: &str) -> Option<u64> {
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else { return None };
    let times = times_of_day(&values(hour, 0, 23, &[])?, &values(minute, 0, 59, &[])?);
    let months = values(month, 1, 12, MONTHS)?;
    let by_day = widest(&values(day, 1, 31, &[])?, 31);
    let by_weekday = widest(&weekdays(weekday)?, 7);
    if months.len() < 12 {
        return Some(YEAR.min(widest(&months, 12) * MONTH));
    }
    let days = match (*day, *weekday) {
        ("*", _) => by_weekday,
        (_, "*") => by_day,
        // When both are narrowed, either suffices; the shorter of the two gaps then bounds the longest.
        _ => by_day.min(by_weekday),
    };
    Some(widest(&times, days * DAY))
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Minutes of the day, sorted.
fn times_of_day(hours: &[u64], minutes: &[u64]) -> Vec<u64> {
    hours.iter().flat_map(|hour| minutes.iter().map(move |minute| hour * 60 + minute)).collect()
}

/// The widest step between neighbours of a sorted list on a circle.
fn widest(values: &[u64], around: u64) -> u64 {
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return around };
    let over_the_end = (around + first).saturating_sub(*last);
    let within = values.windows(2).filter_map(|pair| match pair {
        [a, b] => Some(b - a),
        _ => None,
    });
    within.chain([over_the_end]).max().unwrap_or(around)
}

/// The weekdays that a field of crontab names, sorted, Sunday being 0; at the end of a range it is 7.
fn weekdays(field: &str) -> Option<Vec<u64>> {
    let field = field.to_ascii_lowercase().replace("-sunday", "-7").replace("-sun", "-7");
    let days: BTreeSet<u64> = values(&field, 0, 7, WEEKDAYS)?.iter().map(|day| day % 7).collect();
    Some(days.into_iter().collect())
}

/// The values that a field of crontab names, sorted.
fn values(field: &str, low: u64, high: u64, names: &[&str]) -> Option<Vec<u64>> {
    let number = |text: &str| -> Option<u64> {
        let named = names.iter().position(|name| text.to_ascii_lowercase().starts_with(name));
        match named {
            // Months count from one, weekdays from nought, as `low` does.
            Some(index) => Some(index as u64 + low),
            None => text.parse().ok(),
        }
    };
    let mut all = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            // One value, drawn when cron starts.
            _ if range.contains('~') => (low, low),
            Some((from, to)) => (number(from)?, number(to)?),
            None if part.contains('/') => (number(range)?, high),
            None => (number(range)?, number(range)?),
        };
        if from < low || to > high || from > to {
            return None;
        }
        all.extend((from..=to).step_by(step));
    }
    (!all.is_empty()).then(|| all.into_iter().collect())
}

/// The gap of an `OnCalendar=` expression.
pub fn calendar_gap(expression: &str) -> Gap {
    match expression.trim().to_ascii_lowercase().as_str() {
        "minutely" => Gap::Minutes(1),
        "hourly" => Gap::Minutes(60),
        "daily" => Gap::Minutes(DAY),
        "weekly" => Gap::Minutes(WEEK),
        "monthly" => Gap::Minutes(MONTH),
        "quarterly" => Gap::Minutes(3 * MONTH),
        "semiannually" => Gap::Minutes(6 * MONTH),
        "yearly" | "annually" => Gap::Minutes(YEAR),
        expression => of_calendar(expression).map_or(Gap::Unknown, Gap::Minutes),
    }
}

fn of_calendar(expression: &str) -> Option<u64> {
    let mut by_weekday = 1;
    let mut date = "*-*-*";
    let mut time = "00:00";
    for word in expression.split_whitespace() {
        if word.contains(':') {
            time = word;
        } else if word.contains('-') && word.chars().any(|c| c.is_ascii_digit() || c == '*') {
            date = word;
        } else if WEEKDAYS.iter().any(|day| word.starts_with(day)) {
            by_weekday = weekdays(&word.replace("..", "-")).map_or(7, |days| widest(&days, 7));
        } else if !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            // A time zone may stand last; what else there is we do not know.
            return None;
        }
    }
    let by_date = match date {
        "*-*-*" => 1,
        _ if date.starts_with("*-*-") => 31,
        _ if date.starts_with("*-") => 366,
        _ => return None,
    };
    let time = time.replace("..", "-");
    let mut parts = time.split(':');
    let (hours, minutes) = (values(parts.next()?, 0, 23, &[])?, values(parts.next()?, 0, 59, &[])?);
    Some(widest(&times_of_day(&hours, &minutes), by_weekday.max(by_date) * DAY))
}

/// A span such as `15min`, `1h 30min`, `2 days`, `900` (seconds); in minutes, rounded up.
pub fn span_minutes(text: &str) -> Option<u64> {
    let mut seconds = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let factor = match unit {
            "" | "s" | "sec" | "second" | "seconds" => 1.0,
            "ms" | "msec" | "us" | "usec" => 0.0,
            "m" | "min" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            "w" | "week" | "weeks" => 604_800.0,
            "M" | "month" | "months" => 2_629_800.0,
            "y" | "year" | "years" => 31_557_600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * factor;
        rest = after.trim_start();
    }
    Some(Duration::try_from_secs_f64(seconds).ok()?.as_secs().div_ceil(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_of_cron_schedules() {
        for (schedule, minutes) in [
            ("* * * * *", 1),
            ("*/15 * * * *", 15),
            ("17 * * * *", 60),
            ("10 0 * * *", DAY),
            ("0 6,18 * * *", 12 * 60),
            ("0 8-17 * * *", 15 * 60),
            ("7,37 * * * *", 30),
            ("0~59 * * * *", 60),
            ("0 8-18 * * 1-5", 3 * DAY - 10 * 60),
            ("0 0 * * 0", WEEK),
            ("0 0 * * 7", WEEK),
            ("0 0 * * mon-fri", 3 * DAY),
            ("0 0 * * fri-sun", 5 * DAY),
            ("0 0 1,15 * 1", WEEK),
            ("30 4 1 * *", 31 * DAY),
            ("0 0 1 1 *", YEAR),
            ("0 0 1 1,7 *", 6 * MONTH),
            ("@hourly", 60),
            ("5/18446744073709551615 * * * *", 60),
        ] {
            assert_eq!(cron_gap(schedule), Gap::Minutes(minutes), "{schedule}");
        }
        assert_eq!(cron_gap("@reboot"), Gap::Once);
        for junk in ["", "* * * *", "61 * * * *", "*/0 * * * *", "5-1 * * * *", "x y z a b", "ü * * * *"] {
            assert_eq!(cron_gap(junk), Gap::Unknown, "{junk}");
        }
    }

    #[test]
    fn gaps_of_calendar_expressions() {
        for (expression, minutes) in [
            ("daily", DAY),
            ("*:0/15", 15),
            ("*:00", 60),
            ("*-*-* *:*:00", 1),
            ("0/2:00", 120),
            ("*-*-* 6,18:00", 12 * 60),
            ("*-*-* 02:30:00 UTC", DAY),
            ("Mon *-*-* 00:00:00", WEEK),
            ("Sun", WEEK),
            ("Mon..Fri 06:00", 3 * DAY),
            ("mon..sun", DAY),
            ("Fri..Tue", WEEK),
            ("*-*-01 00:00:00", MONTH),
            ("*-01-01", YEAR),
        ] {
            assert_eq!(calendar_gap(expression), Gap::Minutes(minutes), "{expression}");
        }
        for junk in ["2031-01-01 00:00", "\u{fffd}", "a:b", "*/0:00", "6"] {
            assert_eq!(calendar_gap(junk), Gap::Unknown, "{junk}");
        }
    }

    #[test]
    fn spans_are_in_minutes() {
        for (span, minutes) in
            [("15min", 15), ("1h 30min", 90), ("1.5h", 90), ("900", 15), ("90s", 2), ("1d", DAY), ("5m", 5)]
        {
            assert_eq!(span_minutes(span), Some(minutes), "{span}");
        }
        for junk in ["", "soon", "5 parsecs", "é", "min", "infinity", "99999999999999999999d"] {
            assert_eq!(span_minutes(junk), None, "{junk}");
        }
    }
}
