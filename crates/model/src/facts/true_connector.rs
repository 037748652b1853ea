//! Section `true_connector`: the folder of a TRUE Connector, as its maintainers publish it: `.env`, compose file, property
//! files, keystores.
//!
//! Passwords, hashes and keys are never here: only whether they are set, how long they are, and whether they are published.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;
use crate::facts::certificates::Certificate;

/// Section `true_connector`. Absent on a host where no container and no folder of the usual places is of a TRUE Connector.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TrueConnector {
    /// The key of the encrypted columns of the database (`AES_SECRET_KEY` in `.env`). Absent when nothing sets it: then the
    /// connector uses one that is written in its published source.
    pub column_key: Fact<ColumnKey>,
    /// Lists are unreadable when a file that they come from is.
    ///
    /// Properties that matter to security, of each part, as they are in effect.
    pub settings: Fact<Vec<Setting>>,
    /// Passwords of the configuration.
    pub secrets: Fact<Vec<Secret>>,
    /// Users of the parts' own interfaces.
    pub users: Fact<Vec<User>>,
    /// `firewall.properties` of each part.
    pub firewalls: Fact<Vec<Firewall>>,
    /// Addresses that parts speak to (`*_ENDPOINT`, `*_URI`, `*_URL`).
    pub peers: Fact<Vec<Peer>>,
    /// Keystores.
    pub keystores: Fact<Vec<Keystore>>,
    /// Certificates in the keystores that could be opened.
    pub certificates: Fact<Vec<StoredCertificate>>,
    /// Ports that the compose file publishes for the connector's own interface (8449).
    pub api_ports: Fact<Vec<ApiPort>>,
    /// Images of the compose file.
    pub images: Fact<Vec<ServiceImage>>,
}

/// The key of the encrypted columns.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ColumnKey {
    /// Characters.
    pub length: u64,
    /// Bits that a guesser has to try at most, by length and kinds of characters.
    pub strength_bits: u64,
    /// Whether it stands in the file as it is, and not only a reference to the environment.
    pub in_file: bool,
}

/// One property of one part.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Setting {
    /// Part and key: `ecc_resources_provider: application.isEnabledUsageControl`.
    pub name: String,
    /// The folder, or `.env`.
    pub part: String,
    /// `environment`, `connector`, `data-app` or `usage-control`.
    pub kind: String,
    /// The key as documented.
    pub key: String,
    /// The value in effect, references resolved; the documented default where nothing sets it; absent when there is none.
    pub value: Fact<String>,
    /// The value as a number; absent when it is none.
    pub number: Fact<i64>,
    /// Whether a file sets it.
    pub set: bool,
    /// File and line; the part where nothing sets it.
    pub source: String,
}

/// A password of the configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Secret {
    /// Part and key: `.env: KEYSTORE_PASSWORD`.
    pub name: String,
    /// The key.
    pub key: String,
    /// Whether it is empty. Like the next and the length unreadable when it comes from whoever starts the connector.
    pub empty: Fact<bool>,
    /// Whether it is one that the project publishes as its sample.
    pub published: Fact<bool>,
    /// Whether it stands in the file as it is, and not as a reference.
    pub literal: bool,
    /// Characters; of several in one property the shortest.
    pub length: Fact<u64>,
    /// Whether another key of the same file holds the same password.
    pub reused: bool,
    /// File and line.
    pub source: String,
}

/// A user in a `users.properties`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct User {
    /// The user's name.
    pub name: String,
    /// The folder.
    pub part: String,
    /// Whether the project publishes a user of this name.
    pub published_name: bool,
    /// Whether the password is one that the project publishes. Unreadable when the hash is of another kind than bcrypt.
    pub published_password: Fact<bool>,
    /// `bcrypt`, `plain` or `other`; absent without a password.
    pub scheme: Fact<String>,
    /// The cost of bcrypt.
    pub cost: Fact<u64>,
    /// File and line.
    pub source: String,
}

/// A `firewall.properties`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Firewall {
    /// The folder.
    pub name: String,
    /// `allowedMethods`; empty means any.
    pub methods: Vec<String>,
    /// Characters in paths that are let through (`allowBackSlash` and the like, which are refused by default).
    pub risky_paths: Vec<String>,
    /// Whether `allowedHeaderNames` lists any.
    pub header_names_listed: bool,
    /// Whether `allowedHeaderValues` lists any.
    pub header_values_listed: bool,
    /// The file.
    pub source: String,
}

/// An address that a part speaks to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Peer {
    /// The key of `.env`.
    pub name: String,
    /// `https`, `wss`, `http`, ...
    pub scheme: String,
    /// Host and port.
    pub host: String,
    /// File and line.
    pub source: String,
}

/// A keystore.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Keystore {
    /// Path below the folder.
    pub name: String,
    /// `PKCS12`, `JKS`, `JCEKS` or `unknown`.
    pub format: String,
    /// Whether a password of the configuration opens it. Unreadable when it cannot be read at all.
    pub opens: Fact<bool>,
    /// Whether a password that the project publishes opens it.
    pub published_password: Fact<bool>,
    /// Private keys in it.
    pub keys: Fact<u64>,
    /// Permission bits, octal: `0640`.
    pub mode: Fact<String>,
    /// Whether users other than owner and group may read it.
    pub world_readable: Fact<bool>,
    /// Where it was seen: its path.
    pub source: String,
}

/// A certificate in a keystore.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StoredCertificate {
    /// Keystore and alias.
    pub name: String,
    /// The keystore.
    pub keystore: String,
    /// The alias.
    pub alias: String,
    /// Whether it belongs to a private key of the same entry, and is not only trusted.
    pub own: bool,
    /// Whether it is the one of the project's sample, whose private key everybody has.
    pub published: bool,
    /// What it says.
    pub certificate: Certificate,
    /// The keystore and the alias.
    pub source: String,
}

/// A port that the compose file publishes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ApiPort {
    /// The service and the port: `ecc-provider: 8090:8449`.
    pub name: String,
    /// The address of the host on which it is published; absent when on every one.
    pub address: Fact<String>,
    /// The file.
    pub source: String,
}

/// A service's image.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServiceImage {
    /// The service.
    pub name: String,
    /// The image.
    pub image: String,
    /// Whether it is the execution core container.
    pub core: bool,
    /// The version by its tag; absent without one.
    pub version: Fact<String>,
    /// The file.
    pub source: String,
}
