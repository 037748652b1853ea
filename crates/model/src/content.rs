//! Rules and guides: what can be verified, and what each document asks for.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Severity;

/// One statement that a machine can decide over facts.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `subject.state`: `ssh.password-login-off`. Never reused.
    pub id: String,
    /// The state the rule asks for, as a sentence.
    pub title: String,
    /// How much a failure matters.
    pub severity: Severity,
    /// CEL; false means that the rule does not apply. Empty: it always does.
    pub when: String,
    /// The list whose elements are judged one by one.
    pub each: Option<Each>,
    /// CEL; true is a pass.
    pub expect: String,
    /// What should be seen, for a person; `{name}` is the value of a parameter. The content check demands it.
    pub expected: String,
    /// Paths of the facts a finding shows.
    pub shows: Vec<String>,
    /// Why it matters.
    pub why: String,
    /// How a person mends it, with the command or line to write.
    pub remedy: String,
    /// The fix that mends it, as data: `{sshd-option: {...}}`.
    pub fix: Option<Value>,
    /// Standards that ask for the same.
    pub refs: Vec<String>,
    /// Values that a site may change, by name.
    pub params: BTreeMap<String, Param>,
    /// Documents that must be decided in the given way.
    pub examples: Examples,
    /// Where the rule stands: `rules/ssh.yaml:12`.
    pub at: String,
}

/// `each: facts.docker.containers as c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Each {
    /// The path of the list or map.
    pub path: String,
    /// The name of an element in `when`, `expect` and `shows`.
    pub name: String,
    /// Path, from the element's name, of what a finding calls its subject.
    pub subject: Option<String>,
}

/// A value that a site may tighten or loosen in its profile.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// The value without a profile.
    pub default: Value,
    /// What it means, with its unit.
    pub about: String,
}

/// Facts documents (without the leading `facts`) that show what a rule decides.
///
/// Each may also hold `declared` (what the profile declares), `params` and `now` (RFC 3339).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Examples {
    /// At least one finding, and all of them pass.
    pub pass: Vec<Value>,
    /// At least one finding fails.
    pub fail: Vec<Value>,
    /// At least one finding is unknown.
    pub unknown: Vec<Value>,
    /// The rule does not apply.
    pub not_applicable: Vec<Value>,
}

/// One published document.
#[derive(Clone, Debug)]
pub struct Guide {
    /// `nerve-ms`.
    pub id: String,
    /// The document's title.
    pub title: String,
    /// What the document is and where it comes from.
    pub about: String,
    /// Its statements in document order.
    pub requirements: Vec<Requirement>,
}

/// One statement of a guide.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// `TSS-3.2.7`.
    pub id: String,
    /// The section of the document.
    pub section: String,
    /// How binding it is.
    pub level: Level,
    /// What it asks for, in our words.
    pub title: String,
    /// Whom it binds; both when none.
    pub role: Option<Role>,
    /// The least assurance class it concerns; all when none.
    pub assurance: Option<Assurance>,
    /// Rules that decide it.
    pub rules: Vec<String>,
    /// What a person attests.
    pub attest: Option<Attest>,
    /// The Palisade service that provides it.
    pub service: Option<Service>,
    /// Why nothing decides it.
    pub none: Option<String>,
    /// What the reader should know of our reading.
    pub note: Option<String>,
    /// Where it stands: `guides/tss-web.yaml:40:7`.
    pub at: String,
}

impl Requirement {
    /// What decides the requirement in the first place.
    pub fn decided_by(&self) -> DecidedBy {
        if !self.rules.is_empty() {
            DecidedBy::Rules
        } else if self.service.is_some() {
            DecidedBy::Service
        } else if self.attest.is_some() {
            DecidedBy::Attestation
        } else {
            DecidedBy::None
        }
    }

    /// Why it is decided as it is, in one sentence.
    pub fn reason(&self) -> String {
        let mut parts = Vec::new();
        if let Some(service) = &self.service {
            parts.push(service.to_string());
        }
        if let Some(attest) = &self.attest {
            parts.push(attest.to_string());
        }
        parts.extend(self.none.clone());
        parts.extend(self.note.clone());
        parts.join("; ")
    }
}

/// What decides a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecidedBy {
    /// Rules over facts.
    Rules,
    /// A person's attestation.
    Attestation,
    /// A service that Palisade provides.
    Service,
    /// Nothing; the requirement's reason says why.
    None,
}

/// How binding a requirement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Required.
    Must,
    /// Recommended.
    Should,
    /// Optional.
    May,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::May => "may",
        })
    }
}

/// Who runs the platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The vendor hosts it.
    Hosted,
    /// The user's own hosting manager runs it.
    #[default]
    SelfManaged,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Hosted => "hosted",
            Self::SelfManaged => "self-managed",
        })
    }
}

/// How much depends on an application (TSS-WEB's assurance class).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// Little.
    Low,
    /// The ordinary case.
    #[default]
    Standard,
    /// Much.
    High,
    /// Everything.
    Critical,
}

/// What a person attests, how often, and what proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attest {
    /// Who: `organisation`, `hosting manager`, `developer`, `user`, `vendor`.
    pub by: String,
    /// How long it holds: `12 months`, `7 days`, or an event: `each update`.
    pub every: String,
    /// What proves it.
    pub evidence: String,
}

impl fmt::Display for Attest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attested by the {} every {}: {}", self.by, self.every, self.evidence)
    }
}

/// A service of Palisade that provides what a requirement asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The room of the Management System, or `node`: `identity`, `ledger`, `backup`.
    pub name: String,
    /// Whether it exists.
    #[serde(default)]
    pub status: ServiceStatus,
    /// What it does for the requirement.
    pub does: String,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.status {
            ServiceStatus::Planned => "will provide (planned)",
            ServiceStatus::Available => "provides",
        };
        write!(f, "Palisade's {} service {state}: {}", self.name, self.does)
    }
}

/// Whether a service exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceStatus {
    /// Not yet.
    #[default]
    Planned,
    /// In this version.
    Available,
}
