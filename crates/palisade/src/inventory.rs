//! The inventory: which targets there are, and what is different about each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use model::content::{Assurance, Role};
use serde::Deserialize;

use crate::args::{Audit, credentials};
use crate::input;
use crate::target::{Credentials, Reference, Spec};

/// The most bytes of an inventory.
const LIMIT: u64 = 2 << 20;

/// The most targets of one run.
const TARGETS: usize = 10_000;

/// One target and all that this run is told about it.
#[derive(Debug)]
pub(crate) struct Assignment {
    /// The target.
    pub(crate) spec: Spec,
    /// As it was written.
    pub(crate) named: String,
    /// What people call it; what it calls itself when none.
    pub(crate) name: Option<String>,
    /// Labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// The profile it is judged by.
    pub(crate) profile: Option<PathBuf>,
    /// Who runs it, instead of what the profile says.
    pub(crate) role: Option<Role>,
    /// Its assurance class, instead of what the profile says.
    pub(crate) assurance: Option<Assurance>,
    /// What to show it, or why that could not be read.
    pub(crate) credentials: Result<Credentials>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inventory {
    #[serde(default)]
    defaults: Common,
    targets: Vec<Entry>,
}

/// What an entry and the defaults may both say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Common {
    labels: BTreeMap<String, String>,
    profile: Option<PathBuf>,
    role: Option<Role>,
    assurance: Option<Assurance>,
    credentials: Option<Reference>,
}

// `deny_unknown_fields` and `flatten` exclude each other, so the common fields stand here again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    target: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    profile: Option<PathBuf>,
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    assurance: Option<Assurance>,
    #[serde(default)]
    credentials: Option<Reference>,
}

/// Every target of the run: those of the command line, then those of the inventory; this host when none is named.
pub(crate) fn assignments(args: &Audit) -> Result<Vec<Assignment>> {
    let of_line = |spec: Spec| -> Result<Assignment> {
        Ok(Assignment {
            named: spec.to_string(),
            spec,
            name: None,
            labels: BTreeMap::new(),
            profile: args.profile.clone(),
            role: None,
            assurance: None,
            credentials: Ok(credentials(args.credentials.as_deref(), args.ca.as_deref())?),
        })
    };
    let alone = match (&args.facts, &args.root) {
        (Some(file), _) => Some(Spec::Facts(file.clone())),
        (None, Some(dir)) => Some(Spec::Root(dir.clone())),
        (None, None) if args.targets.is_empty() && args.inventory.is_none() => Some(Spec::Local),
        (None, None) => None,
    };
    let mut all = args.targets.iter().cloned().chain(alone).map(of_line).collect::<Result<Vec<_>>>()?;
    if let Some(file) = &args.inventory {
        all.extend(read(file, args)?);
    }
    if all.len() > TARGETS {
        bail!("{} targets are more than the {TARGETS} of one run; split the inventory", all.len());
    }
    Ok(all)
}

/// The targets of an inventory.
fn read(file: &Path, args: &Audit) -> Result<Vec<Assignment>> {
    let name = file.display().to_string();
    let text = input::read(file, LIMIT)?;
    let inventory: Inventory = policy::read_yaml(&name, &text).map_err(|problem| anyhow!("{problem}"))?;
    if inventory.targets.is_empty() {
        bail!("{name}: `targets` is empty, so there is nothing to audit; name one target or more");
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let given = credentials(args.credentials.as_deref(), args.ca.as_deref())?;
    let mut all = Vec::with_capacity(inventory.targets.len());
    for entry in inventory.targets {
        let place = text.lines().position(|line| line.contains(&entry.target)).map_or(0, |at| at + 1);
        let spec: Spec =
            entry.target.parse().map_err(|why| anyhow!("{name}:{place}: `{}`: {why}", shown(&entry.target)))?;
        let mut labels = inventory.defaults.labels.clone();
        labels.extend(entry.labels);
        let profile =
            entry.profile.or_else(|| inventory.defaults.profile.clone()).map(|path| folder.join(path));
        let reference = entry.credentials.as_ref().or(inventory.defaults.credentials.as_ref());
        all.push(Assignment {
            spec: spec.below(folder),
            named: entry.target,
            name: entry.name,
            labels,
            profile: profile.or_else(|| args.profile.clone()),
            role: entry.role.or(inventory.defaults.role),
            assurance: entry.assurance.or(inventory.defaults.assurance),
            // One target whose password is missing does not stop the others.
            credentials: reference.map_or_else(|| Ok(given.clone()), |reference| reference.resolve(folder)),
        });
    }
    Ok(all)
}

/// A target as a message may show it: without a password that somebody wrote into it.
fn shown(target: &str) -> String {
    let hidden = || {
        let (scheme, rest) = target.split_once("://")?;
        let (login, place) = rest.rsplit_once('@')?;
        let (user, _) = login.split_once(':')?;
        Some(format!("{scheme}://{user}:...@{place}"))
    };
    hidden().unwrap_or_else(|| target.to_owned())
}
