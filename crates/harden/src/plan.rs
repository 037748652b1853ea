//! The plan: what would be different, fix by fix, with what stands there now.

use std::collections::BTreeMap;

use host::Door;
use model::Source;
use model::facts::Facts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::{Act, Live};
use crate::compile::Compiler;
use crate::disk::{Disk, State};
use crate::fix::{Ask, Disruption, Draft, Fix, Site, Use};
use crate::fixes;
use crate::keeper::Settle;

/// The version tag of [`Plan`].
pub const PLAN_SCHEMA: &str = "palisade.plan/1";

/// Everything that would be done, in order, and how to take it back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Always [`PLAN_SCHEMA`].
    pub schema: String,
    /// The fixes that change something.
    pub fixes: Vec<PlannedFix>,
    /// Findings that stay as they are, and why.
    pub refused: Vec<Refused>,
    /// What stands on disk before and after, parents before what is in them.
    pub steps: Vec<Step>,
    /// Programs that must accept the new files before anything that runs is touched.
    pub checks: Vec<Act>,
    /// Running state.
    pub live: Vec<Live>,
    /// Services that take up their new settings: each once.
    pub settle: Vec<Settle>,
}

/// One fix in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedFix {
    /// Its id.
    pub id: String,
    /// What it does.
    pub title: String,
    /// How disruptive it is.
    pub disruption: Disruption,
    /// Whether it reverts unless confirmed.
    pub can_cut_off: bool,
    /// What may stop working.
    pub may_break: String,
    /// The findings it mends: rule and subject.
    pub mends: Vec<Mended>,
    /// What it makes different.
    pub changes: Vec<Shown>,
    /// What the person should know besides.
    pub notes: Vec<String>,
}

/// A finding that a fix mends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Mended {
    /// The rule.
    pub rule: String,
    /// What fails.
    pub subject: String,
}

/// A finding that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    /// The fix that was asked.
    pub fix: String,
    /// The rule.
    pub rule: String,
    /// What fails.
    pub subject: String,
    /// Why it is not mended, and what to do instead.
    pub reason: String,
}

/// One thing a fix makes different, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// A file's text, as a unified diff.
    Diff {
        /// The file.
        path: String,
        /// The diff, with both headers.
        diff: String,
    },
    /// Anything else, in one line.
    Line(String),
}

/// What stands at a path before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The path.
    pub path: String,
    /// What stands there now.
    pub before: State,
    /// What will stand there.
    pub after: State,
    /// The fixes that want it.
    pub fixes: Vec<String>,
}

impl Plan {
    /// Whether nothing would be done.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.live.is_empty()
    }

    /// Whether it can cut off whoever works over the network.
    pub fn can_cut_off(&self) -> bool {
        self.fixes.iter().any(|fix| fix.can_cut_off)
    }

    /// The worst disruption.
    pub fn disruption(&self) -> Disruption {
        self.fixes.iter().map(|fix| fix.disruption).max().unwrap_or(Disruption::None)
    }

    /// What a program reads: everything but the contents of files, which the diffs show as far as they may be shown.
    pub fn view(&self) -> PlanView<'_> {
        PlanView {
            schema: &self.schema,
            disruption: self.disruption(),
            can_cut_off: self.can_cut_off(),
            fixes: &self.fixes,
            refused: &self.refused,
            files: self.steps.iter().map(|step| step.path.as_str()).collect(),
            checks: self.checks.iter().map(ToString::to_string).collect(),
            live: self.live.iter().map(|live| live.what.as_str()).collect(),
            settle: self.settle.iter().map(|settle| settle.what.as_str()).collect(),
        }
    }
}

/// A plan as `palisade harden --format json` prints it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanView<'a> {
    /// Always [`PLAN_SCHEMA`].
    pub schema: &'a str,
    /// The worst disruption of all fixes.
    pub disruption: Disruption,
    /// Whether it reverts unless confirmed.
    pub can_cut_off: bool,
    /// The fixes that change something.
    pub fixes: &'a [PlannedFix],
    /// Findings that stay as they are, and why.
    pub refused: &'a [Refused],
    /// Every path that is changed.
    pub files: Vec<&'a str>,
    /// Programs that must accept the new files.
    pub checks: Vec<String>,
    /// Running state that is changed.
    pub live: Vec<&'a str>,
    /// What the services do that take up new settings.
    pub settle: Vec<&'a str>,
}

/// What a plan is made from.
pub struct Request<'a> {
    /// What is known of the target.
    pub facts: &'a Facts,
    /// Where it was read, by path without `facts.`.
    pub sources: &'a BTreeMap<String, Source>,
    /// What else matters.
    pub site: &'a Site,
    /// The failing findings with the fix that their rule names: `{id: arguments}`.
    pub findings: Vec<(&'a Value, String, String)>,
    /// Opt-in fixes that were asked for.
    pub opt_in: &'a [String],
    /// Fixes that must not be tried, with the reason.
    pub without: &'a BTreeMap<String, String>,
    /// Findings, by rule and subject, that must not be tried again, with the reason.
    pub tried: &'a BTreeMap<(String, String), String>,
    /// The target.
    pub door: &'a Door,
    /// The target's tree.
    pub disk: &'a Disk,
}

fn planned_fix(fix: &Fix, mends: Vec<Mended>, changes: Vec<Shown>, notes: Vec<String>) -> PlannedFix {
    PlannedFix {
        id: fix.id.to_owned(),
        title: fix.title.to_owned(),
        disruption: fix.disruption,
        can_cut_off: fix.can_cut_off,
        may_break: fix.may_break.to_owned(),
        mends,
        changes,
        notes,
    }
}

/// Makes the plan. Nothing is changed; the target's files are read.
pub fn plan(request: &Request<'_>) -> Plan {
    let mut uses: BTreeMap<&str, Vec<Use>> = BTreeMap::new();
    let mut refused = Vec::new();
    for (fix, rule, subject) in &request.findings {
        let named = fix.as_object().and_then(|fix| fix.iter().next());
        let (id, args) = named.map_or(("", Value::Null), |(id, args)| (id.as_str(), args.clone()));
        uses.entry(id).or_default().push(Use { rule: rule.clone(), subject: subject.clone(), args });
    }
    let mut compiler = Compiler::new(request.door, request.disk);
    let mut planned = Vec::new();
    for fix in fixes::ALL {
        let Some(mut uses) = uses.remove(fix.id) else { continue };
        uses.sort_by(|a, b| (&a.rule, &a.subject).cmp(&(&b.rule, &b.subject)));
        let refuse = |one: &Use, reason: &str| Refused {
            fix: fix.id.to_owned(),
            rule: one.rule.clone(),
            subject: one.subject.clone(),
            reason: reason.to_owned(),
        };
        let reason = match request.without.get(fix.id) {
            Some(reason) => Some(reason.clone()),
            None if fix.opt_in && !request.opt_in.iter().any(|id| id == fix.id) => {
                Some(format!("only on request: add `--opt-in {}`; it may break {}", fix.id, fix.may_break))
            }
            None => None,
        };
        if let Some(reason) = reason {
            refused.extend(uses.iter().map(|one| refuse(one, &reason)));
            continue;
        }
        uses.retain(|one| {
            let reason = request.tried.get(&(one.rule.clone(), one.subject.clone()));
            refused.extend(reason.map(|reason| refuse(one, reason)));
            reason.is_none()
        });
        if uses.is_empty() {
            continue;
        }
        let mut draft = Draft::default();
        (fix.plan)(
            &Ask { facts: request.facts, sources: request.sources, site: request.site, uses: &uses },
            &mut draft,
        );
        for (rule, subject, reason) in draft.refused {
            uses.retain(|one| one.rule != rule || one.subject != subject);
            refused.push(Refused { fix: fix.id.to_owned(), rule, subject, reason });
        }
        match compiler.add(fix, draft.changes) {
            Ok(changes) if changes.is_empty() => {
                let reason = "everything is already as the fix would make it";
                refused.extend(uses.iter().map(|one| refuse(one, reason)));
            }
            Ok(changes) => {
                let mends = uses.into_iter().map(|one| Mended { rule: one.rule, subject: one.subject });
                planned.push(planned_fix(fix, mends.collect(), changes, draft.notes));
            }
            // One finding that cannot be mended does not keep the others from it.
            Err(_) if uses.len() > 1 => {
                let (mut mends, mut changes, mut notes) = (Vec::new(), Vec::new(), Vec::new());
                for one in uses {
                    let mut draft = Draft::default();
                    let uses = std::slice::from_ref(&one);
                    (fix.plan)(
                        &Ask { facts: request.facts, sources: request.sources, site: request.site, uses },
                        &mut draft,
                    );
                    if let Some((_, _, reason)) = draft.refused.first() {
                        refused.push(refuse(&one, reason));
                        continue;
                    }
                    match compiler.add(fix, draft.changes) {
                        Ok(more) => {
                            changes.extend(more);
                            notes.extend(draft.notes);
                            mends.push(Mended { rule: one.rule, subject: one.subject });
                        }
                        Err(reason) => refused.push(refuse(&one, &reason)),
                    }
                }
                if changes.is_empty() {
                    continue;
                }
                notes.dedup();
                planned.push(planned_fix(fix, mends, changes, notes));
            }
            Err(reason) => refused.extend(uses.iter().map(|one| refuse(one, &reason))),
        }
    }
    for (id, uses) in uses {
        refused.extend(uses.into_iter().map(|one| Refused {
            fix: id.to_owned(),
            rule: one.rule,
            subject: one.subject,
            reason: format!("there is no fix `{id}`; `palisade fixes` lists them"),
        }));
    }
    compiler.finish(planned, refused)
}
