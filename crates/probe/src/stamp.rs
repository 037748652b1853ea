//! Moments, as facts write them: RFC 3339.

use host::Door;
use model::{Fact, Timestamp};

use crate::fact::reason;

/// The moment `seconds` after the beginning of 1970.
pub(crate) fn at(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|moment| moment.to_string())
}

/// When the file was last written; absent when it is not there.
pub(crate) fn modified(door: &Door, path: &str) -> Fact<String> {
    match door.stat(path) {
        Ok(stat) => match at(stat.modified) {
            Some(moment) => Fact::read_at(moment, path),
            None => Fact::unreadable(format!("{path} has an impossible time of change")),
        },
        Err(error) if error.is_not_found() => Fact::Absent,
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}

/// The latest time of change among files that need not be there; a file that cannot be looked at counts only when
/// no other one can.
pub(crate) fn newest(door: &Door, paths: &[&str]) -> Fact<String> {
    let mut best: Option<(i64, &str)> = None;
    let mut trouble = None;
    for path in paths {
        match door.stat(path) {
            Ok(stat) if best.is_none_or(|(moment, _)| moment < stat.modified) => {
                best = Some((stat.modified, path))
            }
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => trouble = Some(reason(&error, door)),
        }
    }
    match (best.and_then(|(moment, path)| Some((at(moment)?, path))), trouble) {
        (Some((moment, path)), _) => Fact::read_at(moment, path),
        (None, Some(reason)) => Fact::unreadable(reason),
        (None, None) => Fact::Absent,
    }
}

/// A log's `2026-01-31 06:12:55`, taken as UTC: logs do not name their time zone, and hours do not matter to the
/// rules that ask for days.
pub(crate) fn from_log(text: &str) -> Option<String> {
    let mut words = text.split_ascii_whitespace();
    let (date, time) = (words.next()?, words.next()?);
    let time = time.split([',', '.', '+']).next()?;
    format!("{date}T{time}Z").parse::<Timestamp>().ok().map(|moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339() {
        assert_eq!(at(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(at(i64::MAX), None);
        assert_eq!(from_log("2026-01-31  06:12:55").as_deref(), Some("2026-01-31T06:12:55Z"));
        assert_eq!(from_log("2026-01-31 06:12:55,123 INFO").as_deref(), Some("2026-01-31T06:12:55Z"));
        assert_eq!(from_log("yesterday noon"), None);
    }
}
