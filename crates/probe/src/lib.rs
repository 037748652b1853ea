//! Reads targets: host -> facts. The only crate that does.
//!
//! A probe owns one section of the facts, reads through the door it is given, and returns a `Fact` that says what
//! is known, what is absent and what could not be read and why. Probes know nothing of rules, never write, never
//! assume that the target is the machine they run on, and run side by side, each with its own time limit.
#![forbid(unsafe_code)]

mod apt_conf;
mod context;
mod daemons;
mod dpkg;
mod drop_ins;
mod fact;
mod http;
mod kernel;
mod mounts;
mod processes;
mod run;
mod schedule;
mod service;
mod shared;
mod stamp;
mod stanzas;
mod text;
mod units;
mod xml;
mod yaml;

mod accounts;
mod audit;
mod boot;
mod certificates;
mod codesys;
mod databases;
mod disks;
mod docker;
mod endpoints;
mod files;
mod firewall;
mod image;
mod integrity;
mod kepware;
mod listeners;
mod logging;
mod malware;
mod nerve;
mod net;
mod os;
mod packages;
mod palisade;
mod services;
mod ssh;
mod time;
mod true_connector;
mod updates;
mod vms;
mod web;

#[doc(hidden)]
pub mod parsers;

pub use context::{Context, Subject};
pub use endpoints::{Login, NamedServer, Reached, Scheme, Server};
pub use image::{ImageSource, ImageSubject};
pub use run::{Event, Probe, Request, collect};
pub use service::Service;

use std::time::Duration;

/// The probes of a host, in the order in which `palisade facts` prints their sections.
pub const PROBES: &[Probe] = &[
    Probe { name: "os", limit: Duration::from_secs(5), run: |cx| run::serialised(&os::probe(cx)) },
    Probe { name: "updates", limit: Duration::from_secs(10), run: |cx| run::serialised(&updates::probe(cx)) },
    Probe { name: "time", limit: Duration::from_secs(5), run: |cx| run::serialised(&time::probe(cx)) },
    Probe { name: "accounts", limit: Duration::from_secs(5), run: |cx| run::serialised(&accounts::probe(cx)) },
    Probe { name: "ssh", limit: Duration::from_secs(5), run: |cx| run::serialised(&ssh::probe(cx)) },
    Probe { name: "audit", limit: Duration::from_secs(5), run: |cx| run::serialised(&audit::probe(cx)) },
    Probe { name: "logging", limit: Duration::from_secs(5), run: |cx| run::serialised(&logging::probe(cx)) },
    Probe { name: "firewall", limit: Duration::from_secs(5), run: |cx| run::serialised(&firewall::probe(cx)) },
    Probe {
        name: "listeners",
        limit: Duration::from_secs(5),
        run: |cx| run::serialised(&listeners::probe(cx)),
    },
    Probe { name: "net", limit: Duration::from_secs(5), run: |cx| run::serialised(&net::probe(cx)) },
    Probe { name: "services", limit: Duration::from_secs(5), run: |cx| run::serialised(&services::probe(cx)) },
    Probe { name: "packages", limit: Duration::from_secs(5), run: |cx| run::serialised(&packages::probe(cx)) },
    Probe { name: "disks", limit: Duration::from_secs(5), run: |cx| run::serialised(&disks::probe(cx)) },
    Probe { name: "boot", limit: Duration::from_secs(5), run: |cx| run::serialised(&boot::probe(cx)) },
    Probe { name: "malware", limit: Duration::from_secs(5), run: |cx| run::serialised(&malware::probe(cx)) },
    Probe {
        name: "integrity",
        limit: Duration::from_secs(5),
        run: |cx| run::serialised(&integrity::probe(cx)),
    },
    Probe { name: "files", limit: Duration::from_secs(30), run: |cx| run::serialised(&files::probe(cx)) },
    Probe { name: "docker", limit: Duration::from_secs(5), run: |cx| run::serialised(&docker::probe(cx)) },
    Probe { name: "vms", limit: Duration::from_secs(5), run: |cx| run::serialised(&vms::probe(cx)) },
    Probe {
        name: "certificates",
        limit: Duration::from_secs(30),
        run: |cx| run::serialised(&certificates::probe(cx)),
    },
    Probe {
        name: "endpoints",
        limit: Duration::from_secs(15),
        run: |cx| run::serialised(&endpoints::probe(cx)),
    },
    Probe { name: "web", limit: Duration::from_secs(5), run: |cx| run::serialised(&web::probe(cx)) },
    Probe {
        name: "databases",
        limit: Duration::from_secs(5),
        run: |cx| run::serialised(&databases::probe(cx)),
    },
    Probe { name: "codesys", limit: Duration::from_secs(5), run: |cx| run::serialised(&codesys::probe(cx)) },
    Probe {
        name: "true_connector",
        limit: Duration::from_secs(60),
        run: |cx| run::serialised(&true_connector::probe(cx)),
    },
    Probe { name: "palisade", limit: Duration::from_secs(5), run: |cx| run::serialised(&palisade::probe(cx)) },
];

/// The probes of a server that was named. The limit is that of two conversations, and some time for names.
pub const ENDPOINT_PROBES: &[Probe] = &[Probe {
    name: "endpoints",
    limit: Duration::from_secs(90),
    run: |cx| run::serialised(&endpoints::probe(cx)),
}];

/// The probes of a target that is compose files.
pub const COMPOSE_PROBES: &[Probe] = &[Probe {
    name: "docker",
    limit: Duration::from_secs(20),
    run: |cx| run::serialised(&docker::probe_compose(cx)),
}];

/// The probes of a target that is a Dockerfile.
pub const DOCKERFILE_PROBES: &[Probe] = &[Probe {
    name: "docker",
    limit: Duration::from_secs(20),
    run: |cx| run::serialised(&docker::probe_dockerfile(cx)),
}];

/// The probes of a target that is the definition of a virtual machine.
pub const VM_PROBES: &[Probe] =
    &[Probe { name: "vms", limit: Duration::from_secs(20), run: |cx| run::serialised(&vms::probe(cx)) }];

/// What reads a Kepware server by its Configuration API.
pub const KEPWARE_PROBES: &[Probe] = &[Probe {
    name: "kepware",
    limit: Duration::from_secs(90),
    run: |cx| run::serialised(&kepware::probe(cx)),
}];

/// What reads the folder of a TRUE Connector.
pub const TRUE_CONNECTOR_PROBES: &[Probe] = &[Probe {
    name: "true_connector",
    limit: Duration::from_secs(60),
    run: |cx| run::serialised(&true_connector::probe(cx)),
}];

/// The probes of an image. An archive of several gigabytes takes a while.
pub const IMAGE_PROBES: &[Probe] =
    &[Probe { name: "docker", limit: Duration::from_secs(600), run: |cx| run::serialised(&image::probe(cx)) }];

/// What reads configuration files of a CODESYS runtime that were copied from another machine.
pub const CODESYS_PROBES: &[Probe] = &[Probe {
    name: "codesys",
    limit: Duration::from_secs(10),
    run: |cx| run::serialised(&codesys::probe(cx)),
}];

/// What reads parameters of a Nerve Management System or the DNA of a node from a file.
pub const NERVE_PROBES: &[Probe] =
    &[Probe { name: "nerve", limit: Duration::from_secs(10), run: |cx| run::serialised(&nerve::probe(cx)) }];

/// What asks a Nerve Management System by its API: more than the time it gives itself, and two exchanges.
pub const NERVE_API_PROBES: &[Probe] =
    &[Probe { name: "nerve", limit: Duration::from_secs(130), run: |cx| run::serialised(&nerve::probe(cx)) }];
