//! The reports of several targets and what they come to together. `palisade.fleet/1`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Report;
use crate::report::{GuideReport, Summary, Tool};

/// The version tag of [`Fleet`].
pub const FLEET_SCHEMA: &str = "palisade.fleet/1";

/// What was found on several targets in one run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Fleet {
    /// Always [`FLEET_SCHEMA`].
    pub schema: String,
    /// What made this document.
    pub tool: Tool,
    /// When the first target was asked.
    pub started_at: Timestamp,
    /// How long all of it took, milliseconds.
    pub duration_ms: u64,
    /// Findings of all targets by verdict.
    pub summary: Summary,
    /// The targets in the order in which they were named.
    pub targets: Vec<Member>,
    /// The guides over all targets: a requirement is met when it is met wherever it applies.
    pub guides: Vec<GuideReport>,
}

/// One target of a fleet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// The target as it was named: `ssh://edge-07`.
    pub named: String,
    /// What people call it: the name that the inventory gives it, else that of its report.
    pub name: String,
    /// Labels of the inventory.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Why it could not be audited; empty when it was.
    #[serde(default)]
    pub error: String,
    /// Its report; none when it could not be audited.
    pub report: Option<Report>,
}

impl Fleet {
    /// The reports there are.
    pub fn reports(&self) -> impl Iterator<Item = &Report> + Clone {
        self.targets.iter().filter_map(|member| member.report.as_ref())
    }
}
