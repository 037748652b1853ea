//! Which database: SQLite in the state directory, or PostgreSQL by its URL.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value as Json, json};
use url::Url;

use super::secret::SecretFile;
use super::value::{Cx, Raw, Value, Wrong, one_line};

/// The file of the SQLite database within the state directory.
const SQLITE_FILE: &str = "palisade.db";

/// What may follow the `?` of a PostgreSQL URL. A password has its place before the host only, so that it can be starred.
const PARAMETERS: [&str; 11] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "application_name",
    "statement-cache-capacity",
];

/// The values of `sslmode`, the weakest first.
const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// The database to open.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// A server; the URL says how its certificate is checked.
    Postgres(SecretString),
}

/// The address of a database. `Debug` and `Display` star the password.
#[derive(Clone)]
pub struct DatabaseUrl(Kind);

#[derive(Clone)]
enum Kind {
    Sqlite(PathBuf),
    Postgres(Postgres),
}

#[derive(Clone)]
struct Postgres {
    url: SecretString,
    shown: String,
    /// Another machine than this one.
    remote: bool,
    mode: &'static str,
}

impl DatabaseUrl {
    /// The database that it names.
    pub fn database(&self) -> Database {
        match &self.0 {
            Kind::Sqlite(path) => Database::Sqlite(path.clone()),
            Kind::Postgres(postgres) => Database::Postgres(postgres.url.clone()),
        }
    }

    /// The database when none is named.
    pub(super) fn usual(state_dir: &Path) -> Database {
        Database::Sqlite(state_dir.join(SQLITE_FILE))
    }

    /// Why what is sent to it can be read or changed on the way, and what to do.
    pub(super) fn danger(&self) -> Option<(String, String)> {
        let Kind::Postgres(Postgres { remote: true, mode, .. }) = &self.0 else { return None };
        let help =
            "write sslmode=verify-full, and sslrootcert=FILE when the database has a CA of its own".to_owned();
        let reason = match *mode {
            "verify-full" => return None,
            "verify-ca" => "any server with a certificate of that CA is taken for the database",
            "require" => "the certificate of the database is not checked: anybody on the way can be it",
            "prefer" | "allow" => {
                "the connection falls back to plain text when somebody on the way refuses TLS"
            }
            _ => "passwords and records cross the network in plain text",
        };
        Some((format!("sslmode is {mode}: {reason}"), help))
    }

    /// Reads an address; the error says what is wrong with it and what to write, without repeating it.
    pub(super) fn parse(text: &str) -> Result<Self, (String, String)> {
        let refuse = |what: &str, help: &str| Err((what.to_owned(), help.to_owned()));
        let Some((scheme, rest)) = text.split_once(':') else {
            return refuse("is no URL", "write postgres://USER@HOST/NAME?sslmode=verify-full, or sqlite:/PATH");
        };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if rest.starts_with(":memory:") || rest.contains("mode=memory") {
                    return refuse(
                        "is a database in memory, which forgets users and who is locked out",
                        "leave it out: the database then lies in server.state_dir",
                    );
                }
                if !path.starts_with('/') || path.contains(['?', '#', '%']) || path.ends_with('/') {
                    return refuse(
                        "is not the absolute path of a SQLite file",
                        "write sqlite:/PATH without anything behind it, or leave it out",
                    );
                }
                Ok(Self(Kind::Sqlite(PathBuf::from(path))))
            }
            "postgres" | "postgresql" => Postgres::parse(text).map(|postgres| Self(Kind::Postgres(postgres))),
            _ => refuse(
                "names a database that Palisade does not speak to",
                "write postgres://... or sqlite:/PATH",
            ),
        }
    }

    fn has_password(text: &str) -> bool {
        Url::parse(text).is_ok_and(|url| url.password().is_some())
    }
}

impl Postgres {
    fn parse(text: &str) -> Result<Self, (String, String)> {
        let example = "write postgres://USER@HOST/NAME?sslmode=verify-full".to_owned();
        let mut url = Url::parse(text).map_err(|error| (format!("is no URL: {error}"), example.clone()))?;
        let mut host = url.host_str().filter(|host| !host.is_empty()).map(str::to_owned);
        let mut mode = None;
        let mut seen = BTreeSet::new();
        for (key, value) in url.query_pairs() {
            if !PARAMETERS.contains(&&*key) {
                let what = match &*key {
                    "password" => "has a password behind the `?`".to_owned(),
                    _ => format!("has an unknown parameter `{}`", key.escape_debug()),
                };
                let help = format!(
                    "behind the `?` may stand {}; a password stands before the @",
                    PARAMETERS.join(", ")
                );
                return Err((what, help));
            }
            if !seen.insert(key.clone()) {
                return Err((format!("has `{key}` twice"), "write it once".to_owned()));
            }
            match &*key {
                "host" | "hostaddr" => host = Some(value.into_owned()),
                "sslmode" => {
                    let known = MODES.into_iter().find(|known| **known == *value);
                    let what = || format!("has sslmode={}, which does not exist", value.escape_debug());
                    mode = Some(known.ok_or_else(|| (what(), "write sslmode=verify-full".to_owned()))?);
                }
                _ => {}
            }
        }
        // The driver would take the host from the environment variable PGHOST.
        let Some(host) = host else { return Err(("names no host".to_owned(), example)) };
        let remote = !is_this_machine(&host);
        // The driver's own default falls back to plain text.
        let mode = match mode {
            Some(mode) => mode,
            None => {
                let mode = if remote { "verify-full" } else { "prefer" };
                url.query_pairs_mut().append_pair("sslmode", mode);
                mode
            }
        };
        let mut shown = url.clone();
        if shown.password().is_some() && shown.set_password(Some("***")).is_err() {
            return Err(("is no URL of a server".to_owned(), example));
        }
        Ok(Self { url: String::from(url).into(), shown: shown.into(), remote, mode })
    }
}

/// Whether a host is reached without a network: a socket's folder, or the loopback.
fn is_this_machine(host: &str) -> bool {
    if host.starts_with('/') || host.to_ascii_lowercase().starts_with("%2f") || host == "localhost" {
        return true;
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Kind::Postgres(postgres) => f.write_str(&postgres.shown),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl Value for DatabaseUrl {
    const FORM: &'static str = "a URL such as \"postgres://palisade@db.example/palisade\", or \"sqlite:/PATH\"";

    fn read(raw: &Raw, cx: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let text = raw.text().ok_or_else(|| raw.other_than(Self::FORM))?;
        one_line(raw, text)?;
        if cx.in_file && Self::has_password(text) {
            return Err(vec![raw.wrong(
                "holds a password, and secrets do not stand in this file",
                "write the URL into a file with mode 0600 and name it with url_file, or set PALISADE_DATABASE_URL",
            )]);
        }
        Self::parse(text).map_err(|(what, help)| vec![raw.wrong(what, help)])
    }

    fn shown(&self) -> Json {
        json!(self.to_string())
    }
}

/// A file that holds the address of a database.
#[derive(Clone, Debug)]
pub struct DatabaseUrlFile {
    file: SecretFile,
    /// What it holds.
    pub url: DatabaseUrl,
}

impl Value for DatabaseUrlFile {
    const FORM: &'static str = SecretFile::FORM;

    fn read(raw: &Raw, cx: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let file = SecretFile::read(raw, cx)?;
        let url = DatabaseUrl::parse(file.secret().expose_secret()).map_err(|(what, help)| {
            vec![raw.wrong(format!("names {}: the URL in it {what}", file.path().display()), help)]
        })?;
        Ok(Self { file, url })
    }

    fn shown(&self) -> Json {
        self.file.shown()
    }
}
