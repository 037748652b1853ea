//! The words of Palisade; one word for one thing, in code, content, commands and docs alike.

/// Words and what they mean.
pub(crate) const WORDS: &[(&str, &str)] = &[
    (
        "fact",
        "A value that a probe read, with the place it was read from. Known, absent (looked, not there) or unreadable with a reason. `palisade facts` prints them.",
    ),
    (
        "probe",
        "Reads one subject area of a target and returns facts, or says why it could not. Probes run side by side, each with its own time limit.",
    ),
    (
        "target",
        "What is looked at: this host, another one over SSH, a file tree, an image, a server, a saved facts document; its kind says which facts it can have. `palisade audit --help` lists the kinds.",
    ),
    ("fleet", "The reports of several targets that were audited together, and what they come to."),
    (
        "rule",
        "One statement that a machine can decide over facts: subject, predicate (CEL), severity, why, how to mend it, examples. `palisade rules` lists them.",
    ),
    (
        "guide",
        "One published document as an ordered list of requirements. `palisade guides` shows what decides each.",
    ),
    (
        "requirement",
        "One statement of a guide, in our words, with its section; decided by rules, by an attestation, by a service Palisade provides, or by several of them.",
    ),
    ("finding", "A rule's verdict on one subject, with the evidence it rests on."),
    (
        "verdict",
        "pass: the predicate holds. fail: it does not. unknown: a fact it needs is not known, and the reason says why. not applicable: the rule does not concern the target, and the predicate that said so is shown. waived: failing, and accepted by somebody until a day.",
    ),
    (
        "unknown",
        "A rule that could not be decided because a fact is not known. Never a pass and never `not applicable`. The reason ends with the remedy: often `run as root`, or a line to add to the profile.",
    ),
    (
        "attestation",
        "A person's dated statement that a requirement is met, with evidence and an end. Stands under `attestations:` in the profile.",
    ),
    (
        "waiver",
        "An accepted failing rule: rule, subject, the evidence it was given for, owner, reason, last day. Void when the evidence changes; an expired or unmatched one is itself a finding. Stands under `waivers:` in the profile.",
    ),
    (
        "profile.waiver-in-force",
        "The rule about waivers themselves: each has not expired, was given for what is seen now, and accepts something that fails. It is decided with every profile and cannot be waived.",
    ),
    (
        "fix",
        "Makes failing rules pass: a pure function from facts to changes, which are data. `palisade fixes` lists them, `palisade harden` applies them.",
    ),
    (
        "plan",
        "The changes of many fixes as steps, each with the state before and after. `palisade harden` shows it as a diff and changes nothing without `--apply`.",
    ),
    (
        "change set",
        "A plan that was applied, as the journal keeps it: kept, waiting to be confirmed, or undone.",
    ),
    (
        "profile",
        "What a site says of itself: hosting role, assurance class, parameters of rules, what is approved (`declare:`), waivers and attestations. `palisade profile init` writes a first one.",
    ),
    (
        "declaration",
        "A list of what somebody approved, under `declare:` in the profile: services, ports, administrators. Rules compare the host with it and list what is not in it, one by one.",
    ),
    (
        "baseline",
        "An earlier JSON report to compare with: `palisade audit --baseline FILE` shows what is new, what is mended, what can no longer be decided, and which change caused it.",
    ),
    (
        "severity",
        "How much a failing rule matters: low (good practice), medium (helps an attacker who is inside), high (opens, widens or hides a way in), critical (a way in that needs no skill).",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_architecture_is_explained() {
        let text = include_str!("../../../ARCHITECTURE.md");
        let words: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("| **")?.split("**").next()).collect();
        assert!(words.len() > 10, "{words:?}");
        for word in words {
            assert!(WORDS.iter().any(|(name, _)| *name == word), "`palisade explain {word}` says nothing");
        }
    }
}
