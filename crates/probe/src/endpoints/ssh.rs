//! How well a server speaks SSH: its greeting and its list of algorithms, on one connection; of a server that was named
//! also its host keys, each on a connection of its own. Nobody logs in.

pub(crate) mod keys;

use std::io::{Read, Write};

use model::Fact;
use model::facts::endpoints::{Place, SshServer, WeakAlgorithms};

use super::peer::{Line, Peer};

/// Our greeting.
const GREETING: &[u8] = b"SSH-2.0-Palisade\r\n";
/// The longest line of a greeting, and the most lines before it (RFC 4253, 4.2).
const LINE: usize = 1024;
const LINES: usize = 20;
/// The largest packet before keys exist (RFC 4253, 6.1).
const PACKET: usize = 35_000;
/// Names taken from one list.
const NAMES: usize = 200;

/// Algorithms that are broken or too weak. A `*` at an end stands for any text there.
const WEAK_KEY_EXCHANGES: &[&str] =
    &["diffie-hellman-group1-*", "*-sha1", "*-sha1-*", "gss-group1-*", "gss-gex-sha1-*", "rsa1024-sha1"];
const WEAK_HOST_KEYS: &[&str] = &["ssh-dss*", "ssh-rsa", "ssh-rsa-cert*", "x509v3-sign-dss", "x509v3-sign-rsa"];
const WEAK_CIPHERS: &[&str] = &["*-cbc", "*-cbc@*", "arcfour*", "des*", "3des*", "rc4*", "none", "*-cbc-*"];
const WEAK_MACS: &[&str] =
    &["hmac-md5*", "hmac-sha1*", "umac-64*", "hmac-ripemd*", "none", "hmac-sha2-*-96*", "md5*", "sha1*"];

/// Goes on where [`super::detect`] heard the greeting.
pub(super) fn look(peer: &Peer, mut line: Line, heard: Vec<u8>, name: String, place: Place) -> SshServer {
    let named = place.named;
    let mut server = SshServer {
        name,
        place,
        source: peer.address().to_string(),
        // The files of a host tell its keys without a connection each.
        keys: Fact::Absent,
        dh_gex_bits: Fact::Absent,
        ..SshServer::default()
    };
    line.extend(peer.budget().exchange);
    match converse(&mut line, heard) {
        Ok((greeting, lists)) => {
            // Servers count connections that do not log in.
            drop(line);
            fill_greeting(&mut server, &greeting);
            if named {
                server.keys = keys::host_keys(peer, &lists);
                server.dh_gex_bits = keys::group_bits(peer, &lists);
            }
            fill_lists(&mut server, lists);
        }
        Err((greeting, reason)) => {
            match greeting {
                Some(greeting) => fill_greeting(&mut server, &greeting),
                None => {
                    server.protocol = Fact::unreadable(&reason);
                    server.software = Fact::unreadable(&reason);
                    server.comment = Fact::unreadable(&reason);
                    server.openssh_version = Fact::unreadable(&reason);
                }
            }
            if named {
                server.keys = Fact::unreadable(&reason);
                server.dh_gex_bits = Fact::unreadable(&reason);
            }
            withhold(&mut server, &reason);
        }
    }
    server.connections = peer.connections();
    server
}

fn withhold(server: &mut SshServer, reason: &str) {
    server.key_exchanges = Fact::unreadable(reason);
    server.host_keys = Fact::unreadable(reason);
    server.ciphers = Fact::unreadable(reason);
    server.macs = Fact::unreadable(reason);
    server.compression = Fact::unreadable(reason);
    server.strict_key_exchange = Fact::unreadable(reason);
    server.terrapin = Fact::unreadable(reason);
    server.post_quantum = Fact::unreadable(reason);
    server.weak = Fact::unreadable(reason);
}

fn converse(line: &mut Line, mut heard: Vec<u8>) -> Result<(Greeting, Lists), (Option<Greeting>, String)> {
    let mut greeting = None;
    let mut chunk = [0; 8192];
    loop {
        if greeting.is_none()
            && let Some((said, rest)) = greeting_line(&heard)
        {
            heard = rest.to_vec();
            greeting = Some(said);
            line.write_all(GREETING).map_err(|error| (greeting.clone(), error.to_string()))?;
        }
        if greeting.is_some() {
            match kexinit(&heard) {
                Some(Ok(lists)) => return Ok((greeting.unwrap_or_default(), lists)),
                Some(Err(reason)) => return Err((greeting, reason)),
                None => {}
            }
        } else if heard.len() > LINE * LINES {
            return Err((None, "its greeting never ends".to_owned()));
        }
        match line.read(&mut chunk) {
            Ok(0) => {
                return Err((greeting, "it closed the connection before it named its algorithms".to_owned()));
            }
            Ok(count) => heard.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err((greeting, format!("it did not name its algorithms: {error}"))),
        }
    }
}

/// A server's greeting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Greeting {
    /// Protocol version.
    pub protocol: String,
    /// Software version.
    pub software: String,
    /// What follows the first blank.
    pub comment: Option<String>,
}

/// The greeting and what follows it; none while it is not complete. Lines before it are skipped.
pub fn greeting_line(bytes: &[u8]) -> Option<(Greeting, &[u8])> {
    let mut rest = bytes;
    for _ in 0..LINES {
        let end = rest.iter().take(LINE).position(|byte| *byte == b'\n')?;
        let (line, after) = rest.split_at_checked(end)?;
        rest = after.get(1..)?;
        let Some(said) = line.strip_prefix(b"SSH-") else { continue };
        let text = String::from_utf8_lossy(said);
        let text = text.trim_end();
        let (protocol, software) = text.split_once('-').unwrap_or((text, ""));
        let (software, comment) = match software.split_once(' ') {
            Some((software, comment)) => (software, Some(comment.to_owned())),
            None => (software, None),
        };
        let greeting = Greeting { protocol: protocol.to_owned(), software: software.to_owned(), comment };
        return Some((greeting, rest));
    }
    None
}

/// The lists of a KEXINIT message; both directions of ciphers, codes and compression together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// Key exchange methods and markers.
    pub key_exchanges: Vec<String>,
    /// Kinds of host keys.
    pub host_keys: Vec<String>,
    /// Ciphers.
    pub ciphers: Vec<String>,
    /// Message authentication codes.
    pub macs: Vec<String>,
    /// Compression methods.
    pub compression: Vec<String>,
}

const NO_SSH: &str = "what follows its greeting is not SSH";

/// What a packet before keys exist carries, and how many bytes it takes; none while bytes are missing.
fn packet(bytes: &[u8]) -> Option<Result<(&[u8], usize), String>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if !(2..=PACKET).contains(&length) {
        return Some(Err(NO_SSH.to_owned()));
    }
    let payload = rest
        .get(..length)?
        .split_first()
        .and_then(|(padding, rest)| rest.get(..rest.len().checked_sub(usize::from(*padding))?));
    Some(payload.map(|payload| (payload, length + 4)).ok_or_else(|| NO_SSH.to_owned()))
}

/// Reads a KEXINIT packet; none while bytes are missing.
pub fn kexinit(bytes: &[u8]) -> Option<Result<Lists, String>> {
    let payload = match packet(bytes)? {
        Ok((payload, _)) => payload,
        Err(reason) => return Some(Err(reason)),
    };
    // The message's number and a cookie of 16 bytes.
    let Some(lists) =
        Some(payload).filter(|payload| payload.first() == Some(&20)).and_then(|all| all.get(17..))
    else {
        return Some(Err(NO_SSH.to_owned()));
    };
    Some(lists_of(lists).ok_or_else(|| "its list of algorithms is cut off".to_owned()))
}

fn lists_of(mut rest: &[u8]) -> Option<Lists> {
    let mut next = || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (names, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        rest = after;
        let names = String::from_utf8_lossy(names);
        Some(
            names.split(',').filter(|name| !name.is_empty()).take(NAMES).map(str::to_owned).collect::<Vec<_>>(),
        )
    };
    let key_exchanges = next()?;
    let host_keys = next()?;
    let mut both = || {
        let mut names = next()?;
        for name in next()? {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Some(names)
    };
    Some(Lists { key_exchanges, host_keys, ciphers: both()?, macs: both()?, compression: both()? })
}

fn fill_greeting(server: &mut SshServer, greeting: &Greeting) {
    server.protocol = Fact::known(greeting.protocol.clone());
    server.software = Fact::known(greeting.software.clone());
    server.comment = Fact::from_option(greeting.comment.clone());
    let version = greeting.software.strip_prefix("OpenSSH_");
    // `OpenSSH_for_Windows_8.1`.
    let version = version.map(|version| version.strip_prefix("for_Windows_").unwrap_or(version));
    server.openssh_version = Fact::from_option(version.map(str::to_owned));
}

fn fill_lists(server: &mut SshServer, lists: Lists) {
    let strict = lists.key_exchanges.iter().any(|name| name == "kex-strict-s-v00@openssh.com");
    let methods: Vec<String> = lists
        .key_exchanges
        .into_iter()
        .filter(|name| !name.starts_with("kex-strict-") && !name.starts_with("ext-info-"))
        .collect();
    let attackable = lists.ciphers.iter().any(|name| name.starts_with("chacha20-poly1305"))
        || (lists.ciphers.iter().any(|name| matches("*-cbc*", name))
            && lists.macs.iter().any(|name| matches("*-etm@*", name)));
    server.weak = Fact::known(WeakAlgorithms {
        key_exchanges: weak(&methods, WEAK_KEY_EXCHANGES),
        host_keys: weak(&lists.host_keys, WEAK_HOST_KEYS),
        ciphers: weak(&lists.ciphers, WEAK_CIPHERS),
        macs: weak(&lists.macs, WEAK_MACS),
    });
    server.strict_key_exchange = Fact::known(strict);
    server.terrapin = Fact::known(attackable && !strict);
    server.post_quantum =
        Fact::known(methods.iter().any(|name| name.starts_with("sntrup") || name.starts_with("mlkem")));
    server.key_exchanges = Fact::known(methods);
    server.host_keys = Fact::known(lists.host_keys);
    server.ciphers = Fact::known(lists.ciphers);
    server.macs = Fact::known(lists.macs);
    server.compression = Fact::known(lists.compression);
}

fn weak(names: &[String], table: &[&str]) -> Vec<String> {
    names.iter().filter(|name| table.iter().any(|pattern| matches(pattern, name))).cloned().collect()
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    if tail.is_empty() {
        return true;
    }
    // The starting points of the rest, none inside a character.
    rest.char_indices().any(|(at, _)| rest.get(at..).is_some_and(|rest| matches(tail, rest)))
}

#[cfg(test)]
#[path = "ssh/tests.rs"]
mod tests;
