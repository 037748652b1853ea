//! Carries a plan out, and takes it back: from any point, also one that a crash chose.

use std::path::Path;
use std::time::{Duration, Instant};

use host::{Door, programs};
use model::Timestamp;

use crate::change::Act;
use crate::disk::{Disk, DiskError, State};
use crate::engine;
use crate::foreign::{self, Decision, Foreign};
use crate::journal::{Entry, FileHashes, Journal, JournalError, Status, Who, hash};
use crate::keeper;
use crate::plan::{Mended, Plan};

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
    /// An earlier change set waits to be confirmed; nothing was begun.
    #[error(
        "change set {0} waits to be confirmed: run `palisade harden confirm` or `palisade harden undo` first"
    )]
    Waiting(String),
    /// A step could not be made; everything was put back.
    #[error("{what}; everything was put back")]
    Failed {
        /// What went wrong.
        what: String,
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
    #[error("{what}; and not everything could be put back: {}", .left.join("; "))]
    Stuck {
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

/// The one that changes a target.
pub struct Executor<'a> {
    door: &'a Door,
    journal: Journal,
    who: Who,
    tell: &'a mut dyn FnMut(&Moment),
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
        Ok(Self { door, journal: Journal::open(root)?, who, tell })
    }

    /// The journal, locked.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Takes back whatever an earlier run left unfinished; gives the change sets concerned.
    ///
    /// # Errors
    /// `Stuck` when not everything could be put back.
    pub fn recover(&mut self, now: Timestamp) -> Result<Vec<String>, ApplyError> {
        let mut recovered = Vec::new();
        for (id, status) in self.journal.change_sets()?.into_iter().rev() {
            if status.is_unfinished() {
                let reason = match status {
                    Status::Undoing { reason } => reason,
                    _ => "the run that applied it was cut off".to_owned(),
                };
                self.take_back(&id, &reason, "recover", now, &[])?;
                recovered.push(id);
            }
        }
        Ok(recovered)
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
        if let Some((id, _)) = waiting.rev().find(|(_, status)| matches!(status, Status::Awaiting { .. })) {
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
        let failed = match begun(&id).and_then(|()| self.carry_out(plan, &id)) {
            Err(what) => Some((what, Vec::new())),
            Ok(()) => {
                (self.tell)(&Moment::Recheck);
                match recheck() {
                    Ok(failing) if failing.is_empty() => None,
                    Ok(failing) => Some((format!("{} findings still fail", failing.len()), failing)),
                    Err(what) => Some((what, Vec::new())),
                }
            }
        };
        if let Some((what, findings)) = failed {
            self.take_back(&id, &what, "refuse", now, &[])?;
            return Err(if findings.is_empty() {
                ApplyError::Failed { what, change_set: id }
            } else {
                ApplyError::StillFails { findings, change_set: id }
            });
        }
        (self.tell)(&Moment::Keep);
        let status = until.map_or(Status::Kept, |until| Status::Awaiting { until });
        self.journal.set_status(&id, &status)?;
        self.record("apply", &id, plan, status.to_string(), now)?;
        Ok(Outcome { change_set: id, status })
    }

    /// Takes a change set back that still waits to be confirmed; false when it does not wait any more. What somebody
    /// else changed since is merged where that is possible, and left where it is not.
    ///
    /// # Errors
    /// As [`Executor::undo`].
    pub fn revert(&mut self, id: &str, reason: &str, now: Timestamp) -> Result<bool, ApplyError> {
        let waits = |(name, status): &(String, Status)| name == id && matches!(status, Status::Awaiting { .. });
        if !self.journal.change_sets()?.iter().any(waits) {
            return Ok(false);
        }
        let plan = self.journal.plan(id)?;
        let decisions: Vec<(String, Decision)> = foreign::find(self.journal.disk(), &plan)
            .map_err(JournalError::Disk)?
            .into_iter()
            .map(|one| (one.path, one.merged.map_or(Decision::Keep, Decision::Merge)))
            .collect();
        self.take_back(id, reason, "revert", now, &decisions)?;
        Ok(true)
    }

    /// What a boot does: takes back what was cut off, and what nobody confirmed before the machine went down.
    ///
    /// # Errors
    /// As [`Executor::undo`].
    pub fn recover_at_boot(&mut self, now: Timestamp) -> Result<Vec<String>, ApplyError> {
        let mut back = self.recover(now)?;
        for (id, _) in self.journal.change_sets()?.into_iter().rev() {
            if self.revert(&id, "the machine restarted before anybody confirmed it", now)? {
                back.push(id);
            }
        }
        Ok(back)
    }

    /// Keeps the change set that waits to be confirmed.
    ///
    /// # Errors
    /// `Nothing` when none waits.
    pub fn confirm(&mut self, now: Timestamp) -> Result<Vec<String>, ApplyError> {
        let waiting: Vec<String> = self
            .journal
            .change_sets()?
            .into_iter()
            .filter(|(_, status)| matches!(status, Status::Awaiting { .. }))
            .map(|(id, _)| id)
            .collect();
        if waiting.is_empty() {
            return Err(ApplyError::Nothing("nothing waits to be confirmed".to_owned()));
        }
        for id in &waiting {
            self.journal.set_status(id, &Status::Kept)?;
            let plan = self.journal.plan(id)?;
            self.record("confirm", id, &plan, "kept".to_owned(), now)?;
        }
        Ok(waiting)
    }

    /// Takes a change set back: the newest in force when none is named.
    ///
    /// # Errors
    /// `Nothing`, `Foreign` when somebody changed a file and `decisions` say nothing of it, `Buried`, `Stuck`.
    pub fn undo(
        &mut self,
        id: Option<&str>,
        act: &str,
        reason: &str,
        decisions: &[(String, Decision)],
        now: Timestamp,
    ) -> Result<String, ApplyError> {
        self.recover(now)?;
        let sets = self.journal.change_sets()?;
        let (id, newer) = match id {
            None => {
                let newest = sets.iter().rev().find(|(_, status)| status.is_in_force());
                let (id, _) =
                    newest.ok_or_else(|| ApplyError::Nothing("there is nothing to undo".to_owned()))?;
                (id.clone(), Vec::new())
            }
            Some(id) => {
                let position = sets.iter().position(|(name, _)| name == id);
                let position = position.ok_or_else(|| JournalError::NoSuchChangeSet(id.to_owned()))?;
                if let Some((_, status)) = sets.get(position)
                    && !status.is_in_force()
                {
                    return Err(ApplyError::Nothing(format!("change set {id} is {status}")));
                }
                let newer = sets.iter().skip(position + 1).filter(|(_, status)| status.is_in_force());
                (id.to_owned(), newer.map(|(id, _)| id.clone()).collect())
            }
        };
        let plan = self.journal.plan(&id)?;
        for other in newer {
            let above = self.journal.plan(&other)?;
            if above.steps.iter().any(|step| plan.steps.iter().any(|own| own.path == step.path)) {
                return Err(ApplyError::Buried(other));
            }
        }
        let foreign = foreign::find(self.journal.disk(), &plan).map_err(JournalError::Disk)?;
        let open: Vec<Foreign> =
            foreign.into_iter().filter(|one| !decisions.iter().any(|(path, _)| *path == one.path)).collect();
        if !open.is_empty() {
            return Err(ApplyError::Foreign(open));
        }
        self.take_back(&id, reason, act, now, decisions)?;
        Ok(id)
    }

    fn carry_out(&mut self, plan: &Plan, id: &str) -> Result<(), String> {
        for step in plan.steps.iter().filter(|step| step.after != State::Absent) {
            (self.tell)(&Moment::File(step.path.clone()));
            self.journal.disk().put(&step.path, &step.after, id).map_err(|error| error.to_string())?;
        }
        // What goes goes last and from the inside out.
        for step in plan.steps.iter().rev().filter(|step| step.after == State::Absent) {
            (self.tell)(&Moment::File(step.path.clone()));
            self.journal.disk().put(&step.path, &step.after, id).map_err(|error| error.to_string())?;
        }
        for check in &plan.checks {
            (self.tell)(&Moment::Check(check.to_string()));
            self.act(check).map_err(|error| format!("the new files are refused: {error}"))?;
        }
        let settles = |first| plan.settle.iter().filter(move |settle| settle.first == first);
        for settle in settles(true) {
            self.settle(&settle.what, &settle.acts)?;
        }
        for live in &plan.live {
            (self.tell)(&Moment::Live(live.what.clone()));
            for act in &live.apply {
                self.act(act).map_err(|error| format!("{}: {error}", live.what))?;
            }
        }
        for settle in settles(false) {
            self.settle(&settle.what, &settle.acts)?;
        }
        Ok(())
    }

    fn settle(&mut self, what: &str, acts: &[Act]) -> Result<(), String> {
        (self.tell)(&Moment::Settle(what.to_owned()));
        acts.iter().try_for_each(|act| self.act(act)).map_err(|error| format!("{what}: {error}"))
    }

    /// Puts everything of a change set back. Can be done twice, and from any point on.
    fn take_back(
        &mut self,
        id: &str,
        reason: &str,
        act: &str,
        now: Timestamp,
        decisions: &[(String, Decision)],
    ) -> Result<(), ApplyError> {
        let plan = self.journal.plan(id)?;
        self.journal.set_status(id, &Status::Undoing { reason: reason.to_owned() })?;
        let mut left = Vec::new();
        // What went comes back from the outside in, then what came goes from the inside out.
        let back = plan.steps.iter().filter(|step| step.after == State::Absent);
        let rest = plan.steps.iter().rev().filter(|step| step.after != State::Absent);
        for step in back.chain(rest) {
            (self.tell)(&Moment::Restore(step.path.clone()));
            self.journal.disk().sweep(&step.path, id);
            if let Err(error) = self.restore(step, id, decisions) {
                left.push(error);
            }
        }
        let settles = |first| plan.settle.iter().filter(move |settle| settle.first == first);
        for settle in settles(true) {
            left.extend(self.settle(&settle.what, &settle.acts).err());
        }
        for live in plan.live.iter().rev() {
            (self.tell)(&Moment::Live(format!("back: {}", live.what)));
            for act in &live.undo {
                left.extend(self.act(act).err().map(|error| format!("{}: {error}", live.what)));
            }
        }
        for settle in settles(false) {
            left.extend(self.settle(&settle.what, &settle.acts).err());
        }
        if !left.is_empty() {
            self.record(act, id, &plan, format!("not everything was put back: {}", left.join("; ")), now)?;
            return Err(ApplyError::Stuck { what: reason.to_owned(), left });
        }
        (self.tell)(&Moment::Undone);
        self.journal.set_status(id, &Status::Undone { reason: reason.to_owned() })?;
        self.record(act, id, &plan, format!("undone: {reason}"), now)?;
        Ok(())
    }

    fn restore(
        &self,
        step: &crate::plan::Step,
        id: &str,
        decisions: &[(String, Decision)],
    ) -> Result<(), String> {
        let disk = self.journal.disk();
        let decision = decisions.iter().find(|(path, _)| *path == step.path).map(|(_, decision)| decision);
        match decision {
            Some(Decision::Keep) => return Ok(()),
            Some(Decision::Discard) => {}
            Some(Decision::Merge(text)) => {
                let State::File { perms, xattrs, .. } = &step.before else {
                    return Err(format!("{} was no file before", step.path));
                };
                let state = State::File {
                    content: Some(text.clone()),
                    perms: *perms,
                    xattrs: xattrs.clone(),
                    modified: None,
                };
                return disk.put(&step.path, &state, id).map_err(|error| error.to_string());
            }
            None => {
                // A crash leaves one of the two; anything else is somebody's work and stays.
                let now = disk
                    .state(&step.path, step.before.has_content() || step.after.has_content())
                    .map_err(|error| error.to_string())?;
                if !step.before.is_met_by(&now) && !step.after.is_met_by(&now) {
                    return Err(format!("{} was changed by somebody else", step.path));
                }
            }
        }
        disk.put(&step.path, &step.before, id).map_err(|error| error.to_string())
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

/// Does one thing to the running system.
fn perform(door: &Door, disk: &Disk, act: &Act) -> Result<(), String> {
    match act {
        Act::Run { program, args, limit_secs } => {
            let known = programs::ALL.iter().find(|known| known.name == program);
            let program = known.ok_or_else(|| format!("{program} is not on the list of programs"))?;
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            door.run(program, &args, Duration::from_secs(*limit_secs))
                .and_then(|output| output.success(program, &args))
                .map(drop)
                .map_err(|error| error.to_string())
        }
        Act::Ensure { program, args, already } => {
            let known = programs::ALL.iter().find(|known| known.name == program);
            let program = known.ok_or_else(|| format!("{program} is not on the list of programs"))?;
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let output = door.run(program, &args, ENSURE_LIMIT).map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            match output.success(program, &args) {
                Err(_) if already.iter().any(|text| said.contains(text.as_str())) => Ok(()),
                other => other.map(drop).map_err(|error| error.to_string()),
            }
        }
        Act::Prints { program, args, line, otherwise } => {
            let known = programs::ALL.iter().find(|known| known.name == program);
            let program = known.ok_or_else(|| format!("{program} is not on the list of programs"))?;
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
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
