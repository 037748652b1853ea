//! Limits of containers: at once by the engine, and in the files that compose makes containers from.

use std::collections::BTreeMap;

use model::facts::docker::Container;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::compose::{Project, containers, socket};
use crate::change::{Act, Change, Live};
use crate::fix::{Ask, Disruption, Draft, Fix, Use, accepts};

pub(super) const FIX: Fix = Fix {
    id: "container-limits",
    title: "Limit memory, processors and processes of containers",
    changes: "limits of running containers, and an override file beside their compose file so that the limits stay",
    disruption: Disruption::None,
    may_break: "workloads that need more than their limit: declare it as `container_limits` in the profile",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

/// Of the time that the kernel counts in, microseconds.
const PERIOD: f64 = 100_000.0;
/// As good as no limit of memory: the engine takes neither 0 nor -1 for that of a container that has one.
const NO_MEMORY_LIMIT: i64 = 1 << 62;
/// A container that uses more than this part of a limit would soon meet it.
const ROOM: f64 = 0.8;

/// Limits for containers of which the profile says nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Args {
    /// As compose writes it: `512m`.
    memory: Option<String>,
    /// Processors, such as 0.5.
    cpus: Option<f64>,
    /// Processes and threads.
    pids: Option<u64>,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(socket) = socket(ask) else { return };
    let declared = declared(ask);
    let mut wanted: BTreeMap<&str, (Args, Vec<Use>)> = BTreeMap::new();
    ask.each(draft, |one, args: Args, draft| {
        let Some(container) = containers(ask).iter().find(|container| container.name == one.subject) else {
            return;
        };
        let own = declared.get(container.name.as_str()).cloned().unwrap_or_default();
        let args = Args {
            memory: args.memory.map(|general| own.memory.unwrap_or(general)),
            cpus: args.cpus.map(|general| own.cpus.unwrap_or(general)),
            pids: args.pids.map(|general| own.pids.unwrap_or(general)),
        };
        if let Some(reason) = obstacle(container, &args) {
            draft.refuse(one, reason);
            return;
        }
        let (all, uses) = wanted.entry(container.name.as_str()).or_default();
        all.memory = all.memory.take().or(args.memory);
        all.cpus = all.cpus.or(args.cpus);
        all.pids = all.pids.or(args.pids);
        uses.push(one.clone());
    });
    for (name, (limits, _)) in wanted {
        draft.change(Change::Live(live(socket, name, &limits)));
        let members = [
            ("mem_limit", limits.memory.map(Value::from)),
            ("cpus", limits.cpus.map(Value::from)),
            ("pids_limit", limits.pids.map(Value::from)),
        ];
        let members = members.into_iter().filter_map(|(key, value)| Some((vec![key.to_owned()], value?)));
        let members: Vec<_> = members.map(|(path, value)| (path, value.to_string())).collect();
        match Project::of(ask, name).and_then(|project| project.set(&members)) {
            Ok(change) => change.into_draft(draft),
            Err(reason) => draft.note(format!("{name} loses its limits when it is made anew: {reason}")),
        }
    }
}

/// Why a container cannot have these limits.
fn obstacle(container: &Container, limits: &Args) -> Option<String> {
    let memory = limits.memory.as_deref()?;
    let Some(bytes) = bytes(memory) else {
        return Some(format!("`{memory}` is no amount of memory: write it as 512m or 2g"));
    };
    let used = container.applied.value().and_then(|applied| applied.memory_used_bytes.value()).copied();
    let used = used.unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory are far below 2^53")]
    let is_tight = used as f64 > bytes as f64 * ROOM;
    is_tight.then(|| {
        let name = &container.name;
        format!(
            "{name} uses {} MiB now, too much for a limit of {memory}: declare what it needs under `declare:` in the profile, \
             `container_limits: [\"{name} memory=2g\"]`",
            used >> 20
        )
    })
}

fn live(socket: &str, name: &str, limits: &Args) -> Live {
    let (mut apply, mut undo) = (Map::new(), Map::new());
    let mut said = Vec::new();
    let mut set = |key: &str, value: Value, none: i64| {
        apply.insert(key.to_owned(), value);
        undo.insert(key.to_owned(), json!(none));
    };
    if let Some((text, bytes)) = limits.memory.as_deref().and_then(|text| Some((text, bytes(text)?))) {
        set("Memory", json!(bytes), NO_MEMORY_LIMIT);
        // As the engine does for containers that are made with a limit.
        set("MemorySwap", json!(bytes.saturating_mul(2)), i64::MAX);
        said.push(format!("memory none -> {text}"));
    }
    if let Some(cpus) = limits.cpus {
        #[expect(clippy::cast_possible_truncation, reason = "processors are a small number")]
        set("CpuQuota", json!((cpus * PERIOD) as i64), -1);
        said.push(format!("processors none -> {cpus}"));
    }
    if let Some(pids) = limits.pids {
        set("PidsLimit", json!(pids), -1);
        said.push(format!("processes none -> {pids}"));
    }
    if limits.cpus.is_some() {
        apply.insert("CpuPeriod".to_owned(), json!(100_000));
    }
    let post = |body: Map<String, Value>, what: String| Act::Post {
        socket: socket.to_owned(),
        path: format!("/containers/{name}/update"),
        body: Value::Object(body).to_string(),
        what,
    };
    let what = format!("container {name}: {}", said.join(", "));
    Live {
        apply: vec![post(apply, format!("limit container {name}"))],
        undo: vec![post(undo, format!("take the limits of container {name} away"))],
        what,
    }
}

/// What the profile declares: `web memory=1g cpus=2 pids=300`.
fn declared(ask: &Ask<'_>) -> BTreeMap<String, Args> {
    let lines = ask.declared_list("container_limits").unwrap_or_default();
    let read = |line: &String| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let mut limits = Args::default();
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            match key {
                "memory" => limits.memory = Some(value.to_owned()),
                "cpus" => limits.cpus = value.parse().ok(),
                "pids" => limits.pids = value.parse().ok(),
                _ => {}
            }
        }
        Some((name, limits))
    };
    lines.iter().filter_map(read).collect()
}

/// An amount of memory as compose writes it.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text.strip_prefix(digits)? {
        "" | "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory_are_read_as_compose_reads_them() {
        let all = ["512m", "2G", "1024", "64kb", "1t", "m", "-1", "1.5g"].map(bytes);
        assert_eq!(all, [Some(512 << 20), Some(2 << 30), Some(1024), Some(64 << 10), None, None, None, None]);
    }
}
