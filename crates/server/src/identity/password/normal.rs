//! One form for one password: keyboards and systems write the same letters in several ways.
//!
//! NFKC, as NIST SP 800-63B asks for: `é` of one key and of two, a full-width `Ａ` and an `A` are the same. Case is kept, and so are
//! blanks at either end: a password manager may have put them there.

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_public_assigned;

/// Bytes of a password as it arrives: 256 characters of four bytes.
const MAX_BYTES: usize = 1024;
/// How many times as long the normal form may be (U+FDFA: three bytes become 33).
const GROWTH: usize = 11;

/// The normal form; none when it is longer than any password may be.
pub(super) fn form(password: &SecretString) -> Option<Zeroizing<String>> {
    let password = password.expose_secret();
    if password.len() > MAX_BYTES {
        return None;
    }
    // The whole length at once: a text that grows leaves copies of its beginning behind.
    let mut text = Zeroizing::new(String::with_capacity(password.len() * GROWTH));
    text.extend(password.nfkc());
    Some(text)
}

/// Whether every character can be typed again, now and under a later Unicode.
pub(super) fn is_typable(text: &str) -> bool {
    text.chars().all(|character| !character.is_control() && is_public_assigned(character))
}

/// The beginning of a text, as its strength is estimated.
///
/// zxcvbn tries every way in which signs could stand for letters; the ways multiply with the number of different signs. Of what has
/// more than a few, the later ones are put as a sign that stands for nothing: so many of them are nobody's spelling of a word.
pub(super) fn estimable(text: &str, characters: usize) -> Zeroizing<String> {
    const STANDING_FOR_LETTERS: &str = "4@8({[<369&#!1/|0$5+7%2";
    const DIFFERENT: usize = 6;
    let mut seen = Vec::with_capacity(DIFFERENT);
    let mut begin = Zeroizing::new(String::with_capacity(characters * 4));
    begin.extend(text.chars().take(characters).map(|character| {
        if !STANDING_FOR_LETTERS.contains(character) || seen.contains(&character) {
            return character;
        }
        if seen.len() < DIFFERENT {
            seen.push(character);
            return character;
        }
        '~'
    }));
    begin
}
