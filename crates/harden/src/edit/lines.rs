//! Whole lines: replacing foreign ones, keeping our own in order.

use super::EditError;
use crate::change::{Edit, Field};

/// Replaces every line that reads `old`, or takes it away.
pub(super) fn replace(text: &str, old: &str, new: Option<&str>) -> Result<String, EditError> {
    let mut found = false;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n').trim_end_matches('\r');
        if bare.trim() != old.trim() {
            out.push_str(line);
            continue;
        }
        found = true;
        if let Some(new) = new {
            let indent = bare.get(..bare.len() - bare.trim_start().len()).unwrap_or_default();
            out.push_str(indent);
            out.push_str(new.trim_start());
            out.push_str(line.get(bare.len()..).unwrap_or_default());
        }
    }
    // A second run finds its own work.
    let done = new.is_some_and(|new| text.lines().any(|line| line.trim() == new.trim()));
    if found || done { Ok(out) } else { Err(EditError::LineGone(old.trim().to_owned())) }
}

/// Adds lines that are not there yet, then puts all but the heading in order: of rank, then text. Lines that were there
/// and that nobody asks for now keep rank 100.
pub(super) fn add(text: &str, own: &[(u16, &str)]) -> String {
    let (heading, rest): (Vec<&str>, Vec<&str>) = {
        let count = text.lines().take_while(|line| line.starts_with('#')).count();
        (text.lines().take(count).collect(), text.lines().skip(count).collect())
    };
    let mut lines: Vec<(u16, &str)> = own.to_vec();
    for line in rest {
        if !line.trim().is_empty() && !own.iter().any(|(_, text)| *text == line) {
            lines.push((100, line));
        }
    }
    lines.sort_unstable();
    lines.dedup();
    let mut out = String::new();
    for line in heading.into_iter().chain(lines.into_iter().map(|(_, text)| text)) {
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// Puts `new` behind the line that reads `line`, unless it stands in the text already.
pub(super) fn after(text: &str, line: &str, new: &str) -> Result<String, EditError> {
    if text.lines().any(|known| known.trim() == new.trim()) {
        return Ok(text.to_owned());
    }
    let mut found = false;
    let mut out = String::with_capacity(text.len() + new.len() + 1);
    for known in text.lines() {
        out.push_str(known);
        out.push('\n');
        if !found && known.trim() == line.trim() {
            found = true;
            out.push_str(new);
            out.push('\n');
        }
    }
    if found { Ok(out) } else { Err(EditError::LineGone(line.trim().to_owned())) }
}

/// Changes words of lines: see [`Edit::Word`].
pub(super) fn words(text: &str, edits: &[&Edit]) -> Result<String, EditError> {
    let mut text = text.to_owned();
    let mut seen: Vec<&str> = Vec::new();
    for edit in edits {
        let Edit::Word { line, .. } = edit else { continue };
        if seen.contains(&line.as_str()) {
            continue;
        }
        seen.push(line);
        let mut wanted = line.clone();
        for edit in edits {
            if let Edit::Word { line: of, old, new } = edit
                && of == line
            {
                wanted = word(&wanted, old.as_deref(), new.as_deref());
            }
        }
        text = replace(&text, line, Some(&wanted))?;
    }
    Ok(text)
}

/// The line with one word changed; the blanks between the others stay.
fn word(line: &str, old: Option<&str>, new: Option<&str>) -> String {
    let Some(old) = old else {
        let new = new.unwrap_or_default();
        let known = line.split_whitespace().any(|word| word == new);
        return if known { line.to_owned() } else { format!("{line} {new}") };
    };
    let mut out = String::with_capacity(line.len());
    for piece in line.split_inclusive(char::is_whitespace) {
        let bare = piece.trim_end();
        match (bare == old, new) {
            (false, _) => out.push_str(piece),
            (true, Some(new)) => {
                out.push_str(new);
                out.push_str(piece.get(bare.len()..).unwrap_or_default());
            }
            (true, None) => {}
        }
    }
    out.trim_end().to_owned()
}

/// Changes a field: see [`Edit::Field`].
pub(super) fn field(text: &str, key: &str, index: usize, field: &Field) -> Result<String, EditError> {
    let mut found = false;
    let mut out = String::with_capacity(text.len() + 8);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        let fields: Vec<&str> = bare.split(':').collect();
        if fields.first() != Some(&key) {
            out.push_str(line);
            continue;
        }
        found = true;
        let Some(old) = fields.get(index) else {
            return Err(EditError::Malformed(format!("a file whose line `{key}` has {} fields", index + 1)));
        };
        let new = match field {
            Field::Is(value) => value.clone(),
            Field::Begins(start) if old.starts_with(start.as_str()) => (*old).to_owned(),
            Field::Begins(start) => format!("{start}{old}"),
            Field::Without(name) => {
                old.split(',').filter(|member| member != name).collect::<Vec<_>>().join(",")
            }
        };
        for (at, kept) in fields.iter().enumerate() {
            if at > 0 {
                out.push(':');
            }
            out.push_str(if at == index { &new } else { kept });
        }
        out.push_str(line.get(bare.len()..).unwrap_or_default());
    }
    if found || matches!(field, Field::Without(_)) {
        Ok(out)
    } else {
        Err(EditError::LineGone(format!("{key}:")))
    }
}
