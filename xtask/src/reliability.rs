//! Runs what proves that hardening can be undone and that the server stands what strangers do to it, and writes the numbers
//! that these tests print to `docs/reliability.md`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Result, bail};

use crate::run::{root, run};
use crate::setup;

/// The page with the table.
const PAGE: &str = "docs/reliability.md";

/// What stands before and after the table of counts.
const BEGIN: &str = "<!-- numbers: written by `cargo xtask reliability` -->\n";
const END: &str = "<!-- end of numbers -->\n";

/// The same of the table of what was measured.
const BEGIN_MEASURED: &str = "<!-- server: written by `cargo xtask reliability` -->\n";
const END_MEASURED: &str = "<!-- end of server -->\n";

/// What a test prints before a number.
const MARK: &str = "reliability: ";

/// What a test prints before what it measured.
const MEASURED: &str = "measured: ";

/// The tests that print numbers: what is made up in memory, what runs on a real Debian, crowds at the server, and servers that are
/// killed.
const TESTS: [&str; 4] = [
    "harden -- --nocapture",
    "real -- --nocapture harden::",
    "up -- --nocapture outside::crowds",
    "up -- --nocapture crash::",
];

/// Idle connections of the crowd: as many as a server must bear.
const IDLE: (&str, &str) = ("PALISADE_TEST_IDLE", "10000");

/// Kills of servers in each of the tests that kill them.
const KILLS: (&str, &str) = ("PALISADE_TEST_KILLS", "200");

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
        run("bash", &["-c", &script], &[("PALISADE_TEST_VENV", &venv), IDLE, KILLS])?;
        text.push_str(&fs::read_to_string(&log)?);
    }
    let (table, measured) = (table(&text), measured(&text));
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path)?;
    let page = with_table(&page, (BEGIN, END), &table)
        .and_then(|page| with_table(&page, (BEGIN_MEASURED, END_MEASURED), &measured));
    let Some(page) = page else { bail!("{PAGE} has no place for the numbers") };
    fs::write(&path, page)?;
    println!("{table}\n{measured}\nwritten to {PAGE}");
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

/// What the tests measured, in the order in which they did.
fn measured(text: &str) -> String {
    let mut table = String::from("| what was done | what was measured |\n|---|---|\n");
    for line in text.lines() {
        let told = line.find(MEASURED).and_then(|at| line.get(at + MEASURED.len()..));
        if let Some((what, value)) = told.and_then(|line| line.split_once(" | ")) {
            table.push_str(&format!("| {what} | {value} |\n"));
        }
    }
    table
}

fn with_table(page: &str, (begin, end): (&str, &str), table: &str) -> Option<String> {
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{table}\n{end}{after}"))
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
    fn what_was_measured_stays_in_its_order() {
        let text = "measured: b | 2 ms, p99 3 ms\nx\nmeasured: a | 1\nmeasured: no value\n";
        assert_eq!(
            measured(text),
            "| what was done | what was measured |\n|---|---|\n| b | 2 ms, p99 3 ms |\n| a | 1 |\n"
        );
    }

    #[test]
    fn the_table_is_replaced() {
        let page = format!("a\n{BEGIN}old\n{END}b\n");
        assert_eq!(with_table(&page, (BEGIN, END), "new\n"), Some(format!("a\n{BEGIN}\nnew\n\n{END}b\n")));
        assert_eq!(with_table("a", (BEGIN, END), "new"), None);
    }
}
