//! A Management System that is asked from somewhere else, as its API allows the owner of a token: TLS only, no redirects, bounded.

use std::future::poll_fn;
use std::io::{self, Write};
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use url::Url;

use crate::causes::with_causes;
use crate::outbound::{OutboundError, Peer, trust};

/// One answer that is held whole: a bundle of 256 of the longest entries.
const MAX_BODY: usize = 17 << 20;

/// How long a server may take for an answer to begin, and for each piece of it.
const LIMIT: Duration = Duration::from_secs(60);

/// Fields of a request of which it is told why they will not do.
const FIELDS: usize = 20;

/// All that is read over one connection: the largest ledger that anybody keeps.
const BUDGET: u64 = 1 << 40;

/// Why a Management System has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No address of one.
    #[error("`{0}` is no address of a Management System; write it as https://HOST or https://HOST:PORT")]
    Address(String),
    /// A token that cannot be one.
    #[error("the API token holds characters that no token has")]
    Token,
    /// It was not reached, or not believed.
    #[error("{0}")]
    Outbound(String),
    /// The runtime.
    #[error("the connection cannot be made")]
    Runtime(#[source] io::Error),
    /// No answer of HTTP.
    #[error("{server} broke off before its answer was whole")]
    Broken {
        /// The server.
        server: String,
        /// What went wrong.
        #[source]
        source: hyper::Error,
    },
    /// It says no.
    #[error("{server} answers {status}: {detail}")]
    Refused {
        /// The server.
        server: String,
        /// The status code.
        status: u16,
        /// What it says.
        detail: String,
    },
    /// An answer without end.
    #[error("{server} answers with more than {} MiB", MAX_BODY >> 20)]
    TooLarge {
        /// The server.
        server: String,
    },
    /// What was to be kept cannot be.
    #[error("what {server} sends cannot be written")]
    Write {
        /// The server.
        server: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl From<OutboundError> for RemoteError {
    fn from(error: OutboundError) -> Self {
        Self::Outbound(error.to_string())
    }
}

/// One Management System.
#[derive(Debug)]
pub struct Remote {
    runtime: Runtime,
    peer: Peer,
    /// As it calls itself: host and port.
    host: HeaderValue,
    token: HeaderValue,
    sender: Option<SendRequest<Body>>,
    carriers: JoinSet<()>,
}

impl Remote {
    /// The one at `https://HOST[:PORT]`, asked with this API token; its certificate leads to an authority of this machine or of `ca`.
    ///
    /// # Errors
    /// When the address, the token or the authorities will not do. Nothing is asked yet.
    pub fn new(address: &str, ca: Option<&Path>, token: &SecretString) -> Result<Self, RemoteError> {
        let wrong = || RemoteError::Address(address.chars().take(200).collect());
        let url = Url::parse(address).map_err(|_| wrong())?;
        let host = url.host_str().filter(|_| {
            url.scheme() == "https"
                && url.username().is_empty()
                && matches!(url.path(), "" | "/")
                && url.query().is_none()
        });
        let host = host.ok_or_else(wrong)?;
        let peer = Peer::new(host, url.port().unwrap_or(443), trust(ca)?)?;
        let named = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret().trim()))
            .map_err(|_| RemoteError::Token)?;
        bearer.set_sensitive(true);
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build().map_err(RemoteError::Runtime)?,
            peer,
            host: HeaderValue::from_str(&named).map_err(|_| wrong())?,
            token: bearer,
            sender: None,
            carriers: JoinSet::new(),
        })
    }

    /// What is at this path; none: nothing is there, or not any more.
    ///
    /// # Errors
    /// When it does not answer, or with a refusal.
    pub fn get(&mut self, path: &str) -> Result<Option<Vec<u8>>, RemoteError> {
        let mut bytes = Vec::new();
        let found = self.read(path, |piece, server| {
            if bytes.len().saturating_add(piece.len()) > MAX_BODY {
                return Err(RemoteError::TooLarge { server: server.to_owned() });
            }
            bytes.extend_from_slice(&piece);
            Ok(())
        });
        match found {
            Ok(()) => Ok(Some(bytes)),
            Err(RemoteError::Refused { status: 404 | 410, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes what is at this path, piece by piece.
    ///
    /// # Errors
    /// When it does not answer, breaks off, or the pieces cannot be written.
    pub fn save(&mut self, path: &str, into: &mut impl Write) -> Result<(), RemoteError> {
        self.read(path, |piece, server| {
            into.write_all(&piece).map_err(|source| RemoteError::Write { server: server.to_owned(), source })
        })
    }

    fn read(
        &mut self,
        path: &str,
        mut each: impl FnMut(Bytes, &str) -> Result<(), RemoteError>,
    ) -> Result<(), RemoteError> {
        let request = Request::get(path)
            .header(HOST, self.host.clone())
            .header(AUTHORIZATION, self.token.clone())
            .header(USER_AGENT, "palisade")
            .body(Body::empty())
            .map_err(|_| RemoteError::Address(path.chars().take(200).collect()))?;
        let Self { runtime, peer, sender, carriers, .. } = self;
        let server = peer.host.clone();
        runtime.block_on(async {
            let response = peer.within(LIMIT, ask(peer, sender, carriers, request)).await?;
            let status = response.status();
            let mut body = response.into_body();
            if status != StatusCode::OK {
                let mut text = Vec::new();
                while let Some(piece) = next(peer, &mut body).await? {
                    if text.len() + piece.len() > MAX_BODY {
                        break;
                    }
                    text.extend_from_slice(&piece);
                }
                return Err(refused(server, status, &text));
            }
            while let Some(piece) = next(peer, &mut body).await? {
                each(piece, &server)?;
            }
            Ok(())
        })
    }
}

/// Asks over the connection that there is, or a new one.
async fn ask(
    peer: &Peer,
    sender: &mut Option<SendRequest<Body>>,
    carriers: &mut JoinSet<()>,
    request: Request<Body>,
) -> Result<Response<Incoming>, RemoteError> {
    let broken = |source| RemoteError::Broken { server: peer.host.clone(), source };
    let is_open = match sender.as_mut() {
        Some(sender) => sender.ready().await.is_ok(),
        None => false,
    };
    if !is_open {
        *sender = None;
    }
    let sender = match sender {
        Some(sender) => sender,
        None => {
            let tls = peer.secure(peer.connect(BUDGET).await?).await?;
            let (made, connection) = http1::handshake(TokioIo::new(tls)).await.map_err(broken)?;
            carriers.spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(error = %with_causes(&error), "a connection to a Management System ended");
                }
            });
            sender.insert(made)
        }
    };
    sender.send_request(request).await.map_err(broken)
}

async fn next(peer: &Peer, body: &mut Incoming) -> Result<Option<Bytes>, RemoteError> {
    let frame = async {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        frame.transpose().map_err(|source| RemoteError::Broken { server: peer.host.clone(), source })
    };
    let frame = peer.within(LIMIT, frame).await?;
    Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
}

fn refused(server: String, status: StatusCode, body: &[u8]) -> RemoteError {
    let problem: Option<Value> = serde_json::from_slice(body).ok();
    let text = |value: &Value, name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let mut detail = problem
        .as_ref()
        .and_then(|problem| text(problem, "detail"))
        .unwrap_or_else(|| "it does not say why".to_owned());
    let fields = problem.as_ref().and_then(|problem| problem.get("fields")?.as_array().cloned());
    for field in fields.into_iter().flatten().take(FIELDS) {
        if let (Some(name), Some(why)) = (text(&field, "name"), text(&field, "why")) {
            detail.push_str(&format!("; {name}: {why}"));
        }
    }
    RemoteError::Refused { server, status: status.as_u16(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_addresses_of_a_server_are_asked() {
        let token = SecretString::from("plsd_x");
        for address in [
            "",
            "localhost",
            "http://localhost",
            "https://",
            "https://eva:x@localhost",
            "https://localhost/api",
        ] {
            let error = Remote::new(address, None, &token).unwrap_err();
            assert!(matches!(error, RemoteError::Address(_)), "{address}: {error}");
        }
        Remote::new("https://localhost:8443", None, &token).unwrap();
        let odd = SecretString::from("a\nb");
        assert!(matches!(Remote::new("https://localhost", None, &odd), Err(RemoteError::Token)));
    }
}
