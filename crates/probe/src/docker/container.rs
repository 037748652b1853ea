//! Containers out of `docker inspect`.

use std::collections::BTreeMap;

use model::Fact;
use model::facts::docker::{Container, Device, HealthCheck, Limits, LogConfig, PublishedPort, Ulimit};
use serde_json::Value;

use super::capabilities;
use super::json::{Json, both, clip};
use super::mounts;
use super::secrets;

/// As good as no limit of memory: the engine lets nobody take a limit away, only raise it.
const NO_MEMORY_LIMIT: u64 = 1 << 62;

/// What the engine does for containers that say nothing themselves.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    /// `no-new-privileges` of the engine.
    pub(super) no_new_privileges: Fact<bool>,
    /// Whether the engine has a seccomp profile of its own.
    pub(super) seccomp: Fact<bool>,
}

/// A container as described; `applied`, processes and image digests are filled in by others.
pub(super) fn container(id: &str, name: &str, json: Json<'_>, defaults: &Defaults) -> Container {
    let text = |pointer| json.text(pointer);
    let user = json.text("/Config/User").or_default_value("root".to_owned());
    let options = json.texts("/HostConfig/SecurityOpt");
    let privileged = json.flag("/HostConfig/Privileged");
    let cap_add = json.texts("/HostConfig/CapAdd").map(capabilities::normalised);
    let cap_drop = json.texts("/HostConfig/CapDrop").map(capabilities::normalised);
    let granted = both(privileged.clone(), both(cap_add.clone(), cap_drop.clone()))
        .map(|(privileged, (add, drop))| capabilities::granted(privileged, &add, &drop));
    let network_mode = text("/HostConfig/NetworkMode");
    let networks = json.entries("/NetworkSettings/Networks").map(|map| map.into_keys().collect::<Vec<_>>());
    let command = both(json.texts("/Config/Cmd"), both(json.texts("/Config/Entrypoint"), json.texts("/Args")));
    let labels = json.text_map("/Config/Labels");
    Container {
        id: id.to_owned(),
        name: name.to_owned(),
        source: json.place().to_owned(),
        image: json.must("/Config/Image", text("/Config/Image")),
        image_id: json.must("/Image", text("/Image")),
        image_digests: Fact::default(),
        created: json.must("/Created", json.time("/Created")),
        started: json.time("/State/StartedAt"),
        status: json.must("/State/Status", text("/State/Status")),
        // Between two attempts to start the engine says that both are true.
        running: both(json.flag("/State/Running"), json.flag_or("/State/Restarting", false))
            .map(|(running, restarting)| running && !restarting),
        restart_count: json.count("/RestartCount").or_default_value(0),
        runs_as_root: user.clone().map(|user| is_root(&user)),
        user,
        privileged: privileged.clone(),
        extra_capabilities: granted.clone().map(|granted| capabilities::beyond_default(&granted)),
        capabilities: granted,
        cap_add,
        cap_drop,
        on_default_bridge: both(network_mode.clone(), networks.clone()).map(|(mode, networks)| {
            matches!(mode.as_str(), "default" | "bridge") || networks.iter().any(|name| name == "bridge")
        }),
        network_mode: network_mode.or_default_value("default".to_owned()),
        networks,
        pid_mode: text("/HostConfig/PidMode"),
        ipc_mode: text("/HostConfig/IpcMode"),
        uts_mode: text("/HostConfig/UTSMode"),
        userns_mode: text("/HostConfig/UsernsMode"),
        cgroupns_mode: text("/HostConfig/CgroupnsMode"),
        cgroup_parent: text("/HostConfig/CgroupParent"),
        mounts: mounts::mounts(json),
        devices: devices(json),
        read_only_root: json.flag("/HostConfig/ReadonlyRootfs"),
        no_new_privileges: options.clone().and_then(|options| no_new_privileges(&options, defaults)),
        seccomp: both(options.clone(), privileged.clone())
            .and_then(|(options, privileged)| seccomp(&options, privileged, defaults)),
        apparmor: text("/AppArmorProfile"),
        selinux: options.clone().map(|options| values_of(&options, "label")),
        masked_paths: both(options, privileged).and_then(|(options, privileged)| {
            if privileged || options.iter().any(|option| option == "systempaths=unconfined") {
                return Fact::known(false);
            }
            // Engines before 19.03 always mask and do not write the list.
            json.get("/HostConfig/MaskedPaths", "a list", Value::as_array)
                .map(|paths| !paths.is_empty())
                .or_default_value(true)
        }),
        limits: Fact::known(limits(json)),
        applied: Fact::Absent,
        restart_policy: text("/HostConfig/RestartPolicy/Name").or_default_value("no".to_owned()),
        restart_retries: json.count("/HostConfig/RestartPolicy/MaximumRetryCount").or_default_value(0),
        health_check: health_check(json),
        health: text("/State/Health/Status")
            .and_then(|status| if status == "none" { Fact::Absent } else { Fact::known(status) }),
        ports: ports(json, name),
        publish_all: json.flag_or("/HostConfig/PublishAllPorts", false),
        environment: json
            .texts("/Config/Env")
            .map(|all| all.iter().map(|line| secrets::variable(line)).collect()),
        command_secrets: command.map(|(cmd, (entrypoint, args))| {
            secrets::secrets_in(entrypoint.iter().chain(&cmd).chain(&args).map(String::as_str))
        }),
        compose_project: text("/Config/Labels/com.docker.compose.project"),
        compose_service: text("/Config/Labels/com.docker.compose.service"),
        compose_digest: text("/Config/Labels/com.docker.compose.config-hash"),
        build_secrets: Fact::Absent,
        config_secrets: Fact::Absent,
        label_secrets: labels.clone().map(|labels| {
            let is_secret = |(name, value): &(String, String)| !secrets::secret_kind(name, value).is_empty();
            labels.into_iter().filter(is_secret).map(|(name, _)| name).collect()
        }),
        auto_remove: json.flag_or("/HostConfig/AutoRemove", false),
        label_names: labels.clone().map(|labels| labels.into_keys().collect()),
        labels: labels.map(public_labels),
        log: Fact::known(log_config(json, "/HostConfig/LogConfig/Type", "/HostConfig/LogConfig/Config")),
        oom_kill_disabled: json.flag_or("/HostConfig/OomKillDisable", false),
        oom_killed: json.flag_or("/State/OOMKilled", false),
        ulimits: ulimits(json),
        sysctls: json.text_map("/HostConfig/Sysctls"),
        processes: Fact::Absent,
        remote_shells: Fact::Absent,
        schedulers: Fact::Absent,
        init: json.flag_or("/HostConfig/Init", false),
        runtime: text("/HostConfig/Runtime"),
    }
}

/// Whether a `USER` line means root: `root`, `0`, `0:0`, `root:app`.
pub(super) fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or(user).trim();
    name == "root" || name.parse::<u32>() == Ok(0)
}

/// Labels whose values are made to be read.
pub(super) fn public_labels(labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    labels.into_iter().filter(|(name, _)| name.starts_with("org.opencontainers.")).collect()
}

/// Options are written `name=value` or, by old clients, `name:value`.
pub(super) fn values_of(options: &[String], name: &str) -> Vec<String> {
    let value = |option: &String| {
        let rest = option.strip_prefix(name)?;
        rest.strip_prefix(['=', ':']).map(str::to_owned)
    };
    options.iter().filter_map(value).collect()
}

/// Whether the options forbid to gain rights; none when they do not say. Of several the engine takes the last.
pub(super) fn forbids_new_privileges(options: &[String]) -> Option<bool> {
    options.iter().rev().find_map(|option| {
        let rest = option.strip_prefix("no-new-privileges")?;
        if rest.is_empty() {
            return Some(true);
        }
        rest.strip_prefix(['=', ':']).map(|value| matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"))
    })
}

fn no_new_privileges(options: &[String], defaults: &Defaults) -> Fact<bool> {
    forbids_new_privileges(options).map_or_else(|| defaults.no_new_privileges.clone(), Fact::known)
}

fn seccomp(options: &[String], privileged: bool, defaults: &Defaults) -> Fact<String> {
    if privileged {
        return Fact::known("unconfined".to_owned());
    }
    match values_of(options, "seccomp").last().map(String::as_str) {
        Some("unconfined") => Fact::known("unconfined".to_owned()),
        Some("builtin") => Fact::known("default".to_owned()),
        Some(_) => Fact::known("custom".to_owned()),
        None => defaults.seccomp.clone().map(|on| if on { "default" } else { "unconfined" }.to_owned()),
    }
}

fn limits(json: Json<'_>) -> Limits {
    let nano = json.amount("/HostConfig/NanoCpus");
    let quota = json.amount("/HostConfig/CpuQuota");
    let cpus = match nano {
        Fact::Absent => quota.and_then(|quota| {
            // 100 ms is the kernel's period when none is set.
            json.amount("/HostConfig/CpuPeriod").or_default_value(100_000).map(|period| ratio(quota, period))
        }),
        other => other.map(|nano| ratio(nano, 1_000_000_000)),
    };
    Limits {
        memory_bytes: match json.amount("/HostConfig/Memory") {
            Fact::Known(bytes, _) if bytes >= NO_MEMORY_LIMIT => Fact::Absent,
            other => other,
        },
        memory_reservation_bytes: json.amount("/HostConfig/MemoryReservation"),
        cpus,
        cpu_shares: json.amount("/HostConfig/CpuShares"),
        pids: json.amount("/HostConfig/PidsLimit"),
    }
}

/// `a / b` as a number of processors, to three digits.
pub(crate) fn ratio(a: u64, b: u64) -> f64 {
    let thousandths = a.saturating_mul(1000).checked_div(b).unwrap_or(0);
    f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1000.0
}

fn health_check(json: Json<'_>) -> Fact<HealthCheck> {
    json.texts("/Config/Healthcheck/Test").and_then(|test| {
        let kind = match test.first().map(String::as_str) {
            None | Some("NONE") => return Fact::Absent,
            Some("CMD-SHELL") => "shell",
            Some(_) => "program",
        };
        let nanoseconds = json.count("/Config/Healthcheck/Interval").or_default_value(0);
        both(nanoseconds, json.count("/Config/Healthcheck/Retries").or_default_value(0)).map(
            |(nanoseconds, retries)| HealthCheck {
                kind: kind.to_owned(),
                interval_seconds: ratio(nanoseconds, 1_000_000_000),
                retries,
            },
        )
    })
}

/// What is bound now; for a container that does not run, what will be.
fn ports(json: Json<'_>, container: &str) -> Fact<Vec<PublishedPort>> {
    let bound = json.entries("/NetworkSettings/Ports");
    let asked = json.entries("/HostConfig/PortBindings");
    both(bound, asked).and_then(|(bound, asked)| {
        let live = bound.values().any(|value| value.as_array().is_some_and(|list| !list.is_empty()));
        let mut ports = Vec::new();
        for (port, bindings) in if live { bound } else { asked } {
            let (number, protocol) = port.split_once('/').unwrap_or((port.as_str(), "tcp"));
            let Ok(container_port) = number.parse::<u16>() else {
                return Fact::unreadable(format!("{}: {port} is no port", json.place()));
            };
            let Some(bindings) = bindings.as_array() else { continue };
            for binding in bindings {
                let says = |key| binding.get(key).and_then(Value::as_str).unwrap_or_default();
                let host_port = says("HostPort").split('-').next().and_then(|port| port.parse::<u16>().ok());
                let host_port = Fact::from_option(host_port.filter(|&port| port != 0));
                let host_ip = if says("HostIp").is_empty() { "0.0.0.0" } else { says("HostIp") };
                let shown = host_port.value().map_or_else(|| "any".to_owned(), u16::to_string);
                ports.push(PublishedPort {
                    name: format!("{shown}/{protocol}"),
                    container: container.to_owned(),
                    container_port,
                    protocol: clip(protocol),
                    host_ip: clip(host_ip),
                    host_port,
                    is_loopback: host_ip
                        .parse::<std::net::IpAddr>()
                        .is_ok_and(|address| address.to_canonical().is_loopback()),
                    source: json.place().to_owned(),
                });
            }
        }
        Fact::known(ports)
    })
}

fn devices(json: Json<'_>) -> Fact<Vec<Device>> {
    json.items("/HostConfig/Devices").map(|items| {
        items
            .into_iter()
            .map(|item| {
                let says = |key| item.get(key).and_then(Value::as_str).map(clip).unwrap_or_default();
                Device {
                    host_path: says("PathOnHost"),
                    container_path: says("PathInContainer"),
                    permissions: says("CgroupPermissions"),
                    source: json.place().to_owned(),
                }
            })
            .collect()
    })
}

fn ulimits(json: Json<'_>) -> Fact<Vec<Ulimit>> {
    json.items("/HostConfig/Ulimits").map(|items| {
        items
            .into_iter()
            .map(|item| {
                let number = |key| item.get(key).and_then(Value::as_i64).unwrap_or(-1);
                Ulimit {
                    name: item.get("Name").and_then(Value::as_str).map(clip).unwrap_or_default(),
                    soft: number("Soft"),
                    hard: number("Hard"),
                }
            })
            .collect()
    })
}

/// Driver and options of a log, at two places of a document.
pub(super) fn log_config(json: Json<'_>, driver: &str, options: &str) -> LogConfig {
    let driver = json.must(driver, json.text(driver));
    let option = |name: &str| json.text(&format!("{options}/{name}"));
    let max_size = option("max-size");
    LogConfig {
        is_bounded: both(driver.clone(), max_size.clone().or_default_value(String::new()))
            .map(|(driver, size)| is_bounded(&driver, &size)),
        driver,
        max_size,
        max_file: option("max-file"),
        mode: option("mode").or_default_value("blocking".to_owned()),
        option_names: json.entries(options).map(|map| map.into_keys().collect()),
    }
}

/// Whether a log can't fill the disk: `json-file` grows for ever unless told otherwise, `local` rotates by itself, the
/// others hand lines to a service.
pub(super) fn is_bounded(driver: &str, max_size: &str) -> bool {
    driver != "json-file" || !matches!(max_size, "" | "-1" | "0")
}
