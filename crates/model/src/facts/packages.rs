//! Section `packages`: what is installed that should not be, and where packages come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `packages`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Packages {
    /// `dpkg`, `rpm`, `apk`, `pacman` or `opkg`; absent when no package database is found.
    pub manager: Fact<String>,
    /// Number of installed packages.
    pub installed: Fact<u64>,
    /// Installed packages that a production host seldom needs.
    pub unwanted: Fact<UnwantedPackages>,
    /// Packages held at their version, at most 100.
    pub held: Fact<Vec<String>>,
    /// Package sources of apt; absent where there is no apt.
    pub sources: Fact<Vec<PackageSource>>,
    /// apt's own settings that weaken its checks; absent where there is no apt.
    pub apt: Fact<AptSettings>,
    /// Files and folders that decide which packages are trusted, with who may change them.
    pub keyrings: Fact<Vec<Keyring>>,
}

/// Installed packages that a production host seldom needs, by kind; sorted names.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UnwantedPackages {
    /// Servers of protocols without encryption or of services long given up: telnet, rsh, tftp, ftp, NIS.
    pub insecure_servers: Vec<String>,
    /// Their clients.
    pub insecure_clients: Vec<String>,
    /// Web servers.
    pub web_servers: Vec<String>,
    /// Databases.
    pub databases: Vec<String>,
    /// Application servers and message brokers.
    pub application_servers: Vec<String>,
    /// Servers of files: Samba, NFS, rpcbind.
    pub file_servers: Vec<String>,
    /// Servers of other network services: DNS, DHCP, LDAP, SNMP, printing, discovery.
    pub network_servers: Vec<String>,
    /// Mail servers.
    pub mail_servers: Vec<String>,
    /// Desktops, display servers and their programs.
    pub desktops: Vec<String>,
    /// Compilers and build tools.
    pub compilers: Vec<String>,
    /// Debuggers and tracers.
    pub debuggers: Vec<String>,
    /// Programs that scan, sniff or attack networks.
    pub sniffers: Vec<String>,
    /// Samples and documentation that servers offer.
    pub samples: Vec<String>,
}

/// A place where apt gets packages.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PackageSource {
    /// The address, without user name and password.
    pub uri: String,
    /// `https`, `http`, `file`, `cdrom`, ...
    pub scheme: String,
    /// The host; empty for local sources.
    pub host: String,
    /// Suites.
    pub suites: Vec<String>,
    /// Components.
    pub components: Vec<String>,
    /// The keys that must have signed it: a file, a fingerprint or `inline`; absent when any trusted key may.
    pub signed_by: Fact<String>,
    /// Whether signatures are not checked: `trusted=yes` or `allow-insecure=yes`.
    pub unchecked: bool,
    /// Whether weak signatures suffice or the check of dates is off: `allow-weak`, `check-valid-until=no`.
    pub weakened: bool,
    /// `path:line`.
    pub source: String,
}

/// apt's own settings that weaken its checks: apt.conf(5), files of apt.conf.d in order, last wins.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AptSettings {
    /// `APT::Get::AllowUnauthenticated`.
    pub allow_unauthenticated: Fact<bool>,
    /// `Acquire::AllowInsecureRepositories`.
    pub allow_insecure_repositories: Fact<bool>,
    /// `Acquire::AllowDowngradeToInsecureRepositories`.
    pub allow_downgrade_to_insecure: Fact<bool>,
    /// `Acquire::AllowWeakRepositories`.
    pub allow_weak_repositories: Fact<bool>,
    /// `Acquire::https::Verify-Peer`.
    pub https_verify_peer: Fact<bool>,
    /// `Acquire::https::Verify-Host`.
    pub https_verify_host: Fact<bool>,
    /// `Acquire::Check-Valid-Until`.
    pub check_valid_until: Fact<bool>,
    /// `APT::Install-Recommends`.
    pub install_recommends: Fact<bool>,
}

/// A file or folder that decides which packages are trusted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Keyring {
    /// The path.
    pub path: String,
    /// Permission bits in octal: `0644`.
    pub mode: String,
    /// Owner's number.
    pub uid: u32,
    /// Whether somebody besides root may change it.
    pub others_may_change: bool,
    /// The path again.
    pub source: String,
}
