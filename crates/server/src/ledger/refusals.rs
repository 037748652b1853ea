//! What was not done: told once where it happens, and counted where it goes on.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use ledger::{Event, Kind};

use super::note::Said;
use crate::api::problem::{Failure, Kind as Problem};

/// For how long the same refusal is counted before it is told again.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// How often what was counted is told.
pub(super) const FLUSH_EVERY: Duration = Duration::from_secs(15);

/// Different refusals that are counted at the same time; others are counted together.
const MOST: usize = 1024;

/// What there is to say of an answer that is none of what was asked for.
pub(crate) fn of_answer(
    method: &Method,
    route: &str,
    status: StatusCode,
    failure: Option<&Failure>,
) -> Option<Said> {
    let is_write = !method.is_safe();
    let word = failure.map_or("", |failure| failure.problem().kind);
    let kind = match status {
        // Who looks without being logged in is shown the door; that is how a login begins.
        StatusCode::UNAUTHORIZED
            if !is_write && word == Problem::NotLoggedIn.word() && !route.starts_with("/api/") =>
        {
            return None;
        }
        StatusCode::FORBIDDEN if !is_write && word == Problem::Pending.word() => return None,
        // A log that does not know how far a witness is asks so: that is how the protocol begins.
        StatusCode::CONFLICT if route.ends_with("/add-checkpoint") => return None,
        StatusCode::TOO_MANY_REQUESTS if word == Problem::TooMany.word() => Kind::AttemptsBlocked,
        StatusCode::UNAUTHORIZED if word == Problem::WrongCredential.word() => Kind::CredentialRefused,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Kind::AccessRefused,
        status if status.is_server_error() => Kind::RequestFailed,
        status if status.is_client_error() && is_write => Kind::RequestRefused,
        _ => return None,
    };
    let said = if kind == Kind::RequestFailed { Said::failed(kind) } else { Said::refused(kind) };
    let said = said.on("route", &format!("{method} {route}"), None).with("status", status.as_str());
    Some(if word.is_empty() { said } else { said.with("reason", word) })
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    counted: HashMap<String, Counted>,
}

#[derive(Debug)]
struct Counted {
    since: Timestamp,
    /// Beside the one that was told.
    more: u64,
    event: Event,
}

impl Repeats {
    /// Whether this event is to be told now: the first of its kind. Others are counted.
    pub(super) fn is_first(&mut self, event: &Event, now: Timestamp) -> bool {
        let key = key(event);
        let key = if self.counted.len() < MOST || self.counted.contains_key(&key) {
            key
        } else {
            event.event.clone()
        };
        if let Some(counted) = self.counted.get_mut(&key)
            && now.duration_since(counted.since) < WINDOW
        {
            counted.more += 1;
            return false;
        }
        self.counted.insert(key, Counted { since: now, more: 0, event: event.clone() });
        true
    }

    /// What was counted and is to be told now; everything when the server stops.
    pub(super) fn due(&mut self, now: Timestamp, all: bool) -> Vec<Event> {
        let mut due = Vec::new();
        self.counted.retain(|_, counted| {
            let is_over = all || now.duration_since(counted.since) >= WINDOW;
            if is_over && counted.more > 0 {
                let mut event = counted.event.clone();
                event.times = counted.more;
                due.push(event);
            }
            !is_over
        });
        due
    }
}

/// What makes two refusals the same.
fn key(event: &Event) -> String {
    let on = event.on.as_ref().and_then(|on| on.id.as_deref()).unwrap_or_default();
    let actor = event.actor.id.as_deref().unwrap_or_default();
    let from = event.from.as_deref().unwrap_or_default();
    let details: Vec<&str> = event.details.values().map(String::as_str).collect();
    serde_json::json!([event.event, actor, from, on, details]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(from: &str, seconds: i64) -> Event {
        let time = Timestamp::from_second(seconds).unwrap();
        let mut event = Event::new(String::new(), time, Kind::AccessRefused);
        event.from = Some(from.to_owned());
        event
    }

    #[test]
    fn the_first_is_told_at_once_and_what_follows_is_counted() {
        let mut repeats = Repeats::default();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert!(repeats.is_first(&event("192.0.2.1", 0), at(0)));
        assert!(repeats.is_first(&event("192.0.2.2", 0), at(0)));
        for second in 1..50 {
            assert!(!repeats.is_first(&event("192.0.2.1", second), at(second)));
        }
        assert!(repeats.due(at(59), false).is_empty());
        let due = repeats.due(at(60), false);
        assert_eq!(
            due.iter().map(|event| (event.from.as_deref(), event.times)).collect::<Vec<_>>(),
            [(Some("192.0.2.1"), 49)]
        );
        assert!(repeats.is_first(&event("192.0.2.1", 61), at(61)));
        assert!(repeats.due(at(62), true).is_empty());
    }

    #[test]
    fn a_crowd_takes_bounded_room_and_none_of_it_is_lost() {
        let mut repeats = Repeats::default();
        let now = Timestamp::UNIX_EPOCH;
        let told = (0..5000).filter(|number| repeats.is_first(&event(&format!("host{number}"), 0), now)).count()
            as u64;
        assert!(repeats.counted.len() <= MOST + 1);
        let counted: u64 = repeats.due(now, true).iter().map(|event| event.times).sum();
        assert_eq!(told + counted, 5000);
    }

    #[test]
    fn each_answer_has_its_event() {
        let said = |method: Method, route, status, kind: Option<Problem>| {
            let failure = kind.map(|kind| Failure::new(kind, "x"));
            let said = of_answer(&method, route, status, failure.as_ref())?;
            let event = said.event();
            Some((event.event, event.result.as_str()))
        };
        let is = |kind: Kind, result| Some((kind.as_str().to_owned(), result));
        for (method, route, kind, expected) in [
            (Method::GET, "/users", Some(Problem::NotLoggedIn), None),
            (Method::GET, "/api/v1/users", Some(Problem::NotLoggedIn), is(Kind::AccessRefused, "refused")),
            (Method::POST, "/users", Some(Problem::NotLoggedIn), is(Kind::AccessRefused, "refused")),
            (Method::GET, "/users", Some(Problem::NotPermitted), is(Kind::AccessRefused, "refused")),
            (Method::GET, "/users", Some(Problem::Pending), None),
            (Method::POST, "/login", Some(Problem::WrongCredential), is(Kind::CredentialRefused, "refused")),
            (Method::POST, "/login", Some(Problem::TooMany), is(Kind::AttemptsBlocked, "refused")),
            (Method::POST, "/users", Some(Problem::Unprocessable), is(Kind::RequestRefused, "refused")),
            (Method::GET, "/users", Some(Problem::NotFound), None),
            (Method::GET, "/users", Some(Problem::Internal), is(Kind::RequestFailed, "failed")),
        ] {
            let status = kind.map_or(StatusCode::OK, |kind| kind.status());
            assert_eq!(said(method.clone(), route, status, kind), expected, "{method} {route} {kind:?}");
        }
        assert_eq!(said(Method::POST, "/users", StatusCode::CREATED, None), None);
        let asked = "/api/v1/ledger/witness/add-checkpoint";
        assert_eq!(said(Method::POST, asked, StatusCode::CONFLICT, None), None);
    }
}
