//! Recognising secrets that stand in plain text. Only names leave this module.

use model::facts::docker::Variable;

/// Parts of names that speak of a secret wherever they stand: `PGPASSWORD`, `client_secret`.
const ANYWHERE: &[&str] = &["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY", "CREDENTIAL"];
/// Parts that do so only as a word of their own: `DB_PASS`, `API_KEY`, but not `KEYBOARD` or `BYPASS`.
const AS_WORD: &[&str] = &["PASS", "PWD", "KEY", "PSK"];
/// Words that say that the value is a place, a number or something public after all.
const HARMLESS_WORDS: &[&str] = &[
    "FILE",
    "PATH",
    "DIR",
    "LENGTH",
    "SIZE",
    "COUNT",
    "EXPIRY",
    "EXPIRES",
    "TTL",
    "TIMEOUT",
    "LIFETIME",
    "PUBLIC",
    "PUB",
    "GPG",
    "ALGORITHM",
    "ALG",
    "TYPE",
    "URL",
    "URI",
    "HEADER",
    "NAME",
    "ID",
    "ENABLED",
    "POLICY",
];
/// Words of names whose value is long and random but public.
const PUBLIC_WORDS: &[&str] = &[
    "SHA1",
    "SHA256",
    "SHA512",
    "SHA",
    "DIGEST",
    "HASH",
    "CHECKSUM",
    "COMMIT",
    "REVISION",
    "FINGERPRINT",
    "GPG",
    "VERSION",
];
/// How known kinds of keys begin.
const KEY_PREFIXES: &[&str] = &[
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk_live_",
    "eyJhbGciOi",
    "-----BEGIN",
];
/// From this length on a text may be a random key.
const KEY_LENGTH: usize = 24;
/// Bits a character of a random key holds at least, by its own distribution; prose and paths stay below.
const KEY_ENTROPY: f64 = 4.0;

/// What kind of secret `name=value` holds; empty when none.
pub(crate) fn secret_kind(name: &str, value: &str) -> &'static str {
    let value = value.trim().trim_matches(['"', '\'']);
    if is_reference(value) {
        return "";
    }
    if KEY_PREFIXES.iter().any(|prefix| value.starts_with(prefix)) {
        return "key";
    }
    if has_password_in_url(value) {
        return "url";
    }
    let words = words(name);
    let is = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if is_secret_name(&words) && !is_switch(value) {
        return "name";
    }
    if looks_random(value) && !is(PUBLIC_WORDS) && !is(HARMLESS_WORDS) { "entropy" } else { "" }
}

/// `NAME=value` as a fact.
pub(super) fn variable(assignment: &str) -> Variable {
    let (name, value) = assignment.split_once('=').unwrap_or((assignment, ""));
    let reason = secret_kind(name, value);
    Variable {
        name: super::json::clip(name),
        is_secret: !reason.is_empty(),
        reason: reason.to_owned(),
        ..Variable::default()
    }
}

/// Names of flags and assignments among `arguments` that hold secrets.
pub(super) fn secrets_in<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let words: Vec<&str> = arguments.into_iter().flat_map(str::split_whitespace).collect();
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let flag = word.starts_with('-');
        let (name, value) = match word.split_once('=') {
            Some(pair) => pair,
            // `--password value`
            None if flag => {
                (*word, words.get(index + 1).copied().filter(|next| !next.starts_with('-')).unwrap_or(""))
            }
            None => continue,
        };
        let plain = name.trim_matches(['-', '"', '\'']);
        let identifier = !plain.is_empty()
            && plain.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if identifier && !secret_kind(plain, value).is_empty() && !found.iter().any(|known| known == plain) {
            found.push(super::json::clip(plain));
        }
    }
    found
}

/// Upper-case words of a name: `db_pass`, `dbPass` and `db-pass` are DB and PASS.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for c in name.chars() {
        let starts = c.is_ascii_uppercase() && before.is_ascii_lowercase();
        if starts || !c.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if let Some(last) = words.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            last.push(c.to_ascii_uppercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_secret_name(words: &[String]) -> bool {
    if words.iter().any(|word| HARMLESS_WORDS.contains(&word.as_str())) {
        return false;
    }
    words.iter().any(|word| {
        AS_WORD.contains(&word.as_str())
            || ANYWHERE.iter().any(|part| word.contains(part))
            || (word.len() > 4 && word.ends_with("PASS") && word != "BYPASS" && word != "COMPASS")
    })
}

/// The value only says where the secret is.
fn is_reference(value: &str) -> bool {
    value.is_empty() || value.starts_with('/') || value.starts_with("file:") || value.starts_with('$')
}

fn is_switch(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "none" | "null"
    )
}

/// `scheme://user:password@host`
fn has_password_in_url(value: &str) -> bool {
    value
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?', '#']).next())
        .and_then(|authority| authority.rsplit_once('@'))
        .and_then(|(user, _)| user.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty() && !password.starts_with('$'))
}

/// Long, of one piece, of all kinds of characters, and evenly spread.
fn looks_random(value: &str) -> bool {
    let key_like = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-');
    value.len() >= KEY_LENGTH
        && value.len() <= 4096
        && value.chars().all(key_like)
        && value.contains(|c: char| c.is_ascii_digit())
        && value.contains(|c: char| c.is_ascii_lowercase())
        && value.contains(|c: char| c.is_ascii_uppercase())
        && entropy(value) >= KEY_ENTROPY
}

/// Bits a character, by how often each occurs.
pub(crate) fn entropy(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for c in text.chars() {
        *counts.entry(c).or_insert(0_u32) += 1;
    }
    let total = f64::from(counts.values().sum::<u32>());
    counts.values().map(|&count| f64::from(count) / total).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_by_form_and_by_randomness() {
        for (assignment, reason) in [
            ("DB_PASSWORD=hunter2", "name"),
            ("PGPASSWORD=x", "name"),
            ("dbPass=abc", "name"),
            ("API_KEY=1", "name"),
            ("GITHUB=ghp_abcdefghijklmnop", "key"),
            ("DATABASE_URL=postgres://app:pw@db/x", "url"),
            ("SALT=q8Zr2LwX0vBn7KtYp5MhJ3cF", "entropy"),
            ("DB_PASSWORD_FILE=/run/secrets/db", ""),
            ("DB_PASSWORD=/run/secrets/db", ""),
            ("PASSWORD_MIN_LENGTH=12", ""),
            ("GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D", ""),
            ("PYTHON_SHA256=8c5bf8Aa0b1c2d3e4f5061728394a5b6c7d8e9f0", ""),
            ("DATABASE_URL=postgres://app@db/x", ""),
            ("PWD=/srv", ""),
            ("REQUIRE_PASSWORD=true", ""),
            ("PATH=/usr/local/sbin:/usr/local/bin", ""),
            ("KEYBOARD=de", ""),
            ("LANG=C.UTF-8", ""),
            ("EMPTY_SECRET=", ""),
            ("NOEQUALS", ""),
        ] {
            assert_eq!(variable(assignment).reason, reason, "{assignment}");
        }
    }

    #[test]
    fn flags_and_assignments_on_a_command_line_are_found_by_name() {
        let line =
            ["--password=x", "--token", "abc", "-v", "sh -c \"MY_SECRET=1 run\"", "--key-file=/k", "--dry-run"];
        assert_eq!(secrets_in(line), ["password", "token", "MY_SECRET"]);
        assert!(secrets_in(["--password-file", "/x", "a=b", "=", "-", "--token"]).is_empty());
    }
}
