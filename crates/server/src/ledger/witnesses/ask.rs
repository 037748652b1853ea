//! One witness is asked for one cosignature (C2SP tlog-witness, from the side of the log).

use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode};
use ledger::{Checkpoint, CheckpointError, Request, VerifierKey, read_cosignatures, read_size};
use openidconnect::HttpRequest;

use super::kept::Trouble;
use crate::identity::oidc::http::{Client, HttpError};
use crate::ledger::{LedgerError, Stream, extension, standing};
use crate::store::Store;

/// A witness that does not answer for so long is asked later.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(5);

/// How often a witness may say that it is at another size before it is left for later.
const TRIES: usize = 4;

/// A witness of this ledger.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    /// The key of its cosignatures.
    pub(crate) key: VerifierKey,
    /// Where it is asked: what comes before `/add-checkpoint`.
    pub(crate) prefix: String,
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotCosigned {
    /// It does not answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It cannot now.
    #[error("it answers with the status {0}: it cannot do it now")]
    NotNow(StatusCode),
    /// It knows no such log.
    #[error("it does not know this ledger: give its operator the key of the stream, for its list of logs")]
    Unknown,
    /// It knows another key.
    #[error("it knows this ledger with another key: give its operator the key of the stream once more")]
    Unsigned,
    /// Not the witness's signature.
    #[error(
        "its answer holds no cosignature of the key that is configured for it: see that the key was copied from that very server"
    )]
    Forged,
    /// Something else than the protocol has.
    #[error("it answers with the status {0}, which no witness does: see that the address is that of a witness")]
    Odd(StatusCode),
    /// It cosigned another tree.
    #[error(
        "it has cosigned another log of this name, with {theirs} entries where this one has {ours}: the ledger was forked or taken back, \
         or somebody else signs with its key"
    )]
    Contradicted {
        /// Entries that it cosigned.
        theirs: u64,
        /// Entries that there are.
        ours: u64,
    },
    /// The log moved on meanwhile.
    #[error("the ledger went on while it was asked")]
    Moved,
    /// This server.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl NotCosigned {
    /// What that says of the witness; nothing where the reason is on this side.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Http(_) | Self::NotNow(_) => Some(Trouble::Unreachable),
            Self::Unknown | Self::Unsigned | Self::Forged | Self::Odd(_) => Some(Trouble::Refused),
            Self::Contradicted { .. } => Some(Trouble::Contradicted),
            Self::Moved | Self::Ledger(_) => None,
        }
    }
}

/// Has the signed head of a stream cosigned by a witness that cosigned `old` entries before, as far as is known here.
///
/// # Errors
/// Why it was not.
pub(super) async fn ask(
    client: &Client,
    store: &Store,
    stream: Stream,
    witness: &Witness,
    head: &[u8],
    old: u64,
) -> Result<Checkpoint, NotCosigned> {
    let checkpoint = Checkpoint::read(head).map_err(|error| LedgerError::broken(stream, error.to_string()))?;
    let ours = checkpoint.head().size;
    // Of a witness that had more than there is, nothing is known: it tells.
    let old = if old > ours { 0 } else { old };
    let mut request = Request { old, proof: Vec::new(), checkpoint };
    for _ in 0..TRIES {
        request.proof = extension(store, stream, request.old, ours).await?;
        let (status, body) = send(client, witness, request.text()).await?;
        match status {
            StatusCode::OK => return cosigned(&request.checkpoint, &body, &witness.key),
            StatusCode::CONFLICT => {
                let theirs = read_size(&body).ok_or(NotCosigned::Odd(status))?;
                if theirs > ours {
                    // Unless another process has appended, and asked, since.
                    let now = standing(store, stream).await?.map_or(0, |standing| standing.head.size);
                    return Err(if theirs > now {
                        NotCosigned::Contradicted { theirs, ours: now }
                    } else {
                        NotCosigned::Moved
                    });
                }
                if theirs == request.old {
                    // With the size that it says it has: it is the root that differs, or the witness is none.
                    return Err(if theirs == ours {
                        NotCosigned::Contradicted { theirs, ours }
                    } else {
                        NotCosigned::Odd(status)
                    });
                }
                if theirs < request.old {
                    tracing::warn!(
                        witness = witness.key.name(),
                        stream = stream.as_str(),
                        had = request.old,
                        has = theirs,
                        "a witness has forgotten what it cosigned; ask its operator why"
                    );
                }
                request.old = theirs;
            }
            StatusCode::UNPROCESSABLE_ENTITY => {
                return Err(NotCosigned::Contradicted { theirs: request.old, ours });
            }
            StatusCode::NOT_FOUND => return Err(NotCosigned::Unknown),
            StatusCode::FORBIDDEN => return Err(NotCosigned::Unsigned),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                return Err(NotCosigned::NotNow(status));
            }
            status if status.is_server_error() => return Err(NotCosigned::NotNow(status)),
            status => return Err(NotCosigned::Odd(status)),
        }
    }
    Err(NotCosigned::Moved)
}

async fn send(client: &Client, witness: &Witness, body: Vec<u8>) -> Result<(StatusCode, Vec<u8>), NotCosigned> {
    let url = format!("{}/add-checkpoint", witness.prefix);
    let mut request = HttpRequest::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.parse().map_err(|_| HttpError::NotHttps { url })?;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let answer = client.fetch(request).await?;
    Ok((answer.status(), answer.into_body()))
}

fn cosigned(checkpoint: &Checkpoint, answer: &[u8], witness: &VerifierKey) -> Result<Checkpoint, NotCosigned> {
    let forged = |_: CheckpointError| NotCosigned::Forged;
    let cosigned = read_cosignatures(checkpoint, answer, std::slice::from_ref(witness)).map_err(forged)?;
    match cosigned.cosigned_by(witness).map_err(forged)? {
        Some(_) => Ok(cosigned),
        None => Err(NotCosigned::Forged),
    }
}
