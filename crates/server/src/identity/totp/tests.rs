//! The codes of RFC 6238, each taken once; and enrolment that an app and a strict page can take.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// The secret of RFC 6238, appendix B.
const RFC: &[u8] = b"12345678901234567890";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn given(second: i64, code: &str, last: Option<i64>) -> Option<i64> {
    verify(&Attempt::of_nobody(), &RFC.to_vec().into(), &code.into(), at(second), last)
}

fn right(step: i64) -> String {
    format!("{:06}", code(RFC, step).unwrap())
}

#[rstest]
#[case(59, 94_287_082)]
#[case(1_111_111_109, 7_081_804)]
#[case(1_111_111_111, 14_050_471)]
#[case(1_234_567_890, 89_005_924)]
#[case(2_000_000_000, 69_279_037)]
#[case(20_000_000_000, 65_353_130)]
fn the_codes_are_those_of_rfc_6238(#[case] second: i64, #[case] expected: u32) {
    assert_eq!(truncated(RFC, second / 30).unwrap() % 100_000_000, expected);
    let six = format!("{:06}", expected % 1_000_000);
    assert_eq!(given(second, &six, None), Some(second / 30));
}

#[test]
fn one_step_either_side_is_taken_and_two_are_not() {
    let taken: Vec<bool> = (-2..=2).map(|off| given(3000, &right(100 + off), None).is_some()).collect();
    assert_eq!(taken, [false, true, true, true, false]);
}

#[test]
fn a_code_opens_once_and_none_before_it_opens_after() {
    let step = given(3000, &right(100), None).unwrap();
    assert_eq!(given(3000, &right(100), Some(step)), None);
    assert_eq!(given(3000, &right(99), Some(step)), None);
    assert_eq!(given(3000, &right(101), Some(step)), Some(101));
}

#[rstest]
#[case::in_two_groups("287 082")]
#[case::with_blanks_around(" 287082\n")]
#[case::with_a_narrow_space("287\u{202f}082")]
fn spaces_do_not_matter(#[case] typed: &str) {
    assert_eq!(given(59, typed, None), Some(1));
}

#[rstest]
#[case::nothing("")]
#[case::another_code("287083")]
#[case::five_digits("28708")]
#[case::seven_digits("0287082")]
#[case::a_sign("+87082")]
#[case::eight_digits_of_the_standard("94287082")]
#[case::digits_of_another_script("٢٨٧٠٨٢")]
#[case::far_too_long("2 8 7 0 8 2                                                              ")]
fn what_is_not_the_code_does_not_open(#[case] typed: &str) {
    assert_eq!(given(59, typed, None), None);
}

#[test]
fn a_clock_before_1970_opens_nothing_and_breaks_nothing() {
    assert_eq!(given(-100, "287082", None), None);
    assert_eq!(given(0, &right(0), None), Some(0));
}

#[test]
fn another_secret_does_not_open() {
    let other: SecretSlice<u8> = vec![1; 20].into();
    assert_eq!(verify(&Attempt::of_nobody(), &other, &"287082".into(), at(59), None), None);
}

#[rstest]
#[case("", "")]
#[case("f", "MY")]
#[case("fo", "MZXQ")]
#[case("foo", "MZXW6")]
#[case("foob", "MZXW6YQ")]
#[case("fooba", "MZXW6YTB")]
#[case("foobar", "MZXW6YTBOI")]
fn base32_is_that_of_rfc_4648_without_padding(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(base32(text.as_bytes()), expected);
}

#[test]
fn an_enrolment_tells_an_app_whose_code_it_is() {
    let made = enrolment(RFC, "Palisade: Plant 1", "eve&digits=8@example.org").unwrap();
    assert_eq!(
        made.uri.expose_secret(),
        "otpauth://totp/Palisade%3A%20Plant%201:eve%26digits%3D8%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
         &issuer=Palisade%3A%20Plant%201&algorithm=SHA1&digits=6&period=30"
    );
    assert_eq!(made.typed.expose_secret(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
}

#[test]
fn a_new_secret_has_160_bits_and_opens_with_its_codes() {
    let made = enrol("Palisade", "eve").unwrap();
    assert_eq!(made.secret.expose_secret().len(), 20);
    let shown = format!("{:06}", code(made.secret.expose_secret(), 100).unwrap());
    assert_eq!(verify(&Attempt::of_nobody(), &made.secret, &shown.into(), at(3000), None), Some(100));
    let again = enrol("Palisade", "eve").unwrap();
    assert_ne!(made.secret.expose_secret(), again.secret.expose_secret());
}

#[test]
fn the_picture_needs_no_style_and_no_script_and_has_its_white_border() {
    let made = enrolment(RFC, "Palisade", "eve").unwrap();
    let svg = made.svg.expose_secret();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
    for forbidden in ["<?xml", "style", "<script", "<use", "href", " on", " id="] {
        assert!(!svg.contains(forbidden), "{forbidden}");
    }
    assert!(svg.len() < 32 * 1024, "{} bytes", svg.len());
}

/// The picture's squares drawn again and compared with what the encoder says, square by square.
#[test]
fn the_picture_shows_the_code_of_the_address() {
    let made = enrolment(RFC, "Palisade", "eve").unwrap();
    let code = QrCode::with_error_correction_level(made.uri.expose_secret(), EcLevel::M).unwrap();
    let width = code.width();
    let mut drawn = vec![qrcode::Color::Light; width * width];
    let svg = made.svg.expose_secret();
    let path = svg.rsplit_once("d=\"").unwrap().1.trim_end_matches("\"/></svg>");
    for square in path.split_terminator('z') {
        let numbers: Vec<usize> =
            square.split(['M', ' ', 'h', 'v', '-']).filter_map(|number| number.parse().ok()).collect();
        let (column, row, length) = (numbers[0] - QUIET, numbers[1] - QUIET, numbers[2]);
        drawn[row * width + column..][..length].fill(qrcode::Color::Dark);
    }
    assert!(drawn == code.to_colors());
}

#[test]
fn names_that_fill_no_picture_are_refused() {
    assert!(matches!(enrol("Palisade", &"e".repeat(4000)), Err(EnrolError::TooLong(_))));
}

#[test]
fn nothing_of_an_enrolment_is_printed() {
    let printed = format!("{:?}", enrolment(RFC, "Palisade", "eve").unwrap());
    assert!(!printed.contains("GEZD") && !printed.contains("49, 50"), "{printed}");
}

proptest! {
    #[test]
    fn a_code_of_now_opens_whatever_the_secret(secret in proptest::collection::vec(any::<u8>(), 0..64), second in 0i64..=4_000_000_000) {
        let shown = format!("{:06}", code(&secret, second / 30).unwrap());
        let step = verify(&Attempt::of_nobody(), &secret.into(), &shown.into(), at(second), None);
        prop_assert!(step.is_some_and(|step| (step - second / 30).abs() <= 1));
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".*") {
        prop_assert!(given(59, &text, None).is_none_or(|step| (0..=2).contains(&step)));
    }
}
