//! Certificates that a server sends, and whether the host trusts them.

use std::sync::Arc;

use host::Door;
use model::Fact;
use model::facts::endpoints::{Chain, ServerCertificate};
use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use crate::fact::reason;
use crate::palisade;

/// Where distributions keep the authorities they trust, in one file.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A bundle has about 140 certificates and 220 KB.
const BUNDLE_LIMIT: usize = 8 << 20;

/// Names taken from one certificate.
const NAMES: usize = 100;
/// Addresses taken from one certificate, of each kind.
const ADDRESSES: usize = 10;

/// "Ask whether this certificate was revoked" (RFC 5280, 4.2.2.1).
const OCSP: &str = "1.3.6.1.5.5.7.48.1";
/// "TLS feature" (RFC 7633), here the request to staple (`status_request`, 5) as DER writes it.
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";
const STATUS_REQUEST: [u8; 3] = [2, 1, 5];

/// The authorities that the host trusts; or why they could not be read.
pub(crate) type Roots = Result<Option<Arc<RootCertStore>>, String>;

/// Reads the authorities that the host trusts; none when it has no such file.
pub(crate) fn roots(door: &Door) -> Roots {
    for path in BUNDLES {
        let bundle = match door.read_up_to(path, BUNDLE_LIMIT) {
            Ok(bundle) => bundle,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(reason(&error, door)),
        };
        return Ok(Some(Arc::new(store(&bundle))));
    }
    Ok(None)
}

/// These authorities, and those of the Management Systems of the host.
pub(super) fn with_own(roots: Roots, door: &Door) -> Roots {
    let own = store(&palisade::authorities(door));
    if own.is_empty() {
        return roots;
    }
    let mut all = roots?.map_or_else(RootCertStore::empty, Arc::unwrap_or_clone);
    all.extend(own.roots);
    Ok(Some(Arc::new(all)))
}

/// The authorities in a file of PEM certificates.
pub(super) fn store(pem: &[u8]) -> RootCertStore {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem).flatten() {
        // One that cannot be parsed cannot be trusted either.
        drop(store.add(certificate));
    }
    store
}

/// Whether the certificate is for the host of that name or address.
pub(super) fn names_host(der: &[u8], host: &str) -> Result<bool, String> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| format!("`{host}` is no name that a certificate can be for"))?;
    let der = CertificateDer::from(der);
    match ParsedCertificate::try_from(&der) {
        Ok(certificate) => Ok(verify_server_name(&certificate, &name).is_ok()),
        Err(error) => Err(problem(&error)),
    }
}

/// What a certificate says; none when it is none.
pub(super) fn describe(der: &[u8]) -> Option<ServerCertificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let (key_algorithm, key_bits) = key(&certificate);
    let signature = certificate.signature_algorithm.algorithm.to_id_string();
    let (signature_algorithm, weak_signature) = signature_name(&signature);
    let validity = certificate.validity();
    let revocation = revocation(&certificate);
    let lifetime = validity.not_after.timestamp().saturating_sub(validity.not_before.timestamp());
    Some(ServerCertificate {
        subject: certificate.subject().to_string(),
        names: names(&certificate),
        issuer: certificate.issuer().to_string(),
        self_signed: certificate.subject().as_raw() == certificate.issuer().as_raw(),
        not_before: rfc3339(validity.not_before.timestamp())?,
        not_after: rfc3339(validity.not_after.timestamp())?,
        // A validity of 90 days is written as one that ends a second before the 90 days are over.
        lifetime_days: lifetime.saturating_add(86_399) / 86_400,
        key_algorithm,
        key_bits: Fact::from_option(key_bits),
        signature_algorithm,
        weak_signature,
        ocsp_urls: revocation.ocsp,
        crl_urls: revocation.lists,
        must_staple: revocation.must_staple,
        uris: uris(&certificate),
        authority: certificate.is_ca(),
        fingerprint: Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

/// The certificates a server sent, its own first, and whether the host trusts them.
pub(super) fn chain(sent: &[Vec<u8>], roots: &Roots, provider: &Arc<CryptoProvider>, now: UnixTime) -> Chain {
    let (trusted, problem) = match trust(sent, roots, provider, now) {
        Ok(None) => (Fact::known(true), Fact::Absent),
        Ok(Some(problem)) => (Fact::known(false), Fact::known(problem)),
        Err(reason) => (Fact::unreadable(&reason), Fact::unreadable(reason)),
    };
    let complete = match is_complete(sent, roots) {
        Some(complete) => Fact::known(complete),
        None => Fact::unreadable(roots.as_ref().err().cloned().unwrap_or_default()),
    };
    // "Nobody issued it" has another remedy when the server left out who did.
    let problem = match (&complete, problem) {
        (Fact::Known(false, _), Fact::Known(text, source)) if text == UNKNOWN_ISSUER => {
            let issuer = sent.last().and_then(|der| describe(der)).map(|last| last.issuer).unwrap_or_default();
            Fact::Known(format!("the chain ends early: the certificate of {issuer} is missing"), source)
        }
        (_, problem) => problem,
    };
    Chain {
        certificates: sent.iter().filter_map(|der| describe(der)).collect(),
        ordered: is_ordered(sent),
        complete,
        trusted,
        problem,
    }
}

/// Whether the last certificate is its own issuer or issued by a trusted authority; none when these are not known.
fn is_complete(sent: &[Vec<u8>], roots: &Roots) -> Option<bool> {
    let Some((_, last)) = sent.last().and_then(|der| X509Certificate::from_der(der).ok()) else {
        return Some(false);
    };
    let issuer = last.issuer().as_raw();
    if last.subject().as_raw() == issuer {
        return Some(true);
    }
    let store = roots.as_ref().ok()?;
    // An authority's name is kept without the tag and length before it, which take two to five bytes.
    let is_issuer = |subject: &[u8]| issuer.ends_with(subject) && issuer.len() - subject.len() <= 5;
    Some(store.as_ref().is_some_and(|store| store.roots.iter().any(|root| is_issuer(root.subject.as_ref()))))
}

/// Whether each certificate is followed by that of its issuer.
fn is_ordered(sent: &[Vec<u8>]) -> bool {
    sent.iter().zip(sent.iter().skip(1)).all(|(lower, upper)| {
        match (X509Certificate::from_der(lower), X509Certificate::from_der(upper)) {
            (Ok((_, lower)), Ok((_, upper))) => lower.issuer().as_raw() == upper.subject().as_raw(),
            _ => false,
        }
    })
}

/// Why the chain leads to no authority the host trusts; none when it does. The error: why that cannot be known.
fn trust(
    sent: &[Vec<u8>],
    roots: &Roots,
    provider: &Arc<CryptoProvider>,
    now: UnixTime,
) -> Result<Option<String>, String> {
    let Some((own, others)) = sent.split_first() else {
        return Ok(Some("it sent no certificate".to_owned()));
    };
    let store = match roots {
        Ok(Some(store)) if !store.is_empty() => store,
        Ok(_) => return Ok(Some("the host trusts no authority at all".to_owned())),
        Err(reason) => return Err(reason.clone()),
    };
    // The chain is judged by itself: whether the name is the right one is another question.
    let name = X509Certificate::from_der(own)
        .ok()
        .and_then(|(_, certificate)| names(&certificate).into_iter().find_map(|name| server_name(&name)));
    let Some(name) = name else { return Ok(Some("the certificate names no host".to_owned())) };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(store), Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())?;
    let others: Vec<CertificateDer<'_>> =
        others.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    match verifier.verify_server_cert(&CertificateDer::from(own.as_slice()), &others, &name, &[], now) {
        Ok(_) => Ok(None),
        Err(error) if is_beyond_us(&error) && !is_weakly_signed(sent) => {
            Err("a signature in the chain is of a kind that Palisade cannot verify".to_owned())
        }
        Err(error) => Ok(Some(problem(&error))),
    }
}

/// Whether a signature was made with an algorithm that our cryptography lacks, such as one on P-521.
fn is_beyond_us(error: &rustls::Error) -> bool {
    use rustls::CertificateError as E;
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            E::UnsupportedSignatureAlgorithmContext { .. }
                | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        )
    )
}

/// Whether one of the certificates is signed in a way that nobody accepts any more.
fn is_weakly_signed(sent: &[Vec<u8>]) -> bool {
    sent.iter().filter_map(|der| describe(der)).any(|one| one.weak_signature && !one.self_signed)
}

fn server_name(name: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(name.replacen('*', "any", 1)).ok()
}

const UNKNOWN_ISSUER: &str = "no authority that is trusted issued it";

fn problem(error: &rustls::Error) -> String {
    use rustls::CertificateError as E;
    let rustls::Error::InvalidCertificate(error) = error else { return error.to_string() };
    match error {
        E::Expired | E::ExpiredContext { .. } => "a certificate of the chain has expired".to_owned(),
        E::NotValidYet | E::NotValidYetContext { .. } => {
            "a certificate of the chain is not valid yet".to_owned()
        }
        E::UnknownIssuer => UNKNOWN_ISSUER.to_owned(),
        E::BadSignature => "a signature in the chain is wrong".to_owned(),
        E::BadEncoding => "a certificate of the chain is not well-formed".to_owned(),
        other => other.to_string(),
    }
}

fn key(certificate: &X509Certificate<'_>) -> (String, Option<u32>) {
    let info = certificate.public_key();
    let bits = |bytes: usize| u32::try_from(bytes * 8).ok();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => ("RSA".to_owned(), u32::try_from(key.key_size()).ok()),
        Ok(PublicKey::EC(point)) => ("EC".to_owned(), u32::try_from(point.key_size()).ok().map(curve_bits)),
        Ok(PublicKey::DSA(key)) => ("DSA".to_owned(), bits(key.len())),
        _ => match info.algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => ("Ed25519".to_owned(), Some(256)),
            "1.3.101.113" => ("Ed448".to_owned(), Some(456)),
            other => (other.to_owned(), None),
        },
    }
}

/// A point of P-521 is written in whole bytes.
fn curve_bits(bits: u32) -> u32 {
    if bits == 528 { 521 } else { bits }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(four) => Some(std::net::Ipv4Addr::from(four).to_string()),
            Err(_) => <[u8; 16]>::try_from(*bytes).ok().map(|all| std::net::Ipv6Addr::from(all).to_string()),
        },
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).take(NAMES).collect()
}

/// Names that are URIs.
fn uris(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(uri).take(NAMES).collect()
}

/// How one learns whether a certificate was revoked.
#[derive(Default)]
struct Revocation {
    ocsp: Vec<String>,
    lists: Vec<String>,
    must_staple: bool,
}

fn revocation(certificate: &X509Certificate<'_>) -> Revocation {
    let mut found = Revocation::default();
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    };
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::AuthorityInfoAccess(access) => found.ocsp.extend(
                access
                    .accessdescs
                    .iter()
                    .filter(|access| access.access_method.to_id_string() == OCSP)
                    .filter_map(|access| uri(&access.access_location)),
            ),
            ParsedExtension::CRLDistributionPoints(points) => {
                for point in points.points.iter() {
                    if let Some(DistributionPointName::FullName(names)) = &point.distribution_point {
                        found.lists.extend(names.iter().filter_map(uri));
                    }
                }
            }
            _ if extension.oid.to_id_string() == TLS_FEATURE => {
                found.must_staple = extension.value.windows(3).any(|bytes| bytes == STATUS_REQUEST);
            }
            _ => {}
        }
    }
    found.ocsp.truncate(ADDRESSES);
    found.lists.truncate(ADDRESSES);
    found
}

/// An algorithm's name, and whether its hash is broken.
fn signature_name(id: &str) -> (String, bool) {
    let (name, weak) = match id {
        "1.2.840.113549.1.1.2" => ("md2WithRSAEncryption", true),
        "1.2.840.113549.1.1.3" => ("md4WithRSAEncryption", true),
        "1.2.840.113549.1.1.4" => ("md5WithRSAEncryption", true),
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => ("sha1WithRSAEncryption", true),
        "1.2.840.10040.4.3" => ("dsaWithSHA1", true),
        "1.2.840.10045.4.1" => ("ecdsa-with-SHA1", true),
        "1.2.840.113549.1.1.10" => ("rsassaPss", false),
        "1.2.840.113549.1.1.11" => ("sha256WithRSAEncryption", false),
        "1.2.840.113549.1.1.12" => ("sha384WithRSAEncryption", false),
        "1.2.840.113549.1.1.13" => ("sha512WithRSAEncryption", false),
        "1.2.840.10045.4.3.2" => ("ecdsa-with-SHA256", false),
        "1.2.840.10045.4.3.3" => ("ecdsa-with-SHA384", false),
        "1.2.840.10045.4.3.4" => ("ecdsa-with-SHA512", false),
        "1.3.101.112" => ("Ed25519", false),
        "1.3.101.113" => ("Ed448", false),
        other => (other, false),
    };
    (name.to_owned(), weak)
}

fn rfc3339(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}
