//! The JSON routes of the system itself: its configuration and what runs.

use axum::extract::State;
use axum::http::Method;
use axum::routing::get;
use schemars::JsonSchema;
use serde::Serialize;

use super::body::Json;
use super::problem::Failure;
use super::route::{Needs, Route};
use crate::app::App;
use crate::config::Effective;
use crate::identity::roles::Permission;
use crate::posture::reports;
use crate::store::Engine;

pub(crate) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::SettingsRead);
    let about = "The effective configuration with the source of each value; secrets are stars";
    vec![
        Route::new(Method::GET, "/api/v1/settings", read, about, get(settings)).gives::<Effective>(),
        Route::new(Method::GET, "/api/v1/about", Needs::Login, "What runs here", get(what_runs))
            .gives::<About>(),
    ]
}

/// What runs here.
#[derive(Serialize, JsonSchema)]
pub(crate) struct About {
    /// The version of Palisade.
    pub(crate) version: &'static str,
    /// What this system is called.
    pub(crate) system: String,
    /// Its address.
    pub(crate) address: String,
    /// The database's engine.
    pub(crate) database: &'static str,
    /// When the server started; RFC 3339.
    pub(crate) started_at: String,
    /// SHA-256 over the rules and guides that decided the newest report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<String>,
    /// The licence.
    pub(crate) licence: &'static str,
}

/// The licence, as SPDX writes it.
pub(crate) const LICENCE: &str = "Apache-2.0";

/// The engine of the database, for people.
pub(crate) fn engine(app: &App) -> &'static str {
    match app.store().engine() {
        Engine::Sqlite => "SQLite, embedded",
        Engine::Postgres => "PostgreSQL",
    }
}

async fn settings(State(app): State<App>) -> Json<Effective> {
    Json(app.effective.clone())
}

async fn what_runs(State(app): State<App>) -> Result<Json<About>, Failure> {
    let newest = reports::newest(app.store(), None).await?;
    Ok(Json(About {
        version: app.version,
        system: app.system.clone(),
        address: app.origin.clone(),
        database: engine(&app),
        started_at: app.started_at.to_string(),
        content: newest.map(|entry| entry.content),
        licence: LICENCE,
    }))
}
