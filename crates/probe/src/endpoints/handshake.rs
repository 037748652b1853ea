//! Whole TLS handshakes, with versions that are not withdrawn: for the certificates, and to speak HTTP inside.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use host::{Error, Stream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, Tls12Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::version::TLS12;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};

use super::peer::{Line, Peer};

/// What a whole handshake showed.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Certificates, DER, the server's own first.
    pub(super) certificates: Vec<Vec<u8>>,
    /// Whether it sent the revocation state of its certificate.
    pub(super) stapled: bool,
    /// Whether it asked for a certificate of ours.
    pub(super) asks_certificate: bool,
    /// Chosen application protocol.
    pub(super) alpn: Option<String>,
    /// The time at which the certificates were looked at.
    pub(super) at: Option<UnixTime>,
}

/// TLS inside a connection.
pub(super) struct TlsStream {
    inner: StreamOwned<ClientConnection, Line>,
}

/// The one provider of cryptography.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Shakes hands. Certificates are looked at, not judged: the point is to see what an untrusted server shows.
pub(super) fn open(
    peer: &Peer,
    provider: &Arc<CryptoProvider>,
    name: Option<&str>,
    alpn: &[&str],
    limit: Duration,
) -> Result<(TlsStream, Seen), Error> {
    let recorder = Arc::new(Recorder { seen: Mutex::default(), provider: Arc::clone(provider) });
    let mut config = config(peer, &recorder, rustls::ALL_VERSIONS)?;
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let (connection, line) = shake(peer, Arc::new(config), name, peer.connect(limit)?, limit)?;
    let alpn = connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    let seen = recorder.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok((TlsStream { inner: StreamOwned::new(connection, line) }, Seen { alpn, ..seen }))
}

/// Shakes hands by TLS 1.2, twice, the second time with the number of the first session: whether that was resumed.
pub(super) fn resumes_by_id(
    peer: &Peer,
    provider: &Arc<CryptoProvider>,
    name: Option<&str>,
    limit: Duration,
) -> Result<bool, Error> {
    let recorder = Arc::new(Recorder { seen: Mutex::default(), provider: Arc::clone(provider) });
    let mut config = config(peer, &recorder, &[&TLS12])?;
    config.resumption = Resumption::in_memory_sessions(1).tls12_resumption(Tls12Resumption::SessionIdOnly);
    let config = Arc::new(config);
    shake(peer, Arc::clone(&config), name, peer.connect(limit)?, limit)?;
    let (again, _) = shake(peer, config, name, peer.connect(limit)?, limit)?;
    Ok(again.handshake_kind() == Some(HandshakeKind::Resumed))
}

/// Shakes hands by TLS 1.2 and listens for the ticket, which comes in clear: how long it may be used, in seconds.
pub(super) fn ticket_lifetime(
    peer: &Peer,
    provider: &Arc<CryptoProvider>,
    name: Option<&str>,
    limit: Duration,
) -> Result<Option<u32>, Error> {
    let recorder = Arc::new(Recorder { seen: Mutex::default(), provider: Arc::clone(provider) });
    let mut config = config(peer, &recorder, &[&TLS12])?;
    config.resumption = Resumption::in_memory_sessions(1).tls12_resumption(Tls12Resumption::SessionIdOrTickets);
    let line = Tapped { line: peer.connect(limit)?, heard: Vec::new() };
    let (_, line) = shake(peer, Arc::new(config), name, line, limit)?;
    Ok(super::answer::ticket_lifetime(&line.heard))
}

fn config(
    peer: &Peer,
    recorder: &Arc<Recorder>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&recorder.provider))
        .with_protocol_versions(versions)
        .map_err(|error| Error::Io {
            what: format!("TLS at {}", peer.address()),
            message: error.to_string(),
        })?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(recorder) as Arc<dyn ServerCertVerifier>)
        .with_client_cert_resolver(Arc::clone(recorder) as Arc<dyn ResolvesClientCert>))
}

fn shake<S: Read + Write>(
    peer: &Peer,
    config: Arc<ClientConfig>,
    name: Option<&str>,
    mut line: S,
    limit: Duration,
) -> Result<(ClientConnection, S), Error> {
    let what = || format!("TLS at {}", peer.address());
    let failed = |message: String| Error::Io { what: what(), message };
    // An address in place of a name is not sent.
    let nobody = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([127, 0, 0, 1])));
    let name = name.and_then(|name| ServerName::try_from(name.to_owned()).ok()).unwrap_or(nobody);
    let mut connection = ClientConnection::new(config, name).map_err(|error| failed(error.to_string()))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut line).map_err(|error| {
            if super::peer::is_timeout(&error) {
                peer.failed();
                Error::TimedOut { what: what(), limit }
            } else {
                failed(error.to_string())
            }
        })?;
    }
    peer.answered();
    Ok((connection, line))
}

/// A connection whose first bytes from the server are kept.
struct Tapped {
    line: Line,
    heard: Vec<u8>,
}

/// Bytes that are kept: a server's part of a handshake is shorter.
const TAPPED: usize = 64 << 10;

impl Read for Tapped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.line.read(buffer)?;
        let room = TAPPED.saturating_sub(self.heard.len()).min(count);
        self.heard.extend_from_slice(buffer.get(..room).unwrap_or_default());
        Ok(count)
    }
}

impl Write for Tapped {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.line.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.flush()
    }
}

/// Writes down what the server shows and accepts all of it: nothing is told to the server that it must not know.
#[derive(Debug)]
struct Recorder {
    seen: Mutex<Seen>,
    provider: Arc<CryptoProvider>,
}

impl Recorder {
    fn note(&self, write: impl FnOnce(&mut Seen)) {
        write(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.note(|seen| {
            seen.certificates = std::iter::once(own).chain(others).take(10).map(|der| der.to_vec()).collect();
            seen.stapled = !ocsp.is_empty();
            seen.at = Some(now);
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        schemes.extend([
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::ECDSA_SHA1_Legacy,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED448,
        ]);
        schemes
    }
}

impl ResolvesClientCert for Recorder {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.note(|seen| seen.asks_certificate = true);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            // Many servers hang up without saying so; lengths in HTTP tell whether something is missing.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            other => other,
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.inner.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Stream for TlsStream {
    fn set_limit(&mut self, limit: Duration) -> io::Result<()> {
        self.inner.sock.extend(limit);
        Ok(())
    }
}
