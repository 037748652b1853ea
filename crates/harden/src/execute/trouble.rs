//! Why a plan could not be carried out, and whose doing it was.

use std::collections::BTreeSet;

use crate::plan::{Plan, PlannedFix, Shown};

/// Why a plan could not be carried out, and the fixes behind it; none when it was no fix's doing.
pub(super) struct Trouble {
    pub(super) what: String,
    pub(super) fixes: Vec<String>,
}

impl From<String> for Trouble {
    fn from(what: String) -> Self {
        Self { what, fixes: Vec::new() }
    }
}

impl Trouble {
    /// It came of the files that `concerns` names.
    pub(super) fn of_files(plan: &Plan, what: String, concerns: impl Fn(&str) -> bool) -> Self {
        let steps = plan.steps.iter().filter(|step| concerns(&step.path));
        let fixes: BTreeSet<&String> = steps.flat_map(|step| &step.fixes).collect();
        Self { what, fixes: fixes.into_iter().cloned().collect() }
    }

    /// It came of a change of running state that the plan shows as this line.
    pub(super) fn of_line(plan: &Plan, what: String, line: &str) -> Self {
        let shows = |fix: &&PlannedFix| {
            fix.changes.iter().any(|shown| matches!(shown, Shown::Line(own) if own == line))
        };
        Self { what, fixes: plan.fixes.iter().filter(shows).map(|fix| fix.id.clone()).collect() }
    }
}
