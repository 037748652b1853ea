//! A rule that cannot fail is refused.

use policy::{Schema, check};

use crate::support::load;

fn told(expect: &str, examples: &str) -> Vec<String> {
    let rule = format!(
        "- id: os.known\n  title: T\n  severity: low\n  expect: {expect}\n  expected: E\n  shows: [facts.os]\n  why: W\n  remedy: R\n  examples: {examples}\n"
    );
    let (content, problems) = load(&rule, "guide: t\ntitle: t\n");
    assert_eq!(problems, [], "{rule}");
    let problems = check(&content, &Schema::facts()).into_iter();
    // The facts of these tests are stubs to the declarations beside them.
    problems.filter(|problem| problem.file.starts_with("rules/")).map(|problem| problem.what).collect()
}

#[test]
fn each_operand_must_matter_to_an_example() {
    let both = "{pass: [{os: {}, time: {}}], fail: [{os: null, time: {}}, {os: {}, time: null}]}";
    assert_eq!(told("facts.os != null && facts.time != null", both), Vec::<String>::new());
    let one = "{pass: [{os: {}, time: {}}], fail: [{os: null, time: {}}]}";
    let problems = told("facts.os != null && facts.time != null", one);
    assert_eq!(
        problems,
        ["no example of os.known notices the part on `facts.time` replaced by true in `expect`"]
    );
}

#[test]
fn a_predicate_that_is_always_true_is_refused() {
    let problems = told("facts.os == null || facts.os != null", "{pass: [{os: {}}], fail: [{os: null}]}");
    assert!(problems.iter().any(|problem| problem.contains("fail[0] of os.known gives pass")), "{problems:?}");
}
