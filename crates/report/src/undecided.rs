//! Why findings are unknown, gathered so that each cause is said once with all that it would decide.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use model::report::{Finding, Report, Verdict};

use crate::evidence::count;

/// The unknown findings of a report by what would decide them.
#[derive(Default)]
pub(crate) struct Undecided<'a> {
    /// Decided by running as root.
    pub(crate) root: Vec<&'a Finding>,
    /// Decided by declarations in the profile, by name.
    pub(crate) declarations: BTreeMap<&'a str, Wanted<'a>>,
    /// The findings that wait for a declaration, worst first.
    pub(crate) undeclared: Vec<&'a Finding>,
    /// The others by cause, in the order of the report.
    pub(crate) others: Vec<Cause<'a>>,
}

/// Something that the profile should declare.
pub(crate) struct Wanted<'a> {
    /// What it is about, as far as it is known.
    pub(crate) about: &'a str,
    /// What it looks like without content: `[]`, or `""` for one text.
    pub(crate) empty: &'static str,
}

/// One reason and all that it leaves undecided.
pub(crate) struct Cause<'a> {
    /// The reason.
    pub(crate) reason: &'a str,
    /// How many more reasons the same rule gives for other subjects.
    pub(crate) more: usize,
    /// The findings; never empty.
    pub(crate) findings: Vec<&'a Finding>,
}

impl Cause<'_> {
    /// The reason, and that there are more.
    pub(crate) fn text(&self) -> String {
        match self.more {
            0 => self.reason.to_owned(),
            more => format!("{} (and {})", self.reason, count(more, "more reason")),
        }
    }
}

impl<'a> Undecided<'a> {
    /// Gathers the unknown findings of `report`.
    ///
    /// A reason that names `declared.NAME` waits for the profile; one that says "run as root" names its own
    /// remedy; any other stands for itself.
    pub(crate) fn of(report: &'a Report) -> Self {
        let mut all = Self::default();
        let mut reasons: HashMap<&str, usize> = HashMap::new();
        for finding in report.findings.iter().filter(|finding| finding.verdict == Verdict::Unknown) {
            let declarations = declarations(finding);
            if !declarations.is_empty() {
                all.declarations
                    .extend(declarations.into_iter().map(|name| (name, wanted(&finding.reason, name))));
                all.undeclared.push(finding);
            } else if finding.reason.contains("run as root") {
                all.root.push(finding);
            } else {
                let reason = cause(&finding.reason);
                let place = *reasons.entry(reason).or_insert(all.others.len());
                match all.others.get_mut(place) {
                    Some(cause) => cause.findings.push(finding),
                    None => all.others.push(Cause { reason, more: 0, findings: vec![finding] }),
                }
            }
        }
        all.undeclared.sort_by_key(|finding| Reverse(finding.severity));
        all.others = join(all.others);
        all
    }
}

/// What lies behind a reason, without the fact that just this rule asked for.
///
/// Reasons read "`facts.net` is absent, so `facts.net.dns` cannot be read" or "docker.engine: no answer".
fn cause(reason: &str) -> &str {
    if let Some((cause, _)) = reason.split_once(", so `") {
        return cause;
    }
    match reason.split_once(": ") {
        // A place such as `/etc/shadow` belongs to the cause; the path of a fact does not.
        Some((path, cause)) if !path.contains([' ', '/']) => cause,
        _ => reason,
    }
}

/// Joins the causes that concern one rule alone: thousands of subjects with a reason each are one cause.
fn join(causes: Vec<Cause<'_>>) -> Vec<Cause<'_>> {
    let mut joined: Vec<Cause<'_>> = Vec::new();
    let mut alone: HashMap<&str, usize> = HashMap::new();
    for cause in causes {
        let Some(first) = cause.findings.first().copied() else { continue };
        if cause.findings.iter().any(|finding| finding.rule != first.rule) {
            joined.push(cause);
            continue;
        }
        let place = *alone.entry(&first.rule).or_insert(joined.len());
        match joined.get_mut(place) {
            Some(earlier) => {
                earlier.more += 1;
                earlier.findings.extend(cause.findings);
            }
            None => joined.push(cause),
        }
    }
    joined
}

/// The declarations that `finding`'s reason asks for.
fn declarations(finding: &Finding) -> Vec<&str> {
    let mut names: Vec<&str> = finding.reason.split("declared.").skip(1).map(identifier).collect();
    names.retain(|name| !name.is_empty());
    names
}

/// What is wanted of the declaration `name`: the reason ends "Add `NAME: [...]`", or "Add `NAME: "..."`" for a
/// text, or "Add `NAME: false`" for yes or no.
fn wanted<'a>(reason: &'a str, name: &str) -> Wanted<'a> {
    let asks = |value: &str| reason.contains(&format!("Add `{name}: {value}"));
    let empty = match (asks("\""), asks("false")) {
        (true, _) => "\"\"",
        (_, true) => "false",
        _ => "[]",
    };
    Wanted { about: about(reason, name), empty }
}

/// What the declaration `name` is about: the reason says "`declared.NAME`: ABOUT. Add `NAME: ...".
fn about<'a>(reason: &'a str, name: &str) -> &'a str {
    let said = reason.split_once(&format!("`declared.{name}`: ")).map(|(_, about)| about);
    said.and_then(|about| about.split_once(" Add `")).map_or("", |(about, _)| about)
}

/// The identifier that `text` begins with.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_ends_where_a_name_ends() {
        assert_eq!(identifier("ssh_users; add it"), "ssh_users");
        assert_eq!(identifier("`x"), "");
    }

    #[test]
    fn a_reason_says_what_its_declaration_is_about() {
        let reason = "the profile does not say `declared.users`: Who may log in. Add `users: [...]` under it.";
        assert_eq!(about(reason, "users"), "Who may log in.");
        assert_eq!(about("the profile does not say `declared.users` Add `users`", "users"), "");
    }

    #[test]
    fn a_line_to_add_has_the_shape_of_its_declaration() {
        for (shape, empty) in [("[...]", "[]"), ("\"...\"", "\"\""), ("false", "false")] {
            let reason = format!("the profile does not say `declared.x`: X. Add `x: {shape}` under it.");
            assert_eq!(wanted(&reason, "x").empty, empty);
        }
    }

    #[test]
    fn rules_that_miss_different_facts_share_a_cause() {
        assert_eq!(cause("`facts.net` is absent, so `facts.net.dns` cannot be read"), "`facts.net` is absent");
        assert_eq!(cause("docker.engine: no answer within 5 s"), "no answer within 5 s");
        assert_eq!(cause("net.sysctl[\"a.b\"]: not there: why"), "not there: why");
        assert_eq!(cause("/etc/x: binary junk"), "/etc/x: binary junk");
        assert_eq!(cause("nobody knows"), "nobody knows");
    }
}
