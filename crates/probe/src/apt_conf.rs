//! apt's settings: a tree of names in the order in which apt reads its files.

use host::{Door, Error};

use crate::text::{files_in, read_if_any};

/// The most settings; apt's own defaults are some hundred.
const MOST: usize = 5_000;

/// The longest name in bytes, with the scopes around it; apt's own stay below a hundred. What is longer is left out.
const LONGEST_NAME: usize = 1024;

/// One setting: its full name in lower case, its value, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) source: String,
}

/// Every setting of the target, in order: a later scalar wins, members of lists add up.
#[derive(Debug, Default)]
pub(crate) struct AptConf {
    settings: Vec<Setting>,
}

impl AptConf {
    /// Reads the files in apt's order: those of the folder by name, then the main file.
    pub(crate) fn read(door: &Door) -> Result<Self, Error> {
        let mut files = Vec::new();
        let folder = "/etc/apt/apt.conf.d";
        for name in files_in(door, folder, "")? {
            // apt skips names with other characters or another ending.
            let plain = name.strip_suffix(".conf").unwrap_or(&name);
            if plain.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
                files.push(format!("{folder}/{name}"));
            }
        }
        files.push("/etc/apt/apt.conf".to_owned());
        let mut conf = Self::default();
        for path in files {
            if let Some(text) = read_if_any(door, &path)? {
                conf.parse(&text, &path);
            }
        }
        Ok(conf)
    }

    /// The winning setting of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Setting> {
        let name = name.to_ascii_lowercase();
        self.settings.iter().rev().find(|setting| setting.name == name)
    }

    /// How many settings there are.
    pub(crate) fn len(&self) -> usize {
        self.settings.len()
    }

    /// The members of a list.
    pub(crate) fn list(&self, name: &str) -> Vec<&Setting> {
        let member = format!("{}::", name.to_ascii_lowercase());
        self.settings.iter().filter(|setting| setting.name.starts_with(&member)).collect()
    }

    /// Adds the settings of a file: `A::B "x";` and `A { B "x"; };`.
    pub(crate) fn parse(&mut self, text: &str, path: &str) {
        let mut scopes: Vec<String> = Vec::new();
        // Open scopes whose name would be too long.
        let mut too_deep = 0_usize;
        let mut statement: Vec<Token> = Vec::new();
        for (token, line) in tokens(text) {
            match token {
                Token::Open => {
                    let name = statement.iter().find_map(Token::word).unwrap_or_default();
                    if too_deep > 0 || scopes.last().map_or(0, String::len) + name.len() > LONGEST_NAME {
                        too_deep += 1;
                    } else {
                        scopes.push(joined(scopes.last(), &name));
                    }
                    statement.clear();
                }
                Token::Close => {
                    if too_deep > 0 {
                        too_deep -= 1;
                    } else {
                        self.finish(&statement, scopes.last(), path, line);
                        scopes.pop();
                    }
                    statement.clear();
                }
                Token::End => {
                    if too_deep == 0 {
                        self.finish(&statement, scopes.last(), path, line);
                    }
                    statement.clear();
                }
                other => statement.push(other),
            }
        }
    }

    fn finish(&mut self, statement: &[Token], scope: Option<&String>, path: &str, line: usize) {
        let mut parts = statement.iter();
        let (name, value) = match (parts.next(), parts.next()) {
            (Some(Token::Word(word)), Some(target)) if word == "#clear" => {
                let cleared = target.word().unwrap_or_default().to_ascii_lowercase();
                let below = format!("{cleared}::");
                self.settings.retain(|old| old.name != cleared && !old.name.starts_with(&below));
                return;
            }
            (Some(Token::Word(name)), Some(value)) => (joined(scope, name), value.word().unwrap_or_default()),
            // A value without name is a member of the list around it.
            (Some(Token::Quoted(value)), None) => (joined(scope, "::"), value.clone()),
            _ => return,
        };
        if self.settings.len() < MOST && name.len() <= LONGEST_NAME {
            self.settings.push(Setting {
                name: name.to_ascii_lowercase(),
                value,
                source: format!("{path}:{line}"),
            });
        }
    }
}

/// A truth value as apt reads it.
pub(crate) fn truth(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" | "on" | "with" | "enable" => Some(true),
        "no" | "false" | "0" | "off" | "without" | "disable" => Some(false),
        _ => None,
    }
}

/// The name within its scope. A member of a list ends with `::`.
fn joined(scope: Option<&String>, name: &str) -> String {
    match scope {
        Some(scope) if name == "::" => format!("{scope}::"),
        Some(scope) => format!("{scope}::{name}"),
        None => name.to_owned(),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Open,
    Close,
    End,
}

impl Token {
    fn word(&self) -> Option<String> {
        match self {
            Self::Word(text) | Self::Quoted(text) => Some(text.clone()),
            Self::Open | Self::Close | Self::End => None,
        }
    }
}

/// The tokens and the lines they stand on; comments are left out.
fn tokens(text: &str) -> Vec<(Token, usize)> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => line += 1,
            '{' => tokens.push((Token::Open, line)),
            '}' => tokens.push((Token::Close, line)),
            ';' => tokens.push((Token::End, line)),
            '"' => {
                let mut value = String::new();
                for c in chars.by_ref().take_while(|c| *c != '"') {
                    line += usize::from(c == '\n');
                    value.push(c);
                }
                tokens.push((Token::Quoted(value), line));
            }
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'*') => {
                let mut last = ' ';
                for c in chars.by_ref().skip(1) {
                    line += usize::from(c == '\n');
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            c if c.is_whitespace() => {}
            c => {
                let mut word = c.to_string();
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !"{};\"".contains(*c)) {
                    word.push(c);
                }
                if word.starts_with('#') && word != "#clear" {
                    while chars.next_if(|c| *c != '\n').is_some() {}
                } else {
                    tokens.push((Token::Word(word), line));
                }
            }
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    #[test]
    fn scopes_lists_comments_and_order_are_apts() {
        let (door, _root) = Machine::new()
            .file("/etc/apt/apt.conf.d/10periodic", "APT::Periodic::Update-Package-Lists \"1\";\n")
            .file(
                "/etc/apt/apt.conf.d/20auto",
                "// comment \"x\";\n# another\nAPT { Periodic { Update-Package-Lists \"7\"; }; };\n/* no\n */\n\
                 A::List { \"one\"; \"two\"; };\nA::List:: \"three\";\nA::Http \"http://x//y\";\n",
            )
            .file("/etc/apt/apt.conf.d/20auto.dpkg-old", "APT::Periodic::Update-Package-Lists \"0\";\n")
            .file("/etc/apt/apt.conf", "#clear A::Gone;\nA::Last \"x\"\n;")
            .door();
        let conf = AptConf::read(&door).unwrap();
        let setting = conf.get("apt::periodic::update-package-lists").unwrap();
        assert_eq!((setting.value.as_str(), setting.source.as_str()), ("7", "/etc/apt/apt.conf.d/20auto:3"));
        let list: Vec<&str> = conf.list("A::List").iter().map(|member| member.value.as_str()).collect();
        assert_eq!(list, ["one", "two", "three"]);
        assert_eq!(conf.get("A::Http").unwrap().value, "http://x//y");
        assert_eq!(conf.get("A::Last").unwrap().value, "x");
    }

    #[test]
    fn a_cleared_list_is_empty_and_junk_is_survived() {
        let mut conf = AptConf::default();
        conf.parse("U::O { \"a\"; };\n#clear U::O;\nU::O { \"b\"; };", "x");
        assert_eq!(conf.list("U::O").len(), 1);
        for junk in ["}}}}", "{{{{", "\"", "a { b { c", ";;;", "#clear", "/*", "é \"ü\";", "a b c d;"] {
            AptConf::default().parse(junk, "x");
        }
    }

    #[test]
    fn scopes_without_end_do_not_fill_the_memory() {
        for part in ["{", "a{", "a { b \"c\"; ", "a \"b\"; { #clear x; "] {
            let mut conf = AptConf::default();
            conf.parse(&format!("{}{} A::Last \"x\";", part.repeat(200_000), "}".repeat(400_000)), "x");
            assert_eq!(conf.get("A::Last").is_some(), conf.settings.len() < MOST, "{part}");
            assert!(conf.settings.iter().all(|setting| setting.name.len() <= LONGEST_NAME), "{part}");
        }
    }
}
