//! Reading the log: lists of entries, one entry, tiles, proofs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use ledger::{
    Checkpoint, Event, Hash, Head, Path, Proof, Tile, consistency, consistency_needs, inclusion,
    inclusion_needs, join,
};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::sequencer::LedgerError;
use super::{Stream, head, witnesses};
use crate::store::Store;

/// Entries of a page.
pub(crate) const PAGE: usize = 50;

/// Entries that are read at once where all of them are.
pub(crate) const RUN: usize = 500;

/// Which entries; what is none or empty asks for nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Of this user or token's owner.
    pub(crate) actor: String,
    /// Done to this.
    pub(crate) subject: String,
    /// From this address.
    pub(crate) address: String,
    /// Of this kind.
    pub(crate) event: String,
    /// Of this category.
    pub(crate) category: String,
    /// That ended so.
    pub(crate) result: String,
    /// Of this request.
    pub(crate) correlation: String,
    /// Not before.
    pub(crate) since: Option<Timestamp>,
    /// Before.
    pub(crate) until: Option<Timestamp>,
}

/// One entry and its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    /// Where it is.
    pub(crate) position: u64,
    /// What it says.
    pub(crate) event: Event,
    /// The bytes that are hashed.
    pub(crate) entry: String,
}

/// What is known of a stream.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Size and root.
    pub(crate) head: Head,
    /// What was signed of it, with cosignatures.
    pub(crate) checkpoint: Checkpoint,
    /// When it was signed.
    pub(crate) signed_at: Timestamp,
    /// The first entry that is kept.
    pub(crate) first_kept: u64,
}

/// What is known of a stream; none: nothing was ever logged in it.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn standing(store: &Store, stream: Stream) -> Result<Option<Standing>, LedgerError> {
    let mut connection = store.reader().acquire().await?;
    let Some(kept) = head::kept(&mut connection, stream).await? else { return Ok(None) };
    let signed_at: i64 = sqlx::query_scalar("select signed_at from ledger_heads where log = $1")
        .bind(stream.as_str())
        .fetch_one(&mut *connection)
        .await?;
    Ok(Some(Standing {
        head: kept.head,
        checkpoint: kept.checkpoint,
        signed_at: Timestamp::from_millisecond(signed_at).unwrap_or_default(),
        first_kept: kept.first_kept,
    }))
}

/// Whether events wait for their place.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn is_waiting(store: &Store) -> Result<bool, LedgerError> {
    let waiting: Option<i64> = sqlx::query_scalar("select cast(1 as bigint) from ledger_pending limit 1")
        .fetch_optional(store.reader())
        .await?;
    Ok(waiting.is_some())
}

/// Whether an event has its place.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn is_placed(store: &Store, stream: Stream, event: &Event) -> Result<bool, LedgerError> {
    let until = event.time.checked_add(jiff::SignedDuration::from_millis(1)).ok();
    let filter = Filter { event: event.event.clone(), since: Some(event.time), until, ..Filter::default() };
    let same_time = newest(store, stream, &filter).await?;
    Ok(same_time.iter().any(|placed| placed.event.id == event.id))
}

/// Entries, the newest first; `before` is the place of the last one of the page before.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn list(
    store: &Store,
    stream: Stream,
    filter: &Filter,
    before: Option<u64>,
) -> Result<Vec<Placed>, LedgerError> {
    let beyond = before.map(|before| ("position < ", before));
    select(store, stream, filter, beyond, &format!("position desc limit {}", PAGE + 1)).await
}

/// The newest entries, at most [`RUN`].
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn newest(store: &Store, stream: Stream, filter: &Filter) -> Result<Vec<Placed>, LedgerError> {
    select(store, stream, filter, None, &format!("position desc limit {RUN}")).await
}

/// Entries from this place on, in their order, at most [`RUN`].
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn following(
    store: &Store,
    stream: Stream,
    filter: &Filter,
    from: u64,
) -> Result<Vec<Placed>, LedgerError> {
    let beyond = Some(("position >= ", from));
    select(store, stream, filter, beyond, &format!("position limit {RUN}")).await
}

/// Entries that a filter lets through, beyond a place, in this order.
async fn select(
    store: &Store,
    stream: Stream,
    filter: &Filter,
    beyond: Option<(&'static str, u64)>,
    order: &str,
) -> Result<Vec<Placed>, LedgerError> {
    let mut wanted = vec!["log = $1".to_owned()];
    let mut texts: Vec<&str> = Vec::new();
    let mut numbers: Vec<(&str, i64)> = Vec::new();
    for (column, value) in [
        ("actor", &filter.actor),
        ("subject", &filter.subject),
        ("address", &filter.address),
        ("event", &filter.event),
        ("category", &filter.category),
        ("result", &filter.result),
        ("correlation", &filter.correlation),
    ] {
        if !value.is_empty() {
            texts.push(value);
            wanted.push(format!("{column} = ${}", texts.len() + 1));
        }
    }
    for (condition, time) in [("time >= ", filter.since), ("time < ", filter.until)] {
        numbers.extend(time.map(|time| (condition, time.as_millisecond())));
    }
    if let Some((condition, place)) = beyond {
        numbers.push((condition, head::column(place)?));
    }
    for (place, (condition, _)) in numbers.iter().enumerate() {
        wanted.push(format!("{condition}${}", texts.len() + place + 2));
    }
    let text =
        format!("select position, entry from ledger_entries where {} order by {order}", wanted.join(" and "));
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(stream.as_str());
    for value in texts {
        query = query.bind(value);
    }
    for (_, value) in numbers {
        query = query.bind(value);
    }
    let rows = query.fetch_all(store.reader()).await?;
    rows.iter().map(|row| placed(row, stream)).collect()
}

/// One entry; none: there is none at that place, or it was removed after its retention.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn find(store: &Store, stream: Stream, position: u64) -> Result<Option<Placed>, LedgerError> {
    let row = sqlx::query("select position, entry from ledger_entries where log = $1 and position = $2")
        .bind(stream.as_str())
        .bind(head::column(position)?)
        .fetch_optional(store.reader())
        .await?;
    row.map(|row| placed(&row, stream)).transpose()
}

/// The proof that an entry is in the tree that was signed last, or in the last one that witnesses cosigned where that has it; none: it is
/// not in it.
///
/// # Errors
/// When the database does not answer, or a tile is missing.
pub(crate) async fn prove(store: &Store, stream: Stream, position: u64) -> Result<Option<Proof>, LedgerError> {
    let mut transaction = store.reader().begin().await?;
    let Some(kept) = head::kept(&mut transaction, stream).await? else { return Ok(None) };
    if position >= kept.head.size {
        return Ok(None);
    }
    let cosigned = witnesses::shown(&mut transaction, stream).await?;
    let has_it = |cosigned: &Checkpoint| (position + 1..=kept.head.size).contains(&cosigned.head().size);
    let checkpoint = cosigned.filter(has_it).unwrap_or(kept.checkpoint);
    let size = checkpoint.head().size;
    let tiles = tiles(&mut transaction, stream, inclusion_needs(position, size)).await?;
    let read = |path| tiles.get(&path).cloned();
    let hashes =
        inclusion(position, size, &read).map_err(|error| LedgerError::broken(stream, error.to_string()))?;
    Ok(Some(Proof { index: position, hashes, checkpoint }))
}

/// The hashes that show that the stream, with `size` entries, begins with what it was with `old`.
///
/// # Errors
/// When the database does not answer, or a tile is missing.
pub(crate) async fn extension(
    store: &Store,
    stream: Stream,
    old: u64,
    size: u64,
) -> Result<Vec<Hash>, LedgerError> {
    let mut transaction = store.reader().begin().await?;
    let tiles = tiles(&mut transaction, stream, consistency_needs(old, size)).await?;
    let read = |path| tiles.get(&path).cloned();
    consistency(old, size, &read).map_err(|error| LedgerError::broken(stream, error.to_string()))
}

/// A part of a stream, as C2SP tlog-tiles serves it; none: there is no such part, or its entries were removed.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn part(store: &Store, stream: Stream, path: Path) -> Result<Option<Vec<u8>>, LedgerError> {
    let mut transaction = store.reader().begin().await?;
    let Some(kept) = head::kept(&mut transaction, stream).await? else { return Ok(None) };
    match path {
        Path::Checkpoint => Ok(Some(kept.checkpoint.text())),
        Path::Tile { .. } => {
            Ok(tiles(&mut transaction, stream, [path].into()).await?.remove(&path).map(|tile| tile.bytes()))
        }
        Path::Entries { number, width } => {
            let Some(first) = number.checked_mul(ledger::TILE) else { return Ok(None) };
            let end = first.saturating_add(u64::from(width));
            if end > kept.head.size || end <= kept.first_kept {
                return Ok(None);
            }
            entries(&mut transaction, stream, first, end).await.map(Some)
        }
    }
}

/// A bundle; an entry of no bytes stands where one was removed.
async fn entries(
    connection: &mut AnyConnection,
    stream: Stream,
    first: u64,
    end: u64,
) -> Result<Vec<u8>, LedgerError> {
    let rows = sqlx::query(
        "select position, entry from ledger_entries where log = $1 and position >= $2 and position < $3",
    )
    .bind(stream.as_str())
    .bind(head::column(first)?)
    .bind(head::column(end)?)
    .fetch_all(connection)
    .await?;
    let mut found: BTreeMap<u64, String> = BTreeMap::new();
    for row in rows {
        found.insert(head::number(row.try_get("position")?)?, row.try_get("entry")?);
    }
    let entries: Vec<String> =
        (first..end).map(|position| found.remove(&position).unwrap_or_default()).collect();
    join(&entries).map_err(|error| LedgerError::broken(stream, error.to_string()))
}

/// Tiles, each cut to the width that is asked for; one that is not there is left out.
async fn tiles(
    connection: &mut AnyConnection,
    stream: Stream,
    paths: BTreeSet<Path>,
) -> Result<BTreeMap<Path, Tile>, LedgerError> {
    let mut found = BTreeMap::new();
    for path in paths {
        let Path::Tile { level, number, width } = path else { continue };
        let tile = head::tile(connection, stream, level, number).await?;
        let hashes = tile.and_then(|tile| Some(tile.hashes().get(..usize::from(width))?.to_vec()));
        found.extend(hashes.and_then(|hashes| Tile::new(hashes).ok()).map(|tile| (path, tile)));
    }
    Ok(found)
}

fn placed(row: &AnyRow, stream: Stream) -> Result<Placed, LedgerError> {
    let (position, entry): (i64, String) = (row.try_get("position")?, row.try_get("entry")?);
    let event = Event::from_entry(entry.as_bytes())
        .map_err(|error| LedgerError::broken(stream, format!("entry {position}: {error}")))?;
    Ok(Placed { position: head::number(position)?, event, entry })
}
