//! Why findings are unknown, gathered so that each cause is said once with all that it would decide.

use std::collections::BTreeMap;

use model::report::{Evidence, Finding, Report, Verdict};

/// The unknown findings of a report by what would decide them.
#[derive(Default)]
pub(crate) struct Undecided<'a> {
    /// Decided by running as root.
    pub(crate) root: Vec<&'a Finding>,
    /// Decided by a declaration in the profile: its name, and the findings that wait for it.
    pub(crate) declarations: BTreeMap<&'a str, Vec<&'a Finding>>,
    /// The others by reason, in the order of the report.
    pub(crate) others: Vec<(&'a str, Vec<&'a Finding>)>,
}

impl<'a> Undecided<'a> {
    /// Gathers the unknown findings of `report`.
    ///
    /// A reason that says "run as root" names its own remedy; one that names `declared.NAME` waits for the
    /// profile; any other stands for itself.
    pub(crate) fn of(report: &'a Report) -> Self {
        let mut all = Self::default();
        for finding in report.findings.iter().filter(|finding| finding.verdict == Verdict::Unknown) {
            let declarations = declarations(finding);
            if !declarations.is_empty() {
                for name in declarations {
                    all.declarations.entry(name).or_default().push(finding);
                }
            } else if finding.reason.contains("run as root") {
                all.root.push(finding);
            } else {
                match all.others.iter_mut().find(|(reason, _)| *reason == finding.reason) {
                    Some((_, findings)) => findings.push(finding),
                    None => all.others.push((&finding.reason, vec![finding])),
                }
            }
        }
        all
    }
}

/// The declarations that `finding`'s reason asks for.
fn declarations(finding: &Finding) -> Vec<&str> {
    let named_by_evidence = |evidence: &'_ Evidence| evidence.value.is_null();
    let mut names: Vec<&str> = finding.reason.split("declared.").skip(1).map(identifier).collect();
    if finding.reason.contains("declare") {
        let evidence = finding.evidence.iter().filter(|evidence| named_by_evidence(evidence));
        names.extend(evidence.filter_map(|evidence| evidence.path.strip_prefix("declared.")).map(identifier));
    }
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    names
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
}
