//! What a finding rests on, as short text.

use model::report::{Evidence, Finding, Report, Verdict};
use serde_json::Value;

/// The fact's path as a person reads it: without the root that all facts share.
pub(crate) fn path(evidence: &Evidence) -> &str {
    evidence.path.strip_prefix("facts.").unwrap_or(&evidence.path)
}

/// The value as JSON; what is not there in words.
pub(crate) fn value(evidence: &Evidence) -> String {
    match &evidence.value {
        Value::Null if evidence.path.starts_with("declared.") => "not declared".to_owned(),
        Value::Null => "absent".to_owned(),
        other => listed(other).unwrap_or_else(|| spaced(other)),
    }
}

/// Characters up to which a list of things is shown as it is.
const SHORT: usize = 120;
/// Characters of names that stand for a longer list.
const NAMES: usize = 1000;

/// The names of the things in a list that is too long to read as JSON, each name once.
fn listed(value: &Value) -> Option<String> {
    let items = value.as_array()?;
    if spaced(value).chars().count() <= SHORT {
        return None;
    }
    let name = |item: &Value| {
        let named = ["path", "name", "id", "subject", "source"].iter().find_map(|key| item.get(key));
        named.and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned)
    };
    let mut names = items.iter().map(name).collect::<Option<Vec<_>>>()?;
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        if text.len() + name.len() > NAMES && at > 0 {
            text.push_str(&format!(" and {} more", names.len() - at));
            break;
        }
        text.push_str(if at > 0 { ", " } else { "" });
        text.push_str(name);
    }
    Some(text)
}

/// A value as JSON with a space after each comma and colon, so that long lists wrap.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(spaced).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::String(name.clone()), spaced(value))
            };
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// `path = value`.
pub(crate) fn seen(evidence: &Evidence) -> String {
    format!("{} = {}", path(evidence), value(evidence))
}

/// The subject when it is not the target itself.
pub(crate) fn subject_of<'a>(report: &Report, finding: &'a Finding) -> Option<&'a str> {
    (finding.subject != report.target.name && !finding.subject.is_empty()).then_some(finding.subject.as_str())
}

/// The findings of one rule that share a verdict.
pub(crate) struct Group<'a> {
    /// Its findings, in the order of the report; never empty.
    pub(crate) findings: Vec<&'a Finding>,
    /// The first of them, which speaks for the rule.
    pub(crate) first: &'a Finding,
}

/// The findings with `verdict`, rule by rule, in the order in which the rules first appear.
pub(crate) fn by_rule(report: &Report, verdict: Verdict) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for finding in report.findings.iter().filter(|finding| finding.verdict == verdict) {
        let place = *places.entry(finding.rule.as_str()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.findings.push(finding),
            None => groups.push(Group { findings: vec![finding], first: finding }),
        }
    }
    groups
}

/// `1 rule`, `2 rules`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_json_that_wraps() {
        let evidence = |path: &str, value| Evidence { path: path.to_owned(), value, source: None };
        assert_eq!(
            seen(&evidence("facts.a.b", json!([1, {"x": "y, z", "n": null}]))),
            r#"a.b = [1, {"n": null, "x": "y, z"}]"#
        );
        assert_eq!(seen(&evidence("facts.a", Value::Null)), "a = absent");
        let names = |names: &[String]| {
            Value::from(names.iter().map(|name| json!({"path": name, "mode": "0644"})).collect::<Vec<_>>())
        };
        let long = format!("/{}", "x".repeat(120));
        assert_eq!(
            seen(&evidence("facts.a", names(&[long.clone(), "/b".to_owned()]))),
            format!("a = {long}, /b")
        );
        let many: Vec<String> = (0..300).map(|at| format!("/{at}")).collect();
        assert!(seen(&evidence("facts.a", names(&many))).ends_with(" more"));
        assert_eq!(seen(&evidence("declared.users", Value::Null)), "declared.users = not declared");
    }
}
