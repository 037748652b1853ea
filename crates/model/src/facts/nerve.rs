//! Section `nerve`: a Nerve Management System: its parameters and blocks of a node's DNA from a map of names and values, or
//! users, nodes, remote connections and workloads as its API tells them.
//!
//! The file in which the product keeps its parameters is not published; their names are those of its hardening guide. Paths
//! and fields of the API are those of the vendor's published client and of its OpenAPI document. What a file cannot tell is
//! absent; what the API does not tell is unreadable.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `nerve`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Nerve {
    /// The Management System whose API was asked, `https://ms.example:443`; absent of a file.
    pub url: Fact<String>,
    /// Whether it was asked over TLS; absent of a file.
    pub https: Fact<bool>,
    /// Version of the Management System, `currentVersion`; absent of a file.
    pub version: Fact<String>,
    /// The Management System's parameters by name. One that the file does not name is absent: whether its default holds is
    /// not known, as the file may be a part of them. The API does not tell them.
    pub parameters: Fact<BTreeMap<String, Fact<Parameter>>>,
    /// Names that look like parameters and are none: misspelt ones do nothing. With places.
    pub unknown: Fact<Vec<String>>,
    /// Names that stand twice, with the places of the copies that lost.
    pub repeated: Fact<Vec<String>>,
    /// Blocks of the DNA of nodes: of the file when it holds one, or the current one of each node that is online.
    pub dna: Fact<Vec<Fact<Dna>>>,
    /// Names of values that look like credentials, in the file or in the DNA of nodes; DNA holds none. With places.
    pub credentials: Fact<Vec<String>>,
    /// Users of the Management System; absent of a file.
    pub users: Fact<Vec<User>>,
    /// Roles of the Management System; absent of a file.
    pub roles: Fact<Vec<Role>>,
    /// The directory that is asked for users; absent of a file, and where none is active.
    pub ldap: Fact<Ldap>,
    /// Title of the text that is shown before a login; absent of a file, and where there is none.
    pub notice: Fact<String>,
    /// Access tokens of the user that asked (since 3.2.0); absent of a file, and of older versions.
    pub tokens: Fact<Vec<Token>>,
    /// Nodes; absent of a file.
    pub nodes: Fact<Vec<Node>>,
    /// Users that nodes keep for logins without the Management System; absent of a file.
    pub node_users: Fact<Vec<Fact<NodeUser>>>,
    /// Remote connections that are defined for nodes and for workloads; absent of a file.
    pub connections: Fact<Vec<Fact<Connection>>>,
    /// Versions of workloads; absent of a file.
    pub workloads: Fact<Vec<Fact<Workload>>>,
}

/// One parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameter {
    /// As it is written.
    pub value: String,
    /// As a number, in the parameter's own unit (attempts, seconds, days); absent when it is none.
    pub number: Fact<i64>,
}

/// Blocks of the DNA of one node, since 3.1.0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Dna {
    /// The node's name; the file's of a file.
    pub name: String,
    /// `BruteForce`; absent when there is no such block.
    pub brute_force: Fact<BruteForce>,
    /// `Sessions`; absent when there is no such block.
    pub sessions: Fact<Sessions>,
    /// The file, or the request.
    pub source: String,
}

/// `BruteForce`, since 3.1.0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BruteForce {
    /// `maxFailedLoginAttemptsBeforeLockout`.
    pub max_failed_logins: Fact<i64>,
    /// `loginAttemptWindowMinutes`.
    pub window_minutes: Fact<i64>,
    /// `lockoutDurationMinutes`.
    pub lockout_minutes: Fact<i64>,
}

/// `Sessions`, since 3.1.0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sessions {
    /// `sessionTimeout`; its unit is not published.
    pub timeout: Fact<i64>,
    /// `maxSessionsPerUser`.
    pub max_per_user: Fact<i64>,
    /// `maxSSHConnections`.
    pub max_ssh: Fact<i64>,
}

/// A user of the Management System. When he logged in last it does not tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct User {
    /// `username`: the mail address of a local user.
    pub name: String,
    /// `local` or `ldap`.
    pub kind: String,
    /// Names of his roles.
    pub roles: Fact<Vec<String>>,
    /// Whether a role of his is the built-in one of administrators, or grants all that there is.
    pub administrator: Fact<bool>,
    /// `mfaEnabled`; absent of a user from the directory, of whom it is not told.
    pub second_factor: Fact<bool>,
    /// Permissions on workloads beyond looking at them, by his roles.
    pub workload_rights: Fact<Vec<String>>,
    /// Permissions to open remote connections, or to change nodes, in which they are defined, by his roles.
    pub connection_rights: Fact<Vec<String>>,
    /// The request.
    pub source: String,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Role {
    /// Name.
    pub name: String,
    /// `local` or `ldap`.
    pub kind: String,
    /// Whether it is the built-in one of administrators, or grants all that there is.
    pub administers: Fact<bool>,
    /// Names of the permissions it grants.
    pub permissions: Fact<Vec<String>>,
    /// The request.
    pub source: String,
}

/// The directory that is asked for users.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ldap {
    /// Host name or address, `url`.
    pub host: Fact<String>,
    /// `port`.
    pub port: Fact<u64>,
    /// `tls`.
    pub tls: Fact<bool>,
}

/// An access token, since 3.2.0. Its text is told to nobody.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Token {
    /// Name.
    pub name: String,
    /// `active`, `revoked` or `expired`.
    pub status: Fact<String>,
    /// `expirationDate`, RFC 3339; absent when it has none.
    pub expires_at: Fact<String>,
    /// The request.
    pub source: String,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Node {
    /// Name.
    pub name: String,
    /// `serialNumber`.
    pub serial: String,
    /// Whether it is connected with the Management System: what only the node knows is not told while it is not.
    pub online: Fact<bool>,
    /// `currentFWVersion`: version of the node's software; absent of a node that never was online.
    pub version: Fact<String>,
    /// Whether logs of containers go to the Management System, `dockerLogging`.
    pub docker_logging: Fact<bool>,
    /// Whether the system's metrics go to the Management System, `systemMonitoring`.
    pub system_monitoring: Fact<bool>,
    /// How the workloads of the node stand to the DNA that was applied: `INITIAL` when none was, `RECONFIGURING`, `CANCELING`,
    /// `APPLIED`, `UNDEFINED` when that failed, `MODIFIED`; absent where the version tells no such thing.
    pub dna_status: Fact<String>,
    /// Whether the signature of that DNA was proven: `valid`, `invalid`, or `skipped` when it has none; absent before 3.1.0.
    pub dna_signature: Fact<String>,
    /// The request.
    pub source: String,
}

/// A user that a node keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NodeUser {
    /// `username`, and the node.
    pub name: String,
    /// `roles`.
    pub role: Fact<String>,
    /// `lastLoggedInAt`, RFC 3339; absent of one that never logged in.
    pub last_login: Fact<String>,
    /// The request.
    pub source: String,
}

/// A remote connection that is defined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Connection {
    /// What it leads to and where it is defined: `node-1: LocalUi`, `grafana 1.2: ui`.
    pub name: String,
    /// `node` or `workload`.
    pub of: String,
    /// `TUNNEL` or `SCREEN`.
    pub kind: Fact<String>,
    /// `VNC`, `SSH` or `RDP` of a screen; absent of a tunnel.
    pub screen: Fact<String>,
    /// `hostname`; absent when it is the node or the workload itself.
    pub host: Fact<String>,
    /// `port` there.
    pub port: Fact<u64>,
    /// Whether somebody at the node must agree, `acknowledgment`.
    pub acknowledged: Fact<bool>,
    /// `autoretry` of a screen; absent of a tunnel.
    pub retries: Fact<u64>,
    /// `numberOfConnections` of a screen: how many at once; absent of a tunnel.
    pub at_once: Fact<u64>,
    /// `readOnly` of a screen; absent where it is not told.
    pub read_only: Fact<bool>,
    /// `ignoreServerCertificate` of an RDP screen; absent elsewhere.
    pub ignores_certificate: Fact<bool>,
    /// `securityMode` of an RDP screen: `any`, `nla`, `rdp`, `tls` or empty; absent elsewhere.
    pub security: Fact<String>,
    /// Which of `password` and `privateKey` are kept with it; never what they are.
    pub secrets: Vec<String>,
    /// The request.
    pub source: String,
}

/// A version of a workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Workload {
    /// Names of the workload and of the version.
    pub name: String,
    /// `docker`, `docker-compose`, `vm` or `codesys`.
    pub kind: Fact<String>,
    /// Whether the workload is disabled: it is not deployed any more.
    pub disabled: Fact<bool>,
    /// Whether the version is released: it cannot be changed any more.
    pub released: Fact<bool>,
    /// `dockerFilePath`: the registry's image, when it comes from one; absent of an uploaded file.
    pub image: Fact<String>,
    /// Options of a container; absent of other kinds. Those of a compose project stand in its compose file.
    pub container: Fact<Container>,
    /// Options of a virtual machine; absent of other kinds.
    pub machine: Fact<Machine>,
    /// The request.
    pub source: String,
}

/// `workloadProperties` of a container. Neither `privileged` nor devices or capabilities can be set there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Container {
    /// `networks`.
    pub networks: Fact<Vec<String>>,
    /// `port_mappings_protocol`: ports of the node, `8080/tcp`.
    pub ports: Fact<Vec<String>>,
    /// `docker_volumes`: name and path in the container, `data:/var/lib/app`.
    pub volumes: Fact<Vec<String>>,
    /// `limit_memory`, `256 MB`; absent without a limit.
    pub memory: Fact<String>,
    /// `limit_CPUs` as it is written; its unit is not published. Absent without a limit.
    pub processors: Fact<String>,
    /// `restart_policy`: `no`, `on-failure`, `always` or `unless-stopped`.
    pub restart: Fact<String>,
    /// Names of the variables of its environment that look like credentials and are not empty; never their values.
    pub secret_variables: Fact<Vec<String>>,
}

/// `workloadProperties` of a virtual machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Machine {
    /// `memory`, `2 GB`; absent without a limit.
    pub memory: Fact<String>,
    /// `no_of_vCPUs`.
    pub processors: Fact<u64>,
    /// Interfaces of `libvirt_networks`.
    pub networks: Fact<Vec<String>>,
    /// How many devices `PCI_passthrough` hands to it.
    pub devices: Fact<u64>,
}
