//! What lies in the layers of an image: found when the image itself is the target.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// What the layers of an image hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Contents {
    /// Operating system and processor it is for: `linux/amd64`.
    pub platform: Fact<String>,
    /// The digest of its manifest, `sha256:...`, as registries know it; absent in archives that have none.
    pub manifest_digest: Fact<String>,
    /// Layers, manifests and configurations whose bytes are not those that the digests promise.
    pub digest_mismatches: Fact<Vec<String>>,
    /// Entries of its layers that lead out of the image's tree (`../`); engines refuse or cut them.
    pub escaping_entries: Fact<Vec<String>>,
    /// The distribution it is made of; absent when no layer holds an os-release.
    pub release: Fact<ImageRelease>,
    /// Secrets in its files.
    pub secrets: Fact<Vec<FoundSecret>>,
    /// Secrets in files that a later layer deletes or replaces: containers do not see them, who has the image does.
    pub deleted_secrets: Fact<Vec<FoundSecret>>,
    /// Text files too large to be searched for secrets to their end.
    pub files_cut: Fact<u64>,
    /// Programs that run with the rights of their owner or group, or with capabilities of their own.
    pub setuid_programs: Fact<Vec<SetuidFile>>,
    /// Files that every user may write, and such directories without the sticky bit.
    pub world_writable: Fact<Vec<ImageFile>>,
    /// Shells in its files.
    pub shells: Fact<Vec<String>>,
    /// What package managers left behind: indexes and downloads.
    pub package_caches: Fact<Vec<PackageCache>>,
    /// Installed packages: of dpkg, apk, Python and Node.js. Absent when no layer holds a list of packages; unreadable
    /// when the only list is one that cannot be read, such as rpm's.
    pub packages: Fact<Vec<ImagePackage>>,
    /// Vulnerabilities of these packages that a newer version mends, by the given data; unreadable without data.
    pub fixable_vulnerabilities: Fact<Vec<Vulnerability>>,
    /// Those for which there is no such version yet.
    pub open_vulnerabilities: Fact<Vec<Vulnerability>>,
    /// The data the packages were compared with; absent when none was given.
    pub vulnerability_data: Fact<VulnerabilityData>,
}

/// A secret in a file of a layer. Its value never leaves the probe.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FoundSecret {
    /// What, where: `github-token in /app/.env:2 of layer 3`.
    pub name: String,
    /// The file.
    pub file: String,
    /// What kind it is: `private-key`, `aws-access-key`, `password-hash`, `assignment`, ...
    pub kind: String,
    /// The line it begins on.
    pub line: u64,
    /// The layer that holds the file, 1 is the lowest.
    pub layer: u64,
    /// The build step that made this layer, 1 is the first; absent when the history does not tell.
    pub step: Fact<u64>,
    /// `layer N: path:line`.
    pub source: String,
}

/// A file or directory of the image as containers see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ImageFile {
    /// Its path.
    pub path: String,
    /// Permission bits in octal: `0666`.
    pub mode: String,
    /// Owner's number.
    pub uid: u64,
    /// Group's number.
    pub gid: u64,
    /// The layer that holds it, 1 is the lowest.
    pub layer: u64,
    /// `layer N: path`.
    pub source: String,
}

/// A program with rights of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SetuidFile {
    /// Its path.
    pub path: String,
    /// Permission bits in octal: `4755`.
    pub mode: String,
    /// Owner's number.
    pub uid: u64,
    /// Group's number.
    pub gid: u64,
    /// Whether it has capabilities of its own (`security.capability`).
    pub has_capabilities: bool,
    /// Whether the distributions ship it like that.
    pub usual: bool,
    /// The layer that holds it, 1 is the lowest.
    pub layer: u64,
    /// `layer N: path`.
    pub source: String,
}

/// The distribution an image is made of, from its os-release.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ImageRelease {
    /// `ID`: `debian`.
    pub id: Fact<String>,
    /// `VERSION_ID`: `12`.
    pub version_id: Fact<String>,
    /// `PRETTY_NAME`.
    pub pretty_name: Fact<String>,
    /// End of the last day with free security updates (RFC 3339); unreadable when no table knows the release.
    pub support_ends: Fact<String>,
}

/// What a package manager left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PackageCache {
    /// The directory.
    pub path: String,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub size_bytes: u64,
}

/// An installed package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ImagePackage {
    /// Its name.
    pub name: String,
    /// Its version as its manager writes it.
    pub version: String,
    /// `deb`, `apk`, `pypi` or `npm`.
    pub kind: String,
    /// `amd64`, `all`, `x86_64`; empty where packages have none.
    pub architecture: String,
    /// The package it was built from; its own name where that is the same.
    pub source_name: String,
    /// The version of that package.
    pub source_version: String,
    /// The licence as the package states it; empty when it states none.
    pub licence: String,
    /// The list it stands in.
    pub source: String,
}

/// A vulnerability of an installed package.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Vulnerability {
    /// What, in which package: `CVE-2026-0001 in openssl 3.0.11-1 (mended in 3.0.13-1)`.
    pub name: String,
    /// Its identifier: `CVE-2026-0001` or the record's own.
    pub id: String,
    /// Other identifiers of the same.
    pub aliases: Vec<String>,
    /// The installed package; of several that were built from one source the first.
    pub package: String,
    /// The source package that the record names.
    pub source_name: String,
    /// The installed version of the source package.
    pub version: String,
    /// The version that mends it; absent when there is none yet.
    pub fixed_version: Fact<String>,
    /// How urgent the distribution holds it to be: `high`, `medium`, `low`, `unimportant`, `not yet assigned`; absent
    /// when the record does not say.
    pub urgency: Fact<String>,
    /// The CVSS vector; absent when the record has none.
    pub cvss: Fact<String>,
    /// The record: `FILE: ID`.
    pub source: String,
}

/// The data that packages were compared with.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VulnerabilityData {
    /// The file.
    pub path: String,
    /// `osv` or `debian-security-tracker`.
    pub format: String,
    /// How many records it holds.
    pub records: u64,
    /// When its newest record was changed (OSV), or when the file was last written (Debian's tracker gives no dates).
    pub as_of: Fact<String>,
    /// The file again.
    pub source: String,
}
