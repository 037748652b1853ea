//! What came of verifying a ledger, for a person or a program.

use anyhow::Result;
use jiff::Timestamp;
use ledger::{Checked, Event, Fault, Verified};
use report::printable;
use report::terminal::{Page, style};
use serde_json::{Value, json};

use super::entries;
use crate::args::ListFormat;
use crate::output::{page_options, say};

/// Tells it.
pub(super) fn tell(logs: &[Checked], with_known: bool, format: ListFormat) -> Result<()> {
    match format {
        ListFormat::Json => say(&serde_json::to_string_pretty(&document(logs))?),
        ListFormat::Terminal => say(&page(logs, with_known)),
    }
}

/// Tells that there is nothing to verify any more: the file itself was changed.
pub(super) fn tell_change(said: &str, format: ListFormat) -> Result<()> {
    match format {
        ListFormat::Json => {
            say(&serde_json::to_string_pretty(&json!({"good": false, "logs": [], "fault": said}))?)
        }
        ListFormat::Terminal => {
            let mut page = Page::new(&page_options(false));
            page.indented(0, style::BAD, &format!("not verified: {said}"));
            page.indented(
                0,
                style::PLAIN,
                "Take the export anew, and keep this one: it shows what was done to it.",
            );
            say(&page.finish())
        }
    }
}

fn document(logs: &[Checked]) -> Value {
    let fault =
        |fault: &Fault| json!({"check": fault.check.as_str(), "entry": fault.entry, "said": fault.said});
    let log = |log: &Checked| {
        let verified = &log.verified;
        json!({
            "name": log.name,
            "origin": verified.origin,
            "good": verified.is_good(),
            "size": verified.head.map(|head| head.size),
            "root": verified.head.map(|head| hex(&head.root.0)),
            "first_kept": log.first_kept,
            "entries": verified.entries,
            "removed": verified.pruned,
            "kept_aside": verified.late,
            "compared_with": verified.known,
            "first_at": verified.span.map(|(first, _)| first.to_string()),
            "last_at": verified.span.map(|(_, last)| last.to_string()),
            "signed_by": verified.signed_by.as_ref().map(ToString::to_string),
            "cosigned_by": verified.cosigned.iter().map(|one| json!({"witness": one.witness, "at": at(one.time)})).collect::<Vec<_>>(),
            "faults": verified.faults.iter().map(fault).collect::<Vec<_>>(),
            "more_faults": verified.more_faults,
        })
    };
    let is_good = logs.iter().all(|log| log.verified.is_good());
    json!({"good": is_good, "logs": logs.iter().map(log).collect::<Vec<_>>()})
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn at(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| seconds.to_string(), |time| time.to_string())
}

/// The column of what is told of a log.
const COLUMN: usize = 14;

fn page(logs: &[Checked], with_known: bool) -> String {
    let mut page = Page::new(&page_options(false));
    let is_compared = logs.iter().all(|log| log.verified.known.is_some());
    for log in logs {
        describe(log, with_known, &mut page);
        page.gap();
    }
    let faults: u64 = logs.iter().map(|log| log.verified.faults.len() as u64 + log.verified.more_faults).sum();
    let (style, text) = match (faults, logs.len()) {
        (0, 0) => (style::BAD, "not verified: there is no log".to_owned()),
        (0, _) if is_compared => {
            (style::GOOD, "verified: nothing was changed, and nothing is missing".to_owned())
        }
        (0, _) => (
            style::GOOD,
            "verified: nothing was changed, and nothing is missing before the last entry".to_owned(),
        ),
        (1, _) => (style::BAD, "not verified: 1 fault".to_owned()),
        (faults, _) => (style::BAD, format!("not verified: {faults} faults")),
    };
    page.indented(0, style, &text);
    if faults == 0 && !is_compared && with_known {
        let why = "What was seen before says nothing of a log above; --save-known keeps what it has now.";
        page.indented(0, style::DIM, why);
    } else if faults == 0 && !is_compared {
        let why = "Whether there were entries after it tells what was seen before: --save-known keeps it, --known compares.";
        page.indented(0, style::DIM, why);
    }
    page.finish()
}

/// Whether a sentence says this, and not the beginning of a longer number.
fn names(said: &str, place: &str) -> bool {
    let is_whole = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_digit());
    said.match_indices(place).any(|(at, _)| said.get(at + place.len()..).is_some_and(is_whole))
}

/// What came of verifying one entry by its proof, and what the entry says.
pub(super) fn of_proof(index: u64, entry: &[u8], verified: &Verified) -> String {
    let mut page = Page::new(&page_options(false));
    let size = verified.head.map_or(0, |head| head.size);
    if verified.is_good() {
        let said = format!("verified: this is entry {index} of {size} that {} has signed", verified.origin);
        page.indented(0, style::GOOD, &said);
    } else {
        page.indented(
            0,
            style::BAD,
            &format!("not verified: this is not proven to be entry {index} of {size}"),
        );
    }
    for fault in &verified.faults {
        page.field(COLUMN, "fault", style::BAD, &format!("{}: {}", fault.check.as_str(), fault.said));
    }
    match Event::from_entry(entry) {
        Ok(event) => entries::describe(index, &event, &mut page),
        Err(error) => page.field(COLUMN, "entry", style::BAD, &format!("cannot be read: {error}")),
    }
    let mut field = |label: &str, text: &str| page.field(COLUMN, label, style::PLAIN, text);
    for one in &verified.cosigned {
        field("cosigned by", &format!("{} at {}", one.witness, at(one.time)));
    }
    page.finish()
}

fn describe(log: &Checked, with_known: bool, page: &mut Page) {
    let verified = &log.verified;
    page.hanging((style::STRONG, &format!("{}  ", printable(&log.name))), (style::DIM, &verified.origin), 2);
    let mut field = |label: &str, text: &str| page.field(COLUMN, label, style::PLAIN, text);
    match verified.head {
        Some(head) => field("entries", &format!("{} verified, {} signed", verified.entries, head.size)),
        None => field("entries", "none that are signed"),
    }
    if verified.pruned > 0 {
        field("removed", &format!("{} after their retention; their hashes are in the tree", verified.pruned));
    }
    field("kept from", &format!("entry {}", log.first_kept));
    if let Some((first, last)) = verified.span {
        field("time", &format!("{first} to {last}"));
    }
    match verified.known {
        Some(size) => field("compared", &format!("with the {size} entries that were seen before")),
        None if with_known => field("compared", "with nothing that was seen before"),
        None => {}
    }
    if verified.late > 0 {
        field("kept aside", &format!("{} for a time before they were logged", verified.late));
    }
    match &verified.signed_by {
        Some(key) => field("signed by", &key.to_string()),
        None => field("signed by", "nobody who is believed"),
    }
    if verified.cosigned.is_empty() {
        field("cosigned by", "no witness that is known");
    }
    for one in &verified.cosigned {
        field("cosigned by", &format!("{} at {}", one.witness, at(one.time)));
    }
    for fault in &verified.faults {
        let place = fault.entry.map(|entry| format!("entry {entry}"));
        let place = place
            .filter(|place| !names(&fault.said, place))
            .map_or_else(String::new, |place| format!(" ({place})"));
        let text = format!("{}{place}: {}", fault.check.as_str(), fault.said);
        page.field(COLUMN, "fault", style::BAD, &text);
    }
    if verified.more_faults > 0 {
        page.field(COLUMN, "fault", style::BAD, &format!("and {} more", verified.more_faults));
    }
}
