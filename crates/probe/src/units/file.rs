//! Unit files of systemd: systemd.syntax(7).

use std::collections::BTreeMap;

/// Sections of a unit file and its drop-ins, merged in the order in which they are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitFile {
    /// Assignments by `Section.Key`; an empty assignment takes away what stood before it.
    values: BTreeMap<String, Vec<String>>,
}

/// More assignments than this are not kept.
const MAX_ASSIGNMENTS: usize = 2000;

impl UnitFile {
    /// Adds the text of a file or drop-in.
    pub fn add(&mut self, text: &str) {
        let mut section = String::new();
        let mut logical = String::new();
        let mut count = 0;
        for line in text.lines() {
            let line = line.trim();
            // Comments may stand between continued lines.
            if line.starts_with('#') || line.starts_with(';') {
                continue;
            }
            if let Some(continued) = line.strip_suffix('\\') {
                logical.push_str(continued);
                logical.push(' ');
                continue;
            }
            logical.push_str(line);
            let line = std::mem::take(&mut logical);
            let line = line.trim();
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                name.clone_into(&mut section);
            } else if let Some((key, value)) = line.split_once('=') {
                count += 1;
                if count > MAX_ASSIGNMENTS {
                    return;
                }
                self.assign(&format!("{section}.{}", key.trim()), value.trim());
            }
        }
    }

    fn assign(&mut self, key: &str, value: &str) {
        let values = self.values.entry(key.to_owned()).or_default();
        if value.is_empty() {
            values.clear();
        }
        values.push(value.to_owned());
    }

    /// The last value of a setting that takes one; none when not set or set to nothing.
    pub fn last(&self, key: &str) -> Option<&str> {
        self.values.get(key)?.last().map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All values of a setting that takes a list.
    pub fn all(&self, key: &str) -> Vec<&str> {
        self.values
            .get(key)
            .into_iter()
            .flatten()
            .map(String::as_str)
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// Whether a setting was written at all, even empty: `CapabilityBoundingSet=` takes every capability away.
    pub fn is_set(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// A truth value as systemd reads it.
    pub fn is_true(&self, key: &str) -> bool {
        self.last(key).is_some_and(|value| {
            matches!(value.to_ascii_lowercase().as_str(), "1" | "yes" | "y" | "true" | "t" | "on")
        })
    }

    /// Whether `systemctl enable` would do something.
    pub fn has_install(&self) -> bool {
        ["WantedBy", "RequiredBy", "UpheldBy", "Alias"]
            .iter()
            .any(|key| !self.all(&format!("Install.{key}")).is_empty())
    }

    /// The program of `ExecStart=`, without the signs before it and its arguments.
    pub fn program(&self) -> Option<String> {
        let command = *self.all("Service.ExecStart").first()?;
        let command = command.trim_start_matches(['@', '-', ':', '+', '!', '|']);
        let word = command.split_whitespace().next()?;
        Some(word.trim_matches(['"', '\'']).to_owned()).filter(|word| !word.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_ins_override_scalars_and_reset_lists() {
        let mut unit = UnitFile::default();
        unit.add("[Unit]\nDescription=x\n[Service]\nUser=root\nExecStart=-/usr/bin/a \\\n# between\n --flag\n");
        assert_eq!(unit.program().as_deref(), Some("/usr/bin/a"));
        unit.add("[Service]\nUser=web\nExecStart=\nExecStart=!!/usr/bin/b --flag=1\nNoNewPrivileges=on\n");
        assert_eq!(unit.last("Service.User"), Some("web"));
        assert_eq!(unit.program().as_deref(), Some("/usr/bin/b"));
        assert!(unit.is_true("Service.NoNewPrivileges"));
        assert!(!unit.has_install());
        unit.add("[Service]\nCapabilityBoundingSet=\n[Install]\nWantedBy=multi-user.target");
        assert!(
            unit.is_set("Service.CapabilityBoundingSet")
                && unit.last("Service.CapabilityBoundingSet").is_none()
        );
        assert!(unit.has_install());
    }

    #[test]
    fn junk_is_read_without_complaint() {
        let mut unit = UnitFile::default();
        unit.add("\u{0}\u{fffd}[=\\\n]\n[\n]=\n=\nExecStart\n[Service\nUser=x\n\\");
        assert_eq!(unit.last("Service.User"), None);
    }
}
