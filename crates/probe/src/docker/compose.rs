//! Compose projects: labels of containers say which files they come from, the files say what can be changed there; and
//! projects of which only the files are known.

mod configs;
mod described;
mod load;
mod merge;
mod ports;
mod service;
mod values;
mod variables;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};

use host::{Door, Error};
use model::Fact;
use model::facts::docker::{ComposeFile, ComposeProject, Container, Image, PortLine};

pub use described::described;
pub(crate) use described::probe;
pub(super) use load::parent;
pub(super) use variables::Variables;

use super::json::{Json, both, clip};
use super::secrets;
use crate::fact::reason;
use crate::yaml::{self, Node};

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
    let documents = texts.clone().and_then(|texts| {
        let parsed: Result<Vec<_>, _> = texts
            .into_iter()
            .map(|(file, text)| yaml::parse(&file, &text).map(|node| (file, text, node)))
            .collect();
        parsed.map_or_else(|problem| Fact::unreadable(problem.to_string()), Fact::known)
    });
    let env = origin.directory.value().and_then(|directory| door.read_text(format!("{directory}/.env")).ok());
    let set = Variables::of_file(&env.unwrap_or_default());
    ComposeProject {
        name: origin.name,
        source: origin.source,
        version: origin.version,
        directory: origin.directory,
        files: origin.files,
        override_files,
        own_files: texts.map(|texts| {
            texts.into_iter().filter(|(_, text)| text.starts_with(OWN_HEADING)).map(|(file, _)| file).collect()
        }),
        shell_variables: documents.clone().map(|documents| {
            let mut used = BTreeSet::new();
            documents.iter().for_each(|(_, _, node)| variables::without_default(node, &mut used));
            used.into_iter().filter(|name| set.get(name).is_none()).collect()
        }),
        port_lines: documents.map(|documents| {
            documents.iter().flat_map(|(file, text, node)| port_lines(file, text, node)).collect()
        }),
    }
}

/// Lines such as `- "8080:80"` that publish a port of a service without an address.
fn port_lines(file: &str, text: &str, root: &Node) -> Vec<PortLine> {
    let mut found: Vec<PortLine> = Vec::new();
    let services = root.get("services").map(Node::entries).unwrap_or_default();
    let items = services.iter().filter_map(|service| service.node.get("ports")).flat_map(Node::items);
    for item in items {
        let Some(published) = item.text().map(|text| text.text.as_str()) else { continue };
        let line = text.lines().nth(item.at.line.saturating_sub(1)).unwrap_or_default().trim();
        let (ports, protocol) = published.split_once('/').unwrap_or((published, "tcp"));
        let Some((host, container)) = ports.split_once(':') else { continue };
        let is_port = |text: &str| {
            !text.is_empty()
                && text.len() <= 11
                && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        };
        // Where a line holds more than the port nobody can change that alone.
        let alone = line.starts_with("- ") && line.contains(published);
        if !alone || !is_port(host) || !is_port(container) || !matches!(protocol, "tcp" | "udp" | "sctp") {
            continue;
        }
        let source = format!("{file}:{}", item.at.line);
        if found.iter().any(|known| known.source == source) {
            continue;
        }
        found.push(PortLine {
            text: clip(line),
            published: published.to_owned(),
            host_port: Fact::from_option(host.parse().ok()),
            container_port: Fact::from_option(container.parse().ok()),
            protocol: protocol.to_owned(),
            source,
        });
    }
    found
}

/// The files of the projects that containers belong to, and their `.env`.
pub(super) fn files_of(door: &Door, projects: &Fact<Vec<ComposeProject>>) -> Fact<Vec<ComposeFile>> {
    projects.clone().and_then(|projects| {
        let mut wanted = Vec::new();
        for project in &projects {
            let known = [&project.files, &project.override_files, &project.own_files];
            let mut paths: Vec<&String> = known.into_iter().filter_map(Fact::value).flatten().collect();
            paths.dedup();
            wanted.extend(paths.into_iter().map(|path| ("compose", path.clone(), path.clone())));
            let env = project.directory.value().map(|directory| format!("{directory}/.env"));
            wanted.extend(env.map(|path| ("env", path.clone(), path)));
        }
        files(door, wanted)
    })
}

/// Files by kind, path and the place that names them; those that are not there are left out.
fn files(door: &Door, wanted: Vec<(&str, String, String)>) -> Fact<Vec<ComposeFile>> {
    let mut found: Vec<ComposeFile> = Vec::new();
    for (kind, path, source) in wanted {
        if found.iter().any(|known| known.path == path) {
            continue;
        }
        match file(door, kind, &path, source) {
            Ok(file) => found.push(file),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    Fact::known(found)
}

fn file(door: &Door, kind: &str, path: &str, source: String) -> Result<ComposeFile, Error> {
    let stat = door.stat(path)?;
    let text = if kind == "env" { door.read_text(path)? } else { String::new() };
    let mut names: Vec<String> = variables::lines(&text, &Variables::default())
        .into_iter()
        .filter(|line| !secrets::secret_kind(&line.name, line.value.as_deref().unwrap_or_default()).is_empty())
        .map(|line| clip(&line.name))
        .collect();
    names.dedup();
    Ok(ComposeFile {
        path: path.to_owned(),
        kind: kind.to_owned(),
        mode: format!("{:04o}", stat.mode & 0o7777),
        others_may_read: stat.mode & 0o004 != 0,
        others_may_write: stat.mode & 0o002 != 0,
        secrets: names,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ports_without_an_address_are_port_lines() {
        let text = "services: {web: {ports: [\n  - \"8080:80\"\n";
        assert!(yaml::parse("/srv/c.yml", text).is_err());
        let text = "services:\n web:\n  ports:\n  - \"8080:80\"\n  - 53:53/udp # dns\n  - '127.0.0.1:1:1'\n  - 80\n  - \
                    ./a:/b\n  - 8000-8010:8000-8010\n  - a:b\n  - \"1:2:3\"\n  volumes:\n  - 1:2\n db: {ports: ['9:9']}\n";
        let found = port_lines("/srv/c.yml", text, &yaml::parse("/srv/c.yml", text).unwrap());
        let seen: Vec<_> = found.iter().map(|line| (line.published.as_str(), line.source.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("8080:80", "/srv/c.yml:4"),
                ("53:53/udp", "/srv/c.yml:5"),
                ("8000-8010:8000-8010", "/srv/c.yml:9")
            ]
        );
    }
}
