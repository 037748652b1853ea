//! The difference between two reports of one target, and which change of evidence caused it.

use std::collections::BTreeMap;

use model::report::{Change, Changes, Evidence, Finding, Report, Verdict};
use serde_json::Value;

use crate::waive;

/// The most characters of a value in a cause.
const VALUE_LIMIT: usize = 120;

/// Compares a report with an earlier one.
pub fn compare(now: &Report, before: &Report) -> Changes {
    let index = |report: &'_ Report| -> BTreeMap<(String, String), Finding> {
        report.findings.iter().map(|f| ((f.rule.clone(), f.subject.clone()), f.clone())).collect()
    };
    let (old, new) = (index(before), index(now));
    let mut changes = Changes { since: before.started_at, ..Changes::default() };
    let content_changed = before.tool.content != now.tool.content;
    for (key, finding) in &new {
        let earlier = old.get(key);
        let was = earlier.map(|finding| finding.verdict);
        if was == Some(finding.verdict) {
            continue;
        }
        let change = || change(finding, earlier, content_changed);
        match (was, finding.verdict) {
            (_, Verdict::Fail) => changes.new.push(change()),
            (Some(Verdict::Fail | Verdict::Waived), Verdict::Pass | Verdict::NotApplicable) => {
                changes.mended.push(change());
            }
            (Some(Verdict::Pass | Verdict::Fail | Verdict::Waived), Verdict::Unknown) => {
                changes.lost.push(change())
            }
            _ => {}
        }
    }
    for (key, finding) in &old {
        if finding.verdict != Verdict::Fail || new.contains_key(key) {
            continue;
        }
        let (list, cause) = match unseen(&key.0, now, &old) {
            Some(why) => (&mut changes.lost, why),
            None => (&mut changes.mended, "the subject is gone".to_owned()),
        };
        list.push(Change {
            rule: key.0.clone(),
            subject: key.1.clone(),
            before: Some(finding.verdict),
            after: None,
            cause: vec![cause],
        });
    }
    changes
}

/// Why nothing can be said of a subject that this run does not name; none when it is truly gone.
fn unseen(rule: &str, now: &Report, old: &BTreeMap<(String, String), Finding>) -> Option<String> {
    let mut decided = now.findings.iter().filter(|finding| finding.rule == rule).peekable();
    // Waivers are looked at in every run; findings about them are there only while something is wrong.
    if decided.peek().is_none() && rule != waive::RULE {
        return Some("the rule was not decided in this run".to_owned());
    }
    // An unknown finding on the target itself is about the list in which the subject stood.
    let blind = |finding: &&Finding| {
        finding.verdict == Verdict::Unknown
            && (finding.subject == now.target.name
                || !old.contains_key(&(finding.rule.clone(), finding.subject.clone())))
    };
    decided.find(blind).map(|finding| finding.reason.clone())
}

fn change(now: &Finding, before: Option<&Finding>, content_changed: bool) -> Change {
    let cause = match before {
        None => vec!["the subject or the rule is new".to_owned()],
        Some(before) => causes(now, before, content_changed),
    };
    Change {
        rule: now.rule.clone(),
        subject: now.subject.clone(),
        before: before.map(|finding| finding.verdict),
        after: Some(now.verdict),
        cause,
    }
}

fn causes(now: &Finding, before: &Finding, content_changed: bool) -> Vec<String> {
    let mut causes = Vec::new();
    for evidence in &now.evidence {
        let old = same_fact(&before.evidence, &evidence.path);
        match old {
            Some(old) if old.value == evidence.value => {}
            Some(old) => {
                causes.push(format!("{}: {} -> {}", evidence.path, short(&old.value), short(&evidence.value)))
            }
            None => causes.push(format!("{}: not seen -> {}", evidence.path, short(&evidence.value))),
        }
    }
    if now.reason != before.reason && !now.reason.is_empty() {
        causes.push(now.reason.clone());
    }
    if causes.is_empty() {
        let cause = if content_changed { "the rules changed" } else { "time passed, or the profile changed" };
        causes.push(cause.to_owned());
    }
    causes
}

/// The evidence at `path`: of one subject, the number of its element in a list may have changed.
pub(crate) fn same_fact<'a>(evidence: &'a [Evidence], path: &str) -> Option<&'a Evidence> {
    let exact = evidence.iter().find(|evidence| evidence.path == path);
    exact.or_else(|| {
        let wanted = unnumbered(path);
        evidence.iter().find(|evidence| unnumbered(&evidence.path) == wanted)
    })
}

/// The path without the numbers of elements.
fn unnumbered(path: &str) -> String {
    let mut parts = path.split('[');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push('[');
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    text
}

/// With a blank after each element, where a line may end.
fn short(value: &Value) -> String {
    let lines = format!("{value:#}");
    let text = lines.lines().map(str::trim_start).collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(VALUE_LIMIT) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
