//! A compose project out of its files: which they are, what they include and extend, merged into one.

use std::collections::{BTreeMap, BTreeSet};

use host::{Door, FileKind};

use super::merge;
use super::variables::{self, Variables};
use crate::fact::reason;
use crate::yaml::{self, Node, Place, Value};

/// Names of the file that a folder's project is described in; the first one found is it.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// Files of one project with all it includes and extends, each time they are read.
const FILE_LIMIT: usize = 1024;
/// How far files may include others, and services extend others.
const DEPTH_LIMIT: usize = 16;
/// Values of all files of a project, and of what its services extend, each time they are read.
const VALUE_LIMIT: usize = 200_000;
/// Bytes of all texts of a project in which variables were filled.
const FILLED_LIMIT: usize = 16 << 20;
/// Services of one project.
const SERVICE_LIMIT: usize = 1024;
/// The sections of a project whose members have names.
const SECTIONS: [&str; 5] = ["services", "networks", "volumes", "secrets", "configs"];

/// A project, its files merged.
#[derive(Debug)]
pub(super) struct Project {
    /// What compose calls it.
    pub(super) name: String,
    /// The folder of its first file.
    pub(super) folder: String,
    /// The files it was asked for with or consists of, in order.
    pub(super) files: Vec<String>,
    /// Override files that compose reads by itself.
    pub(super) override_files: Vec<String>,
    /// Every compose file that was read, with the folder that paths in it start from.
    bases: BTreeMap<String, String>,
    /// Variables without a default that no file sets.
    pub(super) shell_variables: BTreeSet<String>,
    /// What `.env` sets.
    pub(super) variables: Variables,
    /// The `.env` files that were read.
    pub(super) env_files: Vec<String>,
    /// All files merged.
    pub(super) root: Node,
}

impl Project {
    /// A path that stands at `at`, as an absolute one; none when it is in somebody's home or on Windows.
    pub(super) fn absolute(&self, at: &Place, path: &str) -> Option<String> {
        let base = self.bases.get(&*at.file).unwrap_or(&self.folder);
        absolute(base, path)
    }

    /// Every compose file that was read.
    pub(super) fn compose_files(&self) -> impl Iterator<Item = &String> {
        self.bases.keys()
    }

    /// The members of a section with their names and places.
    pub(super) fn section(&self, name: &str) -> &[yaml::Entry] {
        self.root.get(name).map(Node::entries).unwrap_or_default()
    }
}

/// Reads the project at `paths`: a folder, or files of which the later ones are merged over the earlier.
pub(super) fn load(door: &Door, paths: &[String]) -> Result<Project, String> {
    read(door, paths, None)
}

/// The project of a text that stands in every file, for the fuzz target.
pub(super) fn of_text(door: &Door, text: &str) -> Result<Project, String> {
    read(door, &["/compose.yaml".to_owned()], Some(text))
}

fn read(door: &Door, paths: &[String], given: Option<&str>) -> Result<Project, String> {
    let first = paths.first().ok_or("no compose file is named")?;
    let kind = match given {
        Some(_) => FileKind::File,
        None => door.stat(first).map_err(|error| reason(&error, door))?.kind,
    };
    let (folder, files, override_files) = match kind {
        FileKind::Directory => of_folder(door, first)?,
        _ => (parent(first).to_owned(), paths.to_vec(), Vec::new()),
    };
    let mut loader = Loader {
        door,
        given,
        bases: BTreeMap::new(),
        env_files: Vec::new(),
        shell: BTreeSet::new(),
        read: 0,
        values: 0,
        room: FILLED_LIMIT,
    };
    let variables = loader.environment(&format!("{folder}/.env"))?;
    let mut root: Option<Node> = None;
    for file in files.iter().chain(&override_files) {
        let node = loader.file(file, &folder, &variables, 0)?;
        root = Some(match root {
            Some(base) => merge::merged(base, node),
            None => node,
        });
    }
    let mut root = root.ok_or("no compose file is named")?;
    merge::settle(&mut root);
    let services = root.get("services").map(Node::entries).unwrap_or_default();
    if services.is_empty() {
        return Err(format!("{}: there are no `services`; is this a compose file?", root.at));
    }
    if services.len() > SERVICE_LIMIT {
        return Err(format!("{}: more than {SERVICE_LIMIT} services", root.at));
    }
    if let Some(entry) = services.iter().find(|entry| !matches!(entry.node.value, Value::Map(_))) {
        return Err(format!("{}: the service `{}` is no map", entry.at, entry.name));
    }
    let given = root.get("name").and_then(Node::text).filter(|name| name.unknown.is_empty());
    let name = given
        .map(|name| name.text.clone())
        .or_else(|| variables.get("COMPOSE_PROJECT_NAME").map(str::to_owned))
        .unwrap_or_else(|| folder.rsplit('/').next().unwrap_or_default().to_owned());
    Ok(Project {
        name: project_name(&name),
        folder,
        files,
        override_files,
        bases: loader.bases,
        shell_variables: loader.shell.into_iter().filter(|name| variables.get(name).is_none()).collect(),
        variables,
        env_files: loader.env_files,
        root,
    })
}

/// The files of a folder's project, as compose finds them: folder, files, override files.
fn of_folder(door: &Door, folder: &str) -> Result<(String, Vec<String>, Vec<String>), String> {
    let folder = match folder.trim_end_matches('/') {
        "" => "/",
        folder => folder,
    };
    let env =
        crate::text::read_if_any(door, &format!("{folder}/.env")).map_err(|error| reason(&error, door))?;
    let env = Variables::of_file(&env.unwrap_or_default());
    if let Some(list) = env.get("COMPOSE_FILE").filter(|list| !list.is_empty()) {
        let separator = env.get("COMPOSE_PATH_SEPARATOR").filter(|text| !text.is_empty()).unwrap_or(":");
        let named = list.split(separator).filter(|file| !file.is_empty());
        let files: Option<Vec<String>> = named.map(|file| absolute(folder, file)).collect();
        let files = files.ok_or_else(|| {
            format!(
                "{folder}/.env: COMPOSE_FILE names a file that cannot be read here; write a path from `/` on"
            )
        })?;
        return Ok((folder.to_owned(), files, Vec::new()));
    }
    let first = |names: &[&str]| {
        let mut paths = names.iter().map(|name| format!("{folder}/{name}"));
        paths.find(|path| door.exists(path))
    };
    let Some(file) = first(&NAMES) else {
        return Err(format!("{folder} holds no compose file: none of {}", NAMES.join(", ")));
    };
    Ok((folder.to_owned(), vec![file], first(&super::OVERRIDES).into_iter().collect()))
}

struct Loader<'a> {
    door: &'a Door,
    /// What stands in every file, in place of the target's.
    given: Option<&'a str>,
    bases: BTreeMap<String, String>,
    env_files: Vec<String>,
    shell: BTreeSet<String>,
    read: usize,
    values: usize,
    /// Bytes that texts with variables may still have.
    room: usize,
}

impl Loader<'_> {
    fn environment(&mut self, path: &str) -> Result<Variables, String> {
        let text = crate::text::read_if_any(self.door, path).map_err(|error| reason(&error, self.door))?;
        if text.is_some() && !self.env_files.iter().any(|known| known == path) {
            self.env_files.push(path.to_owned());
        }
        Ok(Variables::of_file(&text.unwrap_or_default()))
    }

    /// One file with all it includes and extends; paths in it start from `base`.
    fn file(&mut self, path: &str, base: &str, variables: &Variables, depth: usize) -> Result<Node, String> {
        let mut root = self.document(path, base, variables)?;
        let includes = root.get("include").cloned();
        if let Value::Map(entries) = &mut root.value {
            entries.retain(|entry| entry.name != "include");
        }
        let mut root = self.extended(root, variables)?;
        if let Some(includes) = includes {
            if depth >= DEPTH_LIMIT {
                return Err(format!("{}: files include each other more than {DEPTH_LIMIT} deep", includes.at));
            }
            for include in includes.items() {
                let included = self.included(include, base, variables, depth)?;
                root = beside(root, included);
            }
        }
        Ok(root)
    }

    /// One file by itself, its variables filled in.
    fn document(&mut self, path: &str, base: &str, variables: &Variables) -> Result<Node, String> {
        self.read += 1;
        if self.read > FILE_LIMIT {
            return Err(format!("{path}: the project includes and extends files more than {FILE_LIMIT} times"));
        }
        let text = match self.given {
            Some(text) => text.to_owned(),
            None => self.door.read_text(path).map_err(|error| reason(&error, self.door))?,
        };
        let mut root = yaml::parse(path, &text).map_err(|problem| problem.to_string())?;
        if !matches!(root.value, Value::Map(_)) {
            return Err(format!("{}: a compose file is a map", root.at));
        }
        self.bases.insert(path.to_owned(), base.to_owned());
        self.count(&root)?;
        variables::without_default(&root, &mut self.shell);
        variables.fill(&mut root, &mut self.room);
        Ok(root)
    }

    fn included(
        &mut self,
        include: &Node,
        base: &str,
        variables: &Variables,
        depth: usize,
    ) -> Result<Node, String> {
        let path = include.get("path").unwrap_or(include);
        let texts = |node: &Node| -> Vec<String> {
            let one = node.text().into_iter();
            one.chain(node.items().iter().filter_map(Node::text)).map(|text| text.text.clone()).collect()
        };
        let files: Option<Vec<String>> = texts(path).iter().map(|path| absolute(base, path)).collect();
        let files = files.filter(|files| !files.is_empty());
        let files =
            files.ok_or_else(|| format!("{}: `include` names no file that can be read here", include.at))?;
        let own = files.first().map(|file| parent(file).to_owned()).unwrap_or_default();
        let folder = include.get("project_directory").and_then(Node::text);
        let folder = folder.and_then(|text| absolute(base, &text.text)).unwrap_or(own);
        let mut known = Variables::default();
        let env_files: Vec<String> = match include.get("env_file") {
            Some(node) => texts(node).iter().filter_map(|path| absolute(base, path)).collect(),
            None => vec![format!("{folder}/.env")],
        };
        for file in env_files {
            // A later file wins.
            known = self.environment(&file)?.or(&known);
        }
        let known = variables.clone().or(&known);
        let mut root: Option<Node> = None;
        for file in files {
            let node = self.file(&file, &folder, &known, depth + 1)?;
            root = Some(match root {
                Some(before) => merge::merged(before, node),
                None => node,
            });
        }
        root.ok_or_else(|| format!("{}: `include` names no file", include.at))
    }

    /// Every service of a file with what it extends.
    fn extended(&mut self, root: Node, variables: &Variables) -> Result<Node, String> {
        let services = root.get("services").cloned();
        let Some(services) = services else { return Ok(root) };
        let mut done = Vec::new();
        for entry in services.entries().iter().take(SERVICE_LIMIT + 1) {
            let mut node = self.service(&entry.node, &services, variables, 0)?;
            // The finding's place is the service that a person starts.
            node.at = entry.node.at.clone();
            done.push(yaml::Entry { node, ..entry.clone() });
        }
        let mut root = root;
        if let Value::Map(entries) = &mut root.value
            && let Some(entry) = entries.iter_mut().find(|entry| entry.name == "services")
            && !done.is_empty()
        {
            entry.node.value = Value::Map(done);
        }
        Ok(root)
    }

    fn service(
        &mut self,
        node: &Node,
        siblings: &Node,
        variables: &Variables,
        depth: usize,
    ) -> Result<Node, String> {
        let Some(extends) = node.get("extends") else { return Ok(node.clone()) };
        if depth >= DEPTH_LIMIT {
            return Err(format!("{}: services extend each other in a circle", extends.at));
        }
        let says = |name: &str| extends.get(name).and_then(Node::text).map(|text| text.text.clone());
        let name = extends.text().map(|text| text.text.clone()).or_else(|| says("service"));
        let name = name.ok_or_else(|| format!("{}: `extends` names no service", extends.at))?;
        let here = self.bases.get(&*extends.at.file).cloned();
        let other = match says("file") {
            None => None,
            Some(file) => {
                let base = here.unwrap_or_else(|| parent(&extends.at.file).to_owned());
                let path = absolute(&base, &file).ok_or_else(|| {
                    format!("{}: `extends` names a file that cannot be read here", extends.at)
                })?;
                let root = self.document(&path, parent(&path), variables)?;
                Some(root.get("services").cloned().unwrap_or_else(|| Node::empty(root.at)))
            }
        };
        let siblings = other.as_ref().unwrap_or(siblings);
        let base = siblings.get(&name).filter(|base| matches!(base.value, Value::Map(_))).ok_or_else(|| {
            format!("{}: `extends` names the service `{name}`, which is not there", extends.at)
        })?;
        let base = self.service(base, siblings, variables, depth + 1)?;
        let mut own = node.clone();
        if let Value::Map(entries) = &mut own.value {
            entries.retain(|entry| entry.name != "extends");
        }
        let whole = merge::merged(base, own);
        self.count(&whole)?;
        Ok(whole)
    }

    /// A few files can repeat each other into millions of values.
    fn count(&mut self, node: &Node) -> Result<(), String> {
        self.values = self.values.saturating_add(node.size());
        if self.values > VALUE_LIMIT {
            return Err(format!(
                "{}: the project has more than {VALUE_LIMIT} values with all it extends",
                node.at
            ));
        }
        Ok(())
    }
}

/// Named members of an included project stand beside those of the project itself, which win.
fn beside(mut root: Node, included: Node) -> Node {
    let Value::Map(entries) = &mut root.value else { return root };
    let Value::Map(more) = included.value else { return root };
    for section in more.into_iter().filter(|entry| SECTIONS.contains(&entry.name.as_str())) {
        match entries.iter_mut().find(|entry| entry.name == section.name) {
            None => entries.push(section),
            Some(known) => {
                let (Value::Map(known), Value::Map(more)) = (&mut known.node.value, section.node.value) else {
                    continue;
                };
                for member in more {
                    if !known.iter().any(|there| there.name == member.name) {
                        known.push(member);
                    }
                }
            }
        }
    }
    root
}

/// Lower-case letters, digits, `-` and `_`, as compose makes a name of a folder.
fn project_name(text: &str) -> String {
    let name: String = text
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        .take(128)
        .collect();
    name.trim_start_matches(['-', '_']).to_owned()
}

/// The folder of a file.
pub(in crate::docker) fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => ".",
    }
}

/// `path` from `base`, without `.` and `..`.
pub(super) fn absolute(base: &str, path: &str) -> Option<String> {
    if path.is_empty() || path.starts_with('~') || path.contains('\\') || path.contains("://") {
        return None;
    }
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{base}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    fn project(machine: Machine) -> Result<Project, String> {
        let (door, _root) = machine.door();
        load(&door, &["/p".to_owned()])
    }

    fn says(project: &Project, service: &str, key: &str) -> Option<String> {
        let node = project.root.get("services")?.get(service)?.get(key)?;
        Some(node.text()?.text.clone())
    }

    #[test]
    fn a_folder_is_read_as_compose_reads_it() {
        let machine = Machine::new()
            .file("/p/docker-compose.yml", "services: {web: {image: 'a:${TAG}', user: root}}\n")
            .file("/p/docker-compose.override.yml", "services: {web: {user: app}, db: {image: b}}\n")
            .file("/p/.env", "TAG=1.2\n");
        let project = project(machine).unwrap();
        assert_eq!(says(&project, "web", "image").unwrap(), "a:1.2");
        assert_eq!(says(&project, "web", "user").unwrap(), "app");
        assert_eq!(says(&project, "db", "image").unwrap(), "b");
        assert_eq!(project.name, "p");
        assert_eq!(project.override_files, ["/p/docker-compose.override.yml"]);
        let place = &project.root.get("services").unwrap().get("web").unwrap().entry("user").unwrap().at;
        assert_eq!(&*place.file, "/p/docker-compose.override.yml");
    }

    #[test]
    fn what_is_extended_and_included_is_part_of_it() {
        let machine = Machine::new()
            .file(
                "/p/compose.yaml",
                "include: [sub/compose.yaml]\nservices:\n  web:\n    extends: {file: ../base/b.yaml, service: \
                 base}\n    user: app\n",
            )
            .file(
                "/base/b.yaml",
                "services:\n  base: {extends: root, cap_add: [X]}\n  root: {privileged: true}\n",
            )
            .file("/p/sub/compose.yaml", "services: {db: {image: '${IMAGE}', volumes: ['./d:/d']}}\n")
            .file("/p/sub/.env", "IMAGE=db:1\n");
        let project = project(machine).unwrap();
        assert_eq!(says(&project, "web", "privileged").unwrap(), "true");
        assert_eq!(says(&project, "db", "image").unwrap(), "db:1");
        let volumes = project.root.get("services").unwrap().get("db").unwrap().get("volumes").unwrap();
        assert_eq!(project.absolute(&volumes.items()[0].at, "./d").unwrap(), "/p/sub/d");
    }

    #[test]
    fn the_later_file_of_variables_wins_and_no_file_is_passed_over() {
        let machine = Machine::new()
            .file(
                "/p/compose.yaml",
                "include: [{path: sub/c.yaml, env_file: [one.env, two.env]}]\nservices: {web: {image: x}}\n",
            )
            .file("/p/one.env", "WHO=root\nTAG=1\n")
            .file("/p/two.env", "WHO=app\n")
            .file("/p/sub/c.yaml", "services: {db: {image: 'a:${TAG}', user: '${WHO}'}}\n");
        let included = project(machine).unwrap();
        assert_eq!(says(&included, "db", "user").unwrap(), "app");
        assert_eq!(says(&included, "db", "image").unwrap(), "a:1");
        let machine = Machine::new()
            .file("/p/.env", "COMPOSE_FILE=a.yml:~/b.yml\n")
            .file("/p/a.yml", "services: {web: {image: x}}\n");
        assert!(project(machine).unwrap_err().contains("COMPOSE_FILE names a file that cannot be read"));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_place() {
        let refused = |text: &str| project(Machine::new().file("/p/compose.yml", text)).unwrap_err();
        assert!(refused("services: {a: {extends: b}, b: {extends: a}}").contains("in a circle"));
        assert!(refused("services: {a: {extends: c}}").starts_with("/p/compose.yml:1:25: `extends` names"));
        assert!(refused("include: [compose.yml]\nservices: {a: {}}").contains("include each other"));
        assert!(refused("include: [none.yml]\nservices: {a: {}}").contains("none.yml"));
        let large = format!("services:\n  base: {{cap_add: [{}]}}\n", vec!["X"; 9000].join(", "))
            + &(0..50).map(|n| format!("  s{n}: {{extends: base}}\n")).collect::<String>();
        assert!(refused(&large).contains("more than 200000 values"));
        assert!(refused("version: '3'\n").contains("no `services`"));
        let many = (0..=SERVICE_LIMIT).map(|n| format!("  s{n}: {{image: x}}\n")).collect::<String>();
        assert!(refused(&format!("services:\n{many}")).contains("more than 1024 services"));
        assert!(refused("services: {a: 1}").starts_with("/p/compose.yml:1:12: the service `a` is no map"));
        assert!(refused("[]").contains("is a map"));
        assert!(project(Machine::new().directory("/p")).unwrap_err().contains("holds no compose file"));
        assert!(project(Machine::new()).is_err());
    }
}
