//! Containers come back after a failure or a reboot.

use serde::Deserialize;
use serde_json::{Value, json};

use super::compose::{Project, containers, socket};
use crate::change::{Act, Change, Live};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "container-restart-policy",
    title: "Let containers start again after a failure or a reboot",
    changes: "the restart policy of containers, and an override file beside their compose file so that it stays",
    disruption: Disruption::None,
    may_break: "nothing that runs; a job that was meant to end once starts again when it ends",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    policy: String,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(socket) = socket(ask) else { return };
    ask.each(draft, |one, args: Args, draft| {
        let name = one.subject.as_str();
        let Some(container) = containers(ask).iter().find(|container| container.name == name) else { return };
        if container.auto_remove.value() != Some(&false) {
            draft.refuse(
                one,
                "it is removed when it ends (`--rm`): make it without that when it is meant to stay",
            );
            return;
        }
        let post = |policy: &str| Act::Post {
            socket: socket.to_owned(),
            path: format!("/containers/{name}/update"),
            body: json!({"RestartPolicy": {"Name": policy, "MaximumRetryCount": 0}}).to_string(),
            what: format!("restart policy of container {name}: {policy}"),
        };
        draft.change(Change::Live(Live {
            what: format!("container {name}: restart policy no -> {}", args.policy),
            apply: vec![post(&args.policy)],
            undo: vec![post("no")],
        }));
        let members = [(vec!["restart".to_owned()], Value::from(args.policy).to_string())];
        match Project::of(ask, name).and_then(|project| project.set(&members)) {
            Ok(change) => change.into_draft(draft),
            Err(reason) => {
                draft.note(format!("{name} loses its restart policy when it is made anew: {reason}"))
            }
        }
    });
}
