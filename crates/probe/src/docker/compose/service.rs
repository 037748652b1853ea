//! A service of a compose project as the container that it describes.

use std::borrow::Cow;

use host::Door;
use model::Fact;
use model::facts::docker::{
    Container, Device, HealthCheck, Limits, LogConfig, PublishedPort, Ulimit, Variable,
};

use super::load::Project;
use super::merge::as_map;
use super::values::{at, bytes, parsed, processors, seconds, switch, text, texts, words};
use super::variables;
use super::{configs, ports, volumes};
use crate::docker::capabilities;
use crate::docker::container::{forbids_new_privileges, is_bounded, is_root, public_labels, values_of};
use crate::docker::dockerfile::Build;
use crate::docker::json::{both, clip};
use crate::docker::secrets;
use crate::fact::reason;
use crate::yaml::{Node, Place, Text};

/// What a container is whose file is all that is known of it.
const DESCRIBED: &str = "described";
/// What stands behind `network_mode` and its like for the namespace of another service.
const OF_SERVICE: &str = "service:";

/// One service.
pub(super) struct Service<'a> {
    pub(super) door: &'a Door,
    pub(super) project: &'a Project,
    pub(super) name: &'a str,
    /// Where its name stands.
    pub(super) place: &'a Place,
    pub(super) node: &'a Node,
}

impl Service<'_> {
    /// What it says under a key.
    fn get(&self, key: &str) -> Option<&Node> {
        self.node.get(key)
    }

    fn text(&self, key: &str) -> Fact<String> {
        self.places_of(self.get(key).map_or(Fact::Absent, text), &[key])
    }

    /// A switch that is off when nothing is said.
    fn switch(&self, key: &str) -> Fact<bool> {
        self.places_of(self.get(key).map_or(Fact::known(false), switch), &[key])
    }

    /// A list that is empty when nothing is said.
    fn texts(&self, key: &str) -> Fact<Vec<String>> {
        self.places_of(self.get(key).map_or_else(|| Fact::known(Vec::new()), texts), &[key])
    }

    /// What is said at a path below it.
    fn below(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self.node, |node, key| node.get(key))
    }

    /// The container that compose would make of it.
    pub(super) fn container(&self) -> Container {
        let options = self.texts("security_opt");
        let privileged = self.switch("privileged");
        let cap_add = self.texts("cap_add").map(capabilities::normalised);
        let cap_drop = self.texts("cap_drop").map(capabilities::normalised);
        let granted = both(privileged.clone(), both(cap_add.clone(), cap_drop.clone()))
            .map(|(privileged, (add, drop))| capabilities::granted(privileged, &add, &drop));
        // An empty one leaves it to the image too.
        let user = self
            .text("user")
            .and_then(|user| if user.trim().is_empty() { Fact::Absent } else { Fact::known(user) });
        let name = self.text("container_name").value().cloned().unwrap_or_else(|| self.name.to_owned());
        let network_mode = self.network_mode();
        let labels = self.get("labels").map(|node| as_map(node.clone(), '='));
        let published =
            self.get("ports").map_or_else(|| Fact::known(Vec::new()), |node| ports::ports(node, &name));
        let published = self.places_of(published, &["ports"]);
        let place = self.place.to_string();
        let image = self.text("image");
        let no_state = || Fact::unreadable("only the image that it is made from tells");
        Container {
            id: String::new(),
            source: place,
            image_id: Fact::Absent,
            image_digests: image.clone().and_then(|image| match image.split_once('@') {
                Some(_) => Fact::known(vec![image]),
                None => Fact::unreadable("the file names a tag; which digest that is, a registry decides"),
            }),
            image,
            created: Fact::Absent,
            started: Fact::Absent,
            status: Fact::known(DESCRIBED.to_owned()),
            running: Fact::known(false),
            restart_count: Fact::Absent,
            runs_as_root: match &user {
                Fact::Absent => no_state(),
                user => user.clone().map(|user| is_root(&user)),
            },
            user,
            extra_capabilities: self.places_of(
                granted.clone().map(|granted| capabilities::beyond_default(&granted)),
                &["cap_add", "privileged"],
            ),
            capabilities: granted,
            cap_add,
            cap_drop,
            on_default_bridge: network_mode.clone().map(|mode| matches!(mode.as_str(), "bridge" | "default")),
            networks: self.networks(),
            network_mode,
            pid_mode: self.text("pid"),
            ipc_mode: self.text("ipc"),
            uts_mode: self.text("uts"),
            userns_mode: self.text("userns_mode"),
            cgroupns_mode: self.text("cgroup"),
            cgroup_parent: self.text("cgroup_parent"),
            mounts: volumes::mounts(self.project, self.node, self.place),
            devices: self.places_of(self.devices(), &["devices"]),
            read_only_root: self.switch("read_only"),
            no_new_privileges: self.option_at(
                options.clone().map(|options| forbids_new_privileges(&options).unwrap_or(false)),
                "no-new-privileges",
            ),
            seccomp: self.seccomp(&options, &privileged),
            apparmor: self.option_at(
                options.clone().and_then(|options| Fact::from_option(values_of(&options, "apparmor").pop())),
                "apparmor",
            ),
            selinux: self.option_at(options.clone().map(|options| values_of(&options, "label")), "label"),
            masked_paths: self.option_at(
                both(options, privileged.clone()).map(|(options, privileged)| {
                    !privileged && !values_of(&options, "systempaths").iter().any(|value| value == "unconfined")
                }),
                "systempaths",
            ),
            privileged,
            limits: Fact::known(self.limits()),
            applied: Fact::Absent,
            restart_policy: self.restart_policy(),
            restart_retries: Fact::Absent,
            health_check: self.health_check(),
            health: Fact::Absent,
            ports: published,
            publish_all: at(false, self.place),
            environment: self.environment(),
            command_secrets: self.command_secrets(),
            build_secrets: self.build_secrets(),
            config_secrets: configs::credentials(self.project, self.node, self.place),
            label_secrets: labels
                .as_ref()
                .map_or_else(|| at(Vec::new(), self.place), |node| at(secret_names(node), &node.at)),
            compose_project: Fact::known(self.project.name.clone()),
            compose_service: Fact::known(self.name.to_owned()),
            compose_digest: Fact::Absent,
            auto_remove: Fact::Absent,
            label_names: Fact::known(
                labels.iter().flat_map(Node::entries).map(|entry| clip(&entry.name)).collect(),
            ),
            labels: Fact::known(public_labels(
                labels
                    .iter()
                    .flat_map(Node::entries)
                    .filter_map(|entry| Some((entry.name.clone(), clip(&entry.node.text()?.text))))
                    .collect(),
            )),
            log: Fact::known(self.log()),
            oom_kill_disabled: self.switch("oom_kill_disable"),
            oom_killed: Fact::Absent,
            ulimits: self.ulimits(),
            sysctls: Fact::known(
                self.get("sysctls")
                    .map(|node| as_map(node.clone(), '='))
                    .iter()
                    .flat_map(Node::entries)
                    .filter_map(|entry| Some((entry.name.clone(), clip(&entry.node.text()?.text))))
                    .collect(),
            ),
            processes: Fact::Absent,
            remote_shells: Fact::Absent,
            schedulers: Fact::Absent,
            init: self.switch("init"),
            runtime: self.text("runtime"),
            name,
        }
    }

    /// The ports that it publishes as `container`, one by one.
    pub(super) fn ports(&self, container: &str) -> Vec<Fact<PublishedPort>> {
        self.get("ports").map_or_else(Vec::new, |node| ports::each(node, container))
    }

    /// The fact, read where the first of these keys stands.
    fn places_of<T>(&self, fact: Fact<T>, keys: &[&str]) -> Fact<T> {
        let place = keys.iter().find_map(|key| self.node.entry(key)).map_or(self.place, |entry| &entry.at);
        match fact {
            Fact::Known(value, _) => at(value, place),
            other => other,
        }
    }

    /// The fact, read where the security option of that name stands.
    fn option_at<T>(&self, fact: Fact<T>, name: &str) -> Fact<T> {
        let items = self.get("security_opt").map(Node::items).unwrap_or_default();
        let item = items.iter().rfind(|item| item.text().is_some_and(|text| text.text.starts_with(name)));
        match (fact, item) {
            (Fact::Known(value, _), Some(item)) => at(value, &item.at),
            (fact, _) => fact,
        }
    }

    /// The network, that of another service when it shares it.
    fn network_mode(&self) -> Fact<String> {
        let own = self.text("network_mode");
        let shared = own.value().and_then(|mode| mode.strip_prefix(OF_SERVICE)).map(str::to_owned);
        let other = shared.and_then(|name| {
            let services = self.project.section("services");
            services.iter().find(|entry| entry.name == name)?.node.get("network_mode").map(text)
        });
        match (own, other) {
            (Fact::Known(_, source), Some(Fact::Known(mode, _))) => Fact::Known(mode, source),
            (Fact::Absent, _) => at(format!("{}_default", self.project.name), self.place),
            (own, _) => own,
        }
    }

    fn networks(&self) -> Fact<Vec<String>> {
        let Some(node) = self.get("networks") else {
            let none = self.get("network_mode").is_some();
            return Fact::known(if none { Vec::new() } else { vec!["default".to_owned()] });
        };
        let node = as_map(node.clone(), '\0');
        at(node.entries().iter().map(|entry| entry.name.clone()).collect(), &node.at)
    }

    fn seccomp(&self, options: &Fact<Vec<String>>, privileged: &Fact<bool>) -> Fact<String> {
        if privileged.value() == Some(&true) {
            return privileged.clone().map(|_| "unconfined".to_owned());
        }
        let seccomp =
            options.clone().map(|options| match values_of(&options, "seccomp").last().map(String::as_str) {
                None | Some("builtin") => "default".to_owned(),
                Some("unconfined") => "unconfined".to_owned(),
                Some(_) => "custom".to_owned(),
            });
        self.option_at(seccomp, "seccomp")
    }

    fn devices(&self) -> Fact<Vec<Device>> {
        let Some(node) = self.get("devices") else { return at(Vec::new(), self.place) };
        let mut devices = Vec::new();
        for item in node.items() {
            let said = match item.get("source").map_or_else(|| text(item), text) {
                Fact::Known(said, _) => said,
                Fact::Absent => continue,
                Fact::Unreadable(why) => return Fact::unreadable(why),
            };
            let mut parts = said.split(':');
            let host_path = parts.next().unwrap_or_default().to_owned();
            devices.push(Device {
                container_path: parts.next().unwrap_or(&host_path).to_owned(),
                permissions: parts.next().unwrap_or("rwm").to_owned(),
                host_path,
                source: item.at.to_string(),
            });
        }
        at(devices, &node.at)
    }

    fn limits(&self) -> Limits {
        let first = |paths: [&[&str]; 2]| paths.into_iter().find_map(|path| self.below(path));
        let size = |paths| {
            first(paths).map_or(Fact::Absent, |node| parsed(node, "a size", bytes)).and_then(
                |size| match size {
                    0 => Fact::Absent,
                    size => Fact::known(size),
                },
            )
        };
        let quota = self.get("cpu_quota").map_or(Fact::Absent, |node| parsed(node, "a quota", processors));
        let period =
            self.get("cpu_period").map_or(Fact::known(100_000.0), |node| parsed(node, "a period", processors));
        let cpus = first([&["deploy", "resources", "limits", "cpus"], &["cpus"]]);
        let cpus = match cpus {
            Some(node) => parsed(node, "a number of processors", processors),
            None => both(quota, period).map(|(quota, period)| quota / period),
        };
        let pids = first([&["deploy", "resources", "limits", "pids"], &["pids_limit"]]);
        Limits {
            memory_bytes: size([&["deploy", "resources", "limits", "memory"], &["mem_limit"]]),
            memory_reservation_bytes: size([
                &["deploy", "resources", "reservations", "memory"],
                &["mem_reservation"],
            ]),
            cpus: cpus.and_then(|cpus| if cpus.is_normal() { Fact::known(cpus) } else { Fact::Absent }),
            cpu_shares: self
                .get("cpu_shares")
                .map_or(Fact::Absent, |node| parsed(node, "a number", |text| text.parse().ok())),
            pids: pids
                .map_or(Fact::Absent, |node| parsed(node, "a number", |text| text.parse::<i64>().ok()))
                .and_then(|pids| Fact::from_option(u64::try_from(pids).ok().filter(|&pids| pids > 0))),
        }
    }

    fn restart_policy(&self) -> Fact<String> {
        if let Some(node) = self.get("restart") {
            return text(node).map(|policy| policy.split(':').next().unwrap_or_default().to_owned());
        }
        match self.below(&["deploy", "restart_policy", "condition"]) {
            Some(node) => text(node).map(|condition| match condition.as_str() {
                "any" => "always".to_owned(),
                "none" => "no".to_owned(),
                _ => condition,
            }),
            None if self.below(&["deploy", "restart_policy"]).is_some() => Fact::known("always".to_owned()),
            None => at("no".to_owned(), self.place),
        }
    }

    fn health_check(&self) -> Fact<HealthCheck> {
        let Some(node) = self.get("healthcheck") else { return Fact::Absent };
        let off = match node.get("disable").map_or(Fact::known(false), switch) {
            Fact::Unreadable(why) => return Fact::unreadable(why),
            off => off.value() == Some(&true),
        };
        let test = node.get("test");
        let first = test.and_then(|test| words(test).first().map(|text| text.text.clone()));
        let kind = match first.as_deref() {
            Some("NONE") => return Fact::Absent,
            _ if off => return Fact::Absent,
            None => return Fact::Absent,
            Some("CMD") => "program",
            Some(_) => "shell",
        };
        let interval = node.get("interval").map_or(Fact::known(0.0), |node| parsed(node, "a time", seconds));
        let retries = node
            .get("retries")
            .map_or(Fact::known(0), |node| parsed(node, "a number", |text| text.parse::<u64>().ok()));
        let check = both(interval, retries).map(|(interval_seconds, retries)| HealthCheck {
            kind: kind.to_owned(),
            interval_seconds,
            retries,
        });
        match check {
            Fact::Known(check, _) => at(check, &node.at),
            other => other,
        }
    }

    /// Whether it leaves to its image how its health is checked.
    pub(super) fn leaves_health_check(&self) -> bool {
        let Some(node) = self.get("healthcheck") else { return true };
        let off = node.get("disable").map(switch).is_some_and(|off| off.value() != Some(&false));
        let first = node.get("test").and_then(|test| words(test).first().copied());
        !off && first.is_none_or(|word| word.text != "NONE")
    }

    fn log(&self) -> LogConfig {
        let option = |name: &str| self.below(&["logging", "options", name]).map_or(Fact::Absent, text);
        let driver = self.below(&["logging", "driver"]).map_or(Fact::Absent, text);
        let max_size = option("max-size");
        let named = self.node.entry("logging").map_or(self.place, |entry| &entry.at);
        LogConfig {
            is_bounded: both(
                driver.clone().or_default_value("json-file".to_owned()),
                max_size.clone().or_default_value(String::new()),
            )
            .and_then(|(driver, size)| at(is_bounded(&driver, &size), named)),
            driver,
            max_size,
            max_file: option("max-file"),
            mode: match option("mode") {
                Fact::Absent => at("blocking".to_owned(), named),
                mode => mode,
            },
            option_names: Fact::known(
                self.below(&["logging", "options"])
                    .map(Node::entries)
                    .unwrap_or_default()
                    .iter()
                    .map(|entry| clip(&entry.name))
                    .collect(),
            ),
        }
    }

    fn ulimits(&self) -> Fact<Vec<Ulimit>> {
        let Some(node) = self.get("ulimits") else { return at(Vec::new(), self.place) };
        let number = |node: Option<&Node>| {
            node.and_then(Node::text).and_then(|text| text.text.parse().ok()).unwrap_or(-1)
        };
        let ulimits = node.entries().iter().map(|entry| {
            let (soft, hard) = match entry.node.text() {
                Some(_) => (number(Some(&entry.node)), number(Some(&entry.node))),
                None => (number(entry.node.get("soft")), number(entry.node.get("hard"))),
            };
            Ulimit { name: clip(&entry.name), soft, hard }
        });
        at(ulimits.collect(), &node.at)
    }

    /// The variables that the container gets: those of `env_file`, and over them those of `environment`.
    fn environment(&self) -> Fact<Vec<Variable>> {
        let mut all: Vec<Variable> = Vec::new();
        let mut unread = None;
        for (path, node, required) in self.env_files() {
            let lines = match path.as_deref().map(|path| self.door.read_text(path)) {
                Some(Ok(text)) => variables::lines(&text, &self.project.variables),
                Some(Err(error)) if error.is_not_found() && !required => continue,
                Some(Err(error)) => {
                    unread = Some(format!("{}: {}", node.at, reason(&error, self.door)));
                    continue;
                }
                None => {
                    unread = Some(format!("{}: this path cannot be read here", node.at));
                    continue;
                }
            };
            let path = path.unwrap_or_default();
            for line in lines {
                let place = format!("{path}:{}", line.number);
                put(&mut all, variable(&line.name, line.value.as_deref(), place));
            }
        }
        let environment = self.get("environment").map(|node| as_map(node.clone(), '='));
        for entry in environment.iter().flat_map(Node::entries) {
            let value = entry.node.text().filter(|_| !entry.node.is_null()).map(as_given);
            put(&mut all, variable(&entry.name, value.as_deref(), entry.at.to_string()));
        }
        match unread {
            // One secret decides, whatever stands in the file that could not be read.
            Some(why) if !all.iter().any(|variable| variable.is_secret) => Fact::unreadable(why),
            _ => {
                let entry = self.node.entry("environment").or_else(|| self.node.entry("env_file"));
                at(all, entry.map_or(self.place, |entry| &entry.at))
            }
        }
    }

    /// The files that `env_file` names: absolute path, where that stands, and whether it must be there.
    pub(super) fn env_files(&self) -> Vec<(Option<String>, &Node, bool)> {
        let Some(node) = self.get("env_file") else { return Vec::new() };
        let items = if node.items().is_empty() { std::slice::from_ref(node) } else { node.items() };
        items
            .iter()
            .map(|item| {
                let path = item.get("path").unwrap_or(item);
                let required = item.get("required").map(switch).is_none_or(|must| must.value() != Some(&false));
                let text = path.text().filter(|text| text.unknown.is_empty());
                (text.and_then(|text| self.project.absolute(&path.at, &text.text)), path, required)
            })
            .collect()
    }

    fn command_secrets(&self) -> Fact<Vec<String>> {
        let mut found = Vec::new();
        let mut place = None;
        let test = self.below(&["healthcheck", "test"]);
        for node in ["entrypoint", "command"].iter().filter_map(|key| self.get(key)).chain(test) {
            let words: Vec<_> = words(node).into_iter().map(as_given).collect();
            let names = secrets::secrets_in(words.iter().map(AsRef::as_ref));
            if !names.is_empty() {
                place = place.or(Some(&node.at));
            }
            found.extend(names);
        }
        at(found, place.unwrap_or(self.place))
    }

    fn build_secrets(&self) -> Fact<Vec<String>> {
        match self.below(&["build", "args"]) {
            Some(node) => {
                let node = as_map(node.clone(), '=');
                let names = secret_names(&node);
                let first = names.first().and_then(|name| node.entry(name)).map_or(&node.at, |entry| &entry.at);
                at(names, first)
            }
            None => at(Vec::new(), self.place),
        }
    }

    /// How it is built, and where that stands; none when it is not built, or not from this machine's files.
    pub(super) fn dockerfile(&self) -> Option<(Build, Place)> {
        let build = self.get("build")?;
        if build.get("dockerfile_inline").is_some() {
            return None;
        }
        let context = build.get("context").unwrap_or(build);
        let context = match context.text() {
            Some(text) if text.unknown.is_empty() => self.project.absolute(&context.at, &text.text)?,
            Some(_) => return None,
            None => self.project.absolute(&build.at, ".")?,
        };
        let file = match build.get("dockerfile").and_then(Node::text) {
            Some(text) if text.unknown.is_empty() => text.text.as_str(),
            Some(_) => return None,
            None => "Dockerfile",
        };
        let path = super::load::absolute(&context, file)?;
        let target = build.get("target").and_then(Node::text).map(|text| text.text.clone()).unwrap_or_default();
        let args = build.get("args").map(|node| as_map(node.clone(), '='));
        let args = args.iter().flat_map(Node::entries).map(|entry| {
            let value = entry.node.text().filter(|text| text.unknown.is_empty() && !entry.node.is_null());
            (entry.name.clone(), value.map(|text| text.text.clone()))
        });
        let args = args.collect();
        Some((Build { path, context, target, args }, build.at.clone()))
    }
}

/// The text with what only the shell knows as a value in it, and not as the reference that a program would follow.
fn as_given(text: &Text) -> Cow<'_, str> {
    if text.unknown.is_empty() {
        return Cow::Borrowed(&text.text);
    }
    let parts: Vec<String> = text.text.split("$$").map(|part| part.replace('$', "")).collect();
    Cow::Owned(parts.join("$"))
}

/// A variable of the container; without a value the shell gives it one.
fn variable(name: &str, value: Option<&str>, source: String) -> Variable {
    // What the shell gives is not known, but under such a name it is a secret, or nothing.
    let reason = secrets::secret_kind(name, value.unwrap_or("given by the shell"));
    Variable { name: clip(name), is_secret: !reason.is_empty(), reason: reason.to_owned(), source }
}

/// A later variable of the same name wins.
fn put(all: &mut Vec<Variable>, variable: Variable) {
    match all.iter_mut().find(|known| known.name == variable.name) {
        Some(known) => *known = variable,
        None => all.push(variable),
    }
}

/// Names of the members of a map whose values are secrets.
fn secret_names(node: &Node) -> Vec<String> {
    let is_secret = |name: &str, node: &Node| {
        let value = node.text().filter(|_| !node.is_null()).map(as_given);
        !secrets::secret_kind(name, value.as_deref().unwrap_or("given by the shell")).is_empty()
    };
    node.entries()
        .iter()
        .filter(|entry| is_secret(&entry.name, &entry.node))
        .map(|entry| clip(&entry.name))
        .collect()
}
