//! Recovery codes: each opens once.
//!
//! They are what is left when phone and passkey are lost. A code has 80 bits, so that its hash tells nothing without a key, and a
//! restored database opens for it even where the key file is gone.

use secrecy::SecretString;

use super::gate::Attempt;
use crate::random::{self, Code, RandomError};

/// Codes that a user gets at once.
const CODES: usize = 10;

/// Ten new codes, to be shown once, and how they are kept, in the same order.
///
/// # Errors
/// When the system's generator does not answer.
pub(crate) fn generate() -> Result<(Vec<SecretString>, Vec<String>), RandomError> {
    let codes = (0..CODES).map(|_| Code::Recovery.generate()).collect::<Result<Vec<_>, _>>()?;
    let stored = codes.iter().map(random::sha256_hex).collect();
    Ok((codes, stored))
}

/// Which of the stored codes was given, however it was typed; none when it is none of them.
///
/// The caller strikes it out with the same statement that lets the user in: of two requests that give the same code at once, one
/// may pass.
pub(crate) fn find(_attempt: &Attempt, stored: &[String], given: &SecretString) -> Option<usize> {
    let given = random::sha256_hex(&Code::Recovery.read(given)?);
    // All are looked at, so that the time does not tell which it was. What is compared are hashes: how far two of them agree says
    // nothing about the code.
    stored.iter().enumerate().fold(None, |found, (at, hash)| if *hash == given { Some(at) } else { found })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use secrecy::ExposeSecret;

    use super::*;

    fn find_in(stored: &[String], given: &str) -> Option<usize> {
        find(&Attempt::of_nobody(), stored, &SecretString::from(given))
    }

    #[test]
    fn there_are_ten_different_codes_and_none_is_kept_as_it_is_shown() {
        let (codes, stored) = generate().unwrap();
        assert_eq!((codes.len(), stored.len()), (10, 10));
        let shown: BTreeSet<&str> = codes.iter().map(ExposeSecret::expose_secret).collect();
        assert_eq!(shown.len(), 10);
        assert!(stored.iter().all(|hash| hash.len() == 64 && !shown.contains(hash.as_str())));
    }

    #[test]
    fn every_code_is_found_however_it_was_typed() {
        let (codes, stored) = generate().unwrap();
        for (at, code) in codes.iter().enumerate() {
            let typed = code.expose_secret().to_lowercase().replace('-', " ");
            assert_eq!(find_in(&stored, code.expose_secret()), Some(at));
            assert_eq!(find_in(&stored, &typed), Some(at));
        }
    }

    #[test]
    fn a_code_that_was_struck_out_opens_no_more() {
        let (codes, mut stored) = generate().unwrap();
        let at = find_in(&stored, codes[3].expose_secret()).unwrap();
        stored.remove(at);
        assert_eq!(find_in(&stored, codes[3].expose_secret()), None);
        assert_eq!(find_in(&stored, codes[4].expose_secret()), Some(3));
    }

    #[test]
    fn another_users_code_its_hash_and_nothing_at_all_do_not_open() {
        let (_, stored) = generate().unwrap();
        let (others, _) = generate().unwrap();
        assert_eq!(find_in(&stored, others[0].expose_secret()), None);
        assert_eq!(find_in(&stored, &stored[0]), None);
        assert_eq!(find_in(&stored, ""), None);
        assert_eq!(find_in(&[], others[0].expose_secret()), None);
    }
}
