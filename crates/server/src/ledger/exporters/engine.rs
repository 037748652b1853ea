//! Follows the ledger for one exporter: reads what is new, sends it, and moves the cursor when it was taken.

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use report::printable;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cursor::{self, Place};
use super::figures::Figures;
use super::send::{Batch, SendError};
use super::{Exporter, Health, standing};
use crate::causes::with_causes;
use crate::clock::Clock;
use crate::ledger::{
    Filter, Happened, Ledger, LedgerError, Placed, RUN, Said, following, note, standing as stands,
};
use crate::store::{Store, StoreError};

/// Seconds after which what waits has waited for long.
pub(super) const BEHIND_SECONDS: i64 = 15 * 60;

/// Bytes of entries that are sent at once at most, and so what a receiver must take within its time limit.
const MOST_BYTES: usize = 256 * 1024;

/// Characters of an error that are kept and told.
const LONGEST_ERROR: usize = 400;

/// How long a turn may go on when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// How fast it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Between two looks for what is new.
    pub(crate) every: Duration,
    /// Between two looks at how it stands.
    pub(crate) watch: Duration,
    /// How long the right to send outlives its process; longer than a receiver may take for one batch.
    pub(crate) lease: Duration,
    /// Before the first retry; each further one waits twice as long.
    pub(crate) least: Duration,
    /// Before any retry at most.
    pub(crate) most: Duration,
    /// A failure is not told again in the ledger so soon.
    pub(crate) silence: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            watch: Duration::from_secs(15),
            lease: Duration::from_secs(45),
            least: Duration::from_secs(1),
            most: Duration::from_secs(60),
            silence: Duration::from_secs(300),
        }
    }
}

impl Pace {
    /// How long to wait before the next try, after so many failures: at random between half of it and all, so that servers that were
    /// cut off together do not come back together.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        let whole = self.least.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.most);
        // Without random numbers the server is about to stop anyway.
        let share = getrandom::u32().unwrap_or_default() % 500;
        whole.saturating_mul(500 + share) / 1000
    }
}

/// Why nothing was handed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// The receiver.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Our own side.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<sqlx::Error> for ExportError {
    fn from(error: sqlx::Error) -> Self {
        Self::Ledger(error.into())
    }
}

/// What an engine remembers from turn to turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Going {
    /// Bytes of entries that are sent at once; fewer where it was too much.
    bytes: usize,
    /// Until when it has the right to send, as far as it knows.
    held: Option<Timestamp>,
}

impl Default for Going {
    fn default() -> Self {
        Self { bytes: MOST_BYTES, held: None }
    }
}

/// What is to be done after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is more to send.
    More,
    /// There is nothing to do now.
    Done,
}

/// Hands on what follows.
pub(super) struct Engine {
    pub(super) exporter: Exporter,
    pub(super) store: Store,
    pub(super) ledger: Ledger,
    pub(super) clock: Clock,
    /// What this process is called where the right to send is kept.
    pub(super) holder: String,
    pub(super) pace: Pace,
    pub(super) figures: Figures,
}

impl Engine {
    /// Hands on what there is until the server stops.
    pub(super) async fn run(self, ended: CancellationToken) {
        let name = self.exporter.name;
        let (mut failures, mut going) = (0_u32, Going::default());
        let mut watched: Option<Instant> = None;
        while !ended.is_cancelled() {
            let turn = tokio::select! {
                turn = self.turn(&mut going) => turn,
                () = stopping(&ended) => break,
            };
            let pause = match turn {
                Ok(Turn::More) => {
                    failures = 0;
                    Duration::ZERO
                }
                Ok(Turn::Done) => {
                    failures = 0;
                    self.pace.every
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    let pause = self.pace.pause(failures);
                    let why = told(&error);
                    let seconds = pause.as_secs_f32();
                    tracing::warn!(exporter = name, error = %why, failures, seconds, "the ledger is not handed on; it is tried again");
                    if matches!(error, ExportError::Send(_)) {
                        self.tell_failure(&why).await;
                    }
                    pause
                }
            };
            if watched.is_none_or(|watched| watched.elapsed() >= self.pace.watch) {
                watched = Some(Instant::now());
                if let Err(error) = self.watch().await {
                    tracing::warn!(exporter = name, error = %with_causes(&error), "how the exporter stands is not known");
                }
            }
            tokio::select! {
                () = ended.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        if let Err(error) = cursor::release(&self.store, name, &self.holder).await {
            tracing::debug!(exporter = name, error = %with_causes(&error), "the right to send ends by itself");
        }
    }

    /// Sends one batch of each stream that has something new.
    ///
    /// # Errors
    /// When a receiver takes nothing, or the database does not answer.
    pub(super) async fn turn(&self, going: &mut Going) -> Result<Turn, ExportError> {
        let name = self.exporter.name;
        let now = self.clock.now();
        cursor::begin(&self.store, name, now).await?;
        let places = cursor::places(&self.store, name).await?;
        if places.iter().all(|place| place.waiting() == 0) {
            return Ok(Turn::Done);
        }
        let (mut turn, mut refused) = (Turn::Done, None);
        for place in places.into_iter().filter(|place| place.waiting() > 0) {
            if !self.may_send(going).await? {
                return Ok(Turn::Done);
            }
            let found = following(&self.store, place.stream, &Filter::default(), place.next).await?;
            let first = found.first().map_or(place.size, |placed| placed.position);
            let is_moved = if first > place.next {
                self.miss(place, first).await?
            } else {
                match self.hand_on(place, found, going).await {
                    // What keeps one stream back is none of the others'.
                    Err(error @ ExportError::Send(SendError::Refused { .. })) => {
                        refused = Some(error);
                        continue;
                    }
                    done => done?,
                }
            };
            if is_moved {
                turn = Turn::More;
            } else {
                // Another process was at it.
                going.held = None;
            }
        }
        refused.map_or(Ok(turn), Err)
    }

    /// Whether this process sends; it asks the database when half of its time is over.
    async fn may_send(&self, going: &mut Going) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let in_time = now.checked_add(self.pace.lease / 2).unwrap_or(now);
        if going.held.is_some_and(|until| until > in_time) {
            return Ok(true);
        }
        let lease = self.pace.lease;
        let is_ours = cursor::take(&self.store, self.exporter.name, &self.holder, now, lease).await?;
        going.held = is_ours.then(|| now.checked_add(lease).unwrap_or(now));
        Ok(is_ours)
    }

    /// Sends what fits of these entries and moves the cursor behind them; false: another process was at it.
    async fn hand_on(&self, place: Place, found: Vec<Placed>, going: &mut Going) -> Result<bool, ExportError> {
        let log = self.ledger.key(place.stream).map(|key| key.name().to_owned()).unwrap_or_default();
        let batch = Batch { stream: place.stream, log, entries: cut(found, going.bytes) };
        let Some(last) = batch.entries.last().map(|placed| placed.position) else { return Ok(false) };
        match self.exporter.receiver.send(&batch).await {
            Ok(()) => going.bytes = going.bytes.saturating_mul(2).clamp(1024, MOST_BYTES),
            Err(error) => {
                if error.is_about_size() {
                    going.bytes /= 4;
                    let bytes = going.bytes;
                    tracing::debug!(exporter = self.exporter.name, error = %with_causes(&error), bytes, "less is sent at once");
                }
                // Of what was only too much, less is sent at once; anything else waits for its time.
                let is_mended = matches!(error, SendError::TooLarge { .. }) && batch.entries.len() > 1;
                return if is_mended { Ok(true) } else { Err(error.into()) };
            }
        }
        let is_moved = self.keep(place, last.saturating_add(1)).await?;
        if is_moved {
            self.figures.sent(self.exporter.name, batch.entries.len());
        }
        Ok(is_moved)
    }

    /// Moves the cursor behind what was taken.
    async fn keep(&self, place: Place, next: u64) -> Result<bool, ExportError> {
        let name = self.exporter.name;
        let mut transaction = self.store.writer().begin().await?;
        if !cursor::advance(&mut transaction, name, &self.holder, place, next).await? {
            return Ok(false);
        }
        let is_recovered = cursor::succeeded(&mut transaction, name, self.clock.now()).await?;
        if is_recovered {
            let said = Said::done(Happened::LedgerExporterRecovered).on("exporter", name, None);
            note(&mut transaction, said.with("from", "a failure")).await?;
        }
        transaction.commit().await?;
        if is_recovered {
            self.ledger.wake();
            tracing::info!(exporter = name, "the ledger is handed on again");
        }
        Ok(true)
    }

    /// Entries are gone before they were handed on: that is told, and what follows is sent.
    async fn miss(&self, place: Place, until: u64) -> Result<bool, ExportError> {
        let name = self.exporter.name;
        // What is kept may have changed since the place was read.
        let kept = stands(&self.store, place.stream).await?.map_or(0, |standing| standing.first_kept);
        let why = if until <= kept { "removed after their retention" } else { "not in the database" };
        let mut transaction = self.store.writer().begin().await?;
        if !cursor::advance(&mut transaction, name, &self.holder, place, until).await? {
            return Ok(false);
        }
        let said = Said::failed(Happened::LedgerExporterMissed)
            .on("exporter", name, None)
            .with("log", place.stream.as_str())
            .with("first", place.next.to_string())
            .with("last", until.saturating_sub(1).to_string())
            .with("why", why);
        note(&mut transaction, said).await?;
        transaction.commit().await?;
        self.ledger.wake();
        let (log, first, last) = (place.stream.as_str(), place.next, until.saturating_sub(1));
        tracing::warn!(
            exporter = name,
            log,
            first,
            last,
            why,
            "entries of the ledger were gone before they were handed on"
        );
        Ok(true)
    }

    async fn tell_failure(&self, why: &str) {
        let name = self.exporter.name;
        match cursor::failed(&self.store, name, why, self.clock.now(), self.pace.silence).await {
            Ok(true) => self.ledger.wake(),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(exporter = name, error = %with_causes(&error), "that the exporter fails is not in the ledger")
            }
        }
    }

    /// Shows how it stands, and tells when it falls behind.
    pub(super) async fn watch(&self) -> Result<(), ExportError> {
        let standing = standing(&self.store, &self.exporter, self.clock.now()).await?;
        self.figures.show(&standing);
        let is_behind = standing.seconds > BEHIND_SECONDS;
        if is_behind == standing.is_behind_told {
            return Ok(());
        }
        let name = self.exporter.name;
        let said = is_behind.then(|| {
            Said::failed(Happened::LedgerExporterBehind)
                .on("exporter", name, None)
                .with("waiting", standing.waiting.to_string())
                .with("seconds", standing.seconds.to_string())
        });
        if cursor::behind(&self.store, name, said).await? {
            self.ledger.wake();
            if is_behind {
                let (waiting, seconds) = (standing.waiting, standing.seconds);
                let is_failing = standing.health == Health::Fails;
                tracing::warn!(
                    exporter = name,
                    waiting,
                    seconds,
                    is_failing,
                    "the ledger is handed on too slowly"
                );
            }
        }
        Ok(())
    }
}

/// The server stops, and what is under way has had its time.
async fn stopping(ended: &CancellationToken) {
    ended.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// As many of them as follow each other without a gap and fit; the first in any case.
fn cut(found: Vec<Placed>, bytes: usize) -> Vec<Placed> {
    let (mut entries, mut sum): (Vec<Placed>, usize) = (Vec::with_capacity(found.len().min(RUN)), 0);
    for placed in found {
        sum = sum.saturating_add(placed.entry.len());
        let follows = entries.last().is_none_or(|before| before.position.saturating_add(1) == placed.position);
        if !follows || (sum > bytes && !entries.is_empty()) {
            break;
        }
        entries.push(placed);
    }
    entries
}

/// An error and its causes on one line, without what could move a cursor.
fn told(error: &dyn Error) -> String {
    printable(&with_causes(error)).chars().take(LONGEST_ERROR).collect()
}
