//! What the engine's flags and daemon.json set, with the place of each.

use std::collections::BTreeMap;

use host::Door;
use model::{Fact, Place, Source};
use serde_json::Value;

use crate::fact::{IntoFact, reason};

/// Where the engine looks unless told otherwise.
const CONFIG_FILE: &str = "/etc/docker/daemon.json";
/// Flags that take no value. Everything else takes one.
const SWITCHES: &[&str] = &[
    "debug",
    "experimental",
    "icc",
    "init",
    "ip-forward",
    "ip-masq",
    "iptables",
    "ip6tables",
    "ipv6",
    "live-restore",
    "no-new-privileges",
    "raw-logs",
    "rootless",
    "selinux-enabled",
    "tls",
    "tlsverify",
    "userland-proxy",
    "validate",
];
/// Flags whose name in daemon.json differs: they may be given more than once.
const PLURALS: &[(&str, &str)] = &[
    ("authorization-plugin", "authorization-plugins"),
    ("default-ulimit", "default-ulimits"),
    ("exec-opt", "exec-opts"),
    ("host", "hosts"),
    ("insecure-registry", "insecure-registries"),
    ("label", "labels"),
    ("log-opt", "log-opts"),
    ("registry-mirror", "registry-mirrors"),
    ("storage-opt", "storage-opts"),
];
/// Short flags.
const SHORT: &[(&str, &str)] =
    &[("-H", "host"), ("-D", "debug"), ("-l", "log-level"), ("-G", "group"), ("-s", "storage-driver")];

/// One value and where it was set.
#[derive(Clone, Debug, PartialEq)]
struct Setting {
    value: Value,
    place: Place,
}

/// All settings by their name in daemon.json, flags first. The engine refuses to start when both set the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    by_name: BTreeMap<String, Vec<Setting>>,
    /// Why flags or file could not be read: a setting that is not found may stand there.
    hidden: Option<String>,
    /// Where daemon.json is, or would be.
    pub(super) config_file: String,
}

impl Settings {
    /// Reads daemon.json and adds it to the flags of a command line that was read at `place`.
    pub(super) fn read(door: &Door, flags: &[String], place: &str) -> Self {
        let mut settings = Self::default();
        settings.add_flags(flags, place);
        settings.config_file = settings
            .text("config-file")
            .value()
            .cloned()
            .filter(|path| !path.is_empty())
            .unwrap_or_else(|| CONFIG_FILE.to_owned());
        let path = settings.config_file.clone();
        match door.read_text(&path) {
            Ok(text) => settings.add_file(&path, &text),
            Err(error) if error.is_not_found() => {}
            Err(error) => settings.hidden = Some(reason(&error, door)),
        }
        settings
    }

    /// Says that flags could not be read.
    pub(super) fn hide(&mut self, reason: String) {
        self.hidden.get_or_insert(reason);
    }

    /// Adds the flags of a command line that was read at `place`.
    pub(super) fn add_flags(&mut self, flags: &[String], place: &str) {
        let mut words = flags.iter();
        while let Some(word) = words.next() {
            let (flag, inline) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let name = match SHORT.iter().find(|(short, _)| *short == flag) {
                Some((_, long)) => long,
                None => match flag.strip_prefix("--").or_else(|| flag.strip_prefix('-')) {
                    Some(name) if !name.is_empty() => name,
                    _ => continue,
                },
            };
            let value = match inline {
                Some(value) => value,
                None if SWITCHES.contains(&name) => "true".to_owned(),
                None => words.next().cloned().unwrap_or_default(),
            };
            let plural = PLURALS.iter().find(|(one, _)| *one == name).map_or(name, |(_, many)| many);
            let place = Place { at: place.to_owned(), excerpt: format!("--{name}={value}") };
            self.add(plural, Value::String(value), place);
        }
    }

    /// Adds the text of daemon.json.
    pub(super) fn add_file(&mut self, path: &str, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(map)) => {
                let lines: Vec<&str> = text.lines().collect();
                let places = lines_of_keys(text);
                for (name, value) in map {
                    let line = places.get(&name).copied().unwrap_or(1);
                    let excerpt = lines.get(line.saturating_sub(1)).copied().unwrap_or_default().trim();
                    let place = Place { at: format!("{path}:{line}"), excerpt: super::json::clip(excerpt) };
                    self.add(&name, value, place);
                }
            }
            Ok(_) => self.hide(format!("{path} is not a JSON object")),
            Err(error) => self.hide(format!("{path}:{}: {error}", error.line())),
        }
    }

    fn add(&mut self, name: &str, value: Value, place: Place) {
        self.by_name.entry(name.to_owned()).or_default().push(Setting { value, place });
    }

    /// The winning value, by `convert`; absent when nobody sets it.
    fn get<T>(&self, name: &str, convert: impl Fn(&Value) -> Option<T>) -> Fact<T> {
        let Some((winner, losers)) = self.by_name.get(name).and_then(|all| all.split_first()) else {
            return match &self.hidden {
                Some(reason) => Fact::unreadable(reason.clone()),
                None => Fact::Absent,
            };
        };
        match convert(&winner.value) {
            Some(value) => Fact::sourced(
                value,
                Source {
                    at: winner.place.at.clone(),
                    excerpt: Some(winner.place.excerpt.clone()),
                    overridden: losers.iter().map(|loser| loser.place.clone()).collect(),
                },
            ),
            None => Fact::unreadable(format!("{}: {name} has a value of another type", winner.place.at)),
        }
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Fact<String> {
        self.get(name, |value| value.as_str().map(str::to_owned))
    }

    /// A switch.
    pub(super) fn switch(&self, name: &str) -> Fact<bool> {
        self.get(name, |value| match value {
            Value::Bool(on) => Some(*on),
            Value::String(text) => match text.as_str() {
                "true" | "1" | "t" | "T" | "TRUE" | "True" => Some(true),
                "false" | "0" | "f" | "F" | "FALSE" | "False" => Some(false),
                _ => None,
            },
            _ => None,
        })
    }

    /// A switch, with the engine's default when nobody sets it.
    pub(super) fn switch_or(&self, name: &str, default: bool) -> Fact<bool> {
        match self.switch(name) {
            Fact::Absent => Fact::read_at(default, "default of dockerd"),
            other => other,
        }
    }

    /// All values of a list with their places; flags and file are joined.
    pub(super) fn list(&self, name: &str) -> Fact<Vec<(String, Place)>> {
        if let Some(reason) = &self.hidden {
            return Fact::unreadable(reason.clone());
        }
        let mut all = Vec::new();
        for setting in self.by_name.get(name).into_iter().flatten() {
            match &setting.value {
                Value::String(text) => all.push((text.clone(), setting.place.clone())),
                Value::Array(items) => {
                    all.extend(
                        items
                            .iter()
                            .filter_map(Value::as_str)
                            .map(|text| (text.to_owned(), setting.place.clone())),
                    );
                }
                _ => return Fact::unreadable(format!("{}: {name} is not a list", setting.place.at)),
            }
        }
        Fact::known(all)
    }

    /// A list without its places.
    pub(super) fn texts(&self, name: &str) -> Fact<Vec<String>> {
        self.list(name)
            .map(|all| {
                let place = all.first().map(|(_, place)| place.at.clone());
                (all.into_iter().map(|(text, _)| text).collect::<Vec<_>>(), place)
            })
            .and_then(|(texts, place)| match place {
                Some(place) => Fact::read_at(texts, place),
                None => Fact::known(texts),
            })
    }

    /// A map: `NAME=VALUE` flags and the object of daemon.json together.
    pub(super) fn map(&self, name: &str) -> Fact<BTreeMap<String, Value>> {
        if let Some(reason) = &self.hidden {
            return Fact::unreadable(reason.clone());
        }
        let mut all = BTreeMap::new();
        for setting in self.by_name.get(name).into_iter().flatten() {
            match &setting.value {
                Value::String(text) => {
                    let (key, value) = text.split_once('=').unwrap_or((text.as_str(), ""));
                    all.insert(key.to_owned(), Value::String(value.to_owned()));
                }
                Value::Object(map) => all.extend(map.clone()),
                _ => return Fact::unreadable(format!("{}: {name} is not a map", setting.place.at)),
            }
        }
        Fact::known(all)
    }
}

/// The settings that flags give, by their name in daemon.json.
pub(super) fn names(flags: &[String]) -> Vec<String> {
    let mut settings = Settings::default();
    settings.add_flags(flags, "");
    settings.by_name.into_keys().collect()
}

/// The flags of a process, without the program's own name.
pub(super) fn flags_of_process(door: &Door, pid: u32) -> Fact<Vec<String>> {
    door.read_text(format!("/proc/{pid}/cmdline"))
        .into_fact(door)
        .map(|text| text.split('\0').skip(1).filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

/// The lines (1-based) on which the keys of the outermost object stand; the last one of a key that stands twice, as it
/// wins.
fn lines_of_keys(text: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let (mut line, mut depth) = (1, 0_u32);
    let mut quoted: Option<(String, usize)> = None;
    let mut last: Option<(String, usize)> = None;
    let mut escaped = false;
    for c in text.chars() {
        if let Some((text, _)) = &mut quoted {
            match c {
                _ if escaped => {
                    escaped = false;
                    text.push(c);
                }
                '\\' => escaped = true,
                '"' => last = quoted.take(),
                c => text.push(c),
            }
        } else {
            match c {
                '"' => quoted = Some((String::new(), line)),
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                ':' if depth == 1 => {
                    found.extend(last.take());
                }
                _ => {}
            }
        }
        if c == '\n' {
            line += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    fn settings(file: &str, flags: &[&str]) -> Settings {
        let (door, _root) = Machine::new().file(CONFIG_FILE, file).door();
        let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        Settings::read(&door, &flags, "/proc/7/cmdline")
    }

    #[test]
    fn flags_and_file_are_joined_and_every_value_names_its_place() {
        let file = "{\n  \"icc\": false,\n  \"nested\": {\"tls\": true},\n  \"log-opts\":\n  {\"max-size\": \"10m\"},\n  \"insecure-registries\": [\"a:5000\"]\n}\n";
        let settings = settings(
            file,
            &["-H", "tcp://0.0.0.0:2375", "--live-restore", "--insecure-registry=b:5000", "--icc=true"],
        );
        let Fact::Known(true, Some(source)) = settings.switch("icc") else { panic!() };
        assert_eq!(
            (source.at.as_str(), source.overridden[0].at.as_str()),
            ("/proc/7/cmdline", "/etc/docker/daemon.json:2")
        );
        assert_eq!(settings.switch("tls"), Fact::Absent);
        assert_eq!(settings.switch("live-restore").value(), Some(&true));
        assert_eq!(settings.texts("insecure-registries").value().unwrap(), &["b:5000", "a:5000"]);
        assert_eq!(settings.list("hosts").value().unwrap()[0].0, "tcp://0.0.0.0:2375");
        assert_eq!(settings.map("log-opts").value().unwrap()["max-size"], "10m");
        assert_eq!(settings.switch_or("userland-proxy", true), Fact::read_at(true, "default of dockerd"));
    }

    #[test]
    fn a_file_of_nothing_but_keys_is_read_in_one_pass() {
        let keys: Vec<String> = (0..60_000).map(|number| format!("\"k{number}\": 1")).collect();
        let settings = settings(&format!("{{{}}}", keys.join(",\n")), &[]);
        assert_eq!(settings.by_name["k59999"][0].place.at, "/etc/docker/daemon.json:60000");
    }

    #[test]
    fn a_broken_file_makes_unset_settings_unknown_and_never_default() {
        let deep = format!("{{\"icc\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
        for file in ["{", "[]", "{\"icc\": false} x", "\u{0}\u{1}", deep.as_str()] {
            let settings = settings(file, &["--tls"]);
            assert!(settings.switch_or("icc", true).is_unreadable(), "{file:.40}");
            assert!(settings.list("hosts").is_unreadable());
            assert_eq!(settings.switch("tls").value(), Some(&true));
        }
        assert!(settings("{\"icc\": \"maybe\"}", &[]).switch("icc").is_unreadable());
        assert_eq!(settings("  \n", &["--config-file"]).switch("icc"), Fact::Absent);
    }
}
