//! What somebody else changed since: shown three ways, never overwritten unasked.

use crate::compile::{is_secret, unified};
use crate::disk::{Content, Disk, DiskError, State};
use crate::plan::Plan;

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

/// The places of a plan that are neither as applied nor as before.
pub(crate) fn find(disk: &Disk, plan: &Plan) -> Result<Vec<Foreign>, DiskError> {
    let mut found = Vec::new();
    for step in &plan.steps {
        let now = disk.state(&step.path, step.before.has_content() || step.after.has_content())?;
        if step.after.is_met_by(&now) || step.before.is_met_by(&now) {
            continue;
        }
        // A directory that is in use by others stays by itself.
        if matches!(step.after, State::Directory { .. }) && matches!(now, State::Directory { .. }) {
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
    Ok(found)
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
