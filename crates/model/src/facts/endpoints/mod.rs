//! Section `endpoints`: what listening TCP sockets speak, and how well they speak it.

mod http;
mod mqtt;
mod opcua;
mod ssh;
mod tls;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use http::{Artefact, ContentSecurityPolicy, Cookie, ErrorPage, HttpServer, Resource, TransportSecurity};
pub use mqtt::MqttBroker;
pub use opcua::{OpcUaApplication, OpcUaCertificate, OpcUaEndpoint, OpcUaServer, OpcUaToken};
pub use ssh::{SshHostKey, SshServer, WeakAlgorithms};
pub use tls::{Chain, Offers, ServerCertificate, Suite, TlsServer};

use crate::Fact;

/// Section `endpoints`: every listening TCP socket of a host, or the one server that was named, was connected to and
/// asked, as any client could ask it.
///
/// A socket that speaks HTTP or MQTT over TLS stands in `tls` and in `http` or `mqtt`. UDP is not looked at.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Endpoints {
    /// Every listening TCP socket and what it speaks. A port that is open for IPv4 and IPv6 alike stands here once.
    pub sockets: Vec<SpokenSocket>,
    /// Servers that speak TLS.
    pub tls: Vec<TlsServer>,
    /// Servers that speak HTTP, plainly or over TLS; unreadable, one that did not answer in time whether it does.
    pub http: Vec<Fact<HttpServer>>,
    /// Servers that speak SSH.
    pub ssh: Vec<SshServer>,
    /// Servers that speak OPC UA.
    pub opcua: Vec<OpcUaServer>,
    /// Servers that speak MQTT, plainly or over TLS.
    pub mqtt: Vec<MqttBroker>,
    /// Whether there were more sockets than were asked.
    pub truncated: bool,
}

/// One listening TCP socket, or the one of a server that was named.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SpokenSocket {
    /// Bound address and port: `0.0.0.0:443`; of a server that was named, its name and port.
    pub name: String,
    /// Where it listens and who holds it.
    pub place: Place,
    /// `tls`, `http`, `ssh`, `ftp`, `smtp`, `pop3`, `imap`, `mysql`, `vnc`, `telnet`, `opc-ua`, `mqtt`; the usual
    /// protocol of a port that is not spoken to. Absent: it answered nothing that is known here.
    pub protocol: Fact<String>,
    /// Whether what it speaks is encrypted from the first byte on (TLS or SSH); of OPC UA whether it signs and encrypts
    /// every session. Unreadable when unknown.
    pub encrypted: Fact<bool>,
    /// Whether it speaks HTTP, plainly or over TLS; then it stands in `http`.
    pub speaks_http: Fact<bool>,
    /// Whether all that it does in plain HTTP is to send clients to HTTPS.
    pub only_redirects: bool,
    /// Why it was not spoken to. Absent: it was.
    pub not_asked: Fact<String>,
    /// Whether it speaks the protocol in which it was named. Absent: it was not named.
    pub as_named: Fact<bool>,
    /// Every address that the server's name stands for, in the order in which they were tried; the first that answered
    /// was asked. Empty for a socket of the host.
    pub resolved: Vec<String>,
    /// Where it was read: `tcp 127.0.0.1:443`.
    pub source: String,
}

/// Where a server listens and who holds the socket.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Place {
    /// Protocol and port as sites approve them: `tcp/443`.
    pub service: String,
    /// Address it is bound to: `0.0.0.0`, `::`, `127.0.0.1`.
    pub address: String,
    /// Port.
    pub port: u16,
    /// Whether other machines can connect as far as the address goes: it is not a loopback address, or it was named.
    pub reachable: bool,
    /// Whether it was named by whoever asked for the audit, and not found among the sockets of a host.
    pub named: bool,
    /// Short name of the process that holds it.
    pub process: Fact<String>,
    /// Id of the container that the process runs in, or `ADDRESS:PORT` of the container a port is published for.
    pub container: Fact<String>,
}
