//! The writers: a [`Report`] as text for a terminal, JSON, HTML, SARIF, OSCAL, JUnit and CSV.
//!
//! Pure: no files, no clock, no environment. The same report and options give the same bytes. Every text that
//! came from a target is made harmless for the format it is written to; see [`printable()`].
#![forbid(unsafe_code)]

mod csv;
mod cyclonedx;
mod evidence;
mod fingerprint;
mod html;
mod json;
mod junit;
mod location;
mod oscal;
mod printable;
mod sarif;
mod undecided;

pub mod schema;
pub mod terminal;

use std::fmt;
use std::str::FromStr;

use model::fleet::Member;
use model::{Fleet, Report};

pub use cyclonedx::cyclonedx;
pub use fingerprint::fingerprint;
pub use printable::printable;

/// The forms a report is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Text for a person at a terminal.
    #[default]
    Terminal,
    /// `palisade.report/1`; see `docs/report.schema.json`.
    Json,
    /// One self-contained page.
    Html,
    /// SARIF 2.1.0, for code scanning services.
    Sarif,
    /// OSCAL 1.1.3 assessment results, for compliance tools.
    Oscal,
    /// JUnit XML, for CI servers.
    Junit,
    /// One row per finding, for spreadsheets.
    Csv,
}

impl Format {
    /// All formats, in the order in which they are documented.
    pub const ALL: [Self; 7] =
        [Self::Terminal, Self::Json, Self::Html, Self::Sarif, Self::Oscal, Self::Junit, Self::Csv];

    /// The word for it on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Json => "json",
            Self::Html => "html",
            Self::Sarif => "sarif",
            Self::Oscal => "oscal",
            Self::Junit => "junit",
            Self::Csv => "csv",
        }
    }

    /// What files of it are usually called, without the leading dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Terminal => "txt",
            Self::Json => "json",
            Self::Html => "html",
            Self::Sarif => "sarif",
            Self::Oscal => "oscal.json",
            Self::Junit => "xml",
            Self::Csv => "csv",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| UnknownFormat(printable(text).into_owned()))
    }
}

/// A word that names no format.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{0}`; it is one of terminal, json, html, sarif, oscal, junit, csv")]
pub struct UnknownFormat(String);

/// How a report is shown at a terminal; the other formats do not look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Columns. Lines are no longer, unless one word is.
    pub width: usize,
    /// Whether colours are wanted. The text is the same without.
    pub colour: bool,
    /// Whether the terminal shows more than ASCII; bars look better then.
    pub unicode: bool,
    /// Show everything: passes, what does not apply, low severities, every subject and requirement.
    pub verbose: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: 80, colour: false, unicode: true, verbose: false }
    }
}

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The report holds something that JSON cannot carry.
    #[error("cannot write the report as JSON")]
    Json(#[from] serde_json::Error),
    /// Not one target of the fleet could be audited.
    #[error("no target could be audited, so there is no report to write")]
    NoReport,
    /// The XML writer refused.
    #[error("cannot write the report as JUnit XML")]
    Junit(#[from] quick_junit::SerializeError),
    /// The table writer refused.
    #[error("cannot write the report as CSV")]
    Csv(#[source] ::csv::Error),
}

/// Writes `report` as `format`; the text ends with a line feed.
///
/// # Errors
/// Only when a writer's library refuses; no report that Palisade made is known to do that.
pub fn write(format: Format, report: &Report, options: &Options) -> Result<String, Error> {
    match format {
        Format::Terminal => Ok(terminal::write(report, options)),
        Format::Json => json::to_text(report),
        Format::Html => Ok(html::write(report)),
        Format::Sarif => sarif::write(&[report]),
        Format::Oscal => oscal::write(&format!("Palisade audit of {}", report.target.name), &[report], &[]),
        Format::Junit => junit::write(&format!("palisade audit of {}", report.target.name), &[report], &[]),
        Format::Csv => csv::write(&[report]),
    }
}

/// Writes the reports of several targets as one document: a person gets every report and then what they come to
/// together, a page only the latter. `files` are the reports' own files by member, where they have any.
///
/// # Errors
/// As [`write()`]; and OSCAL has no form for a fleet of which no target could be audited.
pub fn write_fleet(
    format: Format,
    fleet: &Fleet,
    files: &[Option<String>],
    options: &Options,
) -> Result<String, Error> {
    let reports: Vec<&Report> = fleet.reports().collect();
    let missing: Vec<&Member> = fleet.targets.iter().filter(|member| member.report.is_none()).collect();
    match format {
        Format::Terminal => {
            let mut text: Vec<String> = reports.iter().map(|report| terminal::write(report, options)).collect();
            text.push(terminal::fleet(fleet, options));
            Ok(text.join("\n"))
        }
        Format::Json => json::to_text(fleet),
        Format::Html => Ok(html::fleet(fleet, files)),
        Format::Sarif => sarif::write(&reports),
        Format::Oscal => {
            let missing: Vec<String> = missing
                .iter()
                .map(|member| format!("{} could not be audited: {}", member.name, member.error))
                .collect();
            oscal::write(&fleet_title(fleet), &reports, &missing)
        }
        Format::Junit => junit::write(&fleet_title(fleet), &reports, &missing),
        Format::Csv => csv::write(&reports),
    }
}

/// What several reports come to together, for a person at a terminal.
pub fn fleet_summary(fleet: &Fleet, options: &Options) -> String {
    terminal::fleet(fleet, options)
}

fn fleet_title(fleet: &Fleet) -> String {
    format!("Palisade audit of {} targets", fleet.targets.len())
}
