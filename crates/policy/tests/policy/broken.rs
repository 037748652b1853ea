//! Broken content: each slip is told with file, line, column and what was meant; the rest still loads.

use policy::{Schema, check};

use crate::support::{GUIDE, RULES, load};

/// What loading and checking say of one rule, given as the lines that differ from a good one.
fn told(replace: &str, by: &str) -> String {
    let good = r#"
- id: os.supported
  title: The release is supported
  severity: high
  when: facts.os != null
  expect: facts.os != null
  expected: a release
  shows: [facts.os]
  why: Because.
  remedy: Upgrade.
  examples: {pass: [], fail: []}
"#;
    assert!(good.contains(replace), "{replace}");
    let (content, mut problems) = load(&good.replacen(replace, by, 1), GUIDE);
    problems.extend(check(&content, &Schema::facts()));
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn every_slip_is_told_with_its_place() {
    for (replace, by, place, said) in [
        ("severity: high", "severity: hihg", "rules/test.yaml:4:13", "hihg"),
        ("severity: high", "severty: high", "rules/test.yaml:4:3", "severty"),
        ("expect: facts.os != null", "expect: facts.os != ", "rules/test.yaml:6:", "end of the expression"),
        ("expect: facts.os != null", "expect: facts.sos != null", "rules/test.yaml:6:11", "did you mean `os`?"),
        (
            "expect: facts.os != null",
            "expect: fact.os != null",
            "rules/test.yaml:6:11",
            "did you mean `facts`?",
        ),
        (
            "expect: facts.os != null",
            "expect: 'siez(facts.os) > 1'",
            "rules/test.yaml:6:",
            "did you mean `size`?",
        ),
        ("expect: facts.os != null", "expect: has(facts.os)", "rules/test.yaml:6:", "facts.x != null"),
        (
            "expect: facts.os != null",
            "expect: facts.os == \"x\"",
            "rules/test.yaml:6:11",
            "compared (`==`) with a string",
        ),
        ("shows: [facts.os]", "shows: [facts.os + 1]", "rules/test.yaml:8:11", "is not a fact's path"),
        ("shows: [facts.os]", "shows: []", "rules/test.yaml:2:", "shows no evidence"),
        ("  expected: a release\n", "", "rules/test.yaml:2:7", "does not say what is expected"),
        (
            "expected: a release",
            "expected: 'at least {min_age}'",
            "rules/test.yaml:2:7",
            "`{min_age}`, which is no parameter",
        ),
        ("id: os.supported", "id: Supported", "rules/test.yaml:2:7", "subject.state"),
        (
            "examples: {pass: [], fail: []}",
            "examples: {pass: [{ox: 1}], fail: []}",
            "rules/test.yaml:2",
            "did you mean `os`?",
        ),
        (
            "examples: {pass: [], fail: []}",
            "examples: {pass: [], fail: []}",
            "rules/test.yaml:2",
            "no passing example",
        ),
        (
            "examples: {pass: [], fail: []}",
            "examples: {pass: [{os: null}], fail: []}",
            "rules/test.yaml:2",
            "gives not_applicable",
        ),
        ("when: facts.os != null", "each: facts.os", "rules/test.yaml:5:9", "must name the element"),
        ("title: The release is supported", "title: [", "rules/test.yaml:", ""),
    ] {
        let told = told(replace, by);
        assert!(told.contains(place) && told.contains(said), "{by}: wanted {place} and {said} in\n{told}");
    }
}

#[test]
fn one_broken_rule_does_not_hide_the_others() {
    let rules = RULES.replacen("severity: high", "severity: [", 1);
    let (content, problems) = load(&rules, GUIDE);
    assert_eq!(content.rules.len(), 2);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let doubled = format!("{RULES}{RULES}");
    let (_, problems) = load(&doubled, GUIDE);
    assert!(problems[0].what.contains("stands twice"), "{problems:?}");
}

#[test]
fn guides_that_name_unknown_rules_or_decide_nothing_are_told() {
    let guide = GUIDE.replacen("ssh.password-login-off", "ssh.pasword-login-off", 1);
    let (content, problems) = load(RULES, &guide);
    assert_eq!(problems, []);
    let told: String = check(&content, &Schema::facts()).iter().map(|problem| problem.to_string()).collect();
    assert!(
        told.contains("guides/test.yaml:4:7") && told.contains("did you mean `ssh.password-login-off`?"),
        "{told}"
    );
    let (_, problems) = load(RULES, &GUIDE.replacen("  rules: [ssh.password-login-off]\n", "", 1));
    assert!(problems[0].what.contains("nothing decides requirement T-1"), "{problems:?}");
}

#[test]
fn hostile_content_ends_as_problems() {
    for text in [
        "\u{0}\u{1}\u{2}",
        "- - - -",
        "&a [*a, *a]",
        "- id: {",
        "- id: \"\\u{110000}\"",
        &"[".repeat(100_000),
        &"- ".repeat(50_000),
    ] {
        let (content, problems) = load(text, GUIDE);
        assert_eq!(content.rules.len(), 0);
        assert!(!problems.is_empty(), "{:?}", text.get(..20));
    }
}
