//! Redis and Mosquitto.

use host::Door;
use model::Fact;
use model::facts::databases::{DatabaseServer, Listens};

use super::lines::{Includes, Read};
use super::{listens, server, told};

const REDIS: Includes = Includes { file: &["include"], folder: &[], suffix: "" };

/// Redis; without `bind` it listens on every address.
pub(super) fn redis(door: &Door) -> Option<Fact<DatabaseServer>> {
    let main = ["/etc/redis/redis.conf", "/etc/redis.conf"].into_iter().find(|main| door.exists(main))?;
    let mut read = Read::default();
    read.file(door, main, &REDIS, 0);
    let setting = read.last(&[""], "bind");
    let off = read.last(&[""], "port").is_some_and(|port| port.value == "0")
        && read.last(&[""], "tls_port").is_none_or(|port| port.value == "0");
    let places =
        if off { Vec::new() } else { vec![listens(setting.map_or("*", |s| s.value.as_str()), setting)] };
    Some(told(DatabaseServer { listens: places, ..server("redis", "redis", main) }, &read))
}

const MOSQUITTO: Includes = Includes { file: &[], folder: &["include_dir"], suffix: ".conf" };

/// Mosquitto; without any listener it serves this host alone (since 2.0).
pub(super) fn mosquitto(door: &Door) -> Option<Fact<DatabaseServer>> {
    let main = "/etc/mosquitto/mosquitto.conf";
    if !door.exists(main) {
        return None;
    }
    let mut read = Read::default();
    read.file(door, main, &MOSQUITTO, 0);
    let mut places: Vec<Listens> = Vec::new();
    for setting in &read.settings {
        let mut words = setting.value.split_whitespace();
        match setting.key.as_str() {
            "listener" => {
                let port = words.next().and_then(|port| port.parse().ok());
                let mut place = listens(words.next().unwrap_or("*"), Some(setting));
                place.port = Fact::from_option(port);
                places.push(place);
            }
            "port" => {
                let mut place = listens("*", Some(setting));
                place.port = Fact::from_option(words.next().and_then(|port| port.parse().ok()));
                places.push(place);
            }
            // Belong to the listener above them.
            "certfile" | "keyfile" | "psk_hint" => {
                if let Some(place) = places.last_mut() {
                    place.tls = true;
                }
            }
            "bind_address" => {
                if let Some(place) = places.iter_mut().find(|place| place.address == "*") {
                    let bound = listens(&setting.value, Some(setting));
                    place.local = bound.local;
                    place.address = bound.address;
                }
            }
            _ => {}
        }
    }
    // A path is a socket in the file system.
    places.retain(|place| place.port.value() != Some(&0));
    let broker = DatabaseServer {
        listens: places,
        drop_ins: Fact::from_option(read.folders.last().cloned()),
        ..server("mosquitto", "mosquitto", main)
    };
    Some(told(broker, &read))
}
