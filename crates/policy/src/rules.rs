//! Loading rules: YAML -> a rule whose predicate is parsed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::content::{Each, Examples, Param, Rule};
use model::report::TargetKind;
use model::{FactsDocument, Severity};
use serde::Deserialize;
use serde_json::Value;

use crate::cel::{Engine, Expression, Scope};
use crate::content::Purpose;
use crate::paths::{Path, Step};
use crate::yaml::{self, Entry, Start, Text};
use crate::{ContentFile, Problem};

/// A rule whose expressions are parsed.
pub struct CompiledRule {
    /// The rule as it is written.
    pub rule: Rule,
    pub(crate) when: Option<Part>,
    pub(crate) expect: Part,
    pub(crate) each: Option<EachPart>,
    pub(crate) shows: Vec<(Path, (usize, usize))>,
    pub(crate) file: String,
    pub(crate) at: (usize, usize),
}

/// An expression and where it stands in the file.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) expression: Expression,
    text: String,
    start: Start,
}

/// The list that a rule goes through.
pub(crate) struct EachPart {
    pub(crate) path: Path,
    pub(crate) name: String,
    pub(crate) subject: Option<Path>,
    pub(crate) at: (usize, usize),
}

impl Part {
    /// Where the character `offset` stands.
    pub(crate) fn place(&self, offset: usize) -> (usize, usize) {
        self.start.place(&self.text, offset)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: Text,
    title: String,
    severity: Severity,
    #[serde(default)]
    when: Option<Text>,
    #[serde(default)]
    each: Option<Text>,
    #[serde(default)]
    subject: Option<Text>,
    expect: Text,
    #[serde(default)]
    expected: String,
    #[serde(default)]
    shows: Vec<Text>,
    why: String,
    remedy: String,
    #[serde(default)]
    fix: Option<Value>,
    #[serde(default)]
    refs: Vec<String>,
    #[serde(default)]
    params: BTreeMap<String, Param>,
    examples: Examples,
}

/// Loads one file of rules.
pub(crate) fn load(
    engine: &Engine,
    file: &ContentFile,
    purpose: Purpose,
    problems: &mut Vec<Problem>,
) -> Vec<CompiledRule> {
    let text = match purpose {
        Purpose::Check => Cow::Borrowed(file.text.as_str()),
        Purpose::Decide => Cow::Owned(without_examples(&file.text)),
    };
    let (entries, wrong) = yaml::list::<RawRule>(&file.path, &text);
    problems.extend(wrong);
    let mut rules = Vec::with_capacity(entries.len());
    for entry in entries {
        match compile(engine, file, &entry) {
            Ok(rule) => rules.push(rule),
            Err(wrong) => problems.extend(wrong),
        }
    }
    rules
}

fn compile(
    engine: &Engine,
    file: &ContentFile,
    entry: &Entry<'_, RawRule>,
) -> Result<CompiledRule, Vec<Problem>> {
    let raw = &entry.value;
    let mut problems = Vec::new();
    let each = raw.each.as_ref().and_then(|text| {
        read_each(text, raw.subject.as_ref(), entry.place(text))
            .map_err(|what| {
                let help = "write `each: facts.docker.containers as c`";
                problems.push(Problem::at(&file.path, entry.place(text), what).help(help));
            })
            .ok()
    });
    if let (Some(subject), None) = (&raw.subject, &raw.each) {
        let what = "`subject` names an element, but there is no `each`";
        problems.push(Problem::at(&file.path, entry.place(subject), what));
    }
    let element = each.as_ref().map(|each| each.name.clone());
    let part = |text: &Text, problems: &mut Vec<Problem>| match Expression::parse(
        engine,
        &text.value,
        element.as_deref(),
    ) {
        Ok(expression) => Some(Part { expression, text: text.value.clone(), start: entry.start(text) }),
        Err(error) => {
            let at = entry.start(text).place(&text.value, error.offset);
            problems.push(Problem::at(&file.path, at, format!("rule {}: {}", raw.id.value, error.message)));
            None
        }
    };
    // Of what is absent nothing is there: `when` asks for parts of it without asking for the whole first.
    let when = raw.when.as_ref().map(|text| {
        part(text, &mut problems).map(|mut part| {
            part.expression.below_absent_is_null = true;
            part
        })
    });
    let expect = part(&raw.expect, &mut problems);
    let mut shows = Vec::new();
    for text in &raw.shows {
        match Path::parse(&text.value) {
            Some(path) => shows.push((path, entry.place(text))),
            None => problems.push(
                Problem::at(&file.path, entry.place(text), format!("`{}` is not a fact's path", text.value))
                    .help("`shows` takes plain paths such as facts.ssh.server.options.usepam"),
            ),
        }
    }
    let at = entry.place(&raw.id);
    match (expect, when) {
        (Some(expect), when) if problems.is_empty() => Ok(CompiledRule {
            rule: Rule {
                id: raw.id.value.clone(),
                title: raw.title.clone(),
                severity: raw.severity,
                when: raw.when.as_ref().map(|text| text.value.trim().to_owned()).unwrap_or_default(),
                each: each.as_ref().map(|each| Each {
                    path: each.path.to_string(),
                    name: each.name.clone(),
                    subject: each.subject.as_ref().map(ToString::to_string),
                }),
                expect: raw.expect.value.trim().to_owned(),
                expected: raw.expected.clone(),
                shows: shows.iter().map(|(path, _)| path.to_string()).collect(),
                why: raw.why.trim().to_owned(),
                remedy: raw.remedy.trim().to_owned(),
                fix: raw.fix.clone(),
                refs: raw.refs.clone(),
                params: raw.params.clone(),
                examples: raw.examples.clone(),
                at: format!("{}:{}", file.path, at.0),
            },
            when: when.flatten(),
            expect,
            each,
            shows,
            file: file.path.clone(),
            at,
        }),
        _ => Err(problems),
    }
}

/// The text with empty examples; every line keeps its number.
fn without_examples(text: &str) -> String {
    let mut kept = String::with_capacity(text.len() / 2);
    let mut inside = false;
    for line in text.lines() {
        if line.trim_end() == "  examples:" {
            inside = true;
            kept.push_str("  examples: {}");
        } else {
            inside &= line.starts_with("   ") || line.trim().is_empty();
            if !inside {
                kept.push_str(line);
            }
        }
        kept.push('\n');
    }
    kept
}

fn read_each(text: &Text, subject: Option<&Text>, at: (usize, usize)) -> Result<EachPart, String> {
    let (path, name) = text.value.split_once(" as ").ok_or("`each` must name the element")?;
    let path = Path::parse(path.trim()).filter(|path| path.root == "facts");
    let path = path.ok_or_else(|| format!("`{}` is not a fact's path", text.value))?;
    let name = name.trim().to_owned();
    let good_name = Path::parse(&name).is_some_and(|path| path.steps.is_empty());
    if !good_name || crate::cel::ROOTS.contains(&name.as_str()) {
        return Err(format!("`{name}` cannot name an element"));
    }
    let subject = match subject {
        None => None,
        Some(subject) => match Path::parse(subject.value.trim()).filter(|path| path.root == name) {
            Some(path) => Some(path),
            None => return Err(format!("the subject `{}` must be a path of `{name}`", subject.value)),
        },
    };
    Ok(EachPart { path, name, subject, at })
}

impl CompiledRule {
    /// Its expressions: `when` if there is one, then `expect`.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.when.iter().chain([&self.expect])
    }

    /// Whether a target of this kind can have all the facts that the rule reads.
    pub fn concerns(&self, kind: TargetKind) -> bool {
        let expressions = self.parts().flat_map(|part| &part.expression.paths);
        let each = self.each.iter().map(|each| &each.path);
        expressions.chain(each).filter(|path| path.root == "facts").all(|path| {
            let name = |at: usize| match path.steps.get(at) {
                Some(Step::Field(name) | Step::Key(name)) => name.as_str(),
                _ => "",
            };
            kind.has(name(0), name(1))
        })
    }

    /// Binds the facts and declarations it reads, for this and every later rule of the scope.
    pub(crate) fn bind_shared<'v>(
        &'v self,
        scope: &mut Scope<'_, 'v>,
        document: &'v FactsDocument,
        declared: &'v Value,
    ) {
        for part in self.parts() {
            scope.bind_values(&part.expression, "facts", &document.facts);
            scope.bind_values(&part.expression, "declared", declared);
        }
    }

    /// The same rule with another expression in place of `when` or `expect`.
    pub(crate) fn with(&self, name: &str, expression: Expression) -> Self {
        let (mut when, mut expect) = (self.when.clone(), self.expect.clone());
        match (name, &mut when) {
            ("when", Some(when)) => when.expression = expression,
            _ => expect.expression = expression,
        }
        let each = self.each.as_ref().map(|each| EachPart {
            path: each.path.clone(),
            name: each.name.clone(),
            subject: each.subject.clone(),
            at: each.at,
        });
        Self {
            rule: self.rule.clone(),
            when,
            expect,
            each,
            shows: self.shows.clone(),
            file: self.file.clone(),
            at: self.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_out_examples_changes_neither_rules_nor_lines() {
        let mut count = 0;
        for file in crate::embedded().iter().filter(|file| file.path.starts_with("rules/")) {
            let read = |purpose| {
                let engine = Engine::new(purpose);
                let mut problems = Vec::new();
                let mut rules = load(&engine, file, purpose, &mut problems);
                assert_eq!(problems, []);
                rules.iter_mut().for_each(|rule| rule.rule.examples = Examples::default());
                rules.iter().map(|rule| format!("{:?} {:?}", rule.rule, rule.at)).collect::<Vec<_>>()
            };
            let rules = read(Purpose::Decide);
            assert_eq!(rules, read(Purpose::Check));
            count += rules.len();
        }
        assert!(count > 500, "{count}");
    }
}
