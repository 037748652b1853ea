//! The overview: how this machine stands, what is worst, what is due.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};
use model::Report;
use model::report::Status;

use super::posture::{address, failing, guides, severities, subject, tone, took, verdict};
use super::{drawn, shell};
use crate::api::body::{Asked, Filled};
use crate::api::problem::Failure;
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::login::Caller;
use crate::identity::roles::Permission;
use crate::posture::audits::NotNow;
use crate::posture::reports::{self, Entry};
use crate::web::form::Act;
use crate::web::picture::Point;
use crate::web::posture::dashboard;
use crate::web::shell::{Notice, Tone};

/// Failing findings on the overview.
const WORST: usize = 8;

/// How often an open overview fetches itself anew.
const REFRESH: Duration = Duration::from_secs(60);

/// The same while an audit runs.
pub(super) const REFRESH_SOON: Duration = Duration::from_secs(2);

pub(super) fn routes() -> Vec<Route> {
    let run = Needs::Permission(Permission::ReportsRun);
    vec![
        Route::new(Method::GET, "/", Needs::Login, "The overview", get(overview)),
        Route::new(Method::POST, "/reports/audit", run, "Have this machine audited now", post(audit)),
    ]
}

async fn overview(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<Told>,
) -> Result<Response, Failure> {
    if !caller.rights.has(Permission::ReportsRead) {
        return Ok(super::to("/sessions"));
    }
    let mut shell = shell(&app, Some(&caller), "/").await?;
    let newest = reports::newest(app.store(), None).await?;
    let running = app.audits.running();
    shell.refresh = Some(if newest.is_some() && running.is_none() { REFRESH } else { REFRESH_SOON });
    shell.notices.extend(told_of(&asked.notice));
    shell.notices.extend(super::ledger::notices(&app, &caller));
    let (machine, state) = match newest {
        None => (app.system.clone(), first(&app)),
        Some(entry) => {
            let posture = match app.shelf.overview(&entry.id) {
                Some(posture) => posture,
                None => {
                    let posture = Arc::new(posture(&app, &entry).await?);
                    app.shelf.keep_overview(&entry.id, &posture);
                    posture
                }
            };
            let reviews = [super::review::due(&app, &caller).await?, super::ledger::due(&app, &caller).await?];
            let mut reviews: Vec<dashboard::Due> = reviews.into_iter().flatten().collect();
            let posture = if reviews.is_empty() {
                posture
            } else {
                let mut with = (*posture).clone();
                reviews.append(&mut with.due);
                with.due = reviews;
                Arc::new(with)
            };
            (entry.target, dashboard::State::Known(posture))
        }
    };
    let stale = app.audits.failed().map(|(_, why)| why);
    let audit_now = audit_now(&app, &caller, "/");
    let view = dashboard::Dashboard { machine, state, stale, audit_now, running };
    Ok(drawn(dashboard::page(&shell, &view)))
}

/// What is told of an audit that was asked for.
const NOTICES: [(&str, Tone, &str); 2] = [
    ("audit-too-soon", Tone::Unsure, "Nothing was begun: an audit was made a moment ago."),
    (
        "audit-nobody",
        Tone::Bad,
        "Nothing was begun: this server makes no audits by itself. Start it with `palisade up`.",
    ),
];

/// What was done before a page is shown.
#[derive(Default, serde::Deserialize)]
pub(super) struct Told {
    #[serde(default)]
    notice: String,
}

/// The notice of what was done.
pub(super) fn told_of(notice: &str) -> Option<Notice> {
    let (_, tone, text) = NOTICES.iter().find(|(word, ..)| *word == notice)?;
    Some(Notice { tone: *tone, text: (*text).to_owned(), link: None })
}

/// The button that has an audit made, for whoever may and while none runs; `back` is the page it stands on.
pub(super) fn audit_now(app: &App, caller: &Caller, back: &str) -> Option<Act> {
    let may = caller.rights.has(Permission::ReportsRun);
    (may && app.audits.is_served() && app.audits.running().is_none()).then(|| Act {
        action: "/reports/audit".to_owned(),
        label: "Audit now".to_owned(),
        hidden: vec![("back".to_owned(), back.to_owned())],
        ..Act::default()
    })
}

#[derive(serde::Deserialize)]
struct Back {
    #[serde(default)]
    back: String,
}

async fn audit(State(app): State<App>, Filled(sent): Filled<Back>) -> Result<Response, Failure> {
    let notice = match app.ask_for_audit(app.now()).await? {
        // The page tells that one runs.
        Ok(()) | Err(NotNow::Running(_)) => "",
        Err(NotNow::TooSoon(_)) => "audit-too-soon",
        Err(NotNow::Nobody) => "audit-nobody",
    };
    let place = if sent.back == "/reports" { "/reports" } else { "/" };
    Ok(super::to(&super::with_query(place, &[("notice", notice)])))
}

/// No audit has been kept yet.
fn first(app: &App) -> dashboard::State {
    match app.audits.failed().filter(|_| app.audits.running().is_none()) {
        Some((at, why)) => dashboard::State::Failed { at, why },
        None if !app.audits.is_served() => dashboard::State::Nobody,
        None => dashboard::State::First { since: app.started_at },
    }
}

async fn posture(app: &App, entry: &Entry) -> Result<dashboard::Posture, Failure> {
    let kept = app.report(&entry.id).await?;
    let report = &kept.1;
    let since = reports::failing_since(app.store(), &entry.target_id).await?;
    let trend = reports::trend(app.store(), &entry.target_id).await?;
    let here = address(&entry.id);
    let worst = failing(report).take(WORST).map(|(number, finding)| dashboard::Worst {
        severity: finding.severity,
        title: finding.title.clone(),
        rule: finding.rule.clone(),
        subject: subject(finding, report),
        remedy: finding.remedy.clone(),
        since: since.get(&(finding.rule.clone(), finding.subject.clone())).copied(),
        fix: finding.fix.is_some(),
        href: format!("{here}/findings/{number}"),
    });
    let changed = match trend.iter().rev().nth(1) {
        Some(before) => {
            let earlier = app.report(&before.id).await?;
            let changes = policy::compare(report, &earlier.1);
            Some(dashboard::Changed {
                new: changes.new.len(),
                mended: changes.mended.len(),
                href: format!("/reports/compare?before={}&after={}", before.id, entry.id),
            })
        }
        None => None,
    };
    Ok(dashboard::Posture {
        tone: tone(report),
        verdict: verdict(report),
        summary: report.summary,
        severities: severities(report),
        worst: worst.collect(),
        failing: format!("{here}?verdict=fail"),
        guides: guides(report, &here),
        trend: trend.iter().map(point).collect(),
        due: due(report, &here),
        audited: entry.started_at,
        took: took(entry),
        next: None,
        report: here,
        changed,
    })
}

fn point(entry: &Entry) -> Point {
    let number = |count: i64| usize::try_from(count).unwrap_or(0);
    Point { at: entry.started_at, fail: number(entry.failed), unknown: number(entry.undecided) }
}

/// What people have to attest, a line for each guide.
fn due(report: &Report, here: &str) -> Vec<dashboard::Due> {
    let due = report.guides.iter().filter_map(|guide| {
        let mut open = guide.requirements.iter().filter(|one| one.status == Status::AttestationDue);
        let first = open.next()?;
        let what = match open.count() {
            0 => format!("Attest {}: {}", first.id, first.title),
            more => format!("Attest {} requirements: {}", more + 1, guide.title),
        };
        Some(dashboard::Due {
            what,
            by: None,
            is_overdue: false,
            href: format!("{here}/guides/{}#{}", guide.id, first.id),
        })
    });
    due.collect()
}

/// That a review is due, where it is within so many days or was already.
pub(super) fn reminder(
    what: &str,
    by: Option<Timestamp>,
    ahead: i64,
    now: Timestamp,
    href: &str,
) -> Option<dashboard::Due> {
    let by = by.filter(|by| by.duration_since(now) <= SignedDuration::from_hours(24 * ahead))?;
    let days = by.duration_since(now).as_hours().abs() / 24;
    let is_overdue = by <= now;
    let left = match (is_overdue, days) {
        (false, 0) => "today".to_owned(),
        (false, 1) => "one day left".to_owned(),
        (false, days) => format!("{days} days left"),
        (true, 0) => "since today".to_owned(),
        (true, 1) => "overdue for one day".to_owned(),
        (true, days) => format!("overdue for {days} days"),
    };
    Some(dashboard::Due { what: format!("{what}: {left}"), by: Some(by), is_overdue, href: href.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_is_told_when_it_is_soon_and_when_it_was() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let told = |hours: i64| {
            let by = now + SignedDuration::from_hours(hours);
            reminder("Look", Some(by), 3, now, "/reviews").map(|due| (due.what, due.is_overdue))
        };
        assert_eq!(told(73), None);
        for (hours, what, is_overdue) in [
            (72, "Look: 3 days left", false),
            (25, "Look: one day left", false),
            (2, "Look: today", false),
            (-2, "Look: since today", true),
            (-24, "Look: overdue for one day", true),
            (-50, "Look: overdue for 2 days", true),
        ] {
            assert_eq!(told(hours), Some((what.to_owned(), is_overdue)));
        }
        assert!(reminder("Look", None, 3, now, "/reviews").is_none());
    }
}
