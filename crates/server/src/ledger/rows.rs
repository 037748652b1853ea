//! Rows of entries, and of events that have their places.

use ledger::Event;
use sqlx::AnyConnection;

use super::sequencer::LedgerError;
use super::{Stream, head};

/// Rows of one statement, eleven values each. SQLite looks each value's name up in the list of all of them, so that more at once take
/// longer each.
const ROWS: usize = 32;

/// Identifiers of one statement.
const IDS: usize = 250;

/// Keeps entries with what lists are filtered by.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    stream: Stream,
    first: u64,
    entries: &[String],
) -> Result<(), LedgerError> {
    let mut position = head::column(first)?;
    for entries in entries.chunks(ROWS) {
        let rows: Vec<String> = (0..entries.len())
            .map(|row| {
                let values: Vec<String> = (1..=11).map(|value| format!("${}", row * 11 + value)).collect();
                format!("({})", values.join(", "))
            })
            .collect();
        let text = format!(
            "insert into ledger_entries (log, position, time, event, category, result, actor, address, subject, correlation, entry)
             values {}",
            rows.join(", ")
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(text));
        for entry in entries {
            let event = Event::from_entry(entry.as_bytes())
                .map_err(|error| LedgerError::broken(stream, format!("what waits for its place: {error}")))?;
            query = query
                .bind(stream.as_str())
                .bind(position)
                .bind(event.time.as_millisecond())
                .bind(event.event)
                .bind(event.category)
                .bind(event.result.as_str())
                .bind(event.actor.id.unwrap_or_default())
                .bind(event.from.unwrap_or_default())
                .bind(event.on.and_then(|on| on.id).unwrap_or_default())
                .bind(event.correlation.unwrap_or_default())
                .bind(entry.as_str());
            position += 1;
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Takes events that have their places out of those that wait.
pub(super) async fn remove(connection: &mut AnyConnection, ids: &[String]) -> Result<(), LedgerError> {
    for ids in ids.chunks(IDS) {
        let places: Vec<String> = (1..=ids.len()).map(|place| format!("${place}")).collect();
        let text = format!("delete from ledger_pending where id in ({})", places.join(", "));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(text));
        for id in ids {
            query = query.bind(id.as_str());
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
