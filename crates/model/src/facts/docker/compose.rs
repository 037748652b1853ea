//! Compose projects: the files that containers are made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// A compose project, as the labels of its containers and its files tell.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ComposeProject {
    /// Its name.
    pub name: String,
    /// Where it was read: `docker inspect NAME` of one of its containers.
    pub source: String,
    /// The version of compose that made its containers.
    pub version: Fact<String>,
    /// The directory that it was started from.
    pub directory: Fact<String>,
    /// The files it was started with, in order.
    pub files: Fact<Vec<String>>,
    /// The override files beside them that compose reads by itself.
    pub override_files: Fact<Vec<String>>,
    /// Those of all these files that Palisade made.
    pub own_files: Fact<Vec<String>>,
    /// Variables that the files use, have no default for and that `.env` does not set: the shell that started it did.
    pub shell_variables: Fact<Vec<String>>,
    /// Lines that publish a port without saying on which address.
    pub port_lines: Fact<Vec<PortLine>>,
}

/// A line of a compose file that publishes a port on all addresses.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PortLine {
    /// The line, without the blanks around it.
    pub text: String,
    /// What it publishes, without quotes: `8080:80`.
    pub published: String,
    /// The port on the host; absent when it is chosen at start or a range.
    pub host_port: Fact<u16>,
    /// The port inside; absent when it is a range.
    pub container_port: Fact<u16>,
    /// `tcp`, `udp`, `sctp`.
    pub protocol: String,
    /// Where it was read: file and line.
    pub source: String,
}

/// A file of a compose project.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ComposeFile {
    /// Its path.
    pub path: String,
    /// `compose`, `env` (variables), `secret`.
    pub kind: String,
    /// Permission bits, octal: `0640`.
    pub mode: String,
    /// Whether everybody may read it.
    pub others_may_read: bool,
    /// Whether everybody may write it.
    pub others_may_write: bool,
    /// Names of the variables in it that hold secrets; for kind `env` only.
    pub secrets: Vec<String>,
    /// Where the project names it; the path itself for those that it is made of.
    pub source: String,
}
