//! Gives each event its place in the tree and signs what comes of it. One at a time, in whichever server process comes first.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use ledger::{ActorKind, Edge, Event, Head, Kind, SigningKey, Tile, VerifierKey};
use secrecy::ExposeSecret as _;
use secrecy::zeroize::Zeroizing;
use sqlx::AnyConnection;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::health::Health;
use super::refusals::{FLUSH_EVERY, Repeats};
use super::spill::Spill;
use super::{Said, Stream, head, reading, rows};
use crate::causes::with_causes;
use crate::clock::Clock;
use crate::random;
use crate::seal::{SealError, Sealer};
use crate::state::{self, StateError};
use crate::store::{Engine, Store, StoreError};

/// How long an event waits for its place at most, where nobody said that there is one.
const EVERY: Duration = Duration::from_millis(300);

/// How long events gather before they are given their places together.
const GATHER: Duration = Duration::from_millis(20);

/// Events that are given their places in one transaction.
const AT_ONCE: i64 = 4096;

/// The number of the lock of PostgreSQL that the one who sequences holds: `palisade` in ASCII.
const LOCK: i64 = 0x7061_6c69_7361_6465;

/// Where the sealed seed of the key and the name of the log are kept.
const KEY: &str = "ledger_key";
pub(super) const ORIGIN: &str = "ledger_origin";

/// What the seed is sealed as.
const KEY_CONTEXT: &str = "key that signs the ledger";

/// The file of the state directory that holds the heads that this server signed or saw last.
const SEEN: &str = "ledger-heads";

/// What goes wrong with the log.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// No key can be made.
    #[error(transparent)]
    Random(#[from] random::RandomError),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// The file of events that wait for the database.
    #[error("the file beside the database in which events wait for it cannot be used")]
    Spill(#[source] std::io::Error),
    /// The key cannot be used.
    #[error("the ledger's key cannot be used: {0}")]
    Key(#[from] ledger::KeyError),
    /// It cannot be told how the log is.
    #[error("the ledger cannot be checked: {0}")]
    Unchecked(String),
    /// It cannot be told how much room there is.
    #[error("the file system of the database does not say how much room it has: {0}")]
    Unmeasured(String),
    /// Another process was faster; nothing is wrong.
    #[error("another server gives events their places now")]
    Overtaken,
    /// What the database holds is not what was signed. Nothing more is signed until somebody has looked.
    #[error(
        "the ledger {stream} is not what was signed before: {reason}; nothing is added to it until this is cleared up"
    )]
    Broken {
        /// Which stream.
        stream: &'static str,
        /// What does not fit.
        reason: String,
    },
}

impl LedgerError {
    pub(super) fn broken(stream: Stream, reason: impl Into<String>) -> Self {
        Self::Broken { stream: stream.as_str(), reason: reason.into() }
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The log of this server.
#[derive(Clone)]
pub(crate) struct Ledger(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) store: Store,
    keys: BTreeMap<&'static str, SigningKey>,
    pub(super) clock: Clock,
    pub(super) directory: PathBuf,
    wake: Notify,
    spill: Spill,
    state: Mutex<State>,
    pub(super) health: Health,
}

#[derive(Default)]
struct State {
    /// The right edges as this process left them.
    edges: BTreeMap<&'static str, Edge>,
    /// The heads that this process signed or saw last: what is signed next must extend them.
    seen: BTreeMap<&'static str, Head>,
    /// Why nothing can be added.
    broken: Option<String>,
    repeats: Repeats,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ledger").field("keys", &self.0.keys).finish_non_exhaustive()
    }
}

impl Ledger {
    /// The log in this database, begun when there is none. `place` is the address of this server without its scheme: the log is
    /// named after it once and for ever.
    ///
    /// # Errors
    /// When its key cannot be made, kept or opened, or the state directory cannot be used.
    pub(crate) async fn open(
        store: &Store,
        sealer: &Sealer,
        place: &str,
        directory: PathBuf,
        clock: Clock,
    ) -> Result<Self, LedgerError> {
        if store.setting(KEY).await?.is_none() {
            let seed: Zeroizing<[u8; 32]> = random::bytes()?;
            // Of two at once the first one's is kept, and read by both.
            store.set_setting(KEY, &sealer.seal(KEY_CONTEXT, seed.as_slice())?).await?;
        }
        if store.setting(ORIGIN).await?.is_none() {
            let random: Zeroizing<[u8; 16]> = random::bytes()?;
            let name = hex::encode(random.get(..4).unwrap_or_default());
            store.set_setting(ORIGIN, &format!("{place}/{name}")).await?;
        }
        let sealed = store.setting(KEY).await?.unwrap_or_default();
        let origin = store.setting(ORIGIN).await?.unwrap_or_default();
        let seed = sealer.open(KEY_CONTEXT, &sealed)?;
        let mut keys = BTreeMap::new();
        for stream in Stream::ALL {
            let name = format!("{origin}/{}", stream.as_str());
            keys.insert(stream.as_str(), SigningKey::of_log(&name, seed.expose_secret())?);
        }
        let seen = read_seen(&directory, &keys);
        let state = Mutex::new(State { seen, ..State::default() });
        let store = store.clone();
        let spill = Spill::of(&directory);
        Ok(Self(Arc::new(Inner {
            store,
            keys,
            clock,
            directory,
            wake: Notify::new(),
            spill,
            state,
            health: Health::default(),
        })))
    }

    /// Notes that the log begins, where nothing was ever noted.
    ///
    /// # Errors
    /// When the database does not take it.
    pub(crate) async fn begin(&self) -> Result<(), LedgerError> {
        let there: Option<i64> = sqlx::query_scalar(
            "select cast(1 as bigint) from ledger_heads union all select cast(1 as bigint) from ledger_pending limit 1",
        )
        .fetch_optional(self.0.store.reader())
        .await?;
        if there.is_some() {
            return Ok(());
        }
        let keys = self.0.keys.iter().map(|(name, key)| (*name, key.verifier().to_string()));
        self.tell(keys.fold(Said::done(Kind::LedgerBegun), |said, (name, key)| said.with(name, key))).await
    }

    /// The key that checks a stream.
    pub(crate) fn key(&self, stream: Stream) -> Option<&VerifierKey> {
        self.0.keys.get(stream.as_str()).map(SigningKey::verifier)
    }

    /// Why nothing may be done that must be noted; none: all is well.
    pub(crate) fn refuses(&self) -> Option<String> {
        self.state().broken.clone().or_else(|| self.is_full())
    }

    /// The head of a stream that this server signed or saw last.
    pub(super) fn seen(&self, stream: Stream) -> Option<Head> {
        self.state().seen.get(stream.as_str()).copied()
    }

    /// Says that something was noted.
    pub(crate) fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Notes what was not done; what goes on is counted, and told once in a while.
    ///
    /// # Errors
    /// When the database does not take it.
    pub(crate) async fn refuse(&self, said: Said) -> Result<(), LedgerError> {
        let event = said.event();
        let is_first = self.state().repeats.is_first(&event, self.0.clock.now());
        if is_first { self.put(vec![event]).await } else { Ok(()) }
    }

    /// Notes what belongs to no other transaction.
    ///
    /// # Errors
    /// When the database does not take it.
    pub(crate) async fn tell(&self, said: Said) -> Result<(), LedgerError> {
        self.put(vec![said.event()]).await
    }

    /// Puts what belongs to no other transaction behind the events that wait for their place; in a file while the database does not
    /// take it.
    async fn put(&self, events: Vec<Event>) -> Result<(), LedgerError> {
        let Err(error) = self.append(Stream::ManagementSystem, &events).await else { return Ok(()) };
        let inner = Arc::clone(&self.0);
        let put = tokio::task::spawn_blocking(move || {
            inner.spill.put(&events, "the database did not take it when it happened")
        })
        .await;
        match put.map_err(std::io::Error::other).and_then(|put| put) {
            Ok(()) => Ok(()),
            Err(spill) => {
                tracing::error!(error = %with_causes(&spill), "an event is neither in the database nor beside it");
                Err(error)
            }
        }
    }

    /// Puts the events that wait beside the database into it.
    async fn take_back(&self) -> Result<(), LedgerError> {
        let inner = Arc::clone(&self.0);
        let waiting = tokio::task::spawn_blocking(move || inner.spill.waiting()).await;
        let (waiting, length) =
            waiting.map_err(std::io::Error::other).and_then(|waiting| waiting).map_err(LedgerError::Spill)?;
        if length == 0 {
            return Ok(());
        }
        let mut events = Vec::new();
        for event in waiting {
            // Of a process that ended before it forgot them.
            if !reading::is_placed(&self.0.store, Stream::ManagementSystem, &event).await? {
                events.push(event);
            }
        }
        // What the command line left did not spill.
        let spilled = events.iter().filter(|event| event.actor.kind != ActorKind::Host).count();
        if spilled > 0 {
            events.push(Said::done(Kind::LedgerSpilled).with("events", spilled.to_string()).event());
        }
        self.append(Stream::ManagementSystem, &events).await?;
        let inner = Arc::clone(&self.0);
        let forgotten = tokio::task::spawn_blocking(move || inner.spill.forget(length)).await;
        forgotten.map_err(std::io::Error::other).and_then(|done| done).map_err(LedgerError::Spill)
    }

    /// Puts events of a stream behind those that wait for their place.
    ///
    /// # Errors
    /// When the database does not take them.
    pub(crate) async fn append(&self, stream: Stream, events: &[Event]) -> Result<(), LedgerError> {
        let mut transaction = self.0.store.writer().begin().await?;
        super::note::append(&mut transaction, stream, events).await?;
        transaction.commit().await?;
        self.wake();
        Ok(())
    }

    /// Gives events their places until the server stops, and then once more.
    pub(crate) async fn keep(&self, ended: CancellationToken) {
        let mut flushed = tokio::time::Instant::now();
        while !ended.is_cancelled() {
            tokio::select! {
                () = ended.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
                () = self.0.wake.notified() => tokio::time::sleep(GATHER).await,
            }
            if flushed.elapsed() >= FLUSH_EVERY {
                flushed = tokio::time::Instant::now();
                self.tell_repeats(false).await;
                if let Err(error) = self.take_back().await {
                    tracing::warn!(error = %with_causes(&error), "events wait beside the database; it is tried again");
                }
            }
            self.sequence_all().await;
        }
        self.tell_repeats(true).await;
        if let Err(error) = self.take_back().await {
            tracing::warn!(error = %with_causes(&error), "events wait beside the database for the next start");
        }
        self.sequence_all().await;
    }

    /// Tells what was counted.
    async fn tell_repeats(&self, all: bool) {
        let now = self.0.clock.now();
        let mut due = self.state().repeats.due(now, all);
        for event in &mut due {
            super::note::renew(event, now);
        }
        let count = due.len();
        if count > 0
            && let Err(error) = self.put(due).await
        {
            tracing::error!(error = %with_causes(&error), events = count, "refusals that were counted are not in the ledger");
        }
    }

    /// Gives all events that wait their places.
    pub(crate) async fn sequence_all(&self) {
        loop {
            match self.sequence().await {
                Ok(count) if count < usize::try_from(AT_ONCE).unwrap_or(usize::MAX) => return,
                Ok(_) => {}
                Err(LedgerError::Overtaken) => return,
                Err(error) => {
                    let is_broken = matches!(error, LedgerError::Broken { .. });
                    let text = error.to_string();
                    let mut state = self.state();
                    state.edges.clear();
                    if is_broken && state.broken.as_ref() != Some(&text) {
                        tracing::error!(error = %with_causes(&error), "nothing can be added to the ledger");
                        state.broken = Some(text);
                    } else if !is_broken {
                        tracing::warn!(error = %with_causes(&error), "events wait for their place in the ledger; it is tried again");
                    }
                    return;
                }
            }
        }
    }

    /// Gives events that wait their places; how many.
    ///
    /// # Errors
    /// [`LedgerError::Overtaken`] when another process does it; others when it cannot be done.
    async fn sequence(&self) -> Result<usize, LedgerError> {
        let waiting: Option<i64> = sqlx::query_scalar("select cast(1 as bigint) from ledger_pending limit 1")
            .fetch_optional(self.0.store.reader())
            .await?;
        if waiting.is_none() {
            return Ok(0);
        }
        let mut transaction = self.0.store.writer().begin().await?;
        if self.0.store.engine() == Engine::Postgres {
            let locked: i64 =
                sqlx::query_scalar("select case when pg_try_advisory_xact_lock($1) then 1 else 0 end::bigint")
                    .bind(LOCK)
                    .fetch_one(&mut *transaction)
                    .await?;
            if locked == 0 {
                return Err(LedgerError::Overtaken);
            }
        }
        let mut waiting: BTreeMap<Stream, Vec<String>> = BTreeMap::new();
        let mut ids = Vec::new();
        for row in rows::waiting(&mut transaction, AT_ONCE).await? {
            let stream = Stream::named(&row.log).ok_or_else(|| {
                LedgerError::broken(
                    Stream::ManagementSystem,
                    format!("an event waits for the unknown stream {}", row.log),
                )
            })?;
            waiting.entry(stream).or_default().push(row.entry);
            ids.push(row.id);
        }
        let now = self.0.clock.now();
        let mut edges = Vec::new();
        for (stream, entries) in &waiting {
            edges.push((*stream, self.extend(&mut transaction, *stream, entries, now).await?));
        }
        rows::remove(&mut transaction, &ids).await?;
        transaction.commit().await?;
        self.remember(edges)?;
        Ok(ids.len())
    }

    /// Appends entries to a stream, in a transaction; gives its new edge.
    async fn extend(
        &self,
        connection: &mut AnyConnection,
        stream: Stream,
        entries: &[String],
        now: Timestamp,
    ) -> Result<Edge, LedgerError> {
        let key = self.0.keys.get(stream.as_str()).ok_or(LedgerError::Overtaken)?;
        let kept = head::kept(connection, stream).await?;
        let before = kept.as_ref().map(|kept| kept.head);
        let mut edge = self.edge(connection, stream, kept, key).await?;
        let first = edge.size();
        let mut tiles: Vec<(u8, u64, Tile)> = Vec::new();
        for entry in entries {
            edge.push(ledger::record_hash(entry.as_bytes()), |level, number, tile| {
                tiles.push((level, number, tile.clone()));
            });
        }
        tiles.extend(edge.partial());
        rows::insert(connection, stream, first, entries).await?;
        for tile in &tiles {
            head::keep_tile(connection, stream, tile).await?;
        }
        let new = Head { size: edge.size(), root: edge.root() };
        head::keep(connection, stream, before, new, key, now).await?;
        Ok(edge)
    }

    /// The right edge of a stream, after it was seen that it is the one that was signed and extends what was seen before.
    async fn edge(
        &self,
        connection: &mut AnyConnection,
        stream: Stream,
        kept: Option<head::Kept>,
        key: &SigningKey,
    ) -> Result<Edge, LedgerError> {
        let (cached, seen) = {
            let state = self.state();
            (state.edges.get(stream.as_str()).cloned(), state.seen.get(stream.as_str()).copied())
        };
        let Some(kept) = kept else {
            return match seen {
                Some(seen) if seen.size > 0 => {
                    Err(LedgerError::broken(stream, format!("it had {} entries and is gone", seen.size)))
                }
                _ => Ok(Edge::default()),
            };
        };
        let is_ours = |edge: &Edge| edge.size() == kept.head.size && edge.root() == kept.head.root;
        if let Some(edge) = cached.filter(is_ours) {
            return Ok(edge);
        }
        let signed = kept.checkpoint.signed_by(key.verifier());
        signed.map_err(|error| LedgerError::broken(stream, format!("its checkpoint: {error}")))?;
        if kept.checkpoint.head() != kept.head {
            return Err(LedgerError::broken(stream, "its head is not the one that was signed"));
        }
        let edge = head::edge(connection, stream, kept.head.size).await?;
        if edge.root() != kept.head.root {
            return Err(LedgerError::broken(stream, "its tiles do not lead to the root that was signed"));
        }
        if let Some(seen) = seen {
            if seen.size > edge.size() {
                let reason = format!("it had {} entries and has {} now", seen.size, edge.size());
                return Err(LedgerError::broken(stream, reason));
            }
            if head::edge(connection, stream, seen.size).await?.root() != seen.root {
                let reason = format!("its first {} entries are not those that were there before", seen.size);
                return Err(LedgerError::broken(stream, reason));
            }
        }
        Ok(edge)
    }

    /// Keeps the new edges, and what was seen outside the database too.
    fn remember(&self, edges: Vec<(Stream, Edge)>) -> Result<(), LedgerError> {
        let mut state = self.state();
        for (stream, edge) in edges {
            state.seen.insert(stream.as_str(), Head { size: edge.size(), root: edge.root() });
            state.edges.insert(stream.as_str(), edge);
        }
        state.broken = None;
        let text: String = state.seen.iter().map(|(name, head)| seen_line(name, *head)).collect();
        drop(state);
        state::publish(&self.0.directory, SEEN, &text)?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The heads that this server signed or saw last; what cannot be read was never seen.
fn read_seen(
    directory: &std::path::Path,
    keys: &BTreeMap<&'static str, SigningKey>,
) -> BTreeMap<&'static str, Head> {
    let text = state::read_up_to(&directory.join(SEEN), 4096).unwrap_or_default();
    let known = |(name, head)| keys.get_key_value(name).map(|(name, _)| (*name, head));
    seen_in(&text).filter_map(known).collect()
}

/// What is written of a head.
pub(crate) fn seen_line(name: &str, head: Head) -> String {
    format!("{name} {} {}\n", head.size, hex::encode(head.root.0))
}

/// The heads that a text names; lines that name none are left out.
pub(crate) fn seen_in(text: &str) -> impl Iterator<Item = (&str, Head)> {
    text.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (name, size, root) = (words.next()?, words.next()?.parse().ok()?, hex::decode(words.next()?).ok()?);
        Some((name, Head { size, root: ledger::Hash(root.try_into().ok()?) }))
    })
}
