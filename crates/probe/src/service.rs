//! A product's own interface on the network: JSON that is asked for with GET as a user: with name and password each time,
//! or with what one login gave. Over TLS that is checked before anything is sent: a password is not for whoever answers.

pub(crate) mod properties;

use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use host::{Address, Door, Error, Stream};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    StreamOwned,
};
use serde_json::Value;
use ureq::http::Request;

use crate::endpoints::certificate;
use crate::http::{Answer, Client, Limits};

/// One answer: a project with a thousand channels says a megabyte.
const BODY: usize = 16 << 20;
/// All answers of one server.
const ANSWERS: usize = 64 << 20;
/// One exchange: a busy server on a slow line.
const EXCHANGE: Duration = Duration::from_secs(10);
/// Connecting.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a server that says it is busy is left alone before it is asked once more.
const REST: Duration = Duration::from_secs(1);

/// Where the interface is and what to show it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// As it was named: `https://plant-7.example:57512`.
    pub url: String,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Where the host is, the address to try first.
    pub addresses: Vec<SocketAddr>,
    /// The user's name.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// Certificates (PEM) of the authorities to trust instead of this machine's, or of the server itself.
    pub authorities: Option<Vec<u8>>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 404: the server has no such thing.
    NotThere,
    /// 204: it says that there is none.
    Nothing,
    /// 401, or a login that was refused: it wants to know who asks.
    Unknown(String),
    /// Anything else: what, and what a person can do about it.
    Other(String),
}

impl Refusal {
    /// What a person reads.
    pub(crate) fn reason(self) -> String {
        match self {
            Self::NotThere => "the server has no such thing (404)".to_owned(),
            Self::Nothing => "the server says that there is none (204)".to_owned(),
            Self::Unknown(reason) | Self::Other(reason) => reason,
        }
    }
}

/// How a request says who asks.
enum Identity {
    /// The user's name and password.
    Basic,
    /// A header: what a login gave, or a token.
    Header(&'static str, String),
}

/// One request.
struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    /// What the answer should be.
    accept: &'a str,
    /// Whether it says who asks.
    named: bool,
    document: Option<&'a Value>,
}

/// Speaks with a service.
pub(crate) struct Asker {
    service: Service,
    client: Client,
    identity: Identity,
    shown: Arc<Mutex<Option<Vec<u8>>>>,
    answered: AtomicBool,
    /// Bytes of all answers.
    read: AtomicUsize,
}

impl Asker {
    /// Gets ready; nothing is sent yet.
    ///
    /// # Errors
    /// When the authorities to trust cannot be read.
    pub(crate) fn new(door: &Door, service: &Service) -> Result<Self, String> {
        let shown = Arc::new(Mutex::new(None));
        let dialled = door.clone();
        let addresses = service.addresses.clone();
        let place = service.url.clone();
        let dial = move |limit: Duration| -> Result<Box<dyn Stream>, Error> {
            let mut last = Error::NotFound(format!("an address of {place}"));
            for address in &addresses {
                match dialled.connect(&Address::Tcp(*address), limit.min(CONNECT)) {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = error,
                }
            }
            Err(last)
        };
        let client = if service.tls {
            let judge = Arc::new(Judge::new(door, service, Arc::clone(&shown))?);
            let config = ClientConfig::builder_with_provider(Arc::clone(&judge.provider))
                .with_protocol_versions(rustls::ALL_VERSIONS)
                .map_err(|error| error.to_string())?
                .dangerous()
                .with_custom_certificate_verifier(judge)
                .with_no_client_auth();
            let config = Arc::new(config);
            let name = ServerName::try_from(service.host.clone())
                .map_err(|_| format!("`{}` is no host name that TLS knows", service.host))?;
            let what = service.url.clone();
            Client::new(&service.url, move |limit| {
                let stream = Timed { stream: dial(limit)?, until: Instant::now() + limit };
                let secured = shake_hands(&config, &name, stream, &what, limit)?;
                Ok(Box::new(secured) as Box<dyn Stream>)
            })
        } else {
            Client::new(&service.url, dial)
        };
        Ok(Self {
            service: service.clone(),
            client,
            identity: Identity::Basic,
            shown,
            answered: AtomicBool::new(false),
            read: AtomicUsize::new(0),
        })
    }

    /// The certificate that the server showed, DER; none before the first answer and without TLS.
    pub(crate) fn certificate(&self) -> Option<Vec<u8>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it has not answered at all: asking on would only take time.
    pub(crate) fn is_silent(&self) -> bool {
        !self.answered.load(Ordering::Relaxed)
    }

    /// What stands at a path, asked as the user.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Refusal> {
        let ask = Ask { method: "GET", path, accept: "application/json", named: true, document: None };
        let answer = self.judged(&ask, self.exchange(&ask))?;
        parse(&answer.body).map_err(|why| {
            let place = format!("GET {}{path}", self.service.url);
            Refusal::Other(format!("{place} answers no JSON ({why}); is this the interface that was meant?"))
        })
    }

    /// The text that stands at a path, asked as the user.
    pub(crate) fn text(&self, path: &str) -> Result<String, Refusal> {
        let ask = Ask { method: "GET", path, accept: "*/*", named: true, document: None };
        let answer = self.judged(&ask, self.exchange(&ask))?;
        String::from_utf8(answer.body)
            .map_err(|_| Refusal::Other(format!("GET {}{path} answers no UTF-8 text", self.service.url)))
    }

    /// Sends a login, once: a server counts those that fail. It is the only thing that is ever sent by POST.
    pub(crate) fn log_in(&self, path: &str, document: &Value) -> Result<Answer, Refusal> {
        let ask =
            Ask { method: "POST", path, accept: "application/json", named: false, document: Some(document) };
        let answer = self.send(&ask);
        match &answer {
            Ok(answer) if matches!(answer.status, 403 | 406) => Err(self.unknown(&ask, answer.status)),
            Ok(answer) if answer.status == 429 => Err(Refusal::Other(format!(
                "POST {}{path}: the server refuses logins after too many that failed (429); wait until it forgets them, and \
                 check user and password before the next audit",
                self.service.url
            ))),
            _ => self.judged(&ask, answer),
        }
    }

    /// From now on a header says who asks.
    pub(crate) fn identify_by(&mut self, header: &'static str, value: String) {
        self.identity = Identity::Header(header, value);
    }

    /// The status that a path answers to nobody in particular.
    pub(crate) fn anonymous_status(&self, path: &str) -> Result<u16, String> {
        let ask = Ask { method: "GET", path, accept: "application/json", named: false, document: None };
        self.exchange(&ask).map(|answer| answer.status).map_err(|error| error.to_string())
    }

    fn exchange(&self, ask: &Ask<'_>) -> Result<Answer, Error> {
        let answer = self.send(ask)?;
        if answer.status != 429 {
            return Ok(answer);
        }
        thread::sleep(REST);
        self.send(ask)
    }

    fn send(&self, ask: &Ask<'_>) -> Result<Answer, Error> {
        let failed = |message: String| Error::Io { what: format!("{} {}", ask.method, ask.path), message };
        if self.read.load(Ordering::Relaxed) >= ANSWERS {
            return Err(Error::TooLarge { what: format!("what {} answers", self.service.url), limit: ANSWERS });
        }
        let place = self.service.url.split_once("://").map_or(self.service.url.as_str(), |(_, place)| place);
        let mut request = Request::builder()
            .method(ask.method)
            .uri(format!("http://{place}{}", ask.path))
            .header("accept", ask.accept);
        if ask.named {
            match &self.identity {
                Identity::Header(name, value) => request = request.header(*name, value),
                Identity::Basic => {
                    if let Some(login) = self.login().map_err(failed)? {
                        request = request.header("authorization", login);
                    }
                }
            }
        }
        let limits = Limits { time: EXCHANGE, body: BODY };
        let answer = match ask.document {
            None => {
                let request = request.body(()).map_err(|error| failed(error.to_string()))?;
                self.client.send(request, limits)?
            }
            Some(document) => {
                let request = request.header("content-type", "application/json").body(document.to_string());
                self.client.send(request.map_err(|error| failed(error.to_string()))?, limits)?
            }
        };
        self.answered.store(true, Ordering::Relaxed);
        self.read.fetch_add(answer.body.len(), Ordering::Relaxed);
        Ok(answer)
    }

    /// `Basic ...`, in Latin-1 as the vendor's own client does it; none without a name.
    fn login(&self) -> Result<Option<String>, String> {
        let Some(user) = &self.service.user else { return Ok(None) };
        let password = self.service.password.as_deref().unwrap_or_default();
        let bytes: Option<Vec<u8>> =
            format!("{user}:{password}").chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect();
        let bytes =
            bytes.ok_or("user or password holds a letter that HTTP logins cannot carry (not Latin-1)")?;
        Ok(Some(format!("Basic {}", STANDARD.encode(bytes))))
    }

    fn unknown(&self, ask: &Ask<'_>, status: u16) -> Refusal {
        let who = self.service.user.as_deref().unwrap_or("nobody");
        Refusal::Unknown(format!(
            "{} {}{}: the server does not accept user `{who}` with this password ({status}); name `user` and \
             `password_file` in the credentials",
            ask.method, self.service.url, ask.path
        ))
    }

    /// The answer when it is one.
    fn judged(&self, ask: &Ask<'_>, answer: Result<Answer, Error>) -> Result<Answer, Refusal> {
        let place = format!("{} {}{}", ask.method, self.service.url, ask.path);
        let answer = answer.map_err(|error| Refusal::Other(error.to_string()))?;
        let who = self.service.user.as_deref().unwrap_or("nobody");
        match answer.status {
            200 if answer.cut => Err(Refusal::Other(format!("{place} answers with more than {BODY} bytes"))),
            200 => Ok(answer),
            204 => Err(Refusal::Nothing),
            401 => Err(self.unknown(ask, 401)),
            403 => Err(Refusal::Other(format!(
                "{place}: user `{who}` may not read this (403); give the user the right to read it, or use another"
            ))),
            404 => Err(Refusal::NotThere),
            429 => Err(Refusal::Other(format!("{place}: the server is busy (429); audit it again later"))),
            300..=399 => Err(Refusal::Other(format!(
                "{place} leads elsewhere ({}); name the address it leads to as the target",
                answer.status
            ))),
            status => Err(Refusal::Other(format!("{place} answers with status {status}"))),
        }
    }
}

/// A name in a path: every byte that is not a letter, a digit, `-`, `.`, `_` or `~` as `%XX`.
pub(crate) fn escaped(name: &str) -> String {
    name.bytes()
        .take(200)
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// JSON that may begin with a byte order mark.
pub fn parse(body: &[u8]) -> Result<Value, String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Decides whether the server is the right one.
#[derive(Debug)]
struct Judge {
    authorities: Option<Arc<WebPkiServerVerifier>>,
    pinned: Vec<CertificateDer<'static>>,
    shown: Arc<Mutex<Option<Vec<u8>>>>,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    fn new(door: &Door, service: &Service, shown: Arc<Mutex<Option<Vec<u8>>>>) -> Result<Self, String> {
        let provider = Arc::new(crypto::ring::default_provider());
        let (store, pinned) = match &service.authorities {
            None => (certificate::roots(door)?, Vec::new()),
            Some(pem) => {
                let pinned: Vec<CertificateDer<'static>> =
                    CertificateDer::pem_slice_iter(pem).flatten().take(1000).collect();
                if pinned.is_empty() {
                    return Err("the file `ca` of the credentials holds no certificate in PEM".to_owned());
                }
                let mut store = RootCertStore::empty();
                for one in &pinned {
                    // One that is no authority still counts as the server's own.
                    drop(store.add(one.clone()));
                }
                (Some(Arc::new(store)), pinned)
            }
        };
        let authorities = store.filter(|store| !store.is_empty()).and_then(|store| {
            WebPkiServerVerifier::builder_with_provider(store, Arc::clone(&provider)).build().ok()
        });
        Ok(Self { authorities, pinned, shown, provider })
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(own.to_vec());
        if self.pinned.iter().any(|pinned| pinned.as_ref() == own.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.authorities {
            Some(authorities) => authorities.verify_server_cert(own, others, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn shake_hands(
    config: &Arc<ClientConfig>,
    name: &ServerName<'static>,
    mut line: Timed,
    what: &str,
    limit: Duration,
) -> Result<Secured, Error> {
    let failed = |message: String| Error::Io { what: format!("TLS at {what}"), message };
    let mut connection =
        ClientConnection::new(Arc::clone(config), name.clone()).map_err(|error| failed(error.to_string()))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut line).map_err(|error| {
            if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
                return Error::TimedOut { what: format!("TLS at {what}"), limit };
            }
            let message = error.to_string();
            if message.contains("certificate") {
                return failed(format!(
                    "{message}; nothing was sent. Name the authority that issued its certificate, or the \
                     certificate itself, as `ca` in the credentials"
                ));
            }
            failed(message)
        })?;
    }
    Ok(Secured { inner: StreamOwned::new(connection, line) })
}

/// A stream that ends at a fixed time, however slowly it drips.
struct Timed {
    stream: Box<dyn Stream>,
    until: Instant,
}

impl Timed {
    fn arm(&mut self) -> io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { self.stream.set_limit(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.arm()?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.arm()?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// TLS inside a stream.
struct Secured {
    inner: StreamOwned<ClientConnection, Timed>,
}

impl Read for Secured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            // Many servers hang up without saying so; lengths in HTTP tell whether something is missing.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            other => other,
        }
    }
}

impl Write for Secured {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.inner.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Stream for Secured {
    fn set_limit(&mut self, limit: Duration) -> io::Result<()> {
        self.inner.sock.until = Instant::now() + limit;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
