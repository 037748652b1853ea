//! Section `kepware`: asks the Configuration API of a KEPServerEX, Kepware Server or Kepware Edge. Only with GET.
//!
//! Source: the vendor's published client libraries. Version 6 tells the interfaces of a project flat, version 7 in a
//! list; both are read. What a version does not tell is unreadable, never a default of ours.

mod gateway;
mod people;

use std::time::Duration;

use host::Address;
use model::Fact;
use model::facts::certificates::Certificate;
use model::facts::kepware::{
    Api, Channel, Driver, Kepware, LicenceServer, Log, OpcUa, Product, Project, ThingWorx,
};
use serde_json::{Map, Value};

use crate::certificates::{Parsed, parse};
use crate::service::properties::Properties;
use crate::service::{Asker, Refusal, Service, escaped};
use crate::{Context, Subject};

/// The property that names an object.
const NAME: &str = "common.ALLTYPES_NAME";
/// Where everything stands.
const BASE: &str = "/config/v1";
/// The port for HTTP without TLS, when the one with TLS is asked.
const HTTP_PORT: u16 = 57412;
/// How long that port may take to answer.
const KNOCK: Duration = Duration::from_secs(2);
/// The most objects of one list.
const OBJECTS: usize = 5_000;

/// The driver of a channel.
const DRIVER: &str = "servermain.MULTIPLE_TYPES_DEVICE_DRIVER";

/// Interfaces of a project, by the beginning of their properties.
const OPC_DA: [(&str, u32); 3] = [
    ("opcdaserver.PROJECT_OPC_DA_1_ENABLED", 1),
    ("opcdaserver.PROJECT_OPC_DA_2_ENABLED", 2),
    ("opcdaserver.PROJECT_OPC_DA_3_ENABLED", 3),
];
/// Switches of diagnostics.
const DIAGNOSTICS: [(&str, &str); 3] = [
    ("opcdaserver.PROJECT_OPC_ENABLE_DIAGS", "opcdaserver.PROJECT_OPC_ENABLE_DIAGS"),
    ("uaserverinterface.PROJECT_OPC_UA_DIAGNOSTICS", "uaserverinterface.PROJECT_OPC_UA_DIAGNOSTICS"),
    ("hdaserver.ENABLE_DIAGNOSTICS", "hdaserver.ENABLE_DIAGNOSTICS"),
];
/// The logs of `/admin`, and whether they record actions.
const LOGS: [(&str, bool); 4] =
    [("EVENT_LOG", true), ("CONFIG_API", true), ("OPC_DIAGS", false), ("COMM_DIAGS", false)];

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Kepware> {
    let Subject::Kepware(service) = &cx.subject else {
        return Fact::unreadable("only a target `kepware:` tells");
    };
    let asker = match Asker::new(&cx.door, service) {
        Ok(asker) => asker,
        Err(reason) => return Fact::unreadable(reason),
    };
    let asked = Asked { asker, url: &service.url };
    // A wrong password is tried once: servers lock users out.
    let project = match asked.object("/project") {
        Err(Refusal::Unknown(reason)) => return Fact::unreadable(reason),
        Err(Refusal::NotThere) => {
            return Fact::unreadable(format!(
                "{}{BASE}/project is not there (404); is this a Configuration API?",
                service.url
            ));
        }
        Err(refusal @ Refusal::Other(_)) if asked.asker.is_silent() => {
            return Fact::unreadable(refusal.reason());
        }
        other => other,
    };
    let product = fact(asked.object("/about")).map(|about| read_product(&about));
    let edge = product.value().and_then(|product| product.edge.value().copied());
    let admin = asked.object("/admin");
    let channels = of_all(asked.list("/project/channels", channel));
    Fact::read_at(
        Kepware {
            url: service.url.clone(),
            api: api(cx, service, &asked.asker),
            project: fact(project).map(|project| read_project(&project, edge)),
            drivers: drivers(&asked, &channels),
            channels,
            mqtt_clients: asked.list("/project/_iot_gateway/mqtt_clients", gateway::mqtt_client),
            rest_clients: asked.list("/project/_iot_gateway/rest_clients", gateway::rest_client),
            rest_servers: asked.list("/project/_iot_gateway/rest_servers", gateway::rest_server),
            ua_gateway: gateway::ua(&asked),
            licence_server: fact(admin.as_ref().map_err(Clone::clone)).and_then(|admin| licences(admin, edge)),
            logs: of_all(fact(admin)).map(|admin| logs(&admin)),
            users: of_all(asked.list("/admin/server_users", people::user)),
            groups: of_all(people::groups(&asked)),
            ua_endpoints: of_edge(asked.list("/admin/ua_endpoints", people::ua_endpoint), edge),
            backups: asked.list("/project/backups", |_| ()).map(|backups| backups.len() as u64),
            product,
        },
        format!("GET {}{BASE}", service.url),
    )
}

/// A server that is being asked.
struct Asked<'a> {
    asker: Asker,
    url: &'a str,
}

impl Asked<'_> {
    fn object(&self, path: &str) -> Result<Properties, Refusal> {
        let place = format!("GET {}{BASE}{path}", self.url);
        match self.asker.get(&format!("{BASE}{path}"))? {
            Value::Object(values) => Ok(Properties::new(values, place)),
            _ => Err(Refusal::Other(format!("{place} answers something else than one object"))),
        }
    }

    /// The elements of a list; absent when the server has no such list.
    fn list<T>(&self, path: &str, read: impl Fn(&Properties) -> T) -> Fact<Vec<T>> {
        let place = format!("GET {}{BASE}{path}", self.url);
        let values = match self.asker.get(&format!("{BASE}{path}")) {
            Ok(Value::Array(values)) => values,
            Ok(_) => return Fact::unreadable(format!("{place} answers something else than a list")),
            Err(Refusal::NotThere) => return Fact::Absent,
            Err(refusal) => return Fact::unreadable(refusal.reason()),
        };
        if values.len() > OBJECTS {
            return Fact::unreadable(format!("{place} lists {} objects, more than {OBJECTS}", values.len()));
        }
        let objects = values.into_iter().map(|value| {
            let values = if let Value::Object(values) = value { values } else { Map::new() };
            let name = values.get(NAME).and_then(Value::as_str).unwrap_or_default();
            let place = format!("{place}/{}", escaped(name));
            read(&Properties::new(values, place))
        });
        Fact::read_at(objects.collect(), place.clone())
    }
}

fn fact<T>(read: Result<T, Refusal>) -> Fact<T> {
    match read {
        Ok(value) => Fact::known(value),
        Err(Refusal::NotThere) => Fact::Absent,
        Err(refusal) => Fact::unreadable(refusal.reason()),
    }
}

/// What every server has is not absent where the server does not tell it.
fn of_all<T>(fact: Fact<T>) -> Fact<T> {
    if fact.is_absent() { Fact::unreadable(Refusal::NotThere.reason()) } else { fact }
}

/// What only Edge has is absent elsewhere, and not told by a server that nobody knows is not known.
fn of_edge<T>(fact: Fact<T>, edge: Option<bool>) -> Fact<T> {
    match (fact, edge) {
        (Fact::Absent, Some(true)) => {
            Fact::unreadable("Kepware Edge has this, but the server does not tell it")
        }
        (Fact::Absent, None) => Fact::unreadable("the server does not tell it, nor which product it is"),
        (fact, _) => fact,
    }
}

fn read_product(about: &Properties) -> Product {
    let id = about.text("product_id");
    let parts = ["major", "minor", "build", "patch"]
        .map(|part| about.number(&format!("product_version_{part}")).value().copied());
    let version = match parts {
        [Some(major), Some(minor), build, patch] => Fact::read_at(
            format!("{major}.{minor}.{}.{}", build.unwrap_or(0), patch.unwrap_or(0)),
            about.place().to_owned(),
        ),
        _ => about.text("product_version"),
    };
    let edge = match id.value().map(String::as_str) {
        Some("012") => Fact::known(false),
        Some("013") => Fact::known(true),
        Some(other) => Fact::unreadable(format!("product_id {other} is neither 012 (Windows) nor 013 (Edge)")),
        None => Fact::unreadable("the server does not tell its product_id"),
    };
    Product { name: about.text("product_name"), id, version, edge }
}

fn api(cx: &Context, service: &Service, asker: &Asker) -> Api {
    let open_to_anybody = match asker.anonymous_status(&format!("{BASE}/project")) {
        Ok(200) => Fact::known(true),
        Ok(401 | 403) => Fact::known(false),
        Ok(status) => Fact::unreadable(format!("without a name it answers with status {status}")),
        Err(reason) => Fact::unreadable(reason),
    };
    let certificate = match asker.certificate() {
        None => Fact::Absent,
        Some(der) => match parse(&der) {
            Parsed::Certificates { certificates, .. } => match certificates.into_iter().next() {
                Some(certificate) => Fact::read_at(
                    Certificate { key_file: Fact::Absent, source: service.url.clone(), ..certificate },
                    format!("TLS at {}", service.url),
                ),
                None => Fact::unreadable("the server showed no certificate"),
            },
            _ => Fact::unreadable("the server's certificate cannot be read"),
        },
    };
    Api {
        https: service.tls,
        open_to_anybody: open_to_anybody.or_at(format!("GET {}{BASE}/project without a name", service.url)),
        http_open: if service.tls { knock(cx, service) } else { Fact::read_at(true, service.url.clone()) },
        certificate,
    }
}

/// Whether the port for HTTP without TLS takes connections.
fn knock(cx: &Context, service: &Service) -> Fact<bool> {
    let (mut closed, mut unread) = (Vec::new(), "the host has no address".to_owned());
    for address in &service.addresses {
        let address = Address::Tcp((address.ip(), HTTP_PORT).into());
        match cx.door.connect(&address, KNOCK) {
            Ok(_) => return Fact::read_at(true, address.to_string()),
            // Refused, or dropped by a firewall on the way: from here it is closed.
            Err(error) if error.is_not_found() => closed.push(address.to_string()),
            Err(host::Error::TimedOut { .. }) => {
                closed.push(format!("{address} (no answer within {} s)", KNOCK.as_secs()));
            }
            Err(error) => unread = error.to_string(),
        }
    }
    if closed.is_empty() { Fact::unreadable(unread) } else { Fact::read_at(false, closed.join(", ")) }
}

fn channel(channel: &Properties) -> Channel {
    let names: Vec<_> =
        channel.values().iter().filter(|(key, _)| key.to_ascii_uppercase().ends_with("USERNAME")).collect();
    let is_set = |value: &Value| value.as_str().is_some_and(|name| !name.trim().is_empty());
    let user_name_set = match names.first() {
        None => Fact::Absent,
        Some((key, _)) => {
            let any = names.iter().any(|(_, value)| is_set(value));
            Fact::read_at(any, format!("{} property {key}", channel.place()))
        }
    };
    Channel {
        name: channel.name(NAME),
        driver: channel.text(DRIVER),
        diagnostics: channel.flag("servermain.CHANNEL_DIAGNOSTICS_CAPTURE"),
        user_name_set,
        source: channel.place().to_owned(),
    }
}

/// The drivers that the server describes, and how many channels use each.
fn drivers(asked: &Asked<'_>, channels: &Fact<Vec<Channel>>) -> Fact<Vec<Fact<Driver>>> {
    let users = |name: &str| match channels {
        Fact::Known(channels, _) => {
            let drivers: Option<Vec<&String>> = channels.iter().map(|channel| channel.driver.value()).collect();
            match drivers {
                Some(drivers) => Fact::known(drivers.iter().filter(|driver| ***driver == *name).count() as u64),
                None => Fact::unreadable("a channel does not tell its driver"),
            }
        }
        Fact::Unreadable(reason) => Fact::unreadable(reason),
        Fact::Absent => Fact::unreadable("the server does not tell its channels"),
    };
    of_all(asked.list("/doc/drivers", |driver| {
        driver.text("display_name").map(|name| Driver {
            channels: users(&name),
            name,
            source: driver.place().to_owned(),
        })
    }))
}

/// The project; its interfaces stand in it (version 6) or in a list of it (version 7).
fn read_project(project: &Properties, edge: Option<bool>) -> Project {
    let (project, nested) = flattened(project);
    // What only Windows has is not missing on Edge.
    let windows = |fact: Fact<bool>, key: &str| {
        if edge == Some(true) && !project.has(key) { Fact::Absent } else { fact }
    };
    let windows_flag = |key: &str| windows(project.flag(key), key);
    let opc_da = if edge == Some(true) && OPC_DA.iter().all(|(key, _)| !project.has(key)) {
        Fact::Absent
    } else if project.flag("opcdaserver.ENABLE").value() == Some(&false) {
        Fact::read_at(Vec::new(), format!("{} property opcdaserver.ENABLE", project.place()))
    } else {
        let keys = OPC_DA.map(|(key, _)| (key, key));
        project.granted(&keys).map(|on| {
            OPC_DA
                .iter()
                .filter(|(key, _)| on.iter().any(|name| name == key))
                .map(|(_, version)| *version)
                .collect()
        })
    };
    let present: Vec<(&str, &str)> = DIAGNOSTICS.into_iter().filter(|(key, _)| project.has(key)).collect();
    let diagnostics = if present.is_empty() {
        Fact::unreadable(format!("{} tells no diagnostics", project.place()))
    } else {
        project.granted(&present)
    };
    let thingworx_off = edge == Some(true) && !project.has("thingworxinterface.ENABLED");
    let thingworx = |key: &str| {
        let key = format!("thingworxinterface.{key}");
        if thingworx_off { Fact::Absent } else { project.flag(&key) }
    };
    Project {
        shape: if nested { "nested" } else { "flat" }.to_owned(),
        opc_da,
        dde: windows_flag("ddeserver.ENABLE"),
        suitelink: windows_flag("wwtoolkitinterface.ENABLED"),
        alarms_events: windows_flag("aeserverinterface.ENABLE_AE_SERVER"),
        historical: windows_flag("hdaserver.ENABLE"),
        opc_ua: OpcUa {
            enabled: match project.flag("uaserverinterface.ENABLE") {
                off @ Fact::Known(false, _) => off,
                _ => project.flag("uaserverinterface.PROJECT_OPC_UA_ENABLE"),
            },
            anonymous: project.flag("uaserverinterface.PROJECT_OPC_UA_ANONYMOUS_LOGIN"),
            max_connections: project.number("uaserverinterface.PROJECT_OPC_UA_MAX_CONNECTIONS"),
            max_session_timeout_s: project.number("uaserverinterface.PROJECT_OPC_UA_MAX_SESSION_TIMEOUT_SEC"),
        },
        thingworx: ThingWorx {
            enabled: thingworx("ENABLED"),
            encrypted: thingworx("DISABLE_ENCRYPTION").map(|off| !off),
            trusts_all: thingworx("TRUST_ALL_CERTIFICATES"),
            self_signed_allowed: thingworx("ALLOW_SELF_SIGNED_CERTIFICATE"),
            key_set: if thingworx_off { Fact::Absent } else { project.is_set("thingworxinterface.APPKEY") },
        },
        diagnostics,
    }
}

/// The project with what stands in its list of interfaces, and whether there was such a list.
fn flattened(project: &Properties) -> (Properties, bool) {
    let mut values = project.values().clone();
    let Some(Value::Array(interfaces)) = values.remove("client_interfaces") else {
        return (Properties::new(values, project.place()), false);
    };
    for interface in interfaces.into_iter().take(50) {
        let Value::Object(interface) = interface else { continue };
        for (key, value) in interface {
            if key != NAME {
                values.entry(key).or_insert(value);
            }
        }
    }
    (Properties::new(values, project.place()), true)
}

fn logs(admin: &Properties) -> Vec<Log> {
    let key = |log: &str, what: &str| format!("libadminsettings.{log}_{what}");
    let told = |log: &str| admin.has(&key(log, "PERSISTENCE")) || admin.has(&key(log, "MIN_DAYS_TO_PRESERVE"));
    LOGS.into_iter()
        // Every server has those of actions: not told is not known.
        .filter(|(log, about_actions)| *about_actions || told(log))
        .map(|(log, about_actions)| Log {
            name: log.to_owned(),
            about_actions,
            persistence: admin.number(&key(log, "PERSISTENCE")),
            days_kept: admin.number(&key(log, "MIN_DAYS_TO_PRESERVE")),
            max_records: admin.number(&key(log, "MAX_RECORDS")),
            source: admin.place().to_owned(),
        })
        .collect()
}

fn licences(admin: &Properties, edge: Option<bool>) -> Fact<LicenceServer> {
    let key = |what: &str| format!("libadminsettings.LICENSING_SERVER_{what}");
    if !admin.has(&key("ENABLE")) {
        return of_edge(Fact::Absent, edge);
    }
    Fact::known(LicenceServer {
        enabled: admin.flag(&key("ENABLE")),
        insecure_allowed: admin.flag(&key("ALLOW_INSECURE_COMMS")),
        self_signed_allowed: admin.flag(&key("ALLOW_SELF_SIGNED_CERTS")),
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use serde_json::json;
    use test_support::Machine;

    use super::*;

    fn object(value: Value) -> Properties {
        let Value::Object(values) = value else { panic!("{value}") };
        Properties::new(values, "GET /admin")
    }

    #[test]
    fn logs_of_actions_that_are_not_told_are_not_known() {
        let told = logs(&object(json!({"libadminsettings.EVENT_LOG_MIN_DAYS_TO_PRESERVE": 90})));
        let days =
            told.iter().map(|log| (log.name.as_str(), log.days_kept.value().copied())).collect::<Vec<_>>();
        assert_eq!(days, [("EVENT_LOG", Some(90)), ("CONFIG_API", None)]);
        assert!(told[1].days_kept.is_unreadable() && told[1].persistence.is_unreadable());
    }

    #[test]
    fn every_address_of_a_host_is_knocked_at() {
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let real = Address::Tcp(open.local_addr().unwrap());
        let second = Address::Tcp("192.0.2.2:57412".parse().unwrap());
        let (door, _tree) = Machine::new().socket(&second.to_string(), real).door();
        let cx = Context::new(door);
        let knocked = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            knock(&cx, &Service { addresses, ..Service::default() }).value().copied()
        };
        assert_eq!(knocked(&["192.0.2.1:57512"]), Some(false));
        assert_eq!(knocked(&["192.0.2.1:57512", "192.0.2.2:57512"]), Some(true));
        assert_eq!(knocked(&[]), None);
    }
}
