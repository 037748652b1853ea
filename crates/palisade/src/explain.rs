//! `palisade explain`.

use anyhow::{Result, bail};
use model::content::{Guide, Requirement, Rule};
use policy::Content;
use probe::PROBES;
use report::terminal::{Page, style};
use serde_json::Value;

use crate::args::Explain;
use crate::glossary::WORDS;
use crate::input;
use crate::output::{Ending, page_options, say};

/// The column at which the labels of a page end.
const COLUMN: usize = 10;

/// Explains a rule, a requirement, a guide, a section of facts or a word.
pub(crate) fn run(args: &Explain) -> Result<Ending> {
    let (content, broken) = input::content_told(&args.content)?;
    let word = args.word.as_str();
    let mut page = Page::new(&page_options(false));
    let requirement = content.guides.iter().find_map(|guide| {
        guide.requirements.iter().find(|r| r.id.eq_ignore_ascii_case(word)).map(|r| (guide, r))
    });
    if let Some(rule) = content.rule(word) {
        explain_rule(&mut page, &rule.rule, &content);
    } else if let Some((guide, requirement)) = requirement {
        explain_requirement(&mut page, guide, requirement, &content);
    } else if let Some(guide) = content.guides.iter().find(|guide| guide.id == word) {
        page.hanging((style::STRONG, &format!("{}: ", guide.id)), (style::STRONG, &guide.title), 2);
        page.indented(2, style::PLAIN, &guide.about);
        let count =
            format!("{} requirements; `palisade guides {}` lists them.", guide.requirements.len(), guide.id);
        page.indented(2, style::DIM, &count);
    } else if let Some((_, meaning)) = WORDS.iter().find(|(name, _)| *name == word.to_lowercase()) {
        page.hanging((style::STRONG, &format!("{word}: ")), (style::PLAIN, meaning), 2);
    } else if PROBES.iter().any(|probe| probe.name == word) {
        explain_section(&mut page, word, &content);
    } else if let Some(declaration) = content.declarations.get(word.trim_start_matches("declared.")) {
        let label = format!("declared.{}: ", declaration.name);
        page.hanging((style::STRONG, &label), (style::PLAIN, &declaration.about), 2);
    } else {
        bail!("nothing is called `{word}`{}", suggestion(word, &content));
    }
    say(&page.finish())?;
    Ok(if broken { Ending::Incomplete } else { Ending::Clean })
}

fn suggestion(word: &str, content: &Content) -> String {
    let rules = content.rules.iter().map(|rule| rule.rule.id.as_str());
    let requirements = content.guides.iter().flat_map(|guide| &guide.requirements).map(|r| r.id.as_str());
    let guides = content.guides.iter().map(|guide| guide.id.as_str());
    let words = WORDS.iter().map(|(name, _)| *name);
    let sections = PROBES.iter().map(|probe| probe.name);
    let all: Vec<&str> = rules.chain(requirements).chain(guides).chain(words).chain(sections).collect();
    let containing: Vec<&str> = all.iter().copied().filter(|name| name.contains(word)).take(6).collect();
    if !containing.is_empty() && word.len() > 2 {
        return format!("; do you mean one of {}?", containing.join(", "));
    }
    let near = all.into_iter().min_by_key(|name| strsim::damerau_levenshtein(name, word));
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

fn explain_rule(page: &mut Page, rule: &Rule, content: &Content) {
    let severity = format!("{}[{}] ", rule.severity, rule.id);
    page.hanging((style::severity(rule.severity), &severity), (style::STRONG, &rule.title), 2);
    page.gap();
    page.field(COLUMN, "why", style::PLAIN, &rule.why);
    page.field(COLUMN, "mend", style::PLAIN, &rule.remedy);
    let named = rule.fix.as_ref().and_then(Value::as_object).and_then(|fix| fix.keys().next());
    if let Some(fix) = named.and_then(|id| harden::fixes::find(id)) {
        let asked = if fix.opt_in { format!(" --opt-in {}", fix.id) } else { String::new() };
        let text =
            format!("palisade harden --rule {}{asked}: {} (disrupts: {})", rule.id, fix.title, fix.disruption);
        page.field(COLUMN, "fix", style::PLAIN, &text);
    }
    page.gap();
    if let Some(each) = &rule.each {
        page.field(COLUMN, "for each", style::PLAIN, &format!("{} of {}", each.name, each.path));
    }
    if !rule.when.is_empty() {
        page.field(COLUMN, "when", style::PLAIN, &rule.when);
    }
    page.field(COLUMN, "expect", style::PLAIN, &rule.expect);
    page.field(COLUMN, "shows", style::PLAIN, &rule.shows.join(", "));
    for (name, param) in &rule.params {
        let text = format!("{name} = {}: {}", param.default, param.about);
        page.field(COLUMN, "parameter", style::PLAIN, &text);
    }
    page.gap();
    let asked = content.requirements_by_rule().remove(rule.id.as_str()).unwrap_or_default();
    for id in asked {
        let title = content.guides.iter().flat_map(|guide| &guide.requirements).find(|r| r.id == id);
        let title = title.map(|requirement| requirement.title.as_str()).unwrap_or_default();
        page.field(COLUMN, "asked by", style::PLAIN, &format!("{id}: {title}"));
    }
    if !rule.refs.is_empty() {
        page.field(COLUMN, "see also", style::PLAIN, &rule.refs.join(", "));
    }
    let examples = &rule.examples;
    let count = format!(
        "{} pass, {} fail, {} unknown, {} not applicable; {}",
        examples.pass.len(),
        examples.fail.len(),
        examples.unknown.len(),
        examples.not_applicable.len(),
        rule.at
    );
    page.field(COLUMN, "examples", style::DIM, &count);
}

fn explain_requirement(page: &mut Page, guide: &Guide, requirement: &Requirement, content: &Content) {
    let label = format!("{} ({}) ", requirement.id, requirement.level);
    page.hanging((style::PERSON, &label), (style::STRONG, &requirement.title), 2);
    page.gap();
    page.field(COLUMN, "guide", style::PLAIN, &format!("{} ({})", guide.title, guide.id));
    page.field(COLUMN, "section", style::PLAIN, &requirement.section);
    if let Some(role) = requirement.role {
        page.field(COLUMN, "binds", style::PLAIN, &format!("{role} platforms"));
    }
    for id in &requirement.rules {
        let title = content.rule(id).map(|rule| rule.rule.title.as_str()).unwrap_or_default();
        page.field(COLUMN, "rule", style::PLAIN, &format!("{id}: {title}"));
    }
    if let Some(attest) = &requirement.attest {
        page.field(COLUMN, "attested", style::PLAIN, &attest.to_string());
    }
    if let Some(service) = &requirement.service {
        page.field(COLUMN, "service", style::PLAIN, &service.to_string());
    }
    if let Some(none) = &requirement.none {
        page.field(COLUMN, "nothing", style::PLAIN, none);
    }
    if let Some(note) = &requirement.note {
        page.field(COLUMN, "note", style::PLAIN, note);
    }
}

/// A section's facts: names and what they mean, from the schema.
fn explain_section(page: &mut Page, section: &str, content: &Content) {
    let schema = model::facts::schema();
    page.line(&[(style::STRONG, &format!("facts.{section}"))]);
    let definition = definition(&schema, section).unwrap_or(&Value::Null);
    let about = definition.get("description").and_then(Value::as_str).unwrap_or_default();
    page.indented(2, style::PLAIN, about);
    page.gap();
    for (name, property) in definition.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let about = property.get("description").and_then(Value::as_str).unwrap_or_default();
        // The lines of a comment in the code are no lines of a page.
        page.hanging((style::PERSON, &format!("  {name}  ")), (style::PLAIN, &about.replace('\n', " ")), 6);
    }
    page.gap();
    let path = format!("facts.{section}.");
    let using = content.rules.iter().filter(|rule| {
        let rule = &rule.rule;
        rule.expect.contains(&path) || rule.each.as_ref().is_some_and(|each| each.path.starts_with(&path))
    });
    page.indented(
        2,
        style::DIM,
        &format!("{} rules read it. `palisade facts {section}` prints it.", using.count()),
    );
}

fn definition<'a>(schema: &'a Value, section: &str) -> Option<&'a Value> {
    let property = schema.get("properties")?.get(section)?;
    let any = property.get("anyOf").and_then(Value::as_array).into_iter().flatten().chain([property]);
    let reference = any.filter_map(|node| node.get("$ref")).find_map(Value::as_str)?;
    schema.pointer(reference.strip_prefix('#')?)
}
