//! From what is written to checked values: the later source wins, and everything that is wrong is told.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use policy::Problem;
use secrecy::SecretString;
use serde_json::Value as Json;

use super::effective::{Danger, Setting, Source};
use super::parameter::Parameter;
use super::secret::SecretError;
use super::value::{Cx, Raw, Value, Wrong};

/// One value, and where it stands.
pub(super) struct Given {
    pub(super) raw: Raw,
    pub(super) source: Source,
}

/// What was written for the parameters.
pub(super) struct Reading<'a> {
    /// By key; of each key the later wins.
    pub(super) given: BTreeMap<String, Vec<Given>>,
    /// The text of the file.
    pub(super) text: &'a str,
    pub(super) secrets: &'a dyn Fn(&Path) -> Result<SecretString, SecretError>,
    pub(super) problems: Vec<Problem>,
    pub(super) settings: Vec<Setting>,
}

impl Reading<'_> {
    /// The value of a parameter. Every source is checked, also one that a later source overrules.
    pub(super) fn value<T: Value>(&mut self, row: &Parameter) -> Option<T> {
        let key = row.key();
        let mut last = None;
        let mut is_wrong = false;
        for given in self.given.remove(&key).unwrap_or_default() {
            let cx = Cx { in_file: matches!(given.source, Source::File { .. }), secrets: self.secrets };
            match T::read(&given.raw, &cx).and_then(|value| within(row, value, &given.raw)) {
                Ok(value) => last = Some((value, given.source)),
                Err(wrong) => {
                    is_wrong = true;
                    let problems = wrong.into_iter().map(|wrong| self.problem(&key, &given.source, wrong));
                    self.problems.extend(problems.collect::<Vec<_>>());
                }
            }
        }
        if is_wrong {
            return None;
        }
        let default = default::<T>(row, self.secrets);
        let table_default = default.as_ref().map_or(Json::Null, T::shown);
        let (value, source) = match last {
            Some(last) => last,
            None => (default?, Source::Default),
        };
        // The caller may know a better default than the table.
        let default = if source == Source::Default { value.shown() } else { table_default };
        self.settings.push(Setting {
            section: row.section.to_owned(),
            name: row.name.to_owned(),
            value: value.shown(),
            default,
            source,
            about: row.about.to_owned(),
            guide: row.guide.map(str::to_owned),
            danger: danger(row, &value),
        });
        Some(value)
    }

    fn problem(&self, key: &str, source: &Source, wrong: Wrong) -> Problem {
        let what = format!("{key} {}", wrong.what);
        let problem = match (source, wrong.span) {
            (Source::File { path, .. }, Some(span)) => Problem::at(path, place(self.text, &span), what),
            _ => source.problem(what),
        };
        problem.help(wrong.help)
    }
}

/// What holds when nothing is written.
pub(super) fn default<T: Value>(
    row: &Parameter,
    secrets: &dyn Fn(&Path) -> Result<SecretString, SecretError>,
) -> Option<T> {
    match row.default {
        "" => T::absent(),
        text => T::read(&Raw::word(text), &Cx { in_file: false, secrets }).ok(),
    }
}

/// The value, when it is within the bounds of its parameter.
fn within<T: Value>(row: &Parameter, value: T, raw: &Raw) -> Result<T, Vec<Wrong>> {
    let (Some(measure), Some(accepted)) = (value.measure(), &row.accepted) else { return Ok(value) };
    if accepted.contains(&measure) {
        return Ok(value);
    }
    let (least, most) = ((row.written)(*accepted.start()), (row.written)(*accepted.end()));
    let help = match accepted.start() == accepted.end() {
        true => format!("write {least}"),
        false => format!("write a value from {least} to {most}"),
    };
    let side = if measure < *accepted.start() { "less than" } else { "more than" };
    let bound = if measure < *accepted.start() { least } else { most };
    Err(vec![raw.wrong(format!("is {}, {side} the {bound} that is possible", (row.written)(measure)), help)])
}

/// Why a value outside the safe range is unsafe.
fn danger<T: Value>(row: &Parameter, value: &T) -> Option<Danger> {
    let (measure, (safe, risk)) = (value.measure()?, row.safe.as_ref()?);
    let remedy = if measure < *safe.start() {
        format!("write at least {}", (row.written)(*safe.start()))
    } else if measure > *safe.end() {
        format!("write at most {}", (row.written)(*safe.end()))
    } else {
        return None;
    };
    Some(Danger { reason: (*risk).to_owned(), remedy })
}

/// Line and column of the start of a span, both from 1; columns count characters.
pub(super) fn place(text: &str, span: &Range<usize>) -> (usize, usize) {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
