//! Runs the program on a product, and says what it found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The Python of the test environment.
pub(crate) fn python() -> PathBuf {
    // CARGO_TARGET_TMPDIR is the `tmp` of the target folder, wherever that is.
    let default = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("test-venv");
    let venv = std::env::var_os("PALISADE_TEST_VENV").map_or(default, PathBuf::from);
    let python = venv.join("bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask setup`", python.display());
    python
}

/// A file beside the tests.
pub(crate) fn beside(name: &str) -> String {
    format!("{}/tests/products/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What an audit gave: the report, and all that was written; or why there is none.
pub(crate) struct Audited {
    pub(crate) report: Value,
    pub(crate) text: String,
}

/// Audits a target.
pub(crate) fn audit(args: &[&str]) -> Audited {
    let output = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["audit", "--format", "json"])
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    if text.is_empty() {
        assert!(error.contains("cannot be audited"), "{args:?}: {error}");
        return Audited { report: Value::Null, text: error };
    }
    let report =
        serde_json::from_str(&text).unwrap_or_else(|wrong| panic!("{args:?}: {wrong}\n{text}\n{error}"));
    Audited { report, text }
}

impl Audited {
    /// Verdicts by rule; the worst where a rule has several.
    pub(crate) fn verdicts(&self) -> BTreeMap<String, String> {
        let rank = |verdict: &str| {
            ["not_applicable", "pass", "unknown", "fail"].iter().position(|one| *one == verdict)
        };
        let mut verdicts = BTreeMap::<String, String>::new();
        for finding in self.report["findings"].as_array().into_iter().flatten() {
            let verdict = finding["verdict"].as_str().unwrap();
            let entry = verdicts.entry(finding["rule"].as_str().unwrap().to_owned()).or_default();
            if entry.is_empty() || rank(verdict) > rank(entry) {
                *entry = verdict.to_owned();
            }
        }
        verdicts
    }

    /// The rules with a verdict.
    pub(crate) fn with(&self, verdict: &str) -> Vec<String> {
        self.verdicts().into_iter().filter(|(_, of)| of == verdict).map(|(rule, _)| rule).collect()
    }

    /// Whether nothing could be read, so that there is no report.
    pub(crate) fn refused(&self) -> bool {
        self.report.is_null()
    }

    /// The reasons and evidence of a rule's findings, as text; why there is no report when there is none.
    pub(crate) fn about(&self, rule: &str) -> String {
        if self.refused() {
            return self.text.clone();
        }
        let all = self.report["findings"].as_array().unwrap();
        let mine: Vec<String> = all.iter().filter(|one| one["rule"] == rule).map(Value::to_string).collect();
        assert!(!mine.is_empty(), "no finding of {rule}");
        mine.join("\n")
    }
}
