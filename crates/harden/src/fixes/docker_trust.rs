//! Signed images only, for clients on this host.

use crate::change::{Change, Edit};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

/// Read after the other files of its folder.
const FILE: &str = "/etc/profile.d/zz-palisade-docker.sh";
const LINE: &str = "export DOCKER_CONTENT_TRUST=1";

pub(super) const FIX: Fix = Fix {
    id: "docker-content-trust",
    title: "Let docker commands accept signed images only",
    changes: "DOCKER_CONTENT_TRUST in /etc/profile.d/zz-palisade-docker.sh",
    disruption: Disruption::None,
    may_break: "pulling and building from images that nobody signed",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    // Whoever is read after our file has the last word.
    if let Some((file, _, line)) = ask.line_of("docker.engine.content_trust")
        && file > FILE
        && file.starts_with("/etc/profile.d/")
    {
        let edit = Edit::Replace { old: line.to_owned(), new: Some(LINE.to_owned()) };
        draft.change(Change::Edit { file: file.to_owned(), mode: 0o644, edit });
        return;
    }
    draft.change(Change::line(FILE, LINE));
    draft.note("it holds for shells opened from now on, not for programs that talk to the engine themselves");
}
