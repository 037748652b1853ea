//! What one certificate says.

use std::net::{Ipv4Addr, Ipv6Addr};

use model::facts::certificates::Certificate;
use model::{Fact, Timestamp};
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::signature_algorithm::SignatureAlgorithm;
use x509_parser::time::ASN1Time;
use x509_parser::x509::SubjectPublicKeyInfo;

/// More names than a person reads; certificates of content networks have hundreds.
const NAMES: usize = 100;

/// Names are free text and may be as long as the file.
const TEXT: usize = 300;

/// Reads a certificate in DER. Path, place, key file and what follows from them are the caller's.
///
/// # Errors
/// Why it is none.
pub(super) fn certificate(der: &[u8]) -> Result<Certificate, String> {
    let (rest, parsed) =
        X509Certificate::from_der(der).map_err(|error| format!("not an X.509 certificate: {error}"))?;
    let raw = der.get(..der.len() - rest.len()).unwrap_or(der);
    let key = key(parsed.public_key());
    let signature = parsed.signature_algorithm.algorithm.to_id_string();
    let hash = match signature.as_str() {
        "1.2.840.113549.1.1.10" => pss_hash(&parsed),
        other => signature_hash(other),
    };
    let (start, end) = (parsed.validity().not_before, parsed.validity().not_after);
    let ca = parsed.basic_constraints().ok().flatten().is_some_and(|constraints| constraints.value.ca);
    let usage = parsed.extended_key_usage().ok().flatten();
    Ok(Certificate {
        subject: short(&parsed.subject().to_string()),
        issuer: short(&parsed.issuer().to_string()),
        names: names(&parsed),
        self_signed: parsed.subject().as_raw() == parsed.issuer().as_raw(),
        ca,
        key_algorithm: key.algorithm,
        key_bits: Fact::from_option(key.bits),
        key_curve: Fact::from_option(key.curve),
        signature_algorithm: signature_name(&signature),
        signature_hash: Fact::from_option(hash.map(str::to_owned)),
        not_before: time(start),
        not_after: time(end),
        lifetime_days: Fact::known(end.timestamp().saturating_sub(start.timestamp()) / 86_400),
        fingerprint_sha256: hexadecimal(&Sha256::digest(raw)),
        serial: hexadecimal(parsed.raw_serial()),
        for_servers: usage.map_or(!ca, |usage| usage.value.server_auth || usage.value.any),
        ..Certificate::default()
    })
}

fn short(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().take(64).map(|byte| format!("{byte:02x}")).collect()
}

/// A time that no calendar holds is not known; it cannot be judged.
fn time(time: ASN1Time) -> Fact<String> {
    match Timestamp::from_second(time.timestamp()) {
        Ok(time) => Fact::known(time.to_string()),
        Err(_) => Fact::unreadable("the certificate's time is outside every calendar"),
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter();
    let text = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(format!("DNS:{name}")),
        GeneralName::RFC822Name(name) => Some(format!("email:{name}")),
        GeneralName::URI(name) => Some(format!("URI:{name}")),
        GeneralName::IPAddress(bytes) => Some(format!("IP:{}", address(bytes)?)),
        _ => None,
    });
    text.map(|name| short(&name)).take(NAMES).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(bytes).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).to_string())
}

struct Key {
    algorithm: String,
    bits: Option<u32>,
    curve: Option<String>,
}

fn key(info: &SubjectPublicKeyInfo<'_>) -> Key {
    let identifier = info.algorithm.algorithm.to_id_string();
    let (algorithm, bits) = match identifier.as_str() {
        "1.2.840.113549.1.1.1" => ("RSA", rsa_bits(info)),
        "1.2.840.113549.1.1.10" => ("RSA", None),
        "1.2.840.10045.2.1" => return elliptic(info),
        "1.3.101.112" => ("Ed25519", Some(256)),
        "1.3.101.113" => ("Ed448", Some(448)),
        "1.2.840.10040.4.1" => ("DSA", info.parsed().ok().and_then(|key| u32::try_from(key.key_size()).ok())),
        other => (other, None),
    };
    Key { algorithm: algorithm.to_owned(), bits, curve: None }
}

/// Bits of the modulus, without leading zeros.
fn rsa_bits(info: &SubjectPublicKeyInfo<'_>) -> Option<u32> {
    let Ok(PublicKey::RSA(key)) = info.parsed() else { return None };
    let mut modulus = key.modulus.iter().skip_while(|byte| **byte == 0);
    let first = modulus.next()?;
    u32::try_from(modulus.count() * 8).ok().map(|rest| rest + 8 - first.leading_zeros())
}

fn elliptic(info: &SubjectPublicKeyInfo<'_>) -> Key {
    let curve = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let curve = curve.map(|curve| curve.to_id_string());
    let known = match curve.as_deref() {
        Some("1.2.840.10045.3.1.7") => Some(("P-256", 256)),
        Some("1.3.132.0.34") => Some(("P-384", 384)),
        Some("1.3.132.0.35") => Some(("P-521", 521)),
        Some("1.3.132.0.33") => Some(("P-224", 224)),
        Some("1.2.840.10045.3.1.1") => Some(("P-192", 192)),
        Some("1.3.132.0.10") => Some(("secp256k1", 256)),
        Some("1.3.36.3.3.2.8.1.1.7") => Some(("brainpoolP256r1", 256)),
        Some("1.3.36.3.3.2.8.1.1.11") => Some(("brainpoolP384r1", 384)),
        Some("1.3.36.3.3.2.8.1.1.13") => Some(("brainpoolP512r1", 512)),
        _ => None,
    };
    let bits = known.map(|(_, bits)| bits).or_else(|| {
        let size = info.parsed().ok()?.key_size();
        u32::try_from(size).ok().filter(|size| *size > 0)
    });
    Key { algorithm: "EC".to_owned(), bits, curve: known.map(|(name, _)| name.to_owned()).or(curve) }
}

/// Signature algorithms by object identifier, with their hash.
const SIGNATURES: &[(&str, &str, &str)] = &[
    ("1.2.840.113549.1.1.2", "md2WithRSAEncryption", "MD2"),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption", "MD5"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption", "SHA-1"),
    ("1.3.14.3.2.29", "sha1WithRSA", "SHA-1"),
    ("1.2.840.113549.1.1.14", "sha224WithRSAEncryption", "SHA-224"),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption", "SHA-256"),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption", "SHA-384"),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption", "SHA-512"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1", "SHA-1"),
    ("1.2.840.10045.4.3.1", "ecdsa-with-SHA224", "SHA-224"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256", "SHA-256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384", "SHA-384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512", "SHA-512"),
    ("1.2.840.10040.4.3", "dsa-with-SHA1", "SHA-1"),
    ("2.16.840.1.101.3.4.3.2", "dsa-with-SHA256", "SHA-256"),
    ("1.3.101.112", "Ed25519", "none"),
    ("1.3.101.113", "Ed448", "none"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS", ""),
];

fn signature_name(identifier: &str) -> String {
    let known = SIGNATURES.iter().find(|(known, ..)| *known == identifier);
    known.map_or(identifier, |(_, name, _)| name).to_owned()
}

fn signature_hash(identifier: &str) -> Option<&'static str> {
    SIGNATURES.iter().find(|(known, ..)| *known == identifier).map(|(.., hash)| *hash)
}

/// RSASSA-PSS names its hash in the parameters; without them it is SHA-1.
fn pss_hash(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    let Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) =
        SignatureAlgorithm::try_from(&certificate.signature_algorithm)
    else {
        return None;
    };
    match parameters.hash_algorithm_oid().to_id_string().as_str() {
        "1.3.14.3.2.26" => Some("SHA-1"),
        "2.16.840.1.101.3.4.2.1" => Some("SHA-256"),
        "2.16.840.1.101.3.4.2.2" => Some("SHA-384"),
        "2.16.840.1.101.3.4.2.3" => Some("SHA-512"),
        _ => None,
    }
}
