//! Rows of entries, and of events that have their places.

use ledger::Event;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use super::sequencer::LedgerError;
use super::{Stream, head};
use crate::store::{elements, json, objects};

/// Rows of one statement: a value of a megabyte or so.
const ROWS: usize = 1000;

/// A row of an entry: what lists are filtered by, and the bytes that are hashed.
#[derive(Serialize)]
struct Entry<'a> {
    position: i64,
    time: i64,
    event: String,
    category: String,
    result: &'static str,
    actor: String,
    address: String,
    subject: String,
    correlation: String,
    entry: &'a str,
}

impl<'a> Entry<'a> {
    fn of(stream: Stream, position: u64, entry: &'a str) -> Result<Self, LedgerError> {
        let event = Event::from_entry(entry.as_bytes())
            .map_err(|error| LedgerError::broken(stream, format!("what waits for its place: {error}")))?;
        Ok(Self {
            position: head::column(position)?,
            time: event.time.as_millisecond(),
            event: event.event,
            category: event.category,
            result: event.result.as_str(),
            actor: event.actor.id.unwrap_or_default(),
            address: event.from.unwrap_or_default(),
            subject: event.on.and_then(|on| on.id).unwrap_or_default(),
            correlation: event.correlation.unwrap_or_default(),
            entry,
        })
    }
}

/// A row of an event that has its place.
#[derive(Serialize)]
struct Waited<'a> {
    id: &'a str,
}

/// Keeps entries with what lists are filtered by.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    stream: Stream,
    first: u64,
    entries: &[String],
) -> Result<(), LedgerError> {
    let mut positions = first..;
    for entries in entries.chunks(ROWS) {
        let rows = entries.iter().zip(positions.by_ref());
        let rows = rows.map(|(entry, position)| Entry::of(stream, position, entry));
        let text = format!(
            "insert into ledger_entries
                 (log, position, time, event, category, result, actor, address, subject, correlation, entry)
             select $2, cast(value ->> 'position' as bigint), cast(value ->> 'time' as bigint), value ->> 'event',
                 value ->> 'category', value ->> 'result', value ->> 'actor', value ->> 'address', value ->> 'subject',
                 value ->> 'correlation', value ->> 'entry'
             from {}",
            elements(connection)
        );
        sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(json(&rows.collect::<Result<Vec<_>, _>>()?)?)
            .bind(stream.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// A row of an event that waits for its place.
#[derive(Deserialize)]
pub(super) struct Waits {
    pub(super) id: String,
    pub(super) log: String,
    pub(super) entry: String,
}

/// The events that have waited longest for their places, at most so many: as one value, for each row that is fetched costs a thread's turn.
pub(super) async fn waiting(connection: &mut AnyConnection, most: i64) -> Result<Vec<Waits>, LedgerError> {
    let text = format!(
        "select {} from (select id, log, entry from ledger_pending order by id limit $1) as waiting",
        objects(connection, &["id", "log", "entry"])
    );
    let rows: String =
        sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(most).fetch_one(&mut *connection).await?;
    let mut rows: Vec<Waits> =
        serde_json::from_str(&rows).map_err(|error| sqlx::Error::Decode(error.into()))?;
    rows.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Ok(rows)
}

/// Takes events that have their places out of those that wait.
pub(super) async fn remove(connection: &mut AnyConnection, ids: &[String]) -> Result<(), LedgerError> {
    for ids in ids.chunks(ROWS) {
        let text = format!(
            "delete from ledger_pending where id in (select value ->> 'id' from {})",
            elements(connection)
        );
        let rows: Vec<Waited<'_>> = ids.iter().map(|id| Waited { id }).collect();
        sqlx::query(sqlx::AssertSqlSafe(text)).bind(json(&rows)?).execute(&mut *connection).await?;
    }
    Ok(())
}
