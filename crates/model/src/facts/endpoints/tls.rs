//! TLS servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Place;
use crate::Fact;

/// A server that speaks TLS, as found out by handshakes that are broken off after the server's answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TlsServer {
    /// Bound address and port: `0.0.0.0:443`.
    pub name: String,
    /// Where it listens and who holds it.
    pub place: Place,
    /// Host name that was sent along (SNI). Absent: none was needed.
    pub server_name: Fact<String>,
    /// Whether its certificate is for the host that was named. Absent: no host was named, it is a socket of the host.
    pub name_matches: Fact<bool>,
    /// Protocol versions it accepts.
    pub offers: Offers,
    /// Cipher suites it accepts, by protocol version, in the order in which it chose them.
    pub suites: Fact<Vec<Suite>>,
    /// Whether it chooses by its own order of suites, not the client's. Absent: it has no choice to make.
    pub prefers_own_order: Fact<bool>,
    /// Groups (curves) it accepts for the key exchange: `x25519`, `secp256r1`. Absent: it does no such exchange.
    pub groups: Fact<Vec<String>>,
    /// Bits of the prime in its finite-field Diffie-Hellman exchange below TLS 1.3. Absent: it does none.
    pub dh_bits: Fact<u32>,
    /// Whether it compresses (CRIME). Absent: TLS 1.3 only, which cannot.
    pub compression: Fact<bool>,
    /// Whether renegotiation is protected (RFC 5746). Absent: TLS 1.3 only, which has none.
    pub secure_renegotiation: Fact<bool>,
    /// Whether keys are bound to the handshake (RFC 7627). Absent: TLS 1.3 only, where they always are.
    pub extended_master_secret: Fact<bool>,
    /// Whether it refuses a client that fell back to an older version (RFC 7507). Absent: it has one version only.
    pub refuses_fallback: Fact<bool>,
    /// Whether it hands out session tickets below TLS 1.3. Absent: TLS 1.3 only.
    pub session_tickets: Fact<bool>,
    /// How long a session ticket below TLS 1.3 may be used, in seconds; 0: the server does not say. Absent: it hands out
    /// none.
    pub ticket_lifetime_seconds: Fact<u32>,
    /// Whether it resumes a session of TLS 1.2 by its number, from a memory of its own. Absent: no TLS 1.2.
    pub resumes_by_id: Fact<bool>,
    /// Whether it signs a key exchange of TLS 1.2 with SHA-1 when a client asks for nothing better (RFC 9155). Absent: no
    /// TLS 1.2, or no exchange that it signs.
    pub signs_with_sha1: Fact<bool>,
    /// Whether it staples the revocation state of its certificate.
    pub ocsp_stapling: Fact<bool>,
    /// Application protocols it chooses from `h2`, `http/1.1`.
    pub alpn: Fact<Vec<String>>,
    /// Whether it asks clients for a certificate.
    pub asks_client_certificate: Fact<bool>,
    /// Its own certificate.
    pub certificate: Fact<ServerCertificate>,
    /// The certificates it sends.
    pub chain: Fact<Chain>,
    /// Connections that were opened to learn all this.
    pub connections: u32,
    /// Where it was read: `tcp 127.0.0.1:443`.
    pub source: String,
}

/// Protocol versions a server accepts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Offers {
    /// SSL 2.0 (broken: DROWN).
    pub ssl2_0: Fact<bool>,
    /// SSL 3.0 (broken: POODLE).
    pub ssl3_0: Fact<bool>,
    /// TLS 1.0 (withdrawn by RFC 8996).
    pub tls1_0: Fact<bool>,
    /// TLS 1.1 (withdrawn by RFC 8996).
    pub tls1_1: Fact<bool>,
    /// TLS 1.2.
    pub tls1_2: Fact<bool>,
    /// TLS 1.3.
    pub tls1_3: Fact<bool>,
}

/// A cipher suite that a server accepts with one protocol version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Suite {
    /// `SSL 3.0`, `TLS 1.0` to `TLS 1.3`.
    pub protocol: String,
    /// Its registered name: `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
    pub name: String,
    /// Bits of the cipher's key.
    pub bits: u16,
    /// Whether a key that leaks later does not reveal what was said (ephemeral key exchange).
    pub forward_secret: bool,
    /// Whether the cipher authenticates what it encrypts (GCM, CCM, ChaCha20-Poly1305).
    pub authenticated: bool,
    /// What is wrong with it: `null`, `export`, `anonymous`, `rc4`, `rc2`, `des`, `3des`, `idea`, `md5`, `cbc-sha1`,
    /// `cbc`, `static-key`.
    pub weaknesses: Vec<String>,
}

/// The certificates that a server sends.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Chain {
    /// All certificates it sends, its own first. At most ten.
    pub certificates: Vec<ServerCertificate>,
    /// Whether each certificate is followed by that of its issuer.
    pub ordered: bool,
    /// Whether no link is missing: the last certificate is its own issuer, or an authority that is trusted issued it.
    pub complete: Fact<bool>,
    /// Whether the chain leads to an authority that the host itself trusts, by the auditor's clock; for a server that was
    /// named, one that the auditor trusts.
    pub trusted: Fact<bool>,
    /// Why it is not trusted. Absent: it is.
    pub problem: Fact<String>,
}

/// A certificate that a server sends.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServerCertificate {
    /// Whom it is for: `CN=plant.example, O=Example`.
    pub subject: String,
    /// Host names and addresses it is for (subject alternative names).
    pub names: Vec<String>,
    /// Who issued it.
    pub issuer: String,
    /// Whether it is its own issuer.
    pub self_signed: bool,
    /// Start of its validity, RFC 3339.
    pub not_before: String,
    /// End of its validity, RFC 3339.
    pub not_after: String,
    /// Length of its validity in days.
    pub lifetime_days: i64,
    /// `RSA`, `EC`, `Ed25519`, `Ed448`, `DSA` or an object identifier.
    pub key_algorithm: String,
    /// Bits of its key. Absent: the kind of key is not known here.
    pub key_bits: Fact<u32>,
    /// How it is signed: `sha256WithRSAEncryption`.
    pub signature_algorithm: String,
    /// Whether the signature's hash is MD2, MD4, MD5 or SHA-1.
    pub weak_signature: bool,
    /// Addresses where its issuer tells whether it was revoked (OCSP). They are not asked. At most ten.
    pub ocsp_urls: Vec<String>,
    /// Addresses of lists of revoked certificates. They are not asked. At most ten.
    pub crl_urls: Vec<String>,
    /// Whether it demands a stapled revocation state (RFC 7633).
    pub must_staple: bool,
    /// Names of applications it is for (subject alternative names that are URIs), as OPC UA uses them.
    pub uris: Vec<String>,
    /// Whether it may issue certificates.
    pub authority: bool,
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
}
