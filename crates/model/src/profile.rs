//! The profile: what a site says of itself. Parameters, what it approves, what it accepts, what it attests.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use crate::content::{Assurance, Role};

/// What a site says of itself and of its rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// Who runs the platform.
    pub role: Role,
    /// How much depends on it.
    pub assurance: Assurance,
    /// Guides to roll up; all when empty.
    pub guides: Vec<String>,
    /// Parameters by rule id and name: `ssh.keys-fresh: {max_age_days: 60}`.
    pub params: BTreeMap<String, BTreeMap<String, Value>>,
    /// What somebody approved, by name; rules read it as `declared.NAME`.
    pub declare: BTreeMap<String, Value>,
    /// Accepted failures.
    pub waivers: Vec<Waiver>,
    /// What people attest.
    pub attestations: Vec<Attestation>,
}

/// An accepted failing rule.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The rule's id.
    pub rule: String,
    /// The subject as findings name it; every subject of the rule when none.
    #[serde(default)]
    pub subject: Option<String>,
    /// The evidence it was given for: fact path to value. Void when one differs, or when none is given though the finding
    /// shows some.
    #[serde(default)]
    pub evidence: BTreeMap<String, Value>,
    /// Who accepts it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day it holds.
    pub expires: Date,
}

/// A person's dated statement that a requirement is met.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// The requirement's id.
    pub requirement: String,
    /// Who attests it.
    pub by: String,
    /// When.
    pub date: Date,
    /// The last day it holds; from the requirement's period when none.
    #[serde(default)]
    pub expires: Option<Date>,
    /// What proves it: a document's name and place.
    pub evidence: String,
}
