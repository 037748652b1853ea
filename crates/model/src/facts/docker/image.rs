//! Images: what they are made of and what lies in them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Contents, Variable};
use crate::Fact;

/// One image.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Image {
    /// The first 12 digits of its id.
    pub id: String,
    /// Its first tag, else its first digest, else its id.
    pub name: String,
    /// Where it was read: `docker image NAME`.
    pub source: String,
    /// The whole id, `sha256:...`.
    pub digest: String,
    /// `name:tag`.
    pub tags: Fact<Vec<String>>,
    /// `name@sha256:...`, as registries know it; empty when never pulled or pushed.
    pub repo_digests: Fact<Vec<String>>,
    /// The registries of its tags and digests; `docker.io` when a name has none; empty when it has no name.
    pub registries: Fact<Vec<String>>,
    /// Whether one of its tags is `latest`.
    pub is_latest: Fact<bool>,
    /// Whether it has no tag.
    pub is_dangling: Fact<bool>,
    /// When it was built.
    pub created: Fact<String>,
    /// Bytes of all layers.
    pub size_bytes: Fact<u64>,
    /// The user its containers start as; `root` when it sets none.
    pub user: Fact<String>,
    /// Whether that user is root.
    pub runs_as_root: Fact<bool>,
    /// Ports it says it listens on: `8080/tcp`.
    pub exposed_ports: Fact<Vec<String>>,
    /// Whether port 22 or 23 is among them.
    pub exposes_remote_shell: Fact<bool>,
    /// Names of all labels.
    pub label_names: Fact<Vec<String>>,
    /// Values of the labels `org.opencontainers.*`.
    pub labels: Fact<BTreeMap<String, String>>,
    /// Environment variables: names only.
    pub environment: Fact<Vec<Variable>>,
    /// Whether its start command goes through a shell.
    pub starts_through_shell: Fact<bool>,
    /// Whether it has a health check.
    pub has_health_check: Fact<bool>,
    /// Digest of its first layer: which base image it stands on.
    pub base_layer: Fact<String>,
    /// Number of layers.
    pub layers: Fact<u64>,
    /// How it was built, first step first.
    pub history: Fact<Vec<Step>>,
    /// Whether a step upgraded the packages of the operating system; absent when the history tells no commands.
    pub upgrades_packages: Fact<bool>,
    /// Servers of remote shells in its files: sshd, dropbear, telnetd, ...
    pub remote_shells: Fact<Vec<String>>,
    /// Compilers, build tools and debuggers in its files.
    pub build_tools: Fact<Vec<String>>,
    /// Network tools in its files: curl, wget, nc, ...
    pub network_tools: Fact<Vec<String>>,
    /// Package managers in its files.
    pub package_managers: Fact<Vec<String>>,
    /// Names of the containers made from it.
    pub used_by: Fact<Vec<String>>,
    /// Whether no container is made from it; absent where nobody knows which containers there are.
    pub unused: Fact<bool>,
    /// The image it was built on as the builder named it, label `org.opencontainers.image.base.name`.
    pub base_image: Fact<String>,
    /// What its layers hold, read file by file. That is done for a target that is an image; absent for the images of a
    /// host, of which only what the engine tells is read.
    pub contents: Fact<Contents>,
    /// The Dockerfile that describes it; absent when the image itself was read.
    pub dockerfile: Fact<Dockerfile>,
}

/// What a Dockerfile says that the image made from it does not.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Dockerfile {
    /// Its path.
    pub path: String,
    /// Its last `FROM`: file and line.
    pub source: String,
    /// How many stages it has.
    pub stages: u64,
    /// The user that the last stage, or one that it stands on, sets; absent when none does.
    pub user: Fact<String>,
    /// The images that its stages stand on, but for `scratch`.
    pub bases: Vec<Base>,
    /// All instructions in order, those of stages that do not end in the image included.
    pub instructions: Vec<Instruction>,
}

/// An image that a stage of a Dockerfile stands on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Base {
    /// As it is written, arguments filled in.
    pub image: String,
    /// The stage, counted from 1.
    pub stage: u64,
    /// The registry it comes from; `docker.io` when the name has none.
    pub registry: String,
    /// Whether it is named by a digest.
    pub is_pinned: bool,
    /// Whether it is named by `latest`, or by neither tag nor digest.
    pub is_latest: bool,
    /// File and line.
    pub source: String,
}

/// One instruction of a Dockerfile. Its text never leaves the probe.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Instruction {
    /// `FROM`, `RUN`, `COPY`, ...
    pub instruction: String,
    /// The stage it belongs to, counted from 1; 0 before the first.
    pub stage: u64,
    /// Whether it adds something from the network without checking a digest.
    pub adds_from_network: bool,
    /// Whether it loads without looking at certificates or signatures.
    pub skips_certificate_checks: bool,
    /// Whether it calls or installs sudo.
    pub uses_sudo: bool,
    /// Whether it lets everybody write to files.
    pub opens_files_to_all: bool,
    /// Packages it installs that bring a server of remote shells.
    pub remote_shells: Vec<String>,
    /// Files it copies whose names are those of keys and passwords, and such files in a folder that it copies whole.
    pub secret_files: Vec<String>,
    /// Arguments it declares whose names are those of secrets.
    pub secret_arguments: Vec<String>,
    /// File and line.
    pub source: String,
}

/// One step of an image's history. The command itself never leaves the probe.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Step {
    /// 1 is the first.
    pub number: u64,
    /// `RUN`, `COPY`, `ADD`, `ENV`, `ARG`, `CMD`, ...; `import` for a plain archive.
    pub instruction: String,
    /// Names of variables and flags in it that hold secrets as plain text.
    pub secrets: Vec<String>,
    /// Whether it uses ADD where COPY would do (no archive is unpacked).
    pub uses_add: bool,
    /// Whether it loads something over HTTP without TLS.
    pub loads_without_tls: bool,
    /// Whether it pipes a download into a shell.
    pub pipes_download_to_shell: bool,
    /// Whether it updates the package index without installing in the same step.
    pub updates_index_alone: bool,
    /// The line of the Dockerfile; left out when the image itself was read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
}
