//! How well a broker keeps strangers out: a client without credentials connects, looks for the broker's own topics, asks
//! for everything for a moment, and leaves. Nothing is published, and of messages only the first byte of a topic is seen.

pub(crate) mod packet;

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use host::{Error, Stream};
use model::Fact;
use model::facts::endpoints::{MqttBroker, Place};
use rustls::crypto::CryptoProvider;

use super::peer::{Budget, Peer, is_timeout};
use super::server::Login;
use packet::{Said, V3, V5};

/// Bytes of one conversation that are read.
const BYTES: usize = 256 << 10;

/// The most of one message that is read past to get at the next.
const MESSAGE: usize = 64 << 10;

/// Opens a connection that ends after the given time.
pub(super) type Dial<'a> = dyn Fn(Duration) -> Result<Box<dyn Stream>, Error> + 'a;

/// How a broker is asked.
pub(super) struct Asked<'a> {
    /// The broker, and what of its budget is used.
    pub(super) peer: &'a Peer,
    /// Where random names come from.
    pub(super) provider: &'a Arc<CryptoProvider>,
    /// Who looks at its topics when strangers may not.
    pub(super) login: Option<&'a Login>,
    /// Whether TLS lies below.
    pub(super) tls: bool,
    /// Whether that TLS asks clients for a certificate.
    pub(super) wants_certificate: bool,
    /// The broker in reports.
    pub(super) source: String,
}

/// What a broker does with a CONNECT.
enum Reply {
    /// It lets us in; the conversation goes on.
    Welcome(Talk),
    /// It refuses with this code.
    Refused(u8),
    /// It hangs up.
    Closed,
}

/// Asks one broker everything. The error says why it is not taken for one.
pub(super) fn look(
    dial: &Dial<'_>,
    asked: &Asked<'_>,
    name: String,
    place: Place,
) -> Result<MqttBroker, String> {
    let mut broker = MqttBroker {
        name,
        place,
        tls: asked.tls,
        refusal: Fact::Absent,
        session: Fact::Absent,
        system_topics: Fact::Absent,
        everything: Fact::Absent,
        source: asked.source.clone(),
        ..MqttBroker::default()
    };
    let mut open = None;
    let mut refused = None;
    let mut failure = None;
    let mut hung_up = 0;
    for (version, number) in [(V5, "5.0"), (V3, "3.1.1")] {
        broker.connections += 1;
        let reply = match hello(dial, asked, version, None) {
            Ok(reply) => reply,
            Err(why) => {
                failure.get_or_insert(why);
                continue;
            }
        };
        match reply {
            Reply::Welcome(talk) => {
                broker.versions.push(number.to_owned());
                open.get_or_insert((talk, version));
            }
            // An older broker answers a newer client in its own version.
            Reply::Refused(1 | 0x84) => {}
            Reply::Refused(code) => {
                broker.versions.push(number.to_owned());
                refused.get_or_insert(code);
            }
            Reply::Closed => hung_up += 1,
        }
    }
    match (&open, refused) {
        (Some(_), _) => broker.anonymous = Fact::known(true),
        (None, Some(code)) => {
            let (words, who) = packet::refusal(code);
            broker.anonymous = if who {
                Fact::known(false)
            } else {
                Fact::unreadable(format!("it refused for another reason: {words}"))
            };
            broker.refusal = Fact::known(words);
        }
        (None, None) if asked.wants_certificate && hung_up == 2 => {
            broker.anonymous = Fact::known(false);
            broker.refusal = Fact::known("it wants a client certificate".to_owned());
            return Ok(broker);
        }
        (None, None) => return Err(failure.unwrap_or_else(|| "it hangs up on a CONNECT of MQTT".to_owned())),
    }
    let mut session = "anonymous";
    if let (None, Some(login)) = (&open, asked.login) {
        session = "account";
        let version = if broker.versions.iter().any(|number| number == "5.0") { V5 } else { V3 };
        broker.connections += 1;
        let why = match hello(dial, asked, version, Some(login)) {
            Ok(Reply::Welcome(talk)) => {
                open = Some((talk, version));
                None
            }
            Ok(Reply::Refused(code)) => Some(format!("the account was refused: {}", packet::refusal(code).0)),
            Ok(Reply::Closed) => Some("it hung up on the account".to_owned()),
            Err(why) => Some(format!("the account was not let in: {why}")),
        };
        if let Some(why) = why {
            broker.session = Fact::unreadable(&why);
            broker.system_topics = Fact::unreadable(&why);
            broker.everything = Fact::unreadable(why);
        }
    }
    if let Some((mut talk, version)) = open {
        broker.session = Fact::known(session.to_owned());
        broker.system_topics = system_topics(&mut talk, version, asked.peer.budget());
        broker.everything = everything(&mut talk, version, asked.peer.budget());
        // It may have hung up already.
        drop(talk.stream.write_all(&packet::disconnect()));
    }
    Ok(broker)
}

/// Connects. The error: it does not speak MQTT, or not in time.
fn hello(dial: &Dial<'_>, asked: &Asked<'_>, version: u8, login: Option<&Login>) -> Result<Reply, String> {
    let limit = asked.peer.budget().exchange;
    let stream = match dial(limit) {
        Ok(stream) => stream,
        // A server that wants a certificate may say so by ending the handshake; one that is silent says nothing.
        Err(Error::Io { .. }) if asked.wants_certificate && asked.peer.spent().is_none() => {
            return Ok(Reply::Closed);
        }
        Err(error) => return Err(error.to_string()),
    };
    let mut talk = Talk { stream, heard: Vec::new(), left: BYTES };
    let login = login.map(|login| (login.user.as_str(), login.password.as_str()));
    let name = client(asked.provider).ok_or("no random name could be made")?;
    if talk.stream.write_all(&packet::connect(version, &name, login)).is_err() {
        return Ok(Reply::Closed);
    }
    match talk.next(limit) {
        Next::Said(Said::Connected { code: 0 }) => Ok(Reply::Welcome(talk)),
        Next::Said(Said::Connected { code }) => Ok(Reply::Refused(code)),
        Next::Closed => Ok(Reply::Closed),
        Next::Silent => Err(format!("it did not answer a CONNECT of MQTT within {} ms", limit.as_millis())),
        Next::Said(_) | Next::Nonsense | Next::Endless => {
            Err("it answers something that is not MQTT".to_owned())
        }
    }
}

/// A name that no other client has, of letters and digits only (MQTT 3.1.1, 3.1.3.1).
fn client(provider: &Arc<CryptoProvider>) -> Option<String> {
    let mut bytes = [0; 7];
    provider.secure_random.fill(&mut bytes).ok()?;
    Some(bytes.iter().fold("palisade".to_owned(), |name, byte| format!("{name}{byte:02x}")))
}

fn system_topics(talk: &mut Talk, version: u8, budget: &Budget) -> Fact<bool> {
    match talk.subscribe(&packet::subscribe(version, 1, "$SYS/#", true), 1, true, budget) {
        Subscribed::Refused | Subscribed::Nothing => Fact::known(false),
        Subscribed::Messages => Fact::known(true),
        Subscribed::Failed(why) => Fact::unreadable(why),
    }
}

fn everything(talk: &mut Talk, version: u8, budget: &Budget) -> Fact<bool> {
    match talk.subscribe(&packet::subscribe(version, 2, "#", false), 2, false, budget) {
        Subscribed::Refused => Fact::known(false),
        Subscribed::Messages => Fact::known(true),
        Subscribed::Nothing => Fact::unreadable(
            "it agreed to `#` and nothing was published meanwhile; a broker may agree and yet deliver nothing",
        ),
        Subscribed::Failed(why) => Fact::unreadable(why),
    }
}

/// What became of a subscription.
enum Subscribed {
    Refused,
    Messages,
    Nothing,
    Failed(&'static str),
}

enum Next {
    Said(Said),
    Closed,
    Silent,
    Nonsense,
    /// It says more than is read.
    Endless,
}

/// One conversation with a broker.
struct Talk {
    stream: Box<dyn Stream>,
    heard: Vec<u8>,
    left: usize,
}

impl Talk {
    /// The next packet, waited for at most so long.
    fn next(&mut self, limit: Duration) -> Next {
        let until = Instant::now() + limit;
        let mut chunk = [0; 4096];
        loop {
            match packet::said(&self.heard) {
                Some(Ok((said, whole))) => {
                    let there = whole.min(self.heard.len());
                    self.heard.drain(..there);
                    return if self.skip(whole - there, until) { Next::Said(said) } else { Next::Nonsense };
                }
                Some(Err(())) => return Next::Nonsense,
                None => {}
            }
            match self.read(&mut chunk, until) {
                Taken::Some(count) => self.heard.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Taken::End => return Next::Closed,
                Taken::Late => return Next::Silent,
                Taken::Enough => return Next::Endless,
            }
        }
    }

    /// Reads past the rest of a message; a message that is too long or too late ends the conversation.
    fn skip(&mut self, mut rest: usize, until: Instant) -> bool {
        let mut chunk = [0; 4096];
        if rest > MESSAGE {
            self.left = 0;
            // What came before it still counts.
            return true;
        }
        while rest > 0 {
            let room = rest.min(chunk.len());
            match self.read(chunk.get_mut(..room).unwrap_or_default(), until) {
                Taken::Some(count) => rest -= count.min(rest),
                Taken::End | Taken::Late | Taken::Enough => {
                    self.left = 0;
                    return true;
                }
            }
        }
        true
    }

    fn read(&mut self, buffer: &mut [u8], until: Instant) -> Taken {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Late;
            }
            if self.left == 0 {
                return Taken::Enough;
            }
            if self.stream.set_limit(left).is_err() {
                return Taken::End;
            }
            match self.stream.read(buffer) {
                Ok(0) => return Taken::End,
                Ok(count) => {
                    self.left = self.left.saturating_sub(count);
                    return Taken::Some(count);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => return Taken::Late,
                Err(_) => return Taken::End,
            }
        }
    }

    /// Subscribes, and waits a moment for a message of the broker's own topics or of all others.
    fn subscribe(&mut self, said: &[u8], number: u16, own: bool, budget: &Budget) -> Subscribed {
        let ready = self.stream.set_limit(budget.exchange);
        if ready.and_then(|()| self.stream.write_all(said)).is_err() {
            return Subscribed::Failed("it hung up before a subscription");
        }
        let mut agreed = false;
        let mut until = Instant::now() + budget.exchange;
        loop {
            match self.next(until.saturating_duration_since(Instant::now())) {
                Next::Said(Said::Subscribed { id, code }) if id == number => {
                    if code >= 0x80 {
                        return Subscribed::Refused;
                    }
                    agreed = true;
                    until = Instant::now() + budget.moment;
                }
                Next::Said(Said::Message { system }) if system == own => return Subscribed::Messages,
                Next::Said(Said::Message { .. } | Said::Subscribed { .. }) => {}
                Next::Silent if agreed => return Subscribed::Nothing,
                Next::Silent => return Subscribed::Failed("it did not answer a subscription in time"),
                // A broker of MQTT 3.1.1 has no other way to refuse one.
                Next::Closed | Next::Said(Said::Other { kind: 14 }) if !agreed => return Subscribed::Refused,
                Next::Closed | Next::Said(_) => return Subscribed::Failed("it hung up after a subscription"),
                Next::Nonsense => return Subscribed::Failed("it answers something that is not MQTT"),
                Next::Endless => return Subscribed::Failed("it sends more than is read"),
            }
        }
    }
}

enum Taken {
    Some(usize),
    End,
    Late,
    Enough,
}

#[cfg(test)]
mod tests;
