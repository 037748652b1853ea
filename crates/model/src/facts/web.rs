//! Section `web`: what the configuration files of nginx and Apache say about TLS, headers and what they give away.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `web`. Absent when neither nginx nor Apache has a configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Web {
    /// nginx and Apache, as far as they have a configuration.
    pub servers: Vec<WebServer>,
}

/// What the files of one server program say. Parts for other protocols (`stream`, `mail`) are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WebServer {
    /// `nginx` or `apache`.
    pub name: String,
    /// The file that is read first.
    pub main_file: String,
    /// The folder for further settings of the outermost level, such as `/etc/nginx/conf.d`; absent: none is included.
    pub drop_ins: Fact<String>,
    /// How many of `settings` are read before that folder's files have been read: later ones win over those of Apache.
    pub drop_ins_end: u64,
    /// Settings of TLS, headers, versions, methods and lists of files, in the order in which they are read.
    pub settings: Vec<WebSetting>,
    /// Modules of Apache that are switched on: `headers`.
    pub modules: Vec<String>,
    /// Modules of Apache that are installed and can be switched on.
    pub modules_at_hand: Vec<String>,
    /// Whether some part of it speaks TLS.
    pub tls: bool,
    /// Settings that let clients use TLS 1.1 or older, with their places; `not set` when nothing is said.
    pub old_protocols: Vec<String>,
    /// Whether sessions can be resumed by tickets; nobody changes their keys while the server runs.
    pub session_tickets: bool,
    /// Whether answers and error pages name the version.
    pub tells_version: bool,
    /// Whether `TRACE` is answered.
    pub trace: bool,
    /// Whether folders without a start page are shown as lists of files.
    pub lists_folders: bool,
    /// Files that could not be read, with the reason.
    pub unread: Vec<String>,
    /// Whether there was more than is read.
    pub truncated: bool,
    /// The main file.
    pub source: String,
}

/// One setting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WebSetting {
    /// Its name, lower case.
    pub name: String,
    /// Its arguments, without quotes, with one blank between them.
    pub value: String,
    /// The blocks around it: `server 2 location 1`, `virtualhost 1`, `location /`; empty at the outermost level.
    pub block: String,
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// The line's text; absent when something else stands there too, or it goes on in the next line.
    pub text: Fact<String>,
    /// File and line.
    pub source: String,
}
