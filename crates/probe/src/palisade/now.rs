//! The time on the target, by its own clock: when it booted, and how long ago that was.

use host::Door;
use model::Timestamp;

use crate::fact::reason;

/// The time now, to the second.
///
/// # Errors
/// For a person: why it cannot be told.
pub(super) fn read(door: &Door) -> Result<Timestamp, String> {
    let text = |path: &str| door.read_text(path).map_err(|error| reason(&error, door));
    let (stat, uptime) = (text("/proc/stat")?, text("/proc/uptime")?);
    let booted = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<i64>().ok());
    let since = uptime.split(['.', ' ']).next().and_then(|seconds| seconds.parse::<i64>().ok());
    booted
        .zip(since)
        .and_then(|(booted, since)| Timestamp::from_second(booted.checked_add(since)?).ok())
        .ok_or_else(|| "/proc/stat and /proc/uptime do not tell the time".to_owned())
}
