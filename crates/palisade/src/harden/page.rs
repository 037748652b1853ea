//! What a person reads of plans and what becomes of them.

use std::path::Path;

use harden::{Disruption, Foreign, Moment, Outcome, Plan, Shown, Status};
use report::printable;
use report::terminal::{Page, style};

use crate::output::{page_options, talk};

/// The plan, fix by fix.
pub(super) fn plan(plan: &Plan, applying: bool) -> String {
    let mut page = Page::new(&page_options(false));
    if plan.fixes.is_empty() && plan.refused.is_empty() {
        page.indented(0, style::STRONG, "Nothing to mend: no failing rule here names a fix.");
        return page.finish();
    }
    for fix in &plan.fixes {
        page.gap();
        page.hanging((style::STRONG, &format!("{}  ", fix.id)), (style::STRONG, &fix.title), 2);
        let reverts = if fix.can_cut_off { "; reverts unless confirmed" } else { "" };
        page.field(11, "  disrupts", style::PLAIN, &format!("{}{reverts}", fix.disruption));
        page.field(11, "  may break", style::PLAIN, &fix.may_break);
        let mut rules: Vec<&str> = fix.mends.iter().map(|one| one.rule.as_str()).collect();
        rules.dedup();
        page.field(11, "  mends", style::PLAIN, &rules.join(", "));
        for note in &fix.notes {
            page.field(11, "  note", style::PLAIN, note);
        }
        for change in &fix.changes {
            match change {
                Shown::Line(line) => page.hanging((style::PLAIN, "  * "), (style::PLAIN, line), 4),
                Shown::Diff { diff, .. } => {
                    for line in diff.lines() {
                        let style = match line.as_bytes().first() {
                            _ if line.starts_with("---") || line.starts_with("+++") => style::STRONG,
                            Some(b'+') => style::GOOD,
                            Some(b'-') => style::BAD,
                            _ => style::DIM,
                        };
                        // A tab would be shown as an escape.
                        page.line(&[(style::PLAIN, "  "), (style, &line.replace('\t', "    "))]);
                    }
                }
            }
        }
    }
    if !plan.refused.is_empty() {
        page.gap();
        page.indented(0, style::STRONG, "Not mended");
        for one in &plan.refused {
            page.hanging(
                (style::PLAIN, &format!("  {} ({}): ", one.rule, one.subject)),
                (style::DIM, &one.reason),
                4,
            );
        }
    }
    page.gap();
    let end = match (plan.is_empty(), applying) {
        (true, _) => "Nothing would be changed.".to_owned(),
        (false, true) => format!("{}.", size(plan)),
        (false, false) => {
            format!("{}. Nothing was changed yet: add --apply to do it.", size(plan))
        }
    };
    page.indented(0, style::STRONG, &end);
    if !plan.settle.is_empty() {
        let settle: Vec<&str> = plan.settle.iter().map(|settle| settle.what.as_str()).collect();
        page.indented(0, style::PLAIN, &format!("At the end: {}.", settle.join(", ")));
    }
    page.finish()
}

/// How much a plan does: `14 changes by 6 fixes (restart)`.
pub(super) fn size(plan: &Plan) -> String {
    let count = plan.steps.len() + plan.live.len();
    let plural =
        |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let findings: usize = plan.fixes.iter().map(|fix| fix.mends.len()).sum();
    format!(
        "{} by {} for {} (disrupts: {})",
        plural(count, "change", "changes"),
        plural(plan.fixes.len(), "fix", "fixes"),
        plural(findings, "finding", "findings"),
        plan.disruption()
    )
}

/// A command that concerns the same tree.
pub(super) fn command(words: &str, root: Option<&Path>) -> String {
    match root {
        Some(root) => format!("`palisade harden {words} --root {}`", root.display()),
        None => format!("`palisade harden {words}`"),
    }
}

/// What was done. `unseen` of the findings only a running host shows to be mended.
pub(super) fn done(plan: &Plan, outcome: &Outcome, unseen: usize, root: Option<&Path>) -> String {
    let mut page = Page::new(&page_options(false));
    let judged = plan.fixes.iter().filter(|fix| fix.disruption < Disruption::Reboot);
    let findings: usize = judged.map(|fix| fix.mends.len()).sum();
    page.gap();
    let mended = match findings.saturating_sub(unseen) {
        0 => "Applied".to_owned(),
        1 => "1 finding mended and seen to pass".to_owned(),
        count => format!("{count} findings mended and seen to pass"),
    };
    page.indented(0, style::GOOD, &format!("{mended}: change set {}.", outcome.change_set));
    let reboot: Vec<&str> = plan
        .fixes
        .iter()
        .filter(|fix| fix.disruption == Disruption::Reboot)
        .map(|fix| fix.id.as_str())
        .collect();
    if unseen > 0 {
        let text = format!("Only a running host shows whether {unseen} of the findings pass now.");
        page.indented(0, style::PERSON, &text);
    }
    if !reboot.is_empty() {
        page.indented(0, style::PERSON, &format!("Takes effect at the next boot: {}.", reboot.join(", ")));
    }
    if outcome.status == Status::Kept {
        page.indented(0, style::PLAIN, &format!("{} takes it back.", command("undo", root)));
    }
    page.finish()
}

/// Said loudly.
pub(super) fn must_confirm(minutes: f64) -> String {
    format!(
        "Open a NEW connection to see that you still get in, then run `palisade harden confirm` within {minutes} \
         minutes. Without it everything reverts by itself."
    )
}

/// What an undo is about to do.
pub(super) fn undoing(id: &str, plan: &Plan) {
    talk(&format!("Change set {id}: {}", size(plan)));
    for step in &plan.steps {
        talk(&format!("  back: {}", printable(&step.path)));
    }
    for live in &plan.live {
        talk(&format!("  back: {}", printable(&live.what)));
    }
}

/// The three sides of files that somebody else changed.
pub(super) fn three_ways(files: &[Foreign]) -> String {
    let mut out = String::new();
    for file in files {
        out.push_str(&format!("{}\n", printable(&file.path)));
        for (title, diff) in [("what undoing would do", &file.undo), ("what somebody else did", &file.theirs)] {
            out.push_str(&format!("  {title}, compared with what was applied:\n"));
            for line in diff.lines() {
                // A tab would be shown as an escape.
                out.push_str(&format!("    {}\n", printable(&line.replace('\t', "    "))));
            }
        }
        let merge = if file.merged.is_some() { "can be merged" } else { "cannot be merged: the same lines" };
        out.push_str(&format!("  both {merge}\n"));
    }
    out
}

/// Tells on standard error what happens.
pub(super) fn teller() -> impl FnMut(&Moment) {
    |moment| {
        let line = match moment {
            Moment::Check(what) => format!("checking: {what}"),
            Moment::Live(what) | Moment::Settle(what) => format!("running: {what}"),
            Moment::Recheck => "looking at the host again".to_owned(),
            _ => return,
        };
        talk(&printable(&line));
    }
}
