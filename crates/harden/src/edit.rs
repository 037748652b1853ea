//! Applies edits to a text. The same edits give the same bytes, whatever order they were asked for in.

mod json;
mod lines;
mod settings;
mod yaml;

use crate::change::{Edit, Field};

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
    // First what finds its place by a whole line that another edit may change.
    for edit in &edits {
        if let Edit::After { line, text: new } = edit {
            text = lines::after(&text, line, new)?;
        }
    }
    text = lines::words(&text, &edits)?;
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
            Edit::Field { key, index, field } => text = lines::field(&text, key, *index, field)?,
            Edit::Yaml { path, value } => text = yaml::set(&text, path, value)?,
            Edit::Line { .. }
            | Edit::Whole(_)
            | Edit::After { .. }
            | Edit::Word { .. }
            | Edit::Variable { .. } => {}
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
                (Edit::Json { path, .. }, Edit::Json { path: path_2, .. })
                | (Edit::Yaml { path, .. }, Edit::Yaml { path: path_2, .. }) => {
                    path.starts_with(path_2) || path_2.starts_with(path)
                }
                (Edit::Replace { old, .. }, Edit::Replace { old: old_2, .. }) => old.trim() == old_2.trim(),
                (Edit::Replace { old, .. }, Edit::Word { line, .. })
                | (Edit::Word { line, .. }, Edit::Replace { old, .. }) => old.trim() == line.trim(),
                (Edit::Word { line, old, new }, Edit::Word { line: line_2, old: old_2, new: new_2 }) => {
                    line == line_2 && old == old_2 && (old.is_some() || name_of(new) == name_of(new_2))
                }
                (
                    Edit::Field { key, index, field: Field::Is(_) | Field::Begins(_) },
                    Edit::Field { key: key_2, index: index_2, .. },
                ) => key == key_2 && index == index_2,
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

/// What a word `name=value` sets.
fn name_of(word: &Option<String>) -> Option<&str> {
    word.as_deref().map(|word| word.split('=').next().unwrap_or(word))
}

impl std::fmt::Display for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Set { key, value, .. } => write!(f, "`{key}` to be `{value}`"),
            Self::Unset { key, .. } => write!(f, "`{key}` to be unset"),
            Self::Json { path, value } | Self::Yaml { path, value } => {
                write!(f, "`{}` to be `{value}`", path.join("."))
            }
            Self::Line { text, .. } => write!(f, "the line `{text}`"),
            Self::First(text) => write!(f, "`{text}` to come first"),
            Self::Last(text) => write!(f, "`{text}` to come last"),
            Self::After { line, text } => write!(f, "`{text}` behind `{line}`"),
            Self::Word { line, old: Some(old), new: Some(new) } => {
                write!(f, "`{old}` to be `{new}` in `{line}`")
            }
            Self::Word { line, old: Some(old), new: None } => write!(f, "`{old}` to go from `{line}`"),
            Self::Word { line, old: None, new } => {
                write!(f, "`{}` added to `{line}`", new.as_deref().unwrap_or_default())
            }
            Self::Field { key, index, field: Field::Is(value) } => {
                write!(f, "field {} of `{key}` to be `{value}`", index + 1)
            }
            Self::Field { key, index, field: Field::Begins(start) } => {
                write!(f, "field {} of `{key}` to begin with `{start}`", index + 1)
            }
            Self::Field { key, field: Field::Without(name), .. } => write!(f, "`{name}` to go from `{key}`"),
            Self::Replace { old, new: Some(new) } => write!(f, "`{old}` to read `{new}`"),
            Self::Replace { old, new: None } => write!(f, "`{old}` to go"),
            Self::Whole(_) | Self::Variable { .. } => write!(f, "the whole file"),
        }
    }
}

#[cfg(test)]
mod tests;
