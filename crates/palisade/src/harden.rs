//! `palisade harden`.

mod apply;
mod history;
mod interrupt;
mod page;
mod session;
mod told;

use std::path::Path;

use anyhow::Result;

use crate::args::{Harden, HardenAction};
use crate::output::Ending;

/// Plans, applies, confirms, undoes, tells.
pub(crate) fn run(args: &Harden) -> Result<Ending> {
    let ending = act(args);
    // Whatever came of it: what failed was put back, and that is told too.
    match &args.action {
        None if args.plan.apply => told::tell(args.plan.root.as_deref()),
        Some(
            HardenAction::Confirm { root }
            | HardenAction::Undo { root, .. }
            | HardenAction::Recover { root, .. },
        ) => told::tell(root.root.as_deref()),
        Some(HardenAction::Watch { .. }) => told::tell(None),
        None
        | Some(HardenAction::Status { .. } | HardenAction::History { .. } | HardenAction::Report { .. }) => {}
    }
    ending
}

fn act(args: &Harden) -> Result<Ending> {
    match &args.action {
        None => apply::run(&args.plan),
        Some(HardenAction::Status { root }) => history::status(tree(root.root.as_deref())),
        Some(HardenAction::Confirm { root }) => session::confirm(root.root.as_deref()),
        Some(HardenAction::Undo { change_set, root, yes, foreign, leave }) => {
            session::undo(change_set.as_deref(), root.root.as_deref(), *yes, *foreign, *leave)
        }
        Some(HardenAction::History { root, format }) => history::list(tree(root.root.as_deref()), *format),
        Some(HardenAction::Report { root, format }) => history::report(tree(root.root.as_deref()), *format),
        Some(HardenAction::Recover { root, early }) => session::recover(root.root.as_deref(), *early),
        Some(HardenAction::Watch { change_set, window }) => session::watch(change_set, *window),
    }
}

/// The tree that is changed.
fn tree(root: Option<&Path>) -> &Path {
    root.unwrap_or_else(|| Path::new("/"))
}
