//! The overview: how this machine stands, what is worst, what is due.

use std::time::Duration;

use axum::extract::State;
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use model::Report;
use model::report::Status;

use super::posture::{address, failing, guides, severities, subject, tone, took, verdict};
use super::{page_body, shell};
use crate::api::problem::Failure;
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::login::Caller;
use crate::identity::roles::Permission;
use crate::posture::reports::{self, Entry};
use crate::web::picture::Point;
use crate::web::posture::dashboard;

/// Failing findings on the overview.
const WORST: usize = 8;

/// Things to do on the overview.
const DUE: usize = 6;

/// How often an open overview fetches itself anew.
const REFRESH: Duration = Duration::from_secs(60);

/// The same while the first audit runs.
const REFRESH_SOON: Duration = Duration::from_secs(2);

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(Method::GET, "/", Needs::Login, "The overview", get(overview))]
}

async fn overview(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    if !caller.rights.has(Permission::ReportsRead) {
        return Ok(super::to("/sessions"));
    }
    let mut shell = shell(&app, Some(&caller), "/").await?;
    let newest = reports::newest(app.store(), None).await?;
    shell.refresh = Some(if newest.is_some() { REFRESH } else { REFRESH_SOON });
    let (machine, state) = match newest {
        None => (app.system.clone(), first(&app)),
        Some(entry) => {
            let posture = posture(&app, &entry).await?;
            (entry.target.clone(), dashboard::State::Known(Box::new(posture)))
        }
    };
    let view = dashboard::Dashboard { machine, state, audit_now: None };
    Ok(page_body(dashboard::page(&shell, &view)).into_response())
}

/// No audit has been kept yet.
fn first(app: &App) -> dashboard::State {
    match app.audit_failed() {
        Some((at, why)) => dashboard::State::Failed { at, why },
        None => dashboard::State::First { since: app.started_at },
    }
}

async fn posture(app: &App, entry: &Entry) -> Result<dashboard::Posture, Failure> {
    let (_, report) = reports::load(app.store(), &entry.id).await?;
    let since = reports::failing_since(app.store(), &entry.target_id).await?;
    let trend = reports::trend(app.store(), &entry.target_id).await?;
    let here = address(&entry.id);
    let worst = failing(&report).take(WORST).map(|(number, finding)| dashboard::Worst {
        severity: finding.severity,
        title: finding.title.clone(),
        rule: finding.rule.clone(),
        subject: subject(finding, &report),
        remedy: finding.remedy.clone(),
        since: since.get(&(finding.rule.clone(), finding.subject.clone())).copied(),
        fix: finding.fix.is_some(),
        href: format!("{here}/findings/{number}"),
    });
    let changed = match trend.iter().rev().nth(1) {
        Some(before) => {
            let (_, earlier) = reports::load(app.store(), &before.id).await?;
            let changes = policy::compare(&report, &earlier);
            Some(dashboard::Changed {
                new: changes.new.len(),
                mended: changes.mended.len(),
                href: format!("/reports/compare?before={}&after={}", before.id, entry.id),
            })
        }
        None => None,
    };
    Ok(dashboard::Posture {
        tone: tone(&report),
        verdict: verdict(&report),
        summary: report.summary,
        severities: severities(&report),
        worst: worst.collect(),
        failing: format!("{here}?verdict=fail"),
        guides: guides(&report, &here),
        trend: trend.iter().map(point).collect(),
        due: due(&report, &here),
        audited: entry.started_at,
        took: took(entry),
        next: None,
        report: here,
        changed,
        stale: app.audit_failed().map(|(_, why)| why),
    })
}

fn point(entry: &Entry) -> Point {
    let number = |count: i64| usize::try_from(count).unwrap_or(0);
    Point { at: entry.started_at, fail: number(entry.failed), unknown: number(entry.undecided) }
}

/// What people have to attest.
fn due(report: &Report, here: &str) -> Vec<dashboard::Due> {
    let due = report.guides.iter().flat_map(|guide| {
        guide.requirements.iter().filter(|one| one.status == Status::AttestationDue).map(|requirement| {
            dashboard::Due {
                what: format!("Attest {}: {}", requirement.id, requirement.title),
                by: None,
                is_overdue: false,
                href: format!("{here}/guides/{}#{}", guide.id, requirement.id),
            }
        })
    });
    due.take(DUE).collect()
}
