//! Asks the API of a Management System: one login, then only GET.
//!
//! Source: the vendor's published Python client, and the OpenAPI document of version 3.1.0. What an answer does not tell is
//! unreadable, never a default of ours.

use std::time::{Duration, Instant};

use host::Door;
use model::Fact;
use model::facts::nerve::Nerve;
use serde_json::{Map, Value, json};

use super::{nodes, people, workloads};
use crate::Context;
use crate::http::Answer;
use crate::service::properties::Properties;
use crate::service::{self, Asker, Refusal, Service};

/// How long one Management System is asked; what was not asked until then is unknown.
const PATIENCE: Duration = Duration::from_secs(100);
/// The most objects of one list.
const OBJECTS: usize = 5_000;
/// Objects on one page, as the vendor's client asks for them.
const PAGE: usize = 50;

/// Why parameters are unknown.
const ELSEWHERE: &str = "the API does not tell parameters of the Management System; have its host write them to a file, and \
     audit `nerve:FILE`";

/// Reads the section.
pub(super) fn probe(cx: &Context, service: &Service) -> Fact<Nerve> {
    let (asked, session) = match Asked::log_in(&cx.door, service) {
        Ok(asked) => asked,
        Err(reason) => return Fact::unreadable(reason),
    };
    let version = asked.object("/nerve/update/cloud/current-version");
    // A token that is refused is refused everywhere.
    if let Err(refusal @ (Refusal::Unknown(_) | Refusal::Other(_))) = &version
        && (matches!(refusal, Refusal::Unknown(_)) || asked.asker.is_silent())
    {
        return Fact::unreadable(refusal.clone().reason());
    }
    let nerve = read(&asked, fact(version).and_then(|version| version.text("currentVersion")), service.tls);
    if session {
        // The server forgets the session by itself when it does not hear this.
        drop(asked.asker.text("/auth/logout"));
    }
    Fact::read_at(nerve, service.url.clone())
}

fn read(asked: &Asked<'_>, version: Fact<String>, https: bool) -> Nerve {
    let people = people::people(asked);
    let workloads = workloads::workloads(asked);
    let nodes = nodes::nodes(asked);
    let connections = match (nodes.connections, workloads.connections) {
        (Fact::Known(mut all, place), Fact::Known(others, _)) => {
            all.extend(others);
            Fact::Known(all, place)
        }
        (Fact::Known(mut all, place), Fact::Unreadable(reason))
        | (Fact::Unreadable(reason), Fact::Known(mut all, place)) => {
            all.push(Fact::unreadable(reason));
            Fact::Known(all, place)
        }
        (other, _) => other,
    };
    Nerve {
        url: Fact::known(asked.url.to_owned()),
        https: Fact::read_at(https, asked.url),
        version,
        parameters: Fact::unreadable(ELSEWHERE),
        unknown: Fact::unreadable(ELSEWHERE),
        repeated: Fact::unreadable(ELSEWHERE),
        dna: nodes.dna,
        credentials: nodes.credentials,
        users: people.users,
        roles: people.roles,
        ldap: people.ldap,
        notice: people.notice,
        tokens: people.tokens,
        nodes: nodes.nodes,
        node_users: nodes.users,
        connections,
        workloads: workloads.versions,
    }
}

/// A Management System that is being asked.
pub(super) struct Asked<'a> {
    asker: Asker,
    url: &'a str,
    until: Instant,
}

impl<'a> Asked<'a> {
    /// Logs in; tells whether there is a session to end.
    fn log_in(door: &Door, service: &'a Service) -> Result<(Self, bool), String> {
        let mut asker = Asker::new(door, service)?;
        let session = match (&service.user, &service.password) {
            (Some(user), Some(password)) => {
                let document = json!({"identity": user, "secret": password});
                let answer = asker.log_in("/auth/login", &document).map_err(|refusal| match refusal {
                    Refusal::NotThere => format!(
                        "{}/auth/login is not there (404); is this a Management System of Nerve?",
                        service.url
                    ),
                    refusal => refusal.reason(),
                })?;
                asker.identify_by("sessionid", session(&answer, user, &service.url)?);
                true
            }
            (None, Some(token)) => {
                asker.identify_by("authorization", format!("Bearer {token}"));
                false
            }
            (_, None) => {
                return Err(format!(
                    "{} tells nothing to nobody; name `user` and `password_file` in a file of credentials (--credentials), or \
                     only `password_file` when the file holds an access token (since 3.2.0)",
                    service.url
                ));
            }
        };
        Ok((Self { asker, url: &service.url, until: Instant::now() + PATIENCE }, session))
    }

    /// What a request is called in facts and reasons.
    pub(super) fn place(&self, path: &str) -> String {
        format!("GET {}{}", self.url, path.split('?').next().unwrap_or(path))
    }

    fn in_time(&self, path: &str) -> Result<(), Refusal> {
        if Instant::now() < self.until {
            return Ok(());
        }
        Err(Refusal::Other(format!(
            "{} was not asked: the {} s for one Management System were used up",
            self.place(path),
            PATIENCE.as_secs()
        )))
    }

    /// The text at a path.
    pub(super) fn text(&self, path: &str) -> Result<String, Refusal> {
        self.in_time(path)?;
        self.asker.text(path)
    }

    /// The object at a path.
    pub(super) fn object(&self, path: &str) -> Result<Properties, Refusal> {
        self.in_time(path)?;
        match self.asker.get(path)? {
            Value::Object(values) => Ok(Properties::new(values, self.place(path))),
            _ => Err(Refusal::Other(format!("{} answers something else than one object", self.place(path)))),
        }
    }

    /// The elements of a list that is the answer, or stands in it under one of these names; all that there are.
    pub(super) fn list(&self, path: &str, names: &[&str]) -> Result<Vec<Value>, Refusal> {
        let (items, count) = self.part(path, names)?;
        match count {
            Some(count) if count > items.len() as u64 => {
                Err(Refusal::Other(format!("{} lists {} of {count} objects", self.place(path), items.len())))
            }
            _ => Ok(items),
        }
    }

    /// The elements of a list that is told page by page.
    pub(super) fn pages(&self, path: &str, name: &str) -> Result<Vec<Value>, Refusal> {
        let mut all = Vec::new();
        for page in 1..=OBJECTS / PAGE {
            let (items, count) = self.part(&format!("{path}?limit={PAGE}&page={page}"), &[name])?;
            let ended = items.is_empty();
            all.extend(items);
            if all.len() > OBJECTS {
                break;
            }
            match count {
                Some(count) if all.len() as u64 >= count => return Ok(all),
                Some(count) if ended => {
                    let told = all.len();
                    let place = self.place(path);
                    return Err(Refusal::Other(format!("{place} lists {told} of {count} objects")));
                }
                None => return Ok(all),
                Some(_) => {}
            }
        }
        Err(Refusal::Other(format!("{} lists more than {OBJECTS} objects", self.place(path))))
    }

    /// A list, and how many there are when the answer tells it.
    fn part(&self, path: &str, names: &[&str]) -> Result<(Vec<Value>, Option<u64>), Refusal> {
        self.in_time(path)?;
        let failed = |what: &str| Err(Refusal::Other(format!("{} answers {what}", self.place(path))));
        let (items, count) = match self.asker.get(path)? {
            Value::Array(items) => (items, None),
            Value::Object(mut values) => {
                let found = names.iter().find_map(|name| values.remove(*name));
                let Some(Value::Array(items)) = found else { return failed("something else than a list") };
                (items, values.get("count").and_then(Value::as_u64))
            }
            _ => return failed("something else than a list"),
        };
        if items.len() > OBJECTS { failed("with too many objects") } else { Ok((items, count)) }
    }
}

/// What a login gave: the header `sessionId`, which the vendor's client sends with every request.
fn session(answer: &Answer, user: &str, url: &str) -> Result<String, String> {
    if let Some(session) = answer.header("sessionid").filter(|session| !session.is_empty()) {
        return Ok(session.to_owned());
    }
    let body = service::parse(&answer.body).unwrap_or_default();
    if body.get("mfa").is_some() {
        return Err(format!(
            "{url}: user `{user}` has a second factor, which an audit cannot give; name an access token (since 3.2.0), or a \
             user for audits that may only look"
        ));
    }
    match body.pointer("/user/sessionId").and_then(Value::as_str) {
        Some(session) if !session.is_empty() => Ok(session.to_owned()),
        _ => Err(format!(
            "POST {url}/auth/login answers without a session; is this a Management System of Nerve?"
        )),
    }
}

/// The object that an element of a list is.
pub(super) fn element(value: &Value, place: &str) -> Result<Properties, String> {
    match value {
        Value::Object(values) => Ok(Properties::new(values.clone(), place)),
        _ => Err(format!("{place} lists something that is no object")),
    }
}

/// An element of a list; one without properties when it is no object.
pub(super) fn lenient(value: Value, place: &str) -> Properties {
    let values = if let Value::Object(values) = value { values } else { Map::new() };
    Properties::new(values, place)
}

/// What was read; absent where the server has no such thing.
pub(super) fn fact<T>(read: Result<T, Refusal>) -> Fact<T> {
    match read {
        Ok(value) => Fact::known(value),
        Err(Refusal::NotThere | Refusal::Nothing) => Fact::Absent,
        Err(refusal) => Fact::unreadable(refusal.reason()),
    }
}

/// What was read of something that every Management System has.
pub(super) fn must<T>(read: Result<T, Refusal>, place: &str) -> Result<T, String> {
    read.map_err(|refusal| match refusal {
        Refusal::NotThere => format!("{place}: {}; other versions may tell it elsewhere", refusal.reason()),
        refusal => refusal.reason(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use host::Local;

    use super::*;

    fn answer(headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status: 200, headers, body: body.as_bytes().to_vec(), cut: false }
    }

    #[test]
    fn a_session_stands_in_the_header_or_in_the_body() {
        let of = |headers: &[(&str, &str)], body: &str| session(&answer(headers, body), "ann", "https://ms");
        assert_eq!(of(&[("sessionid", "a-b")], "{}"), Ok("a-b".to_owned()));
        assert_eq!(of(&[], r#"{"user": {"sessionId": "c-d"}}"#), Ok("c-d".to_owned()));
        assert!(of(&[], r#"{"mfa": {"validationId": "mfa-1"}}"#).unwrap_err().contains("second factor"));
        for body in ["<html>", "[]", "", r#"{"user": {"sessionId": 7}}"#, r#"{"user": "x"}"#] {
            assert!(of(&[("sessionid", "")], body).unwrap_err().contains("without a session"), "{body}");
        }
    }

    #[test]
    fn when_the_time_is_used_up_nothing_more_is_asked() {
        let asker = Asker::new(&Door::new(Arc::new(Local::new())), &Service::default()).unwrap();
        let asked = Asked { asker, url: "https://ms", until: Instant::now() };
        let Err(Refusal::Other(reason)) = asked.object("/nerve/nodes/list?limit=1") else { panic!() };
        assert_eq!(
            reason,
            "GET https://ms/nerve/nodes/list was not asked: the 100 s for one Management System were used up"
        );
    }
}
