//! Members of the Docker engine's daemon.json.

use std::collections::BTreeMap;

use model::facts::docker::{Docker, Engine};
use serde_json::Value;

use crate::change::{Change, Edit};
use crate::fix::{Ask, Disruption, Draft, Fix, Use, accepts};

/// Where the engine looks unless told otherwise.
const FILE: &str = "/etc/docker/daemon.json";

pub(super) const FIX: Fix = Fix {
    id: "docker-setting",
    title: "Set what the Docker engine gives to containers",
    changes: "/etc/docker/daemon.json",
    disruption: Disruption::Restart,
    may_break: "containers that need what is switched off; without live-restore all containers stop while the engine restarts, \
                and those without a restart policy stay stopped",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, Value>>,
    plan: |ask, draft| {
        plan(ask, draft);
        if !draft.changes.is_empty() {
            say_who_stops(ask, draft);
        }
    },
};

pub(super) const LIVE_RESTORE: Fix = Fix {
    id: "docker-live-setting",
    title: "Set what the Docker engine takes up while it runs",
    changes: "/etc/docker/daemon.json",
    disruption: Disruption::Reload,
    may_break: "joining a swarm, which live-restore excludes",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, Value>>,
    plan: |ask, draft| {
        plan(ask, draft);
        if !draft.changes.is_empty() {
            draft.note(
                "when it is undone, the engine keeps a setting that its file did not have until it restarts",
            );
        }
    },
};

pub(super) const USER_NAMESPACES: Fix = Fix {
    id: "docker-userns",
    title: "Let root in containers be nobody on the host",
    changes: "userns-remap in /etc/docker/daemon.json",
    disruption: Disruption::Restart,
    may_break: "everything that containers keep: images, containers and volumes made so far are out of sight until it is undone, \
                and directories of the host mounted into containers belong to another user there",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, Value>>,
    plan: |ask, draft| {
        plan(ask, draft);
        if !draft.changes.is_empty() {
            draft.note(
                "the engine keeps another data directory for each mapping: its images must be loaded, and its containers made, \
                 once more",
            );
            say_who_stops(ask, draft);
        }
    },
};

fn docker<'a>(ask: &Ask<'a>) -> Option<&'a Docker> {
    ask.facts.docker.value()
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(engine) = docker(ask).and_then(|docker| docker.engine.value()) else { return };
    ask.each(draft, |one, settings: BTreeMap<String, Value>, draft| {
        if let Some(reason) = settings.iter().find_map(|(name, value)| obstacle(engine, name, value)) {
            draft.refuse(one, reason);
            return;
        }
        for (name, value) in settings {
            members(&mut vec![name], &value, draft);
        }
        explain(one, engine, draft);
    });
}

/// Why a setting cannot be made in the file.
fn obstacle(engine: &Engine, name: &str, value: &Value) -> Option<String> {
    let file = engine.config_file.value().map_or(FILE, String::as_str);
    if file != FILE {
        return Some(format!("the engine reads {file}: write `\"{name}\": {value}` there, then restart it"));
    }
    let Some(flags) = engine.flags.value() else {
        return Some(format!(
            "the flags of dockerd cannot be read, and it refuses to start when a flag and {FILE} set the same"
        ));
    };
    if let Some(place) = flags.get(name) {
        return Some(format!(
            "`{name}` is given as a flag of dockerd ({place}), which refuses to start when {FILE} sets it too: change the flag \
             there, or take it away and run this again"
        ));
    }
    match (name, engine.iptables.value(), engine.seccomp_profile.value()) {
        ("icc" | "userland-proxy", Some(false), _) => Some(format!(
            "the engine makes no packet filter rules (`iptables` is off), and `{name}` needs them"
        )),
        ("seccomp-profile", _, profile) if profile.is_none_or(|profile| profile != "unconfined") => {
            Some("no setting switches it off: the kernel or this build of dockerd has no seccomp".to_owned())
        }
        _ => None,
    }
}

/// One edit for each value, so that what stands beside it in an object stays.
fn members(path: &mut Vec<String>, value: &Value, draft: &mut Draft) {
    if let Value::Object(inner) = value {
        for (name, value) in inner {
            path.push(name.clone());
            members(path, value, draft);
            path.pop();
        }
        return;
    }
    let edit = Edit::Json { path: path.clone(), value: value.to_string() };
    draft.change(Change::Edit { file: FILE.to_owned(), mode: 0o644, edit });
}

fn explain(one: &Use, engine: &Engine, draft: &mut Draft) {
    let running = engine.running_containers.value().is_some_and(|count| *count > 0);
    if running && one.args.get("icc").is_some() {
        draft.note(
            "where containers go on while the engine restarts (live-restore), the default bridge keeps its setting until the \
             engine starts with no container running",
        );
    }
    if running && one.args.get("log-opts").is_some() {
        draft.note("containers that are there keep their log settings until they are made anew");
    }
}

/// Containers that stop with the engine, and do not come back by themselves.
fn say_who_stops(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(docker) = docker(ask) else { return };
    let live = docker.engine.value().and_then(|engine| engine.live_restore.value()).copied();
    let Some(containers) = docker.containers.value() else { return };
    let running = containers.iter().filter(|container| container.running.value() == Some(&true));
    let lost: Vec<&str> = running
        .filter(|container| container.restart_policy.value().is_some_and(|policy| policy == "no"))
        .map(|container| container.name.as_str())
        .collect();
    if live != Some(true) && !lost.is_empty() {
        draft.note(format!(
            "unless the same plan turns live-restore on, these containers stop with the engine and must be started by hand, as \
             they have no restart policy: {}",
            lost.join(", ")
        ));
    }
}
