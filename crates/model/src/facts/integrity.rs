//! Section `integrity`: who notices changed files and intruders.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// File integrity and intrusion detection.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Integrity {
    /// Installed programs that compare files with what they were; an empty list when none is.
    pub checkers: Fact<Vec<Checker>>,
    /// Installed programs that look for intruders in traffic or logs; an empty list when none is.
    pub detectors: Fact<Vec<Detector>>,
    /// The kernel's own integrity measurement; absent when the kernel has none or has not switched it on.
    pub ima: Fact<Ima>,
}

/// A program that notices changed files.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Checker {
    /// `aide`, `tripwire`, `samhain`, `ossec`, `wazuh`, `debsums`, `integrit`.
    pub name: String,
    /// Its settings; absent when it needs none or they are missing.
    pub config: Fact<String>,
    /// Its database; absent when it has not been made.
    pub database: Fact<String>,
    /// When the database was last written (RFC 3339); absent without one.
    pub database_at: Fact<String>,
    /// Whether others than root may change the database; absent without one.
    pub database_writable_by_others: Fact<bool>,
    /// Whether it runs all the time, by a service.
    pub running: Fact<bool>,
    /// Whether a check is started by itself: by cron, by a timer, or by a service that starts at boot.
    pub scheduled: Fact<bool>,
    /// The longest time between two checks in hours; absent when none is scheduled.
    pub interval_hours: Fact<f64>,
    /// When it last wrote its log or report (RFC 3339); absent when no log tells.
    pub last_run_at: Fact<String>,
    /// What shows that it is installed.
    pub source: String,
}

/// A program that looks for intruders.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Detector {
    /// `suricata`, `zeek`, `snort`, `fail2ban`, `crowdsec`, `wazuh`, `ossec`, `falco`, ...
    pub name: String,
    /// `network` or `host`.
    pub kind: String,
    /// Whether it runs; only a running host tells.
    pub running: Fact<bool>,
    /// Whether it starts at boot.
    pub enabled: Fact<bool>,
    /// When it last wrote its log (RFC 3339); absent when there is none.
    pub last_event_at: Fact<String>,
    /// What shows that it is installed.
    pub source: String,
}

/// The kernel's integrity measurement architecture.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ima {
    /// Entries of the measurement list.
    pub measurements: Fact<u64>,
    /// Whether files that do not match their recorded hash or signature are refused.
    pub appraises: Fact<bool>,
}
