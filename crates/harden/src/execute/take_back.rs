//! Confirms and takes back: what a person asks for, what nobody confirmed, what a crash left.

use host::Error;
use jiff::SignedDuration;
use model::Timestamp;

use super::{ApplyError, Executor, Moment};
use crate::change::Act;
use crate::disk::State;
use crate::foreign::{self, Decision, Foreign};
use crate::journal::{JournalError, Status};
use crate::keeper;
use crate::plan::{PLAN_SCHEMA, Plan, Step};
use crate::watchdog::Watchdog;

/// How long after its window a change set counts as forgotten when no process watches over it.
const GRACE: SignedDuration = SignedDuration::from_secs(2);

/// What stands in for a plan that cannot be read.
const NO_PLAN: Plan = Plan {
    schema: String::new(),
    fixes: Vec::new(),
    refused: Vec::new(),
    steps: Vec::new(),
    checks: Vec::new(),
    live: Vec::new(),
    settle: Vec::new(),
};

impl Executor<'_> {
    /// Takes back whatever an earlier run left unfinished, and what waits to be confirmed for too long without a process
    /// that watches over it; gives the change sets concerned. What somebody else changed since stays theirs.
    ///
    /// # Errors
    /// `Stuck` when not everything could be put back; what could be was.
    pub fn recover(&mut self, now: Timestamp) -> Result<Vec<String>, ApplyError> {
        let (mut recovered, mut failed) = (Vec::new(), None);
        for (id, status) in self.journal.change_sets()?.into_iter().rev() {
            let reason = match status {
                Status::Undoing { reason } => reason,
                Status::Applying => "the run that applied it was cut off".to_owned(),
                Status::Awaiting { until }
                    if until.checked_add(GRACE).is_ok_and(|over| over < now)
                        && !self.journal.has_watch(&id)? =>
                {
                    "nobody confirmed it in time, and the process that watched over it was gone".to_owned()
                }
                _ => continue,
            };
            match self.take_back_gently(&id, &reason, "recover", now) {
                Ok(()) => recovered.push(id),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => self.stand_down().map(|()| recovered),
        }
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
        self.take_back_gently(id, reason, "revert", now)?;
        Ok(true)
    }

    /// What a boot does: takes back what was cut off, and what nobody confirmed before the machine went down. `early`:
    /// services have not started yet, so none has to take anything up.
    ///
    /// # Errors
    /// As [`Executor::undo`].
    pub fn recover_at_boot(&mut self, early: bool, now: Timestamp) -> Result<Vec<String>, ApplyError> {
        self.early = early;
        let mut back = self.recover(now)?;
        for (id, _) in self.journal.change_sets()?.into_iter().rev() {
            if self.revert(&id, "the machine restarted before anybody confirmed it", now)? {
                back.push(id);
            }
        }
        Ok(back)
    }

    /// Keeps what waits to be confirmed.
    ///
    /// # Errors
    /// `Nothing` when none waits.
    pub fn confirm(&mut self, now: Timestamp) -> Result<Vec<String>, ApplyError> {
        let sets = self.journal.change_sets()?;
        let waiting: Vec<&String> =
            sets.iter().filter(|(_, status)| status.is_open()).map(|(id, _)| id).collect();
        if waiting.is_empty() {
            let last = sets.last().map(|(id, status)| format!("; the last change set, {id}, is {status}"));
            let last = last.unwrap_or_default();
            return Err(ApplyError::Nothing(format!("nothing waits to be confirmed{last}")));
        }
        for id in &waiting {
            let plan = self.journal.plan(id).unwrap_or(NO_PLAN);
            self.record("confirm", id, &plan, "kept".to_owned(), now)?;
            self.journal.set_status(id, &Status::Kept)?;
        }
        self.stand_down()?;
        Ok(waiting.into_iter().cloned().collect())
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
            if above.steps.iter().any(|step| plan.steps.iter().any(|own| stands_on(&step.path, &own.path))) {
                return Err(ApplyError::Buried(other));
            }
        }
        let foreign = foreign::find(self.journal.disk(), &plan, false);
        let open: Vec<Foreign> =
            foreign.into_iter().filter(|one| !decisions.iter().any(|(path, _)| *path == one.path)).collect();
        if !open.is_empty() {
            return Err(ApplyError::Foreign(open));
        }
        self.take_back(&id, reason, act, now, decisions, false)?;
        self.stand_down()?;
        Ok(id)
    }

    /// Takes back what can be, leaves what cannot be as it stands, and counts the change set as undone: the newest
    /// that is unfinished or unreadable when none is named. [`Executor::notes`] says what was left.
    ///
    /// # Errors
    /// `Nothing` when there is no such change set, or it is neither unfinished nor in force.
    pub fn give_up(&mut self, id: Option<&str>, now: Timestamp) -> Result<String, ApplyError> {
        let sets = self.journal.change_sets()?;
        let hangs = |status: &Status| status.is_unfinished() || matches!(status, Status::Unclear { .. });
        let found = match id {
            Some(id) => sets
                .iter()
                .find(|(name, status)| name == id && (status.is_unfinished() || status.is_in_force())),
            None => sets.iter().rev().find(|(_, status)| hangs(status)),
        };
        let (id, _) = found.ok_or_else(|| {
            ApplyError::Nothing("there is no such change set that could not be taken back".to_owned())
        })?;
        let reason = "asked for, leaving what could not be put back";
        match self.journal.plan(id) {
            Ok(plan) => {
                let decisions = self.gentle(&plan);
                self.take_back(id, reason, "undo", now, &decisions, true)?;
            }
            Err(error) => {
                self.notes.push(format!("everything stays as it is: {error}"));
                let plan = Plan { schema: PLAN_SCHEMA.to_owned(), ..NO_PLAN };
                self.record("undo", id, &plan, format!("given up: {error}"), now)?;
                self.journal.set_status(id, &Status::Undone { reason: format!("given up: {error}") })?;
            }
        }
        self.stand_down()?;
        Ok(id.clone())
    }

    /// Removes the boot job when nothing needs it any more.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn stand_down(&self) -> Result<(), ApplyError> {
        let waits = |status: &Status| status.is_unfinished() || matches!(status, Status::Awaiting { .. });
        if !self.journal.change_sets()?.iter().any(|(_, status)| waits(status)) {
            Watchdog::new(self.journal.disk()).disarm().map_err(JournalError::Disk)?;
        }
        Ok(())
    }

    /// What becomes of what somebody else changed when nobody can be asked: both where that is possible, else theirs.
    fn gentle(&self, plan: &Plan) -> Vec<(String, Decision)> {
        foreign::find(self.journal.disk(), plan, true)
            .into_iter()
            .map(|one| (one.path, one.merged.map_or(Decision::Keep, Decision::Merge)))
            .collect()
    }

    /// Puts everything of a change set back but what somebody else changed since.
    pub(super) fn take_back_gently(
        &mut self,
        id: &str,
        reason: &str,
        act: &str,
        now: Timestamp,
    ) -> Result<(), ApplyError> {
        let plan = self.journal.plan(id).map_err(|error| ApplyError::Stuck {
            change_set: id.to_owned(),
            what: reason.to_owned(),
            left: vec![error.to_string()],
        })?;
        let decisions = self.gentle(&plan);
        self.take_back(id, reason, act, now, &decisions, false)
    }

    /// Puts everything of a change set back. Can be done twice, and from any point on. With `leave`, what cannot be put
    /// back stays as it is.
    fn take_back(
        &mut self,
        id: &str,
        reason: &str,
        act: &str,
        now: Timestamp,
        decisions: &[(String, Decision)],
        leave: bool,
    ) -> Result<(), ApplyError> {
        let plan = self.journal.plan(id)?;
        let status =
            self.journal.change_sets()?.into_iter().find(|(name, _)| name == id).map(|(_, status)| status);
        let begun = self.journal.set_status(id, &Status::Undoing { reason: reason.to_owned() });
        // One that is unfinished anyhow is taken back even when there is no room to write it down.
        if !status.as_ref().is_some_and(Status::is_unfinished) {
            begun?;
        }
        // Whoever stopped a service since a change set was kept does not want it to start now.
        let kept = matches!(status, Some(Status::Kept | Status::Unclear { .. }));
        let asleep: Vec<bool> = plan
            .settle
            .iter()
            .map(|settle| kept && settle.acts.iter().any(|act| self.is_asleep(act)))
            .collect();
        let noted = self.notes.len();
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
        let settles = |first| {
            plan.settle.iter().zip(&asleep).filter(move |(settle, asleep)| settle.first == first && !**asleep)
        };
        for (settle, _) in settles(true) {
            left.extend(self.settle(&plan, settle).err().map(|trouble| trouble.what));
        }
        // A program that may not make a change may not take it back either: what was never begun is left alone.
        let ours = self.begun.as_ref().filter(|(own, _)| own == id);
        let begun = ours.map_or(plan.live.len(), |(_, begun)| *begun);
        for live in plan.live.iter().take(begun).rev() {
            (self.tell)(&Moment::Live(format!("back: {}", live.what)));
            for act in &live.undo {
                left.extend(self.act_back(act).err().map(|error| format!("{}: {error}", live.what)));
            }
        }
        if !self.early {
            for (settle, _) in settles(false) {
                (self.tell)(&Moment::Settle(settle.what.clone()));
                let failed = settle.acts.iter().try_for_each(|act| self.wake(act));
                left.extend(failed.err().map(|error| format!("{}: {error}", settle.what)));
            }
        }
        if !left.is_empty() && !leave {
            self.record(act, id, &plan, format!("not everything was put back: {}", left.join("; ")), now)?;
            return Err(ApplyError::Stuck { change_set: id.to_owned(), what: reason.to_owned(), left });
        }
        self.notes.extend(left);
        (self.tell)(&Moment::Undone);
        let notes: String = self.notes.iter().skip(noted).map(|note| format!("; {note}")).collect();
        self.journal.set_status(id, &Status::Undone { reason: reason.to_owned() })?;
        self.record(act, id, &plan, format!("undone: {reason}{notes}"), now)?;
        Ok(())
    }

    fn restore(&mut self, step: &Step, id: &str, decisions: &[(String, Decision)]) -> Result<(), String> {
        let disk = self.journal.disk();
        let decision = decisions.iter().find(|(path, _)| *path == step.path).map(|(_, decision)| decision);
        if decision == Some(&Decision::Keep) {
            self.notes.push(format!("{} stays as somebody else changed it", step.path));
            return Ok(());
        }
        let now = disk
            .state(&step.path, step.before.has_content() || step.after.has_content())
            .map_err(|error| error.to_string())?;
        match decision {
            Some(Decision::Keep | Decision::Discard) => {}
            Some(Decision::Merge(text)) => {
                let (State::File { perms, xattrs, .. }, State::File { perms: there, .. }) =
                    (&step.before, &now)
                else {
                    return Err(format!("{} was no file before", step.path));
                };
                // Their owner and mode too, when they changed these.
                let perms = if step.after.perms() == Some(*there) { *perms } else { *there };
                let xattrs = xattrs.clone();
                let state = State::File { content: Some(text.clone()), perms, xattrs, modified: None };
                disk.put(&step.path, &state, id).map_err(|error| error.to_string())?;
                self.notes.push(format!("{} keeps what somebody else changed", step.path));
                return Ok(());
            }
            None => {
                let ours = step.before.is_met_by(&now) || step.after.is_met_by(&now);
                if !ours && !foreign::is_half_way(step, &now) {
                    return Err(format!("{} was changed by somebody else", step.path));
                }
            }
        }
        disk.put(&step.path, &step.before, id).map_err(|error| error.to_string())?;
        let in_use = step.before == State::Absent && matches!(now, State::Directory { .. });
        if in_use && disk.state(&step.path, false).is_ok_and(|now| now != State::Absent) {
            self.notes.push(format!("the directory {} stays: others put something into it", step.path));
        }
        Ok(())
    }

    /// One act of the way back of running state.
    fn act_back(&mut self, act: &Act) -> Result<(), String> {
        match act {
            Act::Kernel { path, from, to } => match self.door.read_text(path) {
                // What it belonged to is gone.
                Err(Error::NotFound(_)) => Ok(()),
                Ok(now) if now.trim() != from && now.trim() != to => {
                    self.notes.push(format!("{path} stays {}: somebody else set it", now.trim()));
                    Ok(())
                }
                _ => self.act(act),
            },
            // Whoever waits for a service here waits for the boot that waits for us.
            Act::Run { program, args, limit_secs } if self.early && program == "systemctl" => {
                let args = std::iter::once("--no-block".to_owned()).chain(args.iter().cloned()).collect();
                self.act(&Act::Run { program: program.clone(), args, limit_secs: *limit_secs })
            }
            act => self.act(act),
        }
    }

    /// Lets a service take up its former settings; one that the new ones ended, or that does not listen any more, is
    /// started anew.
    fn wake(&self, act: &Act) -> Result<(), String> {
        let Some(unit) = unit_of(act) else { return self.act(act) };
        if !self.is_asleep(act) && self.act(act).is_ok() {
            return Ok(());
        }
        // One that ended too often is not started otherwise. Nothing is lost when it never failed.
        let _never_failed = self.act(&Act::run("systemctl", &["reset-failed", unit]));
        self.act(&Act::run("systemctl", &["restart", unit]))
    }

    /// Whether an act concerns a service that does not run.
    fn is_asleep(&self, act: &Act) -> bool {
        match act {
            Act::Signal { pid_file, comm, .. } => !keeper::runs(self.door, pid_file, comm),
            act => unit_of(act).is_some_and(|unit| !keeper::unit_runs(self.door, unit)),
        }
    }
}

/// Whether an act only looks whether a service runs.
pub(super) fn is_look(act: &Act) -> bool {
    match act {
        Act::Run { program, args, .. } => {
            program == "systemctl" && args.first().is_some_and(|verb| verb == "is-active")
        }
        Act::Alive { .. } => true,
        _ => false,
    }
}

/// The unit that an act reloads or restarts.
fn unit_of(act: &Act) -> Option<&str> {
    match act {
        Act::Run { program, args, .. } if program == "systemctl" => match args.as_slice() {
            [verb, unit] if verb == "reload" || verb == "restart" => Some(unit),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a path is another, or stands in it.
fn stands_on(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
