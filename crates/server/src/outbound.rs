//! Connections to servers of others (mail, directory, OpenID provider, receivers of the ledger): always TLS, always checked, always bounded.
//!
//! Certificates are checked against the authorities that this machine trusts and, where given, those of one file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::{SecretError, read_secret};

/// A file of authorities is read up to here: all that Debian trusts takes 220 KiB.
const MAX_CA_FILE: u64 = 1024 * 1024;

/// Why a server of others was not reached, or not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboundError {
    /// The file of authorities is missing, or not one.
    #[error("the file of authorities {path} {why}: name a PEM file of certificates")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
        /// Why it could not be read.
        #[source]
        source: Option<io::Error>,
    },
    /// The certificate that we show, or its key, cannot be used.
    #[error(
        "our certificate {certificate} with the key {key} {why}: name PEM files of a certificate and of its key"
    )]
    OwnFiles {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong with them.
        why: &'static str,
    },
    /// The file of our key cannot be used.
    #[error("the key {path} {source}: {}", source.help(path))]
    OwnKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SecretError,
    },
    /// This build's own parts do not fit together.
    #[error("no TLS version that both the provider and this program know")]
    Provider(#[source] rustls::Error),
    /// The name is neither a host name nor an address.
    #[error("{host:?} is neither a host name nor an address: name the server as its certificate does")]
    Name {
        /// What was given.
        host: String,
    },
    /// Nothing answers there.
    #[error(
        "{host}:{port} cannot be reached: see that host and port are right and that no firewall stands between"
    )]
    Connect {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The certificate is not one for this server by a trusted authority.
    #[error(
        "the certificate of {host}:{port} is not trusted ({why}): give its authority's certificate as `ca_file`, \
         or with --ca on the command line, and name the server as its certificate does"
    )]
    Certificate {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// What is wrong with it.
        why: String,
    },
    /// No TLS came to be.
    #[error("{host}:{port} does not speak TLS as expected: see that the port is the one for this kind of TLS")]
    Tls {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("{host}:{port} did not answer within {} s: see whether the server hangs", limit.as_secs())]
    Slow {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// The limit.
        limit: Duration,
    },
}

/// A server of others, and whom to believe that it is the one.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Name or address, as the certificate has it.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    name: ServerName<'static>,
    trust: Arc<ClientConfig>,
}

impl Peer {
    /// A server whose certificate is checked against `trust`.
    ///
    /// # Errors
    /// When the host is neither a name nor an address.
    pub(crate) fn new(host: &str, port: u16, trust: Arc<ClientConfig>) -> Result<Self, OutboundError> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| OutboundError::Name { host: host.chars().take(100).collect() })?;
        Ok(Self { host: bare.to_owned(), port, name, trust })
    }

    /// Opens a connection that reads at most `budget` bytes in its whole life.
    ///
    /// # Errors
    /// When nobody answers. Without a time limit of its own: see [`Self::within`].
    pub(crate) async fn connect(&self, budget: u64) -> Result<Metered<TcpStream>, OutboundError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|source| OutboundError::Connect {
            host: self.host.clone(),
            port: self.port,
            source,
        })?;
        Ok(Metered { inner: stream, left: budget })
    }

    /// Makes TLS of a connection and checks who is at the other end.
    ///
    /// # Errors
    /// When it is not the one, or does not speak TLS.
    pub(crate) async fn secure<S>(&self, stream: S) -> Result<TlsStream<S>, OutboundError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = TlsConnector::from(Arc::clone(&self.trust));
        connector.connect(self.name.clone(), stream).await.map_err(|source| {
            let (host, port) = (self.host.clone(), self.port);
            let inner = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match inner {
                Some(rustls::Error::InvalidCertificate(why)) => {
                    OutboundError::Certificate { host, port, why: why.to_string() }
                }
                _ => OutboundError::Tls { host, port, source },
            }
        })
    }

    /// Ends `work` when it takes longer than `limit`.
    ///
    /// # Errors
    /// The work's own, or that it took too long.
    pub(crate) async fn within<T, E>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E>
    where
        E: From<OutboundError>,
    {
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(OutboundError::Slow { host: self.host.clone(), port: self.port, limit }.into()),
        }
    }
}

/// Whom to believe: the authorities that this machine trusts, and those of `ca_file`.
///
/// # Errors
/// When the file cannot be read, is too large, or holds no certificate.
pub(crate) fn trust(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, OutboundError> {
    trust_as(ca_file, None)
}

/// The same, and who we are where a server asks for that: the files of a certificate with its chain and of its key.
///
/// # Errors
/// As of [`trust`], and when our own files cannot be read or do not belong together.
pub(crate) fn trust_as(
    ca_file: Option<&Path>,
    own: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>, OutboundError> {
    let mut roots = RootCertStore::empty();
    // What cannot be read or understood is left out: fewer are trusted then, never more.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let wrong = |why, source| OutboundError::CaFile { path: path.to_owned(), why, source };
        let pem = read_ca_file(path).map_err(|source| wrong("cannot be read", Some(source)))?;
        let mut count = 0_usize;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|_| wrong("is not a PEM file", None))?;
            roots.add(certificate).map_err(|_| wrong("holds a certificate that is broken", None))?;
            count = count.saturating_add(1);
        }
        if count == 0 {
            return Err(wrong("holds no certificate", None));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(OutboundError::Provider)?
        .with_root_certificates(roots);
    let Some((certificate, key)) = own else { return Ok(Arc::new(config.with_no_client_auth())) };
    let wrong = |why| OutboundError::OwnFiles { certificate: certificate.to_owned(), key: key.to_owned(), why };
    let pem = read_ca_file(certificate).map_err(|_| wrong("cannot be read"))?;
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| wrong("hold no certificate"))?;
    let secret = read_secret(key).map_err(|source| OutboundError::OwnKey { path: key.to_owned(), source })?;
    let secret = PrivateKeyDer::from_pem_slice(secret.expose_secret().as_bytes());
    let secret = secret.map_err(|_| wrong("hold no key"))?;
    let mut config =
        config.with_client_auth_cert(chain, secret).map_err(|_| wrong("do not belong together"))?;
    // Servers with OpenSSL that ask who we are and name no context for sessions end a connection that resumes one (rsyslog does).
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

#[expect(clippy::disallowed_methods, reason = "a file of the server's own configuration, not of a target")]
fn read_ca_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    File::open(path)?.take(MAX_CA_FILE).read_to_end(&mut pem)?;
    Ok(pem)
}

/// A connection that fails once it has read as much as it may.
#[derive(Debug)]
pub(crate) struct Metered<S> {
    inner: S,
    left: u64,
}

impl<S> Metered<S> {
    /// The connection itself.
    pub(crate) fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(Err(io::Error::other("the server sent more than it may")));
        }
        let before = buf.filled().len();
        let done = Pin::new(&mut this.inner).poll_read(cx, buf);
        let read = u64::try_from(buf.filled().len().saturating_sub(before)).unwrap_or(u64::MAX);
        this.left = this.left.saturating_sub(read);
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    //! Servers with TLS for the tests of those who connect.

    use rustls::ServerConfig;
    use test_support::Certificate;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// Takes connections with this certificate.
    pub(crate) fn acceptor(certificate: &Certificate) -> TlsAcceptor {
        let chain = CertificateDer::pem_file_iter(&certificate.certificate).unwrap();
        let chain = chain.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&certificate.key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// An authority, and a certificate of it for a server on this machine.
    pub(crate) fn certificates(directory: &Path) -> (Certificate, Certificate) {
        let authority = Certificate::authority(directory, "authority", None);
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
        let server = authority.issue(directory, "server", key, 10, names);
        (authority, server)
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test's own file")]
    fn a_file_of_authorities_holds_some() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        for (content, why) in [
            ("", "holds no certificate"),
            ("nothing", "holds no certificate"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is broken"),
            ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "is not a PEM file"),
        ] {
            std::fs::write(&file, content).unwrap();
            let error = trust(Some(&file)).unwrap_err().to_string();
            assert!(error.contains(why), "{content:?}: {error}");
        }
        trust(None).unwrap();
    }

    #[test]
    fn what_we_show_of_ourselves_is_a_certificate_and_its_key() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let (authority, own) = certificates(dir.path());
        let told = |certificate: &Path, key: &Path| {
            trust_as(None, Some((certificate, key))).map_or_else(|error| error.to_string(), |_| String::new())
        };
        assert_eq!(told(&own.certificate, &own.key), "");
        for (certificate, key, why) in [
            (&own.certificate, &authority.key, "do not belong together"),
            (&own.key, &own.key, "hold no certificate"),
            (&own.certificate, &own.certificate, ""),
            (&dir.path().join("nothing"), &own.key, "cannot be read"),
        ] {
            let told = told(certificate, key);
            assert!(!told.is_empty() && told.contains(why), "{told}");
        }
        std::fs::set_permissions(&own.key, std::fs::Permissions::from_mode(0o644)).unwrap();
        let told = told(&own.certificate, &own.key);
        assert!(told.contains("mode 0644") && told.contains("chmod 0600"), "{told}");
    }
}
