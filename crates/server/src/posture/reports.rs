//! Reports over time, and since when each finding stands as it does.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use jiff::Timestamp;
use model::Report;
use model::report::{Finding, Target, Verdict};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use crate::ledger::{Happened, Said, note};
use crate::order::{self, After, Columns, Found, Order, PAGE};
use crate::random::{self, RandomError};
use crate::store::{Store, StoreError, time};

#[cfg(test)]
pub(crate) mod tests;

/// A report of ten thousand findings is about 20 MB of JSON.
const BODY_LIMIT: u64 = 64 * 1024 * 1024;

/// What cannot be done with reports.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// No such report.
    #[error("there is no such report")]
    Unknown,
    /// What is kept cannot be read.
    #[error("the report {id} cannot be read; it was damaged in the database")]
    Damaged {
        /// Which.
        id: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It cannot be written.
    #[error("a report cannot be written as JSON")]
    Write(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ReportError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// One report without its findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) target_id: String,
    pub(crate) target: String,
    pub(crate) started_at: Timestamp,
    pub(crate) duration_ms: i64,
    /// SHA-256 over the rules and guides that decided.
    pub(crate) content: String,
    pub(crate) passed: i64,
    pub(crate) failed: i64,
    pub(crate) undecided: i64,
    pub(crate) not_applicable: i64,
    pub(crate) waived: i64,
}

/// One stretch of time in which a finding had one verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) rule: String,
    pub(crate) subject: String,
    pub(crate) verdict: String,
    pub(crate) since: Timestamp,
    /// None: still.
    pub(crate) until: Option<Timestamp>,
}

/// The key of a target: its kind and its identifier, or its name when it has none.
pub(crate) fn target_id(target: &Target) -> String {
    let own = if target.id.is_empty() { &target.name } else { &target.id };
    let kind = serde_json::to_value(target.kind).ok();
    format!("{}:{own}", kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("other"))
}

/// Keeps a report, and notes which findings changed their verdict; returns its identifier.
///
/// # Errors
/// When it cannot be kept; nothing of it is kept then.
pub(crate) async fn keep(store: &Store, report: &Report) -> Result<String, ReportError> {
    let id = random::public_id()?;
    let target = target_id(&report.target);
    let at = report.started_at.as_millisecond();
    let body = packed(report)?;
    let mut transaction = store.writer().begin().await?;
    let kind = serde_json::to_value(report.target.kind).map_err(|error| ReportError::Write(error.into()))?;
    sqlx::query(
        "insert into targets (id, kind, name, first_at, last_at) values ($1, $2, $3, $4, $4)
         on conflict (id) do update set name = excluded.name,
             last_at = case when targets.last_at > excluded.last_at then targets.last_at else excluded.last_at end",
    )
    .bind(&target)
    .bind(kind.as_str().unwrap_or_default())
    .bind(&report.target.name)
    .bind(at)
    .execute(&mut *transaction)
    .await?;
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let summary = &report.summary;
    sqlx::query(
        "insert into reports (id, target_id, started_at, duration_ms, content, passed, failed, undecided,
             not_applicable, waived, body)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&id)
    .bind(&target)
    .bind(at)
    .bind(i64::try_from(report.duration_ms).unwrap_or(i64::MAX))
    .bind(&report.tool.content)
    .bind(number(summary.pass))
    .bind(number(summary.fail))
    .bind(number(summary.unknown))
    .bind(number(summary.not_applicable))
    .bind(number(summary.waived))
    .bind(body)
    .execute(&mut *transaction)
    .await?;
    stand(&mut transaction, &target, &report.findings, at).await?;
    let said = Said::done(Happened::AuditKept).on("report", &id, Some(&report.target.name));
    note(&mut transaction, said.with("failed", summary.fail.to_string())).await?;
    transaction.commit().await?;
    Ok(id)
}

/// Ends the standings that changed and begins new ones.
async fn stand(
    connection: &mut AnyConnection,
    target: &str,
    findings: &[Finding],
    at: i64,
) -> Result<(), ReportError> {
    let rows = sqlx::query(
        "select rule, subject, verdict, since from standings where target_id = $1 and until is null
         order by rule, subject limit 1000000",
    )
    .bind(target)
    .fetch_all(&mut *connection)
    .await?;
    let mut before: BTreeMap<(String, String), (String, i64)> = BTreeMap::new();
    for row in &rows {
        let key = (row.try_get("rule")?, row.try_get("subject")?);
        before.insert(key, (row.try_get("verdict")?, row.try_get("since")?));
    }
    // A report that is older than what is known changes nothing: it is history.
    if before.values().any(|(_, since)| *since > at) {
        return Ok(());
    }
    for finding in findings {
        let verdict = verdict(finding.verdict);
        match before.remove(&(finding.rule.clone(), finding.subject.clone())) {
            Some((former, _)) if former == verdict => continue,
            Some((_, since)) => end(connection, target, &finding.rule, &finding.subject, since, at).await?,
            None => {}
        }
        sqlx::query(
            "insert into standings (target_id, rule, subject, verdict, severity, since)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (target_id, rule, subject, since) do update set verdict = excluded.verdict, until = null",
        )
        .bind(target)
        .bind(&finding.rule)
        .bind(&finding.subject)
        .bind(verdict)
        .bind(finding.severity.as_str())
        .bind(at)
        .execute(&mut *connection)
        .await?;
    }
    for ((rule, subject), (_, since)) in &before {
        end(connection, target, rule, subject, *since, at).await?;
    }
    Ok(())
}

async fn end(
    connection: &mut AnyConnection,
    target: &str,
    rule: &str,
    subject: &str,
    since: i64,
    at: i64,
) -> Result<(), ReportError> {
    sqlx::query(
        "update standings set until = $5 where target_id = $1 and rule = $2 and subject = $3 and since = $4",
    )
    .bind(target)
    .bind(rule)
    .bind(subject)
    .bind(since)
    .bind(at)
    .execute(connection)
    .await?;
    Ok(())
}

const COLUMNS: &str = "reports.id, target_id, targets.name as target, started_at, duration_ms, content, passed,
    failed, undecided, not_applicable, waived";

/// One page of reports, newest first, of one target or of all, made before the one named `after`; one more than
/// [`PAGE`] when there is a next page.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn list(
    store: &Store,
    target: Option<&str>,
    after: Option<(Timestamp, &str)>,
) -> Result<Vec<Entry>, StoreError> {
    first(store, target, after, PAGE + 1).await
}

/// So many of them at most.
async fn first(
    store: &Store,
    target: Option<&str>,
    after: Option<(Timestamp, &str)>,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let (before, id) = after.map_or((i64::MAX, ""), |(time, id)| (time.as_millisecond(), id));
    let of_target = if target.is_some() { "target_id = $1" } else { "$1 = ''" };
    let text = format!(
        "select {COLUMNS} from reports join targets on targets.id = reports.target_id
         where {of_target} and started_at <= $2 and (started_at < $2 or reports.id > $3)
         order by started_at desc, reports.id limit $4"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(target.unwrap_or_default())
        .bind(before)
        .bind(id)
        .bind(limit)
        .fetch_all(store.reader())
        .await?;
    rows.iter().map(|row| Ok(entry(row)?)).collect()
}

/// The columns of the list of reports.
pub(crate) static LISTED: Columns = Columns {
    usual: order::number("at", "started_at"),
    falls: true,
    others: &[
        order::text("target", "lower(targets.name)"),
        order::number("fail", "failed"),
        order::number("unknown", "undecided"),
    ],
};

/// Which reports a list is narrowed to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Which<'a> {
    /// Those of this target.
    pub(crate) target: Option<&'a str>,
    /// Those of targets with this in the name or kind.
    pub(crate) text: &'a str,
}

/// One page of reports in an order of the caller's.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn sorted(
    store: &Store,
    which: Which<'_>,
    order: Order,
    after: Option<After>,
) -> Result<Found<Entry>, StoreError> {
    let of_target = if which.target.is_some() { "target_id = $1" } else { "$1 = ''" };
    let query = format!(
        "select {COLUMNS}, {} from reports join targets on targets.id = reports.target_id
         where {of_target}
           and ($2 = '' or lower(targets.name || ' ' || targets.kind) like $3 escape '!') and {}
         order by {} limit $4",
        order.key(),
        order.beyond("reports.id", after.as_ref(), 5),
        order.by("reports.id"),
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(which.target.unwrap_or_default());
    let rows = order::bound(query, which.text, after).fetch_all(store.reader()).await?;
    Ok(order.found(&rows, entry)?)
}

/// The newest report of a target, or of all.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn newest(store: &Store, target: Option<&str>) -> Result<Option<Entry>, StoreError> {
    Ok(first(store, target, None, 1).await?.into_iter().next())
}

/// The newest entries of a target, oldest first: what a trend is drawn from.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn trend(store: &Store, target: &str) -> Result<Vec<Entry>, StoreError> {
    let mut entries = list(store, Some(target), None).await?;
    entries.reverse();
    Ok(entries)
}

/// A whole report, and the bytes of its JSON. [`super::shelf::Shelf`] keeps what is looked at again and again.
///
/// # Errors
/// [`ReportError::Unknown`], or it was damaged.
pub(crate) async fn load(store: &Store, id: &str) -> Result<(Entry, Report, usize), ReportError> {
    let text = format!(
        "select {COLUMNS}, body from reports join targets on targets.id = reports.target_id where reports.id = $1"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).fetch_optional(store.reader()).await?;
    let row = row.ok_or(ReportError::Unknown)?;
    let body: String = row.try_get("body")?;
    // Some milliseconds of work: other requests do not wait for it.
    let read = tokio::task::spawn_blocking(move || unpacked(&body)).await;
    let read = read.map_err(Into::into).and_then(|read| read);
    let (report, bytes) = read.map_err(|source| ReportError::Damaged { id: id.to_owned(), source })?;
    Ok((entry(&row)?, report, bytes))
}

/// How a rule's findings stood over time, newest first.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn history(store: &Store, target: &str, rule: &str) -> Result<Vec<Standing>, StoreError> {
    let rows = sqlx::query(
        "select rule, subject, verdict, since, until from standings where target_id = $1 and rule = $2
         order by since desc, subject limit 200",
    )
    .bind(target)
    .bind(rule)
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(|row| Ok(standing(row)?)).collect()
}

/// Since when the failing findings of a target fail, by rule and subject.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn failing_since(
    store: &Store,
    target: &str,
) -> Result<BTreeMap<(String, String), Timestamp>, StoreError> {
    let rows = sqlx::query(
        "select rule, subject, verdict, since, until from standings
         where target_id = $1 and until is null and verdict = 'fail' order by rule, subject limit 100000",
    )
    .bind(target)
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| {
            let standing = standing(row)?;
            Ok(((standing.rule, standing.subject), standing.since))
        })
        .collect()
}

/// Forgets the reports of a time before; the newest of each target is kept, and so are the standings. How many.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn forget_old(store: &Store, before: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "delete from reports where started_at < $1 and started_at <
             (select last_at from targets where targets.id = reports.target_id)",
    )
    .bind(before.as_millisecond())
    .execute(store.writer())
    .await?;
    Ok(done.rows_affected())
}

fn packed(report: &Report) -> Result<String, ReportError> {
    let failed = |error: std::io::Error| ReportError::Write(error.into());
    let json = serde_json::to_vec(report).map_err(|error| ReportError::Write(error.into()))?;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&json).map_err(failed)?;
    Ok(STANDARD.encode(encoder.finish().map_err(failed)?))
}

pub(crate) fn unpacked(body: &str) -> Result<(Report, usize), Box<dyn std::error::Error + Send + Sync>> {
    let packed = STANDARD.decode(body)?;
    let mut json = Vec::new();
    ZlibDecoder::new(packed.as_slice()).take(BODY_LIMIT).read_to_end(&mut json)?;
    Ok((serde_json::from_slice(&json)?, json.len()))
}

fn entry(row: &AnyRow) -> Result<Entry, sqlx::Error> {
    Ok(Entry {
        id: row.try_get("id")?,
        target_id: row.try_get("target_id")?,
        target: row.try_get("target")?,
        started_at: time(row.try_get("started_at")?)?,
        duration_ms: row.try_get("duration_ms")?,
        content: row.try_get("content")?,
        passed: row.try_get("passed")?,
        failed: row.try_get("failed")?,
        undecided: row.try_get("undecided")?,
        not_applicable: row.try_get("not_applicable")?,
        waived: row.try_get("waived")?,
    })
}

fn standing(row: &AnyRow) -> Result<Standing, sqlx::Error> {
    Ok(Standing {
        rule: row.try_get("rule")?,
        subject: row.try_get("subject")?,
        verdict: row.try_get("verdict")?,
        since: time(row.try_get("since")?)?,
        until: row.try_get::<Option<i64>, _>("until")?.map(time).transpose()?,
    })
}

/// The word of a verdict in the database.
fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Unknown => "unknown",
        Verdict::NotApplicable => "not_applicable",
        Verdict::Waived => "waived",
    }
}
