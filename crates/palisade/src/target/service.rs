//! Targets that are a product's own interface on the network: where it is, and what to show it.

use std::net::ToSocketAddrs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use probe::Service;

use super::Credentials;
use crate::input;

/// The most bytes of a file of certificates.
const AUTHORITIES: u64 = 4 << 20;

/// Whether the text names a service, before anything is asked of it.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(url: &str) -> Result<(), String> {
    parts(url).map(|_| ())
}

/// Whether TLS is spoken, the host and the port.
fn parts(url: &str) -> Result<(bool, &str, Option<u16>), String> {
    let (tls, rest) = match url.split_once("://") {
        Some(("https", rest)) => (true, rest),
        Some(("http", rest)) => (false, rest),
        _ => return Err(format!("`{url}` does not begin with https:// or http://")),
    };
    let place = rest.strip_suffix('/').unwrap_or(rest);
    if place.contains('@') {
        return Err("a user and a password belong in a file of credentials (--credentials)".to_owned());
    }
    if place.contains(['/', '?', '#']) {
        return Err(format!("`{url}` goes on after host and port; name only these"));
    }
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            let port = port.parse().ok().filter(|port| *port > 0);
            (host, Some(port.ok_or_else(|| format!("`{url}` names no port between 1 and 65535"))?))
        }
        _ => (place, None),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() || host.len() > 253 || host.contains(char::is_whitespace) {
        return Err(format!("`{url}` names no host"));
    }
    Ok((tls, host, port))
}

/// The service at `url`; `ports` are those without and with TLS where none is named.
pub(super) fn service(url: &str, credentials: &Credentials, ports: (u16, u16)) -> Result<Service> {
    let (tls, host, port) = parts(url).map_err(anyhow::Error::msg)?;
    let port = port.unwrap_or(if tls { ports.1 } else { ports.0 });
    let mut addresses: Vec<_> = (host, port)
        .to_socket_addrs()
        .with_context(|| format!("{url}: the address of `{host}` cannot be found; name its IP address"))?
        .take(4)
        .collect();
    // Some products do not listen on IPv6.
    addresses.sort_by_key(|address| address.is_ipv6());
    if addresses.is_empty() {
        bail!("{url}: `{host}` has no address");
    }
    let authorities = match &credentials.ca {
        Some(file) => Some(read_authorities(file)?),
        None => None,
    };
    Ok(Service {
        url: format!("{}://{}:{port}", if tls { "https" } else { "http" }, bracketed(host)),
        tls,
        host: host.to_owned(),
        port,
        addresses,
        user: credentials.user.clone(),
        password: credentials.password.as_ref().map(|password| password.reveal().to_owned()),
        authorities,
    })
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn read_authorities(file: &Path) -> Result<Vec<u8>> {
    let text = input::read(file, AUTHORITIES)
        .with_context(|| format!("cannot read {}, the authorities to trust", file.display()))?;
    Ok(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_by_scheme_host_and_port() {
        assert_eq!(parts("https://plant-7:57512"), Ok((true, "plant-7", Some(57512))));
        assert_eq!(parts("http://192.0.2.7/"), Ok((false, "192.0.2.7", None)));
        assert_eq!(parts("https://[2001:db8::7]:1"), Ok((true, "2001:db8::7", Some(1))));
        for (wrong, why) in [
            ("plant-7", "begin with"),
            ("ftp://plant-7", "begin with"),
            ("https://a:b@plant-7", "credentials"),
            ("https://plant-7/config/v1", "goes on"),
            ("https://plant-7:0", "no port"),
            ("https://plant-7:99999", "no port"),
            ("https://", "no host"),
            ("https://:57512", "no host"),
        ] {
            assert!(parts(wrong).unwrap_err().contains(why), "{wrong}");
        }
    }
}
