//! What a socket speaks: listen a moment, then greet it in TLS, then in HTTP. And what is never spoken to.

use std::io::{Read, Write};
use std::time::Duration;

use host::Error;

use super::answer::{Answer, Until, answer};
use super::hello::{self, Hello, TLS1_3};
use super::mqtt::packet;
use super::peer::{Line, Peer, is_timeout};
use super::suites;
use crate::http::{Client, Limits};

/// What a socket speaks.
pub(super) enum Spoken {
    /// TLS.
    Tls,
    /// HTTP without TLS.
    Http,
    /// SSH: the open connection and what was heard on it so far.
    Ssh(Line, Vec<u8>),
    /// MQTT without TLS.
    Mqtt,
    /// OPC UA over TCP.
    OpcUa,
    /// Another protocol that greets first.
    Other(&'static str),
    /// Nothing that is known here.
    Unknown,
}

/// Ports of controllers and their programming tools. Many of them stop at a single unexpected byte.
const FRAGILE: &[(u16, &str)] = &[
    (102, "iso-tsap"),
    (502, "modbus"),
    (789, "crimson"),
    (1089, "foundation-fieldbus"),
    (1090, "foundation-fieldbus"),
    (1091, "foundation-fieldbus"),
    (1217, "codesys"),
    (1911, "niagara-fox"),
    (1962, "pcworx"),
    (2222, "ethernet-ip"),
    (2404, "iec-104"),
    (2455, "codesys"),
    (4000, "roc"),
    (4840, "opc-ua"),
    (4911, "niagara-foxs"),
    (5006, "melsec"),
    (5007, "melsec"),
    (5094, "hart-ip"),
    (9100, "raw-printing"),
    (9600, "fins"),
    (11740, "codesys"),
    (18245, "ge-srtp"),
    (19999, "dnp3-secure"),
    (20000, "dnp3"),
    (20547, "proconos"),
    (34962, "profinet"),
    (34963, "profinet"),
    (34964, "profinet"),
    (44818, "ethernet-ip"),
    (47808, "bacnet"),
];

/// Those of them that can be encrypted: the port alone does not tell.
const PERHAPS_ENCRYPTED: &[&str] = &["codesys", "opc-ua", "niagara-foxs", "dnp3-secure", "ethernet-ip"];

/// Programs that are what their name says, whatever their port: they are spoken to.
const STURDY: &[&str] = &[
    "sshd", "dropbear", "nginx", "apache2", "httpd", "lighttpd", "haproxy", "caddy", "traefik", "envoy",
    "dockerd",
];

/// Programs that are brokers of MQTT.
const BROKERS: &[&str] = &["mosquitto", "vernemq", "nanomq", "emqx", "rumqttd", "hivemq"];

/// The ports of MQTT, without TLS and with it.
const MQTT: u16 = 1883;
const MQTT_TLS: u16 = 8883;

/// Ports of OPC UA servers that run on computers, not on controllers: Kepware, Prosys, node-opcua, Unified Automation.
const OPC_UA: &[u16] = &[4841, 4842, 26543, 48010, 48020, 49320, 53530, 62541];

/// Whether a broker may be expected at a port below TLS.
pub(super) fn may_be_broker(port: u16, process: Option<&str>) -> bool {
    port == MQTT_TLS || process.is_some_and(|name| BROKERS.contains(&name))
}

/// Ports where a client speaks first, so that no greeting is waited for.
const CLIENT_FIRST: &[u16] = &[80, 443, 8000, 8008, 8080, 8081, 8088, 8443, 8888, 9443];

/// A protocol that is assumed from the port, because the port is not spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Assumed {
    /// Its name.
    pub(super) protocol: &'static str,
    /// Whether it is known to be unencrypted.
    pub(super) plain: bool,
}

/// The fragile protocol usual on a port; none where the port may be spoken to.
pub(super) fn fragile(port: u16, process: Option<&str>) -> Option<Assumed> {
    if process.is_some_and(|name| STURDY.contains(&name)) {
        return None;
    }
    FRAGILE
        .iter()
        .find(|(fragile, _)| *fragile == port)
        .map(|(_, protocol)| Assumed { protocol, plain: !PERHAPS_ENCRYPTED.contains(protocol) })
}

/// Finds out what a socket speaks.
pub(super) fn detect(peer: &Peer, port: u16, process: Option<&str>) -> Result<Spoken, Error> {
    let budget = *peer.budget();
    if port == MQTT || process.is_some_and(|name| BROKERS.contains(&name)) {
        if mqtt(peer)? {
            return Ok(Spoken::Mqtt);
        }
    } else if OPC_UA.contains(&port) && opc_ua(peer)? {
        return Ok(Spoken::OpcUa);
    }
    let client_first = CLIENT_FIRST.contains(&port)
        || process.is_some_and(|name| STURDY.contains(&name) && !matches!(name, "sshd" | "dropbear"));
    let mut line = peer.connect(budget.exchange)?;
    let mut heard = Vec::new();
    if !client_first {
        line.extend(if port == 22 || process == Some("sshd") { budget.exchange } else { budget.greeting });
        if listen(&mut line, &mut heard, |_| true) == Heard::Closed && heard.is_empty() {
            return Ok(Spoken::Unknown);
        }
        if let Some(spoken) = greeting(&heard) {
            peer.answered();
            return Ok(known(spoken, line, heard));
        }
        if !heard.is_empty() {
            return Ok(Spoken::Unknown);
        }
    }
    line.extend(budget.exchange);
    if line.write_all(&everything()).is_ok() {
        let enough = |heard: &[u8]| answer(heard, Until::Hello).is_some();
        listen(&mut line, &mut heard, enough);
        if matches!(answer(&heard, Until::Hello), Some(Answer::Hello(_) | Answer::Refused(_))) {
            peer.answered();
            return Ok(Spoken::Tls);
        }
        if let Some(spoken) = greeting(&heard) {
            peer.answered();
            // What came after our hello is of no use: the conversation is spoilt.
            if spoken != "ssh" {
                return Ok(known(spoken, line, heard));
            }
            let mut line = peer.connect(budget.exchange)?;
            let mut heard = Vec::new();
            listen(&mut line, &mut heard, |_| true);
            return Ok(known("ssh", line, heard));
        }
    }
    drop(line);
    let client = client(peer)?;
    let limits = Limits { time: budget.page, body: 1 };
    match client.get("http://localhost/", limits) {
        Ok(_) | Err(Error::TooLarge { .. }) => {
            peer.answered();
            Ok(Spoken::Http)
        }
        Err(_) => Ok(Spoken::Unknown),
    }
}

/// Whether it answers a CONNECT of MQTT.
fn mqtt(peer: &Peer) -> Result<bool, Error> {
    let mut line = peer.connect(peer.budget().exchange)?;
    let mut heard = Vec::new();
    // Without a name: a client that happened to have the same would be thrown out.
    if line.write_all(&packet::connect(packet::V3, "", None)).is_ok() {
        listen(&mut line, &mut heard, |heard| packet::said(heard).is_some());
    }
    Ok(matches!(packet::said(&heard), Some(Ok((packet::Said::Connected { .. }, _)))))
}

/// Whether it answers a hello of OPC UA.
fn opc_ua(peer: &Peer) -> Result<bool, Error> {
    let mut line = peer.connect(peer.budget().exchange)?;
    let mut heard = Vec::new();
    if line.write_all(&super::opcua::hello("opc.tcp://localhost")).is_ok() {
        listen(&mut line, &mut heard, |heard| heard.len() >= 8);
    }
    Ok(heard.starts_with(b"ACKF") || heard.starts_with(b"ERRF"))
}

/// A client for one exchange on a fresh connection.
fn client(peer: &Peer) -> Result<Client, Error> {
    let line = std::sync::Mutex::new(Some(peer.connect(peer.budget().page)?));
    let place = peer.address().to_string();
    let what = place.clone();
    Ok(Client::new(place, move |_: Duration| {
        let taken = line.lock().ok().and_then(|mut line| line.take());
        taken
            .map(|line| Box::new(line) as Box<dyn host::Stream>)
            .ok_or_else(|| Error::Io { what: what.clone(), message: "one connection is enough".to_owned() })
    }))
}

fn known(spoken: &'static str, line: Line, heard: Vec<u8>) -> Spoken {
    match spoken {
        "ssh" => Spoken::Ssh(line, heard),
        "http" => Spoken::Http,
        other => Spoken::Other(other),
    }
}

/// A hello that every server from TLS 1.0 on can answer.
fn everything() -> Vec<u8> {
    let suites: Vec<u16> = [suites::offers(TLS1_3), suites::offers(hello::TLS1_2)]
        .into_iter()
        .filter_map(|chunks| chunks.into_iter().next())
        .flatten()
        .collect();
    let groups = suites::groups(TLS1_3);
    let hello = Hello {
        version: TLS1_3,
        any_version: true,
        suites: &suites,
        groups: &groups,
        name: None,
        compress: false,
        fallback: false,
        sha1_only: false,
        share: false,
    };
    hello.bytes()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Enough,
    Closed,
    Nothing,
}

/// Reads until `enough`, the end, or the connection's limit.
fn listen(line: &mut Line, heard: &mut Vec<u8>, enough: impl Fn(&[u8]) -> bool) -> Heard {
    let mut chunk = [0; 4096];
    while heard.len() < 64 << 10 {
        match line.read(&mut chunk) {
            Ok(0) => return Heard::Closed,
            Ok(count) => {
                heard.extend_from_slice(chunk.get(..count).unwrap_or_default());
                if enough(heard) {
                    return Heard::Enough;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) => return Heard::Nothing,
            Err(_) => return Heard::Closed,
        }
    }
    Heard::Enough
}

/// The protocol that begins like this.
pub fn greeting(heard: &[u8]) -> Option<&'static str> {
    let begins = |with: &[u8]| heard.starts_with(with);
    let contains = |word: &[u8]| heard.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    match heard {
        _ if begins(b"SSH-") => Some("ssh"),
        _ if begins(b"HTTP/") => Some("http"),
        _ if begins(b"220") && contains(b"smtp") => Some("smtp"),
        _ if begins(b"220") => Some("ftp"),
        _ if begins(b"+OK") => Some("pop3"),
        _ if begins(b"* OK") => Some("imap"),
        _ if begins(b"RFB ") => Some("vnc"),
        [0xff, 0xfb..=0xfe, ..] => Some("telnet"),
        [_, _, 0, 0, 10, ..] if contains(b"mysql") || contains(b"mariadb") => Some("mysql"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_are_not_spoken_to_unless_a_known_program_holds_the_port() {
        assert_eq!(fragile(502, None), Some(Assumed { protocol: "modbus", plain: true }));
        assert_eq!(fragile(4840, Some("node")), Some(Assumed { protocol: "opc-ua", plain: false }));
        assert_eq!(fragile(2222, Some("docker-proxy")).unwrap().protocol, "ethernet-ip");
        assert_eq!(fragile(2222, Some("sshd")), None);
        assert_eq!(fragile(443, None), None);
    }

    #[test]
    fn protocols_are_told_by_their_greetings() {
        assert_eq!(greeting(b"SSH-2.0-OpenSSH_9.2\r\n"), Some("ssh"));
        assert_eq!(greeting(b"220 mail ESMTP Postfix\r\n"), Some("smtp"));
        assert_eq!(greeting(b"220 (vsFTPd 3.0.3)\r\n"), Some("ftp"));
        assert_eq!(greeting(b"\xff\xfd\x18\xff\xfd\x20"), Some("telnet"));
        assert_eq!(greeting(b"RFB 003.008\n"), Some("vnc"));
        assert_eq!(greeting(b""), None);
        assert_eq!(greeting(b"\x00\x01"), None);
    }
}
