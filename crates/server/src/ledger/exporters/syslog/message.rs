//! One entry as a message of syslog (RFC 5424), framed by its length (RFC 5425, 4.3).
//!
//! Written here and not by a crate: those that there are write no byte order mark, or bring a transport without TLS.

use ledger::Outcome;

use crate::ledger::{Placed, Stream};

/// Log audit (RFC 5424, 6.2.1).
const FACILITY: u8 = 13;

/// What writes the messages.
const PROGRAM: &str = "palisade";

/// The identifier of our structured data. 32473 is the enterprise number for documentation (RFC 5612): Palisade has none of its own.
pub(crate) const SD_ID: &str = "palisade@32473";

/// What says that the message is UTF-8 (RFC 5424, 6.4).
const MARK: char = '\u{feff}';

/// Characters of a host name and of a MSGID at most.
const LONGEST_HOST: usize = 255;
const LONGEST_MSGID: usize = 32;

/// Characters of a value of the structured data at most; ours are far shorter.
const LONGEST_VALUE: usize = 255;

/// Appends an entry as a framed message.
pub(crate) fn frame(host: &str, log: &str, stream: Stream, placed: &Placed, into: &mut Vec<u8>) {
    let message = message(host, log, stream, placed);
    into.extend_from_slice(message.len().to_string().as_bytes());
    into.push(b' ');
    into.extend_from_slice(message.as_bytes());
}

/// An entry as a message.
fn message(host: &str, log: &str, stream: Stream, placed: &Placed) -> String {
    let event = &placed.event;
    let priority = FACILITY * 8 + severity(event.result);
    let (log, stream, position, id) = (value(log), value(stream.as_str()), placed.position, value(&event.id));
    let mut text = format!(
        "<{priority}>1 {time} {host} {PROGRAM} - {kind} \
         [{SD_ID} log=\"{log}\" stream=\"{stream}\" position=\"{position}\" id=\"{id}\"] {MARK}",
        time = time(event.time),
        host = token(host, LONGEST_HOST),
        kind = token(&event.event, LONGEST_MSGID),
    );
    // Our entries hold no control character as it is. Where somebody changed one, blanks stand between its parts: JSON that means the
    // same, and no line of a file of the receiver's begins within it.
    text.extend(placed.entry.chars().map(|letter| if letter < ' ' { ' ' } else { letter }));
    text
}

/// How grave it is: informational, warning, error.
fn severity(result: Outcome) -> u8 {
    match result {
        Outcome::Success => 6,
        Outcome::Refused => 4,
        Outcome::Failed => 3,
    }
}

/// A time with milliseconds, in UTC; none for years that RFC 3339 does not know.
fn time(time: jiff::Timestamp) -> String {
    let text = time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let is_known = text.len() == "2026-11-23T04:05:06.789Z".len() && !text.starts_with('-');
    if is_known { text } else { "-".to_owned() }
}

/// Printable ASCII without blanks; a hyphen where nothing of it is left.
fn token(text: &str, most: usize) -> String {
    let text: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// The value of a parameter, with what would end it escaped (RFC 5424, 6.3.3) and what is no text left out.
fn value(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for letter in text.chars().filter(|letter| !letter.is_control()).take(LONGEST_VALUE) {
        if matches!(letter, '"' | '\\' | ']') {
            value.push('\\');
        }
        value.push(letter);
    }
    value
}

#[cfg(test)]
mod tests;
