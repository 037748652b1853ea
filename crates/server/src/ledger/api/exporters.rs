//! How the ledger's exporters stand, for programs.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::body::Json;
use crate::api::problem::Failure;
use crate::app::App;
use crate::ledger::exporters::{Standing, standing};

/// One receiver, and how far it has come.
#[derive(Serialize, JsonSchema)]
pub(super) struct ExporterView {
    /// `syslog` or `opensearch`.
    name: &'static str,
    /// Where it is.
    receiver: String,
    /// `well`, `behind` (the oldest entry that waits has waited for more than a quarter of an hour) or `fails`.
    health: &'static str,
    /// Entries that wait to be sent.
    waiting: u64,
    /// For how many seconds the oldest of them has waited.
    lag_seconds: i64,
    /// When it took entries last; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    succeeded_at: Option<String>,
    /// Since when it takes none; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// How far each stream is sent.
    streams: Vec<PlaceView>,
}

/// How far a stream is sent.
#[derive(Serialize, JsonSchema)]
struct PlaceView {
    /// The stream.
    stream: &'static str,
    /// The first entry that was not sent yet.
    next: u64,
    /// How many entries the stream has had.
    size: u64,
}

impl From<Standing> for ExporterView {
    fn from(standing: Standing) -> Self {
        let places = standing.places.iter();
        Self {
            name: standing.name,
            receiver: standing.receiver,
            health: standing.health.as_str(),
            waiting: standing.waiting,
            lag_seconds: standing.seconds,
            succeeded_at: standing.succeeded_at.map(|time| time.to_string()),
            failing_since: standing.failing_since.map(|time| time.to_string()),
            error: standing.error,
            streams: places
                .map(|place| PlaceView { stream: place.stream.as_str(), next: place.next, size: place.size })
                .collect(),
        }
    }
}

pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<ExporterView>>, Failure> {
    let mut all = Vec::new();
    for exporter in app.exporters.all() {
        all.push(standing(app.store(), exporter, app.now()).await?.into());
    }
    Ok(Json(all))
}
