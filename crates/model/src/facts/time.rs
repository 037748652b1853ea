//! Section `time`: who sets the clock, from which sources, and how well.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Time synchronisation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Time {
    /// The known time services that are installed.
    pub services: Fact<Vec<TimeService>>,
    /// Names of the running ones that set the system clock; two of them fight.
    pub running: Fact<Vec<String>>,
    /// Names of those that set the system clock and start at boot.
    pub enabled: Fact<Vec<String>>,
    /// Servers, pools, peers and reference clocks in the settings of every installed service.
    pub sources: Fact<Vec<TimeSource>>,
    /// Whether the clock follows a source right now.
    pub synchronised: Fact<bool>,
    /// The source it follows: an address, a name, or a reference clock.
    pub reference: Fact<String>,
    /// Distance between the clock and its source in seconds, never negative.
    pub offset_seconds: Fact<f64>,
    /// Steps from a reference clock: 1 to 15; 0 and 16 are not synchronised.
    pub stratum: Fact<u32>,
    /// `Normal`, `Insert second`, `Delete second` or `Not synchronised`, as chrony says it.
    pub leap_status: Fact<String>,
    /// How many sources answer.
    pub reachable_sources: Fact<u32>,
    /// When the clock was last set from a source (RFC 3339).
    pub last_synchronised_at: Fact<String>,
    /// The local time zone: `Europe/Vienna`, `Etc/UTC`; absent means UTC.
    pub timezone: Fact<String>,
}

/// A program that can set the clock.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TimeService {
    /// `chrony`, `systemd-timesyncd`, `ntp`, `ntpsec`, `openntpd`, `ptp4l`, `phc2sys`.
    pub name: String,
    /// Whether it sets the system clock (ptp4l alone sets the network card's).
    pub sets_clock: bool,
    /// Whether it runs; only a running host tells.
    pub running: Fact<bool>,
    /// Whether it starts at boot.
    pub enabled: Fact<bool>,
    /// What shows that it is installed.
    pub source: String,
}

/// One configured source of time.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TimeSource {
    /// Name or address; the driver of a reference clock; the interface of PTP.
    pub address: String,
    /// `server`, `pool`, `peer`, `refclock` or `ptp`.
    pub kind: String,
    /// The service that uses it.
    pub service: String,
    /// Its options as written.
    pub options: Vec<String>,
    /// Whether Network Time Security protects it.
    pub nts: bool,
    /// Whether a shared key protects it.
    pub key: bool,
    /// Whether it is one of the service's built-in defaults, not written anywhere.
    pub built_in: bool,
    /// Whether what it says cannot be forged on the way: NTS, a key, or a clock attached to the machine.
    pub authenticated: bool,
    /// File and line.
    pub source: String,
}
