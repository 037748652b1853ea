//! `palisade content check`.

use anyhow::Result;
use model::content::Rule;
use policy::{Problem, Schema};

use crate::args::Content;
use crate::input;
use crate::output::{Ending, say, tell_problems};

/// Checks a folder of content.
pub(crate) fn run(args: &Content) -> Result<Ending> {
    let Content::Check { dir } = args;
    let (content, mut problems) = policy::Content::load(&input::content_files(dir)?);
    problems.extend(policy::check(&content, &Schema::facts()));
    problems.extend(content.rules.iter().filter_map(|rule| unknown_fix(&rule.rule)));
    for problem in &mut problems {
        problem.file = dir.join(&problem.file).display().to_string();
    }
    tell_problems(&problems);
    let requirements: usize = content.guides.iter().map(|guide| guide.requirements.len()).sum();
    let examples: usize = content
        .rules
        .iter()
        .map(|rule| &rule.rule.examples)
        .map(|e| e.pass.len() + e.fail.len() + e.unknown.len() + e.not_applicable.len())
        .sum();
    say(&format!(
        "{} rules with {examples} examples, {} guides with {requirements} requirements: {}",
        content.rules.len(),
        content.guides.len(),
        match problems.len() {
            0 => "all good".to_owned(),
            1 => "1 problem".to_owned(),
            count => format!("{count} problems"),
        }
    ))?;
    Ok(if problems.is_empty() { Ending::Clean } else { Ending::Incomplete })
}

/// What is wrong with the fix that a rule names.
fn unknown_fix(rule: &Rule) -> Option<Problem> {
    let what = harden::fixes::check(&policy::default_fix(rule)?).err()?;
    let (file, line) = rule.at.rsplit_once(':')?;
    let line = line.parse().unwrap_or(0);
    let problem =
        Problem::at(file, (line, 0), format!("rule {} names a fix that cannot be made: {what}", rule.id));
    Some(problem.help("`palisade fixes` lists the fixes"))
}
