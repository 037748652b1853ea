//! Owners and modes of the files and sockets that steer the Docker engine.

use model::facts::docker::{Engine, HostFile};
use serde::Deserialize;

use crate::change::{Access, Change, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, Use, accepts};

/// A socket that systemd opens gets its owner and mode from the unit.
const SOCKET_UNIT: &str = "/etc/systemd/system/docker.socket.d/10-palisade.conf";

pub(super) const FIX: Fix = Fix {
    id: "docker-access",
    title: "Leave the files and sockets of the Docker engine to root and its group",
    changes: "owners and modes of the socket, daemon.json, unit files, TLS keys and certificates; a drop-in of docker.socket",
    disruption: Disruption::None,
    may_break: "programs of users outside of the group docker that talk to the engine",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

/// What a rule asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    what: What,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    SocketMode,
    SocketOwner,
    Owner,
    Writers,
    KeyMode,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(engine) = ask.facts.docker.value().and_then(|docker| docker.engine.value()) else { return };
    let files = engine.files.value().map_or(&[][..], Vec::as_slice);
    ask.each(draft, |one, args: Args, draft| {
        let Some(file) = files.iter().find(|file| file.path == one.subject) else { return };
        let root = Access { uid: Some(0), gid: Some(0), ..Access::default() };
        let access = match args.what {
            What::SocketMode => Access { clear: 0o117, ..Access::default() },
            What::SocketOwner => {
                let Some(access) = owner_of_socket(ask, one, engine, file, draft) else { return };
                access
            }
            What::Owner => root,
            What::Writers => Access { clear: 0o022, ..Access::default() },
            What::KeyMode => Access { clear: 0o177, ..Access::default() },
        };
        draft.change(Change::Access { path: file.path.clone(), access });
        if file.kind == "engine-socket" && opened_by_systemd(engine) {
            let settings: &[_] = match args.what {
                What::SocketMode => &[("SocketMode", "0660")],
                _ => &[("SocketUser", "root"), ("SocketGroup", "docker")],
            };
            for (key, value) in settings {
                draft.change(Change::set(SOCKET_UNIT, Syntax::Ini, Some("Socket"), key, value));
            }
        }
    });
}

/// Root, and the group docker when there is one.
fn owner_of_socket(
    ask: &Ask<'_>,
    one: &Use,
    engine: &Engine,
    file: &HostFile,
    draft: &mut Draft,
) -> Option<Access> {
    let flag = engine.flags.value().and_then(|flags| flags.get("group"));
    if let Some(place) = flag.filter(|_| file.kind == "engine-socket") {
        draft.refuse(one, format!("dockerd gives it that group at each start: change `--group` ({place})"));
        return None;
    }
    let groups = ask.facts.accounts.value().and_then(|accounts| accounts.groups.value());
    let docker = groups.and_then(|groups| groups.iter().find(|group| group.name == "docker"));
    let gid = docker.filter(|_| file.kind == "engine-socket").map_or(0, |group| group.gid);
    Some(Access { uid: Some(0), gid: Some(gid), ..Access::default() })
}

fn opened_by_systemd(engine: &Engine) -> bool {
    let files = engine.files.value();
    files.is_some_and(|files| files.iter().any(|file| file.path.ends_with("/docker.socket")))
}
