//! Java property files and `.env` files, with the line of each entry.

/// The most entries of a file.
const ENTRIES: usize = 5_000;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key as written.
    pub key: String,
    /// The value, escapes undone.
    pub value: String,
    /// The line it begins on, from 1.
    pub line: usize,
}

/// A Java property file: `#` and `!` begin comments, `=`, `:` or white space part key and value, a backslash at the end of
/// a line goes on with the next.
pub fn properties(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, first)) = lines.next() {
        let first = first.trim_start();
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while goes_on(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start());
        }
        if entries.len() >= ENTRIES {
            break;
        }
        let (key, value) = parted(&logical);
        entries.push(Entry { key, value, line: index + 1 });
    }
    entries
}

/// Whether the line ends with an odd number of backslashes.
fn goes_on(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn parted(line: &str) -> (String, String) {
    let mut key = String::new();
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => key.extend(escape(&mut letters)),
            '=' | ':' => break,
            letter if letter.is_whitespace() => {
                while letters.peek().is_some_and(|next| next.is_whitespace()) {
                    letters.next();
                }
                if letters.peek().is_some_and(|next| matches!(next, '=' | ':')) {
                    letters.next();
                }
                break;
            }
            letter => key.push(letter),
        }
    }
    while letters.peek().is_some_and(|next| next.is_whitespace()) {
        letters.next();
    }
    let mut value = String::new();
    while let Some(letter) = letters.next() {
        if letter == '\\' { value.extend(escape(&mut letters)) } else { value.push(letter) }
    }
    (key, value.trim_end().to_owned())
}

/// What stands for the letters after a backslash.
fn escape(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match letters.next()? {
        't' => Some('\t'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        'f' => Some('\u{c}'),
        'u' => {
            let mut code = 0;
            for _ in 0..4 {
                code = code * 16 + letters.next_if(char::is_ascii_hexdigit)?.to_digit(16)?;
            }
            char::from_u32(code)
        }
        other => Some(other),
    }
}

/// An `.env` file as compose reads it: `KEY=VALUE`, quotes around values, ` #` begins a comment. A dollar that stands for
/// itself is written twice.
pub fn environment(text: &str) -> Vec<Entry> {
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line);
            if line.starts_with('#') {
                return None;
            }
            let (key, value) = line.split_once('=')?;
            let value = value.trim();
            let within = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.split(quote).next());
            let value = match (within('\''), within('"')) {
                // References are not followed there: compose writes such a dollar twice.
                (Some(plain), _) => plain.replace('$', "$$"),
                (None, Some(quoted)) => quoted.to_owned(),
                (None, None) => value.split(" #").next().unwrap_or_default().trim().to_owned(),
            };
            Some(Entry { key: key.trim().to_owned(), value, line: index + 1 })
        })
        .take(ENTRIES)
        .collect()
}

/// A key as Spring compares it: `min-length`, `minLength` and `MIN_LENGTH` are the same.
pub(super) fn canonical(key: &str) -> String {
    key.chars().filter(|letter| !matches!(letter, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(entries: &[Entry]) -> Vec<(&str, &str, usize)> {
        entries.iter().map(|entry| (entry.key.as_str(), entry.value.as_str(), entry.line)).collect()
    }

    #[test]
    fn properties_are_read_as_java_does() {
        let text = "# c\n! c\n a = b \nc:d\ne f\ng\\ h=\\u0041\\\n   i\\\\\nj\nk==l\nbad=\\u00";
        assert_eq!(
            pairs(&properties(text)),
            [
                ("a", "b", 3),
                ("c", "d", 4),
                ("e", "f", 5),
                ("g h", "Ai\\", 6),
                ("j", "", 8),
                ("k", "=l", 9),
                ("bad", "", 10),
            ]
        );
        assert!(properties("\0\u{1}\n\\").len() <= 2);
    }

    #[test]
    fn environments_are_read_as_compose_does() {
        let text = "# c\nexport A=1 # one\nB=\"x # y\" # z\nC='it$'\nnothing\nD=a=b#c\n";
        assert_eq!(
            pairs(&environment(text)),
            [("A", "1", 2), ("B", "x # y", 3), ("C", "it$$", 4), ("D", "a=b#c", 6)]
        );
    }

    #[test]
    fn spellings_of_one_key_are_one() {
        assert_eq!(canonical("validator.min-length"), canonical("validator.minLength"));
    }
}
