//! Section `certificates`: X.509 certificates in files, and the private keys that stand beside them.
//!
//! Certificates that the distribution installs as trust anchors are not listed: the host trusts them, it does not show
//! them to anybody.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `certificates`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Certificates {
    /// Every certificate of every file, sorted by path and place in the file. Unreadable when the walk was incomplete
    /// and found none.
    pub files: Fact<Vec<Certificate>>,
    /// Files whose name says certificate but which hold none that can be read.
    pub unparsable: Vec<Unparsable>,
    /// Files with so many certificates that they are lists of trusted authorities; their elements are not listed.
    pub trust_bundles: Vec<TrustBundle>,
    /// Keystores (PKCS #12, Java), which are not opened because that needs their password.
    pub keystores: Fact<Vec<Keystore>>,
    /// How many certificates were left out because there are too many.
    pub left_out: u64,
}

/// One certificate.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Certificate {
    /// The file.
    pub path: String,
    /// The place in the file: 0 for the first certificate, which is the one a server shows as its own.
    pub index: u32,
    /// Subject, as `CN=..., O=...`.
    pub subject: String,
    /// Issuer, in the same form.
    pub issuer: String,
    /// Host names, addresses and URIs of the subject alternative name: `DNS:a.example`, `IP:192.0.2.1`.
    pub names: Vec<String>,
    /// Whether subject and issuer are the same.
    pub self_signed: bool,
    /// Whether it may sign other certificates.
    pub ca: bool,
    /// `RSA`, `EC`, `Ed25519`, `Ed448`, `DSA` or an object identifier.
    pub key_algorithm: String,
    /// Size of the public key in bits; absent when the algorithm has none we know.
    pub key_bits: Fact<u32>,
    /// The curve of an EC key: `P-256`; absent otherwise.
    pub key_curve: Fact<String>,
    /// `sha256WithRSAEncryption`, `ecdsa-with-SHA384`, `Ed25519`, or an object identifier.
    pub signature_algorithm: String,
    /// The hash of the signature: `SHA-256`, `SHA-1`, `MD5`; `none` where the algorithm needs none; absent when unknown.
    pub signature_hash: Fact<String>,
    /// Start of validity, RFC 3339.
    pub not_before: Fact<String>,
    /// End of validity, RFC 3339.
    pub not_after: Fact<String>,
    /// Days from the start to the end of validity.
    pub lifetime_days: Fact<i64>,
    /// SHA-256 of the certificate in hexadecimal.
    pub fingerprint_sha256: String,
    /// Serial number in hexadecimal.
    pub serial: String,
    /// Whether it is meant for servers: the extended key usage says so, or there is none and it is no CA.
    pub for_servers: bool,
    /// Whether it only tells whom to trust: a self-signed authority whose private key is not beside it.
    pub trust_anchor: bool,
    /// The private key beside it, by file name, or in the same file; absent when there is none.
    pub key_file: Fact<String>,
    /// The fact source: `path` and the place in it.
    pub source: String,
}

/// A file that should hold a certificate and does not.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Unparsable {
    /// The file.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A file that lists trusted authorities.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TrustBundle {
    /// The file.
    pub path: String,
    /// How many certificates it holds.
    pub certificates: u64,
}

/// A keystore.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Keystore {
    /// The file.
    pub path: String,
    /// `PKCS12`, `JKS`, `JCEKS` or `unknown`, by the first bytes.
    pub format: String,
    /// Last change, RFC 3339.
    pub modified: String,
    /// Where it was seen: its path.
    pub source: String,
}
