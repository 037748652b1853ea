//! Files the user names: content, profiles, facts, baselines. Bounded, and errors say where.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use model::document::FACTS_SCHEMA;
use model::report::REPORT_SCHEMA;
use model::{FactsDocument, Report};
use policy::{Content, ContentFile, LoadedProfile, Problem, Schema};
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
        anyhow::anyhow!("{}:{line}: the file is not UTF-8 text", path.display())
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

/// A saved facts document.
pub(crate) fn facts(path: &Path) -> Result<FactsDocument> {
    let document: FactsDocument = match path.extension().and_then(std::ffi::OsStr::to_str) {
        // One that a person filled in has comments.
        Some("yaml" | "yml") => filled(path)?,
        _ => json(path, "a facts document; `palisade facts` prints one")?,
    };
    if document.schema != FACTS_SCHEMA {
        bail!("{}: the schema is `{}`, not `{FACTS_SCHEMA}`", path.display(), document.schema);
    }
    Ok(document)
}

/// A facts document that a person filled in. Mistakes in it must not pass for facts that are not known.
fn filled(path: &Path) -> Result<FactsDocument> {
    let name = path.display().to_string();
    let mut document: FactsDocument =
        policy::read_yaml(&name, &read(path, TEXT_LIMIT)?).map_err(|problem| anyhow::anyhow!("{problem}"))?;
    // A head without anything below it is a section of which nothing is known.
    for section in document.facts.values_mut() {
        if let Value::Object(section) = section {
            section.retain(|name, value| !(value.is_null() && HEADS.contains(&name.as_str())));
        }
    }
    let given = Value::Object(document.facts.clone().into_iter().collect());
    let typed: model::facts::Facts =
        serde_json::from_value(given.clone()).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
    let mut known = FactsDocument::new(document.target.clone(), document.collected_at);
    if let Value::Object(sections) = serde_json::to_value(&typed)? {
        for (section, value) in sections {
            known.insert_section(&section, value);
        }
    }
    if let Some(path) = strange(&given, &Value::Object(known.facts.into_iter().collect()), "facts") {
        bail!(
            "{name}: `{path}` is no fact that Palisade knows; compare with `palisade facts template windows`"
        );
    }
    Ok(document)
}

/// The first name that stands in `given` and not in `known`.
fn strange(given: &Value, known: &Value, path: &str) -> Option<String> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given.iter().find_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match known.get(name) {
                None => Some(path),
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

/// An earlier report.
pub(crate) fn report(path: &Path) -> Result<Report> {
    let report: Report = json(path, "a report; `palisade audit --format json` writes one")?;
    if report.schema != REPORT_SCHEMA {
        bail!("{}: the schema is `{}`, not `{REPORT_SCHEMA}`", path.display(), report.schema);
    }
    Ok(report)
}

fn json<T: serde::de::DeserializeOwned>(path: &Path, what: &str) -> Result<T> {
    let text = read(path, DOCUMENT_LIMIT)?;
    serde_json::from_str(&text).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        let place = format!("{}:{}:{}", path.display(), error.line(), error.column());
        anyhow::anyhow!("error: {message}\n  --> {place}\n  help: this must be {what}")
    })
}
