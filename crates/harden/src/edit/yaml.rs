//! YAML documents of Palisade's own: maps of maps, one member a line, names in order. A value stands in one line as it
//! was asked for, so that it may be JSON or carry a tag (`!override [...]`).

use std::collections::BTreeMap;

use super::EditError;

/// What YAML would not take for a text when it stands without quotes.
const NOT_TEXT: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

enum Node {
    Value(String),
    Map(BTreeMap<String, Node>),
}

/// Gives the member at `path` a value. Lines above the first member are kept.
pub(super) fn set(text: &str, path: &[String], value: &str) -> Result<String, EditError> {
    let is_heading = |line: &str| line.starts_with('#') || line.trim().is_empty();
    let count = text.lines().take_while(|line| is_heading(line)).count();
    let mut root = Node::Map(BTreeMap::new());
    // The names above the line that is read.
    let mut above: Vec<String> = Vec::new();
    for line in text.lines().skip(count) {
        let (depth, name, value) = read(line).ok_or_else(malformed)?;
        if depth > above.len() {
            return Err(malformed());
        }
        above.truncate(depth);
        above.push(name);
        insert(&mut root, &above, value)?;
    }
    insert(&mut root, path, Some(value))?;
    let mut out: String = text.lines().take(count).flat_map(|line| [line, "\n"]).collect();
    write(&root, 0, &mut out);
    Ok(out)
}

fn malformed() -> EditError {
    EditError::Malformed("in the form in which Palisade wrote it".to_owned())
}

/// How deep a line stands, its name, and the value behind it.
fn read(line: &str) -> Option<(usize, String, Option<&str>)> {
    let member = line.trim_start_matches(' ');
    let indent = line.len() - member.len();
    let (name, rest) = if member.starts_with('"') {
        let mut stream = serde_json::Deserializer::from_str(member).into_iter::<String>();
        let name = stream.next()?.ok()?;
        (name, member.get(stream.byte_offset()..)?.strip_prefix(':')?)
    } else {
        let (name, rest) = member.split_once(':')?;
        (name.to_owned(), rest)
    };
    let value = rest.trim();
    (indent.is_multiple_of(2) && name == name.trim()).then_some((
        indent / 2,
        name,
        (!value.is_empty()).then_some(value),
    ))
}

/// None is a map that may be there already.
fn insert(node: &mut Node, path: &[String], value: Option<&str>) -> Result<(), EditError> {
    let Node::Map(members) = node else { return Err(malformed()) };
    let Some((name, inner)) = path.split_first() else { return Err(malformed()) };
    match value {
        Some(value) if inner.is_empty() => {
            if matches!(members.get(name), Some(Node::Map(_))) {
                return Err(malformed());
            }
            members.insert(name.clone(), Node::Value(value.to_owned()));
            Ok(())
        }
        value => {
            let next = members.entry(name.clone()).or_insert_with(|| Node::Map(BTreeMap::new()));
            if inner.is_empty() { Ok(()) } else { insert(next, inner, value) }
        }
    }
}

fn write(node: &Node, depth: usize, out: &mut String) {
    let Node::Map(members) = node else { return };
    for (name, member) in members {
        out.push_str(&"  ".repeat(depth));
        out.push_str(&spelled(name));
        match member {
            Node::Value(value) => {
                out.push_str(": ");
                out.push_str(value);
                out.push('\n');
            }
            Node::Map(_) => {
                out.push_str(":\n");
                write(member, depth + 1, out);
            }
        }
    }
}

/// A name, in quotes when YAML could take it for something else than a text.
fn spelled(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !NOT_TEXT.contains(&name.to_lowercase().as_str());
    if plain { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &[&str]) -> Vec<String> {
        path.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn members_are_kept_in_order_whatever_order_they_came_in() {
        let wishes = [
            (at(&["services", "web", "cap_drop"]), r#"["ALL"]"#),
            (at(&["services", "1: a", "ports"]), r#"!override ["127.0.0.1:1:1"]"#),
            (at(&["services", "on", "environment", "A"]), "null"),
        ];
        let mut there = "# heading\n".to_owned();
        let mut back = "# heading\n".to_owned();
        for (path, value) in &wishes {
            there = set(&there, path, value).unwrap();
        }
        for (path, value) in wishes.iter().rev() {
            back = set(&back, path, value).unwrap();
        }
        assert_eq!(there, back);
        assert_eq!(
            there,
            "# heading\nservices:\n  \"1: a\":\n    ports: !override [\"127.0.0.1:1:1\"]\n  \"on\":\n    environment:\n      \
             A: null\n  web:\n    cap_drop: [\"ALL\"]\n"
        );
        assert_eq!(set(&there, &wishes[0].0, wishes[0].1).unwrap(), there);
    }

    #[test]
    fn what_somebody_else_wrote_is_refused() {
        for text in ["- a\n", "a:\n    b: 1\n", "a: 1\n  b: 2\n", "\"a: 1\n", " a: 1\n"] {
            assert!(set(text, &at(&["a", "b"]), "1").is_err(), "{text}");
        }
    }
}
