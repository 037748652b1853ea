//! Several targets in one document: every writer, and other people's validators of it.

use model::Fleet;
use model::fleet::{FLEET_SCHEMA, Member};
use report::{Format, Options, write_fleet};

use crate::standard;
use crate::validators::{checked, docs};

/// Two targets, one of them hostile in name, and one that could not be audited.
fn fleet() -> Fleet {
    let mut other = standard::clean();
    other.target.name = "edge\u{1b}[2J<b>".to_owned();
    other.target.id = "4567".to_owned();
    let member = |name: &str, report| Member {
        named: format!("ssh://{name}"),
        name: name.to_owned(),
        labels: [("site".to_owned(), "graz".to_owned())].into(),
        error: String::new(),
        report,
    };
    let failed = Member { error: "connection refused".to_owned(), ..member("edge-99", None) };
    let report = standard::report();
    Fleet {
        schema: FLEET_SCHEMA.to_owned(),
        tool: report.tool.clone(),
        started_at: report.started_at,
        duration_ms: 12,
        summary: standard::summary(&report),
        guides: report.guides.clone(),
        targets: vec![member("edge-07", Some(report)), member("edge\u{1b}[2J<b>", Some(other)), failed],
    }
}

fn written(format: Format) -> String {
    let text = write_fleet(format, &fleet(), &[Some("edge-07.html".to_owned())], &Options::default()).unwrap();
    assert!(!text.contains('\u{1b}'), "{format}: an escape got through");
    text
}

#[test]
fn every_writer_names_every_target_and_nothing_escapes() {
    for format in Format::ALL {
        let text = written(format);
        assert!(text.contains("edge-07"), "{format}");
    }
    for format in [Format::Terminal, Format::Json, Format::Html, Format::Oscal, Format::Junit] {
        let text = written(format);
        assert!(text.contains("edge-99") && text.contains("connection refused"), "{format}");
    }
    let page = written(Format::Html);
    assert!(page.contains("href=\"edge-07.html\"") && !page.contains("<b>") && page.contains("site=graz"));
}

#[test]
fn lines_fit_80_columns_unless_one_word_is_longer() {
    for line in written(Format::Terminal).lines() {
        assert!(line.chars().count() <= 80 || !line.trim().contains(' '), "{line}");
    }
}

#[test]
fn a_rule_that_fails_on_several_targets_stands_once() {
    let text = report::fleet_summary(&fleet(), &Options::default());
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(text.matches("(ssh.password-login-off): edge-07").count(), 1, "{text}");
    assert!(text.contains("1 target could not be audited"), "{text}");
}

#[test]
fn targets_of_one_name_are_counted_each() {
    let mut fleet = fleet();
    fleet.targets.insert(1, fleet.targets[0].clone());
    let text = report::fleet_summary(&fleet, &Options::default());
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("(ssh.password-login-off): edge-07, edge-07"), "{text}");
}

#[test]
fn validators_take_the_documents() {
    let oscal = checked(&["oscal".as_ref()], Format::Oscal, &written(Format::Oscal));
    assert!(oscal.contains("OSCAL 1.1."), "{oscal}");
    let sarif = docs("../crates/report/tests/report/sarif-2.1.0-rtm.5.schema.json");
    checked(&["schema".as_ref(), &sarif], Format::Sarif, &written(Format::Sarif));
    checked(&["schema".as_ref(), &docs("fleet.schema.json")], Format::Json, &written(Format::Json));
}

#[test]
fn a_fleet_nobody_could_reach_has_no_oscal() {
    let mut fleet = fleet();
    fleet.targets.retain(|member| member.report.is_none());
    let error = write_fleet(Format::Oscal, &fleet, &[], &Options::default()).unwrap_err();
    assert!(error.to_string().contains("no target"), "{error}");
}
