//! The parts of a connector: their folders, their properties in effect, and the environment that compose gives them.

use std::collections::BTreeMap;

use host::Door;
use model::{Fact, Source};
use serde_json::Value;

use super::properties::{Entry, canonical, environment, properties};
use crate::fact::reason;

/// The most parts.
const PARTS: usize = 50;
/// The most bytes of a file.
const FILE: usize = 1 << 20;
/// How deep references may lead.
const DEPTH: usize = 8;

/// A value, where it stands, and its line.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) value: String,
    /// File and line.
    pub(super) at: String,
    line: usize,
    file: String,
    key: String,
}

impl Found {
    fn new(file: &str, entry: Entry) -> Self {
        Self {
            at: format!("{file}:{}", entry.line),
            line: entry.line,
            file: file.to_owned(),
            value: entry.value,
            key: entry.key,
        }
    }

    /// The place with the line's text. Not for secrets.
    pub(super) fn source(&self) -> Source {
        Source::line(&self.file, self.line, &format!("{}={}", self.key, self.value))
    }
}

/// The folder of a connector.
pub(super) struct Folder<'a> {
    door: &'a Door,
    /// Where it is, without a slash at the end.
    base: &'a str,
    /// `.env`.
    pub(super) env: BTreeMap<String, Found>,
    /// The compose file, and its name.
    pub(super) compose: Option<(String, Value)>,
    /// What could not be read.
    pub(super) unread: Vec<String>,
}

/// One part.
pub(super) struct Part {
    /// The folder's name.
    pub(super) name: String,
    /// `connector`, `data-app` or `usage-control`.
    pub(super) kind: &'static str,
    /// Properties by canonical key; later files win.
    pub(super) properties: BTreeMap<String, Found>,
    /// The environment of its container, by name.
    environment: BTreeMap<String, String>,
}

impl<'a> Folder<'a> {
    /// Reads what all parts share.
    pub(super) fn read(door: &'a Door, base: &'a str) -> Self {
        let mut folder = Self { door, base, env: BTreeMap::new(), compose: None, unread: Vec::new() };
        if let Some(text) = folder.text(".env") {
            for entry in environment(&text) {
                folder.env.insert(entry.key.clone(), Found::new(".env", entry));
            }
        }
        for name in ["docker-compose.yml", "docker-compose.yaml", "compose.yaml", "compose.yml"] {
            let Some(text) = folder.text(name) else { continue };
            match serde_saphyr::from_str::<Value>(&text) {
                Ok(value) => folder.compose = Some((name.to_owned(), value)),
                Err(error) => {
                    let first = error.to_string().lines().next().unwrap_or_default().to_owned();
                    folder.unread.push(format!("{name}: {first}"));
                }
            }
            break;
        }
        folder
    }

    /// The way to it.
    pub(super) fn door(&self) -> &'a Door {
        self.door
    }

    /// A path below it, as the door knows it.
    pub(super) fn place(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// A file's text; none when it is not there. What cannot be read is noted.
    pub(super) fn text(&mut self, path: &str) -> Option<String> {
        match self.door.read_up_to(self.place(path), FILE) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.is_not_found() => None,
            Err(error) => {
                self.unread.push(format!("{path}: {}", reason(&error, self.door)));
                None
            }
        }
    }

    /// The folders of parts.
    pub(super) fn parts(&mut self) -> Vec<Part> {
        let entries = match self.door.read_dir(self.place("")) {
            Ok(entries) => entries,
            Err(error) => {
                self.unread.push(reason(&error, self.door));
                return Vec::new();
            }
        };
        let mut names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        names.sort();
        let parts = names.into_iter().filter_map(|name: String| kind(&name).map(|kind| (name, kind)));
        parts.take(PARTS).map(|(name, kind)| self.part(name, kind)).collect()
    }

    fn part(&mut self, name: String, kind: &'static str) -> Part {
        let environment = self.of_container(&name);
        let profiles =
            environment.get("SPRING_PROFILES_ACTIVE").cloned().unwrap_or_else(|| "docker".to_owned());
        let mut part = Part { name, kind, properties: BTreeMap::new(), environment };
        // A profile wins over what holds for all; the data app reads config.properties too.
        let mut files = vec!["config.properties".to_owned(), "application.properties".to_owned()];
        files.extend(
            profiles.split(',').take(5).map(|profile| format!("application-{}.properties", profile.trim())),
        );
        for yaml in ["application.yml", "application.yaml"] {
            let path = format!("{}/{yaml}", part.name);
            if let Some(text) = self.text(&path) {
                match serde_saphyr::from_str::<Value>(&text) {
                    Ok(value) => flatten(&path, "", &value, &mut part.properties),
                    Err(_) => self.unread.push(format!("{path}: no YAML")),
                }
            }
        }
        for file in files {
            let path = format!("{}/{file}", part.name);
            if let Some(text) = self.text(&path) {
                for entry in properties(&text) {
                    part.properties.insert(canonical(&entry.key), Found::new(&path, entry));
                }
            }
        }
        part
    }

    /// The environment of the service that mounts the folder.
    fn of_container(&self, folder: &str) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::new();
        let Some((_, compose)) = &self.compose else { return environment };
        let services = compose.get("services").and_then(Value::as_object);
        let mounts = |service: &&Value| {
            let volumes = service.get("volumes").and_then(Value::as_array);
            volumes.is_some_and(|volumes| {
                volumes.iter().any(|volume| {
                    let source = volume.as_str().or_else(|| volume.get("source").and_then(Value::as_str));
                    let source = source.and_then(|text| text.split(':').next()).unwrap_or_default();
                    source.trim_start_matches("./").trim_end_matches('/') == folder
                })
            })
        };
        let Some(service) = services.and_then(|services| services.values().find(mounts)) else {
            return environment;
        };
        let mut add = |key: &str, value: &str| {
            if let Some(value) = self.compose_value(value, DEPTH) {
                environment.insert(key.to_owned(), value);
            }
        };
        match service.get("environment") {
            Some(Value::Array(list)) => {
                for entry in list.iter().filter_map(Value::as_str) {
                    if let Some((key, value)) = entry.split_once('=') {
                        add(key, value);
                    }
                }
            }
            Some(Value::Object(map)) => {
                for (key, value) in map {
                    match value {
                        Value::String(text) => add(key, text),
                        Value::Null => {}
                        other => add(key, &other.to_string()),
                    }
                }
            }
            _ => {}
        }
        environment
    }

    /// A text of the compose file or of `.env` with its references replaced; none when one leads nowhere or in a circle.
    pub(super) fn compose_value(&self, text: &str, depth: usize) -> Option<String> {
        replaced(text, &|name, default| {
            let found = self.env.get(name).filter(|_| depth > 0);
            let value = found.and_then(|found| self.compose_value(&found.value, depth - 1));
            value
                .filter(|value| !value.is_empty())
                .or_else(|| default.map(|text| text.trim_start_matches('-').to_owned()))
        })
    }

    /// A setting of `.env`.
    pub(super) fn env_fact(&self, key: &str) -> Fact<String> {
        match self.env.get(key) {
            None => Fact::Absent,
            Some(found) => match self.compose_value(&found.value, DEPTH) {
                Some(value) => Fact::sourced(value, found.source()),
                None => Fact::unreadable(format!(
                    "{}: the value comes from the environment of whoever starts the connector",
                    found.at
                )),
            },
        }
    }
}

impl Part {
    /// The property as it stands.
    pub(super) fn found(&self, key: &str) -> Option<&Found> {
        self.properties.get(&canonical(key))
    }

    /// A property with its references replaced; none when one leads nowhere.
    pub(super) fn resolved(&self, text: &str) -> Option<String> {
        self.resolve(text, DEPTH)
    }

    fn resolve(&self, text: &str, depth: usize) -> Option<String> {
        replaced(text, &|name, default| {
            // Variables of the environment win over property files, in Spring's order.
            if let Some(value) = self.environment.get(name) {
                return Some(value.clone());
            }
            let found = self.found(name).filter(|_| depth > 0);
            found.and_then(|found| self.resolve(&found.value, depth - 1)).or_else(|| default.map(str::to_owned))
        })
    }

    /// A property that is no secret.
    pub(super) fn fact(&self, key: &str) -> Fact<String> {
        match self.found(key) {
            None => Fact::Absent,
            Some(found) => match self.resolved(&found.value) {
                Some(value) => Fact::sourced(value, found.source()),
                None => Fact::unreadable(format!(
                    "{}: `{}` refers to what neither compose file nor .env sets",
                    found.at, found.value
                )),
            },
        }
    }
}

/// What a folder is, by its name.
fn kind(name: &str) -> Option<&'static str> {
    [
        ("ecc_resources", "connector"),
        ("be-dataapp_resources", "data-app"),
        ("uc-dataapp_resources", "usage-control"),
    ]
    .into_iter()
    .find_map(|(beginning, kind)| name.starts_with(beginning).then_some(kind))
}

/// Replaces `${NAME}`, `${NAME:default}` and `$NAME`; none when one cannot be.
fn replaced(text: &str, value: &dyn Fn(&str, Option<&str>) -> Option<String>) -> Option<String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        whole.push_str(before);
        let (name, after) = after.split_once('}')?;
        let (name, default) =
            name.split_once(':').map_or((name, None), |(name, default)| (name, Some(default)));
        whole.push_str(&value(name, default)?);
        rest = after;
        if whole.len() > 10_000 {
            return None;
        }
    }
    whole.push_str(rest);
    Some(whole)
}

fn flatten(file: &str, above: &str, value: &Value, into: &mut BTreeMap<String, Found>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter().take(1_000) {
                let key = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
                if key.len() < 500 {
                    flatten(file, &key, value, into);
                }
            }
        }
        Value::Array(_) | Value::Null => {}
        plain => {
            let value = plain.as_str().map_or_else(|| plain.to_string(), str::to_owned);
            let found =
                Found { value, at: file.to_owned(), line: 1, file: file.to_owned(), key: above.to_owned() };
            into.insert(canonical(above), found);
        }
    }
}
