//! What one entry says: who, from where, what, on what, with which result, when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// Bytes of one entry at most: what an entry bundle can tell the length of.
pub const LONGEST: usize = 65_535;

/// Characters of one value at most; what is longer is cut and ends in an ellipsis.
const LONGEST_VALUE: usize = 500;

/// Details of one event at most.
const MOST_DETAILS: usize = 32;

/// One thing that happened. As JSON it is the entry, byte by byte: names are short and never change their meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// An identifier of its own: 32 hexadecimal digits, ascending with time.
    pub id: String,
    /// When it happened, by the clock of who tells it; RFC 3339 with milliseconds.
    pub time: Timestamp,
    /// What happened: a name of the catalogue.
    pub event: String,
    /// Its category, as IEC 62443-4-2 CR 2.8 names them.
    pub category: String,
    /// How it ended.
    pub result: Outcome,
    /// Who did it.
    pub actor: Actor,
    /// The IP address it came from; none: from within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Subject>,
    /// What else is worth knowing, by name. Never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    /// What else belongs to it: the identifier of the request, as the answer's `x-request-id` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<String>,
    /// How often it happened, where the same was told once for many.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub times: u64,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was not allowed.
    Refused,
    /// It was allowed, and could not be done.
    Failed,
}

impl Outcome {
    /// As entries name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// What they are.
    pub kind: ActorKind,
    /// Their identifier; none: nobody who is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Their name at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What somebody who does something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    /// A user in a session.
    User,
    /// A user's API token.
    Token,
    /// Nobody who has said who they are, or who was believed.
    Nobody,
    /// The Management System itself.
    System,
    /// Somebody at the command line of a host.
    Host,
    /// A node.
    Node,
}

impl ActorKind {
    /// As entries name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Token => "token",
            Self::Nobody => "nobody",
            Self::System => "system",
            Self::Host => "host",
            Self::Node => "node",
        }
    }
}

/// What it was done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// What it is: `user`, `role`, `session`, ...
    pub kind: String,
    /// Its identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Why text is no event, or an event no entry.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not the JSON of an event.
    #[error("the entry is not an event of this product")]
    Json(#[from] serde_json::Error),
    /// Too long for an entry.
    #[error("the event has {0} bytes; an entry may have {LONGEST}")]
    TooLong(usize),
}

impl Actor {
    /// Somebody of this kind who is not known by name.
    pub fn unnamed(kind: ActorKind) -> Self {
        Self { kind, id: None, name: None }
    }
}

impl Event {
    /// An event of this kind that succeeded, of the system itself, with nothing else to say.
    pub fn new(id: String, time: Timestamp, kind: Kind) -> Self {
        Self {
            id,
            // Entries tell milliseconds; what is kept is what was written.
            time: Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time),
            event: kind.as_str().to_owned(),
            category: kind.category().as_str().to_owned(),
            result: Outcome::Success,
            actor: Actor::unnamed(ActorKind::System),
            from: None,
            on: None,
            details: BTreeMap::new(),
            correlation: None,
            times: 1,
        }
    }

    /// The bytes of the entry. Values are cut to a bounded length.
    ///
    /// # Errors
    /// When even so it is too long.
    pub fn to_entry(&self) -> Result<Vec<u8>, EventError> {
        let bytes = serde_json::to_vec(&self.bounded())?;
        if bytes.len() > LONGEST { Err(EventError::TooLong(bytes.len())) } else { Ok(bytes) }
    }

    /// The event of an entry.
    ///
    /// # Errors
    /// When it is not one.
    pub fn from_entry(bytes: &[u8]) -> Result<Self, EventError> {
        if bytes.len() > LONGEST {
            return Err(EventError::TooLong(bytes.len()));
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    fn bounded(&self) -> Self {
        let name = |text: &Option<String>| text.as_deref().map(cut);
        Self {
            actor: Actor { kind: self.actor.kind, id: name(&self.actor.id), name: name(&self.actor.name) },
            from: name(&self.from),
            on: self.on.as_ref().map(|on| Subject {
                kind: cut(&on.kind),
                id: name(&on.id),
                name: name(&on.name),
            }),
            details: self
                .details
                .iter()
                .take(MOST_DETAILS)
                .map(|(key, value)| (cut(key), cut(value)))
                .collect(),
            correlation: name(&self.correlation),
            ..self.clone()
        }
    }
}

/// At most so many characters, none of which moves the cursor of a terminal.
fn cut(text: &str) -> String {
    let mut kept: String = text.chars().take(LONGEST_VALUE).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    kept
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(times: &u64) -> bool {
    *times == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        let mut event =
            Event::new("00".repeat(16), "2026-11-23T04:05:06.789123Z".parse().unwrap(), Kind::UserDeleted);
        event.actor = Actor { kind: ActorKind::User, id: Some("u1".to_owned()), name: Some("eva".to_owned()) };
        event.on =
            Some(Subject { kind: "user".to_owned(), id: Some("u2".to_owned()), name: Some("ida".to_owned()) });
        event
    }

    #[test]
    fn an_entry_is_the_json_that_auditors_read() {
        let entry = String::from_utf8(event().to_entry().unwrap()).unwrap();
        assert_eq!(
            entry,
            "{\"id\":\"00000000000000000000000000000000\",\"time\":\"2026-11-23T04:05:06.789Z\",\"event\":\"user.deleted\",\
             \"category\":\"configuration-change\",\"result\":\"success\",\"actor\":{\"kind\":\"user\",\"id\":\"u1\",\"name\":\"eva\"},\
             \"on\":{\"kind\":\"user\",\"id\":\"u2\",\"name\":\"ida\"}}"
        );
        assert_eq!(Event::from_entry(entry.as_bytes()).unwrap(), event());
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let mut event = event();
        event.actor.name = Some("ä".repeat(100_000));
        event.details = (0..100).map(|number| (format!("{number:03}"), "x".repeat(10_000))).collect();
        let entry = event.to_entry().unwrap();
        let read = Event::from_entry(&entry).unwrap();
        assert_eq!(read.actor.name, Some("ä".repeat(LONGEST_VALUE) + "…"));
        assert_eq!(read.details.len(), MOST_DETAILS);
        assert!(read.details.values().all(|value| value.ends_with('…')));
    }

    #[test]
    fn what_is_no_event_is_an_error() {
        for text in ["", "{}", "[]", "{\"id\":1}", "\u{0}"] {
            assert!(Event::from_entry(text.as_bytes()).is_err(), "{text}");
        }
        assert!(matches!(Event::from_entry(&vec![b' '; LONGEST + 1]), Err(EventError::TooLong(_))));
    }
}
