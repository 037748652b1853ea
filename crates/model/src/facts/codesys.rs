//! Section `codesys`: security settings of a CODESYS Control runtime, from `CODESYSControl_User.cfg` and
//! `CODESYSControl.cfg`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `codesys`. Absent when no configuration of a runtime is there.
///
/// A setting is absent when no file says it, so that the runtime's own default holds. The file of the site wins over
/// the one that the package brings; only the first copy of a section counts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Codesys {
    /// Files that were read, the package's first.
    pub files: Vec<String>,
    /// The file for the site's own settings.
    pub user_file: String,
    /// `[CmpUserMgr]`.
    pub users: Users,
    /// `[CmpSecureChannel]`.
    pub channel: Channel,
    /// `[CmpOPCUAServer]`.
    pub opc_ua: OpcUa,
    /// `[CmpWebServer]`, `[CmpWebServerHandlerV3]` and `[CmpVisuHandlerRemote]`.
    pub web: WebVisu,
    /// `[SysProcess] Command`: `AllowAll` lets applications run every program.
    pub commands: Fact<String>,
    /// `[SysProcess] Command.n`: programs that applications may run.
    pub allowed_commands: Vec<Entry>,
    /// `[CmpSettings] IsWriteProtected`: `1` keeps the runtime from writing its own file.
    pub write_protected: Fact<String>,
    /// `[CmpSchedule] DisableOmittedCycleWatchdog`: `1` switches a watchdog off.
    pub watchdog_disabled: Fact<String>,
    /// `[CmpApp] Bootproject.RetainMismatch.Init`: what happens to kept values that do not fit the application.
    pub retain_mismatch: Fact<String>,
    /// `[CmpCodeMeter] LicenseServer.n`.
    pub license_servers: Vec<Entry>,
    /// Who may read and write the files. Unreadable of files that were copied from another machine.
    pub file_access: Fact<Vec<FileAccess>>,
    /// Who may read and write the files that loggers name, as far as they are there. Unreadable of a copied configuration.
    pub log_access: Fact<Vec<FileAccess>>,
    /// `[CmpLog]`, by number.
    pub loggers: Vec<Logger>,
    /// Sections that stand twice in a file: the runtime reads the first copy only. With their places.
    pub repeated_sections: Vec<String>,
    /// Keys that look like security settings and are none that is known here: misspelt ones do nothing. With places.
    pub unknown_keys: Vec<String>,
}

/// `[CmpUserMgr]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Users {
    /// `SECURITY.UserMgmtEnforce`: `YES` or `NO`.
    pub enforce: Fact<String>,
    /// `SECURITY.UserMgmtAllowAnonymous`.
    pub anonymous: Fact<String>,
    /// `SECURITY.UserLogin_AuthenticationType`.
    pub authentication: Fact<String>,
    /// `SECURITY.UserMgmt.PasswordPolicy`: `ENABLED` or `DISABLED`.
    pub password_policy: Fact<String>,
    /// `SECURITY.UserLogin_ErrorBehavior`: `TIMEOUT`, `EXCLUSION` or `NOEXCLUSION`.
    pub error_behaviour: Fact<String>,
    /// Whether `AsymmetricAuthKey` names a key.
    pub key: bool,
    /// Keys that begin with `SECURITY.UserMgmt.PasswordPolicy.`: rules for passwords. Their exact names are not verified.
    pub password_rules: Vec<Entry>,
    /// Keys that begin with `Password.Expiration.`, with or without `SECURITY.`. Their exact names are not verified.
    pub expiration: Vec<Entry>,
    /// Keys that begin with `UserLogin.`, with or without `SECURITY.`: limits on logins. Their exact names are not verified.
    pub login_limits: Vec<Entry>,
}

/// `[CmpSecureChannel]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Channel {
    /// `SECURITY.CommunicationMode`.
    pub mode: Fact<String>,
    /// Whether `CertificateHash` names a certificate.
    pub certificate: bool,
}

/// `[CmpOPCUAServer]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OpcUa {
    /// `SECURITY.Activation`: `ACTIVATED` or `DEACTIVATED`.
    pub activation: Fact<String>,
    /// `SECURITY.CommunicationMode`.
    pub mode: Fact<String>,
    /// `SECURITY.CommunicationPolicy`.
    pub policy: Fact<String>,
    /// `SECURITY.UserAuthentication`: `ENABLED` or `ENFORCED`.
    pub authentication: Fact<String>,
    /// `SECURITY.AllowUserPasswordOnPlaintext`.
    pub plain_passwords: Fact<String>,
    /// `SECURITY.EnableCRLChecks`.
    pub revocation_lists: Fact<String>,
    /// `SECURITY.EnableSelfSignedCertBackwardInteroperability`.
    pub self_signed_interoperability: Fact<String>,
    /// `SECURITY.DeactivateApplicationAuthentication`. The vendor's text swaps the meaning of its values.
    pub application_authentication_deactivated: Fact<String>,
    /// `SECURITY.DeactivateSecurityPolicy`: policies that are not offered.
    pub deactivated_policies: Fact<String>,
    /// Those of `ApplicationName`, `CompanyOrOrganizationName`, `City`, `State` and `Country` that are empty or not set.
    pub identity_missing: Vec<String>,
    /// `NetworkAdapter`; absent: all of them.
    pub adapter: Fact<String>,
    /// `NetworkPort`.
    pub port: Fact<String>,
    /// `SessionsMax`; the default is 100.
    pub sessions_max: Fact<u64>,
    /// `SecureChannelsMax`; the default is 50.
    pub channels_max: Fact<u64>,
    /// `SubscriptionsPerSessionMax`; the default has no limit.
    pub subscriptions_max: Fact<u64>,
}

/// The web server for visualisations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WebVisu {
    /// `[CmpWebServer] SECURITY.CommunicationMode`.
    pub mode: Fact<String>,
    /// `[CmpWebServerHandlerV3] AllowFileTransferServices`.
    pub file_transfer: Fact<String>,
    /// `[CmpVisuHandlerRemote] Communication.EncryptionMode`.
    pub remote_encryption: Fact<String>,
    /// `[CmpWebServer] SECURITY.TLSVersion`.
    pub tls_version: Fact<String>,
    /// `[CmpWebServer] WebServerPortNr`.
    pub port: Fact<String>,
    /// `[CmpWebServer] WebServerSecurePortNr`.
    pub secure_port: Fact<String>,
    /// `[CmpWebServer] AdditionalHeader.n.Header`.
    pub headers: Vec<Entry>,
}

/// A numbered or prefixed setting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Entry {
    /// The key.
    pub name: String,
    /// The value.
    pub value: String,
    /// The value as a number; absent when it is none.
    pub number: Fact<i64>,
    /// File and line.
    pub source: String,
}

/// Who may read and write a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FileAccess {
    /// The file.
    pub name: String,
    /// Permission bits, octal: `0644`.
    pub mode: String,
    /// Whether everybody may write it, as the vendor's package leaves it.
    pub world_writable: bool,
    /// Whether everybody may read it.
    pub world_readable: bool,
    /// Where it was seen: its path.
    pub source: String,
}

/// One logger of `[CmpLog]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Logger {
    /// Its number.
    pub id: String,
    /// Its name, when it has one.
    pub name: Fact<String>,
    /// Whether it is switched on; absent when that is not said.
    pub enabled: Fact<bool>,
    /// Entries that are kept.
    pub max_entries: Fact<u64>,
    /// Bytes of a file.
    pub max_file_bytes: Fact<u64>,
    /// Files that are kept.
    pub max_files: Fact<u64>,
    /// Whether a backend writes files (`Backend.n.ClassId` is `0x00000104`).
    pub to_file: bool,
    /// File and line of the first setting.
    pub source: String,
}
