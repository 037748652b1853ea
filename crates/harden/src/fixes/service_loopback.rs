//! Binds databases, caches and brokers to this host.

use model::Fact;
use model::facts::databases::{DatabaseServer, Listens};
use model::facts::listeners::Socket;

use crate::change::{Change, Edit, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, Use, accepts};

pub(super) const FIX: Fix = Fix {
    id: "service-loopback",
    title: "Bind PostgreSQL, Redis, MariaDB and MySQL to this host",
    changes: "listen_addresses of PostgreSQL and bind of Redis where they are set, zz-palisade.cnf of MariaDB",
    disruption: Disruption::Restart,
    may_break: "programs on other machines that use the database; one that is connected now is seen, and nothing is done",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

pub(super) const BROKER: Fix = Fix {
    id: "broker-loopback",
    title: "Bind Mosquitto's listeners without TLS to this host",
    changes: "the lines `listener` and `bind_address` of Mosquitto's files",
    disruption: Disruption::Restart,
    may_break: "devices on other machines that publish or subscribe without TLS",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

const LOOPBACK: &str = "127.0.0.1";

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    for one in ask.uses {
        match server(ask, one).and_then(|server| bound(ask, server)) {
            Ok(changes) => changes.into_iter().for_each(|change| draft.change(change)),
            Err(why) => draft.refuse(one, why),
        }
    }
}

/// The server that a finding concerns: by its name, or by a socket that it holds.
fn server<'a>(ask: &'a Ask<'_>, one: &Use) -> Result<&'a DatabaseServer, String> {
    let databases = ask.facts.databases.value();
    let servers: Vec<&DatabaseServer> =
        databases.map(|all| all.servers.iter().filter_map(Fact::value).collect()).unwrap_or_default();
    if let Some(server) = servers.iter().copied().find(|server| server.name == one.subject) {
        return Ok(server);
    }
    let sockets = ask.facts.listeners.value().map(|all| all.sockets.as_slice()).unwrap_or_default();
    let Some(socket) = sockets.iter().find(|socket| socket.endpoint == one.subject) else {
        return Err("it is not known what listens there".to_owned());
    };
    if socket.proxied.value().is_some() || socket.container.value().is_some() {
        return Err("it belongs to a container: publish its port as `127.0.0.1:PORT:PORT`".to_owned());
    }
    let process = socket.process.value().map(String::as_str).unwrap_or_default();
    let kind = kind(process).ok_or_else(|| match process {
        "" => "it is not known which program listens there; run as root".to_owned(),
        other => format!("{other} listens there: bind it to 127.0.0.1 in its own configuration, or stop it"),
    })?;
    let mut own = servers.iter().copied().filter(|server| server.kind == kind && !server.local);
    match (own.next(), own.next()) {
        (Some(server), None) => Ok(server),
        (Some(_), Some(_)) => {
            Err(format!("several servers of {kind} are configured: bind the one that is meant"))
        }
        (None, _) => Err(format!(
            "no file of {process} says that it listens there: look at its command line (`systemctl cat`)"
        )),
    }
}

fn kind(process: &str) -> Option<&'static str> {
    match process {
        "postgres" => Some("postgresql"),
        "redis-server" => Some("redis"),
        "mariadbd" | "mysqld" => Some("mariadb"),
        "mosquitto" => Some("mosquitto"),
        _ => None,
    }
}

fn bound(ask: &Ask<'_>, server: &DatabaseServer) -> Result<Vec<Change>, String> {
    in_use(ask, server)?;
    let open: Vec<&Listens> = server.listens.iter().filter(|listens| !listens.local).collect();
    match server.kind.as_str() {
        // A file of our own would be read before what stands below its include, and before ALTER SYSTEM's.
        "postgresql" => {
            let file = open.first().and_then(|listens| listens.file.value()).unwrap_or(&server.main_file);
            Ok(vec![Change::set(file, Syntax::Equals, None, "listen_addresses", "'localhost'")])
        }
        "redis" => {
            let file = open.first().and_then(|listens| listens.file.value()).unwrap_or(&server.main_file);
            Ok(vec![Change::set(file, Syntax::Spaced, None, "bind", "127.0.0.1 -::1")])
        }
        "mariadb" => {
            let Some(folder) = server.drop_ins.value() else {
                return Ok(vec![Change::set(
                    &server.main_file,
                    Syntax::Ini,
                    Some("mysqld"),
                    "bind-address",
                    LOOPBACK,
                )]);
            };
            let file = format!("{folder}/zz-palisade.cnf");
            // The protocol of MySQL's other port; unknown to MariaDB, which then passes over it.
            Ok(vec![
                Change::set(&file, Syntax::Ini, Some("mysqld"), "bind-address", LOOPBACK),
                Change::set(&file, Syntax::Ini, Some("mysqld"), "loose-mysqlx-bind-address", LOOPBACK),
            ])
        }
        _ => open.into_iter().filter(|listens| !listens.tls).map(mosquitto).collect(),
    }
}

/// Another machine uses it now.
fn in_use(ask: &Ask<'_>, server: &DatabaseServer) -> Result<(), String> {
    let Some(listeners) = ask.facts.listeners.value() else { return Ok(()) };
    let own =
        |socket: &&Socket| socket.process.value().and_then(|name| kind(name)) == Some(server.kind.as_str());
    let ports: Vec<u16> = listeners.sockets.iter().filter(own).map(|socket| socket.port).collect();
    let peer = listeners.peers.iter().find(|peer| {
        peer.direction == "in" && ports.contains(&peer.service_port) && peer.container.value().is_none()
    });
    match peer {
        Some(peer) => Err(format!(
            "{} is connected to it now: let it come through a tunnel, or waive the rule with the reason",
            peer.remote_address
        )),
        None => Ok(()),
    }
}

/// One listener, whose line is rewritten.
fn mosquitto(listens: &Listens) -> Result<Change, String> {
    let (Some(file), Some(text)) = (listens.file.value(), listens.text.value()) else {
        return Err("no file says that it listens there".to_owned());
    };
    let mut words = text.split_whitespace();
    let new = match (words.next(), words.next()) {
        (Some("listener"), Some(port)) => format!("listener {port} {LOOPBACK}"),
        (Some("bind_address"), _) => format!("bind_address {LOOPBACK}"),
        (Some("port"), Some(port)) => format!("listener {port} {LOOPBACK}"),
        _ => return Err(format!("{}: `{text}` is no listener that can be bound", listens.source)),
    };
    Ok(Change::Edit {
        file: file.clone(),
        mode: 0o644,
        edit: Edit::Replace { old: text.clone(), new: Some(new) },
    })
}
