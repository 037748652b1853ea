//! Section `true_connector`: the folder of a TRUE Connector.
//!
//! Source: the project's published files and documentation. Property files are read as Spring reads them (profiles win,
//! spellings of a key are one, references are followed into the environment that compose gives the container).

pub(crate) mod keystores;
mod parts;
pub(crate) mod properties;
mod settings;

use model::Fact;
use model::facts::true_connector::{ApiPort, ServiceImage, TrueConnector};
use serde_json::Value;

use crate::{Context, Subject};
use parts::Folder;

/// The port of the connector's own interface inside its container.
const API: &str = "8449";

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<TrueConnector> {
    let Subject::TrueConnector(base) = &cx.subject else {
        return Fact::unreadable("only a target `true-connector:` tells");
    };
    let mut folder = Folder::read(&cx.door, base.trim_end_matches('/'));
    let parts = folder.parts();
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
    let passwords = passwords(&folder, &parts);
    let (keystores, certificates) = keystores::keystores(&mut folder, &passwords);
    const ENVIRONMENT: [&str; 2] = [".env", "compose"];
    const PROPERTIES: [&str; 4] = [".env", "compose", "application", "config.properties"];
    let unread = &folder.unread;
    let connector = TrueConnector {
        column_key: told(settings::column_key(&folder), unread, &ENVIRONMENT).and_then(|key| key),
        settings: told(settings::settings(&folder, &parts), unread, &PROPERTIES),
        secrets: told(settings::secrets(&folder, &parts), unread, &PROPERTIES),
        users: told(users, unread, &["users.properties"]),
        firewalls: told(firewalls, unread, &["firewall.properties"]),
        peers: told(settings::peers(&folder), unread, &ENVIRONMENT),
        keystores: told(keystores, unread, &["keystores"]),
        certificates: told(certificates, unread, &["keystores"]),
        api_ports: told(api_ports(&folder), unread, &ENVIRONMENT).and_then(|ports| ports),
        images: told(images(&folder), unread, &ENVIRONMENT).and_then(|images| images),
    };
    Fact::read_at(connector, base.clone())
}

/// What was read, unless a file that it could come from was not.
fn told<T>(value: T, unread: &[String], files: &[&str]) -> Fact<T> {
    match unread.iter().find(|reason| files.iter().any(|file| reason.contains(file))) {
        Some(reason) => Fact::unreadable(reason.clone()),
        None => Fact::known(value),
    }
}

/// All passwords of the configuration, to open keystores with.
fn passwords(folder: &Folder<'_>, parts: &[parts::Part]) -> Vec<String> {
    let of_env = folder
        .env
        .iter()
        .filter(|(key, _)| key.ends_with("PASSWORD"))
        .filter_map(|(_, found)| folder.compose_value(&found.value, 8));
    let of_parts = parts.iter().flat_map(|part| {
        part.properties
            .iter()
            .filter(|(key, _)| key.ends_with("password"))
            .filter_map(|(_, found)| part.resolved(&found.value))
            .collect::<Vec<_>>()
    });
    of_env.chain(of_parts).collect()
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
        let image = folder.compose_value(service.get("image")?.as_str()?, 8)?;
        let plain = image.split('@').next().unwrap_or_default();
        let tag = plain.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/'));
        Some(ServiceImage {
            name: name.clone(),
            core: plain.contains("execution_core_container"),
            version: Fact::from_option(tag.map(|tag| tag.trim_start_matches('v').to_owned())),
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
