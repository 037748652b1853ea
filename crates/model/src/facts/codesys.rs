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
    /// File and line of the first setting.
    pub source: String,
}
