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
use super::suites;

/// "You fell back to an older version" (RFC 7507).
const INAPPROPRIATE_FALLBACK: u8 = 86;

/// The name a server is asked for when it answers nobody who names none.
const LOCAL_NAME: &str = "localhost";

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
}

/// Asks one server everything.
pub(super) fn look(
    peer: &Peer,
    name: String,
    place: Place,
    roots: &Roots,
    provider: &Arc<CryptoProvider>,
) -> TlsServer {
    let mut host = None;
    let mut versions = every_version(peer, host);
    if versions.iter().all(|(_, accepted)| accepted.as_ref().is_ok_and(|accepted| accepted.suites.is_empty())) {
        host = Some(LOCAL_NAME);
        versions = every_version(peer, host);
    }
    let mut server = TlsServer {
        name,
        place,
        server_name: Fact::from_option(host.map(str::to_owned)),
        offers: offers(&versions),
        source: peer.address().to_string(),
        ..TlsServer::default()
    };
    let failure = versions.iter().find_map(|(_, accepted)| accepted.as_ref().err().cloned());
    let accepted: Vec<Accepted> = versions.into_iter().filter_map(|(_, accepted)| accepted.ok()).collect();
    let failure = failure.or_else(|| still_answers(peer, host, &accepted).err()).or_else(|| {
        let silent = accepted.iter().all(|accepted| accepted.suites.is_empty());
        silent.then(|| "it refuses every handshake; it may want a host name that is not known here".to_owned())
    });
    if let Some(reason) = failure {
        withhold(&mut server, &reason);
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
    older_versions(peer, host, &spoken, &mut server);
    certificates(peer, host, &spoken, roots, provider, &mut server);
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
    server.ocsp_stapling = Fact::unreadable(reason);
    server.alpn = Fact::unreadable(reason);
    server.asks_client_certificate = Fact::unreadable(reason);
    server.certificate = Fact::unreadable(reason);
    server.chain = Fact::unreadable(reason);
}

type Version = (u16, Result<Accepted, String>);

fn every_version(peer: &Peer, name: Option<&str>) -> Vec<Version> {
    [TLS1_3, TLS1_2, TLS1_1, TLS1_0, SSL3_0]
        .into_iter()
        .map(|version| (version, accepted(peer, name, version)))
        .collect()
}

fn offers(versions: &[Version]) -> Offers {
    let offer = |wanted: u16| match versions.iter().find(|(version, _)| *version == wanted) {
        Some((_, Ok(accepted))) => Fact::known(!accepted.suites.is_empty()),
        Some((_, Err(reason))) => Fact::unreadable(reason),
        None => Fact::default(),
    };
    Offers {
        ssl3_0: offer(SSL3_0),
        tls1_0: offer(TLS1_0),
        tls1_1: offer(TLS1_1),
        tls1_2: offer(TLS1_2),
        tls1_3: offer(TLS1_3),
    }
}

fn hello<'a>(version: u16, suites: &'a [u16], groups: &'a [u16], name: Option<&'a str>) -> Hello<'a> {
    Hello { version, any_version: false, suites, groups, name, compress: false, fallback: false, share: false }
}

/// Every suite that the server accepts with one version.
fn accepted(peer: &Peer, name: Option<&str>, version: u16) -> Result<Accepted, String> {
    let groups = suites::groups(version);
    let mut accepted = Accepted { version, suites: Vec::new(), first: None, closed: false, share: false };
    for mut left in suites::offers(version) {
        while !left.is_empty() {
            let said = Hello { share: accepted.share, ..hello(version, &left, &groups, name) };
            match ask(peer, &said, Until::Hello)? {
                Reaction::Hello(answer) if answer.version == version && left.contains(&answer.suite) => {
                    left.retain(|suite| *suite != answer.suite);
                    accepted.suites.push(answer.suite);
                    accepted.first.get_or_insert(answer);
                }
                // A server that takes no TLS 1.3 without a key share gets one.
                Reaction::Refused(_) | Reaction::Closed
                    if version == TLS1_3 && !accepted.share && accepted.suites.is_empty() =>
                {
                    accepted.share = true;
                }
                Reaction::Hello(_) | Reaction::Refused(_) => break,
                Reaction::Closed => {
                    accepted.closed = true;
                    break;
                }
            }
        }
    }
    Ok(accepted)
}

/// A server that closes connections without a word may refuse a suite, or us: it must still take what it took.
fn still_answers(peer: &Peer, name: Option<&str>, accepted: &[Accepted]) -> Result<(), String> {
    if !accepted.iter().any(|accepted| accepted.closed) {
        return Ok(());
    }
    let Some(known) = accepted.iter().find(|accepted| !accepted.suites.is_empty()) else {
        return Err("it closes every connection without an answer".to_owned());
    };
    let groups = suites::groups(known.version);
    let said = Hello { share: known.share, ..hello(known.version, &known.suites, &groups, name) };
    match ask(peer, &said, Until::Hello)? {
        Reaction::Hello(_) => Ok(()),
        Reaction::Refused(_) | Reaction::Closed => {
            Err("it stopped answering while its cipher suites were counted".to_owned())
        }
    }
}

/// Whether it keeps its choice when the client's order is turned round.
fn own_order(peer: &Peer, name: Option<&str>, spoken: &[&Accepted]) -> Result<Option<bool>, String> {
    let Some(choice) = spoken
        .iter()
        .filter(|accepted| accepted.suites.len() > 1)
        .min_by_key(|accepted| accepted.version.abs_diff(TLS1_2))
    else {
        return Ok(None);
    };
    let reversed: Vec<u16> = choice.suites.iter().rev().copied().collect();
    let groups = suites::groups(choice.version);
    let said = Hello { share: choice.share, ..hello(choice.version, &reversed, &groups, name) };
    match ask(peer, &said, Until::Hello)? {
        Reaction::Hello(answer) => Ok(Some(choice.suites.first() == Some(&answer.suite))),
        Reaction::Refused(_) | Reaction::Closed => Err("it refused suites that it had accepted".to_owned()),
    }
}

/// Every group it exchanges keys in.
fn groups(peer: &Peer, name: Option<&str>, spoken: &[&Accepted]) -> Result<Option<Vec<String>>, String> {
    let mut found: Vec<u16> = Vec::new();
    let mut exchanges = false;
    for accepted in spoken.iter().filter(|accepted| accepted.version >= TLS1_2) {
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
) {
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
            (seen.certificates, seen.at)
        }
        Err(error) => {
            let reason = format!("no whole handshake was possible: {error}");
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
                return;
            };
            server.ocsp_stapling = Fact::unreadable(&reason);
            server.asks_client_certificate = Fact::known(plain.asks_certificate);
            (plain.certificates, None)
        }
    };
    let Some(own) = sent.first() else {
        server.certificate = Fact::Absent;
        server.chain = Fact::Absent;
        return;
    };
    server.certificate = match certificate::describe(own) {
        Some(own) => Fact::known(own),
        None => Fact::unreadable("what it sent as a certificate is none"),
    };
    server.chain = match at {
        Some(now) => Fact::known(certificate::chain(&sent, roots, provider, now)),
        None => Fact::unreadable("its versions of TLS are too old for a whole handshake"),
    };
}
