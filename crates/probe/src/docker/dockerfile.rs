//! Dockerfiles as the images that they would make: what the last stage and all it stands on say.

mod judge;
mod parse;
#[cfg(test)]
mod tests;

use host::{Door, FileKind};
use model::Fact;
use model::facts::docker::{Base, Docker, Dockerfile, Image, Variable};

use self::parse::Instruction;
use super::compose::{Variables, parent};
use super::container::is_root;
use super::image::{REMOTE_SHELL_PORTS, registry};
use super::json::clip;
use super::{history, secrets};
use crate::fact::reason;
use crate::{Context, Subject};

/// Dockerfiles of one folder.
const FILE_LIMIT: usize = 64;
/// The image that holds nothing.
const SCRATCH: &str = "scratch";

/// Reads the section of a target that is a Dockerfile, or a folder of them.
pub(crate) fn probe(cx: &Context) -> Fact<Docker> {
    let Subject::Dockerfile { path } = &cx.subject else {
        return Fact::unreadable("the target is no Dockerfile; this is a bug in Palisade");
    };
    let files = match files(&cx.door, path) {
        Ok(files) => files,
        Err(why) => return Fact::unreadable(why),
    };
    let mut images = Vec::new();
    for file in &files {
        let build = Build { path: file.clone(), context: parent(file).to_owned(), ..Build::default() };
        match image(&cx.door, &build) {
            Ok(image) => images.push(image),
            // One target that cannot be read is no target.
            Err(why) if files.len() == 1 => return Fact::unreadable(why),
            Err(why) => images.push(unread(file, file, &why)),
        }
    }
    Fact::known(super::from_files(Fact::Absent, Fact::known(images)))
}

/// The Dockerfiles at a path: itself, or those of the folder.
fn files(door: &Door, path: &str) -> Result<Vec<String>, String> {
    let kind = door.stat(path).map_err(|error| reason(&error, door))?.kind;
    if kind != FileKind::Directory {
        return Ok(vec![path.to_owned()]);
    }
    let folder = path.trim_end_matches('/');
    let is_one = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["dockerfile", "containerfile"].iter().any(|stem| {
            name == *stem
                || name
                    .strip_prefix(stem)
                    .is_some_and(|rest| rest.starts_with('.') && !rest.ends_with("ignore"))
                || name.strip_suffix(stem).is_some_and(|rest| rest.ends_with('.'))
        })
    };
    let entries = door.read_dir(path).map_err(|error| reason(&error, door))?;
    let named = entries.iter().filter(|entry| entry.kind != FileKind::Directory && is_one(&entry.name));
    let files: Vec<String> = named.map(|entry| format!("{folder}/{}", entry.name)).collect();
    match files.len() {
        0 => Err(format!("{path} holds no Dockerfile")),
        count if count > FILE_LIMIT => {
            Err(format!("{path} holds {count} Dockerfiles, more than {FILE_LIMIT}; name them one by one"))
        }
        _ => Ok(files),
    }
}

/// What a builder is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Build {
    /// The Dockerfile.
    pub(super) path: String,
    /// The folder that it is built in.
    pub(super) context: String,
    /// The stage that is built; the last one when empty.
    pub(super) target: String,
    /// Arguments by name; one without a value is given by the shell.
    pub(super) args: Vec<(String, Option<String>)>,
}

/// One stage: its place among the instructions, and what it stands on.
struct Stage {
    name: String,
    base: String,
    /// The stage that `base` names; none for an image.
    on: Option<usize>,
    from: usize,
    to: usize,
}

/// An image of which nothing is known but that the file at `path` should describe it.
pub(super) fn unread(path: &str, place: &str, why: &str) -> Image {
    Image {
        id: String::new(),
        name: path.to_owned(),
        source: place.to_owned(),
        digest: String::new(),
        tags: Fact::Absent,
        repo_digests: Fact::Absent,
        registries: Fact::unreadable(why),
        is_latest: Fact::Absent,
        is_dangling: Fact::Absent,
        created: Fact::Absent,
        size_bytes: Fact::Absent,
        user: Fact::unreadable(why),
        runs_as_root: Fact::unreadable(why),
        exposed_ports: Fact::unreadable(why),
        exposes_remote_shell: Fact::unreadable(why),
        label_names: Fact::Absent,
        labels: Fact::Absent,
        environment: Fact::unreadable(why),
        starts_through_shell: Fact::unreadable(why),
        has_health_check: Fact::unreadable(why),
        base_layer: Fact::Absent,
        layers: Fact::Absent,
        history: Fact::unreadable(why),
        upgrades_packages: Fact::unreadable(why),
        remote_shells: Fact::unreadable(why),
        build_tools: Fact::Absent,
        network_tools: Fact::Absent,
        package_managers: Fact::Absent,
        used_by: Fact::Absent,
        unused: Fact::Absent,
        base_image: Fact::Absent,
        contents: Fact::Absent,
        dockerfile: Fact::unreadable(why),
    }
}

/// The image that a build makes.
pub(super) fn image(door: &Door, build: &Build) -> Result<Image, String> {
    let path = build.path.as_str();
    let text = door.read_text(path).map_err(|error| reason(&error, door))?;
    let instructions =
        parse::parse(&text).map_err(|wrong| format!("{path}:{}: {}", wrong.line, wrong.message))?;
    let stages = stages(&instructions, &build.args);
    let built = built(&stages, &build.target);
    let (built, last) = built
        .and_then(|at| Some((at, stages.get(at)?)))
        .ok_or_else(|| format!("{path}: there is no stage `{}`", clip(&build.target)))?;
    let place = |instruction: &Instruction| format!("{path}:{}", instruction.line);
    let from = instructions.get(last.from).map(&place).unwrap_or_default();
    // What the image is made of: the last stage, with the stages it stands on before it.
    let mut chain = vec![last];
    while let Some(on) = chain.first().and_then(|stage| stage.on).and_then(|index| stages.get(index)) {
        chain.insert(0, on);
    }
    let base = chain.first().map_or(SCRATCH, |stage| stage.base.as_str()).to_owned();
    let own: Vec<&Instruction> =
        chain.iter().flat_map(|stage| instructions.get(stage.from..stage.to).unwrap_or_default()).collect();
    let latest = |keyword: &str| own.iter().rev().find(|one| one.keyword == keyword);
    let user = match own.iter().enumerate().rev().find(|(_, one)| one.keyword == "USER") {
        None => Fact::Absent,
        Some((at, one)) => match settings(own.iter().take(at).copied(), &build.args).fill_text(&one.rest) {
            Ok(user) if !user.trim().is_empty() => Fact::read_at(clip(user.trim()), place(one)),
            _ => Fact::unreadable(format!("{}: an argument of the build names the user", place(one))),
        },
    };
    let judged = judged(door, &instructions, &stages, path, &build.context);
    let servers = judged.iter().filter(|one| one.stage == built as u64 + 1 && !one.remote_shells.is_empty());
    let servers: Vec<_> = servers.collect();
    let health = latest("HEALTHCHECK");
    let start = latest("ENTRYPOINT").or_else(|| latest("CMD"));
    let exposes: Vec<&&Instruction> = own.iter().filter(|one| one.keyword == "EXPOSE").collect();
    let ports: Vec<String> = exposes.iter().flat_map(|one| one.rest.split_whitespace()).map(clip).collect();
    let is_shell = |port: &str| REMOTE_SHELL_PORTS.contains(&port.split('/').next().unwrap_or_default());
    let shell_line = exposes.iter().find(|one| one.rest.split_whitespace().any(is_shell));
    let commands: Vec<String> =
        instructions.iter().map(|one| format!("{} {}", one.keyword, plain(&one.rest))).collect();
    let mut steps = history::steps(&commands);
    for (step, instruction) in steps.iter_mut().zip(&instructions) {
        step.source = place(instruction);
    }
    let upgrade =
        own.iter().find(|one| history::upgrades_packages(&format!("{} {}", one.keyword, plain(&one.rest))));
    let bases = bases(&stages, &instructions, path);
    let mut registries: Vec<String> = bases.iter().map(|base| base.registry.clone()).collect();
    registries.sort();
    registries.dedup();
    Ok(Image {
        id: String::new(),
        name: path.to_owned(),
        source: from.clone(),
        digest: String::new(),
        tags: Fact::Absent,
        repo_digests: Fact::Absent,
        registries: Fact::read_at(registries, from.clone()),
        is_latest: Fact::Absent,
        is_dangling: Fact::Absent,
        created: Fact::Absent,
        size_bytes: Fact::Absent,
        runs_as_root: match &user {
            Fact::Absent if base == SCRATCH => Fact::read_at(true, from.clone()),
            Fact::Absent => Fact::unreadable(format!(
                "{from}: there is no USER, so the base image {} decides; write USER",
                clip(&base)
            )),
            user => user.clone().map(|user| is_root(&user)),
        },
        exposes_remote_shell: Fact::read_at(
            shell_line.is_some(),
            shell_line.map_or(from.clone(), |one| place(one)),
        ),
        exposed_ports: Fact::read_at(ports, exposes.first().map_or(from.clone(), |one| place(one))),
        label_names: Fact::Absent,
        labels: Fact::Absent,
        environment: Fact::read_at(environment(&own, path), from.clone()),
        starts_through_shell: start
            .map_or(Fact::Absent, |one| Fact::read_at(!one.rest.starts_with('['), place(one))),
        has_health_check: Fact::read_at(
            health.is_some_and(|one| !one.rest.eq_ignore_ascii_case("none")),
            health.map_or(from.clone(), |one| place(one)),
        ),
        base_layer: Fact::Absent,
        layers: Fact::Absent,
        history: Fact::read_at(steps, from.clone()),
        upgrades_packages: match upgrade {
            Some(one) => Fact::read_at(true, place(one)),
            None if base == SCRATCH => Fact::Absent,
            None => Fact::read_at(false, from.clone()),
        },
        remote_shells: match servers.first() {
            Some(first) => Fact::read_at(
                servers.iter().flat_map(|one| one.remote_shells.iter().cloned()).collect(),
                first.source.clone(),
            ),
            None => Fact::unreadable(
                "the Dockerfile installs none; whether its base holds one only the image tells",
            ),
        },
        build_tools: Fact::Absent,
        network_tools: Fact::Absent,
        package_managers: Fact::Absent,
        used_by: Fact::Absent,
        unused: Fact::Absent,
        base_image: Fact::Absent,
        contents: Fact::Absent,
        dockerfile: Fact::known(Dockerfile {
            path: path.to_owned(),
            source: from,
            stages: stages.len() as u64,
            user: user.clone(),
            bases,
            instructions: judged,
        }),
        user,
    })
}

/// The place of the stage that is built.
fn built(stages: &[Stage], target: &str) -> Option<usize> {
    if target.is_empty() {
        return stages.len().checked_sub(1);
    }
    let name = target.to_lowercase();
    let named = stages.iter().position(|stage| stage.name == name);
    named.or_else(|| target.parse::<usize>().ok().filter(|at| *at < stages.len()))
}

/// What variables are behind these instructions: `ENV` wins over `ARG`.
fn settings<'a>(
    instructions: impl Iterator<Item = &'a Instruction>,
    args: &[(String, Option<String>)],
) -> Variables {
    let mut set = Variables::default();
    let mut by_env: Vec<&str> = Vec::new();
    for instruction in instructions {
        match instruction.keyword {
            "ENV" => {
                for (name, value) in assignments(&instruction.rest) {
                    set.set(name, &value);
                    by_env.push(name);
                }
            }
            "ARG" => declare(&mut set, &instruction.rest, args, &by_env),
            _ => {}
        }
    }
    set
}

/// Sets what an `ARG` declares: what the builder is told, else the default.
fn declare(set: &mut Variables, rest: &str, args: &[(String, Option<String>)], by_env: &[&str]) {
    for word in rest.split_whitespace() {
        let (name, default) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        if by_env.contains(&name) {
            continue;
        }
        match (args.iter().find(|(known, _)| known == name), default) {
            (Some((_, Some(value))), _) => set.set(name, value),
            (Some((_, None)), _) => set.forget(name),
            (None, Some(value)) => set.set(name, value.trim_matches(['"', '\''])),
            (None, None) => {}
        }
    }
}

/// The stages in order; arguments before the first `FROM` are filled in.
fn stages(instructions: &[Instruction], args: &[(String, Option<String>)]) -> Vec<Stage> {
    let mut global = Variables::default();
    let mut stages: Vec<Stage> = Vec::new();
    for (index, instruction) in instructions.iter().enumerate() {
        match instruction.keyword {
            "ARG" if stages.is_empty() => declare(&mut global, &instruction.rest, args, &[]),
            "FROM" => {
                if let Some(before) = stages.last_mut() {
                    before.to = index;
                }
                let filled = global.fill_text(&instruction.rest).unwrap_or_else(|_| instruction.rest.clone());
                let mut words = filled.split_whitespace().filter(|word| !word.starts_with("--"));
                let base = words.next().unwrap_or_default().to_owned();
                let name = match (words.next(), words.next()) {
                    (Some(sign), Some(name)) if sign.eq_ignore_ascii_case("as") => name.to_lowercase(),
                    _ => String::new(),
                };
                let same = |stage: &Stage| !stage.name.is_empty() && stage.name == base.to_lowercase();
                let on = stages.iter().position(same);
                stages.push(Stage { name, base, on, from: index, to: instructions.len() });
            }
            _ => {}
        }
    }
    stages
}

fn bases(stages: &[Stage], instructions: &[Instruction], path: &str) -> Vec<Base> {
    let images = stages.iter().enumerate().filter(|(_, stage)| stage.on.is_none() && stage.base != SCRATCH);
    images
        .map(|(index, stage)| {
            let is_pinned = stage.base.contains("@sha256:");
            let name = stage.base.rsplit('/').next().unwrap_or_default();
            let tag = name.split('@').next().unwrap_or(name).split_once(':').map(|(_, tag)| tag);
            Base {
                image: clip(&stage.base),
                stage: index as u64 + 1,
                registry: registry(&stage.base),
                is_pinned,
                is_latest: !is_pinned && tag.is_none_or(|tag| tag == "latest"),
                source: format!("{path}:{}", instructions.get(stage.from).map_or(1, |one| one.line)),
            }
        })
        .collect()
}

/// Every instruction that can give something away, judged.
fn judged(
    door: &Door,
    instructions: &[Instruction],
    stages: &[Stage],
    path: &str,
    context: &str,
) -> Vec<model::facts::docker::Instruction> {
    let mut all = Vec::new();
    for (index, instruction) in instructions.iter().enumerate() {
        let stage =
            stages.iter().position(|stage| (stage.from..stage.to).contains(&index)).map_or(0, |at| at + 1);
        let mut one = judge::judged(instruction, stage as u64, path);
        if matches!(instruction.keyword, "COPY" | "ADD") {
            let (flags, sources) = judge::copied(&instruction.rest);
            let whole = sources.iter().any(|source| matches!(*source, "." | "./" | "./." | "*" | "/"));
            if whole && !flags.iter().any(|flag| flag.starts_with("--from=")) {
                one.secret_files.extend(secrets_of_context(door, path, context));
            }
        }
        all.push(one);
    }
    all
}

/// Files with secrets at the top of the folder that is built in, as far as `.dockerignore` does not keep them out.
fn secrets_of_context(door: &Door, path: &str, context: &str) -> Vec<String> {
    let own = format!("{path}.dockerignore");
    let ignored = door.read_text(&own).or_else(|_| door.read_text(format!("{context}/.dockerignore")));
    let ignored = ignored.unwrap_or_default();
    let patterns: Vec<(bool, &str)> = ignored
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (keeps_out, pattern) = line.strip_prefix('!').map_or((true, line), |back| (false, back));
            let pattern = pattern.trim_start_matches("**/").trim_start_matches('/');
            (keeps_out, pattern.trim_end_matches("/**").trim_end_matches('/'))
        })
        .filter(|(_, pattern)| !pattern.is_empty())
        .collect();
    // The last line that names it decides.
    let kept_out = |name: &str| {
        let last = patterns.iter().rev().find(|(_, pattern)| crate::ssh::glob_matches(pattern, name));
        last.is_some_and(|(keeps_out, _)| *keeps_out)
    };
    let entries = door.read_dir(context).unwrap_or_default();
    let names = entries.into_iter().map(|entry| entry.name);
    names.filter(|name| judge::is_secret_file(name) && !kept_out(name)).take(16).collect()
}

/// `NAME=value` pairs of `ENV`; the old form `ENV NAME value` too.
fn assignments(rest: &str) -> Vec<(&str, String)> {
    if let Some((name, value)) = rest.split_once(char::is_whitespace)
        && !name.contains('=')
    {
        return vec![(name, value.trim().to_owned())];
    }
    let pairs = rest.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name, value.trim_matches(['"', '\'']).to_owned())).collect()
}

fn environment(own: &[&Instruction], path: &str) -> Vec<Variable> {
    let env = own.iter().filter(|one| one.keyword == "ENV");
    env.flat_map(|one| {
        assignments(&one.rest).into_iter().map(|(name, value)| {
            let reason = secrets::secret_kind(name, &value);
            Variable {
                name: clip(name),
                is_secret: !reason.is_empty(),
                reason: reason.to_owned(),
                source: format!("{path}:{}", one.line),
            }
        })
    })
    .collect()
}

/// The words of an instruction that is written as a list.
fn plain(rest: &str) -> String {
    match serde_json::from_str::<Vec<String>>(rest) {
        Ok(words) => words.join(" "),
        Err(_) => rest.to_owned(),
    }
}

/// How many instructions a text has, for the fuzz target.
pub fn instructions(text: &str) -> usize {
    let Ok(instructions) = parse::parse(text) else { return 0 };
    let stages = stages(&instructions, &[]);
    let of = |stage: &Stage| instructions.get(stage.from..stage.to).unwrap_or_default().len();
    let seen =
        instructions.iter().map(|one| judge::judged(one, 1, "Dockerfile").secret_files.len()).sum::<usize>();
    stages.iter().map(of).sum::<usize>() + bases(&stages, &instructions, "Dockerfile").len() + seen
}
