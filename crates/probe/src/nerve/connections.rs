//! Remote connections, as nodes and versions of workloads define them.

use model::Fact;
use model::facts::nerve::Connection;
use serde_json::Value;

use super::api::element;
use crate::service::properties::Properties;

/// What is kept with a connection and must not be read.
const SECRETS: [&str; 2] = ["password", "privateKey"];

/// The remote connections of a node or of a version of a workload.
pub(super) fn connections(of: &str, owner: &str, defined: &Properties) -> Vec<Fact<Connection>> {
    match defined.list("remoteConnections") {
        Ok(list) => list.iter().map(|value| connection(of, owner, value, defined.place())).collect(),
        Err(reason) => vec![Fact::unreadable(reason)],
    }
}

fn connection(of: &str, owner: &str, value: &Value, place: &str) -> Fact<Connection> {
    let found = match element(value, place) {
        Ok(found) => found,
        Err(reason) => return Fact::unreadable(reason),
    };
    let name = found.name("name");
    let text = |key: &str| found.if_told(key, Properties::text);
    let number = |key: &str| found.if_told(key, Properties::number);
    let secrets = SECRETS.into_iter().filter(|key| found.is_set(key).value() == Some(&true));
    Fact::known(Connection {
        name: format!("{owner}: {name}"),
        of: of.to_owned(),
        kind: found.text("type"),
        screen: text("connection"),
        host: text("hostname").and_then(|host| if host.is_empty() { Fact::Absent } else { Fact::known(host) }),
        port: found.number("port"),
        acknowledged: found.text("acknowledgment").and_then(|word| match word.as_str() {
            "Yes" => Fact::known(true),
            "No" => Fact::known(false),
            _ => Fact::unreadable(format!("{place}: acknowledgment of `{name}` is neither Yes nor No")),
        }),
        retries: number("autoretry"),
        at_once: number("numberOfConnections"),
        read_only: found.if_told("readOnly", Properties::flag),
        ignores_certificate: found.if_told("ignoreServerCertificate", Properties::flag),
        security: text("securityMode"),
        secrets: secrets.map(str::to_owned).collect(),
        source: place.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(value: Value) -> Vec<Fact<Connection>> {
        let Value::Object(values) = value else { panic!() };
        connections("node", "node-1", &Properties::new(values, "GET x"))
    }

    #[test]
    fn a_screen_is_read_and_its_secrets_are_told_by_name_only() {
        let told = of(json!({"remoteConnections": [{
            "type": "SCREEN", "connection": "RDP", "name": "hmi", "acknowledgment": "No", "hostname": "172.20.2.20",
            "port": "3389", "autoretry": 1, "numberOfConnections": 2, "readOnly": false, "ignoreServerCertificate": true,
            "securityMode": "any", "username": "admin", "password": "hunter2", "privateKey": "",
        }]}));
        let Some(Fact::Known(screen, _)) = told.first() else { panic!("{told:?}") };
        assert_eq!((screen.name.as_str(), screen.port.value()), ("node-1: hmi", Some(&3389)));
        assert_eq!(screen.acknowledged.value(), Some(&false));
        assert_eq!(screen.ignores_certificate.value(), Some(&true));
        assert_eq!(screen.secrets, ["password"]);
        assert!(!format!("{screen:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_no_connection_is_unknown() {
        assert!(of(json!({"remoteConnections": []})).is_empty());
        let many = json!({"remoteConnections": vec![json!({}); 2_000]});
        for odd in [json!({}), json!({"remoteConnections": {}}), json!({"remoteConnections": [7]}), many] {
            let told = of(odd.clone());
            assert!(told.len() == 1 && told.first().is_some_and(Fact::is_unreadable), "{odd}");
        }
        let told = of(json!({"remoteConnections": [{"acknowledgment": "maybe"}]}));
        let Some(Fact::Known(odd, _)) = told.first() else { panic!("{told:?}") };
        assert!(odd.acknowledged.is_unreadable() && odd.port.is_unreadable() && odd.host.is_absent());
    }
}
