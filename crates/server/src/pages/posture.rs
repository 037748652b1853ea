//! The browser of reports.

use std::collections::BTreeMap;
use std::time::Duration;

use ::report::Format;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use model::report::{Change, Finding, GuideReport, Verdict};
use model::{Report, Severity};
use serde::Deserialize;

use super::look::Look;
use super::overview::{REFRESH_SOON, audit_now, told_of};
use super::{drawn, shell};
use crate::api::body::Asked;
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::login::Caller;
use crate::identity::roles::Permission;
use crate::posture::file::as_file;
use crate::posture::reports::{self, Entry};
use crate::web::form::Choice;
use crate::web::list::{Facet, Listing};
use crate::web::picture::Coverage;
use crate::web::posture::{
    GuideRow, Link, ReportRef, difference, finding, guide, report, reports as list, rule,
};
use crate::web::shell::Tone;

/// Findings on one page of a report.
const FINDINGS: usize = 100;

pub(super) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::ReportsRead);
    let page = |path, about, serve| Route::new(Method::GET, path, read, about, serve);
    vec![
        page("/reports", "The reports", get(all)),
        page("/reports/compare", "The difference of two reports", get(compare)),
        page("/reports/{id}", "One report", get(one)),
        page("/reports/{id}/findings/{number}", "One finding", get(one_finding)),
        page("/reports/{id}/guides/{guide}", "A guide within a report", get(one_guide)),
        page("/reports/{id}/rules/{rule}", "A rule within a report", get(one_rule)),
        page("/reports/{id}/download/{format}", "A report as a file", get(download)),
    ]
}

const REPORTS: &str = "/reports";

/// Which reports.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    notice: String,
}

/// Which two reports.
#[derive(Deserialize)]
struct Two {
    before: String,
    after: String,
}

/// Which findings.
#[derive(Deserialize)]
struct Which {
    #[serde(default, rename = "q")]
    filter: String,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    page: usize,
}

pub(super) fn address(id: &str) -> String {
    format!("/reports/{id}")
}

pub(super) fn took(entry: &Entry) -> Duration {
    Duration::from_millis(u64::try_from(entry.duration_ms).unwrap_or(0))
}

/// The failing findings with their numbers, worst first.
pub(super) fn failing(report: &Report) -> impl Iterator<Item = (usize, &Finding)> {
    let mut failing: Vec<(usize, &Finding)> =
        report.findings.iter().enumerate().filter(|(_, finding)| finding.verdict == Verdict::Fail).collect();
    failing.sort_by_key(|(number, finding)| (std::cmp::Reverse(finding.severity), *number));
    failing.into_iter()
}

/// What a finding is about; empty for the machine itself.
pub(super) fn subject(finding: &Finding, report: &Report) -> String {
    if finding.subject == report.target.name { String::new() } else { finding.subject.clone() }
}

pub(super) fn severities(report: &Report) -> Vec<(Severity, usize)> {
    let mut counts: BTreeMap<Severity, usize> = BTreeMap::new();
    for (_, finding) in failing(report) {
        *counts.entry(finding.severity).or_default() += 1;
    }
    counts.into_iter().rev().collect()
}

pub(super) fn tone(report: &Report) -> Tone {
    let severe = failing(report).any(|(_, finding)| finding.severity >= Severity::High);
    match (severe, report.summary.fail, report.summary.unknown) {
        (true, ..) => Tone::Bad,
        (false, 0, 0) => Tone::Good,
        _ => Tone::Unsure,
    }
}

/// How the target stands, in one sentence.
pub(super) fn verdict(report: &Report) -> String {
    let failing = report.summary.fail;
    let worst = severities(report).first().copied();
    let mut text = match worst {
        None => "Nothing that was decided falls short".to_owned(),
        Some((severity, count)) if count == failing => {
            format!("{} {}, all {severity}", findings(failing), fail(failing))
        }
        Some((severity, count)) => {
            format!("{} {}, {count} of them {severity}", findings(failing), fail(failing))
        }
    };
    if report.summary.unknown > 0 {
        text.push_str(&format!("; {} could not be decided", report.summary.unknown));
    }
    text + "."
}

fn findings(count: usize) -> String {
    if count == 1 { "1 finding".to_owned() } else { format!("{count} findings") }
}

fn fail(count: usize) -> &'static str {
    if count == 1 { "falls short" } else { "fall short" }
}

pub(super) fn guides(report: &Report, here: &str) -> Vec<GuideRow> {
    let row = |guide: &GuideReport| GuideRow {
        title: guide.title.clone(),
        href: format!("{here}/guides/{}", guide.id),
        coverage: Coverage::of(guide.requirements.iter().map(|requirement| requirement.status)),
    };
    report.guides.iter().map(row).collect()
}

async fn all(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Failure> {
    let look = Look {
        path: REPORTS,
        filter: &wanted.q,
        facets: Vec::new(),
        order: reports::LISTED.order(&wanted.sort),
        sort: &wanted.sort,
        after: &wanted.after,
    };
    let which = reports::Which { target: None, text: &wanted.q };
    let found = reports::sorted(app.store(), which, look.order, look.after()?).await?;
    let row = |entry: &Entry| {
        let number = |count: i64| usize::try_from(count).unwrap_or(0);
        list::Row {
            href: address(&entry.id),
            target: entry.target.clone(),
            kind: entry.target_id.split(':').next().unwrap_or_default().to_owned(),
            at: entry.started_at,
            took: took(entry),
            summary: model::report::Summary {
                pass: number(entry.passed),
                fail: number(entry.failed),
                unknown: number(entry.undecided),
                not_applicable: number(entry.not_applicable),
                waived: number(entry.waived),
            },
        }
    };
    let view = list::Reports {
        listing: look.listing(found.next.as_deref()),
        rows: found.items.iter().map(row).collect(),
        audit_now: audit_now(&app, &caller, REPORTS),
        running: app.audits.running(),
    };
    let mut shell = shell(&app, Some(&caller), REPORTS).await?;
    shell.refresh = app.audits.running().map(|_| REFRESH_SOON);
    shell.notices.extend(told_of(&wanted.notice));
    Ok(drawn(list::page(&shell, &view)))
}

async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(which): Asked<Which>,
) -> Result<Response, Failure> {
    let kept = app.report(&id).await?;
    let (entry, report) = &*kept;
    let here = address(&id);
    let earlier = reports::trend(app.store(), &entry.target_id).await?;
    let choices = earlier.iter().rev().filter(|other| other.id != id).map(|other| Choice {
        value: other.id.clone(),
        label: other.started_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        about: String::new(),
        chosen: false,
    });
    let (listing, rows) = listed(report, &here, &which);
    let view = report::OneReport {
        target: report.target.name.clone(),
        at: entry.started_at,
        took: took(entry),
        tone: tone(report),
        verdict: verdict(report),
        facts: vec![
            ("Kind".to_owned(), report.target.kind.to_string()),
            ("Palisade".to_owned(), report.tool.version.clone()),
            ("Rules and guides".to_owned(), report.tool.content.chars().take(16).collect()),
        ],
        summary: report.summary,
        severities: severities(report),
        guides: guides(report, &here),
        listing,
        findings: rows,
        compare: choices.collect(),
        compare_action: "/reports/compare".to_owned(),
        id: id.clone(),
        downloads: Format::ALL
            .into_iter()
            .map(|format| (format.as_str().to_owned(), format!("{here}/download/{}", format.as_str())))
            .collect(),
        probes: report
            .probes
            .iter()
            .map(|probe| report::ProbeRow {
                name: probe.name.clone(),
                status: probe.status,
                reason: probe.reason.clone(),
                took: Duration::from_millis(probe.duration_ms),
            })
            .collect(),
    };
    let shell = shell(&app, Some(&caller), &here).await?;
    Ok(drawn(report::page(&shell, &view)))
}

/// The findings of one page, and how to get to the others.
fn listed(report: &Report, here: &str, which: &Which) -> (Listing, Vec<report::FindingRow>) {
    let wanted = which.filter.to_lowercase();
    let fits = |finding: &Finding| {
        let text = format!("{} {} {}", finding.title, finding.rule, finding.subject).to_lowercase();
        (which.verdict.is_empty() || finding.verdict.as_str() == which.verdict)
            && (which.severity.is_empty() || finding.severity.as_str() == which.severity)
            && text.contains(&wanted)
    };
    let all: Vec<(usize, &Finding)> =
        report.findings.iter().enumerate().filter(|(_, finding)| fits(finding)).collect();
    let address = |page: usize| {
        format!(
            "{here}?q={}&verdict={}&severity={}&page={page}#findings",
            super::encoded(&which.filter),
            super::encoded(&which.verdict),
            super::encoded(&which.severity)
        )
    };
    let first = which.page.saturating_mul(FINDINGS);
    let verdicts = ["fail", "unknown", "pass", "waived", "not_applicable"];
    let listing = Listing {
        path: here.to_owned(),
        filter: which.filter.clone(),
        facets: vec![
            Facet::any("verdict", "Verdict", verdicts, &which.verdict),
            Facet::any("severity", "Severity", ["critical", "high", "medium", "low"], &which.severity),
        ],
        previous: (which.page > 0).then(|| address(which.page - 1)),
        next: (all.len() > first.saturating_add(FINDINGS)).then(|| address(which.page + 1)),
        total: Some(all.len()),
        ..Listing::default()
    };
    let rows = all.into_iter().skip(first).take(FINDINGS).map(|(number, finding)| report::FindingRow {
        severity: finding.severity,
        verdict: finding.verdict,
        title: finding.title.clone(),
        rule: finding.rule.clone(),
        rule_href: format!("{here}/rules/{}", finding.rule),
        subject: subject(finding, report),
        href: format!("{here}/findings/{number}"),
    });
    (listing, rows.collect())
}

fn reference(entry: &Entry) -> ReportRef {
    ReportRef { href: address(&entry.id), target: entry.target.clone(), at: entry.started_at }
}

fn nothing() -> Failure {
    Failure::new(Kind::NotFound, "the report has no such part")
}

/// The requirements of these ids, linked to the guides that hold them.
fn requirements(report: &Report, ids: &[String], here: &str) -> Vec<Link> {
    let link = |id: &String| {
        let guide = report.guides.iter().find(|guide| guide.requirements.iter().any(|one| one.id == *id));
        Link { label: id.clone(), href: guide.map(|guide| format!("{here}/guides/{}#{id}", guide.id)) }
    };
    ids.iter().map(link).collect()
}

async fn one_finding(
    State(app): State<App>,
    caller: Caller,
    Path((id, number)): Path<(String, usize)>,
) -> Result<Response, Failure> {
    let kept = app.report(&id).await?;
    let (entry, report) = &*kept;
    let found = report.findings.get(number).ok_or_else(nothing)?;
    let here = address(&id);
    let standings = reports::history(app.store(), &entry.target_id, &found.rule).await?;
    let since = standings.iter().find(|one| one.subject == found.subject && one.until.is_none());
    let view = finding::Finding {
        rule: found.rule.clone(),
        rule_href: format!("{here}/rules/{}", found.rule),
        title: found.title.clone(),
        severity: found.severity,
        verdict: found.verdict,
        subject: found.subject.clone(),
        expected: found.expected.clone(),
        reason: found.reason.clone(),
        waiver: found
            .waiver
            .as_ref()
            .map(|waiver| format!("{} until {}: {}", waiver.owner, waiver.expires, waiver.reason)),
        evidence: found.evidence.iter().map(seen).collect(),
        why: found.why.clone(),
        remedy: found.remedy.clone(),
        fix: found.fix.is_some(),
        requirements: requirements(report, &found.requirements, &here),
        report: reference(entry),
        since: since.map(|standing| standing.since),
    };
    let shell = shell(&app, Some(&caller), &here).await?;
    Ok(drawn(finding::page(&shell, &view)))
}

fn seen(evidence: &model::report::Evidence) -> finding::Seen {
    let value = match &evidence.value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "absent".to_owned(),
        other => other.to_string(),
    };
    let source = evidence.source.as_ref();
    finding::Seen {
        path: evidence.path.clone(),
        value,
        at: source.map_or_else(String::new, |source| source.at.clone()),
        excerpt: source.map_or_else(String::new, |source| source.excerpt.clone().unwrap_or_default()),
        overridden: Vec::new(),
    }
}

async fn one_guide(
    State(app): State<App>,
    caller: Caller,
    Path((id, guide_id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let kept = app.report(&id).await?;
    let (entry, report) = &*kept;
    let found = report.guides.iter().find(|guide| guide.id == guide_id).ok_or_else(nothing)?;
    let here = address(&id);
    let mut sections: Vec<guide::Section> = Vec::new();
    for requirement in &found.requirements {
        let row = guide::Requirement {
            id: requirement.id.clone(),
            title: requirement.title.clone(),
            level: serde_json::to_value(requirement.level)
                .ok()
                .and_then(|level| level.as_str().map(str::to_owned))
                .unwrap_or_default(),
            status: requirement.status,
            reason: requirement.reason.clone(),
            rules: requirement.rules.iter().map(|rule| rule_ref(report, rule, &here)).collect(),
        };
        match sections.last_mut() {
            Some(section) if section.title == requirement.section => section.requirements.push(row),
            _ => sections.push(guide::Section { title: requirement.section.clone(), requirements: vec![row] }),
        }
    }
    let view =
        guide::Guide { title: found.title.clone(), about: String::new(), report: reference(entry), sections };
    let shell = shell(&app, Some(&caller), &here).await?;
    Ok(drawn(guide::page(&shell, &view)))
}

fn rule_ref(report: &Report, id: &str, here: &str) -> guide::RuleRef {
    let findings: Vec<&Finding> = report.findings.iter().filter(|finding| finding.rule == id).collect();
    guide::RuleRef {
        id: id.to_owned(),
        title: findings.first().map_or_else(|| id.to_owned(), |finding| finding.title.clone()),
        href: format!("{here}/rules/{id}"),
        verdict: findings.iter().map(|finding| finding.verdict).min_by_key(|verdict| weight(*verdict)),
        failing: findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count(),
    }
}

/// The worst first.
fn weight(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 0,
        Verdict::Unknown => 1,
        Verdict::Waived => 2,
        Verdict::Pass => 3,
        Verdict::NotApplicable => 4,
    }
}

async fn one_rule(
    State(app): State<App>,
    caller: Caller,
    Path((id, rule_id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let kept = app.report(&id).await?;
    let (entry, report) = &*kept;
    let mut found: Vec<(usize, &Finding)> =
        report.findings.iter().enumerate().filter(|(_, finding)| finding.rule == rule_id).collect();
    found.sort_by_key(|(number, finding)| (weight(finding.verdict), *number));
    let (_, first) = *found.first().ok_or_else(nothing)?;
    let here = address(&id);
    let standings = reports::history(app.store(), &entry.target_id, &rule_id).await?;
    let since = |subject: &str| {
        standings
            .iter()
            .find(|one| one.subject == subject && one.until.is_none())
            .map(|standing| standing.since)
    };
    let view = rule::Rule {
        id: rule_id.clone(),
        title: first.title.clone(),
        severity: first.severity,
        expected: first.expected.clone(),
        why: first.why.clone(),
        remedy: first.remedy.clone(),
        fix: first.fix.is_some(),
        requirements: requirements(report, &first.requirements, &here),
        report: reference(entry),
        subjects: found
            .iter()
            .map(|(number, finding)| rule::Subject {
                name: finding.subject.clone(),
                verdict: finding.verdict,
                href: format!("{here}/findings/{number}"),
                since: since(&finding.subject),
            })
            .collect(),
        history: worst_over_time(&standings),
    };
    let shell = shell(&app, Some(&caller), &here).await?;
    Ok(drawn(rule::page(&shell, &view)))
}

/// The worst verdict at each time something changed, oldest first.
fn worst_over_time(standings: &[reports::Standing]) -> Vec<(Timestamp, Verdict)> {
    let mut times: Vec<Timestamp> = standings.iter().map(|standing| standing.since).collect();
    times.sort();
    times.dedup();
    let at = |time: Timestamp| {
        let stood = standings
            .iter()
            .filter(|one| one.since <= time && one.until.is_none_or(|until| until > time))
            .filter_map(|one| verdict_of(&one.verdict));
        stood.min_by_key(|verdict| weight(*verdict)).map(|verdict| (time, verdict))
    };
    times.into_iter().filter_map(at).collect()
}

fn verdict_of(word: &str) -> Option<Verdict> {
    [Verdict::Pass, Verdict::Fail, Verdict::Unknown, Verdict::NotApplicable, Verdict::Waived]
        .into_iter()
        .find(|verdict| verdict.as_str() == word)
}

async fn compare(State(app): State<App>, caller: Caller, Asked(two): Asked<Two>) -> Result<Response, Failure> {
    let (former, latter) = (app.report(&two.before).await?, app.report(&two.after).await?);
    let ((before_entry, before), (after_entry, after)) = (&*former, &*latter);
    if before_entry.target_id != after_entry.target_id {
        return Err(Failure::new(Kind::Unprocessable, "only two reports of one target compare"));
    }
    let changes = policy::compare(after, before);
    let changed = |change: &Change| changed(change, (before, &two.before), (after, &two.after));
    let failed_before = |rule: &str, subject: &str| {
        before
            .findings
            .iter()
            .any(|one| one.verdict == Verdict::Fail && one.rule == rule && one.subject == subject)
    };
    let still = failing(after).filter(|(_, finding)| failed_before(&finding.rule, &finding.subject)).map(
        |(number, finding)| difference::Changed {
            severity: finding.severity,
            title: finding.title.clone(),
            rule: finding.rule.clone(),
            subject: finding.subject.clone(),
            href: format!("{}/findings/{number}", address(&two.after)),
            before: Some(Verdict::Fail),
            after: Some(Verdict::Fail),
            cause: Vec::new(),
        },
    );
    let view = difference::Difference {
        before: reference(before_entry),
        after: reference(after_entry),
        new: changes.new.iter().map(changed).collect(),
        mended: changes.mended.iter().map(changed).collect(),
        lost: changes.lost.iter().map(changed).collect(),
        still: still.collect(),
    };
    let shell = shell(&app, Some(&caller), "/reports").await?;
    Ok(drawn(difference::page(&shell, &view)))
}

fn changed(change: &Change, before: (&Report, &str), after: (&Report, &str)) -> difference::Changed {
    let find = |(report, id): (&Report, &str)| {
        let found = report
            .findings
            .iter()
            .enumerate()
            .find(|(_, finding)| finding.rule == change.rule && finding.subject == change.subject);
        found.map(|(number, finding)| {
            (finding.severity, finding.title.clone(), format!("{}/findings/{number}", address(id)))
        })
    };
    let (severity, title, href) = find(after)
        .or_else(|| find(before))
        .unwrap_or_else(|| (Severity::Low, change.rule.clone(), "/reports".to_owned()));
    difference::Changed {
        severity,
        title,
        rule: change.rule.clone(),
        subject: change.subject.clone(),
        href,
        before: change.before,
        after: change.after,
        cause: change.cause.clone(),
    }
}

async fn download(
    State(app): State<App>,
    Path((id, format)): Path<(String, String)>,
) -> Result<Response, Failure> {
    as_file(&app, &id, &format).await
}
