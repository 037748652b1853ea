//! The JSON routes of reports.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use model::report::{Changes, Status, Verdict};
use model::{Report, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::as_file;
use super::reports::{self, Entry, Standing};
use crate::api::body::{Asked, Json, Page, after};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::roles::Permission;

pub(crate) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::ReportsRead);
    vec![
        Route::new(Method::GET, "/api/v1/reports", read, "List reports, newest first", get(list))
            .query::<Wanted>()
            .gives::<Page<EntryView>>(),
        Route::new(
            Method::POST,
            "/api/v1/reports",
            Needs::Permission(Permission::ReportsRun),
            "Have this machine audited now; the overview tells when it is done",
            post(audit),
        )
        .answers::<Begun>(StatusCode::ACCEPTED),
        Route::new(
            Method::GET,
            "/api/v1/overview",
            read,
            "How this machine stands: its newest report in numbers, and whether an audit runs",
            get(overview),
        )
        .gives::<Overview>(),
        Route::new(
            Method::GET,
            "/api/v1/reports/{id}/files/{format}",
            read,
            "A report as a file: terminal, json, html, sarif, oscal, junit or csv",
            get(file),
        )
        .gives_file(),
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
    /// Those of targets with this in the name or kind.
    #[serde(default)]
    text: String,
    /// By what they are sorted: `at`, `target`, `fail` or `unknown`, with `-` before it falling; `-at` when nothing is said.
    #[serde(default)]
    sort: String,
    /// Those after this one, as `next` of the page before said.
    #[serde(default)]
    after: String,
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

/// An audit that has begun.
#[derive(Serialize, JsonSchema)]
struct Begun {
    /// When; RFC 3339.
    began_at: String,
    /// Where it is told that it is done: `audit.running_since` is gone then, and `report` is the new one.
    look_at: &'static str,
}

/// How this machine stands.
#[derive(Serialize, JsonSchema)]
struct Overview {
    /// What this system is called.
    system: String,
    /// The newest report; none: no audit has come to an end yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<EntryView>,
    /// Failing findings of it, by severity.
    failing: BTreeMap<Severity, usize>,
    /// Its guides, with the number of requirements in each state.
    guides: Vec<GuideView>,
    /// The report before it of the same target; `/api/v1/reports/{id}/changes?since=` takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    /// How audits go.
    audit: AuditView,
}

/// One guide in numbers.
#[derive(Serialize, JsonSchema)]
struct GuideView {
    /// The identifier.
    id: String,
    /// What it is called.
    title: String,
    /// The number of requirements in each state.
    requirements: Vec<StatusView>,
}

/// Requirements in one state.
#[derive(Serialize, JsonSchema)]
struct StatusView {
    status: Status,
    count: usize,
}

/// How audits go.
#[derive(Serialize, JsonSchema)]
struct AuditView {
    /// Whether this server has this machine audited.
    is_made_here: bool,
    /// Since when one runs; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    running_since: Option<String>,
    /// When the latest broke off, if it did; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    broke_off_at: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    broke_off_because: Option<String>,
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
    let order = reports::LISTED.order(&wanted.sort);
    let after = after(order, &wanted.after)?;
    let which = reports::Which { target: wanted.target.as_deref(), text: &wanted.text };
    let found = reports::sorted(app.store(), which, order, after).await?;
    Ok(Json(Page::from(found).map(view)))
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
    Ok(Json(app.report(&id).await?.1.clone()))
}

async fn changes(
    State(app): State<App>,
    Path(id): Path<String>,
    Asked(asked): Asked<Since>,
) -> Result<Json<Changes>, Failure> {
    let (kept, other) = (app.report(&id).await?, app.report(&asked.since).await?);
    let ((entry, now), (other, before)) = (&*kept, &*other);
    if entry.target_id != other.target_id {
        let detail = format!(
            "these are reports of {} and of {}; only two of one target compare",
            entry.target, other.target
        );
        return Err(Failure::new(Kind::Unprocessable, detail));
    }
    Ok(Json(policy::compare(now, before)))
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

async fn audit(State(app): State<App>) -> Result<(StatusCode, Json<Begun>), Failure> {
    let now = app.now();
    app.ask_for_audit(now).await??;
    Ok((StatusCode::ACCEPTED, Json(Begun { began_at: now.to_string(), look_at: "/api/v1/overview" })))
}

async fn overview(State(app): State<App>) -> Result<Json<Overview>, Failure> {
    let failed = app.audits.failed();
    let audit = AuditView {
        is_made_here: app.audits.is_served(),
        running_since: app.audits.running().map(|since| since.to_string()),
        broke_off_at: failed.as_ref().map(|(at, _)| at.to_string()),
        broke_off_because: failed.map(|(_, why)| why),
    };
    let empty = Overview {
        system: app.system.clone(),
        report: None,
        failing: BTreeMap::new(),
        guides: Vec::new(),
        before: None,
        audit,
    };
    let Some(newest) = reports::newest(app.store(), None).await? else { return Ok(Json(empty)) };
    let kept = app.report(&newest.id).await?;
    let (entry, report) = &*kept;
    let before = reports::trend(app.store(), &entry.target_id).await?.into_iter().rev().nth(1);
    let mut failing: BTreeMap<Severity, usize> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.verdict == Verdict::Fail) {
        *failing.entry(finding.severity).or_default() += 1;
    }
    let guides = report.guides.iter().map(|guide| {
        let count = |status: Status| guide.requirements.iter().filter(|one| one.status == status).count();
        let requirements = Status::ALL.into_iter().map(|status| StatusView { status, count: count(status) });
        GuideView { id: guide.id.clone(), title: guide.title.clone(), requirements: requirements.collect() }
    });
    let guides = guides.collect();
    let before = before.map(|entry| entry.id);
    Ok(Json(Overview { report: Some(view(entry.clone())), failing, guides, before, ..empty }))
}

async fn file(State(app): State<App>, Path((id, format)): Path<(String, String)>) -> Result<Response, Failure> {
    as_file(&app, &id, &format).await
}
