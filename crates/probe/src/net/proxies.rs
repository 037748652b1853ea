//! Proxies that software is told to use, without the passwords in their addresses.

use host::{Door, Error};
use model::Fact;
use model::facts::net::Proxy;
use serde_json::Value;

use crate::apt_conf::AptConf;
use crate::fact::IntoFact;
use crate::text::{files_in, meaningful_lines, read_if_any};

/// The most that are listed.
const PROXIES: usize = 64;

/// Reads them: `/etc/environment`, apt's configuration, docker's unit and its `daemon.json`.
pub(crate) fn proxies(door: &Door) -> Fact<Vec<Proxy>> {
    gather(door).into_fact(door).or_at("/etc/environment and the settings of apt and docker")
}

fn gather(door: &Door) -> Result<Vec<Proxy>, Error> {
    let mut found = Vec::new();
    environment(door, "/etc/environment", "environment", &mut found)?;
    for setting in AptConf::read(door)?.list("Acquire") {
        let name = setting.name.strip_prefix("acquire::").unwrap_or_default();
        if let Some((protocol, _)) = name.split_once("::proxy") {
            found.push(proxy("apt", protocol, &setting.value, setting.source.clone()));
        }
    }
    let unit = "/etc/systemd/system/docker.service.d";
    for name in files_in(door, unit, ".conf")? {
        environment(door, &format!("{unit}/{name}"), "docker", &mut found)?;
    }
    let daemon = "/etc/docker/daemon.json";
    let settings: Value =
        serde_json::from_str(&read_if_any(door, daemon)?.unwrap_or_default()).unwrap_or_default();
    for (key, protocol) in [("http-proxy", "http"), ("https-proxy", "https")] {
        if let Some(value) =
            settings.get("proxies").and_then(|proxies| proxies.get(key)).and_then(Value::as_str)
        {
            found.push(proxy("docker", protocol, value, daemon.to_owned()));
        }
    }
    found.retain(|proxy| !proxy.address.is_empty());
    found.truncate(PROXIES);
    Ok(found)
}

/// `HTTP_PROXY=...` in lines of shell variables or of `Environment=` settings.
fn environment(door: &Door, file: &str, user: &str, found: &mut Vec<Proxy>) -> Result<(), Error> {
    for line in meaningful_lines(&read_if_any(door, file)?.unwrap_or_default()) {
        let line_text = line.text.strip_prefix("Environment=").unwrap_or(&line.text);
        let line_text = line_text.strip_prefix("export ").unwrap_or(line_text);
        for word in line_text.split_ascii_whitespace() {
            let Some((name, value)) = word.trim_matches(['"', '\'']).split_once('=') else { continue };
            let name = name.to_ascii_lowercase();
            if let Some(protocol) = name.strip_suffix("_proxy").filter(|protocol| *protocol != "no") {
                let value = value.trim_matches(['"', '\'']);
                found.push(proxy(user, protocol, value, format!("{file}:{}", line.number)));
            }
        }
    }
    Ok(())
}

fn proxy(user: &str, protocol: &str, value: &str, source: String) -> Proxy {
    Proxy { user: user.to_owned(), protocol: protocol.to_owned(), address: without_login(value), source }
}

/// `http://user:secret@proxy:3128/` -> `http://proxy:3128`.
pub fn without_login(value: &str) -> String {
    let (scheme, rest) = value.split_once("://").map_or((None, value), |(scheme, rest)| (Some(scheme), rest));
    let authority = rest.rsplit('@').next().unwrap_or_default();
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    match scheme {
        Some(scheme) => format!("{scheme}://{authority}"),
        None => authority.to_owned(),
    }
}
