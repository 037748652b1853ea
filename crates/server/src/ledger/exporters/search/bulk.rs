//! Requests of many entries as OpenSearch takes them, and what it answers of each.

use jiff::Timestamp;
use ledger::{Actor, Subject};
use serde::{Deserialize, Serialize};

use crate::ledger::{Placed, Stream};

/// What is asked of the answer: of each item its identifier, its status, and why it was not taken.
pub(super) const QUERY: &str = "filter_path=items.*._id,items.*.status,items.*.error.type,items.*.error.reason";

/// Bytes of an answer at most: of each entry a status, and why it was not taken.
pub(crate) const MOST_ANSWER: usize = 4 * 1024 * 1024;

/// Characters of a reason that are kept.
const LONGEST_REASON: usize = 200;

/// How much an entry says as a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Its parts as fields.
    Whole,
    /// Where it stands, and its text: nothing that could be of another type than the index has.
    Bare,
}

/// An entry as a document.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: Timestamp,
    log: &'a str,
    stream: &'a str,
    position: u64,
    /// The bytes that are hashed.
    entry: &'a str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    fields: Option<Fields<'a>>,
}

/// Its parts.
#[derive(Serialize)]
struct Fields<'a> {
    id: &'a str,
    event: &'a str,
    category: &'a str,
    result: &'a str,
    actor: &'a Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<&'a Subject>,
    /// `name=value`: whatever is told of an event, these are texts of one field.
    details: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<&'a str>,
    times: u64,
}

/// What an entry is called in an index: sent again, it is the same document.
pub(super) fn identifier(stream: Stream, position: u64) -> String {
    format!("{}-{position}", stream.as_str())
}

/// The name of an index, with what stands in braces replaced.
pub(super) fn index(pattern: &str, stream: Stream, time: Timestamp) -> String {
    let date = time.strftime("%Y.%m.%d").to_string();
    pattern.replace("{stream}", stream.as_str()).replace("{date}", &date)
}

/// The body of a request: for each entry a line that says what to do and a line with the document.
pub(super) fn body(
    pattern: &str,
    log: &str,
    stream: Stream,
    entries: &[&Placed],
    form: Form,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = Vec::new();
    for placed in entries {
        let event = &placed.event;
        let (index, id) = (index(pattern, stream, event.time), identifier(stream, placed.position));
        // `create` leaves a document that is there as it is, and says so.
        serde_json::to_writer(&mut body, &serde_json::json!({"create": {"_index": index, "_id": id}}))?;
        body.push(b'\n');
        let fields = || Fields {
            id: &event.id,
            event: &event.event,
            category: &event.category,
            result: event.result.as_str(),
            actor: &event.actor,
            from: event.from.as_deref(),
            on: event.on.as_ref(),
            details: event.details.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            correlation: event.correlation.as_deref(),
            times: event.times,
        };
        let document = Document {
            timestamp: event.time,
            log,
            stream: stream.as_str(),
            position: placed.position,
            entry: &placed.entry,
            fields: (form == Form::Whole).then(fields),
        };
        serde_json::to_writer(&mut body, &document)?;
        body.push(b'\n');
    }
    Ok(body)
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// It is there, now or already.
    Taken,
    /// There is too much to do, or a part is missing just now.
    Later {
        /// The status.
        status: u16,
        /// What is said of it.
        why: String,
    },
    /// The document does not fit the index.
    IllFormed {
        /// What is said of it, with the status.
        why: String,
    },
    /// It may not be there, or the index may not.
    Refused {
        /// What is said of it, with the status.
        why: String,
    },
}

/// Why an answer is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    /// No JSON of a bulk answer.
    #[error("the answer is not the JSON of a bulk answer")]
    Json(#[from] serde_json::Error),
    /// It tells of more or fewer entries than were sent.
    #[error("the answer tells of {told} entries, and {sent} were sent")]
    Count {
        /// So many.
        told: usize,
        /// So many.
        sent: usize,
    },
    /// It tells of another entry.
    #[error("the answer tells of another entry than the one that was sent in place {0}")]
    Other(usize),
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<Told>,
}

/// What was done is named by the key; nothing but `create` was asked for.
#[derive(Deserialize)]
struct Told {
    create: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(rename = "_id", default)]
    id: Option<String>,
    status: u16,
    #[serde(default)]
    error: Option<Why>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Why {
    #[serde(rename = "type")]
    kind: Option<String>,
    reason: Option<String>,
}

impl Outcome {
    fn item(self) -> Item {
        let error = self.error.unwrap_or_default();
        let parts: Vec<String> = [error.kind, error.reason].into_iter().flatten().collect();
        let why = short(&parts.join(", "));
        match self.status {
            // The one that is there was made of the same entry.
            200..=299 | 409 => Item::Taken,
            status @ (408 | 429 | 500..=599) => Item::Later { status, why },
            400 => Item::IllFormed { why: format!("status 400{why}") },
            status => Item::Refused { why: format!("status {status}{why}") },
        }
    }
}

/// What the answer tells of each of the entries with these identifiers, in their order.
///
/// # Errors
/// When it is no such answer. Nothing is known of any entry then.
pub(crate) fn answer(bytes: &[u8], identifiers: &[String]) -> Result<Vec<Item>, AnswerError> {
    let answer: Answer = serde_json::from_slice(bytes)?;
    if answer.items.len() != identifiers.len() {
        return Err(AnswerError::Count { told: answer.items.len(), sent: identifiers.len() });
    }
    let mut items = Vec::with_capacity(identifiers.len());
    for (place, (told, sent)) in answer.items.into_iter().zip(identifiers).enumerate() {
        if told.create.id.as_ref().is_some_and(|id| id != sent) {
            return Err(AnswerError::Other(place));
        }
        items.push(told.create.item());
    }
    Ok(items)
}

/// What a server says, made harmless and short, after a separator; nothing where it says nothing.
pub(crate) fn short(text: &str) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_control()).take(LONGEST_REASON).collect();
    if text.is_empty() { text } else { format!(": {text}") }
}

#[cfg(test)]
mod tests;
