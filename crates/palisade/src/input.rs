//! Files the user names: content, profiles, facts, baselines. Bounded, and errors say where.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use model::document::FACTS_SCHEMA;
use model::facts::Facts;
use model::report::REPORT_SCHEMA;
use model::{FactsDocument, Report};
use policy::{Content, ContentFile, LoadedProfile, Problem, Schema};
use serde::Deserialize;
use serde_json::Value;

use crate::args::ContentArgs;
use crate::output::tell_problems;

/// The most bytes of a facts document or a report: twenty times that of a large host.
const DOCUMENT_LIMIT: u64 = 64 << 20;

/// The most bytes of a profile or a content file.
const TEXT_LIMIT: u64 = 2 << 20;

/// Heads of a template that stand there with nothing below them when nothing is filled in.
const HEADS: [&str; 5] = ["system", "updates", "malware", "passwords", "remote_desktop"];

/// Folders of content.
const FOLDERS: [&str; 3] = ["rules", "guides", "declarations"];

/// Reads a text file the user named; `-` is standard input.
pub(crate) fn read(path: &Path, limit: u64) -> Result<String> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
    } else {
        #[expect(
            clippy::disallowed_methods,
            reason = "the user named this file as input; it is not the target"
        )]
        let file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {}", path.display()))?;
    }
    if bytes.len() as u64 > limit {
        bail!("{} is larger than {limit} bytes", path.display());
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        anyhow::anyhow!("{}:{line}:{column}: the file is not UTF-8 text", path.display())
    })
}

/// The content to decide with, and what is wrong with it.
pub(crate) fn content(args: &ContentArgs) -> Result<(Content, Vec<Problem>)> {
    Ok(match &args.content {
        None => Content::load(&policy::embedded()),
        Some(dir) => {
            let (content, mut problems) = Content::load(&content_files(dir)?);
            problems.extend(policy::check_references(&content, &Schema::facts()));
            for problem in &mut problems {
                problem.file = dir.join(&problem.file).display().to_string();
            }
            (content, problems)
        }
    })
}

/// The content to decide with, parsed while `work` is done; what is wrong with it; and what came of the work.
pub(crate) fn content_while<T>(
    args: &ContentArgs,
    work: impl FnOnce() -> T,
) -> (Result<(Content, Vec<Problem>)>, T) {
    std::thread::scope(|scope| {
        let loading = scope.spawn(|| match &args.content {
            None => Ok(Content::to_decide()),
            Some(_) => content(args),
        });
        let done = work();
        let loaded = loading.join();
        (loaded.unwrap_or_else(|_| bail!("loading the content panicked; this is a bug")), done)
    })
}

/// As [`content`], telling what is wrong on standard error; true when something is.
pub(crate) fn content_told(args: &ContentArgs) -> Result<(Content, bool)> {
    let (content, problems) = content(args)?;
    tell_problems(&problems);
    Ok((content, !problems.is_empty()))
}

/// The YAML files of a content folder, sorted.
#[expect(clippy::disallowed_methods, reason = "the user named this folder as input; it is not the target")]
pub(crate) fn content_files(dir: &Path) -> Result<Vec<ContentFile>> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        let below = dir.join(folder);
        if !below.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&below).with_context(|| format!("cannot list {}", below.display()))? {
            let path = entry.with_context(|| format!("cannot list {}", below.display()))?.path();
            if path.extension().is_some_and(|ending| ending == "yaml") {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                files.push(ContentFile { path: format!("{folder}/{name}"), text: read(&path, TEXT_LIMIT)? });
            }
        }
    }
    if files.is_empty() {
        bail!("{} holds no content: no .yaml file in rules/, guides/ or declarations/", dir.display());
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The site's profile; an empty one when none is named. A broken one is an error.
pub(crate) fn profile(path: Option<&Path>, content: &Content) -> Result<LoadedProfile> {
    let Some(path) = path else { return Ok(LoadedProfile::default()) };
    let name = path.display().to_string();
    policy::load_profile(&name, &read(path, TEXT_LIMIT)?, content).map_err(|problems| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", told.join("\n"))
    })
}

/// The facts of a document with their types; the rest of it is read as [`FactsDocument`].
#[derive(Deserialize)]
struct Typed {
    facts: Facts,
}

/// A name that stands in a document and that no fact has.
struct Strange {
    /// Where it stands: `facts.boot.secure_boots`.
    path: String,
    name: String,
    /// The name that was probably meant.
    meant: Option<String>,
}

/// A saved facts document. Mistakes in it must not pass for facts that are not known.
pub(crate) fn facts(path: &Path) -> Result<FactsDocument> {
    let name = path.display().to_string();
    let wrong = |problem: Problem| anyhow::anyhow!("{problem}");
    let (text, document, typed) = match path.extension().and_then(std::ffi::OsStr::to_str) {
        // One that a person filled in has comments.
        Some("yaml" | "yml") => {
            let text = read(path, TEXT_LIMIT)?;
            let document = filled(policy::read_yaml(&name, &text).map_err(wrong)?);
            of_this_schema(&document, &name)?;
            let given = Value::Object(document.facts.clone().into_iter().collect());
            let typed = serde_json::from_value::<Facts>(given).map_err(|error| {
                let at = policy::read_yaml::<Typed>(&name, &text).err().map(|place| (place.line, place.column));
                wrong(Problem::at(&name, at.unwrap_or_default(), error.to_string()))
            })?;
            (text, document, typed)
        }
        _ => {
            let text = read(path, DOCUMENT_LIMIT)?;
            let what = "a facts document; `palisade facts` prints one";
            let document: FactsDocument = json(path, &text, what)?;
            of_this_schema(&document, &name)?;
            let typed = json::<Typed>(path, &text, what)?.facts;
            (text, document, typed)
        }
    };
    let given = Value::Object(document.facts.clone().into_iter().collect());
    if let Some(strange) = strange(&given, &serde_json::to_value(&typed)?, "facts") {
        let what = format!("`{}` is no fact that Palisade knows", strange.path);
        let problem = Problem::at(&name, key_at(&text, &strange.name), what);
        return Err(wrong(match strange.meant {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None => problem.help("`palisade facts --schema` lists the facts"),
        }));
    }
    Ok(document)
}

fn of_this_schema(document: &FactsDocument, name: &str) -> Result<()> {
    if document.schema != FACTS_SCHEMA {
        bail!("{name}: the schema is `{}`, not `{FACTS_SCHEMA}`", document.schema);
    }
    Ok(())
}

/// A document that a person filled in. A head without anything below it is a section of which nothing is known.
fn filled(mut document: FactsDocument) -> FactsDocument {
    for section in document.facts.values_mut() {
        if let Value::Object(section) = section {
            section.retain(|name, value| !(value.is_null() && HEADS.contains(&name.as_str())));
        }
    }
    document
}

/// The first name that stands in `given` and not in `known`, which holds every name that there is.
fn strange(given: &Value, known: &Value, path: &str) -> Option<Strange> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given.iter().find_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match known.get(name) {
                // Some texts are left out when they are empty.
                None if value == "" => None,
                None => {
                    let distance = |known: &&String| strsim::damerau_levenshtein(known, name);
                    let near = known.keys().min_by_key(distance).filter(|near| distance(near) <= 3);
                    Some(Strange { path, name: name.clone(), meant: near.cloned() })
                }
                Some(known) => strange(value, known, &path),
            }
        }),
        (Value::Array(given), Value::Array(known)) => {
            let mut pairs = given.iter().zip(known).enumerate();
            pairs.find_map(|(index, (value, known))| strange(value, known, &format!("{path}[{index}]")))
        }
        _ => None,
    }
}

/// Line and column of the first key of this name; zeroes when it cannot be found.
fn key_at(text: &str, name: &str) -> (usize, usize) {
    let place = |(index, line): (usize, &str)| {
        line.match_indices(name).find_map(|(at, _)| {
            let (before, after) = (line.get(..at)?, line.get(at + name.len()..)?);
            let joined = before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
            let after = after.strip_prefix('"').unwrap_or(after).trim_start();
            (!joined && after.starts_with(':')).then(|| (index + 1, before.chars().count() + 1))
        })
    };
    text.lines().enumerate().find_map(place).unwrap_or_default()
}

/// An earlier report.
pub(crate) fn report(path: &Path) -> Result<Report> {
    let text = read(path, DOCUMENT_LIMIT)?;
    let report: Report = json(path, &text, "a report; `palisade audit --format json` writes one")?;
    if report.schema != REPORT_SCHEMA {
        bail!("{}: the schema is `{}`, not `{REPORT_SCHEMA}`", path.display(), report.schema);
    }
    Ok(report)
}

fn json<T: serde::de::DeserializeOwned>(path: &Path, text: &str, what: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        // What should be there the help says in words.
        let message = message.split(", expected struct ").next().unwrap_or(message);
        let place = format!("{}:{}:{}", path.display(), error.line(), error.column());
        anyhow::anyhow!("error: {message}\n  --> {place}\n  help: this must be {what}")
    })
}
