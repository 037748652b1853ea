//! What configuration files set: the first copy of a section in each file, later files over earlier ones.

use std::collections::BTreeMap;

use model::facts::codesys::{Entry, Logger};
use model::{Fact, Source};

/// Notes of repeated sections and unknown keys that are kept.
const MAX_NOTES: usize = 50;

/// Loggers and entries of a kind that are kept.
const MAX_ENTRIES: usize = 50;

/// The backend that writes files.
const FILE_BACKEND: &str = "0x00000104";

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

struct Setting {
    value: String,
    file: String,
    line: usize,
    text: String,
}

/// The settings of all files that were read.
#[derive(Default)]
pub(crate) struct Found {
    settings: BTreeMap<(String, String), Setting>,
    pub(super) repeated: Vec<String>,
}

impl Found {
    /// Adds a file's settings; they win over those of files before it.
    pub(crate) fn file(&mut self, file: &str, text: &str) {
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

    /// A setting; absent when no file sets it.
    pub(super) fn get(&self, section: &str, key: &str) -> Fact<String> {
        match self.settings.get(&(section.to_owned(), key.to_owned())) {
            Some(setting) => {
                Fact::sourced(setting.value.clone(), Source::line(&setting.file, setting.line, &setting.text))
            }
            None => Fact::Absent,
        }
    }

    /// Whether a setting has a value.
    pub(super) fn is_set(&self, section: &str, key: &str) -> bool {
        self.get(section, key).value().is_some_and(|value| !value.is_empty())
    }

    /// A setting that is a number.
    pub(super) fn number(&self, section: &str, key: &str) -> Fact<u64> {
        self.get(section, key).and_then(|value| match value.parse() {
            Ok(number) => Fact::known(number),
            Err(_) => Fact::unreadable(format!("[{section}] {key} is no number")),
        })
    }

    /// Settings of a section whose keys begin in one of these ways.
    pub(super) fn entries(&self, section: &str, beginnings: &[&str]) -> Vec<Entry> {
        self.settings
            .iter()
            .filter(|((of, key), _)| of == section && beginnings.iter().any(|one| key.starts_with(one)))
            .take(MAX_ENTRIES)
            .map(|((_, key), setting)| Entry {
                name: key.clone(),
                value: setting.value.chars().take(500).collect(),
                number: Fact::from_option(setting.value.parse().ok()),
                source: format!("{}:{}", setting.file, setting.line),
            })
            .collect()
    }

    /// How many settings there are.
    pub(crate) fn count(&self) -> usize {
        self.settings.len()
    }

    /// Keys that ask for security and that nothing reads.
    pub(super) fn unknown(&self) -> Vec<String> {
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
            // The vendor's help says CmpUserMgr; this name is seen in public projects and does nothing.
            .filter(|((section, key), _)| suspicious(key).is_some() || section == "CmpUserMgmt")
            .map(|((section, key), setting)| format!("[{section}] {key} at {}:{}", setting.file, setting.line))
            .take(MAX_NOTES)
            .collect()
    }

    /// The loggers, by number.
    pub(super) fn loggers(&self) -> Vec<Logger> {
        let mut loggers: BTreeMap<String, Logger> = BTreeMap::new();
        for ((section, key), setting) in &self.settings {
            let mut parts = key.splitn(3, '.');
            if section != "CmpLog" || parts.next() != Some("Logger") {
                continue;
            }
            let (Some(id), Some(name)) = (parts.next(), parts.next()) else { continue };
            if loggers.len() >= MAX_ENTRIES && !loggers.contains_key(id) {
                continue;
            }
            let logger = loggers.entry(id.to_owned()).or_insert_with(|| Logger {
                id: id.to_owned(),
                name: Fact::Absent,
                enabled: Fact::Absent,
                max_entries: Fact::Absent,
                max_file_bytes: Fact::Absent,
                max_files: Fact::Absent,
                to_file: false,
                source: format!("{}:{}", setting.file, setting.line),
            });
            let number = || Fact::from_option(setting.value.parse().ok());
            match name {
                "Name" => logger.name = Fact::known(setting.value.clone()),
                "Enable" => logger.enabled = Fact::known(setting.value == "1"),
                "MaxEntries" => logger.max_entries = number(),
                "MaxFileSize" => logger.max_file_bytes = number(),
                "MaxFiles" => logger.max_files = number(),
                backend if backend.starts_with("Backend.") && backend.ends_with(".ClassId") => {
                    logger.to_file |= setting.value.eq_ignore_ascii_case(FILE_BACKEND);
                }
                _ => {}
            }
        }
        loggers.into_values().collect()
    }
}
