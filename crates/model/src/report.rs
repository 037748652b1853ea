//! The report: findings of one target, rolled up into the guides. `palisade.report/1`.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Severity;
use crate::content::{Level, Role};
use crate::fact::Source;

/// The version tag of [`Report`].
pub const REPORT_SCHEMA: &str = "palisade.report/1";

/// What was found on one target at one time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Always [`REPORT_SCHEMA`].
    pub schema: String,
    /// What made this report.
    pub tool: Tool,
    /// What was looked at.
    pub target: Target,
    /// When the first probe started.
    pub started_at: Timestamp,
    /// How long reading and deciding took, milliseconds.
    pub duration_ms: u64,
    /// What the site said of itself.
    pub profile: ProfileSummary,
    /// How each probe went.
    pub probes: Vec<ProbeRun>,
    /// Findings by verdict.
    pub summary: Summary,
    /// One per rule and subject: worst first, then in the order of the content.
    pub findings: Vec<Finding>,
    /// The guides with the state of each requirement, in document order.
    pub guides: Vec<GuideReport>,
    /// What changed since the baseline, when one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// The program that made a report.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// `palisade`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 (hex) over the rules and guides that decided.
    pub content: String,
}

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// The kind of target.
    pub kind: TargetKind,
    /// The name a person knows it by: the host name.
    pub name: String,
    /// An identifier that survives a rename, such as the machine id. Empty when there is none.
    #[serde(default)]
    pub id: String,
}

/// The kinds of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TargetKind {
    /// A running Linux host, this one or one reached over SSH.
    Host,
    /// The file tree of a host that does not run.
    Root,
    /// A server on the network, asked from outside.
    Endpoint,
    /// The files of a compose project.
    Compose,
    /// A Dockerfile, or a folder of them.
    Dockerfile,
    /// The definition of a virtual machine, or a folder of them.
    Vm,
    /// A Kepware server, by its Configuration API.
    Kepware,
    /// The folder of a TRUE Connector.
    TrueConnector,
    /// A container image: an archive, an OCI layout, or one of a local engine.
    Image,
    /// Configuration files of a CODESYS runtime, copied from another machine.
    Codesys,
    /// Parameters of a Nerve Management System, or the DNA of a node.
    Nerve,
    /// A Windows host, by a facts document that was filled there.
    Windows,
}

/// Parts of the facts that no host has: they belong to products that are targets of their own.
const OF_PRODUCTS: [&str; 3] = ["kepware", "nerve", "windows"];

impl TargetKind {
    /// All kinds, in the order in which they are documented.
    pub const ALL: &'static [Self] = &[
        Self::Host,
        Self::Root,
        Self::Endpoint,
        Self::Compose,
        Self::Dockerfile,
        Self::Vm,
        Self::Kepware,
        Self::TrueConnector,
        Self::Image,
        Self::Codesys,
        Self::Nerve,
        Self::Windows,
    ];

    /// The parts of the facts that a target of this kind can have, without the leading `facts.`; every part where
    /// none is named. A rule that reads any other part does not concern the target.
    pub fn facts(self) -> &'static [&'static str] {
        match self {
            Self::Host | Self::Root => &[],
            Self::Endpoint => &["endpoints"],
            Self::Compose => &[
                "docker.containers",
                "docker.published_ports",
                "docker.images",
                "docker.networks",
                "docker.volumes",
                "docker.compose_projects",
                "docker.compose_files",
            ],
            Self::Dockerfile => &["docker.images"],
            Self::Vm => &["vms"],
            Self::Kepware => &["kepware"],
            Self::TrueConnector => &["true_connector"],
            Self::Image => &["docker.images"],
            Self::Codesys => &["codesys"],
            Self::Nerve => &["nerve"],
            Self::Windows => &["windows"],
        }
    }

    /// Whether Palisade itself can mend such a target.
    pub fn can_be_mended(self) -> bool {
        matches!(self, Self::Host | Self::Root)
    }

    /// Whether a target of this kind can have facts at `facts.SECTION.PART`; the part is empty for a whole section.
    pub fn has(self, section: &str, part: &str) -> bool {
        let covers = |own: &&str| match own.split_once('.') {
            Some((own, own_part)) => own == section && own_part == part,
            None => *own == section,
        };
        match self.facts() {
            [] => !OF_PRODUCTS.contains(&section),
            facts => facts.iter().any(covers),
        }
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Host => "host",
            Self::Root => "root directory",
            Self::Endpoint => "network endpoint",
            Self::Compose => "compose project",
            Self::Dockerfile => "Dockerfile",
            Self::Vm => "virtual machine's definition",
            Self::Kepware => "Kepware server",
            Self::TrueConnector => "TRUE Connector folder",
            Self::Image => "container image",
            Self::Codesys => "CODESYS configuration",
            Self::Nerve => "Nerve configuration",
            Self::Windows => "Windows host",
        })
    }
}

/// What the profile contributed to the verdicts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileSummary {
    /// The profile's file, empty when none was given.
    #[serde(default)]
    pub path: String,
    /// Who runs the platform.
    pub role: Role,
    /// Names of parameters that differ from their defaults.
    #[serde(default)]
    pub parameters: Vec<String>,
}

/// How one probe went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeRun {
    /// The probe's name, which is that of its section.
    pub name: String,
    /// How it ended.
    pub status: ProbeStatus,
    /// Why it is not `ok`; empty otherwise.
    #[serde(default)]
    pub reason: String,
    /// Milliseconds from its start to its end.
    pub duration_ms: u64,
}

/// How a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProbeStatus {
    /// Everything it looks for is known or absent.
    Ok,
    /// Some facts could not be read.
    Partial,
    /// Nothing could be read, or it ran out of time.
    Failed,
    /// Its subject is not there.
    Absent,
}

/// Counts of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// The predicate holds.
    pub pass: usize,
    /// The predicate does not hold.
    pub fail: usize,
    /// A fact that the rule needs is not known.
    pub unknown: usize,
    /// The rule does not concern this target.
    pub not_applicable: usize,
    /// Failing and accepted by a waiver in force.
    pub waived: usize,
}

impl Summary {
    /// Findings in all.
    pub fn total(&self) -> usize {
        self.pass + self.fail + self.unknown + self.not_applicable + self.waived
    }
}

/// What a rule says of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The predicate holds.
    Pass,
    /// The predicate does not hold.
    Fail,
    /// A fact it needs is not known; the finding's reason says which and why.
    Unknown,
    /// The rule does not concern this subject; the reason and evidence say why.
    NotApplicable,
    /// Failing, and accepted by a waiver in force.
    Waived,
}

impl Verdict {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not_applicable",
            Self::Waived => "waived",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotApplicable => "not applicable",
            other => other.as_str(),
        })
    }
}

/// A rule's verdict on one subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// The rule's severity.
    pub severity: Severity,
    /// What was decided.
    pub verdict: Verdict,
    /// What it was decided about: the host's name, a container's, a file's path.
    pub subject: String,
    /// What should have been seen, for a person.
    pub expected: String,
    /// What was seen.
    pub evidence: Vec<Evidence>,
    /// Why it is unknown, not applicable or waived; empty otherwise.
    #[serde(default)]
    pub reason: String,
    /// The waiver that accepts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<WaiverUse>,
    /// The requirements that ask for the rule.
    pub requirements: Vec<String>,
    /// Why the rule matters; empty when it passes.
    #[serde(default)]
    pub why: String,
    /// How a person mends it; empty when it passes.
    #[serde(default)]
    pub remedy: String,
    /// Ids of the fixes that mend it.
    #[serde(default)]
    pub fix: Option<Value>,
}

/// One fact a finding rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The fact's path.
    pub path: String,
    /// Its value; `null` when absent.
    pub value: Value,
    /// Where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// The waiver behind a waived finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaiverUse {
    /// Who accepted it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day it holds, `YYYY-MM-DD`.
    pub expires: String,
    /// Days left.
    pub days_left: i64,
}

/// A guide with the state of its requirements.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GuideReport {
    /// The guide's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Requirements in document order.
    pub requirements: Vec<RequirementReport>,
}

/// The state of one requirement.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequirementReport {
    /// The requirement's id.
    pub id: String,
    /// Its section in the document.
    pub section: String,
    /// What it asks for.
    pub title: String,
    /// How binding it is.
    pub level: Level,
    /// Whether the target meets it.
    pub status: Status,
    /// Why, in one sentence.
    pub reason: String,
    /// The rules that decide it.
    pub rules: Vec<String>,
}

/// Whether a requirement is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Decided, and as it should be.
    Met,
    /// Decided, and not as it should be.
    Unmet,
    /// Not decided.
    Unknown,
    /// Does not concern this target.
    NotApplicable,
    /// A person has to attest it, and has not, or not lately.
    AttestationDue,
    /// Unmet, and every failure accepted by a waiver in force.
    Waived,
}

impl Status {
    /// All states, in the order in which a summary lists them.
    pub const ALL: [Self; 6] =
        [Self::Met, Self::Unmet, Self::Unknown, Self::AttestationDue, Self::Waived, Self::NotApplicable];

    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Unmet => "unmet",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not_applicable",
            Self::AttestationDue => "attestation_due",
            Self::Waived => "waived",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotApplicable => "not applicable",
            Self::AttestationDue => "attestation due",
            other => other.as_str(),
        })
    }
}

/// The difference to an earlier report of the same target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// When the earlier report was made.
    pub since: Timestamp,
    /// Failing now, not failing then.
    pub new: Vec<Change>,
    /// Failing then, passing now.
    pub mended: Vec<Change>,
    /// Decided then, unknown now.
    pub lost: Vec<Change>,
}

/// One finding whose verdict changed, and the evidence that changed with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The rule's id.
    pub rule: String,
    /// The subject.
    pub subject: String,
    /// The verdict then; none when the finding was not there.
    #[serde(default)]
    pub before: Option<Verdict>,
    /// The verdict now; none when the finding is gone.
    #[serde(default)]
    pub after: Option<Verdict>,
    /// What changed, one line per fact: `path: before -> after`; or that the rule itself changed.
    pub cause: Vec<String>,
}
