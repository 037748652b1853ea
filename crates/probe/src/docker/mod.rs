//! Section `docker`: the engine by its files, process and socket; its containers, images, volumes and networks by its
//! API; what is really applied to running containers by /proc and cgroups.

mod api;
mod applied;
mod capabilities;
mod compose;
mod container;
mod dockerfile;
mod engine;
mod files;
mod find;
mod heard;
mod history;
mod image;
mod json;
mod layers;
mod mounts;
mod projects;
mod saved;
mod secrets;
mod settings;
mod storage;

use std::path::Path;

use host::{Door, Error};
use model::Fact;
use model::facts::docker::{Container, Docker, Image, PublishedPort};
use serde_json::Value;

pub use self::heard::heard;
pub(crate) use self::image::image_of_config;
pub(crate) use self::layers::SHELLS;
pub(crate) use self::saved::saved_image;
pub(crate) use self::secrets::{entropy as secret_entropy, secret_kind as secret_in_assignment};

pub use self::compose::described;
pub(crate) use self::compose::probe as probe_compose;
pub(crate) use self::container::ratio;
pub use self::dockerfile::instructions;
pub(crate) use self::dockerfile::probe as probe_dockerfile;
pub(crate) use self::mounts::is_sensitive_path;
pub(crate) use self::projects::project_directories;
pub(crate) use self::secrets::secret_kind;

use self::api::Api;
use self::container::Defaults;
use self::json::{Json, both};
use crate::Context;
use crate::fact::reason;

/// Containers, and images, of one host; edge hosts have tens.
const LIMIT: usize = 1024;
/// Questions asked at a time.
const WORKERS: usize = 4;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Docker> {
    let door = &cx.door;
    let Some(found) = find::find(door) else { return Fact::Absent };
    let podman = Fact::from_option(found.podman.clone());
    if !found.has_engine() {
        return Fact::known(Docker {
            engine: Fact::Absent,
            containers: Fact::Absent,
            compose_projects: Fact::Absent,
            compose_files: Fact::Absent,
            published_ports: Fact::Absent,
            images: Fact::Absent,
            volumes: Fact::Absent,
            networks: Fact::Absent,
            podman,
        });
    }
    let opened = open(door, &found);
    let running = match &opened {
        Ok(_) => Fact::known(true),
        Err(_) if found.pid.is_some() => Fact::known(true),
        Err(_) if !door.is_live() => Fact::unreadable("whether the engine runs only a running host tells"),
        Err(Failure::Stopped(_)) => Fact::known(false),
        Err(Failure::Silent(reason)) => Fact::unreadable(reason.clone()),
    };
    let asked = |path: &str| match &opened {
        Ok((api, _)) => api.get(path).map_err(|error| reason(&error, door)),
        Err(failure) => Err(failure.reason().to_owned()),
    };
    let version = match &opened {
        Ok((_, version)) => Ok(version),
        Err(failure) => Err(failure.reason()),
    };
    let info = asked("/info");
    let info = Json::new(info.as_ref().map_err(String::as_str), "docker info");
    let mut engine = engine::engine(door, &found, info, Json::new(version, "docker version"), running);
    let defaults =
        Defaults { no_new_privileges: engine.no_new_privileges.clone(), seccomp: engine.seccomp.clone() };
    let api = opened.as_ref().map(|(api, _)| api).map_err(Failure::reason);
    let (mut containers, origins) = containers(door, api, &defaults);
    let images = images(door, api, &engine.root_dir, &containers);
    if let Fact::Known(containers, _) = &mut containers {
        name_digests(containers, &images);
    }
    let volumes = asked("/volumes");
    let networks = asked("/networks");
    let running: Fact<Vec<Container>> = containers.clone().map(|containers| {
        containers.into_iter().filter(|container| container.running.value() == Some(&true)).collect()
    });
    engine.running_containers = running.clone().map(|running| running.len() as u64);
    engine.memory_limits_sum_bytes = running.and_then(|running| {
        running.iter().map(|container| container.limits.clone()).fold(Fact::known(0), |sum, limits| {
            both(sum, limits.and_then(|limits| limits.memory_bytes))
                .map(|(sum, one): (u64, u64)| sum.saturating_add(one))
        })
    });
    let projects = compose::projects(door, &containers, &images, origins);
    Fact::known(Docker {
        compose_files: compose::files_of(door, &projects),
        compose_projects: projects,
        published_ports: published_ports(&containers),
        volumes: storage::volumes(
            Json::new(volumes.as_ref().map_err(String::as_str), "docker volume ls"),
            &containers,
        )
        .or_at("docker volume ls"),
        networks: storage::networks(
            Json::new(networks.as_ref().map_err(String::as_str), "docker network ls"),
            &containers,
        )
        .or_at("docker network ls"),
        engine: Fact::read_at(engine, "flags of dockerd, /etc/docker/daemon.json and docker info"),
        containers: containers.or_at("docker ps --all"),
        images: images.or_at("docker image ls"),
        podman,
    })
}

/// The section of a target that is files: what containers and images would be. No engine is asked.
pub(crate) fn from_files(containers: Fact<Vec<Container>>, images: Fact<Vec<Image>>) -> Docker {
    Docker {
        engine: Fact::Absent,
        compose_projects: Fact::Absent,
        compose_files: Fact::Absent,
        published_ports: published_ports(&containers),
        containers,
        images,
        volumes: Fact::Absent,
        networks: Fact::Absent,
        podman: Fact::Absent,
    }
}

/// Why the engine cannot be asked.
enum Failure {
    /// It does not run.
    Stopped(String),
    /// It may run, but it does not tell.
    Silent(String),
}

impl Failure {
    fn reason(&self) -> &str {
        match self {
            Self::Stopped(reason) | Self::Silent(reason) => reason,
        }
    }
}

fn open(door: &Door, found: &find::Found) -> Result<(Api, Value), Failure> {
    if !door.is_live() {
        return Err(Failure::Silent("what the engine says only a running host tells".to_owned()));
    }
    if !found.socket_exists && found.pid.is_none() {
        return Err(Failure::Stopped("the Docker engine does not run".to_owned()));
    }
    Api::open(door, Path::new(&found.socket)).map_err(|error| {
        if error.is_not_found() && found.pid.is_none() {
            Failure::Stopped(format!("the Docker engine does not run ({error})"))
        } else {
            Failure::Silent(reason(&error, door))
        }
    })
}

/// A list of the engine, each element with its id; ids become parts of paths, so they are checked.
fn listed(api: &Api, door: &Door, path: &str) -> Result<Vec<(String, Value)>, String> {
    elements(api.get(path).map_err(|error| reason(&error, door))?, path)
}

fn elements(list: Value, path: &str) -> Result<Vec<(String, Value)>, String> {
    let Value::Array(items) = list else {
        return Err(format!("GET {path}: the engine's answer is not a list"));
    };
    if items.len() > LIMIT {
        return Err(format!("GET {path}: more than {LIMIT} elements"));
    }
    let identified = |item: Value| {
        let id = item.get("Id").and_then(Value::as_str).filter(|id| is_id(id))?.to_owned();
        Some((id, item))
    };
    items
        .into_iter()
        .map(|item| identified(item).ok_or_else(|| format!("GET {path}: an element has no valid id")))
        .collect()
}

fn is_id(id: &str) -> bool {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    (12..=64).contains(&digits.len()) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// All containers by name, and the compose project that each says it belongs to.
fn containers(
    door: &Door,
    api: Result<&Api, &str>,
    defaults: &Defaults,
) -> (Fact<Vec<Container>>, Vec<compose::Origin>) {
    let list = match api
        .map_err(str::to_owned)
        .and_then(|api| Ok((api, listed(api, door, "/containers/json?all=1")?)))
    {
        Ok(list) => list,
        Err(reason) => return (Fact::unreadable(reason), Vec::new()),
    };
    let (api, list) = list;
    let mut containers: Vec<(Container, Option<compose::Origin>)> = side_by_side(&list, |(id, item)| {
        let name = item.pointer("/Names/0").and_then(Value::as_str).unwrap_or(id).trim_start_matches('/');
        let place = format!("docker inspect {name}");
        let inspected = api.get(&format!("/containers/{id}/json"));
        // It was removed between the two questions.
        if matches!(inspected, Err(Error::NotFound(_))) {
            return None;
        }
        let inspected = inspected.map_err(|error| reason(&error, door));
        let json = Json::new(inspected.as_ref().map_err(String::as_str), &place);
        let mut container = container::container(&storage::short(id), &json::clip(name), json, defaults);
        applied::fill(door, &mut container, id, json.amount("/State/Pid"));
        Some((container, compose::origin(json)))
    })
    .into_iter()
    .flatten()
    .collect();
    containers.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let (containers, origins): (Vec<_>, Vec<_>) = containers.into_iter().unzip();
    (Fact::known(containers), origins.into_iter().flatten().collect())
}

fn images(
    door: &Door,
    api: Result<&Api, &str>,
    root: &Fact<String>,
    containers: &Fact<Vec<Container>>,
) -> Fact<Vec<Image>> {
    let (api, list) =
        match api.map_err(str::to_owned).and_then(|api| Ok((api, listed(api, door, "/images/json")?))) {
            Ok(list) => list,
            Err(reason) => return Fact::unreadable(reason),
        };
    let mut images: Vec<Image> = side_by_side(&list, |(id, _)| {
        let place = format!("docker image {}", storage::short(id));
        let inspected = api.get(&format!("/images/{id}/json"));
        if matches!(inspected, Err(Error::NotFound(_))) {
            return None;
        }
        let inspected = inspected.map_err(|error| reason(&error, door));
        let history = api.get(&format!("/images/{id}/history")).map_err(|error| reason(&error, door));
        let steps = image::commands(Json::new(history.as_ref().map_err(String::as_str), &place));
        let json = Json::new(inspected.as_ref().map_err(String::as_str), &place);
        Some(image::image(id, json, steps, layers::files(door, json, root), containers))
    })
    .into_iter()
    .flatten()
    .collect();
    images.sort_by(|a, b| a.name.cmp(&b.name));
    Fact::known(images)
}

/// Asks for all items with a few workers, each on a connection of its own; keeps their order.
fn side_by_side<T: Sync, R: Send>(items: &[T], ask: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let share = items.len().div_ceil(WORKERS).max(1);
    if items.len() <= WORKERS {
        return items.iter().map(ask).collect();
    }
    std::thread::scope(|scope| {
        let ask = &ask;
        let workers: Vec<_> = items
            .chunks(share)
            .map(|chunk| scope.spawn(move || chunk.iter().map(ask).collect::<Vec<R>>()))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| match worker.join() {
                Ok(answers) => answers,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// Registries know images by digest: hand it on to the containers.
fn name_digests(containers: &mut [Container], images: &Fact<Vec<Image>>) {
    for container in containers {
        container.image_digests = both(container.image_id.clone(), images.clone()).and_then(|(id, images)| {
            match images.into_iter().find(|image| image.digest == id) {
                Some(image) => image.repo_digests,
                // The image was removed under the container.
                None => Fact::known(Vec::new()),
            }
        });
    }
}

/// All published ports in one list, in which those of a container that cannot be read are one unreadable element.
fn published_ports(containers: &Fact<Vec<Container>>) -> Fact<Vec<Fact<PublishedPort>>> {
    containers.clone().map(|containers| {
        let mut all = Vec::new();
        for container in containers {
            match container.ports {
                Fact::Known(ports, _) => all.extend(ports.into_iter().map(Fact::known)),
                Fact::Absent => {}
                Fact::Unreadable(why) => all.push(Fact::unreadable(why)),
            }
        }
        all
    })
}
