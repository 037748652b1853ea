//! What an OPC UA server tells anybody: its endpoints and their security, its certificates, the servers it knows of; and
//! whether it lets a session without user and security in. One connection; nothing is browsed, read or written.

mod channel;
pub(crate) mod messages;
mod wire;

use std::net::IpAddr;
use std::sync::Arc;

use model::Fact;
use model::facts::endpoints::{OpcUaApplication, OpcUaCertificate, OpcUaServer, Place};
use rustls::crypto::CryptoProvider;
use sha2::{Digest, Sha256};
use x509_parser::der_parser::parse_der;

use super::certificate;
use super::peer::Peer;
pub(in crate::endpoints) use channel::hello;
use channel::{Channel, Failure};
use messages::{Answer, Described};

/// Certificates that are kept.
const CERTIFICATES: usize = 10;

/// How a server is asked.
pub(super) struct Asked<'a> {
    /// The address it is asked for.
    pub(super) url: String,
    /// The host that was named; none for a socket of the host.
    pub(super) host: Option<&'a str>,
    /// The address that was asked for it.
    pub(super) address: IpAddr,
}

/// Asks one server everything. The error says why it is not taken for one.
pub(super) fn look(
    peer: &Peer,
    asked: &Asked<'_>,
    provider: &Arc<CryptoProvider>,
    name: String,
    place: Place,
) -> Result<OpcUaServer, String> {
    let mut server = OpcUaServer {
        name,
        place,
        source: peer.address().to_string().replacen("tcp", "opc.tcp", 1),
        refusal: Fact::Absent,
        connections: 1,
        ..OpcUaServer::default()
    };
    let mut channel = match Channel::open(peer, &asked.url).map_err(|Failure(why)| why)? {
        Ok(channel) => channel,
        Err(Failure(why)) => {
            withhold(&mut server, &why);
            return Ok(server);
        }
    };
    let described = match channel.call(|handle| messages::get_endpoints(handle, &asked.url)) {
        Ok(Answer::Endpoints(described)) => described,
        other => {
            withhold(&mut server, &no_answer(other));
            channel.close();
            return Ok(server);
        }
    };
    let known = channel.call(|handle| messages::find_servers(handle, &asked.url));
    describe(&mut server, &described, asked);
    applications(&mut server, known);
    disclose(&mut server, &described, asked);
    session(&mut server, &mut channel, &described, provider);
    channel.close();
    Ok(server)
}

/// Whether every session with it is encrypted; none when its endpoints are not known.
pub(super) fn is_encrypted(server: &OpcUaServer) -> Option<bool> {
    let endpoints = server.endpoints.value().filter(|endpoints| !endpoints.is_empty())?;
    Some(endpoints.iter().all(|endpoint| endpoint.mode == "sign-and-encrypt"))
}

fn withhold(server: &mut OpcUaServer, reason: &str) {
    server.application_uri = Fact::unreadable(reason);
    server.product_uri = Fact::unreadable(reason);
    server.endpoints = Fact::unreadable(reason);
    server.certificates = Fact::unreadable(reason);
    server.applications = Fact::unreadable(reason);
    server.anonymous_session = Fact::unreadable(reason);
}

/// The reason for an answer that was not the one that was asked for.
fn no_answer(answer: Result<Answer, Failure>) -> String {
    match answer {
        Ok(Answer::Refused(status)) => format!("it refuses: {}", messages::status(status).0),
        Ok(_) => "it answers another question than was asked".to_owned(),
        Err(Failure(why)) => why,
    }
}

fn describe(server: &mut OpcUaServer, described: &[Described], asked: &Asked<'_>) {
    let first = described.first();
    let told = |text: &String| Fact::from_option(Some(text.clone()).filter(|text| !text.is_empty()));
    server.application_uri = first.map_or(Fact::Absent, |first| told(&first.application));
    server.product_uri = first.map_or(Fact::Absent, |first| told(&first.product));
    server.endpoints = Fact::known(described.iter().map(|one| one.endpoint.clone()).collect());
    let mut certificates: Vec<OpcUaCertificate> = Vec::new();
    let mut unread = 0;
    for one in described.iter().filter(|one| !one.certificate.is_empty()) {
        // Those of its issuers may follow its own.
        let own = parse_der(&one.certificate)
            .ok()
            .and_then(|(rest, _)| one.certificate.get(..one.certificate.len() - rest.len()))
            .unwrap_or(&one.certificate);
        let fingerprint: String = Sha256::digest(own).iter().map(|byte| format!("{byte:02x}")).collect();
        if certificates.len() >= CERTIFICATES || certificates.iter().any(|known| known.name == fingerprint) {
            continue;
        }
        let Some(certificate) = certificate::describe(own) else {
            unread += 1;
            continue;
        };
        certificates.push(OpcUaCertificate {
            name: fingerprint,
            names_application: certificate.uris.contains(&one.application),
            names_host: match asked.host.map(|host| certificate::names_host(own, host)) {
                Some(Ok(names)) => Fact::known(names),
                Some(Err(reason)) => Fact::unreadable(reason),
                None => Fact::Absent,
            },
            certificate,
        });
    }
    server.certificates = if unread > 0 {
        Fact::unreadable("what it shows as a certificate of an endpoint is none")
    } else {
        Fact::known(certificates)
    };
}

fn applications(server: &mut OpcUaServer, known: Result<Answer, Failure>) {
    server.applications = match known {
        Ok(Answer::Servers(servers)) => {
            let own = server.application_uri.value();
            let mark = |one: OpcUaApplication| OpcUaApplication { itself: own == Some(&one.uri), ..one };
            Fact::known(servers.into_iter().map(mark).collect())
        }
        other => Fact::unreadable(no_answer(other)),
    };
}

/// Hosts that its addresses lead to, other than the one that was asked.
fn disclose(server: &mut OpcUaServer, described: &[Described], asked: &Asked<'_>) {
    let Some(host) = asked.host else { return };
    let known = server.applications.value().into_iter().flatten().flat_map(|one| &one.urls);
    let all = described.iter().flat_map(|one| one.urls.iter().chain([&one.endpoint.url])).chain(known);
    let mut others: Vec<String> = Vec::new();
    for url in all {
        let Some(other) = host_of(url).map(str::to_ascii_lowercase) else { continue };
        let own = other == host || other.parse() == Ok(asked.address);
        if !own && !others.contains(&other) {
            others.push(other);
        }
    }
    others.sort();
    server.other_hosts = others;
}

/// The host in `opc.tcp://host:4840/path`.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next();
    }
    authority.split(':').next().filter(|host| !host.is_empty())
}

/// Tries to get in without user, where an endpoint without security is offered.
fn session(
    server: &mut OpcUaServer,
    channel: &mut Channel,
    described: &[Described],
    provider: &Arc<CryptoProvider>,
) {
    let Some(open) = described.iter().find(|one| one.endpoint.mode == "none") else {
        server.anonymous_session = Fact::Absent;
        return;
    };
    let mut nonce = [0; 32];
    if provider.secure_random.fill(&mut nonce).is_err() {
        server.anonymous_session = Fact::unreadable("no random number could be made");
        return;
    }
    let url = &open.endpoint.url;
    let session = match channel.call(|handle| messages::create_session(handle, url, &nonce)) {
        Ok(Answer::Session(session)) => session,
        other => return refuse(server, other),
    };
    let policy = open.anonymous.as_deref().unwrap_or("anonymous");
    let activated = channel.call(|handle| messages::activate_session(handle, &session, policy));
    match activated {
        Ok(Answer::Activated) => server.anonymous_session = Fact::known(true),
        other => refuse(server, other),
    }
    // It ends by itself soon, should this get lost.
    drop(channel.call(|handle| messages::close_session(handle, &session)));
}

fn refuse(server: &mut OpcUaServer, answer: Result<Answer, Failure>) {
    match answer {
        Ok(Answer::Refused(code)) => {
            let (name, refuses) = messages::status(code);
            server.anonymous_session = if refuses {
                Fact::known(false)
            } else {
                Fact::unreadable(format!("it refused for another reason: {name}"))
            };
            server.refusal = Fact::known(name);
        }
        other => server.anonymous_session = Fact::unreadable(no_answer(other)),
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use test_support::Certificate;

    use super::*;

    #[test]
    fn a_good_certificate_does_not_hide_one_that_cannot_be_read() {
        let directory = tempfile::tempdir().unwrap();
        let made = Certificate::authority(directory.path(), "own", None);
        let good = CertificateDer::from_pem_slice(made.pem().as_bytes()).unwrap().to_vec();
        let asked = Asked { url: String::new(), host: None, address: IpAddr::from([127, 0, 0, 1]) };
        let read = |certificates: &[&[u8]]| {
            let one = |der: &&[u8]| Described { certificate: der.to_vec(), ..Described::default() };
            let described: Vec<Described> = certificates.iter().map(one).collect();
            let mut server = OpcUaServer::default();
            describe(&mut server, &described, &asked);
            server.certificates
        };
        let both: [&[u8]; 2] = [&good, &[0x30, 0]];
        assert_eq!(read(&both[..1]).value().map(Vec::len), Some(1));
        assert!(read(&both).is_unreadable());
    }
}
