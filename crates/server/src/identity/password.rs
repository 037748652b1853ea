//! Passwords: policy, strength, and hashes.

pub(crate) mod hasher;
mod known_bad;
mod normal;
mod params;
mod workers;

use std::collections::BTreeSet;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use zxcvbn::zxcvbn;

pub(crate) use hasher::{HashError, Hasher, Load, Verified};
pub(crate) use known_bad::{KnownBad, MAX_SITE_FILE};
pub(crate) use params::{Params, ParamsError, calibrate};

/// What a password must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Characters at least.
    pub(crate) minimum_length: usize,
    /// Characters at most; never more than 256 are looked at.
    pub(crate) maximum_length: usize,
    /// How hard it must be to guess, as zxcvbn says: 0 (at once) to 4 (more than 10^10 guesses).
    pub(crate) minimum_strength: u8,
    /// How many former passwords may not come back.
    pub(crate) history: usize,
    /// After how long it must be changed; none: never (NIST SP 800-63B advises so).
    pub(crate) lifetime: Option<SignedDuration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { minimum_length: 12, maximum_length: 128, minimum_strength: 3, history: 5, lifetime: None }
    }
}

/// Characters of which the strength is estimated: the time grows with the third power of their number, and what is strong so far
/// does not get weak by what follows.
const ESTIMATED: usize = 64;
/// Words of the user and of this product that an attacker tries first, looked at.
const OWN_WORDS: usize = 32;

/// One thing that is wrong with a password, in words that the person who chose it can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reason {
    /// Too few characters.
    #[error("it has {has} characters: use at least {needs}")]
    TooShort {
        /// Characters it has.
        has: usize,
        /// Characters it needs.
        needs: usize,
    },
    /// Too many characters.
    #[error("it has more than {most} characters: use fewer")]
    TooLong {
        /// Characters it may have.
        most: usize,
    },
    /// A character that cannot be typed everywhere.
    #[error("it holds a tab, a line break or another character that no keyboard gives: leave it out")]
    Untypable,
    /// On a list.
    #[error("it is a password that attackers try first, or nearly one: choose another")]
    KnownBad,
    /// The user's own name.
    #[error("it is your own name or mail address with little added: choose something that is not about you")]
    Own,
    /// Too weak.
    #[error("it is guessed too soon (strength {strength} of 4, {needs} is asked for). {advice}")]
    Guessable {
        /// The estimate.
        strength: u8,
        /// What the policy asks for.
        needs: u8,
        /// What would help.
        advice: String,
    },
    /// One of the last.
    #[error("it is one of your last {last} passwords or the present one: choose one that you have not had")]
    UsedBefore {
        /// How many are remembered.
        last: usize,
    },
}

/// Everything that is wrong with a password, at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// At least one.
    pub(crate) reasons: Vec<Reason>,
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this password cannot be used")?;
        self.reasons.iter().try_for_each(|reason| write!(f, "; {reason}"))
    }
}

/// Digits and signs around a word that make it no better: a year, a day, a few exclamation marks.
const OTHERS: usize = 10;

impl Policy {
    /// Everything that is wrong with a new password, but for its history: [`Hasher::judge`] asks for that too.
    ///
    /// `own` are the user's names and mail address. May take some milliseconds of a core.
    pub(crate) fn reasons(&self, known_bad: &KnownBad, password: &SecretString, own: &[String]) -> Vec<Reason> {
        let too_long = Reason::TooLong { most: self.maximum_length };
        let Some(text) = normal::form(password) else { return vec![too_long] };
        let length = text.chars().count();
        if length > self.maximum_length {
            return vec![too_long];
        }
        let mut reasons = Vec::new();
        if length < self.minimum_length {
            reasons.push(Reason::TooShort { has: length, needs: self.minimum_length });
        }
        if !normal::is_typable(&text) {
            reasons.push(Reason::Untypable);
        }
        let own = own_words(own);
        if known_bad.holds(&text) {
            reasons.push(Reason::KnownBad);
        }
        if known_bad::is_one_of(&text, &own) {
            reasons.push(Reason::Own);
        }
        reasons.extend(self.guessable(&text, &own));
        reasons
    }

    fn guessable(&self, text: &str, own: &[String]) -> Option<Reason> {
        let words: Vec<&str> = own.iter().map(String::as_str).chain(known_bad::PRODUCT_WORDS).collect();
        let estimate = zxcvbn(&normal::estimable(text, ESTIMATED), &words);
        let strength = u8::from(estimate.score());
        if (2..=strength).contains(&self.minimum_strength) && is_word_with_digits(text, &words) {
            let advice =
                "A word with a year or a sign behind it is tried early. Add another word or two.".to_owned();
            return Some(Reason::Guessable { strength: 1, needs: self.minimum_strength, advice });
        }
        let advice = estimate.feedback().map_or_else(
            || "Add another word or two. Uncommon words are better.".to_owned(),
            ToString::to_string,
        );
        (strength < self.minimum_strength).then_some(Reason::Guessable {
            strength,
            needs: self.minimum_strength,
            advice,
        })
    }

    /// When a password that was set then must be changed; none: never.
    pub(crate) fn expires(&self, set: Timestamp) -> Option<Timestamp> {
        set.checked_add(self.lifetime?).ok()
    }

    /// Whether a password that was set then must be changed now.
    pub(crate) fn is_expired(&self, set: Timestamp, now: Timestamp) -> bool {
        self.expires(set).is_some_and(|expires| expires <= now)
    }
}

/// Names and addresses, whole and in their parts: `Eve Adams`, `eve.adams@example.org` give `eve`, `adams`, `example` as well.
fn own_words(own: &[String]) -> Vec<String> {
    let mut words: Vec<String> = own
        .iter()
        .flat_map(|name| {
            let whole: String = name.chars().take(ESTIMATED).collect();
            let parts: Vec<String> = whole
                .split(|character: char| !character.is_alphanumeric())
                // Shorter parts are in everything.
                .filter(|part| part.chars().count() >= 3)
                .map(str::to_lowercase)
                .collect();
            std::iter::once(whole.to_lowercase()).chain(parts).collect::<Vec<_>>()
        })
        .filter(|word| !word.is_empty())
        .collect();
    words.dedup();
    words.truncate(OWN_WORDS);
    words
}

/// Whether all its letters are one common word, once or again, with a few digits and signs: the estimate takes each of them for a guess of
/// its own, and attackers try them together.
fn is_word_with_digits(text: &str, words: &[&str]) -> bool {
    let lower = text.to_lowercase();
    let runs: BTreeSet<&str> =
        lower.split(|letter: char| !letter.is_alphabetic()).filter(|run| !run.is_empty()).collect();
    let others = lower.chars().filter(|letter| !letter.is_alphabetic()).count();
    match (runs.len(), runs.first()) {
        (1, Some(run)) if others <= OTHERS => u8::from(zxcvbn(run, words).score()) <= 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
