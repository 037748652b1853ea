//! Section `codesys`: security settings of a CODESYS Control runtime.
//!
//! Source: the vendor's help and public configurations. The site's file wins over the package's; of sections that stand
//! twice in a file only the first copy counts; keys are compared as they are written.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use host::Door;
use model::facts::codesys::{Channel, Codesys, Logger, OpcUa, Users, WebVisu};
use model::{Fact, Source};

use crate::Context;
use crate::fact::reason;

/// Where packages put the two files: the package's, then the site's.
const PLACES: &[[&str; 2]] = &[
    ["/etc/codesyscontrol/CODESYSControl.cfg", "/etc/codesyscontrol/CODESYSControl_User.cfg"],
    ["/etc/CODESYSControl.cfg", "/etc/CODESYSControl_User.cfg"],
];

/// Notes of repeated sections and unknown keys that are kept.
const MAX_NOTES: usize = 50;

/// Loggers that are kept.
const MAX_LOGGERS: usize = 50;

/// Keys that begin with `SECURITY.` and exist, beside those that are facts of their own.
const OTHER_KEYS: &[&str] = &[
    "City",
    "CommunicationPolicy",
    "CompanyOrOrganizationName",
    "Country",
    "State",
    "ApplicationName",
    "CertificateIPAdresses",
    "DeactivateApplicationAuthentication",
    "DeactivateSecurityPolicy",
    "EnableSelfSignedCertBackwardInteroperability",
    "TLSVersion",
];

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Codesys> {
    let door = &cx.door;
    let Some(places) = PLACES.iter().find(|places| places.iter().any(|place| door.exists(place))) else {
        return Fact::Absent;
    };
    let mut found = Found::default();
    let mut codesys = Codesys::default();
    for place in places {
        match door.read(place) {
            Ok(bytes) => {
                codesys.files.push((*place).to_owned());
                found.file(place, &String::from_utf8_lossy(&bytes));
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    codesys.user_file = user_file(door, places, &found);
    codesys.users = Users {
        enforce: found.get("CmpUserMgr", "SECURITY.UserMgmtEnforce"),
        anonymous: found.get("CmpUserMgr", "SECURITY.UserMgmtAllowAnonymous"),
        authentication: found.get("CmpUserMgr", "SECURITY.UserLogin_AuthenticationType"),
        password_policy: found.get("CmpUserMgr", "SECURITY.UserMgmt.PasswordPolicy"),
        error_behaviour: found.get("CmpUserMgr", "SECURITY.UserLogin_ErrorBehavior"),
    };
    codesys.channel = Channel {
        mode: found.get("CmpSecureChannel", "SECURITY.CommunicationMode"),
        certificate: found
            .get("CmpSecureChannel", "CertificateHash")
            .value()
            .is_some_and(|hash| !hash.is_empty()),
    };
    codesys.opc_ua = OpcUa {
        activation: found.get("CmpOPCUAServer", "SECURITY.Activation"),
        mode: found.get("CmpOPCUAServer", "SECURITY.CommunicationMode"),
        policy: found.get("CmpOPCUAServer", "SECURITY.CommunicationPolicy"),
        authentication: found.get("CmpOPCUAServer", "SECURITY.UserAuthentication"),
        plain_passwords: found.get("CmpOPCUAServer", "SECURITY.AllowUserPasswordOnPlaintext"),
        revocation_lists: found.get("CmpOPCUAServer", "SECURITY.EnableCRLChecks"),
    };
    codesys.web = WebVisu {
        mode: found.get("CmpWebServer", "SECURITY.CommunicationMode"),
        file_transfer: found.get("CmpWebServerHandlerV3", "AllowFileTransferServices"),
        remote_encryption: found.get("CmpVisuHandlerRemote", "Communication.EncryptionMode"),
    };
    codesys.commands = found.get("SysProcess", "Command");
    codesys.loggers = found.loggers();
    codesys.unknown_keys = found.unknown();
    codesys.repeated_sections = found.repeated;
    Fact::known(codesys)
}

/// The file for the site's settings: the one that `[CmpSettings]` refers to, else the usual one.
fn user_file(door: &Door, places: &[&str; 2], found: &Found) -> String {
    let named = found.settings.iter().find_map(|((section, key), setting)| {
        let refers = section == "CmpSettings" && key.starts_with("FileReference.");
        (refers && setting.value.starts_with('/') && door.exists(&setting.value)).then(|| setting.value.clone())
    });
    named.unwrap_or_else(|| places[1].to_owned())
}

struct Setting {
    value: String,
    file: String,
    line: usize,
    text: String,
}

#[derive(Default)]
struct Found {
    settings: BTreeMap<(String, String), Setting>,
    repeated: Vec<String>,
}

impl Found {
    /// Adds a file's settings; they win over those of files before it.
    fn file(&mut self, file: &str, text: &str) {
        let mut section = Some(String::new());
        let mut seen: Vec<String> = Vec::new();
        let mut own: BTreeMap<(String, String), Setting> = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let text = line.trim();
            if text.is_empty() || text.starts_with([';', '#']) {
                continue;
            }
            if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                if seen.iter().any(|known| known == name) {
                    section = None;
                    if self.repeated.len() < MAX_NOTES {
                        self.repeated.push(format!("[{name}] at {file}:{}", index + 1));
                    }
                } else {
                    seen.push(name.to_owned());
                    section = Some(name.to_owned());
                }
                continue;
            }
            let Some((key, value)) = text.split_once('=') else { continue };
            let Some(section) = &section else { continue };
            let value = value.split(';').next().unwrap_or_default().trim().to_owned();
            let setting = Setting { value, file: file.to_owned(), line: index + 1, text: text.to_owned() };
            own.entry((section.clone(), key.trim().to_owned())).or_insert(setting);
        }
        self.settings.extend(own);
    }

    fn get(&self, section: &str, key: &str) -> Fact<String> {
        match self.settings.get(&(section.to_owned(), key.to_owned())) {
            Some(setting) => {
                Fact::sourced(setting.value.clone(), Source::line(&setting.file, setting.line, &setting.text))
            }
            None => Fact::Absent,
        }
    }

    /// Keys that ask for security and that nothing reads.
    fn unknown(&self) -> Vec<String> {
        const KNOWN: &[&str] = &[
            "UserMgmtEnforce",
            "UserMgmtAllowAnonymous",
            "UserLogin_AuthenticationType",
            "UserLogin_ErrorBehavior",
            "CommunicationMode",
            "Activation",
            "UserAuthentication",
            "AllowUserPasswordOnPlaintext",
            "EnableCRLChecks",
        ];
        let suspicious = |key: &str| {
            let (head, rest) = key.split_once('.')?;
            let near =
                head.eq_ignore_ascii_case("SECURITY") || (head.starts_with("SEC") && head.ends_with("TY"));
            let known = head == "SECURITY"
                && (KNOWN.contains(&rest)
                    || OTHER_KEYS.contains(&rest)
                    || rest.starts_with("UserMgmt.")
                    || rest.starts_with("Password")
                    || rest.starts_with("UserLogin"));
            (near && !known).then_some(())
        };
        self.settings
            .iter()
            .filter(|((_, key), _)| suspicious(key).is_some())
            .map(|((section, key), setting)| format!("[{section}] {key} at {}:{}", setting.file, setting.line))
            .take(MAX_NOTES)
            .collect()
    }

    fn loggers(&self) -> Vec<Logger> {
        let mut loggers: BTreeMap<String, Logger> = BTreeMap::new();
        for ((section, key), setting) in &self.settings {
            let mut parts = key.splitn(3, '.');
            if section != "CmpLog" || parts.next() != Some("Logger") {
                continue;
            }
            let (Some(id), Some(name)) = (parts.next(), parts.next()) else { continue };
            if loggers.len() >= MAX_LOGGERS && !loggers.contains_key(id) {
                continue;
            }
            let logger = loggers.entry(id.to_owned()).or_insert_with(|| Logger {
                id: id.to_owned(),
                name: Fact::Absent,
                enabled: Fact::Absent,
                max_entries: Fact::Absent,
                max_file_bytes: Fact::Absent,
                max_files: Fact::Absent,
                source: format!("{}:{}", setting.file, setting.line),
            });
            let number = || Fact::from_option(setting.value.parse().ok());
            match name {
                "Name" => logger.name = Fact::known(setting.value.clone()),
                "Enable" => logger.enabled = Fact::known(setting.value == "1"),
                "MaxEntries" => logger.max_entries = number(),
                "MaxFileSize" => logger.max_file_bytes = number(),
                "MaxFiles" => logger.max_files = number(),
                _ => {}
            }
        }
        loggers.into_values().collect()
    }
}
