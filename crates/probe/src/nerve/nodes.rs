//! Nodes, what they send, their DNA, their users and their remote connections.

use jiff::Timestamp;
use model::Fact;
use model::facts::nerve::{Connection, Dna, Node, NodeUser};
use serde_json::Value;

use super::api::{Asked, element, must};
use super::connections::connections;
use super::map;
use crate::service::properties::Properties;
use crate::service::{Refusal, escaped};

/// Nodes that are asked one by one; a few requests each.
const NODES: usize = 200;
/// The DNA of one node; the product takes 30,000 bytes.
const DNA: usize = 64 << 10;

/// What is known of nodes.
pub(super) struct Nodes {
    pub(super) nodes: Fact<Vec<Node>>,
    pub(super) users: Fact<Vec<Fact<NodeUser>>>,
    pub(super) dna: Fact<Vec<Fact<Dna>>>,
    pub(super) credentials: Fact<Vec<String>>,
    pub(super) connections: Fact<Vec<Fact<Connection>>>,
}

impl Nodes {
    fn unread(reason: &str) -> Self {
        Self {
            nodes: Fact::unreadable(reason),
            users: Fact::unreadable(reason),
            dna: Fact::unreadable(reason),
            credentials: Fact::unreadable(reason),
            connections: Fact::unreadable(reason),
        }
    }
}

/// Reads it.
pub(super) fn nodes(asked: &Asked<'_>) -> Nodes {
    let path = "/nerve/nodes/list";
    let place = asked.place(path);
    let list = match must(asked.list(path, &["data", "nodes"]), &place) {
        Ok(list) => list,
        Err(reason) => return Nodes::unread(&reason),
    };
    let mut found = Found::default();
    for (index, value) in list.iter().enumerate() {
        let node = match element(value, &place) {
            Ok(node) => found.node(asked, &node, index < NODES),
            Err(reason) => Err(reason),
        };
        match node {
            Ok(node) => found.nodes.push(node),
            Err(reason) => return Nodes::unread(&reason),
        }
    }
    Nodes {
        credentials: match found.dna.iter().find_map(unread) {
            Some(reason) if found.credentials.is_empty() => Fact::unreadable(reason),
            _ => Fact::known(found.credentials),
        },
        nodes: Fact::read_at(found.nodes, &place),
        users: Fact::read_at(found.users, &place),
        dna: Fact::read_at(found.dna, &place),
        connections: Fact::read_at(found.connections, place),
    }
}

fn unread<T>(fact: &Fact<T>) -> Option<String> {
    if let Fact::Unreadable(reason) = fact { Some(reason.clone()) } else { None }
}

/// What was found until now.
#[derive(Default)]
struct Found {
    nodes: Vec<Node>,
    users: Vec<Fact<NodeUser>>,
    dna: Vec<Fact<Dna>>,
    credentials: Vec<String>,
    connections: Vec<Fact<Connection>>,
}

impl Found {
    /// Reads one node; when it is not `asked_more` only what the list tells of it.
    fn node(&mut self, asked: &Asked<'_>, listed: &Properties, asked_more: bool) -> Result<Node, String> {
        let (name, serial, id) = (listed.name("name"), listed.name("serialNumber"), listed.name("_id"));
        if serial.is_empty() || id.is_empty() {
            return Err(format!("{} lists a node without serialNumber or _id", listed.place()));
        }
        let online = listed.text("connectionStatus").map(|status| status == "online");
        let mut node = Node {
            source: listed.place().to_owned(),
            online,
            version: listed.if_told("currentFWVersion", Properties::text).and_then(|version| {
                if version.trim().is_empty() { Fact::Absent } else { Fact::known(version) }
            }),
            name,
            serial,
            docker_logging: Fact::Absent,
            system_monitoring: Fact::Absent,
            dna_status: Fact::Absent,
            dna_signature: Fact::Absent,
        };
        let why = if !asked_more {
            Some(format!("node {}: only the first {NODES} nodes are asked", node.name))
        } else if node.online.value() == Some(&true) {
            None
        } else {
            Some(format!("node {} is not online; audit again when it is", node.name))
        };
        if asked_more {
            let path = format!("/nerve/node/{}", escaped(&id));
            match must(asked.object(&path), &asked.place(&path)) {
                Ok(details) => self.connections.extend(connections("node", &node.name, &details)),
                Err(reason) => self.connections.push(Fact::unreadable(reason)),
            }
            (node.dna_status, node.dna_signature) = applied(asked, &node.serial);
        } else if let Some(why) = &why {
            self.connections.push(Fact::unreadable(why));
            node.dna_status = Fact::unreadable(why);
            node.dna_signature = Fact::unreadable(why);
        }
        match why {
            Some(why) => {
                node.docker_logging = Fact::unreadable(&why);
                node.system_monitoring = Fact::unreadable(&why);
                self.users.push(Fact::unreadable(&why));
                self.dna.push(Fact::unreadable(why));
            }
            None => self.online(asked, &mut node),
        }
        Ok(node)
    }

    /// What the Management System asks the node itself.
    fn online(&mut self, asked: &Asked<'_>, node: &mut Node) {
        let serial = escaped(&node.serial);
        let path = format!("/nerve/node/monitoringAndLoggingSettings/{serial}");
        match must(asked.object(&path), &asked.place(&path)) {
            Ok(settings) => {
                node.docker_logging = settings.flag("dockerLogging");
                node.system_monitoring = settings.flag("systemMonitoring");
            }
            Err(reason) => {
                node.docker_logging = Fact::unreadable(&reason);
                node.system_monitoring = Fact::unreadable(reason);
            }
        }
        let path = format!("/nerve/v2/node/{serial}/users");
        let place = asked.place(&path);
        match must(asked.list(&path, &["users"]), &place) {
            Ok(users) => self.users.extend(users.iter().map(|value| user(&node.name, value, &place))),
            Err(reason) => self.users.push(Fact::unreadable(reason)),
        }
        let path = format!("/nerve/service-os-dna/{serial}/current");
        let place = asked.place(&path);
        match asked.text(&path) {
            // Nodes before 3.1.0 have none.
            Err(Refusal::NotThere | Refusal::Nothing) => {}
            Err(refusal) => self.dna.push(Fact::unreadable(refusal.reason())),
            Ok(text) if text.len() > DNA => {
                self.dna.push(Fact::unreadable(format!("{place} answers with more than {DNA} bytes")));
            }
            Ok(text) => match map::entries(&text) {
                Ok(entries) => {
                    let dna = super::dna(&node.name, &place, &entries);
                    self.dna.extend(dna.map(Fact::known));
                    self.credentials.extend(super::credentials(&place, &entries));
                }
                Err(why) => self.dna.push(Fact::unreadable(format!("{place}: {why}"))),
            },
        }
    }
}

/// How a node stands to the DNA that was applied to it, and whether the signature of that was proven.
fn applied(asked: &Asked<'_>, serial: &str) -> (Fact<String>, Fact<String>) {
    match asked.object(&format!("/nerve/dna/{}/status", escaped(serial))) {
        Ok(status) => (status.text("status"), status.if_told("signature", Properties::text)),
        Err(Refusal::NotThere) => (Fact::Absent, Fact::Absent),
        Err(refusal) => {
            let reason = refusal.reason();
            (Fact::unreadable(&reason), Fact::unreadable(reason))
        }
    }
}

fn user(node: &str, value: &Value, place: &str) -> Fact<NodeUser> {
    let found = match element(value, place) {
        Ok(found) => found,
        Err(reason) => return Fact::unreadable(reason),
    };
    Fact::known(NodeUser {
        name: format!("{} at {node}", found.name("username")),
        role: found.text("roles"),
        last_login: found.if_told("lastLoggedInAt", |found, key| {
            found.number(key).and_then(|milliseconds| {
                let time = i64::try_from(milliseconds).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
                match time {
                    Some(time) => Fact::known(time.to_string()),
                    None => Fact::unreadable(format!("{place}: {key} is no time")),
                }
            })
        }),
        source: place.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_login_of_a_node_s_user_is_a_time_or_absent_or_unknown() {
        let of = |value: Value| match user("node-1", &value, "GET x") {
            Fact::Known(user, _) => user.last_login,
            other => panic!("{other:?}"),
        };
        let told = of(json!({"username": "ann", "roles": "admin", "lastLoggedInAt": 1_716_803_144_649_u64}));
        assert_eq!(told.value().map(String::as_str), Some("2024-05-27T09:45:44.649Z"));
        assert!(of(json!({"username": "ann", "lastLoggedInAt": null})).is_absent());
        assert!(of(json!({"username": "ann", "lastLoggedInAt": u64::MAX})).is_unreadable());
        assert!(of(json!({"username": "ann", "lastLoggedInAt": "yesterday"})).is_unreadable());
        assert!(user("node-1", &json!("ann"), "GET x").is_unreadable());
    }
}
