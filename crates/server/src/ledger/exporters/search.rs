//! OpenSearch, by its bulk API. Each entry has an identifier of its own, so that one that is sent again is there once.

mod bulk;

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};

use super::send::{Batch, SendError};
use crate::causes::with_causes;
use crate::ledger::Placed;
use crate::outbound::{self, OutboundError, Peer};
use bulk::{Form, Item, MOST_ANSWER, short};

pub(crate) use bulk::AnswerError;
#[cfg(feature = "fuzzing")]
pub(crate) use bulk::answer;

/// The head of an answer.
const MOST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 100;

/// Everything that is read for one answer: body, head, TLS.
const BUDGET: u64 = 5 * 1024 * 1024;

/// Why these settings will not do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SearchError {
    /// Authorities, or the name.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// What we log in with cannot be sent.
    #[error(
        "the user name, password or API key for OpenSearch holds a character that no header may hold: write it as it was issued"
    )]
    Header,
}

/// How we show who we are.
#[derive(Clone, Debug)]
pub(crate) enum Login {
    /// Not at all.
    Nobody,
    /// By a user name and a password.
    User(String, SecretString),
    /// By an API key.
    Key(SecretString),
}

/// Where entries are sent as documents.
#[derive(Clone, Debug)]
pub(crate) struct SearchSettings {
    /// Name of the server, as its certificate has it.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// What stands before `/_bulk`.
    pub(crate) path: String,
    /// Without TLS, which is for this machine alone.
    pub(crate) is_plain: bool,
    /// The index, with `{stream}` and `{date}`.
    pub(crate) index: String,
    /// How we log in.
    pub(crate) login: Login,
    /// Authorities to trust besides this machine's own.
    pub(crate) ca_file: Option<PathBuf>,
    /// How long a batch may take.
    pub(crate) time_limit: Duration,
}

/// OpenSearch.
#[derive(Debug)]
pub(crate) struct SearchStore {
    peer: Peer,
    is_plain: bool,
    path: String,
    named: HeaderValue,
    authorization: Option<HeaderValue>,
    index: String,
    limit: Duration,
}

impl SearchStore {
    /// By these settings. Reads the file of authorities; connects to nobody.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub(crate) fn new(settings: SearchSettings) -> Result<Self, SearchError> {
        let peer = Peer::new(&settings.host, settings.port, outbound::trust(settings.ca_file.as_deref())?)?;
        let named = format!("{}:{}", settings.host, settings.port);
        let named = HeaderValue::try_from(named)
            .map_err(|_| OutboundError::Name { host: settings.host.chars().take(100).collect() })?;
        Ok(Self {
            peer,
            is_plain: settings.is_plain,
            path: format!("{}/_bulk?{}", settings.path.trim_end_matches('/'), bulk::QUERY),
            named,
            authorization: authorization(&settings.login)?,
            index: settings.index,
            limit: settings.time_limit,
        })
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        let scheme = if self.is_plain { "http" } else { "https" };
        let path = self.path.split("/_bulk").next().unwrap_or_default();
        format!("{scheme}://{}:{}{path} ({})", self.peer.host, self.peer.port, self.index)
    }

    /// Sends entries and returns when each is there.
    ///
    /// # Errors
    /// When one is not there.
    pub(super) async fn send(&self, batch: &Batch) -> Result<(), SendError> {
        let all: Vec<&Placed> = batch.entries.iter().collect();
        // Both requests have one limit: that of the batch.
        self.peer
            .within(self.limit, async {
                // Whoever makes a field of the index a date, or a number, must not keep entries out of it.
                let ill_formed = self.ask(batch, &all, Form::Whole).await?;
                if !ill_formed.is_empty() {
                    self.ask(batch, &ill_formed, Form::Bare).await?;
                }
                Ok(())
            })
            .await
    }

    /// One request; the entries that are not taken in this form and may be in another.
    async fn ask<'a>(
        &self,
        batch: &Batch,
        entries: &[&'a Placed],
        form: Form,
    ) -> Result<Vec<&'a Placed>, SendError> {
        let server = || format!("{}:{}", self.peer.host, self.peer.port);
        let body = bulk::body(&self.index, &batch.log, batch.stream, entries, form)
            .map_err(|error| SendError::Build(error.into()))?;
        let (status, bytes) = self.post(body).await?;
        let why = || short(&String::from_utf8_lossy(&bytes));
        match status.as_u16() {
            200..=299 => {}
            status @ (401 | 403) => return Err(SendError::Credentials { server: server(), status }),
            413 => return Err(SendError::TooLarge { server: server() }),
            status @ (408 | 429 | 500..=599) => {
                return Err(SendError::Later { server: server(), status, why: why() });
            }
            status => return Err(SendError::Status { server: server(), status, why: why() }),
        }
        let identifiers: Vec<String> =
            entries.iter().map(|placed| bulk::identifier(batch.stream, placed.position)).collect();
        let items = bulk::answer(&bytes, &identifiers)
            .map_err(|source| SendError::Answer { server: server(), source })?;
        let mut ill_formed = Vec::new();
        for (placed, item) in entries.iter().zip(items) {
            match item {
                Item::Taken => {}
                Item::Later { status, why } => return Err(SendError::Later { server: server(), status, why }),
                Item::IllFormed { .. } if form == Form::Whole => ill_formed.push(*placed),
                Item::IllFormed { why } | Item::Refused { why } => {
                    return Err(SendError::Refused { server: server(), position: placed.position, why });
                }
            }
        }
        Ok(ill_formed)
    }

    async fn post(&self, body: Vec<u8>) -> Result<(StatusCode, Vec<u8>), SendError> {
        let mut request = Request::post(self.path.as_str())
            .header(HOST, &self.named)
            .header(USER_AGENT, "palisade")
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-ndjson");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Body::from(body)).map_err(|error| SendError::Build(error.into()))?;
        let tcp = self.peer.connect(BUDGET).await?;
        if self.is_plain {
            return self.exchange(tcp, request).await;
        }
        self.exchange(self.peer.secure(tcp).await?, request).await
    }

    async fn exchange<S>(&self, stream: S, request: Request<Body>) -> Result<(StatusCode, Vec<u8>), SendError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |source| SendError::Http { server: self.peer.host.clone(), source };
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MOST_HEAD)
            .max_headers(MOST_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let answer = async {
            let (parts, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
            Ok((parts.status, self.whole(body).await?))
        };
        let carrier = async {
            if let Err(error) = connection.await {
                tracing::debug!(error = %with_causes(&error), "a connection to OpenSearch ended");
            }
            // The end of the connection is not the end of the answer, which may be read already.
            pending::<Infallible>().await
        };
        tokio::select! {
            answer = answer => answer,
            never = carrier => match never {},
        }
    }

    async fn whole(&self, mut body: Incoming) -> Result<Vec<u8>, SendError> {
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame.map_err(|source| SendError::Http { server: self.peer.host.clone(), source })?;
            let data = frame.into_data().unwrap_or_default();
            if bytes.len().saturating_add(data.len()) > MOST_ANSWER {
                return Err(SendError::Endless { server: self.peer.host.clone(), limit: MOST_ANSWER });
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes)
    }
}

/// The header that says who we are, never shown.
fn authorization(login: &Login) -> Result<Option<HeaderValue>, SearchError> {
    let text = match login {
        Login::Nobody => return Ok(None),
        Login::User(name, password) => {
            let pair = Zeroizing::new(format!("{name}:{}", password.expose_secret()));
            Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
        }
        Login::Key(key) => Zeroizing::new(format!("ApiKey {}", key.expose_secret())),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| SearchError::Header)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
mod tests;
