//! Applies edits to a text. The same edits give the same bytes, whatever order they were asked for in.

mod json;
mod lines;
mod settings;

use crate::change::Edit;

/// The first line of files that Palisade makes, behind the comment sign.
pub(crate) const HEADING: &str = "Written by Palisade; `palisade harden undo` takes it back.";

/// Why edits cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EditError {
    /// Two edits want different things of one place.
    #[error("one wants {0}, another {1}")]
    Conflict(String, String),
    /// A line that was read is not there any more.
    #[error("the line `{0}` is not there any more")]
    LineGone(String),
    /// The file is not what it is taken for.
    #[error("it is not {0}")]
    Malformed(String),
}

/// The text after all edits. `original` is none when there is no such file.
pub(crate) fn render(original: Option<&str>, edits: &[Edit]) -> Result<String, EditError> {
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort();
    edits.dedup();
    refuse_conflicts(&edits)?;
    if let Some(Edit::Whole(text)) = edits.first() {
        return Ok(text.clone());
    }
    let mut text = original.map_or_else(|| heading(&edits), ToOwned::to_owned);
    for edit in &edits {
        match edit {
            Edit::Replace { old, new } => text = lines::replace(&text, old, new.as_deref())?,
            Edit::Set { syntax, section, key, value } => {
                text = settings::set(&text, *syntax, section.as_deref(), key, value);
            }
            Edit::Unset { syntax, section, key } => {
                text = settings::unset(&text, *syntax, section.as_deref(), key);
            }
            Edit::First(line) if text.lines().any(|known| known.trim() == line) => {}
            Edit::First(line) => text = format!("{line}\n{text}"),
            Edit::Last(line) if text.lines().any(|known| known.trim() == line) => {}
            Edit::Last(line) => {
                let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                text = format!("{text}{end}{line}\n");
            }
            Edit::Json { path, value } => text = json::set(&text, path, value)?,
            Edit::Line { .. } | Edit::Whole(_) => {}
        }
    }
    let own: Vec<(u16, &str)> = edits
        .iter()
        .filter_map(|edit| match edit {
            Edit::Line { rank, text } => Some((*rank, text.as_str())),
            _ => None,
        })
        .collect();
    Ok(if own.is_empty() { text } else { lines::add(&text, &own) })
}

/// What a file begins with that had to be made.
fn heading(edits: &[&Edit]) -> String {
    match edits.first() {
        Some(Edit::Json { .. }) => "{}\n".to_owned(),
        _ => format!("# {HEADING}\n"),
    }
}

/// Sorted and without repetitions, two edits of one place stand for two wishes.
fn refuse_conflicts(edits: &[&Edit]) -> Result<(), EditError> {
    for (index, one) in edits.iter().enumerate() {
        for other in edits.iter().skip(index + 1) {
            let clash = match (one, other) {
                (
                    Edit::Set { section, key, .. } | Edit::Unset { section, key, .. },
                    Edit::Set { section: section_2, key: key_2, .. }
                    | Edit::Unset { section: section_2, key: key_2, .. },
                ) => section == section_2 && key.eq_ignore_ascii_case(key_2),
                (Edit::Json { path, .. }, Edit::Json { path: path_2, .. }) => {
                    path.starts_with(path_2) || path_2.starts_with(path)
                }
                (Edit::Replace { old, .. }, Edit::Replace { old: old_2, .. }) => old.trim() == old_2.trim(),
                (Edit::Whole(_), _) | (_, Edit::Whole(_)) => true,
                _ => false,
            };
            if clash {
                return Err(EditError::Conflict(one.to_string(), other.to_string()));
            }
        }
    }
    Ok(())
}

impl std::fmt::Display for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Set { key, value, .. } => write!(f, "`{key}` to be `{value}`"),
            Self::Unset { key, .. } => write!(f, "`{key}` to be unset"),
            Self::Json { path, value } => write!(f, "`{}` to be `{value}`", path.join(".")),
            Self::Line { text, .. } => write!(f, "the line `{text}`"),
            Self::First(text) => write!(f, "`{text}` to come first"),
            Self::Last(text) => write!(f, "`{text}` to come last"),
            Self::Replace { old, new: Some(new) } => write!(f, "`{old}` to read `{new}`"),
            Self::Replace { old, new: None } => write!(f, "`{old}` to go"),
            Self::Whole(_) => write!(f, "the whole file"),
        }
    }
}

#[cfg(test)]
mod tests;
