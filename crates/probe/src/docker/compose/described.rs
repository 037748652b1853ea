//! A compose project that is only described: its files are all that is known of the containers it would make.

use std::collections::BTreeMap;

use host::Door;
use model::Fact;
use model::facts::docker::{ComposeProject, Container, Docker, HealthCheck, Image, Network, Volume};

use super::load::{self, Project};
use super::service::Service;
use super::values::{at, switch, text};
use crate::docker::dockerfile;
use crate::docker::storage::users;
use crate::yaml::{Entry, Node};
use crate::{Context, Subject};

/// The option of a bridge by which its containers may talk to each other.
const ICC: &str = "com.docker.network.bridge.enable_icc";

/// Reads the section of a target that is a compose file or a folder of them.
pub(crate) fn probe(cx: &Context) -> Fact<Docker> {
    let Subject::Compose { paths } = &cx.subject else {
        return Fact::unreadable("the target is no compose project; this is a bug in Palisade");
    };
    match load::load(&cx.door, paths) {
        Ok(project) => Fact::known(docker(&cx.door, &project)),
        Err(why) => Fact::unreadable(why),
    }
}

/// The section of a text, for the fuzz target.
pub fn described(door: &Door, text: &str) -> Option<Docker> {
    load::of_text(door, text).ok().map(|project| docker(door, &project))
}

fn docker(door: &Door, project: &Project) -> Docker {
    let mut containers = Vec::new();
    let mut published = Vec::new();
    let mut images: BTreeMap<dockerfile::Build, Image> = BTreeMap::new();
    let mut named: Vec<(&str, String, String)> = own_files(project);
    for entry in project.section("services") {
        let service = Service { door, project, name: &entry.name, place: &entry.at, node: &entry.node };
        let mut container = service.container();
        if let Some((build, place)) = service.dockerfile() {
            let image = images.entry(build.clone()).or_insert_with(|| {
                dockerfile::image(door, &build).unwrap_or_else(|why| {
                    let place = place.to_string();
                    dockerfile::unread(&build.path, &place, &format!("{place}: {why}"))
                })
            });
            inherit(&mut container, image, service.leaves_health_check());
        }
        for (path, node, _) in service.env_files() {
            named.extend(path.map(|path| ("env", path, node.at.to_string())));
        }
        published.extend(service.ports(&container.name));
        containers.push(container);
    }
    named.extend(secret_files(project));
    let images: Vec<Image> = images.into_values().collect();
    let containers = Fact::known(containers);
    Docker {
        compose_projects: Fact::known(vec![described_project(project)]),
        compose_files: super::files(door, named),
        networks: Fact::known(networks(project, &containers)),
        volumes: Fact::known(volumes(project, &containers)),
        published_ports: Fact::known(published),
        ..crate::docker::from_files(containers, Fact::known(images))
    }
}

/// What a service leaves to the image that it is built from.
fn inherit(container: &mut Container, image: &Image, health_check: bool) {
    if container.user.is_absent() {
        container.user = image.user.clone();
        container.runs_as_root = image.runs_as_root.clone();
    }
    if !health_check || !container.health_check.is_absent() {
        return;
    }
    match &image.has_health_check {
        Fact::Known(true, source) => {
            let check = HealthCheck { kind: "program".to_owned(), ..HealthCheck::default() };
            container.health_check = Fact::Known(check, source.clone());
        }
        Fact::Unreadable(why) => container.health_check = Fact::unreadable(why.clone()),
        Fact::Known(false, _) | Fact::Absent => {}
    }
}

fn own_files(project: &Project) -> Vec<(&'static str, String, String)> {
    let compose = project.compose_files().map(|path| ("compose", path.clone(), path.clone()));
    let env = project.env_files.iter().map(|path| ("env", path.clone(), path.clone()));
    compose.chain(env).collect()
}

/// The files that `secrets:` names.
fn secret_files(project: &Project) -> Vec<(&'static str, String, String)> {
    let files = project.section("secrets").iter().filter_map(|entry| entry.node.entry("file"));
    files
        .filter_map(|file| {
            let text = file.node.text().filter(|text| text.unknown.is_empty())?;
            let path = project.absolute(&file.node.at, &text.text)?;
            Some(("secret", path, file.at.to_string()))
        })
        .collect()
}

fn described_project(project: &Project) -> ComposeProject {
    ComposeProject {
        name: project.name.clone(),
        source: project.files.first().cloned().unwrap_or_default(),
        version: Fact::Absent,
        directory: Fact::known(project.folder.clone()),
        files: Fact::known(project.files.clone()),
        override_files: Fact::known(project.override_files.clone()),
        own_files: Fact::Absent,
        shell_variables: Fact::known(project.shell_variables.iter().cloned().collect()),
        port_lines: Fact::Absent,
    }
}

/// What the engine will call a member of a section.
fn full_name(project: &Project, entry: &Entry) -> String {
    let external = entry.node.get("external");
    let is_external =
        external.is_some_and(|node| switch(node).value() == Some(&true) || node.get("name").is_some());
    let given = entry.node.get("name").or_else(|| external?.get("name")).map(text);
    match given {
        Some(Fact::Known(name, _)) => name,
        _ if is_external => entry.name.clone(),
        _ => format!("{}_{}", project.name, entry.name),
    }
}

fn networks(project: &Project, containers: &Fact<Vec<Container>>) -> Vec<Network> {
    let section = project.section("networks");
    let used = |key: &str| {
        users(containers, |container| container.networks.clone().map(|all| all.iter().any(|name| name == key)))
    };
    let mut all: Vec<Network> = section
        .iter()
        .map(|entry| {
            let option =
                |name: &str| entry.node.get("driver_opts").and_then(|options| options.get(name)).map(text);
            let subnets = entry.node.get("ipam").and_then(|ipam| ipam.get("config")).map(Node::items);
            let subnets = subnets.unwrap_or_default().iter().filter_map(|config| config.get("subnet")?.text());
            Network {
                id: String::new(),
                name: full_name(project, entry),
                source: entry.at.to_string(),
                driver: entry.node.get("driver").map_or_else(|| Fact::known("bridge".to_owned()), text),
                internal: entry.node.get("internal").map_or_else(|| Fact::known(false), switch),
                icc: option(ICC).map_or_else(|| Fact::known(true), |icc| icc.map(|icc| icc != "false")),
                is_default_bridge: Fact::known(false),
                is_built_in: Fact::known(false),
                subnets: Fact::known(subnets.map(|subnet| subnet.text.clone()).collect()),
                containers: used(&entry.name),
            }
        })
        .collect();
    // Compose makes this one for services that name none.
    let users = used("default");
    if !section.iter().any(|entry| entry.name == "default")
        && users.value().is_none_or(|users| !users.is_empty())
    {
        all.push(Network {
            id: String::new(),
            name: format!("{}_default", project.name),
            source: project.files.first().cloned().unwrap_or_default(),
            driver: Fact::known("bridge".to_owned()),
            internal: Fact::known(false),
            icc: Fact::known(true),
            is_default_bridge: Fact::known(false),
            is_built_in: Fact::known(false),
            subnets: Fact::known(Vec::new()),
            containers: users,
        });
    }
    all
}

fn volumes(project: &Project, containers: &Fact<Vec<Container>>) -> Vec<Volume> {
    let section = project.section("volumes");
    section
        .iter()
        .map(|entry| {
            let device = entry.node.get("driver_opts").and_then(|options| options.get("device"));
            let used_by = users(containers, |container| {
                container
                    .mounts
                    .clone()
                    .map(|mounts| mounts.iter().any(|mount| mount.volume.value() == Some(&entry.name)))
            });
            Volume {
                name: full_name(project, entry),
                source: entry.at.to_string(),
                driver: entry.node.get("driver").map_or_else(|| Fact::known("local".to_owned()), text),
                mountpoint: Fact::Absent,
                device: device.map_or(Fact::Absent, |node| {
                    let path = text(node).value().and_then(|path| project.absolute(&node.at, path));
                    path.map_or_else(|| text(node), |path| at(path, &node.at))
                }),
                unused: used_by.clone().map(|users| users.is_empty()),
                used_by,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
