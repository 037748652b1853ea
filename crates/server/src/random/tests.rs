//! Codes survive being typed; nothing is made from a generator that fails.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rstest::rstest;

use super::*;

const CODES: [Code; 3] = [Code::SetUp, Code::Link, Code::Recovery];

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn read(code: Code, text: &str) -> Option<String> {
    code.read(&secret(text)).map(|code| code.expose_secret().to_owned())
}

#[test]
fn tokens_have_256_bits_and_are_never_twice_the_same() {
    let tokens: BTreeSet<String> = (0..100).map(|_| token().unwrap().expose_secret().to_owned()).collect();
    assert_eq!(tokens.len(), 100);
    for token in tokens {
        assert_eq!(URL_SAFE_NO_PAD.decode(token).unwrap().len(), 32);
    }
}

#[test]
fn identifiers_say_nothing_of_when_they_were_made() {
    let id = uuid::Uuid::parse_str(&public_id().unwrap()).unwrap();
    assert_eq!(id.get_version_num(), 4);
    assert_ne!(public_id().unwrap(), public_id().unwrap());
}

#[test]
fn a_secret_is_kept_as_its_sha256() {
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(sha256_hex(&secret("abc")), hash);
}

#[test]
fn a_generator_that_fails_or_leaves_zeros_gives_nothing() {
    let refused = bytes_from::<32>(|_| Err(getrandom::Error::UNSUPPORTED));
    assert!(matches!(refused, Err(RandomError::Refused(_))));
    assert!(matches!(bytes_from::<32>(|_| Ok(())), Err(RandomError::Empty)));
}

#[test]
fn codes_have_the_bits_that_they_promise_and_use_the_whole_alphabet() {
    let lengths = CODES.map(|code| code.generate().unwrap().expose_secret().replace('-', "").len() * 5);
    assert_eq!(lengths, [60, 120, 80]);
    let seen: BTreeSet<char> = (0..200)
        .flat_map(|_| Code::Link.generate().unwrap().expose_secret().chars().collect::<Vec<_>>())
        .collect();
    assert_eq!(seen.len(), 33);
}

#[rstest]
#[case::as_shown("K7QF-2M9T-8XWA")]
#[case::lower_case("k7qf-2m9t-8xwa")]
#[case::without_groups("K7QF2M9T8XWA")]
#[case::with_spaces(" K7QF 2M9T 8XWA \r\n")]
fn a_code_is_read_however_it_was_typed(#[case] typed: &str) {
    assert_eq!(read(Code::SetUp, typed).as_deref(), Some("K7QF-2M9T-8XWA"));
}

#[test]
fn letters_that_look_like_digits_are_read_as_digits() {
    assert_eq!(read(Code::SetUp, "OoIi-LlAB-CDEF").as_deref(), Some("0011-11AB-CDEF"));
}

#[rstest]
#[case::nothing("")]
#[case::too_short("K7QF-2M9T-8XW")]
#[case::too_long("K7QF-2M9T-8XWA-2")]
#[case::no_such_character("K7QF-2M9T-8XWU")]
#[case::another_script("К7QF-2M9T-8XWA")]
fn what_is_no_code_is_not_read(#[case] typed: &str) {
    assert_eq!(read(Code::SetUp, typed), None);
}

#[test]
fn a_long_text_is_refused_before_it_is_looked_at() {
    assert_eq!(read(Code::SetUp, &format!("{}K7QF-2M9T-8XWA", " ".repeat(100))), None);
}

#[test]
fn codes_do_not_print() {
    let code = Code::SetUp.generate().unwrap();
    assert!(!format!("{code:?}").contains(code.expose_secret()));
}

proptest! {
    #[test]
    fn reading_what_is_shown_gives_what_is_shown(values in proptest::collection::vec(0usize..32, LONGEST), kind in 0usize..3) {
        let code = CODES[kind];
        let shown = code.write(values.into_iter());
        prop_assert_eq!(read(code, shown.expose_secret()), Some(shown.expose_secret().to_owned()));
    }

    #[test]
    fn reading_any_text_gives_a_code_or_nothing(text in ".*") {
        for code in CODES {
            if let Some(read_as) = read(code, &text) {
                prop_assert_eq!(read(code, &read_as), Some(read_as));
            }
        }
    }
}
