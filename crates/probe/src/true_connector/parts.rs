//! The parts of a connector: their folders, their properties in effect, and the environment that compose gives them.

use std::cell::Cell;
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
/// References that one value may lead through, counted over all branches: a hostile file could branch for ever.
const REFERENCES: u32 = 50;
/// Variables of one container.
const VARIABLES: usize = 300;

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
    /// What places of findings begin with: nothing where the folder itself was named.
    shown: String,
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
    /// The environment of its container, by name; none for a value that whoever starts the connector gives.
    environment: BTreeMap<String, Option<String>>,
}

impl<'a> Folder<'a> {
    /// Reads what all parts share.
    pub(super) fn read(door: &'a Door, base: &'a str, named: bool) -> Self {
        let shown = if named { String::new() } else { format!("{base}/") };
        let mut folder = Self { door, base, shown, env: BTreeMap::new(), compose: None, unread: Vec::new() };
        if let Some(text) = folder.text(".env") {
            let file = folder.shown(".env");
            for entry in environment(&text) {
                folder.env.insert(entry.key.clone(), Found::new(&file, entry));
            }
        }
        for name in ["docker-compose.yml", "docker-compose.yaml", "compose.yaml", "compose.yml"] {
            let Some(text) = folder.text(name) else { continue };
            match serde_saphyr::from_str::<Value>(&text) {
                Ok(value) => folder.compose = Some((folder.shown(name), value)),
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

    /// A path below it, as findings name it.
    pub(super) fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.shown)
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
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub(super) fn parts(&mut self) -> Result<Vec<Part>, String> {
        let entries = self.door.read_dir(self.place("")).map_err(|error| reason(&error, self.door))?;
        let mut names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        names.sort();
        let parts = names.into_iter().filter_map(|name: String| kind(&name).map(|kind| (name, kind)));
        Ok(parts.take(PARTS).map(|(name, kind)| self.part(name, kind)).collect())
    }

    fn part(&mut self, name: String, kind: &'static str) -> Part {
        let environment = self.of_container(&name);
        let profiles =
            environment.get("SPRING_PROFILES_ACTIVE").cloned().flatten().unwrap_or_else(|| "docker".to_owned());
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
                    Ok(value) => flatten(&self.shown(&path), "", &value, &mut part.properties),
                    Err(_) => self.unread.push(format!("{path}: no YAML")),
                }
            }
        }
        for file in files {
            let path = format!("{}/{file}", part.name);
            if let Some(text) = self.text(&path) {
                let shown = self.shown(&path);
                for entry in properties(&text) {
                    part.properties.insert(canonical(&entry.key), Found::new(&shown, entry));
                }
            }
        }
        part
    }

    /// The environment of the service that mounts the folder.
    fn of_container(&self, folder: &str) -> BTreeMap<String, Option<String>> {
        let mut environment = BTreeMap::new();
        let Some((_, compose)) = &self.compose else { return environment };
        let services = compose.get("services").and_then(Value::as_object);
        let mounts = |service: &&Value| {
            let volumes = service.get("volumes").and_then(Value::as_array);
            volumes.is_some_and(|volumes| {
                volumes.iter().any(|volume| {
                    let source = volume.as_str().or_else(|| volume.get("source").and_then(Value::as_str));
                    let source = source.and_then(|text| text.split(':').next()).unwrap_or_default();
                    source.trim_end_matches('/').rsplit('/').next() == Some(folder)
                })
            })
        };
        let Some(service) = services.and_then(|services| services.values().find(mounts)) else {
            return environment;
        };
        // A variable without a value is handed on from whoever starts the connector.
        let mut add = |key: &str, value: Option<&str>| {
            environment.insert(key.to_owned(), value.and_then(|value| self.compose_value(value, DEPTH)));
        };
        match service.get("environment") {
            Some(Value::Array(list)) => {
                for entry in list.iter().filter_map(Value::as_str).take(VARIABLES) {
                    match entry.split_once('=') {
                        Some((key, value)) => add(key, Some(value)),
                        None => add(entry, None),
                    }
                }
            }
            Some(Value::Object(map)) => {
                for (key, value) in map.iter().take(VARIABLES) {
                    match value {
                        Value::String(text) => add(key, Some(text)),
                        Value::Null => add(key, None),
                        other => add(key, Some(&other.to_string())),
                    }
                }
            }
            _ => {}
        }
        environment
    }

    /// A text of the compose file or of `.env` with its references replaced; none when one leads nowhere or in a circle.
    pub(super) fn compose_value(&self, text: &str, depth: usize) -> Option<String> {
        self.compose_within(text, depth, &Cell::new(REFERENCES))
    }

    fn compose_within(&self, text: &str, depth: usize, left: &Cell<u32>) -> Option<String> {
        replaced(text, true, left, &|inside| {
            let deeper = depth.checked_sub(1);
            let ends = inside.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            let (name, operator) = inside.split_at_checked(ends.unwrap_or(inside.len()))?;
            let found = deeper.zip(self.env.get(name));
            let value = found.and_then(|(deeper, found)| self.compose_within(&found.value, deeper, left));
            let value = value.filter(|value| !value.is_empty());
            let operator = operator.strip_prefix(':').unwrap_or(operator);
            let otherwise = |text: &str| deeper.and_then(|deeper| self.compose_within(text, deeper, left));
            match operator.split_at_checked(1) {
                Some(("-", default)) => value.or_else(|| otherwise(default)),
                Some(("+", instead)) => value.and_then(|_| otherwise(instead)),
                // `?` only says what is told when there is no value.
                _ => value,
            }
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
        self.resolve(text, DEPTH, &Cell::new(REFERENCES))
    }

    fn resolve(&self, text: &str, depth: usize, left: &Cell<u32>) -> Option<String> {
        replaced(text, false, left, &|inside| {
            let deeper = depth.checked_sub(1);
            let (name, default) =
                inside.split_once(':').map_or((inside, None), |(name, default)| (name, Some(default)));
            // Variables of the environment win over property files, in Spring's order.
            if let Some(value) = self.variable(name) {
                return value.clone();
            }
            let found = deeper.zip(self.found(name));
            found
                .and_then(|(deeper, found)| self.resolve(&found.value, deeper, left))
                .or_else(|| deeper.zip(default).and_then(|(deeper, text)| self.resolve(text, deeper, left)))
        })
    }

    /// What the environment says of a property, whose name Spring reads without its dots, dashes and case.
    pub(super) fn variable(&self, name: &str) -> Option<&Option<String>> {
        let wanted = bound(name);
        let exact = self.environment.get(name);
        exact.or_else(|| self.environment.iter().find(|(key, _)| bound(key) == wanted).map(|(_, value)| value))
    }

    /// A property that is no secret.
    pub(super) fn fact(&self, key: &str) -> Fact<String> {
        match self.variable(key) {
            Some(Some(value)) => {
                let place = format!("{}: `{key}` as a variable of its container", self.name);
                return Fact::read_at(value.clone(), place);
            }
            Some(None) => {
                return Fact::unreadable(format!(
                    "{}: the container has `{key}` as a variable, whose value comes from whoever starts the connector",
                    self.name
                ));
            }
            None => {}
        }
        match self.found(key) {
            None => Fact::Absent,
            Some(found) => match self.resolved(&found.value) {
                Some(value) => Fact::sourced(value, found.source()),
                None => Fact::unreadable(format!(
                    "{}: `{}` refers to what neither compose file nor .env sets",
                    found.at,
                    found.value.chars().take(200).collect::<String>()
                )),
            },
        }
    }
}

/// A name as Spring compares those of the environment with those of properties.
fn bound(name: &str) -> String {
    canonical(name).replace('.', "")
}

/// What a folder is, by its name.
pub(super) fn kind(name: &str) -> Option<&'static str> {
    [
        ("ecc_resources", "connector"),
        ("be-dataapp_resources", "data-app"),
        ("uc-dataapp_resources", "usage-control"),
    ]
    .into_iter()
    .find_map(|(beginning, kind)| name.starts_with(beginning).then_some(kind))
}

/// Whether a text refers to something else; `compose`: by the rules of compose.
pub(super) fn refers(text: &str, compose: bool) -> bool {
    replaced(text, compose, &Cell::new(1), &|_| None).is_none()
}

/// Replaces `${...}` by what `value` makes of what stands between the braces; in texts of compose `$NAME` too, and `$$` by
/// a dollar. None when one cannot be replaced, or when there are more than `left`.
fn replaced(
    text: &str,
    compose: bool,
    left: &Cell<u32>,
    value: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let ask = |inside: &str| -> Option<String> {
        left.set(left.get().checked_sub(1)?);
        value(inside)
    };
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        let is_name = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
        if let Some(after) = after.strip_prefix('{') {
            let (inside, after) = closed(after)?;
            whole.push_str(&ask(inside)?);
            rest = after;
        } else if compose && after.starts_with(is_name) {
            let end = after.find(|letter: char| !is_name(letter) && !letter.is_ascii_digit());
            let (name, after) = after.split_at_checked(end.unwrap_or(after.len()))?;
            whole.push_str(&ask(name)?);
            rest = after;
        } else {
            whole.push('$');
            rest = if compose { after.strip_prefix('$').unwrap_or(after) } else { after };
        }
        if whole.len() > 10_000 {
            return None;
        }
    }
    whole.push_str(rest);
    Some(whole)
}

/// What stands before the brace that closes a reference, and what after it.
fn closed(text: &str) -> Option<(&str, &str)> {
    let mut open = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' if open == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
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
        Value::Array(_) => {}
        plain => {
            // `password:` without a value is an empty one.
            let value = match plain {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let found =
                Found { value, at: file.to_owned(), line: 1, file: file.to_owned(), key: above.to_owned() };
            into.insert(canonical(above), found);
        }
    }
}
