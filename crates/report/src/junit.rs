//! JUnit XML: a suite for each subject area of rules, a case for each finding.
//!
//! Failing is a failure, unknown an error, not applicable and waived are skipped: an undecided rule turns a
//! pipeline red as a failing one does, and no skip passes for a success.

use model::Report;
use model::fleet::Member;
use model::report::{Finding, Verdict};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use crate::evidence::seen;
use crate::{Error, printable};

/// The findings of all reports as test cases; of several targets, the suites name theirs. A target without a report is a
/// suite with one error.
pub(crate) fn write(title: &str, reports: &[&Report], missing: &[&Member]) -> Result<String, Error> {
    let mut document = quick_junit::Report::new(printable(title));
    for report in reports {
        let mut suites: Vec<TestSuite> = Vec::new();
        for finding in &report.findings {
            let area = finding.rule.split('.').next().unwrap_or_default();
            let name = match reports {
                [_] => printable(area).into_owned(),
                _ => format!("{}: {}", printable(&report.target.name), printable(area)),
            };
            let case = case(finding);
            match suites.iter_mut().find(|suite| suite.name.as_str() == name) {
                Some(suite) => drop(suite.add_test_case(case)),
                None => {
                    let mut suite = TestSuite::new(name);
                    suite.add_test_case(case);
                    suites.push(suite);
                }
            }
        }
        document.add_test_suites(suites);
    }
    for member in missing {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(printable(&format!("could not be audited: {}", member.error)));
        let mut suite = TestSuite::new(printable(&member.name));
        suite.add_test_case(TestCase::new("the target is audited", status));
        document.add_test_suite(suite);
    }
    let mut text = document.to_string()?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

fn case(finding: &Finding) -> TestCase {
    let status = match finding.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => not_passed(NonSuccessKind::Failure, finding),
        Verdict::Unknown => not_passed(NonSuccessKind::Error, finding),
        Verdict::NotApplicable | Verdict::Waived => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(printable(&finding.reason));
            status
        }
    };
    let mut case =
        TestCase::new(format!("{}: {}", printable(&finding.title), printable(&finding.subject)), status);
    case.set_classname(printable(&finding.rule));
    case
}

fn not_passed(kind: NonSuccessKind, finding: &Finding) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    let message = match finding.verdict {
        Verdict::Unknown => format!("could not be decided: {}", finding.reason),
        _ if finding.expected.is_empty() => finding.title.clone(),
        _ => format!("expected {}", finding.expected),
    };
    status.set_type(finding.severity.as_str());
    status.set_message(printable(&message));
    status.set_description(description(finding));
    status
}

/// What was seen, why it matters and how to mend it, a line each.
fn description(finding: &Finding) -> String {
    let mut lines = Vec::new();
    for evidence in &finding.evidence {
        let mut line = format!("seen: {}", printable(&seen(evidence)));
        if let Some(source) = &evidence.source {
            line.push_str(&format!(" ({})", printable(&source.at)));
        }
        lines.push(line);
    }
    let texts = [("why", &finding.why), ("mend", &finding.remedy)];
    for (label, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        lines.push(format!("{label}: {}", text.lines().map(printable).collect::<Vec<_>>().join("\n")));
    }
    if !finding.requirements.is_empty() {
        lines.push(format!("asked by: {}", printable(&finding.requirements.join(", "))));
    }
    lines.join("\n")
}
