//! The engine's effective settings: what it says of itself while it runs, else flags and daemon.json, else defaults.

use std::collections::BTreeMap;

use host::Door;
use model::Fact;
use model::facts::docker::{Engine, Listener, LogConfig, Proxy, Ulimit};
use serde_json::Value;

use super::find::{self, DEFAULT_SOCKET, Found};
use super::json::{Json, clip};
use super::settings::Settings;
use super::{container, files, storage};

const DEFAULT_ROOT: &str = "/var/lib/docker";
/// The engine always lists loopback, which never leaves the host.
const LOOPBACK_RANGES: &[&str] = &["127.0.0.0/8", "::1/128"];

/// Everything but what depends on containers. `running` is whether the engine answered or has a process.
pub(super) fn engine(
    door: &Door,
    found: &Found,
    info: Json<'_>,
    version: Json<'_>,
    running: Fact<bool>,
) -> Engine {
    let settings = &found.settings;
    let security = info
        .must("/SecurityOptions", info.get("/SecurityOptions", "a list", Value::as_array))
        .and_then(|_| info.texts("/SecurityOptions"));
    let option = |name: &str| {
        security
            .clone()
            .map(|all| all.iter().any(|line| line.split(',').any(|part| part == format!("name={name}"))))
    };
    let tls_verify = settings.switch_or("tlsverify", false);
    let root_dir = live_or(info.text("/DockerRootDir"), || {
        match settings.text("data-root") {
            Fact::Absent => settings.text("graph"),
            other => other,
        }
        .or_default_value(DEFAULT_ROOT.to_owned())
    });
    let disk = storage::disk(door, &root_dir);
    Engine {
        program: Fact::from_option(found.program.clone()),
        running,
        enabled: find::enabled(door),
        pid: Fact::from_option(found.pid),
        version: version.text("/Version"),
        api_version: version.text("/ApiVersion"),
        compose: find::compose(door),
        warnings: info.texts("/Warnings"),
        config_file: Fact::known(settings.config_file.clone()),
        flags: found.flags.clone(),
        socket: Fact::known(found.socket.clone()),
        hosts: hosts(settings),
        tls: tls_verify
            .clone()
            .and_then(|verify| if verify { tls_verify.clone() } else { settings.switch_or("tls", false) }),
        tls_verify,
        authorization_plugins: live_or(info.texts("/Plugins/Authorization"), || {
            settings.texts("authorization-plugins")
        }),
        group_members: files::group_members(
            door,
            &settings.text("group").value().cloned().unwrap_or_else(|| "docker".to_owned()),
        ),
        files: files::files(door, found),
        cgroup_version: info.text("/CgroupVersion").and_then(|version| match version.parse() {
            Ok(version) => Fact::known(version),
            Err(_) => Fact::unreadable(format!("the engine names cgroup version {version}")),
        }),
        cgroup_driver: info.text("/CgroupDriver"),
        storage_driver: live_or(info.text("/Driver"), || settings.text("storage-driver")),
        seccomp: security.clone().map(|all| {
            all.iter().any(|line| line.starts_with("name=seccomp") && !line.contains("profile=unconfined"))
        }),
        seccomp_profile: live_or(
            security.clone().and_then(|all| {
                let profile = all
                    .iter()
                    .find_map(|line| line.strip_prefix("name=seccomp"))
                    .map(|rest| rest.strip_prefix(",profile=").unwrap_or("default").to_owned());
                Fact::from_option(profile)
            }),
            || settings.text("seccomp-profile"),
        ),
        apparmor: option("apparmor"),
        selinux: live_or(option("selinux"), || settings.switch_or("selinux-enabled", false)),
        user_namespaces: match (option("userns"), option("rootless")) {
            (Fact::Known(remapped, source), Fact::Known(rootless, _)) => {
                Fact::Known(remapped || rootless, source)
            }
            _ => match settings.text("userns-remap") {
                Fact::Absent => Fact::known(false),
                other => other.map(|user| !user.is_empty()),
            },
        },
        rootless: option("rootless"),
        live_restore: live_or(info.flag("/LiveRestoreEnabled"), || settings.switch_or("live-restore", false)),
        no_new_privileges: settings.switch_or("no-new-privileges", false),
        icc: settings.switch_or("icc", true),
        userland_proxy: settings.switch_or("userland-proxy", true),
        iptables: settings.switch_or("iptables", true),
        experimental: live_or(info.flag("/ExperimentalBuild"), || settings.switch_or("experimental", false)),
        log_level: settings.text("log-level").or_default_value("info".to_owned()),
        log: log(settings, info),
        default_ulimits: ulimits(settings),
        swarm: info.text("/Swarm/LocalNodeState").map(|state| state != "inactive").or_default_value(false),
        insecure_registries: insecure_registries(settings, info),
        registry_mirrors: live_or(info.texts("/RegistryConfig/Mirrors"), || settings.texts("registry-mirrors")),
        content_trust: files::content_trust(door),
        proxies: proxies(settings, info),
        root_dir,
        root_dir_own_partition: disk.own_partition,
        root_dir_encrypted: disk.encrypted,
        root_dir_free_percent: disk.free_percent,
        host_cpus: info.amount("/NCPU"),
        host_memory_bytes: info.amount("/MemTotal"),
        memory_limits_sum_bytes: Fact::default(),
        running_containers: Fact::default(),
    }
}

/// What the running engine says, else what flags and files say.
fn live_or<T>(live: Fact<T>, configured: impl FnOnce() -> Fact<T>) -> Fact<T> {
    match live {
        Fact::Known(value, None) => Fact::read_at(value, "docker info"),
        Fact::Known(value, source) => Fact::Known(value, source),
        Fact::Absent | Fact::Unreadable(_) => configured(),
    }
}

fn hosts(settings: &Settings) -> Fact<Vec<Listener>> {
    settings.list("hosts").map(|hosts| {
        let mut listeners: Vec<Listener> = hosts
            .into_iter()
            .map(|(address, place)| {
                let (kind, address) = match address.split_once("://") {
                    Some((kind, _)) => (kind.to_owned(), address),
                    // A bare `0.0.0.0:2375` or `:2375` is TCP, a bare path is not accepted.
                    None => ("tcp".to_owned(), format!("tcp://{address}")),
                };
                Listener { address: clip(&address), kind, source: place.at }
            })
            .collect();
        if listeners.is_empty() {
            listeners.push(Listener {
                address: format!("unix://{DEFAULT_SOCKET}"),
                kind: "unix".to_owned(),
                source: "default of dockerd".to_owned(),
            });
        }
        listeners
    })
}

fn log(settings: &Settings, info: Json<'_>) -> Fact<LogConfig> {
    let driver = live_or(info.text("/LoggingDriver"), || {
        settings.text("log-driver").or_default_value("json-file".to_owned())
    });
    settings.map("log-opts").map(|options| {
        let option = |name: &str| Fact::from_option(options.get(name).and_then(Value::as_str).map(clip));
        let size: Fact<String> = option("max-size");
        LogConfig {
            is_bounded: driver
                .clone()
                .map(|driver| container::is_bounded(&driver, size.value().map_or("", String::as_str))),
            driver,
            max_file: option("max-file"),
            mode: option("mode").or_default_value("blocking".to_owned()),
            max_size: size,
            option_names: Fact::known(options.keys().map(|name| clip(name)).collect()),
        }
    })
}

fn ulimits(settings: &Settings) -> Fact<BTreeMap<String, Ulimit>> {
    settings.map("default-ulimits").map(|all| {
        all.into_iter()
            .map(|(name, value)| {
                let number = |text: &str| text.parse().unwrap_or(-1);
                let (soft, hard) = match &value {
                    Value::String(text) => {
                        let (soft, hard) = text.split_once(':').unwrap_or((text.as_str(), text.as_str()));
                        (number(soft), number(hard))
                    }
                    other => {
                        let says = |key| other.get(key).and_then(Value::as_i64).unwrap_or(-1);
                        (says("Soft"), says("Hard"))
                    }
                };
                (name.clone(), Ulimit { name, soft, hard })
            })
            .collect()
    })
}

fn insecure_registries(settings: &Settings, info: Json<'_>) -> Fact<Vec<String>> {
    let live = info.entries("/RegistryConfig/IndexConfigs").and_then(|indexes| {
        info.must("/RegistryConfig", info.get("/RegistryConfig", "a map", Value::as_object)).and_then(|_| {
            info.texts("/RegistryConfig/InsecureRegistryCIDRs").map(|ranges| {
                let named =
                    indexes.into_iter().filter(|(_, index)| index.get("Secure") != Some(&Value::Bool(true)));
                named
                    .map(|(name, _)| name)
                    .chain(ranges.into_iter().filter(|range| !LOOPBACK_RANGES.contains(&range.as_str())))
                    .collect::<Vec<_>>()
            })
        })
    });
    live_or(live, || settings.texts("insecure-registries"))
}

fn proxies(settings: &Settings, info: Json<'_>) -> Fact<Vec<Proxy>> {
    let live =
        |name: &str, pointer: &str| info.text(pointer).map(|address| proxy(name, &address, "docker info"));
    let all = [live("http", "/HttpProxy"), live("https", "/HttpsProxy"), live("no", "/NoProxy")];
    if all.iter().any(Fact::is_unreadable) {
        return settings.map("proxies").map(|map| {
            map.iter()
                .filter_map(|(name, address)| {
                    let address = address.as_str().filter(|address| !address.is_empty())?;
                    Some(proxy(name.trim_end_matches("-proxy"), address, &settings.config_file))
                })
                .collect()
        });
    }
    Fact::known(all.into_iter().filter_map(|fact| fact.value().cloned()).collect())
}

fn proxy(name: &str, address: &str, place: &str) -> Proxy {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let (credentials, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    let separator = if scheme.is_empty() { "" } else { "://" };
    Proxy {
        name: name.to_owned(),
        address: clip(&format!("{scheme}{separator}{host}")),
        has_credentials: !credentials.is_empty(),
        source: place.to_owned(),
    }
}
