//! Section `endpoints`: connects to every listening TCP socket and asks it what it speaks.
//!
//! [`addresses`] says which sockets there are, `converse` speaks with one of them; the two know nothing of each other,
//! so that a server named on the command line can be asked in the same way.

mod addresses;
pub(crate) mod answer;
mod artefacts;
mod ask;
pub(crate) mod certificate;
pub(crate) mod detect;
mod handshake;
pub(crate) mod headers;
pub(crate) mod hello;
pub(crate) mod html;
mod http;
mod peer;
pub(crate) mod ssh;
mod suites;
mod tls;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use host::{Address, Door, Error, Stream};
use model::Fact;
use model::facts::endpoints::{Endpoints, HttpServer, Place, SpokenSocket, SshServer, TlsServer};
use rustls::crypto::CryptoProvider;

use crate::Context;
use crate::fact::reason;
use addresses::Listening;
use certificate::Roots;
use detect::Spoken;
use peer::{Budget, Peer};

/// Servers that are spoken to at the same time; never more than one connection to the same one.
const AT_ONCE: usize = 6;

/// Sockets that are asked; more than that is no edge host.
const SOCKETS: usize = 200;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Endpoints> {
    let listening = match addresses::listening(cx) {
        Fact::Known(listening, _) => listening,
        Fact::Absent => return Fact::Absent,
        Fact::Unreadable(reason) => return Fact::unreadable(reason),
    };
    let asker =
        Asker { door: cx.door.clone(), roots: certificate::roots(&cx.door), provider: handshake::provider() };
    let mut endpoints = Endpoints { truncated: listening.len() > SOCKETS, ..Endpoints::default() };
    for heard in asker.ask_all(listening.get(..SOCKETS).unwrap_or(&listening)) {
        endpoints.sockets.push(heard.socket);
        endpoints.tls.extend(heard.tls);
        endpoints.http.extend(heard.http);
        endpoints.ssh.extend(heard.ssh);
    }
    Fact::known(endpoints)
}

/// What all conversations share.
struct Asker {
    door: Door,
    roots: Roots,
    provider: Arc<CryptoProvider>,
}

/// What one socket said.
#[derive(Default)]
struct Heard {
    socket: SpokenSocket,
    tls: Option<TlsServer>,
    http: Option<HttpServer>,
    ssh: Option<SshServer>,
}

impl Asker {
    /// Asks all sockets, a few at once; answers in the sockets' order.
    fn ask_all(&self, listening: &[Listening]) -> Vec<Heard> {
        let next = AtomicUsize::new(0);
        let heard = Mutex::new(Vec::with_capacity(listening.len()));
        thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(listening.len()) {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(socket) = listening.get(index) else { return };
                        let said = self.ask(socket);
                        heard.lock().unwrap_or_else(PoisonError::into_inner).push((index, said));
                    }
                });
            }
        });
        let mut heard = heard.into_inner().unwrap_or_else(PoisonError::into_inner);
        heard.sort_by_key(|(index, _)| *index);
        heard.into_iter().map(|(_, said)| said).collect()
    }

    fn ask(&self, listening: &Listening) -> Heard {
        let place = listening.place.clone();
        let process = place.process.value().map(String::as_str);
        let mut socket = SpokenSocket {
            name: listening.name.clone(),
            source: Address::Tcp(listening.address).to_string(),
            not_asked: Fact::Absent,
            speaks_http: Fact::known(false),
            ..SpokenSocket::default()
        };
        if let Some(assumed) = detect::fragile(place.port, process) {
            let why = format!(
                "not spoken to: port {} may be that of a controller ({})",
                place.port, assumed.protocol
            );
            socket.protocol = Fact::read_at(assumed.protocol.to_owned(), "assumed from the port number");
            socket.encrypted = if assumed.plain {
                Fact::read_at(false, "assumed from the port number")
            } else {
                Fact::unreadable(&why)
            };
            socket.speaks_http = Fact::unreadable(&why);
            socket.not_asked = Fact::known(why);
            socket.place = place;
            return Heard { socket, ..Heard::default() };
        }
        let peer = Arc::new(Peer::new(&self.door, Address::Tcp(listening.address), Budget::LOOPBACK));
        self.converse(&peer, listening.name.clone(), place, socket)
    }

    /// Speaks with one server, wherever it is.
    fn converse(&self, peer: &Arc<Peer>, name: String, place: Place, mut socket: SpokenSocket) -> Heard {
        socket.place = place.clone();
        let spoken = match detect::detect(peer, place.port, place.process.value().map(String::as_str)) {
            Ok(spoken) => spoken,
            Err(error) => {
                let why = reason(&error, &self.door);
                socket.protocol = Fact::unreadable(&why);
                socket.speaks_http = Fact::unreadable(&why);
                socket.encrypted = Fact::unreadable(why);
                return Heard { socket, ..Heard::default() };
            }
        };
        let mut heard = Heard::default();
        let (protocol, encrypted) = match spoken {
            Spoken::Tls => {
                let tls = tls::look(peer, name.clone(), place.clone(), &self.roots, &self.provider);
                (heard.http, socket.speaks_http) = told(self.http_over_tls(peer, &tls, name, place));
                heard.tls = Some(tls);
                (Some("tls"), Some(true))
            }
            Spoken::Http => {
                (heard.http, socket.speaks_http) = told(self.http(peer, name, place));
                socket.only_redirects = heard.http.as_ref().is_some_and(|http| http.redirects_to_https);
                (Some("http"), Some(false))
            }
            Spoken::Ssh(line, said) => {
                heard.ssh = Some(ssh::look(peer, line, said, name, place));
                (Some("ssh"), Some(true))
            }
            Spoken::Other(protocol) => (Some(protocol), Some(false)),
            Spoken::Unknown => (None, None),
        };
        socket.protocol = Fact::from_option(protocol.map(str::to_owned));
        socket.encrypted = match encrypted {
            Some(encrypted) => Fact::known(encrypted),
            None => Fact::unreadable("the server speaks no protocol that Palisade can tell"),
        };
        heard.socket = socket;
        heard
    }

    fn http(&self, peer: &Arc<Peer>, name: String, place: Place) -> Result<HttpServer, Error> {
        let (dialled, limit) = (Arc::clone(peer), peer.budget().exchange);
        let client = crate::http::Client::new(peer.address().to_string(), move |_: Duration| {
            dialled.connect(limit).map(|line| Box::new(line) as Box<dyn Stream>)
        });
        let source = peer.address().to_string().replacen("tcp", "http", 1);
        let site = self.site(peer, &client, "localhost", false);
        http::look(site, name, place, source)
    }

    fn http_over_tls(
        &self,
        peer: &Arc<Peer>,
        tls: &TlsServer,
        name: String,
        place: Place,
    ) -> Result<HttpServer, Error> {
        let (dialled, limit) = (Arc::clone(peer), peer.budget().exchange);
        let provider = Arc::clone(&self.provider);
        let host = tls.server_name.value().cloned();
        let named = host.clone();
        let client = crate::http::Client::new(peer.address().to_string(), move |_: Duration| {
            let (stream, _) = handshake::open(&dialled, &provider, named.as_deref(), &["http/1.1"], limit)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        });
        let source = peer.address().to_string().replacen("tcp", "https", 1);
        let site = self.site(peer, &client, host.as_deref().unwrap_or("localhost"), true);
        http::look(site, name, place, source)
    }

    fn site<'a>(
        &self,
        peer: &Peer,
        client: &'a crate::http::Client,
        host: &'a str,
        tls: bool,
    ) -> http::Site<'a> {
        let budget = peer.budget();
        http::Site {
            client,
            host,
            tls,
            first_limit: budget.page,
            limit: budget.exchange,
            requests: budget.requests,
        }
    }
}

/// What a server said in HTTP, and whether it speaks it at all: silence is not a no.
fn told(server: Result<HttpServer, Error>) -> (Option<HttpServer>, Fact<bool>) {
    match server {
        Ok(server) => (Some(server), Fact::known(true)),
        Err(error @ Error::TimedOut { .. }) => (None, Fact::unreadable(error.to_string())),
        Err(_) => (None, Fact::known(false)),
    }
}
