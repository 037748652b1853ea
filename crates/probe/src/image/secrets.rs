//! Searching files for secrets. Only kind and line leave this module, never a byte of the secret.

use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::Regex;

use super::secret_kinds::KINDS;
use crate::docker::{secret_entropy, secret_in_assignment};
use crate::files::secrets::{Held, sniff};

/// More of one file tells nothing new.
const HITS: usize = 20;
/// A line of configuration; minified data has longer ones.
const LINE_LIMIT: usize = 1000;

/// A secret: its kind and the line on which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Its kind.
    pub(crate) kind: &'static str,
    /// The line, 1 is the first.
    pub(crate) line: u64,
}

/// Words of all kinds in one automaton.
static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    // Leftmost matches are found several times faster than all that overlap; no word is a part of another.
    let words = KINDS.iter().map(|kind| kind.word);
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(words).ok()
});
/// The patterns, each compiled when its word is first met.
static PATTERNS: [OnceLock<Option<Regex>>; KINDS.len()] = [const { OnceLock::new() }; KINDS.len()];

/// Folders of what others publish: their tests and examples hold keys that are known to all.
const PUBLISHED: &[&str] = &[
    "site-packages",
    "dist-packages",
    "node_modules",
    "gems",
    "vendor",
    "doc",
    "docs",
    "man",
    "locale",
    "zoneinfo",
    "testdata",
];
/// Folders of tests and examples within those.
const EXAMPLES: &[&str] =
    &["test", "tests", "testing", "testdata", "example", "examples", "fixtures", "samples", "doc", "docs"];
/// Endings of files that hold settings.
const SETTINGS: &[&str] = &[
    "conf",
    "cfg",
    "cnf",
    "ini",
    "yaml",
    "yml",
    "json",
    "properties",
    "toml",
    "env",
    "config",
    "credentials",
    "npmrc",
    "pypirc",
    "sh",
    "tf",
    "tfvars",
];
/// Files without ending, or with one of their own, that hold settings.
const SETTINGS_FILES: &[&str] = &[
    ".env",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".git-credentials",
    ".npmrc",
    ".bash_history",
    ".my.cnf",
    "credentials",
    ".boto",
    ".s3cfg",
];

/// Whether the file is searched at all.
pub(super) fn is_searched(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let Some((name, above)) = parts.split_last() else { return false };
    let published = above.iter().position(|part| PUBLISHED.contains(part));
    let of_system =
        path.starts_with("usr/share/") || path.starts_with("usr/lib/") || path.starts_with("usr/include/");
    match published {
        Some(at) => !above.iter().skip(at).any(|part| EXAMPLES.contains(part)) && !of_system,
        None => !of_system || name.ends_with(".pem") || name.ends_with(".key") || name.starts_with('.'),
    }
}

/// Whether assignments in the file set something.
fn holds_settings(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let Some((name, above)) = parts.split_last() else { return false };
    let others =
        path.starts_with("usr/") && !path.starts_with("usr/local/etc/") && !path.starts_with("usr/src/");
    // OpenSSL's own file shows what passwords would look like.
    if others
        || *name == "openssl.cnf"
        || above.iter().any(|part| PUBLISHED.contains(part) || EXAMPLES.contains(part))
    {
        return false;
    }
    SETTINGS_FILES.contains(name)
        || name.starts_with(".env.")
        || name.rsplit_once('.').is_some_and(|(_, ending)| SETTINGS.contains(&ending))
}

/// Whether these first bytes are those of a text.
pub(super) fn is_text(head: &[u8]) -> bool {
    !head.iter().take(1024).any(|byte| *byte == 0)
}

/// The secrets in the text of the file at `path`.
pub(crate) fn search(path: &str, text: &[u8]) -> Vec<Hit> {
    let mut hits: Vec<(usize, &'static str)> = Vec::new();
    if path == "etc/shadow" {
        return lines(text)
            .filter(|(_, line)| has_password_hash(line))
            .map(|(number, _)| Hit { kind: "password-hash", line: number })
            .take(HITS)
            .collect();
    }
    let mut tried = [false; KINDS.len()];
    for found in WORDS.iter().flat_map(|words| words.find_iter(text)) {
        if let Some(tried) = tried.get_mut(found.pattern().as_usize()) {
            *tried = true;
        }
    }
    for (at, _) in tried.iter().enumerate().filter(|(_, tried)| **tried) {
        let (Some(kind), Some(pattern)) = (KINDS.get(at), PATTERNS.get(at)) else { continue };
        let Some(pattern) = pattern.get_or_init(|| Regex::new(kind.pattern).ok()) else { continue };
        for captures in pattern.captures_iter(text).take(HITS) {
            let Some(whole) = captures.get(0) else { continue };
            let secret = captures.get(1).unwrap_or(whole).as_bytes();
            if is_placeholder(secret) || secret_entropy(&String::from_utf8_lossy(secret)) < kind.entropy {
                continue;
            }
            hits.push((whole.start(), named(kind.name, whole.as_bytes(), text.get(whole.start()..))));
        }
    }
    let mut hits: Vec<Hit> = hits.into_iter().map(|(at, kind)| Hit { kind, line: line_of(text, at) }).collect();
    if holds_settings(path) {
        hits.extend(lines(text).filter_map(|(line, text)| Some(Hit { kind: assignment(path, text)?, line })));
    }
    // One line is one secret: the form tells more than the name it is assigned to, and stands first.
    hits.sort_by_key(|hit| hit.line);
    hits.dedup_by_key(|hit| hit.line);
    hits.truncate(HITS);
    hits
}

/// A private key that a passphrase protects is something else than one that lies open.
fn named(kind: &'static str, whole: &[u8], text: Option<&[u8]>) -> &'static str {
    let head = text.and_then(|text| text.get(..4096.min(text.len()))).unwrap_or(whole);
    match (kind, sniff(head)) {
        ("private-key", Held::PrivateKey { encrypted: true } | Held::SshKey { encrypted: true })
        | ("putty-key", Held::SshKey { encrypted: true }) => "encrypted-private-key",
        _ => kind,
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    text.split(|byte| *byte == b'\n').zip(1..).map(|(line, number)| (number, line))
}

fn line_of(text: &[u8], at: usize) -> u64 {
    text.get(..at).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count() as u64 + 1
}

/// `name:$6$...:` and its like; `*` and `!` stand where there is no password.
fn has_password_hash(line: &[u8]) -> bool {
    let Some(hash) = line.split(|byte| *byte == b':').nth(1) else { return false };
    hash.starts_with(b"$") || (hash.len() >= 13 && !hash.starts_with(b"!") && !hash.starts_with(b"*"))
}

/// What kind of secret a line of settings assigns.
fn assignment(path: &str, line: &[u8]) -> Option<&'static str> {
    let line = std::str::from_utf8(line).ok().filter(|line| line.len() <= LINE_LIMIT)?.trim();
    if line.is_empty() || line.starts_with(['#', ';']) || line.starts_with("//") {
        return None;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    if name == ".pgpass" {
        let password = line.splitn(5, ':').nth(4)?;
        return (!password.is_empty()).then_some("database-password");
    }
    if name.ends_with("netrc") {
        let mut words = line.split_whitespace().skip_while(|word| *word != "password");
        return words.nth(1).map(|_| "netrc-password");
    }
    let (left, right) = line.split_once(['=', ':'])?;
    let name = left.trim().trim_start_matches("export ").trim_matches(['"', '\'', '-', ' ', '{']);
    let name = name.rsplit(char::is_whitespace).next()?.trim_matches(['"', '\'']);
    // What follows in the same line, as in `{"password": "x", ...}`, is no part of the value.
    let value = right.trim().trim_end_matches([',', ';']).trim();
    let value = match value.strip_prefix(['"', '\'']) {
        Some(rest) => rest.split(['"', '\'']).next().unwrap_or(rest),
        None => value.split(" #").next().unwrap_or(value).trim(),
    };
    // `name: url` of YAML, and URLs alone on a line.
    if secret_in_assignment("url", line.trim_start_matches("- ")) == "url"
        || secret_in_assignment("url", value) == "url"
    {
        return Some("password-in-url");
    }
    if value.len() < 4
        || value.contains([' ', '(', '{', '<', '$', '%', '['])
        || is_placeholder(value.as_bytes())
    {
        return None;
    }
    let plain_name =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if !plain_name {
        return None;
    }
    match secret_in_assignment(name, value) {
        "" => None,
        // A name that ends in `key` alone says little: most are names of something.
        "name" if is_only_key(name) && secret_entropy(value) < 3.5 => None,
        "entropy" => None,
        _ => Some("assignment"),
    }
}

fn is_only_key(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !["pass", "pwd", "secret", "token", "credential", "apikey", "api_key"]
        .iter()
        .any(|part| name.contains(part))
}

/// What people write where a secret would stand.
fn is_placeholder(secret: &[u8]) -> bool {
    let text = String::from_utf8_lossy(secret).to_ascii_lowercase();
    ["example", "xxxx", "your", "placeholder", "dummy", "insert", "redacted", "****", "...."]
        .iter()
        .any(|word| text.contains(word))
        || text.chars().all(|c| text.starts_with(c))
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
