//! Section `kepware`: a KEPServerEX, Kepware Server or Kepware Edge, as its Configuration API describes it.
//!
//! Names of properties are those of the vendor's published client libraries; no password, key or value of a tag is here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;
use crate::facts::certificates::Certificate;

/// Section `kepware`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Kepware {
    /// Where it was asked.
    pub url: String,
    /// `/about`.
    pub product: Fact<Product>,
    /// How the Configuration API itself may be reached.
    pub api: Api,
    /// `/project`: the interfaces for clients.
    pub project: Fact<Project>,
    /// `/project/channels`.
    pub channels: Fact<Vec<Channel>>,
    /// Drivers that are installed, used or not.
    pub drivers: Fact<Vec<Fact<Driver>>>,
    /// `/project/_iot_gateway/mqtt_clients`; absent without the IoT Gateway.
    pub mqtt_clients: Fact<Vec<MqttClient>>,
    /// `/project/_iot_gateway/rest_clients`.
    pub rest_clients: Fact<Vec<RestClient>>,
    /// `/project/_iot_gateway/rest_servers`.
    pub rest_servers: Fact<Vec<RestServer>>,
    /// `/project/_ua_gateway`; absent without the plug-in.
    pub ua_gateway: Fact<UaGateway>,
    /// `/admin`: the logs; those whose properties the server does not tell are left out.
    pub logs: Fact<Vec<Log>>,
    /// `/admin`: the licence server; absent where the product has none (only Edge has).
    pub licence_server: Fact<LicenceServer>,
    /// `/admin/server_users`.
    pub users: Fact<Vec<User>>,
    /// `/admin/server_usergroups`.
    pub groups: Fact<Vec<Group>>,
    /// `/admin/ua_endpoints`; absent where the product has none (only Edge has).
    pub ua_endpoints: Fact<Vec<UaEndpoint>>,
    /// `/project/backups`: how many are kept; absent where the version has no such list.
    pub backups: Fact<u64>,
}

/// What answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Product {
    /// `product_name`.
    pub name: Fact<String>,
    /// `product_id`: `012` on Windows, `013` for Edge.
    pub id: Fact<String>,
    /// Version, `6.17.240.0`.
    pub version: Fact<String>,
    /// Whether it is Kepware Edge.
    pub edge: Fact<bool>,
}

/// The Configuration API.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Api {
    /// Whether it was asked over TLS.
    pub https: bool,
    /// Whether it answers `/project` to somebody without a name.
    pub open_to_anybody: Fact<bool>,
    /// Whether the port for HTTP without TLS (57412, or the one that was asked) takes connections.
    pub http_open: Fact<bool>,
    /// The certificate it shows; absent without TLS.
    pub certificate: Fact<Certificate>,
}

/// Interfaces of the project. An interface that this product does not have is absent.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Project {
    /// `flat` as in version 6, `nested` as in version 7 (`client_interfaces`).
    pub shape: String,
    /// Versions of OPC DA (1, 2, 3) that are on.
    pub opc_da: Fact<Vec<u32>>,
    /// `ddeserver.ENABLE`.
    pub dde: Fact<bool>,
    /// `wwtoolkitinterface.ENABLED`: FastDDE and SuiteLink.
    pub suitelink: Fact<bool>,
    /// `aeserverinterface.ENABLE_AE_SERVER`.
    pub alarms_events: Fact<bool>,
    /// `hdaserver.ENABLE`.
    pub historical: Fact<bool>,
    /// `uaserverinterface`.
    pub opc_ua: OpcUa,
    /// `thingworxinterface`.
    pub thingworx: ThingWorx,
    /// Names of the properties that have diagnostics on.
    pub diagnostics: Fact<Vec<String>>,
}

/// The OPC UA server of the project.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OpcUa {
    /// `PROJECT_OPC_UA_ENABLE`.
    pub enabled: Fact<bool>,
    /// `PROJECT_OPC_UA_ANONYMOUS_LOGIN`.
    pub anonymous: Fact<bool>,
    /// `PROJECT_OPC_UA_MAX_CONNECTIONS`.
    pub max_connections: Fact<u64>,
    /// `PROJECT_OPC_UA_MAX_SESSION_TIMEOUT_SEC`.
    pub max_session_timeout_s: Fact<u64>,
}

/// The ThingWorx interface.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ThingWorx {
    /// `ENABLED`.
    pub enabled: Fact<bool>,
    /// Whether `DISABLE_ENCRYPTION` is off.
    pub encrypted: Fact<bool>,
    /// `TRUST_ALL_CERTIFICATES`.
    pub trusts_all: Fact<bool>,
    /// `ALLOW_SELF_SIGNED_CERTIFICATE`.
    pub self_signed_allowed: Fact<bool>,
    /// Whether `APPKEY` is set.
    pub key_set: Fact<bool>,
}

/// One channel.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// `servermain.MULTIPLE_TYPES_DEVICE_DRIVER`.
    pub driver: Fact<String>,
    /// `servermain.CHANNEL_DIAGNOSTICS_CAPTURE`.
    pub diagnostics: Fact<bool>,
    /// Whether it logs in to its devices by a name: whether one of its properties whose names end in `USERNAME` is set.
    /// Absent: it has none.
    pub user_name_set: Fact<bool>,
    /// Where it was read.
    pub source: String,
}

/// A driver that is installed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Driver {
    /// Its name, as channels call it.
    pub name: String,
    /// How many channels use it.
    pub channels: Fact<u64>,
    /// Where it was read.
    pub source: String,
}

/// An MQTT client of the IoT Gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MqttClient {
    /// Its name.
    pub name: String,
    /// `AGENTTYPES_ENABLED`; absent when the server does not tell.
    pub enabled: Fact<bool>,
    /// The scheme of `MQTT_CLIENT_URL`: `ssl`, `tcp`, `wss`, `ws`.
    pub scheme: Fact<String>,
    /// Host and port of `MQTT_CLIENT_URL`.
    pub broker: Fact<String>,
    /// `MQTT_TLS_VERSION`: 0 default, 1 for 1.0, 2 for 1.1, 3 for 1.2.
    pub tls_version: Fact<u64>,
    /// Whether it shows a user name or a certificate.
    pub authenticates: Fact<bool>,
    /// `MQTT_CLIENT_ENABLE_WRITE_TOPIC`.
    pub writes: Fact<bool>,
    /// Where it was read.
    pub source: String,
}

/// A REST client of the IoT Gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RestClient {
    /// Its name.
    pub name: String,
    /// `AGENTTYPES_ENABLED`; absent when the server does not tell.
    pub enabled: Fact<bool>,
    /// The scheme of `REST_CLIENT_URL`.
    pub scheme: Fact<String>,
    /// Host and port of `REST_CLIENT_URL`.
    pub peer: Fact<String>,
    /// Whether it shows a user name, or a header `Authorization` or of a key.
    pub authenticates: Fact<bool>,
    /// Where it was read.
    pub source: String,
}

/// A REST server of the IoT Gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RestServer {
    /// Its name.
    pub name: String,
    /// `AGENTTYPES_ENABLED`; absent when the server does not tell.
    pub enabled: Fact<bool>,
    /// `REST_SERVER_NETWORK_ADAPTER`.
    pub adapter: Fact<String>,
    /// `REST_SERVER_PORT_NUMBER`.
    pub port: Fact<u64>,
    /// `REST_SERVER_USE_HTTPS`.
    pub https: Fact<bool>,
    /// `REST_SERVER_ENABLE_WRITE_ENDPOINT`.
    pub writes: Fact<bool>,
    /// `REST_SERVER_ALLOW_ANONYMOUS_LOGIN`.
    pub anonymous: Fact<bool>,
    /// `REST_SERVER_CORS_ALLOWED_ORIGINS`, one by one.
    pub origins: Fact<Vec<String>>,
    /// Where it was read.
    pub source: String,
}

/// The OPC UA gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UaGateway {
    /// `UA_SERVER_INTERFACE_USER_IDENTITY_POLICY_ANONYMOUS`.
    pub anonymous: Fact<bool>,
    /// Endpoints of its server.
    pub endpoints: Fact<Vec<UaGatewayEndpoint>>,
    /// Certificates it knows.
    pub certificates: Fact<Vec<UaCertificate>>,
}

/// An endpoint of the OPC UA gateway's server.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UaGatewayEndpoint {
    /// Its name.
    pub name: String,
    /// `UA_SERVER_ENDPOINT_ENABLED`.
    pub enabled: Fact<bool>,
    /// `UA_SERVER_ENDPOINT_NETWORK_ADAPTER`.
    pub adapter: Fact<String>,
    /// `UA_SERVER_ENDPOINT_PORT`.
    pub port: Fact<u64>,
    /// Where it was read.
    pub source: String,
}

/// A certificate that the OPC UA gateway knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UaCertificate {
    /// Its name.
    pub name: String,
    /// Whether `UA_CERTIFICATE_TRUST_STATUS` is 1.
    pub trusted: Fact<bool>,
    /// Where it was read.
    pub source: String,
}

/// One log.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Log {
    /// `EVENT_LOG`, `CONFIG_API`, `OPC_DIAGS` or `COMM_DIAGS`.
    pub name: String,
    /// Whether it records what people and programs did (event log, transactions) and not values on the wire.
    pub about_actions: bool,
    /// `_PERSISTENCE`, a number whose meaning the vendor does not publish.
    pub persistence: Fact<u64>,
    /// `_MIN_DAYS_TO_PRESERVE`.
    pub days_kept: Fact<u64>,
    /// `_MAX_RECORDS`.
    pub max_records: Fact<u64>,
    /// Where it was read.
    pub source: String,
}

/// The licence server that is asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LicenceServer {
    /// `LICENSING_SERVER_ENABLE`.
    pub enabled: Fact<bool>,
    /// `LICENSING_SERVER_ALLOW_INSECURE_COMMS`.
    pub insecure_allowed: Fact<bool>,
    /// `LICENSING_SERVER_ALLOW_SELF_SIGNED_CERTS`.
    pub self_signed_allowed: Fact<bool>,
}

/// A user of the server.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct User {
    /// Its name.
    pub name: String,
    /// `USERMANAGER_USER_ENABLED`.
    pub enabled: Fact<bool>,
    /// `USERMANAGER_USER_GROUPNAME`.
    pub group: Fact<String>,
    /// `kepware`, `ad-user` or `ad-group`.
    pub kind: Fact<String>,
    /// Whether it came with the product and cannot be removed.
    pub built_in: bool,
    /// Whether a description says whose it is.
    pub described: bool,
    /// Where it was read.
    pub source: String,
}

/// A group of users and what it may do.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// `USERMANAGER_GROUP_ENABLED`.
    pub enabled: Fact<bool>,
    /// Permissions to write tags that are granted.
    pub writes: Fact<Vec<String>>,
    /// `USERMANAGER_BROWSE_BROWSENAMESPACE`.
    pub browses: Fact<bool>,
    /// Permissions over the server that are granted: settings, licences, projects, connections.
    pub administers: Fact<Vec<String>>,
    /// Permissions to erase logs that are granted.
    pub erases_logs: Fact<Vec<String>>,
    /// Rights on objects of the project that are granted: `Servermain Channel: ADD`.
    pub changes_project: Fact<Vec<String>>,
    /// Where it was read.
    pub source: String,
}

/// An OPC UA endpoint of Kepware Edge.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UaEndpoint {
    /// Its name.
    pub name: String,
    /// `_ENABLE`.
    pub enabled: Fact<bool>,
    /// `_ADAPTER`.
    pub adapter: Fact<String>,
    /// `_PORT`.
    pub port: Fact<u64>,
    /// `_SECURITY_NONE`.
    pub none: Fact<bool>,
    /// Withdrawn policies that are offered.
    pub withdrawn: Fact<Vec<String>>,
    /// `_SECURITY_BASIC256_SHA256`: 0 off, 1 sign, 2 sign and encrypt, 3 either.
    pub basic256_sha256: Fact<u64>,
    /// Where it was read.
    pub source: String,
}
