//! The configuration: one TOML file, the environment, and where every value came from.
//!
//! Later sources win: the default, the file, the environment (`PALISADE_<SECTION>_<NAME>`), the command line. What is
//! unknown, of the wrong type, out of bounds or cannot work together is an error, and all errors are told at once.
//! What is allowed and weakens the system is named in [`Effective`]. Secrets stand in files of their own.

mod checks;
mod database;
mod effective;
mod file;
mod measure;
mod net;
mod parameter;
mod reading;
mod reference;
mod search;
mod secret;
mod sources;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod witnessing;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use policy::Problem;
use secrecy::SecretString;

pub use database::{Database, DatabaseUrl, DatabaseUrlFile};
pub use effective::{Danger, Effective, File, Setting, Source};
pub use measure::{Size, Span};
pub use net::{HostName, IssuerUrl, LdapUrl, MailAddress, MetricsListen, PublicUrl};
pub use parameter::{Parameter, Section};
pub use reference::{example, reference};
pub use search::{IndexName, SearchUrl};
pub use secret::{KeyFile, SecretError, SecretFile, read_secret};
pub use sources::{Overrides, usual_state_dir};
pub use table::{
    Audit, AuditLogs, BruteForce, Config, DatabaseSettings, Ldap, LedgerOpensearch, LedgerSyslog, Log, Mail,
    Mfa, Oidc, PARAMETERS, Passwords, RemoteConnection, SECTIONS, Server, Sessions, Tls, Witnessing,
};
pub use value::{Count, ForwardedHeader, LogFormat, LogLevel, MailTls, Notice, RoleMap};
pub use witnessing::{LogKey, WitnessAddress};

use checks::Checks;
use reading::Reading;

/// The text of a configuration file.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// What errors call it.
    pub name: &'a str,
    /// The text itself.
    pub text: &'a str,
}

impl Config {
    /// Reads the file, when one is named, the environment and the command line.
    ///
    /// Of the environment only variables that begin with `PALISADE_` are looked at; `std::env::vars_os()` gives it.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place and what to do; trying again does not help.
    pub fn load(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: &Overrides,
    ) -> Result<(Self, Effective), Vec<Problem>> {
        let Some(path) = path else {
            return Self::parse(None, environment, overrides, &read_secret);
        };
        let name = path.display().to_string();
        let (text, dangers) = file::read(path).map_err(|problem| vec![problem])?;
        let (config, mut effective) =
            Self::parse(Some(Text { name: &name, text: &text }), environment, overrides, &read_secret)?;
        effective.file = Some(File { path: name, dangers });
        Ok((config, effective))
    }

    /// The same from a text, with `secrets` in place of the files that hold secrets.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(
        file: Option<Text<'_>>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: &Overrides,
        secrets: &dyn Fn(&Path) -> Result<SecretString, SecretError>,
    ) -> Result<(Self, Effective), Vec<Problem>> {
        let mut reading = Reading {
            given: BTreeMap::new(),
            text: file.map_or("", |file| file.text),
            secrets,
            problems: Vec::new(),
            settings: Vec::new(),
        };
        reading.take_usual(overrides);
        if let Some(file) = file {
            reading.take_file(file.name);
        }
        reading.take_environment(environment);
        reading.take_overrides(overrides);
        let config = Self::read(&mut reading);
        let Reading { mut problems, mut settings, .. } = reading;
        if let Some(config) = &config {
            Checks { config, settings: &mut settings, problems: &mut problems }.run();
        }
        match config {
            Some(config) if problems.is_empty() => Ok((config, Effective { file: None, settings })),
            _ => {
                problems.sort();
                problems.dedup();
                Err(problems)
            }
        }
    }

    /// The database to open.
    pub fn database(&self) -> Database {
        let settings = &self.database;
        let url = settings.url_file.as_ref().map(|file| &file.url).or(settings.url.as_ref());
        url.map_or_else(|| DatabaseUrl::usual(&self.server.state_dir), DatabaseUrl::database)
    }
}
