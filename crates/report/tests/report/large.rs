//! Reports of hosts with very much on them stay readable and cheap.

use model::report::{Evidence, Finding, Verdict};
use model::{Report, Severity, Source};
use report::{Format, Options, write};
use serde_json::json;

use crate::standard;

fn large() -> Report {
    let mut report = standard::report();
    for at in 0..4_000 {
        let verdict = if at % 2 == 0 { Verdict::Fail } else { Verdict::Unknown };
        report.findings.push(Finding {
            verdict,
            subject: format!("/srv/file-{at}"),
            reason: format!("/srv/file-{at}: permission denied"),
            evidence: vec![Evidence {
                path: format!("facts.files.world_writable[{at}].mode"),
                value: json!("x".repeat(300)),
                source: Some(Source::at("stat(2)")),
            }],
            ..standard::finding("files.owned", "Every file has an owner", Severity::Medium)
        });
    }
    report.summary = standard::summary(&report);
    report
}

#[test]
fn what_people_read_is_bounded() {
    let report = large();
    let text = write(Format::Terminal, &report, &Options::default()).unwrap();
    assert!(text.lines().count() < 400, "{} lines", text.lines().count());
    let page = write(Format::Html, &report, &Options::default()).unwrap();
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
}

#[test]
fn what_machines_read_is_complete() {
    let report = large();
    for format in [Format::Json, Format::Sarif, Format::Oscal, Format::Junit, Format::Csv] {
        let text = write(format, &report, &Options::default()).unwrap();
        assert!(text.contains("/srv/file-3999"), "{format}");
    }
}
