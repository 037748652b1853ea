//! Settings of compose services that need the container to be made anew: it must become healthy, else all is put back.

use std::collections::BTreeMap;

use model::facts::docker::Container;
use serde_json::Value;

use super::compose::Project;
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const LOGGING: Fix = Fix {
    id: "compose-logging",
    title: "Bound the logs of compose services",
    changes: "logging of services in an override file beside their compose file; the containers are made anew",
    disruption: Disruption::Restart,
    may_break: "whatever needs the container while it is made anew; its log so far goes with the old container",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, String>>,
    plan: |ask, draft| {
        mend(ask, draft, |container, options: BTreeMap<String, String>| {
            // Options belong to a driver; only that of a container without a log is replaced.
            let driver =
                container.log.value().and_then(|log| log.driver.value()).map_or("json-file", String::as_str);
            let driver = if driver == "none" { "json-file" } else { driver };
            let path = |rest: &[&str]| ["logging"].iter().chain(rest).map(|name| (*name).to_owned()).collect();
            let mut members = vec![(path(&["driver"]), Value::from(driver).to_string())];
            for (name, value) in options {
                members.push((path(&["options", &name]), Value::from(value).to_string()));
            }
            members
        });
    },
};

pub(super) const HARDENING: Fix = Fix {
    id: "compose-hardening",
    title: "Take rights away from compose services that stay healthy without them",
    changes: "user, capabilities, privileges and a read-only root in an override file beside the compose file; the containers \
              are made anew",
    disruption: Disruption::Restart,
    may_break: "workloads that need the rights or write to their root, when no health check tells; what stands in the container \
                and in no volume is lost",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, Value>>,
    plan: |ask, draft| {
        mend(ask, draft, |_, members: BTreeMap<String, Value>| {
            members.into_iter().map(|(name, value)| (vec![name], value.to_string())).collect()
        });
    },
};

/// Sets members of the services of the failing containers, and makes these anew.
fn mend<T: serde::de::DeserializeOwned>(
    ask: &Ask<'_>,
    draft: &mut Draft,
    members: impl Fn(&Container, T) -> Vec<(Vec<String>, String)>,
) {
    let mut unchecked = Vec::new();
    ask.each(draft, |one, args: T, draft| {
        let result = Project::of(ask, &one.subject).and_then(|project| {
            let anew = project.made_anew(ask, true)?;
            let container = project.container();
            if container.health_check.value().is_none() {
                unchecked.push(container.name.clone());
            }
            Ok((project.set(&members(container, args))?, anew))
        });
        match result {
            Ok((change, anew)) => {
                change.into_draft(draft);
                if !draft.changes.contains(&anew) {
                    draft.change(anew);
                }
            }
            Err(reason) => draft.refuse(one, reason),
        }
    });
    unchecked.sort();
    unchecked.dedup();
    if !unchecked.is_empty() {
        draft.note(format!(
            "without a health check it counts as healthy that these run for a few seconds: {}",
            unchecked.join(", ")
        ));
    }
}
