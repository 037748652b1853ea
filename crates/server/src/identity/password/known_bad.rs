//! Passwords that are tried first: shipped with products, walks over the keyboard, names of this kind of thing.

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

/// Words of this product and its trade, which a guesser tries first here.
pub(super) const PRODUCT_WORDS: [&str; 16] = [
    "palisade",
    "management",
    "system",
    "server",
    "administrator",
    "operator",
    "auditor",
    "nerve",
    "tttech",
    "codesys",
    "kepware",
    "connector",
    "hardening",
    "factory",
    "machine",
    "gateway",
];

/// Written for Palisade. The commonest passwords of leaks need not stand here: the estimate knows thirty thousand of them.
const BUILT_IN: &str = include_str!("known_bad.txt");

/// Bytes of a site's file that are looked at: 100,000 hashes.
pub(crate) const MAX_SITE_FILE: usize = 8 * 1024 * 1024;

/// Passwords that nobody may choose.
#[derive(Debug)]
pub(crate) struct KnownBad {
    words: HashSet<String>,
    hashes: HashSet<[u8; 32]>,
}

/// A line of a site's file that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(crate) struct SiteProblem {
    /// Counted from 1; 0 for the file as a whole.
    pub(crate) line: usize,
    /// What is wrong, and what to do.
    pub(crate) reason: &'static str,
}

impl KnownBad {
    /// What is known everywhere.
    pub(crate) fn built_in() -> Self {
        let words = lines(BUILT_IN).map(|(_, word)| word).chain(PRODUCT_WORDS).flat_map(cores).collect();
        Self { words, hashes: HashSet::new() }
    }

    /// The same and what a site adds: a word or password a line, or `sha256:` and the hash of one; `#` begins a remark.
    ///
    /// Words are found with something added as well, hashes exactly. Lines that say nothing are told and left out.
    pub(crate) fn with_site(text: &str) -> (Self, Vec<SiteProblem>) {
        let mut known = Self::built_in();
        if text.len() > MAX_SITE_FILE {
            let reason = "the list is longer than 8 MiB; none of it is used, shorten it";
            return (known, vec![SiteProblem { line: 0, reason }]);
        }
        let mut problems = Vec::new();
        for (line, word) in lines(text) {
            match word.strip_prefix("sha256:") {
                None if cores(word).is_empty() => {
                    let reason = "a word of fewer than three letters is in everything; leave it out";
                    problems.push(SiteProblem { line, reason });
                }
                None => known.words.extend(cores(word)),
                Some(hex) => match hash(hex) {
                    Some(hash) => drop(known.hashes.insert(hash)),
                    None => {
                        problems.push(SiteProblem { line, reason: "after sha256: come 64 hexadecimal digits" });
                    }
                },
            }
        }
        (known, problems)
    }

    /// Whether a password (in its normal form) is known, as it is or with little added.
    pub(super) fn holds(&self, text: &str) -> bool {
        let hash: [u8; 32] = Sha256::digest(text).into();
        self.hashes.contains(&hash) || cores(text).iter().any(|core| self.words.contains(core))
    }
}

/// Whether a password is one of the words, as it is or with little added.
pub(super) fn is_one_of(text: &str, words: &[String]) -> bool {
    let words: HashSet<String> = words.iter().flat_map(|word| cores(word)).collect();
    cores(text).iter().any(|core| words.contains(core))
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn hash(digits: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    hex::decode_to_slice(digits, &mut hash).ok()?;
    Some(hash)
}

/// Digits and signs around a word that make it no better: a year, a month and an exclamation mark. Twenty digits would.
const ADDED: usize = 8;

/// What is left of a text without what people add to a word: case, signs between, digits and signs around, signs for letters,
/// the same again. `P@lisade-2026!` and `palisadepalisade` come to `palisade`.
fn cores(text: &str) -> Vec<String> {
    let plain: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let bare: String = plain.chars().filter(|character| character.is_alphanumeric()).collect();
    let trimmed = |text: &str| {
        let core = text.trim_matches(|character: char| !character.is_alphabetic());
        let added = text.chars().count() - core.chars().count();
        if added > ADDED { text.to_owned() } else { core.to_owned() }
    };
    let spelt = |one: char| -> String {
        // Only inside: the digits of `admin2026` are not letters.
        trimmed(&plain).chars().map(|sign| letter(sign, one)).filter(|sign| sign.is_alphanumeric()).collect()
    };
    // As `1` and `!` stand for two letters, both are tried; and signs at the ends may be letters too.
    let whole = |one: char| -> String {
        plain.chars().map(|sign| letter(sign, one)).filter(|sign| sign.is_alphanumeric()).collect()
    };
    let mut cores = vec![trimmed(&bare), bare, spelt('i'), spelt('l'), whole('i'), whole('l')];
    let once: Vec<String> = cores.iter().filter_map(|core| repeated(core)).collect();
    cores.extend(once);
    // Shorter ones are in everything.
    cores.retain(|core| core.chars().count() >= 3);
    cores.sort();
    cores.dedup();
    cores
}

fn letter(sign: char, one: char) -> char {
    match sign {
        '4' | '@' => 'a',
        '3' | '€' => 'e',
        '1' | '!' | '|' => one,
        '0' => 'o',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        other => other,
    }
}

/// The text that this one is two or more times.
fn repeated(text: &str) -> Option<String> {
    let characters: Vec<char> = text.chars().collect();
    (1..=characters.len() / 2)
        .filter(|length| characters.len().is_multiple_of(*length))
        .filter_map(|length| characters.get(..length))
        .find(|part| characters.chunks(part.len()).all(|chunk| chunk == *part))
        .map(|part| part.iter().collect())
}
