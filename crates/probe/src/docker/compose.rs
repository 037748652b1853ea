//! Compose projects: labels of containers say which files they come from, the files say what can be changed there.

use std::collections::{BTreeMap, BTreeSet};

use host::Door;
use model::Fact;
use model::facts::docker::{ComposeProject, Container, Image, PortLine};

use super::json::{Json, both, clip};
use crate::fact::reason;

/// Files of one project; more than a few are not written by people.
const FILE_LIMIT: usize = 16;
/// Override files that compose reads by itself, beside the first file.
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];
/// The file that Palisade makes where there is another override already.
const OWN: &str = "compose.palisade.yaml";
/// How files begin that Palisade made.
const OWN_HEADING: &str = "# Written by Palisade";

/// What a container's labels say of its project.
#[derive(Debug)]
pub(super) struct Origin {
    name: String,
    source: String,
    image: Fact<String>,
    version: Fact<String>,
    directory: Fact<String>,
    files: Fact<Vec<String>>,
}

/// The project that a container belongs to.
pub(super) fn origin(json: Json<'_>) -> Option<Origin> {
    let label = |name: &str| json.text(&format!("/Config/Labels/com.docker.compose.{name}"));
    let directory = label("project.working_dir");
    let files = label("project.config_files").and_then(|files| {
        directory.clone().map(|directory| {
            files
                .split(',')
                .map(str::trim)
                .filter(|file| !file.is_empty())
                .take(FILE_LIMIT)
                .map(|file| if file.starts_with('/') { file.to_owned() } else { format!("{directory}/{file}") })
                .collect::<Vec<_>>()
        })
    });
    Some(Origin {
        name: label("project").value()?.clone(),
        source: json.place().to_owned(),
        image: json.text("/Image"),
        version: label("version"),
        directory,
        files,
    })
}

/// One project for each name; the first container that names it speaks for all. A container inherits the labels of its
/// image: where an image says which files to read, its author would.
pub(super) fn projects(
    door: &Door,
    containers: &Fact<Vec<Container>>,
    images: &Fact<Vec<Image>>,
    origins: Vec<Origin>,
) -> Fact<Vec<ComposeProject>> {
    both(containers.clone(), images.clone()).map(|(_, images)| {
        let mut projects: BTreeMap<String, ComposeProject> = BTreeMap::new();
        for origin in origins {
            let image = images.iter().find(|image| origin.image.value() == Some(&image.digest));
            if image.is_some_and(names_files) {
                continue;
            }
            projects.entry(origin.name.clone()).or_insert_with(|| project(door, origin));
        }
        projects.into_values().collect()
    })
}

/// Whether the labels of an image say where a project's files are, or cannot be read.
fn names_files(image: &Image) -> bool {
    let labels = image.label_names.value();
    labels.is_none_or(|names| names.iter().any(|name| name.starts_with("com.docker.compose.project.")))
}

fn project(door: &Door, origin: Origin) -> ComposeProject {
    let override_files = origin.directory.clone().map(|directory| {
        let paths = OVERRIDES.iter().map(|name| format!("{directory}/{name}"));
        paths.filter(|path| door.exists(path)).collect::<Vec<_>>()
    });
    let texts = origin.files.clone().and_then(|mut files| {
        files.extend(override_files.value().into_iter().flatten().cloned());
        let own = origin.directory.value().map(|directory| format!("{directory}/{OWN}"));
        files.extend(own.filter(|own| door.exists(own)));
        files.sort();
        files.dedup();
        let mut texts = Vec::new();
        for file in files {
            match door.read_text(&file) {
                Ok(text) => texts.push((file, text)),
                Err(error) => return Fact::unreadable(reason(&error, door)),
            }
        }
        Fact::known(texts)
    });
    let set = origin.directory.value().map(|directory| set_by_env_file(door, directory)).unwrap_or_default();
    ComposeProject {
        name: origin.name,
        source: origin.source,
        version: origin.version,
        directory: origin.directory,
        files: origin.files,
        override_files,
        own_files: texts.clone().map(|texts| {
            texts.into_iter().filter(|(_, text)| text.starts_with(OWN_HEADING)).map(|(file, _)| file).collect()
        }),
        shell_variables: texts.clone().map(|texts| {
            let used: BTreeSet<String> = texts.iter().flat_map(|(_, text)| variables(text)).collect();
            used.into_iter().filter(|name| !set.contains(name)).collect()
        }),
        port_lines: texts.map(|texts| texts.iter().flat_map(|(file, text)| port_lines(file, text)).collect()),
    }
}

/// Names that `.env` sets.
fn set_by_env_file(door: &Door, directory: &str) -> BTreeSet<String> {
    let text = door.read_text(format!("{directory}/.env")).unwrap_or_default();
    let lines = crate::text::meaningful_lines(&text);
    lines
        .filter_map(|line| {
            let (name, _) = line.text.split_once('=')?;
            Some(name.trim().trim_start_matches("export ").trim().to_owned())
        })
        .collect()
}

/// Variables without a default that stand in a compose file: `$NAME`, `${NAME}`, `${NAME:?text}`.
fn variables(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in crate::text::meaningful_lines(text) {
        let mut rest: &str = &line.text;
        while let Some((_, after)) = rest.split_once('$') {
            // `$$` is a dollar sign.
            if let Some(after) = after.strip_prefix('$') {
                rest = after;
                continue;
            }
            let braced = after.strip_prefix('{');
            let after = braced.unwrap_or(after);
            let name: String = after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            rest = after.strip_prefix(name.as_str()).unwrap_or_default();
            let has_default =
                braced.is_some() && ["-", ":-", "+", ":+"].iter().any(|sign| rest.starts_with(sign));
            if !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && !has_default {
                found.push(clip(&name));
            }
        }
    }
    found
}

/// Lines such as `- "8080:80"`: an element of a list that reads like a published port without an address.
fn port_lines(file: &str, text: &str) -> Vec<PortLine> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let text = line.trim();
        let Some(item) = text.strip_prefix("- ") else { continue };
        let published = item.split(" #").next().unwrap_or(item).trim().trim_matches(['"', '\'']);
        let (ports, protocol) = published.split_once('/').unwrap_or((published, "tcp"));
        let Some((host, container)) = ports.split_once(':') else { continue };
        let is_port = |text: &str| {
            !text.is_empty()
                && text.len() <= 11
                && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        };
        if !is_port(host) || !is_port(container) || !matches!(protocol, "tcp" | "udp" | "sctp") {
            continue;
        }
        found.push(PortLine {
            text: clip(text),
            published: published.to_owned(),
            host_port: Fact::from_option(host.parse().ok()),
            container_port: Fact::from_option(container.parse().ok()),
            protocol: protocol.to_owned(),
            source: format!("{file}:{}", index + 1),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_without_a_default_are_those_that_a_shell_must_set() {
        let text = "a: ${ONE}\n# ${COMMENT}\nb: $TWO-$$NOT ${THREE:-3} ${FOUR-4} ${FIVE:?say} ${} $ $1 ${SIX";
        assert_eq!(variables(text), ["ONE", "TWO", "FIVE", "SIX"]);
    }

    #[test]
    fn only_ports_without_an_address_are_port_lines() {
        let text = "ports:\n  - \"8080:80\"\n  - 53:53/udp # dns\n  - '127.0.0.1:1:1'\n  - 80\n  - ./a:/b\n  \
                    - 8000-8010:8000-8010\n  - a:b\n  - \"1:2:3\"\n";
        let found = port_lines("/srv/c.yml", text);
        let seen: Vec<_> = found.iter().map(|line| (line.published.as_str(), line.source.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("8080:80", "/srv/c.yml:2"),
                ("53:53/udp", "/srv/c.yml:3"),
                ("8000-8010:8000-8010", "/srv/c.yml:7")
            ]
        );
    }
}
