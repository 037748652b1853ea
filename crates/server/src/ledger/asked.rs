//! What somebody asks of the ledger, in the words of addresses: which stream, which entries, from when to when.

use std::net::IpAddr;

use ::ledger::{Category, Kind as EventKind, Outcome};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::{Filter, Stream, find, newest, standing};
use crate::api::problem::{Failure, Field, Kind};
use crate::app::App;
use crate::identity::users;
use crate::ledger::Placed;

/// Declares a query that asks for entries, with more fields of its own: a query is one flat struct, so that a word that is misspelt is
/// told and not ignored.
macro_rules! asks {
    ($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            /// Of this user, or of a token of theirs: a user name or an identifier.
            #[serde(default)]
            pub(crate) actor: String,
            /// Done to this: the identifier of a user, role, session, ..., or a user name.
            #[serde(default)]
            pub(crate) subject: String,
            /// From this IP address.
            #[serde(default)]
            pub(crate) address: String,
            /// Of this kind, as `/api/v1/ledger/events` names it.
            #[serde(default)]
            pub(crate) event: String,
            /// Of this category, as `/api/v1/ledger/events` names it.
            #[serde(default)]
            pub(crate) category: String,
            /// That ended so: `success`, `refused` or `failed`.
            #[serde(default)]
            pub(crate) result: String,
            /// Of the request with this identifier (`x-request-id`).
            #[serde(default)]
            pub(crate) correlation: String,
            /// Not before: RFC 3339, or a date, or a date and time of day.
            #[serde(default)]
            pub(crate) since: String,
            /// Before: RFC 3339, or a date (the whole day is in), or a date and time of day.
            #[serde(default)]
            pub(crate) until: String,
            $($(#[$field_about])* #[serde(default)] pub(crate) $field: $kind,)*
        }

        impl $name {
            /// Which entries.
            pub(crate) fn words(&self) -> $crate::ledger::asked::Words {
                $crate::ledger::asked::Words {
                    actor: self.actor.clone(),
                    subject: self.subject.clone(),
                    address: self.address.clone(),
                    event: self.event.clone(),
                    category: self.category.clone(),
                    result: self.result.clone(),
                    correlation: self.correlation.clone(),
                    since: self.since.clone(),
                    until: self.until.clone(),
                }
            }
        }
    };
}
pub(crate) use asks;

/// Which entries. What is empty asks for nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    pub(crate) actor: String,
    pub(crate) subject: String,
    pub(crate) address: String,
    pub(crate) event: String,
    pub(crate) category: String,
    pub(crate) result: String,
    pub(crate) correlation: String,
    pub(crate) since: String,
    pub(crate) until: String,
}

impl Words {
    /// As a query has them, those that ask for nothing left out.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("actor", &self.actor),
            ("subject", &self.subject),
            ("address", &self.address),
            ("event", &self.event),
            ("category", &self.category),
            ("result", &self.result),
            ("correlation", &self.correlation),
            ("since", &self.since),
            ("until", &self.until),
        ];
        all.into_iter()
            .map(|(name, value)| (name, value.as_str()))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// The filter that they make; times without a zone are of this one.
    ///
    /// # Errors
    /// A time that is none, or the database does not answer.
    pub(crate) async fn filter(&self, app: &App, zone: &TimeZone) -> Result<Filter, Failure> {
        let mut wrong = Vec::new();
        let mut time = |name: &str, text: &str, end| match time(text, zone, end) {
            Ok(time) => time,
            Err(why) => {
                wrong.push(Field { name: name.to_owned(), why: why.to_owned() });
                None
            }
        };
        let (since, until) = (time("since", &self.since, false), time("until", &self.until, true));
        if let (Some(since), Some(until)) = (since, until)
            && until <= since
        {
            wrong.push(Field {
                name: "until".to_owned(),
                why: "nothing is before it and after `since`".to_owned(),
            });
        }
        let kinds = EventKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>();
        let categories = Category::ALL.map(Category::as_str);
        let results = [Outcome::Success, Outcome::Refused, Outcome::Failed].map(Outcome::as_str);
        for (name, text, known) in [
            ("event", &self.event, kinds.as_slice()),
            ("category", &self.category, &categories),
            ("result", &self.result, &results),
        ] {
            wrong.extend(unknown(name, text, known));
        }
        let address = match self.address.trim() {
            "" => String::new(),
            text => text.parse::<IpAddr>().map(|address| address.to_string()).unwrap_or_else(|_| {
                wrong.push(Field { name: "address".to_owned(), why: "this is no IP address".to_owned() });
                String::new()
            }),
        };
        if !wrong.is_empty() {
            let what = "what is asked for cannot be in the ledger";
            return Err(Failure::new(Kind::Unprocessable, what).with_fields(wrong));
        }
        Ok(Filter {
            actor: identified(app, &self.actor).await?,
            subject: identified(app, &self.subject).await?,
            address,
            event: self.event.clone(),
            category: self.category.clone(),
            result: self.result.clone(),
            correlation: self.correlation.trim().to_owned(),
            since,
            until,
        })
    }
}

/// Why a word is none of those that there are.
fn unknown(name: &str, text: &str, known: &[&str]) -> Option<Field> {
    if text.is_empty() || known.contains(&text) {
        return None;
    }
    let near = known.iter().min_by_key(|word| strsim::damerau_levenshtein(word, text)).unwrap_or(&"");
    Some(Field { name: name.to_owned(), why: format!("`{}` is none; is `{near}` meant?", text.escape_debug()) })
}

/// The identifier of the user of that name, or of the last one that had it; the text itself where there is none.
async fn identified(app: &App, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    if let Some(user) = users::by_name(app.store(), text).await? {
        return Ok(user.id);
    }
    let gone = Filter { event: EventKind::UserDeleted.as_str().to_owned(), ..Filter::default() };
    let gone = newest(app.store(), Stream::ManagementSystem, &gone).await?;
    let key = users::name_key(text);
    let mut subjects = gone.into_iter().filter_map(|placed| placed.event.on);
    let subject = subjects.find(|on| on.name.as_deref().is_some_and(|name| users::name_key(name) == key));
    Ok(subject.and_then(|on| on.id).unwrap_or_else(|| text.to_owned()))
}

/// A time as people and programs write it; a day's `end` is the beginning of the next one.
fn time(text: &str, zone: &TimeZone, end: bool) -> Result<Option<Timestamp>, &'static str> {
    const WHY: &str = "write it as 2026-11-22, 2026-11-22T19:40 or 2026-11-22T19:40:00Z";
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Some(time));
    }
    let civil = match (text.len() <= 10).then(|| text.parse::<Date>().ok()).flatten() {
        Some(date) if end => date.tomorrow().map_err(|_| WHY)?.to_datetime(jiff::civil::Time::midnight()),
        Some(date) => date.to_datetime(jiff::civil::Time::midnight()),
        None => text.parse::<DateTime>().map_err(|_| WHY)?,
    };
    let zoned = civil.to_zoned(zone.clone()).map_err(|_| WHY)?;
    Ok(Some(zoned.timestamp()))
}

/// The stream of that name.
///
/// # Errors
/// There is none.
pub(crate) fn stream(name: &str) -> Result<Stream, Failure> {
    Stream::named(name).ok_or_else(|| {
        let names = Stream::ALL.map(Stream::as_str).join(", ");
        Failure::new(Kind::NotFound, format!("the ledger has no such stream; it has {names}"))
    })
}

/// One entry at the place that an address names.
///
/// # Errors
/// There is none, or it was removed after its retention.
pub(crate) async fn entry(app: &App, stream: Stream, position: &str) -> Result<Placed, Failure> {
    let nothing = || Failure::new(Kind::NotFound, "the ledger has no such entry");
    // One name for one entry.
    let place: u64 =
        position.parse().ok().filter(|place: &u64| place.to_string() == position).ok_or_else(nothing)?;
    if i64::try_from(place).is_err() {
        return Err(nothing());
    }
    if let Some(placed) = find(app.store(), stream, place).await? {
        return Ok(placed);
    }
    match standing(app.store(), stream).await? {
        Some(standing) if place < standing.first_kept => {
            let detail = format!(
                "the entry {place} was removed after its retention; the first one that is kept is {}. Its hash is still in the tree",
                standing.first_kept
            );
            Err(Failure::new(Kind::Gone, detail))
        }
        _ => Err(nothing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let read = |text, end| time(text, &zone, end).map(|time| time.map(|time| time.to_string()));
        for (text, end, expected) in [
            ("2026-11-22", false, "2026-11-21T23:00:00Z"),
            ("2026-11-22", true, "2026-11-22T23:00:00Z"),
            ("2026-11-22T19:40", true, "2026-11-22T18:40:00Z"),
            (" 2026-11-22T19:40:00Z ", false, "2026-11-22T19:40:00Z"),
        ] {
            assert_eq!(read(text, end), Ok(Some(expected.to_owned())), "{text}");
        }
        assert_eq!(read("", false), Ok(None));
        for text in ["yesterday", "2026-13-01", "9999-12-31", "1"] {
            assert!(read(text, true).is_err(), "{text}");
        }
    }
}
