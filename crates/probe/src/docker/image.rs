//! Images out of the engine's description and history.

use model::Fact;
use model::facts::docker::{Container, Image, Step};
use serde_json::Value;

use super::container::{is_root, public_labels};
use super::json::{Json, clip};
use super::{history, layers, secrets, storage};

/// What the engine calls an image without a name.
const NO_NAME: &str = "<none>";
/// Where builders name the image they built on.
const BASE_LABEL: &str = "org.opencontainers.image.base.name";
/// Ports of SSH and telnet.
pub(super) const REMOTE_SHELL_PORTS: &[&str] = &["22", "23"];
const SHELLS: &[&str] =
    &["sh", "/bin/sh", "bash", "/bin/bash", "/usr/bin/sh", "/usr/bin/bash", "ash", "/bin/ash"];

/// An image by its configuration alone; `has` tells whether a path (without leading slash) is in its files.
pub(crate) fn image_of_config(
    id: &str,
    described: &Value,
    place: &str,
    steps: Vec<String>,
    has: impl Fn(&str) -> bool,
) -> Image {
    let json = Json::new(Ok(described), place);
    let nobody = Fact::Absent;
    image(id, json, Fact::known(steps), layers::files_by(|path| Ok(has(path))), &nobody)
}

/// The image `id` by its description and history, and what was found in its files.
pub(super) fn image(
    id: &str,
    json: Json<'_>,
    steps: Fact<Vec<String>>,
    files: layers::Files,
    containers: &Fact<Vec<Container>>,
) -> Image {
    let named =
        |names: Vec<String>| names.into_iter().filter(|name| !name.starts_with(NO_NAME)).collect::<Vec<_>>();
    let tags = json.texts("/RepoTags").map(named);
    let repo_digests = json.texts("/RepoDigests").map(named);
    let user = json.text("/Config/User").or_default_value("root".to_owned());
    let exposed = json.entries("/Config/ExposedPorts").map(|map| map.into_keys().collect::<Vec<_>>());
    let labels = json.text_map("/Config/Labels");
    let used_by = storage::users(containers, |container| container.image_id.clone().map(|used| used == id));
    let command = super::json::both(json.texts("/Config/Entrypoint"), json.texts("/Config/Cmd"));
    let known = |names: &Fact<Vec<String>>| names.value().and_then(|names| names.first().cloned());
    Image {
        id: storage::short(id),
        name: known(&tags).or_else(|| known(&repo_digests)).unwrap_or_else(|| storage::short(id)),
        source: json.place().to_owned(),
        digest: id.to_owned(),
        registries: super::json::both(tags.clone(), repo_digests.clone()).map(|(tags, digests)| {
            let mut all: Vec<String> = tags.iter().chain(&digests).map(|name| registry(name)).collect();
            all.sort();
            all.dedup();
            all
        }),
        is_latest: tags.clone().map(|tags| tags.iter().any(|tag| tag.ends_with(":latest"))),
        is_dangling: tags.clone().map(|tags| tags.is_empty()),
        tags,
        repo_digests,
        created: json.time("/Created"),
        size_bytes: json.count("/Size"),
        runs_as_root: user.clone().map(|user| is_root(&user)),
        user,
        exposes_remote_shell: exposed.clone().map(|ports| {
            ports.iter().any(|port| REMOTE_SHELL_PORTS.contains(&port.split('/').next().unwrap_or_default()))
        }),
        exposed_ports: exposed,
        base_image: labels.clone().and_then(|labels| {
            Fact::from_option(labels.get(BASE_LABEL).filter(|name| !name.is_empty()).cloned())
        }),
        label_names: labels.clone().map(|labels| labels.into_keys().collect()),
        labels: labels.map(public_labels),
        environment: json
            .texts("/Config/Env")
            .map(|all| all.iter().map(|line| secrets::variable(line)).collect()),
        starts_through_shell: command.map(|(entrypoint, cmd)| {
            let first: Vec<&String> = entrypoint.iter().chain(&cmd).take(2).collect();
            matches!(first.as_slice(), [shell, flag] if SHELLS.contains(&shell.as_str()) && *flag == "-c")
        }),
        has_health_check: json
            .texts("/Config/Healthcheck/Test")
            .map(|test| test.first().is_some_and(|kind| kind != "NONE")),
        base_layer: json.texts("/RootFS/Layers").and_then(|layers| Fact::from_option(layers.first().cloned())),
        layers: json.items("/RootFS/Layers").map(|layers| layers.len() as u64),
        upgrades_packages: steps.clone().and_then(|steps| {
            if steps.iter().all(String::is_empty) {
                return Fact::Absent;
            }
            Fact::known(steps.iter().any(|step| history::upgrades_packages(step)))
        }),
        history: steps.map(|steps| history::steps(&steps)),
        remote_shells: files.remote_shells,
        build_tools: files.build_tools,
        network_tools: files.network_tools,
        package_managers: files.package_managers,
        unused: used_by.clone().map(|users| users.is_empty()),
        used_by,
        contents: Fact::Absent,
        dockerfile: Fact::Absent,
    }
}

/// The commands of a history, first one first.
pub(super) fn commands(json: Json<'_>) -> Fact<Vec<String>> {
    json.must("", json.get("", "a list", Value::as_array)).and_then(|_| json.items("")).map(|items| {
        items
            .into_iter()
            .rev()
            .map(|item| item.get("CreatedBy").and_then(Value::as_str).unwrap_or_default().to_owned())
            .collect()
    })
}

/// The registry in an image's name; names without one mean the public registry.
pub(super) fn registry(name: &str) -> String {
    match name.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => clip(first),
        _ => "docker.io".to_owned(),
    }
}

/// A step before it is judged.
pub(super) fn step(number: usize, instruction: &str) -> Step {
    Step { number: number as u64, instruction: instruction.to_owned(), ..Step::default() }
}

#[cfg(test)]
mod tests {
    use super::registry;

    #[test]
    fn the_registry_is_the_part_that_looks_like_a_host() {
        for (name, expected) in [
            ("debian:12", "docker.io"),
            ("library/debian:12", "docker.io"),
            ("localhost/x:1", "localhost"),
            ("registry.example:5000/a/b@sha256:00", "registry.example:5000"),
            ("ghcr.io/a/b:1", "ghcr.io"),
        ] {
            assert_eq!(registry(name), expected, "{name}");
        }
    }
}
