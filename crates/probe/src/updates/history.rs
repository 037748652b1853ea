//! When packages were last upgraded, as the logs tell.

use host::{Door, Error};
use model::Fact;

use crate::fact::reason;
use crate::stamp;

/// The most bytes of one log; monthly rotation keeps them below a few megabytes.
const LOG: usize = 32 << 20;

/// Finds the moment of the last upgrade in a log's text.
type Search = fn(&str) -> Option<String>;

/// The last upgrade in apt's history or dpkg's log, whichever is later.
pub(super) fn last_upgrade(door: &Door) -> Fact<String> {
    let logs: [(&str, Search); 4] = [
        ("/var/log/apt/history.log", in_history),
        ("/var/log/apt/history.log.1", in_history),
        ("/var/log/dpkg.log", in_dpkg_log),
        ("/var/log/dpkg.log.1", in_dpkg_log),
    ];
    let mut best: Option<(String, &str)> = None;
    let mut trouble: Option<Error> = None;
    for (path, search) in logs {
        match door.read_up_to(path, LOG) {
            Ok(bytes) => {
                let moment = search(&String::from_utf8_lossy(&bytes));
                best = best.max(moment.map(|moment| (moment, path)));
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => trouble = Some(error),
        }
    }
    match (best, trouble) {
        (Some((moment, path)), _) => Fact::read_at(moment, path),
        (None, Some(error)) => Fact::unreadable(reason(&error, door)),
        (None, None) if has_older_logs(door) => {
            Fact::unreadable("the current logs hold no upgrade, and the older ones are compressed")
        }
        (None, None) => Fact::Absent,
    }
}

fn has_older_logs(door: &Door) -> bool {
    ["/var/log/apt/history.log.1.gz", "/var/log/apt/history.log.2.gz", "/var/log/dpkg.log.2.gz"]
        .iter()
        .any(|path| door.exists(path))
}

/// The end of the last transaction with an `Upgrade:` line.
fn in_history(text: &str) -> Option<String> {
    let mut upgraded = false;
    let mut last = None;
    for line in text.lines() {
        if line.starts_with("Start-Date:") {
            upgraded = false;
        } else if line.starts_with("Upgrade:") {
            upgraded = true;
        } else if let Some(date) = line.strip_prefix("End-Date:").filter(|_| upgraded) {
            last = stamp::from_log(date).or(last);
        }
    }
    last
}

/// The last line `2026-01-31 06:12:55 upgrade libc6:amd64 old new`.
fn in_dpkg_log(text: &str) -> Option<String> {
    let line = text.lines().rev().find(|line| line.split(' ').nth(2) == Some("upgrade"))?;
    stamp::from_log(line)
}
