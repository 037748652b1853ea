//! A finding's name for life: the same as long as rule, target and subject are.

use model::report::Target;
use sha2::{Digest, Sha256};

/// SHA-256 (hex) over target, rule and subject: equal in every report about the same thing.
///
/// The target counts by its id where it has one, so that a rename changes nothing; a subject that is the
/// target itself counts as empty for the same reason. Verdict, evidence and line numbers do not count.
pub fn fingerprint(target: &Target, rule: &str, subject: &str) -> String {
    let id = if target.id.is_empty() { &target.name } else { &target.id };
    let subject = if subject == target.name { "" } else { subject };
    let mut hash = Sha256::new();
    for part in ["palisade.finding/1", id, rule, subject] {
        // Lengths keep ("a", "bc") apart from ("ab", "c").
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use model::report::TargetKind;

    use super::*;

    fn target(name: &str, id: &str) -> Target {
        Target { kind: TargetKind::Host, name: name.to_owned(), id: id.to_owned() }
    }

    #[test]
    fn a_renamed_host_keeps_its_fingerprints() {
        let (old, new) = (target("edge-07", "4f1c"), target("edge-08", "4f1c"));
        assert_eq!(fingerprint(&old, "ssh.x", "edge-07"), fingerprint(&new, "ssh.x", "edge-08"));
        assert_eq!(fingerprint(&old, "docker.x", "web"), fingerprint(&new, "docker.x", "web"));
    }

    #[test]
    fn rules_subjects_and_targets_are_kept_apart() {
        let host = target("edge-07", "");
        assert_ne!(fingerprint(&host, "ab", "c"), fingerprint(&host, "a", "bc"));
        assert_ne!(fingerprint(&host, "a", "web"), fingerprint(&host, "a", "db"));
        assert_ne!(fingerprint(&host, "a", "web"), fingerprint(&target("edge-08", ""), "a", "web"));
    }
}
