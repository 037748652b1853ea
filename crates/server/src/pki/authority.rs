//! The authority itself: made once, then it vouches for the server's names and nothing else.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CidrSubnet, CrlDistributionPoint,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;

use super::{Names, PkiError, tls};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The authority lives for ten years. Its end helps nobody: people install it by hand in browsers and machines, and who has its key
/// can do no more than speak for this server's names, which the name constraints see to. What is short-lived is the certificate.
const AUTHORITY_DAYS: i32 = 3650;
/// The server's certificate, from its beginning, which is backdated: long enough to outlive a holiday with the server switched off,
/// short enough that a stolen key ends, and no longer than guides allow (NRV-MS-065).
const LEAF_DAYS: i32 = 90;
/// Clocks of clients that are a little slow.
const BACKDATED: SignedDuration = SignedDuration::from_hours(1);
/// How long a revocation list says it is current. It is made anew daily.
const LIST_DAYS: i32 = 7;

/// A key that vouches for the server's certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
    not_before: Timestamp,
    not_after: Timestamp,
    dns: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

impl Authority {
    /// A new authority that may vouch for `names` and names below them, and the text to keep of it.
    pub(super) fn create(names: &Names, now: Timestamp) -> Result<(Self, SecretString), PkiError> {
        let make = |source| PkiError::Make { what: "the certificate of an authority", source };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(make)?;
        let serial = serial()?;
        let mut params = CertificateParams::default();
        // Told apart from one made before it, which a client may still hold under the same host name.
        let mark = hex::encode(serial.get(..4).unwrap_or(&serial));
        let host = names.dns().first().map_or("localhost", String::as_str);
        params.distinguished_name = subject(&format!("Palisade authority {mark} of {}", cut(host)));
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // Not for mail, not for code.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.name_constraints = Some(constraints(names));
        set_validity(&mut params, now, now + DAY * AUTHORITY_DAYS);
        let certificate = params.self_signed(&key).map_err(make)?;
        let text = SecretString::from(format!("{}{}", key.serialize_pem(), certificate.pem()));
        let made = Self::read(&text).map_err(|_| make(rcgen::Error::CouldNotParseCertificate))?;
        Ok((made, text))
    }

    /// The authority that a text holds: its key and its certificate, which must belong together.
    pub(crate) fn read(text: &SecretString) -> Result<Self, String> {
        let (mut chain, key) = parts(text)?;
        let der = if chain.len() == 1 {
            chain.remove(0)
        } else {
            return Err("it holds more than one certificate".to_owned());
        };
        let (rest, parsed) =
            x509_parser::parse_x509_certificate(&der).map_err(|_| "its certificate is damaged".to_owned())?;
        if !rest.is_empty() {
            return Err("its certificate is damaged".to_owned());
        }
        if !parsed.is_ca() {
            return Err("its certificate is not one of an authority".to_owned());
        }
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)
            .map_err(|_| "its key is damaged or not one on the curve P-256".to_owned())?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err("its key does not belong to its certificate".to_owned());
        }
        let (dns, addresses) =
            permitted(&parsed).ok_or("its certificate says for no name that it may vouch for it")?;
        let (not_before, not_after) =
            validity(&parsed).ok_or("its certificate has no times that make sense")?;
        let issuer =
            Issuer::from_ca_cert_der(&der, key).map_err(|_| "its certificate is damaged".to_owned())?;
        let pem = pem_of(&der);
        Ok(Self { issuer, pem, not_before, not_after, dns, addresses, der: der.into_owned() })
    }

    /// A new key and certificate for those of `names` that this authority may vouch for, and the text to keep of it.
    pub(super) fn issue(&self, names: &Names, now: Timestamp) -> Result<(Leaf, SecretString), PkiError> {
        let make = |source| PkiError::Make { what: "the certificate of the server", source };
        let (covered, _) = self.split(names);
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(cut(covered.dns().first().map_or("localhost", String::as_str)));
        params.serial_number = Some(SerialNumber::from_slice(&serial()?));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        for name in covered.dns() {
            params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into().map_err(make)?));
        }
        params.subject_alt_names.extend(covered.addresses().iter().copied().map(SanType::IpAddress));
        params.crl_distribution_points =
            vec![CrlDistributionPoint { uris: vec![format!("{}/ca.crl", covered.origin())] }];
        // No certificate outlives who vouches for it.
        set_validity(&mut params, now, self.not_after.min(now - BACKDATED + DAY * LEAF_DAYS));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(make)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(make)?;
        let text = SecretString::from(format!("{}{}{}", key.serialize_pem(), certificate.pem(), self.pem));
        let leaf = Leaf::read(&text).ok_or_else(|| make(rcgen::Error::CouldNotParseCertificate))?;
        Ok((leaf, text))
    }

    /// A signed list of revoked certificates: of none, as yet.
    pub(super) fn revocation_list(&self, now: Timestamp) -> Result<Vec<u8>, PkiError> {
        let make = |source| PkiError::Make { what: "the list of revoked certificates", source };
        let number = u64::try_from(now.as_second()).unwrap_or_default();
        let params = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(1970, 1, 1) + since_epoch(now - BACKDATED),
            next_update: rcgen::date_time_ymd(1970, 1, 1) + since_epoch(now + DAY * LIST_DAYS),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(params.signed_by(&self.issuer).map_err(make)?.der().to_vec())
    }

    /// The names that this authority may vouch for, and those that it may not.
    pub(super) fn split(&self, names: &Names) -> (Names, Vec<String>) {
        let dns = |name: &str| {
            self.dns.iter().any(|known| {
                name == known || name.strip_suffix(known.as_str()).is_some_and(|below| below.ends_with('.'))
            })
        };
        let address = |found: IpAddr| self.addresses.contains(&found);
        let covered = names.only(dns, address);
        let mut left: Vec<String> = names.dns().iter().filter(|name| !dns(name)).cloned().collect();
        left.extend(names.addresses().iter().filter(|found| !address(**found)).map(ToString::to_string));
        (covered, left)
    }

    pub(super) fn has_run_out(&self, now: Timestamp) -> bool {
        now >= self.not_after
    }

    /// Whether the clock stands before the authority was made: then the clock is wrong, and nothing is made anew for it.
    pub(super) fn is_not_yet_valid(&self, now: Timestamp) -> bool {
        now < self.not_before
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    pub(super) fn fingerprint(&self) -> String {
        fingerprint(&self.der)
    }
}

/// The server's certificate with its key.
pub(crate) struct Leaf {
    chain: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
    not_before: Timestamp,
    not_after: Timestamp,
    dns: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl std::fmt::Debug for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leaf").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

impl Leaf {
    /// The certificate that a text holds; none when it is damaged.
    pub(crate) fn read(text: &SecretString) -> Option<Self> {
        let (chain, key) = parts(text).ok()?;
        let first = chain.first()?.clone();
        let (_, parsed) = x509_parser::parse_x509_certificate(&first).ok()?;
        let (not_before, not_after) = validity(&parsed)?;
        let names = &parsed.subject_alternative_name().ok()??.value.general_names;
        let (dns, addresses) = plain_names(names.iter());
        let leaf = Self { chain, key, not_before, not_after, dns, addresses };
        // Key and certificate belong together.
        leaf.certified().ok()?;
        Some(leaf)
    }

    /// Whether it is for exactly these names: one that speaks for a former name is not kept either.
    pub(super) fn is_for(&self, names: &Names) -> bool {
        let same = |ours: &[String], theirs: &[String]| {
            ours.len() == theirs.len() && ours.iter().all(|one| theirs.contains(one))
        };
        let text = |list: &[IpAddr]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        same(&self.dns, names.dns()) && same(&text(&self.addresses), &text(names.addresses()))
    }

    /// Whether a third of its life or less is left, and a new one would live longer.
    pub(super) fn is_due(&self, authority: &Authority, now: Timestamp) -> bool {
        let life = self.not_before.duration_until(self.not_after);
        let left = now.duration_until(self.not_after);
        left <= life / 3 && self.not_after < authority.not_after
    }

    /// Asks a client's verifier whether it would accept the certificate for each name.
    pub(super) fn check(&self, authority: &Authority, names: &Names, now: Timestamp) -> Result<(), PkiError> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der.clone()).map_err(PkiError::Tls)?;
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), tls::provider())
            .build()
            .map_err(|error| PkiError::Tls(rustls::Error::General(error.to_string())))?;
        let at = UnixTime::since_unix_epoch(since_epoch(now));
        let (covered, _) = authority.split(names);
        let Some((first, rest)) = self.chain.split_first() else {
            return Err(PkiError::Tls(rustls::Error::NoCertificatesPresented));
        };
        let every = covered.dns().iter().cloned().chain(covered.addresses().iter().map(ToString::to_string));
        for name in every {
            let server = ServerName::try_from(name.clone()).map_err(|_| PkiError::Name(name.clone()))?;
            verifier
                .verify_server_cert(first, rest, &server, &[], at)
                .map_err(|source| PkiError::Refused { name, source })?;
        }
        Ok(())
    }

    pub(super) fn certified(&self) -> Result<CertifiedKey, PkiError> {
        let key = PrivateKeyDer::Pkcs8(self.key.clone_key());
        CertifiedKey::from_der(self.chain.clone(), key, &tls::provider()).map_err(PkiError::Tls)
    }

    pub(super) fn until(&self) -> Timestamp {
        self.not_after
    }
}

/// SHA-256 as people compare it.
pub(super) fn fingerprint(der: &CertificateDer<'_>) -> String {
    Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// When a certificate begins and ends.
pub(super) fn validity(
    parsed: &x509_parser::certificate::X509Certificate<'_>,
) -> Option<(Timestamp, Timestamp)> {
    let validity = parsed.validity();
    Some((
        Timestamp::from_second(validity.not_before.timestamp()).ok()?,
        Timestamp::from_second(validity.not_after.timestamp()).ok()?,
    ))
}

/// Host names and addresses among general names.
pub(super) fn plain_names<'a>(names: impl Iterator<Item = &'a GeneralName<'a>>) -> (Vec<String>, Vec<IpAddr>) {
    let (mut dns, mut addresses) = (Vec::new(), Vec::new());
    for name in names {
        match name {
            GeneralName::DNSName(name) => dns.push(name.to_ascii_lowercase()),
            GeneralName::IPAddress(bytes) => addresses.extend(address(bytes)),
            _ => {}
        }
    }
    (dns, addresses)
}

/// An address, also one with a mask of all its bits, as constraints write it.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    if let Ok(six) = <[u8; 16]>::try_from(bytes) {
        return Some(six.into());
    }
    let (base, mask) = bytes.split_at_checked(bytes.len() / 2)?;
    if !mask.iter().all(|byte| *byte == 0xff) {
        return None;
    }
    <[u8; 4]>::try_from(base).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(base).map(IpAddr::from)).ok()
}

fn permitted(parsed: &x509_parser::certificate::X509Certificate<'_>) -> Option<(Vec<String>, Vec<IpAddr>)> {
    let constraints = parsed.name_constraints().ok()??;
    let trees = constraints.value.permitted_subtrees.as_ref()?;
    Some(plain_names(trees.iter().map(|tree| &tree.base)))
}

/// Whatever is of a kind in the list and not in the list is refused by clients (RFC 5280, 4.2.1.10); host names and addresses are
/// always both in it, and the key usage leaves no use for other kinds.
fn constraints(names: &Names) -> NameConstraints {
    let dns = names.dns().iter().cloned().map(GeneralSubtree::DnsName);
    let addresses = names.addresses().iter().map(|address| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, bits))
    });
    NameConstraints { permitted_subtrees: dns.chain(addresses).collect(), excluded_subtrees: Vec::new() }
}

fn parts(text: &SecretString) -> Result<(Vec<CertificateDer<'static>>, PrivatePkcs8KeyDer<'static>), String> {
    let bytes = text.expose_secret().as_bytes();
    let chain = CertificateDer::pem_slice_iter(bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "it is damaged or cut off".to_owned())?;
    if chain.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    let key =
        PrivatePkcs8KeyDer::from_pem_slice(bytes).map_err(|_| "it holds no whole private key".to_owned())?;
    Ok((chain, key))
}

fn subject(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "Palisade");
    subject.push(DnType::CommonName, name);
    subject
}

/// A common name has 64 characters at most (RFC 5280, appendix A); 28 are ours.
fn cut(name: &str) -> &str {
    name.get(..36).unwrap_or(name)
}

fn set_validity(params: &mut CertificateParams, now: Timestamp, until: Timestamp) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(now - BACKDATED);
    params.not_after = epoch + since_epoch(until);
}

fn since_epoch(at: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default())
}

/// 128 random bits, which say nothing of how many certificates there are.
fn serial() -> Result<[u8; 16], PkiError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(PkiError::Random)?;
    Ok(bytes)
}

fn pem_of(der: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, left) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = left;
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}
