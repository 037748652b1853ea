//! The effective configuration, and what runs here.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::{page_body, shell};
use crate::api::body::Asked;
use crate::api::problem::Failure;
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::config::{SECTIONS, Setting, Source};
use crate::identity::login::Caller;
use crate::identity::roles::Permission;
use crate::posture::reports;
use crate::web::list::Listing;
use crate::web::system::{about, settings};

pub(super) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::SettingsRead);
    vec![
        Route::new(Method::GET, "/settings", read, "The effective configuration", get(effective)),
        Route::new(Method::GET, "/about", Needs::Login, "What runs here", get(what_runs)),
    ]
}

/// Which parameters.
#[derive(serde::Deserialize)]
struct Wanted {
    #[serde(default, rename = "q")]
    filter: String,
}

async fn effective(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Failure> {
    let text = wanted.filter.to_lowercase();
    let fits =
        |setting: &Setting| format!("{} {}", setting.key(), setting.about).to_lowercase().contains(&text);
    let mut sections = Vec::new();
    for section in SECTIONS {
        let all = app.effective.settings.iter().filter(|one| one.section == section.name && fits(one));
        let listed: Vec<settings::Setting> = all.map(setting).collect();
        if !listed.is_empty() {
            let (name, about) = (section.name.to_owned(), section.about.to_owned());
            sections.push(settings::Section { name, about, settings: listed });
        }
    }
    let view = settings::Settings {
        listing: Listing { path: "/settings".to_owned(), filter: wanted.filter, ..Listing::default() },
        file: app.effective.file.as_ref().map_or_else(String::new, |file| file.path.clone()),
        sections,
    };
    let shell = shell(&app, Some(&caller), "/settings").await?;
    Ok(page_body(settings::page(&shell, &view)).into_response())
}

fn setting(setting: &Setting) -> settings::Setting {
    settings::Setting {
        key: setting.name.clone(),
        value: setting.text().unwrap_or_default(),
        default: setting.default_text().filter(|_| setting.source != Source::Default),
        source: setting.source.to_string(),
        about: setting.about.clone(),
        unsafe_because: setting.danger.as_ref().map(|danger| danger.reason.clone()),
    }
}

async fn what_runs(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    let newest = reports::newest(app.store(), None).await?;
    let engine = match app.store().engine() {
        crate::store::Engine::Sqlite => "SQLite, embedded",
        crate::store::Engine::Postgres => "PostgreSQL",
    };
    let (guides, content, rules) = match &newest {
        Some(entry) => {
            let (_, report) = reports::load(app.store(), &entry.id).await?;
            let guides = report.guides.iter().map(|guide| (guide.title.clone(), guide.requirements.len()));
            let rules: BTreeSet<&str> = report.findings.iter().map(|finding| finding.rule.as_str()).collect();
            (guides.collect(), report.tool.content.clone(), rules.len())
        }
        None => (Vec::new(), String::new(), 0),
    };
    let view = about::About {
        version: app.version.to_owned(),
        content,
        rules,
        guides,
        started: Some(app.started_at),
        facts: vec![("Database".to_owned(), engine.to_owned()), ("Address".to_owned(), app.origin.clone())],
        licence: "Apache-2.0".to_owned(),
        api: Some("/api/v1/openapi.json".to_owned()),
    };
    let shell = shell(&app, Some(&caller), "/about").await?;
    Ok(page_body(about::page(&shell, &view)).into_response())
}
