//! One text read as everything that an engine may say of itself, for the fuzz target.

use host::Door;
use model::Fact;
use model::facts::docker::Docker;
use serde_json::Value;

use super::container::{Defaults, container};
use super::find::{DEFAULT_SOCKET, Found};
use super::json::Json;
use super::settings::{self, Settings};
use super::{compose, elements, engine, image, layers, published_ports, storage};

/// Reads `bytes` as daemon.json, as flags, and as the answer to every question.
pub fn heard(door: &Door, bytes: &[u8]) -> Docker {
    let text = String::from_utf8_lossy(bytes);
    let flags: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let mut settings = Settings::default();
    settings.add_flags(&flags, "flags");
    settings.add_file("daemon.json", &text);
    let parsed = serde_json::from_slice::<Value>(bytes).map_err(|error| error.to_string());
    let json = Json::new(parsed.as_ref().map_err(String::as_str), "heard");
    let found = Found {
        program: None,
        pid: None,
        settings,
        flags: Fact::known(
            settings::names(&flags).into_iter().map(|name| (name, "flags".to_owned())).collect(),
        ),
        socket: DEFAULT_SOCKET.to_owned(),
        socket_exists: true,
        units: Vec::new(),
        podman: None,
    };
    let engine = engine::engine(door, &found, json, json, Fact::known(true));
    let defaults =
        Defaults { no_new_privileges: engine.no_new_privileges.clone(), seccomp: engine.seccomp.clone() };
    let containers = Fact::known(vec![container("id", "name", json, &defaults)]);
    let steps = image::commands(json);
    let image =
        image::image("sha256:00", json, steps, layers::files(door, json, &engine.root_dir), &containers);
    let listed = parsed.clone().and_then(|value| elements(value, "/list"));
    let origins = compose::origin(json).into_iter().collect();
    let projects = compose::projects(door, &containers, &Fact::known(Vec::new()), origins);
    Docker {
        compose_files: compose::files_of(door, &projects),
        compose_projects: projects,
        published_ports: published_ports(&containers),
        volumes: storage::volumes(json, &containers),
        networks: storage::networks(json, &containers),
        engine: Fact::known(engine),
        containers,
        images: Fact::known(vec![image]),
        podman: Fact::from_option(listed.ok().and_then(|list| list.into_iter().next()).map(|(id, _)| id)),
    }
}
