//! Section `updates`: which updates wait, how they get installed, and whether they took effect.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Updates of the distribution's packages, as the lists on the disk tell: nothing is fetched.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Updates {
    /// The package manager: `apt`, `rpm`, `apk`, `opkg`; absent when none is known.
    pub manager: Fact<String>,
    /// When the lists of available packages were last fetched (RFC 3339); absent when there are none.
    pub lists_updated_at: Fact<String>,
    /// Packages of which a newer version is on the lists, and the pins let it in.
    pub pending: Fact<Vec<Pending>>,
    /// How many those are.
    pub pending_count: Fact<u64>,
    /// How many of them come from a security archive.
    pub pending_security_count: Fact<u64>,
    /// Packages somebody told dpkg to leave as they are.
    pub held: Fact<Vec<Held>>,
    /// Name patterns that apt preferences hold below every new version (a negative priority or a pinned version).
    pub pinned: Fact<Vec<Pinned>>,
    /// When packages were last upgraded (RFC 3339), from apt's or dpkg's log; absent when the logs hold no upgrade.
    pub last_upgrade_at: Fact<String>,
    /// Whether a package asked for a reboot since the last one; only a running host tells.
    pub reboot_required: Fact<bool>,
    /// The packages that asked for it.
    pub reboot_required_by: Fact<Vec<String>>,
    /// How updates are installed without a person.
    pub automatic: Automatic,
}

/// One package with a newer version.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Pending {
    /// Its name.
    pub name: String,
    /// The version that is installed.
    pub installed: String,
    /// The newest version on the lists.
    pub candidate: String,
    /// Whether a security archive holds a version newer than the installed one.
    pub security: bool,
    /// Whether the package is held, so that it stays as it is.
    pub held: bool,
    /// The list that holds it.
    pub source: String,
}

/// One package kept at its version.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Held {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where the hold stands.
    pub source: String,
}

/// One entry of apt's preferences.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Pinned {
    /// `Package:` as written.
    pub package: String,
    /// `Pin:` as written.
    pub pin: String,
    /// `Pin-Priority:`.
    pub priority: i64,
    /// File and line.
    pub source: String,
}

/// Updates without a person.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Automatic {
    /// The tool: `unattended-upgrades`, `dnf-automatic`; absent when none is installed.
    pub tool: Fact<String>,
    /// Whether all that it needs is switched on: the tool, its two periods and its timers or cron job.
    pub enabled: Fact<bool>,
    /// Days between fetching the lists (`APT::Periodic::Update-Package-Lists`); 0 is never.
    pub lists_every_days: Fact<f64>,
    /// Days between upgrades (`APT::Periodic::Unattended-Upgrade`); 0 is never.
    pub upgrade_every_days: Fact<f64>,
    /// Whether apt-daily-upgrade.timer, or without systemd the cron job, starts it.
    pub scheduled: Fact<bool>,
    /// The origins it may install from, as written.
    pub origins: Vec<String>,
    /// Whether one of the origins is the distribution's security archive.
    pub security_origin: Fact<bool>,
    /// Whether it reboots by itself when an update needs that.
    pub reboots: Fact<bool>,
    /// When it last ran through (RFC 3339); absent when it never did.
    pub last_run_at: Fact<String>,
}
