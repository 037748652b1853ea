//! Servers on the network: found by their names, and asked from this machine.

use std::sync::Arc;

use anyhow::{Result, bail};
use host::{Door, Error, Local};
use model::report::{Target, TargetKind};
use probe::{ENDPOINT_PROBES, Login, NamedServer, Scheme, Server, Subject};

use super::{Credentials, Opened};
use crate::input;

/// The most bytes of a file of authorities.
const AUTHORITIES: u64 = 8 << 20;

/// Finds the server and connects to it once; an error says why that does not go, and what to look at.
pub(super) fn open(server: &Server, credentials: &Credentials) -> Result<Opened> {
    let authorities = match &credentials.ca {
        Some(file) => {
            let text = input::read(file, AUTHORITIES)?;
            if !text.contains("-----BEGIN CERTIFICATE-----") {
                bail!("{} holds no certificate in PEM form", file.display());
            }
            Some(text.into_bytes())
        }
        None => None,
    };
    let login = match (&credentials.user, &credentials.password) {
        (Some(user), Some(password)) if server.scheme == Scheme::Mqtts => {
            Some(Login { user: user.clone(), password: password.reveal().to_owned() })
        }
        (Some(_), Some(_)) if server.scheme == Scheme::Mqtt => {
            bail!(
                "a password is not sent to {server}, where others could read it; name the broker as mqtts://"
            );
        }
        _ => None,
    };
    let door = Door::new(Arc::new(Local::new()));
    let reached = server
        .clone()
        .reach(&door)
        .map_err(|error| anyhow::anyhow!("{server} cannot be asked: {error}; {}", remedy(&error)))?;
    let target = Target { kind: TargetKind::Endpoint, name: server.to_string(), id: String::new() };
    let named = NamedServer { reached, authorities, login };
    Ok(Opened { door, target, subject: Subject::Endpoint(Box::new(named)), probes: ENDPOINT_PROBES })
}

/// What to look at.
fn remedy(error: &Error) -> &'static str {
    match error {
        Error::NotFound(what) if what.starts_with("an address") => {
            "is the name spelt right, and known to this machine's resolver?"
        }
        Error::NotFound(_) => "does the server run, and listen at this port?",
        Error::TimedOut { .. } => "is it switched on, and does a firewall in between let this machine through?",
        _ => "is there a way to it from this machine?",
    }
}
