//! The routes of this server as a witness of other ledgers (C2SP tlog-witness).

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use ledger::{Refusal, SIZE_TYPE};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::body::Json;
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::roles::Permission;
use crate::ledger::witnesses::{Stands, Witness};
use crate::ledger::{NotCosigned, Stream};

/// What the protocol calls the submission prefix: `/add-checkpoint` comes behind it.
pub(crate) const PREFIX: &str = "/api/v1/ledger/witness";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/api/v1/ledger/witness",
            Needs::Permission(Permission::LedgerRead),
            "This server as a witness: its key, the ledgers of others that it witnesses, and how far it cosigned each",
            get(witness),
        )
        .gives::<WitnessView>(),
        // Who may is told by the signature of the checkpoint: the protocol has no other login.
        Route::new(
            Method::POST,
            "/api/v1/ledger/witness/add-checkpoint",
            Needs::Nothing,
            "Have a checkpoint cosigned (C2SP tlog-witness); nothing is here unless this server witnesses a ledger",
            post(add_checkpoint),
        )
        .takes_text()
        .gives_file_of(TEXT),
    ]
}

/// This server as a witness.
#[derive(Serialize, JsonSchema)]
struct WitnessView {
    /// The key that checks its cosignatures, for policies and for the ledgers that it shall witness.
    key: String,
    /// Where it is asked: what comes before `/add-checkpoint`.
    address: String,
    /// The ledgers that it witnesses.
    logs: Vec<WatchedView>,
}

/// A ledger that is witnessed.
#[derive(Serialize, JsonSchema)]
struct WatchedView {
    /// Its name for itself.
    origin: String,
    /// The key that it signs with.
    key: String,
    /// How many entries it had when it was cosigned last.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// The root of the tree over them, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    /// When; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    cosigned_at: Option<String>,
    /// A checkpoint that it signed too and that does not go on from there: it is forked, or was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// When that came; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_at: Option<String>,
}

/// A witness of this ledger.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AskedView {
    /// Its name.
    name: String,
    /// The key that checks its cosignatures.
    key: String,
    /// Where it is asked: what comes before `/add-checkpoint`.
    address: String,
    /// How many entries it cosigned.
    size: u64,
    /// When it cosigned last; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    cosigned_at: Option<String>,
    /// Why it does not cosign at present, in a word: `unreachable`, `refused`, or `contradicted` where it saw another ledger of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
    /// Since when that is so; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

/// The witnesses of a stream.
pub(super) fn asked(app: &App, stands: &[Stands], stream: Stream) -> Vec<AskedView> {
    let view = |witness: &Witness| {
        let key = witness.key.to_string();
        let stands = stands.iter().find(|stands| stands.stream == stream && stands.witness == key);
        let trouble = stands.and_then(|stands| stands.trouble.as_ref());
        AskedView {
            name: witness.key.name().to_owned(),
            key,
            address: witness.prefix.clone(),
            size: stands.map_or(0, |stands| stands.size),
            cosigned_at: stands.and_then(|stands| stands.cosigned_at).map(|at| at.to_string()),
            trouble: trouble.map(|(trouble, _)| trouble.as_str()),
            said: trouble.map(|(_, said)| said.clone()),
            since: stands.filter(|stands| stands.trouble.is_some()).map(|stands| stands.since.to_string()),
        }
    };
    app.witnesses.all().iter().map(view).collect()
}

async fn witness(State(app): State<App>) -> Result<Json<WitnessView>, Failure> {
    let logs = app.cosigning.watched(app.store()).await?.into_iter().map(|watched| {
        let (refused, refused_at) = watched.refused.map(|(text, at)| (text, at.to_string())).unzip();
        WatchedView {
            origin: watched.key.name().to_owned(),
            key: watched.key.to_string(),
            size: watched.cosigned.map(|(head, _)| head.size),
            root: watched.cosigned.map(|(head, _)| hex::encode(head.root.0)),
            cosigned_at: watched.cosigned.map(|(_, at)| at.to_string()),
            refused,
            refused_at,
        }
    });
    Ok(Json(WitnessView {
        key: app.cosigning.key().to_string(),
        address: format!("{}{PREFIX}", app.origin),
        logs: logs.collect(),
    }))
}

const TEXT: &str = "text/plain";

async fn add_checkpoint(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    if !app.cosigning.is_on() {
        return Err(Failure::new(Kind::NotFound, "this server witnesses no ledger"));
    }
    let body = Bytes::from_request(request, &()).await.map_err(|rejection| {
        let is_long = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let kind = if is_long { Kind::TooLarge } else { Kind::BadRequest };
        Failure::new(kind, format!("the body will not do: {}", rejection.body_text()))
    })?;
    match app.cosigning.cosign(&app.ledger, app.store(), &body, app.now()).await {
        Ok(lines) => {
            let kind = HeaderValue::from_static("text/plain; charset=utf-8");
            Ok(([(header::CONTENT_TYPE, kind)], lines).into_response())
        }
        Err(NotCosigned::Refused(Refusal::Conflict(size) | Refusal::Forked(size))) => {
            let kind = HeaderValue::from_static(SIZE_TYPE);
            Ok((StatusCode::CONFLICT, [(header::CONTENT_TYPE, kind)], format!("{size}\n")).into_response())
        }
        Err(refused) => Err(refused.into()),
    }
}

impl From<NotCosigned> for Failure {
    fn from(error: NotCosigned) -> Self {
        let kind = match error {
            NotCosigned::Ledger(error) => return error.into(),
            NotCosigned::Busy => Kind::Busy,
            NotCosigned::Form(_) | NotCosigned::Refused(Refusal::Backwards) => Kind::BadRequest,
            NotCosigned::Refused(Refusal::Unknown) => Kind::NotFound,
            NotCosigned::Refused(Refusal::Unsigned) => Kind::NotPermitted,
            NotCosigned::Refused(Refusal::Inconsistent) => Kind::Unprocessable,
            NotCosigned::Refused(Refusal::Conflict(_) | Refusal::Forked(_)) => Kind::Conflict,
        };
        Self::new(kind, error.to_string())
    }
}
