//! apt: where packages come from, and which of its checks are off.

use std::collections::BTreeMap;

use host::{Door, FileKind};
use model::Fact;
use model::facts::packages::{AptSettings, Keyring, PackageSource};

use crate::apt_conf::{AptConf, truth};
use crate::fact::reason;
use crate::text::{files_in, meaningful_lines};

/// More sources than this are not listed.
const MAX_SOURCES: usize = 500;

/// More files of keys than this are not listed for one source.
const MAX_KEYS: usize = 20;

/// Sources of sources.list and sources.list.d.
///
/// # Errors
/// The reason why a list cannot be read.
pub(crate) fn sources(door: &Door) -> Result<Vec<PackageSource>, String> {
    let mut files = vec!["/etc/apt/sources.list".to_owned()];
    let names = files_in(door, "/etc/apt/sources.list.d", "").map_err(|error| reason(&error, door))?;
    files.extend(
        names
            .into_iter()
            .filter(|name| name.ends_with(".list") || name.ends_with(".sources"))
            .map(|name| format!("/etc/apt/sources.list.d/{name}")),
    );
    let mut sources = Vec::new();
    for path in files {
        match door.read_text(&path) {
            Ok(text) if path.ends_with(".sources") => sources.extend(deb822(&text, &path)),
            Ok(text) => sources.extend(one_line(&text, &path)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(reason(&error, door)),
        }
    }
    sources.truncate(MAX_SOURCES);
    Ok(sources)
}

/// Lines `deb [option=value ...] URI SUITE COMPONENT...`.
pub fn one_line(text: &str, path: &str) -> Vec<PackageSource> {
    let mut sources = Vec::new();
    for line in meaningful_lines(text) {
        // A comment may follow.
        let body = line.text.split(" #").next().unwrap_or_default();
        let Some(rest) = body.strip_prefix("deb").filter(|rest| rest.starts_with(char::is_whitespace)) else {
            continue;
        };
        let rest = rest.trim_start();
        let (options, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((options, rest)) => (options, rest),
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let Some(uri) = words.next() else { continue };
        let option = |name: &str| {
            options.split_whitespace().find_map(|option| {
                let (key, value) = option.split_once('=')?;
                key.trim_end_matches(['+', '-']).eq_ignore_ascii_case(name).then(|| value.to_owned())
            })
        };
        let mut source = source(uri, &option);
        source.suites = words.next().map(str::to_owned).into_iter().collect();
        source.components = words.map(str::to_owned).collect();
        source.source = format!("{path}:{}", line.number);
        sources.push(source);
    }
    sources
}

/// Stanzas of `Field: value`.
pub fn deb822(text: &str, path: &str) -> Vec<PackageSource> {
    let mut sources = Vec::new();
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut current = String::new();
    let mut start = 1;
    for (index, line) in text.lines().chain([""]).enumerate() {
        if line.trim().is_empty() {
            sources.extend(stanza(&fields, &format!("{path}:{start}")));
            fields.clear();
            start = index + 2;
            if sources.len() >= MAX_SOURCES {
                break;
            }
        } else if line.starts_with('#') {
        } else if line.starts_with([' ', '\t']) {
            if let Some(value) = fields.get_mut(&current) {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            current = name.trim().to_ascii_lowercase();
            fields.insert(current.clone(), value.trim().to_owned());
        }
    }
    sources
}

fn stanza(fields: &BTreeMap<String, String>, place: &str) -> Vec<PackageSource> {
    let words = |name: &str| -> Vec<String> {
        // Every address repeats the suites and components.
        let words = |value: &String| value.split_whitespace().take(MAX_SOURCES).map(str::to_owned).collect();
        fields.get(name).map(words).unwrap_or_default()
    };
    let is_off = fields
        .get("enabled")
        .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "no" | "false" | "0"));
    if is_off || !words("types").iter().any(|kind| kind == "deb") {
        return Vec::new();
    }
    let option = |name: &str| fields.get(name).cloned();
    words("uris")
        .iter()
        .map(|uri| PackageSource {
            suites: words("suites"),
            components: words("components"),
            source: place.to_owned(),
            ..source(uri, &option)
        })
        .collect()
}

fn source(uri: &str, option: &dyn Fn(&str) -> Option<String>) -> PackageSource {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    let rest = rest.trim_start_matches("//");
    // A name and password before the host are secrets.
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let is_remote = uri.contains("://") && !matches!(scheme, "file" | "cdrom" | "copy");
    let yes = |name: &str| option(name).is_some_and(|value| truth(&value) == Some(true));
    let signed_by = option("signed-by").map(|value| {
        if value.contains("BEGIN PGP") {
            "inline".to_owned()
        } else {
            value.split_whitespace().take(MAX_KEYS).collect::<Vec<_>>().join(" ")
        }
    });
    PackageSource {
        uri: if is_remote { format!("{scheme}://{host}/{path}") } else { uri.to_owned() },
        scheme: scheme.trim_start_matches("tor+").trim_start_matches("mirror+").to_owned(),
        host: if is_remote { host.to_owned() } else { String::new() },
        signed_by: Fact::from_option(signed_by),
        unchecked: yes("trusted") || yes("allow-insecure"),
        weakened: yes("allow-weak")
            || yes("allow-downgrade-to-insecure")
            || option("check-valid-until").is_some_and(|value| truth(&value) == Some(false)),
        ..PackageSource::default()
    }
}

/// Which of apt's checks are on.
pub(crate) fn settings(door: &Door) -> Fact<AptSettings> {
    let conf = match AptConf::read(door) {
        Ok(conf) => conf,
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    let value = |name: &str, default: bool| match conf.get(name) {
        Some(setting) => match truth(&setting.value) {
            Some(value) => Fact::read_at(value, setting.source.clone()),
            None => Fact::unreadable(format!("{}: {name} is neither true nor false", setting.source)),
        },
        None => Fact::read_at(default, "apt's default"),
    };
    Fact::known(AptSettings {
        allow_unauthenticated: value("APT::Get::AllowUnauthenticated", false),
        allow_insecure_repositories: value("Acquire::AllowInsecureRepositories", false),
        allow_downgrade_to_insecure: value("Acquire::AllowDowngradeToInsecureRepositories", false),
        allow_weak_repositories: value("Acquire::AllowWeakRepositories", false),
        https_verify_peer: value("Acquire::https::Verify-Peer", true),
        https_verify_host: value("Acquire::https::Verify-Host", true),
        check_valid_until: value("Acquire::Check-Valid-Until", true),
        install_recommends: value("APT::Install-Recommends", true),
    })
}

/// What decides which packages are trusted: apt's folders, lists and keys.
pub(crate) fn keyrings(door: &Door) -> Fact<Vec<Keyring>> {
    let mut paths: Vec<String> =
        ["/etc/apt", "/etc/apt/trusted.gpg", "/etc/apt/sources.list", "/etc/apt/auth.conf"]
            .map(str::to_owned)
            .to_vec();
    for folder in [
        "/etc/apt/trusted.gpg.d",
        "/etc/apt/keyrings",
        "/usr/share/keyrings",
        "/etc/apt/sources.list.d",
        "/etc/apt/apt.conf.d",
    ] {
        paths.push(folder.to_owned());
        match door.read_dir(folder) {
            Ok(entries) => paths.extend(
                entries
                    .iter()
                    .filter(|entry| entry.kind != FileKind::Directory)
                    .map(|entry| format!("{folder}/{}", entry.name)),
            ),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    let mut keyrings = Vec::new();
    for path in paths.into_iter().take(MAX_SOURCES) {
        match door.stat(&path) {
            Ok(stat) => keyrings.push(Keyring {
                mode: format!("{:04o}", stat.mode),
                uid: stat.uid,
                others_may_change: stat.uid != 0 || stat.mode & 0o022 != 0,
                source: path.clone(),
                path,
            }),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    Fact::known(keyrings)
}
