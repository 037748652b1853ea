//! What holds in the end: every parameter with its value, where that came from, and whether it is safe.

use std::fmt;

use policy::Problem;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

/// The configuration in force, for `palisade config show`, the settings page and the API.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Effective {
    /// The file, when there is one.
    pub file: Option<File>,
    /// Every parameter, in the order of `docs/configuration.md`.
    pub settings: Vec<Setting>,
}

/// The configuration file.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct File {
    /// Its path, as it was given.
    pub path: String,
    /// What is unsafe about it.
    pub dangers: Vec<Danger>,
}

/// One parameter and its value.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Setting {
    /// The section: `brute_force`.
    pub section: String,
    /// The name within it: `max_attempts_by_ip`.
    pub name: String,
    /// The value; passwords are stars, `null` is nothing.
    pub value: Json,
    /// What holds when nothing is written.
    pub default: Json,
    /// Where the value came from.
    pub source: Source,
    /// What it does.
    pub about: String,
    /// The requirement of the Nerve guide that asks for it.
    pub guide: Option<String>,
    /// Why the value weakens the system; none when it does not.
    #[serde(rename = "unsafe")]
    pub danger: Option<Danger>,
}

/// Why something is unsafe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Danger {
    /// What it is and what can happen.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// Where a value came from. Later ones win.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// Nobody wrote one.
    Default,
    /// The configuration file.
    File {
        /// Its path.
        path: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// The environment.
    Environment {
        /// The variable.
        variable: String,
    },
    /// The command line.
    CommandLine {
        /// The option, with its dashes.
        option: String,
    },
}

impl Source {
    /// A problem with what came from here.
    pub(super) fn problem(&self, what: impl Into<String>) -> Problem {
        match self {
            Self::File { path, line, column } => Problem::at(path, (*line, *column), what),
            Self::Default => Problem::at("built-in default", (0, 0), what),
            other => Problem::at(&other.to_string(), (0, 0), what),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, .. } => write!(f, "{path}:{line}"),
            Self::Environment { variable } => write!(f, "environment {variable}"),
            Self::CommandLine { option } => write!(f, "command line {option}"),
        }
    }
}

impl Setting {
    /// `brute_force.max_attempts_by_ip`.
    pub fn key(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The value as the file would write it; none when there is nothing.
    pub fn text(&self) -> Option<String> {
        text(&self.value)
    }

    /// The default as the file would write it; none when there is none.
    pub fn default_text(&self) -> Option<String> {
        text(&self.default)
    }
}

impl Effective {
    /// The parameter of this section and name.
    pub fn setting(&self, key: &str) -> Option<&Setting> {
        let (section, name) = key.split_once('.')?;
        self.settings.iter().find(|setting| setting.section == section && setting.name == name)
    }

    /// Everything that is unsafe: the place as `file:line:column` or in words, and why.
    pub fn dangers(&self) -> Vec<Problem> {
        let of_file = self.file.iter().flat_map(|file| {
            let problem =
                |danger: &Danger| Problem::at(&file.path, (0, 0), &danger.reason).help(&danger.remedy);
            file.dangers.iter().map(problem)
        });
        let of_settings = self.settings.iter().filter_map(|setting| {
            let danger = setting.danger.as_ref()?;
            let value = setting.text().unwrap_or_else(|| "not set".to_owned());
            let what = format!("{} is {value}: {}", setting.key(), danger.reason);
            Some(setting.source.problem(what).help(&danger.remedy))
        });
        of_file.chain(of_settings).collect()
    }
}

/// A value as TOML writes it.
pub(super) fn text(value: &Json) -> Option<String> {
    Some(match value {
        Json::Null => return None,
        Json::Array(members) => {
            let members: Vec<String> = members.iter().filter_map(text).collect();
            format!("[{}]", members.join(", "))
        }
        Json::Object(members) if members.is_empty() => "{}".to_owned(),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| Some(format!("{} = {}", quoted(name), text(value)?));
            format!("{{ {} }}", members.iter().filter_map(member).collect::<Vec<_>>().join(", "))
        }
        Json::String(text) => quoted(text),
        other => other.to_string(),
    })
}

/// Strings of JSON without escaped slashes are strings of TOML too.
fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}
