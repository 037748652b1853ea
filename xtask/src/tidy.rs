//! What no other tool checks: sizes, first lines, names, paths in docs, arrows between crates.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::Value;

use crate::run::{output, root};

/// A longer file has a seam that was not found.
const LINES_LIMIT: usize = 600;

/// Files that may be longer, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &["utils.rs", "helpers.rs", "common.rs", "misc.rs", "util.rs"];

/// Who may depend on whom; every arrow points down.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("host", &[]),
    ("ledger", &[]),
    ("probe", &["model", "host"]),
    ("policy", &["model"]),
    ("report", &["model"]),
    ("harden", &["model", "host"]),
    ("server", &["model", "report", "policy", "ledger"]),
    ("palisade", &["model", "host", "probe", "policy", "report", "harden", "ledger", "server"]),
    ("test-support", &["model", "host"]),
    ("xtask", &["report", "ledger", "test-support"]),
];

/// Runs every check; tells all that is wrong.
pub(crate) fn run() -> Result<()> {
    let root = root();
    let listed = output("git", &["ls-files", "--cached", "--others", "--exclude-standard"])?;
    let files: Vec<PathBuf> =
        listed.lines().map(PathBuf::from).filter(|path| root.join(path).is_file()).collect();
    let mut wrong = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs")) {
        check_source(&root, path, &mut wrong)?;
    }
    for path in files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "md")) {
        check_paths(&root, path, &mut wrong)?;
    }
    check_fuzz_targets(&root, &files, &mut wrong)?;
    check_arrows(&mut wrong)?;
    check_dependency_comments(&root, &mut wrong)?;
    if wrong.is_empty() {
        println!("tidy: {} files are in order", files.len());
        return Ok(());
    }
    for line in &wrong {
        eprintln!("tidy: {line}");
    }
    bail!("{} things are untidy", wrong.len());
}

fn check_source(root: &Path, path: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let text = fs::read_to_string(root.join(path))?;
    let shown = path.display();
    let lines = text.lines().count();
    let excused = LONG_FILES.iter().any(|(name, _)| Path::new(name) == path);
    if lines > LINES_LIMIT && !excused {
        wrong.push(format!("{shown} has {lines} lines; find the seam (limit {LINES_LIMIT})"));
    }
    if !text.starts_with("//!") {
        wrong.push(format!("{shown} does not begin with `//!` and what it is for"));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if EMPTY_NAMES.contains(&name.as_ref()) {
        wrong.push(format!("{shown}: name the file for what is in it"));
    }
    for (number, line) in text.lines().enumerate() {
        let unowned = ["TODO", "FIXME", "XXX"]
            .iter()
            .any(|word| line.contains(&format!("{word}:")) || line.contains(&format!("{word} ")));
        if unowned && !path.ends_with("tidy.rs") {
            wrong.push(format!("{shown}:{}: a promise without an issue", number + 1));
        }
    }
    Ok(())
}

/// Every path in back quotes that looks like one of ours must exist.
fn check_paths(root: &Path, path: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let text = fs::read_to_string(root.join(path))?;
    for (number, line) in text.lines().enumerate() {
        for word in line.split('`').skip(1).step_by(2) {
            let ours = ["crates/", "content/", "docs/", "xtask/", "fuzz/", ".ci/"];
            let plain = !word.contains(['*', '<', ' ', '{', '$']);
            let word = word.split(':').next().unwrap_or(word);
            if plain && ours.iter().any(|start| word.starts_with(start)) && !root.join(word).exists() {
                wrong.push(format!("{}:{}: `{word}` does not exist", path.display(), number + 1));
            }
        }
    }
    Ok(())
}

/// Every fuzz target starts from seeds, and is told of.
fn check_fuzz_targets(root: &Path, files: &[PathBuf], wrong: &mut Vec<String>) -> Result<()> {
    let told = fs::read_to_string(root.join("docs/fuzzing.md"))?;
    for path in files.iter().filter(|path| path.starts_with("fuzz/src/bin")) {
        let target = path.file_stem().unwrap_or_default().to_string_lossy();
        if !told.contains(&format!("| `{target}` |")) {
            wrong.push(format!("{} is not in docs/fuzzing.md", path.display()));
        }
        if !root.join("fuzz/seeds").join(target.as_ref()).is_dir() {
            wrong.push(format!("{} has no seeds in fuzz/seeds/{target}", path.display()));
        }
    }
    Ok(())
}

fn check_arrows(wrong: &mut Vec<String>) -> Result<()> {
    let metadata: Value =
        serde_json::from_str(&output("cargo", &["metadata", "--format-version=1", "--no-deps"])?)?;
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for package in metadata.get("packages").and_then(Value::as_array).into_iter().flatten() {
        let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
        let Some(down) = allowed.get(name) else {
            wrong.push(format!("crate {name} has no floor; add it to ARROWS and to ARCHITECTURE.md"));
            continue;
        };
        for dependency in package.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
            let to = dependency.get("name").and_then(Value::as_str).unwrap_or_default();
            let in_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            let is_ours = dependency.get("path").is_some_and(|path| !path.is_null());
            if is_ours && !in_tests && !down.contains(&to) {
                wrong.push(format!("crate {name} may not depend on {to}: the arrow points up or sideways"));
            }
        }
    }
    Ok(())
}

/// Every group of shared dependencies says why it is there.
fn check_dependency_comments(root: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let text = fs::read_to_string(root.join("Cargo.toml"))?;
    let mut in_section = false;
    let mut explained = false;
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            in_section = line == "[workspace.dependencies]";
        } else if in_section {
            match line.chars().next() {
                Some('#') => explained = true,
                None => explained = false,
                Some(_) if !explained && !line.starts_with(' ') => {
                    wrong.push(format!("Cargo.toml:{}: a dependency without a comment why", number + 1));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}
