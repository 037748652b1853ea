//! The content check: refuses rules that cannot fail, paths that do not exist, examples that do not hold.

use std::collections::BTreeSet;

use model::report::Verdict;

use crate::cel::{FUNCTIONS, MACROS, Outcome, ROOTS, Use};
use crate::content::Content;
use crate::examples::{self, Kind, RESERVED};
use crate::paths::{Path, Step};
use crate::problem::{Problem, place};
use crate::rules::{CompiledRule, Part};
use crate::schema::{NoSuchPath, Schema};

/// Checks everything that loading did not: paths, functions, types, examples, mutants, references between files.
pub fn check(content: &Content, schema: &Schema) -> Vec<Problem> {
    let mut problems = Vec::new();
    for rule in &content.rules {
        let before = problems.len();
        check_texts(rule, &mut problems);
        check_names(rule, schema, content, &mut problems);
        check_examples(rule, schema, content, &mut problems);
        // A rule whose examples do not hold would only be told again by its mutants.
        if problems.len() == before {
            check_mutants(rule, content, &mut problems);
        }
    }
    check_guides(content, &mut problems);
    check_declarations(content, schema, &mut problems);
    problems.sort();
    problems.dedup();
    problems
}

/// Checks what can be checked at every start: that facts, functions, rules and parameters which are named exist.
pub fn check_references(content: &Content, schema: &Schema) -> Vec<Problem> {
    let mut problems = Vec::new();
    content.rules.iter().for_each(|rule| check_names(rule, schema, content, &mut problems));
    check_guides(content, &mut problems);
    check_declarations(content, schema, &mut problems);
    problems.sort();
    problems.dedup();
    problems
}

fn check_texts(rule: &CompiledRule, problems: &mut Vec<Problem>) {
    let id = &rule.rule.id;
    let good_id = id.split_once('.').is_some_and(|(subject, state)| {
        let kebab = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        kebab(subject) && kebab(state)
    });
    if !good_id {
        problems.push(
            Problem::at(&rule.file, rule.at, format!("`{id}` is not a rule's id"))
                .help("write subject.state in lower case with hyphens: ssh.password-login-off"),
        );
    }
    let empty: Vec<&str> =
        [("title", &rule.rule.title), ("why", &rule.rule.why), ("remedy", &rule.rule.remedy)]
            .into_iter()
            .filter(|(_, text)| text.trim().is_empty())
            .map(|(name, _)| name)
            .collect();
    if !empty.is_empty() {
        problems.push(Problem::at(&rule.file, rule.at, format!("rule {id} has no {}", empty.join(" and no "))));
    }
    if rule.rule.shows.is_empty() {
        problems.push(
            Problem::at(&rule.file, rule.at, format!("rule {id} shows no evidence"))
                .help("list in `shows` the facts that a person needs to believe the verdict"),
        );
    }
    check_expected(rule, problems);
}

/// A person is told what should have been seen in the words of the setting, never the predicate.
fn check_expected(rule: &CompiledRule, problems: &mut Vec<Problem>) {
    let id = &rule.rule.id;
    if rule.rule.expected.trim().is_empty() {
        problems
            .push(Problem::at(&rule.file, rule.at, format!("rule {id} does not say what is expected")).help(
            "write in `expected` what should be seen, in the words of the setting: PasswordAuthentication no",
        ));
    }
    for name in
        rule.rule.expected.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
    {
        if !rule.rule.params.contains_key(name) {
            let what = format!("`expected` of rule {id} names `{{{name}}}`, which is no parameter");
            let known = rule.rule.params.keys().map(String::as_str);
            problems.push(Problem::at(&rule.file, rule.at, what).suggest(name, known));
        }
    }
}

fn check_names(rule: &CompiledRule, schema: &Schema, content: &Content, problems: &mut Vec<Problem>) {
    if let Some(each) = &rule.each
        && let Err(wrong) = schema.kinds(&each.path)
    {
        problems.push(no_such_path(rule, each.at, &wrong));
    }
    for part in rule.when.iter().chain([&rule.expect]) {
        check_uses(rule, part, schema, content, problems);
    }
    for (path, at) in &rule.shows {
        match path.root.as_str() {
            root if ROOTS.contains(&root) => check_path(rule, path, *at, schema, content, problems),
            root if rule.each.as_ref().is_some_and(|each| each.name == root) => {
                check_path(rule, path, *at, schema, content, problems);
            }
            root => problems.push(
                Problem::at(&rule.file, *at, format!("`{root}` is not a root of facts"))
                    .help("begin with `facts.` or with the name that `each` gives"),
            ),
        }
    }
}

fn check_uses(
    rule: &CompiledRule,
    part: &Part,
    schema: &Schema,
    content: &Content,
    problems: &mut Vec<Problem>,
) {
    for found in &part.expression.uses {
        match found {
            Use::Path { path, offset, .. } => {
                check_path(rule, path, part.place(*offset), schema, content, problems);
            }
            Use::Unknown { name, offset } => {
                let roots = ROOTS.iter().copied().chain(rule.each.as_ref().map(|each| each.name.as_str()));
                let problem =
                    Problem::at(&rule.file, part.place(*offset), format!("`{name}` is not known here"));
                problems.push(problem.suggest(name, roots));
            }
            Use::Call { name, offset } => {
                if !FUNCTIONS.contains(&name.as_str()) {
                    let problem =
                        Problem::at(&rule.file, part.place(*offset), format!("there is no function `{name}`"));
                    problems.push(problem.suggest(name, FUNCTIONS.iter().chain(MACROS).copied()));
                }
            }
            Use::Has { offset } => problems.push(
                Problem::at(&rule.file, part.place(*offset), "`has()` would call an unreadable fact absent")
                    .help("absent facts are null: write `facts.x != null`"),
            ),
            Use::Comparison(comparison) => {
                let Some(path) = as_fact(rule, &comparison.path, schema) else { continue };
                let Ok(kinds) = schema.kinds(&path) else { continue };
                if !kinds.is_empty() && !kinds.contains(comparison.literal) {
                    let known: Vec<&str> = kinds.into_iter().collect();
                    let what = format!(
                        "`{}` is a {}, but is compared (`{}`) with a {}",
                        comparison.path,
                        known.join(" or "),
                        comparison.operator,
                        comparison.literal
                    );
                    problems.push(Problem::at(&rule.file, part.place(comparison.offset), what));
                }
            }
        }
    }
}

/// A path of the rule as a path of the facts; none when it begins elsewhere.
fn as_fact(rule: &CompiledRule, path: &Path, schema: &Schema) -> Option<Path> {
    if path.root == "facts" {
        return Some(path.clone());
    }
    let each = rule.each.as_ref().filter(|each| each.name == path.root)?;
    let is_list = schema.kinds(&each.path).is_ok_and(|kinds| kinds.contains("array"));
    let element = if is_list { Step::Index(0) } else { Step::Key(String::new()) };
    let mut full = each.path.clone().then(element);
    full.steps.extend(path.steps.iter().cloned());
    Some(full)
}

fn check_path(
    rule: &CompiledRule,
    path: &Path,
    at: (usize, usize),
    schema: &Schema,
    content: &Content,
    problems: &mut Vec<Problem>,
) {
    let first = path.steps.first().map(|step| match step {
        Step::Field(name) | Step::Key(name) => name.clone(),
        other => format!("{other:?}"),
    });
    match (path.root.as_str(), first) {
        ("params", Some(name)) => {
            if !rule.rule.params.contains_key(&name) {
                let what = format!("rule {} has no parameter `{name}`", rule.rule.id);
                let known = rule.rule.params.keys().map(String::as_str);
                problems.push(Problem::at(&rule.file, at, what).suggest(&name, known));
            }
        }
        ("declared", Some(name)) => {
            if !content.declarations.contains_key(&name) {
                let what = format!("`{name}` is not described in content/declarations");
                let known = content.declarations.keys().map(String::as_str);
                problems.push(Problem::at(&rule.file, at, what).suggest(&name, known));
            }
        }
        ("params" | "declared", None) => {
            problems.push(Problem::at(&rule.file, at, format!("`{}` needs a name after it", path.root)));
        }
        _ => {
            if let Some(full) = as_fact(rule, path, schema)
                && let Err(wrong) = schema.kinds(&full)
            {
                problems.push(no_such_path(rule, at, &wrong));
            }
        }
    }
}

fn no_such_path(rule: &CompiledRule, at: (usize, usize), wrong: &NoSuchPath) -> Problem {
    let what = format!("rule {} uses an unknown fact `{}`", rule.rule.id, wrong.upto);
    let problem =
        Problem::at(&rule.file, at, what).suggest(&wrong.name, wrong.known.iter().map(String::as_str));
    if problem.help.is_empty() && !wrong.known.is_empty() {
        let some: Vec<&str> = wrong.known.iter().take(12).map(String::as_str).collect();
        return problem.help(format!("known there: {}", some.join(", ")));
    }
    problem
}

fn check_examples(rule: &CompiledRule, schema: &Schema, content: &Content, problems: &mut Vec<Problem>) {
    let id = &rule.rule.id;
    let examples = examples::all(rule);
    for kind in [Kind::Pass, Kind::Fail] {
        if !examples.iter().any(|(found, ..)| *found == kind) {
            let what = format!("rule {id} has no {}ing example", kind.as_str());
            problems.push(Problem::at(&rule.file, rule.at, what));
        }
    }
    for (kind, index, example) in examples {
        let name = format!("example {}[{index}] of {id}", kind.as_str());
        for (key, value) in example.as_object().into_iter().flatten() {
            if RESERVED.contains(&key.as_str()) {
                continue;
            }
            let path = Path::root("facts").then(Step::Field(key.clone()));
            let wrong = schema.kinds(&path).err().or_else(|| schema.misfit(&path, value));
            if let Some(wrong) = wrong {
                let what = format!("{name}: `{}` does not fit the facts", wrong.upto);
                let known: Vec<&str> = wrong.known.iter().map(String::as_str).collect();
                let problem =
                    Problem::at(&rule.file, rule.at, what).suggest(&wrong.name, known.iter().copied());
                let help = format!("{} given; known there: {}", wrong.name, known.join(", "));
                problems.push(if problem.help.is_empty() { problem.help(help) } else { problem });
            }
        }
        match examples::run(&content.engine, rule, example) {
            Ok((verdicts, _)) if kind.fits(&verdicts) => {}
            Ok((verdicts, reasons)) => {
                let words: BTreeSet<&str> = verdicts.iter().map(|verdict| verdict.as_str()).collect();
                let got: Vec<&str> = words.into_iter().collect();
                problems.push(
                    Problem::at(&rule.file, rule.at, format!("{name} gives {}", got.join(" and ")))
                        .help(reasons),
                );
            }
            Err(what) => problems.push(Problem::at(&rule.file, rule.at, format!("{name}: {what}"))),
        }
    }
}

/// Replaces each boolean operand by true and by false: some example must notice.
fn check_mutants(rule: &CompiledRule, content: &Content, problems: &mut Vec<Problem>) {
    let verdicts_of = |rule: &CompiledRule| -> Vec<Vec<Verdict>> {
        examples::all(rule)
            .into_iter()
            .filter_map(|(_, _, example)| examples::run(&content.engine, rule, example).ok())
            .map(|(verdicts, _)| verdicts)
            .collect()
    };
    let original = verdicts_of(rule);
    let parts = [("when", rule.when.as_ref()), ("expect", Some(&rule.expect))];
    for (name, part) in parts.into_iter().filter_map(|(name, part)| Some((name, part?))) {
        for (what, expression) in part.expression.mutants() {
            let mutant = rule.with(name, expression);
            if verdicts_of(&mutant) == original {
                let place = part.place(0);
                problems.push(
                    Problem::at(
                        &rule.file,
                        place,
                        format!("no example of {} notices {what} in `{name}`", rule.rule.id),
                    )
                    .help("add an example that decides on that part alone, or remove the part"),
                );
            }
        }
    }
}

fn check_guides(content: &Content, problems: &mut Vec<Problem>) {
    let ids: Vec<&str> = content.rules.iter().map(|rule| rule.rule.id.as_str()).collect();
    for requirement in content.guides.iter().flat_map(|guide| &guide.requirements) {
        for rule in &requirement.rules {
            if !ids.contains(&rule.as_str()) {
                let (file, at) = place(&requirement.at);
                let what = format!("requirement {} names an unknown rule `{rule}`", requirement.id);
                let problem = Problem::at(file, at, what);
                problems.push(problem.suggest(rule, ids.iter().copied()));
            }
        }
    }
}

fn check_declarations(content: &Content, schema: &Schema, problems: &mut Vec<Problem>) {
    for declaration in content.declarations.values() {
        let Some(from) = &declaration.from else { continue };
        for found in &from.uses {
            if let Use::Path { path, .. } = found
                && let Err(wrong) = schema.kinds(path)
            {
                let what = format!("declaration {} uses an unknown fact `{}`", declaration.name, wrong.upto);
                let known = wrong.known.iter().map(String::as_str);
                problems.push(Problem::at(&declaration.file, declaration.at, what).suggest(&wrong.name, known));
            }
        }
        // Evaluated over nothing it must miss a fact, not fail: a wrong function or type would fail.
        let scope = content.engine.scope(jiff::Timestamp::UNIX_EPOCH);
        if let Err(Outcome::Failed(message)) = scope.value(from) {
            let what = format!("declaration {}: {message}", declaration.name);
            problems.push(Problem::at(&declaration.file, declaration.at, what));
        }
    }
}
