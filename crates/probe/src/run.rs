//! Runs the probes side by side, each with its own time limit; one that fails or hangs costs only its section.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use host::Door;
use model::report::{ProbeRun, ProbeStatus, Target};
use model::{Fact, FactsDocument, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::{Context, Subject};

/// One probe: a section's name, its time limit, and the function that reads it.
pub struct Probe {
    /// The section's name.
    pub name: &'static str,
    /// The longest it may take.
    pub limit: Duration,
    /// Reads the section: a serialised [`Fact`].
    pub run: fn(&Context) -> Value,
}

/// What to collect.
pub struct Request<'a> {
    /// The way to the target.
    pub door: &'a Door,
    /// What the target is called.
    pub target: Target,
    /// What the target is.
    pub subject: Subject,
    /// The time at which collecting starts.
    pub now: Timestamp,
    /// Sections wanted; all when empty.
    pub sections: &'a [String],
    /// The probes to choose from, such as [`crate::PROBES`].
    pub probes: &'a [Probe],
}

/// What happens while collecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// These probes are still running after this time.
    Waiting {
        /// Names of the probes.
        probes: Vec<&'static str>,
        /// Since the start.
        elapsed: Duration,
    },
}

/// How often [`Event::Waiting`] is told.
const TICK: Duration = Duration::from_millis(250);

/// Questions that a probe asks one after another at most, on most hosts.
const QUESTIONS: u32 = 2_000;

/// The longest that distance may add to the time limit of a probe.
const LONGEST_DISTANCE: Duration = Duration::from_secs(60);

/// Threads to a probe need little stack, and there are many of them.
const STACK: usize = 1 << 20;

/// A section as JSON, with the markers that [`FactsDocument::insert_section`] takes apart.
pub(crate) fn serialised<T: Serialize>(section: &Fact<T>) -> Value {
    serde_json::to_value(section).unwrap_or_else(|error| {
        let failed: Fact<()> = Fact::unreadable(format!("the section cannot be written as JSON: {error}"));
        serde_json::to_value(failed).unwrap_or(Value::Null)
    })
}

/// Runs the wanted probes and returns what they learned. Never fails: what went wrong stands in the document.
pub fn collect(request: &Request<'_>, tell: &mut dyn FnMut(&Event)) -> FactsDocument {
    let started = Instant::now();
    let mut document = FactsDocument::new(request.target.clone(), request.now);
    let wanted: Vec<&Probe> = request
        .probes
        .iter()
        .filter(|probe| request.sections.is_empty() || request.sections.iter().any(|name| name == probe.name))
        .collect();
    let (sender, receiver) = mpsc::channel();
    let mut running: Vec<&Probe> = Vec::new();
    let mut done: Vec<(&'static str, Value, Duration)> = Vec::new();
    // What is far away answers later, question by question.
    let distance = (request.door.delay() * QUESTIONS).min(LONGEST_DISTANCE);
    let shared = Context::new(request.door.clone()).of(request.subject.clone());
    for probe in wanted.iter().copied() {
        let (name, run, sender) = (probe.name, probe.run, sender.clone());
        let cx = shared.through(request.door.until(started + probe.limit + distance));
        let spawned = thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(move || {
            let section = catch_unwind(AssertUnwindSafe(|| run(&cx)))
                .unwrap_or_else(|_| failed("the probe panicked; this is a bug in Palisade".to_owned()));
            // Nobody listens any more when the probe's time is up.
            drop(sender.send((name, section, started.elapsed())));
        });
        match spawned {
            Ok(_) => running.push(probe),
            Err(error) => {
                done.push((name, failed(format!("no thread for the probe: {error}")), started.elapsed()));
            }
        }
    }
    drop(sender);
    while !running.is_empty() {
        match receiver.recv_timeout(TICK) {
            Ok(result) => {
                running.retain(|probe| probe.name != result.0);
                done.push(result);
            }
            Err(RecvTimeoutError::Timeout) => {
                tell(&Event::Waiting {
                    probes: running.iter().map(|probe| probe.name).collect(),
                    elapsed: started.elapsed(),
                });
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        // A grace of one tick lets a probe report by itself what its door refused at the deadline.
        running.retain(|probe| {
            let limit = probe.limit + distance;
            let overdue = started.elapsed() > limit + TICK;
            if overdue {
                let reason = format!("the probe did not end within {} s", limit.as_secs());
                done.push((probe.name, failed(reason), started.elapsed()));
            }
            !overdue
        });
    }
    for probe in wanted {
        if let Some((name, section, took)) = done.iter_mut().find(|(name, ..)| *name == probe.name) {
            document.insert_section(name, section.take());
            let run = outcome(&document, name, *took);
            document.probes.push(run);
        }
    }
    document
}

fn failed(reason: String) -> Value {
    serialised(&Fact::<()>::unreadable(reason))
}

/// How the probe went, judged by what stands in the document.
fn outcome(document: &FactsDocument, name: &str, took: Duration) -> ProbeRun {
    let (status, reason) = match document.facts.get(name) {
        None => (ProbeStatus::Failed, document.unreadable.get(name).cloned().unwrap_or_default()),
        Some(Value::Null) => (ProbeStatus::Absent, String::new()),
        Some(_) => {
            let mut missing = document.unreadable.iter().filter(|(path, _)| section_of(path) == name);
            match missing.next() {
                None => (ProbeStatus::Ok, String::new()),
                Some((path, reason)) => {
                    let more = missing.count();
                    let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
                    (ProbeStatus::Partial, format!("{path}: {reason}{more}"))
                }
            }
        }
    };
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    ProbeRun { name: name.to_owned(), status, reason, duration_ms }
}

/// The section that a path stands in.
fn section_of(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::report::TargetKind;

    use super::*;

    fn run(probes: &[Probe]) -> FactsDocument {
        let root = tempfile::tempdir().unwrap();
        let door = Door::new(Arc::new(host::Tree::new(root.path()).unwrap()));
        let target = Target { kind: TargetKind::Root, name: "t".into(), id: String::new() };
        collect(
            &Request {
                door: &door,
                target,
                subject: Subject::Host,
                now: Timestamp::UNIX_EPOCH,
                sections: &[],
                probes,
            },
            &mut |_| {},
        )
    }

    #[test]
    fn a_probe_that_panics_or_hangs_costs_only_its_section() {
        let document = run(&[
            Probe { name: "good", limit: Duration::from_secs(5), run: |_| serialised(&Fact::known(1)) },
            Probe { name: "gone", limit: Duration::from_secs(5), run: |_| serialised(&Fact::<()>::Absent) },
            Probe { name: "panics", limit: Duration::from_secs(5), run: |_| panic!("on purpose") },
            Probe {
                name: "hangs",
                limit: Duration::from_millis(10),
                run: |_| {
                    thread::sleep(Duration::from_secs(20));
                    Value::Null
                },
            },
        ]);
        let status: Vec<_> = document.probes.iter().map(|run| (run.name.as_str(), run.status)).collect();
        assert_eq!(
            status,
            [
                ("good", ProbeStatus::Ok),
                ("gone", ProbeStatus::Absent),
                ("panics", ProbeStatus::Failed),
                ("hangs", ProbeStatus::Failed)
            ]
        );
        assert_eq!(document.unreadable["hangs"], "the probe did not end within 0 s");
        assert_eq!(document.facts["good"], 1);
    }
}
