//! CSV: one row per finding, for spreadsheets (RFC 4180).

use model::Report;

use crate::evidence::seen;
use crate::{Error, fingerprint, printable};

/// The columns, in order.
const COLUMNS: [&str; 14] = [
    "target",
    "rule",
    "severity",
    "verdict",
    "subject",
    "title",
    "expected",
    "seen",
    "where",
    "reason",
    "requirements",
    "why",
    "remedy",
    "fingerprint",
];

/// The findings of all reports as one table.
pub(crate) fn write(reports: &[&Report]) -> Result<String, Error> {
    let mut table =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::with_capacity(64 * 1024));
    table.write_record(COLUMNS).map_err(Error::Csv)?;
    let findings =
        reports.iter().flat_map(|report| report.findings.iter().map(move |finding| (report, finding)));
    for (report, finding) in findings {
        let facts: Vec<String> = finding.evidence.iter().map(seen).collect();
        let mut places: Vec<&str> = finding
            .evidence
            .iter()
            .filter_map(|evidence| evidence.source.as_ref())
            .map(|at| at.at.as_str())
            .collect();
        places.dedup();
        let row = [
            report.target.name.as_str(),
            &finding.rule,
            finding.severity.as_str(),
            finding.verdict.as_str(),
            &finding.subject,
            &finding.title,
            &finding.expected,
            &facts.join("; "),
            &places.join("; "),
            &finding.reason,
            &finding.requirements.join("; "),
            &finding.why,
            &finding.remedy,
            &fingerprint(&report.target, &finding.rule, &finding.subject),
        ];
        table.write_record(row.map(cell)).map_err(Error::Csv)?;
    }
    let bytes = table.into_inner().map_err(|error| Error::Csv(error.into_error().into()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Text that no spreadsheet takes for a formula: such text gets an apostrophe in front, which is what OWASP
/// recommends and what spreadsheets hide.
fn cell(text: &str) -> String {
    let text = printable(text);
    let formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if formula { format!("'{text}") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("  @SUM(A1)"), "'  @SUM(A1)");
        assert_eq!(cell("\t=1"), "\\t=1");
        assert_eq!(cell("-P INPUT DROP"), "'-P INPUT DROP");
        assert_eq!(cell("a=1"), "a=1");
    }
}
