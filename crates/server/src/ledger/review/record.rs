//! The signature of a review, and the record that it is of.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Decided, Finding, PERIOD_DAYS, Range, items, lock};
use crate::identity::review::{Envelope, Key, Person, ReviewError};
use crate::ledger::{Happened, Ledger, Said, note};
use crate::store::Store;

/// What a record is, as its envelope says.
pub(crate) const PREDICATE_TYPE: &str = "urn:palisade:ledger-review:v1";

/// What was looked at and what was found of it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Record {
    /// The review's identifier.
    review: String,
    /// When it began; RFC 3339.
    begun_at: String,
    /// Who began it.
    begun_by: Person,
    /// When it was signed; RFC 3339.
    signed_at: String,
    /// Who signed it.
    signed_by: Person,
    /// When the next one is due; RFC 3339.
    next_due: String,
    /// Which entries of which streams, with what was signed of them.
    ranges: Vec<Range>,
    /// What was unusual.
    findings: Vec<RecordFinding>,
    /// What a reader must know to judge it.
    remarks: Vec<String>,
}

/// Something unusual.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RecordFinding {
    /// What it is.
    found: Finding,
    /// What was found of it.
    decided: Decided,
    /// Whether it is an act of who decided.
    own_act: bool,
}

/// Signs an open review of which everything was looked at.
///
/// # Errors
/// Something was not looked at, or it is signed.
pub(crate) async fn sign(
    ledger: &Ledger,
    key: &Key,
    id: &str,
    by: &Person,
    now: Timestamp,
) -> Result<Envelope, ReviewError> {
    let store = &ledger.0.store;
    let review = super::find(store, id).await?;
    let mut transaction = store.writer().begin().await?;
    lock(&mut transaction, id).await?;
    let (mut findings, mut open) = (Vec::new(), Vec::new());
    for item in items(&mut transaction, id).await? {
        let Some(decided) = item.decided else {
            open.push(item.place.to_string());
            continue;
        };
        let own_act = item.found.actor == decided.by.id;
        findings.push(RecordFinding { found: item.found, decided, own_act });
    }
    if !open.is_empty() {
        open.truncate(10);
        return Err(ReviewError::NotReady("not everything unusual was looked at", open.join(", ")));
    }
    let mut acts = 0_i64;
    for range in &review.ranges {
        // Three streams at most, by the index of who acted.
        let own: i64 = sqlx::query_scalar(
            "select count(*) from ledger_entries where log = $1 and actor = $2 and position >= $3 and position < $4",
        )
        .bind(&range.stream)
        .bind(&by.id)
        .bind(i64::try_from(range.first).unwrap_or(i64::MAX))
        .bind(i64::try_from(range.until).unwrap_or(i64::MAX))
        .fetch_one(&mut *transaction)
        .await?;
        acts += own;
    }
    let due = review.begun_at.checked_add(SignedDuration::from_hours(24 * PERIOD_DAYS));
    let record = Record {
        review: id.to_owned(),
        begun_at: review.begun_at.to_string(),
        begun_by: review.begun_by,
        signed_at: now.to_string(),
        signed_by: by.clone(),
        next_due: due.unwrap_or(now).to_string(),
        remarks: remarks(&review.ranges, &findings, acts),
        ranges: review.ranges,
        findings,
    };
    let envelope =
        key.sign_as(&format!("ledger-review/{id}"), PREDICATE_TYPE, serde_json::to_value(&record)?)?;
    let text = serde_json::to_string(&envelope)?;
    sqlx::query(
        "update ledger_reviews set state = 'signed', signed_at = $2, signed_by = $3, record = $4 where id = $1",
    )
    .bind(id)
    .bind(now.as_millisecond())
    .bind(&by.name)
    .bind(&text)
    .execute(&mut *transaction)
    .await?;
    let unexpected = record.findings.iter().filter(|one| one.decided.decision == super::Decision::Unexpected);
    let said = Said::done(Happened::LedgerReviewSigned)
        .on("ledger-review", id, None)
        .with("sha256", hex::encode(Sha256::digest(&text)))
        .with("key", key.fingerprint())
        .with("findings", record.findings.len().to_string())
        .with("unexpected", unexpected.count().to_string());
    let said = record.ranges.iter().fold(said, |said, range| {
        said.with(&format!("entries of {}", range.stream), format!("{} until {}", range.first, range.until))
    });
    note(&mut transaction, said).await?;
    transaction.commit().await?;
    Ok(envelope)
}

/// What a reader must know.
fn remarks(ranges: &[Range], findings: &[RecordFinding], acts: i64) -> Vec<String> {
    let mut remarks = Vec::new();
    for range in ranges.iter().filter(|range| range.removed > 0) {
        remarks.push(format!(
            "{} entries of {} had been removed after their retention before anybody reviewed them: a gap from {} on",
            range.removed, range.stream, range.first
        ));
    }
    if acts > 0 {
        remarks.push(format!(
            "who signed acted in the reviewed time, in {acts} entries: this review is also one of their own acts"
        ));
    }
    if findings.iter().any(|one| one.own_act) {
        remarks.push(
            "some findings are acts of who decided on them; somebody else should look at those with `own_act`"
                .to_owned(),
        );
    }
    remarks
}

/// The signed record of a review, as it was written.
///
/// # Errors
/// Unknown, or not signed yet.
pub(crate) async fn envelope(store: &Store, id: &str) -> Result<String, ReviewError> {
    let kept: Option<Option<String>> = sqlx::query_scalar("select record from ledger_reviews where id = $1")
        .bind(id)
        .fetch_optional(store.reader())
        .await?;
    kept.ok_or(ReviewError::Unknown)?.ok_or(ReviewError::Unsigned)
}
