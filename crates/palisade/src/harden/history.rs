//! What was done to this host: for the operator, and for an auditor.

use std::path::Path;

use anyhow::Result;
use harden::{Journal, Status};
use report::printable;
use report::terminal::{Page, style};
use serde::Serialize;

use crate::args::ListFormat;
use crate::output::{Ending, page_options, say};

#[derive(Serialize)]
struct Sets {
    change_sets: Vec<Set>,
}

#[derive(Serialize)]
struct Set {
    id: String,
    #[serde(flatten)]
    status: Status,
    fixes: Vec<String>,
    files: Vec<String>,
    live: Vec<String>,
}

fn sets(root: &Path) -> Result<Vec<Set>> {
    let mut sets = Vec::new();
    for (id, status) in Journal::list(root)? {
        let plan = Journal::peek(root, &id)?;
        sets.push(Set {
            fixes: plan.fixes.into_iter().map(|fix| fix.id).collect(),
            files: plan.steps.into_iter().map(|step| step.path).collect(),
            live: plan.live.into_iter().map(|live| live.what).collect(),
            id,
            status,
        });
    }
    Ok(sets)
}

/// What is in force, and what somebody has to do.
pub(super) fn status(root: &Path) -> Result<Ending> {
    let sets = sets(root)?;
    let mut page = Page::new(&page_options(false));
    let mut clean = true;
    for set in sets.iter().filter(|set| set.status.is_unfinished()) {
        clean = false;
        page.hanging((style::BAD, &format!("{} ", set.id)), (style::STRONG, &set.status.to_string()), 2);
        page.indented(2, style::PLAIN, "If no `palisade harden` runs now, the next one takes it back.");
    }
    for set in sets.iter().filter(|set| matches!(set.status, Status::Awaiting { .. })) {
        page.hanging((style::PERSON, &format!("{} ", set.id)), (style::STRONG, &set.status.to_string()), 2);
        page.indented(2, style::PLAIN, "Keep it with `palisade harden confirm`.");
    }
    let kept: Vec<&Set> = sets.iter().filter(|set| set.status == Status::Kept).collect();
    for set in &kept {
        page.hanging((style::GOOD, &format!("{} ", set.id)), (style::PLAIN, &set.fixes.join(", ")), 2);
    }
    let end = match kept.len() {
        0 => "No change set is in force.".to_owned(),
        1 => "1 change set is in force; `palisade harden undo` takes it back.".to_owned(),
        count => format!("{count} change sets are in force; `palisade harden undo` takes the newest back."),
    };
    page.indented(0, style::DIM, &end);
    say(&page.finish())?;
    Ok(if clean { Ending::Clean } else { Ending::Incomplete })
}

/// Every change set, oldest first.
pub(super) fn list(root: &Path, format: ListFormat) -> Result<Ending> {
    let sets = sets(root)?;
    match format {
        ListFormat::Json => say(&serde_json::to_string_pretty(&Sets { change_sets: sets })?)?,
        ListFormat::Terminal => {
            let mut page = Page::new(&page_options(false));
            for set in &sets {
                page.hanging(
                    (style::STRONG, &format!("{}  ", set.id)),
                    (style::PLAIN, &set.status.to_string()),
                    2,
                );
                page.indented(2, style::DIM, &set.fixes.join(", "));
            }
            if sets.is_empty() {
                page.indented(0, style::DIM, "Nothing was hardened here yet.");
            }
            say(&page.finish())?;
        }
    }
    Ok(Ending::Clean)
}

#[derive(Serialize)]
struct ReportJson {
    /// Whether every line holds the hash of the line before.
    chain_holds: bool,
    entries: Vec<harden::Entry>,
}

/// Who did what, when, with hashes.
pub(super) fn report(root: &Path, format: ListFormat) -> Result<Ending> {
    let (entries, chain_holds) = Journal::history(root)?;
    match format {
        ListFormat::Json => say(&serde_json::to_string_pretty(&ReportJson { chain_holds, entries })?)?,
        ListFormat::Terminal => {
            let mut out = String::new();
            for entry in &entries {
                let from = entry.who.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
                let line = format!(
                    "{}  {}{from}  {} {}: {}",
                    entry.at, entry.who.name, entry.act, entry.change_set, entry.result
                );
                out.push_str(&format!("{}\n", printable(&line)));
                if !entry.fixes.is_empty() {
                    out.push_str(&format!("  fixes  {}\n", printable(&entry.fixes.join(", "))));
                }
                for file in &entry.files {
                    let short = |hash: &str| match hash.get(..16) {
                        Some(hash) => hash.to_owned(),
                        None => "nothing".to_owned(),
                    };
                    let path = printable(&file.path);
                    out.push_str(&format!(
                        "  file   {path}  {} -> {}\n",
                        short(&file.before),
                        short(&file.after)
                    ));
                }
                for live in &entry.live {
                    out.push_str(&format!("  live   {}\n", printable(live)));
                }
            }
            out.push_str(&match (entries.len(), chain_holds) {
                (0, _) => "Nothing was hardened here yet.\n".to_owned(),
                (count, true) => format!("{count} entries; every entry holds the hash of the one before.\n"),
                (count, false) => {
                    format!("{count} entries; THE CHAIN OF HASHES IS BROKEN: lines were changed or lost.\n")
                }
            });
            say(&out)?;
        }
    }
    Ok(if chain_holds { Ending::Clean } else { Ending::Findings })
}
