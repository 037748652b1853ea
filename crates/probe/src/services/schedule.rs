//! How long it may be between two runs: schedules of crontab(5) and of systemd.time(7).

use std::collections::BTreeSet;

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

/// The gap of a cron schedule: five fields, or `@daily` and its kind.
pub fn cron_gap(schedule: &str) -> Gap {
    match schedule.trim() {
        "@reboot" => return Gap::Once,
        "@hourly" => return Gap::Minutes(60),
        "@daily" | "@midnight" => return Gap::Minutes(DAY),
        "@weekly" => return Gap::Minutes(WEEK),
        "@monthly" => return Gap::Minutes(MONTH),
        "@yearly" | "@annually" => return Gap::Minutes(YEAR),
        _ => {}
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else { return Gap::Unknown };
    let (Some(minutes), Some(hours)) = (values(minute, 0, 59, &[]), values(hour, 0, 23, &[])) else {
        return Gap::Unknown;
    };
    let (Some(days), Some(months), Some(weekdays)) =
        (values(day, 1, 31, &[]), values(month, 1, 12, MONTHS), values(weekday, 0, 7, WEEKDAYS))
    else {
        return Gap::Unknown;
    };
    let times = times_of_day(&hours, &minutes);
    if months.len() < 12 {
        return Gap::Minutes(YEAR);
    }
    // When both are narrowed, either suffices; the shorter of the two gaps then bounds the longest.
    let by_day = (day.trim() != "*").then(|| if days.len() == 31 { DAY } else { widest(&days, 31) * DAY });
    let by_weekday = (weekday.trim() != "*").then(|| {
        let mut weekdays: Vec<u64> = weekdays.iter().map(|day| day % 7).collect();
        weekdays.sort_unstable();
        weekdays.dedup();
        widest(&weekdays, 7) * DAY
    });
    match (by_day, by_weekday) {
        (None, None) => Gap::Minutes(widest(&times, DAY)),
        (Some(gap), None) | (None, Some(gap)) => Gap::Minutes(gap.max(widest(&times, DAY))),
        (Some(one), Some(other)) => Gap::Minutes(one.min(other).max(widest(&times, DAY))),
    }
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

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
            Some((range, step)) => (range, step.parse::<u64>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (number(from)?, number(to)?),
            None if part.contains('/') => (number(range)?, high),
            None => (number(range)?, number(range)?),
        };
        if from < low || to > high || from > to {
            return None;
        }
        let mut value = from;
        while value <= to {
            all.insert(value);
            value = value.saturating_add(step);
        }
    }
    (!all.is_empty()).then(|| all.into_iter().collect())
}

/// The gap of an `OnCalendar=` expression.
pub fn calendar_gap(expression: &str) -> Gap {
    let expression = expression.trim();
    match expression.to_ascii_lowercase().as_str() {
        "minutely" => return Gap::Minutes(1),
        "hourly" => return Gap::Minutes(60),
        "daily" => return Gap::Minutes(DAY),
        "weekly" => return Gap::Minutes(WEEK),
        "monthly" => return Gap::Minutes(MONTH),
        "quarterly" => return Gap::Minutes(3 * MONTH),
        "semiannually" => return Gap::Minutes(6 * MONTH),
        "yearly" | "annually" => return Gap::Minutes(YEAR),
        _ => {}
    }
    let mut weekdays = "*".to_owned();
    let mut date = None;
    let mut time = "00:00".to_owned();
    for word in expression.split_whitespace() {
        if word.contains(':') {
            word.clone_into(&mut time);
        } else if word.contains('-') && word.chars().any(|c| c.is_ascii_digit() || c == '*') {
            date = Some(word);
        } else if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            // A time zone may follow the time; weekdays stand first.
            let lower = word.to_ascii_lowercase();
            if WEEKDAYS.iter().any(|day| lower.starts_with(day)) {
                weekdays = lower;
            }
        } else {
            return Gap::Unknown;
        }
    }
    let mut parts = time.split(':');
    let (Some(hours), Some(minutes)) = (parts.next(), parts.next()) else { return Gap::Unknown };
    let field = |text: &str| text.replace("..", "-");
    let (Some(hours), Some(minutes)) = (values(&field(hours), 0, 23, &[]), values(&field(minutes), 0, 59, &[]))
    else {
        return Gap::Unknown;
    };
    let within_day = widest(&times_of_day(&hours, &minutes), DAY);
    let by_date = match date {
        None | Some("*-*-*") => DAY,
        Some(date) if date.starts_with("*-*-") => MONTH,
        Some(date) if date.starts_with("*-") => YEAR,
        Some(_) => return Gap::Unknown,
    };
    let by_weekday = if weekdays == "*" { DAY } else { WEEK };
    Gap::Minutes(match by_date.max(by_weekday) {
        DAY => within_day,
        longer => longer.max(within_day),
    })
}

/// A span such as `15min`, `1h 30min`, `2 days`, `900` (seconds); in minutes, rounded up.
pub fn span_minutes(text: &str) -> Option<u64> {
    let mut seconds: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let number: u64 = number.parse().ok()?;
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let factor = match unit {
            "" | "s" | "sec" | "second" | "seconds" => 1,
            "ms" | "msec" | "us" | "usec" => 0,
            "m" | "min" | "minute" | "minutes" => 60,
            "h" | "hr" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            "M" | "month" | "months" => 2_629_800,
            "y" | "year" | "years" => 31_557_600,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(factor)?)?;
        rest = after.trim_start();
    }
    Some(seconds.div_ceil(60))
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
            ("0 0 * * 0", WEEK),
            ("0 0 * * mon-fri", 3 * DAY),
            ("30 4 1 * *", 31 * DAY),
            ("0 0 1 1 *", YEAR),
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
            ("*-*-* 6,18:00", 12 * 60),
            ("*-*-* 02:30:00 UTC", DAY),
            ("Mon *-*-* 00:00:00", WEEK),
            ("Sun", WEEK),
            ("*-*-01 00:00:00", MONTH),
            ("*-01-01", YEAR),
        ] {
            assert_eq!(calendar_gap(expression), Gap::Minutes(minutes), "{expression}");
        }
        assert_eq!(calendar_gap("2031-01-01 00:00"), Gap::Unknown);
        assert_eq!(calendar_gap("\u{fffd}"), Gap::Unknown);
    }

    #[test]
    fn spans_are_in_minutes() {
        assert_eq!(span_minutes("15min"), Some(15));
        assert_eq!(span_minutes("1h 30min"), Some(90));
        assert_eq!(span_minutes("900"), Some(15));
        assert_eq!(span_minutes("1d"), Some(DAY));
        assert_eq!(span_minutes("infinity"), None);
        assert_eq!(span_minutes("99999999999999999999d"), None);
    }
}
