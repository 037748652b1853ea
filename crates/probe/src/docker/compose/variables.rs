//! Variables in compose files: `$NAME`, `${NAME:-default}` and their like, and the files that set them.

use std::collections::{BTreeMap, BTreeSet};

use crate::yaml::{Node, Value};

/// How deep defaults may hold variables again.
const DEPTH_LIMIT: usize = 8;
/// The most variables of a file that are read.
const LINE_LIMIT: usize = 4096;
/// The longest text that variables may make.
const TEXT_LIMIT: usize = 64 << 10;
/// What is said of a longer one.
const TOO_LONG: &str = "its variables expand to more than any honest text";

/// Variables by name.
#[derive(Clone, Debug, Default)]
pub(in crate::docker) struct Variables(BTreeMap<String, String>);

/// One line of a file of variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The name.
    pub(super) name: String,
    /// The value; none when the line leaves it to the shell.
    pub(super) value: Option<String>,
    /// The line, counted from 1.
    pub(super) number: usize,
}

impl Variables {
    /// Those that a `.env` sets; a later line wins, and may use earlier ones.
    pub(super) fn of_file(text: &str) -> Self {
        let mut all = Self::default();
        for line in lines(text, &Self::default()) {
            let Some(value) = line.value else { continue };
            let value = match all.filled(&value) {
                Filled::Known(value) => value,
                Filled::Unknown(_) => value,
            };
            all.0.insert(line.name, value);
        }
        all
    }

    /// Sets one more; its value may use those that are set.
    pub(in crate::docker) fn set(&mut self, name: &str, value: &str) {
        let value = self.fill_text(value).unwrap_or_else(|_| value.to_owned());
        self.0.insert(name.to_owned(), value);
    }

    /// Makes one that was set unknown again.
    pub(in crate::docker) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The text with its variables replaced.
    ///
    /// # Errors
    /// Why nobody knows what one of them is.
    pub(in crate::docker) fn fill_text(&self, text: &str) -> Result<String, String> {
        match self.filled(text) {
            Filled::Known(text) => Ok(text),
            Filled::Unknown(why) => Err(why),
        }
    }

    /// What is set under a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// These, and the others where these say nothing.
    pub(super) fn or(mut self, others: &Self) -> Self {
        for (name, value) in &others.0 {
            self.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }

    /// Replaces the variables in every text of a document; the texts may have `room` bytes together.
    pub(super) fn fill(&self, node: &mut Node, room: &mut usize) {
        match &mut node.value {
            Value::Text(text) if !text.text.contains('$') => {}
            Value::Text(text) if *room == 0 => text.unknown = TOO_LONG.to_owned(),
            Value::Text(text) => match self.filled(&text.text) {
                Filled::Known(filled) => {
                    *room = room.saturating_sub(filled.len());
                    text.text = filled;
                }
                Filled::Unknown(why) => text.unknown = why,
            },
            Value::List(items) => items.iter_mut().for_each(|item| self.fill(item, room)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| self.fill(&mut entry.node, room)),
        }
    }

    fn filled(&self, text: &str) -> Filled {
        if !text.contains('$') {
            return Filled::Known(text.to_owned());
        }
        let mut out = String::new();
        match self.expand(text, 0, &mut out) {
            Ok(()) => Filled::Known(out),
            Err(why) => Filled::Unknown(why),
        }
    }

    fn expand(&self, text: &str, depth: usize, out: &mut String) -> Result<(), String> {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            if out.len() > TEXT_LIMIT || depth > DEPTH_LIMIT {
                return Err(TOO_LONG.to_owned());
            }
            if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            let Some(used) = Used::at(after) else {
                // Compose itself refuses such a text.
                return Err("`$` begins no variable here; `$$` is a dollar sign".to_owned());
            };
            rest = used.rest;
            let set = self.get(used.name);
            let set = if used.sign.starts_with(':') { set.filter(|value| !value.is_empty()) } else { set };
            match (set, used.sign.trim_start_matches(':')) {
                (Some(_), "+") | (None, "-") => self.expand(used.word, depth + 1, out)?,
                (Some(value), _) if out.len() + value.len() > TEXT_LIMIT => return Err(TOO_LONG.to_owned()),
                (Some(value), _) => out.push_str(value),
                (None, _) => return Err(unset(used.name)),
            }
        }
        out.push_str(rest);
        Ok(())
    }
}

enum Filled {
    Known(String),
    Unknown(String),
}

fn unset(name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    format!(
        "the variable {name} is set by the shell that starts the project, and neither `.env` nor a default says it"
    )
}

/// One use of a variable.
struct Used<'a> {
    name: &'a str,
    /// `:-`, `-`, `:?`, `?`, `:+`, `+`, or nothing.
    sign: &'a str,
    word: &'a str,
    rest: &'a str,
}

impl<'a> Used<'a> {
    /// The variable that stands behind a `$`.
    fn at(after: &'a str) -> Option<Self> {
        let name_end = |text: &str| {
            let is_name = |(index, c): &(usize, char)| {
                c.is_ascii_alphabetic() || *c == '_' || (*index > 0 && c.is_ascii_digit())
            };
            text.char_indices().take_while(is_name).count()
        };
        let Some(inner) = after.strip_prefix('{') else {
            let (name, rest) = after.split_at_checked(name_end(after))?;
            return (!name.is_empty()).then_some(Self { name, sign: "", word: "", rest });
        };
        let (name, tail) = inner.split_at_checked(name_end(inner))?;
        if name.is_empty() {
            return None;
        }
        if let Some(rest) = tail.strip_prefix('}') {
            return Some(Self { name, sign: "", word: "", rest });
        }
        let sign = [":-", ":?", ":+", "-", "?", "+"].into_iter().find(|sign| tail.starts_with(sign))?;
        let body = tail.strip_prefix(sign)?;
        let mut depth = 0_usize;
        for (index, c) in body.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    let (word, rest) = body.split_at_checked(index)?;
                    return Some(Self { name, sign, word, rest: rest.strip_prefix('}')? });
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
        None
    }
}

/// Names of the variables without a default that stand in the texts of a document before they are filled.
pub(super) fn without_default(node: &Node, into: &mut BTreeSet<String>) {
    match &node.value {
        Value::Text(text) => {
            let mut rest = text.text.as_str();
            while let Some((_, after)) = rest.split_once('$') {
                if let Some(after) = after.strip_prefix('$') {
                    rest = after;
                    continue;
                }
                rest = after;
                let Some(used) = Used::at(after) else { continue };
                rest = used.rest;
                if matches!(used.sign, "" | "?" | ":?") {
                    into.insert(super::super::json::clip(used.name));
                }
            }
        }
        Value::List(items) => items.iter().for_each(|item| without_default(item, into)),
        Value::Map(entries) => entries.iter().for_each(|entry| without_default(&entry.node, into)),
    }
}

/// The lines of `.env` or of an `env_file`; variables in values are filled from `known` where it has them.
pub(super) fn lines(text: &str, known: &Variables) -> Vec<Line> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if found.len() >= LINE_LIMIT {
            break;
        }
        let line = line.trim();
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // `NAME=value`, and `NAME: value` as in YAML.
        let sign = line.find('=').into_iter().chain(line.find(": ")).min();
        let (name, value) = match sign.and_then(|at| line.split_at_checked(at)) {
            Some((name, rest)) => (name.trim_end(), rest.get(1..).map(str::trim_start)),
            None => (line, None),
        };
        // Anything else is not a file of variables, and its text is nobody's business.
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if !is_name {
            continue;
        }
        // The lines of a value in quotes, such as a key in armour, are no variables of their own.
        if let Some(quote) = value.and_then(left_open)
            && lines.clone().any(|(_, line)| line.contains(quote))
        {
            lines.by_ref().find(|(_, line)| line.contains(quote));
        }
        found.push(Line {
            name: name.to_owned(),
            value: value.map(|value| plain(value, known)),
            number: index + 1,
        });
    }
    found
}

/// The quote with which a value begins when it does not end in the same line.
fn left_open(value: &str) -> Option<char> {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let rest = value.get(1..)?;
    (!rest.contains(quote)).then_some(quote)
}

/// A value without its quotes or its comment.
fn plain(value: &str, known: &Variables) -> String {
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.split_once('\'')) {
        return inner.0.to_owned();
    }
    let text = match value.strip_prefix('"').and_then(|rest| rest.rsplit_once('"')) {
        Some((inner, _)) => inner,
        None => value.split(" #").next().unwrap_or(value).trim_end(),
    };
    match known.filled(text) {
        Filled::Known(filled) => filled,
        Filled::Unknown(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn filled(text: &str, env: &str) -> Result<String, String> {
        match Variables::of_file(env).filled(text) {
            Filled::Known(text) => Ok(text),
            Filled::Unknown(why) => Err(why),
        }
    }

    #[test]
    fn every_form_of_a_variable_is_filled_as_compose_does() {
        let env = "A=1\nEMPTY=\nexport Q=\"two words\"\nS='$A'\nC=x # why\nB=${A}2\n";
        for (text, expected) in [
            ("${A}", "1"),
            ("$A-$B", "1-12"),
            ("$$A", "$A"),
            ("${Q}", "two words"),
            ("${C}", "x"),
            ("${EMPTY}", ""),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${NONE:-d}", "d"),
            ("${NONE-${A}}", "1"),
            ("${A:+yes}", "yes"),
            ("${NONE:-http://x:${A}/}", "http://x:1/"),
            ("${A:?must}", "1"),
        ] {
            assert_eq!(filled(text, env).as_deref(), Ok(expected), "{text}");
        }
        assert!(filled("${NONE}", env).unwrap_err().contains("variable NONE is set by the shell"));
        assert!(filled("${NONE:?say so}", env).unwrap_err().contains("NONE"));
        for broken in ["${A", "$", "${}", "$1", "${A!}"] {
            assert!(filled(broken, env).unwrap_err().contains("begins no variable"), "{broken}");
        }
        let deep = "${A".to_owned() + &":-${N".repeat(200) + &"}".repeat(201);
        assert!(filled(&deep.replacen("${A", "${M", 1), env).is_err());
    }

    #[test]
    fn long_values_are_not_repeated_for_ever() {
        let long = Variables::of_file(&format!("A={}\nB={}\n", "x".repeat(100_000), "x".repeat(60_000)));
        assert!(long.fill_text("${A}").is_err() && long.fill_text("${B}${B}").is_err());
        let mut node = yaml::parse("/c", &format!("[{}]", vec!["'${B}'"; 100].join(", "))).unwrap();
        let mut room = 200_000;
        long.fill(&mut node, &mut room);
        let unknown = node.items().iter().filter(|item| !item.text().unwrap().unknown.is_empty()).count();
        assert_eq!((unknown, room), (96, 0));
    }

    #[test]
    fn variables_without_a_default_are_those_that_a_shell_must_set() {
        let text = "a: ${ONE}\n# ${COMMENT}\nb: $TWO-$$NOT ${THREE:-3} ${FOUR-4} ${FIVE:?say} ${} $ $1 ${SIX}";
        let mut found = BTreeSet::new();
        without_default(&yaml::parse("/c", text).unwrap(), &mut found);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["FIVE", "ONE", "SIX", "TWO"]);
    }

    #[test]
    fn lines_within_quotes_are_no_variables() {
        let text = "KEY=\"-----BEGIN KEY\nMIIEvAIBADANBgkq==\n-----END KEY\"\nDB_PASSWORD: x\nA='open\nB=1\n";
        let lines = lines(text, &Variables::default());
        let seen: Vec<_> = lines.iter().map(|line| (line.name.as_str(), line.number)).collect();
        assert_eq!(seen, [("KEY", 1), ("DB_PASSWORD", 4), ("A", 5), ("B", 6)]);
        assert!(lines[0].value.as_deref().unwrap().contains("-----BEGIN"));
        assert_eq!(lines[1].value.as_deref(), Some("x"));
        let padded = "#\n".repeat(LINE_LIMIT) + "TOKEN=1\n";
        assert_eq!(super::lines(&padded, &Variables::default()).len(), 1);
    }

    #[test]
    fn what_is_no_variable_leaves_no_trace() {
        let lines = lines("root:$y$j9T$abc=:1::\nA=1\nB\n=x\n#C=1\n", &Variables::default());
        let names: Vec<_> = lines.iter().map(|line| (line.name.as_str(), line.number)).collect();
        assert_eq!(names, [("A", 2), ("B", 3)]);
    }
}
