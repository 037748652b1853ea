//! The terminal: snapshots, width, colour, bounds.

use model::report::Verdict;
use model::{Report, Severity};
use report::{Format, Options, write};

use crate::standard;

fn text(report: &Report, options: &Options) -> String {
    write(Format::Terminal, report, options).unwrap()
}

#[test]
fn the_standard_report_at_80_columns() {
    insta::assert_snapshot!(text(&standard::report(), &Options::default()));
}

#[test]
fn the_standard_report_at_120_columns_in_ascii() {
    let options = Options { width: 120, unicode: false, ..Options::default() };
    let text = text(&standard::report(), &options);
    assert!(text.is_ascii());
    insta::assert_snapshot!(text);
}

#[test]
fn the_standard_report_with_everything() {
    let options = Options { verbose: true, ..Options::default() };
    insta::assert_snapshot!(text(&standard::report(), &options));
}

#[test]
fn a_clean_report_is_short() {
    insta::assert_snapshot!(text(&standard::clean(), &Options::default()));
}

#[test]
fn an_empty_report_says_so() {
    insta::assert_snapshot!(text(&standard::empty(), &Options::default()), @r"
    edge-07: 0 rules, 0 findings: 0 pass, 0 fail, 0 unknown, 0 not applicable, 0
        waived

    Nothing was looked at. Next: palisade rules
    ");
}

#[test]
fn lines_are_no_longer_than_the_width() {
    for width in [60, 80, 120] {
        for verbose in [false, true] {
            let text = text(&standard::report(), &Options { width, verbose, ..Options::default() });
            for line in text.lines() {
                let wide = unicode_width::UnicodeWidthStr::width(line);
                let one_word = line.trim_start_matches(['-', '>', '|', ' ']).split(' ').count() == 1;
                assert!(wide <= width || one_word, "{wide} columns at {width}: {line}");
                assert_eq!(line.trim_end(), line, "trailing blanks");
            }
        }
    }
}

#[test]
fn colour_is_all_that_colour_adds() {
    let plain = text(&standard::report(), &Options::default());
    let coloured = text(&standard::report(), &Options { colour: true, ..Options::default() });
    assert!(!plain.contains('\x1b'));
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\x1b[") {
        stripped.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    assert_eq!(stripped, plain);
}

#[test]
fn one_rule_on_many_subjects_is_one_block() {
    let text = text(&standard::report(), &Options::default());
    assert_eq!(text.matches("high[docker.container-unprivileged]").count(), 1);
    assert!(text.contains("and 7 more: palisade audit --rule docker.container-unprivileged"));
}

#[test]
fn thousands_of_failures_of_one_rule_stay_one_screen() {
    let mut report = standard::empty();
    report.findings = (0..5_000)
        .map(|at| model::report::Finding {
            subject: format!("/srv/file-{at}"),
            ..standard::finding("files.owned", "Every file has an owner", Severity::Medium)
        })
        .collect();
    report.summary = standard::summary(&report);
    assert_eq!(report.summary.fail, 5_000);
    assert!(text(&report, &Options::default()).lines().count() < 24);
}

#[test]
fn when_nothing_fails_the_undecided_are_named_last() {
    let mut report = standard::report();
    report.findings.retain(|finding| finding.verdict == Verdict::Unknown);
    report.summary = standard::summary(&report);
    let text = text(&report, &Options::default());
    let last = text.lines().last().unwrap();
    assert_eq!(last, "Nothing fails, 6 could not be decided. Next: sudo palisade audit");
}
