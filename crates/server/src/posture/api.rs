//! The JSON routes of reports.

use axum::extract::{Path, State};
use axum::http::Method;
use axum::routing::get;
use model::Report;
use model::report::Changes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reports::{self, Entry, PAGE, Standing};
use crate::api::body::{Asked, Json, Page};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::api::place;
use crate::identity::roles::Permission;

pub(crate) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::ReportsRead);
    vec![
        Route::new(Method::GET, "/api/v1/reports", read, "List reports, newest first", get(list))
            .query::<Wanted>()
            .gives::<Page<EntryView>>(),
        Route::new(Method::GET, "/api/v1/reports/{id}", read, "One whole report", get(find)).gives::<Report>(),
        Route::new(
            Method::GET,
            "/api/v1/reports/{id}/changes",
            read,
            "What changed in a report since another of the same target",
            get(changes),
        )
        .query::<Since>()
        .gives::<Changes>(),
        Route::new(
            Method::GET,
            "/api/v1/history",
            read,
            "How the findings of a rule stood over time",
            get(history),
        )
        .query::<Rule>()
        .gives::<Vec<StandingView>>(),
    ]
}

/// Which reports.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Those of this target.
    target: Option<String>,
    /// Those after this one, as `next` of the page before said.
    after: Option<String>,
}

/// Since which report.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Since {
    /// The identifier of the other.
    since: String,
}

/// Of which rule.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// The target.
    target: String,
    /// The rule.
    rule: String,
}

/// One report without its findings.
#[derive(Serialize, JsonSchema)]
struct EntryView {
    /// The identifier.
    id: String,
    /// The target's identifier.
    target_id: String,
    /// The target's name.
    target: String,
    /// When the audit began; RFC 3339.
    started_at: String,
    /// How long it took, milliseconds.
    duration_ms: i64,
    /// SHA-256 over the rules and guides that decided.
    content: String,
    /// Findings that pass.
    pass: i64,
    /// Findings that fail.
    fail: i64,
    /// Findings that could not be decided.
    unknown: i64,
    /// Findings that do not concern the target.
    not_applicable: i64,
    /// Findings that fail and are accepted.
    waived: i64,
}

/// A stretch of time in which a finding had one verdict.
#[derive(Serialize, JsonSchema)]
struct StandingView {
    /// What was judged.
    subject: String,
    /// The verdict.
    verdict: String,
    /// Since when; RFC 3339.
    since: String,
    /// Until when; none: still.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

async fn list(State(app): State<App>, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<EntryView>>, Failure> {
    let after = wanted.after.as_deref().map(place).transpose()?;
    let found = reports::list(app.store(), wanted.target.as_deref(), after).await?;
    let page = Page::of(found, PAGE, |entry| format!("{}_{}", entry.started_at.as_millisecond(), entry.id));
    Ok(Json(page.map(view)))
}

fn view(entry: Entry) -> EntryView {
    EntryView {
        id: entry.id,
        target_id: entry.target_id,
        target: entry.target,
        started_at: entry.started_at.to_string(),
        duration_ms: entry.duration_ms,
        content: entry.content,
        pass: entry.passed,
        fail: entry.failed,
        unknown: entry.undecided,
        not_applicable: entry.not_applicable,
        waived: entry.waived,
    }
}

async fn find(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Report>, Failure> {
    Ok(Json(reports::load(app.store(), &id).await?.1))
}

async fn changes(
    State(app): State<App>,
    Path(id): Path<String>,
    Asked(asked): Asked<Since>,
) -> Result<Json<Changes>, Failure> {
    let (entry, now) = reports::load(app.store(), &id).await?;
    let (other, before) = reports::load(app.store(), &asked.since).await?;
    if entry.target_id != other.target_id {
        let detail = format!(
            "these are reports of {} and of {}; only two of one target compare",
            entry.target, other.target
        );
        return Err(Failure::new(Kind::Unprocessable, detail));
    }
    Ok(Json(policy::compare(&now, &before)))
}

async fn history(
    State(app): State<App>,
    Asked(asked): Asked<Rule>,
) -> Result<Json<Vec<StandingView>>, Failure> {
    let view = |standing: Standing| StandingView {
        subject: standing.subject,
        verdict: standing.verdict,
        since: standing.since.to_string(),
        until: standing.until.map(|time| time.to_string()),
    };
    let found = reports::history(app.store(), &asked.target, &asked.rule).await?;
    Ok(Json(found.into_iter().map(view).collect()))
}
