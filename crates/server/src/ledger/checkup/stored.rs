//! One stream as the database holds it, read part by part for the check, at a pace that leaves room for others.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::{Checkpoint, Event, Path, Source, SourceError, TILE, Tile, join};
use sqlx::Row as _;
use sqlx::any::AnyRow;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::Found;
use crate::ledger::Stream;
use crate::store::Store;

/// How long one part may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Rest after each bundle: 256 entries are read in about as long.
const REST: Duration = Duration::from_millis(2);

/// Faults of the database alone that are told of one stream.
const MOST: usize = 10;

/// A stream in the database.
pub(super) struct Stored {
    store: Store,
    stream: Stream,
    runtime: Handle,
    ended: CancellationToken,
    /// What is checked is what was signed when it was first asked for.
    checkpoint: Option<Option<Vec<u8>>>,
    odd: Vec<Found>,
}

impl Stored {
    pub(super) fn new(store: Store, stream: Stream, runtime: Handle, ended: CancellationToken) -> Self {
        Self { store, stream, runtime, ended, checkpoint: None, odd: Vec::new() }
    }

    fn found(&mut self, check: &str, entry: Option<u64>, said: String) {
        if self.odd.len() < MOST {
            let stream = self.stream.as_str().to_owned();
            self.odd.push(Found { stream, check: check.to_owned(), entry, said });
        }
    }

    /// What is wrong in the database beside the log itself.
    pub(super) fn odd(mut self, is_there: bool) -> Result<Vec<Found>, SourceError> {
        let runtime = self.runtime.clone();
        let counted = runtime.block_on(async { tokio::time::timeout(PATIENCE, self.rows_of_nothing()).await });
        let (entries, tiles) = settled("rows", counted)?;
        if entries > 0 {
            let said = match is_there {
                true => format!(
                    "{entries} entries stand before the first that is kept, or behind the last that was signed"
                ),
                false => format!("there are {entries} entries, and nothing that was signed"),
            };
            self.found("rows", None, said);
        }
        if tiles > 0 {
            self.found("rows", None, format!("{tiles} tiles stand behind the last that was signed"));
        }
        Ok(self.odd)
    }

    /// Entries and tiles that belong to nothing that was signed.
    async fn rows_of_nothing(&self) -> Result<(i64, i64), sqlx::Error> {
        // One statement each, so that what is added meanwhile is in all of it or in nothing.
        let entries = sqlx::query_scalar(
            "select (select count(*) from ledger_entries where log = $1 and position >= coalesce(
                        (select size from ledger_heads where log = $1), 0))
                  + (select count(*) from ledger_entries where log = $1 and position < coalesce(
                        (select first_kept from ledger_heads where log = $1), 0))",
        );
        let tiles = sqlx::query_scalar(
            "select count(*) from ledger_tiles where log = $1 and level = 0 and number * 256 >= coalesce(
                 (select size from ledger_heads where log = $1), 0)",
        );
        let name = self.stream.as_str();
        let entries = entries.bind(name).fetch_one(self.store.reader()).await?;
        Ok((entries, tiles.bind(name).fetch_one(self.store.reader()).await?))
    }

    async fn part(&mut self, path: Path) -> Result<Option<Vec<u8>>, sqlx::Error> {
        match path {
            Path::Checkpoint => {
                if self.checkpoint.is_none() {
                    self.checkpoint = Some(self.head().await?);
                }
                Ok(self.checkpoint.clone().flatten())
            }
            Path::Tile { level, number, width } => self.tile(level, number, width).await,
            Path::Entries { number, width } => {
                tokio::time::sleep(REST).await;
                self.entries(number.saturating_mul(TILE), width).await.map(Some)
            }
        }
    }

    /// What was signed, after it was seen that what is kept beside it is the same.
    async fn head(&mut self) -> Result<Option<Vec<u8>>, sqlx::Error> {
        let row = sqlx::query("select size, root, checkpoint from ledger_heads where log = $1")
            .bind(self.stream.as_str())
            .fetch_optional(self.store.reader())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (size, root): (i64, String) = (row.try_get("size")?, row.try_get("root")?);
        let text: String = row.try_get("checkpoint")?;
        if let Ok(read) = Checkpoint::read(text.as_bytes()) {
            let head = read.head();
            if u64::try_from(size).ok() != Some(head.size) || root != hex::encode(head.root.0) {
                let said = format!(
                    "the head says {size} entries with the root {root}, which is not what was signed: {} with {}",
                    head.size,
                    hex::encode(head.root.0)
                );
                self.found("columns", None, said);
            }
        }
        Ok(Some(text.into_bytes()))
    }

    /// A tile, cut to the width that was signed; its bytes as they are where they make none.
    async fn tile(&self, level: u8, number: u64, width: u16) -> Result<Option<Vec<u8>>, sqlx::Error> {
        let text: Option<String> =
            sqlx::query_scalar("select hashes from ledger_tiles where log = $1 and level = $2 and number = $3")
                .bind(self.stream.as_str())
                .bind(i64::from(level))
                .bind(i64::try_from(number).unwrap_or(i64::MAX))
                .fetch_optional(self.store.reader())
                .await?;
        Ok(text.map(|text| {
            let bytes = STANDARD.decode(&text).unwrap_or_else(|_| text.into_bytes());
            let wanted = usize::from(width);
            let cut =
                Tile::read(&bytes).ok().and_then(|tile| Tile::new(tile.hashes().get(..wanted)?.to_vec()).ok());
            cut.map_or(bytes, |tile| tile.bytes())
        }))
    }

    /// A bundle; nothing stands where an entry is not there.
    async fn entries(&mut self, first: u64, width: u16) -> Result<Vec<u8>, sqlx::Error> {
        let end = first.saturating_add(u64::from(width));
        let rows = sqlx::query(
            "select position, time, event, category, result, actor, address, subject, correlation, entry
             from ledger_entries where log = $1 and position >= $2 and position < $3 order by position",
        )
        .bind(self.stream.as_str())
        .bind(i64::try_from(first).unwrap_or(i64::MAX))
        .bind(i64::try_from(end).unwrap_or(i64::MAX))
        .fetch_all(self.store.reader())
        .await?;
        let mut entries = vec![String::new(); usize::from(width)];
        for row in &rows {
            let position: i64 = row.try_get("position")?;
            let place = u64::try_from(position).unwrap_or(0);
            let entry: String = row.try_get("entry").unwrap_or_default();
            if let Some(column) = wrong_column(row, &entry) {
                let said = format!(
                    "the column `{column}` of entry {place} does not say what the entry says: lists that are filtered by it show something else"
                );
                self.found("columns", Some(place), said);
            }
            let at = usize::try_from(place.saturating_sub(first)).unwrap_or(usize::MAX);
            if let Some(slot) = entries.get_mut(at) {
                *slot = entry;
            }
        }
        // One that is too long for a bundle is not the one that was logged, whatever stands in its place.
        Ok(join(&entries).unwrap_or_default())
    }
}

/// A column of a row that does not say what its entry says.
fn wrong_column(row: &AnyRow, entry: &str) -> Option<&'static str> {
    // What is no event is found as an entry.
    let event = Event::from_entry(entry.as_bytes()).ok()?;
    if row.try_get::<i64, _>("time").ok() != Some(event.time.as_millisecond()) {
        return Some("time");
    }
    let expected = [
        ("event", event.event),
        ("category", event.category),
        ("result", event.result.as_str().to_owned()),
        ("actor", event.actor.id.unwrap_or_default()),
        ("address", event.from.unwrap_or_default()),
        ("subject", event.on.and_then(|on| on.id).unwrap_or_default()),
        ("correlation", event.correlation.unwrap_or_default()),
    ];
    expected
        .into_iter()
        .find(|(column, value)| row.try_get::<String, _>(*column).ok().as_ref() != Some(value))
        .map(|(column, _)| column)
}

impl Source for Stored {
    fn read(&mut self, path: Path) -> Result<Option<Vec<u8>>, SourceError> {
        if self.ended.is_cancelled() {
            return Err(SourceError { path: path.to_string(), reason: "the server stops".to_owned() });
        }
        let runtime = self.runtime.clone();
        settled(
            &path.to_string(),
            runtime.block_on(async { tokio::time::timeout(PATIENCE, self.part(path)).await }),
        )
    }
}

/// What was read in time.
fn settled<T>(
    path: &str,
    read: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>,
) -> Result<T, SourceError> {
    let failed = |reason: String| SourceError { path: path.to_owned(), reason };
    read.map_err(|_| failed("the database takes too long".to_owned()))?
        .map_err(|error| failed(error.to_string()))
}
