//! What cron and systemd's timers start by themselves, and how often.

pub(crate) mod cron;
pub mod gap;
pub(crate) mod timer;

use host::{Door, Error};

use gap::Gap;

/// The most jobs that are kept.
pub(crate) const MAX_JOBS: usize = 1000;

/// The most bytes of a script that are looked at.
const SCRIPT: usize = 64 << 10;

/// How a job is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A line of a crontab or a script in one of cron's folders.
    Cron,
    /// A timer of systemd.
    Timer,
}

impl Kind {
    /// The word facts use.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Cron => "cron",
            Self::Timer => "timer",
        }
    }
}

/// One thing that is started again and again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    /// Who starts it.
    pub(crate) kind: Kind,
    /// The timer, or the file that holds the entry.
    pub(crate) name: String,
    /// Its schedule as written.
    pub(crate) schedule: String,
    /// The longest time between two starts.
    pub(crate) gap: Gap,
    /// User it runs as.
    pub(crate) user: String,
    /// The command line. It may hold secrets.
    pub(crate) command: String,
    /// The text of the script that the command names, when it is one; empty otherwise.
    pub(crate) script: String,
    /// Whether it is started by itself: a timer must be pulled in by something, a script be executable.
    pub(crate) active: bool,
    /// Whether somebody gets what it prints: cron mails it unless MAILTO is empty; a timer's goes to the journal only.
    pub(crate) mails: bool,
    /// File and line, or unit.
    pub(crate) source: String,
}

impl Job {
    /// Whether the command or its script has a word that satisfies `wanted`. Words are split at everything that is
    /// not part of a program's name; comments of scripts do not count.
    pub(crate) fn mentions(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let code = self.script.lines().filter(|line| !line.trim_start().starts_with('#'));
        std::iter::once(self.command.as_str())
            .chain(code)
            .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)))
            .any(|word| !word.is_empty() && wanted(word))
    }

    /// The longest time between two starts in minutes; none where we cannot tell.
    pub(crate) fn interval_minutes(&self) -> Option<f64> {
        self.gap.minutes().map(|minutes| minutes as f64)
    }
}

/// Every job of the target.
///
/// # Errors
/// The first folder or crontab that could not be read: a list with holes would pass for a whole one.
pub(crate) fn jobs(door: &Door) -> Result<Vec<Job>, Error> {
    let mut jobs = cron::jobs(door)?;
    jobs.extend(timer::jobs(door)?);
    jobs.truncate(MAX_JOBS);
    for job in &mut jobs {
        job.script = script(door, &job.command);
    }
    Ok(jobs)
}

/// The first script that the command line names by its path. What cannot be read is left out: it may be a program.
fn script(door: &Door, command: &str) -> String {
    let paths = command.split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'', ';', '(', ')']));
    for path in paths.filter(|path| path.starts_with('/') && !path.starts_with("/dev/")).take(4) {
        let Ok(bytes) = door.read_up_to(path, SCRIPT) else { continue };
        if bytes.starts_with(b"#!") {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    }
    String::new()
}

#[cfg(test)]
mod tests;
