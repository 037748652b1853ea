//! The three places where a value can be written: the file, the environment, the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use policy::Problem;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::effective::Source;
use super::parameter::Parameter;
use super::reading::{Given, Reading, place};
use super::table::{PARAMETERS, SECTIONS};
use super::value::{Raw, Shape};

/// How the variables of ours begin.
const PREFIX: &str = "PALISADE_";

/// Variables that begin so and are not ours: an orchestrator sets the first two for a service that is called palisade,
/// the third are of our tests.
const FOREIGN: [&str; 3] = ["SERVICE_", "PORT", "TEST_"];

/// What the command line says; it overrules the file and the environment.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--listen`.
    pub listen: Option<String>,
    /// `--state-dir`, as an absolute path.
    pub state_dir: Option<PathBuf>,
    /// The state directory when nobody names one, as an absolute path; `/var/lib/palisade` otherwise.
    pub usual_state_dir: Option<PathBuf>,
    /// The least important lines that are written when nobody names any; `info` otherwise.
    pub usual_log_level: Option<&'static str>,
    /// `palisade up`, which asks everybody for a second factor unless somebody says otherwise.
    pub is_up: bool,
}

/// The state directory of a user when nobody names one; none where `/var/lib/palisade` is right.
///
/// A service manager's `STATE_DIRECTORY` comes first; who is not root keeps it below `XDG_STATE_HOME` or
/// `~/.local/state`. `variable` gives a variable of the environment.
pub fn usual_state_dir(is_root: bool, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // systemd separates several by colons.
    let given = variable("STATE_DIRECTORY").and_then(|list| list.into_string().ok());
    let first =
        given.and_then(|list| list.split(':').next().map(PathBuf::from)).filter(|path| path.is_absolute());
    let own = || folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")));
    match (first, is_root) {
        (Some(first), _) => Some(first),
        (None, true) => None,
        (None, false) => own().map(|path| path.join("palisade")),
    }
}

impl Reading<'_> {
    /// Takes the values of the file.
    pub(super) fn take_file(&mut self, name: &str) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if !errors.is_empty() {
            let problem = |error: &toml::de::Error| {
                let at = error.span().map(|span| place(self.text, &span)).unwrap_or_default();
                Problem::at(name, at, format!("this is no TOML: {}", error.message().replace('\n', ", ")))
            };
            self.problems.extend(errors.iter().map(problem).collect::<Vec<_>>());
            // What was made of the rest would complain of what is right.
            return;
        }
        for (section, value) in table.into_inner() {
            self.take_section(name, &section, value);
        }
    }

    fn take_section(
        &mut self,
        file: &str,
        section: &Spanned<toml::de::DeString<'_>>,
        value: Spanned<DeValue<'_>>,
    ) {
        let name: &str = section.get_ref();
        let at = place(self.text, &section.span());
        let shown = name.escape_debug();
        let is_table = matches!(value.get_ref(), DeValue::Table(_));
        if !SECTIONS.iter().any(|known| known.name == name) {
            let problem = Problem::at(
                file,
                at,
                format!("there is no {} {shown}", if is_table { "section" } else { "parameter" }),
            );
            let problem = match PARAMETERS.iter().find(|row| row.name == name) {
                Some(row) if !is_table => problem.help(format!("write it below [{}]", row.section)),
                _ => problem.suggest(name, SECTIONS.iter().map(|known| known.name)),
            };
            self.problems.push(problem);
            return;
        }
        let DeValue::Table(table) = value.into_inner() else {
            let problem = Problem::at(file, at, format!("{shown} is a section, not a parameter"));
            self.problems
                .push(problem.help(format!("write [{name}] on a line of its own, and its parameters below")));
            return;
        };
        for (key, value) in table {
            let name_in_section: &str = key.get_ref();
            let (line, column) = place(self.text, &key.span());
            match find(name, name_in_section) {
                Some(row) => {
                    let source = Source::File { path: file.to_owned(), line, column };
                    self.give(row, Given { raw: raw(&value), source });
                }
                None => self.problems.push(unknown(name, name_in_section, file, (line, column))),
            }
        }
    }

    /// Takes the values of the environment.
    pub(super) fn take_environment(&mut self, environment: impl IntoIterator<Item = (OsString, OsString)>) {
        for (variable, value) in environment {
            let variable = variable.to_string_lossy().into_owned();
            let Some(rest) = variable.strip_prefix(PREFIX) else { continue };
            if FOREIGN.iter().any(|foreign| rest.starts_with(foreign)) {
                continue;
            }
            let Some(row) = PARAMETERS.iter().find(|row| row.variable() == variable) else {
                self.problems.push(unknown_variable(&variable));
                continue;
            };
            let source = Source::Environment { variable };
            match value.into_string() {
                Ok(text) if text.is_empty() => {
                    let problem = source.problem(format!("{} is empty", row.key()));
                    self.problems.push(problem.help("give it a value, or take the variable out"));
                }
                Ok(text) => self.give(row, Given { raw: word(text), source }),
                Err(_) => {
                    let problem = source.problem(format!("{} is not UTF-8 text", row.key()));
                    self.problems.push(problem.help(format!("write {}", row.form)));
                }
            }
        }
    }

    /// Takes the values of the command line.
    pub(super) fn take_overrides(&mut self, overrides: &Overrides) {
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        let options = [
            ("listen", "--listen", overrides.listen.clone()),
            ("state_dir", "--state-dir", overrides.state_dir.as_ref().map(path)),
        ];
        for (name, option, text) in options {
            if let (Some(row), Some(text)) = (find("server", name), text) {
                let source = Source::CommandLine { option: option.to_owned() };
                self.give(row, Given { raw: Raw::word(text), source });
            }
        }
    }

    /// Takes the defaults that only the caller can know.
    pub(super) fn take_usual(&mut self, overrides: &Overrides) {
        let directory = overrides.usual_state_dir.as_ref().map(|dir| dir.to_string_lossy().into_owned());
        let level = overrides.usual_log_level.map(str::to_owned);
        let up = || Source::CommandLine { option: "up".to_owned() };
        for (section, name, text, source) in [
            ("server", "state_dir", directory, Source::Default),
            ("log", "level", level, Source::Default),
            ("mfa", "mfa_enabled", overrides.is_up.then(|| "true".to_owned()), up()),
        ] {
            if let (Some(row), Some(text)) = (find(section, name), text) {
                self.give(row, Given { raw: Raw::word(text), source });
            }
        }
    }

    fn give(&mut self, row: &Parameter, given: Given) {
        self.given.entry(row.key()).or_default().push(given);
    }
}

fn find(section: &str, name: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|row| row.section == section && row.name == name)
}

fn unknown(section: &str, name: &str, file: &str, at: (usize, usize)) -> Problem {
    let problem =
        Problem::at(file, at, format!("there is no parameter {} in [{section}]", name.escape_debug()));
    let with_file = format!("{name}_file");
    if find(section, &with_file).is_some() {
        return problem.help(format!(
            "secrets do not stand in this file: write it into a file with mode 0600, and {with_file} here"
        ));
    }
    match PARAMETERS.iter().find(|row| row.name == name) {
        Some(row) => problem.help(format!("it belongs below [{}]", row.section)),
        None => {
            problem.suggest(name, PARAMETERS.iter().filter(|row| row.section == section).map(|row| row.name))
        }
    }
}

fn unknown_variable(variable: &str) -> Problem {
    let source = Source::Environment { variable: variable.to_owned() };
    let problem = source.problem("this variable is none of Palisade's parameters");
    let with_file = format!("{variable}_FILE");
    if PARAMETERS.iter().any(|row| row.variable() == with_file) {
        return problem
            .help(format!("write the secret into a file with mode 0600 and name it with {with_file}"));
    }
    let known: Vec<String> = PARAMETERS.iter().map(Parameter::variable).collect();
    problem.suggest(variable, known.iter().map(String::as_str))
}

/// A word of the environment; what begins with a bracket is a list or a table of TOML.
fn word(text: String) -> Raw {
    if text.starts_with(['[', '{'])
        && let Ok(value) = DeValue::parse(&text)
    {
        return without_places(raw(&value));
    }
    Raw::word(text)
}

fn without_places(raw: Raw) -> Raw {
    let shape = match raw.shape {
        Shape::List(members) => Shape::List(members.into_iter().map(without_places).collect()),
        Shape::Table(members) => {
            Shape::Table(members.into_iter().map(|(name, member)| (name, without_places(member))).collect())
        }
        other => other,
    };
    Raw { shape, span: None }
}

/// A value of TOML. The parser bounds how deep it can be.
fn raw(value: &Spanned<DeValue<'_>>) -> Raw {
    let shape = match value.get_ref() {
        DeValue::String(text) => Shape::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Shape::Integer(number),
            Err(_) => Shape::Other("a number that is too large"),
        },
        DeValue::Float(_) => Shape::Other("a number with a fraction"),
        DeValue::Boolean(value) => Shape::Boolean(*value),
        DeValue::Datetime(_) => Shape::Other("a date"),
        DeValue::Array(members) => Shape::List(members.iter().map(raw).collect()),
        DeValue::Table(members) => Shape::Table(
            members.iter().map(|(name, member)| (name.get_ref().to_string(), raw(member))).collect(),
        ),
    };
    Raw { shape, span: Some(value.span()) }
}
