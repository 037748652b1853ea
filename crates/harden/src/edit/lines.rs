//! Whole lines: replacing foreign ones, keeping our own in order.

use super::EditError;

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
