//! Each edit, alone and combined.

use super::*;
use crate::change::Syntax;

fn set(syntax: Syntax, section: Option<&str>, key: &str, value: &str) -> Edit {
    Edit::Set { syntax, section: section.map(ToOwned::to_owned), key: key.to_owned(), value: value.to_owned() }
}

fn check(original: Option<&str>, edits: &[Edit], expected: &str) {
    let once = render(original, edits).unwrap();
    assert_eq!(once, expected);
    let mut turned = edits.to_vec();
    turned.reverse();
    assert_eq!(render(original, &turned).unwrap(), expected, "the order of edits matters");
    assert_eq!(render(Some(&once), edits).unwrap(), expected, "a second run changes something");
}

#[test]
fn a_setting_is_rewritten_where_it_stands_and_repetitions_are_commented_out() {
    let edit = set(Syntax::Spaced, None, "PASS_MAX_DAYS", "365");
    check(
        Some("# days\nPASS_MAX_DAYS\t99999\nUMASK 022\npass_max_days 7\n"),
        &[edit],
        "# days\nPASS_MAX_DAYS 365\nUMASK 022\n#pass_max_days 7\n",
    );
}

#[test]
fn a_line_that_says_it_already_keeps_its_form() {
    let edit = set(Syntax::Equals, None, "minlen", "14");
    check(Some("minlen=14\n"), &[edit], "minlen=14\n");
}

#[test]
fn settings_go_to_the_end_of_their_section() {
    let edits =
        [set(Syntax::Ini, Some("Journal"), "Storage", "persistent"), set(Syntax::Ini, Some("New"), "A", "1")];
    check(
        Some("[Journal]\n#Storage=auto\nSeal=yes\n\n[Other]\nStorage=no\n"),
        &edits,
        "[Journal]\n#Storage=auto\nSeal=yes\nStorage=persistent\n\n[Other]\nStorage=no\n\n[New]\nA=1\n",
    );
}

#[test]
fn a_file_that_has_to_be_made_begins_with_who_wrote_it() {
    let edits =
        [set(Syntax::Spaced, None, "X11Forwarding", "no"), set(Syntax::Spaced, None, "MaxAuthTries", "4")];
    check(None, &edits, &format!("# {HEADING}\nMaxAuthTries 4\nX11Forwarding no\n"));
}

#[test]
fn own_lines_are_kept_in_order_of_rank() {
    let line = |rank, text: &str| Edit::Line { rank, text: text.to_owned() };
    check(
        None,
        &[line(900, "-e 2"), line(100, "-w /etc/shadow -p wa"), line(100, "-w /etc/group -p wa")],
        &format!("# {HEADING}\n-w /etc/group -p wa\n-w /etc/shadow -p wa\n-e 2\n"),
    );
}

#[test]
fn json_keeps_the_form_of_what_it_does_not_concern() {
    let json = |path: &str, value: &str| Edit::Json {
        path: path.split('.').map(ToOwned::to_owned).collect(),
        value: value.to_owned(),
    };
    check(
        Some("{\n    \"dns\":  [\"10.0.0.1\"],\n    \"icc\": true\n}\n"),
        &[json("icc", "false"), json("log-opts.max-size", "\"10m\""), json("log-opts.max-file", "\"3\"")],
        "{\n    \"dns\":  [\"10.0.0.1\"],\n    \"icc\": false,\n    \"log-opts\": {\n        \"max-file\": \"3\",\n        \"max-size\": \"10m\"\n    }\n}\n",
    );
    check(None, &[json("live-restore", "true")], "{\n  \"live-restore\": true\n}\n");
    assert!(matches!(render(Some("{ // no\n}"), &[json("a", "1")]), Err(EditError::Malformed(_))));
    assert!(matches!(render(Some("[1]"), &[json("a", "1")]), Err(EditError::Malformed(_))));
}

#[test]
fn a_foreign_line_is_replaced_or_goes_and_must_have_been_there() {
    let replace =
        |old: &str, new: Option<&str>| Edit::Replace { old: old.to_owned(), new: new.map(ToOwned::to_owned) };
    check(
        Some("root ALL=(ALL) ALL\n  bob ALL=(ALL) NOPASSWD: ALL\n"),
        &[replace("bob ALL=(ALL) NOPASSWD: ALL", Some("bob ALL=(ALL) ALL"))],
        "root ALL=(ALL) ALL\n  bob ALL=(ALL) ALL\n",
    );
    assert_eq!(render(Some("a\n"), &[replace("b", None)]), Err(EditError::LineGone("b".to_owned())));
}

#[test]
fn two_wishes_for_one_place_are_a_conflict() {
    let edits = [set(Syntax::Spaced, None, "A", "1"), set(Syntax::Spaced, None, "a", "2")];
    assert!(matches!(render(None, &edits), Err(EditError::Conflict(..))));
}

#[test]
fn a_line_that_must_come_first_does_so_once() {
    check(Some("Port 22\n"), &[Edit::First("Include /x".to_owned())], "Include /x\nPort 22\n");
}

#[test]
fn words_of_one_line_change_together_and_a_line_comes_behind_it() {
    let line = "password  [success=1]\tpam_unix.so md5 minlen=6";
    let word = |old: Option<&str>, new: Option<&str>| Edit::Word {
        line: line.to_owned(),
        old: old.map(ToOwned::to_owned),
        new: new.map(ToOwned::to_owned),
    };
    let edits = [
        word(Some("md5"), Some("yescrypt")),
        word(Some("minlen=6"), None),
        word(None, Some("remember=5")),
        Edit::After { line: line.to_owned(), text: "password requisite pam_deny.so".to_owned() },
    ];
    check(
        Some(&format!("# x\n {line}\nlast\n")),
        &edits,
        "# x\n password  [success=1]\tpam_unix.so yescrypt remember=5\npassword requisite pam_deny.so\nlast\n",
    );
    assert_eq!(
        render(Some("other\n"), &[word(Some("md5"), None)]).unwrap_err(),
        EditError::LineGone(line.to_owned())
    );
    assert!(render(Some(line), &[word(Some("md5"), None), word(Some("md5"), Some("sha512"))]).is_err());
}

#[test]
fn a_field_between_colons_is_set_prefixed_or_loses_a_name() {
    let field = |key: &str, index, field| Edit::Field { key: key.to_owned(), index, field };
    check(
        Some("a:x:1:\nab::2:a,b,c\n\n"),
        &[
            field("ab", 1, Field::Begins("!".to_owned())),
            field("ab", 2, Field::Is("3".to_owned())),
            field("ab", 3, Field::Without("b".to_owned())),
            field("gone", 3, Field::Without("b".to_owned())),
        ],
        "a:x:1:\nab:!:3:a,c\n\n",
    );
    for wrong in [field("gone", 1, Field::Is(String::new())), field("a", 9, Field::Is(String::new()))] {
        assert!(render(Some("a:x:1:\n"), &[wrong]).is_err());
    }
    let two = [field("a", 2, Field::Is("3".to_owned())), field("a", 2, Field::Is("4".to_owned()))];
    assert!(matches!(render(Some("a:x:1:\n"), &two), Err(EditError::Conflict(..))));
}

#[test]
fn a_line_comes_last_once() {
    check(Some("one\ntwo"), &[Edit::Last("three".to_owned())], "one\ntwo\nthree\n");
}
