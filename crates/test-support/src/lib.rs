//! What tests need: made-up machines with files and canned programs, and real programs started and ended.
//!
//! Not part of the product. A test that needs a part which is missing fails; it never passes silently.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot be set up must stop"
)]

mod certificates;
mod chrony;
mod debian;
mod described;
mod docker;
mod fake_engine;
mod ldap;
mod machine;
mod mosquitto;
mod nginx;
mod oidc;
mod opcua;
mod osmem;
mod ports;
mod postgres;
mod private_host;
mod redirected;
mod room;
mod smtp;
mod ssh_host;
mod syslog;
mod wait;
mod workloads;

pub use certificates::{Certificate, self_signed};
pub use chrony::Chrony;
pub use debian::{Debian, debian_root};
pub use described::{Described, RIGHT, WRONG, mutations};
pub use docker::Engine;
pub use fake_engine::{container, merge};
pub use ldap::Slapd;
pub use machine::Machine;
pub use mosquitto::Mosquitto;
pub use nginx::Nginx;
pub use oidc::OidcProvider;
pub use opcua::{UaServer, prepared, prepared_near};
pub use osmem::Osmem;
pub use ports::{Server, free_port, until_listening};
pub use postgres::Postgres;
pub use private_host::PrivateHost;
pub use redirected::Redirected;
pub use room::{audit_lock, looks, room, room_among_processes};
pub use smtp::{MailServer, MailTls, Received};
pub use ssh_host::{SUBSYSTEM, SshHost, USER};
pub use syslog::{SyslogReceiver, SyslogTls};
pub use wait::until;
pub use workloads::workloads;
