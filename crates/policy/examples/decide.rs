//! How long deciding every rule takes over a saved facts document: `cargo run --release -p policy --example decide -- FACTS`.
//!
//! Prints milliseconds, a run a line. Loading the content and reading the document are not in it.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "it measures: a file and a clock are what it is about"
)]

use std::time::Instant;

use model::profile::Profile;
use model::{FactsDocument, Severity};
use policy::{Content, Inputs};

/// How often everything is decided.
const RUNS: usize = 20;

fn main() {
    let path = std::env::args().nth(1).expect("the file of a facts document is named");
    let text = std::fs::read_to_string(&path).expect("the facts document can be read");
    let document: FactsDocument = serde_json::from_str(&text).expect("the file is a facts document");
    let (content, _) = Content::to_decide();
    let profile = Profile::default();
    for _ in 0..RUNS {
        let started = Instant::now();
        let report = policy::decide(&Inputs {
            content: &content,
            document: &document,
            profile: &profile,
            profile_path: "",
            now: document.collected_at,
            version: "0",
            rules: &[],
            guides: &[],
            severity: Severity::Low,
        });
        println!("{:.3} {}", started.elapsed().as_secs_f64() * 1e3, report.findings.len());
    }
}
