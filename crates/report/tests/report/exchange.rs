//! SARIF, OSCAL, JUnit and CSV: what each must say of the standard report.

use std::collections::BTreeSet;

use model::Report;
use model::report::Verdict;
use report::{Format, Options, write};
use serde_json::Value;

use crate::standard;

fn text(format: Format, report: &Report) -> String {
    write(format, report, &Options::default()).unwrap()
}

fn json(format: Format, report: &Report) -> Value {
    serde_json::from_str(&text(format, report)).unwrap()
}

#[test]
fn sarif_says_what_was_decided_and_where() {
    let log = json(Format::Sarif, &standard::report());
    let results = log["runs"][0]["results"].as_array().unwrap();
    let of = |rule: &str| results.iter().find(|result| result["ruleId"] == rule).unwrap();

    let password = of("ssh.password-login-off");
    assert_eq!((password["kind"].as_str(), password["level"].as_str()), (Some("fail"), Some("error")));
    assert_eq!(password["baselineState"], "updated");
    let place = &password["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "etc/ssh/sshd_config.d/10-site.conf");
    assert_eq!(place["region"]["startLine"], 3);
    assert_eq!(place["region"]["snippet"]["text"], "PasswordAuthentication yes");

    assert_eq!(of("docker.live-restore")["kind"], "open");
    assert_eq!(of("boot.password-set")["kind"], "notApplicable");
    assert_eq!(of("net.telnet-off")["suppressions"][0]["status"], "accepted");
    assert_eq!(of("accounts.administrators-declared")["baselineState"], "new");
    let gone = results.iter().find(|result| result["baselineState"] == "absent").unwrap();
    assert_eq!(gone["ruleId"], "docker.container-unprivileged");
    for result in results.iter().filter(|result| result["kind"] != "fail") {
        assert_eq!(result["level"], "none");
    }
}

#[test]
fn sarif_fingerprints_are_unique_and_outlive_a_moved_line() {
    let report = standard::report();
    let of = |report: &Report| -> Vec<String> {
        let log = json(Format::Sarif, report);
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        results.iter().map(|result| result["partialFingerprints"].to_string()).collect()
    };
    let before = of(&report);
    assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), before.len());
    let mut moved = report;
    for source in moved.findings.iter_mut().flat_map(|it| &mut it.evidence).filter_map(|it| it.source.as_mut())
    {
        source.at = source.at.replace(":3", ":4");
    }
    moved.started_at = "2027-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(of(&moved), before);
}

#[test]
fn sarif_without_a_baseline_has_no_baseline_state() {
    let report = Report { changes: None, ..standard::report() };
    assert!(!text(Format::Sarif, &report).contains("baselineState"));
}

#[test]
fn oscal_has_a_finding_for_each_requirement_and_a_risk_for_each_unmet() {
    let report = standard::report();
    let document = json(Format::Oscal, &report);
    let result = &document["assessment-results"]["results"][0];
    let findings = result["findings"].as_array().unwrap();
    let state = |id: &str| {
        let finding = findings.iter().find(|finding| finding["target"]["target-id"] == id).unwrap();
        let status = finding["props"].as_array().unwrap().iter().find(|prop| prop["name"] == "status").unwrap();
        let state = finding["target"]["status"]["state"].as_str().unwrap();
        (state.to_owned(), status["value"].as_str().unwrap().to_owned())
    };
    let expect = |id, one: &str, two: &str| assert_eq!(state(id), (one.to_owned(), two.to_owned()));
    expect("NRV-N-001", "satisfied", "met");
    expect("NRV-MS-020", "not-satisfied", "unmet");
    expect("NRV-N-002", "not-satisfied", "unknown");
    expect("NRV-MS-040", "not-satisfied", "attestation-due");
    expect("TSS-3.2.7", "not-satisfied", "waived");
    expect("TSS-3.9", "satisfied", "not-applicable");
    let risks = result["risks"].as_array().unwrap();
    let states: Vec<&str> = risks.iter().map(|risk| risk["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["open", "open", "deviation-approved"]);
    assert_eq!(result["observations"].as_array().unwrap().len(), report.findings.len());
}

#[test]
fn junit_counts_unknown_as_an_error_and_waived_as_skipped() {
    let report = standard::report();
    let xml = text(Format::Junit, &report);
    let count = |tag: &str| xml.matches(tag).count();
    assert_eq!(count("<failure "), report.summary.fail);
    assert_eq!(count("<error "), report.summary.unknown);
    assert_eq!(count("<skipped "), report.summary.not_applicable + report.summary.waived);
    assert_eq!(count("<testcase "), report.findings.len());
    assert!(!xml.contains("<script>") && !xml.contains("timestamp"));
    insta::assert_snapshot!(xml);
}

#[test]
fn csv_has_a_row_for_each_finding_and_no_formula() {
    let report = standard::report();
    let table = text(Format::Csv, &report);
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), report.findings.len());
    for (row, finding) in rows.iter().zip(&report.findings) {
        assert_eq!(&row[1], finding.rule);
        assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{row:?}");
    }
    assert_eq!(&columns[4], "subject");
    let hostile = rows.iter().find(|row| &row[1] == "accounts.administrators-declared").unwrap();
    assert!(hostile[4].starts_with("'=cmd|"));
    let fails = rows.iter().filter(|row| &row[3] == Verdict::Fail.as_str()).count();
    assert_eq!(fails, report.summary.fail);
}
