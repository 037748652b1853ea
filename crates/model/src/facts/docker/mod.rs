//! Section `docker`: the Docker engine, its containers, images, volumes and networks.

mod compose;
mod container;
mod content;
mod engine;
mod image;

pub use compose::{ComposeFile, ComposeProject, PortLine};
pub use container::{
    Applied, Container, Device, HealthCheck, Limits, LogConfig, Mount, Process, PublishedPort, Ulimit, Variable,
};
pub use content::{
    Contents, FoundSecret, ImageFile, ImagePackage, ImageRelease, PackageCache, SetuidFile, Vulnerability,
    VulnerabilityData,
};
pub use engine::{Engine, HostFile, Listener, Proxy};
pub use image::{Base, Dockerfile, Image, Instruction, Step};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `docker`; absent when neither Docker nor Podman is on the host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Docker {
    /// The engine; absent when only Podman is there.
    pub engine: Fact<Engine>,
    /// All containers, also those that do not run (engine API).
    pub containers: Fact<Vec<Container>>,
    /// The compose projects that containers belong to, with the files that describe them.
    pub compose_projects: Fact<Vec<ComposeProject>>,
    /// The files of these projects and those that they name: who may read and write them.
    pub compose_files: Fact<Vec<ComposeFile>>,
    /// The ports that containers publish on the host, one by one.
    pub published_ports: Fact<Vec<Fact<PublishedPort>>>,
    /// All images (engine API).
    pub images: Fact<Vec<Image>>,
    /// All volumes (engine API).
    pub volumes: Fact<Vec<Volume>>,
    /// All networks (engine API).
    pub networks: Fact<Vec<Network>>,
    /// The path of Podman's program. Palisade does not look into Podman's containers yet.
    pub podman: Fact<String>,
}

/// One volume.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Where it was read: `docker volume NAME`.
    pub source: String,
    /// The driver, `local` as a rule.
    pub driver: Fact<String>,
    /// The directory on the host.
    pub mountpoint: Fact<String>,
    /// The device or remote share behind it; absent for a plain directory.
    pub device: Fact<String>,
    /// Names of the containers that mount it.
    pub used_by: Fact<Vec<String>>,
    /// Whether no container mounts it.
    pub unused: Fact<bool>,
}

/// One network.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Network {
    /// The first 12 digits of its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it was read: `docker network NAME`.
    pub source: String,
    /// The driver: `bridge`, `host`, `null`, `macvlan`, `overlay`.
    pub driver: Fact<String>,
    /// Whether it leads nowhere outside.
    pub internal: Fact<bool>,
    /// Whether its containers may talk to each other freely (`com.docker.network.bridge.enable_icc`).
    pub icc: Fact<bool>,
    /// Whether it is the engine's own default bridge.
    pub is_default_bridge: Fact<bool>,
    /// Whether the engine made it by itself: `bridge`, `host`, `none`.
    pub is_built_in: Fact<bool>,
    /// The address ranges.
    pub subnets: Fact<Vec<String>>,
    /// Names of the containers attached to it, running or not.
    pub containers: Fact<Vec<String>>,
}
