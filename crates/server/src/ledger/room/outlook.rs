//! When the log will be full, if what comes goes on as lately and what is past its retention goes.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Days that count as lately.
const LATELY: i64 = 7;

/// Days that are looked ahead.
const AHEAD: i64 = 3650;

const DAY: i64 = 86_400_000;

/// When something will be full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// It cannot be told yet: there is less than a day to tell by.
    Unknown,
    /// Not within ten years.
    Never,
    /// On this day.
    On(Timestamp),
}

/// What comes into one stream and goes out of it.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// Entries by the day since 1970.
    by_day: BTreeMap<i64, u64>,
    /// Days that they are kept.
    kept: i64,
    /// Entries a day, of late; none: there is less than a day to tell by, or nothing.
    pub(super) per_day: Option<u64>,
}

impl Flow {
    pub(super) fn new(by_day: BTreeMap<i64, u64>, kept: Duration, now: Timestamp) -> Self {
        let today = now.as_millisecond().div_euclid(DAY);
        // Days that are over; today is not.
        let first = by_day.keys().next().copied().unwrap_or(today).max(today - LATELY);
        let days = today - first;
        let lately: u64 = by_day.range(first..today).map(|(_, entries)| entries).sum();
        let per_day = u64::try_from(days).ok().filter(|days| *days > 0).map(|days| lately.div_ceil(days));
        let kept = i64::try_from(kept.as_secs() / 86_400).unwrap_or(i64::MAX / DAY);
        Self { by_day, kept, per_day }
    }

    /// All entries that there are.
    pub(super) fn entries(&self) -> u64 {
        self.by_day.values().sum()
    }
}

/// When `total` bytes will be taken, of which `used` are now, where an entry takes `per_entry`.
pub(super) fn outlook(used: u64, per_entry: u64, total: u64, flows: &[Flow], now: Timestamp) -> Outlook {
    if used >= total {
        return Outlook::On(now);
    }
    if flows.iter().all(|flow| flow.per_day.is_none()) {
        return Outlook::Unknown;
    }
    let today = now.as_millisecond().div_euclid(DAY);
    let (mut come, mut gone) = (0_u64, 0_u64);
    for day in 1..=AHEAD {
        for flow in flows {
            let per_day = flow.per_day.unwrap_or(0);
            come = come.saturating_add(per_day);
            let past = today + day - flow.kept;
            gone = gone.saturating_add(if past <= today {
                flow.by_day.get(&past).copied().unwrap_or(0)
            } else {
                per_day
            });
        }
        let more = come.saturating_mul(per_entry);
        let less = gone.saturating_mul(per_entry);
        if used.saturating_add(more).saturating_sub(less) >= total {
            return now.checked_add(SignedDuration::from_hours(24 * day)).map_or(Outlook::Never, Outlook::On);
        }
    }
    Outlook::Never
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Day 20000 since 1970.
    fn now() -> Timestamp {
        Timestamp::from_millisecond(20_000 * DAY + 1000).unwrap()
    }

    fn flow(kept: u64, days: std::ops::Range<i64>, entries: u64) -> Flow {
        let by_day = days.map(|day| (20_000 + day, entries)).collect();
        Flow::new(by_day, Duration::from_secs(kept * 86_400), now())
    }

    #[test]
    fn what_is_full_today_tomorrow_or_never_is_told() {
        let in_days = |days: i64| Outlook::On(now() + SignedDuration::from_hours(24 * days));
        // 100 entries a day of 10 bytes, kept 180 days: 180000 bytes in the end.
        for (used, total, expected) in [
            (10_000, 10_000, in_days(0)),
            (10_000, 11_000, in_days(1)),
            (10_000, 20_000, in_days(10)),
            (10_000, 179_000, in_days(169)),
            (10_000, 190_001, Outlook::Never),
        ] {
            let flows = [flow(180, -10..0, 100)];
            assert_eq!(outlook(used, 10, total, &flows, now()), expected, "{used} of {total}");
        }
        // Where as much goes as comes it never is full.
        assert_eq!(outlook(30_000, 10, 31_001, &[flow(30, -30..0, 100)], now()), Outlook::Never);
        assert_eq!(outlook(100, 10, 1000, &[flow(30, 0..1, 100)], now()), Outlook::Unknown);
        assert_eq!(outlook(100, 10, 1000, &[], now()), Outlook::Unknown);
    }

    #[test]
    fn only_the_last_days_tell_how_much_comes() {
        let mut by_day: BTreeMap<i64, u64> = (19_000..19_993).map(|day| (day, 100_000)).collect();
        by_day.extend((19_993..20_001).map(|day| (day, 7)));
        assert_eq!(Flow::new(by_day, Duration::from_secs(86_400), now()).per_day, Some(7));
    }
}
