//! The folders that compose projects of containers were started from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use host::{Door, FileKind};
use serde_json::Value;

use super::api::Api;
use super::find::DEFAULT_SOCKET;
use super::{LIMIT, is_id, listed};
use crate::fact::{if_any, reason};

/// What compose writes on containers: the folder it was started in.
const DIRECTORY: &str = "com.docker.compose.project.working_dir";
/// Where an engine keeps what it knows of its containers.
const CONTAINERS: &str = "/var/lib/docker/containers";

/// The folders that containers of the engine at the usual socket say they were started from; empty without an engine.
///
/// # Errors
/// For a person: why the engine cannot be asked.
pub(crate) fn project_directories(door: &Door) -> Result<Vec<String>, String> {
    if !door.is_live() {
        return kept(door);
    }
    match door.stat(DEFAULT_SOCKET) {
        Ok(stat) if stat.kind == FileKind::Directory => return Ok(Vec::new()),
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        _ => {}
    }
    let api = match Api::open(door, Path::new(DEFAULT_SOCKET)) {
        Ok((api, _)) => api,
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(reason(&error, door)),
    };
    let mut directories: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, container) in listed(&api, door, "/containers/json?all=1")? {
        if let Some(directory) = directory(container.get("Labels")) {
            let image = container.get("ImageID").and_then(Value::as_str).unwrap_or_default();
            directories.entry(directory).or_default().insert(image.to_owned());
        }
    }
    // A container inherits the labels of its image: where an image says which files to read, its author would.
    directories.retain(|_, images| images.iter().any(|image| !says_where(&api, image)));
    Ok(directories.into_keys().collect())
}

fn directory(labels: Option<&Value>) -> Option<String> {
    let directory = labels?.get(DIRECTORY)?.as_str()?;
    directory.starts_with('/').then(|| directory.to_owned())
}

fn says_where(api: &Api, image: &str) -> bool {
    let described = if is_id(image) { api.get(&format!("/images/{image}/json")).ok() } else { None };
    described.is_some_and(|image| directory(image.pointer("/Config/Labels")).is_some())
}

/// What an engine that does not run has kept.
fn kept(door: &Door) -> Result<Vec<String>, String> {
    let folders = if_any(door.read_dir(CONTAINERS)).map_err(|error| reason(&error, door))?.unwrap_or_default();
    let mut directories = BTreeSet::new();
    for folder in folders.iter().filter(|folder| is_id(&folder.name)).take(LIMIT) {
        let path = format!("{CONTAINERS}/{}/config.v2.json", folder.name);
        let Some(text) = if_any(door.read_text(&path)).map_err(|error| reason(&error, door))? else { continue };
        let container: Value =
            serde_json::from_str(&text).map_err(|error| format!("{path}: no valid JSON: {error}"))?;
        directories.extend(directory(container.pointer("/Config/Labels")));
    }
    Ok(directories.into_iter().collect())
}
