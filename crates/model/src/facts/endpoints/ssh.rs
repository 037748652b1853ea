//! SSH servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Place;
use crate::Fact;

/// A server that speaks SSH, as its greeting, its list of algorithms and its host keys show it. Nobody logs in.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SshServer {
    /// Bound address and port: `0.0.0.0:22`.
    pub name: String,
    /// Where it listens and who holds it.
    pub place: Place,
    /// Protocol version: `2.0`; `1.99` also speaks version 1.
    pub protocol: Fact<String>,
    /// Software in the greeting: `OpenSSH_9.2p1`.
    pub software: Fact<String>,
    /// Whether the greeting also tells which package it is: `Debian-2+deb12u7`. Absent: nothing more.
    pub comment: Fact<String>,
    /// Key exchange methods, in its order, without markers.
    pub key_exchanges: Fact<Vec<String>>,
    /// Kinds of host keys.
    pub host_keys: Fact<Vec<String>>,
    /// Ciphers, both directions together.
    pub ciphers: Fact<Vec<String>>,
    /// Message authentication codes, both directions together.
    pub macs: Fact<Vec<String>>,
    /// Compression methods, both directions together.
    pub compression: Fact<Vec<String>>,
    /// Whether it knows the strict key exchange that stops Terrapin (CVE-2023-48795).
    pub strict_key_exchange: Fact<bool>,
    /// Whether Terrapin is possible: ChaCha20-Poly1305 or CBC with encrypt-then-MAC without strict key exchange.
    pub terrapin: Fact<bool>,
    /// Whether it offers a key exchange that withstands quantum computers.
    pub post_quantum: Fact<bool>,
    /// Its host keys, one of each kind that it offers, as it showed them in key exchanges that were broken off.
    pub keys: Fact<Vec<SshHostKey>>,
    /// Bits of the smallest prime it takes in a Diffie-Hellman group exchange. Absent: it offers none.
    pub dh_gex_bits: Fact<u32>,
    /// Version of OpenSSH in the greeting: `9.2p1`. Absent: it is another software.
    pub openssh_version: Fact<String>,
    /// Those of its algorithms that are broken or too weak.
    pub weak: Fact<WeakAlgorithms>,
    /// Connections that were opened to learn all this.
    pub connections: u32,
    /// Where it was read: `tcp 127.0.0.1:22`.
    pub source: String,
}

/// Algorithms that are broken or too weak.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WeakAlgorithms {
    /// Key exchange methods: SHA-1, 1024-bit groups.
    pub key_exchanges: Vec<String>,
    /// Host keys: DSA, RSA with SHA-1.
    pub host_keys: Vec<String>,
    /// Ciphers: CBC, RC4, 3DES, none.
    pub ciphers: Vec<String>,
    /// Message authentication codes: MD5, SHA-1, 64 bits, none.
    pub macs: Vec<String>,
}

/// A key by which a server proves who it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SshHostKey {
    /// Kind of the key: `ssh-rsa`, `ssh-ed25519`.
    pub kind: String,
    /// Bits of the key. Absent: the kind is not known here.
    pub bits: Fact<u32>,
    /// SHA-256 of the key as OpenSSH prints it: `SHA256:...`.
    pub fingerprint: String,
}
