//! What was done to this host: for the operator, and for an auditor.

use std::path::Path;

use anyhow::Result;
use harden::{Journal, Status};
use report::terminal::{Page, style};
use serde::Serialize;

use super::page;
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
    /// Whether a process watches over one that waits to be confirmed.
    #[serde(skip)]
    watched: bool,
    /// What is wrong with its plan; empty when nothing is.
    #[serde(skip_serializing_if = "String::is_empty")]
    damage: String,
}

fn sets(root: &Path) -> Result<Vec<Set>> {
    let mut sets = Vec::new();
    for (id, status) in Journal::list(root)? {
        let mut set = Set {
            watched: Journal::is_watched(root, &id)?,
            status,
            fixes: Vec::new(),
            files: Vec::new(),
            live: Vec::new(),
            damage: String::new(),
            id,
        };
        match Journal::peek(root, &set.id) {
            Ok(plan) => {
                set.fixes = plan.fixes.into_iter().map(|fix| fix.id).collect();
                set.files = plan.steps.into_iter().map(|step| step.path).collect();
                set.live = plan.live.into_iter().map(|live| live.what).collect();
            }
            // One that is damaged hides no other.
            Err(error) => set.damage = error.to_string(),
        }
        sets.push(set);
    }
    Ok(sets)
}

/// What is in force, and what somebody has to do.
pub(super) fn status(root: &Path) -> Result<Ending> {
    let sets = sets(root)?;
    let command = |words: &str| page::command(words, Some(root).filter(|root| *root != Path::new("/")));
    let mut page = Page::new(&page_options(false));
    let mut clean = true;
    for set in sets.iter().filter(|set| set.status.is_unfinished()) {
        clean = false;
        page.hanging((style::BAD, &format!("{} ", set.id)), (style::STRONG, &set.status.to_string()), 2);
        let next = match Journal::holder(root)? {
            Some(holder) => format!("{holder} works on it now."),
            None => format!("Nobody works on it now: {} takes it back.", command("recover")),
        };
        page.indented(2, style::PLAIN, &next);
        if let Some(failed) = last_failure(root, &set.id)? {
            page.indented(2, style::BAD, &failed);
            let leave = format!("{} leaves this as it is.", command(&format!("undo {} --leave", set.id)));
            page.indented(2, style::PLAIN, &leave);
        }
    }
    for set in sets.iter().filter(|set| set.status.is_open()) {
        page.hanging((style::PERSON, &format!("{} ", set.id)), (style::STRONG, &set.status.to_string()), 2);
        let undo = command(&format!("undo {}", set.id));
        let undo = format!("Keep it with {}, or {undo}.", command("confirm"));
        page.indented(2, style::PLAIN, &undo);
        if matches!(set.status, Status::Awaiting { .. }) && !set.watched {
            clean = false;
            let text = "The process that reverts it is gone: only the next run after that time, or a restart of \
                        the machine, takes it back.";
            page.indented(2, style::BAD, text);
        }
    }
    for set in sets.iter().filter(|set| !set.damage.is_empty() && !matches!(set.status, Status::Undone { .. }))
    {
        clean = false;
        page.hanging((style::BAD, &format!("{} ", set.id)), (style::PLAIN, &set.damage), 2);
        let leave = command(&format!("undo {} --leave", set.id));
        let leave = format!("{leave} counts it as undone; nothing is changed.");
        page.indented(2, style::PLAIN, &leave);
    }
    let kept: Vec<&Set> = sets.iter().filter(|set| set.status == Status::Kept).collect();
    for set in &kept {
        page.hanging((style::GOOD, &format!("{} ", set.id)), (style::PLAIN, &set.fixes.join(", ")), 2);
    }
    let end = match kept.len() {
        0 if sets.iter().any(|set| set.status.is_open() || set.status.is_unfinished()) => {
            "Nothing else is in force.".to_owned()
        }
        0 => "No change set is in force.".to_owned(),
        1 => format!("1 change set is in force; {} takes it back.", command("undo")),
        count => format!("{count} change sets are in force; {} takes the newest back.", command("undo")),
    };
    page.indented(0, style::DIM, &end);
    say(&page.finish())?;
    Ok(if clean { Ending::Clean } else { Ending::Incomplete })
}

/// What the last try to take a change set back left.
fn last_failure(root: &Path, id: &str) -> Result<Option<String>> {
    let (entries, _) = Journal::history(root)?;
    let last = entries.into_iter().rfind(|entry| entry.change_set == id);
    Ok(last.map(|entry| entry.result).filter(|result| result.starts_with("not everything")))
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
            let mut page = Page::new(&page_options(false));
            for entry in &entries {
                let from = entry.who.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
                let head = format!("{}  {}{from}  ", entry.at, entry.who.name);
                let what = format!("{} {}", entry.act, entry.change_set);
                let what = format!("{}: {}", what.trim_end(), entry.result);
                page.hanging((style::STRONG, &head), (style::PLAIN, &what), 2);
                if !entry.fixes.is_empty() {
                    page.hanging((style::DIM, "  fixes  "), (style::PLAIN, &entry.fixes.join(", ")), 9);
                }
                for file in &entry.files {
                    let short = |hash: &str| match hash.get(..16) {
                        Some(hash) => hash.to_owned(),
                        None => "nothing".to_owned(),
                    };
                    let text = format!("{} {} -> {}", file.path, short(&file.before), short(&file.after));
                    page.hanging((style::DIM, "  file   "), (style::PLAIN, &text), 9);
                }
                for live in &entry.live {
                    page.hanging((style::DIM, "  live   "), (style::PLAIN, live), 9);
                }
            }
            let end = match (entries.len(), chain_holds) {
                (0, _) => "Nothing was hardened here yet.".to_owned(),
                (count, true) => format!(
                    "{count} entries; every entry holds the hash of the one before. `--format json` has all of \
                     each hash."
                ),
                (count, false) => {
                    format!("{count} entries; THE CHAIN OF HASHES IS BROKEN: lines were changed or lost.")
                }
            };
            page.indented(0, style::PLAIN, &end);
            say(&page.finish())?;
        }
    }
    Ok(if chain_holds { Ending::Clean } else { Ending::Findings })
}
