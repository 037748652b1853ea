//! How much room the log takes, how much there is, and when it will be full.
//!
//! At 80 and at 95 % of its room that is an event, once; below a small reserve the log takes nothing any more that anybody
//! asks for, as if the database were gone, while pruning and what the server notes by itself go on.

mod outlook;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::Row as _;
use tokio_util::sync::CancellationToken;

use super::sequencer::LedgerError;
use super::{Happened, Ledger, Retention, Said, Stream, head, note};
use crate::causes::with_causes;
use crate::store::{self, Engine, Store};
use outlook::Flow;
pub(crate) use outlook::Outlook;

/// From how many percent on it is told.
const LEVELS: [u64; 2] = [80, 95];

/// So many percent below a level it counts as left: else it is told again and again while entries come and go.
const BACK: u64 = 2;

/// Room that is left for what the server notes by itself, at most.
const RESERVE: u64 = 16 << 20;

/// How often it is looked whether there is room.
const EVERY: Duration = Duration::from_secs(30);

/// How often everything is counted; sooner when it becomes tight.
const COUNT_EVERY: SignedDuration = SignedDuration::from_hours(1);
const COUNT_SOON: SignedDuration = SignedDuration::from_mins(5);

/// Bytes by which the database grows until its tables are asked again before that.
const GROWN: u64 = 256 << 10;

/// From how many percent on it is tight.
const TIGHT: u64 = 75;

/// Under which name the level that was told last is remembered.
const TOLD: &str = "level of the ledger's room";

/// Where the log finds its room.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// Bytes that it may take; 0: as many as there are.
    pub(crate) capacity: u64,
    /// The folder whose file system holds the database; none: it is on a server.
    pub(crate) disk: Option<PathBuf>,
}

/// The room of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Bytes that its tables take.
    pub(crate) used: u64,
    /// Bytes that they may take; none: nobody knows how many there are.
    pub(crate) total: Option<u64>,
    /// Bytes by which it grew a day lately; none: it is too young to tell.
    pub(crate) per_day: Option<u64>,
    /// When it will be full.
    pub(crate) outlook: Outlook,
}

impl Room {
    /// How much of it is taken, in percent; 0 where nobody knows.
    pub(crate) fn percent(&self) -> u64 {
        let Some(total) = self.total.filter(|total| *total > 0) else { return 0 };
        u64::try_from(u128::from(self.used) * 100 / u128::from(total)).unwrap_or(u64::MAX)
    }

    /// The level that is reached, where `before` was: 0, 80 or 95.
    pub(crate) fn level(&self, before: u64) -> u64 {
        let percent = self.percent();
        let is_reached = |level: &u64| {
            let from = if *level <= before { level.saturating_sub(BACK) } else { *level };
            percent >= from
        };
        LEVELS.into_iter().filter(|level| is_reached(level)).max().unwrap_or(0)
    }

    /// Whether no more is taken.
    pub(crate) fn is_full(&self) -> bool {
        let Some(total) = self.total else { return false };
        total.saturating_sub(self.used) < RESERVE.min(total / 50)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&bytes(self.used))?;
        if let Some(total) = self.total {
            write!(formatter, " of {} ({} %)", bytes(total), self.percent())?;
        }
        if let Some(per_day) = self.per_day {
            write!(formatter, ", about {} a day", bytes(per_day))?;
        }
        match self.outlook {
            _ if self.is_full() => formatter.write_str("; it is full, and nothing more can be changed"),
            Outlook::Unknown => Ok(()),
            Outlook::Never => formatter.write_str("; it will not become full with this retention"),
            Outlook::On(day) => write!(formatter, "; it will be full on {}", day.strftime("%Y-%m-%d")),
        }
    }
}

/// Bytes as people read them.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut whole, mut rest, mut unit) = (count, 0, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        (whole, rest, unit) = (whole / 1024, whole % 1024, unit + 1);
    }
    let unit_name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 || whole >= 10 {
        format!("{whole} {unit_name}")
    } else {
        format!("{whole}.{} {unit_name}", rest * 10 / 1024)
    }
}

/// Looks after the room until the server stops; `told` is called with each level that is reached.
pub(crate) async fn keep<T: Future<Output = ()>>(
    ledger: Ledger,
    place: Place,
    retention: Retention,
    told: impl Fn(Room) -> T,
    ended: CancellationToken,
) {
    let mut keeper = Keeper { ledger, place, retention, counted: None };
    loop {
        match keeper.look().await {
            Ok(None) => {}
            Ok(Some(room)) => told(room).await,
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "how much room the ledger has could not be measured; it is tried again")
            }
        }
        tokio::select! {
            () = ended.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What is known of the room from one look to the next.
pub(super) struct Keeper {
    ledger: Ledger,
    place: Place,
    retention: Retention,
    counted: Option<Counted>,
}

/// What takes long to count.
struct Counted {
    at: Timestamp,
    used: u64,
    /// Bytes of the database that held something at that time, and by how many it grew since.
    in_use: u64,
    grown: u64,
    /// Entries of all streams.
    entries: u64,
    flows: Vec<Flow>,
}

impl Keeper {
    /// Measures the room, and tells when a level is reached; the room then.
    pub(super) async fn look(&mut self) -> Result<Option<Room>, LedgerError> {
        let now = self.ledger.0.clock.now();
        let room = self.measure(now).await?;
        let reached = tell(&self.ledger, &room).await?;
        self.ledger.has_room(room.clone());
        Ok(reached.then_some(room))
    }

    async fn measure(&mut self, now: Timestamp) -> Result<Room, LedgerError> {
        let store = self.ledger.0.store.clone();
        let is_tight = self.ledger.room().is_some_and(|room| room.percent() >= TIGHT);
        let every = if is_tight { COUNT_SOON } else { COUNT_EVERY };
        let counted = match self.counted.take() {
            Some(mut counted) if now.duration_since(counted.at) < every => {
                // Where the tables cannot be asked in a moment, they are once the whole database has grown by much; until then all
                // that it grew by counts as theirs.
                let in_use = in_use(&store).await?;
                counted.grown = in_use.saturating_sub(counted.in_use);
                if store.engine() == Engine::Postgres || counted.grown > GROWN + counted.used / 32 {
                    (counted.used, counted.in_use, counted.grown) = (used(&store).await?, in_use, 0);
                }
                counted
            }
            _ => count(&store, &self.retention, now).await?,
        };
        let free = match &self.place.disk {
            None => None,
            Some(disk) => Some(free(disk).await?.saturating_add(unused_pages(&store).await?)),
        };
        let used = counted.used.saturating_add(counted.grown);
        let on_disk = free.map(|free| free.saturating_add(used));
        let allowed = Some(self.place.capacity).filter(|capacity| *capacity > 0);
        let total = match (allowed, on_disk) {
            (Some(allowed), Some(on_disk)) => Some(allowed.min(on_disk)),
            (one, other) => one.or(other),
        };
        let per_entry = counted.used.checked_div(counted.entries).unwrap_or(0);
        let is_old = counted.flows.iter().any(|flow| flow.per_day.is_some());
        let per_day =
            is_old.then(|| counted.flows.iter().filter_map(|flow| flow.per_day).sum::<u64>() * per_entry);
        let outlook = match total {
            Some(total) => outlook::outlook(used, per_entry, total, &counted.flows, now),
            None => Outlook::Unknown,
        };
        let room = Room { used, total, per_day, outlook };
        self.counted = Some(counted);
        Ok(room)
    }
}

/// Notes when a level is reached that was not told yet; whether one was.
async fn tell(ledger: &Ledger, room: &Room) -> Result<bool, LedgerError> {
    let store = &ledger.0.store;
    let before = store.remembered(TOLD).await?.and_then(|text| text.parse().ok()).unwrap_or(0);
    let level = room.level(before);
    if level == before {
        return Ok(false);
    }
    let mut transaction = store.writer().begin().await?;
    if level > before {
        let said = Said::done(Happened::LedgerFilling).with("percent", level.to_string());
        note(&mut transaction, said.with("room", room.to_string())).await?;
    }
    store::remember(&mut transaction, TOLD, &level.to_string()).await?;
    transaction.commit().await?;
    ledger.wake();
    match level {
        _ if level < before => tracing::info!(%room, "the ledger has more room again"),
        95.. => tracing::error!(%room, "the ledger is almost full; make room, or have it keep less"),
        _ => tracing::warn!(%room, "the ledger takes most of its room"),
    }
    Ok(level > before)
}

/// Counts what takes long to count.
async fn count(store: &Store, retention: &Retention, now: Timestamp) -> Result<Counted, LedgerError> {
    let (in_use, used) = (in_use(store).await?, used(store).await?);
    let mut flows = Vec::new();
    for stream in Stream::ALL {
        let rows = sqlx::query(
            "select time / 86400000 as day, count(*) as entries from ledger_entries where log = $1
             group by time / 86400000 order by day limit 100000",
        )
        .bind(stream.as_str())
        .fetch_all(store.reader())
        .await?;
        let mut by_day = BTreeMap::new();
        for row in rows {
            by_day.insert(row.try_get("day")?, head::number(row.try_get("entries")?)?);
        }
        flows.push(Flow::new(by_day, retention.of(stream), now));
    }
    let entries = flows.iter().map(Flow::entries).sum();
    Ok(Counted { at: now, used, in_use, grown: 0, entries, flows })
}

/// Bytes that the tables of the log take, with their indexes.
async fn used(store: &Store) -> Result<u64, LedgerError> {
    let text = match store.engine() {
        Engine::Sqlite => {
            // Name by name: without, every page of the database would be read for it.
            "select cast(coalesce(sum(pgsize), 0) as bigint)
             from sqlite_schema as kept cross join dbstat on dbstat.name = kept.name
             where dbstat.aggregate = 1 and kept.tbl_name like 'ledger%'"
        }
        Engine::Postgres => {
            "select cast(pg_total_relation_size('ledger_entries') + pg_total_relation_size('ledger_tiles')
                 + pg_total_relation_size('ledger_heads') + pg_total_relation_size('ledger_pending') as bigint)"
        }
    };
    let used: i64 = sqlx::query_scalar(text).fetch_one(store.reader()).await?;
    head::number(used).map_err(Into::into)
}

/// Bytes of the file of SQLite that hold something; 0 of PostgreSQL, whose tables can be asked in a moment.
async fn in_use(store: &Store) -> Result<u64, LedgerError> {
    if store.engine() == Engine::Postgres {
        return Ok(0);
    }
    let pages: i64 = sqlx::query_scalar(
        "select cast((page_count - freelist_count) * page_size as bigint)
         from pragma_page_count, pragma_freelist_count, pragma_page_size",
    )
    .fetch_one(store.reader())
    .await?;
    head::number(pages).map_err(Into::into)
}

/// Bytes of the file of SQLite that hold nothing.
async fn unused_pages(store: &Store) -> Result<u64, LedgerError> {
    if store.engine() == Engine::Postgres {
        return Ok(0);
    }
    let pages: i64 = sqlx::query_scalar(
        "select cast(freelist_count * page_size as bigint) from pragma_freelist_count, pragma_page_size",
    )
    .fetch_one(store.reader())
    .await?;
    head::number(pages).map_err(Into::into)
}

/// Bytes that are free on the file system of this folder for whom the server runs as.
async fn free(disk: &std::path::Path) -> Result<u64, LedgerError> {
    let disk = disk.to_owned();
    let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&disk)).await;
    let stat = asked
        .map_err(|error| LedgerError::Unmeasured(error.to_string()))?
        .map_err(|error| LedgerError::Unmeasured(error.to_string()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
