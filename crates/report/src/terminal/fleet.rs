//! What the reports of several targets come to together: a line each, what fails most widely, the guides.

use std::collections::{BTreeMap, BTreeSet};

use model::fleet::Member;
use model::report::{Finding, Verdict};
use model::{Fleet, Severity};
use unicode_width::UnicodeWidthStr;

use super::{Page, guides, heading, shorten, style};
use crate::evidence::count;
use crate::{Options, printable};

/// Columns of a number.
const NUMBERS: usize = 8;
/// The longest name that is shown whole.
const NAME: usize = 32;
/// Failing rules that are shown unless everything is asked for.
const RULES: usize = 12;

/// The summary as text.
pub(crate) fn write(fleet: &Fleet, options: &Options) -> String {
    let mut page = Page::new(options);
    heading(&mut page, style::STRONG, &format!("summary of {}", count(fleet.targets.len(), "target")));
    targets(&mut page, fleet);
    rules(&mut page, fleet, options);
    guides::write(&mut page, &fleet.guides, options);
    page.gap();
    page.hanging((style::PLAIN, ""), (style::STRONG, &closing(fleet)), 4);
    page.finish()
}

fn targets(page: &mut Page, fleet: &Fleet) {
    let longest = fleet.targets.iter().map(|member| printable(&member.name).width()).max().unwrap_or_default();
    let name = longest.clamp(6, NAME);
    let head = ["fail", "unkn.", "waived", "pass", "n/a"].map(|word| format!("{word:>NUMBERS$}")).concat();
    page.line(&[(style::DIM, &format!("{:name$} {head}", "target"))]);
    for member in &fleet.targets {
        target(page, member, name);
    }
}

fn target(page: &mut Page, member: &Member, name: usize) {
    let mut shown: String = printable(&member.name).chars().take(name).collect();
    shown.extend(std::iter::repeat_n(' ', name.saturating_sub(shown.width())));
    let Some(report) = &member.report else {
        page.hanging((style::BAD, &format!("{shown}  ")), (style::PLAIN, &shorten(&member.error, 400)), 4);
        return;
    };
    let sum = &report.summary;
    let numbers = [
        (Verdict::Fail, sum.fail),
        (Verdict::Unknown, sum.unknown),
        (Verdict::Waived, sum.waived),
        (Verdict::Pass, sum.pass),
        (Verdict::NotApplicable, sum.not_applicable),
    ]
    .map(|(verdict, number)| {
        (if number == 0 { style::DIM } else { style::verdict(verdict) }, format!("{number:>NUMBERS$}"))
    });
    let mut pieces = vec![(style::PLAIN, shown.as_str()), (style::PLAIN, " ")];
    pieces.extend(numbers.iter().map(|(style, text)| (*style, text.as_str())));
    page.line(&pieces);
    if !member.labels.is_empty() {
        let labels: Vec<String> = member.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        page.indented(2, style::DIM, &labels.join(" "));
    }
}

/// Rules that fail, those that fail most gravely and widely first.
fn rules(page: &mut Page, fleet: &Fleet, options: &Options) {
    let failing = failing_rules(fleet);
    if failing.is_empty() {
        return;
    }
    heading(page, style::BAD, &format!("{} on one target or more", failing_count(failing.len())));
    let shown = if options.verbose { failing.len() } else { RULES };
    for (finding, names) in failing.iter().take(shown) {
        let label = format!("{:<9}", finding.severity);
        let text = format!("{} ({}): {}", finding.title, finding.rule, names.join(", "));
        page.hanging((style::severity(finding.severity), &label), (style::PLAIN, &shorten(&text, 400)), 9);
    }
    if failing.len() > shown {
        let more = format!("and {} more; --verbose shows all", failing.len() - shown);
        page.indented(9, style::DIM, &more);
    }
}

fn failing_count(number: usize) -> String {
    if number == 1 { "1 rule fails".to_owned() } else { format!("{number} rules fail") }
}

/// Each failing rule with one of its findings and the names of the targets it fails on.
pub(crate) fn failing_rules(fleet: &Fleet) -> Vec<(&Finding, Vec<&str>)> {
    let mut failing: BTreeMap<&str, (&Finding, Vec<&str>)> = BTreeMap::new();
    for member in &fleet.targets {
        let findings = member.report.iter().flat_map(|report| &report.findings);
        let mut told = BTreeSet::new();
        for finding in findings.filter(|finding| finding.verdict == Verdict::Fail) {
            // Two targets may have one name: each counts.
            if told.insert(finding.rule.as_str()) {
                failing.entry(&finding.rule).or_insert((finding, Vec::new())).1.push(&member.name);
            }
        }
    }
    let mut failing: Vec<_> = failing.into_values().collect();
    failing.sort_by_key(|(finding, names)| {
        (std::cmp::Reverse(finding.severity), std::cmp::Reverse(names.len()), finding.rule.as_str())
    });
    failing
}

fn closing(fleet: &Fleet) -> String {
    let failed = fleet.targets.iter().filter(|member| member.report.is_none()).count();
    let worst = |report: &&model::Report| {
        report.findings.iter().any(|f| f.verdict == Verdict::Fail && f.severity >= Severity::High)
    };
    let bad = fleet.reports().filter(worst).count();
    let mut line = match bad {
        0 => "On no target does anything grave fail.".to_owned(),
        1 => "On 1 target something of high or critical severity fails.".to_owned(),
        many => format!("On {many} targets something of high or critical severity fails."),
    };
    if failed > 0 {
        line.push_str(&format!(" {} could not be audited.", count(failed, "target")));
    }
    line
}
