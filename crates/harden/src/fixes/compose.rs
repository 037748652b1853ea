//! What fixes of compose projects share: the override file that compose reads, and making a service anew.

use model::Fact;
use model::facts::docker::{ComposeProject, Container};

use crate::change::{Act, Change, Edit, Live, Syntax};
use crate::fix::{Ask, Draft};

/// The override file that every version of compose reads by itself beside a project's only file.
const OVERRIDE: &str = "docker-compose.override.yml";
/// Our own where there is another, or where files were named.
const OWN: &str = "compose.palisade.yaml";
/// Files that compose finds by itself.
const FOUND_BY_ITSELF: [&str; 4] = ["docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml"];
/// Seconds for making a container anew, and for it to become healthy.
const PATIENCE_SECS: u64 = 300;

/// The containers.
pub(super) fn containers<'a>(ask: &Ask<'a>) -> &'a [Container] {
    let containers = ask.facts.docker.value().and_then(|docker| docker.containers.value());
    containers.map_or(&[], Vec::as_slice)
}

/// The engine's socket.
pub(super) fn socket<'a>(ask: &Ask<'a>) -> Option<&'a str> {
    let engine = ask.facts.docker.value()?.engine.value()?;
    engine.socket.value().map(String::as_str)
}

/// A container's service in its compose project.
pub(super) struct Project<'a> {
    container: &'a Container,
    service: &'a str,
    facts: &'a ComposeProject,
    directory: &'a str,
    files: &'a [String],
    /// Whether compose is there.
    installed: bool,
    socket: &'a str,
}

/// Settings of a service in an override file.
#[derive(Debug)]
pub(super) struct Override {
    changes: Vec<Change>,
    note: Option<String>,
}

impl<'a> Project<'a> {
    /// The one that a container belongs to.
    ///
    /// # Errors
    /// Why there is none to work with, for a person.
    pub(super) fn of(ask: &Ask<'a>, container: &str) -> Result<Self, String> {
        let docker = ask.facts.docker.value().ok_or("the engine tells nothing")?;
        let by_hand =
            "it was not made by compose; make it anew with the setting, or describe it in a compose file";
        let container = containers(ask).iter().find(|one| one.name == container).ok_or(by_hand)?;
        let (project, service) = match (&container.compose_project, &container.compose_service) {
            (Fact::Known(project, _), Fact::Known(service, _)) => (project, service),
            _ => return Err(by_hand.to_owned()),
        };
        let projects = docker.compose_projects.value();
        let facts = projects.and_then(|all| all.iter().find(|one| one.name == *project));
        let unknown = || format!("the files of the compose project {project} cannot be read");
        let facts = facts.ok_or_else(unknown)?;
        let directory = facts.directory.value().ok_or_else(unknown)?;
        let files = facts.files.value().filter(|files| !files.is_empty()).ok_or_else(unknown)?;
        let engine = docker.engine.value();
        Ok(Self {
            container,
            service,
            facts,
            directory,
            files,
            installed: engine.is_some_and(|engine| engine.compose.value().is_some()),
            socket: socket(ask).ok_or("the engine has no socket")?,
        })
    }

    /// The container.
    pub(super) fn container(&self) -> &'a Container {
        self.container
    }

    /// What the probe knows of the project.
    pub(super) fn facts(&self) -> &'a ComposeProject {
        self.facts
    }

    /// Sets members of the service in the override file.
    ///
    /// # Errors
    /// Why compose would not read such a file.
    pub(super) fn set(&self, members: &[(Vec<String>, String)]) -> Result<Override, String> {
        let (file, listed) = self.override_file()?;
        let mut changes = Vec::new();
        for (path, value) in members {
            let above = ["services", self.service].map(ToOwned::to_owned);
            let path = above.into_iter().chain(path.iter().cloned()).collect();
            let edit = Edit::Yaml { path, value: value.clone() };
            changes.push(Change::Edit { file: file.clone(), mode: 0o644, edit });
        }
        let mut note = None;
        if let Some(listed) = listed {
            let env = format!("{}/.env", self.directory);
            let edit =
                Edit::Set { syntax: Syntax::Ini, section: None, key: "COMPOSE_FILE".to_owned(), value: listed };
            changes.push(Change::Edit { file: env, mode: 0o600, edit });
            note = Some(format!(
                "COMPOSE_FILE in {}/.env names {OWN}; whoever starts the project with `-f` adds `-f {OWN}`",
                self.directory
            ));
        }
        if self.installed {
            changes.push(Change::Live(Live {
                what: format!("compose accepts {file}"),
                apply: vec![self.compose(&self.files_with(&file), &["config", "-q"], 60)],
                undo: Vec::new(),
            }));
        }
        Ok(Override { changes, note })
    }

    /// Where the override stands, and what COMPOSE_FILE must name when compose does not find it by itself.
    fn override_file(&self) -> Result<(String, Option<String>), String> {
        let project = &self.facts.name;
        let known = |files: &'a Fact<Vec<String>>| {
            files.value().ok_or(format!("the files of {project} cannot be read"))
        };
        let (own, beside) = (known(&self.facts.own_files)?, known(&self.facts.override_files)?);
        if let Some(file) = own.first() {
            return Ok((file.clone(), None));
        }
        let found_by_itself = match self.files {
            [only] => FOUND_BY_ITSELF.iter().any(|name| *only == format!("{}/{name}", self.directory)),
            _ => false,
        };
        if found_by_itself && beside.is_empty() {
            return Ok((format!("{}/{OVERRIDE}", self.directory), None));
        }
        if let Some(file) = beside.iter().find(|file| !self.files.contains(file)) {
            return Err(format!(
                "{file} is there and the running project was made without it: run `docker-compose up -d`, or remove it"
            ));
        }
        let names = self.files.iter().map(|file| {
            file.strip_prefix(self.directory).and_then(|file| file.strip_prefix('/')).unwrap_or(file)
        });
        let listed: Vec<&str> = names.chain([OWN]).collect();
        if listed.iter().any(|name| name.contains([':', ' ', '#', '\'', '"', '$'])) {
            return Err(format!("the names of the files of {project} cannot be listed in COMPOSE_FILE"));
        }
        Ok((format!("{}/{OWN}", self.directory), Some(listed.join(":"))))
    }

    fn files_with(&self, more: &str) -> Vec<String> {
        let mut files = self.files.to_vec();
        if !files.iter().any(|file| file == more) {
            files.push(more.to_owned());
        }
        files
    }

    fn files_with_own(&self) -> Vec<String> {
        self.own_file().map_or_else(|| self.files.to_vec(), |own| self.files_with(own))
    }

    fn args(&self, files: &[String], command: &[&str]) -> Vec<String> {
        let project = ["-p", &self.facts.name, "--project-directory", self.directory];
        let files = files.iter().flat_map(|file| ["-f", file]);
        project.into_iter().chain(files).chain(command.iter().copied()).map(ToOwned::to_owned).collect()
    }

    fn compose(&self, files: &[String], command: &[&str], limit_secs: u64) -> Act {
        Act::Run { program: "docker-compose".to_owned(), args: self.args(files, command), limit_secs }
    }

    /// Makes the service anew from its changed files, and waits until it is healthy. Undone, it is made anew from the
    /// former ones.
    ///
    /// # Errors
    /// Why that is not safe.
    pub(super) fn made_anew(&self, ask: &Ask<'_>, with_override: bool) -> Result<Change, String> {
        let (project, service) = (&self.facts.name, self.service);
        if !self.installed {
            return Err("compose is not installed".to_owned());
        }
        if self.container.health.value().is_some_and(|health| health == "unhealthy") {
            return Err("it is unhealthy already: nothing would show whether it still works".to_owned());
        }
        let siblings = containers(ask).iter().filter(|one| {
            one.compose_project.value() == Some(project)
                && one.compose_service.value().is_some_and(|name| name == service)
        });
        if siblings.count() > 1 {
            return Err(format!(
                "there are several containers of {service}, and compose would leave one of them"
            ));
        }
        match self.facts.shell_variables.value().map(Vec::as_slice) {
            Some([]) => {}
            Some(names) => {
                return Err(format!(
                    "the files of {project} take variables from the shell that starts it: write {} to {}/.env first",
                    names.join(", "),
                    self.directory
                ));
            }
            None => return Err(format!("the files of {project} cannot be read")),
        }
        let files =
            if with_override { self.files_with(&self.override_file()?.0) } else { self.files_with_own() };
        let before = self.files_with_own();
        let up = ["up", "-d", "--no-deps", "--no-build", service];
        let mut apply = Vec::new();
        // The digest of version 1 is that of what `up` would make; others leave parts out.
        let is_old = self.facts.version.value().is_some_and(|version| version.starts_with("1."));
        // A container made from our own file is not like its files any more once that is changed.
        let changes =
            !with_override || self.own_file().is_some_and(|own| self.files.iter().any(|file| file == own));
        if let (true, false, Some(digest)) = (is_old, changes, self.container.compose_digest.value()) {
            apply.push(Act::Prints {
                program: "docker-compose".to_owned(),
                args: self.args(self.files, &["config", "--hash", service]),
                line: format!("{service} {digest}"),
                otherwise: format!(
                    "the files of {project} were changed since {service} was made: run `docker-compose up -d` first"
                ),
            });
        }
        apply.push(self.compose(&files, &up, PATIENCE_SECS));
        apply.push(Act::Healthy {
            socket: self.socket.to_owned(),
            container: self.container.name.clone(),
            limit_secs: PATIENCE_SECS,
        });
        Ok(Change::Live(Live {
            what: format!(
                "service {service} of {project} is made anew; all is put back unless it becomes healthy"
            ),
            apply,
            undo: vec![self.compose(&before, &up, PATIENCE_SECS)],
        }))
    }

    /// Our file when it is there already.
    fn own_file(&self) -> Option<&'a str> {
        let own = self.facts.own_files.value()?;
        own.first().map(String::as_str)
    }
}

impl Override {
    /// Adds the changes to a draft.
    pub(super) fn into_draft(self, draft: &mut Draft) {
        draft.changes.extend(self.changes);
        if let Some(note) = self.note
            && !draft.notes.contains(&note)
        {
            draft.note(note);
        }
    }
}
