//! Noting what happens, in the transaction that does it: either both are kept, or neither.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, Ordering};

use jiff::Timestamp;
use ledger::{Actor, ActorKind, Event, Kind, Outcome, Subject};
use serde::Serialize;
use sqlx::AnyConnection;

use super::{Asker, Stream};
use crate::clock::Clock;
use crate::identity::users::User;
use crate::store::{StoreError, elements, json};

/// Events of one statement: a value of half a megabyte or so.
const AT_ONCE: usize = 1000;

/// What is said of something that happened; who, from where and when is known of the request.
#[derive(Clone, Debug)]
#[must_use = "an event that is not noted is in no log"]
pub(crate) struct Said {
    kind: Kind,
    result: Outcome,
    by: Option<Actor>,
    on: Option<Subject>,
    details: BTreeMap<String, String>,
}

impl Said {
    /// It was done.
    pub(crate) fn done(kind: Kind) -> Self {
        Self { kind, result: Outcome::Success, by: None, on: None, details: BTreeMap::new() }
    }

    /// It was not allowed.
    pub(crate) fn refused(kind: Kind) -> Self {
        Self { result: Outcome::Refused, ..Self::done(kind) }
    }

    /// It was allowed, and could not be done.
    pub(crate) fn failed(kind: Kind) -> Self {
        Self { result: Outcome::Failed, ..Self::done(kind) }
    }

    /// This user did it, who had not been known when the request came.
    pub(crate) fn by(mut self, user: &User) -> Self {
        let (id, name) = (Some(user.id.clone()), Some(user.name.clone()));
        self.by = Some(Actor { kind: ActorKind::User, id, name });
        self
    }

    /// It was done to this.
    pub(crate) fn on(mut self, kind: &str, id: &str, name: Option<&str>) -> Self {
        let id = Some(id.to_owned()).filter(|id| !id.is_empty());
        self.on = Some(Subject { kind: kind.to_owned(), id, name: name.map(str::to_owned) });
        self
    }

    /// It was done to this user.
    pub(crate) fn on_user(self, user: &User) -> Self {
        self.on("user", &user.id, Some(&user.name))
    }

    /// What else is worth knowing. Never a secret.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// The event that it becomes.
    pub(super) fn event(self) -> Event {
        let asker = Asker::current();
        let now = asker.as_ref().map_or_else(|| Clock::default().now(), Asker::now);
        let mut event = Event::new(id(now), now, self.kind);
        event.result = self.result;
        event.actor = self
            .by
            .or_else(|| asker.as_ref().map(Asker::actor))
            .unwrap_or_else(|| Actor::unnamed(ActorKind::System));
        event.on = self.on;
        event.details = self.details;
        if let Some(asker) = asker {
            event.from = asker.from().map(str::to_owned);
            event.correlation = asker.correlation().map(str::to_owned);
            if event.actor.kind == ActorKind::Token {
                event.details.extend(asker.token().map(|token| ("token".to_owned(), token)));
            }
            asker.noted(self.result != Outcome::Success);
        }
        event
    }
}

/// Notes in a transaction what happens in it.
///
/// # Errors
/// When the database does not take it; the act must not be done then.
pub(crate) async fn note(connection: &mut AnyConnection, said: Said) -> Result<(), StoreError> {
    append(connection, Stream::ManagementSystem, &[said.event()]).await
}

/// Puts events behind those that wait for their place in this stream; one that is there already is left as it is.
///
/// # Errors
/// When the database does not take them.
pub(super) async fn append(
    connection: &mut AnyConnection,
    stream: Stream,
    events: &[Event],
) -> Result<(), StoreError> {
    for events in events.chunks(AT_ONCE) {
        let rows = events.iter().map(|event| Waiting::of(stream, event)).collect::<Result<Vec<_>, _>>()?;
        // With `where`, SQLite takes `on` for the conflict.
        let text = format!(
            "insert into ledger_pending (id, log, entry)
             select value ->> 'id', value ->> 'log', value ->> 'entry' from {} where true
             on conflict (id) do nothing",
            elements(connection)
        );
        sqlx::query(sqlx::AssertSqlSafe(text)).bind(json(&rows)?).execute(&mut *connection).await?;
    }
    Ok(())
}

/// A row of an event that waits for its place.
#[derive(Serialize)]
struct Waiting<'a> {
    id: &'a str,
    log: &'static str,
    entry: String,
}

impl<'a> Waiting<'a> {
    fn of(stream: Stream, event: &'a Event) -> Result<Self, sqlx::Error> {
        let entry = event.to_entry().map_err(|error| sqlx::Error::Encode(error.into()))?;
        let entry = String::from_utf8(entry).map_err(|error| sqlx::Error::Encode(error.into()))?;
        Ok(Self { id: &event.id, log: stream.as_str(), entry })
    }
}

/// Gives an event that happened before another identifier and the time now.
pub(super) fn renew(event: &mut Event, now: Timestamp) {
    event.id = id(now);
    event.time = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
    event.correlation = None;
}

/// An identifier that ascends with time, and within a millisecond with what this process notes.
fn id(now: Timestamp) -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let milliseconds = now.as_millisecond().max(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    // Without random numbers the server is about to stop anyway.
    let random = getrandom::u64().unwrap_or_default();
    format!("{milliseconds:012x}{next:04x}{random:016x}")
}
