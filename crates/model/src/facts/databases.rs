//! Section `databases`: where databases, caches and brokers are configured to listen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `databases`: PostgreSQL, Redis, MariaDB or MySQL, and Mosquitto, as far as they are installed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Databases {
    /// One entry a server; a cluster of PostgreSQL is one. One whose files could not be read stands in the list as
    /// unreadable.
    pub servers: Vec<Fact<DatabaseServer>>,
}

/// One server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DatabaseServer {
    /// `postgresql 15/main`, `redis`, `mariadb`, `mosquitto`.
    pub name: String,
    /// `postgresql`, `redis`, `mariadb` or `mosquitto`.
    pub kind: String,
    /// Where it listens.
    pub listens: Vec<Listens>,
    /// Whether all of that is this host itself.
    pub local: bool,
    /// The file that is read first.
    pub main_file: String,
    /// The folder for further settings, whose last file wins; absent: none is included.
    pub drop_ins: Fact<String>,
    /// The main file.
    pub source: String,
}

/// One place where a server listens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Listens {
    /// Addresses as configured; what the program does by default when nothing is.
    pub address: String,
    /// The port; absent: the usual one.
    pub port: Fact<u16>,
    /// Whether that is this host itself.
    pub local: bool,
    /// Whether it asks for TLS; only told for Mosquitto.
    pub tls: bool,
    /// The file that says so; absent: none does.
    pub file: Fact<String>,
    /// The line's text.
    pub text: Fact<String>,
    /// File and line, or `default`.
    pub source: String,
}
