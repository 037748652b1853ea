//! sshd's configuration files: their lines, what they include, and the `Match` blocks around each line.
//!
//! Source: `sshd_config(5)` and the behaviour of OpenSSH 9.2, against which `tests/ssh.rs` compares this.

use host::Door;
use model::facts::ssh::Include;

use crate::fact::reason;
use crate::ssh::glob;
use crate::ssh::matching::{Criterion, criteria};

/// sshd itself gives up at this depth of includes.
const MAX_DEPTH: usize = 16;

/// Reads of files in all, so that files which include each other end. Real configurations have a handful.
const MAX_FILES: usize = 512;

/// Lines kept in all.
const MAX_SETTINGS: usize = 20_000;

/// One line that sets something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directive {
    /// In lower case, an outdated name replaced by today's.
    pub(crate) keyword: String,
    /// The arguments, quotes taken off, up to a comment.
    pub(crate) args: Vec<String>,
    /// Everything after the keyword as written.
    pub(crate) rest: String,
    /// 1-based.
    pub(crate) line: usize,
    /// The whole line, trimmed.
    pub(crate) text: String,
}

/// A directive and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) directive: Directive,
    pub(crate) file: String,
    /// The `Match` blocks it stands in: indices into [`Config::blocks`]; more than one through `Include`.
    pub(crate) blocks: Vec<usize>,
}

/// A `Match` block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// What the connection must meet; the criteria of blocks around an `Include` are in `parents`.
    pub(crate) criteria: Vec<Criterion>,
    /// As written, after the keyword.
    pub(crate) text: String,
    pub(crate) file: String,
    pub(crate) line: usize,
    /// Blocks around the `Include` of this block's file.
    pub(crate) parents: Vec<usize>,
}

/// The whole configuration in the order in which sshd reads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub(crate) settings: Vec<Setting>,
    pub(crate) blocks: Vec<Block>,
    /// Files read, each once.
    pub(crate) files: Vec<String>,
    /// Patterns of `Include`, each as often as it is read.
    pub(crate) includes: Vec<Include>,
    /// Places where a file could not be read: how many settings came before, and why.
    pub(crate) gaps: Vec<(usize, String)>,
}

/// Reads the main file and everything it includes.
pub(crate) fn read(door: &Door, main: &str) -> Config {
    let mut reader = Reader { door, config: Config::default(), reads: 0 };
    reader.file(main, &[], 0);
    reader.config
}

/// The directives of one file. Never fails: lines that sshd would refuse keep what could be made of them.
pub(crate) fn parse(text: &str) -> Vec<Directive> {
    text.lines().enumerate().filter_map(|(index, line)| directive(line, index + 1)).collect()
}

struct Reader<'a> {
    door: &'a Door,
    config: Config,
    reads: usize,
}

impl Reader<'_> {
    fn file(&mut self, path: &str, around: &[usize], depth: usize) {
        if depth > MAX_DEPTH || self.reads >= MAX_FILES {
            self.gap(format!("{path} is not read: too many includes, or files that include each other"));
            return;
        }
        self.reads += 1;
        let text = match self.door.read_text(path) {
            Ok(text) => text,
            // A pattern's file that vanished, or no main file: nothing is set there.
            Err(error) if error.is_not_found() => return,
            Err(error) => return self.gap(reason(&error, self.door)),
        };
        if !self.config.files.iter().any(|known| known == path) {
            self.config.files.push(path.to_owned());
        }
        let mut blocks = around.to_vec();
        for directive in parse(&text) {
            if self.config.settings.len() >= MAX_SETTINGS {
                self.gap(format!("more than {MAX_SETTINGS} lines of configuration"));
                return;
            }
            match directive.keyword.as_str() {
                "match" => {
                    self.config.blocks.push(Block {
                        criteria: criteria(&directive.rest),
                        text: directive.rest.clone(),
                        file: path.to_owned(),
                        line: directive.line,
                        parents: around.to_vec(),
                    });
                    blocks = around.to_vec();
                    blocks.push(self.config.blocks.len() - 1);
                }
                "include" => {
                    for pattern in &directive.args {
                        let place = format!("{path}:{}", directive.line);
                        self.include(pattern, place, &blocks, depth);
                    }
                }
                _ => self.config.settings.push(Setting {
                    directive,
                    file: path.to_owned(),
                    blocks: blocks.clone(),
                }),
            }
        }
    }

    fn include(&mut self, pattern: &str, source: String, blocks: &[usize], depth: usize) {
        let pattern = if pattern.starts_with('/') { pattern.to_owned() } else { format!("/etc/ssh/{pattern}") };
        if self.config.includes.len() < MAX_FILES {
            let in_match = !blocks.is_empty();
            self.config.includes.push(Include { pattern: pattern.clone(), in_match, source });
        }
        match glob::expand(self.door, &pattern) {
            Ok(paths) => {
                for path in paths {
                    if self.reads >= MAX_FILES {
                        return self.gap(format!("{pattern} names more than {MAX_FILES} files"));
                    }
                    self.file(&path, blocks, depth + 1);
                }
            }
            Err(error) => self.gap(reason(&error, self.door)),
        }
    }

    fn gap(&mut self, why: String) {
        // One reason suffices: everything after the first gap is unknown anyway.
        if self.config.gaps.len() < 16 {
            self.config.gaps.push((self.config.settings.len(), why));
        }
    }
}

fn directive(line: &str, number: usize) -> Option<Directive> {
    let text = line.trim();
    let (keyword, rest) = keyword_and_rest(text)?;
    let keyword = current_name(&keyword.to_ascii_lowercase()).to_owned();
    Some(Directive { keyword, args: words(rest), rest: rest.to_owned(), line: number, text: text.to_owned() })
}

/// Splits at the first white space or `=`, as sshd's `strdelim` does; a keyword may stand in quotes.
pub(crate) fn keyword_and_rest(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    if text.is_empty() || text.starts_with('#') {
        return None;
    }
    let (keyword, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => {
            let end =
                text.find(|c: char| c.is_ascii_whitespace() || c == '=' || c == '"').unwrap_or(text.len());
            text.split_at(end)
        }
    };
    let rest = rest.trim_start();
    Some((keyword, rest.strip_prefix('=').unwrap_or(rest).trim_start()))
}

/// Words with shell-like quotes, up to a word that begins with `#`.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.peek().is_some_and(char::is_ascii_whitespace) {
            chars.next();
        }
        match chars.peek() {
            None | Some('#') => return words,
            Some(_) => {}
        }
        let mut word = String::new();
        let mut quote = None;
        while let Some(&c) = chars.peek() {
            if quote.is_none() && c.is_ascii_whitespace() {
                break;
            }
            chars.next();
            match (c, quote) {
                ('\\', _) if chars.peek().is_some_and(|next| matches!(next, '\'' | '"' | '\\')) => {
                    word.extend(chars.next());
                }
                ('\\', None) if chars.peek() == Some(&' ') => word.extend(chars.next()),
                ('"' | '\'', None) => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                (c, _) => word.push(c),
            }
        }
        words.push(word);
    }
}

/// Names that sshd still takes for others.
fn current_name(keyword: &str) -> &str {
    match keyword {
        "challengeresponseauthentication" | "skeyauthentication" => "kbdinteractiveauthentication",
        "hostdsakey" => "hostkey",
        "keepalive" => "tcpkeepalive",
        "pubkeyacceptedkeytypes" => "pubkeyacceptedalgorithms",
        "hostbasedacceptedkeytypes" => "hostbasedacceptedalgorithms",
        "dsaauthentication" => "pubkeyauthentication",
        other => other,
    }
}
