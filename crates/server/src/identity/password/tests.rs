//! What a password must be, and that every refusal says what to do.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

const FINE: &str = "ferret lantern gravel 9 oboe";

fn reasons_of(policy: &Policy, password: &str) -> Vec<Reason> {
    let own = ["Eve Adams".to_owned(), "eve.adams@example.org".to_owned(), "eadams".to_owned()];
    policy.reasons(&KnownBad::built_in(), &SecretString::from(password), &own)
}

fn reasons(password: &str) -> Vec<Reason> {
    reasons_of(&Policy::default(), password)
}

/// Without the estimate, which has something against most short texts.
fn rules(password: &str) -> Vec<Reason> {
    reasons_of(&Policy { minimum_strength: 0, ..Policy::default() }, password)
}

#[test]
fn a_long_password_of_uncommon_words_is_taken() {
    assert_eq!(reasons(FINE), []);
}

#[test]
fn all_that_is_wrong_is_told_at_once_and_what_to_do() {
    let refusal = Refusal { reasons: reasons("changeit\t") };
    insta::assert_snapshot!(refusal, @"this password cannot be used; it has 9 characters: use at least 12; it holds a tab, a line break or another character that no keyboard gives: leave it out; it is a password that attackers try first, or nearly one: choose another; it is guessed too soon (strength 1 of 4, 3 is asked for). This is similar to a commonly used password. Add another word or two. Uncommon words are better.");
}

#[test]
fn length_is_counted_in_characters_from_the_first_to_the_last() {
    assert_eq!(rules("häuserzeile"), [Reason::TooShort { has: 11, needs: 12 }]);
    assert_eq!(rules("häuserzeilen"), []);
    let long = "aB3 ".repeat(32);
    assert_eq!(rules(&long), []);
    assert_eq!(rules(&format!("{long}x")), [Reason::TooLong { most: 128 }]);
}

#[test]
fn a_megabyte_is_refused_before_it_is_looked_at() {
    assert_eq!(reasons(&"x".repeat(1024 * 1024)), [Reason::TooLong { most: 128 }]);
}

#[test]
fn blanks_at_either_end_count_and_are_kept() {
    assert_eq!(rules("  abcdefghx  "), []);
    assert_eq!(normal::form(&"  x ".into()).unwrap().as_str(), "  x ");
}

#[rstest]
#[case::a_line_break("grave lantern\nferret")]
#[case::a_null("grave lantern\0ferret")]
#[case::nothing_yet_defined("grave lantern\u{e0fff} ferret")]
#[case::private_use("grave lantern\u{e000} ferret")]
fn what_no_keyboard_gives_is_refused(#[case] password: &str) {
    assert_eq!(rules(password), [Reason::Untypable]);
}

#[rstest]
#[case::accents("cafe\u{301}", "café")]
#[case::full_width("\u{ff30}\u{ff41}", "Pa")]
#[case::ligature("ﬁn", "fin")]
fn one_password_has_one_form_whatever_wrote_it(#[case] one: &str, #[case] other: &str) {
    assert_eq!(normal::form(&one.into()), normal::form(&other.into()));
}

#[test]
fn case_makes_another_password() {
    assert_ne!(normal::form(&"A".into()), normal::form(&"a".into()));
}

#[rstest]
#[case::shipped("passwordApiUser")]
#[case::with_a_year("Palisade-2026!")]
#[case::with_signs_for_letters("P@l1s4de_2026")]
#[case::twice("palisadepalisade")]
#[case::a_walk("1q2w3e4r5t6y")]
#[case::a_walk_in_capitals("QWERTYUIOP[]")]
#[case::digits("123456789012")]
#[case::three_times("adminadminadmin")]
#[case::a_famous_one("Correct-Horse-Battery-Staple")]
#[case::in_full_width("ｐａｌｉｓａｄｅ２０２６")]
fn what_is_tried_first_is_refused_however_it_is_dressed(#[case] password: &str) {
    assert_eq!(rules(password), [Reason::KnownBad]);
}

#[rstest]
#[case::the_name("Eve Adams 2026")]
#[case::without_blank("EveAdams!!!!")]
#[case::the_address("eve.adams@example.org")]
#[case::a_part_twice("adamsadams12")]
fn ones_own_name_is_refused_however_it_is_dressed(#[case] password: &str) {
    assert_eq!(rules(password), [Reason::Own]);
}

#[test]
fn the_estimate_knows_names_of_the_user_and_of_this_product() {
    let strength = |password: &str| match reasons_of(
        &Policy { minimum_strength: 5, ..Policy::default() },
        password,
    )
    .last()
    {
        Some(Reason::Guessable { strength, .. }) => *strength,
        other => panic!("{other:?}"),
    };
    assert!(strength("adamspalisade") < 3);
    assert_eq!(strength(FINE), 4);
}

#[test]
fn a_site_adds_words_and_hashes_and_is_told_of_lines_that_say_nothing() {
    let hash: String = random_hash_of("grave lantern ferret");
    let text = format!("# ours\nWerk Sieben\nsha256:{hash}\nsha256:12\nab\n\n");
    let (known, problems) = KnownBad::with_site(&text);
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "line 4: after sha256: come 64 hexadecimal digits",
            "line 5: a word of fewer than three letters is in everything; leave it out"
        ]
    );
    let held =
        ["werksieben2026", "grave lantern ferret", "Grave lantern ferret", FINE].map(|text| known.holds(text));
    assert_eq!(held, [true, true, false, false]);
    assert!(known.holds("changeit"));
}

fn random_hash_of(text: &str) -> String {
    crate::random::sha256_hex(&text.into())
}

#[test]
fn a_site_file_without_end_is_left_out_and_told() {
    let (known, problems) = KnownBad::with_site(&"word\n".repeat(2 * 1024 * 1024));
    assert_eq!(problems.len(), 1);
    assert!(known.holds("changeit") && !known.holds("word"));
}

#[test]
fn a_password_expires_when_the_policy_says_so_and_not_before() {
    let set: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let policy = Policy { lifetime: Some(SignedDuration::from_hours(24)), ..Policy::default() };
    let at = |text: &str| policy.is_expired(set, text.parse().unwrap());
    assert_eq!([at("2026-01-01T23:59:59Z"), at("2026-01-02T00:00:00Z")], [false, true]);
    assert_eq!(Policy::default().expires(set), None);
}

/// Every sign that could stand for a letter, and every other trap for the estimate, at full length.
#[rstest]
#[case::every_sign(
    "4@8({[<369&#!1/|0$5+7%24@8({[<369&#!1/|0$5+7%24@8({[<369&#!1/|0$5+7%24@8({[<369&#!1/|0$5+7%2"
)]
#[case::one_letter(
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)]
#[case::digits(
    "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
)]
#[case::dates(
    "1.1.20011.1.20011.1.20011.1.20011.1.20011.1.20011.1.20011.1.20011.1.20011.1.20011.1.20011.1.2001"
)]
fn no_password_keeps_the_estimate_busy(#[case] password: &str) {
    let start = std::time::Instant::now();
    drop(reasons(password));
    let took = start.elapsed();
    // Generous: unoptimised, on a busy machine. Without a bound the first of these takes minutes.
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
}

proptest! {
    #[test]
    fn the_normal_form_of_a_normal_form_is_itself(text in ".{0,200}") {
        if let Some(form) = normal::form(&SecretString::from(text)) {
            let capacity = form.capacity();
            prop_assert!(form.len() <= capacity);
            if let Some(again) = normal::form(&SecretString::from(form.as_str())) {
                prop_assert_eq!(again, form);
            }
        }
    }

    #[test]
    fn any_text_is_known_or_not(text in ".{0,100}") {
        let known = KnownBad::built_in();
        prop_assert!(!known.holds(&text) || !text.is_empty());
    }
}

#[rstest]
#[case("Summer2026!!")]
#[case("Winter2025!!")]
#[case("Qwertz123456!")]
#[case("Company2026!!")]
#[case("Graz2026Graz!")]
fn a_word_with_a_year_is_guessable(#[case] password: &str) {
    let reasons = reasons(password);
    assert!(matches!(reasons[..], [Reason::Guessable { strength: 0..=2, .. }]), "{reasons:?}");
}

#[rstest]
#[case("Donaudampfschiff 2026")]
#[case("k3v9x2q8z1w7")]
#[case("seventeen violet turbines 2026")]
fn words_of_ones_own_are_not(#[case] password: &str) {
    assert_eq!(reasons(password), []);
}
