//! The server checks its own log as an auditor does, from what is in the database: at each start and once a day.
//!
//! Beside what every auditor sees it checks what only the database holds: the columns by which lists are filtered, rows that
//! belong to nothing, and whether the log still goes on from where it was at the check before.

mod stored;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use ledger::{Check, Checked, Checkpoint, Policy, SourceError, check_one, check_together};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::any::AnyRow;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::sequencer::LedgerError;
use super::{Happened, Ledger, Said, Stream, head, note};
use crate::causes::with_causes;
use crate::state;
use crate::store::{self, Store};
use stored::Stored;

/// How often the log is checked.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// How soon again when it could not be done.
const AGAIN: Duration = Duration::from_secs(600);

/// How often it is begun anew because entries were removed meanwhile.
const TRIES: usize = 5;

/// Faults that are kept of one check; more are counted.
const MOST: usize = 20;

/// Checks that are kept: a year and more of them.
const KEPT: i64 = 400;

/// Checks that are listed.
const SHOWN: i64 = 30;

/// The file of the state directory that holds what was signed when the log was found whole last.
const KNOWN: &str = "ledger-checked.json";

/// Bytes of it: three notes of 64 KiB as JSON.
const LONGEST: usize = 1 << 20;

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkup {
    /// When it began.
    pub(crate) begun_at: Timestamp,
    /// When it ended.
    pub(crate) ended_at: Timestamp,
    /// Entries that are the ones that were logged.
    pub(crate) entries: u64,
    /// Faults in all.
    pub(crate) faults: u64,
    /// The first of them.
    pub(crate) found: Vec<Found>,
}

/// Something that is wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Found {
    /// In which stream.
    pub(crate) stream: String,
    /// Which check found it, as `palisade ledger verify` names them; `columns` and `rows` concern the database alone.
    pub(crate) check: String,
    /// The entry that it concerns, or the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<u64>,
    /// What is wrong.
    pub(crate) said: String,
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} in {}: {}", self.check, self.stream, self.said)
    }
}

/// Checks the log now and then until the server stops.
pub(crate) async fn keep(ledger: Ledger, ended: CancellationToken) {
    // What was found before counts until it is looked at again.
    if let Ok(Some(last)) = list(&ledger.0.store).await.map(|all| all.into_iter().next()) {
        ledger.was_checked(last);
    }
    loop {
        let pause = match check(&ledger, &ended).await {
            Ok(Some(_)) => EVERY,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "the ledger could not be checked; it is tried again");
                AGAIN
            }
        };
        tokio::select! {
            () = ended.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Checks the whole log and keeps what was found; none: the server stops.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn check(ledger: &Ledger, ended: &CancellationToken) -> Result<Option<Checkup>, LedgerError> {
    let begun_at = now(ledger);
    let Some(Looked { logs, mut found }) = look(ledger, ended).await? else { return Ok(None) };
    // Those of the database alone stand first; there are few of them.
    let mut faults = found.len() as u64;
    for log in &logs {
        faults += log.verified.faults.len() as u64 + log.verified.more_faults;
        found.extend(log.verified.faults.iter().map(|fault| Found {
            stream: log.name.clone(),
            check: fault.check.as_str().to_owned(),
            entry: fault.entry,
            said: fault.said.clone(),
        }));
    }
    found.truncate(MOST);
    let checkup = Checkup {
        begun_at,
        ended_at: now(ledger),
        entries: logs.iter().map(|log| log.verified.entries).sum(),
        faults,
        found,
    };
    keep_result(ledger, &checkup).await?;
    match checkup.found.first() {
        None => {
            remember(ledger, &logs).await?;
            tracing::info!(entries = checkup.entries, "the ledger was checked and is as it was signed");
        }
        Some(first) => {
            tracing::error!(faults = checkup.faults, %first, "the ledger is not as it was signed");
        }
    }
    ledger.was_checked(checkup.clone());
    Ok(Some(checkup))
}

/// The time as columns hold it.
fn now(ledger: &Ledger) -> Timestamp {
    let now = ledger.0.clock.now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// What was looked at.
struct Looked {
    logs: Vec<Checked>,
    /// What is wrong in the database beside the logs.
    found: Vec<Found>,
}

/// Looks at everything; again when entries were removed while it was looked at. None: the server stops.
async fn look(ledger: &Ledger, ended: &CancellationToken) -> Result<Option<Looked>, LedgerError> {
    let notes = read_known(&ledger.0.directory);
    let mut tries = 0;
    loop {
        tries += 1;
        let before = first_kept(&ledger.0.store).await?;
        let (ours, kept, notes, stops) = (ledger.clone(), before.clone(), notes.clone(), ended.clone());
        let runtime = Handle::current();
        let looked =
            tokio::task::spawn_blocking(move || read_all(&ours, &kept, &notes, &runtime, &stops)).await;
        if ended.is_cancelled() {
            return Ok(None);
        }
        let looked = looked
            .map_err(|error| LedgerError::Unchecked(error.to_string()))?
            .map_err(|error| LedgerError::Unchecked(error.to_string()))?;
        if tries == TRIES || first_kept(&ledger.0.store).await? == before {
            return Ok(Some(looked));
        }
    }
}

/// Where each stream that there is begins.
async fn first_kept(store: &Store) -> Result<BTreeMap<String, u64>, LedgerError> {
    let rows = sqlx::query("select log, first_kept from ledger_heads order by log limit 100")
        .fetch_all(store.reader())
        .await?;
    let mut kept = BTreeMap::new();
    for row in rows {
        kept.insert(row.try_get("log")?, head::number(row.try_get("first_kept")?)?);
    }
    Ok(kept)
}

/// Reads every stream from its first entry to its last, on a thread that may wait.
fn read_all(
    ledger: &Ledger,
    kept: &BTreeMap<String, u64>,
    notes: &[String],
    runtime: &Handle,
    ended: &CancellationToken,
) -> Result<Looked, SourceError> {
    let known = believed(ledger, notes);
    let (mut logs, mut found, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for stream in Stream::ALL {
        let Some(key) = ledger.key(stream) else { continue };
        // What this process saw is read before what is there now.
        let seen = ledger.seen(stream).filter(|seen| seen.size > 0);
        let was_there = seen.is_some() || known.iter().any(|known| known.origin() == key.name());
        let mut stored = Stored::new(ledger.0.store.clone(), stream, runtime.clone(), ended.clone());
        let is_there = kept.contains_key(stream.as_str());
        if is_there || was_there {
            keys.push(key.clone());
        }
        if is_there {
            let policy = Policy::of(key.clone());
            let first = kept.get(stream.as_str()).copied().unwrap_or(0);
            let mut checked = check_one(stream.as_str(), first, &mut stored, &policy, &known)?;
            if let (Some(seen), Some(head)) = (seen, checked.verified.head) {
                against_seen(&mut checked, seen, head);
            }
            logs.push(checked);
        }
        found.extend(stored.odd(is_there)?);
    }
    check_together(&mut logs, &Policy::of_all(keys), &known);
    Ok(Looked { logs, found })
}

/// Checkpoints that this server signed: others prove nothing.
fn believed(ledger: &Ledger, notes: &[String]) -> Vec<Checkpoint> {
    let is_ours = |known: &Checkpoint| {
        let mut keys = Stream::ALL.into_iter().filter_map(|stream| ledger.key(stream));
        keys.any(|key| key.name() == known.origin() && known.signed_by(key).is_ok())
    };
    notes.iter().filter_map(|note| Checkpoint::read(note.as_bytes()).ok()).filter(is_ours).collect()
}

/// A log never becomes shorter than this process saw it.
fn against_seen(checked: &mut Checked, seen: ledger::Head, head: ledger::Head) {
    if seen.size > head.size {
        let said = format!(
            "this server saw {} entries in it, and there are {} now: its end is missing",
            seen.size, head.size
        );
        checked.verified.fault(Check::Truncation, Some(head.size), said);
    } else if seen.size == head.size && seen.root != head.root {
        let said = format!("its {} entries are not those that this server saw: it was written anew", seen.size);
        checked.verified.fault(Check::Fork, None, said);
    }
}

/// What was signed when the log was found whole last; what cannot be read was never kept.
fn read_known(directory: &Path) -> Vec<String> {
    let text = state::read_up_to(&directory.join(KNOWN), LONGEST).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Keeps what was signed outside of the database, which somebody may put back to an older state.
async fn remember(ledger: &Ledger, logs: &[Checked]) -> Result<(), LedgerError> {
    let notes: Vec<String> = logs
        .iter()
        .filter_map(|log| log.checkpoint.as_deref())
        .map(|note| String::from_utf8_lossy(note).into_owned())
        .collect();
    let text = serde_json::to_string(&notes).map_err(|error| LedgerError::Unchecked(error.to_string()))?;
    let directory = ledger.0.directory.clone();
    let written = tokio::task::spawn_blocking(move || state::publish(&directory, KNOWN, &text)).await;
    written.map_err(|error| LedgerError::Unchecked(error.to_string()))??;
    Ok(())
}

async fn keep_result(ledger: &Ledger, checkup: &Checkup) -> Result<(), LedgerError> {
    let found =
        serde_json::to_string(&checkup.found).map_err(|error| LedgerError::Unchecked(error.to_string()))?;
    let mut said = if checkup.faults == 0 {
        Said::done(Happened::LedgerChecked)
    } else {
        Said::failed(Happened::LedgerChecked)
    };
    said = said.with("entries", checkup.entries.to_string()).with("faults", checkup.faults.to_string());
    if let Some(first) = checkup.found.first() {
        said =
            said.on("log", &first.stream, None).with("check", &*first.check).with("first", first.to_string());
    }
    let mut transaction = ledger.0.store.writer().begin().await?;
    note(&mut transaction, said).await?;
    sqlx::query(
        "insert into ledger_checkups (begun_at, ended_at, entries, faults, found) values ($1, $2, $3, $4, $5)
         on conflict (begun_at) do nothing",
    )
    .bind(checkup.begun_at.as_millisecond())
    .bind(checkup.ended_at.as_millisecond())
    .bind(head::column(checkup.entries)?)
    .bind(head::column(checkup.faults)?)
    .bind(found)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "delete from ledger_checkups where begun_at not in
             (select begun_at from ledger_checkups order by begun_at desc limit $1)",
    )
    .bind(KEPT)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    ledger.wake();
    Ok(())
}

/// The last checks, the newest first.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn list(store: &Store) -> Result<Vec<Checkup>, LedgerError> {
    let rows = sqlx::query(
        "select begun_at, ended_at, entries, faults, found from ledger_checkups order by begun_at desc limit $1",
    )
    .bind(SHOWN)
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(checkup).collect()
}

fn checkup(row: &AnyRow) -> Result<Checkup, LedgerError> {
    let found: String = row.try_get("found")?;
    Ok(Checkup {
        begun_at: store::time(row.try_get("begun_at")?)?,
        ended_at: store::time(row.try_get("ended_at")?)?,
        entries: head::number(row.try_get("entries")?)?,
        faults: head::number(row.try_get("faults")?)?,
        found: serde_json::from_str(&found).map_err(|error| sqlx::Error::Decode(error.into()))?,
    })
}
