//! Section `true_connector`: the folder of a TRUE Connector.
//!
//! Source: the project's published files and documentation. Property files are read as Spring reads them (profiles win,
//! spellings of a key are one, references are followed into the environment that compose gives the container).

mod find;
pub(crate) mod keystores;
mod parts;
pub(crate) mod properties;
mod settings;

use host::Door;
use model::Fact;
use model::facts::true_connector::{ApiPort, ServiceImage, TrueConnector};
use serde_json::Value;

use crate::{Context, Subject};
use parts::Folder;

/// The port of the connector's own interface inside its container.
const API: &str = "8449";

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<TrueConnector> {
    match &cx.subject {
        Subject::TrueConnector(base) => connector(&cx.door, base.trim_end_matches('/'), true),
        Subject::Host => match find::folders(&cx.door) {
            Ok(folders) => match folders.as_slice() {
                [] => Fact::Absent,
                [one] => connector(&cx.door, one, false),
                several => Fact::unreadable(format!(
                    "several folders hold a TRUE Connector ({}); audit each of them as `true-connector:DIR`",
                    several.join(", ")
                )),
            },
            Err(why) => Fact::unreadable(format!(
                "whether a TRUE Connector runs here the containers tell: {why}; or audit its folder as \
                 `true-connector:DIR`"
            )),
        },
        _ => Fact::unreadable("only a host or a target `true-connector:` tells"),
    }
}

/// The connector whose folder is `base`, which was `named` or found on a host.
fn connector(door: &Door, base: &str, named: bool) -> Fact<TrueConnector> {
    let mut folder = Folder::read(door, base, named);
    let parts = match folder.parts() {
        Ok(parts) => parts,
        Err(why) => return Fact::unreadable(why),
    };
    if parts.is_empty() && folder.env.is_empty() && folder.compose.is_none() {
        return match folder.unread.first() {
            Some(reason) => Fact::unreadable(reason.clone()),
            None => Fact::unreadable(
                "the folder holds neither .env nor docker-compose.yml nor ecc_resources_*; name the folder of a TRUE Connector",
            ),
        };
    }
    let users = settings::users(&mut folder, &parts);
    let firewalls = settings::firewalls(&mut folder, &parts);
    let (passwords, all_known) = passwords(&folder, &parts);
    let (keystores, certificates) = keystores::keystores(&folder, &passwords, all_known);
    const ENVIRONMENT: [&str; 2] = [".env", "compose"];
    const PROPERTIES: [&str; 4] = [".env", "compose", "application", "config.properties"];
    let unread = &folder.unread;
    let connector = TrueConnector {
        column_key: told(settings::column_key(&folder, &parts), unread, &ENVIRONMENT).and_then(|key| key),
        settings: told(settings::settings(&folder, &parts), unread, &PROPERTIES),
        secrets: told(settings::secrets(&folder, &parts), unread, &PROPERTIES),
        users: told(users, unread, &["users.properties"]),
        firewalls: told(firewalls, unread, &["firewall.properties"]),
        peers: told(settings::peers(&folder), unread, &ENVIRONMENT).and_then(|peers| peers),
        keystores: Fact::known(keystores),
        certificates: Fact::known(certificates),
        api_ports: told(api_ports(&folder), unread, &ENVIRONMENT).and_then(|ports| ports),
        images: told(images(&folder), unread, &ENVIRONMENT).and_then(|images| images),
    };
    Fact::read_at(connector, if base.is_empty() { "/" } else { base })
}

/// What was read, unless a file that it could come from was not.
fn told<T>(value: T, unread: &[String], files: &[&str]) -> Fact<T> {
    match unread.iter().find(|reason| files.iter().any(|file| reason.contains(file))) {
        Some(reason) => Fact::unreadable(reason.clone()),
        None => Fact::known(value),
    }
}

/// All passwords of the configuration, to open keystores with, and whether they are all: some may come from elsewhere.
fn passwords(folder: &Folder<'_>, parts: &[parts::Part]) -> (Vec<String>, bool) {
    let of_env = folder
        .env
        .iter()
        .filter(|(key, _)| key.ends_with("PASSWORD"))
        .map(|(_, found)| folder.compose_value(&found.value, 8));
    let of_parts = parts.iter().flat_map(|part| {
        let passwords = part.properties.iter().filter(|(key, _)| key.ends_with("password"));
        passwords.map(|(_, found)| part.resolved(&found.value)).collect::<Vec<_>>()
    });
    let found: Vec<Option<String>> = of_env.chain(of_parts).collect();
    let all_known = found.iter().all(Option::is_some);
    (found.into_iter().flatten().collect(), all_known)
}

/// The services of the compose file: name and description.
fn services<'a>(folder: &'a Folder<'_>) -> Option<(&'a str, impl Iterator<Item = (&'a String, &'a Value)>)> {
    let (name, compose) = folder.compose.as_ref()?;
    let services = compose.get("services").and_then(Value::as_object)?;
    Some((name.as_str(), services.iter().take(100)))
}

fn images(folder: &Folder<'_>) -> Fact<Vec<ServiceImage>> {
    let Some((file, services)) = services(folder) else { return Fact::Absent };
    let image = |(name, service): (&String, &Value)| {
        let written = service.get("image")?.as_str()?;
        let resolved = folder.compose_value(written, 8);
        let image = resolved.clone().unwrap_or_else(|| written.to_owned());
        let plain = image.split('@').next().unwrap_or_default();
        let tag = plain.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/'));
        Some(ServiceImage {
            name: name.clone(),
            core: plain.contains("execution_core_container"),
            version: match resolved {
                Some(_) => Fact::from_option(tag.map(|tag| tag.trim_start_matches('v').to_owned())),
                None => Fact::unreadable(format!(
                    "{file}: image of {name}: `{written}` refers to what .env does not set"
                )),
            },
            source: format!("{file} (services.{name}.image)"),
            image,
        })
    };
    Fact::known(services.filter_map(image).collect())
}

/// Where the compose file publishes the connector's own interface.
fn api_ports(folder: &Folder<'_>) -> Fact<Vec<ApiPort>> {
    let Some((file, services)) = services(folder) else { return Fact::Absent };
    let mut published = Vec::new();
    for (name, service) in services {
        let ports = service.get("ports").and_then(Value::as_array).into_iter().flatten().take(100);
        for port in ports {
            let (address, target, text) = match port {
                Value::Object(long) => {
                    let text = |key: &str| {
                        long.get(key)
                            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                    };
                    let target = text("target").unwrap_or_default();
                    let text_of = format!("{}:{target}", text("published").unwrap_or_default());
                    (text("host_ip"), target, text_of)
                }
                short => {
                    let text = short.as_str().map_or_else(|| short.to_string(), str::to_owned);
                    let Some(text) = folder.compose_value(&text, 8) else {
                        return Fact::unreadable(format!(
                            "{file}: ports of {name}: `{text}` refers to what .env does not set"
                        ));
                    };
                    let plain = text.split('/').next().unwrap_or_default();
                    let (before, target) = plain.rsplit_once(':').unwrap_or(("", plain));
                    let address =
                        before.rsplit_once(':').map(|(address, _)| address.trim_matches(['[', ']']).to_owned());
                    (address, target.to_owned(), text)
                }
            };
            if target != API {
                continue;
            }
            let everywhere = |address: &String| matches!(address.as_str(), "" | "0.0.0.0" | "::");
            published.push(ApiPort {
                name: format!("{name}: {text}"),
                address: Fact::from_option(address.filter(|address| !everywhere(address))),
                source: format!("{file} (services.{name}.ports)"),
            });
        }
    }
    Fact::known(published)
}
