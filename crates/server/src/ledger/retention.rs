//! Removing entries past their retention: the tree over them stays, and an entry tells that they are gone.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::{Any, Row as _, Transaction};

use super::sequencer::LedgerError;
use super::{Happened, Ledger, Said, Stream, head, note};
use crate::store::Store;

/// Entries that are removed in one transaction.
const AT_ONCE: i64 = 20_000;

/// How long the entries of each stream are kept.
#[derive(Clone, Debug)]
pub(crate) struct Retention(BTreeMap<Stream, Duration>);

impl Retention {
    /// So long each.
    pub(crate) fn new(management_system: Duration, nodes: Duration, workloads: Duration) -> Self {
        let streams = [Stream::ManagementSystem, Stream::Nodes, Stream::Workloads];
        Self(streams.into_iter().zip([management_system, nodes, workloads]).collect())
    }

    /// How long entries of this stream are kept.
    pub(super) fn of(&self, stream: Stream) -> Duration {
        self.0.get(&stream).copied().unwrap_or_default()
    }
}

/// Removes what is past its retention; how many entries.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn prune(
    ledger: &Ledger,
    store: &Store,
    retention: &Retention,
    now: Timestamp,
) -> Result<u64, LedgerError> {
    let mut removed = 0;
    for (stream, kept) in &retention.0 {
        let before = now.checked_sub(*kept).unwrap_or(Timestamp::MIN);
        loop {
            let count = prune_some(ledger, store, *stream, before).await?;
            removed += count;
            if head::column(count)? < AT_ONCE {
                break;
            }
        }
    }
    Ok(removed)
}

/// That entries go has its place in the log before they are gone: whoever reads it in between finds more than it tells, not less.
async fn prune_some(
    ledger: &Ledger,
    store: &Store,
    stream: Stream,
    before: Timestamp,
) -> Result<u64, LedgerError> {
    let Some((first, until)) = past(store, stream, before).await? else { return Ok(0) };
    let mut transaction = store.writer().begin().await?;
    tell(&mut transaction, stream, until, before).await?;
    transaction.commit().await?;
    ledger.sequence_all().await;
    let waiting: Option<i64> =
        sqlx::query_scalar("select cast(1 as bigint) from ledger_pending where entry like $1 limit 1")
            .bind(format!("%{}%", Happened::LedgerPruned.as_str()))
            .fetch_optional(store.reader())
            .await?;
    if waiting.is_some() {
        // Another process gives places now: the next time.
        return Ok(0);
    }
    let mut transaction = store.writer().begin().await?;
    let done = sqlx::query("update ledger_heads set first_kept = $2 where log = $1 and first_kept = $3")
        .bind(stream.as_str())
        .bind(until)
        .bind(first)
        .execute(&mut *transaction)
        .await?;
    if done.rows_affected() == 0 {
        // Another process removes them.
        return Ok(0);
    }
    sqlx::query("delete from ledger_entries where log = $1 and position < $2")
        .bind(stream.as_str())
        .bind(until)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    head::number(until - first).map_err(Into::into)
}

/// From where a stream is kept, and from where it may be; none: nothing is past its retention.
async fn past(store: &Store, stream: Stream, before: Timestamp) -> Result<Option<(i64, i64)>, LedgerError> {
    let mut connection = store.reader().acquire().await?;
    let Some(kept) = head::kept(&mut connection, stream).await? else { return Ok(None) };
    let (first, size) = (head::column(kept.first_kept)?, head::column(kept.head.size)?);
    // The first that is young enough; what was kept aside for a time stands behind younger ones and goes with them.
    let young: Option<i64> =
        sqlx::query_scalar("select min(position) from ledger_entries where log = $1 and time >= $2")
            .bind(stream.as_str())
            .bind(before.as_millisecond())
            .fetch_one(&mut *connection)
            .await?;
    let until = young.unwrap_or(size).min(first.saturating_add(AT_ONCE));
    Ok((until > first).then_some((first, until)))
}

/// Tells of every stream from where it is kept: what was told before may be past its retention too.
async fn tell(
    transaction: &mut Transaction<'_, Any>,
    stream: Stream,
    until: i64,
    before: Timestamp,
) -> Result<(), LedgerError> {
    let rows = sqlx::query("select log, first_kept from ledger_heads order by log")
        .fetch_all(&mut **transaction)
        .await?;
    for row in rows {
        let (log, first): (String, i64) = (row.try_get("log")?, row.try_get("first_kept")?);
        let first = if log == stream.as_str() { until } else { first };
        if first == 0 {
            continue;
        }
        let said = Said::done(Happened::LedgerPruned).on("log", &log, None).with("log", log.as_str());
        let said = said.with("first_kept", first.to_string()).with("before", before.to_string());
        note(transaction, said).await?;
    }
    Ok(())
}
