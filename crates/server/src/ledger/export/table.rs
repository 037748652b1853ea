//! Entries as lines of JSON and as rows for spreadsheets.

use ledger::Event;
use report::printable;

use super::Format;
use crate::ledger::{Placed, Stream};

/// The columns for spreadsheets, in order.
const COLUMNS: [&str; 17] = [
    "stream",
    "position",
    "time",
    "event",
    "category",
    "result",
    "times",
    "actor_kind",
    "actor_id",
    "actor_name",
    "address",
    "subject_kind",
    "subject_id",
    "subject_name",
    "details",
    "correlation",
    "id",
];

/// What stands before the first entry.
pub(super) fn head(format: Format) -> String {
    match format {
        Format::Csv => format!("{}\r\n", COLUMNS.join(",")),
        Format::Archive | Format::Jsonl => String::new(),
    }
}

/// One entry.
pub(super) fn line(format: Format, stream: Stream, placed: &Placed, into: &mut Vec<u8>) {
    let (stream, position) = (stream.as_str(), placed.position);
    let text = match format {
        // The entry as it is, byte by byte: whoever takes it out of the line can hash it.
        Format::Archive | Format::Jsonl => {
            format!("{{\"stream\":\"{stream}\",\"position\":{position},\"entry\":{}}}\n", placed.entry)
        }
        Format::Csv => row(stream, position, &placed.event),
    };
    into.extend_from_slice(text.as_bytes());
}

fn row(stream: &str, position: u64, event: &Event) -> String {
    let (position, times) = (position.to_string(), event.times.to_string());
    let time = event.time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let details: Vec<String> = event.details.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let details = details.join("; ");
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let on = event.on.clone();
    let (kind, id, name) = on
        .map_or_else(Default::default, |on| (on.kind, on.id.unwrap_or_default(), on.name.unwrap_or_default()));
    let cells = [
        stream,
        &position,
        &time,
        &event.event,
        &event.category,
        event.result.as_str(),
        &times,
        event.actor.kind.as_str(),
        &text(&event.actor.id),
        &text(&event.actor.name),
        &text(&event.from),
        &kind,
        &id,
        &name,
        &details,
        &text(&event.correlation),
        &event.id,
    ];
    format!("{}\r\n", cells.map(cell).join(","))
}

/// Text that no spreadsheet takes for a formula: such text gets an apostrophe in front, which spreadsheets hide.
fn cell(text: &str) -> String {
    let text = printable(text);
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let text = if is_formula { format!("'{text}") } else { text.into_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_text_whatever_they_hold() {
        for (text, expected) in [
            ("plain", "plain"),
            ("=1+1", "'=1+1"),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("-x,\"", "\"'-x,\"\"\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
