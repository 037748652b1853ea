//! A server that was named, asked in the protocol that was named; at the one address that answered. No other host is
//! spoken to: redirects to one are told, not followed.

use std::sync::Arc;

use host::Address;
use model::Fact;
use model::facts::endpoints::{Endpoints, Place, SpokenSocket, TlsServer};

use super::detect::{self, Spoken};
use super::http::Page;
use super::peer::{Budget, Peer};
use super::server::{NamedServer, Scheme};
use super::tls::{self, Called};
use super::{Asker, Heard, certificate, handshake, opcua, ssh};
use crate::Context;

/// The usual ports of HTTPS and HTTP: where the one is named, the other of the same host must lead to it.
const WEB: u16 = 443;
const PLAIN_WEB: u16 = 80;

/// What a server was found to speak: its protocol, and whether that encrypts.
type Speaks = (&'static str, Fact<bool>);

/// Reads the section of one named server.
pub(super) fn probe(cx: &Context, named: &NamedServer) -> Fact<Endpoints> {
    let roots = match &named.authorities {
        Some(pem) => Ok(Some(Arc::new(certificate::store(pem)))),
        None => certificate::with_own(certificate::roots(&cx.door), &cx.door),
    };
    let asker = Asker { door: cx.door.clone(), roots, provider: handshake::provider() };
    let mut endpoints = Endpoints::default();
    ask(&asker, named).into(&mut endpoints);
    let server = &named.reached.server;
    if server.scheme == Scheme::Https && server.port == WEB {
        plain_web(&asker, named, &mut endpoints);
    }
    Fact::known(endpoints)
}

fn place(named: &NamedServer, port: u16) -> Place {
    Place {
        service: format!("tcp/{port}"),
        address: named.reached.address.ip().to_string(),
        port,
        reachable: true,
        named: true,
        process: Fact::Absent,
        container: Fact::Absent,
    }
}

fn socket(named: &NamedServer, name: String, place: &Place, address: &Address) -> SpokenSocket {
    SpokenSocket {
        name,
        place: place.clone(),
        source: address.to_string(),
        not_asked: Fact::Absent,
        as_named: Fact::Absent,
        speaks_http: Fact::known(false),
        resolved: named.reached.addresses.iter().map(ToString::to_string).collect(),
        ..SpokenSocket::default()
    }
}

/// Speaks with the server in the protocol that was named; when it does not speak that, finds out what it does speak.
fn ask(asker: &Asker, named: &NamedServer) -> Heard {
    let server = &named.reached.server;
    let address = Address::Tcp(named.reached.address);
    let peer = Arc::new(Peer::new(&asker.door, address.clone(), Budget::NAMED));
    let place = place(named, server.port);
    let mut heard = Heard { socket: socket(named, server.authority(), &place, &address), ..Heard::default() };
    let (spoken, as_named) = match speak(asker, named, &peer, &place, &mut heard) {
        Ok(spoken) => (spoken, Fact::known(true)),
        Err(why) => {
            let over_tls = matches!(server.scheme, Scheme::Https | Scheme::Tls | Scheme::Mqtts);
            match instead(&peer, server.port) {
                // It speaks TLS, and refuses us or what was named inside.
                Some(spoken) if over_tls && spoken.0 == "tls" => (spoken, Fact::unreadable(why)),
                Some(spoken) => {
                    heard.tls = None;
                    (spoken, Fact::known(false))
                }
                None => {
                    heard.tls = None;
                    heard.socket.protocol = Fact::unreadable(&why);
                    heard.socket.encrypted = Fact::unreadable(&why);
                    heard.socket.as_named = Fact::unreadable(why);
                    return heard;
                }
            }
        }
    };
    heard.socket.protocol = Fact::known(spoken.0.to_owned());
    heard.socket.encrypted = spoken.1;
    heard.socket.as_named = as_named;
    heard
}

/// What a server speaks that does not speak what was named; none when that cannot be told.
fn instead(peer: &Peer, port: u16) -> Option<Speaks> {
    match detect::detect(peer, port, None).ok()? {
        Spoken::Tls => Some(("tls", Fact::known(true))),
        Spoken::Http => Some(("http", Fact::known(false))),
        Spoken::Ssh(..) => Some(("ssh", Fact::known(true))),
        Spoken::Mqtt => Some(("mqtt", Fact::known(false))),
        Spoken::OpcUa => Some(("opc-ua", Fact::unreadable("its endpoints were not asked for"))),
        Spoken::Other(protocol) => Some((protocol, Fact::known(false))),
        Spoken::Unknown => None,
    }
}

/// Speaks in the protocol that was named. The error: why it does not seem to be spoken.
fn speak(
    asker: &Asker,
    named: &NamedServer,
    peer: &Arc<Peer>,
    place: &Place,
    heard: &mut Heard,
) -> Result<Speaks, String> {
    let server = &named.reached.server;
    let (name, place) = (server.authority(), place.clone());
    match server.scheme {
        Scheme::Https | Scheme::Tls | Scheme::Mqtts => {
            let called = Called::Named(&server.host);
            let tls = tls::look(peer, called, name.clone(), place.clone(), &asker.roots, &asker.provider);
            let speaks = speaks(&tls);
            let inside = if speaks.is_ok() { inside(asker, named, peer, &tls, heard) } else { Ok(()) };
            heard.tls = Some(tls);
            speaks.and(inside).map(|()| ("tls", Fact::known(true)))
        }
        Scheme::Http => {
            let authority = web_authority(named, PLAIN_WEB);
            let page = Page { authority: &authority, host: Some(&server.host), path: &server.path };
            let site = asker.http(peer, page, name, place).map_err(|error| error.to_string())?;
            heard.socket.only_redirects = site.redirects_to_https;
            heard.socket.speaks_http = Fact::known(true);
            heard.http = Some(Fact::known(site));
            Ok(("http", Fact::known(false)))
        }
        Scheme::SshServer => match detect::detect(peer, 22, Some("sshd")).map_err(|error| error.to_string())? {
            Spoken::Ssh(line, said) => {
                heard.ssh = Some(ssh::look(peer, line, said, name, place));
                Ok(("ssh", Fact::known(true)))
            }
            _ => Err("it greets nobody as SSH servers do".to_owned()),
        },
        Scheme::OpcTcp => {
            let address = named.reached.address.ip();
            let url = format!("opc.tcp://{}{}", server.authority(), server.path);
            let asked = opcua::Asked { url, host: Some(&server.host), address };
            let found = opcua::look(peer, &asked, &asker.provider, name, place)?;
            let encrypted = match opcua::is_encrypted(&found) {
                Some(encrypted) => Fact::known(encrypted),
                None => Fact::unreadable("its endpoints are not known"),
            };
            heard.opcua = Some(found);
            Ok(("opc-ua", encrypted))
        }
        Scheme::Mqtt => {
            heard.mqtt = Some(asker.mqtt(peer, name, place)?);
            Ok(("mqtt", Fact::known(false)))
        }
    }
}

/// Speaks what was named inside TLS.
fn inside(
    asker: &Asker,
    named: &NamedServer,
    peer: &Arc<Peer>,
    tls: &TlsServer,
    heard: &mut Heard,
) -> Result<(), String> {
    let server = &named.reached.server;
    let (name, place) = (server.authority(), heard.socket.place.clone());
    match server.scheme {
        Scheme::Https => {
            let authority = web_authority(named, WEB);
            let page = Page { authority: &authority, host: Some(&server.host), path: &server.path };
            let site = asker.http_over_tls(peer, tls, page, name, place).map_err(|error| error.to_string());
            if let Err(reason) = &site {
                heard.socket.speaks_http = Fact::unreadable(reason);
            }
            heard.http = Some(Fact::known(site?));
            heard.socket.speaks_http = Fact::known(true);
        }
        Scheme::Mqtts => {
            // A password is shown to nobody but the server that was meant.
            let trusted = tls.chain.value().and_then(|chain| chain.trusted.value()) == Some(&true);
            let proven = trusted && tls.name_matches.value() == Some(&true);
            let login = named.login.as_ref().filter(|_| proven);
            heard.mqtt = Some(asker.mqtt_over_tls(peer, tls, login, name, place)?);
        }
        _ => heard.socket.speaks_http = Fact::unreadable("not asked: only TLS was named"),
    }
    Ok(())
}

/// Whether a server accepted any version of TLS; the error is the reason that stands in its facts.
fn speaks(tls: &TlsServer) -> Result<(), String> {
    let offers = &tls.offers;
    let any = [&offers.ssl2_0, &offers.ssl3_0, &offers.tls1_0, &offers.tls1_1, &offers.tls1_2, &offers.tls1_3];
    if any.iter().any(|offer| offer.value() == Some(&true)) {
        return Ok(());
    }
    Err(match &tls.suites {
        Fact::Unreadable(reason) => reason.clone(),
        _ => "it accepts no version of TLS".to_owned(),
    })
}

/// The host as requests name it.
fn web_authority(named: &NamedServer, usual: u16) -> String {
    let server = &named.reached.server;
    let authority = server.authority();
    if server.port != usual {
        return authority;
    }
    authority.strip_suffix(&format!(":{usual}")).map(str::to_owned).unwrap_or(authority)
}

/// The same host's port for plain HTTP. A port where nothing listens is as it should be; one that listens and says
/// nothing is not known to be.
fn plain_web(asker: &Asker, named: &NamedServer, endpoints: &mut Endpoints) {
    let server = super::Server { scheme: Scheme::Http, port: PLAIN_WEB, ..named.reached.server.clone() };
    let mut plain = named.clone();
    plain.reached.address.set_port(PLAIN_WEB);
    plain.reached.server = server;
    let address = Address::Tcp(plain.reached.address);
    let peer = Arc::new(Peer::new(&asker.door, address.clone(), Budget::NAMED));
    let (place, name) = (place(&plain, PLAIN_WEB), plain.reached.server.authority());
    let authority = web_authority(&plain, PLAIN_WEB);
    let page = Page { authority: &authority, host: Some(&plain.reached.server.host), path: "" };
    if peer.connect(peer.budget().exchange).is_err() {
        return;
    }
    let mut socket = socket(&plain, name.clone(), &place, &address);
    let site = match asker.http(&peer, page, name, place) {
        Ok(site) => site,
        Err(error) => {
            let why = error.to_string();
            socket.protocol = Fact::unreadable(&why);
            socket.encrypted = Fact::unreadable(&why);
            socket.speaks_http = Fact::unreadable(&why);
            return Heard { socket, http: Some(Fact::unreadable(why)), ..Heard::default() }.into(endpoints);
        }
    };
    socket.protocol = Fact::known("http".to_owned());
    socket.encrypted = Fact::known(false);
    socket.speaks_http = Fact::known(true);
    socket.only_redirects = site.redirects_to_https;
    Heard { socket, http: Some(Fact::known(site)), ..Heard::default() }.into(endpoints);
}
