//! What a probe is given.

use std::sync::Arc;

use host::Door;

use crate::endpoints::NamedServer;
use crate::image::ImageSubject;
use crate::service::Service;
use crate::shared::Shared;

/// What the target is beyond what its door shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Subject {
    /// A host, running or not: all is asked through the door.
    #[default]
    Host,
    /// A server on the network, asked from outside.
    Endpoint(Box<NamedServer>),
    /// Compose files: a folder, or files of which the later ones are merged over the earlier.
    Compose {
        /// Absolute paths.
        paths: Vec<String>,
    },
    /// A Dockerfile, or a folder of them.
    Dockerfile {
        /// The absolute path.
        path: String,
    },
    /// A definition of a virtual machine, or a folder of them.
    Vm {
        /// The absolute path.
        path: String,
    },
    /// A Kepware server, asked by its Configuration API.
    Kepware(Service),
    /// Configuration files of a CODESYS runtime: a file or a folder behind the door.
    Codesys(String),
    /// A file of parameters of a Nerve Management System, or of a node's DNA: its path behind the door.
    NerveFile(String),
    /// A Nerve Management System, asked by its API.
    Nerve(Service),
    /// The folder of a TRUE Connector: its path behind the door.
    TrueConnector(String),
    /// A container image.
    Image(ImageSubject),
}

/// What a probe is given: its way to the target, and what probes share.
#[derive(Clone)]
pub struct Context {
    /// The way to the target, closing at the probe's deadline.
    pub door: Door,
    /// What the target is.
    pub subject: Subject,
    /// Readings that several probes want.
    pub(crate) shared: Arc<Shared>,
}

impl Context {
    /// The context of a probe of a host that shares with no other.
    pub fn new(door: Door) -> Self {
        Self { door, subject: Subject::Host, shared: Arc::default() }
    }

    /// The same context with another door: one that closes at another probe's deadline.
    pub fn through(&self, door: Door) -> Self {
        Self { door, subject: self.subject.clone(), shared: Arc::clone(&self.shared) }
    }

    /// The same context of another subject.
    pub fn of(self, subject: Subject) -> Self {
        Self { subject, ..self }
    }
}
