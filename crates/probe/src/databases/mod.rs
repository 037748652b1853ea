//! Section `databases`: where PostgreSQL, Redis, MariaDB or MySQL, and Mosquitto are configured to listen.

mod brokers;
mod lines;
mod sql;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use model::Fact;
use model::facts::databases::{DatabaseServer, Databases, Listens};

use crate::Context;
use lines::{Read, Setting};

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Databases> {
    let door = &cx.door;
    let mut servers = sql::postgresql(door);
    servers.extend(brokers::redis(door));
    servers.extend(sql::mariadb(door));
    servers.extend(brokers::mosquitto(door));
    if servers.is_empty() { Fact::Absent } else { Fact::known(Databases { servers }) }
}

/// A server without its places.
fn server(name: &str, kind: &str, main: &str) -> DatabaseServer {
    DatabaseServer {
        name: name.to_owned(),
        kind: kind.to_owned(),
        main_file: main.to_owned(),
        drop_ins: Fact::Absent,
        ..DatabaseServer::default()
    }
}

/// The server as its files say, or why nobody knows.
fn told(mut server: DatabaseServer, read: &Read) -> Fact<DatabaseServer> {
    if let Some(why) = &read.unread {
        return Fact::unreadable(why.clone());
    }
    server.local = server.listens.iter().all(|listens| listens.local);
    server.source.clone_from(&server.main_file);
    Fact::known(server)
}

/// The place that a setting names, or what the program does without one.
fn listens(address: &str, setting: Option<&Setting>) -> Listens {
    Listens {
        address: address.to_owned(),
        port: Fact::Absent,
        local: address.split([',', ' ']).filter(|part| !part.is_empty()).all(is_local),
        tls: false,
        file: Fact::from_option(setting.map(|setting| setting.file.clone())),
        text: Fact::from_option(setting.map(|setting| setting.text.clone())),
        source: setting.map_or_else(|| "default".to_owned(), |s| format!("{}:{}", s.file, s.line)),
    }
}

/// Whether an address is this host itself; Redis writes `-` before one that may be missing.
fn is_local(address: &str) -> bool {
    let address = address.trim().trim_start_matches('-').trim_matches(['[', ']']);
    address.starts_with('/')
        || matches!(address, "localhost" | "ip6-localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
