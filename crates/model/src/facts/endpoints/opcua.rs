//! OPC UA servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Place, ServerCertificate};
use crate::Fact;

/// A server that speaks OPC UA over TCP, as its discovery services show it to anybody (OPC 10000-4, 5.5), and what it
/// says to a session without a user. Nothing is browsed, read or written.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OpcUaServer {
    /// Bound address and port: `0.0.0.0:4840`; of a server that was named, its name and port.
    pub name: String,
    /// Where it listens and who holds it.
    pub place: Place,
    /// Its name for itself as an application (ApplicationUri). Absent: it has no endpoint.
    pub application_uri: Fact<String>,
    /// Its product (ProductUri). Absent: it does not say.
    pub product_uri: Fact<String>,
    /// Ways to reach it with their security (GetEndpoints). At most 100.
    pub endpoints: Fact<Vec<OpcUaEndpoint>>,
    /// Its certificates, each once. At most ten.
    pub certificates: Fact<Vec<OpcUaCertificate>>,
    /// Servers it tells of (FindServers), itself among them. At most 100.
    pub applications: Fact<Vec<OpcUaApplication>>,
    /// Host names and addresses in its endpoints and discovery addresses other than the one it was asked at.
    pub other_hosts: Vec<String>,
    /// Whether a session without user and without security was opened. It was closed at once. Absent: it has no endpoint
    /// without security, and a secured session needs a certificate that it trusts.
    pub anonymous_session: Fact<bool>,
    /// Why it refused such a session, as a status code: `BadIdentityTokenRejected`. Absent: it did not.
    pub refusal: Fact<String>,
    /// Connections that were opened to learn all this.
    pub connections: u32,
    /// Where it was read: `opc.tcp 192.0.2.1:4840`.
    pub source: String,
}

/// One way to reach an OPC UA server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OpcUaEndpoint {
    /// Policy, mode and address, to tell them apart: `None none opc.tcp://plant:4840`.
    pub name: String,
    /// Its address: `opc.tcp://plant:4840/server`.
    pub url: String,
    /// Security policy: `None`, `Basic256Sha256`, or the whole name when it is not the OPC Foundation's.
    pub security_policy: String,
    /// `none`, `sign` or `sign-and-encrypt`.
    pub mode: String,
    /// How secure the server thinks it is, from 0 (not recommended) up.
    pub level: u8,
    /// Last part of the transport profile: `uatcp-uasc-uabinary`.
    pub transport: String,
    /// How users may prove who they are.
    pub tokens: Vec<OpcUaToken>,
}

/// A way in which a user may prove who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OpcUaToken {
    /// `anonymous`, `user-name`, `certificate` or `issued`.
    pub kind: String,
    /// Security policy that protects the secret: the token's own, else the endpoint's.
    pub security_policy: String,
    /// Whether a password or issued token goes over the wire in clear: neither the token nor the channel is encrypted.
    pub in_clear: bool,
}

/// A certificate of an OPC UA server.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OpcUaCertificate {
    /// Fingerprint, to tell them apart.
    pub name: String,
    /// The certificate itself.
    pub certificate: ServerCertificate,
    /// Whether it names the application (ApplicationUri) that shows it, as OPC 10000-6, 6.2.2 demands.
    pub names_application: bool,
    /// Whether it names the host that was asked for. Absent: no host was named, it is a socket of the host.
    pub names_host: Fact<bool>,
}

/// A server that a discovery service tells of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OpcUaApplication {
    /// ApplicationUri.
    pub uri: String,
    /// `server`, `client`, `client-and-server` or `discovery-server`.
    pub kind: String,
    /// Where it is found.
    pub urls: Vec<String>,
    /// Whether it is the server that was asked.
    pub itself: bool,
}
