//! Whom to believe: logs, witnesses, and how many of these must agree (C2SP tlog-policy).

use std::collections::{BTreeMap, BTreeSet};

use crate::key::{Algorithm, KeyError, VerifierKey};

/// Bytes of a policy at most.
const LONGEST: usize = 256 * 1024;

/// Why text is no policy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A line that does not fit.
    #[error("line {line}: {reason}")]
    Line {
        /// Which line, beginning at 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// No line says how many witnesses must agree.
    #[error("no line `quorum NAME` says how many witnesses must agree; `quorum none` asks for none")]
    NoQuorum,
    /// Too long.
    #[error("it is longer than any policy")]
    TooLong,
}

/// Whom to believe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    witnesses: Vec<VerifierKey>,
    quorum: Quorum,
}

/// Who must have cosigned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Quorum {
    #[default]
    None,
    /// This one of the witnesses.
    Witness(usize),
    /// So many of these.
    Group(usize, Vec<Self>),
}

impl Policy {
    /// Believes this log, and asks for no witness.
    pub fn of(log: VerifierKey) -> Self {
        Self { logs: vec![log], ..Self::default() }
    }

    /// Believes these logs, and asks for no witness.
    pub fn of_all(logs: Vec<VerifierKey>) -> Self {
        Self { logs, ..Self::default() }
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// The line that does not fit, and why.
    pub fn read(text: &str) -> Result<Self, PolicyError> {
        if text.len() > LONGEST {
            return Err(PolicyError::TooLong);
        }
        let mut reading = Reading::default();
        for (number, line) in (1..).zip(text.split('\n')) {
            reading.line(line).map_err(|reason| PolicyError::Line { line: number, reason })?;
        }
        let quorum = reading.quorum.ok_or(PolicyError::NoQuorum)?;
        Ok(Self { logs: reading.logs, witnesses: reading.witnesses, quorum })
    }

    /// The logs that are believed.
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// The witnesses that are known.
    pub fn witnesses(&self) -> &[VerifierKey] {
        &self.witnesses
    }

    /// Whether those who cosigned, by their place among [`Self::witnesses`], are enough.
    pub fn is_enough(&self, cosigned: &BTreeSet<usize>) -> bool {
        self.quorum.is_met(cosigned)
    }

    /// Whether any witness is asked for.
    pub fn wants_witnesses(&self) -> bool {
        self.quorum != Quorum::None
    }
}

impl Quorum {
    fn is_met(&self, cosigned: &BTreeSet<usize>) -> bool {
        match self {
            Self::None => true,
            Self::Witness(place) => cosigned.contains(place),
            Self::Group(least, members) => {
                members.iter().filter(|member| member.is_met(cosigned)).count() >= *least
            }
        }
    }
}

/// What the lines so far say.
#[derive(Default)]
struct Reading {
    logs: Vec<VerifierKey>,
    witnesses: Vec<VerifierKey>,
    /// Taken out when it becomes a member: each name counts once.
    names: BTreeMap<String, Option<Quorum>>,
    quorum: Option<Quorum>,
}

impl Reading {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let line = line.trim_matches([' ', '\t']);
        if line.chars().any(|char| char.is_control() && char != '\t') {
            return Err("a line holds no control characters".to_owned());
        }
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key] | ["log", key, _] => {
                let key = read_key(key, Algorithm::Log)?;
                // A server signs all its logs with one key, in the name of each.
                if self.logs.contains(&key) {
                    return Err("the same log stands in a line before".to_owned());
                }
                self.logs.push(key);
                Ok(())
            }
            ["witness", name, key] | ["witness", name, key, _] => {
                let key = read_key(key, Algorithm::Witness)?;
                add(&mut self.witnesses, key)?;
                self.name(name, Quorum::Witness(self.witnesses.len() - 1))
            }
            ["group", name, least, members @ ..] if !members.is_empty() => {
                let least = match *least {
                    "all" => members.len(),
                    "any" => 1,
                    number => number
                        .parse()
                        .map_err(|_| format!("`{number}` is neither `all` nor `any` nor a number"))?,
                };
                if least == 0 || least > members.len() {
                    return Err(format!("{least} of {} members cannot be asked for", members.len()));
                }
                let members = members.iter().map(|member| self.take(member)).collect::<Result<_, _>>()?;
                self.name(name, Quorum::Group(least, members))
            }
            ["quorum", name] => {
                if self.quorum.is_some() {
                    return Err("there is a quorum already".to_owned());
                }
                self.quorum = Some(if *name == "none" { Quorum::None } else { self.take(name)? });
                Ok(())
            }
            [first, ..] => Err(format!(
                "`{first}` with {} words after it says nothing here; lines are `log KEY [URL]`, `witness NAME KEY [URL]`, `group NAME all|any|NUMBER NAME...` and `quorum NAME`",
                words.len() - 1
            )),
        }
    }

    fn name(&mut self, name: &str, what: Quorum) -> Result<(), String> {
        if name == "none" || self.names.contains_key(name) {
            return Err(format!("the name `{name}` is taken"));
        }
        self.names.insert(name.to_owned(), Some(what));
        Ok(())
    }

    fn take(&mut self, name: &str) -> Result<Quorum, String> {
        let known =
            self.names.get_mut(name).ok_or_else(|| format!("no line before this one names `{name}`"))?;
        known.take().ok_or_else(|| format!("`{name}` is a member already"))
    }
}

/// A key counts once, whatever names it has.
fn add(keys: &mut Vec<VerifierKey>, key: VerifierKey) -> Result<(), String> {
    if keys.iter().any(|known| known.key() == key.key()) {
        return Err("the same key stands in a line before".to_owned());
    }
    keys.push(key);
    Ok(())
}

fn read_key(text: &str, algorithm: Algorithm) -> Result<VerifierKey, String> {
    let key = VerifierKey::read(text).map_err(|error: KeyError| format!("the key: {error}"))?;
    match (key.algorithm() == algorithm, algorithm) {
        (true, _) => Ok(key),
        (false, Algorithm::Log) => Err("the key is a witness's, not a log's".to_owned()),
        (false, Algorithm::Witness) => Err("the key is a log's, not a witness's".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::checkpoint::tests::{log_key, witness_key};

    fn key(seed: u8) -> String {
        witness_key(seed, 0).verifier().to_string()
    }

    #[test]
    fn groups_within_groups_are_counted() {
        let text = format!(
            "# two sites\nlog {} https://log.example/\n\nwitness X1 {}\n witness\tX2 {} https://x2.example/\nwitness X3 {}\nwitness Y1 {}\n\
             group X 2 X1 X2 X3\ngroup Both all X Y1\nquorum Both\n",
            log_key().verifier(),
            key(11),
            key(12),
            key(13),
            key(14)
        );
        let policy = Policy::read(&text).unwrap();
        assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 4));
        assert!(policy.wants_witnesses());
        for (cosigned, expected) in [
            (vec![], false),
            (vec![0, 1], false),
            (vec![0, 3], false),
            (vec![0, 2, 3], true),
            (vec![0, 1, 2, 3], true),
        ] {
            assert_eq!(policy.is_enough(&cosigned.iter().copied().collect()), expected, "{cosigned:?}");
        }
    }

    #[test]
    fn a_line_that_does_not_fit_is_named() {
        let (log, one) = (log_key().verifier().to_string(), key(11));
        for (text, line, part) in [
            ("logs x\nquorum none".to_owned(), 1, "says nothing here"),
            (format!("log {one}\nquorum none"), 1, "a witness's"),
            (format!("log {log}\nwitness a {log}\nquorum a"), 2, "a log's"),
            (format!("witness a {one}\nwitness b {one}\nquorum a"), 2, "the same key"),
            (format!("witness a {one}\nwitness a {}\nquorum a", key(12)), 2, "is taken"),
            (format!("witness a {one}\ngroup g 2 a\nquorum g"), 2, "cannot be asked for"),
            (format!("witness a {one}\ngroup g some a\nquorum g"), 2, "neither"),
            (format!("witness a {one}\ngroup g any a a\nquorum g"), 2, "already"),
            ("group g any a\nquorum g".to_owned(), 1, "no line before"),
            ("quorum none\nquorum none".to_owned(), 2, "already"),
        ] {
            let error = Policy::read(&text).unwrap_err();
            let PolicyError::Line { line: found, reason } = &error else { panic!("{error}") };
            assert!(*found == line && reason.contains(part), "{error}");
        }
        assert_eq!(Policy::read(&format!("log {log}")), Err(PolicyError::NoQuorum));
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "(log|witness|group|quorum|none|any|all|[a-c0-9+=]{1,9}| |\t|\n|#){0,60}") {
            drop(Policy::read(&text));
        }
    }
}
