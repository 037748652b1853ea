//! The effective configuration, and what runs here.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use axum::routing::get;

use super::{drawn, shell};
use crate::api::body::Asked;
use crate::api::problem::Failure;
use crate::api::route::{Needs, Route};
use crate::api::system::{LICENCE, engine};
use crate::app::App;
use crate::config::{SECTIONS, Setting, Source};
use crate::identity::login::Caller;
use crate::identity::roles::Permission;
use crate::identity::second_factors;
use crate::posture::reports;
use crate::web::list::Listing;
use crate::web::shell::{Notice, Tone};
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
    let mut shell = shell(&app, Some(&caller), "/settings").await?;
    let lost = second_factors::of_other_names(app.store(), app.passkey_name()).await?;
    shell.notices.extend((lost > 0).then(|| lost_passkeys(lost)));
    Ok(drawn(settings::page(&shell, &view)))
}

/// What whoever renamed the server should know.
fn lost_passkeys(number: i64) -> Notice {
    let of = if number == 1 { "A passkey was".to_owned() } else { format!("{number} passkeys were") };
    let text = format!(
        "{of} made for another name of this server: nobody logs in with that now. Give the server that name again with server.public_url, \
         or have their owners make new ones."
    );
    Notice { tone: Tone::Bad, text, link: None }
}

fn setting(setting: &Setting) -> settings::Setting {
    settings::Setting {
        key: setting.name.clone(),
        value: setting.text().unwrap_or_default(),
        default: setting.default_text().filter(|_| setting.source != Source::Default),
        source: setting.source.to_string(),
        about: setting.about.clone(),
        unsafe_because: setting.danger.as_ref().map(|danger| (danger.reason.clone(), danger.remedy.clone())),
    }
}

async fn what_runs(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    let newest = reports::newest(app.store(), None).await?;
    let (guides, content, rules) = match &newest {
        Some(entry) => {
            let kept = app.report(&entry.id).await?;
            let report = &kept.1;
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
        facts: vec![
            ("Database".to_owned(), engine(&app).to_owned()),
            ("Address".to_owned(), app.origin.clone()),
        ],
        licence: LICENCE.to_owned(),
        api: Some("/api/v1/openapi.json".to_owned()),
    };
    let shell = shell(&app, Some(&caller), "/about").await?;
    Ok(drawn(about::page(&shell, &view)))
}
