//! Loading a profile, and writing a first one from what a host has now.

use model::FactsDocument;
use model::Timestamp;
use model::profile::Profile;
use serde_json::Value;

use crate::content::{Content, Declaration};
use crate::rollup::today;
use crate::{Problem, yaml};

/// A profile and where it came from.
#[derive(Clone, Debug, Default)]
pub struct LoadedProfile {
    /// The profile.
    pub profile: Profile,
    /// Its file; empty when none was given.
    pub path: String,
}

/// Reads a profile and checks every name in it against the content.
///
/// # Errors
/// Everything that is wrong with it: a profile decides what is accepted, so a broken one is not used at all.
pub fn load_profile(path: &str, text: &str, content: &Content) -> Result<LoadedProfile, Vec<Problem>> {
    let profile: Profile = yaml::document(path, text).map_err(|problem| vec![problem])?;
    let mut problems = wrong_names(path, text, &profile, content);
    problems.extend(wrong_values(path, text, &profile, content));
    if problems.is_empty() { Ok(LoadedProfile { profile, path: path.to_owned() }) } else { Err(problems) }
}

fn wrong_names(path: &str, text: &str, profile: &Profile, content: &Content) -> Vec<Problem> {
    let mut problems = Vec::new();
    let rules: Vec<&str> = content.rules.iter().map(|rule| rule.rule.id.as_str()).collect();
    let mut unknown = |kind: &str, name: &str, known: &[&str]| {
        if !known.contains(&name) {
            let problem = Problem::at(path, locate(text, name), format!("there is no {kind} `{name}`"));
            problems.push(problem.suggest(name, known.iter().copied()));
        }
    };
    for (rule, params) in &profile.params {
        unknown("rule", rule, &rules);
        if let Some(rule) = content.rule(rule) {
            let known: Vec<&str> = rule.rule.params.keys().map(String::as_str).collect();
            params.keys().for_each(|name| unknown(&format!("parameter of {}", rule.rule.id), name, &known));
        }
    }
    profile.waivers.iter().for_each(|waiver| unknown("rule", &waiver.rule, &rules));
    let guides: Vec<&str> = content.guides.iter().map(|guide| guide.id.as_str()).collect();
    profile.guides.iter().for_each(|guide| unknown("guide", guide, &guides));
    let requirements: Vec<&str> = content
        .guides
        .iter()
        .flat_map(|guide| &guide.requirements)
        .map(|requirement| requirement.id.as_str())
        .collect();
    profile
        .attestations
        .iter()
        .for_each(|attestation| unknown("requirement", &attestation.requirement, &requirements));
    let names: Vec<&str> = content.declarations.keys().map(String::as_str).collect();
    profile.declare.keys().for_each(|name| unknown("declaration", name, &names));
    for waiver in &profile.waivers {
        for (field, value) in [("owner", &waiver.owner), ("reason", &waiver.reason)] {
            if value.trim().is_empty() {
                let what = format!("the waiver of {} has no {field}", waiver.rule);
                problems.push(Problem::at(path, locate(text, &waiver.rule), what));
            }
        }
    }
    for attestation in &profile.attestations {
        for (field, value) in [("by", &attestation.by), ("evidence", &attestation.evidence)] {
            if value.trim().is_empty() {
                let what = format!("the attestation of {} does not say `{field}`", attestation.requirement);
                problems.push(Problem::at(path, locate(text, &attestation.requirement), what));
            }
        }
    }
    problems
}

/// Parameters and declarations of another kind than rules compare with: they would decide nothing, or wrongly.
fn wrong_values(path: &str, text: &str, profile: &Profile, content: &Content) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |name: &str, value: &Value, wanted: &str, example: &str| {
        let what = format!("`{name}` must be {wanted}, not {}", kind(value));
        problems.push(Problem::at(path, locate(text, name), what).help(format!("write `{name}: {example}`")));
    };
    for (id, params) in &profile.params {
        let Some(rule) = content.rule(id) else { continue };
        for (name, value) in params {
            let Some(param) = rule.rule.params.get(name) else { continue };
            if kind(value) != kind(&param.default) {
                wrong(name, value, kind(&param.default), &param.default.to_string());
            }
        }
    }
    for (name, value) in &profile.declare {
        let Some(declaration) = content.declarations.get(name) else { continue };
        let (wanted, example) = match (declaration.is_text, declaration.is_yes_or_no) {
            (true, _) => ("a text", "\"...\""),
            (_, true) => ("true or false", "false"),
            _ => ("a list", "[...]"),
        };
        if kind(value) != wanted {
            wrong(name, value, wanted, example);
        }
    }
    problems
}

/// What a value is, for a person.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// The first place where `word` stands by itself; no place for an empty one.
fn locate(text: &str, word: &str) -> (usize, usize) {
    if word.is_empty() {
        return (0, 0);
    }
    for (index, line) in text.lines().enumerate() {
        let mut from = 0;
        while let Some(found) = line.get(from..).and_then(|rest| rest.find(word)) {
            let at = from + found;
            let joined = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
            let before = line.get(..at).and_then(|head| head.chars().next_back());
            let after = line.get(at + word.len()..).and_then(|tail| tail.chars().next());
            if !before.is_some_and(joined) && !after.is_some_and(joined) {
                return (index + 1, line.get(..at).map_or(1, |head| head.chars().count() + 1));
            }
            from = at + word.len();
        }
    }
    (0, 0)
}

/// Writes a commented profile from what the host has now, for a person to confirm.
pub fn write_profile(content: &Content, document: &FactsDocument, now: Timestamp) -> String {
    let mut text = format!(
        "# Palisade profile of {}, written on {} from what the host had then.\n\
         #\n\
         # Nothing here is approved until a person has read it: go through every list, strike what should not\n\
         # be there, and keep the file under version control. `palisade audit --profile FILE` uses it.\n\n\
         # Who runs the platform: hosted (the vendor) or self-managed (you).\nrole: self-managed\n\n\
         # How much depends on it: low, standard, high or critical.\nassurance: standard\n\n\
         # What is approved. Rules compare the host with these lists.\ndeclare:\n",
        // A line end in the name would end the comment.
        document.target.name.escape_debug(),
        today(now)
    );
    let scope = content.engine.scope(now);
    for declaration in content.declarations.values() {
        declare(&mut text, declaration, &scope, document);
    }
    text.push_str(
        "\n# Parameters that differ from a rule's default: `palisade explain RULE` lists them.\n\
         # params:\n#   ssh.keys-fresh:\n#     max_age_days: 60\n\n\
         # Failures that somebody accepts. Void when the evidence changes; a finding when it has expired.\n\
         # waivers:\n# - rule: ssh.password-login-off\n#   subject: all connections\n\
         #   evidence: {\"ssh.server.scopes[0].options.passwordauthentication\": \"yes\"}\n\
         #   owner: J. Doe\n#   reason: the vendor's technician has no key yet\n#   expires: 2026-12-31\n\n\
         # What people attest: `palisade guides` lists what is due.\n\
         # attestations:\n# - requirement: TSS-3.10-a\n#   by: J. Doe\n#   date: 2026-11-01\n\
         #   evidence: incident process v3, exercise record of October\n",
    );
    text
}

fn declare(
    text: &mut String,
    declaration: &Declaration,
    scope: &crate::cel::Scope<'_, '_>,
    document: &FactsDocument,
) {
    let mut line = |content: std::fmt::Arguments<'_>| {
        text.push_str(&content.to_string());
        text.push('\n');
    };
    for part in declaration.about.lines() {
        line(format_args!("  # {}", part.trim()));
    }
    let Some(from) = &declaration.from else {
        line(format_args!("  # {}: {}\n", declaration.name, declaration.nothing()));
        return;
    };
    let mut inner = scope.inner();
    inner.bind(from, "facts", &document.facts);
    match inner.value(from) {
        Ok(Value::Array(items)) => {
            let mut items: Vec<String> = items.iter().map(quoted).collect();
            items.sort();
            items.dedup();
            if items.is_empty() {
                line(format_args!("  {}: []", declaration.name));
            } else {
                line(format_args!("  {}:", declaration.name));
                items.iter().for_each(|item| line(format_args!("  - {item}")));
            }
        }
        // A text that no host can tell is for the person to write.
        Ok(Value::String(text)) if text.is_empty() => line(format_args!("  # {}: \"\"", declaration.name)),
        Ok(value) => line(format_args!("  {}: {}", declaration.name, quoted(&value))),
        Err(_) => line(format_args!(
            "  # What the host has could not be read.\n  # {}: {}",
            declaration.name,
            declaration.nothing()
        )),
    }
    line(format_args!(""));
}

/// The value as JSON, which is YAML too, with every character escaped that does something other than being seen.
fn quoted(value: &Value) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c,
                '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut text = String::new();
    for c in value.to_string().chars() {
        if hidden(c) {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}
