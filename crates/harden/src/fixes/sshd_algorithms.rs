//! Lists of algorithms of the SSH server, made of what it offers: no name that it does not know gets into them.

use std::collections::BTreeMap;

use model::facts::Facts;
use model::facts::ssh::Server;
use serde::Deserialize;

use super::sshd::{Release, parse_release};
use crate::ways_in::fits;

/// What is asked of a list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Algorithms {
    /// Names and patterns that go.
    #[serde(default)]
    without: Vec<String>,
    /// Names that come first, each with the release of OpenSSH that knows it: `8.5`.
    #[serde(default)]
    first: BTreeMap<String, String>,
}

impl Algorithms {
    /// Asks for both.
    pub(super) fn join(&mut self, other: &Self) {
        self.without.extend(other.without.iter().cloned());
        self.first.extend(other.first.clone());
    }
}

/// The value of the option: what the server offers without what was asked to go.
///
/// Where nobody set the option, only what goes is written, so that later releases bring their new algorithms.
///
/// # Errors
/// When nothing would be left, or the server does not know what is asked for.
pub(super) fn setting(
    facts: &Facts,
    server: &Server,
    option: &str,
    asked: &Algorithms,
    release: Option<Release>,
    by_hand: bool,
) -> Result<String, String> {
    let offered = match option {
        "ciphers" => &server.ciphers,
        "macs" => &server.macs,
        "kexalgorithms" => &server.key_exchanges,
        "pubkeyacceptedalgorithms" => &server.user_key_algorithms,
        "hostkeyalgorithms" => &server.host_key_algorithms,
        _ => return Err(format!("{option} is no list of algorithms")),
    };
    let offered = offered.value().ok_or("what the server offers is not known")?;
    let seen = weak(facts, option);
    let goes = |name: &str| seen.contains(&name) || asked.without.iter().any(|pattern| fits(pattern, name));
    let first: Vec<&str> = asked
        .first
        .iter()
        .filter(|(name, since)| {
            let known = release.zip(parse_release(since)).is_some_and(|(own, since)| own >= since);
            known && !offered.contains(name)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    let (gone, kept): (Vec<&str>, Vec<&str>) = offered.iter().map(String::as_str).partition(|name| goes(name));
    if kept.is_empty() {
        return Err("nothing that the server offers would be left: update OpenSSH".to_owned());
    }
    if gone.is_empty() && first.is_empty() {
        return Err(match asked.first.is_empty() {
            true => "the server is not set to offer what is found to be weak: reload it".to_owned(),
            false => "this release of OpenSSH knows none of them: update it".to_owned(),
        });
    }
    if by_hand || !first.is_empty() {
        return Ok([first, kept].concat().join(","));
    }
    Ok(format!("-{}", gone.join(",")))
}

/// What was seen on the server's own sockets and is too weak.
fn weak<'a>(facts: &'a Facts, option: &str) -> Vec<&'a str> {
    let endpoints = facts.endpoints.value().map(|endpoints| endpoints.ssh.as_slice()).unwrap_or_default();
    let own = endpoints.iter().filter(|one| {
        one.place.container.value().is_none() && one.place.process.value().is_some_and(|name| name == "sshd")
    });
    own.filter_map(|one| one.weak.value())
        .flat_map(|weak| match option {
            "ciphers" => weak.ciphers.as_slice(),
            "macs" => weak.macs.as_slice(),
            "kexalgorithms" => weak.key_exchanges.as_slice(),
            "hostkeyalgorithms" => weak.host_keys.as_slice(),
            _ => &[],
        })
        .map(String::as_str)
        .collect()
}
