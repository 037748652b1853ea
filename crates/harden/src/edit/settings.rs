//! Settings of configuration files: `Key value`, `key = value`, `[section]` with `Key=value`.

use crate::change::Syntax;

/// What a line is, as far as settings go.
enum Kind<'a> {
    Section(&'a str),
    Setting(&'a str),
    Other,
}

fn kind(line: &str, syntax: Syntax) -> Kind<'_> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') || (syntax == Syntax::Ini && line.starts_with(';')) {
        return Kind::Other;
    }
    if syntax == Syntax::Ini
        && let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
    {
        return Kind::Section(name.trim());
    }
    let end = match syntax {
        Syntax::Spaced => line.find(|c: char| c.is_whitespace() || c == '='),
        Syntax::Equals | Syntax::Ini => line.find('='),
    };
    Kind::Setting(line.get(..end.unwrap_or(line.len())).unwrap_or_default().trim())
}

fn written(syntax: Syntax, key: &str, value: &str) -> String {
    match syntax {
        Syntax::Spaced => format!("{key} {value}"),
        Syntax::Equals => format!("{key} = {value}"),
        Syntax::Ini => format!("{key}={value}"),
    }
}

/// Gives the setting a value: see [`crate::change::Edit::Set`].
pub(super) fn set(text: &str, syntax: Syntax, section: Option<&str>, key: &str, value: &str) -> String {
    let wanted = written(syntax, key, value);
    let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    let places = places(&lines, syntax, section, key);
    let mut places = places.into_iter();
    if let Some(first) = places.next() {
        if let Some(line) = lines.get_mut(first)
            && !says(line, syntax, value)
        {
            let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
            *line = format!("{indent}{wanted}");
        }
        comment_out(&mut lines, places);
        return joined(&lines);
    }
    match end_of(&lines, syntax, section) {
        Some(end) => lines.insert(end, wanted),
        None => {
            if lines.last().is_some_and(|line| !line.trim().is_empty() && !line.starts_with('#')) {
                lines.push(String::new());
            }
            lines.extend(section.map(|name| format!("[{name}]")));
            lines.push(wanted);
        }
    }
    joined(&lines)
}

/// Comments the setting out wherever it stands in the section.
pub(super) fn unset(text: &str, syntax: Syntax, section: Option<&str>, key: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    let places = places(&lines, syntax, section, key);
    comment_out(&mut lines, places.into_iter());
    joined(&lines)
}

/// Whether the line gives this value already, however it is spaced.
fn says(line: &str, syntax: Syntax, value: &str) -> bool {
    let line = line.trim();
    let given = match syntax {
        Syntax::Spaced => line.split_once(|c: char| c.is_whitespace() || c == '='),
        Syntax::Equals | Syntax::Ini => line.split_once('='),
    };
    given.is_some_and(|(_, given)| given.trim() == value)
}

/// The lines that set the key, by index.
fn places(lines: &[String], syntax: Syntax, section: Option<&str>, key: &str) -> Vec<usize> {
    let mut current: Option<&str> = None;
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match kind(line, syntax) {
            Kind::Section(name) => current = Some(name),
            Kind::Setting(name) if current == section && name.eq_ignore_ascii_case(key) => found.push(index),
            Kind::Setting(_) | Kind::Other => {}
        }
    }
    found
}

/// Where a line added to the section goes: behind its last line that is not blank. None: there is no such section.
fn end_of(lines: &[String], syntax: Syntax, section: Option<&str>) -> Option<usize> {
    let mut current: Option<&str> = None;
    let mut end = if section.is_none() { Some(0) } else { None };
    for (index, line) in lines.iter().enumerate() {
        if let Kind::Section(name) = kind(line, syntax) {
            current = Some(name);
        }
        if current == section && !line.trim().is_empty() {
            end = Some(index + 1);
        }
    }
    end
}

fn comment_out(lines: &mut [String], places: impl Iterator<Item = usize>) {
    for place in places {
        if let Some(line) = lines.get_mut(place) {
            line.insert(0, '#');
        }
    }
}

fn joined(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}
