//! Carries a plan out, and takes it back: from any point, also one that a crash chose.

mod take_back;
mod trouble;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use host::{Door, Program, programs};
use model::Timestamp;

use crate::change::Act;
use crate::disk::{Disk, DiskError, State};
use crate::engine;
use crate::foreign::Foreign;
use crate::journal::{Entry, FileHashes, Journal, JournalError, Status, Who, hash};
use crate::keeper::{self, Settle};
use crate::plan::{Mended, Plan};
use trouble::Trouble;

/// The longest a program may take that only sees to something.
const ENSURE_LIMIT: Duration = Duration::from_secs(60);

/// What is about to happen, in order. Told before it happens: for progress, and for tests that end the process there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The journal is written.
    Journal,
    /// A path gets its new state.
    File(String),
    /// A program is asked whether it accepts the files.
    Check(String),
    /// Running state changes.
    Live(String),
    /// A service takes up its settings.
    Settle(String),
    /// The target is looked at again.
    Recheck,
    /// The change set is kept, or waits to be confirmed.
    Keep,
    /// A path gets its former state.
    Restore(String),
    /// The change set is taken back wholly.
    Undone,
}

/// Looks at the target again, and gives the findings of the plan that still fail.
pub type Recheck<'a> = &'a mut dyn FnMut() -> Result<Vec<Mended>, String>;

/// What became of a plan that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The change set's name.
    pub change_set: String,
    /// Whether it is kept or waits to be confirmed.
    pub status: Status,
}

/// Why a plan was not carried out, or not taken back. Unless the variant says otherwise, all is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The journal cannot be written, so nothing was begun.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Something changed between plan and apply; nothing was begun.
    #[error("{0} has changed since the plan was made; make it again")]
    Stale(String),
    /// An earlier change set waits to be confirmed, or nobody knows how it stands; nothing was begun.
    #[error(
        "change set {0} waits to be confirmed: run `palisade harden confirm` or `palisade harden undo {0}` first"
    )]
    Waiting(String),
    /// A step could not be made; everything was put back.
    #[error("{what}; everything was put back")]
    Failed {
        /// What went wrong.
        what: String,
        /// The fixes behind it; none when it was no fix's doing.
        fixes: Vec<String>,
        /// The change set.
        change_set: String,
    },
    /// Rules still fail; everything was put back.
    #[error("{} of the findings still fail after the change, the first is {}; everything was put back",
        .findings.len(), .findings.first().map_or("", |one| one.rule.as_str()))]
    StillFails {
        /// What still fails.
        findings: Vec<Mended>,
        /// The change set.
        change_set: String,
    },
    /// Putting everything back did not wholly work: the change set stays unfinished and is tried again by the next run.
    #[error("{what}; and not everything could be put back: {}. Every run of `palisade harden` tries again; \
        `palisade harden undo {change_set} --leave` leaves this as it is", first_of(.left))]
    Stuck {
        /// The change set.
        change_set: String,
        /// What went wrong first.
        what: String,
        /// What is not as it was.
        left: Vec<String>,
    },
    /// Somebody else changed files since; nothing was undone.
    #[error("{} changed by somebody else since", .0.iter().map(|one| one.path.as_str()).collect::<Vec<_>>().join(", "))]
    Foreign(Vec<Foreign>),
    /// A newer change set stands on this one; nothing was undone.
    #[error("change set {0} came later and concerns the same files; undo it first")]
    Buried(String),
    /// There is nothing to undo or confirm.
    #[error("{0}")]
    Nothing(String),
}

/// As much of a list as an error has room for; `palisade harden status` has it all.
fn first_of(left: &[String]) -> String {
    let first: Vec<&str> = left.iter().take(3).map(String::as_str).collect();
    match left.len().saturating_sub(first.len()) {
        0 => first.join("; "),
        more => format!("{}; and {more} more", first.join("; ")),
    }
}

/// The one that changes a target.
pub struct Executor<'a> {
    door: &'a Door,
    journal: Journal,
    who: Who,
    tell: &'a mut dyn FnMut(&Moment),
    stop: Option<Arc<AtomicBool>>,
    /// Whether services have not started yet.
    early: bool,
    /// The change set that this process carries out, and how many of its changes of running state were begun.
    begun: Option<(String, usize)>,
    notes: Vec<String>,
}

impl<'a> Executor<'a> {
    /// Takes the lock of the tree below `root`.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn new(
        door: &'a Door,
        root: &Path,
        who: Who,
        tell: &'a mut dyn FnMut(&Moment),
    ) -> Result<Self, JournalError> {
        let journal = Journal::open(root)?;
        Ok(Self { door, journal, who, tell, stop: None, early: false, begun: None, notes: Vec::new() })
    }

    /// Once `flag` is set, applying ends at the next step and everything is put back. Putting back does not end.
    pub fn stop_when(&mut self, flag: Arc<AtomicBool>) {
        self.stop = Some(flag);
    }

    /// What was left on purpose when something was taken back, for a person: what somebody else changed since.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The journal, locked.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Carries a plan out. With `until`, it waits to be confirmed by then. `begun` is told the change set's name once
    /// everything is written down and before anything is changed; its failure stops the run.
    ///
    /// # Errors
    /// See [`ApplyError`]: everything is as before, or the journal says what is not.
    pub fn apply(
        &mut self,
        plan: &Plan,
        now: Timestamp,
        until: Option<Timestamp>,
        begun: &mut dyn FnMut(&str) -> Result<(), String>,
        recheck: Recheck<'_>,
    ) -> Result<Outcome, ApplyError> {
        self.recover(now)?;
        let waiting = self.journal.change_sets()?.into_iter();
        if let Some((id, _)) = waiting.rev().find(|(_, status)| status.is_open()) {
            return Err(ApplyError::Waiting(id));
        }
        for step in &plan.steps {
            let state = self.state(&step.path, &step.before)?;
            if !step.before.is_met_by(&state) {
                return Err(ApplyError::Stale(step.path.clone()));
            }
        }
        (self.tell)(&Moment::Journal);
        let id = self.journal.begin(plan, now)?;
        self.begun = Some((id.clone(), 0));
        let done = begun(&id).map_err(Trouble::from).and_then(|()| self.carry_out(plan, &id));
        let failed = done.and_then(|()| {
            (self.tell)(&Moment::Recheck);
            let failing = recheck()?;
            if failing.is_empty() { self.still_runs(plan).map(|()| failing) } else { Ok(failing) }
        });
        match failed {
            Ok(findings) if findings.is_empty() => {}
            Ok(findings) => {
                let what = format!("{} findings still fail", findings.len());
                self.take_back_gently(&id, &what, "refuse", now)?;
                return Err(ApplyError::StillFails { findings, change_set: id });
            }
            Err(Trouble { what, fixes }) => {
                self.take_back_gently(&id, &what, "refuse", now)?;
                return Err(ApplyError::Failed { what, fixes, change_set: id });
            }
        }
        (self.tell)(&Moment::Keep);
        let status = until.map_or(Status::Kept, |until| Status::Awaiting { until });
        // Written down first: a crash between the two is taken back, and the history says so.
        let kept = self.record("apply", &id, plan, status.to_string(), now);
        if let Err(error) = kept.and_then(|()| self.journal.set_status(&id, &status)) {
            let what = error.to_string();
            self.take_back_gently(&id, &what, "refuse", now)?;
            return Err(ApplyError::Failed { what, fixes: Vec::new(), change_set: id });
        }
        Ok(Outcome { change_set: id, status })
    }

    fn carry_out(&mut self, plan: &Plan, id: &str) -> Result<(), Trouble> {
        // What goes goes last and from the inside out.
        let comes = plan.steps.iter().filter(|step| step.after != State::Absent);
        let goes = plan.steps.iter().rev().filter(|step| step.after == State::Absent);
        for step in comes.chain(goes) {
            self.go_on()?;
            (self.tell)(&Moment::File(step.path.clone()));
            let disk = self.journal.disk();
            let now = disk.state(&step.path, step.before.has_content()).map_err(|error| error.to_string())?;
            if !step.before.is_met_by(&now) {
                return Err(format!("{} was changed by somebody else at this moment", step.path).into());
            }
            disk.put(&step.path, &step.after, id).map_err(|error| error.to_string())?;
        }
        for check in &plan.checks {
            self.go_on()?;
            (self.tell)(&Moment::Check(check.to_string()));
            self.act(check).map_err(|error| {
                let files = |path: &str| keeper::is_checked_by(check, path);
                Trouble::of_files(plan, format!("the new files are refused: {error}"), files)
            })?;
        }
        let settles = |first| plan.settle.iter().filter(move |settle| settle.first == first);
        for settle in settles(true) {
            self.settle(plan, settle)?;
        }
        for (before, live) in plan.live.iter().enumerate() {
            self.go_on()?;
            (self.tell)(&Moment::Live(live.what.clone()));
            self.begun = Some((id.to_owned(), before + 1));
            for act in &live.apply {
                self.act(act)
                    .map_err(|error| Trouble::of_line(plan, format!("{}: {error}", live.what), &live.what))?;
            }
        }
        for settle in settles(false) {
            self.go_on()?;
            self.settle(plan, settle)?;
        }
        Ok(self.go_on()?)
    }

    /// Whether nobody asked to stop.
    fn go_on(&self) -> Result<(), String> {
        match &self.stop {
            Some(stop) if stop.load(Ordering::SeqCst) => Err("interrupted".to_owned()),
            _ => Ok(()),
        }
    }

    /// Whether the services that took up new settings run a while later.
    fn still_runs(&self, plan: &Plan) -> Result<(), Trouble> {
        self.go_on()?;
        for settle in &plan.settle {
            for act in settle.acts.iter().filter(|act| take_back::is_look(act)) {
                self.act(act).map_err(|error| {
                    let files = |path: &str| keeper::is_kept_by(&settle.name, path);
                    Trouble::of_files(plan, format!("{} did not last: {error}", settle.what), files)
                })?;
            }
        }
        Ok(())
    }

    fn settle(&mut self, plan: &Plan, settle: &Settle) -> Result<(), Trouble> {
        (self.tell)(&Moment::Settle(settle.what.clone()));
        settle.acts.iter().try_for_each(|act| self.act(act)).map_err(|error| {
            let files = |path: &str| keeper::is_kept_by(&settle.name, path);
            Trouble::of_files(plan, format!("{}: {error}", settle.what), files)
        })
    }

    fn state(&self, path: &str, like: &State) -> Result<State, ApplyError> {
        self.journal.disk().state(path, like.has_content()).map_err(|error| JournalError::Disk(error).into())
    }

    fn act(&self, act: &Act) -> Result<(), String> {
        perform(self.door, self.journal.disk(), act)
    }

    fn record(
        &self,
        act: &str,
        id: &str,
        plan: &Plan,
        result: String,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let hashed = |state: &State| match state {
            State::Absent => String::new(),
            state => hash(&serde_json::to_vec(state).unwrap_or_default()),
        };
        self.journal.record(Entry {
            at: now,
            who: self.who.clone(),
            act: act.to_owned(),
            change_set: id.to_owned(),
            result,
            fixes: plan.fixes.iter().map(|fix| fix.id.clone()).collect(),
            files: plan
                .steps
                .iter()
                .map(|step| FileHashes {
                    path: step.path.clone(),
                    before: hashed(&step.before),
                    after: hashed(&step.after),
                })
                .collect(),
            live: plan.live.iter().map(|live| live.what.clone()).collect(),
            previous: String::new(),
        })
    }
}

/// The program of that name in the fixed list.
fn listed(name: &str) -> Result<&'static Program, String> {
    let known = programs::ALL.iter().find(|known| known.name == name).copied();
    known.ok_or_else(|| format!("{name} is not on the list of programs"))
}

fn borrowed(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

/// Does one thing to the running system.
fn perform(door: &Door, disk: &Disk, act: &Act) -> Result<(), String> {
    match act {
        Act::Run { program, args, limit_secs } => {
            let (program, args) = (listed(program)?, borrowed(args));
            door.run(program, &args, Duration::from_secs(*limit_secs))
                .and_then(|output| output.success(program, &args))
                .map(drop)
                .map_err(|error| error.to_string())
        }
        Act::Ensure { program, args, already } => {
            let (program, args) = (listed(program)?, borrowed(args));
            let output = door.run(program, &args, ENSURE_LIMIT).map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            match output.success(program, &args) {
                Err(_) if already.iter().any(|text| said.contains(text.as_str())) => Ok(()),
                other => other.map(drop).map_err(|error| error.to_string()),
            }
        }
        Act::Prints { program, args, line, otherwise } => {
            let (program, args) = (listed(program)?, borrowed(args));
            let output =
                door.run(program, &args, Duration::from_secs(60)).map_err(|error| error.to_string())?;
            let printed = String::from_utf8_lossy(&output.stdout);
            let met = printed.lines().any(|printed| printed.trim() == line);
            if met { Ok(()) } else { Err(otherwise.clone()) }
        }
        Act::Post { socket, path, body, .. } => engine::post(door, socket, path, body),
        Act::Healthy { socket, container, limit_secs } => {
            engine::healthy(door, socket, container, Duration::from_secs(*limit_secs))
        }
        Act::Kernel { path, from, to } => {
            let now = door.read_text(path).map_err(|error| error.to_string())?;
            match now.trim() {
                now if now == to => Ok(()),
                now if now == from => disk.write_kernel(path, to).map_err(|error: DiskError| error.to_string()),
                now => Err(format!("{path} reads {now}, neither {from} nor {to}")),
            }
        }
        Act::Signal { pid_file, comm, signal } => {
            let Some(pid) = keeper::pid(door, pid_file, comm) else { return Ok(()) };
            let (signal, pid) = (format!("-{signal}"), pid.to_string());
            let args = [signal.as_str(), pid.as_str()];
            door.run(&programs::KILL, &args, Duration::from_secs(5))
                .and_then(|output| output.success(&programs::KILL, &args))
                .map(drop)
                .map_err(|error| error.to_string())
        }
        Act::Alive { pid_file, comm, limit_secs } => {
            let deadline = Instant::now() + Duration::from_secs(*limit_secs);
            // Long enough for a service that reads bad settings to end.
            let settled = Instant::now() + Duration::from_millis(300);
            loop {
                let runs = keeper::runs(door, pid_file, comm);
                if runs && Instant::now() >= settled {
                    return Ok(());
                }
                if Instant::now() >= deadline {
                    return Err(format!("{comm} does not run any more"));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}
