//! The few requests that an OpenID provider and the ledger's witnesses are asked: TLS only, no redirects, everything bounded.
//!
//! Over hyper rather than a ready client: a login that somebody gives up ends its request with it, a provider that hangs
//! holds no thread, and the connection is the bounded one of mail and directory.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::ClientConfig;

use crate::causes::with_causes;
use crate::outbound::{OutboundError, Peer};

/// A body: key sets of large providers are 10 KiB, what is known of a person with many groups 100.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// The head of an answer.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;

/// Everything that is read for one answer: body, head, TLS.
const BUDGET: u64 = 2 * 1024 * 1024;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The server was not reached, or not believed.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// A place that is not to be asked.
    #[error("{url} is not an https address, which it must be")]
    NotHttps {
        /// The place, without its query.
        url: String,
    },
    /// No answer of HTTP.
    #[error("{server} broke off, or does not answer as a web server does")]
    Broken {
        /// The server.
        server: String,
        /// What went wrong.
        #[source]
        source: hyper::Error,
    },
    /// An answer without end.
    #[error("{server} answers with more than {} KiB: see whether it is the right one", MAX_BODY / 1024)]
    TooLarge {
        /// The server.
        server: String,
    },
}

/// Asks servers of others.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    trust: Arc<ClientConfig>,
    limit: Duration,
}

impl Client {
    /// A client that believes whom `trust` says. Each request ends after `limit`.
    pub(crate) fn new(trust: Arc<ClientConfig>, limit: Duration) -> Self {
        Self { trust, limit }
    }

    /// One request and its answer, whatever its status: redirects are answers.
    ///
    /// # Errors
    /// When there is no answer, or one that is too large or too late.
    pub(crate) async fn fetch(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.host().filter(|_| is_https(&parts.uri));
        let host = host.ok_or_else(|| HttpError::NotHttps { url: without_query(&parts.uri) })?;
        let peer = Peer::new(host, parts.uri.port_u16().unwrap_or(443), Arc::clone(&self.trust))?;
        // Never the whole authority, which may hold a password.
        let named = parts.uri.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        if let Ok(named) = HeaderValue::try_from(named) {
            parts.headers.insert(HOST, named);
        }
        parts.headers.insert(USER_AGENT, HeaderValue::from_static("palisade"));
        parts.uri = parts.uri.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from);
        peer.within(self.limit, exchange(&peer, Request::from_parts(parts, Body::from(body)))).await
    }
}

async fn exchange(peer: &Peer, request: Request<Body>) -> Result<HttpResponse, HttpError> {
    let broken = |source| HttpError::Broken { server: peer.host.clone(), source };
    let tls = peer.secure(peer.connect(BUDGET).await?).await?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(tls))
        .await
        .map_err(broken)?;
    let answer = async {
        let (parts, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        Ok(HttpResponse::from_parts(parts, whole(peer, body).await?))
    };
    let carrier = async {
        if let Err(error) = connection.await {
            tracing::debug!(error = %with_causes(&error), "a connection to a server of others ended");
        }
        // The end of the connection is not the end of the answer, which may be read already.
        pending::<Infallible>().await
    };
    tokio::select! {
        answer = answer => answer,
        never = carrier => match never {},
    }
}

async fn whole(peer: &Peer, mut body: Incoming) -> Result<Vec<u8>, HttpError> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|source| HttpError::Broken { server: peer.host.clone(), source })?;
        let data = frame.into_data().unwrap_or_default();
        if bytes.len().saturating_add(data.len()) > MAX_BODY {
            return Err(HttpError::TooLarge { server: peer.host.clone() });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn is_https(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

/// Queries hold codes; errors shall not.
fn without_query(uri: &Uri) -> String {
    let text = uri.to_string();
    text.split('?').next().unwrap_or_default().chars().take(200).collect()
}

impl<'c> AsyncHttpClient<'c> for Client {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.fetch(request))
    }
}
