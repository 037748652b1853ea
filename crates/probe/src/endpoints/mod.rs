//! Section `endpoints`: connects to every listening TCP socket and asks it what it speaks; or asks the one server that was
//! named.
//!
//! [`addresses`] says which sockets there are, `converse` speaks with one of them; [`named`] speaks with a server that
//! somebody named, by the same code for each protocol.

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
pub(crate) mod mqtt;
mod named;
pub(crate) mod opcua;
mod peer;
mod server;
pub(crate) mod ssh;
pub(crate) mod ssl2;
mod suites;
mod tls;

pub use server::{Login, NamedServer, Reached, Scheme, Server};

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use host::{Address, Door, Error, Stream};
use model::Fact;
use model::facts::endpoints::{
    Endpoints, HttpServer, MqttBroker, OpcUaServer, Place, SpokenSocket, SshServer, TlsServer,
};
use rustls::crypto::CryptoProvider;

use crate::fact::reason;
use crate::{Context, Subject};
use addresses::Listening;
use certificate::Roots;
use detect::Spoken;
use http::Page;
use peer::{Budget, Peer};
use tls::Called;

/// Servers that are spoken to at the same time; never more than one connection to the same one.
const AT_ONCE: usize = 6;

/// Sockets that are asked; more than that is no edge host.
const SOCKETS: usize = 200;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Endpoints> {
    if let Subject::Endpoint(named) = &cx.subject {
        return named::probe(cx, named);
    }
    let listening = match addresses::listening(cx) {
        Fact::Known(listening, _) => listening,
        Fact::Absent => return Fact::Absent,
        Fact::Unreadable(reason) => return Fact::unreadable(reason),
    };
    let roots = certificate::with_own(certificate::roots(&cx.door), &cx.door);
    let asker = Asker { door: cx.door.clone(), roots, provider: handshake::provider() };
    let mut endpoints = Endpoints { truncated: listening.len() > SOCKETS, ..Endpoints::default() };
    for heard in asker.ask_all(listening.get(..SOCKETS).unwrap_or(&listening)) {
        heard.into(&mut endpoints);
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
    http: Option<Fact<HttpServer>>,
    ssh: Option<SshServer>,
    opcua: Option<OpcUaServer>,
    mqtt: Option<MqttBroker>,
}

impl Heard {
    /// Adds it to the section.
    fn into(self, endpoints: &mut Endpoints) {
        endpoints.sockets.push(self.socket);
        endpoints.tls.extend(self.tls);
        endpoints.http.extend(self.http);
        endpoints.ssh.extend(self.ssh);
        endpoints.opcua.extend(self.opcua);
        endpoints.mqtt.extend(self.mqtt);
    }
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
            as_named: Fact::Absent,
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
        let page = Page { authority: "localhost", host: None, path: "" };
        let (protocol, encrypted) = match spoken {
            Spoken::Tls => {
                let tls =
                    tls::look(peer, Called::Socket, name.clone(), place.clone(), &self.roots, &self.provider);
                if detect::may_be_broker(place.port, place.process.value().map(String::as_str)) {
                    heard.mqtt = self.mqtt_over_tls(peer, &tls, None, name.clone(), place.clone()).ok();
                }
                if heard.mqtt.is_none() {
                    let named = tls.server_name.value().map_or("localhost", String::as_str);
                    let page = Page { authority: named, ..page };
                    let asked = self.http_over_tls(peer, &tls, page, name, place);
                    (heard.http, socket.speaks_http) = told(peer, asked);
                    if let (None, Fact::Unreadable(reason)) = (&heard.http, &tls.alpn) {
                        heard.http = Some(Fact::unreadable(reason));
                        socket.speaks_http = Fact::unreadable(reason);
                    }
                }
                heard.tls = Some(tls);
                (Some("tls"), Some(true))
            }
            Spoken::Http => {
                (heard.http, socket.speaks_http) = told(peer, self.http(peer, page, name, place));
                let http = heard.http.as_ref().and_then(Fact::value);
                socket.only_redirects = http.is_some_and(|http| http.redirects_to_https);
                (Some("http"), Some(false))
            }
            Spoken::Ssh(line, said) => {
                heard.ssh = Some(ssh::look(peer, line, said, name, place));
                (Some("ssh"), Some(true))
            }
            Spoken::Mqtt => {
                heard.mqtt = self.mqtt(peer, name, place).ok();
                (Some("mqtt"), Some(false))
            }
            Spoken::OpcUa => {
                let address = match peer.address() {
                    Address::Tcp(address) => address.ip(),
                    Address::Unix(_) => Ipv4Addr::LOCALHOST.into(),
                };
                let url = format!("opc.tcp://localhost:{}", place.port);
                let asked = opcua::Asked { url, host: None, address };
                heard.opcua = opcua::look(peer, &asked, &self.provider, name, place).ok();
                (Some("opc-ua"), heard.opcua.as_ref().and_then(opcua::is_encrypted))
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

    fn http(&self, peer: &Arc<Peer>, page: Page<'_>, name: String, place: Place) -> Result<HttpServer, Error> {
        let (dialled, limit) = (Arc::clone(peer), peer.budget().exchange);
        let client = crate::http::Client::new(peer.address().to_string(), move |_: Duration| {
            dialled.connect(limit).map(|line| Box::new(line) as Box<dyn Stream>)
        });
        let source = peer.address().to_string().replacen("tcp", "http", 1);
        http::look(site(peer, &client, page, false), name, place, source)
    }

    fn http_over_tls(
        &self,
        peer: &Arc<Peer>,
        tls: &TlsServer,
        page: Page<'_>,
        name: String,
        place: Place,
    ) -> Result<HttpServer, Error> {
        let (dialled, limit) = (Arc::clone(peer), peer.budget().exchange);
        let provider = Arc::clone(&self.provider);
        let named = tls.server_name.value().cloned();
        let client = crate::http::Client::new(peer.address().to_string(), move |_: Duration| {
            let (stream, _) = handshake::open(&dialled, &provider, named.as_deref(), &["http/1.1"], limit)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        });
        let source = peer.address().to_string().replacen("tcp", "https", 1);
        http::look(site(peer, &client, page, true), name, place, source)
    }

    fn mqtt(&self, peer: &Peer, name: String, place: Place) -> Result<MqttBroker, String> {
        let dial = |limit| peer.connect(limit).map(|line| Box::new(line) as Box<dyn Stream>);
        let asked = mqtt::Asked {
            peer,
            provider: &self.provider,
            login: None,
            tls: false,
            wants_certificate: false,
            source: peer.address().to_string().replacen("tcp", "mqtt", 1),
        };
        mqtt::look(&dial, &asked, name, place)
    }

    fn mqtt_over_tls(
        &self,
        peer: &Peer,
        tls: &TlsServer,
        login: Option<&Login>,
        name: String,
        place: Place,
    ) -> Result<MqttBroker, String> {
        let named = tls.server_name.value().map(String::as_str);
        let dial = |limit| {
            let (stream, _) = handshake::open(peer, &self.provider, named, &[], limit)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        };
        let asked = mqtt::Asked {
            peer,
            provider: &self.provider,
            login,
            tls: true,
            wants_certificate: tls.asks_client_certificate.value() == Some(&true),
            source: peer.address().to_string().replacen("tcp", "mqtts", 1),
        };
        mqtt::look(&dial, &asked, name, place)
    }
}

fn site<'a>(peer: &Peer, client: &'a crate::http::Client, page: Page<'a>, tls: bool) -> http::Site<'a> {
    let budget = peer.budget();
    http::Site {
        client,
        page,
        tls,
        first_limit: budget.page,
        limit: budget.exchange,
        requests: budget.requests,
    }
}

/// What a server said in HTTP, and whether it speaks it at all: silence is not a no, and neither is our own limit.
fn told(peer: &Peer, server: Result<HttpServer, Error>) -> (Option<Fact<HttpServer>>, Fact<bool>) {
    match server {
        Ok(server) => (Some(Fact::known(server)), Fact::known(true)),
        Err(error)
            if matches!(error, Error::TimedOut { .. } | Error::TooLarge { .. }) || peer.spent().is_some() =>
        {
            let why = error.to_string();
            (Some(Fact::unreadable(&why)), Fact::unreadable(why))
        }
        Err(_) => (None, Fact::known(false)),
    }
}
