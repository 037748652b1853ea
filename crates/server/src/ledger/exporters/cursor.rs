//! How far each exporter has come, and which process sends for it.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::{AnyConnection, Row as _};

use crate::ledger::{Happened, LedgerError, Said, Stream, head, note};
use crate::store::{Store, StoreError, milliseconds};

/// How far a stream is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The stream.
    pub(crate) stream: Stream,
    /// The first entry that was not handed on.
    pub(crate) next: u64,
    /// How many entries there are.
    pub(crate) size: u64,
    /// The first one that is kept.
    pub(crate) first_kept: u64,
}

impl Place {
    /// How many entries wait to be handed on.
    pub(crate) fn waiting(&self) -> u64 {
        self.size.saturating_sub(self.next)
    }
}

/// Makes an exporter known, where it is not.
pub(super) async fn begin(store: &Store, name: &str, now: Timestamp) -> Result<(), StoreError> {
    let known: Option<i64> =
        sqlx::query_scalar("select cast(1 as bigint) from ledger_exporters where name = $1")
            .bind(name)
            .fetch_optional(store.reader())
            .await?;
    if known.is_none() {
        sqlx::query(
            "insert into ledger_exporters
             (name, begun_at, holder, held_until, succeeded_at, failing_since, error, told_failed, told_at, told_behind)
             values ($1, $2, '', 0, 0, 0, '', 0, 0, 0) on conflict (name) do nothing",
        )
        .bind(name)
        .bind(now.as_millisecond())
        .execute(store.writer())
        .await?;
    }
    Ok(())
}

/// How far it has handed on each stream that has entries.
pub(super) async fn places(store: &Store, name: &str) -> Result<Vec<Place>, LedgerError> {
    let rows = sqlx::query(
        "select ledger_heads.log as log, ledger_heads.size as size, ledger_heads.first_kept as first_kept,
         cast(coalesce(ledger_cursors.next, 0) as bigint) as next
         from ledger_heads left join ledger_cursors
         on ledger_cursors.log = ledger_heads.log and ledger_cursors.exporter = $1
         order by ledger_heads.log",
    )
    .bind(name)
    .fetch_all(store.reader())
    .await?;
    let mut places = Vec::with_capacity(rows.len());
    for row in rows {
        let log: String = row.try_get("log")?;
        // What a newer version of this server has beside.
        let Some(stream) = Stream::named(&log) else { continue };
        places.push(Place {
            stream,
            next: head::number(row.try_get("next")?)?,
            size: head::number(row.try_get("size")?)?,
            first_kept: head::number(row.try_get("first_kept")?)?,
        });
    }
    Ok(places)
}

/// Takes or keeps the right to send; false: another process has it. One that ends far later than one that begins now was given before
/// the clock went back, and binds nobody.
pub(super) async fn take(
    store: &Store,
    name: &str,
    holder: &str,
    now: Timestamp,
    lease: Duration,
) -> Result<bool, StoreError> {
    let until = now.as_millisecond().saturating_add(milliseconds(lease));
    let done = sqlx::query(
        "update ledger_exporters set holder = $2, held_until = $3
         where name = $1 and (holder = $4 or held_until < $5 or held_until > $6)",
    )
    .bind(name)
    .bind(holder)
    .bind(until)
    .bind(holder)
    .bind(now.as_millisecond())
    // Who waited for the database asks with a time that is past: that is no clock that went back.
    .bind(until.saturating_add(milliseconds(lease)))
    .execute(store.writer())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives the right to send back.
pub(super) async fn release(store: &Store, name: &str, holder: &str) -> Result<(), StoreError> {
    sqlx::query("update ledger_exporters set holder = '', held_until = 0 where name = $1 and holder = $2")
        .bind(name)
        .bind(holder)
        .execute(store.writer())
        .await?;
    Ok(())
}

/// Moves a cursor from where `place` has it; false: another process did, or sends by now.
pub(super) async fn advance(
    connection: &mut AnyConnection,
    name: &str,
    holder: &str,
    place: Place,
    next: u64,
) -> Result<bool, LedgerError> {
    sqlx::query(
        "insert into ledger_cursors (exporter, log, next) values ($1, $2, 0) on conflict (exporter, log) do nothing",
    )
    .bind(name)
    .bind(place.stream.as_str())
    .execute(&mut *connection)
    .await?;
    let done = sqlx::query(
        "update ledger_cursors set next = $1 where exporter = $2 and log = $3 and next = $4
         and exists (select 1 from ledger_exporters where name = $5 and holder = $6)",
    )
    .bind(head::column(next)?)
    .bind(name)
    .bind(place.stream.as_str())
    .bind(head::column(place.next)?)
    .bind(name)
    .bind(holder)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A receiver took something; whether that is a recovery that has to be told.
pub(super) async fn succeeded(
    connection: &mut AnyConnection,
    name: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    sqlx::query("update ledger_exporters set succeeded_at = $2, failing_since = 0, error = '' where name = $1")
        .bind(name)
        .bind(now.as_millisecond())
        .execute(&mut *connection)
        .await?;
    let told = sqlx::query("update ledger_exporters set told_failed = 0 where name = $1 and told_failed = 1")
        .bind(name)
        .execute(connection)
        .await?;
    Ok(told.rows_affected() == 1)
}

/// A receiver took nothing. That is told in the ledger when it begins, and not again so soon where it comes and goes.
pub(super) async fn failed(
    store: &Store,
    name: &str,
    why: &str,
    now: Timestamp,
    silence: Duration,
) -> Result<bool, StoreError> {
    let mut transaction = store.writer().begin().await?;
    sqlx::query(
        "update ledger_exporters set error = $2,
         failing_since = case when failing_since = 0 then $3 else failing_since end where name = $1",
    )
    .bind(name)
    .bind(why)
    .bind(now.as_millisecond())
    .execute(&mut *transaction)
    .await?;
    let told = sqlx::query(
        "update ledger_exporters set told_failed = 1, told_at = $2 where name = $1 and told_failed = 0 and told_at <= $3",
    )
    .bind(name)
    .bind(now.as_millisecond())
    .bind(now.as_millisecond().saturating_sub(milliseconds(silence)))
    .execute(&mut *transaction)
    .await?;
    let is_told = told.rows_affected() == 1;
    if is_told {
        let said = Said::failed(Happened::LedgerExporterFailed).on("exporter", name, None).with("error", why);
        note(&mut transaction, said).await?;
    }
    transaction.commit().await?;
    Ok(is_told)
}

/// It is behind, or not any more; of several processes one tells it.
pub(super) async fn behind(store: &Store, name: &str, said: Option<Said>) -> Result<bool, StoreError> {
    let (now, before) = if said.is_some() { (1_i64, 0_i64) } else { (0, 1) };
    let mut transaction = store.writer().begin().await?;
    let done = sqlx::query("update ledger_exporters set told_behind = $2 where name = $1 and told_behind = $3")
        .bind(name)
        .bind(now)
        .bind(before)
        .execute(&mut *transaction)
        .await?;
    let is_told = done.rows_affected() == 1;
    if is_told {
        let said = said.unwrap_or_else(|| {
            Said::done(Happened::LedgerExporterRecovered)
                .on("exporter", name, None)
                .with("from", "being behind")
        });
        note(&mut transaction, said).await?;
    }
    transaction.commit().await?;
    Ok(is_told)
}
