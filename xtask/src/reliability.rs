//! Runs what proves that hardening can be undone, and writes the numbers that these tests print to
//! `docs/reliability.md`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Result, bail};

use crate::run::{root, run};
use crate::setup;

/// The page with the table.
const PAGE: &str = "docs/reliability.md";

/// What stands before and after the table.
const BEGIN: &str = "<!-- numbers: written by `cargo xtask reliability` -->\n";
const END: &str = "<!-- end of numbers -->\n";

/// What a test prints before a number.
const MARK: &str = "reliability: ";

/// The tests that print numbers: what is made up in memory, and what runs on a real Debian.
const TESTS: [&str; 2] = ["harden -- --nocapture", "real -- --nocapture harden::"];

/// Runs the tests and writes the table.
pub(crate) fn run_tests() -> Result<()> {
    setup::run()?;
    let venv = root().join(setup::VENV).display().to_string();
    let scratch = tempfile::tempdir()?;
    let mut text = String::new();
    for (number, test) in TESTS.iter().enumerate() {
        let log = scratch.path().join(number.to_string()).display().to_string();
        let script =
            format!("set -o pipefail; cargo test --locked --package palisade --test {test} | tee '{log}'");
        run("bash", &["-c", &script], &[("PALISADE_TEST_VENV", &venv)])?;
        text.push_str(&fs::read_to_string(&log)?);
    }
    let table = table(&text);
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path)?;
    let Some(page) = with_table(&page, &table) else { bail!("{PAGE} has no place for the numbers") };
    fs::write(&path, page)?;
    println!("{table}\nwritten to {PAGE}");
    Ok(())
}

/// The numbers in what the tests printed, in the order of what they count.
fn table(text: &str) -> String {
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for line in text.lines() {
        // The test's name may stand before.
        let counted = line.find(MARK).and_then(|at| line.get(at + MARK.len()..));
        if let Some((number, what)) = counted.and_then(|line| line.split_once(' '))
            && let Ok(number) = number.parse::<u64>()
        {
            *numbers.entry(what).or_default() += number;
        }
    }
    let mut table = String::from("| what was run | how many |\n|---|---|\n");
    numbers.iter().for_each(|(what, number)| table.push_str(&format!("| {what} | {number} |\n")));
    table
}

fn with_table(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_wherever_a_line_holds_them() {
        let text =
            "test a ... reliability: 3 dogs\nok\nreliability: 2 cats\nreliability: 4 dogs\nreliability: x y\n";
        assert_eq!(table(text), "| what was run | how many |\n|---|---|\n| cats | 2 |\n| dogs | 7 |\n");
    }

    #[test]
    fn the_table_is_replaced() {
        let page = format!("a\n{BEGIN}old\n{END}b\n");
        assert_eq!(with_table(&page, "new\n"), Some(format!("a\n{BEGIN}\nnew\n\n{END}b\n")));
        assert_eq!(with_table("a", "new"), None);
    }
}
