//! What other people's validators say: compliance-trestle of OSCAL, JSON schemas of SARIF and our own report.
//!
//! They run in the Python environment that `cargo xtask setup` prepares; `PALISADE_TEST_VENV` names another.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use model::Report;
use report::{Format, Options, write};

use crate::standard;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report");

#[test]
fn trestle_reads_the_oscal() {
    for (name, report) in reports() {
        let file = file(name, Format::Oscal, &report);
        let output = validate(&["oscal".as_ref(), &file]);
        let said = String::from_utf8_lossy(&output.stdout);
        let requirements = report.guides.iter().map(|guide| guide.requirements.len()).sum::<usize>();
        let (major, rest) = said.trim().split_once("OSCAL 1.1.").map(|(_, rest)| ("1.1", rest)).unwrap();
        assert_eq!(major, "1.1");
        assert!(rest.ends_with(&format!(" {} {requirements}", report.findings.len())), "{said}");
    }
}

#[test]
fn sarif_follows_its_schema() {
    let schema = Path::new(HERE).join("sarif-2.1.0-rtm.5.schema.json");
    for (name, report) in reports() {
        validate(&["schema".as_ref(), &schema, &file(name, Format::Sarif, &report)]);
    }
}

#[test]
fn json_follows_the_committed_schema() {
    let schema = docs("report.schema.json");
    for (name, report) in reports() {
        validate(&["schema".as_ref(), &schema, &file(name, Format::Json, &report)]);
    }
}

fn reports() -> [(&'static str, Report); 3] {
    [("standard", standard::report()), ("clean", standard::clean()), ("empty", standard::empty())]
}

/// The report in a file of its own below the target folder.
fn file(name: &str, format: Format, report: &Report) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "{name}-{}.{}",
        std::process::id(),
        format.extension()
    ));
    std::fs::write(&path, write(format, report, &Options::default()).unwrap()).unwrap();
    path
}

/// What the validator says of a text.
pub(crate) fn checked(arguments: &[&Path], format: Format, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "fleet-{}.{}",
        std::process::id(),
        format.extension()
    ));
    std::fs::write(&path, text).unwrap();
    let output = validate(&[arguments, &[&path]].concat());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A file of the folder of documentation.
pub(crate) fn docs(name: &str) -> PathBuf {
    Path::new(HERE).join("../../../../docs").join(name)
}

/// Runs the validator; panics with what it says when it refuses.
fn validate(arguments: &[&Path]) -> Output {
    let python = python();
    let output = Command::new(&python)
        .arg("-W")
        .arg("ignore")
        .arg(Path::new(HERE).join("validate.py"))
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", python.display()));
    assert!(
        output.status.success(),
        "{} refuses {arguments:?}:\n{}{}",
        python.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if let Some(path) = arguments.last() {
        std::fs::remove_file(path).unwrap();
    }
    output
}

/// The Python of the test environment.
fn python() -> PathBuf {
    // CARGO_TARGET_TMPDIR is the `tmp` of the target folder, wherever that is.
    let default = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("test-venv");
    let venv = std::env::var_os("PALISADE_TEST_VENV").map_or(default, PathBuf::from);
    let python = venv.join("bin/python");
    assert!(
        python.exists(),
        "{} is missing: run `cargo xtask setup`, or set PALISADE_TEST_VENV to a Python environment with \
         `compliance-trestle>=3,<4` and `jsonschema`",
        python.display()
    );
    python
}
