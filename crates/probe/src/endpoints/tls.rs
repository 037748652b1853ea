//! How well a server speaks TLS: "offer everything, drop what was chosen, repeat", with handshakes that end after the
//! server's first answer.

use std::sync::Arc;

use model::Fact;
use model::facts::endpoints::{Offers, Place, TlsServer};
use rustls::crypto::CryptoProvider;

use super::answer::{ServerHello, Until};
use super::ask::{Reaction, ask};
use super::certificate::{self, Roots};
use super::handshake;
use super::hello::{Hello, SSL3_0, TLS1_0, TLS1_1, TLS1_2, TLS1_3};
use super::peer::Peer;
use super::{ssl2, suites};

/// "You fell back to an older version" (RFC 7507).
const INAPPROPRIATE_FALLBACK: u8 = 86;

/// "I do not speak this version" (RFC 8446, 6.2).
const PROTOCOL_VERSION: u8 = 70;

/// The name a socket of the host is asked for when it answers nobody who names none.
const LOCAL_NAME: &str = "localhost";

/// Under which name a server is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Called<'a> {
    /// A socket of the host: no name, unless it wants one.
    Socket,
    /// A server that was named: by this name or address.
    Named(&'a str),
}

impl<'a> Called<'a> {
    /// The name to send along: addresses are none.
    fn sent(self) -> Option<&'a str> {
        match self {
            Self::Named(host) if host.parse::<std::net::IpAddr>().is_err() => Some(host),
            Self::Socket | Self::Named(_) => None,
        }
    }
}

/// What one protocol version accepts.
struct Accepted {
    version: u16,
    suites: Vec<u16>,
    /// The answer to everything being offered.
    first: Option<Box<ServerHello>>,
    /// Whether the connection was closed without a word where a refusal was expected.
    closed: bool,
    /// Whether TLS 1.3 is answered only when a key share comes along.
    share: bool,
    /// Why there may be more suites than were found.
    failure: Option<String>,
}

/// Asks one server everything.
pub(super) fn look(
    peer: &Peer,
    called: Called<'_>,
    name: String,
    place: Place,
    roots: &Roots,
    provider: &Arc<CryptoProvider>,
) -> TlsServer {
    let before = peer.times_broken_off();
    let mut host = called.sent();
    let mut accepted = every_version(peer, host);
    let refused = |accepted: &Accepted| accepted.suites.is_empty() && accepted.failure.is_none();
    if matches!(called, Called::Socket) && accepted.iter().all(refused) {
        host = Some(LOCAL_NAME);
        accepted = every_version(peer, host);
    }
    let mut server = TlsServer {
        name,
        place,
        server_name: Fact::from_option(host.map(str::to_owned)),
        offers: offers(&accepted),
        name_matches: Fact::Absent,
        ticket_lifetime_seconds: Fact::Absent,
        resumes_by_id: Fact::Absent,
        source: peer.address().to_string(),
        ..TlsServer::default()
    };
    server.offers.ssl2_0 = fact(ssl2::offered(peer).map(Some));
    let failure = accepted.iter().find_map(|accepted| accepted.failure.clone());
    let failure = failure.or_else(|| still_answers(peer, host, &accepted, before).err()).or_else(|| {
        let silent = accepted.iter().all(|accepted| accepted.suites.is_empty());
        silent.then(|| "it refuses every handshake; it may want a host name that is not known here".to_owned())
    });
    let before = peer.times_broken_off();
    if let Some(reason) = failure {
        withhold(&mut server, &reason);
        if matches!(called, Called::Named(_)) {
            server.name_matches = Fact::unreadable(&reason);
        }
        server.connections = peer.connections();
        return server;
    }
    let spoken: Vec<&Accepted> = accepted.iter().filter(|accepted| !accepted.suites.is_empty()).collect();
    server.suites = Fact::known(
        spoken
            .iter()
            .flat_map(|accepted| accepted.suites.iter().map(|suite| suites::describe(accepted.version, *suite)))
            .collect(),
    );
    server.prefers_own_order = fact(own_order(peer, host, &spoken));
    server.groups = fact(groups(peer, host, &spoken));
    server.dh_bits = fact(dh_bits(peer, host, &spoken));
    server.signs_with_sha1 = fact(sha1(peer, host, &spoken));
    older_versions(peer, host, &spoken, &mut server);
    if let Err(reason) = still_answers(peer, host, &accepted, before) {
        doubt(&mut server, &reason);
    }
    let own = certificates(peer, host, &spoken, roots, provider, &mut server);
    if let Called::Named(wanted) = called {
        server.name_matches = match (&own, &server.certificate) {
            (Some(own), _) => fact(certificate::names_host(own, wanted).map(Some)),
            (None, Fact::Unreadable(reason)) => Fact::unreadable(reason.clone()),
            (None, _) => Fact::Absent,
        };
    }
    sessions(peer, host, &spoken, provider, &mut server);
    server.connections = peer.connections();
    server
}

fn fact<T>(answer: Result<Option<T>, String>) -> Fact<T> {
    match answer {
        Ok(value) => Fact::from_option(value),
        Err(reason) => Fact::unreadable(reason),
    }
}

/// One reason for everything that was not found out.
fn withhold(server: &mut TlsServer, reason: &str) {
    for offer in [
        &mut server.offers.ssl2_0,
        &mut server.offers.ssl3_0,
        &mut server.offers.tls1_0,
        &mut server.offers.tls1_1,
        &mut server.offers.tls1_2,
        &mut server.offers.tls1_3,
    ] {
        // What it accepted it accepts; only a refusal is not to be trusted any more.
        if offer.value() != Some(&true) {
            *offer = Fact::unreadable(reason);
        }
    }
    server.suites = Fact::unreadable(reason);
    server.prefers_own_order = Fact::unreadable(reason);
    server.groups = Fact::unreadable(reason);
    server.dh_bits = Fact::unreadable(reason);
    server.compression = Fact::unreadable(reason);
    server.secure_renegotiation = Fact::unreadable(reason);
    server.extended_master_secret = Fact::unreadable(reason);
    server.refuses_fallback = Fact::unreadable(reason);
    server.session_tickets = Fact::unreadable(reason);
    server.ticket_lifetime_seconds = Fact::unreadable(reason);
    server.resumes_by_id = Fact::unreadable(reason);
    server.signs_with_sha1 = Fact::unreadable(reason);
    server.ocsp_stapling = Fact::unreadable(reason);
    server.alpn = Fact::unreadable(reason);
    server.asks_client_certificate = Fact::unreadable(reason);
    server.certificate = Fact::unreadable(reason);
    server.chain = Fact::unreadable(reason);
}

/// The reason for not believing what only a connection that was broken off seemed to say.
fn doubt(server: &mut TlsServer, reason: &str) {
    server.groups = Fact::unreadable(reason);
    for seen in [&mut server.compression, &mut server.refuses_fallback, &mut server.signs_with_sha1] {
        if seen.value() != Some(&true) {
            *seen = Fact::unreadable(reason);
        }
    }
}

fn every_version(peer: &Peer, name: Option<&str>) -> Vec<Accepted> {
    [TLS1_3, TLS1_2, TLS1_1, TLS1_0, SSL3_0].into_iter().map(|version| accepted(peer, name, version)).collect()
}

fn offers(versions: &[Accepted]) -> Offers {
    let offer = |wanted: u16| match versions.iter().find(|accepted| accepted.version == wanted) {
        Some(Accepted { suites, failure: Some(reason), .. }) if suites.is_empty() => Fact::unreadable(reason),
        Some(accepted) => Fact::known(!accepted.suites.is_empty()),
        None => Fact::default(),
    };
    Offers {
        ssl2_0: Fact::default(),
        ssl3_0: offer(SSL3_0),
        tls1_0: offer(TLS1_0),
        tls1_1: offer(TLS1_1),
        tls1_2: offer(TLS1_2),
        tls1_3: offer(TLS1_3),
    }
}

fn hello<'a>(version: u16, suites: &'a [u16], groups: &'a [u16], name: Option<&'a str>) -> Hello<'a> {
    Hello {
        version,
        any_version: false,
        suites,
        groups,
        name,
        compress: false,
        fallback: false,
        sha1_only: false,
        share: false,
    }
}

/// Every suite that the server accepts with one version.
fn accepted(peer: &Peer, name: Option<&str>, version: u16) -> Accepted {
    let groups = suites::groups(version);
    let mut accepted =
        Accepted { version, suites: Vec::new(), first: None, closed: false, share: false, failure: None };
    for mut left in suites::offers(version) {
        while !left.is_empty() {
            let said = Hello { share: accepted.share, ..hello(version, &left, &groups, name) };
            let reaction = match ask(peer, &said, Until::Hello) {
                Ok(reaction) => reaction,
                Err(reason) => {
                    accepted.failure = Some(reason);
                    return accepted;
                }
            };
            match reaction {
                Reaction::Hello(answer) if answer.version == version && left.contains(&answer.suite) => {
                    left.retain(|suite| *suite != answer.suite);
                    accepted.suites.push(answer.suite);
                    accepted.first.get_or_insert(answer);
                }
                // A server that takes no TLS 1.3 without a key share gets one.
                Reaction::Refused(0..PROTOCOL_VERSION | 71..) | Reaction::Closed
                    if version == TLS1_3 && !accepted.share && accepted.suites.is_empty() =>
                {
                    accepted.share = true;
                }
                // The version itself is refused: other suites change nothing.
                Reaction::Refused(PROTOCOL_VERSION) if accepted.suites.is_empty() => return accepted,
                Reaction::Hello(_) | Reaction::Refused(_) => break,
                Reaction::Closed => {
                    accepted.closed = true;
                    break;
                }
            }
        }
    }
    accepted
}

/// A server that breaks connections off without a word may refuse a suite, or us: once it has, it must still take what it
/// took. `before` is how often it had done so when the questions began.
fn still_answers(peer: &Peer, name: Option<&str>, accepted: &[Accepted], before: u32) -> Result<(), String> {
    if peer.times_broken_off() == before {
        return Ok(());
    }
    let Some(known) = accepted.iter().find(|accepted| !accepted.suites.is_empty()) else {
        let closed = accepted.iter().any(|accepted| accepted.closed);
        return if closed { Err("it closes every connection without an answer".to_owned()) } else { Ok(()) };
    };
    let groups = suites::groups(known.version);
    let said = Hello { share: known.share, ..hello(known.version, &known.suites, &groups, name) };
    match ask(peer, &said, Until::Hello)? {
        Reaction::Hello(_) => Ok(()),
        Reaction::Refused(_) | Reaction::Closed => Err("it stopped answering while it was asked".to_owned()),
    }
}

/// Whether it keeps its choice when the client's order is turned round. Servers with an order of their own may still let
/// the client choose between AES and ChaCha20, whichever is faster there: that choice is not asked for where there are
/// others.
fn own_order(peer: &Peer, name: Option<&str>, spoken: &[&Accepted]) -> Result<Option<bool>, String> {
    let Some(choice) = spoken
        .iter()
        .filter(|accepted| accepted.suites.len() > 1)
        .min_by_key(|accepted| accepted.version.abs_diff(TLS1_2))
    else {
        return Ok(None);
    };
    let mut order: Vec<u16> =
        choice.suites.iter().copied().filter(|suite| !suites::is_chacha20(*suite)).collect();
    if order.len() < 2 {
        order.clone_from(&choice.suites);
    }
    let groups = suites::groups(choice.version);
    let chosen = |order: &[u16]| {
        let said = Hello { share: choice.share, ..hello(choice.version, order, &groups, name) };
        match ask(peer, &said, Until::Hello)? {
            Reaction::Hello(answer) => Ok(answer.suite),
            Reaction::Refused(_) | Reaction::Closed => Err("it refused suites that it had accepted".to_owned()),
        }
    };
    // The suites were found in several lists: the first of them need not be its choice among all.
    let before = chosen(&order)?;
    order.reverse();
    Ok(Some(chosen(&order)? == before))
}

/// Every group it exchanges keys in.
fn groups(peer: &Peer, name: Option<&str>, spoken: &[&Accepted]) -> Result<Option<Vec<String>>, String> {
    let mut found: Vec<u16> = Vec::new();
    let mut exchanges = false;
    // Older versions take no other groups than newer ones; where there is none, the newest of them is asked.
    let newest = spoken.iter().map(|accepted| accepted.version).max().unwrap_or(TLS1_2).min(TLS1_2);
    for accepted in spoken.iter().filter(|accepted| accepted.version >= newest.max(TLS1_0)) {
        let (suites, until) = if accepted.version == TLS1_3 {
            (accepted.suites.clone(), Until::Hello)
        } else {
            let curved = accepted.suites.iter().copied().filter(|suite| suites::names_curve(*suite));
            (curved.collect(), Until::KeyExchange)
        };
        if suites.is_empty() {
            continue;
        }
        exchanges = true;
        let mut left = suites::groups(accepted.version);
        // A group that was found with another version need not be asked for again, unless the server's key is on a
        // curve: such a server wants to see that curve in every list.
        if !suites.iter().all(|suite| suites::signs_on_curve(*suite)) {
            left.retain(|group| !found.contains(group));
        }
        while !left.is_empty() {
            let said = Hello { share: accepted.share, ..hello(accepted.version, &suites, &left, name) };
            match ask(peer, &said, until)? {
                Reaction::Hello(answer) => match answer.group {
                    Some(group) if left.contains(&group) => {
                        left.retain(|other| *other != group);
                        if !found.contains(&group) {
                            found.push(group);
                        }
                    }
                    _ => break,
                },
                Reaction::Refused(_) | Reaction::Closed => break,
            }
        }
    }
    Ok(exchanges.then(|| found.into_iter().map(suites::group_name).collect()))
}

/// Bits of the prime it uses below TLS 1.3.
fn dh_bits(peer: &Peer, name: Option<&str>, spoken: &[&Accepted]) -> Result<Option<u32>, String> {
    for accepted in spoken.iter().filter(|accepted| accepted.version != TLS1_3) {
        let suites: Vec<u16> =
            accepted.suites.iter().copied().filter(|suite| suites::sends_prime(*suite)).collect();
        if suites.is_empty() {
            continue;
        }
        let groups = suites::groups(accepted.version);
        return match ask(peer, &hello(accepted.version, &suites, &groups, name), Until::KeyExchange)? {
            Reaction::Hello(answer) if answer.dh_bits.is_some() => Ok(answer.dh_bits),
            _ => Err("its Diffie-Hellman prime was not seen".to_owned()),
        };
    }
    Ok(None)
}

/// What only versions below TLS 1.3 have.
fn older_versions(peer: &Peer, name: Option<&str>, spoken: &[&Accepted], server: &mut TlsServer) {
    let below = spoken.iter().find(|accepted| accepted.version != TLS1_3);
    let says = |kind: u16| {
        Fact::from_option(
            below.and_then(|accepted| accepted.first.as_ref()).map(|answer| answer.extensions.contains(&kind)),
        )
    };
    server.secure_renegotiation = says(0xff01);
    server.extended_master_secret = says(23);
    server.session_tickets = says(35);
    server.compression = fact(below.map_or(Ok(None), |accepted| {
        let groups = suites::groups(accepted.version);
        let said = Hello { compress: true, ..hello(accepted.version, &accepted.suites, &groups, name) };
        match ask(peer, &said, Until::Hello)? {
            Reaction::Hello(answer) => Ok(Some(answer.compression != 0)),
            // It will not even hear of it.
            Reaction::Refused(_) | Reaction::Closed => Ok(Some(false)),
        }
    }));
    server.refuses_fallback = fact(match (spoken.first(), spoken.get(1)) {
        (Some(_), Some(lower)) => {
            let groups = suites::groups(lower.version);
            let said = Hello { fallback: true, ..hello(lower.version, &lower.suites, &groups, name) };
            ask(peer, &said, Until::Hello).map(|reaction| match reaction {
                Reaction::Refused(alert) => Some(alert == INAPPROPRIATE_FALLBACK),
                Reaction::Hello(_) | Reaction::Closed => Some(false),
            })
        }
        _ => Ok(None),
    });
}

/// Certificates, revocation state, application protocols: by a whole handshake, or by what an old server says in clear.
fn certificates(
    peer: &Peer,
    name: Option<&str>,
    spoken: &[&Accepted],
    roots: &Roots,
    provider: &Arc<CryptoProvider>,
    server: &mut TlsServer,
) -> Option<Vec<u8>> {
    let limit = peer.budget().exchange;
    let whole = handshake::open(peer, provider, name, &["h2", "http/1.1"], limit).map(|(_, seen)| seen);
    let (sent, at) = match whole {
        Ok(seen) => {
            server.ocsp_stapling = Fact::known(seen.stapled);
            server.asks_client_certificate = Fact::known(seen.asks_certificate);
            let mut alpn: Vec<String> = seen.alpn.into_iter().collect();
            if alpn.iter().any(|name| name == "h2") {
                let again = handshake::open(peer, provider, name, &["http/1.1"], limit);
                alpn.extend(again.ok().and_then(|(_, seen)| seen.alpn));
            }
            server.alpn = Fact::known(alpn);
            (seen.certificates, seen.at.ok_or_else(|| "it showed no certificate".to_owned()))
        }
        Err(error) => {
            let reason = no_handshake(error);
            server.alpn = Fact::unreadable(&reason);
            let plain = spoken.iter().find(|accepted| accepted.version != TLS1_3).and_then(|accepted| {
                let groups = suites::groups(accepted.version);
                match ask(peer, &hello(accepted.version, &accepted.suites, &groups, name), Until::Done) {
                    Ok(Reaction::Hello(answer)) => Some(answer),
                    _ => None,
                }
            });
            let Some(plain) = plain else {
                server.ocsp_stapling = Fact::unreadable(&reason);
                server.asks_client_certificate = Fact::unreadable(&reason);
                server.certificate = Fact::unreadable(&reason);
                server.chain = Fact::unreadable(&reason);
                return None;
            };
            server.ocsp_stapling = Fact::unreadable(&reason);
            server.asks_client_certificate = Fact::known(plain.asks_certificate);
            (plain.certificates, Err(reason))
        }
    };
    let Some(own) = sent.first() else {
        server.certificate = Fact::Absent;
        server.chain = Fact::Absent;
        return None;
    };
    server.certificate = match certificate::describe(own) {
        Some(own) => Fact::known(own),
        None => Fact::unreadable("what it sent as a certificate is none"),
    };
    server.chain = match at {
        Ok(now) => Fact::known(certificate::chain(&sent, roots, provider, now)),
        Err(reason) => Fact::unreadable(reason),
    };
    Some(own.clone())
}

/// How sessions of TLS 1.2 are taken up again.
fn sessions(
    peer: &Peer,
    name: Option<&str>,
    spoken: &[&Accepted],
    provider: &Arc<CryptoProvider>,
    server: &mut TlsServer,
) {
    let limit = peer.budget().exchange;
    if spoken.iter().any(|accepted| accepted.version == TLS1_2) {
        server.resumes_by_id =
            fact(handshake::resumes_by_id(peer, provider, name, limit).map(Some).map_err(no_handshake));
    }
    if server.session_tickets.value() == Some(&true) {
        let lifetime = match handshake::ticket_lifetime(peer, provider, name, limit) {
            Ok(Some(lifetime)) => Ok(Some(lifetime)),
            Ok(None) => Err("it announced a session ticket and sent none".to_owned()),
            Err(error) => Err(no_handshake(error)),
        };
        server.ticket_lifetime_seconds = fact(lifetime);
    }
}

fn no_handshake(error: host::Error) -> String {
    format!("no whole handshake was possible: {error}")
}

/// Whether it signs with SHA-1 when that is all a client takes.
fn sha1(peer: &Peer, name: Option<&str>, spoken: &[&Accepted]) -> Result<Option<bool>, String> {
    let Some(accepted) = spoken.iter().find(|accepted| accepted.version == TLS1_2) else { return Ok(None) };
    let suites: Vec<u16> = accepted.suites.iter().copied().filter(|suite| suites::is_signed(*suite)).collect();
    if suites.is_empty() {
        return Ok(None);
    }
    let groups = suites::groups(TLS1_2);
    let said = Hello { sha1_only: true, ..hello(TLS1_2, &suites, &groups, name) };
    Ok(match ask(peer, &said, Until::KeyExchange)? {
        // The low byte tells how it is signed, the high one the hash: 2 is SHA-1.
        Reaction::Hello(answer) => Some(answer.signature.is_some_and(|scheme| scheme >> 8 == 2)),
        Reaction::Refused(_) | Reaction::Closed => Some(false),
    })
}
