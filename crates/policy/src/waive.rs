//! Waivers: accepted failures. One that has expired, fits nothing or has lost its evidence is itself a finding.

use model::Severity;
use model::profile::Waiver;
use model::report::{Finding, Verdict, WaiverUse};
use serde_json::Value;

use crate::baseline::same_fact;
use crate::decide::Inputs;
use crate::rollup::today;

/// The id of findings about waivers themselves.
pub(crate) const RULE: &str = "profile.waiver-in-force";

/// Applies the profile's waivers to failing findings; returns findings about the waivers that do not hold.
pub(crate) fn apply(findings: &mut [Finding], inputs: &Inputs<'_>) -> Vec<Finding> {
    let mut about = Vec::new();
    for waiver in &inputs.profile.waivers {
        let decided = inputs.content.rule(&waiver.rule);
        let in_run = findings.iter().any(|finding| finding.rule == waiver.rule);
        if decided.is_some() && !in_run {
            // This run did not ask for the rule, so nothing can be said of its waiver.
            continue;
        }
        if let Some(wrong) = use_one(waiver, findings, inputs) {
            about.push(finding(waiver, wrong, inputs));
        }
    }
    about
}

/// Applies one waiver; says what is wrong with it when it does not hold.
fn use_one(waiver: &Waiver, findings: &mut [Finding], inputs: &Inputs<'_>) -> Option<String> {
    let today = today(inputs.now);
    let undecided =
        findings.iter().any(|finding| finding.rule == waiver.rule && finding.verdict == Verdict::Unknown);
    let failing: Vec<&mut Finding> = findings
        .iter_mut()
        .filter(|finding| {
            let subject = waiver.subject.as_ref().is_none_or(|subject| *subject == finding.subject);
            finding.rule == waiver.rule && finding.verdict == Verdict::Fail && subject
        })
        .collect();
    // What it accepts may well fail where this run could not look.
    if failing.is_empty() && !undecided {
        return Some("nothing that it accepts fails any more; remove it".to_owned());
    }
    if waiver.expires < today {
        return Some(format!(
            "it expired on {}; mend the finding or renew it with a new reason",
            waiver.expires
        ));
    }
    let mut void = None;
    let mut used = 0;
    for finding in failing {
        match changed_evidence(waiver, finding) {
            Some(changed) => void = Some(changed),
            None => {
                used += 1;
                let days_left = today.until(waiver.expires).map_or(0, |span| i64::from(span.get_days()));
                finding.verdict = Verdict::Waived;
                finding.reason =
                    format!("accepted by {} until {}: {}", waiver.owner, waiver.expires, waiver.reason);
                finding.waiver = Some(WaiverUse {
                    owner: waiver.owner.clone(),
                    reason: waiver.reason.clone(),
                    expires: waiver.expires.to_string(),
                    days_left,
                });
            }
        }
    }
    void.filter(|_| used == 0)
}

/// What differs between the evidence a waiver was given for and what is seen now.
fn changed_evidence(waiver: &Waiver, finding: &Finding) -> Option<String> {
    // Accepted whatever it comes to, it would never be void.
    let shortest = finding.evidence.iter().min_by_key(|seen| seen.value.to_string().len());
    if let (true, Some(seen)) = (waiver.evidence.is_empty(), shortest) {
        return Some(format!(
            "it does not say which evidence it was given for; to accept what is seen now, add `evidence: {{{}: {}}}`",
            Value::from(seen.path.as_str()),
            seen.value
        ));
    }
    waiver.evidence.iter().find_map(|(path, given)| {
        let path = path.strip_prefix("facts.").unwrap_or(path);
        let Some(seen) = same_fact(&finding.evidence, path).map(|evidence| &evidence.value) else {
            let known: Vec<&str> = finding.evidence.iter().map(|evidence| evidence.path.as_str()).collect();
            return Some(format!(
                "it was given for {path}, which the finding does not show; it shows {}",
                known.join(", ")
            ));
        };
        (seen != given).then(|| format!("it was given for {path} = {given}, which is now {seen}; decide anew"))
    })
}

fn finding(waiver: &Waiver, wrong: String, inputs: &Inputs<'_>) -> Finding {
    let subject = match &waiver.subject {
        Some(subject) => format!("waiver of {} for {subject}", waiver.rule),
        None => format!("waiver of {}", waiver.rule),
    };
    Finding {
        rule: RULE.to_owned(),
        title: "Every waiver is in force and accepts something that fails".to_owned(),
        severity: inputs.content.rule(&waiver.rule).map_or(Severity::Medium, |rule| rule.rule.severity),
        verdict: Verdict::Fail,
        subject,
        expected: "a waiver that has not expired, for evidence that has not changed".to_owned(),
        evidence: Vec::new(),
        reason: wrong,
        why: "An accepted failure is a decision with an end; past it, nobody has decided.".to_owned(),
        waiver: None,
        requirements: Vec::new(),
        remedy: format!("Edit the waivers in {}.", inputs.profile_path),
        fix: None,
    }
}
