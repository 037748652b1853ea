//! Workloads and their versions.

use model::Fact;
use model::facts::nerve::{Connection, Container, Machine, Workload};
use serde_json::Value;

use super::api::{Asked, element, must};
use super::connections::connections;
use super::is_secret;
use crate::service::escaped;
use crate::service::properties::{Properties, short};

/// Versions that are read; a request each, or for several.
const VERSIONS: usize = 1_000;

/// What is known of workloads.
pub(super) struct Workloads {
    pub(super) versions: Fact<Vec<Fact<Workload>>>,
    pub(super) connections: Fact<Vec<Fact<Connection>>>,
}

/// Reads it.
pub(super) fn workloads(asked: &Asked<'_>) -> Workloads {
    let path = "/nerve/v2/workloads";
    let place = asked.place(path);
    let list = match must(asked.pages(path, "data"), &place) {
        Ok(list) => list,
        Err(reason) => {
            return Workloads { versions: Fact::unreadable(&reason), connections: Fact::unreadable(reason) };
        }
    };
    let (mut versions, mut defined) = (Vec::new(), Vec::new());
    for value in list {
        let told = element(&value, &place).and_then(|workload| {
            let is_gone = workload.flag("deleted").value() == Some(&true);
            let told = if is_gone { Vec::new() } else { versions_of(asked, &workload)? };
            Ok((workload, told))
        });
        match told {
            Ok((workload, told)) => {
                for version in told {
                    if versions.len() >= VERSIONS {
                        let reason = format!("{place}: only the first {VERSIONS} versions are read");
                        versions.push(Fact::unreadable(reason));
                        break;
                    }
                    let read = version_of(&workload, &version);
                    defined.extend(connections("workload", &read.name, &version));
                    versions.push(Fact::known(read));
                }
            }
            Err(reason) => {
                versions.push(Fact::unreadable(&reason));
                defined.push(Fact::unreadable(reason));
            }
        }
        if versions.len() > VERSIONS {
            break;
        }
    }
    Workloads { versions: Fact::read_at(versions, &place), connections: Fact::read_at(defined, place) }
}

/// The versions of a workload. Compose projects and images of the internal registry are told by a newer part of the API.
fn versions_of(asked: &Asked<'_>, workload: &Properties) -> Result<Vec<Properties>, String> {
    let (id, kind) = (escaped(&workload.name("_id")), workload.name("type"));
    if id.is_empty() {
        return Err(format!("{} lists a workload without _id", workload.place()));
    }
    let internal = workload.flag("internalDockerRegistry").value() == Some(&true);
    let is_there = |version: &Properties| version.flag("deleted").value() != Some(&true);
    if kind != "docker-compose" && !(kind == "docker" && internal) {
        let path = format!("/nerve/v2/workloads/{id}");
        let place = asked.place(&path);
        let told = must(asked.object(&path), &place)?;
        let versions = told.list("versions")?.iter().map(|value| element(value, &place));
        return versions.filter(|read| read.as_ref().map_or(true, is_there)).collect();
    }
    let path = format!("/nerve/v3/workloads/{id}/versions");
    let place = asked.place(&path);
    let mut versions = Vec::new();
    for value in must(asked.list(&path, &["data"]), &place)? {
        let listed = element(&value, &place)?;
        if !is_there(&listed) {
            continue;
        }
        let path = format!("{path}/{}", escaped(&listed.name("_id")));
        versions.push(must(asked.object(&path), &asked.place(&path))?);
        if versions.len() > VERSIONS {
            break;
        }
    }
    Ok(versions)
}

/// A version of a workload.
pub(super) fn version_of(workload: &Properties, version: &Properties) -> Workload {
    let kind = workload.text("type");
    // The newer part of the API names them differently.
    let newer = version.has("workloadSpecificProperties");
    let options = version.within(if newer { "workloadSpecificProperties" } else { "workloadProperties" });
    Workload {
        name: format!("{} {}", workload.name("name"), version.name("name")),
        disabled: workload.flag("disabled"),
        released: version.flag("released"),
        image: version
            .if_told("dockerFilePath", Properties::text)
            .and_then(|image| if image.trim().is_empty() { Fact::Absent } else { Fact::known(image) }),
        container: of_kind(&kind, "docker", || container(&options)),
        machine: of_kind(&kind, "vm", || machine(&options)),
        kind,
        source: version.place().to_owned(),
    }
}

/// What workloads of one kind have.
fn of_kind<T>(kind: &Fact<String>, name: &str, read: impl FnOnce() -> T) -> Fact<T> {
    kind.clone().and_then(|kind| if kind == name { Fact::known(read()) } else { Fact::Absent })
}

fn container(options: &Properties) -> Container {
    Container {
        networks: texts(options, "networks", |value| value.as_str().map(short)),
        ports: texts(options, "port_mappings_protocol", |value| {
            let port = value.get("host_port")?;
            let protocol = value.get("protocol").and_then(Value::as_str).unwrap_or("tcp");
            Some(short(&format!("{}/{}", plain(port)?, protocol.to_ascii_lowercase())))
        }),
        volumes: texts(options, "docker_volumes", |value| {
            let part = |key: &str| value.get(key).and_then(Value::as_str);
            Some(short(&format!("{}:{}", part("volumeName")?, part("containerPath").unwrap_or_default())))
        }),
        memory: limit(options, "limit_memory"),
        processors: limit(options, "limit_CPUs"),
        restart: options.text("restart_policy"),
        secret_variables: texts(options, "environment_variables", |value| {
            let name = value.get("env_variable").and_then(Value::as_str)?;
            let is_set = value
                .get("container_value")
                .is_some_and(|value| !value.is_null() && value.as_str() != Some(""));
            Some(if is_set && is_secret(name) { short(name) } else { String::new() })
        })
        .map(|names| names.into_iter().filter(|name| !name.is_empty()).collect()),
    }
}

fn machine(options: &Properties) -> Machine {
    Machine {
        memory: limit(options, "memory"),
        processors: options.number("no_of_vCPUs"),
        networks: texts(options, "libvirt_networks", |value| {
            value.get("interface").and_then(Value::as_str).map(short)
        }),
        devices: texts(options, "PCI_passthrough", |_| Some(String::new())).map(|all| all.len() as u64),
    }
}

/// A list of which each element says one text.
fn texts(options: &Properties, key: &str, read: impl Fn(&Value) -> Option<String>) -> Fact<Vec<String>> {
    let place = format!("{} property {key}", options.place());
    match options.list(key) {
        Err(reason) => Fact::unreadable(reason),
        Ok(list) => match list.iter().map(read).collect::<Option<Vec<_>>>() {
            Some(texts) => Fact::read_at(texts, place),
            None => Fact::unreadable(format!("{place} holds something that is not known")),
        },
    }
}

/// A limit: a number, or a number and its unit; absent when nothing limits.
fn limit(options: &Properties, key: &str) -> Fact<String> {
    let value = options.values().get(key);
    let (number, unit) = match value {
        Some(Value::Object(parts)) => (parts.get("value"), parts.get("unit").and_then(Value::as_str)),
        other => (other, None),
    };
    let number = match number.and_then(plain) {
        Some(number) => number,
        None if number.is_none_or(Value::is_null) => return Fact::Absent,
        None => return Fact::unreadable(format!("{} property {key} is no number", options.place())),
    };
    match number.trim().parse::<f64>() {
        Ok(limit) if limit > 0.0 => {
            let text = format!("{} {}", number.trim(), unit.unwrap_or_default());
            Fact::read_at(short(text.trim()), format!("{} property {key}", options.place()))
        }
        Ok(_) => Fact::Absent,
        Err(_) if number.trim().is_empty() => Fact::Absent,
        Err(_) => Fact::unreadable(format!("{} property {key} is no number", options.place())),
    }
}

/// A number or a text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::api::lenient;
    use super::*;
    use serde_json::json;

    fn read(kind: &str, version: Value) -> Workload {
        let workload = lenient(json!({"name": "app", "type": kind, "disabled": false}), "GET x");
        version_of(&workload, &lenient(version, "GET y"))
    }

    #[test]
    fn a_container_is_read_and_values_of_its_environment_are_not() {
        let version = read(
            "docker",
            json!({"name": "1.2", "released": true, "dockerFilePath": "reg.example/app:1.2", "workloadProperties": {
                "networks": ["bridge", "host"], "restart_policy": "always",
                "port_mappings_protocol": [{"protocol": "TCP", "host_port": 8080, "container_port": 80}],
                "docker_volumes": [{"volumeName": "data", "containerPath": "/var/lib/app"}],
                "environment_variables": [
                    {"env_variable": "DB_PASSWORD", "container_value": "hunter2"},
                    {"env_variable": "API_TOKEN", "container_value": ""},
                    {"env_variable": "LEVEL", "container_value": "info"},
                ],
                "limit_memory": {"unit": "MB", "value": 256}, "limit_CPUs": "200",
            }}),
        );
        let container = version.container.value().unwrap();
        assert_eq!(version.name, "app 1.2");
        assert_eq!(container.ports.value().unwrap(), &["8080/tcp"]);
        assert_eq!(container.volumes.value().unwrap(), &["data:/var/lib/app"]);
        assert_eq!(container.secret_variables.value().unwrap(), &["DB_PASSWORD"]);
        assert_eq!(container.memory.value().unwrap(), "256 MB");
        assert_eq!(container.processors.value().unwrap(), "200");
        assert!(!format!("{version:?}").contains("hunter2"));
    }

    #[test]
    fn limits_that_do_not_limit_are_absent_and_odd_ones_unknown() {
        let of = |options: Value| limit(&lenient(options, "GET x"), "limit");
        for none in
            [json!({}), json!({"limit": null}), json!({"limit": {}}), json!({"limit": ""}), json!({"limit": 0})]
        {
            assert!(of(none.clone()).is_absent(), "{none}");
        }
        assert!(of(json!({"limit": {"unit": "MB", "value": 0}})).is_absent());
        for odd in [json!({"limit": []}), json!({"limit": "much"}), json!({"limit": {"value": true}})] {
            assert!(of(odd.clone()).is_unreadable(), "{odd}");
        }
        assert_eq!(of(json!({"limit": {"unit": "GB", "value": 0.5}})).value().unwrap(), "0.5 GB");
    }

    #[test]
    fn options_that_are_not_told_are_unknown() {
        let version = read("docker", json!({"name": "1"}));
        let container = version.container.value().unwrap();
        assert!(container.networks.is_unreadable() && container.restart.is_unreadable());
        assert!(version.released.is_unreadable() && version.machine.is_absent());
        let machine =
            read("vm", json!({"name": "1", "workloadProperties": {"no_of_vCPUs": 2, "PCI_passthrough": [{}]}}));
        assert_eq!(machine.machine.value().unwrap().devices.value(), Some(&1));
        assert!(read("docker-compose", json!({"name": "1"})).container.is_absent());
    }
}
