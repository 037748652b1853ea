//! What somebody else changed since: shown three ways, never overwritten unasked.

use crate::compile::{is_secret, unified};
use crate::disk::{Content, Disk, State};
use crate::plan::{Plan, Step};

/// A place that somebody else changed since a change set was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The path.
    pub path: String,
    /// What undoing would do, as a diff from what was applied.
    pub undo: String,
    /// What somebody else did, as a diff from what was applied.
    pub theirs: String,
    /// The text with both, when they do not touch the same lines.
    pub merged: Option<Content>,
}

/// What becomes of a place that somebody else changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It stays as they left it.
    Keep,
    /// Their change is lost: it gets the state before.
    Discard,
    /// The change set's own lines are taken out, theirs stay.
    Merge(Content),
}

/// The places of a plan that are neither as applied nor as before. With `half_way`, what a run leaves that was ended in
/// the middle of a change is not somebody else's.
pub(crate) fn find(disk: &Disk, plan: &Plan, half_way: bool) -> Vec<Foreign> {
    let mut found = Vec::new();
    for step in &plan.steps {
        let now = match disk.state(&step.path, step.before.has_content() || step.after.has_content()) {
            Ok(now) => now,
            Err(error) => {
                found.push(Foreign {
                    path: step.path.clone(),
                    undo: difference(&step.path, &step.after, &step.before),
                    theirs: format!("{error}\n"),
                    merged: None,
                });
                continue;
            }
        };
        if step.after.is_met_by(&now) || step.before.is_met_by(&now) {
            continue;
        }
        if half_way && is_half_way(step, &now) {
            continue;
        }
        // A directory that was made and that others use stays by itself.
        let made = step.before == State::Absent && matches!(step.after, State::Directory { .. });
        if made && matches!(now, State::Directory { .. }) {
            continue;
        }
        let merged = match (text(&step.before), text(&step.after), text(&now)) {
            (Some(before), Some(after), Some(now)) => diffy::merge(after, before, now).ok(),
            _ => None,
        };
        found.push(Foreign {
            path: step.path.clone(),
            undo: difference(&step.path, &step.after, &step.before),
            theirs: difference(&step.path, &step.after, &now),
            merged: merged.map(|text| Content(text.into_bytes())),
        });
    }
    found
}

/// Whether a run that was ended in the middle of this step, or of taking it back, left it so.
pub(crate) fn is_half_way(step: &Step, now: &State) -> bool {
    step.before.is_half_way_to(&step.after, now) || step.after.is_half_way_to(&step.before, now)
}

fn text(state: &State) -> Option<&str> {
    state.content().and_then(Content::as_text)
}

fn difference(path: &str, from: &State, to: &State) -> String {
    let mut out = match (text(from), text(to)) {
        (None, None) => String::new(),
        (from, to) if from == to => String::new(),
        _ if is_secret(path) => format!("{path} differs; its text is not shown\n"),
        (from, to) => unified(path, from, to),
    };
    if from.perms() != to.perms() {
        let said = |state: &State| state.perms().map_or("nothing".to_owned(), |perms| perms.to_string());
        out.push_str(&format!("{path}: {} -> {}\n", said(from), said(to)));
    }
    if let (State::Link { target: from }, State::Link { target: to }) = (from, to) {
        out.push_str(&format!("{path}: link to {from} -> {to}\n"));
    }
    out
}
