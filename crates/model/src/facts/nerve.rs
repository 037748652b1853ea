//! Section `nerve`: parameters of a Nerve Management System and blocks of a node's DNA, from a map of names and values.
//!
//! The file in which the product keeps its parameters is not published; the names are those of its hardening guide.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `nerve`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Nerve {
    /// The Management System's parameters by name. One that the file does not name is absent: whether its default holds is
    /// not known, as the file may be a part of them.
    pub parameters: BTreeMap<String, Fact<Parameter>>,
    /// `BruteForce` of the node's DNA; absent when the file has no such block.
    pub brute_force: Fact<BruteForce>,
    /// `Sessions` of the node's DNA; absent when the file has no such block.
    pub sessions: Fact<Sessions>,
    /// Names that look like parameters and are none: misspelt ones do nothing. With places.
    pub unknown: Vec<String>,
    /// Names that stand twice, with the places of the copies that lost.
    pub repeated: Vec<String>,
    /// Names of values that look like credentials; a DNA file holds none. With places.
    pub credentials: Vec<String>,
}

/// One parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameter {
    /// As it is written.
    pub value: String,
    /// As a number, in the parameter's own unit (attempts, seconds, days); absent when it is none.
    pub number: Fact<i64>,
}

/// `BruteForce`, since 3.1.0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BruteForce {
    /// `maxFailedLoginAttemptsBeforeLockout`.
    pub max_failed_logins: Fact<i64>,
    /// `loginAttemptWindowMinutes`.
    pub window_minutes: Fact<i64>,
    /// `lockoutDurationMinutes`.
    pub lockout_minutes: Fact<i64>,
}

/// `Sessions`, since 3.1.0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sessions {
    /// `sessionTimeout`; its unit is not published.
    pub timeout: Fact<i64>,
    /// `maxSessionsPerUser`.
    pub max_per_user: Fact<i64>,
    /// `maxSSHConnections`.
    pub max_ssh: Fact<i64>,
}
