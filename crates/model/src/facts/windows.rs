//! Section `windows`: a Windows host, as somebody who may ask it wrote it down. Palisade does not reach Windows hosts itself:
//! `palisade facts template windows` prints what to fill in and the commands that tell it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `windows`. What is left out is not known; `null` means that somebody looked and it is not there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Windows {
    /// The operating system.
    pub system: System,
    /// Updates.
    pub updates: Updates,
    /// Fixed drives.
    pub drives: Fact<Vec<Drive>>,
    /// The Application Data folder of KEPServerEX; null when the product is not installed.
    pub application_data: Fact<ApplicationData>,
    /// Microsoft Defender or another product.
    pub malware: Malware,
    /// Services that start by themselves or run.
    pub services: Fact<Vec<Service>>,
    /// Installed programs.
    pub programs: Fact<Vec<Program>>,
    /// Java runtimes; an empty list when there is none.
    pub java: Fact<Vec<Program>>,
    /// Local accounts.
    pub accounts: Fact<Vec<Account>>,
    /// The account that the KEPServerEX runtime's service runs as.
    pub runtime_account: Fact<String>,
    /// The policy for passwords and lockout.
    pub passwords: Passwords,
    /// Seconds after which the machine locks; null when it does not.
    pub lock_after_s: Fact<u64>,
    /// Profiles of the firewall.
    pub firewall_profiles: Fact<Vec<FirewallProfile>>,
    /// Rules that let connections in.
    pub inbound_rules: Fact<Vec<InboundRule>>,
    /// Remote Desktop.
    pub remote_desktop: RemoteDesktop,
    /// Whether the server speaks SMB 1.
    pub smb1: Fact<bool>,
    /// The audit policy.
    pub audit: Fact<Vec<AuditCategory>>,
    /// The most bytes of the Security log.
    pub security_log_bytes: Fact<u64>,
    /// Whether events leave the host (event forwarding or an agent).
    pub events_forwarded: Fact<bool>,
    /// DCOM, where OPC DA, AE or HDA are used; null where they are not.
    pub dcom: Fact<Dcom>,
}

/// The operating system.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct System {
    /// `Windows Server 2022 Standard`.
    pub release: Fact<String>,
    /// `10.0.20348`.
    pub build: Fact<String>,
    /// The end of its support, RFC 3339, by the vendor's life cycle page.
    pub support_ends: Fact<String>,
}

/// Updates.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Updates {
    /// When the newest was installed, RFC 3339.
    pub newest: Fact<String>,
    /// Security updates that wait.
    pub waiting: Fact<u64>,
}

/// A fixed drive.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Drive {
    /// `C:`.
    pub name: String,
    /// Whether BitLocker protects it and has encrypted all of it.
    pub encrypted: Fact<bool>,
}

/// The Application Data folder of KEPServerEX.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ApplicationData {
    /// Where it is.
    pub path: Fact<String>,
    /// Whether its drive or the folder is encrypted.
    pub encrypted: Fact<bool>,
    /// Broad groups with any access: `Everyone`, `BUILTIN\Users`, `NT AUTHORITY\Authenticated Users`.
    pub broad_access: Fact<Vec<String>>,
    /// Project files that are not encrypted: `*.opf`, `*.lpf`, `*.json`.
    pub plain_projects: Fact<Vec<String>>,
    /// Backups and old copies.
    pub old_copies: Fact<Vec<String>>,
    /// Samples and scripts for tests.
    pub samples: Fact<Vec<String>>,
}

/// Protection from malware.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Malware {
    /// Whether files are looked at when they are used.
    pub real_time: Fact<bool>,
    /// Days since the signatures were updated.
    pub signature_age_days: Fact<u64>,
    /// Days since the last scan of everything or of the usual places.
    pub scan_age_days: Fact<u64>,
}

/// A service.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Service {
    /// Its short name: `RemoteRegistry`.
    pub name: String,
    /// `Automatic`, `Manual` or `Disabled`.
    pub start: String,
    /// Whether it runs.
    pub running: bool,
}

/// A program.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Fact<String>,
}

/// A local account.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Whether it may log in.
    pub enabled: bool,
    /// Whether it is a member of Administrators.
    pub administrator: bool,
    /// Whether it is the built-in Administrator (RID 500), whatever its name.
    pub built_in_administrator: bool,
    /// Whether it may use the Application Data folder of KEPServerEX.
    pub uses_application_data: Fact<bool>,
    /// Last login, RFC 3339; null when it never logged in.
    pub last_login: Fact<String>,
    /// Whether LAPS manages its password.
    pub laps: Fact<bool>,
}

/// The policy for passwords and lockout.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Passwords {
    /// `MinimumPasswordLength`.
    pub min_length: Fact<u64>,
    /// `PasswordComplexity`.
    pub complexity: Fact<bool>,
    /// `PasswordHistorySize`.
    pub history: Fact<u64>,
    /// `LockoutBadCount`; 0: no lockout.
    pub lockout_after: Fact<u64>,
}

/// A profile of the firewall.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FirewallProfile {
    /// `Domain`, `Private` or `Public`.
    pub name: String,
    /// Whether it is on.
    pub enabled: bool,
    /// `Block`, `Allow` or `NotConfigured`.
    pub inbound: String,
}

/// A rule that lets connections in.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct InboundRule {
    /// Its name.
    pub name: String,
    /// Local port or `Any`.
    pub port: String,
    /// Remote addresses or `Any`.
    pub remote: String,
}

/// Remote Desktop.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RemoteDesktop {
    /// Whether it takes connections.
    pub enabled: Fact<bool>,
    /// Whether it asks for the login before it opens a session (network level authentication).
    pub login_first: Fact<bool>,
}

/// A line of the audit policy.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuditCategory {
    /// `Logon`, `Logoff`, ...
    pub name: String,
    /// Whether success is recorded.
    pub success: bool,
    /// Whether failure is recorded.
    pub failure: bool,
}

/// DCOM.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Dcom {
    /// Whether KEPServerEX uses the DCOM configuration (runtime options) instead of overriding it without authentication.
    pub settings_used: Fact<bool>,
    /// The machine's authentication level: 6 is `Packet Privacy`, 5 `Packet Integrity`.
    pub authentication_level: Fact<u64>,
}
