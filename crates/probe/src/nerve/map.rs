//! A map of names and values: YAML, JSON, or lines of `key=value`. Nested names are kept with a dot between.

use std::collections::BTreeMap;

use serde_json::Value;

/// The most entries of a file.
const ENTRIES: usize = 5_000;

/// One name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, with those it stands in before it.
    pub name: String,
    /// The value as text.
    pub value: String,
    /// Its line, from 1; 0 when it cannot be told.
    pub line: usize,
}

/// Reads a map.
///
/// # Errors
/// Why it is none.
pub fn entries(text: &str) -> Result<Vec<Entry>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(lines) = lines(text) {
        return Ok(lines);
    }
    let value = match serde_json::from_str::<Value>(text) {
        Ok(value) => value,
        Err(json) => serde_saphyr::from_str::<Value>(text).map_err(|yaml| {
            let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
            if text.trim_start().starts_with('{') {
                format!("no JSON: {json}")
            } else {
                format!("neither key=value lines nor YAML: {}", first(yaml.to_string()))
            }
        })?,
    };
    if !value.is_object() {
        return Err("no map of names and values".to_owned());
    }
    let mut entries = Vec::new();
    flatten(&named(text), "", &value, &mut entries, 0);
    Ok(entries)
}

/// Lines of `key=value`; none when one line is something else.
fn lines(text: &str) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (name, value) = line.split_once('=')?;
        let name = name.trim();
        if name.is_empty()
            || name.contains(|letter: char| letter.is_whitespace() || matches!(letter, ':' | '{' | '"'))
        {
            return None;
        }
        let value = value.trim().trim_matches(['"', '\'']);
        if entries.len() < ENTRIES {
            entries.push(Entry { name: name.to_owned(), value: value.to_owned(), line: index + 1 });
        }
    }
    (!entries.is_empty()).then_some(entries)
}

fn flatten(lines: &BTreeMap<&str, usize>, above: &str, value: &Value, into: &mut Vec<Entry>, depth: usize) {
    if into.len() >= ENTRIES || depth > 32 {
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let name = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
                if name.len() < 1_000 {
                    flatten(lines, &name, value, into, depth + 1);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                flatten(lines, above, item, into, depth + 1);
            }
        }
        plain => {
            let value = plain.as_str().map_or_else(|| plain.to_string(), str::to_owned);
            let own = above.rsplit('.').next().unwrap_or(above);
            let line = lines.get(own).copied().unwrap_or(0);
            into.push(Entry { name: above.to_owned(), value, line });
        }
    }
}

/// The lines of YAML or JSON by the names that they set, from 1; 0 for a name that several set: of those nobody can tell.
fn named(text: &str) -> BTreeMap<&str, usize> {
    let around = |letter: char| letter.is_whitespace() || matches!(letter, '-' | '{' | '"' | '\'' | ',');
    let mut lines = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        if let Some((name, _)) = line.trim_start_matches(around).split_once(':') {
            let name =
                name.trim_end_matches(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '\''));
            lines.entry(name).and_modify(|line| *line = 0).or_insert(index + 1);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_say_the_same() {
        let of = |text: &str| {
            let mut found: Vec<_> =
                entries(text).unwrap().into_iter().map(|entry| (entry.name, entry.value, entry.line)).collect();
            found.sort();
            found
        };
        let lines = of("# ours\nmfa_enabled = true\nmax_attempts_by_ip=100\n");
        assert_eq!(
            lines,
            [
                ("max_attempts_by_ip".to_owned(), "100".to_owned(), 3),
                ("mfa_enabled".to_owned(), "true".to_owned(), 2)
            ]
        );
        assert_eq!(of("# ours\nmfa_enabled: true\nmax_attempts_by_ip: 100\n"), lines);
        assert_eq!(of("{\n\"mfa_enabled\": true,\n\"max_attempts_by_ip\": 100}"), lines);
    }

    #[test]
    fn nested_names_keep_what_they_stand_in() {
        let found = entries("node:\n  BruteForce:\n    lockoutDurationMinutes: 5\n").unwrap();
        assert_eq!((found[0].name.as_str(), found[0].line), ("node.BruteForce.lockoutDurationMinutes", 3));
    }

    #[test]
    fn the_line_of_a_name_that_stands_twice_is_not_told() {
        let found = entries("a:\n  x: 1\n  'y' : 2\nb:\n- x: 3\n").unwrap();
        let lines: Vec<_> = found.iter().map(|entry| (entry.name.as_str(), entry.line)).collect();
        assert_eq!(lines, [("a.x", 0), ("a.y", 3), ("b.x", 0)]);
    }

    #[test]
    fn what_is_no_map_is_an_error() {
        for text in ["", "just words", "- a\n- b\n", "{\"a\":", "\0\u{1}", "[1, 2]"] {
            assert!(entries(text).is_err(), "{text:?}: {:?}", entries(text));
        }
    }
}
